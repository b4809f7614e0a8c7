"""Names are planted, everything is looked at that leaves the process, and nobody's is found (R19)."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from fastapi.routing import APIRoute

from gardefou.cli import cli
from gardefou.courier import Courier
from gardefou.domain.records import Channel, Enforcement, PlatformEntry
from gardefou.flow.change import propose
from gardefou.flow.decide import enforce
from gardefou.flow.history import export_history
from gardefou.flow.names import find_person, read_name
from gardefou.flow.restore import restore
from gardefou.flow.spec import Wanted
from gardefou.notices.post import Sent
from gardefou.people.authenticate import start_session
from gardefou.people.keys import KeyStore
from gardefou.storage import tables
from gardefou.web.app import GROUPS, PREFIX
from tests.contract.reference_platform import Account, ReferencePlatform
from tests.contract.test_webhook import SECRET, connect, settings_for
from tests.web.canaries import WORDS, canary, leaks
from tests.web.console_scene import Scene, make_scene
from tests.web.pages import Furnished, addresses, furnish
from tests.web.test_names import agree

pytestmark = pytest.mark.network_loopback


class Everything:
    """What left the process, by where it went."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str | bytes]] = []

    def add(self, where: str, what: str | bytes) -> None:
        self.said.append((where, what))

    def leaked(self) -> dict[str, list[bytes]]:
        return {where: found for where, what in self.said if (found := leaks(what))}


class Post:
    """Takes notices, and keeps them."""

    def __init__(self, everything: Everything) -> None:
        self.everything = everything

    def has(self, key: str) -> bool:
        return True

    def send(self, key: str, title: str, body: str, *, notice: str = "") -> Sent:
        self.everything.add(f"notice over {key}", title + body + notice)
        return Sent(ok=True, answer="sent")


class Platform(ReferencePlatform):
    """A platform that keeps what it was asked."""

    asked: Everything

    def answer(self, request: Any, kind: str, value: str, body: dict[str, Any]) -> None:
        self.asked.add("webhook", str(request.headers) + json.dumps(body))
        super().answer(request, kind, value, body)


@pytest.fixture
def planted(sqlite_url: str, tmp_path: Path) -> Iterator[tuple[Scene, Furnished]]:
    """An installation in which something of everything happened, with canaries for names from the beginning."""
    scene = make_scene(sqlite_url, tmp_path, keys=KeyStore(tmp_path / "keys"))
    with scene.app.works.begin() as uow:
        legal = replace(
            scene.staff["eve"], id="staff-lex", pseudonym="lex-icon", roles=("legal",), team="law", version=1
        )
        uow.record("staff.added", by="system", about=legal.id, puts=(legal,))
        start_session(uow, legal.id, strong=True)
        scene.staff["lex"] = legal
        for number, one in enumerate(scene.staff.values()):
            scene.app.directory.put(uow.connection, canary(one.id, number))
    yield scene, furnish(scene)
    scene.app.works.store.close()


def http(scene: Scene, out: Everything) -> int:
    """Ask everything that can be asked over HTTP, and much that cannot; return how much was answered well."""
    well = 0
    tokens = {name: scene.token(name) for name in ("zoe", "ben", "lex")}
    client = scene.client().client

    def send(method: str, path: str, who: str, **options: Any) -> int:
        answer = client.request(method, path, headers={"Authorization": f"Bearer {tokens[who]}"}, **options)
        out.add(f"{method} {path} by {who}", str(answer.headers) + answer.text)
        return answer.status_code

    ids = _ids(scene)
    for group in GROUPS:
        for route in group.routes:
            if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and not route.path.endswith("/name"):
                for path in _filled(route.path, ids):
                    for who in tokens:
                        well += send("GET", f"{PREFIX}{path}", who) == 200
    name, family, email, *_ = WORDS
    whole = f"{name} {family} 1"
    new: dict[str, Any] = {"name": f"{whole}9", "email": f"new.{email}", "roles": ["reviewer"], "team": "reports"}
    wrong: list[Any] = [{**new, "roles": "no list"}, {**new, "name": 7 * [whole]}, {**new, "team": 3}]
    for body in (new, *wrong):
        send("POST", f"{PREFIX}/staff", "zoe", json=body)
    # A key for doing it once keeps a hash of the call: it must not be one that can be guessed at.
    answer = client.post(
        f"{PREFIX}/staff/search",
        json={"name": whole},
        headers={"Authorization": f"Bearer {tokens['zoe']}", "Idempotency-Key": "once"},
    )
    assert answer.json()["found"]["id"] == scene.staff["ada"].pseudonym
    out.add("search", answer.text)
    sent = hashlib.sha256(answer.request.content).digest()
    bare = hashlib.sha256(b"POST\n" + answer.request.url.path.encode() + b"\n" + sent).hexdigest()
    with scene.app.works.read() as connection:
        kept = connection.execute(sa.select(tables.idempotency.c.digest)).scalars().all()
    assert kept
    assert bare not in kept
    said: list[Any] = [{"email": email}, {"name": whole}, {"name": [whole]}, {"name": whole, "email": email}]
    for body in (*said, [whole], whole):
        send("POST", f"{PREFIX}/staff/search", "lex", json=body)
        send("POST", f"{PREFIX}/staff/search", "ben", json=body)
    send("POST", f"{PREFIX}/staff", "zoe", content=f'{{"name": "{whole}'.encode())
    return well


