"""What Gardefou asks of a platform: five calls, and the errors they may answer with.

Every connector passes one contract suite (``tests/contract``). A connector
knows nothing of nets, staff or the database of the flow; ``flow/execute`` is
the only caller of `Connector.apply` and `Connector.undo`.

    PlatformRefused       it said no; nothing changed
    PlatformUnreachable   it did nothing: the connection was refused, or a reading could not be made
    PlatformAnswerLost    it may have done it: the question was sent and no answer came
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from gardefou.domain.accounts import AccountReading, Measures
from gardefou.domain.actions import Action, Reversibility


class PlatformError(Exception):
    """Base of what a connector may raise; the message is for the person on duty."""


class PlatformRefused(PlatformError):
    """The platform said no, explicitly; nothing changed."""


class PlatformUnreachable(PlatformError):
    """The platform did nothing: it refused the connection, or could not be read."""


class PlatformAnswerLost(PlatformError):
    """The question was sent and no usable answer came: it may or may not have been done."""


class NoSuchAccount(PlatformRefused):
    """The platform knows no such account or content item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What one action really does on this platform, and how far it can be undone.

    ``severity`` is the real one; the flow takes the greater of it and the
    action's own. ``losses`` names in words what an undo does not bring back
    (`Reversibility.LOSSY`). ``word`` is the platform's own name for the action.
    """

    action: Action
    severity: int
    reversibility: Reversibility
    says: str
    losses: tuple[str, ...] = ()
    word: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a platform can do, as its connector declares it.

    ``endpoint`` is the proven identity of what is acted on (R9): two platforms
    with one endpoint are one platform. ``sandbox`` marks what is not real.
    ``takes_key``: it applies an operation key at most once, so that the same
    call may be sent again. ``labels``: the closed list it can show.
    """

    kind: str
    endpoint: str
    sandbox: bool
    takes_key: bool
    capabilities: Mapping[Action, Capability]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an operation touches: an account, or content items of that account."""

    account: str
    content: tuple[str, ...] = ()
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call to a platform: its key (at most one effect each), target, and measures.

    ``measures`` are to be turned on (`apply`) or off (`undo`). ``kept`` is, for
    `undo`, what `apply` returned as ``kept``: the platform's own notes of what
    to put back. ``fence`` rises with every newer intention on the account; a
    platform that takes fences refuses an older one.
    """

    key: str
    action: Action
    target: Target
    measures: Measures
    fence: int
    reason: str = ""
    kept: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the platform answered: its words, what it kept for an undo, what is lost."""

    said: Mapping[str, Any] = field(default_factory=dict[str, Any])
    kept: Mapping[str, Any] = field(default_factory=dict[str, Any])
    losses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Whose content it is, and the canonical id of the account (R8, R10)."""

    account: str
    content_owner: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledReport:
    """A report that waits on the platform itself; ``key`` makes taking it idempotent."""

    key: str
    account: str
    reporter: str
    category: str
    content: str | None = None
    text: str = ""
    evidence: tuple[Mapping[str, Any], ...] = ()
    at: str | None = None


class Connector(Protocol):
    """One platform. All calls block; all may raise `PlatformError`."""

    name: str

    def describe(self) -> Description:
        """Say what each action does here, its real severity, its inverse, what is lost.

        Local knowledge: makes no call to the platform.
        """
        ...

    def read_state(self, account: str, *, content: Sequence[str] = ()) -> AccountReading:
        """Read an account as it is now, and whether each named content item is removed.

        Raises `NoSuchAccount`, `PlatformUnreachable`. A lost answer to a reading
        is `PlatformUnreachable` too: reading changes nothing.
        """
        ...

    def resolve(self, account: str, *, content: Sequence[str] = ()) -> Resolved:
        """Return the canonical id of the account and the owner of each content item."""
        ...

    def apply(self, operation: Operation) -> Answer:
        """Turn the operation's measures on. Called by ``flow/execute`` only."""
        ...

    def undo(self, operation: Operation) -> Answer:
        """Turn the operation's measures off, and put back what was kept. ``flow/execute`` only."""
        ...


@runtime_checkable
class ReadsMeasures(Protocol):
    """A connector that reads what is imposed on an account for less than all that is known of it."""

    def read_measures(self, account: str, *, content: Sequence[str] = ()) -> AccountReading:
        """Read an account as `read_state` does, without what is dear: reach, and labels that follow from it.

        Asked after an `apply` or `undo`, and before a restore, of an account
        that was read whole before. Raises what `read_state` raises.
        """
        ...


@runtime_checkable
class PullsReports(Protocol):
    """A connector whose platform holds reports of its own to be fetched."""

    def pull_reports(self, *, after: str | None) -> Iterator[tuple[str, PulledReport]]:
        """Yield (cursor, report) after the cursor, oldest first; each is safe to see twice."""
        ...
