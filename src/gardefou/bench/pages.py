"""How long the server takes over each page of the console, on a platform with a long past."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message

from gardefou.bench.install import Installation, installed
from gardefou.bench.measured import percentile
from gardefou.bench.past import Past, Size, long_past
from gardefou.errors import Unavailable
from gardefou.people.authenticate import start_session
from gardefou.web.app import create_app

#: Not looked at: files, the stream, what signs in or out, and what only an admin sees.
_NO_PAGES = ("/live", "/signin", "/api", "/scim", "/oidc", "/notices")
#: Addresses that show something, or lead on to it, only when asked about one thing.
_ASKED = ("/enforcements/group", "/restore")
#: Lists that are looked at by their query too.
_QUERIES = (
    "/queue?queue=spam",
    "/enforcements?tab=in_force",
    "/enforcements?tab=running",
    "/enforcements?tab=failed",
    "/enforcements?tab=ended",
    "/enforcements/group?kind=budget&key=person-0",
    "/accounts?q=member_77",
)
_TURNS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One page's milliseconds, and how large it is."""

    page: str
    milliseconds: tuple[float, ...]
    size: int

    def slow(self, share: float) -> float:
        """Return the time in milliseconds that this share of all did not exceed."""
        return percentile(self.milliseconds, share)


def size_of(cases: int) -> Size:
    """Return what a platform with so many past cases has: one in a hundred is open, few things wait."""
    return Size(
        cases=cases, opened=max(1, cases // 100), waiting=min(500, max(1, cases // 2_000)), incidents=cases // 1_000,
        busy=min(200, cases // 10),
    )  # fmt: skip


def page_times(url: str, folder: Path, *, cases: int, turns: int = _TURNS) -> list[Timed]:
    """Return the times of every page, each asked for several times in this process, by a lead.

    Pages that show one thing are asked for different ones; the first answer of
    each page warms up and does not count.

    Raises:
        Unavailable: a page is not there (`bench/unexpected`).
    """
    with installed(url, folder, people=40, accounts=3) as made:
        past = long_past(made.app, made.reporter(), made.person(0), made.person(1), ("a0", "a1", "a2"), size_of(cases))
        analyse(made)
        return asyncio.run(_timed(made, past, turns))


def analyse(made: Installation) -> None:
    """Let PostgreSQL count what was written, as it does by itself after a minute."""
    store = made.app.works.store
    if not store.is_sqlite:
        with store.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


async def _timed(made: Installation, past: Past, turns: int) -> list[Timed]:
    web = create_app(made.app, made.settings, worker=None)
    with made.app.works.begin() as uow:
        cookie = f"gardefou={start_session(uow, made.staff[0], strong=True)[0]}".encode()
    found: list[Timed] = []
    for page, paths in _pages(web.router.routes, past):
        took: list[float] = []
        size = 0
        for turn in range(turns + 1):
            path = paths[turn % len(paths)]
            begun = time.perf_counter()
            status, size = await _ask(web, path, cookie)
            took.append((time.perf_counter() - begun) * 1000)
            if status != 200:
                raise Unavailable("bench/unexpected", f"The benchmark is not what it says: {path} answered {status}.")
        found.append(Timed(page=page, milliseconds=tuple(took[1:]), size=size))
    return found


def _pages(routes: Sequence[BaseRoute], past: Past) -> Iterator[tuple[str, list[str]]]:
    """Yield each page with the addresses to ask for it by."""
    accounts = [f"sandbox/{ref}" for ref in past.accounts]
    shown = {
        "/cases/{id}": past.open_cases + past.closed_cases,
        "/enforcements/{id}": past.in_force + past.waiting,
        "/incidents/{id}": past.incidents,
        "/record/{log}/{event}": [f"sandbox/{event}" for event in past.events],
        "/accounts/{platform}/{ref:path}": accounts,
        "/restore/{platform}/{ref:path}": accounts,
        "/hacked/{platform}/{ref:path}": accounts,
        "/people/{pseudonym}": [f"person-{place}" for place in range(3)],
    }
    for route in routes:
        if not isinstance(route, Route) or "GET" not in (route.methods or ()) or route.path.startswith(_NO_PAGES):
            continue
        if "{" not in route.path and route.path not in _ASKED:
            yield route.path, [route.path]
        elif shown.get(route.path):
            head = route.path.partition("{")[0]
            yield route.path, [f"{head}{one}" for one in shown[route.path]]
    for address in _QUERIES:
        yield address, [address]


async def _ask(web: ASGIApp, address: str, cookie: bytes) -> tuple[int, int]:
    """Ask for a page as a server would; return its status and size."""
    path, _, query = address.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", b"127.0.0.1"), (b"cookie", cookie)],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    status = size = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, size
        status = message.get("status", status)
        size += len(message.get("body", b""))

    await web(scope, receive, send)
    return status, size
