"""The page of oneself: passkeys, sign-in key, sessions, and how one likes the console."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.flow.names import revealings_of
from gardefou.people.preferences import Preferences, prefer, zones
from gardefou.speech import LANGUAGES
from gardefou.speech import gettext as _
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.passkeys import mine


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of the page."""
    return [console.get("/me", show), console.post("/me", keep)]


def show(visit: Visit) -> Response:
    """Show what was chosen, and to whom one's name was revealed."""
    browser = ("", _("as the browser says"))
    choices = (
        ("language", _("Language"), (browser, *LANGUAGES.items())),
        ("zone", _("Time zone"), (browser, *((zone, zone.replace("_", " ")) for zone in zones()))),
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
        told = revealings_of(connection, visit.actor.id, visit.now)
        held = mine(connection, visit)
        counts_after = visit.app.config(connection).rules.passkey_counts_after_seconds
    return visit.page(
        "me.html",
        choices=choices,
        told=told,
        done=visit.query("done"),
        linked=_linked(visit),
        mine=held,
        counts_after=counts_after,
    )


def _linked(visit: Visit) -> bool:
    """Whether the person's account at the identity provider is bound to them."""
    if not visit.console.openid.on:
        return False
    with visit.app.works.read() as connection:
        entry = visit.app.directory.get(connection, visit.actor.id)
    return entry is not None and bool(entry.subject)


def keep(visit: Visit) -> Response:
    """Keep what was chosen."""
    chosen = Preferences(**{name: visit.form.one(name) for name in ("language", "zone", "theme", "media")})
    with visit.app.works.begin() as uow:
        prefer(uow.connection, visit.actor.id, chosen)
    return go("/me", done="1")
