"""The console's templates: everything put into them is escaped, and a misspelt name is an error."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gardefou.clock import rfc3339
from gardefou.speech import bare, bare_plural
from gardefou.web.console import reading_words, words

#: What every page made of them carries.
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'self'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": with that, browsers send no usable Origin with a form.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_TEMPLATES = Path(__file__).resolve().parents[1] / "templates" / "console"


@cache
def templates() -> Environment:
    """Return the templates, which every console of this process shares: each is compiled once."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    cast("Any", made).install_gettext_callables(bare, bare_plural, newstyle=True)
    made.filters.update(words.FILTERS | reading_words.FILTERS)
    made.filters["rfc3339"] = rfc3339
    made.filters["segment"] = lambda text: quote(str(text), safe="")
    return made
