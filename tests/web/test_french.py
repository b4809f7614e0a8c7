"""A French reader's pages are French all through, and what a French reader's click keeps is English as anybody's."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
import sqlalchemy as sa

import gardefou
from gardefou.flow.change import propose
from gardefou.storage import tables
from tests.web.console_scene import PLATFORM, Browser, Scene, make_scene
from tests.web.test_console import decide, digest

SOURCE = Path(gardefou.__file__).parent
#: Names of errors that a page may show.
_ERRORS = frozenset({"InvalidInput", "NotFound", "Denied", "Conflict", "Stale", "Reused", "Unavailable"})


@pytest.fixture
def scene(sqlite_url: str, tmp_path: Path) -> Scene:
    return make_scene(sqlite_url, tmp_path)


def reader(scene: Scene, name: str, language: str = "fr") -> Browser:
    browser = scene.client(name)
    browser.client.headers["Accept-Language"] = language
    return browser


def text(page: str) -> str:
    """Return what a page says, without its marks."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def test_why_a_measure_waits_is_said_in_french(scene: Scene):
    said = text(reader(scene, "ben").get(f"/enforcements/{decide(scene, 'ada', '1001')}"))
    assert "2 autres personnes (responsable ou règles), d’équipes différentes" in said
    assert "puis un délai de 10 minutes, pendant lequel toute personne en service peut la retirer" in said
    assert "le compte est protégé ; sa gravité est de 3 ou plus (sa gravité est de 3)" in said.replace("\u00a0", " ")
    assert not re.search(r"further people|then a wait|the account is|whoever does it", said)


def refused_in(scene: Scene, browser: Browser) -> str:
    """Decide on what the nets refuse; return where that leads."""
    case = scene.report("1001")
    return browser.post(f"/cases/{case}/decide", deciding="1", policy="spam", action="delete")


def test_why_a_measure_is_refused_is_said_in_french(scene: Scene):
    browser = reader(scene, "ada")
    said = text(browser.get(refused_in(scene, browser)))
    assert "Rien ne satisfait un refus." in said
    assert "irreversible-not-on-protected ne parlerait pas dans ce cas : le compte est" in said
    assert "would not speak" not in said


def test_a_timeline_is_told_in_french(scene: Scene):
    browser = reader(scene, "ben")
    refused_in(scene, reader(scene, "ada"))
    scene.settle()
    with scene.app.works.read() as connection:
        incident = connection.execute(sa.select(tables.incident.c.id)).scalars().first()
    assert incident is not None
    said = text(browser.get(f"/incidents/{incident}"))
    assert "demande à supprimer le compte" in said
    assert "les filets refusent la mesure ; rien ne se passe" in said.replace("\u00a0", " ")


def test_what_reports_are_of_their_queues_incidents_and_nets_are_in_french_on_the_first_pages(scene: Scene):
    browser = reader(scene, "ada")
    scene.report("3001", "harassment")
    scene.report("3002", "child_safety")
    scene.report("3003", "threat")
    refused_in(scene, browser)
    decide(scene, "ada", "1001")
    scene.settle()
    queue = text(browser.get("/queue"))
    assert not re.search(r"\b(harassment|child safety|threat|general|urgent)\b", queue)
    assert {"harcèlement", "protection de l’enfance", "menace", "générale", "urgente"} <= set(
        re.findall("harcèlement|protection de l’enfance|menace|générale|urgente", queue)
    )
    first = text(browser.get("/"))
    assert "Un presque-incident" in first
    assert "Deux personnes de plus pour un compte protégé" in first
    assert not re.search(r"near miss|Two more people|\d\.\d sur", first)


def test_a_colon_stands_as_french_has_it(scene: Scene):
    browser = reader(scene, "ben")
    placed = decide(scene, "ada", "3001")
    pages = ("/recertification?show=all", f"/queue?done=decided&placed={placed}", "/people", "/leavers?days=30")
    for said in (text(browser.get(path)) for path in pages):
        assert not re.search(r"[a-zé]: ", said)
    assert "décider des mesures : " in text(browser.get(pages[0]))
    assert "@cheap_watches_1 : " in text(browser.get(pages[1]))


def test_nets_and_what_one_of_us_can_do_alone_are_told_in_french_and_english_by_turns(scene: Scene):
    """What is worked out once is kept without its words: who reads it first says nothing to the next."""
    pytest.importorskip("z3")
    french, english = reader(scene, "ben"), reader(scene, "ben", "en")
    assert "le compte est protégé" in text(french.get("/nets"))
    first, second = text(french.get("/nets/alone")), text(english.get("/nets/alone"))
    assert "Personne, à soi seul, ne peut suspendre, désactiver ou supprimer un compte protégé" in first
    assert "Modérateur qui brise la glace" in first
    assert "suspensions : 60 par heure et 300 par jour" in first.lower()
    assert not re.search(r"\b(needs|nobody|alone|an hour|further)\b", first)
    assert "Nobody alone can suspend, deactivate or delete a protected account" in second
    assert text(french.get("/nets/alone")) == first


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/enforcements?tab=none", 404, "Il n’y a pas de liste 'none' ; choisissez-en une ci-dessus."),
        ("/people/nobody", 404, "Personne ne s’appelle 'nobody' ici ; vérifiez l’adresse."),
        ("/accounts/nowhere/1", 404, "nowhere ne connaît pas de compte '1', ou ne répond pas en ce moment"),
    ],
)
def test_an_error_with_a_value_is_said_in_french(scene: Scene, path: str, status: int, says: str):
    assert says in text(reader(scene, "ben").get(path, status)).replace("\u00a0", " ")


