"""Whose page it is, among those about one person."""

from __future__ import annotations

from urllib.parse import quote

from gardefou.domain.records import Staff
from gardefou.errors import NotFound
from gardefou.speech import gettext as _
from gardefou.web.console.frame import Visit


def path_of(person: Staff) -> str:
    """Return the address of a person's page."""
    return f"/people/{quote(person.pseudonym, safe='')}"


def person_of(visit: Visit) -> Staff:
    """Return whose page it is; by pseudonym, as no page holds a staff id.

    Raises:
        NotFound: there is nobody of that pseudonym (`staff/not_found`).
    """
    wanted = visit.path("pseudonym")
    found = next((one for one in visit.names.people.values() if one.pseudonym == wanted), None)
    if found is None:
        raise NotFound(
            "staff/not_found", _("There is nobody called %(wanted)s here; check the address.", wanted=repr(wanted))
        )
    return found
