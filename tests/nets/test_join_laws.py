"""The laws of the join: no order among nets, and a net more never weakens what the others ask.

First on verdicts of any parts, then on sets of nets read from TOML by the loader and judged on any facts.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import Phase, assume, find, given, settings
from hypothesis import strategies as st

from gardefou.nets.check import read_condition
from gardefou.nets.evaluate import Outcome
from gardefou.nets.facts import ROLES, SCHEMA, Facts, Kind
from gardefou.nets.judge import judge
from gardefou.nets.load import load
from gardefou.nets.net import CHANNELS, CONFIRMS, NetSet
from gardefou.nets.seats import Person, seats_filled
from gardefou.nets.verdict import NOTHING, Reason, Requirement, Verdict, join_all
from tests.nets.cases import value_of

ORG = "chirp"
PROPOSER = Person("ann", frozenset({"reviewer"}), "reports", ORG)

# --- parts of verdicts -----------------------------------------------------------


def some(known, most=3):
    """Some of the known words, in any sequence and perhaps twice: a verdict holds them in its own way."""
    return st.lists(st.sampled_from(known), max_size=most).map(tuple)


requirements = st.builds(
    Requirement,
    st.lists(st.sampled_from(("lead", "policy", "legal")), min_size=1, max_size=3).map(tuple),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
)
approvals = st.lists(requirements, max_size=3).map(tuple)
reasons = st.builds(Reason, st.sampled_from("abc"), st.sampled_from("TU"), st.just("because"))
# One part in three or so refuses: a refusal covers all, and must not hide what the other parts do.
refusals = st.just(()) | st.just(()) | some(("no", "never"), 2)
verdicts = st.builds(
    Verdict,
    refusals=refusals,
    approvals=approvals,
    fresh_auth_minutes=st.none() | st.integers(1, 30),
    hold_seconds=st.just(0) | st.integers(0, 1_000),
    confirm=some(CONFIRMS),
    notify=some(CHANNELS),
    reasons=st.lists(reasons, max_size=2).map(tuple),
    shadow=st.lists(reasons, max_size=2).map(tuple),
)


def without_refusals(verdict):
    return replace(verdict, refusals=())


def holds_all_of(both, one):
    """Whether nothing of ``one`` is lost in ``both``, the parts that ask for nothing and those under a refusal too."""
    return (
        both.covers(one)
        and without_refusals(both).covers(without_refusals(one))
        and set(both.refusals) >= set(one.refusals)
        and set(both.notify) >= set(one.notify)
        and set(both.reasons) >= set(one.reasons)
        and set(both.shadow) >= set(one.shadow)
    )


@given(verdicts, verdicts)
def test_join_is_commutative(one, two):
    assert one.join(two) == two.join(one)


@given(verdicts, verdicts, verdicts)
def test_join_is_associative(one, two, three):
    assert one.join(two).join(three) == one.join(two.join(three))


@given(verdicts, verdicts)
def test_join_is_idempotent(one, two):
    assert one.join(one) == one
    assert one.join(replace(one)) == one
    assert one.join(two).join(two) == one.join(two) == one.join(two).join(one)


@given(verdicts)
def test_nothing_is_neutral(one):
    assert one.join(NOTHING) == NOTHING.join(one) == one.join(Verdict()) == Verdict().join(one) == one
    assert join_all([]) == NOTHING


@given(st.lists(verdicts, max_size=5), st.randoms(use_true_random=False))
def test_the_sequence_of_a_join_has_no_meaning(parts, random):
    mixed = [*parts, *parts[:2]]
    random.shuffle(mixed)
    assert join_all(mixed) == join_all(parts)


@given(verdicts, verdicts)
def test_join_keeps_all_of_both(one, two):
    both = one.join(two)
    assert holds_all_of(both, one)
    assert holds_all_of(both, two)
    assert both.asks_nothing == (one.asks_nothing and two.asks_nothing)


@given(verdicts, verdicts)
def test_join_asks_for_nothing_that_neither_asked(one, two):
    both = one.join(two)
    assert set(both.refusals) == {*one.refusals, *two.refusals}
    assert set(both.confirm) == {*one.confirm, *two.confirm}
    assert both.hold_seconds in (one.hold_seconds, two.hold_seconds)
    assert both.fresh_auth_minutes in (one.fresh_auth_minutes, two.fresh_auth_minutes)
    assert {ask.roles for ask in both.approvals} == {ask.roles for ask in (*one.approvals, *two.approvals)}
    assert both.seats <= one.seats + two.seats


@given(verdicts, st.randoms(use_true_random=False))
def test_equal_asks_are_equal_values_however_they_were_written(verdict, random):
    document = json.loads(json.dumps(verdict.to_json()))
    for listed in document.values():
        if isinstance(listed, list):
            random.shuffle(listed)
    read = Verdict.from_json(document)
    assert read == verdict
    assert hash(read) == hash(verdict)


# --- the order on verdicts -------------------------------------------------------


@given(verdicts, verdicts, verdicts)
def test_covers_is_reflexive_and_transitive(one, two, three):
    assert one.covers(one)
    assert one.covers(NOTHING)
    # Joins make chains that hold, beside those that hold by chance.
    for low, middle, high in ((one, two, three), (one, one.join(two), one.join(two).join(three))):
        assert high.covers(low) or not (high.covers(middle) and middle.covers(low))


STRICTER = {
    "refusals": Verdict(refusals=("no",)),
    "a first approval": Verdict(approvals=(Requirement(("lead", "policy"), 1),)),
    "a second approval": Verdict(approvals=(Requirement(("lead", "policy"), 2),)),
    "of fewer roles": Verdict(approvals=(Requirement(("lead",), 1),)),
    "distinct teams": Verdict(approvals=(Requirement(("lead", "policy"), 1, distinct_teams=True),)),
    "blind": Verdict(approvals=(Requirement(("lead", "policy"), 1, blind=True),)),
    "a fresh sign-in": Verdict(fresh_auth_minutes=30),
    "a fresher sign-in": Verdict(fresh_auth_minutes=5),
    "a hold": Verdict(hold_seconds=60),
    "a longer hold": Verdict(hold_seconds=600),
    "confirm the handle": Verdict(confirm=("handle",)),
    "confirm both": Verdict(confirm=("handle", "identity")),
}
STEPS = [
    (less, more)
    for less, more in (
        *((None, name) for name in STRICTER),
        ("a first approval", "a second approval"),
        ("a first approval", "of fewer roles"),
        ("a first approval", "distinct teams"),
        ("a first approval", "blind"),
        ("a fresh sign-in", "a fresher sign-in"),
        ("a hold", "a longer hold"),
        ("confirm the handle", "confirm both"),
    )
]


@pytest.mark.parametrize(("less", "more"), STEPS)
def test_each_component_counts_in_the_order(less, more):
    low = NOTHING if less is None else STRICTER[less]
    assert STRICTER[more].covers(low)
    assert not low.covers(STRICTER[more])


def team_for(asks, draw):
    """Draw people who fill these seats: one a seat, with one of its roles, of a team of their own where it matters."""
    seats = [ask for ask in asks for _ in range(ask.approvals)]
    people: list[Person] = []
    for index, seat in enumerate(seats):
        team = f"team-{index}" if seat.distinct_teams else draw(st.sampled_from(["reports", "x"]))
        people.append(Person(f"p{index}", frozenset({draw(st.sampled_from(seat.roles))}), team, ORG))
    return people


def all_filled(verdict, people):
    return not seats_filled(verdict.approvals, people, proposer=PROPOSER, organisation=ORG)


def loosened(ask, draw):
    """Draw a requirement that asks less, by fewer people, more roles, or no word on teams."""
    return Requirement(
        (*ask.roles, *draw(some(("lead", "policy", "legal"), 2))),
        draw(st.integers(1, ask.approvals)),
        ask.distinct_teams and draw(st.booleans()),
        ask.blind and draw(st.booleans()),
    )


@given(st.lists(requirements, min_size=1, max_size=2).map(tuple), st.data())
def test_m2_whoever_fills_the_seats_of_a_verdict_fills_those_of_all_that_it_covers(asks, data):
    strict = Verdict(approvals=asks)
    loose = Verdict(approvals=tuple(loosened(ask, data.draw) for ask in (*strict.approvals, *strict.approvals[:1])))
    people = team_for(strict.approvals, data.draw)
    assert all_filled(strict, people)
    assert all_filled(loose, people) or not strict.covers(loose)


def test_m2_one_seat_does_not_stand_for_two():
    # A lead and an admin: two people, but only the lead can fill a seat of the other verdict.
    mine = Verdict(approvals=(Requirement(("lead",), 1), Requirement(("admin",), 1)))
    asked = Verdict(approvals=(Requirement(("lead", "policy"), 1), Requirement(("lead", "legal"), 1)))
    people = [Person("bob", frozenset({"lead"}), "x", ORG), Person("cy", frozenset({"admin"}), "y", ORG)]
    assert all_filled(mine, people)
    assert not all_filled(asked, people)
    assert not mine.covers(asked)


def test_m2_seats_of_several_requirements_together_cover_one():
    lead_and_policy = Verdict(approvals=(Requirement(("lead",), 1), Requirement(("policy",), 1)))
    two_of_either = Verdict(approvals=(Requirement(("lead", "policy"), 2),))
    assert lead_and_policy.covers(two_of_either)
    assert not two_of_either.covers(lead_and_policy)


@given(approvals, approvals, st.data())
def test_m2_whoever_fills_the_seats_of_a_join_fills_those_of_both(one, two, data):
    first, second = Verdict(approvals=one), Verdict(approvals=two)
    both = first.join(second)
    assume(both.seats <= 8)
    people = team_for(both.approvals, data.draw)
    assert all_filled(both, people)
    assert all_filled(first, people)
    assert all_filled(second, people)


# --- nets, through the loader ----------------------------------------------------

#: A few facts of each type and kind of protective value: nets of one set meet in what they read.
READ = (
    "account.tier",
    "account.reach",
    "account.labels",
    "account.age_days",
    "account.lookalike",
    "account.state",
    "action.severity",
    "action.duration_hours",
    "action.legal",
    "actor.roles",
    "actor.team",
    "actor.fresh_minutes",
    "case.reports",
    "case.category",
    "now.hour",
)
NUMBERS = (0, 1, 3, 5, 20, 1_000, 300_000)
TEXTS = ("", "spam", "nets")


def part_about(spec):
    """A condition on one fact."""
    match spec.kind:
        case Kind.BOOL:
            return st.just(spec.name)
        case Kind.INT | Kind.FLOAT:
            number = st.sampled_from([str(one) for one in NUMBERS if one <= spec.maximum])
            if spec.unit is not None:
                number |= st.sampled_from(['"30m"', '"2h"', '"3d"'])
            compared = st.builds(
                "{} {} {}".format, st.just(spec.name), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), number
            )
            if spec.unit is not None:
                return compared
            # Dividing by a fact that may be zero errs.
            return compared | st.builds(f"10 / {spec.name} {{}} {{}}".format, st.sampled_from("<>"), st.integers(0, 9))
        case Kind.TEXTS:
            words = st.sampled_from(spec.choices or ROLES)
            return st.builds('"{}" in {}'.format, words, st.just(spec.name)) | st.builds(
                f"len({spec.name}) {{}} {{}}".format, st.sampled_from("<>"), st.integers(0, 2)
            )
        case _:
            known = st.sampled_from(spec.choices or TEXTS)
            return st.builds(f'{spec.name} {{}} "{{}}"'.format, st.sampled_from(["==", "!="]), known) | st.builds(
                lambda op, listed: f"{spec.name} {op} {json.dumps(listed)}",
                st.sampled_from(["in", "not in"]),
                st.lists(known, min_size=1, max_size=2),
            )


def can_hold(text):
    """Leave out what the loader refuses as never holding, and nothing else: any other refusal is a failure."""
    return {problem.code for problem in read_condition(text)[1]} != {"nets/never_holds"}


parts = st.sampled_from(READ).map(SCHEMA.__getitem__).flatmap(part_about)
conditions = st.recursive(
    parts,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
        | inner.map("not ({})".format)
        | st.builds("any([{}, {}])".format, inner, inner)
    ),
    max_leaves=4,
).filter(can_hold)


def listed(known):
    return st.lists(st.sampled_from(known), min_size=1, max_size=2).map(json.dumps)


flags = st.sampled_from(["true", "false"])
one_of_several = st.fixed_dictionaries(
    {},
    optional={
        "fresh_auth_minutes": st.integers(1, 60).map(str),
        "hold": st.sampled_from(['"90s"', '"10m"', '"2h"', '"1d"']),
        "confirm": listed(CONFIRMS),
        "notify": listed(CHANNELS),
    },
)
people_asked = st.fixed_dictionaries(
    {"approvals": st.integers(1, 3).map(str)},
    optional={"from": listed(("lead", "policy", "legal")), "distinct_teams": flags, "blind": flags},
)
refusing = st.sampled_from([{"refuse": "true"}, {"refuse": '"Not like this."'}])
asked = st.builds(
    lambda *tables: {key: value for table in tables for key, value in table.items()},
    one_of_several,
    st.just({}) | people_asked,
    st.just({}) | st.just({}) | st.just({}) | refusing,
).filter(bool)


def as_toml(index, when, mode, require):
    lines = [
        "[[net]]",
        f'id = "net-{index}"',
        f'title = "Net {index}"',
        'because = "It happened."',
        f"when = '{when}'",
        f'mode = "{mode}"',
        "[net.require]",
        *(f"{key} = {value}" for key, value in require.items()),
    ]
    return "\n".join(lines)


modes = st.sampled_from(["enforce", "enforce", "enforce", "shadow"])
net_sets = st.lists(st.tuples(conditions, modes, asked), min_size=1, max_size=5).map(
    lambda nets: load("\n".join(as_toml(index, *one) for index, one in enumerate(nets)))
)
# About one fact in three is unknown.
facts_drawn = st.fixed_dictionaries(
    {name: st.none() | value_of(SCHEMA[name]) | value_of(SCHEMA[name]) for name in READ}
).map(Facts.of)
few = settings(max_examples=35)


def split(nets, drawn):
    """Part a set of nets in two by drawn flags; either part may be empty, and they may overlap."""
    flags = drawn.draw(st.lists(st.sampled_from(["left", "right", "both"]), min_size=len(nets), max_size=len(nets)))
    paired = list(zip(nets, flags, strict=True))
    return (
        NetSet(net for net, side in paired if side != "right"),
        NetSet(net for net, side in paired if side != "left"),
    )


@pytest.mark.parametrize("outcome", Outcome)
def test_the_drawn_nets_match_stay_silent_and_err(outcome):
    def seen(case):
        nets, facts = case
        return any(net.condition.evaluate(facts) is outcome for net in nets)

    find(
        st.tuples(net_sets, facts_drawn),
        seen,
        settings=settings(max_examples=300, derandomize=True, database=None, phases=[Phase.generate]),
    )


@pytest.mark.parametrize("fact", ["action.legal", "actor.human"])
def test_a_net_of_one_fact_alone_speaks_when_the_fact_is_unknown(fact):
    verdict = judge(load(as_toml(0, fact, "enforce", {"refuse": "true"})), Facts.of({}))
    assert verdict.refused


@few
@given(net_sets, facts_drawn, st.data())
def test_a_set_asks_what_its_parts_ask_joined(nets, facts, data):
    left, right = split(nets, data)
    assert judge(left, facts).join(judge(right, facts)) == judge(nets, facts)


@few
@given(net_sets, facts_drawn)
def test_a_verdict_is_the_join_of_the_nets_that_speak(nets, facts):
    speaking = [net for net in nets if net.condition.evaluate(facts).speaks]
    verdict = judge(nets, facts)
    assert verdict == join_all(judge(NetSet([net]), facts) for net in speaking)
    assert {reason.net for reason in verdict.reasons} == {net.id for net in speaking if not net.shadow}
    assert {reason.net for reason in verdict.shadow} == {net.id for net in speaking if net.shadow}
    for net in speaking:
        assert net.shadow or verdict.covers(net.asks)


@few
@given(net_sets, facts_drawn, st.randoms(use_true_random=False))
def test_the_sequence_of_nets_has_no_meaning(nets, facts, random):
    mixed = list(nets)
    random.shuffle(mixed)
    assert judge(NetSet(mixed), facts) == judge(nets, facts)
    assert NetSet(mixed) == nets


@few
@given(net_sets, facts_drawn)
def test_adding_a_net_never_weakens_and_removing_one_never_strengthens(nets, facts):
    whole = judge(nets, facts)
    for net in nets:
        fewer = nets.changed(remove=[net.id])
        less = judge(fewer, facts)
        assert holds_all_of(whole, less)
        assert judge(fewer.changed(put=[net]), facts) == whole
        assert nets.only_adds(fewer)


@few
@given(net_sets, facts_drawn)
def test_the_same_net_again_under_another_id_asks_nothing_more(nets, facts):
    twice = nets.changed(put=[replace(net, id=f"{net.id}-again") for net in nets])
    once, again = judge(nets, facts), judge(twice, facts)
    assert once.covers(again)
    assert again.covers(once)
    assert replace(again, reasons=(), shadow=()) == replace(once, reasons=(), shadow=())


@few
@given(net_sets, facts_drawn)
def test_shadow_nets_ask_for_nothing(nets, facts):
    all_shadow = NetSet(replace(net, shadow=True) for net in nets)
    verdict = judge(all_shadow, facts)
    assert verdict == Verdict(shadow=verdict.shadow)
    assert verdict.asks_nothing
    assert judge(nets, facts, shadow_all=True) == verdict
    enforcing = NetSet(net for net in nets if not net.shadow)
    assert replace(judge(nets, facts), shadow=()) == judge(enforcing, facts)


@few
@given(net_sets, facts_drawn)
def test_putting_a_net_in_shadow_never_strengthens(nets, facts):
    before = judge(nets, facts)
    for net in nets:
        after = judge(nets.changed(put=[replace(net, shadow=True)]), facts)
        assert before.covers(after)
        assert set(before.notify) >= set(after.notify)


@few
@given(net_sets, facts_drawn)
def test_the_written_set_judges_as_the_read_one(nets, facts):
    assert judge(load(nets.to_toml()), facts) == judge(nets, facts)


def test_to_narrow_a_net_is_not_to_add_one():
    # Of two different requirements each asks for its own person; made the same, one person meets both (M2).
    before = load(
        as_toml(0, "action.legal", "enforce", {"approvals": "1", "from": '["lead"]'})
        + "\n"
        + as_toml(1, "action.legal", "enforce", {"approvals": "1", "from": '["lead", "policy"]'})
    )
    narrower = load(as_toml(1, "action.legal", "enforce", {"approvals": "1", "from": '["lead"]'}))
    after = before.changed(put=list(narrower))
    facts = Facts.of({"action.legal": True})
    assert judge(before, facts).seats == 2
    assert judge(after, facts).seats == 1
    # So it counts as a change that may weaken, though the net by itself asks for more.
    assert not judge(after, facts).covers(judge(before, facts))
    assert not after.only_adds(before)
