"""A soak: the memory of `gardefou serve`, worker and all, while reports, decisions, pages and streams go on evenly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from statistics import linear_regression
from typing import Any

import httpx

from gardefou.bench.floor import TEXT
from gardefou.bench.install import Installation, installed
from gardefou.bench.serving import serving
from gardefou.domain.records import Token
from gardefou.errors import Unavailable
from gardefou.people.authenticate import hash_secret, new_secret, start_session

#: A second each: reports, cases decided and their accounts restored, pages; and how many streams are open.
REPORTS, DECIDED, PAGES, STREAMS = 50, 2, 2, 5
#: People who decide by turns: with so many none comes near a budget.
PEOPLE = 120
#: The share of the time in which the server warms up: caches fill, the allocator takes what it then keeps.
WARM = 1 / 3
#: Seconds after which a stream is opened anew: in any case, and where nothing is said.
_LISTEN = 20.0
_QUIET = 3.0
_FREE = {"breaker_reversals": 1_000_000_000, "restores_per_hour": 1_000_000_000}
_SHOWN = ("/", "/queue", "/enforcements", "/accounts", "/record", "/api/v1/cases", "/metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """Seconds and bytes resident then, what was done, and how memory grew after the warm-up."""

    samples: tuple[tuple[float, int], ...]
    done: dict[str, int]

    @property
    def warm(self) -> Sequence[tuple[float, int]]:
        """The samples after the warm-up."""
        return self.samples[round(len(self.samples) * WARM) :]

    @property
    def slope(self) -> float:
        """KiB a minute by which memory grew after the warm-up; nought where it shrank."""
        at, held = zip(*self.warm, strict=True)
        return max(0.0, linear_regression(at, held).slope * 60 / 1024)


@dataclass(slots=True)
class _Load:
    """What goes on until it is told to stop, and what was done; the first thing that went wrong ends it."""

    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    done: dict[str, int] = field(default_factory=dict[str, int])
    wrong: list[BaseException] = field(default_factory=list[BaseException])

    def go_on(self, name: str, a_second: float, one: Callable[[], object]) -> None:
        """Do something so many times a second, later ones at once where earlier ones took long."""
        begun = time.monotonic()
        for turn in count():
            if self.stop.wait(max(0.0, begun + turn / a_second - time.monotonic())):
                return
            try:
                one()
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that measures
                self.wrong.append(error)
                self.stop.set()
                return
            with self.lock:
                self.done[name] = self.done.get(name, 0) + 1


def soak(url: str, folder: Path, *, minutes: float) -> Soaked:
    """Load the server evenly for so many minutes; look at its memory every second.

    Raises:
        Unavailable: a call was not answered as it should be (`bench/unexpected`),
            or this system does not say what a process holds (`bench/memory`).
    """
    with installed(url, folder, people=PEOPLE, settings=_FREE) as made:
        tokens, cookie = _admitted(made)
        with ExitStack() as stack, serving(folder, url) as server:
            http = stack.enter_context(httpx.Client(base_url=server.address, timeout=60, trust_env=False))
            load = _Load()
            places, people, shown = count(), cycle(tokens), cycle(_SHOWN)
            seen = {"cookie": f"gardefou={cookie}", "authorization": f"Bearer {tokens[0]}"}
            works = [
                ("reports", REPORTS, lambda: _report(http, made.reporting, next(places))),
                ("decisions and restores", DECIDED, lambda: _decide(http, next(people))),
                ("pages", PAGES, lambda: _asked(http.get(next(shown), headers=seen))),
                *(("streams", 1 / _LISTEN, lambda: _listen(http, seen, load.stop)) for _ in range(STREAMS)),
            ]
            threads = [threading.Thread(target=load.go_on, args=work) for work in works]
            begun = time.monotonic()
            samples: list[tuple[float, int]] = []
            for thread in threads:
                thread.start()
            try:
                while not load.stop.wait(1) and time.monotonic() < begun + minutes * 60:
                    samples.append((time.monotonic() - begun, server.resident()))
            finally:
                load.stop.set()
                for thread in threads:
                    thread.join()
    if load.wrong:
        raise load.wrong[0]
    return Soaked(samples=tuple(samples), done=load.done)


def _admitted(made: Installation) -> tuple[list[str], str]:
    """Return a token of each person, and the cookie of one who is signed in."""
    secrets = [new_secret() for _ in made.staff]
    with made.app.works.begin() as uow:
        for secret, staff in zip(secrets, made.staff, strict=True):
            token = Token(
                id=uow.ids.new(),
                hash=hash_secret(secret),
                staff_id=staff,
                scopes=("read", "cases:write", "enforcements:write"),
                issued_by=staff,
                issued_at=uow.now,
            )
            uow.record("token.issued", by=staff, about=token.id, puts=(token,))
        cookie, _ = start_session(uow, made.staff[0], strong=True)
    return secrets, cookie


def _report(http: httpx.Client, secret: str, place: int) -> None:
    body = {
        "platform": "sandbox",
        "subject": {"kind": "account", "account": f"s{place}"},
        "reporter": f"member-{place % 1_000}",
        "category": "spam",
        "text": TEXT,
    }
    _sent(http, secret, "/reports", body)


def _decide(http: httpx.Client, secret: str) -> None:
    case = _sent(http, secret, "/cases/next", {})
    if "id" not in case:
        return
    decided = {"policy": "spam", "rationale": "Spam.", "actions": [{"action": "limit"}]}
    _sent(http, secret, f"/cases/{case['id']}/decisions", decided)
    account = case["subject"]["account"]
    _sent(http, secret, f"/accounts/sandbox/{account}/restore", {"because": "It was a mistake."})


def _sent(http: httpx.Client, secret: str, path: str, body: dict[str, Any]) -> Any:
    return _asked(http.post(f"/api/v1{path}", json=body, headers={"Authorization": f"Bearer {secret}"})).json()


def _asked(answer: httpx.Response) -> httpx.Response:
    if not answer.is_success:
        path = answer.request.url.path
        raise Unavailable("bench/unexpected", f"{path} was answered {answer.status_code}: {answer.text[:200]}")
    return answer


def _listen(http: httpx.Client, seen: dict[str, str], stop: threading.Event) -> None:
    end = time.monotonic() + _LISTEN
    # Under load something happens twice a second; once it is quiet the load has ended.
    with (
        suppress(httpx.ReadTimeout),
        http.stream("GET", "/live", headers=seen, timeout=httpx.Timeout(60, read=_QUIET)) as answer,
    ):
        if not answer.is_success:
            raise Unavailable("bench/unexpected", f"A stream was answered {answer.status_code}.")
        for _ in answer.iter_raw():
            if stop.is_set() or time.monotonic() > end:
                return
