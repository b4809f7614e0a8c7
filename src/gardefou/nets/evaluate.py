"""Runs conditions: compiled once to Python, about a tenth of a microsecond each, with three outcomes.

Matched, not matched, or erred (an unknown fact without a most protective
value was read, or something was divided by zero). Erred counts as matched, so
a net fails closed. Every number is calculated with as a float, so that SQL,
which has no whole numbers without bound, comes to the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gardefou.nets import tree
from gardefou.nets.check import read_condition
from gardefou.nets.facts import Facts, FactSpec

Row = tuple[Any, ...]


class Outcome(StrEnum):
    """What came of evaluating a condition."""

    MATCHED = "matched"
    NOT_MATCHED = "not matched"
    ERRED = "erred"

    @property
    def speaks(self) -> bool:
        """Whether the net counts as matched."""
        return self is not Outcome.NOT_MATCHED


@dataclass(frozen=True, slots=True)
class Condition:
    """A checked condition: its text, its tree, the facts it reads, and ``test`` which runs on `Facts.row`.

    ``test`` raises where the condition errs; `evaluate` turns that into an
    outcome. Equal when the texts are.
    """

    text: str
    node: tree.Node = field(compare=False, repr=False)
    reads: tuple[FactSpec, ...] = field(compare=False, repr=False)
    test: Callable[[Row], bool] = field(compare=False, repr=False)

    def evaluate(self, facts: Facts) -> Outcome:
        """Judge the condition on these facts; never raises."""
        try:
            return Outcome.MATCHED if self.test(facts.row) else Outcome.NOT_MATCHED
        except Exception:  # noqa: BLE001  (whatever went wrong, the net fails closed)
            return Outcome.ERRED


def compile_condition(text: str) -> Condition:
    """Parse, check and compile a condition.

    Raises:
        ConditionError: the first thing wrong, with line and column within the
            text (`nets/syntax`, `nets/unknown_fact`, `nets/type`, `nets/never_holds`).
    """
    node, problems = read_condition(text)
    if node is None:
        raise problems[0]
    return from_tree(text, node)


def from_tree(text: str, node: tree.Node) -> Condition:
    """Compile a checked tree."""
    source = f"lambda f: {_python(node)}"
    # Safe: the source is written from the checked tree alone, which has no names, calls or
    # attributes beyond those of this file.
    test: Callable[[Row], bool] = eval(  # noqa: S307
        compile(source, "<condition>", "eval"),
        {"__builtins__": {}, "n": _finite, "min": min, "max": max, "len": _length, "any": any, "all": all},
    )
    return Condition(text, node, tree.facts_read(node), test)


def _finite(value: float) -> float:
    """Err where a product or quotient outgrows floats: infinity minus itself would compare as false."""
    if not -1e300 < value < 1e300:
        raise OverflowError
    return value


def _length(texts: tuple[str, ...]) -> float:
    return float(len(texts))


def _plain(nodes: tuple[tree.Node, ...]) -> bool:
    return all(isinstance(node, tree.Literal) for node in nodes)


def _python(node: tree.Node) -> str:
    match node:
        case tree.Literal(value=value):
            return repr(value) if isinstance(value, bool | str) else repr(float(value))
        case tree.Fact(spec=spec):
            return f"f[{spec.index}]"
        case tree.ListOf(items=items):
            return f"({''.join(f'{_python(item)}, ' for item in items)})"
        case tree.Not(inner=inner):
            return f"(not {_python(inner)})"
        case tree.Bool(op=op, parts=parts):
            return f"({f' {op} '.join(_python(part) for part in parts)})"
        case tree.Compare(items=(item, tree.ListOf(items=listed)), ops=(op,)) if not _plain(listed):
            # Each with ==, from the left: "in" would take an unknown fact for equal to itself.
            text = " or ".join(f"{_python(item)} == {_python(one)}" for one in listed)
            return f"(not ({text}))" if op == "not in" else f"({text})"
        case tree.Compare(items=items, ops=ops):
            rest = "".join(f" {op} {_python(item)}" for op, item in zip(ops, items[1:], strict=True))
            return f"({_python(items[0])}{rest})"
        case tree.Arith(op=op, left=left, right=right):
            text = f"({_python(left)} {op} {_python(right)})"
            return text if op in "+-" else f"n{text}"
        case tree.Negate(inner=inner):
            return f"(-{_python(inner)})"
        case tree.Call(function=("any" | "all") as function, args=(tree.ListOf(items=items),)):
            # Every item is read, so that none that is unknown hides behind another.
            return f"{function}(({''.join(f'not not {_python(item)}, ' for item in items)}))"
        case tree.Call(function="len", args=(tree.ListOf(items=items),)):
            return repr(float(len(items)))  # how many are written down is known, whatever they are
        case tree.Call(function=function, args=args):
            return f"{function}({', '.join(_python(arg) for arg in args)})"
        case tree.Name(name=name):
            raise ValueError(name)  # checking left none
