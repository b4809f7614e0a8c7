"""A real homeserver that dies, stands still, is told twice or answers strangely: one effect, one record, nothing made up."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest
import pytest_socket

from gardefou.clock import SystemClock
from gardefou.lab.homeserver import Homeserver
from gardefou.lab.people import CLIENT, LabUser
from gardefou.platforms.synapse import Synapse
from tests.e2e.meddler import Hasty, Meddler
from tests.flow.world import MINUTE, World

pytestmark = [pytest.mark.e2e, pytest.mark.network_loopback, pytest.mark.xdist_group("synapse")]

_numbers = count(1)
_PATIENT = 60.0
#: The call that does it, and the one that undoes it.
CALLS = {
    "suspend": ("PUT /_synapse/admin/v1/suspend/", "PUT /_synapse/admin/v1/suspend/"),
    "limit": ("POST /_synapse/admin/v1/users/", "DELETE /_synapse/admin/v1/users/"),
    "lock": ("PUT /_synapse/admin/v2/users/", "PUT /_synapse/admin/v2/users/"),
    "deactivate": ("POST /_synapse/admin/v1/deactivate/", "PUT /_synapse/admin/v2/users/"),
    "remove_content": ("POST /_synapse/admin/v1/user/", "PUT /_matrix/client/v3/rooms/"),
}


class House:
    """An installation whose platform is a homeserver behind a meddler, and one account on it."""

    def __init__(self, url: str, server: Homeserver, admin: LabUser | None = None) -> None:
        self.server = server
        self.meddler = Meddler(int(server.base_url.rpartition(":")[2]))
        self.hasty = Hasty(self.meddler)
        self.admin = admin or server.admin
        self.synapse = self.connector(self.admin)
        self.world = World(url)
        self.world.app.make_connector = lambda _entry: self.synapse
        self.world.people()
        self.user = server.add(f"fault{next(_numbers)}")
        self.user.join(server.room)
        self.account = self.user.user_id

    def connector(self, admin: LabUser) -> Synapse:
        made = Synapse(
            "sandbox",
            self.meddler.base_url,
            admin.user_id,
            admin.token,
            clock=SystemClock(),
            timeout=_PATIENT,
            transport=self.hasty,
        )
        made.read_state(admin.user_id)
        return made

    def close(self) -> None:
        self.world.close()
        self.synapse.close()
        self.meddler.close()

    def meddle(self, call: str) -> None:
        self.meddler.meddles = lambda what: what.startswith(call)

    def measures(self, *content: str) -> frozenset[str]:
        return self.synapse.read_state(self.account, content=content).measures

    def said(self) -> list[str]:
        """What others read of the account in the room now."""
        watcher, room = self.server.users["alice"], quote(self.server.room, safe="")
        page = watcher.call("GET", f"{CLIENT}/rooms/{room}/messages?dir=b&limit=30")["chunk"]
        return [
            each["content"]["body"] for each in page if each["sender"] == self.account and "body" in each["content"]
        ]

    def one_of_each(self) -> None:
        """It was done once and undone once, on the record too."""
        (harm,) = [one for one in self.world.enforcements(account=self.account) if one.severity]
        assert harm.state == "restored"
        assert harm.in_force_at is not None
        assert len(self.world.events("enforcement.in_force", about=harm.id)) == 1
        assert len(self.world.events("enforcement.restored", about=harm.id)) == 1
        assert self.world.incidents("drift") == []
        self.world.assert_sound()


def _wait_for(come: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENT
    while not come():
        assert time.monotonic() < until, "it never came"
        threading.Event().wait(0.02)


@pytest.fixture
def house(sqlite_url: str, homeserver: Homeserver) -> Iterator[House]:
    with closing(House(sqlite_url, homeserver)) as made:
        yield made


#: What of it every run takes; the rest is for long runs.
_USUAL = {
    *((mode, "suspend") for mode in ("answered twice", "garbage", "half", "late", "limited", "told twice")),
    *(("told twice", action) for action in ("deactivate", "remove_content")),
}


@pytest.mark.parametrize(
    ("mode", "action"),
    [
        pytest.param(mode, action, marks=() if (mode, action) in _USUAL else pytest.mark.long)
        for mode in ("answered twice", "garbage", "half", "hung up", "late", "limited", "told twice")
        for action in CALLS
    ],
)
def test_however_a_homeserver_answers_it_is_done_once_and_undone_once(house, mode, action):
    """Late: held back until long after we hung up, as an answer of two minutes is with the ten seconds that are waited for."""
    world = house.world
    content: tuple[str, ...] = ()
    if action == "remove_content":
        content = (f"{house.server.room}/{house.user.send(house.server.room, 'said once')}",)
    does, undoes = CALLS[action]
    house.meddle(does)
    house.meddler.mode = mode
    made = world.enforce("rev", house.account, action, content=content)
    world.settle()
    _wait_for(lambda: house.meddler.under_way == 0)
    assert world.read(made).state in {"in_force", "unknown", "executing"}
    house.meddler.mode = "well"
    world.run(10 * MINUTE)
    assert world.read(made).state == "in_force"
    assert house.measures(*content) == set(made.measures)
    house.meddle(undoes)
    house.meddler.mode = mode
    world.restore("oncall", house.account)
    world.settle()
    _wait_for(lambda: house.meddler.under_way == 0)
    house.meddler.mode = "well"
    world.run(10 * MINUTE)
    assert house.measures(*content) == frozenset()
    if content:
        assert house.said() == ["said once"]
    house.one_of_each()


def test_a_token_that_is_revoked_midway_holds_everything_back_until_there_is_another(sqlite_url, homeserver):
    """Nothing is recorded as refused: the platform did nothing, and goes on with the next token."""
    second = homeserver.add(f"admin{next(_numbers)}", admin=True)
    with closing(House(sqlite_url, homeserver, second)) as house:
        world = house.world
        house.meddle(CALLS["suspend"][0])

        def revoke() -> None:
            house.admin.call("POST", f"{CLIENT}/logout", {})

        def renew() -> None:
            house.admin = homeserver.add(second.user_id[1:].partition(":")[0])
            house.synapse = house.connector(house.admin)
            world.app._connectors.clear()

        house.hasty.before = revoke
        made = world.enforce("rev", house.account, "suspend")
        assert made.state == "executing"
        assert "does not take our token" in made.receipt["trouble"]
        world.run(10 * MINUTE)
        assert world.read(made).state == "executing"
        renew()
        assert house.measures() == frozenset()
        world.run(10 * MINUTE)
        assert world.read(made).state == "in_force"
        house.hasty.before = revoke
        (lifting,) = world.restore("oncall", house.account).restores
        assert lifting.state == "executing"
        assert world.read(made).state == "restoring"
        renew()
        world.run(MINUTE)
        assert house.measures() == frozenset()
        house.one_of_each()


# --- a homeserver of our own, which is killed and stopped ------------------------------------


class Own:
    """A homeserver that may be killed, and comes up again with all that it knew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = Homeserver.up(folder)

    def send(self, sign: signal.Signals) -> None:
        os.killpg(int((self.folder / "pid").read_text()), sign)

    def up_again(self, house: House) -> None:
        self.server.down()
        self.server = house.server = Homeserver.up(self.folder)
        house.meddler.to_port = int(self.server.base_url.rpartition(":")[2])


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    # A module's fixture is made before the markers of the first test count.
    pytest_socket.enable_socket()
    made = Own(tmp_path_factory.mktemp("killed"))
    yield made
    made.server.down()


