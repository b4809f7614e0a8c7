"""The stream of an open page: what it is told, by whom, how soon, and when it ends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from gardefou.bootstrap import Parts, make_app
from gardefou.clock import rfc3339
from gardefou.domain.records import Staff
from gardefou.flow.app import App
from gardefou.flow.decide import enforce
from gardefou.flow.spec import Wanted
from gardefou.ledger.note import Signer
from gardefou.people.authenticate import end_session, start_session
from gardefou.storage import fast
from gardefou.storage.engine import open_store
from gardefou.web.app import create_app
from gardefou.web.console import pulse, streams
from gardefou.web.console.streams import Live
from gardefou.web.console.watched import watched
from tests.web.console_scene import PLATFORM, Scene, make_scene
from tests.web.listening import PATIENCE, listening
from tests.web.test_second_look import first_look, put_nets

#: Looks come every half second; on a busy machine one of them may take long.
SOON = 60.0


class Installation:
    """A scene with one node that pages listen to, and another that everything happens through."""

    def __init__(self, url: str, scene: Scene) -> None:
        self.scene = scene
        self.web: FastAPI = create_app(scene.app, scene.settings, worker=None)
        random = Random(11)
        parts = Parts(clock=scene.clock, random=random, salts=random.randbytes, sleep=lambda _: None)
        self.other: App = make_app(open_store(url), parts, signer=Signer.generate("gardefou.test", random.randbytes))

    @property
    def live(self) -> Live:
        live: Live = self.web.state.live
        return live

    def session(self, name: str) -> str:
        with self.scene.app.works.begin() as uow:
            return start_session(uow, self.scene.staff[name].id, strong=True)[0]

    def suspends_the_president(self, by: str = "ada") -> str:
        """Place it through the other node; return its id."""
        wanted = Wanted(
            platform=PLATFORM,
            account="1001",
            action="suspend",
            policy="impersonation",
            rationale="Fake.",
            confirm={"handle": "president"},
        )
        return enforce(self.other, self.scene.actor(by), wanted).id


@pytest.fixture
def installed(database_url, tmp_path):
    made = Installation(database_url, make_scene(database_url, tmp_path))
    yield made
    made.other.works.store.close()


@pytest.fixture
def one_installed(sqlite_url, tmp_path):
    made = Installation(sqlite_url, make_scene(sqlite_url, tmp_path))
    yield made
    made.other.works.store.close()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 6 * PATIENCE))


def named(name: str, topic: str = ""):
    return lambda event, data: event == name and (not topic or topic in data["topics"] + data["own"])


def test_what_happens_through_another_node_reaches_an_open_page(installed):
    async def listens() -> None:
        async with listening(installed.web, installed.session("ben")) as page:
            first, _ = await page.until(named("counts"))
            assert first["texts"] == {"queue": "", "enforcements": "", "pause": ""}
            assert page.headers["content-type"].startswith("text/event-stream")
            assert page.headers["x-accel-buffering"] == "no"

            placed = await asyncio.to_thread(installed.suspends_the_president)
            changed, after = await page.until(named("changed", "enforcements"))
            assert after < SOON
            assert {placed, f"{PLATFORM}/1001"} <= set(changed["topics"])
            counts, _ = await page.until(named("counts"), after=1)
            assert counts["texts"]["enforcements"] == "1 for you"
            assert counts["says"] == "1 enforcement waits for you."

            await asyncio.to_thread(installed.scene.report, "3001")
            counts, after = await page.until(lambda name, data: name == "counts" and data["texts"]["queue"] != "")
            assert (counts["texts"]["queue"], after < SOON) == ("1 open", True)

    run(listens())


def test_an_event_is_told_once_whether_it_waits_for_the_log_or_stands_in_it(installed):
    scene = installed.scene

    async def listens() -> None:
        async with listening(installed.web, installed.session("ben")) as page:
            await page.until(named("counts"))
            await asyncio.to_thread(scene.report, "3001")
            await page.until(named("changed", "cases"))
            told = len(page.events)
            await asyncio.to_thread(scene.app.sequencer.integrate_all)
            number = installed.live.newest.number
            while installed.live.newest.number < number + 2:
                await installed.live.bell
            assert [event for event in page.events[told:] if event[0] == "changed"] == []

    run(listens())


def test_waiting_for_you_counts_what_your_own_yes_would_bring_on(one_installed):
    one_installed.suspends_the_president("ada")

    async def listens() -> None:
        # Ada placed it, Dee's role fills no seat, Ben and Eve are leads.
        expected = {"ada": "", "dee": "", "ben": "1 for you", "eve": "1 for you"}
        for name, says in expected.items():
            async with listening(one_installed.web, one_installed.session(name)) as page:
                counts, _ = await page.until(named("counts"))
                assert (name, counts["texts"]["enforcements"]) == (name, says)

    run(listens())


def test_a_stream_ends_with_its_session_and_with_the_persons_standing(installed):
    scene = installed.scene

    async def listens() -> None:
        secret = installed.session("ada")
        async with listening(installed.web, secret) as page, listening(installed.web, installed.session("dee")) as on:
            await page.until(named("counts"))
            await on.until(named("counts"))

            def revoke() -> None:
                with installed.other.works.begin() as uow:
                    end_session(uow.connection, secret, uow.now)

            await asyncio.to_thread(revoke)
            assert await page.end() < SOON
            assert page.events[-1] == ("ended", {"says": "You are signed out."})
            assert not on.ended

            def put_off() -> None:
                with installed.other.works.begin() as uow:
                    one = uow.need(Staff, "gardefou", scene.staff["dee"].id)
                    gone = replace(one, standing="suspended", version=one.version + 1)
                    uow.record("staff.left", by="system", about=one.id, puts=(gone,))

            await asyncio.to_thread(put_off)
            assert await on.end() < SOON
        async with listening(installed.web, secret) as page:
            await page.end()
            assert (page.status, page.events) == (401, [])

    run(listens())


def test_m3_nothing_is_told_of_what_a_second_look_must_not_know(one_installed):
    scene = one_installed.scene
    put_nets(scene.app)
    case = scene.report("3002")

    async def listens() -> None:
        async with (
            listening(one_installed.web, one_installed.session("ben")) as looks,
            listening(one_installed.web, one_installed.session("ada")) as placed,
        ):
            await looks.until(named("counts"))
            await placed.until(named("counts"))
            before = len(looks.events)
            made = await asyncio.to_thread(first_look, one_installed.other, scene.staff["ada"].id, case)
            knows, _ = await placed.until(named("changed", made.id))
            assert f"{PLATFORM}/3002" in knows["own"]
            counts, _ = await looks.until(
                lambda name, data: name == "counts" and data["texts"]["enforcements"] == "1 for you"
            )
            assert counts
            told = {name for event, data in looks.events[before:] if event == "changed" for name in data["topics"]}
            assert "enforcements" in told
            assert told.isdisjoint({made.id, made.decision_id, f"{PLATFORM}/3002"})

        # Nor to a page that comes back and asks what it missed.
        since = rfc3339(scene.app.now() - timedelta(minutes=1))
        async with listening(one_installed.web, one_installed.session("ben"), since=since) as later:
            missed, _ = await later.until(named("changed", "enforcements"))
            assert set(missed["topics"]).isdisjoint({made.id, made.decision_id, made.case_id, f"{PLATFORM}/3002"})

    run(listens())


def test_a_page_that_comes_back_is_told_what_it_missed(installed):
    scene = installed.scene

    async def listens() -> None:
        secret = installed.session("ben")
        opened = rfc3339(scene.app.now())
        scene.later(timedelta(seconds=30))
        placed = await asyncio.to_thread(installed.suspends_the_president)
        async with listening(installed.web, secret, since=opened) as page:
            await page.until(named("changed", placed))
            last = page.ids[-1]
        async with listening(installed.web, secret, since=opened, last_id=last) as page:
            # What happened in the third of a second before the last message is told again, at worst.
            await page.until(named("counts"))
            scene.later(timedelta(seconds=30))
            last = str(int(scene.app.now().timestamp() * 1000))
        async with listening(installed.web, secret, since=opened, last_id=last) as page:
            await page.until(named("counts"))
            assert [name for name, _ in page.events if name == "changed"] == []
        scene.later(timedelta(minutes=11))
        async with listening(installed.web, installed.session("ben"), last_id=last) as page:
            changed, _ = await page.until(named("changed"))
            assert changed == {"topics": [], "own": [], "all": True}

    run(listens())


def test_of_more_than_can_be_named_a_page_hears_that_much_has_changed(one_installed, monkeypatch):
    monkeypatch.setattr(pulse, "MOST", 3)

    def reports() -> None:
        for ref in ("3001", "3002", "3003", "3004", "3005"):
            one_installed.scene.report(ref)

    async def listens() -> None:
        async with listening(one_installed.web, one_installed.session("ben")) as page:
            await page.until(named("counts"))
            await asyncio.to_thread(reports)
            await page.until(lambda name, data: name == "changed" and data["all"])
            await page.until(lambda name, data: name == "counts" and data["texts"]["queue"] == "5 open")

    run(listens())


def test_nobody_listening_costs_nothing_and_nothing_is_left_of_those_who_did(one_installed, monkeypatch):
    monkeypatch.setattr(streams, "_LINGER", 0.1)
    monkeypatch.setattr(streams, "PACE", 0.05)
    live = one_installed.live
    assert not live.polling

    async def listens() -> None:
        tasks = len(asyncio.all_tasks())
        secrets = [one_installed.session(name) for name in ("ada", "ben", "cyd")]
        for _ in range(20):
            for secret in secrets:
                async with listening(one_installed.web, secret) as page:
                    await page.until(named("counts"))
                    assert (live.streams, live.polling) == (1, True)
        assert live.streams == 0
        while live.polling:
            await asyncio.wait({live._poller}, timeout=PATIENCE)
        assert len(asyncio.all_tasks()) == tasks

    run(listens())


def test_a_session_has_only_so_many_streams(one_installed, monkeypatch):
    monkeypatch.setattr(streams, "MOST_OF_ONE", 1)

    async def listens() -> None:
        secret = one_installed.session("ada")
        async with listening(one_installed.web, secret) as page:
            await page.until(named("counts"))
            async with listening(one_installed.web, secret) as second:
                await second.end()
                assert (second.status, second.headers["retry-after"]) == (429, "30")
            async with listening(one_installed.web, one_installed.session("ben")) as other:
                await other.until(named("counts"))

    run(listens())


def test_a_node_that_stops_ends_its_streams_at_once(one_installed):
    async def listens() -> None:
        async with listening(one_installed.web, one_installed.session("ada")) as page:
            await page.until(named("counts"))
            one_installed.live.close()
            assert await page.end() < 0.5
            assert one_installed.live.streams == 0

    run(listens())


def test_a_store_that_fails_is_logged_and_asked_again(one_installed, monkeypatch, caplog):
    monkeypatch.setattr(streams, "_AFTER_TROUBLE", 0.01)
    look, failures = pulse.Reader.look, [0]

    def fails_three_times(self, sessions):
        failures[0] += 1
        if failures[0] in {2, 3, 4}:
            raise OSError("no database")
        return look(self, sessions)

    monkeypatch.setattr(pulse.Reader, "look", fails_three_times)

    async def listens() -> None:
        async with listening(one_installed.web, one_installed.session("ben")) as page:
            await page.until(named("counts"))
            await asyncio.to_thread(one_installed.scene.report, "3001")
            await page.until(named("changed", "cases"))
        assert [record.message for record in caplog.records if "tried again" in record.message] == [
            "the store could not be looked at for open pages; it is tried again"
        ]

    run(listens())


def test_a_stream_says_that_it_is_there_when_nothing_happens(one_installed, monkeypatch):
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)

    async def listens() -> None:
        async with listening(one_installed.web, one_installed.session("ada")) as page:
            await page.until(named("counts"))
            while b": still here" not in page.body:
                await page._next()

    run(listens())


def test_a_look_finds_all_it_reads_by_an_index(one_installed, monkeypatch):
    seen: set[str] = set()
    ran = fast.Fast._run

    def noted(self: fast.Fast, connection: Any, made: Any, bound: Any) -> Any:
        seen.add(made.text)
        return ran(self, connection, made, bound)

    store = one_installed.scene.app.works.store
    one_installed.suspends_the_president()
    monkeypatch.setattr(fast.Fast, "_run", noted)
    event.listen(store.reader, "before_cursor_execute", lambda *given: seen.add(given[2]))
    reader = pulse.Reader(one_installed.scene.app)
    look = reader.look(frozenset({("nobody", "listens")}))
    assert sum(look.counts.waiting.values()) == 1
    with store.read() as connection:
        pulse.happened_since(one_installed.scene.app, connection, look.at)
        raw = fast.opened(connection)
        plans = {text: raw.execute(f"EXPLAIN QUERY PLAN {text}", ["x"] * text.count("?")).fetchall() for text in seen}
    large = re.compile(r"SCAN (event|leaf|cases|enforcement|approval|session)\b(?! USING)")
    wrong = [(text, row[3]) for text, plan in plans.items() for row in plan if large.search(row[3])]
    assert len(seen) > 8
    assert wrong == []


def test_each_page_knows_what_it_looks_at(one_installed):
    assert watched("/enforcements") == ("enforcements", "")
    assert watched("/enforcements/0197") == ("0197", "")
    assert watched("/cases/0197") == ("0197", "tell")
    assert watched("/accounts/sandbox/a%20b") == ("sandbox/a%20b", "")
    assert watched("/me") == ("", "")
    page = one_installed.scene.client("ada").get("/enforcements")
    assert 'data-live="enforcements"' in page
    assert 'data-stream="/live?since=2026-05-04T' in page


def test_signed_out_the_stream_is_refused_in_one_line_and_leads_nowhere(one_installed):
    answer = one_installed.scene.client().client.get("/live")
    assert (answer.status_code, answer.text) == (401, "You are signed out.")


def test_an_open_page_goes_on_after_the_database_was_restarted(postgresql_url, tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "_AFTER_TROUBLE", 0.2)
    installed = Installation(postgresql_url, make_scene(postgresql_url, tmp_path))

    def restart() -> None:
        """Close every connection, as a server does that is stopped."""
        url = make_url(postgresql_url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    async def story() -> None:
        async with listening(installed.web, installed.session("ben")) as page:
            await page.until(lambda name, _: name == "counts")
            await asyncio.to_thread(restart)
            for _ in range(3):
                # Whoever acts tries again, as a store that is away asks them to.
                with suppress(OperationalError):
                    await asyncio.to_thread(installed.suspends_the_president)
                    break
            _, seconds = await page.until(lambda name, data: name == "changed" and "1001" in str(data["topics"]))
            assert seconds < 4 * SOON

    asyncio.run(story())
    installed.other.works.store.close()
    installed.scene.app.works.store.close()
