"""The OpenAPI document tells the truth: calls made from it, right and wrong, get nothing that it does not name."""

from __future__ import annotations

import pytest

from tests.web.house import House, open_house
from tests.web.openapi_calls import Called, call_all, furnish, operations

EVERYONE = ("rea", "lea", "ona", "ada", "forms")


def every(called: Called) -> set[int]:
    return {status for one in called.statuses.values() for status in one}


@pytest.mark.slow
def test_every_call_of_the_document_answers_as_it_says_whoever_calls(one_house):
    known = furnish(one_house)
    called = call_all(one_house, known, by=EVERYONE, examples=3)
    assert not called.faults, "\n".join(f"{name}: {fault}" for name, fault in called.faults.items())
    # The calls reached what they were to reach: good answers and bad ones.
    assert {200, 201, 202, 400, 403, 404, 409} <= every(called)
    assert called.calls > 170


def test_without_a_token_every_call_but_the_open_ones_is_answered_401(one_house):
    called = call_all(one_house, furnish(one_house), by=(None,), examples=1)
    assert not called.faults, called.faults
    answered = {name for name, statuses in called.statuses.items() if set(statuses) - {401}}
    assert answered == {
        "GET /api/v1/healthz",
        "GET /api/v1/readyz",
        "GET /api/v1/metrics",
        "POST /api/v1/tokens/revoke-leaked",
    }


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("who", [*EVERYONE, "pol", "leg", "aud"])
def test_hundreds_of_calls_of_each_kind_find_no_answer_that_the_document_does_not_name(database_url, tmp_path, who):
    # Their form has little to do with the database: all of them on one, a part on the other.
    examples = 40 if database_url.startswith("sqlite") else 10
    with open_house(database_url, tmp_path) as house:
        called = _deep(house, who, examples)
        there = {f"{one.method.upper()} {one.path}" for one in operations(house)}
    assert not called.faults, "\n".join(f"{name}: {fault}" for name, fault in called.faults.items())
    assert set(called.statuses) == there


def _deep(house: House, who: str, examples: int) -> Called:
    return call_all(house, furnish(house), by=(who,), examples=examples, start=1_000 * sum(map(ord, who)))
