"""The console page by page: what it shows, what its forms do, and what it refuses."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gardefou.clock import SimulatedClock, rfc3339
from gardefou.errors import InvalidInput
from gardefou.flow.change import propose
from gardefou.people.authenticate import make_link
from gardefou.people.roles import SCOPES
from gardefou.web.console.browser import COOKIE, SECURE_COOKIE
from tests.web.console_scene import HOST, Scene, make_scene


@pytest.fixture
def scene(sqlite_url: str, tmp_path: Path) -> Scene:
    return make_scene(sqlite_url, tmp_path)


def lines(page: str) -> list[str]:
    return re.findall(r'class="line">([^<]+)<', page)


def placed_in(location: str) -> str:
    found = re.search(r"placed=([0-9a-f-]+)", location)
    assert found is not None, location
    return found[1]


def decide(scene: Scene, who: str, ref: str, action: str = "suspend", **more: str) -> str:
    """Report an account and decide about it in the console; return the enforcement's id."""
    case = scene.report(ref)
    return placed_in(
        scene.client(who).post(f"/cases/{case}/decide", deciding="1", policy="spam", action=action, **more)
    )


def shown_key(page: str) -> str:
    found = re.search(r'id="key" value="(gf_[^"]+)"', page)
    assert found is not None, page
    return found[1]


