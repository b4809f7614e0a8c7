"""What was most likely meant by a word that there is not: facts by what they are called elsewhere, and slips of the pen."""

from __future__ import annotations

import pytest

from gardefou.nets.facts import SCHEMA
from gardefou.nets.suggest import nearest_word, suggestion


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("followers", "account.reach"),
        ("account.followers", "account.reach"),
        ("account.folowers", "account.reach"),
        ("Followers", "account.reach"),
        ("session", "actor.fresh_minutes"),
        ("actor.mfa", "actor.fresh_minutes"),
        ("account.age", "account.age_days"),
        ("last_day", "actor.hours_to_last_day_end"),
        ("action.type", "action.name"),
        ("user", "actor.roles"),
        # What stands after the dot says most: of the same group first, then of any.
        ("account.reech", "account.reach"),
        ("acount.reach", "account.reach"),
        ("severity", "action.severity"),
        ("case.severity", "action.severity"),
        ("action.reach", "account.reach"),
        ("recent.actor_1h.severty4", "recent.actor_1h.severity4"),
        ("now.houre", "now.hour"),
        ("accaunts", "action.bulk"),
        ("knd", "change.kind"),
        ("account.team", "actor.team"),
        ("account.tenure_days", "actor.tenure_days"),
        ("account.label", "account.labels"),
        ("action.labels", "action.label"),
        ("account.history.label", "account.labels"),
        ("qqqqqqqq", None),
        ("account.qqqqqqqq", None),
    ],
)
def test_the_fact_that_was_meant(word, meant):
    assert nearest_word(word, SCHEMA) == meant
    assert suggestion(word, SCHEMA) == (f" Did you mean {meant}?" if meant else "")


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("leed", ("lead", "legal"), "lead"),
        ("LEAD", ("lead", "legal"), "lead"),
        ("xyz", ("lead", "legal"), None),
        ("lead", (), None),
        # Other names of facts are none of other words.
        ("followers", ("lead", "fellows"), "fellows"),
        ("channel", ("team", "everyone"), None),
    ],
)
def test_any_other_word_that_was_meant(word, known, meant):
    assert nearest_word(word, known) == meant
