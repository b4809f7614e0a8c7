"""What `make mutants` changes, and what it leaves alone (docs/mutants.md)."""

from __future__ import annotations

import cProfile
import gc
import threading

import pytest

from tools.mutation import children, reach
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


def test_what_was_measured_holds_until_the_test_or_what_it_reached_changes(tmp_path, monkeypatch):
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("1", encoding="utf-8")
    monkeypatch.setattr(reach, "ROOT", tmp_path)
    reach._digest.cache_clear()
    reached = [["a.py", 3], ["a.py", 9]]
    entry = {"mark": reach._mark("test", reached), "reached": reached}
    assert not reach._holds(None, "test")
    assert reach._holds(entry, "test")
    assert not reach._holds(entry, "another test")
    (tmp_path / "b.py").write_text("2", encoding="utf-8")
    reach._digest.cache_clear()
    assert reach._holds(entry, "test")
    (tmp_path / "a.py").write_text("2", encoding="utf-8")
    reach._digest.cache_clear()
    assert not reach._holds(entry, "test")
    reach._digest.cache_clear()


def test_what_a_test_reaches_in_another_thread_is_seen():
    def reached() -> None:
        gc.isenabled()

    threads = reach._Threads()
    threading.setprofile(threads.begin)
    try:
        thread = threading.Thread(target=reached)
        thread.start()
        thread.join()
    finally:
        threading.setprofile(None)
    (profile,) = threads.taken()
    assert isinstance(profile, cProfile.Profile)
    assert reached.__code__ in {entry.code for entry in profile.getstats()}
    assert threads.taken() == []


def test_functions_are_found_that_the_collector_was_told_to_leave_alone():
    from gardefou.domain.accounts import severity_of

    gc.freeze()
    try:
        found = children.all_functions()
    finally:
        # As `tests/conftest.py` has it.
        gc.freeze()
    code = severity_of.__code__
    assert found[code.co_filename, code.co_firstlineno, code.co_qualname] == [severity_of]


def test_what_one_test_worked_out_does_not_hide_that_another_leans_on_it():
    from gardefou.nets.alone import table

    try:
        # These are emptied before each test that is measured.
        assert table in reach.caches_in({SOURCE / "nets"})
        assert table not in reach.caches_in({SOURCE / "flow"})
    finally:
        gc.freeze()


def test_a_few_cases_of_a_test_go_first_and_the_rest_of_them_behind_other_tests():
    cost = {"a[1]": 1.0, "a[2]": 1.1, "a[3]": 1.2, "b": 3.0}
    assert reach.in_turn(list(cost), cost) == ["a[1]", "a[2]", "b", "a[3]"]


def test_known_killers_and_the_narrowest_go_first_as_far_as_the_time_goes():
    place = ("a.py", 1)
    seconds = {"narrow": 0.3, "next": 0.1, "wide": 1.0, "wider": 3.0, "endless": 6.0, "slow killer": 2.0, "killer": 0.1}
    runner = object.__new__(children.Children)
    runner._budget = 5.0
    runner._killers = {place: ["slow killer", "killer"]}
    runner._reach = reach.Reach(seconds, {place: list(seconds)})
    # What takes too long is passed over, and leaves its time to those behind it.
    assert runner._tests(place) == (["killer", "narrow", "next", "slow killer", "wide"], 2)
    assert runner._tests(("b.py", 1)) == ([], 0)
