"""The queue and the case page by page: what a reviewer is told, and what the next case brings along."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from gardefou.domain.records import Staff
from gardefou.flow.bulk_enforce import enforce_bulk
from gardefou.flow.cases import claim
from gardefou.flow.changes.settings import write_setting
from gardefou.flow.decide import ActionWish, decide
from gardefou.flow.meet import Meeting
from gardefou.flow.reports import NewReport, take_many
from gardefou.flow.spec import Wanted
from gardefou.people.preferences import Preferences, prefer
from gardefou.web.console.evidence import recognised
from gardefou.web.console.policies import POLICIES, meaning
from tests.web.console_scene import HOST, PLATFORM, Browser, Scene, make_scene
from tests.web.test_second_look import put_nets

GIF = b"GIF89a" + b"\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff" + b"\x21\xf9\x04"
PNG = b"\x89PNG\r\n\x1a\n" + b"rest"


@pytest.fixture
def scene(sqlite_url: str, tmp_path: Path) -> Scene:
    return make_scene(sqlite_url, tmp_path)


def bring(scene: Scene, account: str, *evidence: Mapping[str, Any], reporter: str = "u", text: str = "Look.") -> str:
    """Bring in a report with evidence; return the case's id."""
    given = NewReport(
        platform=PLATFORM,
        kind="account",
        account=account,
        reporter=reporter,
        category="spam",
        text=text,
        evidence=evidence,
    )
    return take_many(scene.app, scene.actor("ada"), [given])[-1].case


def piece(browser: Browser, case: str, **fields: str) -> str:
    """Return the consequence as the page's script asks for it."""
    answer = browser.client.post(
        f"/cases/{case}/preview",
        data={"csrf": browser.csrf, "deciding": "1", **fields},
        headers={"Origin": HOST, "HX-Request": "true"},
    )
    assert answer.status_code == 200
    return answer.text


def mark(page: str) -> dict[str, str]:
    """Return what a page's forms know of the moment it was made."""
    return {
        name: re.findall(rf'name="{name}" value="(\d+)"', page)[0] for name in ("mark", "seen_reports") if name in page
    }


# the queue --------------------------------------------------------------------


def test_the_queue_counts_what_waits_what_is_late_and_who_works_on_what(scene: Scene):
    scene.report("3001")
    late = scene.report("3002", "threat")
    scene.later(timedelta(hours=2))
    claim(scene.app, scene.actor("dee"), late)
    page = scene.client("ada").get("/queue")
    urgent = page[page.index('href="/queue?queue=urgent"') :][:600]
    assert "1 late" in urgent
    assert "1 in hand" in urgent
    held = page[page.index("Who works on what") :]
    assert scene.staff["dee"].pseudonym in held
    assert f"/cases/{late}" in held


