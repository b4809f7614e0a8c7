"""Restoring on a real homeserver: from the click to what Synapse itself shows, beside its own time for the call."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from gardefou.bench.install import installed
from gardefou.bench.measured import percentile
from gardefou.domain.records import PlatformEntry
from gardefou.domain.states import State
from gardefou.errors import Unavailable
from gardefou.flow.decide import enforce
from gardefou.flow.restore import restore
from gardefou.flow.spec import Wanted
from gardefou.lab.homeserver import Homeserver
from gardefou.people.keys import KeyStore

_PLATFORM = "matrix"
_USERS = 5
_FREE = {"breaker_reversals": 1_000_000_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clicks:
    """Milliseconds of each restore, and of Synapse's own call alone on the same accounts, by turns."""

    restores: tuple[float, ...]
    calls: tuple[float, ...]
    version: str

    def of(self, share: float) -> tuple[float, float]:
        """Return what this share of the restores, and of the bare calls, did not exceed."""
        return percentile(self.restores, share), percentile(self.calls, share)


def restore_clicks(url: str, folder: Path, *, count: int) -> Clicks:
    """Suspend and restore accounts on a homeserver brought up for it; time each restore until it is confirmed.

    Beside every restore the same account is suspended and unsuspended by bare
    calls of Synapse's API, and the latter is timed.

    Raises:
        Unavailable: the homeserver does not come up (`lab/…`), or one did not end in force (`bench/unexpected`).
    """
    restores: list[float] = []
    calls: list[float] = []
    with (
        Homeserver.up(folder / "homeserver") as server,
        installed(url, folder / "node", people=60, settings=_FREE) as made,
    ):
        app = made.app
        KeyStore(made.settings.keys_folder).keep(_PLATFORM, {"token": server.admin.token})
        with app.works.begin() as uow:
            entry = PlatformEntry(
                id=_PLATFORM,
                kind="synapse",
                endpoint=f"matrix:{server.server_name}",
                config={"base_url": server.base_url, "admin": server.admin.user_id},
                added_at=uow.now,
            )
            uow.record("platform.registered", by=made.staff[0], about=entry.id, puts=(entry,))
        users = [server.add(f"bench{place}").user_id for place in range(_USERS)]
        for place in range(-_USERS, count):
            user = users[place % _USERS]
            person = made.person(place)
            taken = enforce(app, person, Wanted(platform=_PLATFORM, account=user, action="suspend", policy="spam"))
            if taken.state != State.IN_FORCE.value:
                raise Unavailable("bench/unexpected", f"A suspension ended {taken.state}.")
            begun = time.perf_counter()
            lifted = restore(app, person, _PLATFORM, user, "It was a mistake.")
            elapsed = (time.perf_counter() - begun) * 1000
            if [one.state for one in lifted.restores] != [State.IN_FORCE.value]:
                raise Unavailable("bench/unexpected", "A restore was not confirmed.")
            bare = _bare_call(server, user)
            if place >= 0:
                restores.append(elapsed)
                calls.append(bare)
        return Clicks(restores=tuple(restores), calls=tuple(calls), version=server.version.split()[0])


def _bare_call(server: Homeserver, user: str) -> float:
    """Suspend and unsuspend an account by Synapse's API alone; return the milliseconds of the latter."""
    path = f"/_synapse/admin/v1/suspend/{quote(user, safe='')}"
    server.admin.call("PUT", path, {"suspend": True})
    begun = time.perf_counter()
    server.admin.call("PUT", path, {"suspend": False})
    return (time.perf_counter() - begun) * 1000
