"""Every kind of guarded change: who may propose it, when it weakens, and what it does.

`KINDS` is the whole list. A handler checks its payload, tells from the store
whether the change weakens protection, and writes it. Nothing else in the flow
writes tiers, nets, staff, tokens, platforms or settings.
"""

from __future__ import annotations

from gardefou.domain.records import Enforcement
from gardefou.flow.app import App, Config
from gardefou.flow.changes.base import Handler
from gardefou.flow.changes.nets import NetsChange
from gardefou.flow.changes.pauses import PauseChange, ResumeChange
from gardefou.flow.changes.platforms import PlatformChange
from gardefou.flow.changes.settings import FinishSetup, SettingChange
from gardefou.flow.changes.staff import LeaveChange, OffChange, RevealChange, RoleChange, StaffAdd
from gardefou.flow.changes.tiers import FakeMark, TierChange
from gardefou.flow.changes.tokens import TokenIssue, TokenRevoke
from gardefou.storage.work import UnitOfWork

KINDS: dict[str, Handler] = {
    "tier": TierChange(),
    "mark_fake": FakeMark(),
    "nets": NetsChange(),
    "staff_add": StaffAdd(),
    "role": RoleChange(),
    "leave": LeaveChange(),
    "off": OffChange(),
    "reveal": RevealChange(),
    "token": TokenIssue(),
    "token_revoke": TokenRevoke(),
    "platform": PlatformChange(),
    "setting": SettingChange(),
    "setup_finish": FinishSetup(),
    "pause": PauseChange(),
    "resume": ResumeChange(),
}


def apply_change(uow: UnitOfWork, app: App, config: Config, change: Enforcement) -> None:
    """Carry out a guarded change inside the transaction that records it. Called by `execute` and `change` only."""
    payload = dict(change.change or {})
    handler = KINDS[str(payload["kind"])]
    handler.write(uow, app, config, payload, by=change.placed_by, about=change.id)
