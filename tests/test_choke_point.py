"""There is one choke point: nothing but `gardefou.flow.execute` makes a platform act."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "gardefou"
ACTING = frozenset({"apply", "undo"})


def reaches_for_acting(tree: ast.AST) -> list[int]:
    """Return the lines that use an attribute `apply` or `undo`, called, passed on, or by `getattr`."""
    lines: list[int] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ACTING:
            lines.append(node.lineno)
        if isinstance(node, ast.Call) and _name_of(node.func) in {"getattr", "methodcaller", "attrgetter"}:
            named = [argument for argument in node.args if isinstance(argument, ast.Constant)]
            lines.extend(argument.lineno for argument in named if argument.value in ACTING)
    return sorted(lines)


def _name_of(called: ast.expr) -> str | None:
    match called:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return None


#: A connector of the attacker's world that stands before another and hands on what it was asked: it is called by
#: `flow/execute` alone, as every connector is.
HANDS_ON = ("attack", "watched")


def may_act(file: Path) -> bool:
    """Say whether the file is `flow/execute.py`, or part of a package `flow/execute/`, or a connector that hands on."""
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return parts[:2] == ("flow", "execute") or parts == HANDS_ON


def test_only_execute_makes_a_platform_act():
    offenders = [
        f"{file.relative_to(SOURCE.parent)}:{line}"
        for file in sorted(SOURCE.rglob("*.py"))
        if not may_act(file)
        for line in reaches_for_acting(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert not offenders, f"only gardefou.flow.execute may use a connector's apply or undo: {offenders}"


def test_every_way_to_reach_for_it_is_seen():
    ways = """
connector.apply(operation)
platforms[name].undo(operation)
pool.submit(connector.apply, operation)
getattr(connector, "undo")(operation)
operator.methodcaller("apply", operation)(connector)
connector.read_state(account)
"""
    assert reaches_for_acting(ast.parse(ways)) == [2, 3, 4, 5, 6]
