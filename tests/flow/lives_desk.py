"""Lives of the desk: reports come in, cases are worked on, judged, and taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

from gardefou.flow import cases, queue_reading
from gardefou.flow.backlog import by_age, waiting_cases
from gardefou.flow.case_reading import arrivals, case_by_id, case_view, list_cases
from gardefou.flow.decide import ActionWish, decide, preview_decision
from gardefou.flow.explain import explanation
from gardefou.flow.figures import SPANS, Figures, boundaries
from gardefou.flow.friction import Friction
from gardefou.flow.intake import Progress, take_lines
from gardefou.flow.queue_reading import claims, closed_queues, open_queues, queue_counts
from gardefou.flow.report_input import parse_report
from gardefou.flow.reports import take_many
from gardefou.flow.second_look import hidden_on, require_seen
from gardefou.flow.second_look import seen_by as looks_seen_by
from gardefou.flow.take_back import take_back
from gardefou.people.actor import Actor
from tests.flow.chronicle import Chronicle
from tests.flow.world import DAY, HOUR, MINUTE

SECOND = timedelta(seconds=1)


def given(account: str, category: str = "spam", reporter: str = "r", platform: str = "sandbox", **more: Any) -> Any:
    """Return a report's body."""
    subject: dict[str, Any] = {"kind": "account", "account": account}
    if "content" in more:
        subject |= {"kind": "content", "content": more.pop("content")}
    return {"platform": platform, "subject": subject, "reporter": reporter, "category": category, **more}


def form(source: str = "user") -> Actor:
    """Return a service that may report."""
    return Actor(id="service:forms", via="api", service="forms", scopes=("reports:write",), source=source)


def report(life: Chronicle, *bodies: Any, source: str = "user") -> list[str]:
    """Bring in reports; return their cases."""
    taken = life.does(take_many, life.world.app, form(source), [parse_report(one) for one in bodies])
    return [one.case for one in taken]


def read_cases(life: Chronicle, *which: str) -> None:
    """Tell what the pages of cases and queues show."""
    world = life.world
    now = world.now
    with world.store.read() as connection:
        life.reads("open queues", open_queues(connection))
        life.reads("closed queues", closed_queues(connection))
        life.reads("counts", queue_counts(connection, open_queues(connection), now))
        life.reads("claims", claims(connection, now))
        with patch.object(queue_reading, "MOST_CLAIMS", 1):
            life.reads("first claim", [one.id for one in claims(connection, now)])
        life.reads("waiting", waiting_cases(connection, now))
        life.reads("by age", by_age(waiting_cases(connection, now)))
        wishes: list[dict[str, Any]] = [
            {},
            {"state": "closed"},
            {"state": None, "queue": "spam"},
            {"platforms": ("other",)},
        ]
        for more in wishes:
            found, cursor = list_cases(connection, now=now, limit=3, **more)
            life.reads(f"list {more}", ([one.id for one in found], cursor is not None))
            if cursor is not None:
                found, cursor = list_cases(connection, now=now, limit=3, cursor=cursor, **more)
                life.reads("next page", ([one.id for one in found], cursor is not None))
        for one in which:
            view = case_view(connection, one, now=now)
            life.reads("case", view)
            life.reads("arrivals", arrivals(connection, view.case))
            for viewer in ("lead", "rev"):
                life.reads(f"as {viewer} sees it", looks_seen_by(connection, view, viewer))


