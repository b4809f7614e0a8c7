"""The reference's examples: every call has one, and each shape is that of a real answer."""

from __future__ import annotations

import json
import re
from pathlib import Path

from gardefou.web import examples
from gardefou.web.reference import describe

ROOT = Path(__file__).parents[2]
NO_EXAMPLE = {
    "/api/v1/incidents/{id}/page",
    "/api/v1/enforcements/{id}/proof",
    "/api/v1/ledger/{platform}/checkpoint",
    "/api/v1/ledger/{platform}/tile/{path}",
    "/api/v1/metrics",
}
CONFIRM = {"handle": "president", "identity": "9001"}
PROTECTED = {"platform": "sandbox", "account": "9001", "action": "suspend", "policy": "spam", "confirm": CONFIRM}


def same_shape(example, real, where="answer"):
    """Compare the names of all fields, down through objects and the first of each list."""
    if isinstance(example, dict) and isinstance(real, dict):
        assert example.keys() == real.keys(), where
        for name, value in example.items():
            same_shape(value, real[name], f"{where}.{name}")
    elif isinstance(example, list) and isinstance(real, list):
        for one, other in zip(example[:1], real[:1], strict=False):
            same_shape(one, other, f"{where}[0]")


def test_every_call_of_the_openapi_document_has_an_example_of_each_good_answer(one_house):
    document = describe(one_house.client.app)
    known = set()
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            name = f"{method.upper()} {path.removeprefix('/api/v1')}"
            known.add(name)
            good = {status: one for status, one in call["responses"].items() if int(status) < 400}
            assert good, name
            if path not in NO_EXAMPLE:
                for status, answer in good.items():
                    assert all("example" in one for one in answer["content"].values()), (name, status)
    assert examples.ANSWERS.keys() <= known


def test_the_pages_show_the_answers(one_house):
    page = one_house.get("/docs", by=None)
    assert page.status_code == 200
    taken = page.text.partition('<th scope="row">202</th>')[2].partition("</tr>")[0]
    assert "<summary>An answer</summary>" in taken
    assert "merged" in taken
    # What stands in backticks is code, and no call is headed by a name that its function has.
    assert "<code>merged</code> says whether" in page.text
    assert "`" not in re.sub(r"<pre\b.*?</pre>", "", page.text, flags=re.DOTALL)
    assert "Take Report" not in page.text


def test_examples_of_the_way_from_report_to_restore_have_the_shape_of_real_answers(one_house):
    report = one_house.report(evidence=[{"url": "post/1"}])
    same_shape(examples.REPORT, report.json())
    case = report.json()["case"]
    one_house.post(f"/cases/{case}/notes", {"text": "The handle changed yesterday."})
    same_shape(examples.LISTED_CASE, one_house.get("/cases").json()["items"][0])
    same_shape(examples.CASE, one_house.post("/cases/next", {"queue": "spam"}, by="rea").json())
    wish = {"policy": "spam", "rationale": "Sells followers.", "actions": [{"action": "suspend"}]}
    decided = one_house.post(f"/cases/{case}/decisions", wish, by="rea")
    same_shape(examples.DECISION, decided.json())
    same_shape(examples.ENFORCEMENT, decided.json()["enforcements"][0])
    same_shape(examples.ACCOUNT, one_house.get("/accounts/sandbox/1001").json())
    restored = one_house.post("/accounts/sandbox/1001/restore", {"because": "The real one."}, by="ona")
    same_shape(examples.RESTORED, restored.json())


def test_examples_of_what_waits_have_the_shape_of_real_answers(one_house):
    previewed = one_house.post("/enforcements/preview", PROTECTED).json()
    same_shape(examples.PREVIEW, previewed)
    assert previewed["says"] == examples.PREVIEW["says"]
    waiting = one_house.post("/enforcements", PROTECTED).json()
    answer = {"digest": waiting["digest"], "answer": "yes", "assertion": one_house.signs("pol", waiting)}
    approved = one_house.post(f"/enforcements/{waiting['id']}/approvals", answer, by="pol").json()
    same_shape(examples.WAITING, approved)


def test_examples_of_people_tokens_nets_and_platforms_have_the_shape_of_real_answers(one_house):
    def answers(call, status):
        return examples.ANSWERS[call][status]

    for path in ("/me", "/staff", "/tokens", "/nets", "/readyz", "/healthz"):
        same_shape(answers(f"GET {path}", 200), one_house.get(path, by="ada").json(), path)
    bodies = {
        "/staff": {"roles": ["reviewer"], "team": "reports"},
        "/tokens": {"service": "forms", "scope": ["reports:write"]},
        "/platforms": {"name": "chirp", "kind": "sandbox"},
        "/pause": {"because": "Something is off."},
        "/resume": {"because": "Mended."},
    }
    for path, body in bodies.items():
        made = one_house.post(path, body, by="ona" if path in {"/pause", "/resume"} else "ada")
        same_shape(answers(f"POST {path}", made.status_code), made.json(), path)
        if path == "/pause":
            same_shape(answers("GET /pause", 200), one_house.get("/pause").json(), path)


def test_the_batch_example_has_the_shape_of_real_lines(one_house):
    subject = {"kind": "account", "account": "1001"}
    good = {"platform": "sandbox", "subject": subject, "reporter": "member-77", "category": "spam"}
    lines = [json.dumps(good), json.dumps({**good, "subject": None})]
    headers = {"Content-Type": examples.NDJSON}
    body = "\n".join(lines)
    real = one_house.call("POST", "/reports/batch", by="forms", content=body, headers=headers).text
    example = examples.ANSWERS["POST /reports/batch"][200]
    for one, other in zip(example.splitlines(), real.splitlines(), strict=True):
        same_shape(json.loads(one), json.loads(other))


def test_the_reference_page_shows_the_same_examples():
    page = (ROOT / "docs/reference/http.md").read_text(encoding="utf-8")
    section = page.partition("## Answers, by example\n")[2].partition("\n## ")[0]
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL)]
    assert shown == [
        examples.REPORT,
        examples.CASE,
        # Their enforcements are shown once, by themselves.
        {**examples.DECISION, "enforcements": []},
        examples.WAITING,
        examples.PREVIEW,
        {**examples.RESTORED, "restores": []},
    ]
