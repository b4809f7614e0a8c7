"""A backtest counts what evaluation and the join say of each past enforcement, and says what it rests on."""

from __future__ import annotations

import sys
from datetime import UTC, timedelta

import duckdb
import pytest

from gardefou.bench.history import made_up
from gardefou.errors import Unavailable
from gardefou.nets.backtest import asks_of, asks_text, backtest
from gardefou.nets.backtest_words import in_words, limits
from gardefou.nets.backtested import spread_of
from gardefou.nets.facts import SCHEMA, Facts
from gardefou.nets.judge import judge
from gardefou.nets.load import load
from gardefou.nets.shipped import load_shipped
from gardefou.nets.sql import column_of
from gardefou.nets.verdict import NOTHING, Requirement, Verdict

COUNT = 3_000


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """A few thousand made-up enforcements in three files."""
    return made_up(tmp_path_factory.mktemp("history"), count=COUNT, seed=11, days=3)


@pytest.fixture(scope="module")
def past(history):
    """The same, each as facts, what was asked then, and when it was placed and approved."""
    with duckdb.connect() as connection:
        columns = ", ".join(column_of(spec) for spec in SCHEMA.values())
        found = connection.execute(
            f"SELECT asks, placed_at, approved_at, id, {columns} FROM read_parquet({[str(path) for path in history]})"
        ).fetchall()
    return [(Facts.of(dict(zip(SCHEMA, facts, strict=True))), asks_of(asks), *rest) for asks, *rest, facts in
            ((row[0], row[1], row[2], row[3], row[4:]) for row in found)]  # fmt: skip


NET = """
[[net]]
id = "{name}"
title = "{name}"
because = "a test"
when = '{when}'
mode = "{mode}"
[net.require]
{require}
"""


def nets_of(*nets):
    return load("".join(NET.format(name=n, when=w, mode=m, require=r) for n, w, m, r in nets))


@pytest.mark.parametrize("name", ["default", "small-team", "solo"])
def test_it_counts_what_evaluation_and_the_join_say_of_each(history, past, name):
    nets = load_shipped(name)
    found = backtest(nets, history)
    refused = people = held = weakened = unchanged = 0
    spoke = dict.fromkeys((net.id for net in nets), 0)
    for facts, before, *_ in past:
        after = judge(nets, facts)
        runs = not (after.refused or before.refused)
        refused += after.refused and not before.refused
        people += runs and after.seats > before.seats
        held += runs and after.hold_seconds > before.hold_seconds
        weakened += not after.covers(before)
        unchanged += after.covers(before) and before.covers(after)
        for reason in (*after.reasons, *after.shadow):
            spoke[reason.net] += 1
    assert (found.judged, found.refused, found.people) == (COUNT, refused, people)
    assert (found.held, found.weakened, found.unchanged) == (held, weakened, unchanged)
    assert {one.net: one.spoke for one in found.nets} == spoke
    assert refused
    assert held
    assert weakened


def test_more_nets_than_one_number_holds_are_told_apart(history, past):
    nets = nets_of(*((f"n{n}", f"recent.actor_1h.all == {n}", "enforce", f'hold = "{n + 1}s"') for n in range(130)))
    found = backtest(nets, history)
    for one in (0, 1, 59, 60, 61, 119, 120, 129):
        test = nets.nets[one].condition
        assert found.nets[one].spoke == sum(test.evaluate(facts).speaks for facts, *_ in past)


def test_alone_and_together_are_of_enforcing_nets(history):
    found = backtest(
        nets_of(
            ("any", "action.severity >= 1", "enforce", 'hold = "1m"'),
            ("grave", "action.severity >= 4", "enforce", 'hold = "1h"'),
            ("quiet", "action.severity >= 4", "shadow", 'hold = "2h"'),
        ),
        history,
        examples=0,
    )
    every, grave, quiet = found.nets
    assert every.spoke == COUNT
    assert (every.alone, every.together) == (COUNT - grave.spoke, grave.spoke)
    assert grave.alone == 0
    assert quiet.shadow
    assert (quiet.spoke, quiet.alone) == (grave.spoke, 0)
    # What a shadow net would ask for delays nobody.
    assert found.added_hold.most == 3600
    assert found.examples == []


