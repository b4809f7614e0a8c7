"""The contract that every connector passes: what the flow relies on, asked of a real connector.

Use it by naming a subclass ``Test…`` beside a fixture ``world``::

    class TestSandbox(ConnectorContract):
        pass

    @pytest.fixture
    def world() -> World: ...

Each test works on fresh accounts, so one world may serve a whole module.
"""

from __future__ import annotations

import contextlib
import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import count

import pytest

from gardefou.domain.accounts import AccountReading, Measures, measures_of_action
from gardefou.domain.actions import DECIDABLE, SEVERITY, Action, Reversibility
from gardefou.platforms.protocol import (
    Answer,
    Capability,
    Connector,
    NoSuchAccount,
    Operation,
    PlatformAnswerLost,
    PlatformRefused,
    PlatformUnreachable,
    ReadsMeasures,
    Target,
)

_numbers = count(1)

#: Which other measure is tried beside an action, most telling first.
_COMPANIONS = (Action.SUSPEND, Action.LOCK, Action.LIMIT, Action.LABEL, Action.REMOVE_CONTENT)

UNDOABLE = tuple(action for action in DECIDABLE if action is not Action.WARN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A fresh account with nothing imposed on it, and content items of its own."""

    account: str
    content: tuple[str, ...]


class World(ABC):
    """A connector, and hands on the platform behind it. One subclass per connector."""

    connector: Connector

    #: A reference of the right form that no account has.
    unknown_account = "no-such-account"
    #: A reference of the right form that no content item has.
    unknown_content = "no-such-item"
    #: Whether `lose_answers` can be asked of this platform.
    can_lose_answers = False

    @abstractmethod
    def make_account(self) -> Made:
        """Create an ordinary account with at least two content items."""

    @abstractmethod
    def effects(self, account: str) -> int | None:
        """Count the changes (and warnings sent) the platform made to it; None where it cannot be told."""

    @abstractmethod
    def break_connection(self) -> None:
        """From now on the platform refuses connections and does nothing."""

    @abstractmethod
    def mend_connection(self) -> None:
        """Undo `break_connection` and `lose_answers`."""

    def lose_answers(self) -> None:
        """From now on the platform does what is asked, and every answer is lost."""
        pytest.skip("answers cannot be lost here")

    def companion(self, action: Action) -> Action | None:
        """Name another reversible action that may stand beside ``action`` on one account."""
        capabilities = self.connector.describe().capabilities
        for other in _COMPANIONS:
            if other is not action and _reverses(capabilities.get(other)):
                return other
        return None

    def comparable(self, reading: AccountReading) -> AccountReading:
        """Return what must be equal after an exact undo; by default all but the platform's own details."""
        return dataclasses.replace(reading, details={})


def _reverses(capability: Capability | None) -> bool:
    return capability is not None and capability.reversibility is not Reversibility.NONE


def _capability(world: World, action: Action) -> Capability:
    """Return what the platform declares for ``action``, or skip the test where it offers none."""
    capability = world.connector.describe().capabilities.get(action)
    if capability is None:
        pytest.skip(f"{action} is not offered here")
    return capability


def _reversible(world: World, action: Action) -> Capability:
    capability = _capability(world, action)
    if not _reverses(capability):
        pytest.skip(f"{action} cannot be undone here, as declared")
    return capability


def operation_for(world: World, made: Made, action: Action) -> Operation:
    """Build an operation with a key and a fence of its own, as the flow would."""
    number = next(_numbers)
    content = made.content[:1] if action is Action.REMOVE_CONTENT else ()
    label = world.connector.describe().labels[0] if action is Action.LABEL else None
    return Operation(
        key=f"contract-{number}",
        action=action,
        target=Target(account=made.account, content=content, label=label),
        measures=measures_of_action(action, content=content, label=label),
        fence=number,
        reason="contract suite",
    )


def inverse_of(operation: Operation, answer: Answer) -> Operation:
    """Build the undo of ``operation`` from what its apply answered."""
    number = next(_numbers)
    return dataclasses.replace(operation, key=f"contract-{number}", fence=number, kept=answer.kept)


def _read(world: World, made: Made) -> AccountReading:
    return world.connector.read_state(made.account, content=made.content)


def _measures(world: World, made: Made) -> Measures:
    whole = _read(world, made).measures
    if isinstance(world.connector, ReadsMeasures):
        brief = world.connector.read_measures(made.account, content=made.content)
        assert (brief.ref, brief.measures) == (made.account, whole)
    return whole


class ConnectorContract:
    """What `gardefou.platforms.protocol.Connector` promises, as tests. Subclass it per connector."""

    # --- what it declares ---------------------------------------------------------------

    def test_describe_is_local(self, world: World) -> None:
        """A platform that is away can still be described."""
        before = world.connector.describe()
        world.break_connection()
        try:
            assert world.connector.describe() == before
        finally:
            world.mend_connection()

    def test_describe_is_complete(self, world: World) -> None:
        """Severity is never understated, and losses are named exactly where there are some."""
        description = world.connector.describe()
        assert description.kind
        assert description.endpoint
        assert description.capabilities
        for action, capability in description.capabilities.items():
            assert action in DECIDABLE
            assert capability.action is action
            assert SEVERITY[action] <= capability.severity <= 5
            assert capability.says.strip()
            assert bool(capability.losses) == (capability.reversibility is Reversibility.LOSSY)
        assert bool(description.labels) == (Action.LABEL in description.capabilities)

    # --- reading ------------------------------------------------------------------------

    def test_an_account_reads_back_as_itself(self, world: World) -> None:
        made = world.make_account()
        reading = _read(world, made)
        assert reading.ref == made.account
        assert reading.exists
        assert reading.handle
        assert reading.measures == frozenset()

    def test_an_unknown_account_is_no_such_account(self, world: World) -> None:
        with pytest.raises(NoSuchAccount):
            world.connector.read_state(world.unknown_account)
        with pytest.raises(NoSuchAccount):
            world.connector.resolve(world.unknown_account)

    def test_r8_resolve_names_the_owner_of_content(self, world: World) -> None:
        mine, other = world.make_account(), world.make_account()
        resolved = world.connector.resolve(mine.account, content=(mine.content[0], other.content[0]))
        assert resolved.account == mine.account
        assert resolved.content_owner[mine.content[0]] == mine.account
        assert resolved.content_owner[other.content[0]] == other.account

    def test_r8_unknown_content_has_no_owner(self, world: World) -> None:
        made = world.make_account()
        with pytest.raises(NoSuchAccount):
            world.connector.resolve(made.account, content=(world.unknown_content,))

    # --- doing and undoing --------------------------------------------------------------

    @pytest.mark.parametrize("action", UNDOABLE)
    def test_apply_then_read_shows_the_measures(self, world: World, action: Action) -> None:
        _capability(world, action)
        made = world.make_account()
        operation = operation_for(world, made, action)
        world.connector.apply(operation)
        assert operation.measures <= _measures(world, made)

    @pytest.mark.parametrize("action", UNDOABLE)
    def test_undo_shows_them_gone(self, world: World, action: Action) -> None:
        """And whatever is declared exact reads as it did before."""
        capability = _reversible(world, action)
        made = world.make_account()
        before = _read(world, made)
        operation = operation_for(world, made, action)
        answer = world.connector.apply(operation)
        world.connector.undo(inverse_of(operation, answer))
        after = _read(world, made)
        assert not operation.measures & after.measures
        if capability.reversibility is Reversibility.EXACT:
            assert world.comparable(after) == world.comparable(before)

    @pytest.mark.parametrize("action", UNDOABLE)
    def test_an_undo_leaves_other_facets_alone(self, world: World, action: Action) -> None:
        _reversible(world, action)
        other = world.companion(action)
        if other is None:
            pytest.skip(f"nothing may stand beside {action} here")
        made = world.make_account()
        beside = operation_for(world, made, other)
        world.connector.apply(beside)
        operation = operation_for(world, made, action)
        answer = world.connector.apply(operation)
        world.connector.undo(inverse_of(operation, answer))
        assert _measures(world, made) == beside.measures

    @pytest.mark.parametrize("action", UNDOABLE)
    def test_r1_an_undo_never_imposes_anything(self, world: World, action: Action) -> None:
        """Undoing what is not there leaves an account as free as it was."""
        _reversible(world, action)
        made = world.make_account()
        operation = operation_for(world, made, action)
        with contextlib.suppress(PlatformRefused):
            world.connector.undo(operation)
        assert _measures(world, made) == frozenset()

    def test_removing_one_item_leaves_the_others(self, world: World) -> None:
        _capability(world, Action.REMOVE_CONTENT)
        made = world.make_account()
        world.connector.apply(operation_for(world, made, Action.REMOVE_CONTENT))
        assert _measures(world, made) == frozenset({f"removed:{made.content[0]}"})

    def test_one_account_never_touches_another(self, world: World) -> None:
        first, second = world.make_account(), world.make_account()
        for action in (Action.SUSPEND, Action.LOCK, Action.LIMIT):
            if action in world.connector.describe().capabilities:
                world.connector.apply(operation_for(world, first, action))
        assert _measures(world, first)
        assert _measures(world, second) == frozenset()

    def test_a_warning_changes_no_state(self, world: World) -> None:
        _capability(world, Action.WARN)
        made = world.make_account()
        before = _read(world, made)
        world.connector.apply(operation_for(world, made, Action.WARN))
        assert world.comparable(_read(world, made)) == world.comparable(before)
        assert world.effects(made.account) in (None, 1)

    # --- once, and never blindly --------------------------------------------------------

    @pytest.mark.parametrize("action", DECIDABLE)
    def test_one_key_has_one_effect(self, world: World, action: Action) -> None:
        _capability(world, action)
        if not world.connector.describe().takes_key:
            pytest.skip("this platform takes no key, as declared")
        made = world.make_account()
        operation = operation_for(world, made, action)
        first = world.connector.apply(operation)
        assert world.connector.apply(operation) == first
        assert operation.measures <= _measures(world, made)
        assert world.effects(made.account) in (None, 1)

    def test_one_key_undoes_once(self, world: World) -> None:
        _reversible(world, Action.SUSPEND)
        if not world.connector.describe().takes_key:
            pytest.skip("this platform takes no key, as declared")
        made = world.make_account()
        operation = operation_for(world, made, Action.SUSPEND)
        undo = inverse_of(operation, world.connector.apply(operation))
        assert world.connector.undo(undo) == world.connector.undo(undo)
        assert world.effects(made.account) in (None, 2)

    def test_an_unreachable_platform_does_nothing(self, world: World) -> None:
        made = world.make_account()
        before = _read(world, made)
        operation = operation_for(world, made, Action.SUSPEND)
        world.break_connection()
        try:
            with pytest.raises(PlatformUnreachable):
                world.connector.apply(operation)
            with pytest.raises(PlatformUnreachable):
                world.connector.undo(operation)
            with pytest.raises(PlatformUnreachable):
                world.connector.read_state(made.account)
            with pytest.raises(PlatformUnreachable):
                world.connector.resolve(made.account)
        finally:
            world.mend_connection()
        assert _read(world, made) == before
        assert world.effects(made.account) in (None, 0)

    def test_a_lost_answer_is_told_apart_and_settled_by_the_key(self, world: World) -> None:
        """It may have been done, so it is not called unreachable; the key makes asking again safe."""
        if not world.can_lose_answers:
            pytest.skip("answers cannot be lost here")
        made = world.make_account()
        operation = operation_for(world, made, Action.SUSPEND)
        world.lose_answers()
        try:
            with pytest.raises(PlatformAnswerLost):
                world.connector.apply(operation)
            with pytest.raises(PlatformUnreachable):
                world.connector.read_state(made.account)
            with pytest.raises(PlatformUnreachable):
                world.connector.resolve(made.account)
        finally:
            world.mend_connection()
        assert operation.measures <= _measures(world, made)
        if world.connector.describe().takes_key:
            world.connector.apply(operation)
            assert world.effects(made.account) in (None, 1)

    # --- what it refuses ----------------------------------------------------------------

    @pytest.mark.parametrize("action", list(Action))
    def test_an_action_that_is_not_offered_is_refused(self, world: World, action: Action) -> None:
        if action in world.connector.describe().capabilities:
            pytest.skip(f"{action} is offered here")
        made = world.make_account()
        content = made.content[:1]
        operation = Operation(
            key=f"contract-{next(_numbers)}",
            action=action,
            target=Target(account=made.account, content=content, label="contract"),
            measures=measures_of_action(action, content=content, label="contract"),
            fence=next(_numbers),
        )
        with pytest.raises(PlatformRefused):
            world.connector.apply(operation)
        if action is not Action.RESTORE:  # as an undo it may mean lifting what no action of ours imposed
            with pytest.raises(PlatformRefused):
                world.connector.undo(operation)
        assert _measures(world, made) == frozenset()

    def test_r7_a_label_outside_the_closed_list_is_refused(self, world: World) -> None:
        _capability(world, Action.LABEL)
        made = world.make_account()
        operation = dataclasses.replace(
            operation_for(world, made, Action.LABEL),
            target=Target(account=made.account, label="not-in-any-list"),
            measures=frozenset({"label:not-in-any-list"}),
        )
        with pytest.raises(PlatformRefused):
            world.connector.apply(operation)
        assert _measures(world, made) == frozenset()

    def test_an_unknown_account_is_refused(self, world: World) -> None:
        nobody = Made(account=world.unknown_account, content=())
        with pytest.raises(PlatformRefused):
            world.connector.apply(operation_for(world, nobody, Action.SUSPEND))
