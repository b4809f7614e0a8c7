"""What nets ask of an act, and with them the leavers' table where it takes more, or sooner, than they do (M9)."""

from __future__ import annotations

from gardefou.flow.app import Config
from gardefou.nets.facts import Facts
from gardefou.nets.judge import judge
from gardefou.nets.verdict import NOTHING, Requirement, Verdict
from gardefou.people.leaving import M9, REACH, Loss, beyond_m9
from gardefou.people.standing import Standing

_MILD = frozenset({"", "restore", "pause", "second_pause", "resume"})
_SAYS = {
    Loss.BULK: "Whoever is leaving does not act in bulk; hand it over.",
    Loss.TOKENS: "Whoever is leaving does not act by token; use the console.",
    Loss.GUARDED_CHANGES: "Whoever is leaving does not change tiers, nets, staff or settings; ask a colleague to.",
    Loss.NOTABLE: "Whoever is leaving does not act on notable or protected accounts; hand the case over.",
    Loss.SEVERITY_4: "So near to the last day nothing above severity 3; hand the case over.",
    Loss.REACH: "So near to the last day no account that many follow; hand the case over.",
}


def judge_act(config: Config, facts: Facts, *, shadow_all: bool = False) -> Verdict:
    """Return what the nets in force and the leavers' table in force together ask.

    By default the table is what the shipped nets hold, and adds nothing. In
    shadow it takes nothing either, as the nets that hold it do.
    """
    verdict = judge(config.nets, facts, shadow_all=shadow_all)
    table = config.rules.leaver_stages
    if table == M9 or shadow_all:
        return verdict
    known = dict(facts)
    lost = beyond_m9(
        table,
        float(str(known.get("actor.hours_to_last_day_end", 0.0))) * 60,
        noticed=known.get("actor.standing", Standing.LEAVING) == Standing.LEAVING,
    )
    return verdict.join(_asked(facts, lost)) if lost else verdict


def _asked(facts: Facts, lost: frozenset[Loss]) -> Verdict:
    # An unknown fact counts as the worst it could be.
    known = dict(facts)
    severity = float(str(known.get("action.severity", 5)))
    harms = severity > 0
    concerns = {
        Loss.BULK: harms and float(str(known.get("action.bulk", 2))) > 1,
        Loss.TOKENS: harms and bool(known.get("actor.human", True)) and known.get("actor.via", "api") == "api",
        Loss.GUARDED_CHANGES: known.get("change.kind", "") not in _MILD,
        Loss.NOTABLE: harms and known.get("account.tier_memory", "protected") != "standard",
        Loss.SEVERITY_4: severity > 3,
        Loss.REACH: harms and float(str(known.get("account.reach", REACH))) >= REACH,
    }
    refusals = tuple(_SAYS[loss] for loss, does in concerns.items() if does and loss in lost)
    alone = Loss.SEVERITY_4_ALONE in lost and severity >= 4
    approvals = (Requirement(roles=("lead",), approvals=1),) if alone else ()
    return Verdict(refusals=refusals, approvals=approvals) if refusals or approvals else NOTHING
