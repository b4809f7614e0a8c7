"""Reads ``nets.toml``: every problem in one pass, each with file, line and column."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from gardefou.errors import InvalidInput
from gardefou.nets.check import duration_meant, duration_seconds, read_condition
from gardefou.nets.evaluate import Condition, from_tree
from gardefou.nets.facts import ROLES
from gardefou.nets.language import Place, place_of
from gardefou.nets.net import CHANNELS, CONFIRMS, Net, NetSet, duration_text
from gardefou.nets.positions import Positions, positions
from gardefou.nets.suggest import nearest_word
from gardefou.nets.verdict import Requirement, Verdict
from gardefou.speech import gettext as _

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_KEYS = ("id", "title", "because", "when", "mode", "require")
_REQUIRE = (
    "refuse",
    "approvals",
    "from",
    "distinct_teams",
    "fresh_auth_minutes",
    "blind",
    "hold",
    "confirm",
    "notify",
)
#: What roles and channels are called elsewhere.
_ALIASES = {
    "moderator": "reviewer",
    "agent": "reviewer",
    "manager": "lead",
    "supervisor": "lead",
    "administrator": "admin",
    "root": "admin",
    "lawyer": "legal",
    "counsel": "legal",
    "on-call": "oncall",
    "sre": "oncall",
    "all": "everyone",
    "audit": "auditor",
}
_EXAMPLES = {
    "id": 'id = "no-bulk-for-leavers"',
    "title": 'title = "A leaver does nothing in bulk"',
    "because": 'because = "2017: a leaver had full powers to the last minute"',
    "when": "when = 'action.severity >= 3'",
}
#: Roles that a net's approvals come from when it does not say: those that approve (M10).
APPROVING_ROLES = ("lead", "policy")
MAX_APPROVALS = 10
MAX_HOLD_SECONDS = 90 * 86_400
MAX_FRESH_MINUTES = 10_080


class Report(Protocol):
    """Takes what is wrong: code, message, key in the net, the place inside a ``when``, what to write instead."""

    def __call__(
        self, code: str, message: str, key: str, place: Place | None = None, suggestion: str | None = None
    ) -> None:
        """Note it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file of nets: code, message, where, and in which net.

    ``severity``: an ``error`` keeps the set from being used, a ``warning`` does
    not. ``suggestion``: what to write instead, where that can be said.
    """

    code: str
    message: str
    file: str
    line: int
    column: int
    net: str | None = None
    severity: str = "error"
    suggestion: str | None = None

    def __str__(self) -> str:
        """``nets.toml:7:8: There is no fact … [nets/unknown_fact]``."""
        return f"{self.file}:{self.line}:{self.column}: {self.message} [{self.code}]"

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        found: dict[str, Any] = {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "net": self.net,
        }
        return found if self.suggestion is None else {**found, "suggestion": self.suggestion}


def check(text: str, filename: str = "nets.toml") -> list[Problem]:
    """Return everything that is wrong with a file of nets; empty when it can be loaded.

    Codes: `nets/toml`, `nets/empty`, `nets/unknown_key`, `nets/missing_key`,
    `nets/bad_id`, `nets/duplicate_id`, `nets/bad_value`, `nets/bad_mode`,
    `nets/bad_duration`, `nets/unknown_role`, `nets/unknown_channel`,
    `nets/empty_require`, `nets/syntax`, `nets/unknown_fact`, `nets/type`,
    `nets/never_holds`.
    """
    return read_all(text, filename)[1]


def load(text: str, filename: str = "nets.toml") -> NetSet:
    """Read a file of nets.

    Raises:
        InvalidInput: anything is wrong; the message is the first problem with
            its place, ``extra["problems"]`` has all (codes of `check`).
    """
    nets, problems = read_all(text, filename)
    if problems:
        first = problems[0]
        raise InvalidInput(
            first.code,
            f"{first.file}:{first.line}:{first.column}: {first.message}",
            field=f"net.{first.net}" if first.net else "net",
            extra={"problems": [problem.to_json() for problem in problems]},
        )
    return NetSet(nets)


def read_net(table: Mapping[str, Any]) -> Net:
    """Read one net from a table that stands elsewhere, such as in a scenario or a proposal.

    Raises:
        InvalidInput: the first thing wrong (codes of `check`); ``field`` is its key.
    """

    def fail(
        code: str,
        message: str,
        key: str,
        place: Place | None = None,
        suggestion: str | None = None,  # noqa: ARG001
    ) -> None:
        where = ""
        if place:
            where = _(" (line %(line)s, column %(column)s of when)", line=place.line, column=place.column)
        raise InvalidInput(
            code,
            _("Net %(net)s: %(message)s%(where)s", net=table.get("id", "?"), message=message, where=where),
            field=f"net.{key}",
        )

    net = _net(table, fail)
    assert net is not None  # every way to no net fails first
    return net


def read_all(text: str, filename: str) -> tuple[list[Net], list[Problem]]:
    """Return the nets of a file that are good by themselves, and everything that is wrong with the rest."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        # Without numbers it says "(at end of document)".
        place = Place(int(found[1]), int(found[2])) if found else place_of(text, len(text))
        message = re.sub(r" \(at .*\)$", "", str(error))
        return [], [
            Problem(
                "nets/toml", _("This is not TOML: %(message)s.", message=message), filename, place.line, place.column
            )
        ]
    text = text.replace("\r\n", "\n")
    where = positions(text)
    problems: list[Problem] = []
    tables: object = document.get("net")

    def note(code: str, message: str, place: Place, net: str | None = None, instead: str | None = None) -> None:
        problems.append(Problem(code, message, filename, place.line, place.column, net, suggestion=instead))

    for key in document:
        if key != "net":
            said = _("There is no table %(key)s here; nets are [[net]] tables.", key=key)
            note("nets/unknown_key", said, where.key(key), instead="[[net]]")
    if not isinstance(tables, list) or not tables:
        note("nets/empty", "There is no [[net]] here; a set without nets lets everything through.", Place(1, 1))
        return [], problems
    nets: list[Net] = []
    seen: dict[str, Place] = {}
    for index, table in enumerate(cast("list[object]", tables)):
        if not isinstance(table, dict):
            note("nets/bad_value", "Each net must be a [[net]] table.", where.key("net"))
            continue
        given = cast("dict[str, Any]", table)
        name = given.get("id") if isinstance(given.get("id"), str) else None

        report = _reporting(note, where, index, name)
        net = _net(given, report)
        if name is not None:
            if name in seen:
                said = _("Net %(name)s stands at line %(line)s already.", name=name, line=seen[name].line)
                report("nets/duplicate_id", said, "id", None, f"{name}-2")
            seen.setdefault(name, where.key(f"net.{index}.id"))
        if net is not None:
            nets.append(net)
    problems.sort(key=lambda problem: (problem.line, problem.column))
    return nets, problems


