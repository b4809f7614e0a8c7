"""What `make mutants` changes, and what it leaves alone (docs/mutants.md)."""

from __future__ import annotations

import pytest

from tools.mutation.changes import SOURCE, Mutant, mutants_of


@pytest.fixture(scope="module")
def accounts() -> list[Mutant]:
    return mutants_of(SOURCE / "domain/accounts.py")


def test_comparisons_numbers_names_and_arguments_are_changed_one_at_a_time(accounts):
    changes = {(one.function, one.before, one.after) for one in accounts}
    assert ("severity_of", "max(worst, 2)", "max(worst, )") in changes
    assert ("severity_of", "2", "3") in changes
    assert ("severity_of", '"removed:"', '"REMOVED:"') in changes
    assert ("state_name", "in", "not in") in changes
    assert ("measures_of_action", "match", "without case Action.LOCK") in changes


def test_each_change_is_in_the_whole_text_of_its_file_and_nowhere_else(accounts):
    text = (SOURCE / "domain/accounts.py").read_text(encoding="utf-8")
    for one in accounts:
        assert one.text != text
        if one.before == "2":
            assert len(one.text) == len(text)
            assert sum(old != new for old, new in zip(text, one.text, strict=True)) == 1


def test_functions_with_decorators_are_changed_too(accounts):
    assert "Tier.highest" in {one.function for one in accounts}
    assert "Verdict.asks_nothing" in {one.function for one in mutants_of(SOURCE / "nets/verdict.py")}


def test_words_for_people_are_left_alone_and_codes_are_not():
    changes = {(one.before, one.after) for one in mutants_of(SOURCE / "domain/states.py")}
    assert ('"enforcement/state"', '"ENFORCEMENT/STATE"') in changes
    assert not [before for before, _ in changes if before.startswith(('f"An enforcement', "old.value"))]
