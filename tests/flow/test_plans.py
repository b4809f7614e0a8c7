"""No step of the flow reads more rows the longer a platform has been at it.

SQLite tells how it will find the rows of every statement; PostgreSQL learns its own
statistics and has the same indexes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from gardefou.flow.backlog import waiting_cases
from gardefou.flow.breaker import how_near
from gardefou.flow.budget_use import budgets_of
from gardefou.flow.case_reading import arrivals, case_by_id
from gardefou.flow.cases import claim, list_cases, next_case
from gardefou.flow.decide import ActionWish, decide
from gardefou.flow.due import next_due, run_due
from gardefou.flow.figures import Figures
from gardefou.flow.meet import Meeting
from gardefou.flow.queue_reading import claims, queue_counts
from gardefou.flow.raid import open_raids
from gardefou.flow.report_input import NewReport, parse_report
from gardefou.flow.reports import take_many
from gardefou.flow.second_look import hidden_on
from gardefou.flow.take_back import take_back
from gardefou.flow.waiting_groups import waiting_groups
from gardefou.flow.watch import watch
from gardefou.ledger.backlog import pending
from gardefou.storage import bulk, fast, tables
from gardefou.storage.migrate import upgrade
from tests.flow.world import HOUR, World

_LARGE = "account|cases|decision|enforcement|event|report|sandbox_account|sandbox_effect"
#: The whole table, or all that a platform has of it.
_TOO_MUCH = re.compile(rf"SCAN ({_LARGE})\b(?! USING (COVERING )?INDEX \w*(active|ending|watched|queue))")
_ONE_PLATFORM = re.compile(
    rf"SEARCH ({_LARGE}) USING (COVERING )?INDEX (?!account_watched)\S+ \(platform=\?( AND severity>\?)?\)$"
)


@pytest.fixture
def world(tmp_path) -> Iterator[World]:
    url = f"sqlite:///{tmp_path / 'gardefou.db'}"
    upgrade(url)
    made = World(url)
    made.people()
    made.accounts()
    yield made
    made.close()


def test_every_statement_of_the_ordinary_way_finds_its_rows_by_an_index(world, monkeypatch):
    seen: set[str] = set()
    run = fast.Fast._run

    def noted(self: fast.Fast, connection: sa.Connection, made: Any, bound: Any) -> Any:
        seen.add(made.text)
        return run(self, connection, made, bound)

    monkeypatch.setattr(fast.Fast, "_run", noted)

    @event.listens_for(world.store.writer, "before_cursor_execute")
    @event.listens_for(world.store.reader, "before_cursor_execute")
    def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.add(statement)

    _an_ordinary_day(world)
    wrong: list[str] = []
    with world.store.read() as connection:
        raw = fast.opened(connection)
        for statement in sorted(seen):
            if not statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE")):
                continue
            holes = statement.count("?")
            plan = raw.execute(f"EXPLAIN QUERY PLAN {statement}", ["x"] * holes).fetchall()
            steps = [row[3] for row in plan if _TOO_MUCH.search(row[3]) or _ONE_PLATFORM.search(row[3])]
            wrong += [f"{step}\n    {' '.join(statement.split())}" for step in steps]
    assert len(seen) > 50
    assert not wrong, "\n".join(wrong)


def test_intake_reads_no_more_of_tables_that_postgresql_has_not_counted_yet(postgresql_url, monkeypatch):
    """Of such a table its planner believes that a platform has one row, and a hundred reports read all open cases."""
    world = World(postgresql_url)
    try:
        world.people()
        reporter = replace(world.service("forms"), scopes=("reports:write",))
        take_many(world.app, reporter, _reports_on(range(2000)))
        asked: list[tuple[str, Any]] = []
        cursor = bulk._cursor

        def noted(connection: sa.Connection, statement: str, values: Any, *, binary: bool) -> Any:
            asked.append((statement, values))
            return cursor(connection, statement, values, binary=binary)

        monkeypatch.setattr(bulk, "_cursor", noted)
        take_many(world.app, reporter, _reports_on(range(1980, 2020)))
        monkeypatch.undo()
        found_in = set()
        with world.store.read() as connection:
            for statement, values in asked:
                found = bulk.select(connection, f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
                for node in _nodes(found[0][0][0]["Plan"]):
                    if "Relation Name" in node:
                        found_in.add(node["Relation Name"])
                        assert node["Actual Rows"] + node.get("Rows Removed by Filter", 0) <= 1, (statement, node)
        assert {"account", "cases", "report"} <= found_in
    finally:
        world.close()


def test_a_backlog_of_a_long_log_is_read_from_where_it_begins(postgresql_url):
    """Once PostgreSQL has counted many pending events it would merge them with the log, read from its first event on."""
    world = World(postgresql_url)
    try:
        ids, salts = world.app.ids, world.app.works.salts
        noted = [
            bulk.Noted("told", "system", "sandbox", f"a{number}", "", {}, [["account", {"text": "x" * 500}]])
            for number in range(12_000)
        ]
        with world.store.begin() as connection:
            bulk.write_events(connection, noted, now=world.now, ids=ids, salts=salts)
            connection.exec_driver_sql("ANALYZE")
        while _pending(world) > 8_000:
            world.app.sequencer.integrate()
        with world.store.begin() as connection:
            connection.exec_driver_sql("ANALYZE")
            found = bulk.select(connection, f"EXPLAIN (ANALYZE, FORMAT JSON) {pending(connection)}", (1_000,))
        events = [node for node in _nodes(found[0][0][0]["Plan"]) if node.get("Relation Name") == "event"]
        # Of each pending event its own, and nothing of those before.
        assert [(node["Actual Rows"], node["Actual Loops"]) for node in events] == [(1, 1_000)]
    finally:
        world.close()


def _pending(world: World) -> int:
    with world.store.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(tables.event_pending)).scalar_one())


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from _nodes(inner)


def _reports_on(accounts: range) -> list[NewReport]:
    return [
        parse_report(
            {
                "platform": "sandbox",
                "subject": {"kind": "account", "account": f"a{account}"},
                "reporter": "u",
                "category": "spam",
            }
        )
        for account in accounts
    ]


def _an_ordinary_day(world: World) -> None:
    reporter = replace(world.service("forms"), scopes=("reports:write",))
    reports = [
        {"platform": "sandbox", "subject": {"kind": "account", "account": ref}, "reporter": "u", "category": "spam"}
        for ref in ("small", "small2", "known")
    ]
    taken = take_many(world.app, reporter, [parse_report(one) for one in reports])
    reviewer = world.fresh("rev")
    assert next_case(world.app, reviewer) is not None
    claim(world.app, reviewer, taken[0].case)
    made = decide(world.app, reviewer, taken[2].case, outcome="no_violation")
    take_back(world.app, reviewer, taken[2].case, made.decision.id)
    decide(world.app, reviewer, taken[0].case, policy="spam", rationale="Spam.", actions=[ActionWish(action="suspend")])
    world.restore(reviewer, "small")
    world.enforce(reviewer, "small2", "limit")
    later = world.enforce(reviewer, "small", "remove_content", content=("c1", "c2"), execute_at=world.now + HOUR)
    world.enforce(reviewer, "small2", "suspend", execute_at=world.now + 2 * HOUR)
    with world.store.read() as connection:
        waiting_groups(connection, world.app.config(connection))
        hidden_on(connection, "sandbox", "lead")
        open_raids(connection, world.now)
        config = world.app.config(connection)
        Figures(world.app).over(connection, [world.now - HOUR, world.now])
        waiting_cases(connection, world.now)
        how_near(connection, config, world.now)
        budgets_of(connection, config, world.staff("rev"), world.now)
        list_cases(connection, now=world.now)
        list_cases(connection, now=world.now, queue="spam")
        for state in ("closed", None):
            list_cases(connection, now=world.now, state=state)
            list_cases(connection, now=world.now, state=state, queue="spam")
        queue_counts(connection, ["spam", "urgent"], world.now)
        claims(connection, world.now)
        arrivals(connection, case_by_id(connection, taken[1].case))
    assert later.approve_by is None
    watch(world.app)
    Meeting(world.app).round()
    run_due(world.app)
    next_due(world.app)
    world.app.sequencer.integrate_all()
