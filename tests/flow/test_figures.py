"""The figures of the first page: counted once, within indexes, in whole hours and days of any time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from gardefou.flow.backlog import AGES, by_age, waiting_cases
from gardefou.flow.breaker import how_near
from gardefou.flow.budget_use import budgets_of
from gardefou.flow.decide import ActionWish, decide
from gardefou.flow.figures import SPANS, Bucket, Figures, boundaries
from gardefou.flow.report_input import parse_report
from gardefou.flow.reports import take_many
from tests.flow.world import HOUR, World

NOW = datetime(2026, 5, 4, 9, 20, tzinfo=UTC)


def reported(world: World, *refs: str) -> list[str]:
    """Bring in a report about each; return their cases."""
    given = [
        {"platform": "sandbox", "subject": {"kind": "account", "account": ref}, "reporter": "u", "category": "spam"}
        for ref in refs
    ]
    return [one.case for one in take_many(world.app, world.fresh("rev"), [parse_report(one) for one in given])]


def total(figures: Figures, world: World, name: str, span: str = "24h") -> int:
    with world.store.read() as connection:
        buckets = figures.over(connection, boundaries(SPANS[span], world.now, UTC))
    return sum(one.of(name) for one in buckets)


def test_what_happened_is_counted_once_and_in_its_hour(world):
    figures = Figures(world.app)
    first, second, third = reported(world, "small", "small2", "known")
    reviewer = world.fresh("rev")
    decide(world.app, reviewer, first, outcome="no_violation")
    suspend = [ActionWish(action="suspend")]
    decide(world.app, reviewer, second, policy="spam", rationale="Spam.", actions=suspend)
    world.restore(world.fresh("rev2"), "small2")
    want = {
        "reports": 3,
        "cases": 3,
        "kept": 2,
        "late": 0,
        "no_violation": 1,
        "violation": 1,
        "placed": 1,
        "reversed": 1,
    }
    assert {name: total(figures, world, name) for name in want} == want
    world.clock.advance(3 * HOUR)
    reported(world, "small")
    late = timedelta(days=9)
    # Remembered quarters and new ones together; and as another node counts them anew.
    for counted in (figures, Figures(world.app)):
        assert {name: total(counted, world, name) for name in ("reports", "no_violation", "placed")} == {
            "reports": 4,
            "no_violation": 1,
            "placed": 1,
        }
    with world.store.read() as connection:
        buckets = figures.over(connection, boundaries(SPANS["24h"], world.now, UTC))
    assert [one.of("reports") for one in buckets if one.of("reports")] == [3, 1]
    assert buckets[-4].restored_within(0.5) is not None
    world.clock.advance(late)
    decide(world.app, world.fresh("rev"), third, outcome="no_violation")
    assert (total(figures, world, "late"), total(figures, world, "reports")) == (1, 0)
    assert total(figures, world, "reports", "30d") == 4


def test_nets_that_spoke_are_counted_by_net_and_ordinary_decisions_meet_none(world):
    figures = Figures(world.app)
    reviewer = world.fresh("rev")
    for ref in ("small", "president"):
        [case] = reported(world, ref)
        decide(world.app, reviewer, case, policy="spam", rationale="Spam.", actions=[ActionWish(action="suspend")])
    with world.store.read() as connection:
        week, friction = figures.week(connection), figures.friction(connection)
    assert week.of("net:protected-two-more-people") == 1
    assert (friction.decisions, friction.asked) == (2, 1)


def test_hours_and_days_begin_as_clocks_on_the_wall_do():
    paris, kathmandu = ZoneInfo("Europe/Paris"), ZoneInfo("Asia/Kathmandu")
    hours = boundaries(SPANS["24h"], NOW, UTC)
    assert (hours[0], hours[-1], len(hours)) == (
        NOW.replace(hour=10, minute=0) - timedelta(days=1),
        NOW.replace(hour=10, minute=0),
        25,
    )
    assert boundaries(SPANS["24h"], NOW, kathmandu)[-1] == datetime(2026, 5, 4, 9, 15, tzinfo=UTC) + HOUR
    for span in ("7d", "30d"):
        # Summer time began on 29 March 2026.
        marks = boundaries(SPANS[span], datetime(2026, 4, 2, 9, 20, tzinfo=UTC), paris)
        assert all(one.astimezone(paris).hour % (6 if span == "7d" else 24) == 0 for one in marks)
        assert len(marks) == SPANS[span].steps + 1
        assert marks == sorted(marks)


def test_the_time_to_restore_is_told_by_share():
    counts = {"restored:0": 97, "restored:5": 2, "restored:14": 1}
    bucket = Bucket(NOW, NOW, counts)
    assert (bucket.restored_within(0.5), bucket.restored_within(0.99), bucket.restored_within(1)) == (
        100,
        1_000,
        600_000,
    )
    assert Bucket(NOW, NOW, {}).restored_within(0.5) is None


def test_the_backlog_is_told_by_age(world):
    reported(world, "small")
    world.clock.advance(2 * HOUR)
    reported(world, "small2")
    with world.store.read() as connection:
        waiting = waiting_cases(connection, world.now)
    assert sum(one.cases for one in waiting) == 2
    assert by_age(waiting) == [1, 1, 0, 0, 0, 0]
    assert by_age([]) == [0] * (len(AGES) + 1)


def test_the_breaker_says_how_near_it_is_before_it_stops(world):
    reviewer = world.fresh("rev")
    with world.store.read() as connection:
        config = world.app.config(connection)
        assert [(one.scope, one.target, one.share) for one in how_near(connection, config, world.now)] == [
            ("platform", "sandbox", 0.0)
        ]
    world.sandbox.put_account("small3", handle="small3", reach=10)
    for ref in ("small", "small2", "small3"):
        world.enforce(reviewer, ref, "suspend")
        world.restore(reviewer, ref)
    with world.store.read() as connection:
        near = {one.scope: one for one in how_near(connection, config, world.now)}
    assert (near["staff"].reversed, near["staff"].reversals, near["staff"].share) == (3, 5, 0.6)
    assert near["staff"].target == reviewer.id
    assert not near["staff"].stopped


def test_a_budget_says_what_is_used_of_it(world):
    reviewer = world.fresh("rev")
    world.enforce(reviewer, "small", "suspend")
    world.enforce(reviewer, "small2", "warn")
    with world.store.read() as connection:
        config = world.app.config(connection)
        found = budgets_of(connection, config, reviewer.staff, world.now)
    own = {(one.kind, one.window): (one.used, one.most) for one in found.of("own")}
    assert own["grave", "hour"] == (1, 60)
    assert own["mild", "day"] == (1, 1_500)
    assert [(one.kind, one.used, one.most) for one in found.of("team")] == [("grave", 1, 500)]
    assert [(one.kind, one.used, one.most) for one in found.of("platform")] == [
        ("grave", 1, 1_500),
        ("gravest", 0, 200),
    ]
