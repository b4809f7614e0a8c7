"""Signed notes: compatible with the Go implementation's published example, strict in everything else."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gardefou.errors import InvalidInput
from gardefou.ledger.note import NoteError, Signer, Verifier, open_note, parse_note, sign_note
from tests.refusals import refused

# The example in the documentation of golang.org/x/mod/sumdb/note.
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = (
    GO_TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

LOG = Signer.generate("gardefou.example/log", random.Random(1).randbytes)
WITNESS = Signer.generate("witness.example/w", random.Random(2).randbytes)
TEXTS = st.text(st.characters(min_codepoint=32, codec="utf-8") | st.just("\n"), max_size=60).map(
    lambda text: text + "\n"
)


def test_keys_and_signature_are_those_of_the_go_implementation():
    signer = Signer.decode(GO_SIGNER)
    assert signer.verifier.encoded == GO_VERIFIER
    assert signer.encoded == GO_SIGNER
    assert sign_note(GO_TEXT, signer) == GO_NOTE
    assert open_note(GO_NOTE, [Verifier.decode(GO_VERIFIER)]) == (GO_TEXT, (Verifier.decode(GO_VERIFIER),))


@given(TEXTS)
def test_what_was_signed_is_what_opens(text):
    note = sign_note(text, LOG, WITNESS)
    for given_note in (note, note.encode()):
        assert open_note(given_note, [LOG.verifier, WITNESS.verifier]) == (text, (LOG.verifier, WITNESS.verifier))


@given(st.binary(min_size=32, max_size=32))
def test_keys_come_back_from_their_text(seed):
    signer = Signer("example.org/log", seed)
    assert Signer.decode(signer.encoded) == signer
    assert Verifier.decode(signer.verifier.encoded) == signer.verifier


def test_unknown_signatures_are_ignored():
    note = sign_note("hello\n", WITNESS, LOG)
    assert open_note(note, [LOG.verifier]) == ("hello\n", (LOG.verifier,))
    # The same name with another key is another signer.
    namesake = Signer(LOG.name, b"\x07" * 32)
    assert open_note(sign_note("hello\n", namesake, LOG), [LOG.verifier])[1] == (LOG.verifier,)


def test_a_note_that_no_known_key_signed_is_not_trusted():
    for verifiers in ([], [WITNESS.verifier]):
        with refused("ledger/note_unverified", None, by=NoteError):
            open_note(sign_note("hello\n", LOG), verifiers)


def test_one_wrong_signature_of_a_known_key_spoils_the_note():
    good, other = sign_note("hello\n", LOG), sign_note("other\n", WITNESS)
    mixed = good + other.split("\n\n")[1]
    assert open_note(mixed, [LOG.verifier])[0] == "hello\n"
    with refused("ledger/note_unverified", None, by=NoteError) as caught:
        open_note(mixed, [LOG.verifier, WITNESS.verifier])
    assert "witness.example/w is wrong" in caught.value.message


@given(st.data())
def test_any_flipped_bit_in_a_note_is_noticed(data):
    raw = bytearray(sign_note("origin\n7\n", LOG).encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(InvalidInput):
        open_note(bytes(raw), [LOG.verifier])


SIGNED = sign_note("hello\n", LOG)
NO_BASE64 = (SIGNED.replace("=", ""), SIGNED.replace(LOG.name, "two words"), "hello\n\n— name AAAAAA\n")
LINE = SIGNED.split("\n\n")[1]


@pytest.mark.parametrize(
    "note",
    [
        "",
        "hello\n",
        "hello\n\n",
        SIGNED.removesuffix("\n"),
        SIGNED + "\n",
        SIGNED.replace("— ", "- "),
        SIGNED.replace("— ", "—"),
        SIGNED.replace("hello", "hel\tlo"),
        SIGNED.replace("hello", "hel\rlo"),
        SIGNED.replace(LOG.name, "two words"),
        SIGNED.replace(LOG.name, "plus+sign"),
        SIGNED.replace("=", ""),
        "hello\n\n— name AAAAAA==\n".replace("AAAAAA==", "AAAAAA"),
        "hello\n\n— name AAAAAA==\n",
        "hello\n\n— name \n",
        "hello\n\n" + LINE * 101,
        b"\xff" + SIGNED.encode(),
        "\udcff" + SIGNED,
        "x" * 1_000_001 + SIGNED,
    ],
)
def test_malformed_notes_are_refused(note):
    field = "signature" if note in NO_BASE64 else "note"
    with refused("ledger/note_malformed", field):
        parse_note(note)


def test_a_hundred_signatures_are_read():
    assert len(parse_note("hello\n\n" + LINE * 100).signatures) == 100


@pytest.mark.parametrize("text", ["", "no newline at the end", "tab\there\n"])
def test_what_cannot_stand_in_a_note_is_not_signed(text):
    with refused("ledger/note_malformed", "note", by=NoteError):
        sign_note(text, LOG)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        GO_SIGNER,
        GO_VERIFIER.replace("c74f20a3", "c74f20a4"),
        GO_VERIFIER.replace("c74f20a3", "C74F20A3"),
        GO_VERIFIER.replace("Peter", "Pedro"),
        GO_VERIFIER.replace("PeterNeumann", "Peter Neumann"),
        GO_VERIFIER.replace("+ARpc", "+AhpC"),
        GO_VERIFIER[:-4],
        GO_VERIFIER + "\n",
        GO_VERIFIER.removeprefix("PeterNeumann"),
    ],
)
def test_malformed_verifier_keys_are_refused(text):
    with refused("ledger/key_malformed", "key"):
        Verifier.decode(text)


@pytest.mark.parametrize("text", [GO_VERIFIER, GO_SIGNER.replace("c74f20a3", "00000000"), GO_SIGNER[:-4]])
def test_malformed_signer_keys_are_refused(text):
    with refused("ledger/key_malformed", "key"):
        Signer.decode(text)


@pytest.mark.parametrize("name", ["two words", "tab\tbed", "bell\x07", "delete\x1f", "no\u00a0break", "plus+sign", ""])
def test_a_keys_name_has_no_blank_no_control_character_and_no_plus(name):
    with refused("ledger/key_malformed", "key"):
        Verifier(name, LOG.verifier.public_key)
    with refused("ledger/key_malformed", "key"):
        Signer(name, LOG.seed)


def test_a_note_needs_a_signer():
    with refused("ledger/note_malformed", "note", by=NoteError):
        sign_note("hello\n")


def test_a_key_of_another_length_is_refused():
    for length in (0, 31, 33):
        with refused("ledger/key_malformed", "key"):
            Verifier("example.org/log", bytes(length))
        with refused("ledger/key_malformed", "key"):
            Signer("example.org/log", bytes(length))


def test_a_note_of_exactly_the_greatest_length_is_read():
    text = "x" * (1_000_000 - len(LINE.encode()) - 2) + "\n"
    assert len(sign_note(text, LOG).encode()) == 1_000_000
    assert parse_note(sign_note(text, LOG)).text == text
    with refused("ledger/note_malformed", "note", by=NoteError):
        parse_note(sign_note("x" + text, LOG))


def test_a_signers_seed_is_not_printed():
    assert "seed" not in repr(LOG)
    assert LOG.encoded.rpartition("+")[2] not in repr(LOG)
