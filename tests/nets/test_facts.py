"""Facts: typed, bounded, unknown when absent."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given

from gardefou.errors import InvalidInput
from gardefou.nets.facts import SCHEMA, UNKNOWN, Facts, Kind, Unit, UnknownFactRead, spec_of
from tests.nets.cases import any_facts
from tests.refusals import refused


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


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("account.reach", 0, 10**15),
        ("account.age_days", 0.0, 10**15),
        ("action.severity", 0, 5),
        ("now.hour", 0, 23),
    ],
)
def test_r17_the_bounds_of_a_number_are_its_own(name, least, most):
    assert Facts.of({name: least})[name] == least
    assert Facts.of({name: most})[name] == most
    with refused("facts/invalid", name) as caught:
        Facts.of({name: most + 1})
    assert str(most) in caught.value.message
    with refused("facts/invalid", name):
        Facts.of({name: least - 1})


def test_r17_texts_and_lists_may_be_as_long_as_said_and_no_longer():
    assert Facts.of({"case.category": "x" * 4_000})["case.category"] == "x" * 4_000
    with refused("facts/invalid", "case.category"):
        Facts.of({"case.category": "x" * 4_001})
    many = [f"label-{number:04}" for number in range(1_001)]
    assert Facts.of({"account.labels": many[:1_000]})["account.labels"] == tuple(many[:1_000])
    with refused("facts/invalid", "account.labels"):
        Facts.of({"account.labels": many})
    assert Facts.of({"account.labels": ["x" * 4_000]})["account.labels"] == ("x" * 4_000,)
    with refused("facts/invalid", "account.labels"):
        Facts.of({"account.labels": ["x" * 4_001]})


@pytest.mark.parametrize("given", [["b", "a", "b"], ("b", "a"), {"a", "b"}, frozenset({"b", "a"})])
def test_a_list_is_a_set_by_meaning_and_equal_ones_are_kept_alike(given):
    facts = Facts.of({"account.labels": given})
    assert facts["account.labels"] == ("a", "b")
    assert facts.to_json() == {"account.labels": ["a", "b"]}


@pytest.mark.parametrize("kind", [int, float])
def test_a_number_of_days_may_be_whole_or_not(kind):
    facts = Facts.of({"account.age_days": kind(3)})
    assert (facts["account.age_days"], type(facts["account.age_days"])) == (3, kind)
    with refused("facts/invalid", "account.age_days"):
        Facts.of({"account.age_days": True})
    with refused("facts/invalid", "account.age_days"):
        Facts.of({"account.age_days": "3"})


def test_conditions_calculate_with_floats_and_see_yes_and_no_as_they_are():
    facts = Facts.of({"account.reach": 7, "actor.human": True})
    row = facts.row
    assert (row[SCHEMA["account.reach"].index], type(row[SCHEMA["account.reach"].index])) == (7.0, float)
    assert row[SCHEMA["actor.human"].index] is True
    assert row[SCHEMA["case.category"].index] is UNKNOWN
    assert type(row[SCHEMA["account.restored_30d"].index]) is float
    assert len(row) == len(SCHEMA)


@pytest.mark.parametrize("document", ["{", b"\xff", "[]", "3", "null"])
def test_what_is_no_object_of_facts_says_so(document):
    with refused("facts/invalid", "facts"):
        Facts.from_json(document)


def test_facts_are_read_from_text_bytes_and_mappings_alike():
    document = {"account.reach": 5, "actor.human": None}
    assert Facts.from_json(json.dumps(document)) == Facts.from_json(json.dumps(document).encode()) == Facts.of(document)
    assert Facts.from_json(document) == Facts.of({"account.reach": 5})


def test_an_unknown_name_is_the_field_that_is_refused():
    for name in ("account.reech", "xyz"):
        with refused("facts/unknown", name):
            Facts.of({name: 1})
        with refused("facts/unknown", name) as caught:
            spec_of(name)
        assert caught.value.message.startswith(f"There is no fact {name}.")
    assert spec_of("account.reach") is SCHEMA["account.reach"]


def test_facts_are_a_mapping_of_what_is_known():
    facts = Facts.of({"account.reach": 5, "account.labels": ["a"], "actor.human": None})
    assert (len(facts), list(facts), facts.get("actor.human")) == (2, ["account.reach", "account.labels"], None)
    assert facts == Facts.of({"account.labels": ["a"], "account.reach": 5})
    assert hash(facts) == hash(Facts.of({"account.labels": ["a"], "account.reach": 5}))
    assert facts != Facts.of({"account.reach": 5})
    assert facts != {"account.reach": 5, "account.labels": ("a",)}
    assert list(Facts.of({"account.labels": ["a"], "account.reach": 5}).to_json()) == [
        "account.reach",
        "account.labels",
    ]
    with pytest.raises(KeyError):
        facts["actor.human"]


def test_an_unknown_value_calls_itself_so():
    assert repr(UNKNOWN) == "unknown"


@pytest.mark.parametrize(("unit", "seconds"), [(Unit.MINUTES, 60), (Unit.HOURS, 3_600), (Unit.DAYS, 86_400)])
def test_units_are_so_many_seconds(unit, seconds):
    assert unit.seconds == seconds


def test_a_wrong_word_is_answered_with_those_that_fit():
    with refused("facts/invalid", "actor.standing") as caught:
        Facts.of({"actor.standing": "retired"})
    assert caught.value.message == ("Fact actor.standing is 'retired'; use one of active, leaving, suspended, left.")
    with refused("facts/invalid", "actor.human") as caught:
        Facts.of({"actor.human": 1})
    assert caught.value.message == "Fact actor.human must be of type bool, not int."


def test_only_numbers_are_numbers():
    kinds = {spec.kind for spec in SCHEMA.values() if spec.is_number}
    assert kinds == {Kind.INT, Kind.FLOAT}
