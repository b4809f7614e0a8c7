"""Fetching the reports that wait on a platform itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from gardefou.domain.records import ORGANISATION, SYSTEM, PlatformEntry
from gardefou.errors import InvalidInput, NotFound, Unavailable
from gardefou.flow.app import App
from gardefou.flow.report_input import (
    MAX_ID,
    MAX_TEXT,
    NewReport,
    check_evidence,
    parse_moment,
    parse_report,
)
from gardefou.flow.reports import Given, take_given
from gardefou.people.actor import Actor
from gardefou.platforms.protocol import PlatformError, PulledReport, PullsReports
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.records import fetch
from gardefou.storage.work import UnitOfWork

#: Reports of one transaction.
CHUNK = 500


class _OvertakenError(Exception):
    """Another node pulled the same reports meanwhile; it goes on from there."""


def pull(app: App, platform: str) -> int:
    """Fetch what was reported on a platform since the last time; return how many were new to us.

    Each chunk of reports and the cursor behind it are one transaction, and a
    report is known by the platform's own key: whenever this is killed, nothing
    is taken twice and nothing is passed over. A platform that holds no reports
    of its own gives 0.

    Writes `report.taken`, and `platform.pulled` with the new cursor.

    Raises:
        NotFound: no such active platform (`platform/not_found`).
        Unavailable: the platform does not answer (`platform/unavailable`); what
            came before is kept.
    """
    connector = app.connector(platform)
    if not isinstance(connector, PullsReports):
        return 0
    with app.works.read() as connection:
        entry = fetch(connection, PlatformEntry, tables.platform_entry.c.id == platform)
    if entry is None:
        raise NotFound(
            "platform/not_found",
            _("There is no platform %(platform)s; see `gardefou platform list`.", platform=repr(platform)),
        )
    cursor = entry.pull_cursor
    actor = Actor(id=SYSTEM, via="system", source="platform")
    new = 0
    reports = connector.pull_reports(after=cursor or None)
    trouble: PlatformError | None = None
    while trouble is None:
        chunk: list[tuple[str, PulledReport]] = []
        try:
            # Outside any transaction: this asks the platform.
            for fetched in islice(reports, CHUNK):
                chunk.append(fetched)  # noqa: PERF402 - what came before a failure is kept
        except PlatformError as error:
            trouble = error
        if not chunk:
            break
        try:
            new += _take(app, actor, platform, cursor, chunk)
        except _OvertakenError:
            return new
        cursor = chunk[-1][0]
    if trouble is not None:
        raise Unavailable(
            "platform/unavailable", _("%(platform)s does not answer: %(trouble)s", platform=platform, trouble=trouble)
        ) from trouble
    return new


def _take(app: App, actor: Actor, platform: str, cursor: str, chunk: list[tuple[str, PulledReport]]) -> int:
    """Take a chunk and move the cursor behind it, in one transaction."""
    given = [
        Given(actor, report, pulled.key)
        for pulled, report in ((one, _report(platform, one)) for _, one in chunk)
        if report is not None
    ]
    newest = chunk[-1][0]
    before = app.ids.new()

    def move_on(uow: UnitOfWork) -> None:
        entry = uow.need(PlatformEntry, ORGANISATION, platform)
        if entry.pull_cursor != cursor:
            raise _OvertakenError
        if newest != cursor:
            moved = replace(entry, pull_cursor=newest, version=entry.version + 1)
            detail = {"fetched": len(chunk), "passed_over": len(chunk) - len(given)}
            uow.record("platform.pulled", by=SYSTEM, about=platform, puts=(moved,), detail=detail)

    # Ids rise, so those that are older than this call were taken before.
    return sum(one.report > before for one in take_given(app, given, within=move_on))


def _report(platform: str, pulled: PulledReport) -> NewReport | None:
    """Return a pulled report within our bounds; None for one that speaks of no account.

    What is too long is cut and what has no shape is left out: one odd report
    must not stand before all that come after it.
    """
    text = pulled.text.encode(errors="replace").decode().replace("\x00", "")
    body: dict[str, Any] = {
        "platform": platform,
        "subject": {"kind": "content", "account": pulled.account, "content": pulled.content}
        if pulled.content
        else {"kind": "account", "account": pulled.account},
        "reporter": pulled.reporter[:MAX_ID] or "unknown",
        "category": pulled.category,
        "text": text[:MAX_TEXT],
    }
    try:
        report = parse_report(body)
    except InvalidInput as error:
        if error.field != "category":
            return None
        try:
            report = parse_report(body | {"category": "other"})
        except InvalidInput:
            return None
    return report._replace(evidence=_evidence(pulled.evidence), at=_moment(pulled.at))


def _evidence(evidence: tuple[Mapping[str, Any], ...]) -> tuple[Mapping[str, Any], ...]:
    try:
        return check_evidence(evidence, code="report/evidence")
    except InvalidInput:
        return ({"left_out": "The platform's evidence is larger than a report may carry."},)


def _moment(at: str | None) -> datetime | None:
    try:
        return None if at is None else parse_moment(at)
    except InvalidInput:
        return None
