"""Looks at what ``requirements.lock`` pins: whole, allowed to ship, and without known holes.

python tools/audit_dependencies.py [--service URL] [FILE]

Always, and without a network: every package is pinned to one version and has
hashes; what ships with Gardefou has a licence that lets operators run and
change it under Gardefou's own. Then a vulnerability service (OSV) is asked for
every pinned version; a hole that is not excused fails. Where the service cannot
be reached this is said and passes, unless ``GARDEFOU_AUDIT=required``, which is
for machines that always reach it.

Excuses stand in ``tools/audit_exceptions.toml``, each with a reason and the day
it ends. Whether a version was withdrawn by its authors ("yanked") only the index
knows: ``make lock`` says so when it writes the file.

Exit status: 0 nothing found, 1 something found (or not audited where it is
required), 2 bad usage.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import httpx
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"
EXCEPTIONS = ROOT / "tools" / "audit_exceptions.toml"
SERVICE = "https://api.osv.dev"
#: What the service takes in one call.
AT_ONCE = 1_000
#: Pages of one answer after which something is wrong with it.
PAGES = 100
#: Days for which an excuse holds at most: then somebody looks again.
LONGEST_EXCUSE = 180
#: Extras of Gardefou that operators install too.
EXTRAS = ("postgres", "prove", "backtest")

_PINNED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[\w,.-]+\])?==(?P<version>[\w.!+-]+)(?:\s*;[^\\]*)?")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}(?:\s|$)")
#: "GPL" and "AGPL", in whichever version and spelling; "LGPL" is another word.
_COPYLEFT = re.compile(
    r"(?<![A-Za-z])A?GPL(?:v?\d|(?![A-Za-z]))|(?<!Lesser )(?<!Library )General Public License", re.IGNORECASE
)


class Unreachable(Exception):
    """The service does not answer, or not now."""


class Broken(Exception):
    """The service answers something else than it is documented to."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One package as it is pinned."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Excuse:
    """A known hole, or a licence, that is let pass for some time."""

    package: str
    id: str
    because: str
    until: date


def pins_of(text: str) -> tuple[list[Pin], list[str]]:
    """Return what a lock file pins, and what is wrong with it."""
    pins: list[Pin] = []
    wrong: list[str] = []
    for line in _logical(text):
        found = _PINNED.match(line)
        if found is None:
            wrong.append(f"not pinned to one version: {line.split('--hash')[0].strip()}")
            continue
        name = canonicalize_name(found["name"])
        pins.append(Pin(name, found["version"]))
        if _HASH.search(line) is None:
            wrong.append(f"{name} {found['version']} has no hash")
    if not pins and not wrong:
        wrong.append("the lock file pins nothing")
    return pins, wrong


def _logical(text: str) -> Iterator[str]:
    joined = re.sub(r"\\\r?\n", " ", text)
    for line in joined.splitlines():
        said = line.strip()
        if said and not said.startswith("#"):
            yield said


