"""The sealing keys in use: a new one that everything is sealed under anew, and old ones let go."""

from __future__ import annotations

from dataclasses import dataclass

from gardefou.errors import Conflict
from gardefou.flow.app import App
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.people.seal_store import KeptSeals
from gardefou.people.seals import SealKey

_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """How the directory is sealed. ``kept``: file, command, or nothing yet; ``people``: how many by key id."""

    kept: str
    sealing: str
    keys: tuple[str, ...]
    people: dict[str, int]


def sealing_now(app: App) -> Sealing:
    """Return which keys there are, and what lies under which.

    Raises:
        Unavailable: the key is not to be had (`seals/…`).
    """
    seals = _kept(app)
    ring = seals.ring()
    with app.works.read() as connection:
        people = app.directory.sealed_under(connection)
    return Sealing(
        kept=seals.kept,
        sealing="" if ring is None else ring.sealing.id,
        keys=() if ring is None else tuple(one.id for one in ring.keys),
        people=people,
    )


def new_key(app: App, actor: Actor) -> Sealing:
    """Put a new key on the ring that does not seal yet: for copying the ring to other machines first.

    Raises:
        Denied: no power over settings (`auth/forbidden`).
    """
    actor.require(Power.SETTINGS, app.now())
    seals = _kept(app)
    with app.works.begin() as uow:
        app.directory.hold(uow.connection)
        ring = seals.make()
        if ring.keys[-1] == ring.sealing:
            seals.keep(ring.with_key(SealKey.new()))
    return sealing_now(app)


def rotate(app: App, actor: Actor) -> Sealing:
    """Seal everybody under a new key: the one that waits on the ring, or one made now.

    Where an earlier call was cut off, this one goes on with its key. The ring
    is written as settings have it kept, so this also moves it behind a command
    or back. Old keys stay on it until `let_go`.

    Writes `seals.rotated`.

    Raises:
        Denied: no power over settings (`auth/forbidden`).
        Unavailable: a key is not to be had, or a row does not open (`seals/…`).
    """
    actor.require(Power.SETTINGS, app.now())
    seals, directory = _kept(app), app.directory
    with app.works.begin() as uow:
        directory.hold(uow.connection)
        ring = seals.make()
        cut_off = set(directory.sealed_under(uow.connection)) - {ring.sealing.id}
        if not cut_off:
            newest = ring.keys[-1]
            if newest == ring.sealing:
                newest = SealKey.new()
                ring = ring.with_key(newest)
            seals.keep(ring.sealing_with(newest))
    resealed = 0
    while True:
        with app.works.begin() as uow:
            some = directory.reseal(uow.connection, _BATCH)
            if not some:
                after = seals.make().sealing.id
                uow.record("seals.rotated", by=actor.id, about=after, detail={"key": after, "people": resealed})
                break
        resealed += some
    return sealing_now(app)


def let_go(app: App, actor: Actor) -> Sealing:
    """Take every key off the ring that nobody is sealed under and that does not seal.

    Backups made before the rotation cannot be read without them.

    Raises:
        Denied: no power over settings (`auth/forbidden`).
    """
    actor.require(Power.SETTINGS, app.now())
    seals = _kept(app)
    with app.works.begin() as uow:
        app.directory.hold(uow.connection)
        ring = seals.make()
        used = {ring.sealing.id, *app.directory.sealed_under(uow.connection)}
        gone = {one.id for one in ring.keys} - used
        if gone:
            seals.keep(ring.without(gone))
    return sealing_now(app)


def _kept(app: App) -> KeptSeals:
    seals = app.directory.seals
    if not isinstance(seals, KeptSeals):
        raise Conflict("seals/no_store", "This store is one in memory and has no key store.")
    return seals
