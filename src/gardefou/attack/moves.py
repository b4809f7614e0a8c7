"""What a move is; and the attacker's own: placing, answering, lifting, changing guards, stopping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from gardefou.attack import scene as s
from gardefou.attack.rows import Row, first
from gardefou.domain.accounts import Tier
from gardefou.errors import GardefouError
from gardefou.flow.cases import renew
from gardefou.flow.changes.base import written
from gardefou.scenario import model as m

ME = f"S:{s.ATTACKER}"
#: What every act depends on, whoever does it.
RULES = frozenset({"nets", "settings", "pause", "platforms", "behind"})
_PAUSING = frozenset({ME, "nets", "settings", "pause", "P:pause", "P:resume"})


def acting(by: str, via: str) -> frozenset[str]:
    """Return the parts that say whether somebody can act so."""
    name = m.service_name(by)
    if name is not None:
        return frozenset({f"T:{name}", ME})
    return frozenset({f"S:{by}", f"T:{by}"}) if via == "api" else frozenset({f"S:{by}"})


#: Does it; says whether anything was done.
Do = Callable[[s.Scene], bool]


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that may happen: by the attacker, by the others, or because time passes.

    ``reads`` are the folded parts that it depends on.
    """

    key: str
    says: str
    reads: frozenset[str]
    do: Do
    #: The scenario steps it consists of, where it can be written as such.
    steps: tuple[m.Step, ...] = ()
    #: One of several ways to begin the same: not tried right after something was done to the same account.
    variant: bool = False
    #: How many steps it counts for: a move that stands for several counts for all of them.
    cost: int = 1
    #: Begins something: places, proposes, pauses, claims. The others answer, let time pass, lift, or stand in the way.
    opens: bool = False
    #: Does nothing by itself, but for what follows: never the last.
    prepares: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """What of a state decides which moves there are."""

    #: Enforcements and changes that have not ended, oldest first, under their short names.
    open: Mapping[str, Row]
    staff: Mapping[str, Row]
    parts: Mapping[str, Any]
    #: The part ``nets`` as it was at the beginning.
    nets: Any
    #: Accounts that are down or about to be.
    touched: frozenset[str]
    #: Accounts on which the search placed anything.
    known: frozenset[str]
    #: Whose measures stand, or are about to.
    standing: frozenset[str]
    #: Whether anything may begin.
    opens: bool = True


def about(row: Row) -> str:
    """Return the folded part that an enforcement stands in."""
    return f"P:{row['change']['kind']}" if row["change"] is not None else f"E:{row['account']}"


def played(step: m.Step) -> Do:
    """Return a move's deed of one step."""

    def do(scene: s.Scene) -> bool:
        return scene.play(step).error is None

    return do


def _simple(key: str, says: str, reads: frozenset[str], step: m.Step) -> Move:
    return Move(key, says, reads, played(step), (step,))


# who -----------------------------------------------------------------------------------


def main_via(scene: s.Scene) -> str:
    """Return through what the attacker acts: whoever has only a token has no console."""
    return "api" if scene.attacker.token_only else "console"


def _identities(scene: s.Scene, now: Situation) -> Iterator[tuple[str, str, str]]:
    """Yield by whom and through what the attacker can answer, and a name for it."""
    if not scene.attacker.token_only:
        yield s.ATTACKER, "console", "the attacker"
    yield s.ATTACKER, "api", "the attacker, by token,"
    yield s.SERVICE, "api", "the attacker's service"
    if s.SECOND in now.staff and not scene.attacker.token_only:
        yield s.SECOND, "console", "the attacker's second self"


# placing ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Wish:
    ref: str
    action: str
    content: tuple[str, ...] = ()
    label: str | None = None
    hours: float | None = None
    in_minutes: int | None = None
    legal: str | None = None
    on_case: bool = False
    by: str = s.ATTACKER
    via: str | None = None
    variant: bool = True

    @property
    def says(self) -> str:
        who = {s.ATTACKER: "the attacker", s.SERVICE: "the attacker's service", s.SECOND: "the second self"}[self.by]
        more = [
            f" of {', '.join(self.content)}" if self.content else "",
            f" as {self.label}" if self.label else "",
            f" for {self.hours:g} h" if self.hours else "",
            f" in {self.in_minutes} min" if self.in_minutes else "",
            f" because of a {self.legal}" if self.legal else "",
            " on its case" if self.on_case else "",
            f" by {self.via}" if self.via and self.by != s.SERVICE else "",
        ]
        return f"{who} places {self.action} on {self.ref}{''.join(more)}"


