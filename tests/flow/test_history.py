"""Past enforcements as Parquet: whole, as they are now, and brought up to date without writing everything again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, date, datetime

import duckdb
import pytest

from gardefou.errors import Conflict, Unavailable
from gardefou.flow.history import ALL_COLUMNS, COLUMNS, export_history
from gardefou.nets.backtest import asks_of, backtest
from gardefou.nets.facts import SCHEMA, Facts
from gardefou.nets.load import load
from gardefou.nets.sql import column_of
from gardefou.nets.verdict import Verdict
from tests.flow.world import DAY, HOUR, MINUTE


def day_files(folder):
    return sorted(folder.glob("*.parquet"))


def rows(folder, columns="*"):
    """Every exported row, oldest first, as a mapping."""
    paths = [str(path) for path in day_files(folder)]
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {columns} FROM read_parquet({paths}) ORDER BY placed_at, id")
        names = [one[0] for one in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def stamps(folder):
    return {path.name: path.stat().st_mtime_ns for path in day_files(folder)}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "exports" / "history"


def test_an_enforcement_is_exported_with_its_facts_and_what_was_asked(world, folder):
    made = world.enforce("rev", "president", "deactivate")
    world.approve("lead", made)
    world.run(5 * MINUTE)
    world.approve("policy", made)
    world.run(31 * MINUTE)
    made = world.read(made)
    done = export_history(world.app, folder)
    assert (done.written, done.rows, len(done.files)) == (1, 1, 1)
    (row,) = rows(folder)
    assert list(row) == list(ALL_COLUMNS)
    for name in ("platform", "id", "account", "action", "severity", "tier", "reach", "state", "via", "team", "nets"):
        assert row[name] == getattr(made, name)
    for name, kind in COLUMNS.items():
        if kind == "TIMESTAMP":
            at = getattr(made, name)
            assert row[name] == (None if at is None else at.astimezone(UTC).replace(tzinfo=None)), name
    assert row["placed_by"] == "p-rev"
    assert (row["refused"], row["seats"], row["hold_seconds"]) == (False, 2, 1800)
    assert "protected-two-more-people" in row["spoke"]
    asked = asks_of(row["asks"])
    assert asked == replace(Verdict.from_json(made.verdict), reasons=(), shadow=())


def test_every_fact_has_a_typed_column_and_one_that_is_unknown_is_null(world, folder):
    world.sandbox.switch(down=True)  # an account that cannot be read: much of it is unknown
    made = world.enforce("rev", "known", "suspend")
    export_history(world.app, folder)
    (row,) = rows(folder)
    stored = Facts.from_json(world.read(made).facts)
    known = {name: row[column_of(spec)] for name, spec in SCHEMA.items() if row[column_of(spec)] is not None}
    assert Facts.of(known) == stored
    assert stored.unknown  # so that NULL is among them


def test_nothing_in_it_names_anybody_and_restores_and_changes_are_not_in_it(world, folder):
    world.enforce("rev", "small", "suspend", rationale="told me on the phone")
    world.restore("oncall", "small")
    export_history(world.app, folder)
    (row,) = rows(folder)
    assert row["action"] == "suspend"
    assert "told me" not in json.dumps(row, default=str)
    assert "rev" not in row["placed_by"].split("-")[0]


def test_a_service_keeps_its_own_name(world, folder):
    world.enforce(world.service("spam-bot"), "small", "limit")
    export_history(world.app, folder)
    assert [row["placed_by"] for row in rows(folder)] == ["spam-bot"]


def test_only_days_with_something_new_are_written_again(world, folder):
    for account in ("small", "small2", "known"):
        world.enforce("rev", account, "label")
        world.run(DAY)
    assert export_history(world.app, folder).written == 3
    before = stamps(folder)
    assert export_history(world.app, folder).written == 0
    assert stamps(folder) == before
    world.enforce("rev2", "small2", "limit")
    done = export_history(world.app, folder)
    assert (done.written, len(done.files)) == (1, 4)
    after = stamps(folder)
    assert {name for name in after if after[name] != before.get(name)} == {"2017-11-05.parquet"}
    assert len(rows(folder)) == 4


def test_what_is_restored_long_afterwards_is_exported_as_it_is_then(world, folder):
    made = world.enforce("rev", "small", "suspend")
    export_history(world.app, folder)
    assert [row["state"] for row in rows(folder)] == ["in_force"]
    world.run(20 * DAY)
    world.enforce("rev", "small2", "limit")
    world.settle()
    export_history(world.app, folder)
    world.restore("oncall", "small")
    assert world.read(made).state == "restored"
    done = export_history(world.app, folder)
    assert (done.written, len(done.files)) == (1, 2)
    first = rows(folder)[0]
    assert first["state"] == "restored"
    assert first["ended_at"].replace(tzinfo=UTC) == world.read(made).ended_at


def test_what_is_not_in_the_log_yet_is_exported_all_the_same(world, folder):
    world.enforce("rev", "small", "label")
    world.app.sequencer.integrate_all()
    export_history(world.app, folder)
    # Nothing integrates from here on.
    world.enforce("rev", "small2", "label")
    export_history(world.app, folder)
    assert len(rows(folder)) == 2


def test_every_change_of_an_enforcement_is_found(world, folder):
    made = world.enforce("rev", "president", "suspend")
    for act in (
        lambda: world.approve("lead", made),
        lambda: world.approve("policy", made),
        lambda: world.run(HOUR),
        lambda: world.restore("oncall", "president"),
    ):
        act()
        export_history(world.app, folder)
        (row,) = rows(folder)
        now = world.read(made)
        assert (row["state"], row["version"]) == (now.state, now.version)


def test_a_file_that_is_gone_is_written_again(world, folder):
    world.enforce("rev", "small", "label")
    export_history(world.app, folder)
    (path,) = day_files(folder)
    path.unlink()
    export_history(world.app, folder)
    assert len(rows(folder)) == 1


def test_an_export_that_was_cut_off_goes_on_where_it_ended(world, folder):
    for account in ("small", "small2", "known"):
        world.enforce("rev", account, "label")
        world.run(DAY)

    def stop(said):
        assert said.startswith("history: 2017-11-0")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_history(world.app, folder, say=stop)
    assert len(day_files(folder)) == 1
    done = export_history(world.app, folder)
    assert (done.written, len(done.files)) == (2, 3)
    assert len(rows(folder)) == 3
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_another_store_s_history_is_not_mixed_in(world, folder):
    world.enforce("rev", "small", "label")
    world.run(DAY)
    world.enforce("rev", "small2", "label")
    world.settle()
    export_history(world.app, folder)
    state = json.loads((folder / "exported.json").read_text())
    state["logs"]["sandbox"][1] = "an event of elsewhere"
    # A day on which nothing was placed here.
    elsewhere = folder / "1999-12-31.parquet"
    shutil.copy(day_files(folder)[0], elsewhere)
    state["days"].append((date(1999, 12, 31) - date(1970, 1, 1)).days)
    (folder / "exported.json").write_text(json.dumps(state))
    done = export_history(world.app, folder)
    assert done.written == 2
    assert not elsewhere.exists()
    assert list(done.files) == day_files(folder)


def test_a_spoiled_note_of_the_last_export_starts_it_over(world, folder):
    world.enforce("rev", "small", "label")
    export_history(world.app, folder)
    (folder / "exported.json").write_text("{")
    assert export_history(world.app, folder).written == 1


def test_two_exports_never_run_at_once(world, folder):
    world.enforce("rev", "small", "label")
    export_history(world.app, folder)
    with sqlite3.connect(folder / "lock") as lock:
        lock.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Conflict) as raised:
            export_history(world.app, folder)
    lock.close()
    assert raised.value.code == "history/busy"


def test_a_store_without_enforcements_has_an_empty_history(world, folder):
    done = export_history(world.app, folder)
    assert (done.written, len(done.files)) == (0, 0)
    assert day_files(folder) == []


def test_texts_are_exported_to_the_letter(world, folder):
    word = 'it\'s "so" \\ ; é\U0001f600\n\t'
    world.enforce("rev", "small", "limit", policy=word)
    export_history(world.app, folder)
    (row,) = rows(folder)
    assert row["policy"] == row["case_policy"] == word


def test_a_file_that_cannot_be_written_is_said_and_written_next_time(world, folder):
    world.enforce("rev", "small", "label")
    in_the_way = folder / "2017-11-02.parquet"
    in_the_way.mkdir(parents=True)
    with pytest.raises(Unavailable, match="could not be written") as raised:
        export_history(world.app, folder)
    assert raised.value.code == "history/write"
    in_the_way.rmdir()
    assert export_history(world.app, folder).written == 1


def test_a_backtest_over_what_was_really_asked(world, folder):
    """The nets in force asked nothing of small accounts; another net would have."""
    world.enforce("rev", "small", "suspend")
    asked = world.enforce("rev", "known", "suspend")
    world.run(4 * MINUTE)
    world.approve("lead", asked)
    export_history(world.app, folder)
    same = backtest(load(world.nets_toml()), day_files(folder))
    assert (same.judged, same.unchanged, same.weakened) == (2, 2, 0)
    assert same.headline == "Would have stopped and delayed nothing of 2 enforcements."
    assert same.answer_seconds == 240.0
    (net,) = load(
        '[[net]]\nid = "all"\ntitle = "All"\nbecause = "a test"\nwhen = "action.severity >= 3"\n'
        '[net.require]\napprovals = 1\nfrom = ["lead"]\nhold = "10m"\n'
    ).nets
    other = backtest(load(world.nets_toml()).changed(put=[net]), day_files(folder))
    assert (other.judged, other.people, other.held, other.weakened) == (2, 1, 2, 0)
    # Ten minutes for the one that waited already, and four more for the other.
    assert (other.delayed.count, other.delayed.median, other.delayed.most) == (2, 600, 840)
    none = backtest(load(net_for_nothing()), day_files(folder))
    assert (none.weakened, none.unchanged) == (1, 1)
    later = backtest(load(world.nets_toml()), day_files(folder), since=datetime(2018, 1, 1, tzinfo=UTC))
    assert later.judged == 0
    assert later.headline.startswith("There is no history yet")


def net_for_nothing() -> str:
    return (
        '[[net]]\nid = "none"\ntitle = "None"\nbecause = "a test"\nwhen = "action.severity >= 5"\n'
        '[net.require]\nhold = "1h"\n'
    )
