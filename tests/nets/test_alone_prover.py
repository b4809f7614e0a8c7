"""The least and the most that one person is asked, proved on sets of a few nets; and cells and budgets of such sets."""

from __future__ import annotations

from typing import Any

import pytest

from gardefou.nets import alone_page
from gardefou.nets.alone import GLASS, Asked, Cell, Prover, _cell, asked_of
from gardefou.nets.alone_page import Budget
from gardefou.nets.alone_people import ACTS, CHANGES, PEOPLE, ordinary_facts
from gardefou.nets.facts import Facts
from gardefou.nets.floor import ORDINARY
from gardefou.nets.judge import judge
from gardefou.nets.load import load
from gardefou.nets.net import NetSet
from gardefou.nets.solver import z3
from gardefou.nets.verdict import Requirement

NOW = Asked(kind="at_once")
NO = Asked(kind="refused")
UNKNOWN = Asked(kind="unknown")
KINDS = {kind.id: kind for kind in PEOPLE}
ACT = {act.says: act for act in ACTS}


def of(*nets: tuple[str, str]) -> NetSet:
    """Return a set of nets, each a condition and what it asks; there may be none."""
    text = "\n".join(
        f"[[net]]\nid = 'n{place}'\ntitle = 'T'\nbecause = 'B'\nwhen = '''{when}'''\n[net.require]\n{asks}"
        for place, (when, asks) in enumerate(nets)
    )
    return load(text) if nets else NetSet([])


def wait(seconds: int) -> Asked:
    return Asked(kind="after_wait", seconds=seconds)


def ask(people: int, seconds: int = 0, *roles: tuple[str, ...]) -> Asked:
    needs = tuple(Requirement(one, people) for one in roles)
    return Asked(kind="with_others", people=people, seconds=seconds, needs=needs)


LEAD = "approvals = 1\nfrom = ['lead']"


@pytest.mark.parametrize(
    ("nets", "least", "unusual"),
    [
        ([], NOW, {}),
        ([("True", "hold = '1h'")], wait(3600), {}),
        ([("True", "refuse = true")], NO, None),
        ([("account.reach < 100", "hold = '1h'")], NOW, {"account.reach": 100}),
        ([("account.reach < 100", "hold = '1h'"), ("True", "hold = '1m'")], wait(60), {"account.reach": 100}),
        ([("account.reach < 100", "refuse = true"), ("True", LEAD)], ask(1, 0, ("lead",)), {"account.reach": 100}),
        # People weigh more than any wait, and a refusal more than people.
        ([("account.reach < 100", LEAD), ("account.reach >= 100", "hold = '9d'")], wait(777_600), {"account.reach": 100}),
        ([("now.paused", "approvals = 2"), ("not now.paused", f"{LEAD}\nhold = '1h'")], ask(1, 3600, ("lead",)), {}),
        ([("now.paused", f"{LEAD}\nhold = '5m'"), ("not now.paused", f"{LEAD}\nhold = '1h'")], ask(1, 300, ("lead",)), {"now.paused": True}),
        # What no formula says counts as silent.
        ([("account.reach * account.age_days > 99", "refuse = true"), ("True", "hold = '1m'")], wait(60), None),
        # What is asked of a sign-in alone stops nobody.
        ([("True", "fresh_auth_minutes = 5\nconfirm = ['handle']")], Asked(kind="at_once", confirm=("handle",)), {}),
    ],
)  # fmt: skip
def test_the_least_that_is_asked_and_where(nets, least, unusual):
    chosen = of(*nets)
    prover = Prover(chosen)
    asked, facts = prover.least([])
    assert asked == least
    if facts is None:
        assert asked == NO
        assert unusual is None
        return
    if unusual is not None:
        assert facts == ORDINARY | unusual
        assert asked_of(judge(chosen, Facts.of(facts))) == asked
    # Beside an ordinary day that asks the same it is not told again; beside one that asks more, it is.
    assert prover.least([], asked) == (asked, None)
    assert prover.least([], NO) == (asked, facts)
    assert prover.least([], Asked(kind="cannot")) == (asked, facts)


def test_where_an_ordinary_day_asks_nothing_nothing_is_less():
    usual = Asked(kind="at_once", confirm=("handle",))
    assert Prover(of(("True", "refuse = true"))).least([], usual) == (usual, None)


@pytest.mark.parametrize(
    ("nets", "usual", "most"),
    [
        ([], NOW, NOW),
        ([], NO, NO),
        ([("now.paused", "refuse = true")], NOW, NO),
        ([("now.paused", "refuse = true")], NO, NO),
        ([("now.paused", "hold = '1h'")], NOW, wait(3600)),
        ([("now.paused", "hold = '1h'"), ("now.raid", "hold = '1m'")], wait(60), wait(3600)),
        ([("now.paused", "hold = '1h'")], wait(3600), wait(3600)),
        ([("now.paused", "approvals = 1")], NOW, ask(1)),
        ([("now.paused", "approvals = 3"), ("now.raid", "hold = '1h'")], NOW, ask(3, 3600)),
        ([("now.paused", "approvals = 1")], ask(1, 0, ("lead",)), ask(1, 0, ("lead",))),
        ([("now.paused", "hold = '1h'")], ask(1, 60), ask(1, 3600)),
        # What no formula says counts as speaking.
        ([("account.reach * account.age_days > 99", "hold = '1h'")], NOW, wait(3600)),
    ],
)
def test_the_most_that_is_asked(nets, usual, most):
    assert Prover(of(*nets)).most([], usual) == most


