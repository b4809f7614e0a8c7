"""The way of a report over HTTP: case, decision, enforcement, approvals, restore, rollback, pause."""

from __future__ import annotations

import json
from datetime import timedelta

from gardefou.ledger.bundle import verify_bundle

SUSPEND = {"policy": "spam", "rationale": "Sells followers.", "actions": [{"action": "suspend"}]}


def placed(house, account="1001", action="suspend", *, by="lea", key=None, **more):
    body = {"platform": "sandbox", "account": account, "action": action, "policy": "spam", **more}
    return house.post("/enforcements", body, by=by, key=key)


def test_a_case_is_worked_from_the_queue_to_its_decision(house):
    case = house.report(evidence=[{"url": "post/1"}]).json()["case"]
    listed = house.get("/cases?queue=spam&state=open").json()
    assert [one["id"] for one in listed["items"]] == [case]
    taken = house.post("/cases/next", {"queue": "spam"}, by="rea").json()
    assert (taken["id"], taken["claimed_by"]) == (case, "pseudo-rea")
    assert taken["latest_reports"][0]["evidence"] == [{"url": "post/1"}]
    other = house.post(f"/cases/{case}/claim", by="lea")
    assert (other.status_code, other.json()["code"]) == (409, "case/claimed")
    assert house.post(f"/cases/{case}/notes", {"text": "Seen before."}, by="lea").status_code == 201
    assert house.post(f"/cases/{case}/renew", by="rea").status_code == 200
    decided = house.post(f"/cases/{case}/decisions", SUSPEND, by="rea")
    assert decided.status_code == 201
    (enforcement,) = decided.json()["enforcements"]
    assert (enforcement["state"], enforcement["placed_by"]) == ("in_force", "pseudo-rea")
    assert enforcement["verdict"]["approvals"] == []
    shown = house.get(f"/cases/{case}").json()
    assert (shown["state"], shown["decision"]) == ("closed", decided.json()["decision"]["id"])
    assert [one["text"] for one in shown["notes"]] == ["Seen before."]
    assert house.post("/cases/next", by="rea").json() == {"case": None}


def test_evidence_may_be_plain_texts_wherever_it_is_brought(house):
    case = house.report(evidence=["https://example.org/1"]).json()["case"]
    house.post(f"/cases/{case}/claim", by="rea")
    decided = house.post(f"/cases/{case}/decisions", SUSPEND | {"evidence": ["https://example.org/2"]}, by="rea")
    assert (decided.status_code, decided.json()["decision"]["evidence"]) == (201, [{"text": "https://example.org/2"}])
    assert house.get(f"/cases/{case}").json()["latest_reports"][0]["evidence"] == [{"text": "https://example.org/1"}]
    assert placed(house, "1002", evidence=["post/7"]).status_code == 201
    wrong = placed(house, "1003", evidence=[7])
    assert (wrong.status_code, wrong.json()["field"]) == (400, "evidence.0")


def test_a_case_can_be_released_skipped_moved_and_escalated(house):
    case = house.report().json()["case"]
    house.post(f"/cases/{case}/claim", by="rea")
    assert house.post(f"/cases/{case}/release", by="rea").json()["claimed_by"] is None
    assert house.post(f"/cases/{case}/move", {"queue": "urgent"}, by="rea").json()["queue"] == "urgent"
    assert house.post(f"/cases/{case}/escalate", {"because": "Look twice."}, by="rea").json()["escalated"] is True
    assert house.post(f"/cases/{case}/skip", by="lea").status_code == 200
    wrong = house.post(f"/cases/{case}/move", {"queue": "nowhere"}, by="rea")
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["field"]) == (400, "case/queue", "queue")


def test_no_violation_closes_the_case_and_does_nothing(house):
    case = house.report().json()["case"]
    decided = house.post(f"/cases/{case}/decisions", {"outcome": "no_violation"}, by="rea")
    assert decided.status_code == 201
    assert decided.json()["enforcements"] == []
    assert house.sandbox.effects("1001") == []
    again = house.post(f"/cases/{case}/decisions", {"outcome": "no_violation"}, by="rea")
    assert (again.status_code, again.json()["code"]) == (409, "decision/stale")


