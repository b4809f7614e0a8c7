"""Signed notes: a text with Ed25519 signatures under it (C2SP signed-note, https://c2sp.org/signed-note).

```
the text, ending in a newline

— example.org/log base64(key id ‖ signature)
```

Keys are written as Go's ``sumdb/note`` writes them, so that witnesses and
other verifiers take them as they are:

- verifier key ``name+hash+base64(0x01 ‖ public key)``;
- signer key ``PRIVATE+KEY+name+hash+base64(0x01 ‖ seed)``. Whoever has it can sign.

``hash`` is the key id, eight lower-case hexadecimal digits: the first four
bytes of SHA-256 over name, newline, ``0x01`` and public key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gardefou.errors import InvalidInput
from gardefou.ledger import base64text

_ED25519 = b"\x01"
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_DASH = "— "  # em dash U+2014 and a space
_PRIVATE = "PRIVATE+KEY+"

#: Bounds against notes made to exhaust a reader; far above what the specification demands (16 signatures).
MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100


class NoteError(InvalidInput):
    """A note cannot be trusted: malformed (``ledger/note_malformed``) or not signed as it should be.

    The latter is ``ledger/note_unverified``: no known key signed it, or the
    signature of a known key is wrong.
    """


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line as read, not yet verified.

    ``key_id``: four bytes. ``signature``: what follows them.
    """

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note taken apart. Its text means nothing until a signature is verified (`open_note`)."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name: recognises and checks that key's signatures.

    ``public_key``: 32 bytes (RFC 8032).
    """

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public_key) != _KEY_BYTES:
            raise _bad_key("An Ed25519 public key has 32 bytes; pass the whole key.")

    @property
    def key_id(self) -> bytes:
        """The four bytes that, with the name, tell which key signed."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public_key).digest()[:4]

    @property
    def encoded(self) -> str:
        """The verifier key as text: what is published and given to whoever checks."""
        return f"{self.name}+{self.key_id.hex()}+{base64text.encode(_ED25519 + self.public_key)}"

    @classmethod
    def decode(cls, text: str) -> Verifier:
        """Read a verifier key.

        Raises:
            InvalidInput: it is not one, or its hash is not that of its key (`ledger/key_malformed`).
        """
        name, key_id, key = _split_key(text)
        verifier = cls(name, key)
        if key_id != verifier.key_id.hex():
            raise _bad_key("The verifier key's hash does not belong to its key; copy it again, whole.")
        return verifier

    def is_signer_of(self, signature: Signature) -> bool:
        """Tell whether a signature line claims to be of this key: name and key id both match."""
        return signature.name == self.name and signature.key_id == self.key_id

    def verifies(self, text: str, signature: bytes) -> bool:
        """Tell whether ``signature`` is this key's over ``text``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its name. Its seed is secret, and kept out of every printed form.

    ``seed``: 32 bytes (RFC 8032's private key).
    """

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.seed) != _KEY_BYTES:
            raise _bad_key("An Ed25519 seed has 32 bytes; pass exactly that many.")

    @classmethod
    def generate(cls, name: str, randomness: Callable[[int], bytes]) -> Signer:
        """Make a new key from ``randomness(32)``; pass ``secrets.token_bytes`` outside tests."""
        return cls(name, randomness(_KEY_BYTES))

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self._private().public_key().public_bytes_raw())

    @property
    def encoded(self) -> str:
        """The signer key as text, for the key store only."""
        key_id = self.verifier.key_id.hex()
        return f"{_PRIVATE}{self.name}+{key_id}+{base64text.encode(_ED25519 + self.seed)}"

    @classmethod
    def decode(cls, text: str) -> Signer:
        """Read a signer key.

        Raises:
            InvalidInput: it is not one, or its hash is not that of its key (`ledger/key_malformed`).
        """
        if not text.startswith(_PRIVATE):
            raise _bad_key("A signer key begins with PRIVATE+KEY+; pass the signer key, not the verifier key.")
        name, key_id, seed = _split_key(text.removeprefix(_PRIVATE))
        signer = cls(name, seed)
        if key_id != signer.verifier.key_id.hex():
            raise _bad_key("The signer key's hash does not belong to its key; copy it again, whole.")
        return signer

    def sign(self, text: str) -> Signature:
        """Sign a text; deterministic, as Ed25519 is."""
        return Signature(self.name, self.verifier.key_id, self._private().sign(text.encode()))

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def sign_note(text: str, *signers: Signer) -> str:
    """Return the note: ``text`` (ending in a newline) with a signature line of each signer.

    Raises:
        NoteError: the text cannot stand in a note, or nobody signs (`ledger/note_malformed`).
    """
    if not text.endswith("\n") or _has_control(text):
        raise _malformed("A note's text ends in a newline and holds no other control character")
    if not signers:
        raise _malformed("A note needs a signature")
    return text + "\n" + "".join(_line(signer.sign(text)) for signer in signers)