def test_bounds_are_of_the_situations_that_are_asked_about():
    prover = Prover(of(("account.reach >= 100", LEAD), ("account.reach >= 100 and now.raid", "hold = '1h'")))
    small, large = [prover.at.fact("account.reach") < 100], [prover.at.fact("account.reach") >= 100]
    assert prover.least(small) == (NOW, ORDINARY)
    assert prover.least(large) == (ask(1, 0, ("lead",)), ORDINARY | {"account.reach": 100})
    assert prover.most(small, NOW) == NOW
    assert prover.most(large, ask(1)) == ask(1, 3600)
    assert prover.most([*large, prover.z3.Not(prover.at.fact("now.raid"))], NOW) == ask(1)


def unanswerable(_prover: Prover) -> list[Any]:
    """A question that the solver gives up on at once."""
    one, two = z3().Reals("one two")
    return [one**two == 3, one > 2, two > 1]


def test_what_the_solver_does_not_answer_is_called_unknown():
    prover = Prover(of(("now.paused", "hold = '1h'")))
    assert prover.least(unanswerable(prover)) == (UNKNOWN, None)
    assert prover.least(unanswerable(prover), wait(60)) == (UNKNOWN, None)
    assert prover.most(unanswerable(prover), NOW) == UNKNOWN
    # It is asked again afterwards.
    assert prover.least([])[0] == NOW


# cells ------------------------------------------------------------------------------------


def cell(nets: NetSet, who: str, tier: str = "standard", act: str = "suspend") -> Cell:
    return _cell(Prover(nets), tier, ACT[act], KINDS[who])


def test_who_may_not_act_at_all_has_no_bounds():
    no = Asked(kind="cannot")
    assert cell(of(), "oncall") == Cell(who="oncall", least=no, usual=no, most=no)


@pytest.mark.parametrize(
    ("act", "nets", "asked"),
    [
        ("suspend", [], GLASS),
        ("suspend", [("True", "approvals = 3\nhold = '9d'")], GLASS),
        ("suspend", [('actor.via == "break_glass"', "refuse = true")], NO),
        ("suspend", [('actor.via != "break_glass"', "refuse = true")], GLASS),
        ("warn or label", [], GLASS),
        ("deactivate", [], NO),
        ("delete", [], NO),
    ],
)
def test_broken_glass_asks_one_other_whatever_nets_ask_and_is_refused_where_they_refuse(act, nets, asked):
    assert cell(of(*nets), "break_glass", act=act) == Cell(who="break_glass", least=asked, usual=asked, most=asked)


@pytest.mark.parametrize(
    ("who", "tier", "act", "nets", "bounds"),
    [
        ("reviewer", "standard", "suspend", [], (NOW, NOW, NOW)),
        # Outside of what is ordinary only the least counts.
        ("reviewer", "standard", "suspend", [("now.paused", "refuse = true")], (NOW, NOW, NOW)),
        ("reviewer", "standard", "suspend", [("not now.paused", "hold = '1h'")], (NOW, wait(3600), wait(3600))),
        ("reviewer", "standard", "suspend", [("case.reports > 5", "hold = '1h'")], (NOW, NOW, wait(3600))),
        # A net about other people, acts and accounts changes nothing.
        ("reviewer", "standard", "suspend", [("actor.tenure_days < 45", "hold = '1h'")], (NOW, NOW, NOW)),
        ("newcomer", "standard", "suspend", [("actor.tenure_days < 14", "hold = '1h'")], (wait(3600),) * 3),
        ("reviewer", "standard", "suspend", [("action.severity > 3", "hold = '1h'")], (NOW, NOW, NOW)),
        ("reviewer", "standard", "deactivate", [("action.severity > 3", "hold = '1h'")], (wait(3600),) * 3),
        ("reviewer", "standard", "suspend", [("account.tier_memory == 'notable'", "hold = '1h'")], (NOW, NOW, NOW)),
        ("reviewer", "notable", "suspend", [("account.tier_memory == 'notable'", "hold = '1h'")], (wait(3600),) * 3),
        ("reviewer", "notable", "suspend", [("account.tier == 'notable'", "hold = '1h'")], (NOW, wait(3600), wait(3600))),
        ("reviewer", "notable", "suspend", [("account.reach >= 5_000_000", "hold = '1h'")], (NOW, NOW, NOW)),
        ("reviewer", "notable", "suspend", [("account.reach >= 4_000_000", "hold = '1h'")], (NOW, NOW, wait(3600))),
    ],
)  # fmt: skip
def test_a_cell_has_the_least_the_ordinary_and_the_most(who, tier, act, nets, bounds):
    found = cell(of(*nets), who, tier, act)
    assert (found.who, found.least, found.usual, found.most) == (who, *bounds)
    # An example is told where it is not the ordinary day that asks least.
    assert (found.loosest_facts is None) is (found.least == found.usual)
    if found.loosest_facts is not None:
        usual = ordinary_facts(tier, ACT[act], KINDS[who])
        (name,) = [
            name for name, value in found.loosest_facts.items() if value != usual[name] and name != "account.reach"
        ]
        assert f"{name} " in f"{nets[0][0]} "


