"""Bringing a whole list of accounts into the registry.

Files have the columns ``platform, ref, tier, because, until``. Every line is
planned first, and nothing is imported while any is bad; what raises a tier
takes effect at once, what lowers one waits for people like any other change.
Importing a file again changes nothing.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gardefou.clock import rfc3339
from gardefou.domain.accounts import Tier
from gardefou.domain.records import Account, Enforcement
from gardefou.domain.states import State
from gardefou.errors import GardefouError, InvalidInput, StepUpRequired
from gardefou.flow.app import App, Config
from gardefou.flow.change import preview_change, propose
from gardefou.flow.changes.tiers import entry_end, weakens_tier
from gardefou.flow.registry import waiting_changes
from gardefou.nets.check import duration_seconds
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.speech import decimal
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.records import fetch_all

COLUMNS = ("platform", "ref", "tier", "because", "until")
_REQUIRED = ("platform", "ref", "tier")
_MOST = 100_000
_SHOWN = 20
_MAX_BECAUSE = 2000
_MAX_TEXT = 512
#: Accounts read in one statement.
_CHUNK = 500

#: What a line would do, and does: takes effect at once, waits for people, or nothing.
NEW, RAISED, RENEWED = "new", "raised", "renewed"
LOWERED = "lowered"
UNCHANGED, ASKED = "unchanged", "asked"
REFUSED = "refused"
ACTS = frozenset({NEW, RAISED, RENEWED, LOWERED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a file, and what it would do.

    ``outcome`` is `new` (not in the registry yet), `raised`, `renewed` (the same
    tier with another reason or a later end), `lowered` (a lower tier or an
    earlier end: it waits), `unchanged`, `asked` (the same waits for people
    already) or `refused`, with ``why``. ``before`` is the tier in the registry.
    """

    number: int
    platform: str = ""
    account: str = ""
    tier: str = ""
    because: str = ""
    until: datetime | None = None
    outcome: str = ""
    why: str = ""
    before: str | None = None

    @property
    def payload(self) -> dict[str, Any]:
        """The line as the guarded change of kind ``tier`` takes it."""
        return {
            "platform": self.platform,
            "account": self.account,
            "tier": self.tier,
            "because": self.because,
            "until": None if self.until is None else rfc3339(self.until),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a file would do, line by line."""

    lines: tuple[Line, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many lines have each outcome."""
        return Counter(line.outcome for line in self.lines)

    @property
    def refused(self) -> tuple[Line, ...]:
        """The bad lines: while there are any, nothing is imported."""
        return tuple(line for line in self.lines if line.outcome == REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One line that was carried out: the change it made, or what came in between."""

    line: Line
    change: Enforcement | None = None
    error: GardefouError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did. ``done`` has the lines that changed or proposed something."""

    plan: Plan
    done: tuple[Done, ...] = field(default=())

    def count(self, state: State) -> int:
        """Return how many of its changes are in this state."""
        return sum(one.change is not None and one.change.state == state.value for one in self.done)

    @property
    def failed(self) -> tuple[Done, ...]:
        """The lines that something came in between of; importing again takes them up."""
        return tuple(one for one in self.done if one.error is not None)


def plan_import(app: App, actor: Actor, text: str) -> Plan:
    """Say of every line of a file what importing it would do, and change nothing.

    Raises:
        Denied: no power over tiers (`auth/forbidden`).
        InvalidInput: the header is wrong (`registry/columns`); no line, or too many (`registry/file`).
    """
    actor.require(Power.TIERS, app.now())
    lines = _read(text, app.now())
    with app.works.read() as connection:
        config = app.config(connection)
        known = _known(connection, lines)
        waiting = waiting_changes(connection)
    return Plan(lines=tuple(_planned(line, config, known, waiting, app.now()) for line in lines))


def import_registry(app: App, actor: Actor, text: str) -> Imported:
    """Import a file: all of it, or nothing where a line is bad. Importing it again changes nothing.

    Raises each tier at once and proposes to lower the others, a guarded change a
    line: where something comes in between, what was done stands, the rest is
    named, and the same import again goes on.

    Writes what `gardefou.flow.change.propose` does.

    Raises:
        InvalidInput: bad lines, each named (`registry/lines`), and what `plan_import` raises.
        StepUpRequired: a line lowers a tier, and a net wants a fresher sign-in for that (`auth/step_up`).
        Denied: no power over tiers (`auth/forbidden`).
    """
    plan = plan_import(app, actor, text)
    require_good(plan)
    if plan.counts.get(LOWERED):
        # Asked for before the first line, not in the middle.
        fresh = preview_change(app, actor, "tier", weakens=True).fresh_auth_minutes
        if fresh is not None and actor.fresh_minutes(app.now()) > fresh:
            raise StepUpRequired(fresh)
    done: list[Done] = []
    for line in plan.lines:
        if line.outcome not in ACTS:
            continue
        try:
            made = propose(app, actor, "tier", line.payload, line.because)
        except GardefouError as error:
            done.append(Done(line=line, error=error))
        else:
            done.append(Done(line=line, change=made))
    return Imported(plan=plan, done=tuple(done))


def require_good(plan: Plan) -> None:
    """Raise where a line is bad.

    Raises:
        InvalidInput: each bad line is named, or the first of very many (`registry/lines`).
    """
    problems = [_("line %(number)s: %(why)s", number=line.number, why=line.why) for line in plan.refused]
    if not problems:
        return
    shown = "; ".join(problem.rstrip(".") for problem in problems[:_SHOWN])
    more = _("; and %(number)s more", number=len(problems) - _SHOWN) if len(problems) > _SHOWN else ""
    raise InvalidInput(
        "registry/lines",
        _("Nothing was changed: %(shown)s%(more)s.", shown=shown, more=more),
        extra={"problems": problems},
    )


def _read(text: str, now: datetime) -> list[Line]:
    """Read a file's lines and check what needs no store."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    lines: list[Line] = []
    seen: dict[tuple[str, str], int] = {}
    no_header: list[str] = []
    try:
        header = [name.strip().lower() for name in next(reader, no_header)]
        _check_header(header)
        for row in reader:
            number = reader.line_num
            if not any(cell.strip() for cell in row):
                continue
            line = _line(header, row, number, now)
            key = (line.platform, line.account)
            if line.outcome != REFUSED and key in seen:
                line = _refused(
                    line, _("%(account)s stands in line %(number)s already", account="/".join(key), number=seen[key])
                )
            seen.setdefault(key, number)
            lines.append(line)
            if len(lines) > _MOST:
                break
    except csv.Error as error:
        lines.append(Line(number=reader.line_num, outcome=REFUSED, why=str(error)))
    if not lines or len(lines) > _MOST:
        raise InvalidInput(
            "registry/file", _("A file has 1 to %(most)s accounts, each on a line.", most=decimal(_MOST)), field="file"
        )
    return lines


def _check_header(header: Sequence[str]) -> None:
    missing = [name for name in _REQUIRED if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    if missing or unknown or len(set(header)) != len(header):
        what = _("has a column twice")
        if missing:
            what = _("lacks %(names)s", names=", ".join(missing))
        elif unknown:
            what = _("has %(names)s", names=", ".join(unknown))
        raise InvalidInput(
            "registry/columns",
            _("Line 1: the header %(what)s; the columns are %(columns)s.", what=what, columns=", ".join(COLUMNS)),
            field="file",
        )


def _line(header: Sequence[str], row: Sequence[str], number: int, now: datetime) -> Line:
    if len(row) != len(header):
        return Line(
            number=number,
            outcome=REFUSED,
            why=_("it has %(columns)s columns, the header %(header)s", columns=len(row), header=len(header)),
        )
    cells = dict.fromkeys(COLUMNS, "") | {name: cell.strip() for name, cell in zip(header, row, strict=True)}
    line = Line(
        number=number,
        platform=cells["platform"],
        account=cells["ref"],
        tier=cells["tier"],
        because=cells["because"],
    )
    for name in _REQUIRED:
        if not cells[name]:
            return _refused(line, _("%(name)s is missing", name=name))
    if max(map(len, (line.platform, line.account))) > _MAX_TEXT or len(line.because) > _MAX_BECAUSE:
        return _refused(
            line, _("a name has at most %(most)s characters, a reason %(reason)s", most=_MAX_TEXT, reason=_MAX_BECAUSE)
        )
    if any(not cell.isprintable() for cell in (line.platform, line.account)):
        return _refused(line, _("a name has characters that cannot be written"))
    if line.tier not in {tier.value for tier in Tier}:
        return _refused(line, _("tier is standard, notable or protected"))
    if cells["until"]:
        until = _until(cells["until"], now)
        if until is None:
            return _refused(
                line,
                _("until: %(until)s is no day; write 2027-05-31, or a length such as 365d", until=repr(cells["until"])),
            )
        if until <= now:
            return _refused(line, _("until lies in the future"))
        line = replace(line, until=until)
    return line


def _until(text: str, now: datetime) -> datetime | None:
    """Return the moment that a day, a moment with its zone, or a length of time names; None for anything else."""
    try:
        seconds = duration_seconds(text)
        if seconds is not None:
            return now + timedelta(seconds=seconds)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is not None:
        return at.astimezone(UTC)
    return at.replace(tzinfo=UTC) if len(text) == len("2027-05-31") else None


def _refused(line: Line, why: str) -> Line:
    return replace(line, outcome=REFUSED, why=why)


def _known(connection: sa.Connection, lines: Iterable[Line]) -> dict[tuple[str, str], Account]:
    """Return the accounts of the good lines that are known, read together."""
    table = tables.account.c
    by_platform: dict[str, list[str]] = {}
    for line in lines:
        if line.outcome != REFUSED:
            by_platform.setdefault(line.platform, []).append(line.account)
    found: dict[tuple[str, str], Account] = {}
    for platform, refs in by_platform.items():
        for some in _chunks(refs):
            statement = sa.select(tables.account).where(table.platform == platform, table.ref.in_(some))
            found.update({(one.platform, one.ref): one for one in fetch_all(connection, Account, statement)})
    return found


def _chunks(refs: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(refs), _CHUNK):
        yield refs[first : first + _CHUNK]


def _planned(
    line: Line,
    config: Config,
    known: Mapping[tuple[str, str], Account],
    waiting: Mapping[tuple[str, str], Sequence[Enforcement]],
    now: datetime,
) -> Line:
    if line.outcome == REFUSED:
        return line
    entry = config.platforms.get(line.platform)
    if entry is None or not entry.active:
        return _refused(line, f"there is no platform {line.platform!r}")
    account = known.get((line.platform, line.account))
    held = None if account is None else account.explicit_tier
    line = replace(line, before=held)
    if account is None or held is None:
        return replace(line, outcome=UNCHANGED if line.tier == Tier.STANDARD else NEW)
    if _same(line, account):
        return replace(line, outcome=UNCHANGED)
    if any(_asks(one.change or {}, line) for one in waiting.get((line.platform, line.account), ())):
        return replace(line, outcome=ASKED)
    until = line.until
    if until is None and line.tier != Tier.STANDARD:
        until = entry_end(config.rules, now)
    if weakens_tier(account, Tier(line.tier), until):
        return replace(line, outcome=LOWERED)
    return replace(line, outcome=RENEWED if line.tier == held else RAISED)


def _same(line: Line, account: Account) -> bool:
    """Whether the registry says this already; a line without an end leaves the end as it is."""
    ends = line.until is None or line.until == account.explicit_until
    return line.tier == account.explicit_tier and line.because == account.explicit_because and ends


def _asks(change: Mapping[str, Any], line: Line) -> bool:
    ends = line.until is None or rfc3339(line.until) == change["until"]
    return change["tier"] == line.tier and change["because"] == line.because and ends
