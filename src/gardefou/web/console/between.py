"""Pages that stand between a form and what it asks for: who it is once more, which account, or that it cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from starlette.responses import Response

from gardefou.errors import (
    Conflict,
    Denied,
    GardefouError,
    InvalidInput,
    NotFound,
    TooManyTries,
    TooOften,
    Unavailable,
)
from gardefou.web.console.aside import aside, came_from, framed, local, wants_page
from gardefou.web.console.browser import address_of
from gardefou.web.console.forms import Form
from gardefou.web.console.reading import lookalikes_of, refreshed
from gardefou.web.problems import TITLES, note_denied

if TYPE_CHECKING:
    from gardefou.web.console.frame import Visit

#: A form of so many characters is kept on the page that says when to send it again.
_MOST_KEPT = 65_536
#: Names the page that a form stands on, for the pages in between.
_CAME_FROM = "came_from"
#: An address that says what came of a step is true once.
_ONCE = frozenset({"done", "did", "placed", "answered", "errors"})


def problem(visit: Visit, error: GardefouError) -> Response:
    """Return an error as a page: one sentence that says what is wrong and what to do."""
    note_denied(visit.request, error)
    status = status_of(error)
    # Theirs alone, and of nobody signed out: another site's words are not shown, nor is a key or half an invitation.
    own = visit.who is not None and "origin" in visit.request.headers and error.code != "auth/origin"
    written = visit.form.written if own else []
    page = visit.page(
        "problem.html", status=status, title=TITLES[status], error=error, back=_back(visit), written=written
    )
    return later_again(page, error)


def _back(visit: Visit) -> str:
    """Return the page that led here, as it was asked for; of a form the one it stands on, across those in between."""
    before = urlsplit(visit.form.one(_CAME_FROM) or visit.request.headers.get("referer", ""))
    told = before.query and _ONCE.isdisjoint(parse_qs(before.query))
    return local(f"{before.path}?{before.query}" if told else before.path or "/")


def _carried(visit: Visit, *without: str) -> list[tuple[str, str]]:
    """Return what a page in between carries on, with the page that the form stands on."""
    return [*visit.form.carried(without=(_CAME_FROM, *without)), (_CAME_FROM, _back(visit))]


def later_again(response: Response, error: GardefouError) -> Response:
    """Say on an answer after how many seconds to come back, where it was too soon."""
    if isinstance(error, TooManyTries | TooOften):
        response.headers["Retry-After"] = str(error.seconds)
    return response


def status_of(error: GardefouError) -> int:
    """Return the HTTP status of an error."""
    kinds: tuple[tuple[type[GardefouError], int], ...] = (
        (TooManyTries, 429),
        (TooOften, 429),
        (InvalidInput, 400),
        (NotFound, 404),
        (Denied, 403),
        (Conflict, 409),
        (Unavailable, 503),
    )
    return next((status for kind, status in kinds if isinstance(error, kind)), 500)


def ask_again(visit: Visit, says: str, *, wrong: bool = False) -> Response:
    """Ask for a fresh sign-in, and carry the form through it."""
    return visit.page(
        "step_up.html",
        says=says,
        wrong=wrong,
        action=visit.request.url.path,
        carried=_carried(visit),
        back=_back(visit),
        signs=visit.signs,
    )


def ask_to_sign(visit: Visit, error: GardefouError) -> Response:
    """Ask for a yes that is signed with a passkey."""
    return visit.page(
        "sign_yes.html",
        action=visit.request.url.path,
        asked=f"/passkey/asked/{quote(str(error.extra['enforcement']), safe='')}",
        carried=_carried(visit, "assertion"),
        back=_back(visit),
    )


def ask_to_confirm(visit: Visit, error: GardefouError) -> Response:
    """Ask which account is meant: its handle typed, or itself chosen among those that look alike."""
    assert visit.concerns is not None
    what = (error.field or "").removeprefix("confirm.")
    platform, ref = visit.concerns
    # What placing read was rolled back with it: an account seen for the first time is not stored yet.
    refreshed(visit.app, platform, ref)
    with visit.app.works.read() as connection:
        account, alike = lookalikes_of(connection, platform, ref)
    return visit.page(
        "confirm.html",
        what=what,
        wrong=error.code == "confirm/mismatch",
        account=account,
        choices=sorted(alike, key=lambda one: one.ref),
        action=visit.request.url.path,
        carried=_carried(visit, f"confirm_{what}"),
        back=_back(visit),
    )


def confirmed(form: Form) -> dict[str, str]:
    """Return what a form confirms: the handle as typed, the account as chosen."""
    given = {what: form.one(f"confirm_{what}").removeprefix("@") for what in ("handle", "identity")}
    return {what: value for what, value in given.items() if value}


def turned_away(visit: Visit, error: GardefouError, bare: Response) -> Response:
    """Return what stands for a page that is not made; what was filled in goes on from there."""
    request = visit.request
    if visit.who is None:
        return framed(bare, error, request.scope)
    if not wants_page(request.scope):
        return bare
    here, posted = request.url.path, request.method == "POST"
    kept = visit.form.carried() if posted else []
    fits = sum(len(name) + len(value) for name, value in kept) <= _MOST_KEPT
    account = request.path_params if {"platform", "ref"} <= request.path_params.keys() else None
    waits = isinstance(error, TooOften)
    platforms = visit.app.recent_config().platforms if waits else {}
    return aside(
        bare,
        error,
        back=came_from(request.headers, "" if posted else here),
        theme=visit.preferences.theme,
        again=here if posted else address_of(request),
        carried=kept if posted and fits else None,
        csrf=visit.csrf,
        restore="" if account is None else f"/restore/{_segment(account['platform'])}/{_segment(account['ref'])}",
        platforms=sorted(name for name, entry in platforms.items() if entry.active),
    )


def _segment(text: str) -> str:
    return quote(text, safe="")
