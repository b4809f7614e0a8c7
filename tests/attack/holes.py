"""Checks of the flow, each taken out by itself: what a search must see when it is gone.

A check is taken out of the very source it stands in: a piece of the text of one
function is replaced, so that a table says exactly what is missing. Where two
checks catch the same (defence in depth) both are taken out, and ``says`` tells so.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import textwrap
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True, slots=True)
class Edit:
    """One piece of source that is replaced: ``module:function`` or ``module:Class.method``."""

    where: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Hole:
    """A check that is taken out, who finds it, and as what."""

    id: str
    says: str
    edits: tuple[Edit, ...]
    goals: tuple[str, ...]
    attacker: str = "administrator"
    depth: int = 3
    #: How its sequence begins, where a search of all beginnings would take long.
    begins: str = ""
    #: And how it goes on, where that would take long still.
    then: str = ""
    #: Nets that are taken out of the default set.
    without_nets: tuple[str, ...] = ()


def dig(monkeypatch: pytest.MonkeyPatch, hole: Hole) -> None:
    """Take the hole's checks out, wherever the functions are known."""
    for where in dict.fromkeys(edit.where for edit in hole.edits):
        _replace(monkeypatch, where, [edit for edit in hole.edits if edit.where == where])


def _replace(monkeypatch: pytest.MonkeyPatch, where: str, edits: list[Edit]) -> None:
    name, _, path = where.partition(":")
    module = importlib.import_module(name)
    owner: Any = module
    *outer, last = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    function = getattr(owner, last)
    source = textwrap.dedent(inspect.getsource(function))
    for edit in edits:
        assert source.count(edit.old) == 1, f"{where} has {source.count(edit.old)} of {edit.old!r}"
        source = source.replace(edit.old, edit.new)
    code = compile("from __future__ import annotations\n" + source, where, "exec")
    made: dict[str, Any] = {}
    exec(code, vars(module), made)  # noqa: S102
    if outer:
        monkeypatch.setattr(owner, last, made[last])
        return
    for other in [one for key, one in sys.modules.items() if key.startswith("gardefou.")]:
        for key, value in list(vars(other).items()):
            if value is function:
                monkeypatch.setattr(other, key, made[last])


_CHANGE = "gardefou.flow.changes"
_FLOW = "gardefou.flow"

