"""What stands between a form and what it asks for: what was written is not lost, and the way back is the page it stands on."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from httpx2 import Response

from gardefou.clock import SimulatedClock
from gardefou.flow.approve import cancel
from gardefou.flow.cases import claim
from tests.web.console_scene import HOST, Browser, Scene, make_scene
from tests.web.test_console import decide, digest


@pytest.fixture
def scene(sqlite_url: str, tmp_path: Path) -> Scene:
    return make_scene(sqlite_url, tmp_path)


WROTE = "Sells <watches> to everyone."


def send(browser: Browser, path: str, at: str, **fields: str) -> Response:
    """Send a form as a browser does that stands at ``at``."""
    answer: Response = browser.client.post(
        path, data={"csrf": browser.csrf, **fields}, headers={"Origin": HOST, "Referer": f"{HOST}{at}"}
    )
    return answer


def test_a_form_that_comes_to_nothing_shows_what_was_written_and_leads_back_to_its_list(scene: Scene):
    one = decide(scene, "ada", "3001")
    answer = send(scene.client("dee"), f"/enforcements/{one}/cancel", "/enforcements?tab=all&by=x", because=WROTE)
    assert answer.status_code == 409
    assert "Sells &lt;watches&gt; to everyone." in answer.text
    assert 'href="/enforcements?tab=all&amp;by=x">Back' in answer.text
    # Said once: whoever comes back is not told anew what is not so any more.
    told = send(scene.client("dee"), f"/enforcements/{one}/cancel", "/pause?done=paused", because="x")
    assert 'href="/pause">Back' in told.text


def test_what_another_site_sends_is_not_shown(scene: Scene):
    ada = scene.client("ada")
    fields = {"csrf": ada.csrf, "because": WROTE}
    foreign = ada.client.post("/pause", data=fields, headers={"Origin": "https://elsewhere.example"})
    assert foreign.status_code == 403
    assert "watches" not in foreign.text


def test_a_reason_is_kept_where_a_colleague_took_the_case_meanwhile(scene: Scene):
    case = scene.report("3001")
    claim(scene.app, scene.actor("dee"), case)
    ada = scene.client("ada")
    for path, fields in (
        ("decide", {"deciding": "1", "policy": "spam", "action": "suspend", "rationale": WROTE}),
        ("escalate", {"because": WROTE}),
    ):
        answer = send(ada, f"/cases/{case}/{path}", f"/cases/{case}", **fields)
        assert answer.status_code == 409
        assert "A colleague is working on this case" in answer.text
        assert "Sells &lt;watches&gt; to everyone." in answer.text


def test_leaving_a_page_in_between_leads_back_to_where_its_form_stands(scene: Scene):
    case = scene.report("2001", "impersonation")
    ada, at = scene.client("ada"), f"/cases/{case}?queue=impersonation"
    fields = {"deciding": "1", "policy": "impersonation", "action": "suspend", "from_queue": "impersonation"}
    asked = send(ada, f"/cases/{case}/decide", at, **fields).text
    assert "Which account do you mean?" in asked
    assert f'href="{at}">Leave it' in asked
    # The second time the browser stands at an address that nothing opens.
    carried = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked))
    again = send(ada, f"/cases/{case}/decide", f"/cases/{case}/decide", **{**carried, "confirm_identity": "1001"}).text
    assert "That is not the account you are acting on." in again
    assert f'href="{at}">Leave it' in again


def test_what_comes_to_nothing_after_a_fresh_sign_in_leads_back_to_its_page(scene: Scene):
    key = scene.key("ben")
    one = decide(scene, "ada", "1001")
    ben, at = scene.client("ben"), f"/enforcements/{one}"
    assert isinstance(scene.clock, SimulatedClock)
    scene.clock.advance(timedelta(minutes=11))
    fields = {"digest": digest(ben.get(at)), "answer": "yes"}
    asked = send(ben, f"{at}/answer", at, **fields).text
    assert "Once more, it is you?" in asked
    carried = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked))
    cancel(scene.app, scene.actor("dee"), one, "The wrong one.")
    answer = send(ben, f"{at}/answer", f"{at}/answer", **{**carried, "step_up": key})
    assert answer.status_code == 409
    assert f'href="{at}">Back' in answer.text