def test_an_enforcement_on_a_protected_account_waits_for_two_and_then_its_hold(house):
    confirm = {"handle": "president", "identity": "9001"}
    made = placed(house, "9001", action="suspend", confirm=confirm, rationale="It is not her.")
    assert made.status_code == 201, made.text
    enforcement = made.json()
    assert enforcement["state"] == "waiting"
    assert enforcement["verdict"]["approvals"]
    digest = enforcement["digest"]
    path = f"/enforcements/{enforcement['id']}/approvals"
    own = house.post(path, {"digest": digest, "answer": "yes"})
    assert (own.status_code, own.json()["code"]) == (403, "approval/own")
    stale = house.post(path, {"digest": "0" * 64, "answer": "yes"}, by="pol")
    assert (stale.status_code, stale.json()["code"]) == (409, "enforcement/stale")
    token = house.post(path, {"digest": digest, "answer": "yes", "note": "I looked."}, by="pol")
    assert (token.status_code, token.json()["code"]) == (403, "approval/passkey")
    yes = {"digest": digest, "answer": "yes", "note": "I looked.", "assertion": house.signs("pol", enforcement)}
    first = house.post(path, yes, by="pol")
    assert first.status_code == 201, first.text
    assert first.json()["approvals"] == [
        {
            "by": "pseudo-pol",
            "answer": "yes",
            "own_answer": "",
            "note": "I looked.",
            "digest": digest,
            "at": "2026-03-02T09:00:00Z",
            "via": "api",
            "signed": True,
        }
    ]
    house.hire("lia", "lead", team="night")
    signed = {"digest": digest, "answer": "yes", "assertion": house.signs("lia", enforcement)}
    answers = [{"enforcement": one, **signed} for one in (enforcement["id"], "none")]
    group = house.post("/enforcements/approvals", {"approvals": answers}, by="lia")
    assert group.status_code == 200, group.text
    done, missing = group.json()["items"]
    assert (done["result"]["state"], done["result"]["hold_until"]) != ("in_force", None)
    assert missing["error"]["code"] == "enforcement/not_found"
    assert house.sandbox.effects("9001") == []
    withdrawn = house.post(f"/enforcements/{enforcement['id']}/cancel", {"because": "Wrong one."}, by="ona")
    assert (withdrawn.status_code, withdrawn.json()["state"]) == (200, "cancelled")
    (incident,) = house.get("/incidents?kind=near_miss").json()["items"]
    timeline = house.get(f"/incidents/{incident['id']}").json()["timeline"]
    assert timeline[0]["by"] == "pseudo-lea"
    assert "enforcement.cancelled" in [entry["kind"] for entry in timeline]


def test_a_preview_says_what_would_happen_and_changes_nothing(house):
    answer = house.post("/enforcements/preview", {"platform": "sandbox", "account": "1001", **SUSPEND})
    assert answer.status_code == 200
    assert answer.json()["says"][0].startswith("Suspends @user1001 now.")
    assert house.get("/enforcements").json()["items"] == []
    case = house.report().json()["case"]
    by_case = house.post("/enforcements/preview", {"case": case, **SUSPEND}).json()
    assert by_case["actions"][0]["verdict"]["refused"] is False


def test_a_preview_answers_the_verdict_of_all_actions_together(house):
    confirm = {"handle": "president", "identity": "9001"}
    protected = {"platform": "sandbox", "account": "9001", "policy": "spam", "confirm": confirm}
    both = house.post("/enforcements/preview", {**protected, "actions": [{"action": "lock"}, {"action": "suspend"}]})
    assert both.status_code == 200, both.text
    each = [one["verdict"]["hold_seconds"] for one in both.json()["actions"]]
    assert both.json()["verdict"]["hold_seconds"] == max(each) > 0
    nothing = house.post("/enforcements/preview", {"outcome": "no_violation"}).json()
    assert nothing["verdict"]["refused"] is False


def test_a_preview_takes_an_enforcements_body_too_and_answers_what_placing_it_would_ask(house):
    body = {
        "platform": "sandbox",
        "account": "9001",
        "action": "suspend",
        "policy": "spam",
        "confirm": {"handle": "president", "identity": "9001"},
    }
    previewed = house.post("/enforcements/preview", body)
    assert previewed.status_code == 200, previewed.text
    made = house.post("/enforcements", body)
    assert previewed.json()["verdict"] == made.json()["verdict"]
    twice = house.post("/enforcements/preview", {**body, "actions": [{"action": "lock"}]})
    assert (twice.status_code, twice.json()["code"], twice.json()["field"]) == (400, "input/invalid", "actions")
    unsaid = house.post("/enforcements/preview", {**SUSPEND, "platform": "sandbox", "account": "1001", "label": "x"})
    assert (unsaid.status_code, unsaid.json()["field"]) == (400, "action")


