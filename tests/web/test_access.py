"""Who may call what, what is answered to nonsense, and that nothing leaves that must not."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from fastapi.routing import APIRoute

from gardefou.errors import Unavailable
from gardefou.web.app import GROUPS

OPEN = {"/healthz", "/readyz", "/metrics"}
CALLS = sorted(
    (method, re.sub(r"{\w+(:\w+)?}", "x", route.path))
    for group in GROUPS
    for route in group.routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
    if route.path not in {*OPEN, "/tokens/revoke-leaked"}
)


def is_problem(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= problem.keys()
    assert (problem["status"], problem["code"]) == (status, code)


def test_no_call_is_answered_without_a_token_or_with_a_wrong_one(one_house):
    one_house.tokens["nobody"] = "gf_made-up"
    for method, path in CALLS:
        silent = one_house.call(method, path, by=None)
        is_problem(silent, 401, "auth/missing")
        assert silent.headers["www-authenticate"].startswith("Bearer")
        is_problem(one_house.call(method, path, by="nobody"), 401, "auth/invalid")


def test_a_token_for_reports_does_nothing_else(one_house):
    for method, path in CALLS:
        if not path.startswith("/reports"):
            is_problem(one_house.call(method, path, by="forms"), 403, "auth/forbidden")


def test_an_auditor_changes_nothing(one_house):
    bodies = {
        "/pause": {"because": "x"},
        "/staff": {"roles": ["lead"]},
        "/enforcements": {"platform": "sandbox", "account": "1001", "action": "warn", "policy": "spam"},
        "/accounts/sandbox/1001/restore": {"because": "x"},
        "/accounts/sandbox/1001/tier": {"tier": "standard"},
        "/nets/proposals": {"remove": ["x"]},
        "/rollbacks": {"by": "pseudo-lea", "since": "2026-01-01T00:00:00Z"},
        "/platforms": {"name": "chirp", "kind": "sandbox"},
        "/cases/next": {},
    }
    for path, body in bodies.items():
        is_problem(one_house.post(path, body, by="aud"), 403, "auth/forbidden")


def test_a_revoked_token_ends_at_once_on_the_node_that_revoked_it(house):
    assert house.get("/me", by="rea").status_code == 200
    assert house.post("/staff/pseudo-rea/off", by="ada").status_code == 200
    assert house.get("/me", by="rea").status_code in {401, 403}


def test_health_needs_no_token_and_metrics_count(house):
    house.report()
    for prefix in ("", "/api/v1"):
        for path in OPEN:
            assert house.client.get(prefix + path).status_code == 200
    text = house.client.get("/metrics").text
    assert 'gardefou_reports_total{merged="false"} 1.0' in text
    assert 'gardefou_queue_cases{queue="spam"} 1.0' in text
    assert "gardefou_events_pending" in text


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("GET", "/nowhere", {}, 404, "http/not_found"),
        ("PUT", "/reports", {}, 405, "http/method"),
        ("GET", "/cases/none", {}, 404, "case/not_found"),
        ("GET", "/enforcements/none", {}, 404, "enforcement/not_found"),
        ("GET", "/enforcements/none/proof", {}, 404, "enforcement/not_found"),
        ("GET", "/incidents/none", {}, 404, "incident/not_found"),
        ("GET", "/staff/none", {}, 404, "staff/not_found"),
        ("GET", "/accounts/sandbox/none", {}, 404, "account/not_found"),
        ("GET", "/cases/a%00b", {}, 400, "input/invalid"),
        ("GET", "/cases?queue=%00", {}, 400, "input/invalid"),
        ("GET", "/enforcements?state=odd", {}, 400, "enforcement/state_unknown"),
        ("GET", "/cases?limit=many", {}, 400, "input/invalid"),
        ("POST", "/pause", {"content": b"{", "type": "application/json"}, 400, "input/json"),
        ("POST", "/pause", {"content": b"[" * 9_000, "type": "application/json"}, 400, "input/json"),
        ("POST", "/pause", {"content": b"[]", "type": "application/json"}, 400, "input/invalid"),
        ("POST", "/pause", {"content": b'{"because": 5}', "type": "application/json"}, 400, "input/invalid"),
        ("POST", "/pause", {"content": b'{"becuase": ""}', "type": "application/json"}, 400, "input/invalid"),
        ("POST", "/pause", {"content": b'{"because": NaN}', "type": "application/json"}, 400, "input/invalid"),
        ("POST", "/pause", {"content": b'{"because": "\\u0000"}', "type": "application/json"}, 400, "input/invalid"),
        ("POST", "/pause", {"content": b"because=x", "type": "application/x-www-form-urlencoded"}, 415, "http/content_type"),
        ("POST", "/pause", {"content": b"x" * 300_000, "type": "application/json"}, 413, "http/too_large"),
        ("POST", "/rollbacks", {"content": b'{"by": "x", "since": "noon"}', "type": "application/json"}, 400, "input/invalid"),
    ],
)  # fmt: skip
def test_nonsense_is_a_problem_that_names_what_is_wrong(one_house, method, path, options, status, code):
    headers = {"Content-Type": options.pop("type")} if "type" in options else {}
    is_problem(one_house.call(method, path, headers=headers, **options), status, code)


def test_a_bad_key_is_refused(one_house):
    is_problem(one_house.post("/pause", {"because": "x"}, key="k" * 256), 400, "idempotency/key")


def test_a_store_that_is_away_asks_to_come_back(one_house, monkeypatch):
    def gone(_connection):
        raise Unavailable("store/unavailable", "The store does not answer.")

    monkeypatch.setattr(type(one_house.app), "config", lambda _app, connection: gone(connection))
    answer = one_house.get("/nets")
    is_problem(answer, 503, "store/unavailable")
    assert answer.headers["retry-after"] == "1"


def test_probes_may_ask_without_wanting_the_body(one_house):
    for path in sorted(OPEN):
        answer = one_house.call("HEAD", path, by=None)
        assert (answer.status_code, answer.content) == (200, b""), path
        assert one_house.client.head(path).status_code == 200, path


def test_answers_carry_what_keeps_browsers_careful(one_house):
    for path in ("/me", "/docs", "/nowhere"):
        headers = one_house.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_the_reference_loads_nothing_from_elsewhere_and_every_body_has_an_example(one_house):
    page = one_house.client.get("/api/v1/docs").text
    assert not re.findall(r"(?:src|href)=[\"'](?:https?:)?//", page)
    document = one_house.client.get("/api/v1/openapi.json").json()
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            assert "422" not in call["responses"]
            for body in call.get("requestBody", {}).get("content", {}).values():
                assert "example" in body, (method, path)


def test_the_reference_says_of_every_call_what_it_does_and_takes_and_is_led_to_by_its_index(one_house):
    page = one_house.client.get("/api/v1/docs").text
    document = one_house.client.get("/api/v1/openapi.json").json()
    index, shown = page.split("<main", 1)
    articles = re.findall(r'<article class="box" id="([^"]+)">(.*?)</article>', shown, re.DOTALL)
    assert len({anchor for anchor, _ in articles}) == sum(len(calls) for calls in document["paths"].values())
    assert {anchor for anchor, _ in articles} <= set(re.findall(r'href="#([^"]+)"', index))
    assert [anchor for anchor, text in articles if "<p>" not in text] == []
    assert "None" not in re.sub(r"<pre.*?</pre>", "", shown, flags=re.DOTALL)
    reports = dict(articles)["post-reports"]
    assert "object of kind, account, content" in reports
    assert "string, 10,000 characters at most" in reports
    assert "integer, 1 to 200, else 50" in dict(articles)["get-cases"]
    assert "list of strings" in dict(articles)["post-enforcements"]
    assert "without a token" in dict(articles)["get-healthz"]


def test_r19_no_answer_holds_a_name_or_a_staff_id(house):
    answers = []

    def keep(answer):
        answers.append(answer)
        return answer.json()

    case = house.report().json()["case"]
    keep(house.post(f"/cases/{case}/claim", by="rea"))
    keep(house.post(f"/cases/{case}/notes", {"text": "note"}, by="lea"))
    wish = {"policy": "spam", "actions": [{"action": "suspend"}]}
    keep(house.post(f"/cases/{case}/decisions", wish, by="rea"))
    keep(house.post("/accounts/sandbox/1001/restore", {"because": "x"}, by="ona"))
    glass = keep(house.post("/accounts/sandbox/1002/break-glass", {"action": "lock", "because": "x"}, by="rea"))
    answer = {"digest": glass["digest"], "answer": "yes"}
    keep(house.post(f"/enforcements/{glass['id']}/approvals", answer, by="lea"))
    added = keep(
        house.post(
            "/staff", {"roles": ["reviewer"], "name": "Planted New Name", "email": "planted@x.example"}, by="ada"
        )
    )
    assert added["state"] == "waiting"
    keep(house.post("/staff/pseudo-pol/roles", {"add": ["lead"]}, by="ada"))
    keep(house.post("/staff/pseudo-rea/leave", {"last_day": "2026-05-31"}, by="ada"))
    keep(house.post("/staff/pseudo-rea/reveal", {"because": "A court asks."}, by="leg"))
    keep(house.post("/tokens", {"service": "bot", "scope": ["enforcements:write"]}, by="ada"))
    keep(house.post("/pause", {"because": "x"}, by="lea"))
    keep(house.post("/rollbacks", {"by": "pseudo-rea", "since": "2026-03-01T00:00:00Z", "dry_run": True}, by="ona"))
    house.app.sequencer.integrate_all()
    for path in ("/me", "/staff", "/staff/pseudo-rea", "/staff/pseudo-rea/name", "/tokens", "/nets", "/platforms",
                 "/pause", "/incidents", "/cases?state=all", f"/cases/{case}", "/enforcements",
                 "/accounts/sandbox/1001", "/accounts/sandbox/1002"):  # fmt: skip
        keep(house.get(path, by="aud"))
    for incident in house.get("/incidents").json()["items"]:
        keep(house.get(f"/incidents/{incident['id']}"))
    secrets = {staff.id for staff in house.people.values()} | {"Planted", "planted@"}
    for one in answers:
        found = [secret for secret in secrets if secret in one.text]
        assert not found, (one.url, found, one.text)
    assert len(answers) > 25


def test_a_revealed_name_is_said_to_whoever_asked_for_it_and_for_a_day(house):
    change = house.post("/staff/pseudo-rea/reveal", {"because": "A court asks."}, by="leg").json()
    sealed = house.get("/staff/pseudo-rea/name", by="leg")
    is_problem(sealed, 403, "staff/sealed")
    for by in ("pol", "lea", "ona"):
        if change["state"] == "in_force":
            break
        body = {"digest": change["digest"], "answer": "yes"}
        answered = house.post(f"/enforcements/{change['id']}/approvals", body, by=by)
        change = answered.json() if answered.status_code == 201 else change
    assert change["state"] in {"in_force", "waiting"}
    if change["hold_until"]:
        house.clock.advance(timedelta(hours=1))
        from gardefou.flow.due import run_due

        run_due(house.app)
    said = house.get("/staff/pseudo-rea/name", by="leg")
    assert said.json() == {"id": "pseudo-rea", "name": "Planted Rea Name", "email": ""}, said.text
    is_problem(house.get("/staff/pseudo-rea/name", by="pol"), 403, "auth/forbidden")
    house.clock.advance(timedelta(hours=25))
    is_problem(house.get("/staff/pseudo-rea/name", by="leg"), 403, "staff/sealed")
