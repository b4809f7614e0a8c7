"""What someone wants done: one action on one target, checked before anything else happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from gardefou.domain.actions import DECIDABLE, SEVERITY, Action, Reversibility
from gardefou.errors import InvalidInput
from gardefou.flow.report_input import is_id
from gardefou.flow.rules import Rules
from gardefou.platforms.protocol import Capability, Description
from gardefou.speech import gettext as _
from gardefou.speech import plain

_MAX_ITEMS = 100
_MAX_TEXT = 10_000
_MAX_AHEAD = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One action on one target, as asked for by API, console, command line or scenario."""

    platform: str
    account: str
    action: str
    content: tuple[str, ...] = ()
    label: str | None = None
    policy: str = ""
    rationale: str = ""
    until: datetime | None = None
    execute_at: datetime | None = None
    legal_basis: str | None = None
    #: ``handle`` as typed, ``identity`` as chosen among lookalikes.
    confirm: Mapping[str, str] = field(default_factory=dict[str, str])
    #: New evidence, which lets the same be placed again after a no (R15).
    evidence: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A wish that makes sense on its platform, with its real severity and reversibility there."""

    wanted: Wanted
    action: Action
    capability: Capability
    severity: int
    reversibility: Reversibility


def check(wanted: Wanted, description: Description, rules: Rules, now: datetime) -> Checked:
    """Check a wish against the platform's capabilities and the closed lists.

    Raises:
        InvalidInput: names the field (`enforcement/action`, `enforcement/content`,
            `enforcement/label`, `enforcement/until`, `enforcement/execute_at`,
            `enforcement/legal_basis`, `enforcement/policy`, `enforcement/too_long`).
    """
    try:
        action = Action(wanted.action)
    except ValueError:
        action = Action.CHANGE
    if action not in DECIDABLE:
        known = ", ".join(item.value for item in DECIDABLE)
        raise InvalidInput(
            "enforcement/action",
            _("There is no action %(action)s; use one of %(known)s.", action=repr(wanted.action), known=known),
            field="action",
        )
    capability = description.capabilities.get(action)
    if capability is None:
        able = ", ".join(item.value for item in description.capabilities)
        raise InvalidInput(
            "enforcement/action",
            _(
                "%(platform)s cannot %(action)s; it can %(able)s.",
                platform=wanted.platform,
                action=plain(action.value),
                able=able,
            ),
            field="action",
        )
    if not is_id(wanted.account):
        raise InvalidInput("enforcement/account", "Name the account by its platform id.", field="account")
    if not all(is_id(item) for item in wanted.content):
        raise InvalidInput("enforcement/content", "Name each item by its platform id.", field="content")
    if action is Action.REMOVE_CONTENT:
        if not wanted.content:
            raise InvalidInput("enforcement/content", "remove_content needs the ids of the items.", field="content")
        if len(set(wanted.content)) > _MAX_ITEMS:
            raise InvalidInput(
                "enforcement/content", _("At most %(most)s items at once.", most=_MAX_ITEMS), field="content"
            )
    elif wanted.content and action is not Action.LABEL:
        raise InvalidInput(
            "enforcement/content",
            _("%(action)s acts on the account, not on items.", action=plain(action.value)),
            field="content",
        )
    if action is Action.LABEL:
        # No action writes what protects an account, whatever the list was set to (R9).
        labels = [one for one in rules.labels if one not in {*rules.protected_labels, *rules.notable_labels}]
        if wanted.label is None or wanted.label not in labels:
            raise InvalidInput(
                "enforcement/label", _("A label is one of %(labels)s.", labels=", ".join(labels)), field="label"
            )
    elif wanted.label is not None:
        raise InvalidInput(
            "enforcement/label", _("%(action)s takes no label.", action=plain(action.value)), field="label"
        )
    if not wanted.policy.strip():
        raise InvalidInput("enforcement/policy", "Name the policy that this rests on.", field="policy")
    if len(wanted.rationale) > _MAX_TEXT:
        raise InvalidInput(
            "enforcement/too_long",
            _("%(name)s has at most %(most)s characters.", name="rationale", most=_MAX_TEXT),
            field="rationale",
        )
    start = wanted.execute_at or now
    if wanted.execute_at is not None and not now <= wanted.execute_at <= now + _MAX_AHEAD:
        raise InvalidInput(
            "enforcement/execute_at", "execute_at lies in the future, at most a year ahead.", field="execute_at"
        )
    if wanted.until is not None:
        if wanted.until <= start:
            raise InvalidInput("enforcement/until", "until lies after the moment it takes effect.", field="until")
        if wanted.legal_basis is not None:
            raise InvalidInput(
                "enforcement/until",
                "What the law demands is lifted by two people; it never ends by itself.",
                field="until",
            )
        if capability.reversibility is Reversibility.NONE or action is Action.WARN:
            raise InvalidInput(
                "enforcement/until",
                _("%(action)s cannot be undone there, so it cannot end.", action=plain(action.value)),
                field="until",
            )
    if wanted.legal_basis is not None and wanted.legal_basis not in rules.legal_bases:
        raise InvalidInput(
            "enforcement/legal_basis",
            _("legal_basis is one of %(legal_bases)s.", legal_bases=", ".join(rules.legal_bases)),
            field="legal_basis",
        )
    return Checked(
        wanted=replace(wanted, content=tuple(dict.fromkeys(wanted.content))),
        action=action,
        capability=capability,
        severity=max(SEVERITY[action], capability.severity),
        reversibility=capability.reversibility,
    )
