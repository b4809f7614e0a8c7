"""The webhook connector passes the contract against a real HTTP server, and tells what went wrong apart."""

from __future__ import annotations

import dataclasses
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks.webhooks import Webhook as Signer

from gardefou.clock import SystemClock
from gardefou.domain.actions import Action
from gardefou.ids import Ids
from gardefou.platforms import webhook_wire as wire
from gardefou.platforms.protocol import (
    NoSuchAccount,
    PlatformAnswerLost,
    PlatformRefused,
    PlatformUnreachable,
)
from gardefou.platforms.webhook import Webhook, WebhookCalls, WebhookSettings
from tests.contract.reference_platform import Account, ReferencePlatform
from tests.contract.suite import ConnectorContract, Made, World, operation_for

pytestmark = pytest.mark.network_loopback

SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
OLDER = "whsec_" + "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xk"


def settings_for(platform: ReferencePlatform, host: str = "127.0.0.1", scheme: str = "http") -> WebhookSettings:
    return WebhookSettings(
        base_url=f"{scheme}://{host}:{platform.port}/hooks/",
        secrets=(SECRET, OLDER),
        allow_private=frozenset({host}),
        connect_seconds=2,
        # A machine that has much else to do may take a third of it over an answer.
        read_seconds=1.0,
    )


def connect(settings: WebhookSettings, **options) -> Webhook:
    clock = SystemClock()
    calls = WebhookCalls(settings, clock=clock, ids=Ids(clock), **options)
    return Webhook("own", wire.description(calls.describe(), url=settings.url), calls)


class WebhookWorld(World):
    can_lose_answers = True

    def __init__(self, platform: ReferencePlatform) -> None:
        self.platform = platform
        self.connector = self.webhook = connect(settings_for(platform))

    def make_account(self) -> Made:
        ref = f"u{len(self.platform.accounts) + 1}"
        self.platform.accounts[ref] = Account(handle=f"handle-{ref}")
        items = (f"{ref}-a", f"{ref}-b")
        self.platform.owners |= dict.fromkeys(items, ref)
        return Made(account=ref, content=items)

    def effects(self, account: str) -> int:
        return self.platform.accounts[account].effects

    def break_connection(self) -> None:
        self.platform.stop()

    def mend_connection(self) -> None:
        self.platform.mode = "well"
        if self.platform.server is None:
            self.platform.start()

    def lose_answers(self) -> None:
        self.platform.mode = "drop"


@pytest.fixture
def platform():
    reference = ReferencePlatform(SECRET)
    reference.start()
    yield reference
    reference.stop()


@pytest.fixture
def world(platform):
    made = WebhookWorld(platform)
    yield made
    made.webhook.close()


class TestWebhook(ConnectorContract):
    pass


@pytest.mark.parametrize(
    ("mode", "acting", "reading"),
    [
        ("refuse", PlatformRefused, PlatformRefused),
        ("refuse:409", PlatformRefused, PlatformRefused),
        ("status:404", PlatformRefused, PlatformRefused),
        ("status:429", PlatformUnreachable, PlatformUnreachable),
        ("status:503+retry", PlatformUnreachable, PlatformUnreachable),
        ("status:503", PlatformAnswerLost, PlatformUnreachable),
        ("status:500", PlatformAnswerLost, PlatformUnreachable),
        ("status:204", PlatformAnswerLost, PlatformUnreachable),
        ("redirect", PlatformAnswerLost, PlatformUnreachable),
        ("garbage", PlatformAnswerLost, PlatformUnreachable),
        ("huge", PlatformAnswerLost, PlatformUnreachable),
        ("slow", PlatformAnswerLost, PlatformUnreachable),
        ("before", PlatformAnswerLost, PlatformUnreachable),
        ('raw:{"account": "another"}', PlatformAnswerLost, PlatformUnreachable),
        ('raw:{"surprise": 1}', PlatformAnswerLost, PlatformUnreachable),
        ("raw:<!doctype html><title>Sign in</title>", PlatformAnswerLost, PlatformUnreachable),
        ('raw:{"account": {"ref": "u1", "handle"', PlatformAnswerLost, PlatformUnreachable),
        ("raw:[]", PlatformAnswerLost, PlatformUnreachable),
        ("raw:null", PlatformAnswerLost, PlatformUnreachable),
        ('raw:{"account": 7, "measures": "suspended"}', PlatformAnswerLost, PlatformUnreachable),
    ],
)
def test_what_went_wrong_is_told_apart_by_what_may_have_been_done(world, platform, mode, acting, reading):
    made = world.make_account()
    platform.mode = mode
    for call in (world.webhook.apply, world.webhook.undo):
        with pytest.raises(acting) as raised:
            call(operation_for(world, made, Action.SUSPEND))
        assert raised.type is acting
        assert "\n" not in str(raised.value)
    for call in (world.webhook.read_state, world.webhook.resolve):
        with pytest.raises(reading) as raised:
            call(made.account)
        assert raised.type is reading


