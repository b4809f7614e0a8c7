"""Proof bundles: what leaves the system proves what it says, to somebody with only the key."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest

from gardefou.errors import InvalidInput
from gardefou.ledger.bundle import ProvedEvent, make_bundle, verify_bundle
from gardefou.ledger.note import NoteError
from gardefou.ledger.tree import ProofError, inclusion_proof
from tests.ledger.made_log import make_log
from tests.refusals import refused

LOG = make_log(30, erased=frozenset({4}))
OTHER = make_log(30, seed=2)


def proved(index: int, size: int = 30) -> ProvedEvent:
    entry = LOG.entries[index]
    return ProvedEvent(
        index=index,
        leaf=entry.leaf,
        salt=entry.salt,
        body=entry.body,
        proof=tuple(inclusion_proof(index, size, LOG.fetch)),
    )


def made(*indexes: int) -> dict[str, Any]:
    events = [proved(index) for index in indexes]
    bundle = make_bundle(events, checkpoint=LOG.checkpoint_at(30), verifier_key=LOG.key)
    return json.loads(json.dumps(bundle))


def test_a_bundle_survives_json_and_proves_its_events():
    verified = verify_bundle(made(0, 4, 29), verifier_key=LOG.key)
    assert verified.checkpoint.size == 30
    assert [event.event_id for event in verified.events] == [LOG.entries[index].event_id for index in (0, 4, 29)]
    assert [event.body for event in verified.events] == [b'{"n":0}', None, b'{"n":29}']


def test_an_erased_body_leaves_the_proof_valid():
    (event,) = verify_bundle(made(4), verifier_key=LOG.key).events
    assert event.body is None
    assert event.at == 1_509_658_800_000_004


def test_the_key_inside_is_never_what_is_trusted():
    with pytest.raises(InvalidInput, match="another verifier key"):
        verify_bundle(made(0), verifier_key=OTHER.key)
    forged = made(0) | {"verifier_key": OTHER.key}
    with refused("ledger/note_unverified", None, by=NoteError):
        verify_bundle(forged, verifier_key=OTHER.key)


def swap(field: str) -> dict[str, Any]:
    bundle = made(7, 8)
    bundle["events"][0][field] = bundle["events"][1][field]
    return bundle


@pytest.mark.parametrize("field", ["index", "id", "at", "leaf", "salt", "body", "proof"])
def test_a_field_of_another_event_is_noticed(field):
    with refused("ledger/proof_invalid", None, by=ProofError):
        verify_bundle(swap(field), verifier_key=LOG.key)


def test_a_false_event_never_gets_into_a_bundle():
    stale = proved(3, size=20)
    with pytest.raises(ProofError):
        make_bundle([stale], checkpoint=LOG.checkpoint_at(30), verifier_key=LOG.key)


def paths(value: Any, here: tuple = ()) -> list[tuple]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, each in inner for path in paths(each, (*here, key)))]


def where(field: str | None) -> list[str]:
    assert field is not None
    return [] if field == "bundle" else field.split(".")


@pytest.mark.parametrize("junk", [None, 1, 2.5, True, "junk", [], {}, [None], {"a": 1}])
def test_junk_anywhere_is_an_error_that_says_so(junk):
    good = made(7)
    for path in paths(good):
        if not path:
            continue
        bundle = copy.deepcopy(good)
        place: Any = bundle
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = junk
        if path == ("events",) and junk == []:
            continue  # a bundle of no events proves its checkpoint
        with pytest.raises(InvalidInput) as caught:
            verify_bundle(bundle, verifier_key=LOG.key)
        if caught.value.code == "ledger/bundle_malformed":
            # It says where: at the changed place, in what holds it, or in what it holds.
            named, changed = where(caught.value.field), [str(key) for key in path]
            if junk is None and changed[-1] == "body":
                changed[-1] = "salt"  # they are erased together
            assert named[: len(changed)] == changed[: len(named)]


@pytest.mark.parametrize("change", [{"extra": 1}, {"format": "gardefou-proof-bundle/2"}])
def test_an_unknown_shape_is_refused(change):
    with refused("ledger/bundle_malformed", "format" if "format" in change else "bundle"):
        verify_bundle(made(7) | change, verifier_key=LOG.key)


def at(day: int) -> dict[str, Any]:
    bundle = made(7)
    leaf = bytearray(LOG.entries[7].leaf)
    leaf[17:25] = (day * 86_400_000_000).to_bytes(8, "big")
    bundle["events"][0]["leaf"] = base64.b64encode(leaf).decode()
    return bundle


def test_a_time_beyond_the_calendar_is_refused_by_name():
    with refused("ledger/bundle_malformed", "at"):
        verify_bundle(at(200_000_000), verifier_key=LOG.key)
    with refused("ledger/proof_invalid", None, by=ProofError):
        verify_bundle(at(7), verifier_key=LOG.key)


def test_a_salt_without_its_body_is_refused():
    bundle = made(7)
    bundle["events"][0]["body"] = None
    with refused("ledger/bundle_malformed", "events.0.salt"):
        verify_bundle(bundle, verifier_key=LOG.key)


def test_base64_that_is_none_is_refused_at_its_place():
    bundle = made(7)
    bundle["events"][0]["leaf"] = "?"
    with refused("ledger/bundle_malformed", "events.0.leaf"):
        verify_bundle(bundle, verifier_key=LOG.key)
