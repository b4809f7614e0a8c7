"""Signing in through a real OpenID provider, over the network and in Chromium."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright
from starlette.testclient import TestClient

from gardefou.flow.changes.settings import write_setting
from gardefou.people.authenticate import strong_at
from gardefou.people.directory import Entry
from gardefou.people.keys import KeyStore
from gardefou.storage import tables
from tests.web.canaille_house import CLIENT, PASSWORD, SECRET, Canaille, canaille
from tests.web.chromium import FLAGS, chromium
from tests.web.console_scene import Browser, Scene, make_scene
from tests.web.test_console_browser import serving

pytestmark = [pytest.mark.network_loopback, pytest.mark.slow, pytest.mark.xdist_group("canaille")]


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


PORT = _free_port()
HERE = f"http://127.0.0.1:{PORT}"


@pytest.fixture(scope="module")
def provider() -> Iterator[Canaille]:
    with pytest.MonkeyPatch.context() as patched, canaille((f"{HERE}/oidc/callback",), f"{HERE}/signin") as running:
        patched.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
        yield running


@pytest.fixture
def scene(sqlite_url: str, tmp_path: Path, provider: Canaille) -> Scene:
    settings: dict[str, Any] = {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT,
        "oidc_name": "Canaille",
        "public_url": HERE,
    }
    made = make_scene(sqlite_url, tmp_path, real_time=True, **settings)
    KeyStore(made.settings.keys_folder).keep_oidc_client({"client_secret": SECRET})
    with made.app.works.begin() as uow:
        made.app.directory.put(uow.connection, Entry(staff_id="staff-ada", issuer=provider.issuer, subject="ada"))
        # Canaille knows passwords; an organisation that is content with these says so.
        write_setting(uow, "oidc_amr", ["pwd"], by="system")
        _long_ago(uow, made)
    return made


def _long_ago(uow, scene: Scene) -> None:
    uow.connection.execute(tables.presence.update().values(strong_at=scene.app.now() - timedelta(hours=2)))


def at_the_provider(url: str, name: str) -> str:
    """Sign in on the provider's own pages; return the address that it sends the browser back to."""
    with httpx.Client(follow_redirects=True) as there:
        page = there.get(url)
        for field, value in (("login", name), ("password", PASSWORD)):
            token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
            assert token is not None, page.text
            there.follow_redirects = field == "login"
            page = there.post(page.url, data={"csrf_token": token[1], field: value})
        while page.headers["location"].startswith(("/", f"{urlsplit(url).scheme}://{urlsplit(url).netloc}")):
            page = there.get(page.url.join(page.headers["location"]))
        return str(page.headers["location"])


def test_a_person_signs_in_through_a_real_provider_and_a_stranger_does_not(scene: Scene):
    browser = Browser(TestClient(scene.web(), base_url=HERE, follow_redirects=False))
    for name, status in (("ada", 303), ("eve", 403)):
        url = browser.client.get("/oidc/signin?next=/queue").headers["location"]
        back = at_the_provider(url, name)
        assert back.startswith(f"{HERE}/oidc/callback?")
        answer = browser.client.get(back)
        assert answer.status_code == status, answer.text
        # The code was used up with it.
        assert browser.client.get(back).status_code == 403
    assert scene.staff["ada"].pseudonym in browser.get("/queue")
    with scene.app.works.read() as connection:
        fresh = strong_at(connection, "staff-ada")
    assert fresh is not None
    assert scene.app.now() - fresh < timedelta(minutes=1)


def _password(page: Page) -> None:
    page.wait_for_url("**/auth/password")
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.mark.browser
def test_in_chromium_a_person_signs_in_proves_it_anew_for_a_form_and_signs_out_there(scene: Scene):
    with serving(scene, PORT), sync_playwright() as player:
        running = player.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = running.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text) if page.url.startswith(HERE) else None)
        page.goto(f"{HERE}/signin?next=/me")
        page.get_by_role("link", name="Sign in with Canaille").click()
        page.locator("#login").fill("ada")
        page.locator("#login").press("Enter")
        _password(page)
        expect(page.get_by_role("heading", name="How you sign in, and how you like it")).to_be_visible()
        with scene.app.works.begin() as uow:
            _long_ago(uow, scene)
        # A form that asks for a fresh sign-in: out to the provider, which asks again, and back to the form.
        page.goto(f"{HERE}/me")
        page.get_by_role("button", name="Make a new sign-in key").click()
        page.get_by_role("button", name="Sign in with Canaille").click()
        _password(page)
        expect(page.get_by_role("heading", name="It is you")).to_be_visible()
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_label("Sign-in key")).to_have_value(re.compile("^gf_"))
        page.goto(f"{HERE}/")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("link", name="Sign out at your organisation too").click()
        expect(page).to_have_url(re.compile("/oauth/end_session|/signin"))
        running.close()
    assert said == []
