"""What reads bytes from outside, each as a function that says what must hold for any bytes whatever.

Only our own typed errors come out, nothing takes long, and where there is a
printer, what was printed reads as the same. `tools/fuzz.py` runs one for as
long as you like under Atheris; the tests run every file of the corpus, and
some hundred mutants of them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import ValidationError
from scim2_models import SearchRequest
from scim2_models.exceptions import SCIMException

from gardefou.errors import GardefouError, InvalidInput
from gardefou.flow import registry_import, staff_import
from gardefou.flow.intake import lines_of
from gardefou.flow.report_input import NewReport, parse_report
from gardefou.ledger.bundle import verify_bundle
from gardefou.ledger.checkpoint import parse_body
from gardefou.ledger.note import parse_note
from gardefou.nets import tree
from gardefou.nets.check import read_condition
from gardefou.nets.language import ConditionError, parse
from gardefou.nets.load import check, load
from gardefou.nets.phrase import condition_in_words
from gardefou.platforms import webhook_wire
from gardefou.scenario.load import load_text
from gardefou.web.scim.models import Person
from gardefou.web.scim.search import request_of

KEY = "gardefou-test/sandbox+591597e2+Aa/g6S1HFJSg0zPaBl3WlE+rZe9ZRylTSgCfLN2yo1OZ"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def _text(data: bytes) -> str:
    # Whatever reads a text decodes it strictly before: half a surrogate pair does not come so far.
    return data.decode("utf-8", "replace")


def condition(data: bytes) -> None:
    """A condition: parsed, printed and parsed again it is the same; a checked one can be said in words."""
    text = _text(data)
    try:
        node = parse(text)
    except ConditionError as error:
        where = error.place
        assert (where.line, where.column) >= (1, 1)
    else:
        printed = tree.render(node)
        assert tree.render(parse(printed)) == printed
    checked, _errors = read_condition(text)
    if checked is not None:
        condition_in_words(checked)


def nets(data: bytes) -> None:
    """A file of nets: its problems are listed, or it loads."""
    text = _text(data)
    problems = check(text)
    with suppress(InvalidInput):
        load(text)
        assert not problems


def scenario(data: bytes) -> None:
    """A scenario: it loads, or says why not."""
    with suppress(InvalidInput):
        load_text(_text(data), "fuzz.toml")


def reports(data: bytes) -> None:
    """Lines of reports: each is a report within its bounds, or an error of its own."""
    lines = list(lines_of([data[:100], data[100:]]))
    assert lines == list(lines_of([data]))
    for line in lines:
        with suppress(orjson.JSONDecodeError, InvalidInput):
            taken = parse_report(orjson.loads(line))
            assert isinstance(taken, NewReport)
            # Whatever is taken can be stored and sent again.
            orjson.dumps([taken.account, taken.text, list(taken.evidence)])
            assert "\x00" not in taken.account + taken.text


def scim_filter(data: bytes) -> None:
    """A filter of SCIM: read, or refused in SCIM's own terms."""
    with suppress(SCIMException, ValidationError):
        asked = request_of({"filter": _text(data)}, Person)
        assert isinstance(asked, SearchRequest)


def webhook(data: bytes) -> None:
    """An answer of a platform: of the documented form, or none."""
    code, words = webhook_wire.refusal(data, 500)
    assert 1 <= len(words) <= 300
    assert words.isprintable()
    assert code is None or code
    document: dict[str, Any] = {}
    with suppress(webhook_wire.BadAnswer):
        document = webhook_wire.parse(data)
    for read in (
        lambda: webhook_wire.description(document, url="https://platform.example"),
        lambda: webhook_wire.resolved(document, account="1001", content=["c1"]),
        lambda: webhook_wire.done(document, account="1001", key="k"),
        lambda: webhook_wire.reading(document, account="1001", content=["c1"], labels=["spam"]),
    ):
        with suppress(webhook_wire.BadAnswer):
            read()


def note(data: bytes) -> None:
    """A signed note, and the checkpoint in it: one text for each, or malformed."""
    with suppress(InvalidInput):
        parsed = parse_note(data)
        checkpoint = parse_body(parsed.text)
        assert checkpoint.body == parsed.text


def bundle(data: bytes) -> None:
    """A bundle that proves an enforcement: verified, or refused."""
    with suppress(orjson.JSONDecodeError, InvalidInput):
        document = orjson.loads(data)
        if isinstance(document, dict):
            verify_bundle(document, verifier_key=KEY)


def registry_csv(data: bytes) -> None:
    """A registry's table: lines, each good or refused with its reason."""
    with suppress(GardefouError):
        for line in registry_import._read(_text(data), NOW):
            assert line.number >= 1


def staff_csv(data: bytes) -> None:
    """A table of staff: lines, and what is wrong with the others."""
    bad = staff_import._Bad()
    with suppress(GardefouError):
        staff_import._read(_text(data), bad)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "condition": condition,
    "nets": nets,
    "scenario": scenario,
    "reports": reports,
    "scim_filter": scim_filter,
    "webhook": webhook,
    "note": note,
    "bundle": bundle,
    "registry_csv": registry_csv,
    "staff_csv": staff_csv,
}
