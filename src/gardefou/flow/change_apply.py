"""Every kind of guarded change: who may propose it, when it weakens, and what it does.

`KINDS` is the whole list. A handler checks its payload, tells from the store
whether the change weakens protection, and writes it. Nothing else in the flow
writes tiers, nets, staff, tokens, platforms or settings.
"""

from __future__ import annotations

from dataclasses import replace

from gardefou.domain.records import Enforcement
from gardefou.flow.app import App, Config
from gardefou.flow.changes.base import Handler
from gardefou.flow.changes.channels import ChannelChange
from gardefou.flow.changes.erasing import EraseChange
from gardefou.flow.changes.nets import NetsChange
from gardefou.flow.changes.passkeys import PasskeyChange
from gardefou.flow.changes.pauses import PauseChange, ResumeChange
from gardefou.flow.changes.platforms import PlatformChange
from gardefou.flow.changes.settings import FinishSetup, SettingChange
from gardefou.flow.changes.staff import LeaveChange, OffChange, RevealChange, RoleChange, StaffAdd
from gardefou.flow.changes.suspend import SuspendChange
from gardefou.flow.changes.tiers import FakeMark, TierChange
from gardefou.flow.changes.tokens import TokenIssue, TokenRevoke
from gardefou.nets.verdict import Verdict
from gardefou.storage.work import UnitOfWork

KINDS: dict[str, Handler] = {
    "tier": TierChange(),
    "mark_fake": FakeMark(),
    "nets": NetsChange(),
    "staff_add": StaffAdd(),
    "role": RoleChange(),
    "leave": LeaveChange(),
    "off": OffChange(),
    "suspend": SuspendChange(),
    "reveal": RevealChange(),
    "erase": EraseChange(),
    "token": TokenIssue(),
    "token_revoke": TokenRevoke(),
    "passkey": PasskeyChange(),
    "platform": PlatformChange(),
    "setting": SettingChange(),
    "channel": ChannelChange(),
    "setup_finish": FinishSetup(),
    "pause": PauseChange(),
    "resume": ResumeChange(),
}


#: They take power away, so nobody stands before them.
_AT_ONCE = frozenset({"leave", "off", "suspend", "passkey", "role", "token_revoke"})
_DAY_SECONDS = 86_400


def never_locked(verdict: Verdict, kind: str, *, weakens: bool, active: bool) -> Verdict:
    """Return what nets may ask of a change: none that one person adds keeps its own removal, or theirs, from happening.

    Of someone active nothing is refused or held beyond a day (I9), and what takes power away is asked nothing (M10).
    """
    if not active:
        return verdict
    if kind in _AT_ONCE and not weakens:
        return Verdict(notify=verdict.notify, reasons=verdict.reasons, shadow=verdict.shadow)
    return replace(verdict, refusals=(), hold_seconds=min(verdict.hold_seconds, _DAY_SECONDS))


def apply_change(uow: UnitOfWork, app: App, config: Config, change: Enforcement) -> None:
    """Carry out a guarded change inside the transaction that records it. Called by `execute` and `change` only."""
    payload = dict(change.change or {})
    handler = KINDS[str(payload["kind"])]
    handler.write(uow, app, config, payload, by=change.placed_by, about=change.id)