def digest(page: str) -> str:
    found = re.search(r'name="digest" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


# who gets in ---------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/queue", "/cases/x", "/enforcements", "/accounts/sandbox/1001", "/record"])
def test_whoever_is_signed_out_is_led_to_the_sign_in(scene: Scene, path: str):
    answer = scene.client().client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/signin?next=")


def test_opening_a_link_does_not_use_it_up_and_using_it_does(scene: Scene):
    link = scene.link("ada")
    preview = scene.client()
    assert "Sign in" in preview.get(f"/signin/{link}")
    browser = scene.client()
    browser.sign_in(link)
    assert scene.staff["ada"].pseudonym in browser.get("/")
    again = scene.client().client.post(f"/signin/{link}", headers={"Origin": HOST})
    assert again.status_code == 404
    assert "used already" in again.text


def sign_in_with(scene: Scene, key: str, **more: str):
    return scene.client().client.post("/signin", data={"key": key, **more}, headers={"Origin": HOST})


def test_a_sign_in_key_signs_in(scene: Scene):
    browser = scene.client()
    answer = browser.client.post("/signin", data={"key": scene.key("ada"), "next": "/queue"}, headers={"Origin": HOST})
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue")
    assert "Queue" in browser.get("/queue")


@pytest.mark.parametrize("scopes", [(), *((scope,) for scope in SCOPES)], ids=lambda scopes: ",".join(scopes) or "all")
def test_m3_a_token_of_whatever_scope_signs_nobody_in(scene: Scene, scopes: tuple[str, ...]):
    answer = sign_in_with(scene, scene.token("ada", *scopes))
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert "sign-in key is unknown, revoked or expired" in answer.text


@pytest.mark.parametrize("given", ["gf_wrong", "", " "])
def test_a_wrong_key_is_refused_with_a_sentence(scene: Scene, given: str):
    answer = sign_in_with(scene, given)
    assert answer.status_code == 403
    assert "unknown, revoked or expired" in answer.text


def test_a_new_key_ends_the_earlier_one(scene: Scene):
    earlier, newer = scene.key("ada"), scene.key("ada")
    assert sign_in_with(scene, earlier).status_code == 403
    assert sign_in_with(scene, newer).status_code == 303


def test_m9_the_key_of_someone_who_has_left_does_not_work(scene: Scene):
    put_off, last_day = scene.key("ada"), scene.key("dee")
    propose(scene.app, scene.actor("zoe"), "off", {"staff": "staff-ada"})
    ends = rfc3339(scene.app.now() + timedelta(days=1))
    propose(scene.app, scene.actor("zoe"), "leave", {"staff": "staff-dee", "last_day": ends})
    assert sign_in_with(scene, put_off).status_code == 403
    assert sign_in_with(scene, last_day).status_code == 303
    assert isinstance(scene.clock, SimulatedClock)
    scene.clock.advance(timedelta(days=1))
    # At once, before the worker has come round to revoke it.
    answer = sign_in_with(scene, last_day)
    assert answer.status_code == 403
    assert "has left" in answer.text


def test_a_sign_in_key_is_no_bearer_token(scene: Scene):
    key, client = scene.key("ben"), scene.client().client
    answer = client.get("/api/v1/cases", headers={"Authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "auth/invalid")
    assert "This is a sign-in key" in answer.text
    good = client.get("/api/v1/cases", headers={"Authorization": f"Bearer {scene.token('ben')}"})
    assert good.status_code == 200


def test_the_scope_of_sign_in_keys_is_not_to_be_had(scene: Scene):
    for scopes in (("signin",), ("read", "signin")):
        with pytest.raises(InvalidInput, match="Scopes are") as refused:
            scene.token("ada", *scopes)
        assert refused.value.code == "token/scope"


def test_whoever_enrols_by_a_link_is_shown_a_key_once_and_it_signs_in(scene: Scene):
    with scene.app.works.begin() as uow:
        newcomer = replace(scene.staff["ada"], id="staff-fay", pseudonym="fay", enrolled=False, version=1)
        uow.record("staff.added", by="system", about=newcomer.id, puts=(newcomer,))
        link = make_link(uow.connection, newcomer.id, now=uow.now)
    browser = scene.client()
    page = browser.client.post(f"/signin/{link}", headers={"Origin": HOST})
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert "it is shown only now" in page.text
    key = shown_key(page.text)
    assert key not in browser.get("/people")
    assert scene.client().client.post(f"/signin/{link}", headers={"Origin": HOST}).status_code == 404
    assert sign_in_with(scene, key).status_code == 303
    with scene.app.works.begin() as uow:
        again = make_link(uow.connection, newcomer.id, now=uow.now)
    scene.client().sign_in(again)
    assert sign_in_with(scene, key).status_code == 303, "a later link gives no new key"


def test_a_new_key_takes_a_fresh_sign_in(scene: Scene):
    earlier = scene.key("ada")
    browser = scene.client("ada")
    newer = shown_key(browser.post("/signin-key", 200))
    assert sign_in_with(scene, earlier).status_code == 403
    scene.later(timedelta(minutes=11))
    assert "Once more, it is you?" in browser.post("/signin-key", 200)
    assert "Once more, it is you?" in browser.post("/signin-key", 200, step_up=scene.token("ada"))
    newest = shown_key(browser.post("/signin-key", 200, step_up=newer))
    assert sign_in_with(scene, newer).status_code == 403
    assert sign_in_with(scene, newest).status_code == 303


def test_nobody_gets_a_key_without_a_session(scene: Scene):
    answer = scene.client().client.post("/signin-key", headers={"Origin": HOST})
    assert (answer.status_code, answer.headers["location"]) == (303, "/signin?next=%2F")


def test_signing_out_ends_the_session(scene: Scene):
    browser = scene.client("ada")
    cookie = browser.client.cookies[COOKIE]
    assert browser.post("/signout") == "/signin"
    browser.client.cookies.set(COOKIE, cookie)
    assert browser.client.get("/").status_code == 303


def test_cookies_are_out_of_reach_of_scripts_and_secure_over_https(scene: Scene):
    browser = scene.client()
    plain = browser.client.post(f"/signin/{scene.link('ada')}", headers={"Origin": HOST}).headers["set-cookie"]
    assert plain.startswith(f"{COOKIE}=")
    assert "httponly" in plain.lower()
    assert "samesite=lax" in plain.lower()
    browser.client.base_url = "https://gardefou.example"
    secure = browser.client.post(f"/signin/{scene.link('ada')}", headers={"Origin": "https://gardefou.example"})
    assert secure.headers["set-cookie"].startswith(f"{SECURE_COOKIE}=")
    assert "; secure" in secure.headers["set-cookie"].lower()


def test_nobody_signs_in_over_plain_http_from_elsewhere(scene: Scene):
    browser = scene.client()
    browser.client.base_url = "http://gardefou.example"
    answer = browser.client.post(f"/signin/{scene.link('ada')}", headers={"Origin": "http://gardefou.example"})
    assert answer.status_code == 403
    assert "https" in answer.text


def test_the_way_back_after_signing_in_stays_on_this_console(scene: Scene):
    page = scene.client().get("/signin?next=//elsewhere.example/x")
    assert "elsewhere" not in page


# what every page holds -----------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/queue",
        "/queue?queue=spam",
        "/enforcements",
        *(f"/enforcements?tab={tab}" for tab in ("held", "running", "unknown", "in_force", "failed", "ended")),
        "/accounts",
        "/accounts?q=@pres",
        "/accounts/sandbox/1001",
        "/accounts/sandbox/2001",
        "/pause",
        "/people",
        "/nets",
        "/record",
        "/incidents",
    ],
)
def test_every_page_is_there_strict_and_names_nobody(scene: Scene, path: str):
    scene.report("1001", "impersonation", count=12)
    decide(scene, "ada", "3001")
    answer = scene.client("dee").client.get(path)
    assert answer.status_code == 200, answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?! src)|<style| style=| on[a-z]+=", answer.text)
    assert "staff-" not in answer.text, "a staff id on a page"


