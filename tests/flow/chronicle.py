"""A life told line by line, to be compared with how it was told before.

A `Chronicle` notes what a world's people do and what comes of it: every event
with who it names and what it changes of which record, every call that reaches
a platform, every refusal by code and field, every notice, and whatever a page
would read. What is told is the same on each run: ids are numbered as they
come, moments are counted from the beginning. Words for people are dots in rows,
and stand in what a page reads and in refusals, where values are put into them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import orjson
import sqlalchemy as sa

from gardefou.domain.records import Enforcement, PlatformEntry
from gardefou.errors import GardefouError
from gardefou.platforms.protocol import Answer, Operation
from gardefou.platforms.sandbox import Sandbox
from gardefou.storage import tables
from gardefou.storage.records import MAPPED
from tests.flow.world import START, Wire, Wired, World

P = ParamSpec("P")
R = TypeVar("R")

LIVES = Path(__file__).parent / "lives"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_HASH = re.compile(r"\b(?:sha256:)?[0-9a-f]{40,}\b")
#: As many of one sign are told by their number.
_ROW = re.compile(r"(.)\1{99,}")
_MOMENT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
#: What is drawn or made of what is drawn: it is told that there is one, not which.
_DRAWN = frozenset({"client", "nonce", "signature"})
#: An instant as rows keep it: microseconds of this century.
_MICROS = range(1_000_000_000_000_000, 4_000_000_000_000_000)
#: Long texts of settings and nets, and what differs with every run of the program's own keys.
_LEFT_OUT = frozenset({"digest", "toml", "version", "nets", "hash"})
#: Rows are told with these where something was asked or refused; their words are not.
_JSON = ("facts", "verdict")


class NotingWire(Wire):
    """The line to the platforms, which tells what goes over it."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__()
        self._note = note
        self.told: Callable[[Any], str] = str

    def carry(self, name: str, call: Callable[[Operation], Answer], operation: Operation) -> Answer:
        self._note(f"-> {name} {self.told(operation)}")
        answer = super().carry(name, call, operation)
        self._note(f"<- {self.told(answer)}")
        return answer


