from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from gardefou.domain.records import Account, Case, PlatformEntry, Report
from gardefou.errors import Denied, InvalidInput, NotFound, Unavailable
from gardefou.flow.intake import CHUNK, MAX_LINE, Intake, Progress, lines_of, take_lines
from gardefou.flow.pull import pull
from gardefou.flow.reports import Given, Taken, parse_report, take_each, take_given, take_many
from gardefou.people.actor import Actor
from gardefou.platforms.protocol import PlatformUnreachable, PulledReport
from gardefou.storage import tables
from gardefou.storage.bulk import event_rows
from gardefou.storage.records import MAPPED, fetch_all
from gardefou.storage.work import Entry, noted
from tests.flow.desk import START, Desk, open_desk, service


@pytest.fixture
def desk(database_url):
    with open_desk(database_url) as opened:
        yield opened


@pytest.fixture
def sqlite_desk(sqlite_url):
    with open_desk(sqlite_url) as opened:
        yield opened


def body(account: Any = "1001", *, reporter: Any = "r1", category: Any = "spam", content: Any = None, **more):
    subject = {"kind": "content" if content else "account", "account": account}
    if content:
        subject["content"] = content
    return {"platform": "sandbox", "subject": subject, "reporter": reporter, "category": category, **more}


def report(*args, **more):
    return parse_report(body(*args, **more))


def cases(desk: Desk) -> list[Case]:
    with desk.app.works.read() as connection:
        return fetch_all(connection, Case, sa.select(tables.case).order_by(tables.case.c.account, tables.case.c.id))


def reports(desk: Desk) -> list[Report]:
    with desk.app.works.read() as connection:
        return fetch_all(connection, Report, sa.select(tables.report).order_by(tables.report.c.id))


# --- what comes in -------------------------------------------------------------------


def test_a_whole_report_is_read():
    read = report(content="c1", text="look", evidence=[{"url": "x", "score": 0.5}], at="2026-03-02T10:00:00+01:00")
    assert (read.kind, read.account, read.content, read.text) == ("content", "1001", "c1", "look")
    assert read.evidence == ({"url": "x", "score": 0.5},)
    assert read.at == datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_a_text_is_evidence_that_says_it():
    assert report(evidence=["post/1", {"url": "x"}]).evidence == ({"text": "post/1"}, {"url": "x"})


WRONG = [
    ([], "report/shape", None),
    (body() | {"platfrom": "x"}, "report/unknown_field", "platfrom"),
    (
        body() | {"subject": {"kind": "account", "account": "1", "acount": "1"}},
        "report/unknown_field",
        "subject.acount",
    ),
    (body() | {"subject": None}, "report/missing", "subject"),
    (body() | {"subject": "1001"}, "report/shape", "subject"),
    (body() | {"subject": {"kind": "room", "account": "1"}}, "report/subject", "subject.kind"),
    (body() | {"subject": {"kind": ["account"], "account": "1"}}, "report/subject", "subject.kind"),
    (body() | {"subject": {"kind": "content", "account": "1"}}, "report/missing", "subject.content"),
    (body() | {"subject": {"kind": "account", "account": "1", "content": "c"}}, "report/subject", "subject.content"),
    (body(account=""), "report/missing", "subject.account"),
    (body(account=7), "report/type", "subject.account"),
    (body(account="a" * 513), "report/too_long", "subject.account"),
    (body(account="a\x00b"), "report/text", "subject.account"),
    (body(account="a\ud800"), "report/text", "subject.account"),
    (body(reporter=None), "report/missing", "reporter"),
    (body(category="Spam"), "report/category", "category"),
    (body(category="a" * 65), "report/category", "category"),
    (body(category=None), "report/missing", "category"),
    (body(text=1), "report/type", "text"),
    (body(text="x" * 10_001), "report/too_long", "text"),
    (body(text="\x00"), "report/text", "text"),
    (body(evidence={}), "report/evidence", "evidence"),
    (body(evidence=["x", 1]), "report/evidence", "evidence.1"),
    (body(evidence=[{}, {"n": float("nan")}]), "report/evidence", "evidence.1"),
    (body(evidence=[{"n": [float("inf")]}]), "report/evidence", "evidence.0"),
    (body(evidence=[{}] * 21), "report/evidence", "evidence"),
    (body(evidence=[{"x": "y" * 70_000}]), "report/evidence", "evidence"),
    (body(at="yesterday"), "report/at", "at"),
    (body(at="2026-03-02"), "report/at", "at"),
    (body(at="2026-03-02T10:00:00"), "report/at", "at"),
    (body(at="2026-02-30T10:00:00Z"), "report/at", "at"),
    (body(at="0001-01-01T00:00:00+23:00"), "report/at", "at"),
    (body(at=1e9), "report/at", "at"),
]


