"""Brings the catalogues up to what the console says; ``--check`` only says what is missing.

python tools/messages.py [--check]

Keeps every translation whose English text is still said, adds what is new without
one, and drops the rest. What a page takes from elsewhere (states, actions, nets,
errors with one fixed text) is collected from where it is written.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from gardefou.domain.actions import SAYS as ACTIONS
from gardefou.domain.states import SAYS as STATES
from gardefou.flow.priority import GRAVE_CATEGORIES
from gardefou.flow.rules import Rules
from gardefou.nets.check import Sort
from gardefou.nets.facts import SCHEMA
from gardefou.nets.invariants import INVARIANTS
from gardefou.nets.phrasebook import UNITS, window_of
from gardefou.nets.shipped import SHIPPED, load_shipped
from gardefou.people.roles import ROLES
from gardefou.people.standing import Standing
from gardefou.platforms.synapse_can import CAPABILITIES as HOMESERVER
from gardefou.speech import LOCALES
from gardefou.web.console import words
from gardefou.web.console.policies import POLICIES

SOURCE = Path(__file__).parent.parent / "src" / "gardefou"
WEB = SOURCE / "web"
_KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "gettext": None, "later": None, "ngettext": (1, 2)}
_ERRORS = frozenset({"InvalidInput", "Conflict", "Denied", "NotFound", "Unavailable", "StepUpRequired"})
#: Where errors that a page may show are raised.
_RAISING = ("flow", "people", "platforms", "web/console")
#: Words of the contract that pages show as people write them.
# fmt: off
_WORDS = (
    "no_violation", "violation", "open", "closed", "escalated", "standard", "notable", "protected", "account",
    "content", "user", "trusted_flagger", "machine", "authority", "staff", "team", "platform", "all", "console",
    "api", "cli", "suspended", "deactivated", "deleted", "locked", "limited", "warned", "labelled", "removed",
    "break_glass", "system",
)
# fmt: on

_PLURALS = {"fr": "nplurals=2; plural=(n > 1);"}
#: A catalogue does not change because a day has passed.
_BEGAN = datetime(2026, 11, 26, tzinfo=UTC)

Text = str | tuple[str, str]


def _written() -> Iterator[Text]:
    """Yield what is written in code that speaks, and in the pages' templates."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.name == "speech.py" or "from gardefou.speech import" in path.read_text("utf-8"):
            yield from _extracted("python", path)
    for path in sorted((WEB / "templates").rglob("*.html")):
        yield from _extracted("jinja2.ext:babel_extract", path)


def _extracted(method: str, path: Path) -> Iterator[Text]:
    options = {"trimmed": "true", "newstyle_gettext": "true", "trim_blocks": "true", "lstrip_blocks": "true"}
    found = extract(method, BytesIO(path.read_bytes()), _KEYWORDS, options=options)
    for _line, text, _comments, _context in found:
        if isinstance(text, tuple):
            yield text[0], text[1]
        elif text:
            yield text


def _taken() -> Iterator[Text]:
    """Yield what pages take from elsewhere."""
    yield from ((f"%(num)s {one}", f"%(num)s {several}") for one, several in words.NOUNS)
    yield from STATES.values()
    yield from ACTIONS.values()
    rules = Rules()
    names = [
        *STATES,
        *ACTIONS,
        *ROLES,
        *Standing,
        *rules.labels,
        *rules.protected_labels,
        *rules.notable_labels,
        *rules.legal_bases,
        *rules.urgent_categories,
        *(queue for queue, _seconds in rules.queue_clocks),
        *POLICIES,
        *sorted(GRAVE_CATEGORIES),
        *_WORDS,
    ]
    yield from (str(getattr(name, "value", name)).replace("_", " ") for name in names)
    for one, several, unknown, name in UNITS.values():
        yield from ((one, several), unknown, name)
    yield from (spec.says.split(",")[0] for spec in SCHEMA.values() if window_of(spec.name) is None)
    yield from (loss for capability in HOMESERVER.values() for loss in capability.losses)
    yield from (one.says for one in INVARIANTS)
    yield from (str(sort) for sort in Sort)
    for shipped in SHIPPED:
        for net in load_shipped(shipped):
            yield from (net.title, net.because, *net.asks.refusals)


def _raised() -> Iterator[Text]:
    """Yield the errors that always say the same."""
    for folder in _RAISING:
        for path in sorted((SOURCE / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                match node:
                    case ast.Call(func=ast.Name(id=name), args=[_, ast.Constant(value=str(text)), *_]) if (
                        name in _ERRORS
                    ):
                        yield text
                    case _:
                        pass


def said() -> list[Text]:
    """Return every text that the console says, each once."""
    return list(dict.fromkeys(text for text in (*_written(), *_taken(), *_raised()) if text))


def catalogue(language: str) -> Catalog:
    """Return the catalogue of a language as it is written; empty where there is none yet."""
    path = LOCALES / language / "gardefou.po"
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def renewed(old: Catalog) -> Catalog:
    """Return a catalogue of exactly what is said, with the translations that there are."""
    new = Catalog(
        locale=old.locale,
        project="Gardefou",
        version="1",
        header_comment="# Texts of the console. Renewed by tools/messages.py; translations are written here.",
        msgid_bugs_address="-",
        last_translator="-",
        language_team="-",
        creation_date=_BEGAN,
        revision_date=_BEGAN,
        fuzzy=False,
    )
    # One form for one (and, in French, none), another for more: Babel's own third is for whole millions only.
    new.mime_headers = [("Plural-Forms", _PLURALS[str(old.locale)])]
    for text in said():
        key = text if isinstance(text, str) else text[0]
        known = old.get(key)
        string = known.string if known is not None and isinstance(known.id, tuple) == isinstance(text, tuple) else ""
        new.add(text, string or ("" if isinstance(text, str) else ("", "")))
    return new


def missing(found: Catalog) -> list[str]:
    """Return what has no translation."""
    return [_first(one) for one in found if one.id and not all(_strings(one))]


def _strings(message: Message) -> tuple[str, ...]:
    string = message.string or ""
    return (string,) if isinstance(string, str) else tuple(str(one or "") for one in string)


def _first(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def main() -> int:
    """Write, or check."""
    status = 0
    for folder in sorted(LOCALES.iterdir()):
        old = catalogue(folder.name)
        new = renewed(old)
        without = missing(new)
        gone = {_first(one) for one in old if one.id} - {_first(one) for one in new if one.id}
        if "--check" in sys.argv:
            for text in without:
                print(f"{folder.name}: not translated: {text}")
            for text in sorted(gone):
                print(f"{folder.name}: no longer said: {text}")
            status |= bool(without or gone)
            continue
        out = BytesIO()
        write_po(out, new, width=120, no_location=True, sort_output=False, omit_header=False)
        (folder / "gardefou.po").write_bytes(out.getvalue())
        print(f"{folder.name}: {len(new)} texts, {len(without)} without a translation")
    return status


if __name__ == "__main__":
    sys.exit(main())
