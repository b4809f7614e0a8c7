"""The composition root: settings become an application node. Nothing else wires parts together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import Any

import sqlalchemy as sa

from gardefou.clock import Clock, SystemClock
from gardefou.domain.records import SYSTEM, PlatformEntry, Staff
from gardefou.errors import Conflict, InvalidInput
from gardefou.flow.app import App
from gardefou.flow.changes.nets import write_nets
from gardefou.flow.changes.settings import FOUNDERS, write_setting
from gardefou.flow.rules import Rules
from gardefou.ids import Ids
from gardefou.ledger.note import Signer
from gardefou.ledger.sequencer import Sequencer
from gardefou.nets.shipped import load_shipped
from gardefou.notices.post import ApprisePost, NoPost
from gardefou.people.directory import Directory, seal_plain
from gardefou.people.keys import KeyStore
from gardefou.people.pseudonyms import pseudonym
from gardefou.people.seal_store import KeptSeals, wrap_of
from gardefou.people.seals import DerivedSeals
from gardefou.platforms.protocol import Connector
from gardefou.platforms.sandbox import Sandbox
from gardefou.settings import Settings
from gardefou.storage import tables
from gardefou.storage.engine import Store, open_store
from gardefou.storage.grants import check_granted
from gardefou.storage.migrate import is_current, upgrade_store
from gardefou.storage.work import Works


@dataclass(frozen=True, slots=True)
class Parts:
    """What is injected: everything that makes a run different from its replay."""

    clock: Clock
    random: Random
    salts: Callable[[int], bytes]
    sleep: Callable[[float], None] = time.sleep


def real_parts() -> Parts:
    """Return the machine's clock and randomness."""
    random = SystemRandom()
    return Parts(clock=SystemClock(), random=random, salts=random.randbytes)


def open_app(settings: Settings, *, migrate: bool = True) -> App:
    """Open an application node on the store that the settings name, migrating it first if need be.

    Raises:
        InvalidInput: the database cannot be used (`store/url`); its role may not change its tables'
            shape (`store/not_owner`), or lacks what a node needs (`store/not_granted`).
    """
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = open_store(settings.url)
    if migrate:
        try:
            _make_current(store)
        except BaseException:
            store.close()
            raise
    keys = KeyStore(settings.keys_folder)
    directory = Directory(open_seals(settings))
    if migrate:
        seal_plain(store, directory)
    return make_app(store, real_parts(), signer=keys.signer(), keys=keys, directory=directory)


def _make_current(store: Store) -> None:
    with store.read() as connection:
        current = is_current(connection)
        if current and not store.is_sqlite:
            check_granted(connection)
    if not current:
        upgrade_store(store)


def open_seals(settings: Settings) -> KeptSeals:
    """Return the seals that lie in the key store, as they are or wrapped as settings say."""
    return KeptSeals(KeyStore(settings.keys_folder), wrap_of(settings.seal_wrap, settings.seal_unwrap))


def make_app(
    store: Store,
    parts: Parts,
    *,
    signer: Signer,
    keys: KeyStore | None = None,
    directory: Directory | None = None,
    no_nets: bool = False,
) -> App:
    """Return an application node from a migrated store and its parts.

    ``keys`` may be left out where only sandbox platforms are used; names are
    then sealed under a key made of the signer's.
    """
    if directory is None:
        directory = Directory(DerivedSeals(signer.seed) if keys is None else KeptSeals(keys))
    ids = Ids(parts.clock, parts.random)
    works = Works(store, parts.clock, ids, parts.salts)
    sequencer = Sequencer(store, parts.clock, seed=signer.seed, origin=signer.name)

    def connector(entry: PlatformEntry) -> Connector:
        return make_connector(entry, works, parts, keys)

    return App(
        works=works,
        clock=parts.clock,
        ids=ids,
        random=parts.random,
        sequencer=sequencer,
        make_connector=connector,
        directory=directory,
        no_nets=no_nets,
        post=NoPost() if keys is None else ApprisePost(keys),
    )


def make_connector(entry: PlatformEntry, works: Works, parts: Parts, keys: KeyStore | None) -> Connector:
    """Return the connector of a registered platform, with its credentials from the key store.

    Raises:
        InvalidInput: its configuration is not usable (`platform/config`).
    """
    store = works.store
    if entry.kind == "sandbox":
        return Sandbox(
            entry.id,
            store.begin,
            parts.clock,
            parts.sleep,
            engine_read=store.read,
            labels=Rules().labels,
            open_house=bool(entry.config.get("open")),
        )
    if keys is None:
        raise InvalidInput("platform/config", "Only sandbox platforms can be used here.", field="kind")
    secret = keys.credentials(entry.id)
    config: dict[str, Any] = dict(entry.config)
    # Loaded where a platform needs them: what speaks HTTP to it takes a while, and some have none.
    if entry.kind == "synapse":
        from gardefou.platforms.synapse import Synapse  # noqa: PLC0415

        return Synapse(
            entry.id,
            config["base_url"],
            config["admin"],
            secret["token"],
            clock=parts.clock,
            watch_token=secret.get("watch_token"),
        )
    if entry.kind == "webhook":
        from gardefou.platforms.webhook import Webhook, WebhookCalls, WebhookSettings  # noqa: PLC0415
        from gardefou.platforms.webhook_wire import description  # noqa: PLC0415

        hook = WebhookSettings(
            base_url=config["base_url"],
            secrets=tuple(secret["secrets"].split()),
            allow_private=frozenset(config.get("allow_private", ())),
        )
        calls = WebhookCalls(hook, clock=parts.clock, ids=works.ids)
        return Webhook(entry.id, description(config["describe"], url=config["base_url"]), calls)
    raise InvalidInput("platform/config", f"There is no connector of kind {entry.kind!r}.", field="kind")


def initialise(app: App, *, nets: str, person: Staff, open_sandbox: bool = True) -> Staff:
    """Make a new installation: the shipped nets, the first person, the sandbox platform.

    The sandbox is an open house: any account or item named to it is there. With
    ``open_sandbox`` off it has only what is put into it.

    Writes `nets.changed`, `staff.added`, `platform.registered`.

    Raises:
        Conflict: the store is initialised already (`store/initialised`).
        InvalidInput: no such shipped set (`nets/unknown_set`).
    """
    if nets not in FOUNDERS:
        raise InvalidInput("nets/unknown_set", f"The shipped sets are {', '.join(FOUNDERS)}.", field="nets")
    with app.works.begin() as uow:
        if uow.connection.execute(sa.select(tables.nets_version.c.id).limit(1)).first() is not None:
            raise Conflict("store/initialised", "This store is initialised already; nothing was changed.")
        write_nets(uow, load_shipped(nets), name=nets, by=SYSTEM)
        write_setting(uow, "shipped_nets", nets, by=SYSTEM)
        uow.record("staff.added", by=SYSTEM, about=person.id, puts=(person,))
        sandbox = PlatformEntry(
            id="sandbox",
            kind="sandbox",
            endpoint="sandbox:sandbox",
            config={"open": open_sandbox},
            sandbox=True,
            added_at=uow.now,
        )
        uow.record("platform.registered", by=SYSTEM, about=sandbox.id, puts=(sandbox,))
    return person


def first_person(app: App, *, roles: tuple[str, ...], team: str = "founders") -> Staff:
    """Return the record of a new installation's first person, enrolled and founding, not yet written."""
    return Staff(
        id=app.ids.new(),
        pseudonym=pseudonym(app.random, ()),
        roles=roles,
        team=team,
        employer=Rules().organisation,
        started_at=app.now(),
        enrolled=True,
        founding=True,
    )