def _ids(scene: Scene) -> dict[str, str]:
    with scene.app.works.read() as connection:

        def newest(table: sa.Table, *where: Any) -> str:
            return str(
                connection.execute(
                    sa.select(table.c.id).where(*where).order_by(table.c.id.desc()).limit(1)
                ).scalar_one()
            )

        ours = tables.enforcement.c.platform == "sandbox"
        return {
            "cases": newest(tables.case),
            "enforcements": newest(tables.enforcement, ours),
            "incidents": newest(tables.incident),
            "staff": scene.staff["ada"].pseudonym,
        }


def _filled(path: str, ids: dict[str, str]) -> list[str]:
    head = path.split("/")[1]
    filled = path.replace("{platform}", "sandbox").replace("{ref:path}", "1001").replace("{path:path}", "0/000")
    return [filled.replace("{id}", quote(ids.get(head, "x")))]


def pages(scene: Scene, there: Furnished, out: Everything) -> int:
    """Look at every page, at some as others too, and send forms with names in them."""
    seen = 0
    for who, most in (("zoe", 1), ("lex", 1)):
        browser = scene.client(who)
        for path in addresses(scene.web(), there, most):
            answer = browser.client.get(path)
            seen += answer.status_code == 200
            out.add(f"page {path} of {who}", str(answer.headers) + answer.text)
        for incident in there.incidents:
            out.add("incident to keep", browser.client.get(f"/incidents/{incident}/page").content)
    name, family, email, *_ = WORDS
    zoe, ben = scene.client("zoe"), scene.client("ben")
    for text in (f"{name} {family} 1", f"{name} {family}", email):
        out.add("form", zoe.post("/people/search", who=text))
        out.add("form refused", ben.post("/people/search", 403, who=text))
    return seen


def commands(scene: Scene, there: Furnished, out: Everything, folder: Path) -> int:
    """Run the commands that read, and those that take a name, in the same installation."""
    name, family, email, *_ = WORDS
    token, done = scene.token("zoe", "read", "enforcements:write", "admin:write"), 0
    ada = scene.staff["ada"].pseudonym
    # The command line goes by today's clock, and not by the scene's.
    with scene.app.works.store.begin() as connection:
        connection.execute(sa.update(tables.token).values(expires_at=None))
    for words in (
        ["staff", "list", "--all"],
        ["staff", "show", ada],
        ["staff", "find", "--name", f"{name} {family} 1"],
        ["staff", "find", "--email", f"n2.{email}"],
        ["staff", "find", "--name", name],
        ["staff", "add", "--role", "reviewer", "--name", f"{name} {family}", "--email", email],
        ["staff", "add", "--role", "nonsense", "--name", f"{name} {family}", "--email", email],
        ["staff", "reveal", ada, "--because", "curious"],
        ["seals", "status"],
        ["seals", "rotate"],
        ["token", "list"],
        ["account", "show", "sandbox/1001"],
        ["case", "list"],
        ["enforcement", "list"],
        ["enforcement", "show", there.enforcements[0]],
        ["incident", "list"],
        ["incident", "show", there.incidents[0]],
        ["incident", "show", there.incidents[1], "--html", str(folder / "incident.html")],
        ["ledger", "verify"],
        ["nets", "alone"],
        ["doctor"],
        ["ledger", "export", str(folder / "log")],
        ["backup", "create", str(folder / "backup.tar")],
    ):
        for options in ([], ["--json"]) if words[0] in {"staff", "seals", "incident"} else ([],):
            env = {"GARDEFOU_TOKEN": token, "GARDEFOU_DATABASE_URL": scene.app.works.store.url}
            ran = CliRunner().invoke(cli, ["--data", str(folder), *words, *options], env=env)
            assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
            done += ran.exit_code == 0
            assert ran.exit_code == 0 or words[0] != "backup", ran.output
            out.add(" ".join(words[:2]), ran.stdout + ran.stderr)
    return done


