"""Calls made from the OpenAPI document: right ones, wrong ones, and what every answer must hold to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gardefou.web.reference import describe
from tests.web.house import House

#: What a call may answer with 5xx and be right: the store or a provider is away, or enough for now.
AWAY = frozenset({503})
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: Each of these has a solver prove something, for a second or more: a tenth of the calls.
PROVES = frozenset(
    {"GET /api/v1/enforcements/{id}/explanation", "GET /api/v1/nets/alone", "POST /api/v1/nets/proposals"}
)
#: Ends the one who calls, so that every later call would say no more than 401.
SEVERS = frozenset({"DELETE /api/v1/tokens/{id}", "POST /api/v1/staff/{id}/off", "POST /api/v1/staff/{id}/suspend"})


@schemathesis.serializer("application/x-ndjson")
def _lines(_context: Any, value: Any) -> bytes:
    """Send lines as they are; what is no text becomes a line of JSON."""
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


@dataclass
class Called:
    """What became of the calls: statuses by operation, and what an answer did against the document."""

    statuses: dict[str, dict[int, int]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """How many calls were made."""
        return sum(sum(one.values()) for one in self.statuses.values())


def furnish(house: House) -> dict[str, list[str]]:
    """Let an installation have something of everything; returns what may stand in a path, by parameter."""
    for number, account in enumerate(("1001", "1002", "1003", "9001")):
        house.report(account, reporter=f"r{number}", text="Sells followers.", evidence=[{"url": "post/1"}])
    cases = [one["id"] for one in house.get("/cases").json()["items"]]
    house.post(f"/cases/{cases[0]}/notes", {"text": "The handle changed yesterday."})
    wish = {"platform": "sandbox", "policy": "spam", "rationale": "Sells followers.", "action": "suspend"}
    made = [house.post("/enforcements", {**wish, "account": "1002"}).json()]
    confirm = {"handle": "president", "identity": "9001"}
    made.append(house.post("/enforcements", {**wish, "account": "9001", "confirm": confirm}).json())
    house.post("/accounts/sandbox/1002/restore", {"because": "The real one."}, by="ona")
    house.post("/platforms", {"name": "chirp", "kind": "sandbox"}, by="ada")
    token = house.post("/tokens", {"service": "spare", "scope": ["reports:write"]}, by="ada").json()
    since = {"by": "pseudo-lea", "since": "2026-03-02T08:00:00Z"}
    rollback = house.post("/rollbacks", {**since, "because": "A slip."}, by="ona").json()
    house.app.sequencer.integrate_all()
    return {
        "cases": cases,
        "enforcements": [one["id"] for one in made],
        "staff": ["pseudo-aud", "pseudo-leg"],
        "tokens": [token["token"]],
        "incidents": [one["id"] for one in house.get("/incidents").json()["items"]],
        "rollbacks": [rollback["id"]] if "id" in rollback else ["none"],
        "platform": ["sandbox", "gardefou"],
        "ref": ["1001", "9001"],
        "path": ["0/000.p/1", "entries/000.p/1"],
    }


def operations(house: House) -> Iterator[Any]:
    """Yield every operation of the document, as Schemathesis has them."""
    web: Any = house.client.app
    schema = schemathesis.openapi.from_dict(describe(web))
    for one in schema.get_all_operations():
        assert isinstance(one, Ok), one
        yield one.ok()


def call_all(
    house: House, known: dict[str, list[str]], *, by: tuple[str | None, ...], examples: int, start: int = 0
) -> Called:
    """Make calls of every operation, right and wrong, as these people or as nobody; the same calls every time."""
    called = Called()
    for place, operation in enumerate(operations(house)):
        _call_one(house, operation, known, called, by=by, examples=examples, number=start + place)
    return called


def _call_one(
    house: House,
    operation: Any,
    known: dict[str, list[str]],
    called: Called,
    *,
    by: tuple[str | None, ...],
    examples: int,
    number: int,
) -> None:
    name = f"{operation.method.upper()} {operation.path}"
    names = [one.name for one in operation.path_parameters]
    group = operation.path.split("/")[3]
    right = st.fixed_dictionaries({one: st.sampled_from(known[group if one == "id" else one]) for one in names})
    good = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    # Not every operation can be called wrongly: some take nothing at all.
    kinds = [good]
    if operation.body or operation.query:
        kinds.append(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    who = st.sampled_from([one for one in by if name not in SEVERS] or [None])

    @seed(number)
    @settings(
        max_examples=-(-examples // 10) if name in PROVES else examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(case=st.one_of(kinds), place=st.none() | right, who=who)
    def calls(case: Any, place: dict[str, str] | None, who: str | None) -> None:
        if place:
            case.path_parameters = place
        given = case.as_transport_kwargs(base_url="http://testserver")
        headers = {key: value for key, value in given["headers"].items() if key.lower() != "user-agent"}
        if who is not None:
            headers["Authorization"] = f"Bearer {house.tokens[who]}"
        else:
            headers.pop("Authorization", None)
        body: dict[str, Any] = {"json": given["json"]} if "json" in given else {"content": _bytes(given.get("data"))}
        answer = house.client.request(
            given["method"], given["url"], params=given.get("params"), headers=headers, **body
        )
        seen = called.statuses.setdefault(name, {})
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
        checks = [one for one in CHECKS if not (one is not_a_server_error and answer.status_code in AWAY)]
        try:
            case.validate_response(answer, checks=checks)
        except AssertionError as error:
            called.faults.setdefault(f"{name} {answer.status_code}", f"{error}\n{answer.text[:500]}")
        except BaseExceptionGroup as errors:
            called.faults.setdefault(
                f"{name} {answer.status_code}", "\n".join(map(str, errors.exceptions)) + f"\n{answer.text[:500]}"
            )

    calls()


def _bytes(data: Any) -> bytes | None:
    if data is None or isinstance(data, bytes):
        return data
    return data.encode() if isinstance(data, str) else json.dumps(data).encode()
