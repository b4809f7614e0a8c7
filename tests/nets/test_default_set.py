"""The default set: the table of RULES, case by case, and the proved invariants on random facts."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gardefou.nets.facts import SCHEMA, Facts
from gardefou.nets.judge import judge
from gardefou.nets.shipped import load_shipped
from gardefou.nets.verdict import Requirement
from tests.nets.cases import CHANGE, ORDINARY, any_facts, change, known_facts, ordinary, value_of

DEFAULT = load_shipped("default")
LEAD = (Requirement(("lead",), 1),)
LEAD_OR_POLICY = (Requirement(("lead", "policy"), 1),)
TWO = (Requirement(("lead", "policy"), 2, distinct_teams=True),)


def verdict(**facts):
    return judge(DEFAULT, ordinary(**facts))


def verdict_of_change(**facts):
    return judge(DEFAULT, change(**facts))


def spoke(found):
    return {reason.net for reason in found.reasons}


@pytest.mark.parametrize(
    ("facts", "approvals", "hold_minutes"),
    [
        ({}, (), 0),
        ({"account__tier_memory": "notable"}, LEAD, 0),
        ({"account__tier_memory": "notable", "action__severity": 4}, LEAD, 10),
        ({"account__tier_memory": "notable", "action__severity": 2}, (), 0),
        ({"account__tier_memory": "protected"}, TWO, 10),
        ({"account__tier_memory": "protected", "action__severity": 4}, TWO, 30),
        ({"account__tier_memory": "protected", "action__severity": 2}, LEAD_OR_POLICY, 0),
        ({"account__tier_memory": "protected", "action__severity": 1}, (), 0),
        ({"action__severity": 5}, LEAD, 72 * 60),
        ({"action__severity": 4, "action__reversibility": "none"}, LEAD, 24 * 60),
        ({"account__lookalike": True}, LEAD, 0),
        ({"action__bulk": 25}, (), 0),
        ({"action__bulk": 26}, LEAD, 0),
        ({"action__bulk": 501, "action__severity": 1}, (Requirement(("lead",), 2),), 0),
        ({"recent.actor_1h.severity3": 59}, (), 0),
        ({"recent.actor_1h.severity3": 60}, LEAD, 0),
        ({"recent.actor_1h.severity3": 60, "now__raid": True, "account__age_days": 3}, (), 0),
        ({"recent.actor_1h.severity3": 60, "now__raid": True, "account__age_days": 8}, LEAD, 0),
        ({"recent.actor_1h.severity3": 180, "now__raid": True, "account__age_days": 3}, LEAD, 0),
        ({"recent.actor_1h.severity3": 60, "action__legal": True, "actor__roles": ["legal"]}, (), 0),
        ({"recent.actor_24h.severity3": 300}, LEAD, 0),
        ({"recent.actor_1h.severity4": 15, "action__severity": 4}, LEAD, 0),
        ({"recent.actor_24h.severity4": 60, "action__severity": 4}, LEAD, 0),
        ({"recent.actor_1h.all": 299, "action__severity": 2}, (), 0),
        ({"recent.actor_1h.all": 300, "action__severity": 2}, LEAD, 0),
        ({"recent.actor_1h.all": 300, "recent.actor_1h.severity3": 50, "action__severity": 2}, (), 0),
        ({"recent.actor_24h.all": 1_500, "action__severity": 1}, LEAD, 0),
        ({"recent.actor_1h.reach": 290_000, "account__reach": 10_001}, LEAD, 0),
        ({"recent.actor_24h.reach": 999_990, "account__reach": 40}, LEAD, 0),
        ({"recent.team_1h.severity3": 500}, LEAD, 0),
        ({"recent.platform_1h.severity3": 1_500}, LEAD, 0),
        ({"recent.platform_1h.severity4": 200, "action__severity": 4}, LEAD, 0),
        ({"recent.actor_1h.severity3": 30, "actor__via": "api"}, LEAD, 0),
        ({"recent.actor_1h.severity4": 9, "actor__via": "api", "action__severity": 4}, (), 0),
        ({"recent.actor_1h.severity4": 10, "actor__via": "api", "action__severity": 4}, LEAD, 0),
        ({"actor__human": False, "actor__via": "api", "account__age_days": 29}, (), 0),
        ({"actor__human": False, "actor__via": "api", "account__age_days": 31}, LEAD, 0),
        ({"actor__human": False, "actor__via": "api", "account__age_days": 3, "account__reach": 1_000}, LEAD, 0),
        ({"actor__human": False, "actor__via": "api", "action__severity": 4}, LEAD, 0),
        ({"actor__human": False, "actor__via": "api", "action__severity": 2}, (), 0),
        (
            {"actor__human": False, "actor__via": "api", "action__severity": 1, "account__tier_memory": "notable"},
            LEAD,
            0,
        ),
        (
            {"actor__human": False, "actor__via": "api", "action__severity": 1, "account__tier_memory": "protected"},
            LEAD_OR_POLICY,
            0,
        ),
        ({"actor__tenure_days": 44}, (), 0),
        ({"actor__tenure_days": 44, "action__severity": 4}, LEAD, 0),
        ({"actor__tenure_days": 44, "recent.actor_1h.all": 20}, LEAD, 0),
        ({"actor__tenure_days": 44, "action__bulk": 2}, LEAD, 0),
        ({"actor__hours_to_last_day_end": 300}, (), 0),
        ({"actor__hours_to_last_day_end": 300, "action__severity": 4}, LEAD, 0),
        ({"actor__hours_to_last_day_end": 20}, (), 0),
        ({"action__legal": True}, (Requirement(("legal",), 1),), 0),
    ],
)
def test_what_an_enforcement_asks(facts, approvals, hold_minutes):
    found = verdict(**facts)
    assert not found.refused
    assert found.approvals == approvals
    assert found.hold_seconds == hold_minutes * 60


@pytest.mark.parametrize(
    ("facts", "net"),
    [
        ({"actor__hours_to_last_day_end": 336, "account__tier_memory": "notable"}, "leaver-not-on-notable"),
        ({"actor__standing": "leaving", "action__bulk": 2}, "leaver-no-bulk"),
        ({"actor__standing": "leaving", "actor__via": "api"}, "leaver-no-token"),
        ({"actor__hours_to_last_day_end": 24, "action__severity": 4}, "leaver-last-24h"),
        ({"actor__hours_to_last_day_end": 24, "account__reach": 1_000}, "leaver-last-24h"),
        ({"actor__hours_to_last_day_end": 1, "action__severity": 0, "action__name": "restore"}, "leaver-last-hour"),
        ({"actor__standing": "suspended", "action__severity": 0, "action__name": "restore"}, "standing-lost"),
        ({"actor__standing": "left"}, "standing-lost"),
        ({"now__paused": True}, "paused"),
        ({"account__restored_30d": 1, "actor__involved_30d": True}, "restored-by-others-only"),
        ({"account__tier_memory": "protected", "action__severity": 5}, "irreversible-not-on-protected"),
        ({"actor__via": "break_glass", "action__reversibility": "none"}, "break-glass-reversible-only"),
        ({"action__bulk": 5_001}, "bulk-ceiling"),
    ],
)
def test_what_is_refused(facts, net):
    found = verdict(**facts)
    assert found.refused
    assert net in spoke(found)


def test_the_2017_click_is_stopped_by_both_nets():
    found = verdict(account__tier_memory="protected", action__severity=4, actor__hours_to_last_day_end=1.27)
    assert found.refused
    assert {"protected-two-more-people", "leaver-last-24h"} <= spoke(found)


def test_r7_reported_items_of_a_protected_account_go_three_a_day():
    item = {
        "account__tier_memory": "protected",
        "action__name": "remove_content",
        "action__severity": 2,
        "action__on_content": True,
    }
    assert verdict(**item).asks_nothing
    assert verdict(**item, account__enforced_24h=3).approvals == LEAD_OR_POLICY
    assert verdict(**{**item, "case__reports": 0}).approvals == LEAD_OR_POLICY


def test_r10_a_lookalike_is_chosen_by_identity():
    assert verdict(account__lookalike=True).confirm == ("identity",)


def test_m11_pause_does_not_stop_what_the_law_demands():
    assert verdict(now__paused=True, action__legal=True, actor__roles=["legal"]).asks_nothing


def test_severity_4_by_a_person_wants_a_fresh_sign_in():
    assert verdict(action__severity=4, actor__fresh_minutes=6).fresh_auth_minutes == 5
    assert verdict(action__severity=4, actor__fresh_minutes=5).asks_nothing
    assert verdict(action__severity=3, actor__fresh_minutes=6).fresh_auth_minutes is None


@pytest.mark.parametrize(
    ("facts", "approvals"),
    [
        ({"change__kind": "nets"}, ()),
        ({"change__kind": "nets", "change__weakens": True}, TWO),
        ({"change__kind": "resume"}, (Requirement(("lead", "oncall", "policy"), 1),)),
        ({"change__kind": "second_pause"}, (Requirement(("lead", "oncall", "policy"), 1),)),
        ({"change__kind": "restore"}, (Requirement(("lead", "oncall", "policy", "reviewer"), 1),)),
        ({"change__kind": "restore_legal"}, (Requirement(("legal",), 1),)),
        ({"change__kind": "reveal"}, (Requirement(("legal",), 1),)),
        ({"change__kind": "reveal", "actor__roles": ["legal"]}, (Requirement(("lead", "legal"), 1),)),
    ],
)
def test_what_a_guarded_change_asks(facts, approvals):
    found = verdict_of_change(**facts)
    assert found.approvals == approvals
    assert not found.refused


def test_m9_a_leaver_changes_no_guard_but_restores_and_pauses():
    assert verdict_of_change(change__kind="tier", actor__standing="leaving").refused
    for kind in ("restore", "pause", "resume"):
        assert not verdict_of_change(change__kind=kind, actor__standing="leaving").refused


def test_r3_weakening_asks_at_least_what_deactivating_a_protected_account_asks():
    deactivating = verdict(account__tier_memory="protected", action__severity=4)
    assert verdict_of_change(change__weakens=True).covers(deactivating)


# --- invariants, on random facts -------------------------------------------------


def outside(found, people):
    """Whether it is refused, or that many further people must be found."""
    return found.refused or found.seats >= people


def asks_i1(found):
    """Whether it asks what I1 demands."""
    return found.refused or (
        any(one.approvals >= 2 and one.distinct_teams for one in found.approvals)
        and (found.fresh_auth_minutes or 99) <= 10
        and found.hold_seconds >= 600
    )


@given(any_facts(account__tier_memory="protected"), st.integers(3, 5))
def test_i1_a_protected_account_takes_two_more_people(facts, severity):
    assert asks_i1(judge(DEFAULT, facts.but({"action.severity": severity})))


@given(any_facts(), st.sampled_from(["notable", "protected"]), st.integers(3, 5))
def test_i2_above_standard_takes_someone_else(facts, tier, severity):
    assert outside(judge(DEFAULT, facts.but({"account.tier_memory": tier, "action.severity": severity})), 1)


@given(any_facts(account__tier_memory="protected", action__severity=2))
def test_i2_severity_2_on_a_protected_account_takes_someone_else(facts):
    row = facts.get
    assume(not (row("action.name") == "remove_content" and row("action.on_content")) or not row("case.reports"))
    assert outside(judge(DEFAULT, facts), 1)


@given(any_facts(action__reversibility="none"), st.integers(1, 5))
def test_i3_what_cannot_be_undone_waits_a_day(facts, severity):
    found = judge(DEFAULT, facts.but({"action.severity": severity}))
    assert found.refused or found.hold_seconds >= 86_400
    assert judge(DEFAULT, facts.but({"action.severity": severity, "actor.via": "break_glass"})).refused


@given(any_facts(), st.sampled_from(["suspended", "left"]))
def test_i6_lost_standing_does_nothing(facts, standing):
    assert judge(DEFAULT, facts.but({"actor.standing": standing})).refused


@given(any_facts(), st.floats(0, 24), st.sampled_from(["notable", "protected"]), st.integers(1, 5))
def test_i6_the_last_24_hours_leave_notable_accounts_alone(facts, hours, tier, severity):
    last = {"actor.hours_to_last_day_end": hours, "account.tier_memory": tier, "action.severity": severity}
    assert judge(DEFAULT, facts.but(last)).refused


@given(any_facts(change__weakens=True))
def test_i7_weakening_protection_asks_what_i1_asks(facts):
    assert asks_i1(judge(DEFAULT, facts))


#: Whatever else is so, an ordinary decision has these.
PLAIN = {
    name: ORDINARY[name]
    for name in (
        "account.tier",
        "account.tier_memory",
        "account.lookalike",
        "action.bulk",
        "action.scheduled",
        "action.automated",
        "action.legal",
        "actor.standing",
        "actor.human",
        "actor.in_shift",
        "actor.involved_30d",
        "change.kind",
        "change.weakens",
        "change.person",
        "now.paused",
    )
}


@settings(max_examples=300)
@given(known_facts(), st.data())
def test_i8_an_ordinary_decision_asks_nothing(facts, data):
    def draw(low, high):
        return data.draw(st.integers(low, high))

    within = {
        "account.reach": draw(0, 99_999),
        "account.enforced_24h": draw(0, 30),
        "action.severity": draw(0, 3),
        "action.reversibility": data.draw(st.sampled_from(["exact", "lossy"])),
        "actor.tenure_days": draw(45, 9_000),
        "actor.hours_to_last_day_end": draw(337, 876_600),
        "actor.fresh_minutes": draw(0, 5),
        "actor.via": data.draw(st.sampled_from(["console", "cli", "api"])),
        "recent.actor_1h.all": draw(0, 149),
        "recent.actor_1h.severity3": draw(0, 29),
        "recent.actor_24h.all": draw(0, 749),
        "recent.actor_24h.severity3": draw(0, 149),
        "recent.actor_1h.reach": draw(0, 200_000),
        "recent.actor_24h.reach": draw(0, 900_000),
        "recent.team_1h.severity3": draw(0, 499),
        "recent.platform_1h.severity3": draw(0, 1_499),
    }
    found = judge(DEFAULT, facts.but({**PLAIN, **within}))
    assert found.asks_nothing, found.to_json()


@given(known_facts(), st.integers(1, 4), st.sampled_from(["standard", "notable", "protected"]))
def test_i9_an_active_person_is_never_refused_nor_held_beyond_a_day(facts, severity, tier):
    active = {
        **PLAIN,
        "account.tier": tier,
        "account.tier_memory": tier,
        "action.severity": severity,
        "action.reversibility": "exact",
        "actor.hours_to_last_day_end": 876_600,
        "actor.via": "console",
    }
    found = judge(DEFAULT, facts.but(active))
    assert not found.refused
    assert found.hold_seconds <= 86_400
    assert found.seats <= 2


def near_ordinary():
    """The ordinary click with up to six facts drawn anew: where nets are silent and where they just speak."""
    names = st.lists(st.sampled_from(sorted(SCHEMA)), max_size=6, unique=True)
    drawn = names.flatmap(lambda chosen: st.fixed_dictionaries({name: value_of(SCHEMA[name]) for name in chosen}))
    return drawn.map(lambda values: Facts.of({**ORDINARY, **values}))


@settings(max_examples=400)
@given(near_ordinary(), st.sampled_from(sorted(set(SCHEMA) - {"account.tier_memory"})))
def test_i5_what_is_unknown_asks_at_least_what_any_value_asks(facts, name):
    assert judge(DEFAULT, facts.but({name: None})).covers(judge(DEFAULT, facts))


@settings(max_examples=300)
@given(near_ordinary())
def test_r9_an_unread_tier_counts_as_protected(facts):
    unknown = judge(DEFAULT, facts.but({"account.tier_memory": None}))
    assert unknown == judge(DEFAULT, facts.but({"account.tier_memory": "protected"}))
    if facts["action.severity"] in (3, 4, 5):
        assert asks_i1(unknown)


@given(st.sampled_from(["default", "small-team", "solo"]), st.integers(1, 2))
def test_mild_measures_on_ordinary_accounts_are_free_under_every_set(name, severity):
    assert judge(load_shipped(name), ordinary(action__severity=severity)).asks_nothing


@given(st.sampled_from(["small-team", "solo"]))
def test_little_sets_put_time_where_people_are_missing(name):
    nets = load_shipped(name)
    for facts, hours in (
        ({"account__tier_memory": "protected"}, 24),
        ({"account__tier_memory": "notable"}, 2),
        ({"action__severity": 4}, 48),
        ({"action__severity": 5}, 7 * 24),
    ):
        found = judge(nets, ordinary(**facts))
        assert found.hold_seconds == hours * 3_600
        assert not found.approvals
        assert found.notify == ("everyone",)
    assert judge(nets, Facts.of({**CHANGE, "change.weakens": True})).hold_seconds == 86_400
