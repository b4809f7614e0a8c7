"""Facts: typed, bounded, unknown when absent."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given

from gardefou.errors import InvalidInput
from gardefou.nets.facts import SCHEMA, UNKNOWN, Facts, UnknownFactRead
from tests.nets.cases import any_facts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("account.reach", -1),
        ("account.reach", math.nan),
        ("account.reach", 1.5),
        ("account.reach", True),
        ("account.reach", "many"),
        ("account.age_days", math.nan),
        ("account.age_days", math.inf),
        ("account.age_days", -0.5),
        ("action.severity", 6),
        ("now.hour", 24),
        ("actor.standing", "retired"),
        ("actor.human", 1),
        ("actor.roles", "lead"),
        ("actor.roles", [1]),
        ("case.category", 7),
        ("case.category", "x" * 5_000),
    ],
)
def test_r17_wrong_type_or_out_of_bounds_is_an_error_that_names_the_fact(name, value):
    with pytest.raises(InvalidInput) as caught:
        Facts.of({name: value})
    assert caught.value.code == "facts/invalid"
    assert caught.value.field == name
    assert name in caught.value.message


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(InvalidInput, match=r"Did you mean account\.reach") as caught:
        Facts.of({"account.reech": 1})
    assert caught.value.code == "facts/unknown"


@given(any_facts())
def test_json_round_trip(facts):
    assert Facts.from_json(json.dumps(facts.to_json())) == facts
    assert facts.unknown == SCHEMA.keys() - facts.keys()


def test_broken_json_is_an_error():
    for text in ("{", "[]", "3"):
        with pytest.raises(InvalidInput):
            Facts.from_json(text)


def test_every_most_protective_value_is_a_valid_value():
    for spec in SCHEMA.values():
        if spec.most_protective is not None:
            assert spec.validated(spec.most_protective) == spec.most_protective


def test_whatever_is_done_with_an_unknown_value_errs():
    for use in (
        lambda: UNKNOWN == "a",
        lambda: UNKNOWN in ("a", "b"),
        lambda: "a" in UNKNOWN,
        lambda: bool(UNKNOWN),
        lambda: UNKNOWN + 1,
        lambda: 1 - UNKNOWN,
        lambda: UNKNOWN < 1,
        lambda: len(UNKNOWN),
    ):
        with pytest.raises(UnknownFactRead):
            use()


def test_none_is_unknown_and_but_replaces():
    facts = Facts.of({"account.reach": 5, "actor.human": None})
    assert "actor.human" in facts.unknown
    assert facts.but({"account.reach": None}).unknown == set(SCHEMA)
    assert facts.but({"account.reach": 7})["account.reach"] == 7