def test_static_files_are_served_with_their_own_types(scene: Scene):
    browser = scene.client()
    for name, kind in {"console.css": "text/css", "keys.js": "javascript", "icon.svg": "image/svg+xml"}.items():
        answer = browser.client.get(f"/static/{name}")
        assert answer.status_code == 200
        assert kind in answer.headers["content-type"]


def test_what_a_reporter_writes_stays_text(scene: Scene):
    case = scene.report("3001", text="<script>alert(1)</script><img src=x onerror=alert(1)>")
    page = scene.client("ada").get(f"/cases/{case}")
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page


@pytest.mark.parametrize(
    "path", ["/cases/nothing", "/enforcements/nothing", "/incidents/nothing", "/accounts/sandbox/0"]
)
def test_what_is_not_there_says_so(scene: Scene, path: str):
    assert "check" in scene.client("ada").get(path, 404)


# forged forms --------------------------------------------------------------


def test_a_form_without_its_token_is_refused(scene: Scene):
    browser = scene.client("ada")
    answer = browser.client.post("/pause", data={"because": "x"}, headers={"Origin": HOST})
    assert answer.status_code == 403
    assert "Nothing was done" in answer.text
    assert "Nothing is stopped" in browser.get("/pause")


def test_another_persons_token_is_no_token(scene: Scene):
    browser = scene.client("ada")
    answer = browser.client.post(
        "/pause", data={"csrf": scene.client("ben").csrf, "because": "x"}, headers={"Origin": HOST}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://127.0.0.1:1"])
def test_a_form_from_another_site_is_refused(scene: Scene, origin: str):
    browser = scene.client("ada")
    answer = browser.client.post("/pause", data={"csrf": browser.csrf, "because": "x"}, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "another site" in answer.text


def test_signing_someone_in_from_another_site_is_refused(scene: Scene):
    link = scene.link("ada")
    assert scene.client().client.post(f"/signin/{link}").status_code == 403
    scene.client().sign_in(link)


def test_a_form_beyond_bounds_is_refused(scene: Scene):
    browser = scene.client("ada")
    assert "more than a form may hold" in browser.post("/pause", 400, because="x" * 300_000)


# the queue and the case ----------------------------------------------------


def test_claim_next_leads_to_the_most_urgent_case_and_the_evidence_counts_as_seen(scene: Scene):
    scene.report("3001")
    urgent = scene.report("3002", "threat")
    browser = scene.client("ada")
    assert browser.post("/queue/next") == f"/cases/{urgent}"
    assert "yours for" in browser.get(f"/cases/{urgent}")
    other = scene.client("dee").get(f"/cases/{urgent}")
    assert f"{scene.staff['ada'].pseudonym} works on it" in other
    assert "No violation" not in other


def test_an_empty_queue_says_so(scene: Scene):
    assert "Nothing waits that is free for you" in scene.client("ada").follow("/queue/next")


def test_no_violation_closes_the_case_and_touches_nobody(scene: Scene):
    case = scene.report("3001")
    browser = scene.client("ada")
    assert "no violation" in browser.follow(f"/cases/{case}/decide", outcome="no_violation").lower()
    assert scene.state("3001") == frozenset()
    assert "This case is closed: no violation" in browser.get(f"/cases/{case}")


def test_several_actions_on_account_and_content_at_once(scene: Scene):
    case = scene.report("3001", content="c1")
    browser = scene.client("ada")
    done = browser.follow(
        f"/cases/{case}/decide",
        deciding="1",
        policy="spam",
        action=["suspend", "label"],
        label="spam",
        remove="c1",
        **{"for": "168"},
    )
    assert done.count("Carried out, and seen at the platform") == 3
    assert {"suspended", "label:spam"} <= scene.state("3001")
    assert "removed:c1" in scene.sandbox.read_state("3001", content=("c1",)).measures
    scene.later(timedelta(days=7, minutes=5))
    assert "suspended" not in scene.state("3001")


def test_the_consequence_is_said_before_the_click(scene: Scene):
    browser = scene.client("ada")
    plain = scene.report("3001")
    said = browser.post(
        f"/cases/{plain}/preview", 200, deciding="1", policy="spam", action="suspend", rationale="kept words"
    )
    assert lines(said) == ["Suspends @cheap_watches_1 now. Nothing is lost. Undone in one click."]
    assert "kept words" in said
    real = scene.report("1001", "impersonation")
    said = browser.post(f"/cases/{real}/preview", 200, deciding="1", policy="impersonation", action="deactivate")
    assert "41 million followers; nothing happens on your click alone" in lines(said)[0]
    assert "Two more people for a protected account" in said
    assert scene.state("3001") == scene.state("1001") == frozenset()


def test_a_wish_that_makes_no_sense_keeps_what_was_written(scene: Scene):
    case = scene.report("3001")
    page = scene.client("ada").post(
        f"/cases/{case}/decide", 400, deciding="1", policy="spam", action="label", rationale="kept words"
    )
    assert "A label is one of" in page
    assert "kept words" in page


def test_the_real_account_and_its_lookalike_are_told_apart(scene: Scene):
    browser = scene.client("ada")
    real, fake = scene.report("1001", "impersonation"), scene.report("2001", "impersonation")
    assert "This is the REAL one: 41 million followers" in browser.get(f"/cases/{real}")
    page = browser.get(f"/cases/{fake}")
    assert "Looks like @president (41 million followers), and is another account" in page
    assert "Could be taken for each other" in page


def test_a_case_that_a_colleague_closed_meanwhile_says_so(scene: Scene):
    case = scene.report("3001")
    browser = scene.client("ada")
    browser.get(f"/cases/{case}")
    scene.client("dee").post(f"/cases/{case}/decide", outcome="no_violation")
    page = browser.post(f"/cases/{case}/decide", 409, deciding="1", policy="spam", action="suspend")
    assert "decided meanwhile" in page
    assert f"by {scene.staff['dee'].pseudonym}" in page
    assert scene.state("3001") == frozenset()


@pytest.mark.parametrize(
    ("step", "fields", "says"),
    [
        ("skip", {}, "Left to others"),
        ("move", {"queue": "general"}, "Moved"),
        ("escalate", {"because": "a politician"}, "Escalated"),
        ("release", {}, "Given back"),
    ],
)
def test_leaving_a_case_to_others(scene: Scene, step: str, fields: dict[str, str], says: str):
    case = scene.report("3001")
    browser = scene.client("ada")
    browser.post(f"/cases/{case}/claim")
    browser.post(f"/cases/{case}/renew")
    assert says in browser.follow(f"/cases/{case}/{step}", **fields)
    assert "Claim" in scene.client("dee").get(f"/cases/{case}")


def test_notes_are_for_whoever_looks_next(scene: Scene):
    case = scene.report("3001")
    scene.client("ada").post(f"/cases/{case}/note", text="Seen <b>before</b>.")
    page = scene.client("dee").get(f"/cases/{case}")
    assert "Seen &lt;b&gt;before&lt;/b&gt;." in page


# confirming and signing in again, in place ---------------------------------


def test_a_lookalike_is_chosen_before_anything_is_placed(scene: Scene):
    case = scene.report("2001", "impersonation")
    browser = scene.client("ada")
    fields = {"deciding": "1", "policy": "impersonation", "action": "suspend", "rationale": "kept words"}
    asked = browser.post(f"/cases/{case}/decide", 200, **fields)
    assert "Which account do you mean?" in asked
    assert "kept words" in asked
    assert 'value="1001"' in asked
    assert " checked" not in asked
    wrong = browser.post(f"/cases/{case}/decide", 200, **fields, confirm_identity="1001")
    assert "That is not the account you are acting on" in wrong
    done = browser.follow(f"/cases/{case}/decide", **fields, confirm_identity="2001")
    assert "waits for people" in done


def test_a_stale_sign_in_is_renewed_in_place_and_the_form_goes_on(scene: Scene):
    case = scene.report("3001")
    browser = scene.client("ada")
    key = scene.key("ada")
    scene.later(timedelta(minutes=30))
    fields = {"deciding": "1", "policy": "spam", "action": "deactivate", "rationale": "kept words"}
    asked = browser.post(f"/cases/{case}/decide", 200, **fields)
    assert "Once more, it is you?" in asked
    assert "kept words" in asked
    assert scene.state("3001") == frozenset()
    wrong = browser.post(f"/cases/{case}/decide", 200, **fields, step_up=scene.key("ben"))
    assert "another person" in wrong
    assert 'value="kept words"' in wrong
    browser.post(f"/cases/{case}/decide", **fields, step_up=key)
    assert scene.state("3001") == {"deactivated"}


def test_a_fresh_link_renews_a_sign_in_too_and_only_ones_own(scene: Scene):
    case = scene.report("3001")
    browser = scene.client("ada")
    scene.later(timedelta(minutes=30))
    fields = {"deciding": "1", "policy": "spam", "action": "deactivate"}
    of_ben = scene.link("ben")
    assert "another person" in browser.post(f"/cases/{case}/decide", 200, **fields, step_up=f"{HOST}/signin/{of_ben}")
    scene.client().sign_in(of_ben)
    browser.post(f"/cases/{case}/decide", **fields, step_up=f"{HOST}/signin/{scene.link('ada')}")
    assert scene.state("3001") == {"deactivated"}


@pytest.mark.parametrize("scopes", [(), *((scope,) for scope in SCOPES)], ids=lambda scopes: ",".join(scopes) or "all")
def test_m3_a_token_of_whatever_scope_gives_no_freshness(scene: Scene, scopes: tuple[str, ...]):
    case = scene.report("3001")
    browser = scene.client("ada")
    token = scene.token("ada", *scopes)
    scene.later(timedelta(minutes=30))
    before = scene.actor("ada").strong_at
    fields = {"deciding": "1", "policy": "spam", "action": "deactivate", "step_up": token}
    assert "Once more, it is you?" in browser.post(f"/cases/{case}/decide", 200, **fields)
    scene.client().client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert scene.actor("ada").strong_at == before
    assert scene.state("3001") == frozenset()


# approving, cancelling, restoring ------------------------------------------


def test_two_others_approve_it_is_held_and_anyone_cancels(scene: Scene):
    one = decide(scene, "ada", "1001", "suspend")
    page = scene.client("ben").get(f"/enforcements/{one}")
    assert "Needs 2 further people" in page
    assert "You confirm exactly this: <strong>Suspend @president</strong>" in page
    scene.client("ben").post(f"/enforcements/{one}/answer", digest=digest(page), answer="yes", note="I looked.")
    assert "Needs 1 further person" in scene.client("cyd").get(f"/enforcements/{one}")
    scene.client("cyd").post(f"/enforcements/{one}/answer", digest=digest(page), answer="yes")
    held = scene.client("dee").get(f"/enforcements/{one}")
    assert "Held for" in held
    assert "data-countdown" in held
    assert scene.state("1001") == frozenset()
    assert "Withdrawn before anything was done" in scene.client("dee").follow(
        f"/enforcements/{one}/cancel", because="wrong one"
    )
    incidents = scene.client("dee").get("/incidents")
    assert "A near miss" in incidents
    near = re.search(r"/incidents/[0-9a-f-]+", incidents)
    assert near is not None
    story = scene.client("dee").get(near[0])
    assert "it was withdrawn" in story
    assert "staff-" not in story
    page = scene.client("dee").get(near[0])
    assert "<dt>Down</dt><dd>not at all</dd>" in page
    assert "Two more people for a protected account" in page
    saved = scene.client("dee").get(f"{near[0]}/page")
    assert "A near miss" in saved
    assert "<svg" in saved
    assert "Nobody was down." in saved


def test_a_no_ends_it(scene: Scene):
    one = decide(scene, "ada", "1001", "suspend")
    page = scene.client("ben").get(f"/enforcements/{one}")
    done = scene.client("ben").follow(
        f"/enforcements/{one}/answer", digest=digest(page), answer="no", note="He is real."
    )
    assert "A colleague said no. He is real." in done


def test_nobody_answers_for_themselves(scene: Scene):
    one = decide(scene, "ada", "1001", "suspend")
    page = scene.client("ada").get(f"/enforcements/{one}")
    assert "Yes, do it" not in page
    seen = digest(scene.client("ben").get(f"/enforcements/{one}"))
    assert "behind this yourself" in scene.client("ada").post(
        f"/enforcements/{one}/answer", 403, digest=seen, answer="yes"
    )


def test_what_changed_since_it_was_seen_is_not_approved(scene: Scene):
    one = decide(scene, "ada", "1001", "suspend")
    page = scene.client("ben").post(f"/enforcements/{one}/answer", 409, digest="0" * 64, answer="yes")
    assert "read it again" in page


def test_a_restore_shows_the_milliseconds_to_the_platforms_confirmation(scene: Scene):
    one = decide(scene, "ada", "3001")
    assert scene.state("3001") == {"suspended"}
    assert "Restore now" in scene.client("dee").get(f"/enforcements/{one}")
    page = scene.client("dee").follow("/restore/sandbox/3001", because="It was a mistake.")
    assert scene.state("3001") == frozenset()
    assert "ms after your click." in page
    assert re.search(r'class="ms">[\d,]+ ms<', page)
    assert "Undone." in scene.client("ada").get(f"/enforcements/{one}")


def test_restoring_where_nothing_stands_says_so(scene: Scene):
    assert "nothing to lift" in scene.client("dee").follow("/restore/sandbox/3003", because="x")


def test_a_higher_tier_takes_effect_and_a_lower_one_waits(scene: Scene):
    browser = scene.client("ben")
    browser.follow("/accounts/sandbox/3001/tier", tier="notable", because="a local paper")
    assert "A notable account" in browser.get("/accounts/sandbox/3001")
    lowered = browser.follow("/accounts/sandbox/3001/tier", tier="standard", because="no more")
    assert "Needs 2 further people" in lowered
    assert "weakened by it" in lowered


def test_a_hacked_account_is_stopped_by_two_and_let_stand_by_a_third(scene: Scene):
    assert 'href="/hacked/sandbox/3002"' in scene.client("ada").get("/accounts/sandbox/3002")
    asked = scene.client("ada").follow("/hacked/sandbox/3002/break", action="lock", because="posts scams")
    found = re.search(r"/enforcements/([0-9a-f-]{36})", asked)
    assert found is not None
    one = found[1]
    page = scene.client("ben").get(f"/enforcements/{one}")
    scene.client("ben").post(f"/enforcements/{one}/answer", digest=digest(page), answer="yes")
    assert scene.state("3002") == {"locked"}
    scene.client("dee").post(f"/enforcements/{one}/ratify")
    scene.later(timedelta(minutes=40))
    assert scene.state("3002") == {"locked"}


def test_a_fake_is_marked_by_two_more(scene: Scene):
    scene.report("2001", "impersonation")
    browser = scene.client("ada")
    browser.get("/accounts/sandbox/2001")
    assert "Mark as a fake" in browser.follow("/accounts/sandbox/2001/fake", because="three days old")


# pause, people, nets, record -----------------------------------------------


def test_anyone_pauses_and_two_resume(scene: Scene):
    dee, ben, eve = scene.client("dee"), scene.client("ben"), scene.client("eve")
    assert "Everything is paused" in dee.follow("/pause", because="A script runs wild.")
    assert "All enforcement is paused" in ben.get("/queue")
    case = scene.report("3001")
    said = ben.post(f"/cases/{case}/preview", 200, deciding="1", policy="spam", action="suspend")
    assert "paused" in lines(said)[0]
    assert "it takes one more person" in ben.follow("/resume", because="It is over.")
    assert "Confirm and resume" in eve.get("/pause")
    assert "Everything runs again" in eve.follow("/resume", because="I looked.")
    assert "All enforcement is paused" not in ben.get("/queue")


def test_people_are_shown_by_pseudonym_with_last_days(scene: Scene):
    page = scene.client("ada").get("/people")
    for person in scene.staff.values():
        assert person.pseudonym in page
    assert "staff-" not in page


def test_nets_are_in_words_and_say_whether_they_spoke(scene: Scene):
    decide(scene, "ada", "1001", "suspend")
    page = scene.client("ada").get("/nets")
    assert "Two more people for a protected account" in page
    assert "2 further people (lead or policy), of different teams" in page
    assert "spoke 1 time this week" in page


def test_the_record_is_verified_from_the_page(scene: Scene):
    scene.settle()
    browser = scene.client("ada")
    assert "in the newest checkpoint" in browser.get("/record")
    page = browser.post("/record/verify", 200, log="gardefou")
    assert re.search(r"gardefou: all [\d,]+ entries verified", page)
    assert "no log" in browser.post("/record/verify", 404, log="elsewhere")


def test_whoever_may_not_is_told_in_a_sentence(scene: Scene):
    browser = scene.client("ada")
    assert "power" in browser.post("/accounts/sandbox/3001/tier", 403, tier="notable", because="x")