def _reporting(note: Callable[..., None], where: Positions, index: int, name: str | None) -> Report:
    def report(code: str, message: str, key: str, place: Place | None = None, suggestion: str | None = None) -> None:
        path = f"net.{index}.{key}"
        note(code, message, where.within(path, place) if place else where.key(path), name, suggestion)

    return report


def _net(table: Mapping[str, Any], report: Report) -> Net | None:
    """Read a net, reporting all that is wrong; ``None`` when anything was."""
    wrong = False

    def problem(code: str, message: str, key: str, place: Place | None = None, suggestion: str | None = None) -> None:
        nonlocal wrong
        wrong = True
        report(code, message, key, place, suggestion)

    for key in table:
        if key not in _KEYS:
            inside = key in _REQUIRE
            near = _("%(key)s in [net.require]", key=key) if inside else nearest_word(key, _KEYS)
            hint = _(" Did you mean %(near)s?", near=near) if near else ""
            said = _("A net has no %(key)s.%(hint)s", key=key, hint=hint)
            problem("nets/unknown_key", said, key, None, near or _("one of %(words)s", words=", ".join(_KEYS)))
    texts: dict[str, str] = {}
    for key in ("id", "title", "because", "when"):
        value = table.get(key)
        if value is None:
            problem("nets/missing_key", _("The net has no %(key)s; add it.", key=key), "", None, _EXAMPLES[key])
        elif not isinstance(value, str) or not value.strip():
            problem("nets/bad_value", _("%(key)s must be a text that is not empty.", key=key), key)
        else:
            texts[key] = value
    if "id" in texts and (not _ID.fullmatch(texts["id"]) or len(texts["id"]) > 80):
        problem(
            "nets/bad_id",
            _("An id is small letters, digits and single hyphens, at most 80: no-bulk-for-leavers."),
            "id",
            None,
            re.sub(r"[^a-z0-9]+", "-", texts["id"].lower()).strip("-0123456789")[:80] or "no-bulk-for-leavers",
        )
    mode = table.get("mode", "enforce")
    if mode not in ("enforce", "shadow"):
        near = nearest_word(str(mode), ("shadow",)) or "enforce"
        problem("nets/bad_mode", _('mode is "enforce" or "shadow".'), "mode", None, f'mode = "{near}"')
    condition: Condition | None = None
    if "when" in texts:
        node, errors = read_condition(texts["when"])
        for error in errors:
            problem(error.code, error.message, "when", error.place, error.suggestion)
        if node is not None:
            condition = from_tree(texts["when"], node)
    asks = _require(table.get("require"), texts.get("title", ""), problem)
    if wrong or condition is None or asks is None:
        return None
    return Net(
        id=texts["id"],
        title=texts["title"],
        because=texts["because"],
        condition=condition,
        asks=asks,
        shadow=mode == "shadow",
    )


