"""Reports: checked, taken in batches, and acknowledged once durable.

Everything that takes reports ends in `take_given`: one transaction, however
many reports. How they are merged into cases is `report_merge`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gardefou.errors import GardefouError, Unavailable
from gardefou.flow.app import App
from gardefou.flow.report_input import NewReport, parse_report
from gardefou.flow.report_lookup import active_platforms
from gardefou.flow.report_merge import Batch, Given, Taken, unknown_platform
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.storage import bulk
from gardefou.storage.work import UnitOfWork

__all__ = ["Given", "NewReport", "Taken", "parse_report", "take_each", "take_given", "take_many"]

#: How often a transaction is run again when another was there first.
_ATTEMPTS = 6


def take_many(
    app: App, actor: Actor, reports: Sequence[NewReport], *, pulled_keys: Sequence[str] | None = None
) -> list[Taken]:
    """Take reports in one transaction, all or none; they are durable when it returns.

    Each is merged into the open case of the same subject, or opens one. The
    source is that of the actor's token, the time that of receipt (R17). A
    report whose pulled key is known already is taken once: the answer is the
    one of the first time.

    Writes one `report.taken` a report.

    Raises:
        Denied: the actor may not report (`auth/forbidden`, `staff/…`).
        NotFound: no such active platform (`platform/not_found`).
        Conflict: this machine's clock is behind the ledger (`clock/behind`).
        Unavailable: others wrote the same cases at the same time, again and again (`report/busy`).
    """
    keys = pulled_keys if pulled_keys is not None else [""] * len(reports)
    return take_given(app, [Given(actor, report, key) for report, key in zip(reports, keys, strict=True)])


def take_given(app: App, given: Sequence[Given], *, within: Callable[[UnitOfWork], None] | None = None) -> list[Taken]:
    """Take reports of any number of actors as `take_many` does.

    ``within`` runs in the same transaction, after the reports were written.
    """
    for actor in {id(one.actor): one.actor for one in given}.values():
        actor.require(Power.REPORT, app.now())
    for _ in range(_ATTEMPTS):
        try:
            with app.works.begin() as uow:
                app.sequencer.check_clock(uow.connection, uow.now)
                taken = Batch(uow, app).take(given)
                if within is not None:
                    within(uow)
                return taken
        except Exception as error:
            if not bulk.lost_a_race(error):
                raise
    raise Unavailable("report/busy", "Too many write to the same cases at once; send it again.")


def take_each(app: App, given: Sequence[Given]) -> list[Taken | GardefouError]:
    """Take reports in one transaction, leaving out those that cannot be taken; one answer each.

    Should they fail together, those of unknown platforms are left out; should
    the rest fail again, each is tried by itself.
    """
    try:
        return [*take_given(app, given)]
    except GardefouError as error:
        if len(given) == 1:
            return [error]
    with app.works.read() as connection:
        known = active_platforms(connection)
    good = [one for one in given if one.report.platform in known]
    if len(good) == len(given):
        return [take_each(app, [one])[0] for one in given]
    rest = iter(take_each(app, good) if good else [])
    return [next(rest) if one.report.platform in known else unknown_platform(one.report.platform) for one in given]
