"""Passkeys in Chromium, with its own virtual authenticator: made, signed in with, one touch more, and a signed yes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from gardefou.flow.decide import enforce
from gardefou.flow.spec import Wanted
from gardefou.people.authenticate import forget_strong
from gardefou.storage import tables
from tests.web.console_scene import PLATFORM, make_scene
from tests.web.test_console_browser import Console, open_console

pytestmark = [pytest.mark.browser, pytest.mark.network_loopback, pytest.mark.slow]

AXE = Path(__file__).parent / "vendor" / "axe.min.js"


@pytest.fixture
def console(sqlite_url: str, tmp_path: Path, browser: Browser) -> Iterator[Console]:
    with open_console(make_scene(sqlite_url, tmp_path, real_time=True), browser) as opened:
        # Browsers make passkeys for a name, not for a number.
        opened.url = opened.url.replace("127.0.0.1", "localhost")
        yield opened


def authenticator(page: Page) -> tuple[CDPSession, str]:
    """Put a virtual authenticator beside a page, as a laptop with a finger on it."""
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return tools, made["authenticatorId"]


def picture(page: Page, name: str) -> None:
    """Look for what axe finds, in both themes, wide and narrow; keep pictures where they are wanted."""
    for width in (1440, 390):
        for theme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=theme)
            page.wait_for_load_state()
            page.evaluate(AXE.read_text(encoding="utf-8"))
            found = page.evaluate("axe.run()")
            assert [f"{one['id']}: {one['nodes'][0]['html']}" for one in found["violations"]] == [], (
                name,
                width,
                theme,
            )
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (name, width)
            if folder := os.environ.get("GARDEFOU_TEST_PICTURES"):
                page.screenshot(path=f"{folder}/{name}-{width}-{theme}.png", full_page=True)
    page.set_viewport_size({"width": 1440, "height": 900})


def long_since(console: Console, name: str) -> None:
    """Let a person's strong sign-in be long ago."""
    scene = console.scene
    with scene.app.works.begin() as uow:
        forget_strong(uow.connection, scene.staff[name].id)


def test_a_passkey_is_made_signs_in_steps_up_and_signs_a_yes_on_a_protected_account(console: Console):
    scene = console.scene
    page = console.open("ben")
    tools, device = authenticator(page)

    page.goto(f"{console.url}/me")
    page.get_by_label("What you call it").fill("this laptop")
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_role("status")).to_contain_text("Your passkey is enrolled.")
    expect(page.locator("#passkeys")).to_contain_text("this laptop")
    picture(page, "me")

    page.get_by_role("button", name="Sign out everywhere").click()
    page.wait_for_url("**/signin*")
    picture(page, "signin")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()

    long_since(console, "ben")
    page.goto(f"{console.url}/me")
    page.get_by_role("button", name="Make a new sign-in key").click()
    expect(page.get_by_role("heading", name="Once more, it is you?")).to_be_visible()
    picture(page, "step-up")
    page.get_by_role("button", name="Touch your passkey and go on").click()
    expect(page.get_by_role("heading", name="Your sign-in key")).to_be_visible()

    wanted = Wanted(
        platform=PLATFORM,
        account="1001",
        action="suspend",
        policy="impersonation",
        rationale="Fake.",
        confirm={"handle": "president"},
    )
    one = enforce(scene.app, scene.actor("ada"), wanted)
    scene.settle()
    long_since(console, "ben")
    page.goto(f"{console.url}/enforcements/{one.id}")
    page.get_by_role("button", name="Yes", exact=False).first.click()
    expect(page.get_by_role("heading", name="Sign your yes")).to_be_visible()
    picture(page, "sign-yes")
    # Whoever takes the finger away is told so, and nothing is recorded.
    tools.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    page.get_by_role("button", name="Touch your passkey: yes").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was signed")
    tools.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": True})
    page.get_by_role("button", name="Touch your passkey: yes").click()
    page.wait_for_url("**/enforcements/*done=yes*")
    with scene.app.works.read() as connection:
        (given,) = connection.execute(tables.approval.select().where(tables.approval.c.enforcement_id == one.id)).all()
    assert (given.answer, sorted(given.assertion)) == ("yes", ["authenticator", "client", "id", "nonce", "signature"])
