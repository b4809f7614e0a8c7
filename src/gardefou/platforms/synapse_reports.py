"""Fetches the reports that people made to a homeserver: of messages and of accounts.

Reports of rooms are taken by the homeserver too, but it has no endpoint that
lists them; they cannot be fetched.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from gardefou.clock import rfc3339
from gardefou.platforms.protocol import NoSuchAccount, PulledReport
from gardefou.platforms.synapse_api import ADMIN_V1, Json, SynapseApi
from gardefou.platforms.synapse_ids import message_id

#: Words in a report's reason, and the category they stand for; the first that is found counts.
CATEGORIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("child_safety", ("csam", "csem", "child", "underage", "grooming", "paedo", "pedo")),
    ("terrorism", ("terror", "extremis")),
    ("self_harm", ("suicid", "self-harm", "self harm")),
    ("violence", ("violen", "threat", "kill", "gore")),
    ("impersonation", ("impersonat", "pretend", "fake account", "identity theft")),
    ("hate", ("hate", "racis", "nazi", "slur", "homophob", "transphob", "antisemit")),
    ("abuse", ("abus", "harass", "bully", "stalk", "dox", "insult")),
    ("sexual", ("porn", "nsfw", "nude", "nudity", "sexual")),
    ("scam", ("scam", "phish", "fraud", "malware")),
    ("spam", ("spam", "advert", "flood")),
    ("copyright", ("copyright", "dmca", "piracy")),
    ("illegal", ("illegal", "drug", "weapon")),
)

_CURSOR = re.compile(r"event:(\d{1,18}),user:(\d{1,18})")
_PAGE = 100
#: Pages overlap by this many rows, as rows that others delete meanwhile move the rest up.
_OVERLAP = 5


def category_of(reason: str) -> str:
    """Return the category that a reason's words speak of; ``other`` when none does."""
    text = reason.casefold()
    for category, words in CATEGORIES:
        if any(re.search(rf"\b{re.escape(word)}", text) for word in words):
            return category
    return "other"


def pull(api: SynapseApi, after: str | None) -> Iterator[tuple[str, PulledReport]]:
    """Yield (cursor, report) for all that came after the cursor, oldest first.

    A cursor names the newest report seen of each kind. One that cannot be read
    begins at the start: every report's key stays the same, so nothing is taken
    twice. A reported message that the homeserver no longer knows has no
    account to speak of and is passed over.
    """
    match = _CURSOR.fullmatch(after or "")
    event_id, user_id = (int(match[1]), int(match[2])) if match else (0, 0)
    events = ((int(row["received_ts"]), "event", row) for row in _rows(api, "event_reports", event_id))
    users = ((int(row["received_ts"]), "user", row) for row in _rows(api, "user_reports", user_id))
    for _, kind, row in heapq.merge(events, users, key=lambda each: (each[0], each[1], int(each[2]["id"]))):
        if kind == "event":
            event_id = int(row["id"])
            report = _event_report(api, row)
        else:
            user_id = int(row["id"])
            report = _user_report(row)
        if report is not None:
            yield f"event:{event_id},user:{user_id}", report


def _rows(api: SynapseApi, kind: str, after: int) -> list[Json]:
    """Return the rows with a greater id than ``after``, oldest first."""
    rows: dict[int, Json] = {}
    start = 0
    while True:
        page: list[Json] = api.read(f"{ADMIN_V1}/{kind}", {"dir": "b", "from": start, "limit": _PAGE})[kind]
        fresh = {int(row["id"]): row for row in page if int(row["id"]) > after}
        rows |= fresh
        if len(page) < _PAGE or not fresh:
            break
        start += _PAGE - _OVERLAP
    return [rows[number] for number in sorted(rows)]


def _event_report(api: SynapseApi, row: Json) -> PulledReport | None:
    try:
        detail = api.read(f"{ADMIN_V1}/event_reports/{row['id']}")
    except NoSuchAccount:
        # Dealt with and deleted on the homeserver between two readings.
        detail = row
    event: Json = detail.get("event_json") or {}
    account = detail.get("sender") or event.get("sender")
    if not account:
        return None
    reason = str(row.get("reason") or "")
    return PulledReport(
        key=f"synapse:event:{row['id']}",
        account=str(account),
        reporter=str(row["user_id"]),
        category=category_of(reason),
        content=message_id(str(row["room_id"]), str(row["event_id"])),
        text=reason,
        evidence=(
            {
                "kind": "matrix_event",
                "room": row["room_id"],
                "room_name": row.get("name"),
                "event": {
                    name: event[name]
                    for name in ("event_id", "type", "sender", "origin_server_ts", "content")
                    if name in event
                },
            },
        ),
        at=_when(row),
    )


def _user_report(row: Json) -> PulledReport:
    reason = str(row.get("reason") or "")
    return PulledReport(
        key=f"synapse:user:{row['id']}",
        account=str(row["target_user_id"]),
        reporter=str(row["user_id"]),
        category=category_of(reason),
        text=reason,
        at=_when(row),
    )


def _when(row: Json) -> str:
    return rfc3339(datetime.fromtimestamp(int(row["received_ts"]) / 1000, UTC))
