"""The Synapse connector's own logic, without a homeserver: what failures mean, ids, categories."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from gardefou.clock import SimulatedClock
from gardefou.domain.actions import Action
from gardefou.platforms.protocol import (
    NoSuchAccount,
    Operation,
    PlatformAnswerLost,
    PlatformError,
    PlatformRefused,
    PlatformUnreachable,
    Target,
)
from gardefou.platforms.synapse import Synapse
from gardefou.platforms.synapse_api import SynapseApi
from gardefou.platforms.synapse_ids import Kind, parse_content, server_of
from gardefou.platforms.synapse_reports import category_of

Handler = Callable[[httpx.Request], httpx.Response]


def answering(status: int, body: object = None, text: str | None = None) -> Handler:
    def handle(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, text=text) if text is not None else httpx.Response(status, json=body or {})

    return handle


def failing(error: type[httpx.TransportError]) -> Handler:
    def handle(request: httpx.Request) -> httpx.Response:
        raise error("made up", request=request)

    return handle


@pytest.mark.parametrize(
    ("handler", "reading", "changing"),
    [
        pytest.param(failing(httpx.ConnectError), PlatformUnreachable, PlatformUnreachable, id="ConnectError"),
        pytest.param(failing(httpx.ConnectTimeout), PlatformUnreachable, PlatformUnreachable, id="ConnectTimeout"),
        pytest.param(failing(httpx.ReadTimeout), PlatformUnreachable, PlatformAnswerLost, id="ReadTimeout"),
        pytest.param(
            failing(httpx.RemoteProtocolError), PlatformUnreachable, PlatformAnswerLost, id="RemoteProtocolError"
        ),
        pytest.param(failing(httpx.WriteError), PlatformUnreachable, PlatformAnswerLost, id="WriteError"),
        pytest.param(answering(200, text="<html>"), PlatformUnreachable, PlatformAnswerLost, id="200-html"),
        pytest.param(answering(200, text="[]"), PlatformUnreachable, PlatformAnswerLost, id="200-list"),
        pytest.param(answering(302), PlatformUnreachable, PlatformRefused, id="302"),
        pytest.param(answering(400), PlatformUnreachable, PlatformRefused, id="400"),
        pytest.param(answering(401), PlatformUnreachable, PlatformUnreachable, id="401"),
        pytest.param(answering(403), PlatformUnreachable, PlatformRefused, id="403"),
        pytest.param(answering(404), NoSuchAccount, NoSuchAccount, id="404"),
        pytest.param(answering(429), PlatformUnreachable, PlatformUnreachable, id="429"),
        pytest.param(answering(500), PlatformUnreachable, PlatformAnswerLost, id="500"),
        pytest.param(answering(503, text="busy"), PlatformUnreachable, PlatformAnswerLost, id="503-busy"),
    ],
)
def test_what_a_failure_means_depends_on_what_was_asked(handler, reading, changing):
    api = SynapseApi("http://lab.test", "t", transport=httpx.MockTransport(handler))
    with pytest.raises(PlatformError) as read:
        api.read("/x")
    with pytest.raises(PlatformError) as changed:
        api.change("PUT", "/x", {})
    assert (read.type, changed.type) == (reading, changing)


def test_a_token_of_somebody_in_whose_name_we_speak_is_no_token_of_ours():
    api = SynapseApi("http://lab.test", "t", transport=httpx.MockTransport(answering(401)))
    with pytest.raises(PlatformRefused):
        api.change("PUT", "/x", {}, token="theirs")


def test_an_answer_of_another_shape_is_no_answer():
    """Whatever a homeserver or something in between says, only the connector's own errors come out."""

    def handle(request: httpx.Request) -> httpx.Response:
        own = request.url.path.endswith("whoami")
        return httpx.Response(200, json={"user_id": "@admin:lab.test"} if own else {"unheard": "of"})

    clock = SimulatedClock(datetime(2026, 1, 1, tzinfo=UTC))
    synapse = Synapse(
        "lab", "http://lab.test", "@admin:lab.test", "t", clock=clock, transport=httpx.MockTransport(handle)
    )
    with pytest.raises(PlatformUnreachable):
        synapse.read_state("@bob:lab.test")
    with pytest.raises(PlatformUnreachable):
        synapse.resolve("@bob:lab.test", content=("!r:lab.test/$e",))
    with pytest.raises(PlatformUnreachable):
        list(synapse.pull_reports(after=None))


