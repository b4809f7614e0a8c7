"""The page of oneself: passkeys, sign-in key, sessions, and how one likes the console."""

from __future__ import annotations

from zoneinfo import available_timezones

from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.people.preferences import LANGUAGES, Preferences, prefer
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.passkeys import mine
from gardefou.web.console.speech import gettext as _


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of the page."""
    return [console.get("/me", show), console.post("/me", keep)]


def show(visit: Visit) -> Response:
    """Show what was chosen."""
    browser = ("", _("as the browser says"))
    zones = sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")
    choices = (
        ("language", _("Language"), (browser, *LANGUAGES.items())),
        ("zone", _("Time zone"), (browser, *((zone, zone.replace("_", " ")) for zone in zones))),
        ("theme", _("Colours"), (browser, ("light", _("light")), ("dark", _("dark")))),
        (
            "media",
            _("Media of reports"),
            (
                ("asked", _("blurred and grey until you ask for them")),
                ("grey", _("grey")),
                ("clear", _("as they are")),
            ),
        ),
    )
    with visit.app.works.read() as connection:
        held = mine(connection, visit)
        counts_after = visit.app.config(connection).rules.passkey_counts_after_seconds
    return visit.page("me.html", choices=choices, done=visit.query("done"), mine=held, counts_after=counts_after)


def keep(visit: Visit) -> Response:
    """Keep what was chosen."""
    chosen = Preferences(**{name: visit.form.one(name) for name in ("language", "zone", "theme", "media")})
    with visit.app.works.begin() as uow:
        prefer(uow.connection, visit.actor.id, chosen)
    return go("/me", done="1")
