"""A situation in a sentence that a lead understands: who does what, what is unusual about it, and what is asked."""

from __future__ import annotations

from typing import Any

import pytest

from gardefou.nets.floor import ORDINARY
from gardefou.nets.sentence import asked, asks_in_words, in_words, situation_in_words, unusual_facts
from gardefou.nets.verdict import NOTHING, Requirement, Verdict

DELETE = {"action.name": "delete", "action.severity": 5}
REMOVE = {"action.name": "remove_content", "action.severity": 2}
CHANGE = {"action.name": "change", "action.severity": 0, "change.kind": "tier"}


def of(facts: dict[str, Any], **more: Any) -> str:
    return in_words({**ORDINARY, **facts}, NOTHING, **more)


@pytest.mark.parametrize(
    ("facts", "situation"),
    [
        ({}, "a suspension of a standard account (40 followers) by a reviewer"),
        ({"actor.human": False, "action.automated": True}, "a suspension of a standard account (40 followers) by a service"),
        ({"actor.roles": []}, "a suspension of a standard account (40 followers) by someone without a role"),
        ({"actor.roles": ["admin"]}, "a suspension of a standard account (40 followers) by an admin"),
        ({"actor.roles": ["oncall", "lead"]}, "a suspension of a standard account (40 followers) by an oncall and lead"),
        ({"actor.roles": ["lead", "admin"]}, "a suspension of a standard account (40 followers) by a lead and admin"),
        (
            {"account.tier": "standard", "account.tier_memory": "protected", "account.reach": 1},
            "a suspension of a protected account, today standard, (1 follower) by a reviewer",
        ),
        (
            {"account.tier": "notable", "account.tier_memory": "notable", "account.reach": 2_000_000},
            "a suspension of a notable account (2 million followers) by a reviewer",
        ),
        ({"actor.via": "api"}, "a suspension of a standard account (40 followers) by a reviewer by API"),
        ({"actor.via": "cli"}, "a suspension of a standard account (40 followers) by a reviewer on the command line"),
        ({"actor.via": "system"}, "a suspension of a standard account (40 followers) by a reviewer as the system"),
        ({"actor.via": "break_glass"}, "a suspension of a standard account (40 followers) by a reviewer by breaking glass"),
        ({**CHANGE, "change.weakens": True}, "a change of tier that weakens protection, by a reviewer"),
        (CHANGE, "a change of tier by a reviewer"),
        ({**DELETE, "action.reversibility": "none"}, "a deletion of a standard account (40 followers) by a reviewer"),
        ({**REMOVE, "action.on_content": True}, "a removal of content of a standard account (40 followers) by a reviewer"),
        (
            {"now.raid": True, "account.labels": ["a"], "actor.via": "cli"},
            (
                "a suspension of a standard account (40 followers) by a reviewer on the command line,"
                " where the account is labelled a and raid mode is on"
            ),
        ),
    ],
)  # fmt: skip
def test_a_situation_by_itself(facts, situation):
    assert situation_in_words({**ORDINARY, **facts}) == situation


