"""Finds every function of the source that can write what protection stands on: read from the source, not run.

What counts: an event of a guarded kind, or of a kind that is passed in; a
guarded record that is made or replaced; SQL on a guarded table, and statements
built as text; the key store and files for the owner's eyes only; and a call of
any of these from outside the flow, at whatever remove. What is found is named
``path:function`` with the path below ``src/gardefou``.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

SRC = Path(__file__).parent.parent / "src" / "gardefou"

_RECORDS = {
    "Staff",
    "Token",
    "NetsVersion",
    "PlatformEntry",
    "Setting",
    "Account",
    "Pause",
    "TopUp",
    "Channel",
    "Passkey",
}
#: Fields of those records that `dataclasses.replace` may be given, and no other record has in this sense.
_FIELDS = {
    *("roles", "standing", "last_day_end", "notice_at", "enrolled", "founding", "employer"),
    *("scopes", "revoked_at", "expires_at", "issued_by"),
    *("active", "endpoint", "config"),
    *("explicit_tier", "explicit_until", "memory_tier", "memory_until", "tier", "marked_fake", "lookalike_of"),
}
_EVENTS = (
    "staff.",
    "token.",
    "nets.",
    "platform.",
    "setting.",
    "setup.",
    "pause.",
    "budget.",
    "raid.",
    "channel.",
    "passkey.",
)
_ACCOUNT_EVENTS = {"account.seen", "account.tier_set", "account.marked_fake", "account.merged"}
_TABLES = {
    *("staff", "token", "nets_version", "platform_entry", "setting", "account", "pause", "top_up", "channel"),
    *("person", "presence", "session", "signin_link", "invitation", "passkey", "passkey_use"),
}
_RECORDING = {"record", "move", "rewrite", "Entry"}
_TEXT_SQL = {"exec_driver_sql", "executemany", "executescript"}
#: They write through the handlers of `gardefou.flow.change_apply.KINDS`, which nothing calls by name.
_BY_KIND = {
    "flow/change.py:propose",
    "flow/change.py:propose_unowned",
    "flow/change.py:pause",
    "flow/change.py:resume",
    "flow/change_apply.py:apply_change",
    "flow/nets_file.py:propose_file",
}
#: Layers whose callers are doors: they are followed outwards until a route, a command or a loop.
_OUTSIDE = ("flow", "cli", "web", "demo", "scenario", "bench", "lab", "worker.py", "bootstrap.py", "people")


@dataclass
class Function:
    """One function or method of the source, whatever is nested in it included."""

    name: str
    #: Dotted names of functions that it calls or passes on.
    uses: set[str] = field(default_factory=set[str])
    writes: bool = False


def found(harmless: Collection[str] = (), source: Path = SRC) -> set[str]:
    """Return every writer, and every door that leads to one; doors to the ``harmless`` ones are not followed."""
    functions = {
        one.name: one
        for file in sorted(source.rglob("*.py"))
        for one in _functions(file.relative_to(source).as_posix(), file.read_text(encoding="utf-8"))
    }
    writers = {one.name for one in functions.values() if one.writes}
    guarded = {*writers, *_BY_KIND}
    followed = guarded - set(harmless)
    while True:
        dotted = {_dotted(name) for name in followed}
        more = {
            one.name
            for one in functions.values()
            if one.name not in guarded
            and one.name.startswith(_OUTSIDE)
            and one.uses & dotted
            and not one.name.endswith(":routes")
        }
        if not more:
            return guarded
        guarded |= more
        followed |= more - set(harmless)


def _dotted(name: str) -> str:
    path, function = name.split(":")
    return f"gardefou.{path.removesuffix('.py').replace('/', '.')}.{function}"


@cache
def _functions(path: str, text: str) -> tuple[Function, ...]:
    return () if path.startswith("storage/migrations/") else tuple(_read_file(path, ast.parse(text)))


def _read_file(path: str, tree: ast.Module) -> Iterator[Function]:
    module = f"gardefou.{path.removesuffix('.py').replace('/', '.').removesuffix('.__init__')}"
    imported = _imported(tree, module)
    own = {node.name: f"{module}.{node.name}" for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    body = Function(f"{path}:module")
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield _read(Function(f"{path}:{node.name}"), node, {**own, **imported})
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield _read(Function(f"{path}:{node.name}.{inner.name}"), inner, {**own, **imported})
        else:
            # Statements that are built once, such as one that inserts.
            _read(body, node, {**own, **imported})
    if body.writes:
        yield body


def _imported(tree: ast.AST, module: str) -> dict[str, str]:
    """Return what each imported name stands for, imports within functions included."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            assert not node.level, f"{module}: a relative import"
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
    return names


def _read(function: Function, tree: ast.AST, names: dict[str, str]) -> Function:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            function.uses.add(_resolved(node, names))
        if isinstance(node, ast.Call):
            function.writes = function.writes or _writes(node, names)
    return function


def _resolved(node: ast.expr, names: dict[str, str]) -> str:
    text = ast.unparse(node)
    first, dot, rest = text.partition(".")
    return f"{names.get(first, first)}{dot}{rest}"


def _writes(call: ast.Call, names: dict[str, str]) -> bool:
    called = _resolved(call.func, names)
    last = called.rpartition(".")[2]
    if last in _RECORDING and not called.startswith("gardefou.cli"):
        return _records(call, last)
    if called in {f"gardefou.domain.records.{record}" for record in _RECORDS}:
        return True
    if called == "dataclasses.replace":
        return any(keyword.arg in _FIELDS for keyword in call.keywords)
    if last in {"insert", "update", "delete"}:
        return _on_guarded_table(call, called, names)
    if last in _TEXT_SQL or called == "sqlite3.connect":
        return True
    if called == "os.open":
        return any("O_CREAT" in ast.unparse(one) for one in call.args)
    if called.endswith((".directory.put", ".directory.erase")) or last == "keep_oidc_client":
        return True
    return last in {"keep", "keep_address"} and len(call.args) == 2  # of KeyStore


def _records(call: ast.Call, last: str) -> bool:
    """Whether an event of a guarded kind is written, or one whose kind is not written here."""
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "kind")]
    kind = given[0] if last in {"record", "Entry"} and given else None
    kinds = [
        node.value
        for one in [*call.args, *(keyword.value for keyword in call.keywords)]
        for node in ast.walk(one)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    if any(one.startswith(_EVENTS) or one in _ACCOUNT_EVENTS for one in kinds):
        return True
    return last == "record" and kind is not None and not any("." in one for one in kinds)


def _on_guarded_table(call: ast.Call, called: str, names: dict[str, str]) -> bool:
    told = called.rpartition(".")[0]
    tables = [told, *(_resolved(one, names) for one in call.args)]
    return any(
        one.startswith("gardefou.storage.tables.") and one.removeprefix("gardefou.storage.tables.") in _TABLES
        for one in tables
    )