@pytest.mark.long
@pytest.mark.parametrize("action", CALLS)
@pytest.mark.parametrize("when", ["before", "during", "after"])
@pytest.mark.parametrize("what", ["harm", "restore"])
def test_a_homeserver_that_is_killed_around_its_answer_has_done_it_once_in_the_end(sqlite_url, own, what, when, action):
    with closing(House(sqlite_url, own.server)) as house:
        world = house.world
        content: tuple[str, ...] = ()
        if action == "remove_content":
            content = (f"{house.server.room}/{house.user.send(house.server.room, 'said once')}",)
        if what == "harm":
            house.meddle(CALLS[action][0])
            setattr(house.meddler, when, lambda: own.send(signal.SIGKILL))
        made = world.enforce("rev", house.account, action, content=content)
        if what == "restore":
            assert made.state == "in_force"
            house.meddle(CALLS[action][1])
            setattr(house.meddler, when, lambda: own.send(signal.SIGKILL))
            (lifting,) = world.restore("oncall", house.account).restores
            assert lifting.state in {"unknown", "executing"}
            assert world.read(made).state == "restoring"
        else:
            assert made.state in {"unknown", "executing"}
        world.settle()
        # Neither done nor failed: while it is away nobody can have seen either.
        (begun,) = [one for one in world.enforcements(account=house.account) if one.state in {"unknown", "executing"}]
        assert (begun.action == "restore") is (what == "restore")
        own.up_again(house)
        world.run(10 * MINUTE)
        if what == "harm":
            assert world.read(made).state == "in_force"
            assert house.measures(*content) == set(made.measures)
            world.restore("oncall", house.account)
            world.run(10 * MINUTE)
        assert house.measures(*content) == frozenset()
        if content:
            assert house.said() == ["said once"]
        house.one_of_each()