def work(life: Chronicle) -> None:
    """Reports are merged into cases; people take, keep, leave, move and judge them."""
    world = life.world
    app = world.app
    life.head("reports")
    (spam,) = report(life, given("small"))
    world.clock.advance(SECOND)
    report(life, given("small", platform="other"), given("small", "impersonation", "s"), given("president", "threat"))
    # What is milder than what was said before changes no queue.
    report(life, given("small", "spam", "again"))
    world.clock.advance(MINUTE)
    item = given("small", "spam", "t", content="c1", text="words of a reporter", evidence=[{"url": "u"}])
    (on_item,) = report(life, item | {"at": "2017-11-01T10:00:00Z"}, source="trusted_flagger")
    crowd = ""
    for number in range(11):
        world.clock.advance(3 * SECOND)
        (crowd,) = report(life, given("small2", reporter=f"r{number}"))
    life.tries(take_many, app, form(), [parse_report(given("small", platform="nowhere"))])
    for wrong in ({"category": ""}, {"subject": {"kind": "word"}}, {"at": "now"}, {"evidence": [{"a": b""}]}, {"x": 1}):
        life.tries(parse_report, given("small") | wrong)
    wrongly: list[Any] = [[{"a": "x" * 65_000}], [{"a": "x" * 66_000}], [{}] * 20, [{}] * 21, [{"a": 1}, 2], "x"]
    for evidence in wrongly:
        life.tries(parse_report, given("small") | {"evidence": evidence})
    ids: list[dict[str, Any]] = [{"reporter": one} for one in ("a\0b", "", None, "x" * 512, "x" * 513, 5, "a b", "é")]
    for wrong in (
        *ids,
        {"platform": "a\nb"},
        {"category": " "},
        {"category": "x" * 513},
        {"text": 5},
        {"text": "a\0b"},
    ):
        life.tries(parse_report, given("small") | wrong)
    life.tries(parse_report, [])
    for subject in ({"kind": "account", "account": 5}, {"kind": "account", "account": "x" * 600}, {"kind": "content"}):
        life.tries(parse_report, given("small") | {"subject": subject})
    life.tries(parse_report, given("small", text="x" * 100_000))
    life.reads("parsed", parse_report(given("small", text="some words", content="c9")))

    def lists(**wrong: Any) -> None:
        with world.store.read() as connection:
            list_cases(connection, now=world.now, **wrong)

    life.tries(lists, state="odd")
    life.tries(lists, cursor="odd")
    lines = [
        b'{"platform":"sandbox"}',
        b"no",
        b"",
        b'{"platform":"gone","subject":{"kind":"account","account":"a"},"reporter":"r","category":"spam"}',
        b'{"platform":"sandbox","subject":{"kind":"account","account":"known"},"reporter":"r","category":"spam"}',
    ]
    told: list[Progress] = []
    taken = list(take_lines(app, form(), lines, on_progress=told.append))
    life.reads("lines", [one.to_json() for one in taken])
    life.reads("progress", told)
    read_cases(life, spam, on_item, crowd)

    life.head("hands")
    reviewer, second = world.fresh("rev"), world.fresh("rev2")
    first = life.does(cases.next_case, app, reviewer)
    assert first is not None
    life.does(cases.claim, app, reviewer, spam)
    life.tries(cases.claim, app, second, spam)
    world.clock.advance(10 * MINUTE)
    life.does(cases.renew, app, reviewer, spam)
    life.tries(cases.renew, app, reviewer, spam)
    life.tries(cases.renew, app, second, spam)
    read_cases(life, spam)
    world.clock.advance(10 * MINUTE)
    life.does(world.settle)
    life.does(cases.release, app, reviewer, spam)
    life.tries(cases.release, app, second, spam)
    life.does(cases.skip, app, reviewer, crowd)
    life.does(cases.next_case, app, reviewer, "spam")
    life.does(cases.next_case, app, second, "spam")
    life.does(cases.next_case, app, second)
    life.does(cases.next_case, app, reviewer, "nothing")
    life.does(cases.move, app, reviewer, on_item, "impersonation")
    life.tries(cases.move, app, reviewer, on_item, "elsewhere")
    life.does(cases.escalate, app, second, on_item, "it is hard")
    life.does(cases.note, app, reviewer, on_item, "a note of some words")
    life.tries(cases.note, app, reviewer, on_item, " ")
    life.tries(cases.note, app, reviewer, on_item, "x" * 10_001)
    life.does(cases.see_evidence, app, reviewer, on_item)
    life.does(cases.see_evidence, app, reviewer, on_item)
    life.tries(cases.claim, app, reviewer, "none")
    life.tries(cases.claim, app, form(), spam)
    world.clock.advance(HOUR)
    life.does(world.settle)
    read_cases(life, on_item)


