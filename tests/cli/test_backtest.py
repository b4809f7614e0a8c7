"""Past enforcements under other nets, on the command line."""

from __future__ import annotations

import duckdb
import pytest
import sqlglot
from sqlglot import exp

HOLD = """
[[net]]
id = "grave-hold"
title = "Four minutes before anything grave"
because = "a test"
when = "action.severity >= 3"
[net.require]
hold = "4m"

[[net]]
id = "label-hold"
title = "An hour before a label"
because = "a test"
when = 'action.name == "label"'
mode = "shadow"
[net.require]
hold = "1h"
"""


@pytest.fixture
def other(tmp_path):
    file = tmp_path / "other.toml"
    file.write_text(HOLD)
    return file


def test_an_empty_history_is_said_kindly(shell, other):
    assert shell.text("nets", "backtest", "--nets", str(other)).startswith("There is no history yet")
    found = shell.json("nets", "backtest", "--nets", str(other))
    assert (found["judged"], found["history"]["days"], found["examples"]) == (0, 0, [])


def test_past_enforcements_are_judged_under_other_nets(scene, other):
    grave = scene.json("enforcement", "place", "sandbox/1001", "suspend", "--policy", "spam")
    scene.json("enforcement", "place", "sandbox/1001", "label", "--policy", "spam", "--label", "spam")
    found = scene.json("nets", "backtest", "--nets", str(other))
    assert found["headline"] == "Would have delayed 1 enforcement, median 4 minutes, of 2 in all."
    assert (found["judged"], found["held_longer"], found["unchanged"]) == (2, 1, 1)
    assert {one["net"]: (one["mode"], one["spoke"]) for one in found["nets"]} == {
        "grave-hold": ("enforce", 1),
        "label-hold": ("shadow", 1),
    }
    (example,) = found["examples"]
    assert (example["enforcement"], example["nets"]) == (grave["id"], ["grave-hold"])
    text = scene.text("nets", "backtest", "--nets", str(other))
    assert text.splitlines()[0] == found["headline"]
    assert "would have been held 4 minutes" in text
    assert "In shadow, and asking for nothing:" in text
    assert "Nothing waited for people in this history" in text


def test_under_the_nets_in_force_nothing_would_be_otherwise(scene):
    scene.json("enforcement", "place", "sandbox/1001", "limit", "--policy", "spam")
    assert scene.text("nets", "backtest").startswith("Would have stopped and delayed nothing of 1 enforcement.")


def test_since_and_examples_bound_what_is_judged_and_shown(scene, other):
    scene.json("enforcement", "place", "sandbox/1001", "suspend", "--policy", "spam")
    assert scene.json("nets", "backtest", "--nets", str(other), "--since", "2100-01-01")["judged"] == 0
    assert scene.json("nets", "backtest", "--nets", str(other), "--since", "1h")["judged"] == 1
    assert scene.json("nets", "backtest", "--nets", str(other), "--examples", "0")["examples"] == []


def test_other_tools_can_read_what_was_exported(scene, other):
    scene.json("enforcement", "place", "sandbox/1001", "suspend", "--policy", "spam")
    scene.json("nets", "backtest", "--nets", str(other))
    select = scene.text("nets", "backtest", "--nets", str(other), "--sql", "duckdb")
    files = f"{scene.data}/exports/history/*.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW history AS SELECT * FROM read_parquet('{files}')")
        found = connection.execute(select)
        assert [one[0] for one in found.description] == ["platform", "id", "grave-hold", "label-hold"]
        assert found.fetchall()[0][2:] == (True, False)


def test_nets_are_written_in_the_dialect_that_is_named(shell, other):
    written = shell.json("nets", "backtest", "--nets", str(other), "--sql", "spark")
    assert written["dialect"] == "spark"
    assert [one.name for one in sqlglot.parse_one(written["sql"], dialect="spark").find_all(exp.Table)] == ["history"]
    assert "nets/dialect" in shell.error("nets", "backtest", "--nets", str(other), "--sql", "cobol")


def test_bad_input_is_said_in_one_line(shell, empty, other, tmp_path):
    assert "nets/file" in shell.error("nets", "backtest", "--nets", str(tmp_path / "missing.toml"))
    bad = tmp_path / "bad.toml"
    bad.write_text(HOLD.replace("action.severity", "action.severty"))
    assert "nets/unknown_fact" in shell.error("nets", "backtest", "--nets", str(bad))
    assert "cli/moment" in shell.error("nets", "backtest", "--nets", str(other), "--since", "yesterday")
    assert "store/uninitialised" in empty.error("nets", "backtest", "--nets", str(other))
    (shell.data / "signin").unlink()
    assert "auth/signed_out" in shell.error("nets", "backtest", "--nets", str(other))
