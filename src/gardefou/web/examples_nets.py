"""Examples of what is answered about nets: what one person can do alone, and why an enforcement was stopped."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

_ONE_LEAD: Document = {
    "kind": "with_others",
    "people": 1,
    "hold_seconds": 0,
    "says": "needs 1 further person (lead)",
}
#: The table's first cells, and one of everything else.
ALONE: Document = {
    "digest": "3f6c1c0b9d6e8a7f52b1d0c4e3a29786f5e4d3c2b1a09f8e7d6c5b4a39281706",
    "people": [{"id": "reviewer", "says": "a reviewer"}],
    "table": [
        {
            "tier": "notable",
            "act": "suspend",
            "severity": 3,
            "cells": [
                {
                    "who": "reviewer",
                    "says": "needs 1 further person (lead)",
                    "least": _ONE_LEAD,
                    "usual": _ONE_LEAD,
                    "most": _ONE_LEAD,
                    "loosest": None,
                }
            ],
        }
    ],
    "promises": [
        {
            "says": (
                "Nobody alone can suspend, deactivate or delete a notable account: it needs the yes of 1 other person "
                "at least. Proved."
            ),
            "kept": True,
            "kind": "with_others",
            "people": 1,
            "hold_seconds": 0,
            "how": None,
        }
    ],
    "budgets": [
        {
            "who": "A reviewer",
            "limits": ["suspensions: 60 an hour and 300 a day"],
            "beyond": "1 further person (lead)",
        }
    ],
    "rules": [
        {
            "says": "raise an account's tier",
            "roles": ["lead", "policy"],
            "weakens": False,
            "kind": "at_once",
            "people": 0,
            "hold_seconds": 0,
        }
    ],
    "back": [
        {
            "says": "pause all enforcement",
            "roles": ["reviewer", "lead", "policy", "oncall", "legal", "admin"],
            "weakens": False,
            "kind": "at_once",
            "people": 0,
            "hold_seconds": 0,
        }
    ],
}
EXPLANATION: Document = {
    "enforcement": "0199a4f2-0c11-7a10-8000-000000000010",
    "says": "It waits for 1 further person (lead) (2 people here could: 2 lead, of the teams night and review).",
    "met": [],
    "outstanding": ["1 further person (lead) (2 people here could: 2 lead, of the teams night and review)"],
    "in_shadow": None,
    "nets": [
        {
            "net": "notable-one-lead",
            "title": "A lead for a notable account",
            "because": (
                "2020: 45 well-known accounts were used from inside; a second employee for high-risk functions"
            ),
            "mode": "enforce",
            "spoke": True,
            "outcome": "matched",
            "words": ['account.tier_memory == "notable" holds: account.tier_memory is notable'],
            "plain": ["the account is notable"],
            "asks": ["1 further person (lead)"],
            "silent_if": ["the account is standard", "its severity is less than 3"],
        }
    ],
}
#: What a proposal is told that can be used all the same.
WARNING: Document = {
    "code": "nets/covered",
    "severity": "warning",
    "message": "Net four adds nothing: five speaks wherever it does, and asks at least as much.",
    "file": "proposal",
    "line": 27,
    "column": 1,
    "net": "four",
    "suggestion": "take four out, or make it ask for more than five",
}
