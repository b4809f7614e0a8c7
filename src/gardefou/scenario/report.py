"""The report of a replay: the contract's JSON, and the same for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from gardefou.clock import rfc3339
from gardefou.errors import GardefouError
from gardefou.nets.net import NetSet
from gardefou.nets.verdict import Verdict
from gardefou.scenario.expect import Came, StepCame, failures, gather
from gardefou.scenario.model import Scenario
from gardefou.scenario.run import replay

Document = dict[str, Any]


def run_scenario(scenario: Scenario, *, nets: NetSet | None = None, no_nets: bool = False) -> Document:
    """Replay a scenario and return its report, as ``gardefou scenario run --json`` prints it.

    Raises:
        InvalidInput: something in it is refused while the world is made (`tier/…`, `platform/…`).
    """
    replayed = replay(scenario, nets=nets, no_nets=no_nets)
    try:
        came = gather(replayed)
    finally:
        replayed.world.close()
    found = failures(scenario, came)
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "file": scenario.file,
        "passed": not found,
        "failures": found,
        "accounts": {
            scenario.name_of(at): {
                "state": one.state,
                "down_seconds": _plain(one.down_seconds),
                "timeline": [[_plain(second), state] for second, state in one.timeline],
                "effects": one.effects,
            }
            for at, one in came.accounts.items()
        },
        "enforcements": {key: _step(one) for key, one in came.steps.items() if one.enforcements or _tried(one)},
        "steps": [_outcome(one) for one in came.steps.values()],
        "incidents": _incidents(scenario, came),
        "elapsed_ms": round(replayed.elapsed_ms, 1),
    }


def _tried(one: StepCame) -> bool:
    return one.done.step.do in {"enforce", "decide", "bulk", "break_glass"} and one.done.outcome.error is not None


def _step(one: StepCame) -> Document:
    made = [
        {
            "id": enforcement.id,
            "account": enforcement.account,
            "action": enforcement.action,
            "state": enforcement.state,
            "because": enforcement.because,
            "nets": [reason.net for reason in Verdict.from_json(enforcement.verdict).reasons],
            "waited_seconds": _waited(enforcement.placed_at, enforcement.in_force_at),
        }
        for enforcement in one.enforcements
    ]
    outcome = one.done.outcome
    document: Document = {
        "state": made[0]["state"] if made else None,
        "nets": list(outcome.nets),
        "waited_seconds": made[0]["waited_seconds"] if made else None,
    }
    if outcome.error is not None:
        document["error"] = _error(outcome.error)
    if made:
        document["because"] = made[0]["because"]
    if len(made) > 1:
        document["all"] = made
    return document


def _outcome(one: StepCame) -> Document:
    step, outcome = one.done.step, one.done.outcome
    document: Document = {"step": step.key, "at": rfc3339(step.at), "do": step.do, "failed": outcome.failed}
    if outcome.error is not None:
        document["error"] = _error(outcome.error)
    if outcome.partly:
        document["partly"] = [_error(error) for error in outcome.partly]
    return document


def _error(error: GardefouError) -> Document:
    return {"code": error.code, "message": error.message}


def _waited(placed_at: datetime, in_force_at: datetime | None) -> Any:
    return None if in_force_at is None else _plain((in_force_at - placed_at).total_seconds())


def _incidents(scenario: Scenario, came: Came) -> list[Document]:
    return [
        {
            "kind": one.kind,
            "platform": one.platform,
            "accounts": list(one.accounts),
            "t": _plain((one.opened_at - scenario.starts_at).total_seconds()),
            "opened_at": rfc3339(one.opened_at),
            "summary": one.summary,
        }
        for one in came.incidents
    ]


def _plain(value: float) -> float:
    return int(value) if float(value).is_integer() else round(value, 3)


def as_text(documents: Sequence[Document]) -> str:
    """Return reports for people to read."""
    return "\n".join(line for document in documents for line in _lines(document))


def _lines(document: Document) -> list[str]:
    lines = [f"{'ok  ' if document['passed'] else 'FAIL'} {document['scenario']} — {document['title']}"]
    lines += [f"     ✗ {failure}" for failure in document["failures"]]
    for ref, account in document["accounts"].items():
        if len(account["timeline"]) > 1:
            way = " → ".join(f"{state} {_clock(second)}" for second, state in account["timeline"])
            down = f", down {_clock(account['down_seconds'])}" if account["down_seconds"] else ""
            lines.append(f"     account {ref}: {way}{down}")
    for key, step in document["enforcements"].items():
        what = step["state"] or step["error"]["code"]
        nets = f" — {', '.join(step['nets'])}" if step["nets"] else ""
        lines.append(f"     step {key}: {what}{nets}")
    lines += [f"     incident {_clock(one['t'])}: {one['summary']}" for one in document["incidents"]]
    lines.append(f"     replayed in {document['elapsed_ms']} ms")
    return lines


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
