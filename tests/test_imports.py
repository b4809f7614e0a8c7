"""The domain stands on the standard library alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

DOMAIN = Path(__file__).parent.parent / "src" / "gardefou" / "domain"
OWN = ("gardefou.domain", "gardefou.clock", "gardefou.errors", "gardefou.ids")


def imported_modules(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(f"{'.' * node.level}{node.module or ''}")
    return names


def test_the_domain_imports_the_standard_library_only():
    foreign = {
        f"{file.name}: {name}"
        for file in sorted(DOMAIN.rglob("*.py"))
        for name in imported_modules(ast.parse(file.read_text(encoding="utf-8")))
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith(OWN)
    }
    assert not foreign
