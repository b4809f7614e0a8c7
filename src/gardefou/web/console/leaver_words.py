"""The leavers' table in the words of pages: what each stage takes, what comes next and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gardefou.domain.records import Staff
from gardefou.people.leaving import AFTER, EVERYTHING, LAST_24_HOURS, LAST_HOUR, NOTICE, STAGES, Loss, Table, lost_in
from gardefou.people.leaving import minutes_of as minutes_before
from gardefou.people.roles import Power
from gardefou.people.standing import Now
from gardefou.speech import later

STAGE_WORDS = {
    NOTICE: later("notice given"),
    LAST_24_HOURS: later("last 24 hours"),
    LAST_HOUR: later("last hour"),
    AFTER: later("gone"),
}
LOSS_WORDS = {
    Loss.APPROVALS: later("approvals"),
    Loss.TOKENS: later("tokens"),
    Loss.GUARDED_CHANGES: later("changes to tiers, nets, people and settings"),
    Loss.BULK: later("acting in bulk"),
    Loss.NOTABLE: later("notable and protected accounts"),
    Loss.SEVERITY_4_ALONE: later("deactivating without one other"),
    Loss.SEVERITY_4: later("anything above severity 3"),
    Loss.REACH: later("accounts with a reach of 1,000 and more"),
    Loss.OTHERS_RESTORES: later("lifting what others imposed"),
    Loss.ACTING: later("everything but reading"),
    Loss.READING: later("reading"),
}
#: Which losses take a power whole; what else is lost is a part of what a power gives.
TAKEN: dict[Power, tuple[Loss, ...]] = {
    Power.APPROVE: (Loss.APPROVALS,),
    Power.TOP_UP: (Loss.APPROVALS,),
    Power.TOKENS: (Loss.TOKENS,),
    **dict.fromkeys(
        (Power.TIERS, Power.NETS, Power.STAFF, Power.PLATFORMS, Power.SETTINGS, Power.REVEAL), (Loss.GUARDED_CHANGES,)
    ),
}


@dataclass(frozen=True, slots=True)
class Ahead:
    """A stage that is still to come: when it begins, and what it takes."""

    stage: str
    at: datetime
    takes: tuple[Loss, ...]


def in_words(lost: frozenset[Loss]) -> tuple[Loss, ...]:
    """Return losses to be read: in the table's sequence, and only the widest where one covers others."""
    if lost == EVERYTHING:
        return (Loss.READING,)
    if Loss.ACTING in lost:
        return (Loss.ACTING,)
    return tuple(
        loss for loss in Loss if loss in lost and not (loss is Loss.SEVERITY_4_ALONE and Loss.SEVERITY_4 in lost)
    )


def ahead(table: Table, person: Staff, standing: Now) -> list[Ahead]:
    """Return the stages that somebody with a last day has before them, the next one first."""
    if person.last_day_end is None or not standing.on_duty:
        return []
    done = STAGES.index(standing.stage) + 1 if standing.stage else 0
    found: list[Ahead] = []
    before = standing.lost
    for stage in STAGES[done:]:
        lost = lost_in(table, stage)
        at = person.last_day_end - timedelta(minutes=minutes_before(table, stage))
        found.append(Ahead(stage, at, in_words(lost) if stage in {LAST_HOUR, AFTER} else in_words(lost - before)))
        before = lost
    return found
