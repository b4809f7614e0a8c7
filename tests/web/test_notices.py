"""The page of notices: for leads and admins, with a test that is real, and never an address."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from gardefou.courier import Courier
from gardefou.domain.records import Channel
from gardefou.flow.change import pause
from gardefou.notices.post import ApprisePost
from gardefou.people.keys import KeyStore
from gardefou.storage import tables
from tests.notices.servers import http_server
from tests.web.console_scene import Scene, make_scene

SECRET = "hunter2-and-more"


@pytest.fixture
def scene(sqlite_url, tmp_path) -> Scene:
    return make_scene(sqlite_url, tmp_path)


def channel(scene: Scene, name: str, url: str = "", *to: str, **more) -> None:
    keys = KeyStore(scene.settings.keys_folder)
    scene.app.post = ApprisePost(keys)
    if url:
        keys.keep_address(f"k-{name}", url)
    made = Channel(id=name, key=f"k-{name}", service="json", to=to or ("oncall",), added_at=scene.app.now(), **more)
    with scene.app.works.begin() as uow:
        uow.record("channel.set", by="system", about=name, puts=(made,))


@pytest.mark.parametrize(("who", "status"), [("ben", 200), ("zoe", 200), ("ada", 403), ("cyd", 403)])
def test_leads_and_admins_see_it_and_nobody_else(scene, who, status):
    channel(scene, "chat")
    browser = scene.client(who)
    page = browser.get("/notices", status)
    assert ("/notices/chat/test" in page) == (status == 200)
    assert ('href="/notices"' in browser.get("/")) == (status == 200)
    browser.post("/notices/chat/test", status, channel="chat")


@pytest.mark.network_loopback
def test_the_button_sends_a_real_test_and_says_what_came_back_and_no_page_shows_the_address(scene):
    with http_server() as (port, got), http_server(403) as (other, _):
        channel(scene, "chat", f"json://user:{SECRET}@127.0.0.1:{port}/{SECRET}", language="fr")
        channel(scene, "pager", f"json://user:{SECRET}@127.0.0.1:{other}/{SECRET}")
        browser = scene.client("ben")
        taken = browser.post("/notices/chat/test", 200)
        refused = browser.post("/notices/pager/test", 200)
    assert [one["title"] for one in got] == ["Gardefou: Un essai"]
    assert "The test through chat: it was taken." in taken
    assert "The test through pager did not get through: HTTP 403." in refused
    for page in (taken, refused, browser.get("/notices"), browser.get("/record"), browser.get("/enforcements")):
        assert SECRET not in page
        assert "127.0.0.1:" not in page
    with scene.app.works.read() as connection:
        bodies = connection.execute(sa.select(tables.event.c.body)).scalars().all()
    assert not [body for body in bodies if SECRET.encode() in body]


@pytest.mark.network_loopback
def test_a_courier_brings_it_and_metrics_and_console_say_what_waits(scene):
    with http_server() as (port, got):
        channel(scene, "chat", f"json://127.0.0.1:{port}/")
        channel(scene, "lost", "", "legal")
        pause(scene.app, scene.actor("ben"), "stop")
        Courier(scene.app, "https://g.example.org").once()
    assert [one["title"] for one in got] == ["Gardefou: All enforcement is paused"]
    assert "https://g.example.org/pause" in got[0]["message"]
    browser = scene.client("ben")
    page = browser.get("/notices")
    assert "delivered" in page
    assert "its address is on another machine" in page
    assert "No channel reaches: leads, policy, the team that acted." in page
    assert (
        'gardefou_notices_waiting{channel="lost"} 1.0'
        in browser.client.get("/metrics", headers={"Authorization": f"Bearer {scene.token('ben')}"}).text
    )


def test_what_does_not_get_through_is_an_incident_in_console_and_api(scene):
    channel(scene, "lost")
    pause(scene.app, scene.actor("ben"), "stop")
    courier = Courier(scene.app, "https://g.example.org")
    for _ in range(5):
        courier.once()
        scene.later(timedelta(minutes=1))
    browser = scene.client("ben")
    page = browser.get("/incidents")
    # Once among the kinds to choose from, once in the list.
    assert page.count("Notices that do not get through") == 2
    assert "someone unknown" not in page
    with scene.app.works.read() as connection:
        [found] = connection.execute(sa.select(tables.incident).where(tables.incident.c.kind == "undelivered")).all()
    assert "Notices through the channel lost do not get through." in browser.get(f"/incidents/{found.id}")
    headers = {"Authorization": f"Bearer {scene.token('ben')}"}
    told = browser.client.get("/api/v1/incidents", headers=headers).json()["items"]
    assert [(one["kind"], one["detail"]["channel"]) for one in told if one["kind"] == "undelivered"] == [
        ("undelivered", "lost")
    ]


def test_the_page_pages_and_makes_as_many_queries_whatever_there_is(scene):
    channel(scene, "chat")
    browser = scene.client("ben")

    def queries() -> int:
        count = 0

        def counted(*_: object) -> None:
            nonlocal count
            count += 1

        engine = scene.app.works.store.reader
        event.listen(engine, "before_cursor_execute", counted)
        browser.get("/notices")
        event.remove(engine, "before_cursor_execute", counted)
        return count

    few = queries()
    assert few > 3
    with scene.app.works.begin() as uow:
        now = uow.now
        notice = {"platform": "gardefou", "kind": "pause", "to": ("oncall",), "team": "", "accounts": (), "about": "x"}
        for number in range(120):
            more = {"id": f"n{number:03}", "facts": {}, "at": now, "shared_at": now}
            uow.connection.execute(tables.notice.insert(), {**notice, **more})
            uow.connection.execute(
                tables.delivery.insert(),
                {
                    "platform": "gardefou",
                    "notice_id": f"n{number:03}",
                    "channel": "chat",
                    "state": "sent",
                    "at": now,
                    "attempts": 1,
                    "answer": "sent",
                    "sent_at": now,
                },
            )
    assert queries() == few
    first = browser.get("/notices")
    assert "?before=n" in first
    older = first.split("?before=")[1].split('"')[0]
    assert browser.get(f"/notices?before={older}").count("a pause") > 10