#: Those that build the smallest trees come first: what is found in them is found soonest.
_WISHES = (
    _Wish(s.CAT, "suspend", in_minutes=45, variant=False),
    _Wish(s.CAT, "suspend", in_minutes=45, by=s.SERVICE, via="api", variant=False),
    _Wish(s.VIP, "remove_content", content=(s.REPORTED,), in_minutes=20, variant=False),
    _Wish(s.VIP, "suspend", variant=False),
    _Wish(s.VIP, "suspend", via="api"),
    _Wish(s.VIP, "suspend", by=s.SERVICE, via="api", variant=False),
    _Wish(s.VIP, "suspend", hours=2),
    _Wish(s.VIP, "suspend", in_minutes=20),
    _Wish(s.VIP, "suspend", legal="court_order"),
    _Wish(s.VIP, "suspend", on_case=True),
    _Wish(s.VIP, "deactivate", variant=False),
    _Wish(s.VIP, "limit"),
    _Wish(s.VIP, "warn"),
    _Wish(s.VIP, "remove_content", content=(s.REPORTED,)),
    _Wish(s.VIP, "remove_content", content=(s.UNREPORTED,), variant=False),
    _Wish(s.VIP, "remove_content", content=(s.FOREIGN,)),
    _Wish(s.QUIET, "suspend", variant=False),
    _Wish(s.NOTED, "suspend", variant=False),
    _Wish(s.NOTED, "suspend", by=s.SERVICE, via="api"),
    _Wish(s.NOTED, "deactivate"),
    _Wish(s.LOOKALIKE, "suspend"),
    _Wish(s.CAT, "suspend", hours=0.5, variant=False),
    _Wish(s.CAT, "label", label="spam", variant=False),
    _Wish(s.CAT, "label", label="head_of_state"),
    _Wish(s.CAT, "remove_content", content=(s.UNREPORTED,)),
    _Wish(s.CAT, "delete"),
    _Wish(s.VIP, "suspend", by=s.SECOND, variant=False),
)


def act_step(scene: s.Scene, wish: _Wish) -> m.Step:
    """Return the step of a wish, as of now."""
    now = scene.clock.now()
    deed = m.Act(
        on_case=wish.on_case,
        account=m.Ref(s.PLATFORM, wish.ref),
        content=wish.content,
        action=wish.action,
        label=wish.label,
        policy="impersonation",
        rationale="",
        until=None if wish.hours is None else now + timedelta(hours=wish.hours),
        execute_at=None if wish.in_minutes is None else now + timedelta(minutes=wish.in_minutes),
        legal_basis=wish.legal,
        confirm=None,
    )
    return s.step(wish.by, "decide" if wish.on_case else "enforce", deed, via=wish.via or main_via(scene))


