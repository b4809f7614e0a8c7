"""A net and a set of nets, as values: what `load` reads and `judge` runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from gardefou.errors import InvalidInput
from gardefou.nets.evaluate import Condition
from gardefou.nets.verdict import Reason, Verdict
from gardefou.speech import gettext as _

#: Who and what nets may notify; the settings say where each of them ends.
CHANNELS = ("oncall", "lead", "policy", "legal", "team", "everyone")
#: What nets may ask to confirm.
CONFIRMS = ("handle", "identity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """A condition, and what it asks for when the condition holds.

    ``asks`` is the bare verdict; ``spoken`` the same with this net's reason,
    in ``reasons`` or, for a shadow net, nothing but the reason in ``shadow``.
    """

    id: str
    title: str
    because: str
    condition: Condition
    asks: Verdict
    shadow: bool = False

    @property
    def reason(self) -> Reason:
        """The reason recorded when it speaks."""
        return Reason(self.id, self.title, self.because)

    @property
    def when(self) -> str:
        """The text of its condition."""
        return self.condition.text

    def spoken(self, *, shadow: bool = False) -> Verdict:
        """Return what it contributes to the joined verdict when its condition holds."""
        if shadow or self.shadow:
            return Verdict(shadow=(self.reason,))
        return Verdict(
            refusals=self.asks.refusals,
            approvals=self.asks.approvals,
            fresh_auth_minutes=self.asks.fresh_auth_minutes,
            hold_seconds=self.asks.hold_seconds,
            confirm=self.asks.confirm,
            notify=self.asks.notify,
            reasons=(self.reason,),
        )

    def to_table(self) -> dict[str, Any]:
        """Return the net as a table of ``nets.toml``, with every default left out."""
        require: dict[str, Any] = {}
        if self.asks.refusals:
            require["refuse"] = self.asks.refusals[0]
        for requirement in self.asks.approvals:
            require["approvals"] = requirement.approvals
            require["from"] = list(requirement.roles)
            if requirement.distinct_teams:
                require["distinct_teams"] = True
            if requirement.blind:
                require["blind"] = True
        if self.asks.fresh_auth_minutes is not None:
            require["fresh_auth_minutes"] = self.asks.fresh_auth_minutes
        if self.asks.hold_seconds:
            require["hold"] = duration_text(self.asks.hold_seconds)
        if self.asks.confirm:
            require["confirm"] = list(self.asks.confirm)
        if self.asks.notify:
            require["notify"] = list(self.asks.notify)
        return {
            "id": self.id,
            "title": self.title,
            "because": self.because,
            "when": self.when,
            "mode": "shadow" if self.shadow else "enforce",
            "require": require,
        }


class NetSet:
    """Nets in the sequence of their file; immutable. The sequence has no meaning beyond reading.

    ``digest``: SHA-256 in hex of the canonical JSON, with nets sorted by id, so
    that sets that judge alike word for word have the same digest. ``compiled``
    holds, per net, its test and what it contributes; `judge` runs over it.
    """

    __slots__ = ("_by_id", "_toml", "compiled", "digest", "nets")

    def __init__(self, nets: Iterable[Net] = ()) -> None:
        """Hold these nets.

        Raises:
            InvalidInput: two nets have the same id (`nets/duplicate_id`).
        """
        self.nets: tuple[Net, ...] = tuple(nets)
        self._by_id: dict[str, Net] = {}
        for net in self.nets:
            if net.id in self._by_id:
                raise InvalidInput(
                    "nets/duplicate_id", _("Two nets have the id %(id)s; rename one.", id=net.id), field="id"
                )
            self._by_id[net.id] = net
        self.digest: str = hashlib.sha256(self.canonical().encode()).hexdigest()
        self._toml = ""
        self.compiled = tuple((net.condition.test, net.spoken(), net.spoken(shadow=True)) for net in self.nets)

    def __iter__(self) -> Iterator[Net]:
        """Go through the nets."""
        return iter(self.nets)

    def __len__(self) -> int:
        """Count the nets."""
        return len(self.nets)

    def __contains__(self, net_id: object) -> bool:
        """Whether a net has this id."""
        return net_id in self._by_id

    def __eq__(self, other: object) -> bool:
        """Equal when the digests are."""
        return isinstance(other, NetSet) and self.digest == other.digest

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash(self.digest)

    def __repr__(self) -> str:
        """Say how many nets, and the digest's beginning."""
        return f"NetSet({len(self.nets)} nets, {self.digest[:12]})"

    def get(self, net_id: str) -> Net | None:
        """Return the net of this id, if there is one."""
        return self._by_id.get(net_id)

    def changed(self, *, remove: Iterable[str] = (), put: Iterable[Net] = ()) -> NetSet:
        """Return a set without some nets and with others added, or put in place of those of the same id.

        Raises:
            InvalidInput: a net to remove is not there (`nets/unknown_net`).
        """
        kept = dict(self._by_id)
        for net_id in remove:
            if kept.pop(net_id, None) is None:
                raise InvalidInput(
                    "nets/unknown_net", _("There is no net %(net_id)s to remove.", net_id=net_id), field="remove"
                )
        for net in put:
            kept[net.id] = net
        return NetSet(kept.values())

    def only_adds(self, before: NetSet) -> bool:
        """Return whether every enforcing net of ``before`` stands here word for word: nothing is weakened (R3)."""
        return all(net.shadow or self.get(net.id) == net for net in before)

    def canonical(self) -> str:
        """Return the canonical JSON: nets sorted by id, keys sorted, no spaces."""
        tables = [net.to_table() for net in sorted(self.nets, key=lambda net: net.id)]
        return json.dumps(tables, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def to_toml(self) -> str:
        """Return the set as the text of a ``nets.toml``; loading it gives the same digest."""
        if not self._toml:
            self._toml = "\n".join(_toml_net(net.to_table()) for net in self.nets)
        return self._toml


def duration_text(seconds: int) -> str:
    """Write seconds as the shortest duration: ``90s``, ``10m``, ``2h``, ``3d``."""
    for size, letter in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{letter}"
    return f"{seconds}s"


def _toml_net(table: Mapping[str, Any]) -> str:
    lines = ["[[net]]"]
    lines += [f"{key} = {_toml_value(value)}" for key, value in table.items() if key != "require"]
    lines.append("[net.require]")
    lines += [f"{key} = {_toml_value(value)}" for key, value in table["require"].items()]
    return "\n".join(lines) + "\n"


def _toml_value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_toml_value(one) for one in cast('list[object]', value))}]"
    # JSON's texts, numbers and booleans are TOML's too, but for U+007F, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
