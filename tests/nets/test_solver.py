"""Conditions and sets as formulas: the solver's reading beside evaluation's, form by form, and what facts say of each other."""

from __future__ import annotations

import sys
from fractions import Fraction
from typing import Any

import pytest

from gardefou.errors import Unavailable
from gardefou.nets.evaluate import compile_condition
from gardefou.nets.facts import SCHEMA, Facts, Kind
from gardefou.nets.judge import judge
from gardefou.nets.load import load
from gardefou.nets.net import NetSet
from gardefou.nets.solver import Formulas, InexpressibleError, Reader, Situation, Words, z3
from tests.nets.cases import ordinary
from tests.nets.forms import FORMS, some_facts
from tests.nets.trees import by_solver
from tests.refusals import refused

#: Products of two unknowns, and lists that hold what is no constant: no formula is made of them.
WITHOUT = {
    "account.reach / account.reach > 1",
    "case.category in account.labels",
    "case.category not in actor.roles",
    "not case.category in actor.roles",
}


@pytest.mark.parametrize("text", FORMS)
def test_every_form_of_a_condition_reads_alike_in_the_solver_and_in_evaluation(text):
    rows = some_facts(24)
    condition = compile_condition(text)
    read = [by_solver(condition.node, facts) for facts in rows]
    assert (None in read) <= (text in WITHOUT or "/" in text or "*" in text)
    for facts, found in zip(rows, read, strict=True):
        if found is not None:
            assert found is condition.evaluate(facts).speaks, facts


@pytest.mark.parametrize(
    "text",
    [
        "account.reach * account.restored_30d > 1",
        "account.reach / account.restored_30d > 1",
        "1 / account.restored_30d > 1",
        "case.category in account.labels",
        "len(account.labels) * account.reach > 3",
    ],
)
def test_what_has_no_formula_says_so(text):
    with pytest.raises(InexpressibleError):
        Reader(Situation("a", Words())).speaks(compile_condition(text).node)


@pytest.mark.parametrize(
    "text",
    ["account.reach * 2 > 1", "2 * account.reach > 1", "account.reach / (1 + 1) > 1", "account.age_days * 0.5 > 1"],
)
def test_a_product_with_a_number_has_a_formula(text):
    assert Reader(Situation("a", Words())).speaks(compile_condition(text).node) is not None


NETS = [
    ("now.raid", "hold = '1h'\nnotify = ['lead']"),
    ("now.paused", "hold = '2h'\nfresh_auth_minutes = 10"),
    ("actor.in_shift", "approvals = 1\nfrom = ['lead']"),
    ("case.burst", "approvals = 3\nfrom = ['lead']\ndistinct_teams = true"),
    ("action.scheduled", "approvals = 2\nfrom = ['legal', 'policy']\nblind = true"),
    ("case.trusted_flagger", "fresh_auth_minutes = 5\nconfirm = ['handle']"),
    ("case.evidence_seen", "confirm = ['handle', 'identity']\nnotify = ['legal', 'lead']"),
    ("account.lookalike", "refuse = true"),
    ("action.on_content", "notify = ['everyone']"),
]
SWITCHES = [when for when, _ in NETS]


def nets_of(*parts: tuple[str, str], shadow: bool = False) -> NetSet:
    mode = "mode = 'shadow'\n" if shadow else ""
    return load(
        "\n".join(
            f"[[net]]\nid = 'n{place}'\ntitle = 't'\nbecause = 'b'\nwhen = '''{when}'''\n{mode}[net.require]\n{asks}"
            for place, (when, asks) in enumerate(parts)
        )
    )


def plain(formula: Any) -> Any:
    """Return what a formula without unknowns comes to."""
    simple = z3().simplify(formula)
    if z3().is_int_value(simple):
        return simple.as_long()
    assert z3().is_true(simple) or z3().is_false(simple)
    return bool(z3().is_true(simple))