def platforms(scene: Scene, out: Everything) -> None:
    """Let a platform of one's own be acted on by a person, over real HTTP."""
    platform = Platform(SECRET)
    platform.asked = out
    platform.start()
    platform.accounts["u1"] = Account(handle="u1")
    webhook = connect(settings_for(platform))
    made = scene.app.make_connector
    scene.app.make_connector = lambda entry: webhook if entry.id == "own" else made(entry)
    with scene.app.works.begin() as uow:
        entry = PlatformEntry(
            id="own", kind="webhook", endpoint="webhook:1", config={}, sandbox=False, added_at=uow.now
        )
        uow.record("platform.registered", by="system", about="own", puts=(entry,))
    with scene.app.works.read() as connection:
        scene.app.config(connection)
    wanted = Wanted(platform="own", account="u1", action="suspend", policy="spam", rationale="Sells watches.")
    placed: Enforcement = enforce(scene.app, scene.actor("ben"), wanted)
    scene.settle()
    restore(scene.app, scene.actor("ben"), "own", "u1", "A mistake.")
    scene.settle()
    platform.stop()
    asked = [what for where, what in out.said if where == "webhook"]
    assert any('"call": "apply"' in str(what) for what in asked), placed
    for one in scene.staff.values():
        # What leaves the organisation joins nobody's acts: neither id nor pseudonym (R19).
        assert not [what for what in asked if one.id in str(what) or one.pseudonym in str(what)]


def test_r19_no_name_leaves_the_process(planted, tmp_path, caplog):
    scene, there = planted
    out = Everything()
    caplog.set_level(logging.DEBUG)
    for logger in ("sqlalchemy.engine", "sqlalchemy.pool", "gardefou", "httpx", "asyncio"):
        caplog.set_level(logging.DEBUG, logger)
    channel = Channel(
        id="chat", key="k", service="json", to=("everyone", "legal", "lead", "oncall"), added_at=scene.app.now()
    )
    with scene.app.works.begin() as uow:
        uow.record("channel.set", by="system", about="chat", puts=(channel,))
    scene.app.post = Post(out)
    asked = propose(scene.app, scene.actor("lex"), "reveal", {"staff": "staff-ada", "because": "A court asks."})
    agree(scene, "ben", asked.id)
    assert read_name(scene.app, scene.actor("lex"), "staff-ada").name.startswith(WORDS[0])
    assert find_person(scene.app, scene.actor("lex"), email=f"n2.{WORDS[2]}") is not None
    platforms(scene, out)
    propose(scene.app, scene.actor("zoe"), "off", {"staff": "staff-dee"})
    assert http(scene, out) > 60
    assert pages(scene, there, out) > 40
    assert commands(scene, there, out, tmp_path) > 22
    Courier(scene.app, "http://here").once()
    with scene.app.works.read() as connection:
        for row in connection.execute(tables.event.select()):
            out.add(f"event {row.kind}", bytes(row.body))
    exported = export_history(scene.app, tmp_path / "history")
    for path in exported.files:
        out.add("history", path.read_bytes())
    # Everything that lies on the disk: the database with its log, exports, backups, pages; the key store last.
    database = Path(sa.make_url(scene.app.works.store.url).database or "")
    files = [*database.parent.glob(f"{database.name}*"), *(one for one in tmp_path.rglob("*") if one.is_file())]
    for path in files:
        out.add(f"file {path.name}", path.read_bytes())
    with tarfile.open(tmp_path / "backup.tar") as tar:
        assert "keys/seals.json" in tar.getnames()
    out.add("logs", caplog.text)
    assert len(caplog.text) > 100_000
    kinds = {where.split()[0] for where, _ in out.said}
    assert {"GET", "POST", "page", "notice", "webhook", "event", "file", "history", "logs", "form"} <= kinds
    assert out.leaked() == {}


@pytest.mark.parametrize(
    "written",
    [
        "by Zéphyrine",
        "by Ze\u0301phyrine",
        "by ZÉPHYRINE",
        "to=ZQ.QUUXLEY@vogelhuis.example",
        "q=%C3%98deg%C3%A5rd-Quuxley",
        "zq.quuxley%40vogelhuis.example",
        "Z&#233;phyrine",
        "Z\\u00e9phyrine",
        "Z\\xe9phyrine",
        base64.b64encode(b"...by zq.quuxley@vogelhuis.example, today").decode(),
        base64.b64encode(b"by sub7731quuxx, today").decode(),
        "zephyrine odegard",
        "https%3A%2F%2Fanmeldung.vogelhuis.example",
        b"\x00" + "HR-9917-QUUX".encode("utf-16-le"),
        b"hr-9917-quux".hex(),
    ],
)
def test_a_canary_is_found_however_it_is_written(written):
    assert leaks(written)
    assert not leaks("Nobody of that name is here: fumom-klorbrul, staff-ada, 0197f3a2.")


def test_a_leak_that_is_planted_is_found(planted, tmp_path):
    """The look at files is a look at the right ones: what is plain in the store is seen."""
    scene, _ = planted
    with scene.app.works.store.begin() as connection:
        connection.execute(
            sa.update(tables.person).where(tables.person.c.staff_id == "staff-ada").values(sealed=WORDS[0].encode())
        )
    database = Path(sa.make_url(scene.app.works.store.url).database or "")
    assert any(leaks(path.read_bytes()) for path in database.parent.glob(f"{database.name}*"))
