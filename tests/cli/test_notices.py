"""`gardefou notices`: adding a channel, seeing what got through, trying it."""

from __future__ import annotations

import pytest

from tests.notices.servers import http_server

SECRET = "hunter2-and-more"


@pytest.mark.network_loopback
def test_a_channel_is_added_tried_narrowed_and_taken_out_of_use(shell):
    with http_server() as (port, got):
        address = f"json://user:{SECRET}@127.0.0.1:{port}/{SECRET}\n"
        added = shell.json("notices", "add", "duty", "--to", "oncall", "--address-stdin", stdin=address)
        assert added["state"] == "in_force"
        tried = shell.json("notices", "test", "duty")
    assert tried == {"channel": "duty", "sent": True, "answer": "sent", "says": "taken"}
    assert [one["title"] for one in got] == ["Gardefou: A test"]
    assert "http://127.0.0.1:8700/notices" in got[0]["message"]
    shell.run("notices", "add", "duty", "--to", "lead", "--to", "team:red", "--kind", "drift", "--language", "fr")
    listed = shell.json("notices", "list")
    [channel] = listed["channels"]
    assert {name: channel[name] for name in ("to", "kinds", "language", "active", "here", "service", "waiting")} == {
        "to": ["lead", "team:red"],
        "kinds": ["drift"],
        "language": "fr",
        "active": True,
        "here": True,
        "service": "json",
        "waiting": 0,
    }
    assert [(one["kind"], one["state"], one["answer"]) for one in listed["deliveries"]] == [("test", "sent", "sent")]
    shell.run("notices", "remove", "duty")
    assert shell.json("notices", "list")["channels"][0]["active"] is False
    assert "channel/not_found" in shell.error("notices", "test", "duty")
    assert SECRET not in shell.text("notices", "list")
    # In no file but the key store's, and there for its owner only.
    holding = [path for path in shell.data.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert {path.parent.name for path in holding} == {"keys"}
    assert {path.stat().st_mode & 0o077 for path in holding} == {0}


@pytest.mark.network_loopback
def test_a_test_that_is_not_taken_exits_1_and_the_worker_sends_what_is_due_once(shell):
    with http_server(500) as (port, _):
        address = f"json://127.0.0.1:{port}/\n"
        shell.run("notices", "add", "duty", "--to", "oncall", "--address-stdin", stdin=address)
        assert "HTTP 500" in shell.run("notices", "test", "duty", status=1).stdout
    with http_server() as (port, got):
        address = f"json://127.0.0.1:{port}/\n"
        shell.run("notices", "add", "duty", "--to", "oncall", "--address-stdin", stdin=address)
        shell.run("pause", "--because", "something is wrong")
        shell.run("worker", "--once")
        shell.run("worker", "--once")
    assert [one["title"] for one in got] == ["Gardefou: All enforcement is paused"]


def test_an_address_that_cannot_be_used_is_refused_in_one_line_that_does_not_quote_it(shell):
    said = shell.error("notices", "add", "duty", "--to", "oncall", "--address-stdin", stdin=f"nonsense://{SECRET}\n")
    assert "channel/address" in said
    assert SECRET not in said
    assert "channel/address" in shell.error("notices", "add", "duty", "--to", "oncall")
    said = shell.error("notices", "add", "duty", "--to", "nobody", "--address-stdin", stdin="json://example.org\n")
    assert "channel/to" in said
