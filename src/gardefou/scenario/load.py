"""Reading a scenario file: strictly, with every reference resolved before anything runs.

Unknown keys anywhere, wrong types, words outside closed lists, and references
to staff, accounts, items, platforms or steps that are not there are
`InvalidInput`, naming the file and the key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from gardefou.domain.accounts import Tier
from gardefou.errors import InvalidInput
from gardefou.nets.language import Place, place_of
from gardefou.nets.positions import Positions, positions
from gardefou.people.roles import ROLES
from gardefou.scenario.load_steps import STATES, StepLoader
from gardefou.scenario.model import (
    DeclaredAccount,
    DeclaredContent,
    Expectation,
    Person,
    Ref,
    Scenario,
    Step,
)
from gardefou.scenario.names import Names
from gardefou.scenario.table import Table

#: After the last step, where the file does not say.
ENDS_AFTER = timedelta(hours=48)
DEFAULT_AGE_DAYS = 365
_YEAR = timedelta(days=365)
_ENFORCEMENT_STATES = (
    "placed",
    "refused",
    "waiting",
    "ready",
    "executing",
    "in_force",
    "restoring",
    "restored",
    "cancelled",
    "lapsed",
    "failed",
    "unknown",
)


def load_file(path: Path | str) -> Scenario:
    """Read a scenario file.

    Raises:
        InvalidInput: it cannot be read (`scenario/file`), is no TOML (`scenario/toml`),
            or says something that a scenario cannot (`scenario/…`, `nets/…`).
    """
    name = str(path)
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise InvalidInput("scenario/file", f"{name}: {why}; name a scenario file.", field="file") from error
    except UnicodeDecodeError as error:
        raise InvalidInput("scenario/toml", f"{name}: This is not UTF-8 text, as TOML is.", field="file") from error
    return load_text(text, name)


def load_text(text: str, file: str) -> Scenario:
    """Read a scenario from its text; ``file`` is what messages call it.

    Raises:
        InvalidInput: as `load_file`.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        # Without numbers it says "(at end of document)".
        place = Place(int(found[1]), int(found[2])) if found else place_of(text, len(text))
        message = re.sub(r" \(at .*\)$", "", str(error))
        said = f"{file}:{place.line}:{place.column}: This is not TOML: {message}."
        raise InvalidInput("scenario/toml", said, field="file") from error
    except (ValueError, RecursionError) as error:
        # A date that no calendar has; brackets within brackets without end.
        raise InvalidInput("scenario/toml", f"{file}: This is not TOML: {error}.", field="file") from error
    where = positions(text.replace("\r\n", "\n"))
    try:
        return _scenario(Table(file, "", document), where)
    except OverflowError as error:
        raise InvalidInput("scenario/invalid", f"{file}: It reaches beyond the calendar.", field="scenario") from error
    except InvalidInput as error:
        field = error.field or ""
        place = where.key(field if field in where.keys else _path(field))
        message = error.message.removeprefix(f"{file}: ")
        raise InvalidInput(
            error.code, f"{file}:{place.line}:{place.column}: {message}", field=error.field, extra=error.extra
        ) from error


def _path(field: str) -> str:
    """Return a field as `Positions` names it: tables of an array are counted from 0 there, from 1 for people."""
    return ".".join(str(int(part) - 1) if part.isdecimal() else part for part in field.split("."))


def _scenario(root: Table, where: Positions) -> Scenario:
    head = root.table("scenario")
    assert head is not None
    name = head.text("name")
    title = head.maybe_text("title") or name
    source = head.maybe_text("source") or ""
    starts_at = head.moment("starts_at", None)
    if not 1971 <= starts_at.year <= 9000:
        head.fail("starts_at", "It lies between the years 1971 and 9000.")
    ends_after = head.length("ends_after", ENDS_AFTER)
    head.finish()
    names = Names(root.file)
    platforms = tuple(_platforms(root, names))
    staff = tuple(_staff(root, names, starts_at))
    accounts = tuple(_accounts(root, names))
    contents = tuple(_contents(root, names))
    loader = StepLoader(names, starts_at)
    steps = _steps(root, loader, starts_at, where)
    expect = _expect(root, names, loader, steps, where)
    root.finish()
    return Scenario(
        file=root.file,
        name=name,
        title=title,
        source=source,
        starts_at=starts_at,
        ends_after=ends_after,
        platforms=platforms,
        staff=staff,
        accounts=accounts,
        contents=contents,
        steps=steps,
        expect=expect,
    )


def _platforms(root: Table, names: Names) -> Iterator[str]:
    for table in root.tables("platform"):
        name = table.text("name")
        if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii() or name == "gardefou":
            table.fail("name", "A platform's name has letters, digits, - and _, and is not gardefou.")
        if name in names.platforms:
            table.fail("name", f"There are two platforms {name!r}.")
        names.platforms.append(name)
        table.finish()
        yield name


