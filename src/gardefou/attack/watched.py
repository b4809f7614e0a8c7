"""The sandbox connector, watched from outside: whoever asks the platform for anything is looked at in that moment.

It can also let something else happen just then, as with more than one worker:
a second worker at the same enforcement, a colleague's no between reading and
sending. And it shows an account under another id after the platform merged two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from gardefou.domain.accounts import AccountReading
from gardefou.domain.records import PlatformEntry
from gardefou.platforms.protocol import Answer, Connector, Description, Operation, Resolved
from gardefou.scenario.world import World


@dataclass(frozen=True, slots=True)
class Found:
    """A goal that was reached: its id, and what happened in words."""

    goal: str
    says: str


#: Called with the verb, the operation and the platform's name, before the platform is asked.
Look = Callable[[str, Operation, str], None]
#: What happens in between: at ``read``, ``apply`` or ``undo``.
Between = tuple[str, str]


@dataclass(slots=True)
class Desk:
    """What the search knows of the platform's side, and what it does there."""

    #: Accounts that the platform merged into another one.
    merged: dict[str, str] = field(default_factory=dict[str, str])
    #: What will happen at the next call of a kind, once: what `between` does with it.
    armed: tuple[Between, ...] = ()
    found: list[Found] = field(default_factory=list[Found])
    look: Look = lambda _verb, _operation, _name: None
    between: Callable[[str, str], None] = lambda _what, _account: None
    sending: list[str] = field(default_factory=list[str])
    on: bool = False

    def begin(self) -> None:
        """Look from now on."""
        self.on = True

    def say(self, goal: str, says: str) -> None:
        """Note that a goal was reached."""
        self.found.append(Found(goal, says))

    def read(self, account: str) -> None:
        """Let what is armed for a reading happen: at the first one, or at the one after it."""
        if self.armed[0][0] == "reading-again":
            self.armed = (("read", self.armed[0][1]),)
            return
        self.happens("read", account)

    def happens(self, kind: str, account: str) -> None:
        """Let what is armed for this kind of call happen."""
        for one in self.armed:
            if one[0] == kind:
                self.armed = tuple(other for other in self.armed if other != one)
                self.between(one[1], account)


class Watched:
    """A connector that tells the desk of every call before it makes it."""

    def __init__(self, inner: Connector, desk: Desk, name: str) -> None:
        self._inner = inner
        self._desk = desk
        self.name = name

    def describe(self) -> Description:
        """As the platform's own."""
        return self._inner.describe()

    def read_state(self, account: str, *, content: Sequence[str] = ()) -> AccountReading:
        """Read the account, or the one that it was merged into; what happens meanwhile happens after it."""
        reading = self._inner.read_state(self._desk.merged.get(account, account), content=content)
        if self._desk.armed:
            self._desk.read(account)
        return reading

    def resolve(self, account: str, *, content: Sequence[str] = ()) -> Resolved:
        """As the platform's own."""
        return self._inner.resolve(self._desk.merged.get(account, account), content=content)

    def apply(self, operation: Operation) -> Answer:
        """Tell the desk, and ask the platform."""
        return self._send("apply", operation, self._inner.apply)

    def undo(self, operation: Operation) -> Answer:
        """Tell the desk, and ask the platform."""
        return self._send("undo", operation, self._inner.undo)

    def _send(self, verb: str, operation: Operation, call: Callable[[Operation], Answer]) -> Answer:
        desk = self._desk
        ref = operation.target.account
        if desk.on:
            if operation.key in desk.sending:
                desk.say("exactly-once", f"two workers sent the same {verb} to {ref} at once")
            desk.look(verb, operation, self.name)
            desk.sending.append(operation.key)
            try:
                if len(desk.sending) == 1:
                    # Another worker looks for work at this very moment.
                    desk.between("worker", ref)
                desk.happens(verb, ref)
            finally:
                desk.sending.pop()
        if ref in desk.merged:
            operation = replace(operation, target=replace(operation.target, account=desk.merged[ref]))
        answer = call(operation)
        if desk.on:
            desk.happens(f"{verb}-done", ref)
        return answer


def watch_connectors(world: World) -> Desk:
    """Put a watched connector before every platform of a world.

    A platform acts where its endpoint says, whatever it is called here.
    """
    desk = Desk()
    make = world.app.make_connector

    def watched(entry: PlatformEntry) -> Connector:
        real = entry.endpoint.strip().casefold().removeprefix("sandbox:").rstrip("/")
        inner = make(replace(entry, id=real) if real in world.platforms else entry)
        return Watched(inner, desk, entry.id)

    world.app = replace(world.app, make_connector=watched, _connectors={})
    return desk
