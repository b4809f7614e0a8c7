"""Names that are made to be misread: the pages show what stands in them, and say what is odd."""

from __future__ import annotations

from pathlib import Path

import pytest

from gardefou.flow.cases import claim
from tests.web.console_scene import Browser, Scene, make_scene

FALSE_PAYPAL = "\u0440aypal_support"
TURNED = "evil\u202egnp.exe"


@pytest.fixture
def scene(sqlite_url: str, tmp_path: Path) -> Scene:
    made = make_scene(sqlite_url, tmp_path)
    made.sandbox.put_account("5001", handle=FALSE_PAYPAL, display_name="PayPal Supp\u03bfrt", reach=12)
    made.sandbox.put_account("5002", handle=TURNED, display_name="Pictures\u200b", reach=3)
    made.sandbox.put_account("5003", handle="\u0645\u062d\u0645\u062f", display_name="Anna \u0410\u043d\u043d\u0430")
    return made


@pytest.fixture
def browser(scene: Scene) -> Browser:
    return scene.client("ada")


def test_letters_of_another_script_are_named_on_the_case_and_marked_in_lists(scene: Scene, browser: Browser) -> None:
    page = browser.get(f"/cases/{scene.report('5001')}")
    assert "Among the Latin letters of the name are Cyrillic ones: \u0440." in page
    assert "Among the Latin letters of the name are Greek ones: \u03bf." in page
    assert "odd letters" in browser.get("/queue")
    assert "odd letters" in browser.get("/accounts?q=5001")


def test_what_turns_a_name_round_does_so_on_no_page(scene: Scene, browser: Browser) -> None:
    case = scene.report("5002")
    claim(scene.app, scene.actor("ada"), case)
    page = browser.get(f"/cases/{case}")
    assert "evil[U+202E]gnp.exe" in page
    assert "The name hides characters: U+202E, U+200B." in page
    fields = {"policy": "spam", "action": "suspend"}
    said = browser.client.post(
        f"/cases/{case}/preview", data={"csrf": browser.csrf, "deciding": "1", **fields}, headers={"HX-Request": "true"}
    ).text
    assert "Suspends @evil[U+202E]gnp.exe now." in said
    for address in ("/queue", "/accounts?q=5002", "/accounts/sandbox/5002", "/restore/sandbox/5002"):
        shown = browser.get(address)
        assert "\u202e" not in shown, address
        assert "[U+202E]" in shown, address


def test_a_name_in_its_own_script_is_shown_as_it_is(scene: Scene, browser: Browser) -> None:
    page = browser.get(f"/cases/{scene.report('5003')}")
    assert "@\u0645\u062d\u0645\u062f" in page
    assert "odd letters" not in page
