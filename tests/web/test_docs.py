"""The reference pages say all there is: every route, and every error code in the source."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from fastapi.routing import APIRoute

from gardefou.web.app import GROUPS, PREFIX

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"[a-z_]+/[a-z_0-9]+")
#: A table's own `/stale` and a record's `/not_found` are made from its name.
MADE = {"staff/not_found", "token/not_found", "enforcement/stale", "account/stale"}


def codes_in_source() -> set[str]:
    found = set(MADE)
    for file in sorted((ROOT / "src/gardefou").rglob("*.py")):
        if "lab" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                given = [*node.args, *(word.value for word in node.keywords if word.arg == "code")]
                # The code comes first, and the message after it.
                found.update(
                    one.value
                    for one in given
                    if isinstance(one, ast.Constant) and isinstance(one.value, str) and _is_code(node, one.value)
                )
    return found


def _is_code(call: ast.Call, text: str) -> bool:
    named = call.func.id if isinstance(call.func, ast.Name) else ""
    raises = named.endswith(("Input", "NotFound", "Denied", "Conflict", "Stale", "Reused", "Unavailable", "Error"))
    coded = any(word.arg == "code" for word in call.keywords)
    return CODE.fullmatch(text) is not None and (raises or coded)


def test_every_error_code_of_the_source_has_its_meaning_and_remedy():
    page = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_]+/[a-z_0-9]+)` \| \d* \| (.*) \|$", page, re.MULTILINE)
    documented = dict(rows)
    missing = sorted(codes_in_source() - documented.keys())
    assert not missing, f"not in docs/reference/errors.md: {missing}"
    assert not [code for code, meaning in documented.items() if len(meaning) < 10]


def test_every_route_stands_in_the_reference():
    page = (ROOT / "docs/reference/http.md").read_text(encoding="utf-8")
    routes = {
        f"#### `{method} {PREFIX}{route.path_format}`"
        for group in GROUPS
        for route in group.routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods or ()
    }
    assert len(routes) > 40
    assert not [route for route in sorted(routes) if route not in page]