def placing(scene: s.Scene, now: Situation) -> Iterator[Move]:
    """Yield every placing of the attacker."""
    for wish in _WISHES:
        if (wish.by == s.SECOND and s.SECOND not in now.staff) or (
            wish.via == "api" and main_via(scene) == "api" and wish.by == s.ATTACKER
        ):
            continue
        step = act_step(scene, wish)
        reads = RULES | acting(wish.by, step.via) | {f"E:{wish.ref}", f"A:{wish.ref}", "switch"}
        # Whoever was reversed often is stopped.
        reads |= {f"E:{s.reversed_list()[0]}"}
        yield Move(wish.says, wish.says, reads, played(step), (step,), wish.variant, 3 if wish.variant else 1)
    via = main_via(scene)
    for name, refs, action in (("small", s.small_list(), "suspend"), ("long", s.long_list(), "limit")):
        if f"E:{refs[0]}" in now.parts:
            continue
        says = f"the attacker places {action} on a list of {len(refs)}"
        many = m.Bulk(accounts=tuple(m.Ref(s.PLATFORM, ref) for ref in refs), action=action, policy="spam")
        step = s.step(s.ATTACKER, "bulk", many, via=via)
        reads = RULES | {ME, f"E:{refs[0]}", "switch"}
        yield Move(f"bulk {name}", says, reads, played(step), (step,), cost=2)
    for ref in (s.VIP, s.CAT):
        says = f"the attacker breaks the glass over {ref}: suspend"
        glass = m.BreakGlass(account=m.Ref(s.PLATFORM, ref), action="suspend")
        step = s.step(s.ATTACKER, "break_glass", glass, via=via)
        yield _simple(says, says, RULES | {ME, f"E:{ref}", f"A:{ref}", "switch"}, step)
    for name in ("alias",) if any(entry[0] == "alias" for entry in now.parts["platforms"]) else ():
        says = f"the attacker places suspend on {s.QUIET} under the platform's other name"
        step = act_step(scene, _Wish(s.QUIET, "suspend"))
        assert isinstance(step.deed, m.Act)
        other = replace(step.deed, account=m.Ref(name, s.QUIET), confirm={"handle": "witness", "identity": s.QUIET})
        yield _simple(says, says, RULES | {ME, f"E:{s.QUIET}"}, replace(step, deed=other))


# answering -------------------------------------------------------------------------------


def respond(scene: s.Scene, row: Row, how: str, by: str, via: str) -> m.Step:
    """Return the step of an answer to one enforcement or change."""
    scene.player.placed[row["id"]] = (row["id"],)
    return s.step(by, how, m.Respond(how=how, of=row["id"]), via=via)


def answering(scene: s.Scene, now: Situation) -> Iterator[Move]:
    """Yield the attacker's answers to what waits, whosever it is."""
    for name, row in now.open.items():
        reads = frozenset({about(row), "nets", "settings"})
        mine = reads | {ME}
        if row["state"] == "waiting" and row["approved_at"] is None:
            for by, via, who in _identities(scene, now):
                says = f"{who} says yes to {name}"
                step = respond(scene, row, "approve", by, via)
                usual = via == main_via(scene) and by != s.SERVICE
                yield Move(says, says, reads | acting(by, via), played(step), (step,), cost=1 if usual else 2)
            says = f"the attacker says no to {name}"
            yield _simple(says, says, mine, respond(scene, row, "refuse", s.ATTACKER, main_via(scene)))
        if row["state"] in {"waiting", "ready"}:
            says = f"the attacker cancels {name}"
            yield _simple(says, says, mine, respond(scene, row, "cancel", s.ATTACKER, main_via(scene)))
        if row["via"] == "break_glass" and row["state"] == "in_force":
            for by, via, who in _identities(scene, now):
                if by != s.SERVICE:
                    says = f"{who} ratifies {name}"
                    yield _simple(says, says, reads | acting(by, via), respond(scene, row, "ratify", by, via))


# lifting ----------------------------------------------------------------------------------


def lifting(scene: s.Scene, now: Situation) -> Iterator[Move]:
    """Yield the attacker's restores and rollbacks."""
    via = main_via(scene)
    lifted = next((ref for ref in s.before_list() if f"E:{ref}" not in now.parts), s.before_list()[0])
    for ref in (*sorted(now.touched), *((lifted, s.OLD) if now.opens else ())):
        says = f"the attacker restores {ref}"
        deed = m.Restore(account=m.Ref(s.PLATFORM, ref))
        reads = RULES | {ME, f"E:{ref}", "switch"}
        if ref in s.before_list():
            # The limit is counted over all of them.
            reads |= {f"E:{other}" for other in s.before_list()[:3]}
        step = s.step(s.ATTACKER, "restore", deed, via=via)
        yield Move(says, says, reads, played(step), (step,), opens=ref in {lifted, s.OLD})
    for whom in (s.ATTACKER, "rita"):
        if whom not in now.standing:
            continue
        who = "they themselves" if whom == s.ATTACKER else whom
        says = f"the attacker rolls back what {who} did since the attack began"
        back = m.Rollback(of=whom, since=s.BEGINS, until=None)
        reads = RULES | {ME} | {f"E:{ref}" for ref in now.known}
        yield _simple(says, says, reads, s.step(s.ATTACKER, "rollback", back, via=via))