def test_a_refusal_carries_the_platforms_own_words(world, platform):
    made = world.make_account()
    platform.mode = "refuse"
    with pytest.raises(PlatformRefused, match="not while you are new here"):
        world.webhook.apply(operation_for(world, made, Action.SUSPEND))


def test_a_404_that_is_no_answer_of_the_platform_is_not_an_unknown_account(world, platform):
    """A proxy's own page for a wrong path says nothing about accounts."""
    made = world.make_account()
    platform.mode = "status:404"
    with pytest.raises(PlatformRefused) as raised:
        world.webhook.read_state(made.account)
    assert not isinstance(raised.value, NoSuchAccount)


@pytest.mark.parametrize(
    "bad",
    [
        '{"measures": ["banished"]}',
        '{"measures": ["label:not-described"]}',
        '{"measures": ["removed:not-asked"]}',
        '{"measures": "suspended"}',
        '{"reach": -1}',
        '{"reach": true}',
        '{"reach": 1.5}',
        '{"exists": 1}',
        '{"handle": 7}',
        '{"labels": ["a", "a"]}',
        '{"details": []}',
        '{"age_days": 1e400}',
    ],
)
def test_r17_a_reading_out_of_bounds_is_no_reading(world, platform, bad):
    made = world.make_account()
    platform.mode = f"raw:{bad}"
    with pytest.raises(PlatformUnreachable):
        world.webhook.read_state(made.account)


def test_r8_owners_must_be_named_for_exactly_what_was_asked(world, platform):
    made = world.make_account()
    platform.mode = 'raw:{"content_owner": {}}'
    with pytest.raises(PlatformUnreachable, match="content_owner"):
        world.webhook.resolve(made.account, content=made.content)


def test_the_key_is_the_webhook_id_and_every_secret_signs(world, platform):
    made = world.make_account()
    operation = operation_for(world, made, Action.SUSPEND)
    world.webhook.apply(operation)
    call, headers, body = platform.received[-1]
    assert (call, headers["webhook-id"], body["call"], body["key"]) == ("apply", operation.key, "apply", operation.key)
    assert headers["host"] == f"127.0.0.1:{platform.port}"
    sent_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert abs(datetime.now(UTC) - sent_at) < timedelta(minutes=1)
    assert len(headers["webhook-signature"].split(" ")) == 2


def test_a_wrong_secret_is_refused_by_the_platform(world, platform):
    made = world.make_account()
    platform.verifier = Signer("whsec_" + "c29tZXRoaW5nIGVsc2UgZW50aXJlbHk=")
    with pytest.raises(PlatformRefused, match="signature"):
        world.webhook.apply(operation_for(world, made, Action.SUSPEND))


def test_r9_the_endpoint_is_what_the_platform_calls_itself(world):
    assert world.webhook.describe().endpoint == "webhook:reference-1"


def test_what_it_does_not_describe_is_never_sent(world, platform):
    made = world.make_account()
    before = len(platform.received)
    smuggled = dataclasses.replace(operation_for(world, made, Action.LIMIT), measures=frozenset({"deactivated"}))
    with pytest.raises(PlatformRefused):
        world.webhook.apply(smuggled)
    with pytest.raises(PlatformRefused):
        world.webhook.undo(operation_for(world, made, Action.DELETE))
    with pytest.raises(PlatformRefused):
        world.webhook.apply(operation_for(world, made, Action.LOCK))
    assert len(platform.received) == before


def test_a_host_at_a_private_address_is_refused_unless_named(platform):
    settings = dataclasses.replace(settings_for(platform), base_url=f"https://127.0.0.1:{platform.port}/hooks")
    settings = dataclasses.replace(settings, allow_private=frozenset({"localhost"}))
    with pytest.raises(PlatformUnreachable, match="loopback address"):
        connect(settings)
    assert platform.received == []


@pytest.fixture
def certificate(tmp_path):
    """A certificate for platform.example only, and the file with it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "platform.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("platform.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "platform.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def tls_platform(certificate):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    reference = ReferencePlatform(SECRET, tls=server)
    reference.start()
    yield reference
    reference.stop()


def test_the_checked_address_is_used_under_the_hosts_own_name(tls_platform, certificate):
    """The name is looked up by us, so a second look-up cannot lead elsewhere; TLS still proves the name."""
    asked = []

    def lookup(host, port):
        asked.append(host)
        return [ipaddress.ip_address("127.0.0.1")]

    trust = ssl.create_default_context(cafile=str(certificate))
    settings = settings_for(tls_platform, host="platform.example", scheme="https")
    webhook = connect(settings, lookup=lookup, tls=trust)
    assert asked == ["platform.example"]
    assert tls_platform.received[-1][1]["host"] == f"platform.example:{tls_platform.port}"
    webhook.close()


def test_another_hosts_certificate_is_refused_before_anything_is_sent(tls_platform, certificate):
    trust = ssl.create_default_context(cafile=str(certificate))
    settings = settings_for(tls_platform, host="other.example", scheme="https")
    with pytest.raises(PlatformUnreachable, match="certificate"):
        connect(settings, lookup=lambda _host, _port: [ipaddress.ip_address("127.0.0.1")], tls=trust)
    assert tls_platform.received == []
