"""The report of a replay: the contract's JSON, and what a person wants to read beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gardefou.clock import rfc3339
from gardefou.errors import GardefouError
from gardefou.nets.net import NetSet
from gardefou.nets.verdict import Verdict
from gardefou.scenario.expect import Came, StepCame, failures, gather
from gardefou.scenario.model import Scenario
from gardefou.scenario.run import replay

Document = dict[str, Any]

#: Steps that would have placed an enforcement: they are in the report where they were answered with an error too.
_PLACES = frozenset({"enforce", "decide", "bulk", "break_glass"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of one file. ``document`` is the contract's; ``answers`` are the steps' errors, by step, in words."""

    title: str
    document: Document
    answers: dict[str, str]
    #: Why what a step placed ended as it did, by step, where there is a reason.
    because: dict[str, str]
    lines: dict[str, int]


def run_scenario(scenario: Scenario, *, nets: NetSet | None = None, no_nets: bool = False) -> Document:
    """Replay a scenario and return its report, as ``gardefou scenario run --json`` prints it.

    Raises:
        InvalidInput: something in it is refused while the world is made (`tier/…`, `platform/…`).
    """
    return report_of(scenario, nets=nets, no_nets=no_nets).document


def report_of(scenario: Scenario, *, nets: NetSet | None = None, no_nets: bool = False) -> Report:
    """Replay a scenario and return its report, with what a person wants to read beside the contract's document.

    Raises:
        InvalidInput: as `run_scenario`.
    """
    replayed = replay(scenario, nets=nets, no_nets=no_nets)
    try:
        came = gather(replayed)
    finally:
        replayed.world.close()
    found = failures(scenario, came)
    document = {
        "scenario": scenario.name,
        "passed": not found,
        "failures": found,
        "accounts": {
            scenario.name_of(at): {
                "state": one.state,
                "down_seconds": _plain(one.down_seconds),
                "timeline": [[_plain(second), state] for second, state in one.timeline],
            }
            for at, one in came.accounts.items()
        },
        "enforcements": {key: _step(one) for key, one in came.steps.items() if one.enforcements or _tried(one)},
        "incidents": _incidents(scenario, came),
        "elapsed_ms": round(replayed.elapsed_ms, 1),
    }
    return Report(
        title=scenario.title,
        document=document,
        answers={key: said for key, one in came.steps.items() if (said := _answer(one))},
        because={
            key: one.enforcements[0].because
            for key, one in came.steps.items()
            if one.enforcements and one.enforcements[0].because
        },
        lines={step.key: step.line for step in scenario.steps},
    )


def _tried(one: StepCame) -> bool:
    return one.done.step.do in _PLACES and one.done.outcome.error is not None


def _answer(one: StepCame) -> str:
    outcome = one.done.outcome
    errors = outcome.partly if outcome.error is None else (outcome.error,)
    return "; ".join(str(error) for error in errors)


def _step(one: StepCame) -> Document:
    """Return what became of a step: of the first it placed, and of each where it placed several."""
    made = [
        {
            "id": enforcement.id,
            "account": enforcement.account,
            "action": enforcement.action,
            "state": enforcement.state,
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
    if len(made) > 1:
        document["all"] = made
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
