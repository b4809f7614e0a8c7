"""Lookalikes (R10): what a reader would take for a protected name, and what not."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gardefou.nets.lookalikes import LookalikeIndex, looks_like, skeleton

ALIKE = [
    "presldent",
    "rea1president",
    "рresident",
    "PRESIDENT",
    "ｐｒｅｓｉｄｅｎｔ",
    "pre.si_dent",
    "the_real_president",
    "TheRealPresident",
    "president_official",
    "présidént",
    "pr3s1d3nt",
    "presidnet",
    "pressident",
    "president2",
    "p\u200bresident",
    "𝓹𝓻𝓮𝓼𝓲𝓭𝓮𝓷𝓽",
]
DIFFERENT = [
    "president_fan_club_2019",
    "resident",
    "presidio",
    "precedent",
    "presidential",
    "vice_president",
    "",
    "___",
    "the_real",
    "pres",
    "dent",
]


@pytest.mark.parametrize("name", ALIKE)
def test_r10_lookalikes_of_president(name):
    assert looks_like(name, "president")


@pytest.mark.parametrize("name", DIFFERENT)
def test_r10_other_names_are_left_alone(name):
    assert not looks_like(name, "president")


@pytest.mark.parametrize(
    ("name", "protected"),
    [
        ("bob", "rob"),
        ("anna", "hanna"),
        ("al", "ai"),
        ("101", "lol"),
        ("realm", "m"),
        ("maria", "mario"),
        ("theo", "o"),
    ],
)
def test_short_names_do_not_match_too_much(name, protected):
    assert not looks_like(name, protected)


@pytest.mark.parametrize(
    ("name", "protected"),
    [("a1ex", "alex"), ("rnodern", "modern"), ("paypaI", "paypal"), ("g00gle", "google"), ("$upport", "support")],
)
def test_digits_pairs_and_signs_read_as_letters(name, protected):
    assert looks_like(name, protected)


@given(st.text(max_size=30))
def test_a_name_with_letters_looks_like_itself_in_any_case(name):
    if skeleton(name):
        assert looks_like(name, name)
    assert not looks_like("", name)


@given(
    st.text(string.ascii_letters + string.digits + "_.і0о", max_size=14), st.text(string.ascii_lowercase, max_size=14)
)
def test_looking_alike_goes_both_ways(one, other):
    assert looks_like(one, other) == looks_like(other, one)


@given(
    st.lists(st.sampled_from([*ALIKE, *DIFFERENT, "chancellor", "chance11or", "newsroom"]), max_size=8),
    st.sampled_from([*ALIKE, *DIFFERENT]),
)
def test_the_index_answers_as_each_comparison_does(names, asked):
    index = LookalikeIndex((str(number), name) for number, name in enumerate(names))
    expected = sorted((str(number), name) for number, name in enumerate(names) if looks_like(asked, name))
    assert list(index.lookalikes(asked)) == expected


def test_the_index_leaves_out_the_account_itself_and_forgets():
    index = LookalikeIndex([("1", "president"), ("2", "the_president")])
    assert index.lookalikes("presldent", but="1") == (("2", "the_president"),)
    index.discard("2", "the_president")
    assert index.lookalikes("presldent") == (("1", "president"),)
    index.discard("1", "president")
    assert index.lookalikes("presldent") == ()
    assert len(index) == 0


def test_one_name_is_found_among_ten_thousand():
    seeded = random.Random(7)
    letters = string.ascii_lowercase
    index = LookalikeIndex(
        (str(number), "".join(seeded.choices(letters, k=seeded.randint(6, 16)))) for number in range(10_000)
    )
    index.add("real", "president")
    for number in range(5):
        assert ("real", "president") in index.lookalikes(f"pres{number}ident")