# changing guards -----------------------------------------------------------------------------

_PROTECTING = "protected-two-more-people"


def _net(net_id: str, when: str, **require: Any) -> dict[str, Any]:
    return {"id": net_id, "title": net_id, "because": "for a reason", "when": when, "require": require}


_PROTECTED = 'account.tier_memory == "protected" and action.severity >= 3'


LONGER = _net("longer", _PROTECTED, hold="2h")


def _whole() -> dict[str, Any]:
    return {**_weaker(), "when": _PROTECTED}


def _weaker() -> dict[str, Any]:
    return _net(
        _PROTECTING,
        'account.tier_memory == "protected" and action.severity >= 3 and actor.via != "api"',
        approvals=2,
        **{"from": ["lead", "policy"], "distinct_teams": True, "fresh_auth_minutes": 10, "hold": "10m"},
    )


def _nets_changes() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield changes of the nets; made once: proving a set takes long, and a second change of them shows nothing new."""
    yield "word a net anew", "nets", {"put": [{**_whole(), "title": "Two more people"}]}
    yield "hold protected accounts for two hours", "nets", {"put": [LONGER]}
    yield "remove the net that protects", "nets", {"remove": [_PROTECTING]}
    yield "let the protecting net speak only in the console", "nets", {"remove": [_PROTECTING], "put": [_weaker()]}
    shadow = {**_weaker(), "mode": "shadow"}
    yield "put the protecting net into shadow", "nets", {"remove": [_PROTECTING], "put": [shadow]}
    yield (
        "add a net that refuses every restore",
        "nets",
        {"put": [_net("no-restores", "action.severity == 0", refuse="No.")]},
    )
    yield "add a net that refuses everything", "nets", {"put": [_net("no-one", "action.severity >= 0", refuse="No.")]}
    yield (
        "add a net that nobody can satisfy",
        "nets",
        {"put": [_net("nobody", "action.severity >= 3", approvals=9, **{"from": ["lead"]})]},
    )


def _changes(scene: s.Scene, now: Situation) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the changes that the attacker may propose: in words, kind, payload."""
    at = scene.clock.now()
    if now.parts["nets"] == now.nets:
        yield from _nets_changes()
    yield "put every net into shadow", "setting", {"name": "shadow", "value": True}
    yield "forget tiers at once", "setting", {"name": "tier_memory_days", "value": 0}
    yield "let broken glass last ten hours", "setting", {"name": "break_glass_minutes", "value": 600}
    yield "be held to what a small team is held to", "setting", {"name": "shipped_nets", "value": "small-team"}
    second = {"staff": s.SECOND, "roles": ["lead", "policy"], "team": "elsewhere"}
    yield "add a second self with power to approve", "staff_add", second
    yield "add a person who is there already", "staff_add", {**second, "staff": "lena"}
    yield "become a lead and policy", "role", {"staff": s.ATTACKER, "add": ["lead", "policy", "admin"]}
    yield "change to another team", "role", {"staff": s.ATTACKER, "team": "north"}
    if s.SECOND in now.staff:
        yield "make the second self a lead", "role", {"staff": s.SECOND, "add": ["lead", "policy"]}
    yield "take lena's role away", "role", {"staff": "lena", "remove": ["lead"]}
    yield "make rita a lead", "role", {"staff": "rita", "add": ["lead"]}
    if "otto" in now.staff and now.staff["otto"]["last_day_end"] is not None:
        yield "take back otto's notice", "leave", {"staff": "otto", "last_day": None}
    yield "put lena off", "off", {"staff": "lena"}
    yield "put rita off", "off", {"staff": "rita"}
    yield "give otto notice for today", "leave", {"staff": "otto", "last_day": written(at + timedelta(hours=2))}
    if scene.attacker.leaves_in is not None:
        yield "take back their own notice", "leave", {"staff": s.ATTACKER, "last_day": None}
    for ref in (s.VIP, s.QUIET, s.NOTED):
        yield f"demote {ref}", "tier", {"platform": s.PLATFORM, "account": ref, "tier": Tier.STANDARD.value}
    yield f"mark {s.LOOKALIKE} as a fake", "mark_fake", {"platform": s.PLATFORM, "account": s.LOOKALIKE}
    alias: dict[str, Any] = {"name": "alias", "kind": "sandbox", "endpoint": f"sandbox:{s.PLATFORM}", "config": {}}
    yield "register the platform once more under another name", "platform", alias
    yield "take the platform out of use", "platform", {"name": s.PLATFORM, "active": False}