def _require(given: object, title: str, problem: Report) -> Verdict | None:
    if not isinstance(given, dict) or not given:
        problem("nets/empty_require", _("The net asks for nothing; say in [net.require] what it asks."), "require")
        return None
    require = cast("dict[str, Any]", given)
    for key in require:
        if key not in _REQUIRE:
            near = nearest_word(key, _REQUIRE)
            hint = _(" Did you mean %(near)s?", near=near) if near else ""
            said = _("A net cannot require %(key)s.%(hint)s", key=key, hint=hint)
            problem(
                "nets/unknown_key",
                said,
                f"require.{key}",
                None,
                near or _("one of %(words)s", words=", ".join(_REQUIRE)),
            )

    def whole(key: str, most: int) -> int | None:
        value = require.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            problem(
                "nets/bad_value",
                _("%(key)s must be a whole number from 1 to %(most)s.", key=key, most=most),
                f"require.{key}",
            )
            return None
        return value

    def flag(key: str) -> bool:
        value = require.get(key, False)
        if not isinstance(value, bool):
            problem("nets/bad_value", _("%(key)s must be true or false.", key=key), f"require.{key}")
        return value is True

    def words(key: str, known: tuple[str, ...], code: str) -> tuple[str, ...]:
        value = require.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not value:
            problem(
                "nets/bad_value",
                _("%(key)s must be a list of %(known)s.", key=key, known=", ".join(known)),
                f"require.{key}",
            )
            return ()
        listed = cast("list[object]", value)
        for one in listed:
            if not isinstance(one, str) or one not in known:
                near = _ALIASES.get(str(one).lower())
                near = near if near in known else nearest_word(str(one), known)
                words = ", ".join(known)
                hint = _(" Did you mean %(near)s?", near=near) if near else _(" Use some of %(words)s.", words=words)
                instead = near or _("some of %(words)s", words=words)
                problem(
                    code,
                    _("%(key)s cannot name %(one)s.%(hint)s", key=key, one=repr(one), hint=hint),
                    f"require.{key}",
                    None,
                    instead,
                )
        return tuple(sorted({str(one) for one in listed}))

    approvals = whole("approvals", MAX_APPROVALS)
    roles = words("from", ROLES, "nets/unknown_role")
    distinct, blind = flag("distinct_teams"), flag("blind")
    for key in ("from", "distinct_teams", "blind"):
        if key in require and "approvals" not in require:
            problem(
                "nets/bad_value",
                _("%(key)s means nothing without approvals; add approvals.", key=key),
                f"require.{key}",
            )
    refuse = require.get("refuse")
    if refuse is not None and refuse is not True and not (isinstance(refuse, str) and refuse.strip()):
        problem("nets/bad_value", _("refuse must be true or the reason in words."), "require.refuse")
    return Verdict(
        refusals=() if refuse is None else (title if refuse is True else str(refuse),),
        approvals=(Requirement(roles or APPROVING_ROLES, approvals, distinct, blind),) if approvals else (),
        fresh_auth_minutes=whole("fresh_auth_minutes", MAX_FRESH_MINUTES),
        hold_seconds=_hold(require.get("hold"), problem),
        confirm=words("confirm", CONFIRMS, "nets/bad_value"),
        notify=words("notify", CHANNELS, "nets/unknown_channel"),
    )


def _hold(value: object, problem: Report) -> int:
    if value is None:
        return 0
    seconds = duration_seconds(value) if isinstance(value, str) else None
    if seconds is None or not float(seconds).is_integer() or not 1 <= seconds <= MAX_HOLD_SECONDS:
        said = _('hold is a duration from "1s" to "90d", such as "10m".')
        meant = _hold_meant(value)
        problem("nets/bad_duration", said, "require.hold", None, f'hold = "{meant}"')
        return 0
    return int(seconds)


def _hold_meant(value: object) -> str:
    """Return the hold that was most likely meant; a bare number counts seconds, as elsewhere."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_HOLD_SECONDS:
        return duration_text(value)
    meant = duration_meant(value) if isinstance(value, str) else "10m"
    seconds = duration_seconds(meant) or 0
    return meant if 1 <= seconds <= MAX_HOLD_SECONDS else "90d" if seconds else "10m"
