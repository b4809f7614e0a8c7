"""Bytes from outside meet nothing but typed errors: every file of the corpus, and mutants of them."""

from __future__ import annotations

from pathlib import Path
from random import Random
from time import process_time

import pytest

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
MUTANTS = 200
#: What is put into a mutant, besides random bytes and pieces of other seeds.
PIECES = [
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", "\u202e".encode(), "\u0430".encode(), b"'", b'"', b"\n",
    b"(" * 70, b"[" * 200, b"{\"a\":" * 200, b"9" * 400, b"-1", b"1e999", b"NaN", b"not ", b"\\u0000", b",", b"\r",
]  # fmt: skip


def seeds(name: str) -> list[bytes]:
    return [file.read_bytes() for file in sorted((CORPUS / name).iterdir())]


def mutants(name: str, many: int):
    random, given = Random(name), seeds(name)
    for _ in range(many):
        data = bytearray(random.choice(given))
        for _ in range(random.randint(1, 4)):
            at = random.randint(0, len(data))
            to = min(len(data), at + random.choice((0, 0, 1, 4, 40)))
            other = random.choice(given)
            start = random.randint(0, len(other))
            data[at:to] = random.choice((random.randbytes(2), random.choice(PIECES), other[start : start + 60]))
        yield bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_what_comes_from_outside_is_read_or_refused_in_our_own_terms(name):
    for data in (*seeds(name), b"", *mutants(name, MUTANTS)):
        began = process_time()
        TARGETS[name](data)
        assert process_time() - began < 10, data[:200]


def test_every_target_has_seeds():
    assert {folder.name for folder in CORPUS.iterdir()} == TARGETS.keys()
    assert all(len(seeds(name)) >= 2 for name in TARGETS)
