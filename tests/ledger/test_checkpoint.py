"""Checkpoints: one text each, and only the log's own key opens them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gardefou.errors import InvalidInput
from gardefou.ledger.checkpoint import Checkpoint, open_checkpoint, parse_body, sign_checkpoint
from gardefou.ledger.note import NoteError, Signer, sign_note
from tests.refusals import refused

LOG = Signer.generate("example.com/behind-the-sofa", random.Random(1).randbytes)
WITNESS = Signer.generate("witness.example/w", random.Random(2).randbytes)
# The example of the C2SP tlog-checkpoint specification.
BODY = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
HEAD = parse_body(BODY)


def test_the_example_of_the_specification_is_read_and_written_back():
    assert (HEAD.origin, HEAD.size) == ("example.com/behind-the-sofa", 20852163)
    assert HEAD.root.hex().startswith("0ac5186a")
    assert HEAD.body == BODY


@given(
    origin=st.text(st.characters(min_codepoint=32, codec="utf-8"), min_size=1),
    size=st.integers(0, 2**64 - 1),
    root=st.binary(min_size=32, max_size=32),
    extensions=st.lists(st.text(st.characters(min_codepoint=32, codec="utf-8"), min_size=1), max_size=3),
)
def test_every_checkpoint_comes_back_from_its_text(origin, size, root, extensions):
    checkpoint = Checkpoint(origin, size, root, tuple(extensions))
    assert parse_body(checkpoint.body) == checkpoint


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("", "checkpoint"),
        (BODY.removesuffix("\n"), "checkpoint"),
        (BODY + "\n", "origin"),
        ("\n" + BODY, "size"),
        (BODY.replace("20852163", "020852163"), "size"),
        (BODY.replace("20852163", "+20852163"), "size"),
        (BODY.replace("20852163", "-1"), "size"),
        (BODY.replace("20852163", "2_0"), "size"),
        (BODY.replace("20852163", "٣"), "size"),
        (BODY.replace("20852163", ""), "size"),
        (BODY.replace("20852163", str(2**64)), "size"),
        (BODY.replace("q2I=", "q2J="), "root"),
        (BODY.replace("q2I=", "q2I"), "root"),
        (BODY.replace("CsUY", ""), "root"),
        (BODY.replace("\n", "\r\n"), "size"),
        ("origin\n1\n", "checkpoint"),
    ],
)
def test_anything_else_is_refused(body, field):
    with refused("ledger/checkpoint_malformed", field):
        parse_body(body)


def test_a_signed_checkpoint_opens_with_the_logs_key():
    assert open_checkpoint(sign_checkpoint(HEAD, LOG), LOG.verifier) == HEAD


def test_a_witness_may_sign_beside_the_log_and_never_instead():
    both = sign_note(BODY, LOG, WITNESS)
    assert open_checkpoint(both, LOG.verifier, others=[WITNESS.verifier]) == HEAD
    with pytest.raises(NoteError, match="did not sign") as caught:
        open_checkpoint(sign_note(BODY, WITNESS), LOG.verifier, others=[WITNESS.verifier])
    assert caught.value.code == "ledger/note_unverified"


def test_one_logs_checkpoint_never_passes_for_anothers():
    other = Signer("example.com/other-log", LOG.seed)
    with refused("ledger/checkpoint_origin", "origin"):
        sign_checkpoint(HEAD, other)
    with refused("ledger/checkpoint_origin", "origin"):
        open_checkpoint(sign_note(BODY, other), other.verifier)
    with refused("ledger/note_unverified", None, by=NoteError):
        open_checkpoint(sign_checkpoint(HEAD, LOG), other.verifier)


@pytest.mark.parametrize(
    ("origin", "size", "root", "extensions", "field"),
    [
        ("", 1, bytes(32), (), "origin"),
        ("bell\x07", 1, bytes(32), (), "origin"),
        ("origin", 1, bytes(32), ("",), "origin"),
        ("origin", 1, bytes(32), ("good", "two\nlines"), "origin"),
        ("origin", -1, bytes(32), (), "size"),
        ("origin", 2**64, bytes(32), (), "size"),
        ("origin", 1, bytes(31), (), "root"),
        ("origin", 1, bytes(33), (), "root"),
    ],
)
def test_a_checkpoint_that_cannot_be_written_is_not_made(origin, size, root, extensions, field):
    with refused("ledger/checkpoint_malformed", field):
        Checkpoint(origin, size, root, extensions)


def test_a_refusal_names_the_log_of_the_checkpoint_and_that_of_the_key():
    other = Signer("example.com/other-log", LOG.seed)
    both = r"of the log example\.com/behind-the-sofa, the key is of example\.com/other-log"
    with pytest.raises(InvalidInput, match=both):
        sign_checkpoint(HEAD, other)
    with pytest.raises(InvalidInput, match=both):
        open_checkpoint(sign_note(BODY, other), other.verifier)
