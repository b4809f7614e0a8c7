"""A file of nets kept beside an installation: when it changes it is proposed, never obeyed.

Whoever can write the file need be no one here, so nobody stands behind the
proposal and it takes one person more than a colleague's would, even where it
only adds nets. Whether a file was proposed already is read from the store, so
any number of nodes may look at the same one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from gardefou.domain.actions import Action
from gardefou.domain.records import ORGANISATION, SYSTEM, Enforcement, NetsVersion
from gardefou.domain.states import State
from gardefou.flow.app import App
from gardefou.flow.change import propose_unowned
from gardefou.nets.load import load
from gardefou.nets.verdict import Requirement, Verdict
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

#: Who approves where the nets name nobody for a change.
_ROLES = ("lead", "policy")
#: What the proposal of a file is called, and what it is found by.
NAME = "the nets file"
_REPLACED = "The nets file is another by now."


class FileState(StrEnum):
    """How a nets file stands to the nets in force."""

    IN_FORCE = "in_force"
    SETUP = "setup"
    #: It was in force before: left behind by a later change, not a wish.
    OLD = "old"
    WAITS = "waits"
    #: Proposed from the file before, and refused, cancelled or lapsed: a person may propose it.
    ANSWERED = "answered"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class FileLook:
    """What a look at the file found; ``proposal`` is the one that waits for people, or that was answered."""

    state: FileState
    proposal: Enforcement | None = None


def look_at_file(app: App, text: str) -> FileLook:
    """Say how a file of nets stands to the nets in force, and change nothing.

    Raises:
        InvalidInput: it is no file of nets (codes of `gardefou.nets.load.check`).
    """
    nets = load(text, NAME)
    with app.works.begin(keep=False) as uow:
        return _look(uow, app, nets.digest)


def propose_file(app: App, text: str) -> FileLook:
    """Propose the nets of a file that changed, and withdraw what was proposed from it before.

    Nothing is proposed where the nets are in force or were before, while the
    same waits, after the same was answered, or before setup has ended.

    Writes `enforcement.placed` and `.waiting`, and `enforcement.cancelled` of what it replaces.

    Raises:
        InvalidInput: it is no file of nets, or they break what is proved (`nets/…`).
    """
    nets = load(text, NAME)
    with app.works.begin() as uow:
        uow.serialise("changes")
        found = _look(uow, app, nets.digest)
        for one in _from_file(uow):
            if one.state == State.WAITING.value and one.change is not None and _digest(one) != nets.digest:
                uow.move(
                    one,
                    State.CANCELLED,
                    "enforcement.cancelled",
                    by=SYSTEM,
                    because=_REPLACED,
                    ended_at=uow.now,
                )
        if found.state is not FileState.NEW:
            return found
        made = propose_unowned(uow, app, "nets", {"toml": text, "name": NAME}, f"{NAME} changed", one_more)
    app.wake()
    return FileLook(FileState.WAITS, made)


def one_more(verdict: Verdict) -> Verdict:
    """Return what is asked of a proposal that nobody stands behind: one person more than of a colleague's."""
    asked = verdict.approvals or (Requirement(_ROLES, 0, distinct_teams=False, blind=False),)
    first, *rest = asked
    return replace(verdict, approvals=(replace(first, approvals=first.approvals + 1), *rest))


def _look(uow: UnitOfWork, app: App, digest: str) -> FileLook:
    config = app.config(uow.connection)
    if config.nets.digest == digest:
        return FileLook(FileState.IN_FORCE)
    if not config.rules.setup_finished:
        return FileLook(FileState.SETUP)
    for one in reversed(_from_file(uow)):
        if _digest(one) != digest:
            continue
        if one.state in {State.WAITING.value, State.READY.value}:
            return FileLook(FileState.WAITS, one)
        if one.state != State.CANCELLED.value or one.because != _REPLACED:
            return FileLook(FileState.ANSWERED, one)
    if uow.find(NetsVersion, tables.nets_version.c.digest == digest) is not None:
        return FileLook(FileState.OLD)
    return FileLook(FileState.NEW)


def _from_file(uow: UnitOfWork) -> list[Enforcement]:
    """Return every proposal that was made from a file, oldest first."""
    table = tables.enforcement.c
    return uow.all(
        Enforcement,
        table.platform == ORGANISATION,
        table.action == Action.CHANGE.value,
        table.placed_by == SYSTEM,
        order=table.id,
    )


def _digest(one: Enforcement) -> str:
    toml = (one.change or {}).get("toml")
    return load(str(toml), NAME).digest if toml else ""
