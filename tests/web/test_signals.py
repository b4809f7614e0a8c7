"""Security events from the identity provider: who sent them is proved, they count once, and they only lower."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import sqlalchemy as sa
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from gardefou.domain.records import ORGANISATION, Staff
from gardefou.errors import Denied, InvalidInput, Unavailable
from gardefou.flow.signals import receive, refused
from gardefou.people.authenticate import by_session, start_session, strong_at
from gardefou.people.directory import Entry
from gardefou.people.published_keys import APART, FRESH, KEPT, PublishedKeys, UnusableAnswer, check_address
from gardefou.people.signed_tokens import verify
from gardefou.storage import tables
from gardefou.storage.records import get
from gardefou.web.signals import keys_at
from tests.web.house import open_house

ISSUER = "https://id.example"
AUDIENCE = "https://gardefou.example/ssf/events"
CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
RISC = "https://schemas.openid.net/secevent/risc/event-type/"
VERIFIED = "https://schemas.openid.net/secevent/ssf/event-type/verification"
REA = {"format": "iss_sub", "iss": ISSUER, "sub": "rea-1"}

EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
STRANGER = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})


@contextmanager
def published(*keys: Any) -> Iterator[tuple[str, list[str]]]:
    """The address of a server that publishes keys, and what it was asked."""
    asked: list[str] = []
    document = json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302 if self.path == "/moved" else 200)
            self.send_header("Location", "/jwks")
            body = b"x" * 1_100_000 if self.path == "/large" else document
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/jwks", asked
        finally:
            server.shutdown()
            thread.join()


class Provider:
    """An identity provider, and a house that takes its events."""

    def __init__(self, house: Any) -> None:
        self.house = house
        self.app = house.app
        self.number = 0
        rea = house.people["rea"]
        with self.app.works.begin() as uow:
            entry = Entry(staff_id=rea.id, name="Canary", email="rea@example.com", issuer=ISSUER, subject="rea-1")
            self.app.directory.put(uow.connection, entry)

    def claims(self, kind: str = f"{CAEP}session-revoked", subject: Any = None, **more: Any) -> dict[str, Any]:
        self.number += 1
        made = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": int(self.app.now().timestamp()),
            "jti": f"jti-{self.number}",
            "sub_id": REA if subject is None else subject,
            "events": {kind: {"event_timestamp": 1}},
        }
        return {name: value for name, value in (made | more).items() if value is not ...}

    def send(self, token: str, **headers: str) -> Any:
        sent = {"Content-Type": "application/secevent+jwt"} | headers
        return self.house.client.post("/ssf/events", content=token, headers=sent)

    def tell(self, kind: str = f"{CAEP}session-revoked", subject: Any = None, **more: Any) -> Any:
        return self.send(signed(self.claims(kind, subject, **more)))

    def session(self, name: str = "rea") -> str:
        with self.app.works.begin() as uow:
            return start_session(uow, self.house.people[name].id, strong=True)[0]

    def live(self, session: str) -> bool:
        with self.app.works.read() as connection:
            try:
                by_session(connection, session, now=self.app.now())
            except Denied:
                return False
            return True

    def strong(self, name: str = "rea") -> bool:
        with self.app.works.read() as connection:
            return strong_at(connection, self.house.people[name].id) is not None

    def events(self) -> list[dict[str, Any]]:
        table = tables.event.c
        statement = sa.select(table.body).where(table.kind == "signal.received").order_by(table.id)
        with self.app.works.read() as connection:
            return [json.loads(bytes(body)) for body in connection.execute(statement).scalars()]


def signed(claims: Any, *, key: Any = EC, **header: Any) -> str:
    said = {"alg": "RS256" if isinstance(key, RSAKey) else "ES256", "typ": "secevent+jwt", "kid": key.kid} | header
    kept = {name: value for name, value in said.items() if value is not ...}
    return jws.serialize_compact(kept, json.dumps(claims), key, algorithms=[str(said["alg"])])


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


@pytest.fixture(scope="module")
def keys() -> Iterator[tuple[str, list[str]]]:
    with published(EC, RSA, OctKey.generate_key(256, {"kid": "shared"})) as made:
        yield made


@pytest.fixture
def provider(database_url, tmp_path, keys):
    settings = {"signals_issuer": ISSUER, "signals_jwks_url": keys[0], "signals_audience": AUDIENCE}
    with open_house(database_url, tmp_path, **settings) as house:
        yield Provider(house)


@pytest.fixture
def one(sqlite_url, tmp_path, keys):
    settings = {"signals_issuer": ISSUER, "signals_jwks_url": keys[0], "signals_audience": AUDIENCE}
    with open_house(sqlite_url, tmp_path, **settings) as house:
        yield Provider(house)


pytestmark = pytest.mark.network_loopback


def test_a_revoked_session_is_over_at_once_and_that_of_no_one_else(provider):
    mine, other = provider.session(), provider.session("lea")
    answer = provider.tell()
    assert (answer.status_code, answer.content) == (202, b"")
    assert (provider.live(mine), provider.live(other)) == (False, True)
    assert provider.strong(), "a session that ended says nothing of how strongly somebody signs in"


@pytest.mark.parametrize(
    ("kind", "more", "ends"),
    [
        (f"{CAEP}credential-change", {"change_type": "update", "credential_type": "password"}, True),
        (f"{CAEP}assurance-level-change", {"change_direction": "decrease", "current_level": "nist-aal1"}, True),
        (f"{CAEP}assurance-level-change", {"change_direction": "increase", "current_level": "nist-aal2"}, False),
        (f"{RISC}account-credential-change-required", {}, True),
        (VERIFIED, {"state": "x"}, False),
        ("https://example.com/canary@example.com", {}, False),
    ],
)
def test_what_changed_for_the_worse_ends_sessions_and_asks_for_a_fresh_sign_in(one, kind, more, ends):
    session = one.session()
    answer = one.tell(events={kind: more})
    assert answer.status_code == 202, answer.text
    assert (one.live(session), one.strong()) == (not ends, not ends)
    (event,) = one.events()
    assert event["detail"]["did"] == (["sessions ended", "sign-in forgotten"] if ends else [])
    assert event["about"] == (one.house.people["rea"].id if ends else "")
    assert not {"canary", "rea-1", "example.com"} & set(json.dumps(event).split('"'))


def test_a_disabled_account_is_off_duty_and_nothing_brings_it_back_by_itself(provider):
    session, rea = provider.session(), provider.house.people["rea"]
    assert provider.tell(f"{RISC}account-disabled").status_code == 202
    assert provider.tell(f"{RISC}account-enabled").status_code == 202
    with provider.app.works.read() as connection:
        now = get(connection, Staff, ORGANISATION, rea.id)
    assert now is not None
    assert now.standing == "suspended"
    assert not provider.live(session)
    assert provider.house.get("/me", by="rea").status_code == 401


def test_r5_people_are_meant_by_identity_and_never_by_address(one):
    refused = [
        {"format": "email", "email": "rea@example.com"},
        {"subject_type": "email", "email": "rea@example.com"},
        {"format": "account", "uri": "acct:rea@example.com"},
        {"format": "phone_number", "phone_number": "+1"},
        {"format": "complex", "user": {"format": "email", "email": "rea@example.com"}},
        {"format": "aliases", "identifiers": [{"format": "email", "email": "rea@example.com"}]},
        {"format": "iss_sub", "iss": "https://other.example", "sub": "rea-1"},
        {"format": "iss_sub", "iss": ISSUER, "sub": "REA-1"},
        {"format": "iss_sub", "iss": ISSUER, "sub": ["rea-1"]},
        {"format": "opaque", "id": "rea-1"},
        {"format": "opaque", "id": one.house.people["rea"].id},
        {"format": "complex", "user": {"format": "complex", "user": REA}},
        {},
        "rea-1",
        [REA],
    ]
    session = one.session()
    for subject in refused:
        answer = one.tell(subject=subject)
        assert answer.status_code in {202, 400}, subject
        assert one.live(session), subject
        assert one.house.people["rea"].pseudonym not in answer.text
    assert one.tell(subject=refused[0]).json()["err"] == "invalid_request"
    assert one.tell(subject="rea-1").json()["err"] == "invalid_request"


@pytest.mark.parametrize(
    "subject",
    [
        {"subject_type": "iss-sub", "iss": ISSUER, "sub": "rea-1"},
        {"format": "complex", "user": REA, "session": {"format": "opaque", "id": "s"}},
        {"user": REA, "tenant": {"format": "opaque", "id": "t"}},
        {"format": "aliases", "identifiers": [{"format": "email", "email": "x@y"}, REA]},
    ],
)
def test_subjects_are_read_in_every_form_that_means_a_person(one, subject):
    session = one.session()
    assert one.tell(subject=subject).status_code == 202
    assert not one.live(session)
    session = one.session()
    inside = {f"{CAEP}session-revoked": {"subject": subject}}
    assert one.tell(sub_id=..., events=inside).status_code == 202, "as earlier drafts had it"
    assert not one.live(session)


def test_an_event_counts_once(provider):
    token = signed(provider.claims())
    assert provider.send(token).status_code == 202
    session = provider.session()
    assert provider.send(token).status_code == 202, "sent again is answered as before"
    again = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert provider.send(signed(again, key=RSA)).status_code == 202
    assert provider.live(session)
    assert len(provider.events()) == 1


def test_the_same_event_at_the_same_moment_counts_once(provider):
    claims, together = provider.claims(), threading.Barrier(4)

    def take(_number: int) -> bool:
        together.wait()
        return receive(provider.app, claims).repeated

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(take, range(4))) == [False, True, True, True]


WRONG: list[tuple[str, Any]] = [
    ("invalid_issuer", {"iss": "https://other.example"}),
    ("invalid_issuer", {"iss": ...}),
    ("invalid_audience", {"aud": "https://gardefou.example/other"}),
    ("invalid_audience", {"aud": ["https://a.example", AUDIENCE + "/"]}),
    ("invalid_audience", {"aud": ...}),
    ("invalid_request", {"iat": ...}),
    ("invalid_request", {"iat": "1"}),
    ("invalid_request", {"iat": True}),
    ("invalid_request", {"iat": 1e300}),
    ("invalid_request", {"iat": 4_000_000_000}),
    ("invalid_request", {"iat": 1_000_000_000}),
    ("invalid_request", {"exp": 1_000_000_000}),
    ("invalid_request", {"jti": ...}),
    ("invalid_request", {"jti": 7}),
    ("invalid_request", {"jti": ""}),
    ("invalid_request", {"events": ...}),
    ("invalid_request", {"events": {}}),
    ("invalid_request", {"events": [f"{CAEP}session-revoked"]}),
    ("invalid_request", {"events": {f"{CAEP}session-revoked": True}}),
    ("invalid_request", {"events": {f"{CAEP}x{n}": {} for n in range(11)}}),
]


def test_claims_that_are_not_for_us_or_not_now_change_nothing(one):
    session = one.session()
    for err, more in WRONG:
        answer = one.tell(**more)
        assert (answer.status_code, answer.json()["err"]) == (400, err), more
        assert answer.headers["content-type"] == "application/json"
    assert one.live(session)
    assert one.events() == []
    assert one.tell(aud=["https://a.example", AUDIENCE]).status_code == 202


def test_only_the_issuers_own_signature_counts(one):
    session, claims = one.session(), one.claims()
    public = json.dumps(EC.as_dict(private=False)).encode()
    shared = OctKey.import_key(public)
    good = signed(claims)
    head, body, mark = good.split(".")
    other = base64.urlsafe_b64encode(json.dumps(claims | {"jti": "x"}).encode()).decode().rstrip("=")
    embedded = {"jwk": STRANGER.as_dict(private=False)}
    forged: list[tuple[str, str]] = [
        ("invalid_key", unsigned({"alg": "none", "typ": "secevent+jwt", "kid": "ec"}, claims)),
        ("invalid_key", unsigned({"alg": "None", "typ": "secevent+jwt"}, claims, b"x")),
        (
            "invalid_key",
            jws.serialize_compact({"alg": "HS256", "typ": "secevent+jwt", "kid": "ec"}, json.dumps(claims), shared),
        ),
        ("invalid_key", unsigned({"alg": "HS256", "typ": "secevent+jwt", "kid": "shared"}, claims, b"x" * 32)),
        ("invalid_key", signed(claims, key=STRANGER)),
        ("invalid_key", signed(claims, key=STRANGER, kid="rsa")),
        ("invalid_key", signed(claims, key=STRANGER, **embedded)),
        ("invalid_key", signed(claims, key=STRANGER, jku="https://evil.example/jwks", kid="theirs")),
        ("invalid_key", signed(claims, key=STRANGER, x5u="https://evil.example/x", kid="theirs")),
        ("invalid_key", signed(claims, kid="../ec")),
        ("invalid_key", signed(claims, kid=...)),
        ("invalid_key", f"{head}.{other}.{mark}"),
        ("invalid_key", f"{head}.{body}.{mark[:-4]}AAAA"),
        ("invalid_key", f"{head}.{body}."),
        ("invalid_request", signed(claims, typ="JWT")),
        ("invalid_request", signed(claims, typ="logout+jwt")),
        ("invalid_request", signed(claims, typ=...)),
        ("invalid_request", f"{good}.x"),
        ("invalid_request", "x.y.z"),
        ("invalid_request", ""),
        ("invalid_request", "\u00e9.b.c"),
        ("invalid_request", signed("text")),
        ("invalid_request", signed([claims])),
    ]
    for err, token in forged:
        answer = one.send(token)
        assert (answer.status_code, answer.json().get("err")) == (400, err), token
    assert one.send(good, **{"Content-Type": "application/jwt"}).json()["err"] == "invalid_request"
    assert one.send("a" * 70_000).json()["err"] == "invalid_request"
    assert one.live(session)
    assert one.events() == []
    assert one.send(signed(claims, key=RSA, typ="application/secevent+JWT")).status_code == 202
    assert not one.live(session)


def test_a_bearer_token_is_not_needed_and_where_there_is_one_it_is_good(one):
    one.house.service("okta", "scim")
    assert one.send(signed(one.claims()), Authorization="Bearer gf_nobody").json()["err"] == "authentication_failed"
    lea = f"Bearer {one.house.tokens['lea']}"
    assert one.send(signed(one.claims()), Authorization=lea).json()["err"] == "authentication_failed"
    assert one.send(signed(one.claims()), Authorization=f"Bearer {one.house.tokens['okta']}").status_code == 202


def test_without_a_transmitter_in_the_settings_nothing_is_taken(one_house):
    answer = one_house.client.post("/ssf/events", content="x", headers={"Content-Type": "application/secevent+jwt"})
    assert answer.status_code == 404


# keys ----------------------------------------------------------------------------


def gone(_error: UnusableAnswer) -> Unavailable:
    return Unavailable("signed_token/keys", "gone")


def listing(*keys: Any) -> PublishedKeys:
    return PublishedKeys(lambda: {"keys": list(keys)}, gone)


def test_keys_are_fetched_when_needed_kept_and_not_too_often():
    clock, asked = [0.0], [0]
    answers: list[Any] = [EC]

    def fetch() -> dict[str, Any]:
        asked[0] += 1
        if answers[0] is None:
            raise UnusableAnswer
        return {"keys": [answers[0].as_dict(private=False)]}

    keys = PublishedKeys(fetch, gone, ticks=lambda: clock[0])
    assert asked == [0]
    assert keys.find("ec", "ES256") is not None
    for _ in range(50):
        assert keys.find("unknown", "ES256") is None
    assert asked == [1]
    answers[0] = RSA
    clock[0] += APART
    assert keys.find("rsa", "RS256") is not None, "a new key is found without a restart"
    assert keys.find("ec", "ES256") is None, "and one that was taken back is none"
    answers[0] = None
    clock[0] += FRESH + 1
    assert keys.find("rsa", "RS256") is not None
    clock[0] += KEPT + 1
    tried = asked[0]
    for _ in range(50):
        with pytest.raises(Unavailable):
            keys.find("rsa", "RS256")
    assert asked[0] == tried + 1, "who is away is not asked without end either"


def test_keys_come_from_https_or_this_machine(keys):
    for url in (
        "http://id.example/jwks",
        "file:/etc/passwd",
        "https://",
        "http://127.0.0.1.evil.example/",
        "x",
        "https://u:p@x/",
    ):
        with pytest.raises(InvalidInput):
            check_address(url)
    for path in ("/large", "/moved"):
        with pytest.raises(Unavailable):
            keys_at(keys[0].replace("/jwks", path)).find("ec", "ES256")
    assert not any(path == "/jwks" for path in keys[1][-1:]), "no redirect is followed"


def test_shared_keys_and_keys_for_other_uses_are_none():
    private = EC.as_dict(private=False) | {"use": "enc", "kid": "enc"}
    listed = [
        private,
        {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"},
        {"kty": "what"},
        "x",
        {"kty": "EC", "kid": "broken"},
    ]
    keys = listing(*listed)
    assert [keys.find(kid, "ES256") for kid in ("enc", "oct", "", "broken", None)] == [None] * 5
    assert keys.count() == 0
    with pytest.raises(InvalidInput) as caught:
        verify(signed({}), keys, types=("secevent+jwt",), refuse=refused)
    assert caught.value.code == "signal/invalid_key"


def test_a_key_is_found_only_where_no_other_could_be_meant():
    public, other = EC.as_dict(private=False), STRANGER.as_dict(private=False)
    nameless = {name: value for name, value in public.items() if name != "kid"}
    assert listing(nameless).find(None, "ES256") is not None
    assert listing(public).find(None, "ES256") is not None, "the only one there is"
    assert listing(public, RSA.as_dict(private=False)).find(None, "ES256") is None
    assert listing(public, other).find("ec", "ES256") is None, "two under one name"
    assert listing(public, RSA.as_dict(private=False) | {"kid": "ec"}).find("ec", "ES256") is not None
    assert listing(public).find("ec", "RS256") is None
    assert listing(public | {"alg": "ES512"}).find("ec", "ES256") is None
    assert listing(EC.as_dict(private=True)).find("ec", "ES256") is None, "whose private half everybody has"


def test_what_is_critical_in_a_header_is_never_passed_over(one):
    session = one.session()
    critical: list[dict[str, Any]] = [{"crit": ["exp"], "exp": 1}, {"crit": ["b64"], "b64": False}, {"crit": []}]
    for more in critical:
        head = {"alg": "ES256", "typ": "secevent+jwt", "kid": "ec"} | more
        assert one.send(unsigned(head, one.claims(), b"x" * 64)).json()["err"] == "invalid_request"
    assert one.tell(nbf=4_000_000_000).json()["err"] == "invalid_request"
    assert one.live(session)
