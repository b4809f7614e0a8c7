"""What stands on record already when reports come in, read for all of them at once.

A handful of statements for any number of reports, and on PostgreSQL one
exchange for those that every group needs. `gardefou.flow.report_merge` makes
cases of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import sqlalchemy as sa

from gardefou.domain.accounts import Tier
from gardefou.flow.rules import Rules, rules_ahead, rules_of
from gardefou.storage import bulk, tables
from gardefou.storage.fast import Fast, together

#: Platform, account, content; the last empty where the account itself was reported.
Subject = tuple[str, str, str]

_ACTIVE = Fast(sa.select(tables.platform_entry.c.id).where(tables.platform_entry.c.active))


@dataclass(frozen=True, slots=True, kw_only=True)
class OnRecord:
    """The rules, the platforms in use, the subjects' open cases, and their accounts' tiers above standard."""

    rules: Rules
    platforms: frozenset[str]
    cases: Mapping[Subject, bulk.Image]
    tiers: Mapping[tuple[str, str], Tier]


def active_platforms(connection: sa.Connection) -> set[str]:
    """Return the platforms that are in use."""
    return {row.id for row in _ACTIVE.all(connection)}


def on_record(connection: sa.Connection, subjects: Sequence[Subject], *, at: int) -> OnRecord:
    """Read what any report needs, in one exchange; the rows of cases are held.

    Subjects are sorted: two transactions always take them in the same
    sequence, so that they wait for each other but never both. ``at``, in
    microseconds, is when tiers are asked for, their memory included (M10).
    """
    among = {
        platform: [(account, content) for _platform, account, content in those]
        for platform, those in groupby(subjects, key=itemgetter(0))
    }
    settings, no_values = rules_ahead()
    with together(connection):
        rules = settings.start(connection, no_values)
        active = _ACTIVE.start(connection, {})
        asked = [(one, _ask_cases(connection, one, of), _ask_tiers(connection, one, of)) for one, of in among.items()]
    cases: dict[Subject, bulk.Image] = {}
    tiers: dict[tuple[str, str], Tier] = {}
    for platform, open_cases, above in asked:
        for image in bulk.images_of(tables.case, open_cases()):
            cases[platform, image["account"], image["content"]] = image
        for ref, tier, memory, until in above():
            remembered = until is not None and until > at
            tiers[platform, ref] = Tier.highest(Tier(tier), Tier(memory) if remembered else Tier.STANDARD)
    return OnRecord(
        rules=rules_of(settings.rows(connection, rules)),
        platforms=frozenset(row.id for row in _ACTIVE.rows(connection, active)),
        cases=cases,
        tiers=tiers,
    )


def _ask_cases(connection: sa.Connection, platform: str, pairs: Sequence[tuple[str, str]]) -> bulk.Asked:
    source, values = bulk.pairs_source(connection, pairs)
    where = "cases.platform = ? AND cases.account = given.a AND cases.content = given.b AND cases.state = 'open'"
    statement = (
        f"SELECT {bulk.columns_of(tables.case, 'cases')}"  # noqa: S608 - own clauses
        f" FROM {bulk.each(connection, source, 'cases', where, hold=True)}"
    )
    return bulk.ask(connection, statement, (*values, platform))


def _ask_tiers(connection: sa.Connection, platform: str, pairs: Sequence[tuple[str, str]]) -> bulk.Asked:
    source, values = bulk.texts_source(connection, sorted({account for account, _content in pairs}))
    where = (
        "account.platform = ? AND account.ref = given.a"
        " AND (account.tier <> 'standard' OR account.memory_tier <> 'standard')"
    )
    statement = (
        "SELECT account.ref, account.tier, account.memory_tier, account.memory_until"  # noqa: S608 - own clauses
        f" FROM {bulk.each(connection, source, 'account', where)}"
    )
    return bulk.ask(connection, statement, (*values, platform))


def pulled_before(connection: sa.Connection, platform: str, keys: Sequence[str]) -> Sequence[Sequence[str]]:
    """Return which of a platform's keys were taken before: key, report, case."""
    source, values = bulk.texts_source(connection, keys)
    where = "report.platform = ? AND report.pulled_key = given.a AND report.pulled_key <> ''"
    statement = (
        "SELECT report.pulled_key, report.id, report.case_id"  # noqa: S608 - own clauses
        f" FROM {bulk.each(connection, source, 'report', where)}"
    )
    return bulk.select(connection, statement, (*values, platform))


def reported_before(
    connection: sa.Connection, platform: str, pairs: Sequence[tuple[str, str]]
) -> Sequence[Sequence[str]]:
    """Return which pairs of case and reporter there is a report of."""
    source, values = bulk.pairs_source(connection, pairs)
    # With its bounds PostgreSQL looks each up, as `bulk.each` has it.
    statement = (
        f"SELECT given.a, given.b FROM {source} WHERE EXISTS (SELECT 1 FROM report"  # noqa: S608 - own clauses
        " WHERE report.platform = ? AND report.case_id = given.a AND report.reporter = given.b"
        " LIMIT 1 OFFSET 0)"
    )
    return bulk.select(connection, statement, (*values, platform))


def reporters_since(
    connection: sa.Connection, platform: str, cases: Sequence[str], since: int
) -> Sequence[Sequence[str]]:
    """Return who reported which of these cases after a moment, in microseconds: pairs of case and reporter."""
    source, values = bulk.texts_source(connection, cases)
    where = "report.platform = ? AND report.case_id = given.a AND report.received_at > ?"
    statement = (
        "SELECT DISTINCT report.case_id, report.reporter"  # noqa: S608 - own clauses
        f" FROM {bulk.each(connection, source, 'report', where)}"
    )
    return bulk.select(connection, statement, (*values, platform, since))