@pytest.mark.parametrize(("given", "code", "field"), WRONG)
def test_r17_what_is_wrong_is_named(given, code, field):
    with pytest.raises(InvalidInput) as refused:
        parse_report(given)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_evidence_that_never_ends_is_refused():
    deep: dict = {}
    inner = deep
    for _ in range(500):
        inner["x"] = {}
        inner = inner["x"]
    with pytest.raises(InvalidInput, match="JSON object"):
        report(evidence=[deep])


# --- taken and merged ------------------------------------------------------------------


def test_reports_of_one_subject_are_one_case_and_reporters_are_counted_once(desk):
    first = take_many(desk.app, service(), [report(reporter="a"), report(reporter="a"), report(reporter="b")])
    later = take_many(desk.app, service(), [report(reporter="b"), report(reporter="c")])
    assert [one.merged for one in first + later] == [False, True, True, True, True]
    (case,) = cases(desk)
    assert {one.case for one in first + later} == {case.id}
    assert (case.reports, case.reporters, case.version) == (5, 3, 2)
    assert [one.id for one in reports(desk)] == [one.report for one in first + later]
    desk.assert_on_record()


def test_account_and_content_are_different_subjects(desk):
    take_many(desk.app, service(), [report(), report(content="c1"), report(content="c2"), report("1002")])
    assert {(one.account, one.content) for one in cases(desk)} == {
        ("1001", ""), ("1001", "c1"), ("1001", "c2"), ("1002", "")
    }  # fmt: skip
    desk.assert_on_record()


def test_what_was_sent_is_what_is_kept(desk):
    given = report(
        content="c1", text="שלום 👋", evidence=[{"b": [1, {"a": None}], "a": True}], at="2020-01-01T00:00:00Z"
    )
    take_many(desk.app, service("machine"), [given])
    (kept,) = reports(desk)
    assert (kept.text, kept.evidence, kept.kind, kept.content) == (given.text, given.evidence, "content", "c1")
    desk.assert_on_record()


def test_r17_source_is_the_tokens_and_time_that_of_receipt(desk):
    desk.clock.advance(timedelta(minutes=5))
    take_many(desk.app, service("machine"), [report(at="1999-12-31T23:59:59Z")])
    (kept,) = reports(desk)
    assert kept.source == "machine"
    assert kept.received_at == START + timedelta(minutes=5)
    assert kept.claimed_at == datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_a_closed_case_takes_no_reports(desk):
    (first,) = take_many(desk.app, service(), [report()])
    _close(desk, first.case)
    (second,) = take_many(desk.app, service(), [report()])
    assert second.case != first.case
    assert not second.merged


def _close(desk: Desk, case_id: str) -> None:
    from dataclasses import replace

    with desk.app.works.begin() as uow:
        case = uow.need(Case, "sandbox", case_id)
        uow.record(
            "case.closed", by="x", platform="sandbox", puts=(replace(case, state="closed", version=case.version + 1),)
        )


def test_many_different_reporters_in_a_short_time_are_a_burst(desk):
    for number in range(9):
        take_many(desk.app, service(), [report(reporter=f"r{number}")])
        desk.clock.advance(timedelta(seconds=30))
    assert not cases(desk)[0].burst
    take_many(desk.app, service(), [report(reporter="r0")])
    assert not cases(desk)[0].burst
    take_many(desk.app, service(), [report(reporter="r9")])
    assert cases(desk)[0].burst
    desk.assert_on_record()


def test_the_same_number_over_a_long_time_is_no_burst(desk):
    for number in range(12):
        take_many(desk.app, service(), [report(reporter=f"r{number}")])
        desk.clock.advance(timedelta(seconds=120))
    assert not cases(desk)[0].burst


def test_a_burst_within_one_batch(desk):
    take_many(desk.app, service(), [report(reporter=f"r{number}") for number in range(10)])
    assert cases(desk)[0].burst


