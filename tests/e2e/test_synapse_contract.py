"""The Synapse connector keeps the connectors' contract, against a real homeserver."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from gardefou.clock import SystemClock
from gardefou.domain.actions import Action
from gardefou.lab.homeserver import Homeserver
from gardefou.platforms.synapse import Synapse
from tests.contract.suite import ConnectorContract, Made, World
from tests.e2e.proxy import Proxy

pytestmark = [pytest.mark.e2e, pytest.mark.network_loopback, pytest.mark.xdist_group("synapse")]

_names = count(1)


class SynapseWorld(World):
    """A homeserver behind a proxy; accounts are made on the homeserver itself."""

    unknown_account = "@nobody-of-this-name:lab.test"
    can_lose_answers = True

    def __init__(self, server: Homeserver, *, items: str) -> None:
        self.server = server
        self.items = items
        self.unknown_content = "mxc://lab.test/nofileofthisname" if items == "files" else f"{server.room}/$nothing"
        self.proxy = Proxy(int(server.base_url.rpartition(":")[2]))
        self.connector = self.synapse = Synapse(
            "lab", self.proxy.base_url, server.admin.user_id, server.admin.token, clock=SystemClock()
        )
        self.connector.read_state(server.admin.user_id)

    def make_account(self) -> Made:
        user = self.server.add(f"{self.items}{next(_names)}")
        if self.items == "files":
            content = tuple(user.upload(f"file {number} of {user.user_id}".encode()) for number in (1, 2))
        else:
            user.join(self.server.room)
            room = self.server.room
            content = tuple(f"{room}/{user.send(room, f'message {number}')}" for number in (1, 2))
        user.close()
        return Made(account=user.user_id, content=content)

    def companion(self, action: Action) -> Action | None:
        # A muted account's messages cannot be sent again in its name; test_synapse.py holds what happens then.
        if self.items == "messages" and action is Action.REMOVE_CONTENT:
            return None
        return super().companion(action)

    def effects(self, account: str) -> int | None:
        return None

    def break_connection(self) -> None:
        self.proxy.refuse()

    def mend_connection(self) -> None:
        self.proxy.swallow = False
        self.proxy.start()

    def lose_answers(self) -> None:
        self.proxy.swallow = True


@pytest.fixture(scope="module", params=["messages", "files"])
def world(homeserver: Homeserver, request: pytest.FixtureRequest) -> Iterator[SynapseWorld]:
    made = SynapseWorld(homeserver, items=request.param)
    yield made
    made.synapse.close()
    made.proxy.refuse()


class TestSynapse(ConnectorContract):
    """Every test of the suite, once with messages and once with files as content."""
