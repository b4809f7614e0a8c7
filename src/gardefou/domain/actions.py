"""The actions an enforcement can carry out, and how much each one harms."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What an enforcement does to its target.

    `CHANGE` is a guarded change inside Gardefou (tiers, nets, staff, …); it
    never reaches a platform.
    """

    WARN = "warn"
    LABEL = "label"
    LIMIT = "limit"
    REMOVE_CONTENT = "remove_content"
    LOCK = "lock"
    SUSPEND = "suspend"
    DEACTIVATE = "deactivate"
    DELETE = "delete"
    RESTORE = "restore"
    CHANGE = "change"


class Reversibility(StrEnum):
    """How far a platform can undo an action: all of it, some of it, or not at all."""

    EXACT = "exact"
    LOSSY = "lossy"
    NONE = "none"


#: How severe each action is by itself; a connector may declare its effect to be worse.
SEVERITY: dict[Action, int] = {
    Action.RESTORE: 0,
    Action.CHANGE: 0,
    Action.WARN: 1,
    Action.LABEL: 1,
    Action.LIMIT: 2,
    Action.REMOVE_CONTENT: 2,
    Action.LOCK: 2,
    Action.SUSPEND: 3,
    Action.DEACTIVATE: 4,
    Action.DELETE: 5,
}

#: Actions a person can decide on, mildest first.
DECIDABLE: tuple[Action, ...] = (
    Action.WARN,
    Action.LABEL,
    Action.LIMIT,
    Action.REMOVE_CONTENT,
    Action.LOCK,
    Action.SUSPEND,
    Action.DEACTIVATE,
    Action.DELETE,
)

#: What each action does, in words a reviewer reads before clicking.
SAYS: dict[Action, str] = {
    Action.WARN: "Sends the account a warning; nothing is taken away.",
    Action.LABEL: "Puts a label on it; nothing is hidden.",
    Action.LIMIT: "Fewer people see it; nothing is lost.",
    Action.REMOVE_CONTENT: "Takes the named items down; the account stays.",
    Action.LOCK: "Keeps the owner out until they prove who they are; nothing is hidden.",
    Action.SUSPEND: "The account cannot act; nothing is lost.",
    Action.DEACTIVATE: "The account is gone from public view.",
    Action.DELETE: "The account is destroyed, for good.",
    Action.RESTORE: "Lifts what was imposed.",
    Action.CHANGE: "Changes Gardefou itself.",
}
