"""The life of an enforcement: every state, and every transition there is.

    placed ─▶ refused
           ├▶ waiting ─▶ ready ─▶ executing ─▶ in_force ─▶ restoring ─▶ restored
           └▶ ready          ▲        │  ▲
                             └─ unknown ┘

A transition that is not in `TRANSITIONS` cannot be written: `storage` asks here
before every change of state.
"""

from __future__ import annotations

from enum import StrEnum

from gardefou.errors import Conflict


class State(StrEnum):
    """Where an enforcement is in its life."""

    PLACED = "placed"
    REFUSED = "refused"
    WAITING = "waiting"
    READY = "ready"
    EXECUTING = "executing"
    IN_FORCE = "in_force"
    RESTORING = "restoring"
    RESTORED = "restored"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"
    FAILED = "failed"
    UNKNOWN = "unknown"


#: What each state says, in words for people.
SAYS: dict[State, str] = {
    State.PLACED: "Just decided; the nets have not spoken yet.",
    State.REFUSED: "Refused by a net or by a person. Nothing was done.",
    State.WAITING: "Waiting for people, for a hold to end, or for its hour. Nothing was done.",
    State.READY: "Cleared; about to be carried out.",
    State.EXECUTING: "Being carried out at the platform.",
    State.IN_FORCE: "Carried out, and seen at the platform.",
    State.RESTORING: "Being undone.",
    State.RESTORED: "Undone.",
    State.CANCELLED: "Withdrawn before anything was done.",
    State.LAPSED: "Ran out: a deadline passed, or someone or something changed against it.",
    State.FAILED: "The platform refused; nothing changed.",
    State.UNKNOWN: "Sent, and no answer came; the platform will be read before anything else.",
}

TRANSITIONS: dict[State, frozenset[State]] = {
    State.PLACED: frozenset({State.REFUSED, State.WAITING, State.READY}),
    # someone said no · cleared · withdrawn · a deadline or loss of standing
    State.WAITING: frozenset({State.REFUSED, State.READY, State.CANCELLED, State.LAPSED}),
    # IN_FORCE straight from READY: a guarded change, which has no platform to ask.
    State.READY: frozenset({State.EXECUTING, State.CANCELLED, State.LAPSED, State.IN_FORCE}),
    # RESTORING: a restore came while it was under way.
    State.EXECUTING: frozenset(
        {State.IN_FORCE, State.FAILED, State.UNKNOWN, State.LAPSED, State.RESTORING, State.READY}
    ),
    # LAPSED: it can neither be read nor safely sent again, and its time is over.
    State.UNKNOWN: frozenset({State.IN_FORCE, State.READY, State.RESTORING, State.LAPSED}),
    State.IN_FORCE: frozenset({State.RESTORING}),
    # IN_FORCE: the platform refused the undo, so the measure stands.
    State.RESTORING: frozenset({State.RESTORED, State.IN_FORCE}),
    State.REFUSED: frozenset(),
    State.RESTORED: frozenset(),
    State.CANCELLED: frozenset(),
    State.LAPSED: frozenset(),
    State.FAILED: frozenset(),
}

#: Not yet in effect; a restore withdraws these.
OPEN = frozenset({State.PLACED, State.WAITING, State.READY, State.EXECUTING, State.UNKNOWN})
#: May still change the platform, or has.
LIVE = OPEN | {State.IN_FORCE, State.RESTORING}
#: Nothing follows.
ENDED = frozenset(state for state, following in TRANSITIONS.items() if not following)


def check_transition(old: State, new: State) -> None:
    """Raise unless the table has this transition.

    Raises:
        Conflict: there is no such transition (`enforcement/state`).
    """
    if new is not old and new not in TRANSITIONS[old]:
        raise Conflict("enforcement/state", f"An enforcement that is {old.value} cannot become {new.value}.")