# budgets ----------------------------------------------------------------------------------


def budgets(*nets: tuple[str, str]) -> dict[str, Budget]:
    return {one.who: one for one in alone_page._budgets(of(*nets))}


PEOPLE_WITH_BUDGETS = ["A reviewer", "A reviewer by token", "A newcomer", "A service, on small accounts of a few days"]


@pytest.mark.parametrize(
    ("when", "limits"),
    [
        ("recent.actor_1h.all >= 7", ("mild measures: 7 an hour", "suspensions: 7 an hour", "deactivations: 7 an hour")),
        ("recent.actor_24h.all >= 7", ("mild measures: 7 an hour and 7 a day", "suspensions: 7 an hour and 7 a day", "deactivations: 7 an hour and 7 a day")),
        ("action.severity == 3 and recent.actor_1h.severity3 >= 7", ("suspensions: 7 an hour",)),
        ("action.name == 'deactivate' and recent.actor_1h.severity4 >= 7", ("deactivations: 7 an hour",)),
        ("action.name == 'warn' and action.bulk == 1", ("no mild measures at once", "accounts at once: 0")),
        ("action.name == 'suspend'", ("no suspensions at once",)),
        ("recent.actor_1h.reach + account.reach > 1_000", ("followers touched: 1,000 an hour",)),
        ("recent.actor_24h.reach + account.reach > 1_000", ("followers touched: 1,000 an hour and 1,000 a day",)),
        ("action.bulk > 1", ("accounts at once: 1",)),
        ("action.bulk > 25", ("accounts at once: 25",)),
    ],
)  # fmt: skip
def test_what_goes_before_anyone_is_asked(when, limits):
    found = budgets((when, LEAD))
    assert {who: one.limits for who, one in found.items()} == dict.fromkeys(PEOPLE_WITH_BUDGETS, limits)
    assert {one.beyond for one in found.values()} == {"1 further person (lead)"}


@pytest.mark.parametrize(
    ("when", "whose"),
    [
        ("actor.via == 'api' and actor.human", ["A reviewer by token"]),
        ("actor.tenure_days <= 7", ["A newcomer"]),
        ("not actor.human and actor.via == 'api' and action.automated", [PEOPLE_WITH_BUDGETS[3]]),
        ("len(actor.roles) == 0", [PEOPLE_WITH_BUDGETS[3]]),
        ("account.age_days <= 5 and action.duration_hours <= 24", [PEOPLE_WITH_BUDGETS[3]]),
        ("actor.via == 'console'", ["A reviewer", "A newcomer"]),
        ("actor.via == 'cli'", []),
    ],
)
def test_whose_budgets_they_are(when, whose):
    assert list(budgets((f"{when} and action.bulk > 3", LEAD))) == whose


def test_what_is_asked_beyond_is_told_once_for_each():
    found = budgets(
        ("recent.actor_1h.all >= 7", "hold = '1h'"),
        ("action.bulk > 25", "hold = '1h'"),
        ("recent.actor_1h.reach > 1_000", "refuse = true"),
    )
    assert {one.beyond for one in found.values()} == {"a wait of 1 hour or it is refused"}
    # For machines: the answer of each net, though three measures meet the first.
    assert [len(one.then) for one in found.values()] == [3] * 4


# rules ------------------------------------------------------------------------------------


def test_a_rule_tells_the_least_that_is_asked_of_whoever_may():
    (lower,) = [one for one in CHANGES if one.says == "lower an account's tier"]
    weakens = "change.weakens and change.kind == 'tier'"
    prover = Prover(of((weakens, LEAD), (f"{weakens} and not now.paused", "approvals = 2\nfrom = ['policy']")))
    rule = alone_page._rule(prover, lower)
    assert (rule.needs, rule.roles, rule.weakens) == ("needs 1 further person (lead)", ("lead", "policy"), True)
    assert rule.asked == ask(1, 0, ("lead",))
    (raised,) = [one for one in CHANGES if one.says == "raise an account's tier"]
    assert alone_page._rule(prover, raised).asked == NOW
    # What the solver cannot read may ask for more than is proved: the number that is told is the proved one.
    unread = Prover(
        of((weakens, LEAD), (f"{weakens} and not (actor.team in actor.roles)", "approvals = 2\nfrom = ['policy']"))
    )
    rule = alone_page._rule(unread, lower)
    assert (rule.asked.people, rule.needs) == (1, "needs 1 other person")
