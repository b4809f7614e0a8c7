"""Expectations that do not hold must fail, each by itself, and say what came instead."""

from __future__ import annotations

import pytest

from gardefou.scenario.load import load_text
from gardefou.scenario.report import run_scenario

WORLD = """
staff = [{ id = "rev", roles = ["reviewer"] }]
platform = [{ name = "chirp" }]
account = [
  { platform = "chirp", ref = "a", handle = "somebody", reach = 9 },
  { platform = "chirp", ref = "b", handle = "townhall", reach = 150_000 },
  { platform = "chirp", ref = "c", handle = "another", reach = 9 },
]

[scenario]
name = "wrong"
starts_at = 2024-03-04T09:00:00Z
ends_after = "1h"

[[step]]
at = "+0m"
id = "a"
by = "rev"
do = "enforce"
account = "a"
action = "suspend"
FAILS_A

[[step]]
at = "+1m"
id = "b"
by = "rev"
do = "enforce"
account = "b"
action = "suspend"

[[step]]
at = "+2m"
id = "x"
by = "rev"
do = "enforce"
account = "c"
action = "warn"
legal_basis = "whim"
FAILS_X

[[step]]
at = "+3m"
do = "out_of_band"
account = "c"
state = "limited"

[[step]]
at = "+4m"
do = "out_of_band"
account = "b"
state = "limited"

[expect]
"""


def failures(expect, fails_a="", fails_x=""):
    text = WORLD.replace("FAILS_A", fails_a).replace("FAILS_X", fails_x) + expect + "\n"
    return run_scenario(load_text(text, "wrong.toml"))["failures"]


@pytest.mark.parametrize(
    "expect",
    [
        'never_down = ["b", "c"]',
        'down = ["a"]',
        'up = ["b"]',
        "max_down_seconds = { a = 3_840, b = 0 }",
        'state = { a = "suspended", b = "limited" }',
        'enforcement_state = { a = "in_force", b = "waiting" }',
        'stopped_by = { b = ["notable-one-lead"] }',
        'allowed = ["a"]',
        "effects = { a = 1, b = 0 }",
        "detected_within_seconds = { b = 25 }",
        'incident = ["b"]',
    ],
)
def test_what_holds_passes(expect):
    assert failures(expect) == []


@pytest.mark.parametrize(
    "expect",
    [
        'never_down = ["a"]',
        'down = ["b"]',
        'up = ["a"]',
        "max_down_seconds = { a = 3_839 }",
        'state = { a = "active" }',
        'enforcement_state = { b = "in_force" }',
        'enforcement_state = { x = "refused" }',
        'stopped_by = { a = ["notable-one-lead"] }',
        'stopped_by = { b = ["notable-one-lead", "paused"] }',
        'allowed = ["b"]',
        'allowed = ["x"]',
        "effects = { a = 2 }",
        "detected_within_seconds = { b = 9 }",
        "detected_within_seconds = { c = 3_600 }",
        'incident = ["a"]',
    ],
)
def test_what_does_not_hold_fails(expect):
    assert len(failures(expect)) == 1


def test_steps_that_were_to_fail():
    assert failures("", fails_x="fails = true") == []
    assert failures("", fails_x='fails = "enforcement/legal_basis"') == []
    assert failures("", fails_x='fails = "auth/step_up"')
    assert failures("", fails_x="fails = false")
    assert failures("", fails_a="fails = true") == ["step a was to fail and did not (line 15)"]


def test_a_failure_names_the_line_of_what_was_expected_and_of_the_step_that_did_it():
    assert failures('\nnever_down = ["a"]') == [
        "account a was down for 3840 s and was never to be: step a (line 15) took it down (line 56)"
    ]
    assert failures('stopped_by = { a = ["paused"] }') == ["step a: paused did not speak; no net did (line 55)"]