def test_a_case_goes_to_the_queue_of_its_gravest_report(desk):
    take_many(desk.app, service(), [report(category="spam")])
    assert (cases(desk)[0].queue, cases(desk)[0].due_at) == ("spam", START + timedelta(hours=24))
    desk.clock.advance(timedelta(minutes=10))
    take_many(desk.app, service(), [report(category="threat"), report(category="other")])
    (case,) = cases(desk)
    assert (case.queue, case.category) == ("urgent", "threat")
    assert case.due_at == START + timedelta(minutes=70)
    desk.assert_on_record()


def test_priority_is_what_its_page_says(desk):
    with desk.app.works.begin() as uow:
        for ref, tier in (("vip", "protected"), ("known", "notable")):
            account = Account(platform="sandbox", ref=ref, tier=tier)
            uow.record("account.seen", by="system", platform="sandbox", account=ref, puts=(account,))
    app = desk.app
    take_many(app, service(), [report("a1"), report("a2", category="threat"), report("vip"), report("known")])
    take_many(app, service("trusted_flagger"), [report("a3")])
    take_many(app, service("authority"), [report("a4")])
    take_many(app, service(), [report("a5", reporter=f"r{n}") for n in range(10)])
    found = {one.account: one.priority for one in cases(desk)}
    assert found == {"a1": 110, "a2": 410, "vip": 310, "known": 210, "a3": 410, "a4": 410, "a5": 300}
    assert {one.account for one in cases(desk) if one.trusted_flagger} == {"a3"}
    take_many(app, service(), [report("a4", reporter="another")])
    assert {one.account: one.priority for one in cases(desk)}["a4"] == 420
    desk.assert_on_record()


def test_nothing_is_taken_when_one_cannot_be(desk):
    bad = parse_report(body() | {"platform": "nowhere"})
    with pytest.raises(NotFound) as refused:
        take_many(desk.app, service(), [report(), bad])
    assert (refused.value.code, refused.value.field) == ("platform/not_found", "platform")
    assert reports(desk) == []
    taken = take_each(desk.app, [Given(service(), report()), Given(service(), bad)])
    assert [type(one).__name__ for one in taken] == ["Taken", "NotFound"]


def test_who_may_not_report_does_not(desk):
    reader = Actor(id="service:reader", via="api", service="reader", scopes=("read",))
    with pytest.raises(Denied, match="report"):
        take_many(desk.app, reader, [report()])


def test_a_pulled_key_is_taken_once(desk):
    app, one = desk.app, report()
    first = take_many(app, service("platform"), [one, one, report("2")], pulled_keys=["k1", "k1", "k2"])
    again = take_many(app, service("platform"), [report("2"), one, report("3")], pulled_keys=["k2", "k1", "k3"])
    assert first[0].report == first[1].report == again[1].report
    assert again[0].report == first[2].report
    assert len(reports(desk)) == 3
    assert [one.reports for one in cases(desk)] == [1, 1, 1]
    desk.assert_on_record()


def test_a_large_batch_is_on_record_row_by_row(desk):
    batch = [report(f"a{number % 700}", reporter=f"r{number % 11}") for number in range(1_500)]
    take_many(desk.app, service(), batch)
    take_many(desk.app, service(), batch[:300])
    assert sum(one.reports for one in cases(desk)) == len(reports(desk)) == 1_800
    desk.assert_on_record()


def test_an_event_reads_as_if_it_had_been_written_one_by_one(sqlite_desk):
    desk = sqlite_desk
    take_many(desk.app, service(), [report(evidence=[{"z": 1, "a": 2}])])
    (case,), (kept,) = cases(desk), reports(desk)
    with desk.app.works.read() as connection:
        row = connection.execute(tables.event.select().where(tables.event.c.kind == "report.taken")).one()
    entry = Entry(
        kind="report.taken", by="service:forms", platform="sandbox", account="1001", about=case.id,
        puts=(kept, case), detail={"merged": False},
    )  # fmt: skip
    (expected,) = event_rows([noted(entry)], now=START, ids=desk.app.ids, salts=bytes)
    assert row.body == expected[-1]
    assert len(row.salt) == 32
    assert set(orjson.loads(row.body)["rows"][0][1]) == set(MAPPED[Report].names)


def test_two_nodes_that_open_the_same_case_at_once_merge(desk):
    start = threading.Barrier(4)

    def send(number):
        start.wait()
        for round_ in range(5):
            batch = [report(f"a{round_}-{one}", reporter=f"r{number}") for one in range(number * 7 % 5, 30)]
            take_many(desk.app, service(), batch if number % 2 else batch[::-1])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(4)))
    found = cases(desk)
    assert len({(one.account, one.content) for one in found}) == len(found)
    assert sum(one.reports for one in found) == len(reports(desk))
    assert all(one.reporters == one.reports for one in found)
    desk.assert_on_record()


