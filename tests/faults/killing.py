"""A process that dies at a chosen point. The points are counted, not guessed.

A story runs in a child of this process. Everything in it that the world can
see is a point: each COMMIT on its way to the database, each call of a platform,
each notice on its way out, each file that is made durable or put in its place.
`points` runs the story once and lists them; `run` with one of them ends the
child by SIGKILL right before or right after it, and no line of Python or of
the driver runs any more.

The child says what it was answered over a pipe, as whoever waits for an answer
at the other end of a line would hear it.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.engine.default import DefaultDialect

from gardefou.domain.records import PlatformEntry
from gardefou.platforms.protocol import Answer, Connector, Description, Operation
from tests.flow.world import Wired, World

T = TypeVar("T")

SIDES = ("before", "after")


@dataclass(frozen=True, slots=True)
class Point:
    """Where to die: right ``before`` or right ``after`` the n-th thing that can be seen from outside."""

    number: int
    what: str
    side: str

    def __str__(self) -> str:
        return f"{self.side} {self.number}: {self.what}"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a child said until it ended, and whether it was killed."""

    said: tuple[tuple[str, ...], ...]
    killed: bool

    def of(self, kind: str) -> list[tuple[str, ...]]:
        """Return what was said of one kind, without its name."""
        return [words[1:] for words in self.said if words[0] == kind]


class Line:
    """What the child has to say, and where it is to die."""

    def __init__(self, pipe: int, die: Point | None) -> None:
        self._pipe = pipe
        self._die = die
        self._number = 0

    def say(self, *words: object) -> None:
        """Say something that whoever waits outside has then heard."""
        os.write(self._pipe, ("\t".join(map(str, words)) + "\n").encode())

    def point(self, what: str, work: Callable[[], T]) -> T:
        """Do something that can be seen from outside, or die before or after it."""
        self._number += 1
        number = self._number
        self.say("point", number, what)
        self._at(number, "before")
        done = work()
        self._at(number, "after")
        return done

    def _at(self, number: int, side: str) -> None:
        if self._die is not None and (self._die.number, self._die.side) == (number, side):
            os.kill(os.getpid(), signal.SIGKILL)


Story = Callable[[str, Line], None]


def run(story: Story, url: str, die: Point | None = None) -> Ran:
    """Run a story in a child that opens its own store, until it ends or dies where it is to die."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _live(story, url, Line(writing, die))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        heard = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    # A line that was cut off was not said.
    said = tuple(tuple(line.split("\t")) for line in heard.split("\n")[:-1])
    killed = os.WIFSIGNALED(status)
    assert killed or os.waitstatus_to_exitcode(status) == 0, heard
    assert not killed or os.WTERMSIG(status) == signal.SIGKILL, heard
    assert killed == (die is not None), f"it does not come to {die}"
    return Ran(said, killed)


def points(story: Story, url: str) -> list[tuple[int, str]]:
    """Run a story to its end; return every point it comes to."""
    return [(int(number), what) for number, what in run(story, url).of("point")]


def _live(story: Story, url: str, line: Line) -> None:
    status = 1
    try:
        _watch_commits(line)
        _watch_files(line)
        story(url, line)
        status = 0
    except BaseException:  # noqa: BLE001 - told to the parent, which fails
        line.say("failed", traceback.format_exc().replace("\n", " | "))
    finally:
        # Nothing of the test process itself may run in its child: no fixture ends here, no report is written.
        os._exit(status)


def _watch_commits(line: Line) -> None:
    commit = DefaultDialect.do_commit

    def do_commit(self: DefaultDialect, dbapi_connection: Any) -> None:
        line.point("commit", lambda: commit(self, dbapi_connection))

    DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]


def _watch_files(line: Line) -> None:
    sync, replace = os.fsync, os.replace
    os.fsync = lambda file: line.point("file made durable", lambda: sync(file))  # type: ignore[assignment]

    def put(source: Any, target: Any, **more: Any) -> None:
        line.point(f"file put in place: {os.path.basename(target)}", lambda: replace(source, target, **more))  # noqa: PTH119

    os.replace = put  # type: ignore[assignment]


class Keyless:
    """The sandbox as a platform that takes no keys: whatever is sent twice is done twice."""

    def __init__(self, inner: Connector) -> None:
        self.inner = inner
        self.name = inner.name
        self.read_state = inner.read_state
        self.resolve = inner.resolve

    def describe(self) -> Description:
        from dataclasses import replace

        return replace(self.inner.describe(), takes_key=False)

    def apply(self, operation: Operation) -> Answer:
        return self.inner.apply(self._anew(operation))

    def undo(self, operation: Operation) -> Answer:
        return self.inner.undo(self._anew(operation))

    @staticmethod
    def _anew(operation: Operation) -> Operation:
        from dataclasses import replace

        return replace(operation, key=f"{operation.key}#{os.urandom(6).hex()}")


def opened(url: str, line: Line | None = None, *, seed: int = 1, keyed: bool = True, **more: Any) -> World:
    """Open a node as the flow's tests do; with a line each call of a platform is a point of it."""
    world = World(url, seed=seed, **more)
    inner = world.app.make_connector
    if not keyed:

        def keyless(entry: PlatformEntry) -> Connector:
            wired = inner(entry)
            assert isinstance(wired, Wired)
            return Wired(Keyless(wired.inner), world.wire)

        world.app.make_connector = keyless
    if line is not None:
        carry = world.wire.carry

        def counted(name: str, call: Callable[[Operation], Answer], operation: Operation) -> Answer:
            return line.point(f"{name} {operation.action}", lambda: carry(name, call, operation))

        world.wire.carry = counted  # type: ignore[method-assign]
    return world


def each(found: list[tuple[int, str]], sides: tuple[str, ...] = SIDES) -> Iterator[Point]:
    """Yield every place to die."""
    for number, what in found:
        for side in sides:
            yield Point(number, what, side)