class Chronicle:
    """Tells a world's life. ``world`` has a second platform, ``other``, with accounts of the same names."""

    def __init__(self, *, at: datetime = START) -> None:
        self.lines: list[str] = []
        self._numbers: dict[str, str] = {}
        self._rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._json: dict[str, dict[str, Any]] = {}
        self._last = ""
        self._began = at
        self.world = World(at=at)
        wire = NotingWire(self.lines.append)
        wire.told = self.told
        self.world.wire = wire
        self.world.people()
        with self.world.app.works.begin() as uow:
            entry = PlatformEntry(
                id="other", kind="sandbox", endpoint="sandbox:other", sandbox=True, added_at=self.world.now
            )
            uow.record("platform.registered", by="system", about=entry.id, puts=(entry,))
        self.world.accounts()
        for ref, reach in (("small", 20), ("small2", 30), ("known", 300_000), ("president", 50)):
            self.other.put_account(ref, handle=f"{ref}-there", reach=reach)
        self.other.put_content("c1", account="small")
        self._skip()

    @property
    def other(self) -> Sandbox:
        """The second platform's own desk."""
        wired = self.world.app.connector("other")
        assert isinstance(wired, Wired)
        assert isinstance(wired.inner, Sandbox)
        return wired.inner

    # --- telling ------------------------------------------------------------------------

    def head(self, text: str) -> None:
        """Tell what was told so far, and begin what follows with a line of its own."""
        self.events()
        self.lines += ["", f"## {text}"]

    def does(self, what: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call something, and tell what it wrote and returned."""
        returned = what(*args, **kwargs)
        self.events()
        self.lines.append(f"{what.__name__} gave {self.told(returned)}")
        return returned

    def tries(self, what: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call something that may be refused, and tell what came of it."""
        try:
            returned = what(*args, **kwargs)
        except GardefouError as error:
            self.events()
            self.lines.append(f"{what.__name__} ! {self.told(error, whole=True)}")
        else:
            self.events()
            self.lines.append(f"{what.__name__} gave {self.told(returned)}")

    def passes(self, by: timedelta, *, steps: int = 4) -> None:
        """Let time pass in some steps, with what is due done at each: a worker's rounds, though not every one."""
        for _step in range(steps):
            self.world.clock.advance(by / steps)
            self.world.settle()
        self.events()

    def reads(self, name: str, value: Any) -> None:
        """Tell what a page would read."""
        self.lines.append(f"{name}: {self.told(value, whole=True)}")

    def text(self) -> str:
        """Return the whole life; and that the record holds is part of it."""
        self.events()
        self._notices()
        self.world.assert_sound()
        return "\n".join(self.lines).strip() + "\n"

    # --- events -------------------------------------------------------------------------

    def events(self) -> None:
        """Tell every event since the last time."""
        table = tables.event.c
        statement = sa.select(table.id, table.at, table.body).where(table.id > self._last).order_by(table.id)
        with self.world.store.read() as connection:
            rows = connection.execute(statement).all()
        for row in rows:
            self._last = row.id
            body = orjson.loads(row.body)
            where = "/".join(part for part in (body["platform"], body["account"]) if part)
            line = f"{self._moment(row.at)} {body['kind']} by {self.told(body['by'])} on {where}"
            if body["about"]:
                line += f" about {self.told(body['about'])}"
            if body["detail"]:
                line += f" {self.told(body['detail'])}"
            self.lines.append(line)
            self.lines += [f"    {self._row(name, columns)}" for name, columns in body["rows"]]

    def _skip(self) -> None:
        """Leave out of the story how the world was set up, and remember its rows."""
        self.events()
        self.lines.clear()

    def _row(self, name: str, columns: Mapping[str, Any]) -> str:
        key = str(columns.get("id", columns.get("ref", columns.get("staff_id", ""))))
        place = (name, str(columns["platform"]), key)
        before = self._rows.get(place)
        self._rows[place] = dict(columns)
        told: list[str] = []
        for column, value in columns.items():
            if column in _LEFT_OUT or column in {"platform", "id"}:
                continue
            if value == (before or _usual(name)).get(column):
                continue
            if column in _JSON:
                told += self._differs(column, value)
            else:
                told.append(f"{column}={self.told(value)}")
        return f"{name} {self.told(key)}{' +' if before is None else ''} {' '.join(told)}".rstrip()

    def _differs(self, column: str, value: Mapping[str, Any]) -> list[str]:
        """Return what differs from the last of its kind: facts and verdicts of one life are much alike."""
        now = {name: one for name, one in value.items() if one}
        before = self._json.get(column, {})
        self._json[column] = now
        told = [f"{column}.{name}={self.told(one)}" for name, one in sorted(now.items()) if before.get(name) != one]
        return told + [f"{column}.{name}=none" for name in sorted(before.keys() - now.keys())]

    def _notices(self) -> None:
        self.head("notices")
        with self.world.store.read() as connection:
            for row in connection.execute(tables.notice.select().order_by(tables.notice.c.id)).all():
                self.lines.append(f"notice {self.told(dict(row._mapping))}")

    # --- values -------------------------------------------------------------------------

    def told(self, value: Any, *, whole: bool = False) -> str:
        """Return a value as it is told: nothing of what is empty, ids by number, words as dots."""
        if isinstance(value, Enum):
            return self.told(value.value)
        if isinstance(value, str):
            return self._word(value, whole=whole)
        if isinstance(value, bool) or value is None:
            return str(value)
        if isinstance(value, int) and value in _MICROS:
            return self._moment(datetime.fromtimestamp(value / 1_000_000, UTC))
        if isinstance(value, float):
            return f"{value:.4g}"
        if isinstance(value, datetime):
            return self._moment(value)
        if isinstance(value, bytes):
            return f"<{len(value)} bytes>"
        if isinstance(value, Mapping):
            pairs: Mapping[Any, Any] = value
            # Some are counted out of sets, whose sequence is another in each process.
            named = sorted(pairs.items(), key=lambda pair: str(pair[0]))
            inner = [
                f"{self.told(key)}={'drawn' if key in _DRAWN else self.told(held, whole=whole)}" for key, held in named
            ]
            return "{" + ", ".join(inner) + "}"
        if isinstance(value, set | frozenset):
            return "{" + ", ".join(sorted(self.told(one, whole=whole) for one in cast("set[Any]", value))) + "}"
        if isinstance(value, list | tuple):
            return "[" + ", ".join(self.told(one, whole=whole) for one in cast("list[Any]", value)) + "]"
        if isinstance(value, GardefouError):
            extra = self.told(value.extra, whole=whole) if value.extra else ""
            said = self._word(value.message, whole=whole)
            return f"{type(value).__name__} {value.code} {value.field} {extra} {said}"
        if is_dataclass(value) and not isinstance(value, type):
            return self._record(value, whole=whole)
        return self._word(str(value), whole=whole)

    def _record(self, value: Any, *, whole: bool) -> str:
        name = type(value).__name__
        if isinstance(value, Enforcement):
            # Its row was told with its event.
            return f"{value.action} {self.told(value.id)} {value.state}"
        if type(value) in MAPPED and not whole:
            return f"{name} {self.told(getattr(value, 'id', None) or getattr(value, 'ref', ''))}"
        given = [(one, getattr(value, one.name)) for one in fields(value) if not one.name.startswith("_")]
        inner = [
            f"{one.name}={self.told(held, whole=whole)}"
            for one, held in given
            if one.name not in _LEFT_OUT and held != one.default
        ]
        return f"{name}({', '.join(inner)})"

    def _word(self, text: str, *, whole: bool) -> str:
        if not whole and " " in _MOMENT.sub("", text):
            return "..."
        text = _UUID.sub(lambda found: self._numbers.setdefault(found[0], f"#{len(self._numbers) + 1}"), text)
        text = _HASH.sub("<hash>", text)
        text = _ROW.sub(lambda found: f"<{len(found[0])} times {found[1]}>", text)
        return _MOMENT.sub(lambda found: self._moment(datetime.fromisoformat(found[0])), text)

    def _moment(self, at: datetime) -> str:
        gone = at - self._began
        sign, gone = ("-", -gone) if gone < timedelta(0) else ("+", gone)
        days = f"{gone.days}d" if gone.days else ""
        return f"{sign}{days}{timedelta(seconds=gone.seconds, microseconds=gone.microseconds)}"


@cache
def _usual(table: str) -> Mapping[str, Any]:
    """Return what the columns of a new row have where nothing is said of them, as JSON has it."""
    kind = next((kind for kind, mapped in MAPPED.items() if mapped.table.name == table), None)
    usual: dict[str, Any] = {}
    for one in () if kind is None else fields(kind):
        if one.default is not MISSING:
            usual[one.name] = list(one.default) if isinstance(one.default, tuple) else one.default
        elif one.default_factory is not MISSING:
            usual[one.name] = one.default_factory()
    return usual


def compare(name: str, told: str, *, renew: bool) -> None:
    """Hold a life to how it was told before; ``renew`` writes it anew, to be read in the diff."""
    path = LIVES / f"{name}.txt"
    if renew:
        path.write_text(told, encoding="utf-8")
    assert told.splitlines() == path.read_text(encoding="utf-8").splitlines()