# --- group commit ------------------------------------------------------------------------


def test_everyone_is_answered_once_durable(desk):
    intake = Intake(desk.app)
    try:
        with ThreadPoolExecutor(16) as pool:
            taken = list(
                pool.map(lambda n: intake.submit(service(), report(f"a{n % 20}", reporter=f"r{n}")), range(200))
            )
    finally:
        intake.close()
    assert {one.report for one in taken} == {one.id for one in reports(desk)}
    assert len(taken) == len(reports(desk)) == 200
    desk.assert_on_record()


def test_those_who_wait_together_are_written_together(sqlite_desk, monkeypatch):
    desk = sqlite_desk
    intake = Intake(desk.app)
    sent = threading.Event()
    groups: list[int] = []

    def counted(app, given):
        groups.append(len(given))
        return take_each(app, given)

    monkeypatch.setattr("gardefou.flow.intake.take_each", counted)

    async def send():
        tasks = [asyncio.create_task(intake.submit_async(service(), report(f"a{number}"))) for number in range(40)]
        await asyncio.sleep(0)
        sent.set()
        return await asyncio.gather(*tasks)

    with ThreadPoolExecutor(1) as pool:
        with desk.app.works.store.begin():
            # The writer waits for this transaction, with the first that came in its hands.
            answers = pool.submit(asyncio.run, send())
            assert sent.wait(20)
        assert len(answers.result(timeout=120)) == 40
    intake.close()
    assert sum(groups) == 40
    assert len(groups) <= 2


def test_one_that_cannot_be_taken_does_not_spoil_the_others(desk):
    async def send():
        bad = parse_report(body() | {"platform": "nowhere"})
        return await asyncio.gather(
            *(intake.submit_async(service(), one) for one in (report("a"), bad, report("b"))), return_exceptions=True
        )

    intake = Intake(desk.app)
    good, bad, other = asyncio.run(send())
    intake.close()
    assert isinstance(good, Taken)
    assert isinstance(other, Taken)
    assert isinstance(bad, NotFound)
    assert {good.report, other.report} == {one.id for one in reports(desk)}


def test_too_many_waiting_are_told_to_come_back(sqlite_desk):
    intake = Intake(sqlite_desk.app, limit=0)
    with pytest.raises(Unavailable) as refused:
        intake.submit(service(), report())
    intake.close()
    assert refused.value.code == "report/busy"


def test_a_closed_intake_takes_no_more_and_has_written_all(sqlite_desk):
    intake = Intake(sqlite_desk.app)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: intake.submit(service(), report(f"a{n}")), range(30)))
        intake.close()
        intake.close()
    assert len(reports(sqlite_desk)) == len(taken)
    with pytest.raises(Unavailable):
        intake.submit(service(), report())


def test_who_may_not_report_is_told_at_once(sqlite_desk):
    intake = Intake(sqlite_desk.app)
    with pytest.raises(Denied):
        intake.submit(Actor(id="x", via="api", service="x", scopes=()), report())
    intake.close()


# --- whole files -----------------------------------------------------------------------


def line(*args, **more) -> bytes:
    return orjson.dumps(body(*args, **more)) + b"\n"


def test_every_line_has_its_result_and_a_bad_one_spoils_no_other(desk):
    lines = [
        line("a"),
        b"\n",
        b"{not json\n",
        line("b", category="NO"),
        orjson.dumps(body() | {"platform": "nowhere"}),
        line("a", reporter="r2"),
        b"\xff\n",
        b"{" + b"x" * MAX_LINE + b"}xx",
    ]
    seen: list[Progress] = []
    results = list(take_lines(desk.app, service(), lines, on_progress=seen.append))
    assert [one.line for one in results] == [1, 3, 4, 5, 6, 7, 8]
    assert [one.error.code if one.error else one.taken and one.taken.merged for one in results] == [
        False, "report/json", "report/category", "platform/not_found", True, "report/json", "report/line_too_long",
    ]  # fmt: skip
    assert results[2].to_json()["error"]["field"] == "category"
    first, second = results[0].taken, results[4].taken
    assert first
    assert second
    assert results[4].to_json() == {"line": 6, "report": second.report, "case": first.case, "merged": True}
    assert (seen[-1].lines, seen[-1].taken, seen[-1].merged, seen[-1].rejected) == (8, 2, 1, 5)
    desk.assert_on_record()


