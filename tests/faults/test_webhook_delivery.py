"""A platform behind the webhook connector, over real HTTP: killed around its answer, and answers that come late, twice or as garbage."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from gardefou.clock import SystemClock
from gardefou.ids import Ids
from gardefou.platforms import webhook_wire as wire
from gardefou.platforms.protocol import Answer, Connector, Operation
from gardefou.platforms.webhook import Webhook, WebhookCalls, WebhookSettings
from tests.contract.reference_platform import DESCRIPTION, Account, ReferencePlatform
from tests.contract.test_webhook import SECRET
from tests.databases import Databases, Kind
from tests.faults.killing import Line, Point, each, points, run
from tests.flow.world import MINUTE, START, World

pytestmark = pytest.mark.network_loopback

#: Nobody waits so long: only what is held back on purpose is too late.
_PATIENT = 60.0


class Receiver(ReferencePlatform):
    """The platform; ``keys``: whether it knows what it did under a key, or does everything that it is sent anew."""

    def __init__(self, *, keys: bool = True) -> None:
        super().__init__(SECRET)
        self.keys = keys
        self.accounts["small"] = Account(handle="small")

    def on_describe(self, body: dict[str, Any]) -> dict[str, Any]:
        return {**DESCRIPTION, "takes_key": self.keys}

    def answer(self, request: BaseHTTPRequestHandler, kind: str, value: str, body: dict[str, Any]) -> None:
        if self.mode == "refused" and body["call"] in {"apply", "undo"}:
            with self.lock:
                self.operate(body, on=body["call"] == "apply")
            self.send(request, 403, {"error": {"code": "no", "message": "not while you are new here"}})
            return
        # It is read as ever: what cannot be read counts as protected, and nothing would be sent.
        super().answer(request, kind if body["call"] in {"apply", "undo"} else "well", value, body)

    def operate(self, body: dict[str, Any], *, on: bool) -> dict[str, Any]:
        if not self.keys:
            self.answers.clear()
        return super().operate(body, on=on)

    def send(self, request: BaseHTTPRequestHandler, status: int, body: Any, **more: Any) -> None:
        super().send(request, status, body, **more)
        if self.mode == "twice":
            super().send(request, status, body, **more)

    def ids(self, call: str) -> list[str]:
        """Return the ``webhook-id`` of everything of a kind that arrived."""
        return [headers["webhook-id"] for name, headers, _ in self.received if name == call]

    def connector(self, *, patience: float = _PATIENT) -> Webhook:
        clock = SystemClock()
        settings = WebhookSettings(
            base_url=f"http://127.0.0.1:{self.port}/hooks/",
            secrets=(SECRET,),
            allow_private=frozenset({"127.0.0.1"}),
            connect_seconds=_PATIENT,
            read_seconds=patience,
        )
        calls = WebhookCalls(settings, clock=clock, ids=Ids(clock))
        described = json.loads(json.dumps({**DESCRIPTION, "takes_key": self.keys}))
        return Webhook("sandbox", wire.description(described, url=settings.url), calls)


class _Around:
    """A connector around another, which it reads through."""

    def __init__(self, inner: Connector) -> None:
        self._inner = inner
        self.name = inner.name
        self.describe = inner.describe
        self.read_state = inner.read_state
        self.resolve = inner.resolve


class _Counted(_Around):
    """Each call that changes something is a point of the story."""

    def __init__(self, inner: Connector, line: Line) -> None:
        super().__init__(inner)
        self._line = line

    def apply(self, operation: Operation) -> Answer:
        return self._line.point("apply", lambda: self._inner.apply(operation))

    def undo(self, operation: Operation) -> Answer:
        return self._line.point("undo", lambda: self._inner.undo(operation))


class _Hasty(_Around):
    """While answers are held back, whoever acts waits for the twentieth of a second; and is as patient as ever else."""

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(receiver.connector())
        self._receiver = receiver
        self._hasty = receiver.connector(patience=0.05)

    def apply(self, operation: Operation) -> Answer:
        return self._now().apply(operation)

    def undo(self, operation: Operation) -> Answer:
        return self._now().undo(operation)

    def _now(self) -> Connector:
        return self._hasty if self._receiver.mode == "slow" else self._inner


@pytest.fixture(params=[True, False], ids=["by key", "without keys"])
def receiver(request) -> Iterator[Receiver]:
    made = Receiver(keys=request.param)
    made.start()
    yield made
    made.stop()


def _world(url: str, make: Callable[[], Connector], *, seed: int = 1, late: bool = False) -> World:
    world = World(url, seed=seed, at=START + timedelta(seconds=3) if late else START)
    world.app.make_connector = lambda _entry: make()
    return world


def _wait_for(arrived: Callable[[], bool]) -> None:
    """Wait until what was sent has been done there; whoever sent it hung up."""
    until = time.monotonic() + _PATIENT
    while not arrived():
        assert time.monotonic() < until, "it never arrived"
        threading.Event().wait(0.01)


def _one_effect_each(world: World, receiver: Receiver, *, effects: int) -> None:
    """What arrived, however often, arrived under the one id of its enforcement, and was done once."""
    for call, acts in (("apply", "suspend"), ("undo", "restore")):
        sent = set(receiver.ids(call))
        assert len(sent) <= 1, sent
        made = [one.id for one in world.enforcements(account="small") if one.action == acts]
        assert all(any(key.startswith(one) for one in made) for key in sent), (sent, made)
    assert receiver.accounts["small"].effects == effects
    world.assert_sound()


def _story(receiver: Receiver) -> Callable[[str, Line], None]:
    def story(url: str, line: Line) -> None:
        world = _world(url, lambda: _Counted(receiver.connector(), line), seed=5)
        line.say("placed", world.enforce("rev", "small", "suspend").state)
        world.settle()
        line.say("lifted", world.restore("oncall", "small").restores[0].state)
        world.settle()

    return story


def _die(databases: Databases, kind: Kind, receiver: Receiver, choose: Callable[[list[Any]], list[Point]]) -> None:
    story = _story(receiver)
    with databases.fresh(kind) as prepared:
        world = _world(prepared, receiver.connector)
        world.people()
        world.close()
        with databases.copied(prepared) as url:
            found = points(story, url)
        assert [what for _, what in found if what != "commit"] == ["apply", "undo"]
        for place in choose(found):
            receiver.accounts["small"] = Account(handle="small")
            receiver.received.clear()
            receiver.answers.clear()
            with databases.copied(prepared) as url:
                ran = run(story, url, place)
                arrived = len(receiver.ids("apply"))
                after = _world(url, receiver.connector, seed=9, late=True)
                try:
                    after.run(10 * MINUTE)
                    placed = after.enforcements(account="small")
                    assert not ran.of("placed") or placed
                    assert not arrived or placed, "what reached the platform is on record"
                    if not any(one.action == "restore" for one in placed):
                        assert not ran.of("lifted")
                        if placed:
                            # Never lost: whatever began is in force.
                            assert receiver.accounts["small"].measures == {"suspended"}
                        after.restore("oncall", "small")
                        after.run(10 * MINUTE)
                    assert receiver.accounts["small"].measures == set()
                    assert {one.state for one in after.enforcements(account="small") if one.severity} <= {"restored"}
                    _one_effect_each(after, receiver, effects=2 if placed else 0)
                except Exception as error:
                    error.add_note(f"killed {place}, of {found}")
                    raise
                finally:
                    after.close()


def _around_the_answers(found: list[Any]) -> list[Point]:
    """Between the platform's answer and our commit of it, which is what tells whether anything is repeated or lost."""
    return [Point(number, what, "after") for number, what in found if what != "commit"]