@pytest.mark.parametrize(
    "on",
    [
        [],
        *([name] for name in SWITCHES),
        ["now.raid", "now.paused"],
        ["actor.in_shift", "case.burst"],
        ["actor.in_shift", "case.burst", "action.scheduled"],
        ["now.paused", "case.trusted_flagger", "case.evidence_seen"],
        ["now.raid", "case.evidence_seen", "action.on_content"],
        SWITCHES,
    ],
)
def test_what_a_set_asks_is_the_same_as_formulas_and_as_a_verdict(on):
    nets = nets_of(*NETS)
    facts = ordinary(**{name.replace(".", "__"): name in on for name in SWITCHES})
    verdict = judge(nets, facts)
    formulas = Formulas(nets, Situation.of(facts), inexpressible=False)
    assert plain(formulas.refused) is verdict.refused
    assert plain(formulas.asks_something) is (not verdict.asks_nothing)
    if verdict.refused:
        return
    assert plain(formulas.people()) == verdict.seats
    assert plain(formulas.people(apart=True)) == sum(one.approvals for one in verdict.approvals if one.distinct_teams)
    for seconds in (1, 3_599, 3_600, 3_601, 7_200, 7_201):
        assert plain(formulas.holds(seconds)) is (verdict.hold_seconds >= seconds)
    for minutes in (4, 5, 9, 10, 11):
        asked = verdict.fresh_auth_minutes
        assert plain(formulas.fresh(minutes)) is (asked is not None and asked <= minutes)
    for what in ("handle", "identity"):
        assert plain(formulas.confirms(what)) is (what in verdict.confirm)
    for channel in ("lead", "legal", "everyone", "oncall"):
        assert plain(formulas.tells(channel)) is (channel in verdict.notify)
    for roles in (("lead",), ("legal", "policy"), ("admin",)):
        asked_of = [one for one in verdict.approvals if one.roles == roles]
        assert tuple(plain(one) for one in formulas.seats(roles)) == (
            sum(one.approvals for one in asked_of),
            any(one.distinct_teams for one in asked_of),
            any(one.blind for one in asked_of),
        )


def test_the_numbers_and_channels_that_a_set_speaks_of():
    formulas = Formulas(nets_of(*NETS), Situation("a", Words()), inexpressible=False)
    assert formulas.numbers() == ({3_600, 7_200}, {5, 10}, {"handle", "identity"})
    assert formulas.channels() == {"lead", "legal", "everyone"}
    nothing = Formulas(nets_of(*NETS, shadow=True), Situation("a", Words()), inexpressible=False)
    assert nothing.spoken == []
    assert nothing.numbers() == (set(), set(), set())
    assert (plain(nothing.people()), plain(nothing.people(apart=True)), plain(nothing.refused)) == (0, 0, False)


def test_a_net_in_shadow_asks_nothing_and_does_not_hide_those_after_it():
    first, second = nets_of(("now.raid", "hold = '1h'"), shadow=True), nets_of(("now.paused", "hold = '2h'"))
    formulas = Formulas([*first, *second], Situation("a", Words()), inexpressible=False)
    assert [asks.hold_seconds for asks, _ in formulas.spoken] == [7_200]


def test_conditions_without_a_formula_may_be_either_each_by_itself_and_alike_where_they_are_the_same():
    one, other = "account.reach * account.restored_30d > 1", "account.reach * account.restored_30d > 2"
    formulas = Formulas(
        nets_of(*((text, "hold = '1h'") for text in (one, other, one))), Situation("a", Words()), inexpressible=None
    )
    first, second, third = (formula for _, formula in formulas.spoken)
    solver = z3().Solver()
    assert solver.check(first, z3().Not(second)) == z3().sat
    assert solver.check(first, z3().Not(third)) == z3().unsat


def test_a_condition_without_a_formula_counts_as_it_is_told_to():
    nets = nets_of(("account.reach * account.restored_30d > 1", "hold = '1h'"), ("now.raid", "hold = '2h'"))
    at = Situation("a", Words())
    assert plain(Formulas(nets, at, inexpressible=True).holds(1)) is True
    solver = z3().Solver()
    solver.add(z3().Not(at.fact("now.raid")))
    for inexpressible, possible in ((False, False), (True, True), (None, True)):
        assert (solver.check(Formulas(nets, at, inexpressible=inexpressible).holds(1)) == z3().sat) is possible
    # Either way, but the same way in the same situation, and another way in another.
    one, two = (Formulas(nets, at, inexpressible=None).holds(1) for _ in range(2))
    assert solver.check(one != two) == z3().unsat
    other = Formulas(nets, Situation("b", Words()), inexpressible=None).holds(1)
    assert solver.check(one != other) == z3().sat


