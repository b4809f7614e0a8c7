"""Who is reported is read once by the worker, so that the queue says who waits; what cannot be read stops nothing."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any, Literal

import pytest

from gardefou.domain.accounts import AccountReading
from gardefou.domain.records import Account
from gardefou.flow.cases import claim
from gardefou.flow.change import propose
from gardefou.flow.decide import decide
from gardefou.flow.meet import MOST, Meeting
from gardefou.flow.observe import look, observe
from gardefou.flow.report_input import NewReport
from gardefou.flow.reports import take_many
from gardefou.platforms.protocol import PlatformRefused, PlatformUnreachable
from gardefou.storage.records import get
from gardefou.web.console.reading import refreshed
from tests.flow.world import DAY, HOUR


@pytest.fixture
def read(world, monkeypatch) -> Counter[str]:
    """How often each account was read at the platform."""
    times: Counter[str] = Counter()
    connector = world.app.connector("sandbox")
    ask = connector.read_state

    def noted(account: str, **more: Any) -> AccountReading:
        times[account] += 1
        return ask(account, **more)

    monkeypatch.setattr(connector, "read_state", noted)
    return times


def report(world, *accounts: str, content: str | None = None) -> str:
    kind: Literal["account", "content"] = "account" if content is None else "content"
    given = [
        NewReport(platform="sandbox", kind=kind, account=one, content=content, reporter="u", category="spam", text="")
        for one in accounts
    ]
    return take_many(world.app, world.actor("rev"), given)[-1].case


def known(world, ref: str) -> Any:
    with world.store.read() as connection:
        return get(connection, Account, "sandbox", ref)


def test_who_is_reported_is_read_once_with_tier_and_handle(world, read):
    report(world, "president", "small")
    report(world, "small", content="c1")
    meeting = Meeting(world.app)
    assert meeting.round() == 2
    assert known(world, "president").tier == "protected"
    assert known(world, "small").handle == "small"
    assert [meeting.round() for _ in range(3)] == [0, 0, 0]
    assert read == {"president": 1, "small": 1}


def test_who_is_known_already_is_not_asked_for(world, read):
    world.enforce("rev", "small", "warn")
    read.clear()
    report(world, "small")
    assert Meeting(world.app).round() == 0
    assert not read


def test_an_account_that_the_platform_does_not_know_is_asked_for_once(world, read):
    report(world, "nobody", "small")
    meeting = Meeting(world.app)
    assert [meeting.round(), meeting.round()] == [1, 0]
    assert read == {"nobody": 1, "small": 1}
    world.clock.advance(DAY)
    assert meeting.round() == 0
    assert read["nobody"] == 1


def test_a_platform_that_gives_no_answer_is_asked_again(world, read, monkeypatch):
    report(world, "small", "known")

    def dead(account: str, **_more: Any) -> AccountReading:
        read[account] += 1
        raise PlatformUnreachable(account)

    meeting = Meeting(world.app)
    with monkeypatch.context() as patch:
        patch.setattr(world.app.connector("sandbox"), "read_state", dead)
        assert [meeting.round(), meeting.round()] == [0, 0]
    assert sum(read.values()) == 2
    world.clock.advance(HOUR)
    assert meeting.round() == 2


@pytest.mark.parametrize("trouble", [PlatformRefused("no"), ValueError("Expecting value")])
def test_one_that_cannot_be_read_keeps_nobody_waiting(world, monkeypatch, trouble):
    report(world, "small", "known")
    connector = world.app.connector("sandbox")
    ask = connector.read_state

    def moody(account: str, **more: Any) -> AccountReading:
        if account == "small":
            raise trouble
        return ask(account, **more)

    monkeypatch.setattr(connector, "read_state", moody)
    assert Meeting(world.app).round() == 1
    assert known(world, "known") is not None


def test_a_wave_of_reports_is_met_round_by_round(world, read):
    names = [f"wave-{number}" for number in range(2 * MOST + 3)]
    for name in names:
        world.sandbox.put_account(name, handle=name)
    report(world, *(f"nobody-{number}" for number in range(MOST)))
    report(world, *names)
    meeting = Meeting(world.app)
    done = [meeting.round() for _ in range(5)]
    assert sum(done) == len(names)
    assert max(done) <= MOST
    assert max(read.values()) == 1


def test_a_case_that_was_committed_late_is_met_all_the_same(world):
    meeting = Meeting(world.app)
    meeting.round()
    report(world, "small")
    world.clock.advance(timedelta(seconds=30))
    other = Meeting(world.app)
    assert other.round() == 1
    report(world, "known")
    assert meeting.round() == 1


def test_whom_another_worker_read_meanwhile_is_left_out(world, read, monkeypatch):
    report(world, "small", "known")
    connector, other = world.app.connector("sandbox"), Meeting(world.app)
    ask = connector.read_state

    def both(account: str, **more: Any) -> AccountReading:
        monkeypatch.setattr(connector, "read_state", ask)
        assert other.round() == 2
        return ask(account, **more)

    monkeypatch.setattr(connector, "read_state", both)
    Meeting(world.app).round()
    assert sorted(read.values()) == [1, 2]


def test_what_was_decided_meanwhile_is_left_alone(world, read):
    case = report(world, "small2")
    claim(world.app, world.actor("rev"), case)
    decide(world.app, world.actor("rev"), case, outcome="no_violation")
    read.clear()
    assert Meeting(world.app).round() == 0
    assert not read


def first_seen_twice(world, other) -> Any:
    """Have ``other`` come upon an account that is unknown, and about to be written; return what it gave."""
    seen = look(world.app, world.app.connector("sandbox"), "small")
    with ThreadPoolExecutor(1) as pool:
        with world.app.works.begin() as uow:
            uow.serialise("account:sandbox/small")
            observe(uow, world.app, world.app.config(uow.connection), seen)
            beside = pool.submit(other)
            # It waits for this transaction, as it is to; one that does not would have written by then.
            wait([beside], timeout=0.5)
        return beside.result(20)


@pytest.mark.parametrize("other", ["worker", "page", "registry"])
def test_of_two_who_come_upon_an_account_at_one_moment_neither_is_told_that_the_other_was_first(world, other):
    report(world, "small")

    def register() -> Any:
        tier = {"platform": "sandbox", "account": "small", "tier": "protected"}
        return propose(world.app, world.actor("lead"), "tier", tier, because="A newspaper.")

    others = {
        "worker": lambda: Meeting(world.app).round(),
        "page": lambda: refreshed(world.app, "sandbox", "small"),
        "registry": register,
    }
    first_seen_twice(world, others[other])
    assert known(world, "small").handle == "small"
    assert (known(world, "small").tier == "protected") == (other == "registry")
