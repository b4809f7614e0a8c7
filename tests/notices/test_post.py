"""Notices leave for real: over HTTP and SMTP to servers on this machine; and no address ever comes back out."""

from __future__ import annotations

import socket

import pytest

from gardefou.errors import InvalidInput
from gardefou.notices.post import ApprisePost, Sent, send_within, service_of
from gardefou.people.keys import KeyStore
from tests.notices.servers import http_server, smtp_server

pytestmark = pytest.mark.network_loopback

SECRET = "hunter2-and-more"


@pytest.fixture
def keys(tmp_path) -> KeyStore:
    return KeyStore(tmp_path / "keys")


def sent(keys: KeyStore, url: str, title: str = "Gardefou: it is down", body: str = "since 21:49") -> Sent:
    assert service_of(url)
    key = f"k{abs(hash(url))}"
    keys.keep_address(key, url)
    return ApprisePost(keys).send(key, title, body)


def test_a_notice_arrives_over_http(keys):
    with http_server() as (port, got):
        assert sent(keys, f"json://user:{SECRET}@127.0.0.1:{port}/hook") == Sent(ok=True, answer="sent")
    assert [(one["title"], one["message"]) for one in got] == [("Gardefou: it is down", "since 21:49")]


def test_a_program_of_ones_own_is_told_the_id_by_which_it_knows_what_it_was_sent_already(keys):
    with http_server() as (port, got):
        keys.keep_address("mine", f"json://127.0.0.1:{port}/hook?+X-Key=k")
        for _ in range(2):
            assert ApprisePost(keys).send("mine", "t", "b", notice="0198-one").ok
        assert ApprisePost(keys).send("mine", "t", "b").ok
    assert [one["id"] for one in got] == ["0198-one", "0198-one", None]


def test_a_notice_arrives_by_mail_with_its_accents_and_lines(keys):
    import email
    from email.policy import default

    with smtp_server() as (port, mails):
        url = f"mailto://user:{SECRET}@127.0.0.1:{port}?from=gardefou@example.org&to=duty@example.org"
        answer = sent(keys, url, "Gardefou: rétabli", "déçu\nRétablir : https://g.example.org/restore/chirp/1001")
    assert answer == Sent(ok=True, answer="sent")
    parsed = email.message_from_string(mails[0], policy=default)
    assert parsed["Subject"] == "Gardefou: rétabli"
    text = parsed.get_body(("plain",))
    assert text is not None
    assert "déçu\nRétablir : https://g.example.org/restore/chirp/1001" in text.get_content()


@pytest.mark.parametrize(("status", "answer"), [(403, "http 403"), (500, "http 500"), (302, "http 302")])
def test_what_the_service_answered_comes_back_and_no_redirect_is_followed(keys, status, answer):
    with http_server(status) as (port, got):
        assert sent(keys, f"json://127.0.0.1:{port}/hook") == Sent(ok=False, answer=answer)
    assert len(got) == 1


def test_a_mail_server_that_does_not_know_us_is_told_by_its_number(keys):
    with smtp_server("535 5.7.8 no") as (port, mails):
        url = f"mailto://user:{SECRET}@127.0.0.1:{port}?from=gardefou@example.org&to=duty@example.org"
        assert sent(keys, url) == Sent(ok=False, answer="smtp 535")
    assert mails == []


def test_nobody_there_is_no_connection(keys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert sent(keys, f"json://127.0.0.1:{port}") == Sent(ok=False, answer="no_connection")


def test_a_service_that_never_answers_is_not_waited_for(keys):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        keys.keep_address("silent", f"json://127.0.0.1:{silent.getsockname()[1]}/?rto=1")
        post = ApprisePost(keys)
        assert send_within(post, "silent", "t", "b", seconds=0.05) == Sent(ok=False, answer="too_slow")
        assert post.send("silent", "t", "b") == Sent(ok=False, answer="too_slow")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        f"no-such-service://{SECRET}",
        f"slack://{SECRET}",
        "windows://",
        "syslog://",
        f"json://{SECRET}@169.254.169.254/latest",
        f"json://{SECRET}@[fe80::1]/",
        "json://" + "x" * 3000,
        f"json://example.org/\n{SECRET}",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_and_never_quoted(url):
    with pytest.raises(InvalidInput) as error:
        service_of(url)
    assert error.value.code == "channel/address"
    assert SECRET not in str(error.value)


def test_no_line_of_the_library_reaches_a_log(keys, monkeypatch):
    import io
    import logging

    written = io.StringIO()
    root = logging.getLogger()
    handler = logging.StreamHandler(written)
    monkeypatch.setattr(root, "handlers", [handler])
    monkeypatch.setattr(root, "level", logging.DEBUG)
    with http_server(403) as (port, _):
        assert sent(keys, f"json://user:{SECRET}@127.0.0.1:{port}/{SECRET}").answer == "http 403"
    root.debug("and this is written")
    assert written.getvalue() == "and this is written\n"


def test_an_address_is_kept_for_its_owner_only_and_never_replaced(keys):
    keys.keep_address("one", "json://first.example.org")
    keys.keep_address("one", "json://second.example.org")
    assert keys.address("one") == "json://first.example.org"
    assert (keys.folder / "channel-one.json").stat().st_mode & 0o077 == 0
    assert keys.address("other") is None