HOLES: tuple[Hole, ...] = (
    # the rules
    Hole(
        "R1",
        "a restore also puts a measure back on",
        (
            Edit(
                f"{_FLOW}.execute:_perform",
                "            for operation in begun.lifting.operations:\n",
                "            connector.apply(Operation(key=enforcement.id, action=Action.SUSPEND, fence=enforcement.fence,"
                " target=Target(account=enforcement.account), measures=frozenset({'suspended'})))\n"
                "            for operation in begun.lifting.operations:\n",
            ),
        ),
        ("R1", "I11", "I10", "I14", "I12"),
        depth=1,
    ),
    Hole(
        "R2",
        "a rollback takes restores back too (both places that look at the severity)",
        (
            Edit(f"{_FLOW}.rollback:harms_of", "            _e.severity > 0,\n", ""),
            Edit(f"{_FLOW}.restore:live_harms", "one.severity > 0 and ", ""),
            Edit(
                f"{_FLOW}.reading:live_on",
                "now = uow.kept[place]",
                "uow.kept[place] |= {one.id: one for one in uow.all(Enforcement, _table.account == account, _table.action == 'restore', _table.state == 'in_force')}\n    now = uow.kept[place]",
            ),
        ),
        ("R2",),
        attacker="reviewer",
        depth=2,
    ),
    Hole(
        "R3-settings",
        "a setting is not taken for a weakening",
        (Edit(f"{_CHANGE}.base:Handler.weakens", "return True", "return False"),),
        ("I13", "R9", "R10", "I12"),
        depth=1,
    ),
    Hole(
        "R3-nets",
        "nets may be removed at once (neither a weakening nor checked against the floor)",
        (
            Edit(
                f"{_CHANGE}.nets:NetsChange.weakens",
                'return not _read(payload["toml"]).only_adds(config.nets)',
                "return False",
            ),
            Edit(f"{_CHANGE}.nets:NetsChange.check", "_check_floor(config, result)\n", "pass\n"),
        ),
        ("I13",),
        depth=1,
    ),
    Hole(
        "R3-floor",
        "a set below the floor may be proposed (colleagues are deceived)",
        (Edit(f"{_CHANGE}.nets:NetsChange.check", "_check_floor(config, result)\n", "pass\n"),),
        ("I13",),
        depth=3,
        begins="the attacker proposes to remove the net that protects",
    ),
    Hole(
        "R3-over",
        "a change of nets takes effect over others than it was proposed over",
        (Edit(f"{_FLOW}.recheck:recheck", "if over is not None and over != config.nets_id:", "if False:"),),
        ("R3", "I13"),
        depth=5,
        begins="the attacker proposes to word a net anew",
    ),
    Hole(
        "R4-token",
        "anyone issues another person's token",
        (Edit(f"{_CHANGE}.tokens:TokenIssue.check", "if staff is not None and staff != actor.id:", "if False:"),),
        ("R4",),
        depth=1,
    ),
    Hole(
        "R4-second-self",
        "a new person is power given to nobody",
        (
            Edit(
                f"{_CHANGE}.staff:StaffAdd.weakens",
                'return earlier or bool(set(payload["roles"]) - {"auditor"})',
                "return False",
            ),
        ),
        ("I13",),
        depth=1,
    ),
    Hole(
        "R5-roles",
        "roles are granted at once",
        (
            Edit(
                f"{_CHANGE}.staff:RoleChange.weakens",
                'return moved or bool(set(payload["add"]) - set(person.roles) - {"auditor"})',
                "return False",
            ),
        ),
        ("I13",),
        depth=1,
    ),
    Hole(
        "R5-last-day",
        "a last day is put off at once",
        (
            Edit(
                f"{_CHANGE}.staff:LeaveChange.weakens",
                "return new is None or new > person.last_day_end",
                "return False",
            ),
        ),
        ("I13",),
        depth=4,
        begins="the attacker proposes to give otto notice for today",
    ),
    Hole(
        "R4-service-token",
        "a service that can harm gets its token at once",
        (
            Edit(
                f"{_CHANGE}.tokens:TokenIssue.weakens",
                'return bool(set(payload["scopes"]) - HARMLESS) or payload["source"] in {"trusted_flagger", "authority"}',
                "return False",
            ),
        ),
        ("I13",),
        depth=1,
    ),
    Hole(
        "R6",
        "a service's owner and issuer are not behind what it does",
        (Edit("gardefou.people.authenticate:_service", "        humans=humans,\n", "        humans=(),\n"),),
        ("R6", "I10"),
        depth=2,
    ),
    Hole(
        "R7",
        "the net for severity 2 on protected accounts is missing",
        (),
        ("R7", "M1-nets"),
        without_nets=("protected-severity-2-one-other",),
        depth=1,
    ),
    Hole(
        "R8-placing",
        "whose item it is, is not looked at (neither at placing nor at execution)",
        (
            Edit(f"{_FLOW}.prepare:prepare", "if owner != account:", "if False:"),
            Edit(
                f"{_FLOW}.execute:_check_owner",
                "if resolved.content_owner.get(item) != enforcement.account:",
                "if False:",
            ),
        ),
        ("R8",),
        depth=3,
        begins="the attacker places remove_content on cat of c-other",
    ),
    Hole(
        "R8-execution",
        "whose item it is, is not looked at again at execution",
        (
            Edit(
                f"{_FLOW}.execute:_check_owner",
                "if resolved.content_owner.get(item) != enforcement.account:",
                "if False:",
            ),
        ),
        ("R8",),
        attacker="reviewer",
        depth=4,
        begins="the attacker places remove_content on vip of c-reported in 20 min",
    ),
    Hole(
        "R9-once",
        "one endpoint may be registered twice",
        (
            Edit(
                f"{_CHANGE}.platforms:_registered_as",
                "uow.find(PlatformEntry, table.endpoint == endpoint, table.id != but)",
                "None",
            ),
        ),
        ("R9",),
        depth=3,
        begins="the attacker proposes to register the platform once more under another name",
    ),
    Hole(
        "R9-labels",
        "labels come from no closed list",
        (
            Edit(
                f"{_FLOW}.spec:check",
                "if wanted.label is None or wanted.label not in labels:",
                "if wanted.label is None:",
            ),
        ),
        ("R9",),
        depth=3,
        begins="the attacker places label on cat as head_of_state",
    ),
    Hole(
        "R10-lookalike",
        "nobody is told that an account looks like a protected one",
        (
            Edit(
                f"{_FLOW}.facts:_account_facts", "account.lookalike_of is not None and not account.marked_fake", "False"
            ),
        ),
        ("R10",),
        depth=3,
        begins="the attacker places suspend on look",
    ),
    Hole(
        "R11-closed",
        "the set of nets that was chosen at the beginning may be exchanged for a weaker one",
        (Edit(f"{_CHANGE}.settings:SettingChange.check", "if name in _CLOSED:", "if False:"),),
        ("R11",),
        depth=1,
    ),
    Hole(
        "R13-breaker",
        "the breaker stops nobody",
        (
            Edit(
                f"{_FLOW}.breaker:consider",
                "if not (too_many_reversed or too_many_failed):",
                "if True:",
            ),
        ),
        ("R13-breaker",),
        attacker="reviewer",
        depth=5,
        begins="rita restores 5 accounts that the attacker suspended",
    ),
    Hole(
        "R12-limit",
        "restores have no hourly limit",
        (
            Edit(
                f"{_FLOW}.restore_limits:beyond_limits",
                "return restored_lately(connection, actor, now) >= config.rules.restores_per_hour",
                "return False",
            ),
        ),
        ("R12",),
        attacker="reviewer",
        depth=4,
        begins="the attacker restores b0",
    ),
    Hole(
        "R12-old",
        "what has stood for long is lifted by one person",
        (
            Edit(
                f"{_FLOW}.restore_limits:is_old",
                "return bool(harm.measures) and harm.in_force_at is not None and now - harm.in_force_at > long",
                "return False",
            ),
        ),
        ("R12",),
        depth=1,
    ),
    Hole(
        "R12-last-day",
        "on the last day one lifts what others imposed",
        (
            Edit(
                f"{_FLOW}.restore:own_only",
                "if actor.staff is None or not standing_now(actor.staff, uow.now, actor.leaving).last_day:",
                "if True:",
            ),
        ),
        ("R12",),
        attacker="leaver",
        depth=2,
    ),
    Hole(
        "R13-twice",
        "a second click is a second enforcement",
        (Edit(f"{_FLOW}.place:_identical", "    if not measures:\n", "    if True:\n"),),
        ("R13-twice",),
        attacker="reviewer",
        depth=4,
        begins="the attacker places suspend on cat in 45 min",
    ),
    Hole(
        "R13-budget",
        "a person's budget is missing",
        (),
        ("R13-budget",),
        without_nets=("person-severity-3-hour",),
        depth=2,
        begins="the attacker places suspend on a list of 6",
    ),
    Hole(
        "R13-pause",
        "a second pause is as the first",
        (
            Edit(
                f"{_CHANGE}.pauses:PauseChange.asks_as",
                'return "second_pause" if before else ""',
                'return ""',
            ),
        ),
        ("R13-pause",),
        attacker="reviewer",
        depth=5,
        begins="the attacker pauses everything",
    ),
    Hole(
        "R13-claim",
        "a claim is renewed again and again",
        (Edit(f"{_FLOW}.cases:renew", "if case.claim_renewed:", "if False:"),),
        ("R13-claim",),
        attacker="reviewer",
        depth=3,
        begins="the attacker claims the case of cat",
    ),
    Hole(
        "R14-once",
        "the glass over an account is broken twice a day",
        (Edit(f"{_FLOW}.break_glass:break_glass", "if used is not None:", "if False:"),),
        ("R14",),
        attacker="reviewer",
        depth=4,
        begins="the attacker breaks the glass over vip: suspend",
    ),
    Hole(
        "R14-third",
        "one of the first two ratifies",
        (Edit(f"{_FLOW}.break_glass:ratify", "if staff.id in first or staff.team in teams:", "if False:"),),
        ("R14",),
        attacker="reviewer",
        depth=3,
        begins="the attacker breaks the glass over vip: suspend",
    ),
    Hole(
        "R14-alone",
        "the glass is broken by one person",
        (Edit(f"{_FLOW}.break_glass:break_glass", "approvals=() if app.no_nets else (ONE_OTHER,)", "approvals=()"),),
        ("I10",),
        depth=1,
    ),
    Hole(
        "I10-glass-ends",
        "broken glass does not end by itself",
        (Edit(f"{_FLOW}.lift:ends_by_itself", 'return {"until": since', 'return {} and {"until": since'),),
        ("I10",),
        attacker="reviewer",
        depth=4,
        begins="the attacker breaks the glass over vip: suspend",
    ),
    Hole(
        "R15-again",
        "the same is placed again after a no or a cancel",
        (
            Edit(
                f"{_FLOW}.place:_refuse_repeats", "    if one.tier is Tier.STANDARD or wanted.evidence:", "    if True:"
            ),
        ),
        ("R15",),
        attacker="lead",
        depth=5,
        begins="the attacker places remove_content on vip of c-reported in 20 min",
    ),
    Hole(
        "R15-spoken",
        "whoever spoke before a no may say yes to the next",
        (Edit(f"{_FLOW}.may_speak:not_spoken", "if _spoke_on_a_no(uow, found, who):", "if False:"),),
        ("R15",),
        attacker="lead",
        depth=7,
        begins="the attacker places suspend on vip",
        then="the attacker breaks the glass over vip: suspend",
    ),
    Hole(
        "R16-placing",
        "whoever was part of it enforces again after a restore",
        (
            Edit(
                f"{_FLOW}.facts:_account_facts",
                'facts["actor.involved_30d"] = any(one.involves(who) for one in history for who in people)',
                'facts["actor.involved_30d"] = False',
            ),
        ),
        ("R16",),
        attacker="reviewer",
        depth=5,
        begins="the attacker places suspend on cat in 45 min",
    ),
    Hole(
        "R16-approving",
        "whoever restored it says yes to the next measure",
        (Edit(f"{_FLOW}.may_speak:not_involved", "    if again and", "    if False and"),),
        ("R16",),
        attacker="lead",
        depth=2,
    ),
    # people and answers
    Hole(
        "M9-approvals",
        "a leaver says yes",
        (
            Edit(
                f"{_FLOW}.may_speak:may_speak",
                "if not standing_now(staff, uow.now, leaving_of(uow.connection)).has(Loss.APPROVALS):",
                "if False:",
            ),
        ),
        ("M9",),
        attacker="leaver",
        depth=2,
    ),
    Hole(
        "M3-placing",
        "how fresh the sign-in is, is not looked at when placing",
        (
            Edit(
                f"{_FLOW}.place:_check_asks", "if fresh is not None and actor.fresh_minutes(now) > fresh:", "if False:"
            ),
        ),
        ("M3",),
        attacker="token",
        depth=1,
    ),
    Hole(
        "M3-approving",
        "how fresh the sign-in is, is not looked at when approving, and a token is enough for a yes",
        (
            Edit(
                f"{_FLOW}.may_speak:may_speak",
                "if fresh is not None and not signed.fresh and actor.fresh_minutes(uow.now) > fresh:",
                "if False:",
            ),
            # Either keeps somebody who has nothing but stolen tokens from approving.
            Edit(
                f"{_FLOW}.signed:asks_signature",
                'return (found.tier, tier) != ("standard", "standard")',
                "return False",
            ),
        ),
        ("M3",),
        attacker="token",
        depth=2,
    ),
    Hole(
        "M4-approve-by",
        "silence never ends (neither the lapse nor the check of a late yes)",
        (
            Edit(
                f"{_FLOW}.approve:_hear",
                "if not lone and found.approve_by is not None and uow.now >= found.approve_by:",
                "if False:",
            ),
            Edit(f"{_FLOW}.due:_lapse", "if found.approve_by is None or found.approve_by > uow.now:", "if True:"),
        ),
        ("M4-approve-by",),
        attacker="reviewer",
        depth=3,
    ),
    Hole(
        "I1-hold",
        "the hold is not kept",
        (Edit(f"{_FLOW}.clear:cleared", "hold_until = uow.now + hold if hold else None", "hold_until = None"),),
        ("I1-hold",),
        attacker="reviewer",
        depth=2,
    ),
    Hole(
        "M2-teams",
        "people of one team fill seats that are to be apart",
        (
            Edit(
                "gardefou.nets.seats:_Matching._too_close",
                "return one.team == other.team or one.employer == other.employer != self._organisation",
                "return False",
            ),
        ),
        ("M2",),
        attacker="reviewer",
        depth=2,
    ),
    Hole(
        "I12-net",
        "a net that somebody adds keeps restores from happening",
        (
            Edit(
                f"{_FLOW}.restore_limits:judge_restore",
                "verdict = replace(judge(config.nets, facts), refusals=(), hold_seconds=0)",
                "verdict = judge(config.nets, facts)",
            ),
        ),
        ("I12",),
        depth=1,
    ),
    Hole(
        "I12-resume",
        "whoever paused says no to the resuming",
        (
            Edit(
                f"{_FLOW}.may_speak:not_own_harm",
                "if any(people & behind_pause(uow, pause) for pause in open_pauses(uow.connection)):",
                "if False:",
            ),
        ),
        ("I12",),
        attacker="reviewer",
        depth=3,
        begins="the attacker pauses everything",
    ),
    Hole(
        "I13-tier",
        "a demotion is no weakening",
        (
            Edit(
                f"{_CHANGE}.tiers:TierChange.weakens",
                'return account is not None and weakens_tier(account, Tier(payload["tier"]), instant(payload, "until"))',
                "return False",
            ),
        ),
        ("I13",),
        depth=1,
    ),
    Hole(
        "I13-memory",
        "a tier that fell is not remembered",
        (
            Edit(
                f"{_FLOW}.observe:retier",
                "memory_until=now + timedelta(days=rules.tier_memory_days)",
                "memory_until=now",
            ),
        ),
        ("I13", "I10", "M1-nets"),
        depth=3,
        begins="the attacker proposes to demote quiet",
    ),
    # recheck
    Hole(
        "recheck-digest",
        "what is carried out need not be what was agreed to",
        (Edit(f"{_FLOW}.recheck:recheck", "if digest_of(found) != found.digest:", "if False:"),),
        ("M1-digest",),
        attacker="reviewer",
        depth=4,
        begins="the attacker places suspend on cat in 45 min",
    ),
    Hole(
        "recheck-execute-by",
        "there is no time within which it must be carried out",
        (
            Edit(
                f"{_FLOW}.recheck:recheck",
                "if found.execute_by is not None and uow.now > found.execute_by:",
                "if False:",
            ),
        ),
        ("M4-execute-by",),
        attacker="reviewer",
        depth=4,
        begins="the attacker places suspend on cat in 45 min",
    ),
    Hole(
        "recheck-standing",
        "whoever placed it may be off duty (nor does the net that catches the same refuse it)",
        (
            Edit(
                f"{_FLOW}.recheck:_people", "if staff is None or not standing_now(staff, uow.now).on_duty:", "if False:"
            ),
        ),
        ("M1-standing",),
        attacker="reviewer",
        without_nets=("standing-lost",),
        depth=4,
        begins="the attacker places remove_content on vip of c-reported in 20 min",
    ),
    Hole(
        "recheck-role",
        "whoever placed it may have lost the role",
        (Edit(f"{_FLOW}.recheck:_people", "if not held & needed:", "if False:"),),
        ("M1-role",),
        attacker="reviewer",
        depth=4,
        begins="the attacker places suspend on cat in 45 min",
    ),
    Hole(
        "recheck-change-role",
        "whoever proposed a change may have lost the role",
        (Edit(f"{_FLOW}.recheck:_people", "if handler.power not in powers_of(person.roles):", "if False:"),),
        ("M1-role",),
        depth=5,
        begins="the attacker proposes to word a net anew",
    ),
    Hole(
        "recheck-token",
        "a service acts on after its token was revoked",
        (Edit(f"{_FLOW}.recheck:_people", "        if live is None:", "        if False:"),),
        ("M1-token",),
        attacker="reviewer",
        depth=5,
        begins="the attacker's service places suspend on cat in 45 min",
    ),
    Hole(
        "recheck-account",
        "a merged account is acted on",
        (
            Edit(
                f"{_FLOW}.recheck:recheck",
                "if seen is not None and seen.reading is not None and seen.reading.ref != found.account:",
                "if False:",
            ),
        ),
        ("M1-account",),
        attacker="reviewer",
        depth=4,
        begins="the attacker places suspend on cat in 45 min",
    ),
    Hole(
        "recheck-pause",
        "a pause stops nothing that was placed before",
        (
            Edit(
                f"{_FLOW}.recheck:recheck",
                "if pause is not None and found.legal_basis is None",
                "if False and found.legal_basis is None",
            ),
        ),
        ("M5-paused",),
        attacker="reviewer",
        depth=5,
        begins="the attacker places suspend on cat in 45 min",
    ),
    Hole(
        "recheck-canary",
        "the rest of a list goes on when its first were undone",
        (Edit(f"{_FLOW}.recheck:_canary", "    if any(one.state in _WENT_WRONG for one in first):", "    if False:"),),
        ("canary",),
        attacker="lead",
        depth=5,
        begins="the attacker places limit on a list of 27",
    ),
    Hole(
        "canary-wait",
        "the rest of a list does not wait for its first (neither its hold nor what is read anew)",
        (
            Edit(
                f"{_FLOW}.clear:_waits_for_canary",
                "return large and made.group_index >= config.rules.canary_size",
                "return False",
            ),
            Edit(f"{_FLOW}.recheck:_canary", "    if left > timedelta(0):", "    if False:"),
        ),
        ("canary",),
        attacker="lead",
        depth=3,
        begins="the attacker places limit on a list of 27",
    ),
    Hole(
        "recheck-nets",
        "nets are not asked again",
        (
            Edit(
                f"{_FLOW}.recheck:recheck",
                "    return _nets(uow, app, config, found, person, account, seen)",
                "    return None",
            ),
        ),
        ("M1-nets", "M1-approver"),
        attacker="reviewer",
        depth=4,
        begins="the attacker places suspend on cat in 45 min",
    ),
    Hole(
        "recheck-approvals",
        "a yes counts though whoever gave it is leaving",
        (
            Edit(
                f"{_FLOW}.approvals:counted",
                "if staff is None or not standing_now(staff, now, table).has(Loss.APPROVALS):",
                "if staff is None:",
            ),
        ),
        ("M1-approver",),
        attacker="reviewer",
        depth=5,
        begins="the attacker's service places suspend on cat in 45 min",
    ),
    Hole(
        "recheck-outstanding",
        "whether the yeses still suffice is not asked",
        (Edit(f"{_FLOW}.recheck:_nets", "        if missing:\n", "        if False:\n"),),
        ("M1-approver", "M1-nets"),
        attacker="reviewer",
        depth=4,
        begins="the attacker places suspend on cat in 45 min",
    ),
    Hole(
        "recheck-hold",
        "a longer hold asked for meanwhile is not kept",
        (Edit(f"{_FLOW}.recheck:_nets", "if verdict.hold_seconds > stored.hold_seconds and", "if False and"),),
        ("M1-nets",),
        depth=5,
        begins="the attacker places suspend on vip",
    ),
    # execute
    Hole(
        "execute-platform",
        "a platform that was taken out of use is acted on",
        (Edit(f"{_FLOW}.app:Config.active", "if entry is None or not entry.active:", "if entry is None:"),),
        ("R9",),
        attacker="reviewer",
        depth=4,
        begins="the attacker places suspend on cat in 45 min",
    ),
    Hole(
        "execute-clock",
        "the clock may be behind the record",
        (
            Edit(
                "gardefou.ledger.sequencer:Sequencer.check_clock",
                "if newest is not None and now < newest - CLOCK_SLACK:",
                "if False:",
            ),
        ),
        ("R18",),
        attacker="reviewer",
        depth=4,
        begins="the clock of this machine goes back by an hour",
    ),
    Hole(
        "execute-recheck",
        "nothing is read anew before the platform is asked",
        (
            Edit(
                f"{_FLOW}.execute:_begin",
                "objection = recheck(uow, app, config, found, account, seen)",
                "objection = None",
            ),
        ),
        ("M5-paused", "M1-digest", "M1-role", "M1-nets", "M1-account", "M4-execute-by"),
        attacker="reviewer",
        depth=4,
        begins="the attacker places suspend on cat in 45 min",
    ),
    Hole(
        "execute-recheck-again",
        "nothing is read anew once the intention stands in a checkpoint",
        (
            Edit(
                f"{_FLOW}.execute:_after_checkpoint",
                "objection = recheck(uow, app, config, found, account, seen)",
                "objection = None",
            ),
        ),
        ("M1-standing",),
        attacker="reviewer",
        depth=4,
        begins="the attacker places remove_content on vip of c-reported in 20 min",
    ),
    Hole(
        "execute-recheck-change",
        "nothing is read anew before a change takes effect",
        (
            Edit(
                f"{_FLOW}.execute:_change",
                "objection = recheck(uow, app, config, found, None, None)",
                "objection = None",
            ),
        ),
        ("M1-role", "R3"),
        depth=5,
        begins="the attacker proposes to word a net anew",
    ),
    Hole(
        "execute-checkpoint",
        "nobody waits for the checkpoint",
        (
            Edit(
                f"{_FLOW}.execute:_after_checkpoint",
                "if not app.sequencer.is_checkpointed(connection, enforcement.platform, enforcement.intent_event):",
                "if False:",
            ),
        ),
        ("I14",),
        attacker="reviewer",
        depth=2,
    ),
    Hole(
        "execute-intention",
        "no intention is recorded on a protected account",
        (
            Edit(
                f"{_FLOW}.intend:intend",
                "watched = found.tier != Tier.STANDARD or tier_memory(account, uow.now) is not Tier.STANDARD",
                "watched = False",
            ),
        ),
        ("I14",),
        attacker="reviewer",
        depth=2,
    ),
    Hole(
        "execute-version",
        "what was withdrawn while the platform was read goes on (nor does the table of states stop it)",
        (
            Edit(f"{_FLOW}.execute:_begin", "if found.version != enforcement.version:", "if False:"),
            Edit(
                "gardefou.domain.states:check_transition",
                "if new is not old and new not in TRANSITIONS[old]:",
                "if False:",
            ),
        ),
        ("M5-cancelled",),
        attacker="reviewer",
        depth=4,
        begins="the attacker places suspend on cat in 45 min",
    ),
    Hole(
        "execute-late-effect",
        "what arrives after it was withdrawn stays",
        (
            Edit(
                f"{_FLOW}.outcome:overtaken",
                "    if noted.state in _WITHDRAWN and noted.action != Action.RESTORE:",
                "    if False:",
            ),
            Edit(
                f"{_FLOW}.lift:start_lifting",
                "            if harm.lease_until is not None or state is State.UNKNOWN:",
                "            if False:",
            ),
        ),
        ("M5", "I12"),
        attacker="reviewer",
        depth=4,
        begins="the attacker places suspend on cat in 45 min",
    ),
    Hole(
        "execute-hour",
        "its hour is not waited for",
        (
            Edit(
                f"{_FLOW}.clear:cleared",
                "start = max(hold_until or uow.now, made.execute_at or uow.now)",
                "start = hold_until or uow.now",
            ),
        ),
        ("M4-early",),
        attacker="reviewer",
        depth=1,
    ),
    Hole(
        "execute-lease",
        "a second worker takes what the first has under way (neither lease nor hour of the next try counts)",
        (
            Edit(
                f"{_FLOW}.execute:_step",
                "leased = enforcement.lease_until is not None and enforcement.lease_until > now",
                "leased = False",
            ),
            Edit(
                f"{_FLOW}.execute:_step",
                "due = enforcement.next_attempt_at is None or enforcement.next_attempt_at <= now",
                "due = True",
            ),
            Edit(
                f"{_FLOW}.execute:_step",
                "return _attempt(app, enforcement) if enforcement.lease_until is None else lost(app, enforcement)",
                "return _attempt(app, enforcement)",
            ),
        ),
        # Seen by the hour that is not waited for; without that, two workers are not seen to send the same.
        ("exactly-once", "I1-hold", "M4-early"),
        attacker="reviewer",
        depth=2,
    ),
)