def parse_note(note: str | bytes) -> Note:
    """Take a note apart, strictly, without verifying anything.

    Raises:
        NoteError: it is not a signed note (`ledger/note_malformed`).
    """
    try:
        # Both directions: text with lone surrogates is no UTF-8 either.
        raw = note if isinstance(note, bytes) else note.encode()
        whole = raw.decode()
    except UnicodeError as error:
        raise _malformed("A note is UTF-8 text") from error
    if len(raw) > MAX_NOTE_BYTES:
        raise _malformed(f"A note is at most {MAX_NOTE_BYTES} bytes long")
    if _has_control(whole):
        raise _malformed("A note holds no control character but newline")
    # The last empty line separates text and signatures; the text may hold empty lines of its own.
    text, separator, block = whole.rpartition("\n\n")
    if not separator or not block.endswith("\n"):
        raise _malformed("A note is a text, an empty line, and signature lines that end in a newline")
    lines = block.split("\n")[:-1]
    if len(lines) > MAX_SIGNATURES:
        raise _malformed(f"A note has at most {MAX_SIGNATURES} signatures")
    return Note(text + "\n", tuple(_parse_line(line) for line in lines))


def open_note(note: str | bytes, verifiers: Iterable[Verifier]) -> tuple[str, tuple[Verifier, ...]]:
    """Verify a note; return its text and the keys whose signatures hold, in the sequence of their lines.

    Signatures of unknown keys are ignored. Nothing is trusted when a known
    key's signature is wrong, or when no known key signed.

    Raises:
        NoteError: malformed (`ledger/note_malformed`), or not signed as it should be (`ledger/note_unverified`).
    """
    parsed = parse_note(note)
    known = tuple(verifiers)
    holding: list[Verifier] = []
    for signature in parsed.signatures:
        for verifier in known:
            if not verifier.is_signer_of(signature):
                continue
            if not verifier.verifies(parsed.text, signature.signature):
                raise NoteError(
                    "ledger/note_unverified",
                    f"The signature of {verifier.name} is wrong; the note was altered or signed by somebody else.",
                )
            if verifier not in holding:
                holding.append(verifier)
    if not holding:
        raise NoteError(
            "ledger/note_unverified", "No known key signed this note; check that you use this log's verifier key."
        )
    return parsed.text, tuple(holding)


def _line(signature: Signature) -> str:
    return f"{_DASH}{signature.name} {base64text.encode(signature.key_id + signature.signature)}\n"


def _parse_line(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not _is_name(name):
        raise _malformed("A signature line is an em dash, the key's name, and base64")
    data = base64text.decode(encoded, code="ledger/note_malformed", field="signature")
    if len(data) <= 4:
        raise _malformed("A signature is more than a key id of four bytes")
    return Signature(name, data[:4], data[4:])


def _split_key(text: str) -> tuple[str, str, bytes]:
    # A name holds no plus, but base64 does.
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise _bad_key("A key is written name+hash+base64; copy it again, whole.")
    name, key_id, encoded = parts
    data = base64text.decode(encoded, code="ledger/key_malformed", field="key")
    if data[:1] != _ED25519 or len(data) != 1 + _KEY_BYTES:
        raise _bad_key("Only Ed25519 keys (type 1, 32 bytes) are known here; pass one of those.")
    return name, key_id, data[1:]


def _is_name(name: str) -> bool:
    return bool(name) and not any(each.isspace() or each < " " or each == "+" for each in name)


def _check_name(name: str) -> None:
    if not _is_name(name):
        raise _bad_key(
            "A key's name is not empty and holds no space and no plus; choose another, like example.org/log."
        )


def _has_control(text: str) -> bool:
    return any(each < " " and each != "\n" for each in text)


def _bad_key(message: str) -> InvalidInput:
    return InvalidInput("ledger/key_malformed", message, field="key")


def _malformed(what: str) -> NoteError:
    return NoteError("ledger/note_malformed", f"{what}; this one is malformed, fetch it again.", field="note")
