"""What every step of the flow works with: store, clock, identifiers, platforms, nets, ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from random import Random
from typing import Any

import sqlalchemy as sa

from gardefou.clock import Clock
from gardefou.domain.records import NetsVersion, PlatformEntry
from gardefou.errors import NotFound, Unavailable
from gardefou.flow.rules import Rules, load_rules
from gardefou.ids import Ids
from gardefou.ledger.sequencer import Sequencer
from gardefou.nets.load import load
from gardefou.nets.lookalikes import LookalikeIndex
from gardefou.nets.net import NetSet
from gardefou.notices.post import NoPost, Post
from gardefou.people.directory import Directory
from gardefou.platforms.protocol import Connector
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch, fetch_all
from gardefou.storage.types import dumps
from gardefou.storage.unwritten import Read
from gardefou.storage.work import Works


@dataclass(frozen=True, slots=True)
class Config:
    """Rules and nets in force at one moment, as read inside a transaction."""

    rules: Rules
    nets: NetSet
    nets_id: str
    platforms: dict[str, PlatformEntry]
    #: Every fact that some net reads: the others need not be counted.
    facts_read: frozenset[str]
    #: Everything is let through; see `App.no_nets`.
    no_nets: bool = False

    def active(self, platform: str) -> PlatformEntry:
        """Return the entry of a platform that is in use.

        Raises:
            NotFound: there is none, or it was taken out of use (`platform/not_found`).
        """
        entry = self.platforms.get(platform)
        if entry is None or not entry.active:
            raise NotFound(
                "platform/not_found",
                _("There is no platform %(platform)s; see `gardefou platform list`.", platform=repr(platform)),
            )
        return entry


def read_nets(toml: str, name: str) -> NetSet:
    """Return a stored set of nets; read once a process: it takes long, and many stores may hold the same."""
    with _READING:  # those who come at once wait for the first, instead of reading the same beside each other
        return _read_nets(toml, name)


@lru_cache(maxsize=16)
def _read_nets(toml: str, name: str) -> NetSet:
    return load(toml, f"nets {name}")


_READING = threading.Lock()


#: Makes the connector of a registered platform; credentials come from the key store.
MakeConnector = Callable[[PlatformEntry], Connector]


@dataclass(slots=True)
class App:
    """One application node. It holds no state that the store does not."""

    works: Works
    clock: Clock
    ids: Ids
    random: Random
    sequencer: Sequencer
    make_connector: MakeConnector
    #: Who people are, sealed; nothing else knows a name.
    directory: Directory
    #: ``--no-nets``: states, ledger and connectors stay, everything is let through. Fresh stores only.
    no_nets: bool = False
    #: Sends notices to the channels whose addresses lie on this machine.
    post: Post = field(default_factory=NoPost)
    #: Told after a commit that there may be work; the worker waits on it.
    wake: Callable[[], None] = lambda: None
    _config: tuple[tuple[Any, ...], Config] | None = None
    _connectors: dict[str, tuple[str, Connector]] = field(default_factory=dict)
    _nets: dict[str, NetSet] = field(default_factory=dict)
    _lookalikes: dict[str, tuple[tuple[Any, ...], LookalikeIndex]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> datetime:
        """Return the present moment."""
        return self.clock.now()

    def config(self, connection: sa.Connection) -> Config:
        """Return the rules and nets in force, read in this transaction.

        Raises:
            Unavailable: the store has no nets (`store/uninitialised`).
        """
        stamp = tuple(_STAMP.first(connection))
        held = self._config
        if held is not None and held[0] == stamp:
            return held[1]
        newest = connection.execute(_NEWEST_NETS).first()
        if newest is None:
            raise Unavailable("store/uninitialised", "This store has no nets in force; run `gardefou init` first.")
        nets = self._nets.get(newest.id)
        if nets is None:
            version = fetch(connection, NetsVersion, tables.nets_version.c.id == newest.id)
            assert version is not None
            nets = read_nets(version.toml, version.name)
            self._nets[newest.id] = nets
        read = frozenset(fact.name for net in nets for fact in net.condition.reads)
        entries = fetch_all(connection, PlatformEntry, sa.select(tables.platform_entry))
        config = Config(
            rules=load_rules(connection),
            nets=nets,
            nets_id=newest.digest,
            platforms={entry.id: entry for entry in entries},
            facts_read=read,
            no_nets=self.no_nets,
        )
        if stamp == tuple(_STAMP.first(connection)):
            self._config = (stamp, config)
        return config

    def config_ahead(self, platform: str) -> list[Read]:
        """Return what `config` and, for a platform, `lookalikes` will read where nothing has changed."""
        return [(_STAMP, {}), (_PROTECTED_STAMP, {"platform": platform})]

    def recent_config(self) -> Config:
        """Return the configuration as of this node's last act, for what a transaction checks again."""
        if self._config is not None:
            return self._config[1]
        with self.works.read() as connection:
            return self.config(connection)

    def connector(self, platform: str) -> Connector:
        """Return the connector of a registered platform.

        Raises:
            NotFound: no such platform, or it is not active (`platform/not_found`).
        """
        held = self._config
        if held is not None and platform in held[1].platforms and held[1].platforms[platform].active:
            # Every transaction of the flow renews the configuration, so this is at most one act old.
            return self.connector_in(held[1], platform)
        with self.works.read() as connection:
            return self.connector_in(self.config(connection), platform)

    def connector_in(self, config: Config, platform: str) -> Connector:
        """Return the connector of a platform that is registered in this configuration; as `connector`."""
        entry = config.active(platform)
        with self._lock:
            # What makes a connector, and nothing that moves with every fetch of reports.
            stamp = f"{entry.kind} {entry.endpoint} {dumps(dict(entry.config))}"
            held = self._connectors.get(platform)
            if held is None or held[0] != stamp:
                held = (stamp, self.make_connector(entry))
                self._connectors[platform] = held
            return held[1]

    def lookalikes(self, connection: sa.Connection, platform: str) -> LookalikeIndex:
        """Return the names of the platform's protected accounts, ready for comparing."""
        stamp_row = _PROTECTED_STAMP.first(connection, {"platform": platform})
        # More than a count and a sum: a transaction that was rolled back may have left its own index here.
        stamp = tuple(stamp_row)
        held = self._lookalikes.get(platform)
        if held is None or held[0] != stamp:
            rows = connection.execute(_PROTECTED_NAMES, {"platform": platform}).all()
            names = [(row.ref, name) for row in rows for name in (row.handle, row.display_name) if name]
            held = (stamp, LookalikeIndex(names))
            self._lookalikes[platform] = held
        return held[1]

    def platform_names(self) -> list[str]:
        """Return every active platform's name."""
        with self.works.read() as connection:
            platforms = self.config(connection).platforms
        return sorted(name for name, entry in platforms.items() if entry.active)


