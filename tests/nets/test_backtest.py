"""A backtest counts what evaluation and the join say of each past enforcement, and says what it rests on."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta, timezone

import duckdb
import pytest

from gardefou.bench.history import made_up
from gardefou.errors import Unavailable
from gardefou.nets.backtest import asks_of, asks_text, backtest
from gardefou.nets.backtest_words import in_words, limits
from gardefou.nets.backtested import Backtest, Example, Spoke, Spread, spread_of
from gardefou.nets.facts import SCHEMA, Facts
from gardefou.nets.judge import judge
from gardefou.nets.load import load
from gardefou.nets.shipped import load_shipped
from gardefou.nets.sql import TYPES, column_of
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
    assert len(backtest(load_shipped("default"), history).examples) == 5
    assert backtest(load_shipped("default"), history, examples=0).examples == []


def test_since_bounds_when_they_were_placed(history, past):
    middle = sorted(placed for _, _, placed, *_ in past)[COUNT // 2].replace(tzinfo=UTC)
    assert backtest(load_shipped("solo"), history, since=middle).judged == COUNT - COUNT // 2
    assert backtest(load_shipped("solo"), history, since=middle + timedelta(days=900)).judged == 0


def test_an_empty_history_is_said_kindly():
    found = backtest(load_shipped("default"), [])
    assert found.judged == 0
    assert found.headline == "There is no history yet: nothing has been enforced in that time."
    assert [(one.net, one.title, one.shadow) for one in found.nets] == [
        (net.id, net.title, net.shadow) for net in load_shipped("default")
    ]
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
    # Written alike for ever: history is grouped by these texts, of whatever year they are.
    assert asks_text(Verdict(refusals=("Jamais l’élysée.",), notify=("oncall", "équipe"), hold_seconds=60)) == (
        '{"approvals":[],"confirm":[],"fresh_auth_minutes":null,"hold_seconds":60,"notify":["oncall","équipe"],'
        '"refusals":["Jamais l’élysée."],"refused":true}'
    )


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


def of(**more) -> Backtest:
    return Backtest(judged=1_000, **more)


LATE = Spread(count=3, median=240.0, p90=600.0, most=7_200.0)


@pytest.mark.parametrize(
    ("found", "headline"),
    [
        (Backtest(refused=3, delayed=LATE), "There is no history yet: nothing has been enforced in that time."),
        (of(), "Would have stopped and delayed nothing of 1,000 enforcements."),
        (Backtest(judged=1), "Would have stopped and delayed nothing of 1 enforcement."),
        (of(refused=1), "Would have refused 1 enforcement, of 1,000 in all."),
        (of(delayed=LATE), "Would have delayed 3 enforcements, median 4 minutes, of 1,000 in all."),
        (
            of(refused=2, delayed=LATE),
            "Would have refused 2 enforcements and delayed 3 enforcements, median 4 minutes, of 1,000 in all.",
        ),
        (
            of(delayed=Spread(count=1, median=None, p90=None, most=None)),
            "Would have delayed 1 enforcement, for as long as people take to answer, of 1,000 in all.",
        ),
        (of(weakened=3, otherwise=2), "Would have stopped and delayed nothing of 1,000 enforcements."),
    ],
)
def test_what_it_comes_to_is_one_sentence(found, headline):
    assert found.headline == headline
    assert found.to_json()["headline"] == headline


def test_a_backtest_for_machines():
    found = of(
        refused=1, people=2, held=3, otherwise=4, weakened=5, unchanged=6, added_hold=LATE, answer_seconds=90.0, answered=7,
        delayed=LATE, nets=[Spoke(net="a", title="A", shadow=False, spoke=5, alone=2), Spoke(net="b", title="B", shadow=True)],
        unknown=8, unknown_facts={"now.hour": 8},
        examples=[Example(enforcement="e", change="held", nets=("a",), says="Said.")],
    )  # fmt: skip
    spread = {"count": 3, "median": 240.0, "p90": 600.0, "most": 7_200.0}
    assert {name: value for name, value in found.to_json().items() if name != "headline"} == {
        "judged": 1_000,
        "refused_newly": 1,
        "asked_for_people_newly": 2,
        "held_longer": 3,
        "asked_otherwise_newly": 4,
        "asked_less": 5,
        "unchanged": 6,
        "added_hold_seconds": spread,
        "people_answer_seconds": {"median": 90.0, "count": 7},
        "added_delay_seconds": spread,
        "nets": [
            {"net": "a", "title": "A", "mode": "enforce", "spoke": 5, "alone": 2, "together": 3},
            {"net": "b", "title": "B", "mode": "shadow", "spoke": 0, "alone": 0, "together": 0},
        ],
        "unknown": {"enforcements": 8, "facts": {"now.hour": 8}},
        "examples": [{"enforcement": "e", "change": "held", "nets": ("a",), "says": "Said."}],
    }


@pytest.mark.parametrize(
    ("seconds", "spread"),
    [
        ({}, (0, None, None, None)),
        ({5.0: 0}, (0, None, None, None)),
        ({5.0: 1}, (1, 5.0, 5.0, 5.0)),
        ({9.0: 1, 5.0: 1}, (2, 5.0, 9.0, 9.0)),
        ({5.0: 1, 7.0: 1, 9.0: 1}, (3, 7.0, 9.0, 9.0)),
        ({1.0: 9, 2.0: 1}, (10, 1.0, 1.0, 2.0)),
        ({1.0: 89, 2.0: 11}, (100, 1.0, 2.0, 2.0)),
        ({1.0: 90, 2.0: 10}, (100, 1.0, 1.0, 2.0)),
    ],
)
def test_a_spread_is_told_by_values_that_are_there(seconds, spread):
    found = spread_of(seconds)
    assert (found.count, found.median, found.p90, found.most) == spread


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0.4 seconds"),
        (0.44, "0.4 seconds"),
        (1.4, "1.4 seconds"),
        (59, "59 seconds"),
        (61, "61 seconds"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (3_599, "60 minutes"),
        (3_660, "61 minutes"),
        (7_199, "2 hours"),
        (7_200, "2 hours"),
        (90_000, "25 hours"),
        (172_800, "2 days"),
        (216_000, "2.5 days"),
    ],
)
def test_lengths_of_time_turn_to_the_next_unit_at_two_of_it(seconds, words):
    assert in_words(seconds) == words


def test_what_the_figures_rest_on():
    took, known = limits(of(answer_seconds=90.0, answered=1_200), named=2)
    assert took == (
        "People took a median of 90 seconds to answer, over the 1,200 that waited for them in this history; where they"
        " would have been asked newly, that is in the delay."
    )
    assert known == "Every fact that these nets read was recorded of all of them."
    facts = {"b": 3, "a": 3, "c": 1_500}
    nothing, unknown = limits(of(unknown=1_501, unknown_facts=facts), named=2)
    assert nothing.startswith("Nothing waited for people in this history,")
    assert unknown == (
        "A fact that these nets read was not recorded of 1,501 enforcements, and is taken at its most protective value:"
        " c of 1,500, a of 3, and 1 more."
    )
    assert list(limits(of(unknown=1, unknown_facts=facts), named=3))[1].endswith(": c of 1,500, a of 3, b of 3.")
    assert "of 1 enforcement," in list(limits(of(unknown=1, unknown_facts=facts), named=3))[1]


COLUMNS = "id, platform, account, action, tier, reach, state, placed_by, placed_at, approved_at, seats, asks"


@pytest.fixture
def few(tmp_path):
    """Five enforcements by hand: of each reach one, and what was asked of it then."""
    path = tmp_path / "few.parquet"
    asks = [NOTHING, Verdict(hold_seconds=60), Verdict(refusals=("No.",)), Verdict(approvals=(Requirement(("lead",), 1),)), NOTHING]  # fmt: skip
    states = ["done", "done", "refused", "done", "waiting"]
    others = ", ".join(
        f"CAST({place if spec.name == 'account.reach' else 'NULL'} AS {TYPES[spec.kind]}) AS {column_of(spec)}"
        for spec in SCHEMA.values()
        for place in ["reach"]
    )
    rows = ", ".join(
        f"('e{place}', 'chirp', '{place}', 'suspend', 'standard', {place}, '{state}', 'ada',"
        f" TIMESTAMP '2026-11-0{place + 1} 12:00:00', TIMESTAMP '2026-11-0{place + 1} 12:0{place}:00',"
        f" {was.seats}, '{asks_text(was)}')"
        for place, (was, state) in enumerate(zip(asks, states, strict=True))
    )
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT {COLUMNS}, {others} FROM (VALUES {rows}) AS past({COLUMNS})) TO '{path}' (FORMAT parquet)"
        )
    return [path]


@pytest.mark.parametrize(
    ("net", "counts", "examples"),
    [
        # refused, people, held, otherwise, weakened, unchanged
        (
            ("account.reach >= 0", "enforce", 'refuse = "No more."'),
            (4, 0, 0, 0, 0, 1),
            ["e3 refused would have been refused, “No more.”", "e1 refused would have been refused, “No more.”",
             "e0 refused would have been refused, “No more.”"],
        ),
        (
            ("account.reach == 0", "enforce", "approvals = 2"),
            (0, 1, 0, 0, 3, 1),
            ["e0 people would have waited for 2 further people (lead or policy)",
             "e2 weakened was refused, and would not be",
             "e3 weakened would have been asked less than it was", "e1 weakened would have been asked less than it was"],
        ),
        (
            ("account.reach == 0", "enforce", 'approvals = 1\\nfrom = ["lead"]\\nhold = "2h"'),
            (0, 1, 1, 0, 3, 1),
            ["e0 people would have waited for 1 further person (lead), then held 2 hours"],
        ),
        (
            ("account.reach == 1", "enforce", 'hold = "2m"'),
            (0, 0, 1, 0, 2, 2),
            ["e1 held would have been held 2 minutes instead of 1 minute"],
        ),
        (
            ("account.reach == 0", "enforce", "fresh_auth_minutes = 5"),
            (0, 0, 0, 1, 3, 1),
            [],
        ),
        (("account.reach == 0", "shadow", "refuse = true"), (0, 0, 0, 0, 3, 2), []),
    ],
)  # fmt: skip
def test_what_would_have_become_of_five_enforcements(few, net, counts, examples):
    when, mode, require = net
    found = backtest(nets_of(("one", when, mode, require.replace("\\n", "\n"))), few)
    assert found.judged == 5
    assert (found.refused, found.people, found.held, found.otherwise, found.weakened, found.unchanged) == counts
    said = [f"{one.enforcement} {one.change} {one.says.partition(': ')[2]}" for one in found.examples]
    for example in examples:
        assert any(one.startswith(example) for one in said), said
    # What still waits is shown nowhere.
    assert all(one.enforcement != "e4" for one in found.examples)


def test_an_example_says_when_what_to_whom_by_whom_and_which_nets(few):
    (example,) = backtest(nets_of(("one", "account.reach == 3", "enforce", "refuse = 'No.'")), few, examples=1).examples
    assert example.says == (
        "2026-11-04 12:00 UTC, suspend of chirp/3 (standard, reach 3) by ada: would have been refused, “No.” (one). [e3]"
    )
    assert (example.enforcement, example.change, example.nets) == ("e3", "refused", ("one",))


def test_since_is_meant_to_the_microsecond_and_in_utc(few, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        _since_is_in_utc(few)
    finally:
        monkeypatch.undo()
        time.tzset()


def _since_is_in_utc(few):
    nets = nets_of(("one", "account.reach >= 0", "enforce", "hold = '1m'"))
    third = datetime(2026, 11, 3, 12, tzinfo=UTC)
    assert backtest(nets, few, since=third).judged == 3
    assert backtest(nets, few, since=third + timedelta(microseconds=1)).judged == 2
    assert backtest(nets, few, since=third.astimezone(timezone(timedelta(hours=5)))).judged == 3


def test_how_long_people_took_is_of_those_who_waited_for_people(few):
    found = backtest(nets_of(("one", "account.reach == 0", "enforce", "approvals = 1\nhold = '1m'")), few)
    assert (found.answered, found.answer_seconds) == (1, 180.0)
    assert found.delayed == Spread(count=1, median=240.0, p90=240.0, most=240.0)
    assert found.added_hold == Spread(count=1, median=60.0, p90=60.0, most=60.0)
    assert (found.unknown, found.unknown_facts) == (0, {})
    lacking = backtest(nets_of(("one", "now.hour == 3 and account.reach >= 0", "enforce", "hold = '1m'")), few)
    assert (lacking.unknown, lacking.unknown_facts) == (5, {"now.hour": 5})
    assert lacking.nets[0].spoke == 5


def test_graver_changes_are_shown_before_milder_ones(few):
    def changes(*nets: tuple[str, str, str], most: int = 9) -> list[tuple[str, str]]:
        told = backtest(nets_of(*((f"n{place}", *net) for place, net in enumerate(nets))), few, examples=most).examples
        return [(one.enforcement, one.change) for one in told]

    # Asked for a fresher sign-in is e0, which is the mildest; of the others each is asked less than it was.
    sign_in = ("account.reach == 0", "enforce", "fresh_auth_minutes = 5")
    assert changes(sign_in)[-1] == ("e0", "otherwise")
    assert {change for _, change in changes(sign_in)[:-1]} == {"weakened"}
    held = ("account.reach == 1", "enforce", "hold = '2m'")
    assert changes(sign_in, held)[0] == ("e1", "held")
    people = ("account.reach == 3", "enforce", "approvals = 2\nfrom = ['lead']")
    assert changes(sign_in, held, people)[:2] == [("e3", "people"), ("e1", "held")]
    refused = ("account.reach == 0", "enforce", "refuse = true")
    assert changes(refused, held, people)[:3] == [("e0", "refused"), ("e3", "people"), ("e1", "held")]
    assert changes(refused, held, people, most=2) == [("e0", "refused"), ("e3", "people")]
    assert changes(refused, most=0) == []
