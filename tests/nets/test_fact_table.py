"""The table of facts, held a second time: types, bounds, words, and what each counts as where it is not known."""

from __future__ import annotations

from typing import Any

import pytest

from gardefou.nets import facts
from gardefou.nets.facts import SCHEMA, Facts, FactSpec, Kind, Unit

MANY = 10**15
B, I, F, T, E, TS = Kind.BOOL, Kind.INT, Kind.FLOAT, Kind.TEXT, Kind.ENUM, Kind.TEXTS  # noqa: E741
TIERS = ("standard", "notable", "protected")
ACTIONS = (
    "warn",
    "label",
    "limit",
    "remove_content",
    "lock",
    "suspend",
    "deactivate",
    "delete",
    "restore",
    "change",
)
STATES = ("active", "limited", "locked", "suspended", "deactivated", "deleted")
ROLES = ("reviewer", "lead", "policy", "oncall", "legal", "admin", "auditor")

#: Name, type, and the value it is taken at where it is unknown (None: reading it errs); then what is not usual.
TABLE: list[tuple[str, Kind, Any, dict[str, Any]]] = [
    ("account.tier", E, "protected", {"choices": TIERS}),
    ("account.tier_memory", E, "protected", {"choices": TIERS}),
    ("account.reach", I, MANY, {}),
    ("account.labels", TS, None, {}),
    ("account.state", E, None, {"choices": STATES}),
    ("account.age_days", F, MANY, {"unit": Unit.DAYS}),
    ("account.lookalike", B, True, {}),
    ("account.enforced_24h", I, MANY, {}),
    ("account.restored_30d", I, MANY, {}),
    ("action.name", E, None, {"choices": ACTIONS}),
    ("action.severity", I, 5, {"maximum": 5}),
    ("action.reversibility", E, "none", {"choices": ("exact", "lossy", "none")}),
    ("action.on_content", B, False, {}),
    ("action.bulk", I, MANY, {}),
    ("action.duration_hours", F, MANY, {"unit": Unit.HOURS}),
    ("action.scheduled", B, True, {}),
    ("action.automated", B, True, {}),
    ("action.legal", B, None, {}),
    ("action.label", T, None, {}),
    ("actor.roles", TS, (), {"choices": ROLES}),
    ("actor.team", T, None, {}),
    ("actor.employer", T, None, {}),
    ("actor.standing", E, "suspended", {"choices": ("active", "leaving", "suspended", "left")}),
    ("actor.tenure_days", F, 0, {"unit": Unit.DAYS}),
    ("actor.hours_to_last_day_end", F, 0, {"unit": Unit.HOURS}),
    ("actor.fresh_minutes", F, MANY, {"unit": Unit.MINUTES}),
    ("actor.human", B, None, {}),
    ("actor.in_shift", B, False, {}),
    ("actor.via", E, None, {"choices": ("console", "api", "cli", "system", "break_glass")}),
    ("actor.involved_30d", B, True, {}),
    ("case.reports", I, 0, {}),
    ("case.reporters", I, 0, {}),
    ("case.burst", B, True, {}),
    ("case.category", T, None, {}),
    ("case.policy", T, None, {}),
    ("case.trusted_flagger", B, False, {}),
    ("case.evidence_seen", B, False, {}),
    ("case.language", T, None, {}),
    ("case.harm", I, 0, {"maximum": 5}),
    *(
        (f"recent.{window}.{what}", I, MANY, {})
        for window in ("actor_1h", "actor_24h", "team_1h", "platform_1h")
        for what in ("severity3", "severity4", "all", "reach")
    ),
    ("recent.actor_reversed_7d", I, MANY, {}),
    ("change.kind", T, None, {}),
    ("change.weakens", B, True, {}),
    ("change.person", T, None, {}),
    ("now.hour", I, None, {"maximum": 23}),
    ("now.weekday", I, None, {"maximum": 6}),
    ("now.paused", B, True, {}),
    ("now.raid", B, False, {}),
]


def test_every_fact_is_as_the_table_says_in_the_contracts_sequence():
    built = facts._schema()  # what is built at import, built before our eyes
    assert list(SCHEMA) == list(built) == [name for name, *_ in TABLE]
    for index, (name, kind, unknown, others) in enumerate(TABLE):
        for spec in (SCHEMA[name], built[name]):
            meant = FactSpec(name=name, kind=kind, says=spec.says, index=index, most_protective=unknown, **others)
            assert spec == meant
            assert type(spec.most_protective) is type(unknown)
            assert len(spec.says) > 5


def test_what_windows_count_is_said_of_whom():
    built = facts._schema()
    for window, who in {
        "actor_1h": "this person, last hour",
        "actor_24h": "this person, last 24 hours",
        "team_1h": "their team, last hour",
        "platform_1h": "the whole platform, last hour",
    }.items():
        for what in ("severity3", "severity4", "all", "reach"):
            assert built[f"recent.{window}.{what}"].says.endswith(f" by {who}")


@pytest.mark.parametrize(("name", "kind", "unknown", "others"), [row for row in TABLE if row[2] is not None])
def test_conditions_take_an_unknown_fact_at_its_most_protective_value(name, kind, unknown, others):
    assert Facts.of({}).row[SCHEMA[name].index] == unknown
