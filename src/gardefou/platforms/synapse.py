"""The connector to a Matrix homeserver run with Synapse.

It does what homeserver moderators do every day (redact messages, quarantine
files, block rooms, shadow-ban, lock, suspend, deactivate, erase), and undoes it
as far as the homeserver can. What each undo leaves out was measured on Synapse
1.163.2 and stands in ``docs/platforms/synapse.md``.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import httpx

from gardefou.clock import Clock
from gardefou.domain.accounts import (
    DEACTIVATED,
    DELETED,
    LIMITED,
    LOCKED,
    SUSPENDED,
    AccountReading,
    measures_of_action,
)
from gardefou.domain.actions import Action
from gardefou.platforms import synapse_reports
from gardefou.platforms.protocol import (
    Answer,
    Description,
    Operation,
    PlatformRefused,
    PlatformUnreachable,
    PulledReport,
    Resolved,
)
from gardefou.platforms.synapse_accounts import deactivate, keep_account, reactivate
from gardefou.platforms.synapse_api import ADMIN_V1, ADMIN_V2, CLIENT, Hand, Json, SynapseApi, careful, q
from gardefou.platforms.synapse_can import CAPABILITIES
from gardefou.platforms.synapse_content import Found, find, put_back, refuse_or_keep, take_down
from gardefou.platforms.synapse_everything import (
    everything_removed,
    keep_everything,
    put_everything_back,
    remove_everything,
)
from gardefou.platforms.synapse_ids import EVERYTHING, Kind, parse_content, server_of
from gardefou.platforms.synapse_reading import Limits, read_account
from gardefou.platforms.synapse_warning import send_warning, withdraw_warning

#: Account-wide measures in the sequence in which they are turned on; turned off, mildest first too.
_ACCOUNT_MEASURES = (LIMITED, LOCKED, SUSPENDED, DEACTIVATED, DELETED)
_REMOVED = "removed:"


class Synapse:
    """One homeserver. ``admin`` is the full id of the account that ``token`` signs in.

    The homeserver is identified by its server name, taken from ``admin`` and
    checked against the token at the first call; ``base_url`` is only the way
    there. ``watch_token`` is another administrator's: where it is given,
    readings are made with it (R20). ``timeout``: seconds for each answer.
    ``pause`` waits for that many seconds while the homeserver works something
    off. ``limits`` bounds what one reading costs. ``transport`` replaces the
    network, for tests.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        admin: str,
        token: str,
        *,
        clock: Clock,
        watch_token: str | None = None,
        timeout: float = 10.0,
        pause: Callable[[float], None] = time.sleep,
        limits: Limits | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.name = name
        self._server = server_of(admin)
        self._admin = admin
        self._clock = clock
        self._pause = pause
        self._limits = limits or Limits()
        self._api = SynapseApi(base_url, token, timeout=timeout, transport=transport)
        self._watch = SynapseApi(base_url, watch_token, timeout=timeout, transport=transport) if watch_token else None
        #: The accounts whose tokens are in use; empty until they were asked for.
        self._own: frozenset[str] = frozenset()
        self._description = Description(
            kind="synapse",
            endpoint=f"matrix:{self._server}",
            sandbox=False,
            takes_key=False,
            capabilities=CAPABILITIES,
        )

    def close(self) -> None:
        """Close the connections to the homeserver."""
        self._api.close()
        if self._watch is not None:
            self._watch.close()

    def describe(self) -> Description:
        """Every action but labels, which a homeserver cannot show."""
        return self._description

    def read_state(self, account: str, *, content: Sequence[str] = ()) -> AccountReading:
        """Read an account, its reach and standing, and which of the named items of its own are down.

        Accounts of other homeservers are read as far as their rooms are known
        here. Raises `NoSuchAccount`, `PlatformUnreachable`.
        """
        return self._read(account, content, self._limits)

    def read_measures(self, account: str, *, content: Sequence[str] = ()) -> AccountReading:
        """Read an account without its rooms: one request in place of two, and two for each room."""
        return self._read(account, content, Limits(reach=False))

    def _read(self, account: str, content: Sequence[str], limits: Limits) -> AccountReading:
        self._know_ourselves()
        # Notes of what was put back lie with the acting account, so items are read by it.
        acting = self._hand()
        with careful(acting):
            api = self._watch or self._api
            reading = read_account(api, account, self._server, self._clock, limits)
            down = frozenset(f"{_REMOVED}{item}" for item in content if self._is_down(acting, account, item))
        return dataclasses.replace(reading, measures=reading.measures | down)

    def resolve(self, account: str, *, content: Sequence[str] = ()) -> Resolved:
        """Return the account's id, and the author, uploader or maker of each item.

        Raises `NoSuchAccount` for an account or item that the homeserver does
        not know, `PlatformRefused` for a file of another homeserver, whose
        uploader nobody here knows.
        """
        self._know_ourselves()
        hand = self._hand()
        with careful(hand):
            reading = read_account(hand.api, account, self._server, self._clock, Limits(reach=False))
            owners = {item: self._owner(hand, account, item) for item in content}
        return Resolved(account=reading.ref, content_owner=owners)

    def apply(self, operation: Operation) -> Answer:
        """Turn the measures on, content first, then the account's, mildest first.

        What an undo needs is read, and noted on the homeserver, before anything
        is changed; so it is there even when the answer is lost.
        """
        self._check(operation, undoing=False)
        hand = self._hand()
        with careful(hand):
            if operation.action is Action.WARN:
                return send_warning(hand, operation.target.account, operation.reason, operation.key)
            kept, said = self._apply_content(hand, operation)
            for measure in _ACCOUNT_MEASURES:
                if measure in operation.measures:
                    kept |= self._impose(hand, operation.target.account, measure)
                    said[measure] = True
        losses = CAPABILITIES[operation.action].losses if kept else ()
        return Answer(said=said, kept=kept, losses=losses)

    def undo(self, operation: Operation) -> Answer:
        """Turn the measures off, the account's first, and put back what was kept.

        Content comes last, as a muted account's messages cannot be sent again.
        The answer names what did not come back.
        """
        self._check(operation, undoing=True)
        hand = self._hand()
        account = operation.target.account
        losses: list[str] = []
        with careful(hand):
            if operation.action is Action.WARN:
                withdraw_warning(hand, operation.kept, operation.key)
            for measure in _ACCOUNT_MEASURES:
                if measure in operation.measures:
                    losses += self._lift(hand, account, measure, operation.kept)
            for item in _items(operation):
                losses += self._restore_item(hand, account, item, operation)
        return Answer(said={"lifted": sorted(operation.measures)}, losses=tuple(dict.fromkeys(losses)))

    def pull_reports(self, *, after: str | None) -> Iterator[tuple[str, PulledReport]]:
        """Yield reports of messages and accounts after the cursor; see `synapse_reports.pull`."""
        self._know_ourselves()
        with careful(self._hand()):
            yield from synapse_reports.pull(self._watch or self._api, after)

    # --- guards -----------------------------------------------------------------------------

    def _hand(self) -> Hand:
        return Hand(self._api, self._admin, self._clock)

    def _know_ourselves(self) -> None:
        """Ask once whose tokens these are; refuse to go on when not the configured account's."""
        if self._own:
            return
        with careful(self._hand()):
            own, watcher = self._whose(self._api), self._whose(self._watch or self._api)
        if own != self._admin:
            raise PlatformUnreachable(f"The token is {own}'s, not {self._admin}'s; correct the platform's settings.")
        self._own = frozenset({own.casefold(), watcher.casefold()})

    def _whose(self, api: SynapseApi) -> str:
        return str(api.read(f"{CLIENT}/account/whoami")["user_id"])

    def _check(self, operation: Operation, *, undoing: bool) -> None:
        """Refuse what this platform does not do, whoever asks, before anything is sent."""
        action, account = operation.action, operation.target.account
        if action not in CAPABILITIES and not (undoing and action is Action.RESTORE):
            raise PlatformRefused(f"A homeserver has no action {action}; choose one it describes.")
        self._know_ourselves()
        home = server_of(account) == self._server
        if not home and (action is Action.WARN or not all(each.startswith(_REMOVED) for each in operation.measures)):
            raise PlatformRefused(
                f"{account} lives on another homeserver; only its messages here can be removed. Report it to its own."
            )
        known = {*_ACCOUNT_MEASURES}
        strange = [each for each in operation.measures if each not in known and not each.startswith(_REMOVED)]
        if strange:
            raise PlatformRefused(f"A homeserver has no measure {', '.join(sorted(strange))}.")
        if undoing:
            if DELETED in operation.measures:
                raise PlatformRefused("An erased account cannot be brought back; nothing was changed.")
            return
        if not operation.measures <= measures_of_action(action, content=operation.target.content):
            raise PlatformRefused(
                f"These measures are not what {action} does: {', '.join(sorted(operation.measures))}."
            )
        if account.casefold() in self._own and any(measure in known for measure in operation.measures):
            raise PlatformRefused(f"{account} is the account Gardefou itself acts through; {action} would lock it out.")

    def _owned(self, hand: Hand, account: str, item: str) -> Found:
        found = find(hand, parse_content(item))
        if found.owner != account:
            raise PlatformRefused(f"{item} is not of {account}, but of {found.owner or 'an unknown account'}.")
        return found

    def _owner(self, hand: Hand, account: str, item: str) -> str:
        if item == EVERYTHING:
            return account
        owner = find(hand, parse_content(item)).owner
        if owner is None:
            raise PlatformRefused(f"{item} is a file of another homeserver; nobody here knows who uploaded it.")
        return owner

    def _is_down(self, hand: Hand, account: str, item: str) -> bool:
        if item == EVERYTHING:
            return everything_removed(hand, account)
        found = find(hand, parse_content(item))
        return found.removed and found.owner == account

    # --- content ----------------------------------------------------------------------------

    def _apply_content(self, hand: Hand, operation: Operation) -> tuple[Json, Json]:
        """Take items down, all checked and kept before the first is touched."""
        account = operation.target.account
        kept: Json = {}
        found: list[Found] = []
        for item in _items(operation):
            if item == EVERYTHING:
                kept[_REMOVED + item] = everything = keep_everything(hand, account)
                # Notes name the messages; what they said, the homeserver still knows for a while.
                hand.leave_note(_note(_REMOVED + item, account), everything)
            else:
                one = self._owned(hand, account, item)
                found.append(one)
                if keep := refuse_or_keep(hand, one):
                    kept[_REMOVED + item] = keep
        for one in found:
            take_down(hand, one, operation.key, self._pause)
        if EVERYTHING in operation.target.content:
            remove_everything(hand, account, kept[_REMOVED + EVERYTHING], self._pause)
        said: Json = {_REMOVED + one.content.id: "was down already" if one.removed else "taken down" for one in found}
        return kept, said

    def _restore_item(self, hand: Hand, account: str, item: str, operation: Operation) -> tuple[str, ...]:
        measure = _REMOVED + item
        kept: Mapping[str, Any] = operation.kept.get(measure) or {}
        if item != EVERYTHING:
            return put_back(hand, self._owned(hand, account, item), kept, operation.key)
        if not everything_removed(hand, account):
            return ()
        losses = put_everything_back(hand, account, kept or hand.note(_note(measure, account)), operation.key)
        hand.leave_note(_note(measure, account), {})
        return losses

    # --- accounts ---------------------------------------------------------------------------

    def _impose(self, hand: Hand, account: str, measure: str) -> Json:
        """Turn one account-wide measure on; return what to keep for its undo."""
        if measure not in {DEACTIVATED, DELETED}:
            self._set(hand, account, measure, on=True)
            return {}
        kept = keep_account(hand, account)
        if not kept["was_deactivated"]:
            hand.leave_note(_note(DEACTIVATED, account), kept)
        # Each measure by an endpoint of its own: deactivating and locking in one call answers 400.
        if measure == DELETED or not kept["was_deactivated"]:
            deactivate(hand, account, erase=measure == DELETED)
        return {} if measure == DELETED else {DEACTIVATED: kept}

    def _lift(self, hand: Hand, account: str, measure: str, kept: Mapping[str, Any]) -> tuple[str, ...]:
        """Turn one account-wide measure off; return what did not come back."""
        if measure != DEACTIVATED:
            self._set(hand, account, measure, on=False)
            return ()
        note = hand.note(_note(DEACTIVATED, account))
        if not note and not hand.read(f"{ADMIN_V2}/users/{q(account)}").get("deactivated"):
            # Brought back already; what the owner changed since is the owner's.
            return ()
        mine: Mapping[str, Any] = kept.get(DEACTIVATED) or {}
        whole = mine if mine and not mine.get("was_deactivated") else note
        losses = reactivate(hand, account, whole, self._pause)
        hand.leave_note(_note(DEACTIVATED, account), {})
        return losses

    def _set(self, hand: Hand, account: str, measure: str, *, on: bool) -> None:
        match measure:
            case "limited":
                # The homeserver does not check that the account exists.
                hand.read(f"{ADMIN_V2}/users/{q(account)}")
                hand.change("POST" if on else "DELETE", f"{ADMIN_V1}/users/{q(account)}/shadow_ban")
            case "locked":
                # The endpoint would make an account that does not exist.
                hand.read(f"{ADMIN_V2}/users/{q(account)}")
                hand.change("PUT", f"{ADMIN_V2}/users/{q(account)}", {"locked": on})
            case _:
                hand.change("PUT", f"{ADMIN_V1}/suspend/{q(account)}", {"suspend": on})


def _items(operation: Operation) -> list[str]:
    """Return the content items that the measures name, whole rooms and all messages last."""
    items = [each.removeprefix(_REMOVED) for each in operation.measures if each.startswith(_REMOVED)]
    rank = {Kind.MESSAGE: 0, Kind.MEDIA: 1, Kind.ROOM: 2, Kind.EVERYTHING: 3}
    return sorted(items, key=lambda item: (rank[parse_content(item).kind], item))


def _note(measure: str, account: str) -> str:
    return f"kept.{measure}.{account}"
