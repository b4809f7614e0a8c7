"""Bringing a whole list of people in, from a file: as provisioning does, it lowers at once, and the rest waits (R5).

The file is tried out whole first, and nothing is done while a line is bad;
then it is carried out in one transaction, or not at all. What is said of it
names lines of the file and no pseudonyms: the file has the names (R19).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from gardefou.domain.records import ORGANISATION, Enforcement, Staff
from gardefou.domain.states import State
from gardefou.errors import Conflict, Denied, GardefouError, InvalidInput, StepUpRequired
from gardefou.flow.app import App
from gardefou.flow.provision import LastDay, Wish, align, arrive, depart, describe, free_identifiers
from gardefou.people import provisioned
from gardefou.people.actor import Actor
from gardefou.people.directory import Entry
from gardefou.people.last_days import end_of_last_day, zone_of
from gardefou.people.roles import ROLES, Power
from gardefou.people.standing import Standing
from gardefou.speech import decimal
from gardefou.speech import gettext as _
from gardefou.storage.work import UnitOfWork

COLUMNS = (
    "external_id",
    "issuer",
    "subject",
    "user_name",
    "name",
    "email",
    "roles",
    "team",
    "employer",
    "last_day",
    "zone",
    "active",
)
#: Says that there is none, where an empty cell says nothing.
NONE = "none"
_SEALED = ("external_id", "issuer", "subject", "user_name", "name", "email")
_ACTIVE = ("yes", "no", "gone")
_MOST = 5_000
_LONGEST = 512
_SHOWN = 20
_BECAUSE = "From an imported list of people."


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a file: what it states, read and checked."""

    number: int
    cells: Mapping[str, str]
    roles: frozenset[str] | None = None
    last_day: LastDay | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """Issuer and subject."""
        return self.cells["issuer"], self.cells["subject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What one line does or did: in words, at once or once people have said yes."""

    line: int
    at_once: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


@dataclass(slots=True)
class _Bad:
    problems: list[str] = field(default_factory=list[str])

    def note(self, number: int, column: str, why: str) -> None:
        self.problems.append(f"line {number}, {column}: {why.rstrip('.')}")


def import_staff(app: App, actor: Actor, text: str, *, dry_run: bool = False) -> list[Done]:
    """Carry out what a file states of people; return what each line does. ``dry_run`` changes nothing.

    Columns are `COLUMNS`; ``external_id``, the organisation's own identifier, is
    needed, and an empty cell says nothing. Importing a file again changes
    nothing, and asks again for what no longer waits.

    Writes what `gardefou.flow.provision` does.

    Raises:
        InvalidInput: the header is wrong (`staff_import/columns`), no line or too many (`staff_import/file`), or bad
            lines, each with its number and column (`staff_import/lines`).
        StepUpRequired: something waits for people, and a net wants a fresher sign-in for that (`auth/step_up`).
        Denied: no power over staff (`auth/forbidden`, `staff/…`).
    """
    actor.require(Power.STAFF, app.now())
    bad = _Bad()
    lines = _read(text, bad)
    _stop(bad)
    with app.works.begin(keep=False) as uow:
        tried = _carry_out(uow, app, actor, lines, bad)
    _stop(bad)
    if dry_run:
        return tried
    with app.works.begin() as uow:
        done = _carry_out(uow, app, actor, lines, bad)
        _stop(bad)
    app.wake()
    return done


def _stop(bad: _Bad) -> None:
    if not bad.problems:
        return
    shown, more = "; ".join(bad.problems[:_SHOWN]), len(bad.problems) - _SHOWN
    rest = _("; and %(more)s more", more=more) if more > 0 else ""
    raise InvalidInput(
        "staff_import/lines",
        _("Nothing was changed: %(shown)s%(rest)s.", shown=shown, rest=rest),
        extra={"problems": list(bad.problems)},
    )


# reading -------------------------------------------------------------------------


def _read(text: str, bad: _Bad) -> list[Line]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    lines: list[Line] = []
    no_header: list[str] = []
    try:
        header = [name.strip().lower() for name in next(reader, no_header)]
        _check_header(header)
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                bad.note(reader.line_num, "columns", f"it has {len(row)}, the header {len(header)}")
                continue
            cells = dict.fromkeys(COLUMNS, "") | {name: cell.strip() for name, cell in zip(header, row, strict=True)}
            lines.append(_line(reader.line_num, cells, bad))
            if len(lines) > _MOST:
                break
    except csv.Error as error:
        bad.note(reader.line_num, "columns", str(error))
    if not bad.problems and not 1 <= len(lines) <= _MOST:
        raise InvalidInput(
            "staff_import/file",
            _("A file has 1 to %(most)s people, each on a line.", most=decimal(_MOST)),
            field="file",
        )
    _check_twice(lines, bad)
    return lines


def _check_header(header: Sequence[str]) -> None:
    unknown = [name for name in header if name not in COLUMNS]
    if "external_id" not in header or unknown or len(set(header)) != len(header):
        what = _("lacks external_id")
        if "external_id" in header:
            what = _("has %(what)s", what=", ".join(unknown)) if unknown else _("has a column twice")
        raise InvalidInput(
            "staff_import/columns",
            _("Line 1: the header %(what)s; the columns are %(columns)s.", what=what, columns=", ".join(COLUMNS)),
            field="file",
        )


def _line(number: int, cells: dict[str, str], bad: _Bad) -> Line:
    for name, cell in cells.items():
        if len(cell) > _LONGEST or not cell.isprintable():
            bad.note(number, name, f"at most {_LONGEST} characters, all of which can be written")
    if not cells["external_id"]:
        bad.note(number, "external_id", "it is missing")
    if bool(cells["issuer"]) != bool(cells["subject"]):
        bad.note(number, "subject", "issuer and subject are stated together")
    if cells["active"] and cells["active"].lower() not in _ACTIVE:
        bad.note(number, "active", f"{cells['active']!r} is none of {', '.join(_ACTIVE)}")
    roles = None
    if cells["roles"]:
        named = [] if cells["roles"].lower() == NONE else cells["roles"].replace(";", " ").replace(",", " ").split()
        roles = frozenset(named)
        for role in sorted(roles - set(ROLES)):
            bad.note(number, "roles", f"there is no role {role!r}; there are {', '.join(ROLES)}")
    return Line(number=number, cells=cells, roles=roles, last_day=_last_day(number, cells, bad))


def _last_day(number: int, cells: Mapping[str, str], bad: _Bad) -> LastDay | None:
    zone = zone_of(cells["zone"]) if cells["zone"] else None
    if cells["zone"] and zone is None:
        bad.note(number, "zone", f"there is no time zone {cells['zone']!r}; write one such as Europe/Paris")
    if not cells["last_day"]:
        return None
    if cells["last_day"].lower() == NONE:
        return LastDay(end=None)
    end: datetime | None = end_of_last_day(cells["last_day"], zone)
    if end is None:
        bad.note(number, "last_day", f"{cells['last_day']!r} is no day; write 2026-12-31, or a moment")
    return LastDay(end=end)


def _check_twice(lines: Sequence[Line], bad: _Bad) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for line in lines:
        user_name = line.cells["user_name"].casefold()
        for column, key in (
            ("external_id", (line.cells["external_id"],)),
            ("subject", line.identity),
            ("user_name", (user_name,)),
        ):
            if key[-1] and (place := (column, *key)) in seen:
                bad.note(line.number, column, f"it stands in line {seen[place]} already")
            elif key[-1]:
                seen[column, *key] = line.number


# carrying out --------------------------------------------------------------------


def _carry_out(uow: UnitOfWork, app: App, actor: Actor, lines: Sequence[Line], bad: _Bad) -> list[Done]:
    uow.serialise("changes")
    if actor.staff is not None:
        actor = replace(actor, staff=uow.need(Staff, ORGANISATION, actor.staff.id))
        actor.require(Power.STAFF, uow.now)
    done: list[Done] = []
    for line in lines:
        try:
            done.append(_one(uow, app, actor, line))
        except StepUpRequired:
            raise
        except _WrongCellError as error:
            bad.note(line.number, error.column, error.why)
        except (InvalidInput, Conflict, Denied) as error:
            # Without its own words: they may name a pseudonym.
            bad.note(line.number, error.field or "external_id", f"it cannot be carried out ({error.code})")
    return done


class _WrongCellError(GardefouError):
    def __init__(self, column: str, why: str) -> None:
        super().__init__("staff_import/lines", why)
        self.column, self.why = column, why


def _one(uow: UnitOfWork, app: App, actor: Actor, line: Line) -> Done:
    cells, made = line.cells, list[Enforcement]()
    person = _person(uow, app, line)
    gone, new = cells["active"].lower() == "gone", person is None
    if person is None:
        if gone:
            return Done(line=line.number)
        end = None if line.last_day is None else line.last_day.end
        made.append(arrive(uow, app, actor, _BECAUSE, team=cells["team"], employer=cells["employer"], last_day=end))
        if made[0].state != State.IN_FORCE.value:
            return _done(line, made)
        person = uow.need(Staff, ORGANISATION, str((made[0].change or {})["staff"]))
    _keep(uow, app, actor, person, line)
    if gone:
        off = depart(uow, app, actor, person.id, _BECAUSE)
        return _done(line, [] if off is None else [off])
    suspended = person.standing == Standing.SUSPENDED.value
    active = {"yes": True if suspended else None, "no": False}.get(cells["active"].lower())
    wish = Wish(
        active=active,
        last_day=None if new else line.last_day,
        gives=(line.roles or frozenset()) - set(person.roles),
        takes=frozenset[str]() if line.roles is None else frozenset(person.roles) - line.roles,
        team=cells["team"],
        employer=cells["employer"],
    )
    made += align(uow, app, actor, person.id, wish, _BECAUSE)
    return _done(line, made)


def _person(uow: UnitOfWork, app: App, line: Line) -> Staff | None:
    """Return whoever a line is of, by the organisation's own identifier or by identity; None for a newcomer."""
    connection, identity = uow.connection, line.identity
    mine = app.directory.by_external_id(connection, line.cells["external_id"])
    owner = app.directory.by_identity(connection, *identity) if all(identity) else None
    if mine is not None and owner not in {None, mine}:
        raise _WrongCellError("subject", "that identity is another person's")
    found = mine or owner
    if found is None:
        return None
    if provisioned.of_staff(connection, found) is not None:
        raise _WrongCellError("external_id", "a directory provisions this person; state it there")
    person = uow.get(Staff, ORGANISATION, found)
    # Whoever comes back is added anew, without any power.
    return None if person is None or person.standing == Standing.LEFT.value else person


def _keep(uow: UnitOfWork, app: App, actor: Actor, person: Staff, line: Line) -> None:
    """Seal who it is. What a line leaves empty stays; whoever acts here already keeps their identity."""
    had = app.directory.get(uow.connection, person.id) or Entry(staff_id=person.id)
    said = {name: line.cells[name] for name in _SEALED if line.cells[name]}
    entry = replace(had, **said)
    if entry == had:
        return
    acts = bool(person.roles or person.enrolled)
    if acts and all(line.identity) and line.identity != (had.issuer, had.subject):
        raise _WrongCellError("subject", "this person acts here already; their identity is settled")
    if acts and had.external_id not in {"", entry.external_id}:
        # Two that were swapped would send the next file's last day to the wrong person.
        raise _WrongCellError("external_id", "this person acts here already; what they are known by is settled")
    free_identifiers(uow, app, *line.identity, line.cells["user_name"])
    changed = sorted(name for name in said if getattr(had, name) != said[name])
    describe(uow, app, actor, entry, changed)


def _done(line: Line, made: Sequence[Enforcement]) -> Done:
    def words(*states: State) -> tuple[str, ...]:
        return tuple(_words(one) for one in made if State(one.state) in states)

    return Done(
        line=line.number,
        at_once=words(State.IN_FORCE, State.READY),
        waits=words(State.WAITING),
        refused=words(State.REFUSED),
    )


def _words(made: Enforcement) -> str:
    change = made.change or {}
    match change.get("kind"):
        case "staff_add":
            return "added"
        case "suspend":
            return "off duty" if change["suspended"] else "back on duty"
        case "off":
            return "gone"
        case "leave":
            return f"last day {change['last_day'] or NONE}"
        case _:
            named = [f"role {role}" for role in change.get("add", ())]
            named += [f"without role {role}" for role in change.get("remove", ())]
            named += [f"{name} {change[name]}" for name in ("team", "employer") if change.get(name)]
            return ", ".join(named)
