"""What a scenario file says, as frozen values: people, accounts, steps in time, and what is expected.

Every reference is resolved and every moment absolute (UTC) by the time these
are made; `gardefou.scenario.load` is the only maker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Ref:
    """One account of one platform."""

    platform: str
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One member of staff at the beginning."""

    id: str
    roles: tuple[str, ...]
    team: str
    employer: str | None
    started: datetime
    last_day_end: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredAccount:
    """One account on a platform at the beginning. ``tier`` is the registry's, where it is given."""

    at: Ref
    handle: str
    reach: int
    labels: tuple[str, ...]
    tier: str | None
    age_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredContent:
    """One content item of an account at the beginning."""

    platform: str
    id: str
    account: str


# --- what a step does, one kind of value per row of the contract's table --------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """``report``: as many notices as ``reporters``."""

    account: Ref
    content: str | None
    category: str
    reporters: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """``claim``: take the open case of an account or item."""

    account: Ref
    content: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """``decide`` (on a case) or ``enforce`` (without). ``confirm`` None: the right answers are given."""

    on_case: bool
    account: Ref
    content: tuple[str, ...]
    action: str
    label: str | None
    policy: str
    rationale: str
    until: datetime | None
    execute_at: datetime | None
    legal_basis: str | None
    confirm: Mapping[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """``bulk``: one action on many accounts of one platform."""

    accounts: tuple[Ref, ...]
    action: str
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Respond:
    """``approve``, ``refuse``, ``cancel`` or ``ratify`` what an earlier step placed."""

    how: str
    of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """``restore`` an account."""

    account: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """``rollback`` what a person or service placed in a span of time."""

    of: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlass:
    """``break_glass`` on an account."""

    account: Ref
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A guarded change: its kind in `gardefou.flow.change_apply` and its payload."""

    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueToken:
    """``token``: a person's own, or a service's."""

    staff: str | None
    service: str | None
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """``pause`` all enforcement."""


@dataclass(frozen=True, slots=True)
class Resume:
    """``resume`` after a pause or a stop by the breaker."""


@dataclass(frozen=True, slots=True)
class Reauth:
    """``reauth``: the acting person signs in strongly now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """``platform_down``, ``_up``, ``_slow`` or ``_drops_answers``, on these platforms."""

    platforms: tuple[str, ...]
    down: bool | None = None
    slow_seconds: float | None = None
    drops_answers: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfBand:
    """``out_of_band``: an account is changed on the platform behind our back."""

    account: Ref
    state: str


@dataclass(frozen=True, slots=True)
class Tick:
    """``tick``: time passes."""


Deed = (
    Report
    | Claim
    | Act
    | Bulk
    | Respond
    | Restore
    | Rollback
    | BreakGlass
    | Change
    | IssueToken
    | Pause
    | Resume
    | Reauth
    | Switch
    | OutOfBand
    | Tick
)

#: Deeds that place enforcements, which ``of`` may name.
PLACING = (Act, Bulk, Restore, Rollback, BreakGlass, Change, IssueToken, Pause, Resume)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: where it stands in the file, when, who, through what, what, and whether it must fail.

    ``by`` is a staff id, ``service:NAME`` or None. ``fails``: None, it may turn
    out either way; False, it must not; True, it must; a text, with that code.
    """

    key: str
    line: int
    at: datetime
    do: str
    by: str | None
    via: str
    fails: bool | str | None
    deed: Deed

    @property
    def service(self) -> str | None:
        """The acting service's name, where it is one."""
        return service_name(self.by) if self.by is not None else None


def service_name(who: str) -> str | None:
    """Return the NAME of ``service:NAME``; None for a person."""
    return who.removeprefix("service:") if who.startswith("service:") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What must have come of it. Refs stay as the file writes them, resolved beside."""

    never_down: tuple[Ref, ...] = ()
    down: tuple[Ref, ...] = ()
    up: tuple[Ref, ...] = ()
    max_down_seconds: Mapping[Ref, float] = field(default_factory=dict["Ref", float])
    state: Mapping[Ref, str] = field(default_factory=dict["Ref", str])
    enforcement_state: Mapping[str, str] = field(default_factory=dict[str, str])
    stopped_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    allowed: tuple[str, ...] = ()
    incident: tuple[Ref, ...] = ()
    effects: Mapping[Ref, int] = field(default_factory=dict["Ref", int])
    detected_within_seconds: Mapping[Ref, float] = field(default_factory=dict["Ref", float])
    #: Where each key stands in the file.
    lines: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A whole scenario: steps in the sequence of time."""

    file: str
    name: str
    title: str
    source: str
    starts_at: datetime
    ends_after: timedelta
    platforms: tuple[str, ...]
    staff: tuple[Person, ...]
    accounts: tuple[DeclaredAccount, ...]
    contents: tuple[DeclaredContent, ...]
    steps: tuple[Step, ...]
    expect: Expectation

    @property
    def ends_at(self) -> datetime:
        """When it is over: ``ends_after`` the last step."""
        last = self.steps[-1].at if self.steps else self.starts_at
        return last + self.ends_after

    def name_of(self, account: Ref) -> str:
        """Return what an account is called in the report: its ref, or ``platform/ref`` where two share it."""
        same = sum(1 for one in self.accounts if one.at.ref == account.ref)
        return account.ref if same == 1 else f"{account.platform}/{account.ref}"
