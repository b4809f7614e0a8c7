"""Reading what people type: moments, lengths of time, last days, enforcements' wishes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import click

from gardefou.cli.common import split_account
from gardefou.clock import rfc3339
from gardefou.errors import InvalidInput
from gardefou.flow.spec import Wanted
from gardefou.nets.check import duration_seconds
from gardefou.people.last_days import end_of_last_day, zone_of


def past(text: str, *, now: datetime, field: str) -> datetime:
    """Return the instant that an RFC 3339 text names, or that many minutes, hours or days ago (``2h``).

    Raises:
        InvalidInput: it is neither (`cli/moment`).
    """
    seconds = duration_seconds(text)
    return _moment(text, field) if seconds is None else _shifted(now, -seconds, text, field)


def future(text: str | None, *, now: datetime, field: str) -> datetime | None:
    """Return the instant that an RFC 3339 text names, or in that many minutes, hours or days (``7d``).

    Raises:
        InvalidInput: it is neither (`cli/moment`).
    """
    if text is None:
        return None
    seconds = duration_seconds(text)
    return _moment(text, field) if seconds is None else _shifted(now, seconds, text, field)


def _shifted(now: datetime, seconds: float, text: str, field: str) -> datetime:
    try:
        return now + timedelta(seconds=seconds)
    except OverflowError:
        raise InvalidInput("cli/moment", f"{field}: {text!r} is beyond the calendar.", field=field) from None


def _moment(text: str, field: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
        if len(text) == len("2026-05-31"):
            return at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(
        "cli/moment",
        f"{field}: {text!r} is no moment; write 2026-05-31T18:00:00Z, 2026-05-31, or a length such as 2h or 7d.",
        field=field,
    )


def last_day_end(text: str, zone: str) -> datetime:
    """Return when a last day ends: at 23:59 in the zone, unless a time is given (M9).

    Raises:
        InvalidInput: no day (`cli/last_day`), no such time zone (`cli/zone`).
    """
    where = zone_of(zone)
    if where is None:
        raise InvalidInput("cli/zone", f"There is no time zone {zone!r}; write one such as Europe/Paris.")
    at = end_of_last_day(text, where)
    if at is None:
        raise InvalidInput(
            "cli/last_day", f"{text!r} is no day; write 2026-05-31, or a moment such as 2026-05-31T17:00:00Z."
        )
    return at


def words(given: tuple[str, ...]) -> list[str]:
    """Return the words of a repeatable option that also takes commas: ``--scope a,b --scope c``."""
    return list(dict.fromkeys(word.strip() for one in given for word in one.split(",") if word.strip()))


def written(at: datetime | None) -> str | None:
    """Return an instant as a guarded change takes it."""
    return None if at is None else rfc3339(at)


_WISH = (
    click.argument("account", metavar="PLATFORM/REF"),
    click.argument("action"),
    click.option("--policy", required=True, help="The policy that this rests on."),
    click.option("--because", "rationale", default="", help="Why, in a line, for those who look at it later."),
    click.option("--content", multiple=True, metavar="ID", help="A content item; may be repeated."),
    click.option("--label", help="The label to put, for the action label."),
    click.option("--until", help="When it ends by itself: a moment, or a length such as 7d."),
    click.option("--at", "execute_at", help="When it starts: a moment, or a length such as 2h."),
    click.option("--legal-basis", help="csam, court_order, authority_order or terrorist_content."),
    click.option("--confirm-handle", metavar="HANDLE", help="The handle, typed again, where a net asks for it."),
    click.option(
        "--confirm-identity", metavar="REF", help="The ref, chosen among lookalikes, where a net asks for it."
    ),
)


def wish_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the arguments of one action on one account."""
    for option in reversed(_WISH):
        function = option(function)
    return function


def wanted(now: datetime, given: dict[str, Any]) -> Wanted:
    """Return the wish that `wish_options` took."""
    platform, ref = split_account(given["account"])
    confirm = {"handle": given["confirm_handle"], "identity": given["confirm_identity"]}
    return Wanted(
        platform=platform,
        account=ref,
        action=given["action"],
        content=tuple(given["content"]),
        label=given["label"],
        policy=given["policy"],
        rationale=given["rationale"],
        until=future(given["until"], now=now, field="--until"),
        execute_at=future(given["execute_at"], now=now, field="--at"),
        legal_basis=given["legal_basis"],
        confirm={name: value for name, value in confirm.items() if value is not None},
    )


def page_end(cursor: str) -> str:
    """Return the id at which the page before ended.

    Raises:
        InvalidInput: it is no id, and everything or nothing would come after it (`input/cursor`).
    """
    try:
        return str(UUID(cursor))
    except ValueError:
        raise InvalidInput(
            "input/cursor", f"--cursor: {cursor!r} is none of ours; start at the first page.", field="cursor"
        ) from None


def reason(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Take a reason that says something: whoever is told, or reads the record, has nothing else to go by."""
    if not value.strip():
        raise click.UsageError("--because: say why, in a line")
    return value
