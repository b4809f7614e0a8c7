"""Types of conditions: names become facts, durations become numbers, and nonsense is named with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gardefou.nets import tree
from gardefou.nets.contradiction import never_holds
from gardefou.nets.facts import SCHEMA, VERY_LARGE, FactSpec, Kind, Unit
from gardefou.nets.language import ConditionError, parse, place_of
from gardefou.nets.suggest import nearest_word
from gardefou.speech import gettext as _
from gardefou.speech import plain

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def duration_seconds(text: str) -> float | None:
    """Return the seconds that ``"90s" "10m" "2h" "3d" "1w"`` stands for; ``None`` when it is no duration."""
    found = _DURATION.fullmatch(text)
    return float(found[1]) * _SECONDS[found[2]] if found else None


class Sort(StrEnum):
    """What an expression yields."""

    BOOL = "true or false"
    NUMBER = "a number"
    TEXT = "a text"
    LIST = "a list"


@dataclass(frozen=True, slots=True)
class Type:
    """Type of an expression: its sort, a number's unit, an enum's words, a list's elements."""

    sort: Sort
    unit: Unit | None = None
    choices: tuple[str, ...] = ()
    of: Sort | None = None


_BOOL = Type(Sort.BOOL)
_NUMBER = Type(Sort.NUMBER)
_TEXT = Type(Sort.TEXT)


def read_condition(text: str) -> tuple[tree.Node | None, tuple[ConditionError, ...]]:
    """Parse and type-check a condition; return its tree, or everything that is wrong with it.

    Codes: `nets/syntax`, `nets/unknown_fact`, `nets/type`, `nets/never_holds`.
    """
    try:
        parsed = parse(text)
    except ConditionError as error:
        return None, (error,)
    checker = _Checker(text)
    node, kind = checker.resolve(parsed)
    if kind is not None and kind.sort is not Sort.BOOL:
        checker.problem(
            "nets/type", _("A condition must be true or false; this is %(sort)s", sort=plain(kind.sort)), parsed
        )
    if checker.problems:
        return None, tuple(checker.problems)
    if never_holds(node):
        checker.problem("nets/never_holds", _("This condition can never hold"), parsed)
        return None, tuple(checker.problems)
    return node, ()