def test_added_delay_is_the_hold_and_where_people_are_asked_newly_their_median_answer(history, past):
    answers = sorted((approved - placed).total_seconds() for _, before, placed, approved, _ in past if before.seats)
    found = backtest(nets_of(("all", "True == True", "enforce", 'approvals = 2\nhold = "10m"')), history)
    assert found.answered == len(answers)
    median = (answers[(len(answers) - 1) // 2] + answers[len(answers) // 2]) / 2
    assert found.answer_seconds == pytest.approx(median)
    assert found.delayed.median == pytest.approx(600 + median)
    assert found.delayed.count == sum(before.hold_seconds < 600 or not before.seats for _, before, *_ in past)
    assert found.headline.startswith(f"Would have delayed {found.delayed.count:,} enforcements, median ")


def test_without_people_in_the_past_their_time_is_not_made_up(tmp_path):
    with duckdb.connect() as connection:
        (path,) = made_up(tmp_path, count=200, seed=3, days=1)
        bare = tmp_path / "bare.parquet"
        connection.execute(
            f"COPY (SELECT * REPLACE (0 AS seats, placed_at AS approved_at, '{asks_text(NOTHING)}' AS asks)"
            f" FROM '{path}') TO '{bare}' (FORMAT parquet)"
        )
    found = backtest(nets_of(("people", "True == True", "enforce", "approvals = 1")), [bare])
    assert (found.answer_seconds, found.delayed.count, found.delayed.median) == (None, 200, None)
    assert found.headline == "Would have delayed 200 enforcements, for as long as people take to answer, of 200 in all."
    assert "not known" in next(iter(limits(found, named=1)))
    held = backtest(nets_of(("hold", "True == True", "enforce", 'hold = "4m"')), [bare])
    assert held.headline == "Would have delayed 200 enforcements, median 4 minutes, of 200 in all."


def test_a_fact_that_was_not_recorded_is_counted_and_taken_as_unknown(history, past):
    nets = nets_of(("far", "account.reach > 2_999_999 and now.hour < 24", "enforce", 'hold = "1m"'))
    found = backtest(nets, history)
    lacking = [facts for facts, *_ in past if {"account.reach", "now.hour"} & facts.unknown]
    assert lacking
    assert found.unknown == len(lacking)
    assert found.unknown_facts["account.reach"] == sum("account.reach" in facts.unknown for facts in lacking)
    assert found.nets[0].spoke == sum(nets.nets[0].condition.evaluate(facts).speaks for facts, *_ in past)
    assert "most protective value" in list(limits(found, named=5))[1]


def test_examples_are_sentences_with_the_enforcement_and_the_nets(history, past):
    found = backtest(load_shipped("default"), history, examples=7)
    assert len(found.examples) == 7
    ids = {one[-1] for one in past}
    for example in found.examples:
        assert example.enforcement in ids
        assert example.says.endswith(f"[{example.enforcement}]")
        assert all(net in example.says for net in example.nets)
    assert found.examples[0].change == "refused"
    assert len({example.nets for example in found.examples}) == 7  # of as many kinds as there are


def test_since_bounds_when_they_were_placed(history, past):
    middle = sorted(placed for _, _, placed, *_ in past)[COUNT // 2].replace(tzinfo=UTC)
    assert backtest(load_shipped("solo"), history, since=middle).judged == COUNT - COUNT // 2
    assert backtest(load_shipped("solo"), history, since=middle + timedelta(days=900)).judged == 0


def test_an_empty_history_is_said_kindly():
    found = backtest(load_shipped("default"), [])
    assert found.judged == 0
    assert found.headline == "There is no history yet: nothing has been enforced in that time."
    assert found.to_json()["added_delay_seconds"]["median"] is None


def test_a_spoiled_file_is_named(tmp_path):
    path = tmp_path / "2017-11-02.parquet"
    path.write_bytes(b"not parquet at all")
    with pytest.raises(Unavailable, match=r"2017-11-02\.parquet") as raised:
        backtest(load_shipped("default"), [path])
    assert raised.value.code == "history/read"


def test_without_duckdb_it_says_what_to_install(history, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(Unavailable, match=r"install gardefou\[backtest\]") as raised:
        backtest(load_shipped("default"), history)
    assert raised.value.code == "nets/duckdb"


def test_what_is_asked_is_kept_without_its_reasons():
    asked = Verdict(approvals=(Requirement(("lead",), 2, blind=True),), hold_seconds=60, confirm=("handle",))
    spoken = load_shipped("default").nets[0].spoken()
    assert asks_of(asks_text(asked)) == asked
    assert asks_text(spoken) == asks_text(load_shipped("default").nets[0].asks)


def test_the_spread_of_many_is_that_of_each():
    spread = spread_of({60.0: 5, 600.0: 4, 7200.0: 1})
    assert (spread.count, spread.median, spread.p90, spread.most) == (10, 60.0, 600.0, 7200.0)
    assert spread_of({}).median is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "no time"), (1, "1 second"), (45, "45 seconds"), (60, "1 minute"), (240, "4 minutes"), (509, "8.5 minutes"),
     (3600, "1 hour"), (12_600, "3.5 hours"), (86_400, "1 day"), (259_200, "3 days")],
)  # fmt: skip
def test_lengths_of_time_are_said_in_words(seconds, words):
    assert in_words(seconds) == words


def test_made_up_history_is_the_same_for_the_same_seed(history, tmp_path):
    def digest(paths):
        with duckdb.connect() as connection:
            return connection.execute(
                f"SELECT bit_xor(hash(one)) FROM read_parquet({[str(path) for path in paths]}) AS one"
            ).fetchone()

    (tmp_path / "same").mkdir()
    (tmp_path / "other").mkdir()
    assert digest(made_up(tmp_path / "same", count=COUNT, seed=11, days=3)) == digest(history)
    assert digest(made_up(tmp_path / "other", count=COUNT, seed=12, days=3)) != digest(history)