@pytest.mark.parametrize(
    ("facts", "unusual"),
    [
        ({}, []),
        ({"account.reach": 7, "account.tier": "notable", "actor.via": "api", "actor.roles": ["lead"]}, []),
        # What follows from the act is not said beside it; what does not is.
        ({**DELETE, "action.reversibility": "none"}, []),
        ({**DELETE, "action.reversibility": "lossy"}, ["undoing it loses something"]),
        ({"action.reversibility": "none"}, ["it cannot be undone"]),
        ({**REMOVE, "action.on_content": True}, []),
        ({"action.on_content": True}, ["it is about content"]),
        ({"action.severity": 4}, ["its severity is 4"]),
        ({"action.name": "deactivate", "action.severity": 4}, []),
        ({"action.automated": True}, ["an automation caused it"]),
        ({"action.automated": True, "actor.human": False}, []),
        (CHANGE, []),
        ({"account.labels": ["b", "a"]}, ["the account is labelled b and a"]),
        ({"account.labels": ()}, []),
        ({"case.reports": 3, "now.raid": True}, ["the case has 3 reports", "raid mode is on"]),
        ({"no.such": 3}, []),
    ],
)
def test_what_is_otherwise_than_on_an_ordinary_day(facts, unusual):
    assert unusual_facts({**ORDINARY, **facts}) == unusual


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (
            {},
            (
                "A reviewer on an ordinary day can suspend a *standard* account of 40 followers (severity 3) in the console,"
                " because the nets ask for nothing."
            ),
        ),
        (
            {"now.raid": True, "actor.roles": ["admin"], "actor.via": "api", "account.reach": 2_000_000},
            (
                "An admin can suspend a *standard* account of 2,000,000 followers (severity 3) by API, where raid mode is on,"
                " because the nets ask for nothing."
            ),
        ),
        (
            {"account.tier": "standard", "account.tier_memory": "protected"},
            (
                "A reviewer on an ordinary day can suspend a *standard* (lately protected) account of 40 followers"
                " (severity 3) in the console, because the nets ask for nothing."
            ),
        ),
        (
            CHANGE,
            (
                "A reviewer on an ordinary day can make a change of kind tier in the console,"
                " because the nets ask for nothing."
            ),
        ),
        (
            {**CHANGE, "change.weakens": True, "actor.human": False, "action.automated": True},
            (
                "A service on an ordinary day can make a change of kind tier that weakens protection in the console,"
                " because the nets ask for nothing."
            ),
        ),
    ],
)
def test_who_can_do_what(facts, sentence):
    assert of(facts) == sentence


def test_what_it_is_compared_with_is_said():
    assert of({}, compares="the same by a lead").endswith(
        " in the console, and the same by a lead asks for less, because the nets ask for nothing."
    )
    assert of({}, compares="account.reach").endswith(
        " in the console, and account.reach not being known asks for less, because the nets ask for nothing."
    )


def test_what_is_not_known_is_taken_at_its_gravest():
    assert in_words({}, NOTHING) == (
        "Someone without a role on an ordinary day can act a *protected* account of 0 followers (severity 5)"
        " in the console, because the nets ask for nothing."
    )
    assert situation_in_words({}) == "a warning of a protected account (0 followers) by someone without a role"
    for lacking, tiers in (
        ("account.tier", "*protected* (lately standard)"),
        ("account.tier_memory", "*standard* (lately protected)"),
    ):
        facts = {name: value for name, value in ORDINARY.items() if name != lacking}
        assert tiers in in_words(facts, NOTHING)
    facts = {name: value for name, value in ORDINARY.items() if name != "account.tier"}
    assert "a standard account, today protected, (40 followers)" in situation_in_words(facts)
    facts = {name: value for name, value in ORDINARY.items() if name != "account.tier_memory"}
    assert "a protected account, today standard, (40 followers)" in situation_in_words(facts)


WHOLE = Verdict(
    approvals=(Requirement(("lead",), 1),), fresh_auth_minutes=10, hold_seconds=600, confirm=("handle", "identity")
)


@pytest.mark.parametrize(
    ("verdict", "parts", "sentence"),
    [
        (NOTHING, [], "the nets ask for nothing"),
        (
            WHOLE,
            [
                "1 further person (lead)",
                "a sign-in of the last 10 minutes",
                "a hold of 10 minutes",
                "the handle and the identity confirmed",
            ],
            (
                "the nets ask only for 1 further person (lead), a sign-in of the last 10 minutes, a hold of 10 minutes"
                " and the handle and the identity confirmed"
            ),
        ),
        (Verdict(hold_seconds=60), ["a hold of 1 minute"], "the nets ask only for a hold of 1 minute"),
        (
            Verdict(fresh_auth_minutes=0),
            ["a sign-in of the last 0 minutes"],
            "the nets ask only for a sign-in of the last 0 minutes",
        ),
        (Verdict(confirm=("handle",)), ["the handle confirmed"], "the nets ask only for the handle confirmed"),
        (Verdict(confirm=("identity",)), ["the identity confirmed"], "the nets ask only for the identity confirmed"),
        (Verdict(refusals=("No.",)), [], "the nets refuse it: No"),
    ],
)
def test_what_is_asked(verdict, parts, sentence):
    assert (asks_in_words(verdict), asked(verdict)) == (parts, sentence)
