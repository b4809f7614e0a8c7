"""Which pages look at what: a page that is open is renewed when that changes."""

from __future__ import annotations

import re
from urllib.parse import unquote

from gardefou.web.console.pulse import topic

#: Which pages look at what, by path: lists, ids and accounts. ``tell``: such a page is not renewed, but says that
#: it has changed; someone decides on it.
WATCHED: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"/"), "enforcements incidents", ""),
    (re.compile(r"/queue"), "cases accounts", ""),
    (re.compile(r"/enforcements"), "enforcements", ""),
    (re.compile(r"/enforcements/([^/]+)"), "{0}", ""),
    (re.compile(r"/cases/([^/]+)"), "{0}", "tell"),
    (re.compile(r"/(?:accounts|restore|hacked)/([^/]+)/([^/]+)"), "{0}/{1}", ""),
    (re.compile(r"/incidents"), "incidents", ""),
    (re.compile(r"/incidents/([^/]+)"), "{0}", ""),
    (re.compile(r"/pause"), "pauses", ""),
    (re.compile(r"/people"), "people", ""),
    (re.compile(r"/leavers"), "people", ""),
    (re.compile(r"/recertification"), "people", ""),
    (re.compile(r"/rollbacks/([^/]+)"), "{0} enforcements", ""),
)


def watched(path: str) -> tuple[str, str]:
    """Return what a page at this path looks at, and whether it only tells that it has changed."""
    for pattern, names, how in WATCHED:
        found = pattern.fullmatch(path)
        if found is not None:
            parts = [unquote(part) for part in found.groups()]
            return (topic(*parts) if len(parts) == 2 else names.format(*parts)), how
    return "", ""