def judged(life: Chronicle) -> None:
    """Cases end: nothing wrong, something wrong, by several actions, taken back, and reported again."""
    world = life.world
    app = world.app
    figures = Figures(app)
    life.head("nothing wrong")
    small, small2, known, there, president = report(
        life, given("small"), given("small2"), given("known"), given("small", platform="other"), given("president")
    )
    world.clock.advance(MINUTE)
    reviewer = world.fresh("rev")
    for wrong in (
        {"outcome": "maybe"},
        {"outcome": "violation"},
        {"policy": "spam"},
        {"policy": "spam", "rationale": "x" * 10_001},
        {"outcome": "no_violation", "actions": [ActionWish(action="warn")]},
        {"policy": "spam", "rationale": "so", "actions": [ActionWish(action="vanish")]},
        {"policy": "spam", "rationale": "so", "actions": [ActionWish(action="warn"), ActionWish(action="warn")]},
    ):
        life.tries(decide, app, reviewer, small, **wrong)
    life.does(decide, app, reviewer, small, outcome="no_violation", rationale="fine as it is")
    life.tries(decide, app, reviewer, small, outcome="no_violation")
    life.does(decide, app, reviewer, there, outcome="no_violation")
    (again,) = report(life, given("small", "impersonation", "late"))
    read_cases(life, small, again)

    life.head("something wrong")
    world.clock.advance(2 * HOUR)
    wishes = [ActionWish(action="label", label="spam"), ActionWish(action="suspend", until=world.now + DAY)]
    said: dict[str, Any] = {"policy": "spam", "rationale": "many", "evidence": [{"link": "l"}], "actions": wishes}
    previewed = preview_decision(app, reviewer, small2, **said)
    life.reads("preview", (previewed.says, [(one.tier, one.verdict) for one in previewed.judged]))
    done = life.does(decide, app, reviewer, small2, **said)
    life.does(cases.claim, app, reviewer, president)
    reviewer = world.fresh("rev")
    held = life.does(
        decide, app, reviewer, president, policy="spam", rationale="grave", actions=[ActionWish(action="suspend")]
    )
    life.does(
        decide,
        app,
        reviewer,
        again,
        policy="spam",
        rationale="an item",
        actions=[ActionWish(action="remove_content", content=("c1", "c2"))],
    )
    read_cases(life, small2, president, again)
    with world.store.read() as connection:
        config = app.config(connection)
        for one in (*done.enforcements, *held.enforcements):
            for blind in (True, False):
                explained = explanation(connection, one, config, now=world.now, blind=blind)
                life.reads("why", explained.to_json(silent=True))
        for viewer in ("lead", "rev", "rev2"):
            life.reads(f"hidden from {viewer}", hidden_on(connection, "sandbox", viewer))

    def proves(viewer: str) -> None:
        with world.store.read() as connection:
            for one in held.enforcements:
                require_seen(connection, one, viewer)

    for viewer in ("lead", "rev", "rev2"):
        life.tries(proves, viewer)

    life.head("taken back")
    world.clock.advance(5 * MINUTE)
    life.tries(take_back, app, world.fresh("rev2"), small2, done.decision.id)
    life.tries(take_back, app, reviewer, small, done.decision.id)
    life.tries(take_back, app, reviewer, small2, "none")
    life.does(take_back, app, world.fresh("rev"), small2, done.decision.id)
    life.tries(take_back, app, world.fresh("rev"), small2, done.decision.id)
    life.does(take_back, app, world.fresh("rev"), president, held.decision.id)
    life.does(world.settle)
    read_cases(life, small2, president)

    life.head("figures")
    world.clock.advance(2 * DAY)
    life.does(decide, app, world.fresh("rev2"), known, outcome="no_violation")
    world.enforce("rev", "known", "deactivate")
    world.enforce("rev2", "small2", "limit", until=world.now + MINUTE)
    life.passes(2 * MINUTE)
    for counted in (figures, Figures(app), figures):
        with world.store.read() as connection:
            friction = counted.friction(connection)
            for span in SPANS.values():
                marks = boundaries(span, world.now, ZoneInfo("Asia/Kathmandu"))
                buckets, friction = counted.over_with_friction(connection, marks)
                life.reads(f"over {span.name}", [one for one in buckets if one.counts])
                life.reads("restored within", [one.restored_within(0.9) for one in buckets if one.counts])
            life.reads("friction", (friction, friction.per_thousand, friction.within))
            life.reads("week", counted.week(connection))
        world.clock.advance(20 * MINUTE)
    life.reads("none", Friction(decisions=0, asked=0).per_thousand)
    with world.store.read() as connection:
        life.reads("read again", case_by_id(connection, small))
