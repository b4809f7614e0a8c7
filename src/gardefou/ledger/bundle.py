"""Proof bundles: some events with all that proves them, to be checked offline.

A bundle is one JSON document:

```
{"format": "gardefou-proof-bundle/1",
 "checkpoint": the signed note, "verifier_key": name+hash+base64,
 "events": [{"index": 7, "id": UUID, "at": RFC 3339, "leaf": base64,
             "salt": base64, "body": base64, "proof": [base64, …]}, …]}
```

An erased event has null for salt and body: it is proved that it happened, and
when, not what it said. The key inside is for finding out which key to use;
trust comes only from a key that the reader has from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from gardefou.clock import from_micros, rfc3339
from gardefou.errors import InvalidInput
from gardefou.ledger import base64text
from gardefou.ledger.checkpoint import Checkpoint, open_checkpoint
from gardefou.ledger.leaf import commit, parse_leaf
from gardefou.ledger.note import Verifier
from gardefou.ledger.tree import ProofError, leaf_hash, verify_inclusion

FORMAT = "gardefou-proof-bundle/1"

_KEYS = frozenset({"format", "checkpoint", "verifier_key", "events"})
_EVENT_KEYS = frozenset({"index", "id", "at", "leaf", "salt", "body", "proof"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedEvent:
    """One event as it goes into a bundle, and as it comes out of a verified one.

    ``leaf``, ``salt``, ``body``: bytes as stored; the last two None once
    erased. ``proof``: audit path up to the checkpoint's root.
    """

    index: int
    leaf: bytes
    salt: bytes | None
    body: bytes | None
    proof: tuple[bytes, ...]

    @property
    def event_id(self) -> str:
        """The event's id, as the leaf names it."""
        return parse_leaf(self.leaf).event_id

    @property
    def at(self) -> int:
        """When it happened, as the leaf names it: microseconds since 1970 UTC."""
        return parse_leaf(self.leaf).at


@dataclass(frozen=True, slots=True)
class VerifiedBundle:
    """What a bundle proves: these events, in the log of this checkpoint."""

    checkpoint: Checkpoint
    events: tuple[ProvedEvent, ...]


def make_bundle(events: Iterable[ProvedEvent], *, checkpoint: str, verifier_key: str) -> dict[str, Any]:
    """Put a bundle together, ready for JSON, and verify it: none leaves that does not prove what it says.

    ``checkpoint``: the signed note under whose root the proofs lead.

    Raises:
        ProofError, InvalidInput: as `verify_bundle`.
    """
    bundle: dict[str, Any] = {
        "format": FORMAT,
        "checkpoint": checkpoint,
        "verifier_key": verifier_key,
        "events": [_written(event) for event in events],
    }
    verify_bundle(bundle, verifier_key=verifier_key)
    return bundle


def verify_bundle(bundle: Mapping[str, Any], *, verifier_key: str) -> VerifiedBundle:
    """Check a bundle with a key that came from elsewhere; return what it proves.

    Raises:
        ProofError: an event is not what the log holds (`ledger/proof_invalid`).
        NoteError: the checkpoint is not signed by this key (`ledger/note_unverified`, `ledger/note_malformed`).
        InvalidInput: not a bundle (`ledger/bundle_malformed`), or of another log (`ledger/checkpoint_origin`).
    """
    _has_keys(bundle, _KEYS, "bundle")
    if bundle["format"] != FORMAT:
        raise _malformed(f"Only the format {FORMAT} is known here", "format")
    if bundle["verifier_key"] != verifier_key:
        raise _malformed("The bundle was made for another verifier key than yours", "verifier_key")
    checkpoint = open_checkpoint(_text(bundle["checkpoint"], "checkpoint"), Verifier.decode(verifier_key))
    events = tuple(
        _verified(_mapping(event, f"events.{place}"), f"events.{place}", checkpoint)
        for place, event in enumerate(_items(bundle["events"], "events"))
    )
    return VerifiedBundle(checkpoint, events)


def _written(event: ProvedEvent) -> dict[str, Any]:
    leaf = parse_leaf(event.leaf)
    return {
        "index": event.index,
        "id": leaf.event_id,
        "at": _instant(leaf.at),
        "leaf": base64text.encode(event.leaf),
        "salt": None if event.salt is None else base64text.encode(event.salt),
        "body": None if event.body is None else base64text.encode(event.body),
        "proof": [base64text.encode(each) for each in event.proof],
    }


def _verified(data: Mapping[str, Any], field: str, checkpoint: Checkpoint) -> ProvedEvent:
    _has_keys(data, _EVENT_KEYS, field)
    index = data["index"]
    if type(index) is not int:
        raise _malformed("An index is a whole number", f"{field}.index")
    event = ProvedEvent(
        index=index,
        leaf=_bytes(data["leaf"], f"{field}.leaf"),
        salt=None if data["salt"] is None else _bytes(data["salt"], f"{field}.salt"),
        body=None if data["body"] is None else _bytes(data["body"], f"{field}.body"),
        proof=tuple(_bytes(each, f"{field}.proof") for each in _items(data["proof"], f"{field}.proof")),
    )
    leaf = parse_leaf(event.leaf)
    if (data["id"], data["at"]) != (leaf.event_id, _instant(leaf.at)):
        raise ProofError(f"Event {data['id']} has another id or time in the log than in the bundle; do not trust it.")
    if (event.salt is None) != (event.body is None):
        raise _malformed("Salt and body are erased together", f"{field}.salt")
    if event.salt is not None and event.body is not None and commit(event.salt, event.body) != leaf.commitment:
        raise ProofError(f"The body of event {leaf.event_id} is not the one that the log committed to.")
    verify_inclusion(index, checkpoint.size, leaf_hash(event.leaf), event.proof, checkpoint.root)
    return event


def _instant(micros: int) -> str:
    try:
        return rfc3339(from_micros(micros))
    except OverflowError as error:
        raise _malformed("The leaf's time is beyond the calendar", "at") from error


def _has_keys(data: Mapping[str, Any], keys: frozenset[str], field: str) -> None:
    if frozenset(data) != keys:
        raise _malformed(f"It has exactly the keys {', '.join(sorted(keys))}", field)


def _mapping(value: object, field: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _malformed("An event is an object", field)
    return cast("Mapping[str, Any]", value)


def _items(value: object, field: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise _malformed("This is a list", field)
    return cast("Sequence[Any]", value)


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise _malformed("This is text", field)
    return value


def _bytes(value: object, field: str) -> bytes:
    return base64text.decode(_text(value, field), code="ledger/bundle_malformed", field=field)


def _malformed(what: str, field: str) -> InvalidInput:
    return InvalidInput("ledger/bundle_malformed", f"{what}; {field} of this bundle is otherwise.", field=field)