def _reads(kind: str, payload: Mapping[str, Any]) -> frozenset[str]:
    """Return what a change depends on: who may propose it, what waits already, and what it would change."""
    reads = {ME, "nets", "settings", f"P:{kind}"}
    if "staff" in payload:
        reads.add(f"S:{payload['staff']}")
    if kind in {"tier", "mark_fake"}:
        reads.add(f"A:{payload['account']}")
    if kind == "platform":
        reads.add("platforms")
    return frozenset(reads)


def _tokens() -> Iterator[tuple[str, m.IssueToken]]:
    every = ("enforcements:write", "admin:write")
    yield "issue themselves a token", m.IssueToken(staff=s.ATTACKER, service=None, scopes=every)
    yield "issue lena's token", m.IssueToken(staff="lena", service=None, scopes=every)
    yield "issue another service a token", m.IssueToken(staff=None, service="robot", scopes=every)


def changing(scene: s.Scene, now: Situation) -> Iterator[Move]:
    """Yield the guarded changes that the attacker may propose, and that they pause and claim."""
    via = main_via(scene)
    for wish, kind, payload in _changes(scene, now):
        says = f"the attacker proposes to {wish}"
        step = s.step(s.ATTACKER, kind, m.Change(kind=kind, payload=payload), via=via)
        yield _simple(says, says, _reads(kind, payload), step)
    for wish, deed in _tokens():
        says = f"the attacker proposes to {wish}"
        reads = frozenset({ME, "nets", "settings", f"T:{deed.service or deed.staff}", "P:token"})
        yield _simple(says, says, reads, s.step(s.ATTACKER, "token", deed, via=via))
    if not _paused(now):
        says = "the attacker pauses everything"
        yield _simple(says, says, _PAUSING, s.step(s.ATTACKER, "pause", m.Pause(), via=via))
    if not now.parts["claim"]:
        says = f"the attacker claims the case of {s.CAT}"
        claim = m.Claim(account=m.Ref(s.PLATFORM, s.CAT), content=())
        yield _simple(says, says, frozenset({"claim", ME}), s.step(s.ATTACKER, "claim", claim, via=via))


def going_on(scene: s.Scene, now: Situation) -> Iterator[Move]:
    """Yield how the attacker goes on with what was begun: resumes, renews."""
    if _paused(now):
        says = "the attacker resumes"
        yield _simple(says, says, _PAUSING, s.step(s.ATTACKER, "resume", m.Resume(), via=main_via(scene)))
    if now.parts["claim"]:
        says = "the attacker renews their claim"
        yield Move(says, says, frozenset({"claim", ME}), _renew)


def _paused(now: Situation) -> bool:
    return any(one[0] == "all" and not one[4] for one in now.parts["pause"])


def _renew(scene: s.Scene) -> bool:
    row = first(scene.past.driver, "select id from cases where claimed_by = ?", (s.ATTACKER,))
    if row is None:
        return False
    try:
        renew(scene.world.app, scene.world.actor(s.ATTACKER, main_via(scene)), row["id"])
    except GardefouError:
        return False
    return True


def attacks(scene: s.Scene, now: Situation) -> Iterator[Move]:
    """Yield every move of the attacker in a situation."""
    if now.opens:
        yield from (replace(move, opens=True) for move in placing(scene, now))
    yield from answering(scene, now)
    if now.opens:
        yield from (replace(move, opens=True) for move in changing(scene, now))
    yield from going_on(scene, now)
    yield from lifting(scene, now)
