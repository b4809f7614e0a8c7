"""Reading the steps of a scenario file: one reader per row of the contract's table of deeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from gardefou.clock import rfc3339
from gardefou.domain.accounts import Tier
from gardefou.domain.actions import Action
from gardefou.errors import InvalidInput
from gardefou.nets.load import read_net
from gardefou.people.roles import ROLES, SCOPES
from gardefou.scenario import model as m
from gardefou.scenario.names import Names
from gardefou.scenario.table import Table

#: The contract's words for the state of an account.
STATES = ("active", "limited", "locked", "suspended", "deactivated", "deleted")
VIAS = ("console", "api", "cli")
#: What a step may do without anyone acting: it happens at the platform, or only time does.
WITHOUT_ACTOR = frozenset(
    {"report", "platform_down", "platform_up", "platform_slow", "platform_drops_answers", "out_of_band", "tick"}
)
_ACTIONS = tuple(action.value for action in Action)
_MAX_REPORTERS = 100_000
_CONFIRMS = ("handle", "identity")

Reader = Callable[["StepLoader", Table], m.Deed]


class StepLoader:
    """Reads steps one after the other, in the sequence of time, and remembers what they bring."""

    def __init__(self, names: Names, starts_at: datetime) -> None:
        self.names = names
        self.starts_at = starts_at
        #: Steps so far that place something, which ``of`` may name.
        self.placing: set[str] = set()
        self._deeds: dict[str, Reader] = _DEEDS

    def step(self, table: Table, key: str, at: datetime, *, line: int) -> m.Step:
        """Read one step; ``at``, ``id`` and where it stands are read already."""
        do = table.one_of("do", tuple(self._deeds))
        by = table.maybe_text("by")
        if by is not None:
            by = self.names.actor(table, "by", by)
        elif do not in WITHOUT_ACTOR:
            table.fail("by", f"Say who does {do}: a staff id or service:NAME.", "scenario/missing_key")
        via = table.maybe_one_of("via", VIAS) or "console"
        fails = self._fails(table)
        deed = self._deeds[do](self, table)
        table.finish()
        if isinstance(deed, m.PLACING):
            self.placing.add(key)
        if do == "staff_add" and isinstance(deed, m.Change):
            self.names.staff.add(str(deed.payload["staff"]))
        return m.Step(key=key, line=line, at=at, do=do, by=by, via=via, fails=fails, deed=deed)

    def _fails(self, table: Table) -> bool | str | None:
        value = table.raw("fails")
        if value is None or isinstance(value, bool):
            return value
        if not isinstance(value, str) or not value.strip():
            table.fail("fails", 'It is true, or the code of the error, such as "auth/step_up".', "scenario/type")
        return value

    # pieces -----------------------------------------------------------------------

    def account(self, table: Table) -> m.Ref:
        """Return the account that the step names."""
        return self.names.account(table, "account", table.text("account"))

    def content(self, table: Table, platform: str) -> tuple[str, ...]:
        """Return the items that the step names."""
        return self.names.items(table, "content", platform, table.texts("content", single=True))

    def until(self, table: Table, key: str) -> datetime | None:
        """Return a moment of the step: a date-time or an offset from the beginning."""
        return table.maybe_moment(key, self.starts_at)


def _report(load: StepLoader, table: Table) -> m.Report:
    account = load.account(table)
    content = load.content(table, account.platform)
    if len(content) > 1:
        table.fail("content", "A report names one item.")
    reporter = table.maybe_text("reporter")
    count = table.whole("count", default=1, least=1, most=_MAX_REPORTERS)
    if count == 1:
        reporters: tuple[str, ...] = (reporter or "reporter-1",)
    else:
        reporters = tuple(f"{reporter or 'reporter'}-{number}" for number in range(1, count + 1))
    return m.Report(
        account=account,
        content=content[0] if content else None,
        category=table.text("category"),
        reporters=reporters,
        text=table.maybe_text("text") or "",
    )


def _claim(load: StepLoader, table: Table) -> m.Claim:
    account = load.account(table)
    return m.Claim(account=account, content=load.content(table, account.platform))


def _act(load: StepLoader, table: Table, *, on_case: bool) -> m.Act:
    account = load.account(table)
    return m.Act(
        on_case=on_case,
        account=account,
        content=load.content(table, account.platform),
        action=table.one_of("action", (*_ACTIONS, "no_violation") if on_case else _ACTIONS),
        label=table.maybe_text("label"),
        policy=table.maybe_text("policy") or "spam",
        rationale=table.maybe_text("rationale") or "scenario",
        until=load.until(table, "until"),
        execute_at=load.until(table, "execute_at"),
        legal_basis=table.maybe_text("legal_basis"),
        confirm=_confirm(table),
    )


def _confirm(table: Table) -> Mapping[str, str] | None:
    inner = table.table("confirm", optional=True)
    if inner is None:
        return None
    given = {what: inner.raw(what) for what in _CONFIRMS}
    for what, value in given.items():
        if value is not None and not isinstance(value, str):
            inner.fail(what, "It is a text: what was typed or chosen.", "scenario/type")
    inner.finish()
    return {what: value for what, value in given.items() if isinstance(value, str)}


def _bulk(load: StepLoader, table: Table) -> m.Bulk:
    refs = tuple(load.names.account(table, "accounts", name) for name in table.texts("accounts"))
    if not refs:
        table.fail("accounts", "A bulk names accounts.", "scenario/missing_key")
    return m.Bulk(accounts=refs, action=table.one_of("action", _ACTIONS), policy=table.maybe_text("policy") or "spam")


def _respond(load: StepLoader, table: Table) -> m.Respond:
    of = table.text("of")
    if of not in load.placing:
        table.fail("of", f"There is no earlier step {of!r} that places anything.", "scenario/unknown_step")
    return m.Respond(how=str(table.values["do"]), of=of)


def _restore(load: StepLoader, table: Table) -> m.Restore:
    return m.Restore(account=load.account(table))


def _rollback(load: StepLoader, table: Table) -> m.Rollback:
    who = load.names.actor(table, "staff", table.text("staff"))
    return m.Rollback(
        of=m.service_name(who) or who,
        since=table.moment("since", load.starts_at),
        until=load.until(table, "until"),
    )


def _break_glass(load: StepLoader, table: Table) -> m.BreakGlass:
    return m.BreakGlass(account=load.account(table), action=table.one_of("action", _ACTIONS))


def _tier(load: StepLoader, table: Table) -> m.Change:
    account = load.account(table)
    tier = table.one_of("tier", [one.value for one in Tier])
    return m.Change(kind="tier", payload={"platform": account.platform, "account": account.ref, "tier": tier})


def _staff_add(load: StepLoader, table: Table) -> m.Change:  # noqa: ARG001 - every reader takes both
    who = table.text("staff")
    if who == "system" or who.startswith("service:"):
        table.fail("staff", "A staff id is neither system nor a service.")
    roles = list(table.texts("roles", tuple(ROLES)))
    return m.Change(
        kind="staff_add", payload={"staff": who, "roles": roles, "team": table.maybe_text("team") or f"team-{who}"}
    )


def _role(load: StepLoader, table: Table) -> m.Change:
    known = tuple(ROLES)
    payload: dict[str, Any] = {
        "staff": load.names.person(table, "staff", table.text("staff")),
        "add": list(table.texts("add", known, single=True)),
        "remove": list(table.texts("remove", known, single=True)),
    }
    if not payload["add"] and not payload["remove"]:
        table.fail("add", "Name roles to add or to remove.", "scenario/missing_key")
    return m.Change(kind="role", payload=payload)


def _leave(load: StepLoader, table: Table) -> m.Change:
    who = load.names.person(table, "staff", table.text("staff"))
    last = table.last_day("last_day", load.starts_at, table.maybe_zone("timezone"))
    if last is None:
        table.fail("last_day", "It is missing; add it.", "scenario/missing_key")
    return m.Change(kind="leave", payload={"staff": who, "last_day": rfc3339(last)})


def _off(load: StepLoader, table: Table) -> m.Change:
    return m.Change(kind="off", payload={"staff": load.names.person(table, "staff", table.text("staff"))})


def _token(load: StepLoader, table: Table) -> m.IssueToken:
    staff, service = table.maybe_text("staff"), table.maybe_text("service")
    if (staff is None) == (service is None):
        table.fail("staff", "A token is for one of staff and service.", "scenario/missing_key")
    if staff is not None:
        load.names.person(table, "staff", staff)
    if service is not None:
        service = m.service_name(load.names.actor(table, "service", f"service:{service.removeprefix('service:')}"))
    given = table.need("scope")
    if isinstance(given, str):
        # As on the command line: several, with commas between them.
        table = Table(table.file, table.path, {**table.values, "scope": [one.strip() for one in given.split(",")]})
    scopes = table.texts("scope", tuple(SCOPES))
    if not scopes:
        table.fail("scope", f"A token has scopes: {', '.join(SCOPES)}.", "scenario/missing_key")
    return m.IssueToken(staff=staff, service=service, scopes=scopes)


def _nets(load: StepLoader, table: Table) -> m.Change:  # noqa: ARG001 - every reader takes both
    put = table.tables("net")
    for net in put:
        try:
            read_net(net.values)
        except InvalidInput as error:
            net.fail((error.field or "").removeprefix("net."), error.message, error.code)
    remove = list(table.texts("remove", single=True))
    if not put and not remove:
        table.fail("remove", "Name nets to remove, or give [[step.net]] tables.", "scenario/missing_key")
    return m.Change(kind="nets", payload={"remove": remove, "put": [dict(net.values) for net in put]})


def _switch(load: StepLoader, table: Table) -> m.Switch:
    name = table.maybe_text("platform")
    names = load.names
    platforms = tuple(names.platforms) if name is None else (names.platform(table, "platform", name),)
    match table.values["do"]:
        case "platform_down":
            return m.Switch(platforms=platforms, down=True)
        case "platform_slow":
            return m.Switch(platforms=platforms, slow_seconds=table.seconds("seconds"))
        case "platform_drops_answers":
            return m.Switch(platforms=platforms, drops_answers=True)
        case _:
            return m.Switch(platforms=platforms, down=False, slow_seconds=0.0, drops_answers=False)


def _out_of_band(load: StepLoader, table: Table) -> m.OutOfBand:
    return m.OutOfBand(account=load.account(table), state=table.one_of("state", STATES))


_DEEDS: dict[str, Reader] = {
    "report": _report,
    "claim": _claim,
    "decide": lambda load, table: _act(load, table, on_case=True),
    "enforce": lambda load, table: _act(load, table, on_case=False),
    "bulk": _bulk,
    "approve": _respond,
    "refuse": _respond,
    "cancel": _respond,
    "ratify": _respond,
    "restore": _restore,
    "rollback": _rollback,
    "tier": _tier,
    "staff_add": _staff_add,
    "role": _role,
    "leave": _leave,
    "off": _off,
    "token": _token,
    "nets": _nets,
    "reauth": lambda _load, _table: m.Reauth(),
    "pause": lambda _load, _table: m.Pause(),
    "resume": lambda _load, _table: m.Resume(),
    "break_glass": _break_glass,
    "platform_down": _switch,
    "platform_up": _switch,
    "platform_slow": _switch,
    "platform_drops_answers": _switch,
    "out_of_band": _out_of_band,
    "tick": lambda _load, _table: m.Tick(),
}
