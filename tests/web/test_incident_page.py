"""An incident over HTTP: its story as JSON, and as a page that stands by itself."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html.parser import HTMLParser

from gardefou.flow.watch import watch
from gardefou.web import examples
from tests.web.test_examples import same_shape

HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>&\'"'
VOID = {"meta", "rect", "line", "path", "circle", "br"}


class Page(HTMLParser):
    """What a page is made of, and whether its elements are closed in turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def suspended_for(house, minutes, ref="1001"):
    """An account suspended and restored after so many minutes; return the incident's id."""
    wish = {"platform": "sandbox", "account": ref, "action": "suspend", "policy": "spam", "rationale": "Typed Here."}
    made = house.post("/enforcements", wish, by="rea")
    assert made.status_code == 201, made.text
    house.clock.advance(timedelta(minutes=minutes))
    house.post(f"/accounts/sandbox/{ref}/restore", {"because": "The real one."}, by="ona")
    [incident] = house.get("/incidents?kind=reversal").json()["items"]
    return incident["id"]


def test_m8_the_incident_tells_minutes_reach_nets_and_timeline(house):
    incident = suspended_for(house, 11)
    told = house.get(f"/incidents/{incident}").json()
    assert (told["minutes_down"], told["reach_minutes"]) == (11, 550)
    assert (told["still_down"], told["near_miss"]) == (False, False)
    assert told["nets"]["spoke"] == []
    assert "protected-two-more-people" in {net["net"] for net in told["nets"]["silent"]}
    assert [(one["lane"], one["by"], one["words"]) for one in told["timeline"]] == [
        ("person", "pseudo-rea", "asks to suspend the account"),
        ("platform", None, "shows the account suspended"),
        ("person", "pseudo-ona", "restores the account"),
        ("platform", None, "shows it undone"),
        ("net", None, "this incident opens by itself, and those on duty are told"),
    ]
    same_shape(examples.ANSWERS["GET /incidents/{id}"][200], told)


def test_the_page_stands_by_itself_and_runs_nothing(one_house):
    incident = suspended_for(one_house, 11)
    answer = one_house.get(f"/incidents/{incident}/page")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "style-src 'sha256-" in answer.headers["content-security-policy"]
    page = Page(answer.text)
    assert page.open == []
    assert not {"script", "link", "iframe", "object", "img", "form"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name in {"src", "href", "style"} or name.startswith("on")]
    assert not re.findall(r"url\(|@import|https?://", answer.text)
    assert {"svg", "style"} <= set(page.tags)
    assert "prefers-color-scheme: dark" in answer.text
    with one_house.app.works.read() as connection:
        rea = one_house.app.directory.outside(connection, incident, one_house.people["rea"].id)
    assert "pseudo-" not in answer.text
    for words in ("11 minutes", ">People<", ">Nets<", ">Platform<", rea, "Two more people"):
        assert words in answer.text


def test_what_is_still_down_runs_to_now_in_the_picture(one_house):
    confirm = {"handle": "president", "identity": "9001"}
    wish = {"platform": "sandbox", "account": "9001", "action": "warn", "policy": "spam", "confirm": confirm}
    assert one_house.post("/enforcements", wish).status_code in {201, 202}
    one_house.sandbox.set_measures_out_of_band("9001", ["suspended"])
    watch(one_house.app)
    one_house.clock.advance(timedelta(minutes=4))
    [incident] = one_house.get("/incidents?kind=drift").json()["items"]
    page = one_house.get(f"/incidents/{incident['id']}/page").text
    assert "down, and still is" in page
    assert "4 minutes to now" in page
    assert "164 million" in page


def test_hostile_names_stay_text(one_house):
    one_house.sandbox.put_account("evil", handle=HOSTILE, reach=50, age_days=400)
    incident = suspended_for(one_house, 3, ref="evil")
    text = one_house.get(f"/incidents/{incident}/page").text
    page = Page(text)
    assert page.open == []
    assert not {"script", "img"} & set(page.tags)
    assert "&lt;script&gt;alert(" in text


def test_r19_pseudonyms_only(one_house):
    incident = suspended_for(one_house, 3)
    told = one_house.get(f"/incidents/{incident}").json()
    page = one_house.get(f"/incidents/{incident}/page").text
    for text in (json.dumps(told), page):
        assert "Planted" not in text
        assert "Typed Here" not in text
        assert not [staff.id for staff in one_house.people.values() if staff.id in text]


def test_the_page_of_no_incident_is_not_found(one_house):
    answer = one_house.get("/incidents/none/page")
    assert (answer.status_code, answer.json()["code"]) == (404, "incident/not_found")