def test_what_is_wrong_with_one_of_several_actions_is_named_by_its_place(house):
    case = house.report().json()["case"]
    wrong = {**SUSPEND, "actions": [{"action": "suspend"}, {"action": "label", "label": "nowhere"}]}
    for path, body in (
        (f"/cases/{case}/decisions", wrong),
        ("/enforcements/preview", {**wrong, "case": case}),
        ("/enforcements/preview", {**wrong, "platform": "sandbox", "account": "1001"}),
    ):
        answer = house.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "enforcement/label")
        assert answer.json()["field"] == "actions.1.label"
    alone = {"platform": "sandbox", "account": "1001", "action": "label", "label": "nowhere", "policy": "spam"}
    for path in ("/enforcements", "/enforcements/preview"):
        assert house.post(path, alone).json()["field"] == "label"


def test_an_account_is_named_as_it_can_be_named_in_an_address(house):
    """Else it could be taken down and not be restored: its restore is an address."""
    for ref in ("10\n01", "\x1b[2J1001", "\x7f"):
        answer = placed(house, ref)
        assert (answer.status_code, answer.json()["code"]) == (400, "enforcement/account")
    item = placed(house, action="remove_content", content=["p1", "p\n2"])
    assert (item.status_code, item.json()["code"]) == (400, "enforcement/content")
    tier = house.post("/accounts/sandbox/a%1Bb/tier", {"tier": "notable", "because": "x"}, by="lea")
    assert (tier.status_code, tier.json()["field"]) == (400, "account")


def test_a_policy_of_blanks_is_none_and_too_long_a_one_is_named(house):
    blank = placed(house, policy="  ")
    assert (blank.status_code, blank.json()["code"]) == (400, "enforcement/policy")
    long = placed(house, policy="x" * 300)
    assert (long.json()["field"], long.json()["detail"]) == ("policy", "policy has at most 200 characters.")


def test_a_state_that_there_is_not_is_answered_with_those_there_are(one_house):
    cases, enforcements = one_house.get("/cases?state=shut"), one_house.get("/enforcements?state=shut")
    assert (cases.status_code, enforcements.status_code) == (400, 400)
    assert cases.json()["detail"] == "state is one of open, closed, all."
    assert "in_force" in enforcements.json()["detail"]
    # An empty list would say that there are none.
    for path, field in (("/enforcements?action=ban", "action"), ("/incidents?kind=fire", "kind")):
        answer = one_house.get(path)
        assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_a_restore_lifts_everything_and_says_how_long_it_took(house):
    harm = placed(house).json()
    answer = house.post("/accounts/sandbox/1001/restore", {"because": "The real one."}, by="ona")
    assert answer.status_code == 200
    assert answer.json()["restored"] == [harm["id"]]
    assert answer.json()["confirmed_ms"] > 0
    account = house.get("/accounts/sandbox/1001").json()
    assert account["state"] == "active"
    assert [one["state"] for one in account["history"]["items"]] == ["in_force", "restored"]
    nothing = house.post("/accounts/sandbox/1001/restore", {"because": "Again."}, by="ona")
    assert (nothing.status_code, nothing.json()["restores"]) == (200, [])
    silent = house.post("/accounts/sandbox/1001/restore", {}, by="ona")
    assert (silent.status_code, silent.json()["code"]) == (400, "restore/because")


def test_one_persons_work_is_rolled_back_by_pseudonym(house):
    body = {"platform": "sandbox", "accounts": ["1001", "1002"], "action": "lock", "policy": "spam"}
    made = house.post("/enforcements/bulk", body)
    assert made.status_code == 201, made.text
    assert [one["state"] for one in made.json()["enforcements"]] == ["in_force", "in_force"]
    house.clock.advance(timedelta(minutes=1))
    span = {"by": "pseudo-lea", "since": "2026-03-02T08:00:00Z"}
    dry = house.post("/rollbacks", {**span, "dry_run": True}, by="ona")
    assert (dry.status_code, dry.json()["accounts"], dry.json()["restores"]) == (200, ["1001", "1002"], [])
    real = house.post("/rollbacks", span, by="ona").json()
    assert [one["state"] for one in real["restores"]] == ["in_force", "in_force"]