def test_the_queue_says_whom_nobody_has_read_yet_and_asks_no_platform(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    scene.report("3001")
    asked: list[str] = []
    ask = scene.sandbox.read_state

    def noted(ref: str, **more: Any) -> Any:
        asked.append(ref)
        return ask(ref, **more)

    monkeypatch.setattr(scene.sandbox, "read_state", noted)
    browser = scene.client("ada")
    queue = browser.get("/queue")
    assert ">3001</a>" in queue
    assert "not read yet" in queue
    assert asked == []
    Meeting(scene.app).round()
    queue = browser.get("/queue")
    assert "@cheap_watches_1" in queue
    assert "not read yet" not in queue
    assert asked == ["3001"]


def test_the_first_page_names_the_cases_one_holds_and_says_where_more_waits_than_it_shows(scene: Scene):
    case = scene.report("2001", "impersonation")
    claim(scene.app, scene.actor("ada"), case)
    browser = scene.client("ada")
    browser.get(f"/cases/{case}")
    yours = browser.get("/").split("Yours</h3>")[1].split("</ul>")[0]
    assert "@presldent</a>" in yours
    assert "lookalike" in yours
    assert "These are the newest" not in browser.get("/")
    for number in range(26):
        scene.sandbox.put_account(f"wave-{number}", handle=f"wave-{number}", reach=40, age_days=9)
    wave = [f"wave-{number}" for number in range(26)]
    bulk = Wanted(platform=PLATFORM, account="", action="suspend", policy="spam", rationale="A wave of them.")
    enforce_bulk(scene.app, scene.actor("ben"), wave, bulk)
    page = browser.get("/")
    assert page.count(">Suspend @wave-") == 20
    assert "These are the newest; all that wait, and their groups" in page


def test_whoever_takes_no_cases_is_offered_none_on_the_first_page(scene: Scene):
    assert "Claim next" in scene.client("ada").get("/")
    assert "Claim next" not in scene.client("zoe").get("/")


def test_the_next_case_comes_from_the_queue_one_works_in(scene: Scene):
    scene.report("3001", "threat")
    spam = [scene.report("3002"), scene.report("3003")]
    browser = scene.client("ada")
    first = browser.post("/queue/next", from_queue="spam")
    assert first == f"/cases/{spam[0]}?queue=spam"
    assert 'name="from_queue" value="spam"' in browser.get(first)
    second = browser.post(f"/cases/{spam[0]}/decide", outcome="no_violation", then="next", from_queue="spam")
    assert second.startswith(f"/cases/{spam[1]}?")
    # Nothing is left there; what is urgent elsewhere is not pressed on anybody.
    last = browser.post(f"/cases/{spam[1]}/decide", outcome="no_violation", then="next", from_queue="spam")
    assert last.startswith("/queue?")
    assert "Closed: no violation" in browser.get(last)


def test_a_page_makes_the_same_number_of_queries_whatever_there_is(scene: Scene):
    asked: list[str] = []

    @event.listens_for(scene.app.works.store.reader, "before_cursor_execute")
    def executed(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    browser = scene.client("ada")
    case = scene.report("3001", count=3)

    def count(path: str) -> int:
        browser.get(path)
        asked.clear()
        browser.get(path)
        return len(asked)

    scene.later(timedelta(seconds=2))
    scene.report("3001", count=3)
    before = (count("/queue"), count(f"/cases/{case}"))
    scene.report("3001", count=40, text="Again.")
    for number in range(2, 8):
        scene.report(f"300{number}")
        claim(scene.app, scene.actor("dee"), scene.report(f"300{number}"))
    assert (count("/queue"), count(f"/cases/{case}")) == before


# what was reported --------------------------------------------------------------


def test_pictures_in_a_report_are_served_as_what_their_first_bytes_say(scene: Scene):
    case = bring(scene, "3001", {"says": "A reply", "type": "text/html", "data": base64.b64encode(PNG).decode()})
    browser = scene.client("ada")
    page = browser.get(f"/cases/{case}")
    (path,) = re.findall(r'src="(/cases/[^"]+/media/[^"]+)"', page)
    assert 'class="media asked"' in page
    answer = browser.client.get(path)
    assert answer.content == PNG
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert scene.client().client.get(path).status_code == 303
    elsewhere = bring(scene, "3002")
    assert browser.client.get(path.replace(case, elsewhere)).status_code == 404
    assert browser.client.get(path[:-1] + "7").status_code == 404


@pytest.mark.parametrize(
    "body", [b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", b"<html>", b"%PDF-1.7", b"", b"MZ"]
)
def test_what_is_no_picture_is_not_shown_whatever_it_calls_itself(scene: Scene, body: bytes):
    assert recognised(body) is None
    case = bring(
        scene, "3001", {"type": "image/png", "url": "data:image/png;base64," + base64.b64encode(body).decode()}
    )
    page = scene.client("ada").get(f"/cases/{case}")
    assert "/media/" not in page


def test_what_moves_waits_for_a_click_whatever_was_chosen(scene: Scene):
    moving = GIF + GIF[-3:]
    assert recognised(moving) is not None
    case = bring(scene, "3001", {"data": base64.b64encode(moving).decode()})
    with scene.app.works.begin() as uow:
        prefer(uow.connection, scene.staff["ada"].id, Preferences(media="clear"))
    page = scene.client("ada").get(f"/cases/{case}")
    assert '<summary class="small">Show the moving picture</summary>' in page
    assert "autoplay" not in page


def test_still_pictures_are_shown_as_each_person_chose(scene: Scene):
    case = bring(scene, "3001", {"data": base64.b64encode(PNG).decode()})
    for media in ("asked", "grey", "clear"):
        with scene.app.works.begin() as uow:
            prefer(uow.connection, scene.staff["ada"].id, Preferences(media=media))
        assert f'class="media {media}"' in scene.client("ada").get(f"/cases/{case}")


def test_reports_of_the_same_words_stand_once_with_their_evidence_once(scene: Scene):
    cases = [
        bring(scene, "3001", {"says": "same"}, {"says": f"own {number}"}, reporter=f"r{number}") for number in range(4)
    ]
    case = cases[-1]
    page = scene.client("ada").get(f"/cases/{case}")
    assert page.count("<blockquote") == 1
    assert "4 times" in page
    assert page.count('<dd dir="auto">same</dd>') == 1
    assert all(f"own {number}" in page for number in range(4))


def test_a_burst_has_a_picture_and_its_words(scene: Scene):
    case = scene.report("3001", count=2)
    scene.later(timedelta(minutes=10))
    scene.report("3001", count=9)
    page = scene.client("ada").get(f"/cases/{case}")
    assert re.search(r'aria-label="11 reports from [^"]+; at most 9 within 25 s"', page)


def test_earlier_cases_that_were_no_violation_are_part_of_the_history(scene: Scene):
    first = scene.report("3001")
    scene.client("dee").post(f"/cases/{first}/decide", outcome="no_violation")
    second = scene.report("3001")
    page = scene.client("ada").get(f"/cases/{second}")
    assert "Reported, no violation" in page
    assert f"by {scene.staff['dee'].pseudonym}" in page


# the decision -------------------------------------------------------------------


def test_every_policy_offered_says_what_it_means(scene: Scene):
    page = scene.client("ada").get(f"/cases/{scene.report('3001')}")
    for name in POLICIES:
        assert f'data-policy="{name}"' in page
        assert meaning(name)[:20] in page
    assert re.search(r'<p class="hint" data-policy="spam">', page)


def test_a_policy_of_ones_own_is_written(scene: Scene):
    case = scene.report("3001")
    browser = scene.client("ada")
    browser.post(
        f"/cases/{case}/decide", deciding="1", policy="+", policy_other="house rule 7", action="limit", then="stop"
    )
    assert "house rule 7" in browser.get(f"/cases/{case}")


def test_the_script_gets_the_line_alone_and_a_hint_before_anything_is_chosen(scene: Scene):
    case = scene.report("3001")
    browser = scene.client("ada")
    assert "Choose what to do" in piece(browser, case, policy="spam")
    said = piece(browser, case, policy="spam", action="suspend")
    assert "Suspends @cheap_watches_1 now. Nothing is lost. Undone in one click." in said
    assert "<html" not in said
    assert "A label is one of" in piece(browser, case, policy="spam", action="label")
    browser.client.cookies.clear()
    answer = browser.client.post(
        f"/cases/{case}/preview", data={"action": "suspend"}, headers={"Origin": HOST, "HX-Request": "true"}
    )
    assert "You are signed out; sign in again." in answer.text
    assert "<html" not in answer.text


def test_nets_on_trial_say_what_they_would_have_asked(scene: Scene):
    with scene.app.works.begin() as uow:
        write_setting(uow, "shadow", True, by="system")
    case = scene.report("1001", "impersonation")
    said = piece(scene.client("ada"), case, policy="impersonation", action="suspend")
    assert "Suspends @president now." in said
    assert "On trial, so it asks for nothing yet: Two more people for a protected account would have asked." in said


def test_reports_that_came_while_one_decided_are_told_afterwards_and_stop_nobody(scene: Scene):
    case = scene.report("3001", count=2)
    browser = scene.client("ada")
    seen = mark(browser.get(f"/cases/{case}"))
    scene.report("3001", count=5)
    page = browser.follow(f"/cases/{case}/decide", outcome="no_violation", **seen)
    assert "Closed: no violation. Nothing happened to the account. 5 more reports came in." in page


def test_a_case_that_a_colleague_decided_says_who_and_what_changed(scene: Scene):
    case = scene.report("3001")
    browser = scene.client("ada")
    browser.post(f"/cases/{case}/claim")
    seen = mark(browser.get(f"/cases/{case}"))
    scene.later(timedelta(minutes=20))
    scene.client("dee").post(f"/cases/{case}/decide", outcome="no_violation")
    page = browser.post(f"/cases/{case}/decide", 409, deciding="1", policy="spam", action="suspend", **seen)
    assert "decided meanwhile" in page
    assert f"{scene.staff['dee'].pseudonym} decided this case, just now." in page
    news = browser.get(f"/cases/{case}/news?mark={seen['mark']}&reports=1")
    assert f"{scene.staff['dee'].pseudonym} decided this case" in news


def test_a_claim_that_ran_out_is_said_and_nothing_is_said_where_nothing_changed(scene: Scene):
    case = scene.report("3001")
    browser = scene.client("ada")
    browser.post(f"/cases/{case}/claim")
    seen = mark(browser.get(f"/cases/{case}"))
    quiet = browser.get(f"/cases/{case}/news?mark={seen['mark']}&reports=1&mine=1")
    assert quiet.strip() == '<div class="news"></div>'
    scene.later(timedelta(minutes=20))
    page = browser.get(f"/cases/{case}/news?mark={seen['mark']}&reports=1&mine=1")
    assert "Your claim has run out; nobody holds the case now." in page


@pytest.mark.parametrize("query", ["mark=x&reports=y", "mark=99999999999999999999", "", "mark=-1&reports=-1"])
def test_news_takes_anything_that_an_address_may_hold(scene: Scene, query: str):
    scene.client("ada").get(f"/cases/{scene.report('3001')}/news?{query}")


# back again -----------------------------------------------------------------------


@contextmanager
def decided(scene: Scene, ref: str = "3001", action: str = "suspend") -> Iterator[tuple[Browser, str]]:
    """Decide about an account; give the browser and where it was led."""
    browser = scene.client("ada")
    case = scene.report(ref)
    yield browser, browser.post(f"/cases/{case}/decide", deciding="1", policy="spam", action=action, then="next")


def taken_back(browser: Browser, page: str) -> str:
    path = re.findall(r'action="(/cases/[^"]+/take-back)"', page)[0]
    fields = dict(re.findall(r'<input type="hidden" name="(decision|back|from_queue)" value="([^"]*)">', page))
    return browser.follow(path, **fields)


def test_undo_lifts_what_the_decision_did_and_leads_back_to_the_case_at_hand(scene: Scene):
    other = scene.report("3002")
    with decided(scene) as (browser, where):
        assert where.startswith(f"/cases/{other}?")
        assert scene.state("3001") == {"suspended"}
        page = taken_back(browser, browser.get(where))
        assert "Taken back: the case is open again, for someone else." in page
        assert "the platform confirmed it after" in page
        assert f"/cases/{other}/decide" in page
        assert scene.state("3001") == frozenset()


def test_what_waits_for_people_is_withdrawn_by_the_same_key(scene: Scene):
    with decided(scene, "1001") as (browser, where):
        page = browser.get(where)
        assert "waits for people. Nothing was done yet." in page
        assert "Withdraw <kbd>u</kbd>" in page
        taken_back(browser, page)
        assert scene.state("1001") == frozenset()


def test_nobody_else_is_offered_to_take_it_back(scene: Scene):
    with decided(scene) as (_, where):
        assert "take-back" not in scene.client("dee").get(where)
        case, decision = re.findall(r"(?:of|decision)=([0-9a-f-]+)", where)
        refused = scene.client("dee").post(f"/cases/{case}/take-back", 403, decision=decision)
        assert "Only whoever decided takes a decision back" in refused
        assert scene.state("3001") == {"suspended"}


def test_a_decision_on_what_was_reported_again_is_taken_back_and_says_so(scene: Scene):
    with decided(scene) as (browser, where):
        scene.report("3001")
        page = taken_back(browser, browser.get(where))
        assert "Taken back. It was reported again meanwhile" in page
        assert scene.state("3001") == frozenset()


def test_whoever_only_reads_is_offered_no_decision(scene: Scene):
    case = scene.report("3001")
    with scene.app.works.begin() as uow:
        ada = uow.need(Staff, "gardefou", scene.staff["ada"].id)
        uow.record(
            "role.changed", by="system", about=ada.id, puts=(replace(ada, roles=("auditor",), version=ada.version + 1),)
        )
    browser = scene.client("ada")
    for page in (browser.get("/queue"), browser.get(f"/cases/{case}")):
        assert "Claim next" not in page
        assert "No violation" not in page
    assert "Please look." in page


@pytest.mark.parametrize("query", ["of=x&decision=y&done=decided", "done=none", "placed=x", "late=1e9&done=skipped"])
def test_an_address_that_somebody_made_up_shows_nothing_of_it(scene: Scene, query: str):
    assert "take-back" not in scene.client("ada").get(f"/queue?{query}")


def test_m3_nothing_of_a_first_look_is_on_the_queue_the_case_or_its_news(scene: Scene):
    put_nets(scene.app)
    case = scene.report("3001")
    claim(scene.app, scene.actor("ada"), case)
    made = decide(
        scene.app,
        scene.actor("ada"),
        case,
        policy="policy-of-the-first",
        rationale="because-of-the-first",
        actions=[ActionWish(action="suspend")],
    )
    again = scene.report("3001", "scam")
    lead = scene.client("ben")
    for path in (
        f"/cases/{again}",
        f"/cases/{again}/news?mark=1&reports=1",
        f"/queue?placed={made.enforcements[0].id}&of={case}&decision={made.decision.id}",
    ):
        page = lead.get(path)
        assert "policy-of-the-first" not in page
        assert "Suspend @" not in page
        assert scene.staff["ada"].pseudonym not in page
