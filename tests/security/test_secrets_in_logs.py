"""Secrets are used on every way there is, with the loudest logs, and none stands in any of them."""

from __future__ import annotations

import base64
import gc
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from gardefou.courier import Courier
from gardefou.domain.records import Channel, PlatformEntry
from gardefou.flow.decide import enforce
from gardefou.flow.restore import restore
from gardefou.flow.spec import Wanted
from gardefou.notices.post import ApprisePost
from gardefou.people.keys import KeyStore
from gardefou.settings import Settings
from gardefou.storage import tables
from gardefou.storage.engine import open_store
from gardefou.web.serve import make_server
from tests.contract.reference_platform import Account, ReferencePlatform
from tests.contract.test_webhook import OLDER, SECRET, connect, settings_for
from tests.notices.servers import http_server
from tests.web.console_scene import HOST, make_scene
from tests.web.forged import CLIENT, ISSUER
from tests.web.forged import SECRET as CLIENT_SECRET
from tests.web.test_oidc import Door

pytestmark = pytest.mark.network_loopback

#: Every name under which something is logged here or in what it stands on, as loud as it goes.
LOGGERS = (
    "",
    "alembic",
    "apprise",
    "asyncio",
    "authlib",
    "gardefou",
    "httpcore",
    "httpx",
    "requests",
    "sqlalchemy.engine",
    "sqlalchemy.pool",
    "urllib3",
    "uvicorn",
    "uvicorn.access",
    "uvicorn.error",
)
CHANNEL = "channel-canary-9f1c"


class Secrets:
    """What must stand nowhere, by what it is."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def add(self, what: str, secret: str) -> str:
        assert len(secret) >= 8, (what, secret)
        self.known[f"{what} {len(self.known)}"] = secret
        return secret

    def found_in(self, text: str) -> list[str]:
        """Return what is found, as it is, quoted as in a URL, or in base64 or hex."""
        found: list[str] = []
        for what, secret in self.known.items():
            raw = secret.encode()
            forms = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], raw.hex()}
            forms |= {base64.b64encode(raw).decode().rstrip("=")[:-1]}
            if any(form in text for form in forms):
                found.append(what)
        return found


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


@pytest.fixture
def door(sqlite_url: str, tmp_path: Path) -> Iterator[Door]:
    """An installation with keys of its own on disk, and a provider."""
    settings: dict[str, Any] = {"oidc_issuer": ISSUER, "oidc_client_id": CLIENT, "public_url": HOST}
    made = Door(make_scene(sqlite_url, tmp_path, keys=KeyStore(tmp_path / "keys"), **settings))
    yield made
    made.scene.app.works.store.close()


def through_the_provider(door: Door, secrets: Secrets) -> None:
    """Sign in at the identity provider, with a step-up, a wrong answer, and one that breaks."""
    secrets.add("client secret", CLIENT_SECRET)
    browser = door.browser()
    out = door.out(browser)
    asked = parse_qs(urlsplit(out).query)
    secrets.add("oidc state", asked["state"][0])
    secrets.add("oidc nonce", asked["nonce"][0])
    back = door.forged.authorize(out)
    code = secrets.add("oidc code", "code-canary-71a")
    door.forged.codes[code] = door.forged.codes.pop("code-0")
    tokens: list[str] = []
    token = door.forged.token

    def kept(**claims: Any) -> str:
        tokens.append(token(**claims))
        return tokens[-1]

    door.forged.token = kept  # type: ignore[method-assign]
    assert browser.client.get(back.replace("code-0", code)).status_code == 303
    secrets.add("id token", tokens[-1])
    for value in browser.client.cookies.values():
        secrets.add("cookie after oidc", value)
    with door.scene.app.works.read() as connection:
        secrets.add("csrf", str(connection.execute(sa.select(tables.session.c.csrf)).scalars().all()[-1]))
    door.browser().client.get(back.replace("code-0", code))
    door.forged.away = True
    other = door.browser()
    again = door.forged.authorize(door.out(other))
    secrets.add("code while away", "code-canary-72b")
    assert (
        other.client.get(again.replace("code-1", "code-canary-72b").replace("code-0", "code-canary-72b")).status_code
        >= 400
    )
    door.forged.away = False
    door.send_logout(secrets.add("logout token", tokens[-1][:-4] + "AAAA"))


def with_keys_and_links(door: Door, secrets: Secrets) -> None:
    """Sign in by link and by key, ask for passkeys' challenges, issue tokens, and get all of it wrong too."""
    scene = door.scene
    browser = scene.client()
    link = secrets.add("sign-in link", scene.link("ada"))
    browser.client.get(f"/signin/{link}")
    browser.sign_in(link)
    browser.client.post(f"/signin/{link}", headers={"Origin": HOST})
    for value in browser.client.cookies.values():
        secrets.add("session", value)
    secrets.add("csrf", browser.csrf)
    key = secrets.add("sign-in key", scene.key("ben"))
    by_key = scene.client()
    assert by_key.client.post("/signin", data={"key": key}, headers={"Origin": HOST}).status_code == 303
    by_key.client.post("/signin", data={"key": secrets.add("wrong key", key[:-3] + "xyz")}, headers={"Origin": HOST})
    for path, client in (("/signin/passkey/asked", by_key), ("/me/passkeys/asked", by_key)):
        answer = client.client.post(path, data={"csrf": by_key.csrf}, headers={"Origin": HOST})
        if found := re.search(r'"challenge":\s*"([^"]+)"', answer.text):
            secrets.add("passkey challenge", found[1])
    token = secrets.add("token", scene.token("ben"))
    headers = {"Authorization": f"Bearer {token}"}
    issued = browser.client.post("/api/v1/tokens", json={"scope": ["read"]}, headers=headers)
    secrets.add("issued token", issued.json()["secret"])
    browser.client.post("/api/v1/tokens", content=b'{"scope": [', headers=headers)
    leaked = secrets.add("leaked", issued.json()["secret"] + "x")
    browser.client.post("/api/v1/tokens/revoke-leaked", json={"token": leaked})
    browser.client.get("/api/v1/me", headers={"Authorization": f"Bearer {secrets.add('unknown token', token + 'zz')}"})
    invited = by_key.client.post("/people/x/invite", data={"csrf": by_key.csrf}, headers={"Origin": HOST})
    assert invited.status_code in {403, 404}


