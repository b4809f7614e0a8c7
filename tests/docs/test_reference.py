"""The reference of events is whole: every event stands in it, and nothing that is not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "gardefou"
_EVENT = re.compile(
    r"(account|alert|breaker|budget|case|channel|decision|enforcement|incident|nets|notice|pause|platform|report|setting|setup|staff|token)"
    r"\.[a-z_]+"
)
#: Where a ledger event's kind is the first, or for a change of an enforcement's state the third, argument.
_WRITERS = {"record", "move", "rewrite", "Entry", "_change"}


def events_written() -> set[str]:
    found: set[str] = set()
    for path in [
        *SOURCE.glob("flow/**/*.py"),
        *SOURCE.glob("people/*.py"),
        SOURCE / "bootstrap.py",
        *SOURCE.glob("storage/*.py"),
    ]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                values = [*node.args, *(keyword.value for keyword in node.keywords)]
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in _WRITERS:
                    found |= _texts(values)
    return found


def _texts(values: list[ast.expr]) -> set[str]:
    texts: set[str] = set()
    for value in values:
        for part in (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and _EVENT.fullmatch(part.value):
                texts.add(part.value)
    return texts


def events_documented() -> set[str]:
    page = (ROOT / "docs" / "reference" / "events.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([a-z_.]+)` \|", page, flags=re.MULTILINE))


def test_every_event_is_documented():
    assert events_written() - events_documented() == set()


def test_no_event_is_documented_that_nothing_writes():
    mentioned = {
        name
        for path in SOURCE.rglob("*.py")
        for name in re.findall(r"\"([a-z]+\.[a-z_]+)\"", path.read_text(encoding="utf-8"))
    }
    assert events_documented() - mentioned == set()
