"""The embedded default platform: durable, plainly labelled as not a real one.

It behaves as a good platform should (every action, exact undo, operation keys,
fences) until its switches tell it to be down, slow or to drop its answers.
`Sandbox` is the connector; `SandboxAdmin`, which it extends, is what stands
behind a platform's own desk: accounts, content, switches, and the log of effects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from gardefou.clock import Clock
from gardefou.domain.accounts import DELETED, AccountReading, Measures, measures_of_action
from gardefou.domain.actions import DECIDABLE, SAYS, SEVERITY, Action, Reversibility
from gardefou.platforms import sandbox_tables as tables
from gardefou.platforms.protocol import (
    Answer,
    Capability,
    Description,
    NoSuchAccount,
    Operation,
    PlatformAnswerLost,
    PlatformRefused,
    PlatformUnreachable,
    Resolved,
)
from gardefou.platforms.sandbox_admin import (
    ACCOUNT_LOCKED,
    SET_REMOVED,
    SWITCH,
    SandboxAdmin,
    Switches,
    as_switches,
    item_of,
    removed,
)
from gardefou.storage.fast import Fast, at_once, together

KIND = "sandbox — not a real platform"

#: The closed list of labels that an action can show, unless others are given.
LABELS: tuple[str, ...] = (
    "adult",
    "automated",
    "disputed",
    "fake",
    "graphic",
    "hateful",
    "impersonation",
    "manipulated_media",
    "misinformation",
    "misleading",
    "out_of_context",
    "parody",
    "satire",
    "scam",
    "sensitive",
    "spam",
    "state_media",
    "under_review",
    "unverified",
    "violence",
)

_CAPABILITIES: Mapping[Action, Capability] = {
    action: Capability(
        action=action,
        severity=SEVERITY[action],
        reversibility=Reversibility.NONE if action is Action.DELETE else Reversibility.EXACT,
        says=SAYS[action],
    )
    for action in DECIDABLE
}

_KEY = Fast(
    sa.select(tables.effect).where(
        tables.effect.c.platform == sa.bindparam("platform"), tables.effect.c.key == sa.bindparam("key")
    )
)
_ADD_EFFECT = Fast(sa.insert(tables.effect))
_SET_ACCOUNT = Fast(
    sa.update(tables.account)
    .where(tables.account.c.platform == sa.bindparam("of_platform"), tables.account.c.ref == sa.bindparam("of_ref"))
    .values(measures=sa.bindparam("measures"), fence=sa.bindparam("fence"), revision=sa.bindparam("revision"))
)


class Sandbox(SandboxAdmin):
    """One sandbox platform. Its state lies in tables of its own, in transactions of its own.

    ``engine_begin`` opens a write transaction, ``engine_read`` one that only
    reads (by default the former serves both); neither may be open in the
    calling thread. ``sleep`` is how it is slow: it takes seconds. ``labels`` is
    the closed list for `Action.LABEL`. An ``open_house`` has every account and
    item it is asked for: an ordinary one is made at first sight, so that a new
    installation can be tried with any id.
    """

    def __init__(
        self,
        name: str,
        engine_begin: Callable[[], AbstractContextManager[sa.Connection]],
        clock: Clock,
        sleep: Callable[[float], None],
        *,
        engine_read: Callable[[], AbstractContextManager[sa.Connection]] | None = None,
        labels: Sequence[str] = LABELS,
        open_house: bool = False,
    ) -> None:
        self._open_house = open_house
        super().__init__(name, engine_begin, engine_read or engine_begin, clock)
        self._sleep = sleep
        self._description = Description(
            kind=KIND,
            endpoint=f"sandbox:{name}",
            sandbox=True,
            takes_key=True,
            capabilities=_CAPABILITIES,
            labels=tuple(labels),
        )

    def describe(self) -> Description:
        """Every action, as severe as its name; all exactly undone but `Action.DELETE`."""
        return self._description

    def read_state(self, account: str, *, content: Sequence[str] = ()) -> AccountReading:
        """Read an account, and which of the named items of its own are removed.

        A deleted account is still read, as one that does not exist any more,
        with the measure ``deleted``.
        """
        row, items = self._look(account, content)
        gone = frozenset(removed(item) for item, (owner, taken) in items.items() if owner == account and taken)
        return AccountReading(
            ref=row.ref,
            handle=row.handle,
            display_name=row.display_name,
            exists=DELETED not in row.measures,
            reach=row.reach,
            labels=row.labels,
            age_days=max(0, (self._clock.now() - row.created_at).days),
            verified_org=row.verified_org,
            measures=frozenset(row.measures) | gone,
        )

    def resolve(self, account: str, *, content: Sequence[str] = ()) -> Resolved:
        """Return the account's own id, as it has no aliases, and the owner of each item."""
        row, items = self._look(account, content)
        return Resolved(account=row.ref, content_owner={item: owner for item, (owner, _) in items.items()})

    def apply(self, operation: Operation) -> Answer:
        """Turn measures on; a warning is only noted as sent. A repeated key has no second effect.

        Raises `PlatformRefused` for an older fence, a deleted account, a label
        outside the list, foreign content, and a key used for something else.
        """
        return self._carry_out(operation, "apply")

    def undo(self, operation: Operation) -> Answer:
        """Turn measures off, and nothing else. A repeated key has no second effect.

        `Action.RESTORE` may stand for the action where no single one is undone.
        Raises `PlatformRefused` as `apply` does, and for a deletion.
        """
        return self._carry_out(operation, "undo")

    # --- the way of a call --------------------------------------------------------------

    def _look(self, account: str, content: Sequence[str]) -> tuple[Any, dict[str, tuple[str, bool]]]:
        """Read an account's row and its items, as the switches let it."""
        with self._read() as connection:
            row, now = self._seen(connection, account)
            there = self._known_items(connection, content)
        self._obey(now)
        missing = [item for item in content if item not in there]
        if self._open_house and (row is None or missing):
            self._welcome(account, known=row is not None, missing=missing)
            row = None
        if row is None or missing or now.slow_seconds > 0:
            # Whoever is slow answers with what is so when it answers.
            with self._read() as connection:
                row = self._account(connection, account)
                there = self._items(connection, content)
        if now.drops_answers:
            raise PlatformUnreachable(f"{self.name} did not answer; read it again when it is up.")
        return row, there

    def _welcome(self, account: str, *, known: bool, missing: Sequence[str]) -> None:
        """Make what an open house is asked for and does not have yet."""
        try:
            if not known:
                self.put_account(account, handle=account, only_new=True)
            for item in missing:
                self.put_content(item, account=account)
        except IntegrityError:
            # Someone else asked for the same at the same moment: it is there now.
            return

    def _obey(self, now: Switches) -> None:
        """Be down, or slow: before anything is said or done, and outside any transaction."""
        if now.down:
            raise PlatformUnreachable(f"{self.name} refuses connections; try again when it is up.")
        if now.slow_seconds > 0:
            self._sleep(now.slow_seconds)

    def _carry_out(self, operation: Operation, verb: str) -> Answer:
        lost = PlatformAnswerLost(f"{self.name} was asked to {verb} {operation.action} and did not answer.")
        slept = False
        while True:
            with self._begin() as connection:
                row, earlier, now = self._locked(connection, operation)
                if slept or not (now.down or now.slow_seconds > 0):
                    try:
                        answer = self._operate(connection, operation, verb, row, earlier)
                    except PlatformRefused:
                        if now.drops_answers:
                            raise lost from None
                        raise
                    break
            self._obey(now)
            slept = True
        if now.drops_answers:
            raise lost
        return answer

    def _operate(self, connection: sa.Connection, operation: Operation, verb: str, row: Any, earlier: Any) -> Answer:
        ref = operation.target.account
        if row is None:
            raise NoSuchAccount(f"{self.name} knows no account {ref!r}.")
        if earlier is not None:
            if (earlier.account, earlier.verb, earlier.action) != (ref, verb, str(operation.action)):
                raise PlatformRefused(f"Key {operation.key!r} was used for something else; use one of its own.")
            return Answer(said=earlier.said)
        if operation.fence < row.fence:
            raise PlatformRefused(
                f"A newer operation on account {ref!r} came first (fence {row.fence}, this one {operation.fence})."
            )
        self._check(operation, verb, frozenset(row.measures))
        items = self._own_items(connection, operation)
        gone = frozenset(removed(item) for item, taken in items.items() if taken)
        before = frozenset(row.measures) | gone
        after = before | operation.measures if verb == "apply" else before - operation.measures
        changed = after != before or (verb == "apply" and operation.action is Action.WARN)
        said: dict[str, Any] = {"changed": changed, "measures": sorted(after)}
        self._turn_items(connection, on=after - before, off=before - after)
        with together(connection):
            self._store(connection, row, after=after, fence=operation.fence)
            _ADD_EFFECT.start(
                connection,
                {
                    "platform": self.name,
                    "key": operation.key,
                    "account": ref,
                    "verb": verb,
                    "action": str(operation.action),
                    "at": self._clock.now(),
                    "changed": changed,
                    "measures_before": sorted(before),
                    "measures_after": sorted(after),
                    "said": said,
                    "revision": row.revision + 1,
                },
            )
        return Answer(said=said)

    def _locked(self, connection: sa.Connection, operation: Operation) -> tuple[Any, Any, Switches]:
        """Return an account's row, held; what was done under the key since; and the switches. None for none."""
        found = at_once(
            connection,
            (ACCOUNT_LOCKED, {"platform": self.name, "ref": operation.target.account}),
            (_KEY, {"platform": self.name, "key": operation.key}),
            (SWITCH, {"platform": self.name}),
        )
        account, effect, switch = (next(iter(rows), None) for rows in found)
        return account, effect, as_switches(switch)

    def _check(self, operation: Operation, verb: str, measures: Measures) -> None:
        """Refuse what this platform does not do, whoever asks."""
        action = operation.action
        if action not in _CAPABILITIES and not (verb == "undo" and action is Action.RESTORE):
            raise PlatformRefused(f"{self.name} has no action {action}; choose one it describes.")
        if verb == "undo":
            if DELETED in operation.measures:
                raise PlatformRefused("A deletion cannot be undone; nothing was changed.")
            return
        label, items = operation.target.label, operation.target.content
        if action is Action.LABEL and label not in self._description.labels:
            raise PlatformRefused(f"Label {label!r} is not on {self.name}'s list; choose one of it.")
        if not operation.measures <= measures_of_action(action, content=items, label=label):
            raise PlatformRefused(
                f"These measures are not what {action} does: {', '.join(sorted(operation.measures))}."
            )
        if DELETED in measures and action is not Action.DELETE:
            raise PlatformRefused(f"Account {operation.target.account!r} is deleted; nothing can be done to it.")

    def _own_items(self, connection: sa.Connection, operation: Operation) -> dict[str, bool]:
        """Return, for each item the measures name, whether it is removed; refuse other people's (R8)."""
        wanted = [item for item in map(item_of, operation.measures) if item is not None]
        items = self._items(connection, wanted)
        for item, (owner, _) in items.items():
            if owner != operation.target.account:
                raise PlatformRefused(f"Content {item!r} is not of account {operation.target.account!r}.")
        return {item: taken for item, (_, taken) in items.items()}

    def _store(self, connection: sa.Connection, row: Any, *, after: Measures, fence: int) -> None:
        _SET_ACCOUNT.start(
            connection,
            {
                "of_platform": self.name,
                "of_ref": row.ref,
                "measures": sorted(measure for measure in after if item_of(measure) is None),
                "fence": fence,
                "revision": row.revision + 1,
            },
        )

    def _turn_items(self, connection: sa.Connection, *, on: Measures, off: Measures) -> None:
        for turned, now_removed in ((on, True), (off, False)):
            ids = [item for item in map(item_of, turned) if item is not None]
            if ids:
                connection.execute(SET_REMOVED, {"of_platform": self.name, "ids": ids, "now_removed": now_removed})