def to_a_platform(door: Door, secrets: Secrets) -> None:
    """Act on a platform over signed calls that work, fail, answer garbage, and do not answer."""
    for number, secret in enumerate((SECRET, OLDER)):
        secrets.add(f"webhook secret {number}", secret)
        secrets.add(f"webhook key {number}", secret.removeprefix("whsec_"))
    scene = door.scene
    platform = ReferencePlatform(SECRET)
    platform.start()
    for ref in ("u1", "u2"):
        platform.accounts[ref] = Account(handle=ref)
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
    enforce(scene.app, scene.actor("ben"), wanted)
    restore(scene.app, scene.actor("ben"), "own", "u1", "A mistake.")
    platform.stop()
    # What does not go through now waits, and is tried again.
    assert enforce(scene.app, scene.actor("ben"), wanted).state != "in_force"


def to_a_channel(door: Door, secrets: Secrets, port: int) -> None:
    """Send notices over a channel whose address holds a password, to a server that takes none."""
    scene = door.scene
    secrets.add("channel password", CHANNEL)
    keys = KeyStore(scene.settings.keys_folder)
    keys.keep_address("k", f"json://user:{CHANNEL}@127.0.0.1:{port}/hook/{CHANNEL}")
    scene.app.post = ApprisePost(keys)
    with scene.app.works.begin() as uow:
        channel = Channel(id="chat", key="k", service="json", to=("everyone",), added_at=uow.now)
        uow.record("channel.set", by="system", about="chat", puts=(channel,))
    scene.client("eve").post("/pause", because="A test.")
    Courier(scene.app, "http://here").once()


def sealing(door: Door, secrets: Secrets) -> None:
    """Know the keys that lie on the disk: of the ledger, and of the seals."""
    folder = door.scene.settings.keys_folder
    text = (folder / "seals.json").read_text("utf-8")
    words = re.findall(r'"([A-Za-z0-9+/=_-]{40,})"', text)
    assert words
    for word in words:
        secrets.add("sealing key", word)
    signing = [one for one in folder.iterdir() if one.is_file() and "PRIVATE KEY" in one.read_text("utf-8", "replace")]
    for one in signing:
        for line in one.read_text("utf-8").splitlines():
            if "KEY" not in line and len(line) > 20:
                secrets.add("ledger key", line)


