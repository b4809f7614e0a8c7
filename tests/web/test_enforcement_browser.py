"""Two people in two browsers, the countdown, and a restore from an alert's link on a phone, in Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from gardefou.domain.records import NetsVersion
from gardefou.nets.load import load
from tests.web.console_scene import Scene, make_scene
from tests.web.test_console_browser import Console, open_console, press

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network_loopback,
    pytest.mark.slow,
    pytest.mark.xdist_group("enforcement browser"),
]

_NETS = """
[[net]]
id = "another"
title = "Another person, and four seconds"
because = "a head of state's account is nobody's to take down alone"
when = 'account.tier_memory == "protected" and action.severity >= 3'
[net.require]
approvals = 1
from = ["lead", "policy"]
hold = "4s"
"""


@pytest.fixture
def console(sqlite_url: str, tmp_path: Path, browser: Browser) -> Iterator[Console]:
    with open_console(make_scene(sqlite_url, tmp_path, real_time=True), browser) as opened:
        yield opened


def put_nets(scene: Scene) -> None:
    nets = load(_NETS, "test")
    with scene.app.works.begin() as uow:
        made = NetsVersion(
            id=uow.ids.new(), name="test", digest=nets.digest, toml=nets.to_toml(), at=uow.now, by="system"
        )
        uow.record("nets.changed", by="system", about=made.id, puts=(made,))


def sign_in_by_key(page: Page, key: str) -> None:
    page.get_by_label("Sign-in key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_one_places_another_approves_the_hold_ends_and_a_phone_restores_it_from_the_alert(console: Console):
    scene = console.scene
    put_nets(scene)
    case = scene.report("1001", "impersonation")
    first = console.open("ada")
    first.goto(f"{console.url}/cases/{case}")
    first.get_by_role("button", name="Claim").click()
    first.get_by_label("Suspend").check()
    first.get_by_role("button", name="Decide").click()
    first.get_by_role("link", name="Suspend @president").click()
    expect(first.get_by_text("Needs 1 further person (lead or policy)")).to_be_visible()

    second = console.open("ben")
    press(second, "e")
    second.get_by_text("Answer: Suspend @president").click()
    expect(second.get_by_text("You confirm exactly this: Suspend @president")).to_be_visible()
    expect(second.get_by_text("If any of this changes, your yes does not count.")).to_be_visible()
    second.get_by_role("button", name="Yes, do it").click()
    expect(second.get_by_text(re.compile(r"^Held for 0:0\d\.$"))).to_be_visible()
    # The countdown ends, the page looks again by itself, and it is in force.
    expect(second.locator(".head .badge")).to_have_text("in force")
    assert scene.state("1001") == {"suspended"}

    alert = "/restore/sandbox/1001"
    context = console.browser.new_context(viewport={"width": 390, "height": 800}, is_mobile=True, has_touch=True)
    phone = context.new_page()
    phone.on("console", lambda said: console.complaints.append(f"{phone.url}: {said.text}"))
    phone.on("pageerror", lambda error: console.complaints.append(f"{phone.url}: {error}"))
    phone.on(
        "request",
        lambda asked: (
            None if asked.url.startswith((console.url, "data:")) else console.complaints.append(f"asked {asked.url}")
        ),
    )
    phone.goto(f"{console.url}{alert}")
    sign_in_by_key(phone, scene.key("dee"))
    phone.wait_for_url(f"**{alert}")
    expect(phone.get_by_text("This is the REAL one: 41 million followers")).to_be_visible()
    expect(phone.get_by_text("Lifted. Everything comes back as it was.")).to_be_visible()
    button = phone.get_by_role("button", name="Restore @president now")
    expect(button).to_be_in_viewport()
    phone.wait_for_load_state()
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 60
    assert box["width"] >= 300
    button.dblclick()
    expect(phone.locator(".ms")).to_have_text(re.compile(r"^[\d,]+ ms$"))
    expect(
        phone.get_by_text(re.compile(r"^The platform showed it at \d\d:\d\d:\d\d, [\d,]+ ms after your click\.$"))
    ).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert scene.state("1001") == frozenset()


def test_everything_about_a_group_by_keyboard_alone(console: Console):
    from tests.web.test_groups_and_raids import burst

    scene = console.scene
    burst(scene, scene.staff["ada"].id)
    page = console.open("ben")
    press(page, "e")
    page.wait_for_url("**/enforcements")
    press(page, "w")
    page.keyboard.type("All one campaign.")
    press(page, "Escape")
    press(page, "?")
    expect(page.get_by_role("dialog")).to_contain_text("yes to all of the first group")
    press(page, "Escape")
    page.get_by_label("Leave out @burst 60").focus()
    page.keyboard.press("Space")
    page.evaluate("document.activeElement.blur()")
    press(page, "Y")
    expect(page.get_by_role("status")).to_contain_text("2 enforcements answered")
    assert scene.state("b60") == frozenset()
    assert scene.state("b61") == {"suspended"}