@pytest.mark.long
@pytest.mark.parametrize("action", ["suspend", "lock", "deactivate"])
def test_what_a_homeserver_does_after_we_gave_up_waiting_is_found_and_never_made_up(sqlite_url, own, action):
    """It stands still with our request in its hands, past our patience, and then goes on with it."""
    with closing(House(sqlite_url, own.server)) as house:
        world = house.world

        def stop() -> None:
            own.send(signal.SIGSTOP)
            house.hasty.silent = True

        def go_on() -> None:
            house.hasty.silent = False
            own.send(signal.SIGCONT)
            _wait_for(lambda: house.meddler.under_way == 0)

        house.meddle(CALLS[action][0])
        house.hasty.before = stop
        made = world.enforce("rev", house.account, action)
        assert made.state == "unknown"
        world.run(2 * MINUTE)
        # Neither done nor failed while nobody can know.
        assert world.read(made).state == "unknown"
        go_on()
        _wait_for(lambda: house.measures() == frozenset(made.measures))
        world.run(10 * MINUTE)
        assert world.read(made).state == "in_force"
        assert len(world.events("enforcement.executing", about=made.id)) == 1

        house.meddle(CALLS[action][1])
        house.hasty.before = stop
        (lifting,) = world.restore("oncall", house.account).restores
        assert lifting.state == "unknown"
        world.run(2 * MINUTE)
        assert world.read(made).state == "restoring"
        go_on()
        world.run(10 * MINUTE)
        assert house.measures() == frozenset()
        house.one_of_each()


@pytest.mark.long
def test_m5_what_stands_still_is_lifted_while_it_does_and_stays_lifted_whatever_comes_late(sqlite_url, own):
    """The restore is sent after the suspension that hangs: which of the two the homeserver takes up first is open."""
    with closing(House(sqlite_url, own.server)) as house:
        world = house.world

        def stop() -> None:
            own.send(signal.SIGSTOP)
            house.hasty.silent = True

        house.meddle(CALLS["suspend"][0])
        house.hasty.before = stop
        made = world.enforce("rev", house.account, "suspend")
        assert made.state == "unknown"
        (lifting,) = world.restore("oncall", house.account).restores
        assert lifting.state in {"unknown", "executing"}
        assert world.read(made).state == "restoring"
        house.hasty.silent = False
        own.send(signal.SIGCONT)
        _wait_for(lambda: house.meddler.under_way == 0)
        world.run(10 * MINUTE)
        assert house.measures() == frozenset()
        assert world.read(made).state == "restored"
        world.assert_sound()