# Moves with every change of nets, settings or platforms, whoever makes it on whichever node.
_STAMP = Fast(
    sa.select(
        sa.select(sa.func.max(tables.nets_version.c.id)).scalar_subquery(),
        sa.select(sa.func.sum(tables.setting.c.version)).scalar_subquery(),
        sa.select(sa.func.sum(tables.platform_entry.c.version)).scalar_subquery(),
    )
)
_NEWEST_NETS = (
    sa.select(tables.nets_version.c.id, tables.nets_version.c.digest).order_by(tables.nets_version.c.id.desc()).limit(1)
)
# The first half is the condition of a partial index: few accounts are more than standard.
_protected = sa.and_(
    tables.account_watched,
    sa.or_(tables.account.c.tier == "protected", tables.account.c.memory_tier == "protected"),
)
_PROTECTED_STAMP = Fast(
    sa.select(
        sa.func.count(),
        sa.func.sum(tables.account.c.version),
        sa.func.min(tables.account.c.ref),
        sa.func.max(tables.account.c.ref),
        sa.func.sum(sa.type_coerce(tables.account.c.read_at, sa.BigInteger) % 1_000_003),
    ).where(tables.account.c.platform == sa.bindparam("platform"), _protected)
)
_PROTECTED_NAMES = sa.select(tables.account.c.ref, tables.account.c.handle, tables.account.c.display_name).where(
    tables.account.c.platform == sa.bindparam("platform"), _protected
)
