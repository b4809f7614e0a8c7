"""Changing the safety nets: adding one takes effect at once, anything else is a weakening."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Any

from gardefou.domain.records import NetsVersion, Staff
from gardefou.errors import InvalidInput, Unavailable
from gardefou.flow.app import App, Config
from gardefou.flow.changes.base import Handler, Payload, text, texts
from gardefou.nets.floor import Broken, broken
from gardefou.nets.invariants import INVARIANTS
from gardefou.nets.load import load, read_net
from gardefou.nets.net import NetSet
from gardefou.nets.prove import Proved, prove
from gardefou.nets.satisfiable import Unsatisfiable, unsatisfiable
from gardefou.nets.seats import Person
from gardefou.nets.shipped import load_shipped
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.people.standing import Standing, standing_now
from gardefou.speech import gettext as _
from gardefou.speech import speech
from gardefou.storage.work import UnitOfWork

_MOST = 1_000_000
#: Sets whose proofs and trials are remembered.
_KEPT = 32


class NetsChange(Handler):
    """Put another set of nets in force: a whole file, or nets removed and put."""

    power = Power.NETS

    def think_ahead(self, app: App, payload: Payload) -> None:
        """Prove the set that is proposed: a proof takes half a second, and no transaction waits for it."""
        config = app.recent_config()
        with suppress(InvalidInput):
            _check_floor(config, _result(config, payload))

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``toml`` (a whole file), or ``remove`` (ids) and ``put`` (tables of nets)."""
        result = _result(config, payload)
        if len(result) == 0:
            raise InvalidInput("nets/empty", "A set without any net protects nobody; keep at least one.", field="toml")
        _check_floor(config, result)
        _check_satisfiable(uow, config, result)
        if result == config.nets:
            raise InvalidInput("nets/same", "These nets are in force already.", field="toml")
        # Bound to the nets it was proposed over: a net added meanwhile must not be lost with it.
        name = text(payload, "name", optional=True) or "changed"
        return {"toml": result.to_toml(), "name": name, "over": config.nets_id}

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """Everything does but adding nets to those in force (R3)."""
        return not _read(payload["toml"]).only_adds(config.nets)

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `nets.changed`."""
        write_nets(uow, _read(payload["toml"]), name=payload["name"], by=by, about=about)


def write_nets(uow: UnitOfWork, nets: NetSet, *, name: str, by: str, about: str = "") -> NetsVersion:
    """Put a set of nets in force, with `nets.changed`. Called by the change above and by `init`."""
    version = NetsVersion(id=uow.ids.new(), name=name, digest=nets.digest, toml=nets.to_toml(), at=uow.now, by=by)
    uow.record("nets.changed", by=by, about=about or version.id, puts=(version,))
    return version


@lru_cache(maxsize=_KEPT)
def _read(toml: str) -> NetSet:
    return load(toml, "proposal")


def _result(config: Config, payload: Payload) -> NetSet:
    if "toml" in payload:
        if payload.get("put") or payload.get("remove"):
            raise InvalidInput("change/invalid", "Give a whole file as toml, or remove and put.", field="toml")
        return _read(text(payload, "toml", most=_MOST))
    tables: list[Any] = list(payload.get("put", []))
    remove = texts(payload, "remove")
    if not tables and not remove:
        raise InvalidInput("change/invalid", "Give a whole file as toml, or remove and put.", field="toml")
    return config.nets.changed(remove=remove, put=[read_net(table) for table in tables])


def _check_floor(config: Config, nets: NetSet) -> None:
    """Raise when the set breaks an invariant that the nets in force keep (R3)."""
    new = newly_broken(config, nets)
    if new and config.rules.setup_finished:
        raise InvalidInput(
            "nets/invariant",
            _("Refused: %(says)s.", says=new[0].says),
            field="toml",
            extra={"broken": [one.says for one in new]},
        )


def newly_broken(config: Config, nets: NetSet) -> list[Broken]:
    """Return what a set breaks that the nets in force keep, and for which it is refused once setup has ended."""
    return _beyond(config.nets, nets, config.rules.shipped_nets)


def unlike_shipped(config: Config) -> list[Broken]:
    """Return what the nets in force break that the shipped set keeps with which the installation began."""
    shipped = load_shipped(config.rules.shipped_nets)
    return [] if shipped.digest == config.nets.digest else _beyond(shipped, config.nets, config.rules.shipped_nets)


def _beyond(held: NetSet, nets: NetSet, shipped: str) -> list[Broken]:
    tried = {one.invariant for one in _tried(held, shipped, speech().language)}
    # What the grid finds need not be proved as well: a proof takes a second.
    new = [one for one in _tried(nets, shipped, speech().language) if one.invariant not in tried]
    if not new:
        before = {one.invariant for one in _broken(held, shipped)}
        new = [one for one in _broken(nets, shipped) if one.invariant not in before]
    return new


#: The invariants that say that at least something is asked.
_LASTING = frozenset({"I1", "I2", "I3", "I6", "I7"})


@lru_cache(maxsize=_KEPT)
def _tried(nets: NetSet, shipped: str, _language: str) -> tuple[Broken, ...]:
    return tuple(broken(nets, shipped=shipped))


@lru_cache(maxsize=_KEPT)
def _proved(nets: NetSet) -> tuple[Proved, ...]:
    return tuple(prove(nets, [one for one in INVARIANTS if one.id in _LASTING]))


def _broken(nets: NetSet, shipped: str) -> list[Broken]:
    """Return the invariants that a set breaks: tried on a grid, and with a solver the lasting ones proved.

    Lasting are those that no added net can break: a net more is never refused for what else it might have asked.
    """
    found = {one.invariant: one for one in _tried(nets, shipped, speech().language)}
    with suppress(Unavailable):
        for one in _proved(nets):
            if not one.holds:
                found.setdefault(one.id, Broken(one.id, f"{one.id}: {(one.counterexample or '').rstrip('.')}"))
    return list(found.values())


@lru_cache(maxsize=_KEPT)
def _unmet(nets: NetSet, people: tuple[Person, ...], organisation: str, _language: str) -> tuple[Unsatisfiable, ...]:
    return tuple(unsatisfiable(nets, people, organisation=organisation))


def _check_satisfiable(uow: UnitOfWork, config: Config, nets: NetSet) -> None:
    """Raise when the people there are could never meet what the nets ask (R21)."""
    if not config.rules.setup_finished:
        return
    people = tuple(
        Person(id=staff.id, roles=frozenset(staff.roles), team=staff.team, employer=staff.employer)
        for staff in uow.all(Staff)
        if standing_now(staff, uow.now, config.rules.leaver_stages).standing is Standing.ACTIVE
    )
    language = speech().language
    before = {one.net for one in _unmet(config.nets, people, config.rules.organisation, language)}
    after = _unmet(nets, people, config.rules.organisation, language)
    new = [one for one in after if one.net not in before]
    if new:
        raise InvalidInput("nets/unsatisfiable", new[0].message, field="toml")
