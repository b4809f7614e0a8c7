"""How urgent a case is: one number, higher comes first, made of parts that anyone can add up.

    category      urgent (`Rules.urgent_categories`) 400 · grave 200 · any other 100
    reporters     10 for each different one, 300 at most
    burst         100 when many different ones came in a short time
    flagger       300 when a trusted flagger or an authority reported it
    account       protected 200 · notable 100
    escalated     500

A new report never lowers the priority of a case. What the account's tier adds
is as known from the last reading when the report came.
"""

from __future__ import annotations

from gardefou.domain.accounts import Tier
from gardefou.flow.rules import Rules

ESCALATED = 500
FLAGGER = 300
BURST = 100
EACH_REPORTER = 10
ALL_REPORTERS = 300

URGENT, GRAVE, ORDINARY = 400, 200, 100

#: What can harm people, without being a matter of minutes.
GRAVE_CATEGORIES = frozenset(
    {"impersonation", "violence", "hate", "harassment", "abuse", "child_safety", "terrorism", "doxxing", "scam"}
)

_TIER = {Tier.STANDARD: 0, Tier.NOTABLE: 100, Tier.PROTECTED: 200}


def gravity(rules: Rules, category: str) -> int:
    """Return what a category by itself adds to the priority."""
    if category in rules.urgent_categories:
        return URGENT
    return GRAVE if category in GRAVE_CATEGORIES else ORDINARY


def crowd(reporters: int, *, burst: bool, flagger: bool) -> int:
    """Return what those who report add to the priority."""
    return min(ALL_REPORTERS, EACH_REPORTER * reporters) + (BURST if burst else 0) + (FLAGGER if flagger else 0)


def of_tier(tier: Tier) -> int:
    """Return what the account's tier adds to the priority."""
    return _TIER[tier]
