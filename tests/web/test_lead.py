"""What a lead sleeps by: figures, nets and proposals, incidents, pause, and an account that is hacked."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from pathlib import Path

import pytest

from gardefou.flow import incident_words
from gardefou.flow.change import pause, propose, resume
from gardefou.nets.invariants import INVARIANTS
from gardefou.web.console import lead_words
from tests.web.console_scene import Browser, Scene, make_scene


@pytest.fixture
def scene(sqlite_url: str, tmp_path: Path) -> Scene:
    return make_scene(sqlite_url, tmp_path)


def text(page: str) -> str:
    """Return what a page says, without its elements."""
    main = page[page.index("<main") :]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", main)))


def suspend_and_restore(scene: Scene, ref: str) -> None:
    case = scene.report(ref)
    scene.client("ada").post(f"/cases/{case}/decide", deciding="1", policy="spam", action="suspend")
    scene.later(timedelta(minutes=11))
    scene.client("dee").post(f"/restore/sandbox/{ref}", because="It was a mistake.")
    scene.settle()


# figures -------------------------------------------------------------------------------------


def test_the_overview_has_each_figure_in_a_table_over_three_lengths_of_time(scene: Scene):
    suspend_and_restore(scene, "3001")
    browser = scene.client("ben")
    for span, rows in (("24h", 24), ("7d", 28), ("30d", 30)):
        page = browser.get(f"/?span={span}")
        sections = re.findall(r'<section class="card plot".*?</section>', page, re.DOTALL)
        assert len(sections) == 7
        assert [len(re.findall(r"<tr><th scope=\"row\"", one)) for one in sections] == [rows, 6, *[rows] * 5]
        said = text(page)
        assert "1 reports, 1 cases" in said
        assert "1 restores beside 1 enforcements" in said
        assert "100 % in time" in said
    assert browser.client.get("/?span=1y").status_code == 404


def test_figures_are_in_the_readers_time_zone(scene: Scene):
    scene.report("3001")
    browser = scene.client("ben")
    browser.client.cookies.set("zone", "Asia/Kathmandu")
    row = re.search(r'data-label="([\d:]+)">[^<]*</th><td class="number" data-value="1">', browser.get("/"))
    assert row is not None
    assert row[1] == "14:00"  # 09:00 UTC is 14:45 there


# hacked --------------------------------------------------------------------------------------


def form_of(page: str, action: str) -> dict[str, str]:
    """Return the hidden fields of the form that is sent there."""
    form = re.search(rf'<form method="post" action="[^"]*{action}".*?</form>', page, re.DOTALL)
    assert form is not None, action
    found = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
    return {name: value for name, value in found.items() if name != "csrf"}


def break_it(browser: Browser, ref: str = "1001") -> str:
    return browser.post(f"/hacked/sandbox/{ref}/break", action="lock", because="It posts links to a wallet.")


def test_a_hacked_account_is_found_stopped_by_two_and_let_stand_by_a_third(scene: Scene):
    ada, dee, cyd = scene.client("ada"), scene.client("dee"), scene.client("cyd")
    assert "Which of them?" not in ada.get("/hacked")
    assert ada.client.get("/hacked?q=@president").headers["location"] == "/hacked/sandbox/1001"
    page = ada.get("/hacked/sandbox/1001")
    assert "This is the REAL one" in page
    assert re.search(r'value="lock" checked', page)
    assert "After 30 minutes it is undone by itself" in page
    where = break_it(ada)
    waiting = ada.get(where)
    assert "Everyone on duty was told" in waiting
    assert "data-moving" in waiting
    assert "Yes, do it now" not in waiting
    assert scene.state("1001") == frozenset()
    page = dee.get("/hacked/sandbox/1001")
    done = dee.follow("/hacked/sandbox/1001/answer", answer="yes", **form_of(page, "/answer"))
    scene.settle()
    assert scene.state("1001") == {"locked"}
    done = dee.get("/hacked/sandbox/1001")
    assert "Undone by itself in" in done
    assert "Let it stand" not in done
    stood = cyd.follow("/hacked/sandbox/1001/ratify", **form_of(cyd.get("/hacked/sandbox/1001"), "/ratify"))
    assert f"{scene.staff['cyd'].pseudonym} lets it stand" in stood
    scene.later(timedelta(minutes=40))
    assert scene.state("1001") == {"locked"}


def test_a_broken_glass_ends_by_itself_and_is_given_back_by_anyone(scene: Scene):
    ada, dee, eve = scene.client("ada"), scene.client("dee"), scene.client("eve")
    for ref in ("3001", "3002"):
        break_it(ada, ref)
        page = dee.get(f"/hacked/sandbox/{ref}")
        dee.post(f"/hacked/sandbox/{ref}/answer", answer="yes", **form_of(page, "/answer"))
    scene.settle()
    given = eve.follow(
        "/hacked/sandbox/3001/undo", because="Its owner is back.", **form_of(eve.get("/hacked/sandbox/3001"), "/undo")
    )
    assert "the account is given back" in given
    assert scene.state("3001") == frozenset()
    assert scene.state("3002") == {"locked"}
    assert "within the last 24 hours" in ada.post("/hacked/sandbox/3001/break", 409, action="lock", because="Again.")
    scene.later(timedelta(minutes=31))
    assert scene.state("3002") == frozenset()
    assert "Undone" in text(dee.get("/hacked/sandbox/3002"))


def test_an_answer_to_what_is_no_more_is_not_taken(scene: Scene):
    ada, dee = scene.client("ada"), scene.client("dee")
    break_it(ada)
    fields = form_of(dee.get("/hacked/sandbox/1001"), "/answer")
    stale = dee.post("/hacked/sandbox/1001/answer", 409, answer="yes", **{**fields, "enforcement": "another"})
    assert "not how it stands any more" in stale
    assert "You said no" in dee.follow("/hacked/sandbox/1001/answer", answer="no", note="It is its owner.", **fields)
    assert "It was not done." in ada.get("/hacked/sandbox/1001")


# pause ---------------------------------------------------------------------------------------


def test_the_pause_page_names_who_said_yes_and_who_is_needed(scene: Scene):
    pause(scene.app, scene.actor("dee"), "A script runs wild.")
    resume(scene.app, scene.actor("eve"), "It was stopped.")
    page = text(scene.client("ben").get("/pause"))
    assert f"yes {scene.staff['eve'].pseudonym} asked" in page
    assert "needed 1 further person (lead or oncall or policy)" in page
    assert "Confirm and resume" in page
    assert "A lead, policy, or whoever is on call resumes." in text(scene.client("ada").get("/pause"))


def test_the_pause_page_tells_how_near_the_breaker_is_and_what_is_left_of_budgets(scene: Scene):
    for number in range(1, 4):
        suspend_and_restore(scene, f"300{number}")
    page = text(scene.client("ada").get("/pause"))
    assert f"Person {scene.staff['ada'].pseudonym} on sandbox 3 of the last 3; stops at 5" in page
    assert "Suspensions and graver this hour 3 of 60" in page


# incidents -----------------------------------------------------------------------------------


def test_an_incident_shows_its_timeline_as_a_picture_with_the_table_behind_it(scene: Scene):
    suspend_and_restore(scene, "3001")
    browser = scene.client("ben")
    [incident] = set(re.findall(r"/incidents/[0-9a-f-]{36}", browser.get("/incidents?kind=reversal")))
    page = browser.get(incident)
    numbers = [int(one) for one in re.findall(r'<text class="number"[^>]*>(\d+)<', page)]
    assert numbers == [int(one) for one in re.findall(r'<th scope="row" class="no \w+">(\d+)<', page)]
    assert len(numbers) > 4
    assert 'role="img"' in page
    said = text(page)
    assert "Down 11 min" in said
    assert "Reach × minutes 132" in said
    assert f"{scene.staff['dee'].pseudonym} restores the account" in said
    assert "style=" not in page


def test_incidents_are_listed_by_kind_open_or_closed_and_by_page(scene: Scene):
    suspend_and_restore(scene, "3001")
    browser = scene.client("ben")
    found = r"/incidents/[0-9a-f-]{36}"
    assert re.findall(found, browser.get("/incidents?state=open&kind=reversal"))
    assert not re.findall(found, browser.get("/incidents?kind=drift"))
    scene.later(timedelta(hours=2))
    assert not re.findall(found, browser.get("/incidents?state=open"))
    [one] = set(re.findall(found, browser.get("/incidents?state=closed")))
    assert not re.findall(found, browser.get(f"/incidents?before={one.rsplit('/', 1)[-1]}"))
    assert browser.client.get("/incidents?state=lost").status_code == 404


# nets ----------------------------------------------------------------------------------------


def nets_now(scene: Scene) -> list[str]:
    """Return the nets in force as text, in parts: before the first, then each."""
    with scene.app.works.read() as connection:
        return scene.app.config(connection).nets.to_toml().split("[[net]]")


def test_what_is_proved_of_the_nets_is_told_as_a_part_and_as_a_page(scene: Scene):
    browser = scene.client("ada")
    assert 'hx-get="/nets/proof"' in browser.get("/nets")
    whole = browser.get("/nets/proof")
    part = browser.client.get("/nets/proof", headers={"HX-Request": "true"}).text
    assert "<html" in whole
    assert "<html" not in part
    for page in (whole, part):
        assert re.findall(r"(I\d) · proved", page) == [one.id for one in INVARIANTS]


def test_a_proposal_is_looked_at_before_it_is_made(scene: Scene):
    policy = scene.client("cyd")
    parts = nets_now(scene)
    assert 'id = "protected-two-more-people"' in policy.get("/nets/proposal").replace("&#34;", '"')
    wrong = policy.post("/nets/proposal", 200, do="look", name="x", toml="[[net]]\nid = 3\n")
    assert "line 2, column" in wrong
    assert "Propose it" not in wrong
    less = "[[net]]".join(parts[:4] + parts[5:]).replace("> 60 ", "> 80 ")
    look = policy.post("/nets/proposal", 200, do="look", name="fewer", toml=less)
    said = text(look)
    assert "removed One more person after three measures a day on a protected account" in said
    assert re.search(r"<del>60</del><ins>80</ins>", look)
    assert "Where less is asked than now" in said
    assert "It loses what holds now: I4, I5" in said
    assert "Propose: it waits for people" in said
    where = policy.post("/nets/proposal", do="propose", name="fewer", toml=less, because="Too many alerts.")
    page = policy.get(where)
    assert "it waits for people" in page
    assert "Too many alerts." in page
    review = scene.client("ben").get(where.split("?")[0] + "/review")
    assert "removed One more person after three measures a day" in text(review)
    assert "fewer" in scene.client("ben").get("/nets")
    assert "Policy proposes nets" in scene.client("ada").post("/nets/proposal", 200, do="look", name="x", toml=less)


def test_a_net_more_is_judged_on_history_and_in_force_at_once(scene: Scene):
    suspend_and_restore(scene, "3001")
    policy = scene.client("cyd")
    net = (
        '\nid = "slow"\ntitle = "Suspensions wait"\nbecause = "A test"\nwhen = \'action.name == "suspend" and account.age_days < 30\'\n'
        '[net.require]\nhold = "10m"\n'
    )
    more = "[[net]]".join([*nets_now(scene), net])
    said = text(policy.post("/nets/proposal", 200, do="backtest", name="m", toml=more))
    assert "Would have delayed 1 enforcement, median 10 minutes, of 1 in all." in said
    assert "Held longer 1" in said
    assert "Propose: it takes effect at once" in said
    assert "in force: it only adds" in policy.follow("/nets/proposal", do="propose", name="m", toml=more)


def test_what_breaks_what_must_hold_is_said_beforehand_and_not_offered(scene: Scene):
    parts = nets_now(scene)
    broken = "[[net]]".join(parts[:1] + parts[2:])
    said = text(scene.client("cyd").post("/nets/proposal", 200, do="look", name="b", toml=broken))
    assert "Proposing it is refused: it breaks what must hold. I1" in said
    assert "Propose: it" not in said


def test_fixed_sentences_for_the_catalogue_are_those_that_are_said():
    assert set(lead_words.INCIDENTS) == set(incident_words.TITLES.values())
    assert set(lead_words.TIMELINE) == {says for _lane, says in incident_words._PLAIN.values()}
    assert tuple(one.says for one in INVARIANTS) == lead_words.INVARIANTS
    assert incident_words.SECOND_LOOK in lead_words.ACTS


def test_the_same_change_is_no_proposal_of_nets(scene: Scene):
    made = propose(scene.app, scene.actor("zoe"), "setting", {"name": "restores_per_hour", "value": 30}, "More.")
    assert scene.client("cyd").client.get(f"/nets/proposals/{made.id}").status_code == 404