class _Checker:
    """Walks a parsed tree; a type of ``None`` is something already reported."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.problems: list[ConditionError] = []

    def problem(self, code: str, message: str, node: tree.Node, suggestion: str | None = None) -> None:
        ending = "" if message.endswith("?") else "."
        self.problems.append(ConditionError(code, message + ending, place_of(self._text, node.at), suggestion))

    def resolve(self, node: tree.Node) -> tuple[tree.Node, Type | None]:
        match node:
            case tree.Literal(value=value):
                return self._literal(node, value)
            case tree.Name(name=name, at=at):
                return self._name(node, name, at)
            case tree.Fact():
                return node, _type_of(node.spec)
            case tree.ListOf():
                return self._list(node)
            case tree.Not(inner=inner, at=at):
                return tree.Not(self._boolean(inner, "not"), at), _BOOL
            case tree.Bool(op=op, parts=parts, at=at):
                return tree.Bool(op, tuple(self._boolean(part, op) for part in parts), at), _BOOL
            case tree.Compare():
                return self._compare(node)
            case tree.Arith():
                return self._arith(node)
            case tree.Negate(inner=inner, at=at):
                done, kind = self._number(inner, "-")
                return tree.Negate(done, at), kind
            case tree.Call():
                return self._call(node)

    def _literal(self, node: tree.Literal, value: object) -> tuple[tree.Node, Type | None]:
        if isinstance(value, bool):
            return node, _BOOL
        if isinstance(value, str):
            return node, _TEXT
        if isinstance(value, int | float) and not value <= VERY_LARGE:
            self.problem("nets/type", _("Numbers go up to %(very_large)s", very_large=VERY_LARGE), node)
            return node, None
        return node, _NUMBER

    def _name(self, node: tree.Node, name: str, at: int) -> tuple[tree.Node, Type | None]:
        spec = SCHEMA.get(name)
        if spec is None:
            near = nearest_word(name, SCHEMA) or nearest_word(name.capitalize(), ("True", "False"))
            group = [one for one in SCHEMA if one.startswith(f"{name.partition('.')[0]}.")]
            hint = _(" Did you mean %(near)s?", near=near) if near else ""
            self.problem(
                "nets/unknown_fact",
                _("There is no fact %(name)s.%(hint)s", name=name, hint=hint).removesuffix("."),
                node,
                near or _("one of %(words)s", words=", ".join(group or SCHEMA)),
            )
            return node, None
        return tree.Fact(spec, at), _type_of(spec)

    def _list(self, node: tree.ListOf) -> tuple[tree.Node, Type | None]:
        done = [self.resolve(item) for item in node.items]
        kinds = {kind.sort for _, kind in done if kind is not None}
        out = tree.ListOf(tuple(item for item, _ in done), node.at)
        if not node.items:
            self.problem("nets/type", _("A list must not be empty"), node)
            return out, None
        if any(kind is None for _, kind in done):
            return out, None
        if len(kinds) > 1 or Sort.LIST in kinds:
            self.problem("nets/type", _("A list must hold values of one type, and no lists"), node)
            return out, None
        units = {kind.unit for _, kind in done if kind is not None and kind.unit is not None}
        if len(units) > 1:
            self.problem(
                "nets/type",
                _("This list mixes %(units)s", units=_(" and ").join(plain(unit) for unit in sorted(units))),
                node,
            )
            return out, None
        return out, Type(Sort.LIST, unit=next(iter(units), None), of=kinds.pop())

    def _boolean(self, node: tree.Node, where: str) -> tree.Node:
        done, kind = self.resolve(node)
        if kind is not None and kind.sort is not Sort.BOOL:
            self.problem(
                "nets/type",
                _("%(where)s needs true or false here, not %(sort)s", where=where, sort=plain(kind.sort)),
                node,
            )
        return done

    def _number(self, node: tree.Node, where: str) -> tuple[tree.Node, Type | None]:
        done, kind = self.resolve(node)
        if kind is not None and kind.sort is not Sort.NUMBER:
            hint = _("; compare a duration with a fact directly") if _is_duration(node) else ""
            self.problem(
                "nets/type",
                _("%(where)s needs a number here, not %(sort)s%(hint)s", where=where, sort=plain(kind.sort), hint=hint),
                node,
            )
            return done, None
        return done, kind

    def _arith(self, node: tree.Arith) -> tuple[tree.Node, Type | None]:
        left, one = self._number(node.left, node.op)
        right, two = self._number(node.right, node.op)
        out = tree.Arith(node.op, left, right, node.at)
        if one is None or two is None:
            return out, None
        if one.unit is not None and two.unit is not None:
            if node.op == "/" and one.unit == two.unit:
                return out, _NUMBER
            if node.op in "*/" or one.unit != two.unit:
                self.problem(
                    "nets/type",
                    _(
                        "%(unit)s %(op)s %(unit2)s means nothing",
                        unit=plain(one.unit),
                        op=node.op,
                        unit2=plain(two.unit),
                    ),
                    node,
                )
                return out, None
        if node.op == "/" and two.unit is not None:
            self.problem("nets/type", _("A number / %(unit)s means nothing", unit=plain(two.unit)), node)
            return out, None
        return out, Type(Sort.NUMBER, unit=one.unit or two.unit)

    def _call(self, node: tree.Call) -> tuple[tree.Node, Type | None]:
        name = node.function
        done = [self.resolve(arg) for arg in node.args]
        out = tree.Call(name, tuple(arg for arg, _ in done), node.at)
        kinds = [kind for _, kind in done if kind is not None]
        if len(kinds) < len(done):
            return out, None
        single = kinds[0] if len(kinds) == 1 and kinds[0].sort is Sort.LIST else None
        if name in ("any", "all", "len"):
            if single is None:
                self.problem("nets/type", _("%(name)s takes one list", name=name), node)
                return out, None
            if name == "len":
                return out, _NUMBER
            if single.of is not Sort.BOOL:
                self.problem(
                    "nets/type", _("%(name)s takes a list of true or false, such as %(name)s([a, b])", name=name), node
                )
                return out, None
            return out, _BOOL
        numbers = (
            single.of is Sort.NUMBER if single else (len(kinds) > 1 and all(kind.sort is Sort.NUMBER for kind in kinds))
        )
        units = {kind.unit for kind in kinds if kind.unit is not None}
        if not numbers or len(units) > 1:
            self.problem(
                "nets/type",
                _("%(name)s takes a list of numbers, or two numbers and more, of one unit", name=name),
                node,
            )
            return out, None
        return out, Type(Sort.NUMBER, unit=next(iter(units), None))

    def _compare(self, node: tree.Compare) -> tuple[tree.Node, Type | None]:
        done = [self.resolve(item) for item in node.items]
        unit = next((kind.unit for _, kind in done if kind is not None and kind.unit is not None), None)
        if unit is not None:
            done = [self._as_number(item, kind, unit) for item, kind in done]
        out = tree.Compare(tuple(item for item, _ in done), node.ops, node.at)
        if any(kind is None for _, kind in done):
            return out, None
        before = len(self.problems)
        if len(node.ops) > 1 and ("in" in node.ops or "not in" in node.ops):
            self.problem("nets/type", _("in cannot be chained; write and between the two"), node)
        for op, (left, one), (right, two) in zip(node.ops, done, done[1:], strict=False):
            if one is not None and two is not None and len(self.problems) == before:
                self._pair(op, (left, one), (right, two))
        return out, _BOOL if len(self.problems) == before else None

    def _as_number(self, node: tree.Node, kind: Type | None, unit: Unit) -> tuple[tree.Node, Type | None]:
        """Turn a duration, or a list of them, into numbers of the unit it is compared in."""
        if isinstance(node, tree.Literal) and isinstance(node.value, str):
            seconds = duration_seconds(node.value)
            if seconds is None:
                self.problem(
                    "nets/type",
                    _('"%(value)s" is no duration; write "90s", "10m", "2h" or "3d"', value=node.value),
                    node,
                    f'"{duration_meant(node.value, unit)}"',
                )
                return node, None
            number = seconds / unit.seconds
            return tree.Literal(int(number) if number.is_integer() else number, node.at), Type(Sort.NUMBER, unit=unit)
        if isinstance(node, tree.ListOf) and kind is not None and kind.of is Sort.TEXT:
            items = [self._as_number(item, _TEXT, unit) for item in node.items]
            listed = tree.ListOf(tuple(item for item, _ in items), node.at)
            kinds = [one for _, one in items]
            if None in kinds:
                return listed, None
            # A fact that is a text stays one: no number is ever in a list with it.
            return listed, kind if _TEXT in kinds else Type(Sort.LIST, unit=unit, of=Sort.NUMBER)
        return node, kind

    def _pair(self, op: str, left: tuple[tree.Node, Type], right: tuple[tree.Node, Type]) -> None:
        (one, first), (two, second) = left, right
        if first.unit is not None and second.unit is not None and first.unit != second.unit:
            self.problem(
                "nets/type",
                _("This compares %(unit)s with %(unit2)s", unit=plain(first.unit), unit2=plain(second.unit)),
                one,
                _("compare each with a duration of its own, such as %(duration)s", duration=_in_unit(first.unit)),
            )
        elif op in ("in", "not in"):
            if second.sort is not Sort.LIST:
                self.problem(
                    "nets/type",
                    _("%(op)s needs a list on its right, not %(sort)s", op=op, sort=plain(second.sort)),
                    two,
                )
            elif first.sort is not second.of:
                self.problem(
                    "nets/type",
                    _("%(sort)s is never in a list of %(of)s", sort=plain(first.sort), of=plain(second.of)),
                    one,
                )
            else:
                self._words((one, first), (two, second))
        elif first.sort is Sort.LIST or second.sort is Sort.LIST:
            self.problem("nets/type", _("Lists are compared with in, not %(op)s", op=op), one)
        elif first.sort is not second.sort:
            hint, meant = "", None
            if Sort.NUMBER in (first.sort, second.sort) and (_is_duration(one) or _is_duration(two)):
                hint = _("; a duration needs a fact measured in minutes, hours or days")
                measured = ", ".join(spec.name for spec in SCHEMA.values() if spec.unit is not None)
                meant = _("one of %(words)s", words=measured)
            elif Sort.NUMBER in (first.sort, second.sort):
                meant = _number_meant(one) or _number_meant(two)
            self.problem(
                "nets/type",
                _(
                    "This compares %(sort)s with %(sort2)s%(hint)s",
                    sort=plain(first.sort),
                    sort2=plain(second.sort),
                    hint=hint,
                ),
                one,
                meant,
            )
        elif op not in ("==", "!=") and first.sort is not Sort.NUMBER:
            self.problem(
                "nets/type",
                _("%(op)s compares numbers, not %(sort)s; use == or in", op=op, sort=plain(first.sort)),
                one,
            )
        else:
            self._words((one, first), (two, second))

    def _words(self, left: tuple[tree.Node, Type], right: tuple[tree.Node, Type]) -> None:
        """Check literal words against the closed list of the fact that they are compared with."""
        for (_one, kind), (node, _other) in ((left, right), (right, left)):
            if not kind.choices:
                continue
            for literal in _literals(node):
                if isinstance(literal.value, str) and literal.value not in kind.choices:
                    near = nearest_word(literal.value, kind.choices)
                    choices = ", ".join(kind.choices)
                    hint = (
                        _(" Did you mean %(near)s?", near=near) if near else _(" Use one of %(words)s", words=choices)
                    )
                    self.problem(
                        "nets/type",
                        _('"%(value)s" is never a value of this.%(hint)s', value=literal.value, hint=hint),
                        literal,
                        near or _("one of %(words)s", words=choices),
                    )


def duration_meant(text: str, unit: Unit = Unit.MINUTES) -> str:
    """Return the duration that was most likely meant by ``2 hours``, ``10min`` or a bare number of a unit."""
    found = re.search(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.lower())
    if found is None:
        return _in_unit(unit)
    number, word = float(found[1]), found[2]
    letters = {"sec": "s", "min": "m", "hou": "h", "hr": "h", "day": "d", "wee": "w", "wk": "w"}
    short = next(
        (letter for start, letter in letters.items() if word.startswith(start)), word if word in _SECONDS else ""
    )
    if not short and word.startswith(("mo", "y")):
        number, short = number * (30 if word.startswith("mo") else 365), "d"
    whole = int(number) if number.is_integer() else number
    return f"{whole}{short or {Unit.MINUTES: 'm', Unit.HOURS: 'h', Unit.DAYS: 'd'}[unit]}"


def _in_unit(unit: Unit) -> str:
    return {Unit.MINUTES: "10m", Unit.HOURS: "2h", Unit.DAYS: "3d"}[unit]


def _number_meant(node: tree.Node) -> str | None:
    """Return the number that a text was most likely meant for: ``"100,000"``, ``"5M"``."""
    if not isinstance(node, tree.Literal) or not isinstance(node.value, str):
        return None
    found = re.fullmatch(r"\s*(\d[\d,_ ]*)\s*([kmKM]?)\s*", node.value)
    if found is None:
        return None
    size = {"k": 1_000, "m": 1_000_000}.get(found[2].lower(), 1)
    return f"{int(re.sub(r'[^0-9]', '', found[1])) * size:_}"


def _literals(node: tree.Node) -> Iterable[tree.Literal]:
    return (one for one in tree.walk(node) if isinstance(one, tree.Literal))


def _is_duration(node: tree.Node) -> bool:
    return isinstance(node, tree.Literal) and isinstance(node.value, str) and duration_seconds(node.value) is not None


def _type_of(spec: FactSpec) -> Type:
    match spec.kind:
        case Kind.BOOL:
            return _BOOL
        case Kind.INT | Kind.FLOAT:
            return Type(Sort.NUMBER, unit=spec.unit)
        case Kind.TEXT:
            return _TEXT
        case Kind.ENUM:
            return Type(Sort.TEXT, choices=spec.choices)
        case Kind.TEXTS:
            return Type(Sort.LIST, of=Sort.TEXT, choices=spec.choices)