def test_who_may_not_say_yes_is_told_in_french(scene: Scene):
    browser = reader(scene, "dee")
    waiting = decide(scene, "ada", "1001")
    seen = digest(reader(scene, "ben").get(f"/enforcements/{waiting}"))
    said = text(browser.post(f"/enforcements/{waiting}/answer", 403, answer="yes", digest=seen))
    assert "Il faut quelqu’un de ces rôles" in said


def test_what_is_wrong_with_a_file_of_nets_is_said_in_french(scene: Scene):
    wrong = '[[net]]\nid = "x"\ntitle = "t"\nbecause = "b"\nwhen = "account.tier >= 3"\n[net.require]\naprovals = 2\n'
    said = text(reader(scene, "cyd").post("/nets/proposal", 200, toml=wrong, name="x", do="look"))
    assert "Ceci compare un texte et un nombre." in said
    assert "Un filet ne peut pas exiger aprovals. Vouliez-vous dire approvals ?" in said.replace("\u00a0", " ")


def test_the_api_speaks_english_to_whoever_asks(scene: Scene):
    token = {"Authorization": f"Bearer {scene.token('ben')}", "Accept-Language": "fr"}
    browser = reader(scene, "ben")
    waiting = decide(scene, "ada", "1001")
    assert "Il n’y a pas de liste" in browser.get("/enforcements?tab=none", 404)
    answer = browser.client.get("/api/v1/enforcements/none", headers=token)
    assert answer.json()["detail"] == "There is no enforcement 'none'; check the id."
    why = browser.client.get(f"/api/v1/enforcements/{waiting}/explanation", headers=token)
    assert why.json()["met"] == ["whoever placed it had signed in within 10 minutes"]


def kept(scene: Scene, language: str) -> list[Any]:
    """Do what people do in the console, and return what the record and the tables keep of it."""
    ada, ben, cyd, eve = (reader(scene, name, language) for name in ("ada", "ben", "cyd", "eve"))
    refused_in(scene, ada)
    case = scene.report("1001")
    location = ada.post(f"/cases/{case}/decide", deciding="1", policy="spam", action="suspend")
    found = re.search(r"placed=([0-9a-f-]+)", location)
    assert found is not None
    waiting = found[1]
    ben.post(f"/enforcements/{waiting}/answer", answer="yes", digest=digest(ben.get(f"/enforcements/{waiting}")))
    cyd.post(f"/enforcements/{waiting}/cancel", back="/enforcements?tab=waiting")
    for number, action in enumerate(("suspend", "delete"), start=1):
        case = scene.report(f"300{number}")
        ada.post(f"/cases/{case}/decide", deciding="1", policy="spam", action=action)
    eve.post(f"/restore/{PLATFORM}/3001", because="")
    scene.settle()
    propose(scene.app, scene.actor("ben"), "tier", {"platform": PLATFORM, "account": "3002", "tier": "notable"})
    event, enforcement = tables.event.c, tables.enforcement.c
    own = event.kind.not_like("staff.%")  # sign-ins: their secrets are drawn anew
    with scene.app.works.read() as connection:
        told = [
            tuple(row) for row in connection.execute(sa.select(event.kind, event.body).where(own).order_by(event.id))
        ]
        told += [tuple(row) for row in connection.execute(sa.select(tables.incident.c.kind, tables.incident.c.summary))]
        told += [tuple(row) for row in connection.execute(sa.select(enforcement.because, enforcement.verdict))]
    return told


def test_a_french_readers_click_keeps_exactly_what_an_english_readers_does(sqlite_url: str, tmp_path: Path):
    copied = sqlite_url.replace(".sqlite3", "-fr.sqlite3")
    copyfile(sqlite_url.removeprefix("sqlite:///"), copied.removeprefix("sqlite:///"))
    english = kept(make_scene(sqlite_url, tmp_path / "en"), "en")
    french = kept(make_scene(copied, tmp_path / "fr"), "fr")
    assert len(english) > 30
    assert french == english


def _bare() -> Iterator[str]:
    """Yield where an error that a page may show is put together without a text that the catalogue has."""
    for folder in ("flow", "people", "web/console"):
        for path in sorted((SOURCE / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                match node:
                    case ast.Call(func=ast.Name(id=name), args=[_, ast.JoinedStr() | ast.BinOp(), *_]) if (
                        name in _ERRORS
                    ):
                        yield f"{path.relative_to(SOURCE)}:{node.lineno}"
                    case _:
                        pass


def test_no_error_of_a_page_is_put_together_in_english_alone():
    assert list(_bare()) == [], 'give the message as _("… %(name)s …", name=…), so that it can be said in French'