def possible(*texts: str, at: Situation | None = None) -> bool:
    """Whether there is a situation in which all these conditions hold or err."""
    at = at or Situation("a", Words())
    reader = Reader(at)
    formulas = [reader.speaks(compile_condition(text).node) for text in texts]
    solver = z3().Solver()
    solver.add(at.bounds())
    return bool(solver.check(*formulas) == z3().sat)


@pytest.mark.parametrize(
    ("texts", "can"),
    [
        # Bounds of every fact.
        (["action.severity > 4"], True),
        (["action.severity > now.weekday", "now.weekday == 5"], False),
        (["action.severity > now.weekday", "now.weekday == 4"], True),
        (["action.severity < now.weekday", "now.weekday == 0"], False),
        (["account.age_days < now.hour", "now.hour == 0"], False),
        (["account.age_days > account.reach", "account.reach == 1_000_000_000_000_000"], False),
        (["account.reach > 999_999_999_999_999"], True),
        (["account.reach > account.age_days", "account.age_days == 1_000_000_000_000_000"], False),
        (["account.age_days > 0.25", "account.age_days < 0.5"], True),
        (["account.reach > 3", "account.reach < 4"], False),
        # Words of a closed list are those of the list; other texts are any.
        (["account.tier != 'standard'", "account.tier != 'notable'", "account.tier != 'protected'"], False),
        (["account.tier != 'standard'", "account.tier != 'notable'"], True),
        (["actor.team != 'a'", "actor.team != 'b'"], True),
        (["actor.team == 'a'", "actor.employer == actor.team", "actor.employer != 'a'"], False),
        # Lists hold what they hold, and are as long as that.
        (["'lead' in actor.roles", "len(actor.roles) < 1"], False),
        (["'lead' in actor.roles", "'admin' in actor.roles", "len(actor.roles) < 2"], False),
        (["'lead' in actor.roles", "'admin' in actor.roles", "len(actor.roles) == 2"], True),
        (["len(actor.roles) > 7"], False),
        (["len(actor.roles) == 7"], True),
        (["'lead' not in actor.roles", "len(actor.roles) > 6"], False),
        (["'a' in account.labels", "len(account.labels) < 1"], False),
        (["'a' in account.labels", "'b' in account.labels", "len(account.labels) < 2"], False),
        (["'a' in account.labels", "len(account.labels) == 9"], True),
        (["'a' in account.labels", "len(account.labels) == 1"], True),
        (["len(account.labels) == 0"], True),
        (["len([account.reach, 2]) > 2"], False),
        (["len([account.reach, 2]) == 2"], True),
        (["len(account.labels) == 1_000"], True),
        (["len(account.labels) > 1_000"], False),
        # The graver are among the milder, and the hour is in the day.
        *(
            ([f"recent.{scope}.{fewer} > recent.{scope}.{more}"], False)
            for scope in ("actor_1h", "actor_24h", "team_1h", "platform_1h")
            for fewer, more in (("severity4", "severity3"), ("severity3", "all"), ("severity4", "all"))
        ),
        *(([f"recent.actor_1h.{name} > recent.actor_24h.{name}"], False) for name in ("all", "severity3", "severity4", "reach")),
        (["recent.actor_1h.severity4 == recent.actor_24h.all", "recent.actor_1h.all > 3"], True),
        (["recent.team_1h.reach > recent.platform_1h.reach"], True),
        # Only a change weakens; it harms nobody; what the law demands needs no broken glass.
        (["change.weakens", "change.kind == ''"], False),
        (["change.weakens", "change.kind == 'tier'"], True),
        (["change.kind == 'tier'", "action.severity >= 1"], False),
        (["change.kind != ''", "action.severity == 0"], True),
        (["action.legal", "actor.via == 'break_glass'"], False),
        (["action.legal", "actor.via == 'api'"], True),
        (["not action.legal", "actor.via == 'break_glass'"], True),
    ],
)  # fmt: skip
def test_what_facts_say_of_each_other(texts, can):
    assert possible(*texts) is can