def that_breaks(door: Door, secrets: Secrets, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a fault of our own happen while secrets are in hand: it is logged with where, and not with what."""
    token = secrets.add("token in a fault", door.scene.token("eve", "read"))

    def broken(*_args: Any, **_more: Any) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("gardefou.web.api.staff.revealings_of", broken)
    browser = door.scene.client()
    # The server logs it and answers 500; the test's client raises it as well.
    with pytest.raises(RuntimeError):
        browser.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    row = {"hash": "h", "staff_id": "s", "csrf": secrets.add("csrf in a fault", "csrf-canary-551"), "created_at": None}
    try:
        with door.scene.app.works.store.begin() as connection:
            connection.execute(tables.session.insert(), row)
    except IntegrityError:
        logging.getLogger("gardefou.web").exception("a request failed")


def test_no_secret_stands_in_any_log(door, secrets, caplog, monkeypatch):
    for name in LOGGERS:
        caplog.set_level(logging.DEBUG, name or None)
    through_the_provider(door, secrets)
    with_keys_and_links(door, secrets)
    to_a_platform(door, secrets)
    with http_server(500) as (port, _got):
        to_a_channel(door, secrets, port)
    sealing(door, secrets)
    that_breaks(door, secrets, monkeypatch)
    # The test client speaks through httpx, which logs each address that is called: that is a browser's, not ours.
    ours = [
        record for record in caplog.records if not (record.name.startswith("httpx") and HOST in record.getMessage())
    ]
    formatter = logging.Formatter("%(name)s %(message)s")
    text = "\n".join(formatter.format(record) for record in ours)
    assert {"gardefou", "sqlalchemy", "httpx"} <= {record.name.partition(".")[0] for record in ours}
    assert "Traceback" in text
    assert len(secrets.known) > 20
    assert [line[:300] for line in text.splitlines() if secrets.found_in(line)] == []
    assert secrets.found_in(unquote(text)) == []


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    from gardefou.bootstrap import first_person, initialise, open_app

    settings = Settings(data=folder, port=port, embedded_worker=False)
    app = open_app(settings)
    initialise(app, nets="default", person=first_person(app, roles=("admin",)))
    threshold = gc.get_threshold()
    server = make_server(app, settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
        app.works.store.close()
        gc.set_threshold(*threshold)
        gc.unfreeze()


def test_the_server_itself_writes_no_address_that_was_called(tmp_path, secrets, capfd):
    link = secrets.add("link in a path", "gf_link-canary-81")
    code = secrets.add("code in a query", "code-canary-82")
    bearer = secrets.add("bearer", "gf_bearer-canary-83")
    cookie = secrets.add("cookie", "gf_cookie-canary-84")
    with serving(tmp_path) as base, httpx.Client(base_url=base) as client:
        for name in ("uvicorn", "uvicorn.access", "uvicorn.error"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        assert client.get(f"/signin/{link}").status_code == 200
        client.get(f"/oidc/callback?code={code}&state={code}")
        client.get("/api/v1/me", headers={"Authorization": f"Bearer {bearer}"})
        client.get("/queue", headers={"Cookie": f"gardefou={cookie}"})
        with socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2]))) as raw:
            raw.sendall(f"GET /{link} HTTP/9.9\r\nCookie: {cookie}\r\n\x00\r\n\r\n".encode())
            raw.recv(1000)
    out, err = capfd.readouterr()
    assert secrets.found_in(unquote(out + err)) == []


def test_an_error_of_the_database_says_not_what_was_stored(database_url):
    store = open_store(database_url)
    try:
        with pytest.raises(DBAPIError) as raised, store.begin() as connection:
            connection.execute(sa.text("SELECT nothing FROM nowhere WHERE x = :x"), {"x": "csrf-canary-91"})
        assert "csrf-canary-91" not in str(raised.value)
    finally:
        store.close()


def test_a_secret_that_is_logged_would_be_found(secrets):
    secret = secrets.add("one", "gf_Secret/with+signs=")
    for text in (secret, quote(secret, safe=""), secret.encode().hex(), base64.b64encode(secret.encode()).decode()):
        assert secrets.found_in(f"GET /signin/{text} 200")
    assert not secrets.found_in("gf_other")