def _staff(root: Table, names: Names, starts_at: datetime) -> Iterator[Person]:
    for table in root.tables("staff"):
        who = table.text("id")
        if who in names.staff:
            table.fail("id", f"There are two people {who!r}.")
        if who == "system" or who.startswith("service:") or len(who) > 128:
            table.fail("id", "A staff id is neither system nor a service, and has at most 128 characters.")
        names.staff.add(who)
        person = Person(
            id=who,
            roles=table.texts("roles", tuple(ROLES)),
            team=table.maybe_text("team") or f"team-{who}",
            employer=table.maybe_text("employer"),
            started=table.maybe_moment("started", starts_at) or starts_at - _YEAR,
            last_day_end=table.last_day("last_day", starts_at, table.maybe_zone("timezone")),
        )
        table.finish()
        yield person


def _accounts(root: Table, names: Names) -> Iterator[DeclaredAccount]:
    for table in root.tables("account"):
        platform = names.platform(table, "platform", table.text("platform"))
        at = Ref(platform, table.text("ref"))
        if at in names.accounts:
            table.fail("ref", f"There are two accounts {at.ref!r} on {platform}.")
        names.accounts.append(at)
        account = DeclaredAccount(
            at=at,
            handle=table.maybe_text("handle") or "",
            reach=table.whole("reach", default=0),
            labels=table.texts("labels"),
            tier=table.maybe_one_of("tier", [tier.value for tier in Tier]),
            age_days=table.whole("age_days", default=DEFAULT_AGE_DAYS, most=36_500),
        )
        table.finish()
        yield account


def _contents(root: Table, names: Names) -> Iterator[DeclaredContent]:
    for table in root.tables("content"):
        platform = names.platform(table, "platform", table.text("platform"))
        item = table.text("id")
        if (platform, item) in names.contents:
            table.fail("id", f"There are two items {item!r} on {platform}.")
        owner = table.text("account")
        if Ref(platform, owner) not in names.accounts:
            table.fail("account", f"There is no account {owner!r} on {platform}; declare it as [[account]].")
        names.contents.add((platform, item))
        table.finish()
        yield DeclaredContent(platform=platform, id=item, account=owner)


def _steps(root: Table, loader: StepLoader, starts_at: datetime, where: Positions) -> tuple[Step, ...]:
    tables = root.tables("step")
    given = [table.values.get("id") for table in tables]
    timed: list[tuple[datetime, str, Table]] = []
    for place, table in enumerate(tables, 1):
        key = table.maybe_text("id")
        if key is not None and given.count(key) > 1:
            table.fail("id", f"There are two steps {key!r}.")
        if key is None:
            key = f"step-{place}"
            while key in given:
                key += "-"
        timed.append((table.offset("at", starts_at), key, table))
    # By time; what stands at the same moment, as written.
    timed.sort(key=lambda one: one[0])
    return tuple(loader.step(table, key, at, line=where.key(_path(table.path)).line) for at, key, table in timed)


def _expect(root: Table, names: Names, loader: StepLoader, steps: Iterable[Step], where: Positions) -> Expectation:
    table = root.table("expect", optional=True)
    if table is None:
        return Expectation()
    keys = {step.key for step in steps}

    def refs(key: str) -> tuple[Ref, ...]:
        return tuple(names.account(table, key, name) for name in table.texts(key))

    def by_ref(key: str) -> dict[Ref, tuple[Table, str]]:
        inner = table.table(key, optional=True)
        return {} if inner is None else {names.account(inner, name, name): (inner, name) for name in inner.values}

    def by_step(key: str, *, placing: bool) -> dict[str, tuple[Table, str]]:
        inner = table.table(key, optional=True)
        for name in inner.values if inner else ():
            if name not in keys or (placing and name not in loader.placing):
                what = "step that places anything" if placing else "step"
                table.fail(f"{key}.{name}", f"There is no {what} with the id {name!r}.", "scenario/unknown_step")
        return {} if inner is None else {name: (inner, name) for name in inner.values}

    allowed = table.texts("allowed")
    for name in allowed:
        if name not in keys:
            table.fail("allowed", f"There is no step with the id {name!r}.", "scenario/unknown_step")
    found = Expectation(
        never_down=refs("never_down"),
        down=refs("down"),
        up=refs("up"),
        max_down_seconds={at: one.seconds(name) for at, (one, name) in by_ref("max_down_seconds").items()},
        state={at: one.one_of(name, STATES) for at, (one, name) in by_ref("state").items()},
        enforcement_state={
            key: one.one_of(name, _ENFORCEMENT_STATES)
            for key, (one, name) in by_step("enforcement_state", placing=True).items()
        },
        stopped_by={
            key: one.texts(name, single=True) for key, (one, name) in by_step("stopped_by", placing=False).items()
        },
        allowed=allowed,
        incident=refs("incident"),
        effects={at: one.whole(name, default=0) for at, (one, name) in by_ref("effects").items()},
        detected_within_seconds={
            at: one.seconds(name) for at, (one, name) in by_ref("detected_within_seconds").items()
        },
        lines={key: where.key(f"expect.{key}").line for key in table.values},
    )
    table.finish()
    return found