def test_the_token_never_stands_in_an_error():
    handler = answering(403, {"errcode": "M_FORBIDDEN", "error": "You are not a server admin"})
    api = SynapseApi("http://lab.test", "very-secret", transport=httpx.MockTransport(handler))
    with pytest.raises(PlatformRefused, match="not a server admin") as caught:
        api.change("PUT", "/x", {})
    assert "very-secret" not in str(caught.value)


def test_an_id_stays_one_part_of_the_path_whatever_it_holds():
    """A crafted id must not reach another endpoint."""
    paths: list[bytes] = []

    def handle(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        if request.url.path.endswith("whoami"):
            return httpx.Response(200, json={"user_id": "@admin:lab.test"})
        return httpx.Response(200, json={})

    synapse = Synapse(
        "lab",
        "http://lab.test",
        "@admin:lab.test",
        "t",
        clock=SimulatedClock(datetime(2026, 1, 1, tzinfo=UTC)),
        transport=httpx.MockTransport(handle),
    )
    account = "@bob?x=%2f#..:lab.test"
    target = Target(account=account)
    measures = frozenset({"suspended"})
    synapse.apply(Operation(key="k", action=Action.SUSPEND, target=target, measures=measures, fence=1))
    assert paths[-1] == b"/_synapse/admin/v1/suspend/%40bob%3Fx%3D%252f%23..%3Alab.test"


@pytest.mark.parametrize(
    ("text", "kind", "parts"),
    [
        ("!room:lab.test/$event", Kind.MESSAGE, ("!room:lab.test", "$event")),
        ("!room12/$a/b+c", Kind.MESSAGE, ("!room12", "$a/b+c")),
        ("mxc://lab.test/AbC", Kind.MEDIA, ("", "")),
        ("!room:lab.test", Kind.ROOM, ("!room:lab.test", "")),
        ("*", Kind.EVERYTHING, ("", "")),
    ],
)
def test_content_ids_are_told_apart(text, kind, parts):
    content = parse_content(text)
    assert (content.kind, content.room, content.event, content.id) == (kind, *parts, text)


@pytest.mark.parametrize("text", ["", "$e", "!r/", "!r/e", "mxc://a/b/c", "mxc://a/..", "!a b", "**", "@a:b", "!r\n"])
def test_what_names_no_content_is_refused(text):
    with pytest.raises(NoSuchAccount):
        parse_content(text)


@pytest.mark.parametrize(
    "ref", ["", "bob", "@bob", "bob:lab.test", "@b ob:lab.test", "@bob:lab.test\n", "@" + "b" * 260 + ":x"]
)
def test_what_is_no_account_is_refused(ref):
    with pytest.raises(NoSuchAccount):
        server_of(ref)


def test_the_server_of_an_account_may_carry_a_port():
    assert server_of("@bob:lab.test:8448") == "lab.test:8448"


@pytest.mark.parametrize(
    ("reason", "category"),
    [
        ("", "other"),
        ("both of them are fine", "other"),
        ("SPAM spam", "spam"),
        ("Abusive account", "abuse"),
        ("harassing me", "abuse"),
        ("He threatens to kill", "violence"),
        ("impersonating the president", "impersonation"),
        ("spam with CSAM in it", "child_safety"),
    ],
)
def test_categories_follow_the_words_of_the_reason(reason, category):
    assert category_of(reason) == category


def test_what_is_declared_is_what_the_docs_promise():
    clock = SimulatedClock(datetime(2026, 1, 1, tzinfo=UTC))
    synapse = Synapse("lab", "http://lab.test", "@admin:lab.test", "t", clock=clock)
    said = synapse.describe()
    assert (said.endpoint, said.sandbox, said.takes_key) == ("matrix:lab.test", False, False)
    assert Action.LABEL not in said.capabilities
    assert {str(action): str(each.reversibility) for action, each in said.capabilities.items()} == {
        "warn": "lossy",
        "limit": "exact",
        "remove_content": "lossy",
        "lock": "exact",
        "suspend": "exact",
        "deactivate": "lossy",
        "delete": "none",
    }
    synapse.close()
