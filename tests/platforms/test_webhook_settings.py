"""Settings and descriptions of the webhook connector are checked before anything is sent; its page tells the truth."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from gardefou.domain.actions import Action
from gardefou.errors import InvalidInput
from gardefou.platforms import webhook_wire as wire
from gardefou.platforms.webhook import WebhookSettings, described_in_settings

SECRET = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
PAGE = Path(__file__).parents[2] / "docs" / "platforms" / "webhook.md"
EXAMPLES = {
    name: json.loads(text)
    for name, text in re.findall(r"```json ([^\n]+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
}


def settings(**fields: Any) -> WebhookSettings:
    values: dict[str, Any] = {"base_url": "https://Platform.example/hooks/", "secrets": (SECRET,), **fields}
    return WebhookSettings(**values)


def test_the_base_url_is_compared_in_one_form():
    assert settings().url == "https://platform.example/hooks"
    assert settings().host == "platform.example"
    assert settings(base_url="https://platform.example:443/hooks").url == settings().url


def test_secrets_do_not_show():
    assert SECRET not in repr(settings())


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"base_url": "http://platform.example"}, "platform/webhook_url"),
        ({"base_url": "http://10.0.0.1", "allow_private": frozenset({"10.0.0.2"})}, "platform/webhook_url"),
        ({"base_url": "ftp://platform.example"}, "platform/webhook_url"),
        ({"base_url": "platform.example"}, "platform/webhook_url"),
        ({"base_url": "https://"}, "platform/webhook_url"),
        ({"base_url": "https://me:secret@platform.example"}, "platform/webhook_url"),
        ({"base_url": "https://platform.example/?to=1"}, "platform/webhook_url"),
        ({"base_url": "https://platform.example:nine"}, "platform/webhook_url"),
        ({"secrets": ()}, "platform/webhook_secret"),
        ({"secrets": ("whsec_c2hvcnQ=",)}, "platform/webhook_secret"),
        ({"secrets": (SECRET.removeprefix("whsec_"),)}, "platform/webhook_secret"),
        ({"secrets": ("whsec_***",)}, "platform/webhook_secret"),
        ({"read_seconds": 0}, "platform/webhook_timeout"),
        ({"connect_seconds": float("nan")}, "platform/webhook_timeout"),
    ],
)
def test_wrong_settings_are_refused_with_a_code_and_a_field(fields, code):
    with pytest.raises(InvalidInput) as raised:
        settings(**fields)
    assert raised.value.code == code
    assert raised.value.field in {*fields, "secrets"}


def test_plain_http_is_for_hosts_that_are_named():
    assert settings(base_url="http://10.0.0.1", allow_private=frozenset({"10.0.0.1"})).host == "10.0.0.1"


def test_r9_a_configured_description_cannot_name_the_platform():
    document = EXAMPLES["describe answer"]
    with pytest.raises(InvalidInput, match="platform_id"):
        described_in_settings(document, settings())
    own = {name: value for name, value in document.items() if name != "platform_id"}
    assert described_in_settings(own, settings()).endpoint == "webhook:https://platform.example/hooks"


def test_a_description_reads_as_documented():
    description = wire.description(EXAMPLES["describe answer"], url="https://platform.example")
    assert description.endpoint == "webhook:chirp-production"
    assert not description.sandbox
    assert description.capabilities[Action.SUSPEND].word == "ban"
    assert description.capabilities[Action.DEACTIVATE].losses == ("sessions", "pending invitations")


@pytest.mark.parametrize(
    ("path", "value", "names"),
    [
        (("capabilities", 1, "severity"), 2, "severity"),  # understated
        (("capabilities", 1, "severity"), 6, "severity"),
        (("capabilities", 1, "severity"), "3", "severity"),
        (("capabilities", 1, "action"), "restore", "action"),
        (("capabilities", 1, "action"), "label", "twice"),
        (("capabilities", 1, "action"), ["label"], "action"),
        (("capabilities", 1, "reversibility"), "lossy", "losses"),
        (("capabilities", 1, "reversibility"), "mostly", "reversibility"),
        (("capabilities", 1, "says"), " ", "says"),
        (("capabilities", 1, "surprise"), 1, "surprise"),
        (("capabilities", 2, "losses"), [], "losses"),
        (("capabilities",), [], "capabilities"),
        (("capabilities",), {}, "capabilities"),
        (("labels",), [], "labels"),
        (("labels",), ["spam", "spam"], "twice"),
        (("takes_key",), 1, "takes_key"),
        (("platform_id",), "", "platform_id"),
        (("surprise",), 1, "surprise"),
    ],
)
def test_a_description_out_of_form_is_refused_by_field(path, value, names):
    document = copy.deepcopy(EXAMPLES["describe answer"])
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(wire.BadAnswer, match=names):
        wire.description(document, url="https://platform.example")


def test_the_documented_answers_are_accepted():
    asked = EXAMPLES["read_state request"]
    reading = wire.reading(
        EXAMPLES["read_state answer"], account=asked["account"], content=asked["content"], labels=["spam"]
    )
    assert reading.reach == 41_000_000
    assert reading.measures == {"removed:c1"}
    asked = EXAMPLES["resolve request"]
    resolved = wire.resolved(EXAMPLES["resolve answer"], account=asked["account"], content=asked["content"])
    assert resolved.content_owner == {"c1": "1001"}
    asked = EXAMPLES["apply request"]
    answer = wire.done(EXAMPLES["apply answer"], account=asked["account"], key=asked["key"])
    assert answer.kept == {"role_before": "editor"}
    raw = json.dumps(EXAMPLES["refusal"]).encode()
    assert wire.refusal(raw, 404) == ("no_such_account", "There is no account 1001.")