def test_pausing_is_one_persons_and_resuming_two_peoples(house):
    paused = house.post("/pause", {"because": "Something is off."}, by="rea")
    assert paused.status_code == 200, paused.text
    assert house.get("/pause").json()["paused"] is True
    assert house.get("/pause").json()["items"][0]["by"] == "pseudo-rea"
    first = house.post("/resume", {"because": "Mended."}, by="ona")
    assert first.status_code == 202
    second = house.post("/resume", {"because": "Agreed."}, by="pol")
    assert second.status_code == 200, second.text
    assert house.get("/pause").json() == {"paused": False, "items": []}


def test_break_glass_waits_for_one_further_person_and_is_ratified_by_a_third(house):
    made = house.post("/accounts/sandbox/1001/break-glass", {"action": "lock", "because": "Hacked."}, by="rea")
    assert made.status_code == 202, made.text
    enforcement = made.json()
    answer = {"digest": enforcement["digest"], "answer": "yes"}
    done = house.post(f"/enforcements/{enforcement['id']}/approvals", answer, by="lea")
    assert done.json()["state"] == "in_force", done.text
    close = house.post(f"/enforcements/{enforcement['id']}/ratify", by="lea")
    assert (close.status_code, close.json()["code"]) == (403, "ratify/not_apart")
    stands = house.post(f"/enforcements/{enforcement['id']}/ratify", by="ona")
    assert (stands.status_code, stands.json()["ratified_by"]) == (200, "pseudo-ona")


def test_a_key_makes_an_enforcement_once_whatever_happens_in_between(house):
    first = placed(house, key="e1")
    house.post("/accounts/sandbox/1001/restore", {"because": "Oops."})
    again = placed(house, key="e1")
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert len(house.sandbox.effects("1001")) == 2
    other = placed(house, "1002", key="e1")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency/reused")


def test_an_error_is_an_answer_too_but_not_for_who_may_not(house):
    wrong = placed(house, action="wink", key="e2")
    assert wrong.status_code == 400
    again = placed(house, action="wink", key="e2")
    assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (400, wrong.json(), "true")
    assert again.headers["content-type"] == "application/problem+json"
    assert placed(house, key="e3", by="pol").status_code == 403
    assert "idempotency-replayed" not in placed(house, key="e3", by="pol").headers


def test_a_proof_verifies_offline_and_names_nobody(house):
    made = placed(house).json()
    bundle = house.get(f"/enforcements/{made['id']}/proof").json()
    key = house.app.sequencer.signer("sandbox").verifier.encoded
    proved = verify_bundle(bundle, verifier_key=key)
    bodies = [event.body or b"{}" for event in proved.events]
    assert {json.loads(body)["kind"] for body in bodies} >= {"enforcement.placed", "enforcement.in_force"}
    assert not any(b"Planted" in body for body in bodies)


def test_tiles_and_checkpoint_are_served_as_far_as_the_log_has_grown(house):
    placed(house)
    house.app.sequencer.integrate_all()
    note = house.get("/ledger/sandbox/checkpoint")
    assert note.status_code == 200
    size = int(note.text.splitlines()[1])
    tile = house.get(f"/ledger/sandbox/tile/0/000.p/{size}")
    assert len(tile.content) == 32 * size
    assert house.get(f"/ledger/sandbox/tile/entries/000.p/{size}").status_code == 200
    beyond = house.get(f"/ledger/sandbox/tile/0/000.p/{size + 1}")
    assert (beyond.status_code, beyond.json()["code"]) == (404, "ledger/tile")
    assert house.get("/ledger/sandbox/tile/zero").json()["code"] == "ledger/tile_path"
    assert house.get("/ledger/nowhere/checkpoint").json()["code"] == "ledger/empty"


def test_lists_page_by_cursor_without_gaps_or_repeats(house):
    for ref in ("1001", "1002", "1003"):
        placed(house, ref)
        house.report(ref)
    for path in ("/enforcements", "/cases", "/staff", "/tokens"):
        everything = house.get(path, by="ada").json()["items"]
        seen: list[object] = []
        cursor: str | None = ""
        while cursor is not None:
            page = house.get(f"{path}?limit=1&cursor={cursor}", by="ada").json()
            assert len(page["items"]) == 1
            seen += page["items"]
            cursor = page["next"]
        assert seen == everything
        assert len(seen) > 1
    for path in (
        "/enforcements?limit=201",
        "/enforcements?limit=0",
        "/enforcements?cursor=bm8",
        "/cases?cursor=x",
        "/staff?limt=3",
    ):
        assert house.get(path).status_code == 400, path
    assert [
        one["account"]
        for one in house.get("/enforcements?account=1002&state=in_force&platform=sandbox").json()["items"]
    ] == ["1002"]