def test_a_file_of_several_chunks(sqlite_desk):
    count = 2 * CHUNK + 10
    seen: list[Progress] = []
    lines = (line(f"a{number}") for number in range(count))
    results = list(take_lines(sqlite_desk.app, service(), lines, on_progress=seen.append))
    assert [one.line for one in results] == list(range(1, count + 1))
    assert [one.lines for one in seen] == [CHUNK, 2 * CHUNK, count]
    assert len(reports(sqlite_desk)) == count


def test_who_may_not_report_has_no_line_read(sqlite_desk):
    with pytest.raises(Denied):
        take_lines(sqlite_desk.app, Actor(id="x", via="api", service="x", scopes=()), iter([b""]))


@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
def test_a_stream_is_split_wherever_it_breaks(size):
    stream = b"one\n\ntwo\nthree"
    parts = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert list(lines_of(parts)) == [b"one", b"", b"two", b"three"]


def test_an_endless_line_is_not_held(sqlite_desk):
    parts = (b"x" * 100_000 for _ in range(100))
    (only,) = lines_of(parts)
    assert MAX_LINE < len(only) < MAX_LINE + 100


# --- pulled ------------------------------------------------------------------------------


class Elsewhere:
    """A platform that holds reports of its own, and can fail after some of them."""

    name = "elsewhere"

    def __init__(self, count: int) -> None:
        self.reports = [
            (
                str(number),
                PulledReport(key=f"k{number}", account=f"@u{number % 3}", reporter=f"@r{number}", category="spam"),
            )
            for number in range(1, count + 1)
        ]
        self.asked: list[str | None] = []
        self.fails_after: int | None = None

    def pull_reports(self, *, after):
        self.asked.append(after)
        for number, item in enumerate(self.reports[int(after or 0) :]):
            if number == self.fails_after:
                raise PlatformUnreachable("it is down")
            yield item


@pytest.fixture
def elsewhere(desk):
    platform = Elsewhere(7)
    entry = PlatformEntry(id="elsewhere", kind="test", endpoint="test:elsewhere", added_at=desk.clock.now())
    desk.register(entry, platform)
    return platform


def test_reports_are_pulled_from_where_the_last_ended(desk, elsewhere):
    assert pull(desk.app, "elsewhere") == 7
    assert pull(desk.app, "elsewhere") == 0
    assert elsewhere.asked == [None, "7"]
    assert {one.source for one in reports(desk)} == {"platform"}
    assert len(cases(desk)) == 3
    desk.assert_on_record()


def test_what_came_before_a_failure_is_kept_and_nothing_is_taken_twice(desk, elsewhere):
    elsewhere.fails_after = 4
    with pytest.raises(Unavailable) as refused:
        pull(desk.app, "elsewhere")
    assert refused.value.code == "platform/unavailable"
    assert len(reports(desk)) == 4
    elsewhere.fails_after = None
    assert pull(desk.app, "elsewhere") == 3
    assert len(reports(desk)) == 7


def test_a_cursor_that_was_lost_takes_nothing_twice(desk, elsewhere):
    pull(desk.app, "elsewhere")
    elsewhere.reports = [(f"{cursor}0", one) for cursor, one in elsewhere.reports]
    elsewhere.pull_reports = lambda *, after: iter(elsewhere.reports)
    assert pull(desk.app, "elsewhere") == 0
    assert len(reports(desk)) == 7


def test_an_odd_report_does_not_stand_before_the_others(desk, elsewhere):
    elsewhere.reports[0] = (
        "1",
        PulledReport(
            key="k1", account="@u1", reporter="", category="No Such!", text="x" * 20_000 + "\x00",
            evidence=({"big": "y" * 100_000},), at="whenever",
        ),
    )  # fmt: skip
    elsewhere.reports[1] = ("2", PulledReport(key="k2", account="", reporter="r", category="spam"))
    assert pull(desk.app, "elsewhere") == 6
    first = reports(desk)[0]
    assert (first.category, first.reporter, len(first.text), first.claimed_at) == ("other", "unknown", 10_000, None)


def test_a_platform_without_reports_gives_none(desk):
    assert pull(desk.app, "sandbox") == 0


def test_a_transaction_that_fails_leaves_nothing(desk):
    def fail(_):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        take_given(desk.app, [Given(service(), report())], within=fail)
    assert reports(desk) == []
    assert cases(desk) == []
