"""Every path that can weaken protection stands in docs/weakening.md, and nothing stands there that is gone."""

from __future__ import annotations

import ast
import re
import shutil
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from tests.writers import SRC, found

#: The whole source is read for it: once, by one process.
pytestmark = pytest.mark.xdist_group("weakening")

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "weakening.md"
_HARMLESS = "Writers that cannot weaken"


@dataclass(frozen=True)
class Row:
    """One line of a table of the page."""

    what: str
    doors: tuple[str, ...]
    guard: str
    tests: tuple[str, ...]
    harmless: bool


@cache
def rows() -> tuple[Row, ...]:
    made: list[Row] = []
    section = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == 4 and cells[1] != "doors" and not cells[0].startswith("---"):
            doors, tests = (tuple(re.findall(r"`([^`]+)`", cell)) for cell in (cells[1], cells[3]))
            made.append(Row(cells[0], doors, cells[2], tests, section == _HARMLESS))
    return tuple(made)


def harmless() -> set[str]:
    return {door for row in rows() if row.harmless for door in row.doors}


def strangers(source: Path = SRC) -> set[str]:
    """Return the writers of a source that no row names."""
    doors = [door for row in rows() for door in row.doors]
    return {one for one in found(harmless(), source) if not any(fnmatchcase(one, door) for door in doors)}


def test_whatever_writes_what_protection_stands_on_is_on_the_page():
    assert strangers() == set()


def test_nothing_is_on_the_page_that_is_gone():
    there = found(harmless())
    gone = {door for row in rows() for door in row.doors if not any(fnmatchcase(one, door) for one in there)}
    assert gone == set()


def test_each_row_says_what_guards_it_and_names_a_test_that_is_there():
    assert len(rows()) > 30
    for row in rows():
        assert row.doors, row.what
        assert row.guard, row.what
        assert row.tests, row.what
        for test in row.tests:
            path, name = test.split("::")
            tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
            assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, test


def test_every_kind_of_guarded_change_has_its_row():
    from gardefou.flow.change_apply import KINDS

    doors = {door for row in rows() for door in row.doors}
    for kind, handler in KINDS.items():
        module = type(handler).__module__.removeprefix("gardefou.").replace(".", "/")
        assert f"{module}.py:{type(handler).__name__}.write" in doors, kind


PLANTED = {
    "a record under an event of its own": (
        "flow/planted.py",
        "def give(uow, person):\n    uow.record('staff.roles_changed', by='x', puts=(person,))\n",
    ),
    "a record replaced here and written elsewhere": (
        "flow/planted.py",
        "from dataclasses import replace\ndef give(uow, person):\n    return replace(person, roles=('lead',))\n",
    ),
    "a record made anew": (
        "people/planted.py",
        "from gardefou.domain.records import Token\ndef give(x):\n    return Token(**x)\n",
    ),
    "a kind of event that is passed in": (
        "flow/planted.py",
        "def give(uow, kind, row):\n    uow.record(kind, by='x', puts=(row,))\n",
    ),
    "a statement on a guarded table": (
        "cli/planted.py",
        "from gardefou.storage import tables\ndef give(c):\n    c.execute(tables.account.update().values(tier='standard'))\n",
    ),
    "a statement that is built once": (
        "flow/planted.py",
        "import sqlalchemy as sa\nfrom gardefou.storage import tables\n_GIVE = sa.insert(tables.setting)\n",
    ),
    "a statement in text": ("web/planted.py", "def give(c):\n    c.exec_driver_sql('UPDATE staff SET roles = 1')\n"),
    "a new route to a guarded change": (
        "web/planted.py",
        "from gardefou.flow.change import propose\ndef give(app, actor):\n    return propose(app, actor, 'role', {})\n",
    ),
    "a command through a helper": (
        "cli/planted.py",
        "from gardefou.cli import changes\ndef give(ctx, actor):\n    changes.change(ctx, actor, 'role', {})\n",
    ),
    "a key that is replaced": (
        "cli/planted.py",
        "def give(keys, name, secret):\n    keys.keep(name, secret)\n",
    ),
    "a handler that is called beside the change": (
        "flow/planted.py",
        "from gardefou.flow.changes.nets import write_nets\ndef give(uow, nets):\n    write_nets(uow, nets, name='x', by='x')\n",
    ),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the source to plant in."""
    source = tmp_path_factory.mktemp("planted") / "gardefou"
    shutil.copytree(SRC, source, ignore=shutil.ignore_patterns("__pycache__", "static", "templates"))
    return source


@pytest.mark.parametrize(("file", "text"), PLANTED.values(), ids=PLANTED.keys())
def test_a_writer_that_is_planted_is_found(copy, file, text):
    (copy / file).write_text(text)
    found_there = strangers(copy)
    (copy / file).unlink()
    assert [one.split(":")[0] for one in found_there] == [file]