@pytest.mark.parametrize(
    ("unknown", "texts", "can"),
    [
        # Taken at its most protective value.
        ("action.severity", ["action.severity == 5"], True),
        ("action.severity", ["action.severity != 5"], False),
        ("account.tier", ["account.tier != 'protected'"], False),
        ("actor.roles", ["'lead' in actor.roles"], False),
        ("actor.roles", ["len(actor.roles) > 0"], False),
        # What comes after one that is unknown keeps its bounds.
        ("account.tier", ["len(actor.roles) > 7"], False),
        ("account.tier", ["now.hour > account.reach", "account.reach == 23"], False),
        ("now.paused", ["not now.paused"], False),
        # Or it errs, and the net speaks.
        ("actor.human", ["actor.human", "not actor.human"], True),
        ("case.category", ["case.category == 'a'", "case.category != 'a'"], True),
        ("account.labels", ["'a' in account.labels", "'a' not in account.labels"], True),
        ("account.labels", ["len(account.labels) > 1", "len(account.labels) < 1"], True),
        ("now.hour", ["now.hour > 1", "now.hour < 1"], True),
        # What facts say of each other is not said of one that is unknown.
        ("recent.actor_1h.severity4", ["recent.actor_1h.severity4 > recent.actor_1h.severity3"], True),
        ("recent.actor_1h.severity3", ["recent.actor_1h.severity3 > recent.actor_1h.all"], True),
        ("change.kind", ["change.weakens", "action.severity >= 1"], True),
        ("action.severity", ["change.kind != ''", "action.severity >= 1"], True),
        ("actor.via", ["action.legal", "actor.via == 'break_glass'"], True),
        ("action.legal", ["action.legal", "actor.via == 'break_glass'"], True),
    ],
)
def test_what_is_unknown_is_taken_as_evaluation_takes_it(unknown, texts, can):
    assert possible(*texts, at=Situation("a", Words(), unknown=frozenset({unknown}))) is can


def test_no_list_is_most_protective_with_anything_in_it():
    """The solver takes an unknown list for empty, or for an error."""
    assert not any(spec.most_protective for spec in SCHEMA.values() if spec.kind is Kind.TEXTS)


def test_texts_have_one_number_each_in_all_situations_of_a_proof():
    words = Words()
    assert (words.number("a"), words.number("b"), words.number("a")) == (1, 2, 1)
    assert (words.word(1), words.word(2), words.word(0), words.word(3)) == ("a", "b", "", "something else 3")
    one, two = Situation("one", words), Situation("two", words)
    assert plain(one.constant("c") == two.constant("c")) is True
    # Variables are of their situation alone.
    solver = z3().Solver()
    assert solver.check(one.fact("account.reach") != two.fact("account.reach")) == z3().sat
    assert one.fact("account.reach") is one.fact("account.reach")
    roles = SCHEMA["actor.roles"]
    assert one.has(roles, "lead") is one.has(roles, "lead")
    assert solver.check(one.has(roles, "lead") != two.has(roles, "lead")) == z3().sat
    assert solver.check(one.has(roles, "lead") != one.has(roles, "admin")) == z3().sat
    assert solver.check(one.length(roles) != two.length(roles)) == z3().sat


@pytest.mark.parametrize("value", [True, False, 3, 0.1, -2.5, "x"])
def test_a_constant_is_exactly_what_it_was(value):
    at = Situation("a", Words())
    formula = at.constant(value)
    if isinstance(value, float):
        assert z3().simplify(formula).as_fraction() == Fraction(value)
    else:
        assert plain(formula) == (1 if value == "x" else value)


def test_a_situation_of_known_facts_has_nothing_left_to_solve():
    at = Situation.of(Facts.of({"account.reach": 7, "actor.roles": ["lead"], "actor.human": True}))
    assert at.unknown == SCHEMA.keys() - {"account.reach", "actor.roles", "actor.human"}
    assert (plain(at.fact("account.reach")), plain(at.fact("actor.human"))) == (7, True)
    assert plain(at.has(SCHEMA["actor.roles"], "lead")) is True
    assert plain(at.has(SCHEMA["actor.roles"], "admin")) is False
    assert plain(at.length(SCHEMA["actor.roles"])) == 1
    assert at.fact("case.category") is None
    assert at.has(SCHEMA["account.labels"], "a") is None
    assert at.length(SCHEMA["account.labels"]) is None


def test_without_a_solver_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "z3", None)
    with refused("nets/solver", None, by=Unavailable) as caught:
        z3()
    assert "install gardefou[prove]" in caught.value.message