def shipped(root: str = "gardefou", extras: Sequence[str] = EXTRAS) -> set[str]:
    """Return the names of what an operator installs: the package, its extras and all beneath them."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    todo: list[tuple[str, tuple[str, ...]]] = [(canonicalize_name(root), tuple(extras))]
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        name, wanted = one
        for text in metadata.requires(name) or ():
            needs = Requirement(text)
            if needs.marker is None or any(needs.marker.evaluate({"extra": extra}) for extra in ("", *wanted)):
                todo.append((canonicalize_name(needs.name), tuple(sorted(needs.extras))))
    return {name for name, _ in seen}


def licence_of(name: str) -> str:
    """Return what an installed package says of its licence; empty where it says nothing."""
    told = metadata.metadata(name).json
    expression = str(told.get("license_expression") or "")
    if expression:
        return expression
    classifiers = [one.rpartition("::")[2].strip() for one in told.get("classifier") or () if "License ::" in one]
    stated = str(told.get("license") or "").strip().partition("\n")[0]
    return "; ".join(dict.fromkeys([*classifiers, *([stated] if stated else [])]))


def may_ship(licence: str) -> bool:
    """Whether something of this licence may ship: it is said, and is neither GPL nor AGPL, or leaves another choice."""
    return bool(licence) and all(
        any(_COPYLEFT.search(choice) is None for choice in re.split(r"\bOR\b", part))
        for part in re.split(r"\bAND\b", licence)
    )


def excuses_of(text: str, today: date) -> tuple[list[Excuse], list[str]]:
    """Return the excuses that hold today, and what is wrong with the file: one that has ended is wrong too."""
    excuses: list[Excuse] = []
    wrong: list[str] = []
    for entry in cast("list[dict[str, Any]]", tomllib.loads(text).get("exception", [])):
        missing = {"package", "id", "because", "until"} - entry.keys()
        if missing or not isinstance(entry["until"], date) or not str(entry["because"]).strip():
            wrong.append(f"an exception needs package, id, because and until (a date): {entry}")
            continue
        one = Excuse(canonicalize_name(entry["package"]), entry["id"], entry["because"], entry["until"])
        if one.until < today:
            wrong.append(f"the exception for {one.package} ({one.id}) ended on {one.until}; look again")
        elif (one.until - today).days > LONGEST_EXCUSE:
            wrong.append(f"the exception for {one.package} ({one.id}) lasts longer than {LONGEST_EXCUSE} days")
        else:
            excuses.append(one)
    return excuses, wrong


def holes(pins: Sequence[Pin], client: httpx.Client) -> dict[Pin, set[str]]:
    """Return the ids of the known holes of each pinned version, as the service tells (OSV's querybatch).

    Raises:
        Unreachable: it does not answer, or has a fault of its own.
        Broken: its answer is not what it should be; then nothing is known.
    """
    found: dict[Pin, set[str]] = {}
    todo = [(pin, "") for pin in pins]
    for _ in range(PAGES):
        if not todo:
            return found
        batch, todo = todo[:AT_ONCE], todo[AT_ONCE:]
        for (pin, _token), result in zip(batch, _asked(batch, client), strict=True):
            ids = {str(one["id"]) for one in result.get("vulns") or ()}
            if ids:
                found.setdefault(pin, set()).update(ids)
            if result.get("next_page_token"):
                todo.append((pin, str(result["next_page_token"])))
    raise Broken(f"the answer has more than {PAGES} pages")


def _asked(batch: Sequence[tuple[Pin, str]], client: httpx.Client) -> list[dict[str, Any]]:
    queries: list[dict[str, Any]] = []
    for pin, token in batch:
        query: dict[str, Any] = {"package": {"name": pin.name, "ecosystem": "PyPI"}, "version": pin.version}
        queries.append({**query, "page_token": token} if token else query)
    try:
        answer = client.post("/v1/querybatch", json={"queries": queries})
    except httpx.TransportError as error:
        raise Unreachable(str(error) or type(error).__name__) from error
    if answer.status_code >= 500 or answer.status_code == 429:
        raise Unreachable(f"it answers {answer.status_code}")
    if answer.status_code != 200:
        raise Broken(f"it answers {answer.status_code}: {answer.text[:200]}")
    try:
        results = cast("list[Any]", answer.json()["results"])
        if len(results) != len(batch):
            raise Broken(f"{len(batch)} versions were asked for, {len(results)} answered")
        # A version without holes is answered with an empty object.
        told = [cast("dict[str, Any]", one) if isinstance(one, dict) else {} for one in results]
        for one in told:
            _ = [hole["id"] for hole in one.get("vulns") or ()]
    except (ValueError, KeyError, TypeError) as error:
        raise Broken(f"its answer cannot be read: {error!r}") from error
    return told


def audit(
    lock: str, exceptions: str, *, today: date, client: httpx.Client, required: bool, ship: Iterable[str]
) -> tuple[list[str], list[str]]:
    """Return what is wrong, and what else is to be said."""
    pins, wrong = pins_of(lock)
    excuses, bad = excuses_of(exceptions, today)
    wrong += bad
    let = {(one.package, one.id) for one in excuses}
    pinned = {pin.name for pin in pins}
    for name in sorted(ship):
        licence = licence_of(name)
        if name != "gardefou" and name not in pinned:
            wrong.append(f"{name} ships and is not in the lock file")
        if not may_ship(licence) and (name, "licence") not in let:
            wrong.append(f"{name} ships under {licence or 'a licence it does not state'!r}")
    said: list[str] = []
    try:
        known = holes(pins, client)
    except Unreachable as error:
        says = f"not audited: unreachable ({error})"
        (wrong if required else said).append(says)
        return wrong, said
    except Broken as error:
        wrong.append(f"not audited: {error}")
        return wrong, said
    used: set[tuple[str, str]] = set()
    for pin, ids in sorted(known.items(), key=lambda item: item[0].name):
        for hole in sorted(ids):
            if (pin.name, hole) in let:
                used.add((pin.name, hole))
            else:
                wrong.append(f"{pin.name} {pin.version} has a known hole: {hole}")
    wrong.extend(
        f"the exception for {one.package} ({one.id}) excuses nothing any more; remove it"
        for one in excuses
        if one.id != "licence" and (one.package, one.id) not in used
    )
    said.append(f"audited: {len(pins)} pinned versions, {len(used)} excused")
    return wrong, said


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit the lock file; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", nargs="?", type=Path, default=LOCK)
    parser.add_argument("--service", default=SERVICE, help="where OSV's API is (default: %(default)s)")
    given = parser.parse_args(arguments)
    if not given.file.is_file():
        parser.error(f"there is no file {given.file}")
    exceptions = EXCEPTIONS.read_text("utf-8") if EXCEPTIONS.is_file() else ""
    with httpx.Client(base_url=given.service, timeout=httpx.Timeout(30, connect=5)) as client:
        wrong, said = audit(
            given.file.read_text("utf-8"),
            exceptions,
            today=datetime.now(UTC).date(),
            client=client,
            required=os.environ.get("GARDEFOU_AUDIT", "") == "required",
            ship=shipped(),
        )
    for line in said:
        print(line)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
