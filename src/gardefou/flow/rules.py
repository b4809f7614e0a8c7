"""The guarded settings: every default number of the rules that is not a net's.

Stored only where they differ from the default; changing one is a guarded change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any, cast

import sqlalchemy as sa

from gardefou.errors import InvalidInput
from gardefou.people.leaving import M9, Table, checked
from gardefou.people.roles import ROLES
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.unwritten import Read


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Settings in force. Durations are in seconds, reach in accounts."""

    #: Whether setup has ended; until then guarded changes take effect at once.
    setup_finished: bool = False
    #: The shipped set this installation started with: default, small-team or solo.
    shipped_nets: str = "default"
    #: Nets judge and record and ask for nothing.
    shadow: bool = False
    #: The organisation's name as staff's employer; anyone else is a vendor.
    organisation: str = "organisation"
    protected_labels: tuple[str, ...] = (
        "head_of_state",
        "government",
        "election_candidate",
        "emergency_service",
        "newsroom",
        "platform_internal",
    )
    protected_reach: int = 5_000_000
    notable_labels: tuple[str, ...] = (
        "verified_organisation",
        "verified_organization",
        "verified_org",
        "staff",
        "own_staff",
        "moderator",
        "sole_room_admin_50",
    )
    notable_reach: int = 100_000
    registry_months: int = 12
    tier_memory_days: int = 30
    #: A reading older than this is stale: the account counts as protected (R9).
    reading_stale_seconds: int = 86_400
    watch_seconds: int = 25
    approve_by_protected_seconds: int = 4 * 3600
    approve_by_seconds: int = 24 * 3600
    execute_by_seconds: int = 72 * 3600
    claim_seconds: int = 900
    queue_clock_seconds: int = 24 * 3600
    #: Clocks of queues that have their own, by queue.
    queue_clocks: tuple[tuple[str, int], ...] = (
        ("urgent", 3600),
        ("impersonation", 4 * 3600),
        ("spam", 24 * 3600),
        ("general", 24 * 3600),
    )
    urgent_categories: tuple[str, ...] = ("threat", "csam", "self_harm", "terrorist_content")
    burst_reporters: int = 10
    burst_seconds: int = 600
    restores_per_hour: int = 20
    restore_old_days: int = 30
    bulk_max: int = 5_000
    canary_size: int = 10
    canary_seconds: int = 900
    canary_from: int = 26
    breaker_reversals: int = 5
    breaker_reversal_share: float = 0.02
    breaker_window: int = 200
    breaker_failure_share: float = 0.10
    breaker_failure_window: int = 50
    #: The closed list of labels (R7).
    labels: tuple[str, ...] = (
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
    legal_bases: tuple[str, ...] = ("csam", "court_order", "authority_order", "terrorist_content")
    break_glass_minutes: int = 30
    #: A session that is not used for so long is over.
    session_idle_seconds: int = 8 * 3600
    #: A passkey that does not belong to somebody's arrival signs approvals only after so long.
    passkey_counts_after_seconds: int = 72 * 3600
    #: Whose approvals on notable and protected accounts are signed by passkey: of those who have one (`enrolled`), or
    #: of everyone (`required`).
    passkey_approvals: str = "enrolled"
    lease_seconds: int = 30
    retry_ceiling_seconds: int = 300
    #: What groups of the organisation's directory stand for here: ``GROUP = role:ROLE`` or ``GROUP = team:TEAM``.
    scim_groups: tuple[str, ...] = ()
    #: Days after which a role lapses that nobody else confirmed; 0: roles do not lapse.
    recertify_days: int = 91
    #: What a leaver loses and when, by stage: its name, minutes before the end of the last day, what it takes (M9).
    leaver_stages: Table = M9
    #: A notice that is not delivered by then is an incident.
    notice_alert_seconds: int = 180
    #: A notice that is not delivered by then is given up.
    notice_give_up_seconds: int = 6 * 3600
    #: Days that a token lasts where nothing is said, and at most.
    token_days: int = 90
    token_days_most: int = 365
    #: Days after which a service's token ends whose owner has left.
    token_orphan_days: int = 14
    #: Classes of sign-in at the identity provider that are strong, and asked for at a step-up; none: methods decide.
    oidc_acr: tuple[str, ...] = ()
    #: Methods by any of which a sign-in there is strong, where no classes are set.
    oidc_amr: tuple[str, ...] = ("mfa", "hwk")

    def group_means(self, group: str) -> tuple[tuple[str, str], ...]:
        """Return what a group stands for, such as ``(("role", "lead"),)``; its name matches in any case."""
        return tuple(
            (kind, value) for name, kind, value in map(read_group, self.scim_groups) if name == group.strip().casefold()
        )

    def queue_for(self, category: str) -> str:
        """Return the queue that reports of a category go to."""
        if category in self.urgent_categories:
            return "urgent"
        named = dict(self.queue_clocks)
        return category if category in named else "general"

    def clock_of(self, queue: str) -> timedelta:
        """Return how long a case in this queue may wait."""
        return timedelta(seconds=dict(self.queue_clocks).get(queue, self.queue_clock_seconds))

    def with_value(self, name: str, value: Any) -> Rules:
        """Return the rules with one setting changed, its type and bounds checked.

        Raises:
            InvalidInput: unknown (`setting/unknown`) or not of its type (`setting/invalid`).
        """
        by_name = {field.name: field for field in fields(self)}
        if name not in by_name:
            raise InvalidInput("setting/unknown", _("There is no setting %(name)s.", name=repr(name)), field="name")
        old = getattr(self, name)
        if name == "leaver_stages":
            return replace(self, leaver_stages=checked(value))
        fits = _fit(old, value)
        if fits is None or (name in _CHOICES and value not in _CHOICES[name]):
            raise InvalidInput(
                "setting/invalid",
                _("%(name)s takes a value like %(old)s, not %(value)s.", name=name, old=repr(old), value=repr(value)),
                field="value",
            )
        changed = replace(self, **{name: fits[0]})
        if name == "scim_groups":
            for line in changed.scim_groups:
                read_group(line)
        return changed


def read_group(line: str) -> tuple[str, str, str]:
    """Return a group's name, casefolded, and what it stands for: ``("trust leads", "role", "lead")``.

    Raises:
        InvalidInput: the line is none such, or names no role (`setting/scim_groups`).
    """
    name, equals, meaning = line.rpartition("=")
    kind, colon, value = (part.strip() for part in meaning.partition(":"))
    known = kind == "team" or (kind == "role" and value in ROLES)
    if not equals or not colon or not name.strip() or not value or not known:
        raise InvalidInput(
            "setting/scim_groups",
            _(
                "%(line)s is not GROUP = role:ROLE or GROUP = team:TEAM; roles are %(roles)s.",
                line=repr(line),
                roles=", ".join(ROLES),
            ),
            field="value",
        )
    return name.strip().casefold(), kind, value


_CHOICES = {"passkey_approvals": ("enrolled", "required")}


def _fit(old: Any, value: Any) -> tuple[Any] | None:
    if isinstance(old, bool):
        return (value,) if isinstance(value, bool) else None
    if isinstance(old, int):
        return (value,) if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
    if isinstance(old, float):
        good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
        return (float(value),) if good else None
    if isinstance(old, str):
        return (value,) if isinstance(value, str) and value else None
    if isinstance(value, list | tuple):
        items = list(cast("Sequence[Any]", value))
        if old and isinstance(old[0], tuple):
            pairs: list[tuple[str, int]] = []
            for item in items:
                match item:
                    case [str() as word, int() as number] if number > 0:
                        pairs.append((word, number))
                    case _:
                        return None
            return (tuple(pairs),)
        return (tuple(items),) if all(isinstance(item, str) for item in items) else None
    return None


def load_rules(connection: sa.Connection) -> Rules:
    """Return the rules as stored: the defaults with what was changed."""
    return rules_of(_SETTINGS.all(connection))


def rules_of(rows: Sequence[Any]) -> Rules:
    """Return the rules of the rows that `rules_ahead` finds."""
    rules = Rules()
    for row in rows:
        rules = rules.with_value(row.id, row.value)
    return rules


def rules_ahead() -> Read:
    """Return what `load_rules` will read."""
    return _SETTINGS, {}


_SETTINGS = Fast(sa.select(tables.setting.c.id, tables.setting.c.value))
