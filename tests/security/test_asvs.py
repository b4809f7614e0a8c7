"""The checklist leaves no requirement of ASVS 5.0.0, levels 1 and 2, out, and names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "security"
#: Requirements of levels 1 and 2 in each section; they come first in it, numbered without gaps.
SECTIONS = {
    1: (2, 9, 11, 3, 2),
    2: (3, 3, 4, 1),
    3: (0, 2, 4, 6, 5, 0, 2),
    4: (3, 1, 2, 4),
    5: (1, 3, 2, 3),
    6: (3, 12, 4, 4, 5, 3, 0, 4),
    7: (3, 4, 2, 5, 2, 2),
    8: (2, 3, 1, 1),
    9: (3, 4),
    10: (2, 2, 4, 11, 5, 2, 3),
    11: (2, 3, 3, 4, 1, 1),
    12: (3, 2, 4),
    13: (1, 5, 2, 5),
    14: (2, 4, 3),
    15: (3, 3, 7),
    16: (1, 5, 4, 3, 3),
    17: (1, 4, 2),
}
ALL = [
    f"V{chapter}.{section}.{number}"
    for chapter, sections in SECTIONS.items()
    for section, most in enumerate(sections, start=1)
    for number in range(1, most + 1)
]
_ROW = re.compile(r"^\| (V[\d.]+) \| ([^|]+) \| (.+) \|$", re.MULTILINE)
_ANSWER = re.compile(r"(met|n/a|operator|partly|not met)\b")


def known_tests() -> set[str]:
    return {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }


def test_every_requirement_has_one_line_in_sequence():
    assert len(ALL) == 253
    assert [found[0] for found in _ROW.findall((FOLDER / "asvs.md").read_text("utf-8"))] == ALL


def test_every_line_says_whether_it_holds_and_why():
    for number, what, says in _ROW.findall((FOLDER / "asvs.md").read_text("utf-8")):
        assert what.strip(), number
        assert _ANSWER.match(says), number
        if not says.startswith("operator"):
            assert ":" in says or "as far as" in says or "where" in says, f"{number} gives no reason"


@pytest.mark.parametrize("page", ["asvs.md", "threat-model.md"])
def test_every_test_that_a_page_names_is_there(page):
    named = set(re.findall(r"`(test_\w+)`", (FOLDER / page).read_text("utf-8")))
    assert len(named) > 20
    assert named - known_tests() == set()


@pytest.mark.parametrize("page", ["docs/security/asvs.md", "docs/security/threat-model.md", "SECURITY.md"])
def test_every_page_that_a_page_leads_to_is_there(page):
    path = ROOT / page
    for link in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", path.read_text("utf-8")):
        assert (path.parent / link).exists(), link
