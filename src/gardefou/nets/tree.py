"""The parsed form of a condition: one small tree, read by evaluation, explanation, proof and SQL.

A node knows where it stands (``at``: offset in characters from the start of
the text) so that every problem can name line and column. After `check.resolve`
names are `Fact` nodes and durations are numbers in the unit of what they are
compared with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gardefou.nets.facts import FactSpec


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: true or false, a number, or a text (a duration until it is checked)."""

    value: bool | int | float | str
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """A dotted name as written; checking turns it into a `Fact`."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Fact:
    """The value of a fact."""

    spec: FactSpec
    at: int


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list written out: ``["lead", "policy"]``."""

    items: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Not:
    """``not x``."""

    inner: Node
    at: int


@dataclass(frozen=True, slots=True)
class Bool:
    """``x and y and …`` or ``x or y or …``; evaluated from the left, stopping early."""

    op: str
    parts: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Compare:
    """``a < b <= c``: each neighbouring pair by its operator, stopping at the first that is false."""

    items: tuple[Node, ...]
    ops: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Arith:
    """``+ - * /`` of two numbers; ``/`` by zero errs."""

    op: str
    left: Node
    right: Node
    at: int


@dataclass(frozen=True, slots=True)
class Negate:
    """``-x``."""

    inner: Node
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """``min max len any all`` over a list of arguments."""

    function: str
    args: tuple[Node, ...]
    at: int


Node = Literal | Name | Fact | ListOf | Not | Bool | Compare | Arith | Negate | Call


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below, from the left."""
    match node:
        case ListOf(items=nodes) | Bool(parts=nodes) | Compare(items=nodes) | Call(args=nodes):
            return nodes
        case Not(inner=inner) | Negate(inner=inner):
            return (inner,)
        case Arith(left=left, right=right):
            return (left, right)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """Go through the node and everything below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def facts_read(node: Node) -> tuple[FactSpec, ...]:
    """Return the facts a condition can read, each once, in the schema's sequence."""
    found = {one.spec.name: one.spec for one in walk(node) if isinstance(one, Fact)}
    return tuple(sorted(found.values(), key=lambda spec: spec.index))


_LEVEL = {"or": 1, "and": 2}


def render(node: Node, level: int = 0) -> str:
    """Write a node as its condition reads, with only the brackets it needs."""
    match node:
        case Literal(value=value):
            return _quoted(value) if isinstance(value, str) else str(value)
        case Name(name=name):
            return name
        case Fact(spec=spec):
            return spec.name
        case ListOf(items=items):
            return f"[{', '.join(render(item) for item in items)}]"
        case Not(inner=inner):
            return _wrap(f"not {render(inner, 3)}", needed=level > 3)
        case Bool(op=op, parts=parts):
            mine = _LEVEL[op]
            return _wrap(f" {op} ".join(render(part, mine + 1) for part in parts), needed=level > mine)
        case Compare(items=items, ops=ops):
            text = render(items[0], 5) + "".join(
                f" {op} {render(item, 5)}" for op, item in zip(ops, items[1:], strict=True)
            )
            return _wrap(text, needed=level > 4)
        case Arith(op=op, left=left, right=right):
            mine = 5 if op in "+-" else 6
            return _wrap(f"{render(left, mine)} {op} {render(right, mine + 1)}", needed=level > mine)
        case Negate(inner=inner):
            return f"-{render(inner, 7)}"
        case Call(function=function, args=args):
            return f"{function}({', '.join(render(arg) for arg in args)})"


def _wrap(text: str, *, needed: bool) -> str:
    return f"({text})" if needed else text


def _quoted(value: str) -> str:
    return f'"{"".join(_QUOTED.get(char) or _visible(char) for char in value)}"'


_QUOTED = {"\\": "\\\\", '"': '\\"'}


def _visible(char: str) -> str:
    """Return a character as it stands in a text, or as its number where it would not be seen, or not be read again."""
    return char if char.isprintable() else f"\\U{ord(char):08x}"