def test_killed_between_the_answer_and_our_commit_it_is_done_once_under_the_same_id(databases, receiver):
    _die(databases, "sqlite", receiver, _around_the_answers)


@pytest.mark.long
def test_killed_anywhere_it_is_done_once_under_the_same_id(databases, database_kind, receiver):
    _die(databases, database_kind, receiver, lambda found: [*each(found)])


@pytest.mark.parametrize("mode", ["slow", "twice", "garbage", "drop", "refused"])
def test_an_answer_that_comes_late_or_twice_or_as_garbage_or_says_no_to_what_was_done_is_one_effect_under_one_id(
    sqlite_url, receiver, mode
):
    """Late: held back until long after we hung up, as one of two minutes is with the ten seconds that are waited for."""
    world = _world(sqlite_url, lambda: _Hasty(receiver))
    world.people()
    receiver.mode = mode
    world.enforce("rev", "small", "suspend")
    world.settle()
    _wait_for(lambda: receiver.accounts["small"].effects == 1)
    receiver.mode = "well"
    world.run(10 * MINUTE)
    (made,) = [one for one in world.enforcements(account="small") if one.severity]
    assert made.state == "in_force"
    receiver.mode = mode
    world.restore("oncall", "small")
    _wait_for(lambda: receiver.accounts["small"].effects == 2)
    receiver.mode = "well"
    world.run(10 * MINUTE)
    assert world.read(made).state == "restored"
    assert receiver.accounts["small"].measures == set()
    _one_effect_each(world, receiver, effects=2)
    world.close()
