"""Signing in through the organisation's identity provider: who gets in, how fresh it is, and what a forger tries."""

from __future__ import annotations

import base64
import json
import re
import time
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import sqlalchemy as sa
from joserfc import jwk, jwt
from starlette.testclient import TestClient

from gardefou.errors import Unavailable
from gardefou.flow.change import propose
from gardefou.flow.changes.settings import write_setting
from gardefou.people.authenticate import strong_at
from gardefou.people.directory import Entry
from gardefou.people.keys import KeyStore
from gardefou.people.published_keys import APART, PublishedKeys
from gardefou.storage import tables
from gardefou.web.throttle import Throttle
from tests.web.console_scene import HOST, Browser, Scene, make_scene
from tests.web.forged import CLIENT, ISSUER, KEY, OTHER, SECRET, Forged, unsigned

LOGOUT = "http://schemas.openid.net/event/backchannel-logout"


class Door:
    """The scene with a provider, and browsers that come through it."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.forged = Forged(scene.app.now)
        self.web: Any = scene.web()
        self.web.state.node.openid.transport = httpx.MockTransport(self.forged)
        KeyStore(scene.settings.keys_folder).keep_oidc_client({"client_secret": SECRET})
        with scene.app.works.begin() as uow:
            for name in ("ada", "ben"):
                entry = Entry(staff_id=scene.staff[name].id, issuer=ISSUER, subject=f"u-{name}")
                scene.app.directory.put(uow.connection, entry)

    def browser(self) -> Browser:
        return Browser(TestClient(self.web, base_url=HOST, follow_redirects=False))

    def out(self, browser: Browser, path: str = "/oidc/signin") -> str:
        answer = browser.client.get(path)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def sign_in(self, browser: Browser | None = None, path: str = "/oidc/signin"):
        browser = browser or self.browser()
        return browser.client.get(self.forged.authorize(self.out(browser, path)))

    def signed_in(self) -> Browser:
        browser = self.browser()
        answer = self.sign_in(browser)
        assert answer.status_code == 303, answer.text
        return browser

    def strong_at(self, name: str):
        with self.scene.app.works.read() as connection:
            return strong_at(connection, self.scene.staff[name].id)

    def log_out(self, **claims):
        at = int(self.scene.app.now().timestamp())
        token = {
            "iss": ISSUER,
            "aud": CLIENT,
            "iat": at,
            "exp": at + 120,
            "jti": "j1",
            "sub": "u-ada",
            "events": {LOGOUT: {}},
            **claims,
        }
        kept = {name: value for name, value in token.items() if value is not None}
        signed = jwt.encode({"alg": "ES256", "kid": "one", "typ": "logout+jwt"}, kept, KEY, algorithms=["ES256"])
        return self.send_logout(signed)

    def send_logout(self, token: str):
        return self.browser().client.post("/oidc/backchannel-logout", data={"logout_token": token})


def make_door(url: str, folder: Path) -> Door:
    settings: dict[str, Any] = {
        "oidc_issuer": ISSUER,
        "oidc_client_id": CLIENT,
        "oidc_name": "Example ID",
        "public_url": HOST,
    }
    return Door(make_scene(url, folder, **settings))


@pytest.fixture
def door(sqlite_url: str, tmp_path: Path) -> Door:
    return make_door(sqlite_url, tmp_path)


@pytest.fixture
def both(database_url: str, tmp_path: Path) -> Door:
    return make_door(database_url, tmp_path)


@pytest.fixture(scope="module")
def kept(databases, tmp_path_factory):
    """One door for all who only try to get in."""
    with databases.fresh("sqlite") as url:
        yield make_door(url, tmp_path_factory.mktemp("kept"))


@pytest.fixture
def shared(kept: Door) -> Door:
    kept.forged = Forged(kept.scene.app.now)
    openid = kept.web.state.node.openid
    openid.transport, openid._provider = httpx.MockTransport(kept.forged), None
    openid.begun = Throttle(10_000)
    return kept


# who gets in ---------------------------------------------------------------


def test_whoever_the_provider_signs_in_is_signed_in_here_where_they_were_going(both: Door):
    browser = both.browser()
    assert "Sign in with Example ID" in browser.get("/signin?next=%2Fqueue")
    asked = parse_qs(urlsplit(both.out(browser, "/oidc/signin?next=%2Fqueue")).query)
    assert asked["scope"] == ["openid"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"{HOST}/oidc/callback"]
    assert "max_age" not in asked
    answer = both.sign_in(browser, "/oidc/signin?next=%2Fqueue")
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue")
    assert both.scene.staff["ada"].pseudonym in browser.get("/queue")


def test_without_a_provider_nothing_is_offered_and_there_is_none(sqlite_url: str, tmp_path: Path):
    browser = make_scene(sqlite_url, tmp_path).client()
    assert "/oidc/" not in browser.get("/signin")
    for path in ("/oidc/signin", "/oidc/callback?state=x&code=y", "/oidc/back"):
        assert browser.client.get(path).status_code == 404
    assert browser.client.post("/oidc/backchannel-logout", data={"logout_token": "x"}).status_code == 404


@pytest.mark.parametrize("more", [{"sub": "u-eve"}, {"sub": "u-eve", "email": "ada@example.org", "email_verified": True}, {"sub": "U-ADA"}, {"sub": "u-ada "}])  # fmt: skip
def test_r5_whoever_is_not_known_by_subject_does_not_get_in_whatever_their_address(shared: Door, more):
    shared.forged.more = more
    answer = shared.sign_in()
    assert answer.status_code == 403
    assert "Nobody here is known by that account" in answer.text
    assert "gardefou=" not in answer.headers.get("set-cookie", "")


def test_m9_whoever_has_left_does_not_get_in(door: Door):
    propose(door.scene.app, door.scene.actor("zoe"), "off", {"staff": "staff-ada"})
    answer = door.sign_in()
    assert (answer.status_code, "has left" in answer.text) == (403, True)


def test_an_earlier_session_of_the_browser_ends_with_a_new_one(shared: Door):
    browser = shared.signed_in()
    first = browser.client.cookies["gardefou"]
    assert shared.sign_in(browser).status_code == 303
    assert browser.client.cookies["gardefou"] != first
    stale = shared.browser()
    stale.client.cookies.set("gardefou", first)
    assert stale.client.get("/queue").headers["location"].startswith("/signin")


# strength (M3) --------------------------------------------------------------


def test_m3_a_sign_in_is_as_fresh_as_the_person_proved_it_and_only_by_a_strong_method(door: Door):
    door.scene.later(timedelta(hours=1))
    before, now = door.strong_at("ada"), door.scene.app.now()
    door.forged.more = {"amr": ["pwd"]}
    door.signed_in()
    assert door.strong_at("ada") == before
    door.forged.more = {"auth_time": None}
    door.signed_in()
    assert door.strong_at("ada") == before
    door.forged.more = {"auth_time": int((now - timedelta(minutes=20)).timestamp())}
    door.signed_in()
    assert door.strong_at("ada") == now - timedelta(minutes=20)
    # A provider whose clock is ahead makes nothing fresher than now, and an older proof takes nothing back.
    door.forged.more = {"auth_time": int((now + timedelta(days=1)).timestamp())}
    door.signed_in()
    assert door.strong_at("ada") == now
    door.forged.more = {"auth_time": int((now - timedelta(hours=3)).timestamp())}
    door.signed_in()
    assert door.strong_at("ada") == now


def test_m3_where_classes_are_set_nothing_but_they_is_strong(door: Door):
    with door.scene.app.works.begin() as uow:
        write_setting(uow, "oidc_acr", ["gold"], by="system")
    door.scene.later(timedelta(hours=1))
    before = door.strong_at("ada")
    door.signed_in()
    assert door.strong_at("ada") == before
    door.forged.more = {"acr": "gold", "amr": ["pwd"]}
    door.signed_in()
    assert door.strong_at("ada") == door.scene.app.now()


def step_up(browser: Browser, action: str, **fields: str):
    page = browser.post("/oidc/step-up", 200, oidc_action=action, **fields)
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page)
    assert found is not None, page
    return unescape(found[1])


def test_m3_a_form_goes_on_after_a_fresh_sign_in_at_the_provider_by_one_click(both: Door):
    both.scene.later(timedelta(hours=2))
    both.forged.more = {"amr": ["pwd"]}
    browser = both.signed_in()
    both.forged.more = {}
    url = step_up(browser, "/pause", because="Look at <this>", step_up="gf_typed")
    asked = parse_qs(urlsplit(url).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["60"])
    stolen = both.scene.client()
    stolen.client.cookies.update(browser.client.cookies)
    stolen.get("/queue")
    back = browser.client.get(both.forged.authorize(url))
    assert (back.status_code, back.headers["location"].split("?")[0]) == (303, "/oidc/back")
    # Whoever had got hold of the session before is left behind.
    stolen.get("/queue", 303)
    page = browser.get(back.headers["location"])
    assert 'action="/pause"' in page
    assert 'name="because" value="Look at &lt;this&gt;"' in page
    assert "gf_typed" not in page
    assert both.strong_at("ada") == both.scene.app.now()
    # It is that session's alone, and gone after five minutes.
    assert both.signed_in().client.get(back.headers["location"]).status_code == 403
    both.scene.later(timedelta(minutes=6))
    assert browser.client.get(back.headers["location"]).status_code == 403


def test_m3_a_provider_that_asked_nobody_anything_makes_nothing_fresh(door: Door):
    browser = door.signed_in()
    door.scene.later(timedelta(hours=2))
    before = door.strong_at("ada")
    for more in (
        {"auth_time": int((door.scene.app.now() - timedelta(minutes=2)).timestamp())},
        {"auth_time": None},
        {"amr": ["pwd"]},
    ):
        door.forged.more = more
        answer = browser.client.get(door.forged.authorize(step_up(browser, "/pause")))
        assert (answer.status_code, "oidc/weak" in answer.text) == (403, True), more
    assert door.strong_at("ada") == before


def test_a_fresh_sign_in_of_another_person_is_none(shared: Door):
    browser = shared.signed_in()
    shared.forged.subject = "u-ben"
    answer = browser.client.get(shared.forged.authorize(step_up(browser, "/pause")))
    assert (answer.status_code, "oidc/other" in answer.text) == (403, True)
    assert shared.scene.staff["ada"].pseudonym in browser.get("/queue")


def test_a_fresh_sign_in_comes_back_to_the_session_that_asked(shared: Door):
    browser = shared.signed_in()
    url = step_up(browser, "/pause")
    assert shared.sign_in(browser).status_code == 303
    answer = browser.client.get(shared.forged.authorize(url))
    assert (answer.status_code, "oidc/attempt" in answer.text) == (403, True)


@pytest.mark.parametrize(
    "action", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_a_waiting_form_goes_to_this_console_only(shared: Door, action: str):
    browser = shared.signed_in()
    back = browser.client.get(shared.forged.authorize(step_up(browser, action, because="x")))
    assert 'action="/"' in browser.get(back.headers["location"])


def test_a_form_from_another_site_begins_nothing(shared: Door):
    browser = shared.signed_in()
    for path in ("/oidc/step-up", "/oidc/link"):
        answer = browser.client.post(path, data={"oidc_action": "/pause"}, headers={"Origin": HOST})
        assert (answer.status_code, "auth/csrf" in answer.text) == (403, True)


# what a forger tries ---------------------------------------------------------


def _hmac_with_the_public_key(header, claims):
    import hashlib
    import hmac

    pem = KEY.as_pem(private=False)
    text = unsigned({**header, "alg": "HS256"}, claims)[:-1]
    return unsigned({**header, "alg": "HS256"}, claims, hmac.new(pem, text.encode(), hashlib.sha256).digest())


def _signed(key, **header):
    return lambda given, claims: jwt.encode({**given, **header}, claims, key, algorithms=["ES256"])


EVIL = jwk.ECKey.generate_key("P-256", {"kid": "one"})
TWISTS = {
    "no signature": lambda header, claims: unsigned({**header, "alg": "none"}, claims),
    "no signature, in other letters": lambda header, claims: unsigned({**header, "alg": "nOnE"}, claims),
    "an empty signature": unsigned,
    "the public key as a secret": _hmac_with_the_public_key,
    "another key under the same name": _signed(EVIL),
    "a key of its own in the header": _signed(EVIL, jwk=EVIL.as_dict(private=False)),
    "a key from elsewhere": _signed(EVIL, jku="https://evil.example/jwks", kid="evil"),
    "a certificate from elsewhere": _signed(EVIL, x5u="https://evil.example/cert", kid="evil"),
    "something critical": lambda header, claims: unsigned({**header, "crit": ["b64"], "b64": False}, claims),
    "a token for something else": _signed(KEY, typ="at+jwt"),
    "a logout token's type": _signed(KEY, typ="logout+jwt"),
    "no token": lambda _header, _claims: "x.y",
    "five parts": lambda _header, _claims: "a.b.c.d.e",
    "too long": lambda header, claims: _signed(KEY)(header, {**claims, "x": "y" * 20_000}),
    "no object": lambda header, _claims: unsigned(header, [1]),
    "deep": lambda _header, _claims: "W" * 8_000 + ".e30.e30",
}


@pytest.mark.parametrize("twist", TWISTS.values(), ids=TWISTS.keys())
def test_what_the_provider_did_not_sign_gets_nobody_in(shared: Door, twist):
    shared.forged.twist = twist
    answer = shared.sign_in()
    assert (answer.status_code, "oidc/token" in answer.text) == (403, True), answer.text[-2000:]
    assert "gardefou=" not in answer.headers.get("set-cookie", "")
    assert not [path for path in shared.forged.asked if "evil" in path]


CLAIMS = {
    "another issuer": {"iss": "https://evil.example"},
    "an issuer that begins like it": {"iss": f"{ISSUER}.evil.example"},
    "another audience": {"aud": "other"},
    "no audience": {"aud": []},
    "two audiences and no party": {"aud": [CLIENT, "other"]},
    "another party": {"azp": "other"},
    "another party of two": {"aud": [CLIENT, "other"], "azp": "other"},
    "another nonce": {"nonce": "x"},
    "no nonce": {"nonce": None},
    "expired": {"exp": 1_000},
    "never ending": {"exp": float("inf")},
    "no number": {"exp": float("nan")},
    "true": {"exp": True},
    "without an end": {"exp": None},
    "of the future": {"iat": 4_000_000_000},
    "not yet": {"nbf": 4_000_000_000},
    "without a moment": {"iat": None},
    "an access token's hash that is another's": {"at_hash": "AAAA"},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a list of subjects": {"sub": ["u-ada"]},
    "a logout": {"events": {LOGOUT: {}}},
    "methods that are no list": {"amr": "mfa"},
    "a time in words": {"auth_time": "now"},
}


@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS.keys())
def test_a_token_that_says_anything_else_gets_nobody_in(shared: Door, claims):
    # Written as text: an honest library signs no infinity.
    kept = {name: value for name, value in claims.items() if value is not None}
    shared.forged.without = tuple(claims.keys() - kept.keys())
    shared.forged.more = kept
    if any(isinstance(value, float) for value in kept.values()):
        from joserfc import jws

        shared.forged.twist = lambda header, given: jws.serialize_compact(
            header, json.dumps(given), KEY, algorithms=["ES256"]
        )
    answer = shared.sign_in()
    assert (answer.status_code, "oidc/token" in answer.text) == (403, True), answer.text[-2000:]


def test_an_answer_of_another_provider_is_refused_before_its_code_goes_anywhere(shared: Door):
    for iss in (None, "https://evil.example", ""):
        browser = shared.browser()
        back = shared.forged.authorize(shared.out(browser)).split("&iss=")[0]
        asked = len(shared.forged.asked)
        answer = browser.client.get(back if iss is None else f"{back}&iss={iss}")
        assert (answer.status_code, "oidc/token" in answer.text) == (403, True)
        assert shared.forged.asked[asked:] == []


def test_a_sign_in_counts_once_in_the_browser_that_began_it_and_not_for_long(both: Door):
    browser, other = both.browser(), both.browser()
    back = both.forged.authorize(both.out(browser))
    # Brought into another browser, with its own attempt or none: whoever made that address gains nothing.
    assert other.client.get(back).status_code == 403
    both.out(other)
    assert other.client.get(back).status_code == 403
    assert browser.client.get(back).status_code == 303
    again = browser.client.get(back)
    assert again.status_code == 403
    late = both.forged.authorize(both.out(browser))
    both.scene.later(timedelta(minutes=11))
    answer = both.browser().client.get(late)
    assert (answer.status_code, "oidc/attempt" in answer.text) == (403, True)


def test_two_sign_ins_of_one_browser_do_not_get_in_each_others_way(shared: Door):
    browser = shared.browser()
    first, second = shared.out(browser), shared.out(browser)
    assert browser.client.get(shared.forged.authorize(second)).status_code == 303
    assert browser.client.get(shared.forged.authorize(first)).status_code == 303


def test_a_code_that_belongs_to_another_sign_in_is_not_taken(shared: Door):
    browser = shared.browser()
    first, second = shared.forged.authorize(shared.out(browser)), shared.forged.authorize(shared.out(browser))
    stolen = re.search(r"code=([^&]+)", first)
    assert stolen is not None
    answer = browser.client.get(re.sub(r"code=[^&]+", f"code={stolen[1]}", second))
    assert (answer.status_code, "oidc/refused" in answer.text) == (403, True)


@pytest.mark.parametrize("query", ["", "state=x&code=y", "state=&code=", "error=access_denied", "state=" + "a" * 500, "state=%C3%A9"])  # fmt: skip
def test_an_answer_to_nothing_is_refused(shared: Door, query: str):
    assert shared.browser().client.get(f"/oidc/callback?{query}").status_code == 403


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "%2F%2Fevil.example", "/\t/evil"])  # fmt: skip
def test_after_signing_in_the_browser_stays_here(shared: Door, path: str):
    browser = shared.browser()
    answer = browser.client.get("/oidc/signin", params={"next": path})
    back = browser.client.get(shared.forged.authorize(answer.headers["location"]))
    assert back.headers["location"] in {"/", "/%252F%252Fevil.example"}


def test_no_is_said_in_a_sentence_and_the_provider_puts_no_words_on_our_page(shared: Door):
    browser = shared.browser()
    state = parse_qs(urlsplit(shared.out(browser)).query)["state"][0]
    answer = browser.client.get(
        f"/oidc/callback?state={state}&error=access_denied&error_description=call+555-0100&iss={ISSUER}"
    )
    assert (answer.status_code, "oidc/refused" in answer.text) == (403, True)
    assert "555" not in answer.text


# keys and the provider itself --------------------------------------------------


def test_a_new_key_of_the_provider_is_found_and_an_unknown_one_does_not_make_us_ask_without_end(shared: Door):
    shared.signed_in()
    shared.forged.published = [KEY, OTHER]
    shared.forged.key, shared.forged.header = OTHER, {"kid": "two"}
    # Keys were read a moment ago.
    assert shared.sign_in().status_code == 403
    provider = shared.web.state.node.openid.provider
    provider.published.ticks = lambda: time.monotonic() + APART + 1
    assert shared.sign_in().status_code == 303
    asked = shared.forged.asked.count("/jwks")
    shared.forged.header, shared.forged.key = {"kid": "three"}, OTHER
    for _ in range(5):
        assert shared.sign_in().status_code == 403
    assert shared.forged.asked.count("/jwks") == asked


BAD_KEYS = {
    "for encryption": {**KEY.as_dict(private=False), "use": "enc"},
    "with its private half": KEY.as_dict(private=True),
    "for another algorithm": {**KEY.as_dict(private=False), "alg": "ES512"},
    "a shared secret": {"kty": "oct", "kid": "one", "k": "c2VjcmV0"},
    "no key": {"kid": "one"},
}


def test_one_address_begins_so_many_sign_ins_and_no_more(shared: Door):
    openid = shared.web.state.node.openid
    openid.begun = Throttle(3, ticks=lambda: 0.0)
    answers = [shared.browser().client.get("/oidc/signin") for _ in range(4)]
    openid.begun = Throttle(10_000)
    assert [one.status_code for one in answers] == [303, 303, 303, 429]
    assert "http/too_many" in answers[-1].text


@pytest.mark.parametrize(("modulus", "counts"), [(2**2047 + 1, True), (2**2046 + 1, False), (2**1023 + 1, False)])
def test_a_short_rsa_key_signs_nothing(modulus: int, counts: bool):
    # As many zeros before it as one likes make it no longer.
    n = base64.urlsafe_b64encode(modulus.to_bytes(300)).decode().rstrip("=")
    published = {"keys": [{"kty": "RSA", "kid": "one", "n": n, "e": "AQAB"}]}
    keys = PublishedKeys(lambda: published, lambda _error: Unavailable("oidc/unavailable", "away"))
    assert (keys.find("one", "RS256") is not None) is counts
    assert keys.find("one", "ES256") is None


@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_a_published_key_that_is_not_for_signatures_checks_none(shared: Door, key):
    shared.forged.published = [key]
    assert shared.sign_in().status_code == 403


BAD_METADATA = {
    "another issuer": {"issuer": "https://evil.example"},
    "no https": {"token_endpoint": "http://id.example.org/token"},
    "no endpoint": {"jwks_uri": None},
    "no PKCE": {"code_challenge_methods_supported": ["plain"]},
}


@pytest.mark.parametrize("metadata", BAD_METADATA.values(), ids=BAD_METADATA.keys())
def test_a_provider_that_describes_itself_wrongly_is_not_used(shared: Door, metadata):
    shared.forged.metadata = metadata
    answer = shared.browser().client.get("/oidc/signin")
    assert (answer.status_code, "oidc/provider" in answer.text) == (503, True)


def test_a_provider_that_is_away_is_said_so_and_other_ways_in_stay(shared: Door):
    shared.forged.away = True
    answer = shared.browser().client.get("/oidc/signin")
    assert (answer.status_code, "oidc/unavailable" in answer.text) == (503, True)
    assert 'name="key"' in answer.text


def test_the_client_proves_itself_by_a_key_of_its_own(door: Door):
    from gardefou.people.oidc.client_key import new_key

    private, public = new_key()
    KeyStore(door.scene.settings.keys_folder).keep_oidc_client({"private_key": private})
    door.signed_in()
    assertion = jwt.decode(door.forged.last["client_assertion"], jwk.ECKey.import_key(public), algorithms=["ES256"])
    assert (assertion.claims["iss"], assertion.claims["sub"]) == (CLIENT, CLIENT)
    assert assertion.claims["aud"] == f"{ISSUER}/token"
    assert assertion.claims["exp"] - assertion.claims["iat"] == 60
    assert assertion.header["kid"] == public["kid"]
    assert "d" not in public


# binding one's account ------------------------------------------------------------


def test_whoever_came_by_a_one_time_link_binds_their_account_once(both: Door):
    browser = both.browser()
    browser.sign_in(both.scene.link("cyd"))
    both.forged.subject = "u-cyd"
    both.scene.later(timedelta(minutes=11))
    assert "once more, it is you" in browser.post("/oidc/link", 200).lower()
    browser = both.browser()
    browser.sign_in(both.scene.link("cyd"))
    page = browser.post("/oidc/link", 200)
    url = re.search(r'content="0;url=([^"]+)"', page)
    assert url is not None
    done = browser.client.get(both.forged.authorize(unescape(url[1])))
    assert done.headers["location"] == "/me?done=linked"
    assert "is bound to you" in browser.get("/me")
    assert both.sign_in().status_code == 303
    answer = browser.client.post("/oidc/link", data={"csrf": browser.csrf}, headers={"Origin": HOST})
    assert (answer.status_code, "oidc/linked" in answer.text) == (409, True)
    with both.scene.app.works.read() as connection:
        body = connection.execute(
            sa.select(tables.event.c.body).where(tables.event.c.kind == "staff.linked")
        ).scalar_one()
    assert b"u-cyd" not in body


def test_an_account_that_a_browser_is_signed_in_to_unseen_is_bound_to_nobody(shared: Door):
    shared.forged.subject = "u-mallory"
    browser = shared.browser()
    browser.sign_in(shared.scene.link("dee"))
    url = re.search(r'content="0;url=([^"]+)"', browser.post("/oidc/link", 200))
    assert url is not None
    assert "prompt=login" in url[1]
    shared.forged.more = {"auth_time": int((shared.scene.app.now() - timedelta(minutes=2)).timestamp())}
    answer = browser.client.get(shared.forged.authorize(unescape(url[1])))
    assert (answer.status_code, "oidc/weak" in answer.text) == (403, True)


def test_r5_an_account_that_is_another_persons_is_bound_to_nobody_else(shared: Door):
    browser = shared.browser()
    browser.sign_in(shared.scene.link("cyd"))
    url = re.search(r'content="0;url=([^"]+)"', browser.post("/oidc/link", 200))
    assert url is not None
    answer = browser.client.get(shared.forged.authorize(unescape(url[1])))
    assert (answer.status_code, "staff/identity" in answer.text) == (409, True)


# logout -----------------------------------------------------------------------------


def test_the_provider_ends_a_session_or_all_of_a_persons_at_once(both: Door):
    both.forged.more = {"sid": "s-one"}
    one = both.signed_in()
    both.forged.more = {"sid": "s-two"}
    two = both.signed_in()
    both.forged.subject = "u-ben"
    ben = both.signed_in()
    assert both.log_out(sid="s-one", sub=None).status_code == 200
    assert one.client.get("/queue").status_code == 303
    assert two.client.get("/queue").status_code == 200
    assert both.log_out(jti="j2").status_code == 200
    assert two.client.get("/queue").status_code == 303
    assert ben.client.get("/queue").status_code == 200
    with both.scene.app.works.read() as connection:
        rows = repr(connection.execute(sa.select(tables.session)).all())
    assert "s-two" not in rows
    assert ISSUER not in rows


LOGOUTS = {
    "with a nonce": {"nonce": "x"},
    "without events": {"events": None},
    "events that are a list": {"events": [LOGOUT]},
    "another event": {"events": {"http://example.org": {}}},
    "an event that is no object": {"events": {LOGOUT: True}},
    "another audience": {"aud": "other"},
    "another issuer": {"iss": "https://evil.example"},
    "expired": {"exp": 1_000},
    "without an end": {"exp": None},
    "old": {"iat": 1_000},
    "of the future": {"iat": 4_000_000_000},
    "without an id": {"jti": None},
    "nobody's": {"sub": None},
}


@pytest.mark.parametrize("claims", LOGOUTS.values(), ids=LOGOUTS.keys())
def test_a_logout_that_is_not_as_it_must_be_ends_nothing(shared: Door, claims):
    browser = shared.signed_in()
    answer = shared.log_out(**claims)
    assert (answer.status_code, answer.json()["code"]) == (400, "oidc/token")
    assert browser.client.get("/queue").status_code == 200


def test_a_logout_counts_once_and_an_id_token_is_none(both: Door):
    assert both.log_out().status_code == 200
    again = both.log_out()
    assert (again.status_code, again.json()["code"]) == (400, "oidc/replayed")
    browser = both.signed_in()
    assert both.send_logout(both.forged.token(nonce="n", sid="s1")).status_code == 400
    for nonsense in ("", "x", "a.b.c"):
        assert both.send_logout(nonsense).status_code == 400
    assert browser.client.get("/queue").status_code == 200


def test_signing_out_offers_to_sign_out_at_the_provider_too(shared: Door):
    browser = shared.signed_in()
    where = browser.post("/signout")
    assert "/oidc/signout" in browser.get(where)
    answer = browser.client.get("/oidc/signout")
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    assert asked == {"client_id": [CLIENT], "post_logout_redirect_uri": [f"{HOST}/signin"]}
