"""One `serve` of several processes, as they really are: they count and forget together, and are looked after."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from gardefou.errors import InvalidInput
from gardefou.settings import Settings
from gardefou.storage import tables
from gardefou.web import processes
from tests.nodes.installation import ROOT, SECRET, Installation, free_port, wait

pytestmark = [pytest.mark.network_loopback]

#: Seconds that a start may take on a machine that does much else.
SOON = 120
HEADERS = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture
def installation(postgresql_url, tmp_path):
    made = Installation(postgresql_url, tmp_path)
    yield made
    made.close()


def serving(installation: Installation) -> list[int]:
    """Return the processes that serve, but not the one that looks after them."""
    keeper = installation.processes["one"].pid
    with suppress(OSError):
        return [int(one) for one in Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()]
    return []


def lives(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def maps(pid: int) -> str:
    """Return what a process has mapped."""
    return Path(f"/proc/{pid}/maps").read_text()


def started(installation: Installation) -> list[int]:
    """Start a node of two processes; return both once they serve."""
    installation.start("one", "serve", "--processes", "2")
    installation.wait_ready("one")
    return both(installation)


def both(installation: Installation) -> list[int]:
    """Return both processes once each of them takes a connection by itself."""
    wait(lambda: len(serving(installation)) == 2, SOON, "there are not two processes")
    pids = serving(installation)
    for pid in pids:
        with client_of(installation, pid, pids):
            pass
    return pids


@contextmanager
def client_of(installation: Installation, pid: int, pids: list[int]) -> Iterator[httpx.Client]:
    """Give a client whose one connection this process has: the others are held while it is made."""
    others = [one for one in pids if one != pid]
    with httpx.Client(base_url=installation.base("one"), headers=HEADERS, timeout=SOON) as client:
        for one in others:
            os.kill(one, signal.SIGSTOP)
        try:
            assert client.get("/healthz").status_code == 200
        finally:
            for one in others:
                os.kill(one, signal.SIGCONT)
        yield client


def report(client: httpx.Client, account: str) -> httpx.Response:
    body = {
        "platform": "sandbox",
        "subject": {"kind": "account", "account": account},
        "reporter": "m",
        "category": "spam",
    }
    return client.post("/api/v1/reports", json=body)


def taken(client: httpx.Client) -> float:
    """Return how many new cases `/metrics` says that reports opened."""
    [line] = [
        line
        for line in client.get("/metrics").text.splitlines()
        if line.startswith('gardefou_reports_total{merged="false"')
    ]
    return float(line.split()[-1])


def test_two_processes_are_one_node(installation):
    pids = started(installation)
    with ExitStack() as open_connections:
        clients = [open_connections.enter_context(client_of(installation, pid, pids)) for pid in pids]
        for place, client in enumerate(clients):
            assert report(client, f"a{place}").status_code == 202
        # Whichever is asked says what both did.
        assert [taken(client) for client in clients] == [2, 2]
        # A token that ends through one of them has ended in the other, which had just read it, before the answer.
        assert report(clients[1], "b").status_code == 202
        assert clients[0].post("/api/v1/tokens/revoke-leaked", json={"token": SECRET}).status_code == 202
        assert report(clients[1], "c").status_code == 401


def test_a_process_that_dies_is_started_anew_and_none_outlives_the_one_that_looks_after_them(installation):
    first, second = started(installation)
    for killed in (second, first):
        os.kill(killed, signal.SIGKILL)
        gone = partial(lambda pid: pid not in serving(installation), killed)
        wait(gone, SOON, "it was not noticed")
        pids = both(installation)
    assert (installation.folder / "one.log").read_text().count("has ended (SIGKILL); it is started anew") == 2
    with client_of(installation, pids[0], pids) as client:
        assert report(client, "a").status_code == 202
    installation.kill("one")
    wait(lambda: not any(lives(pid) for pid in pids), SOON, "a process outlived the one that looks after it")
    # Its address is free.
    before = started(installation)
    installation.stop(SOON)
    assert not any(lives(pid) for pid in before)


def test_what_was_acknowledged_is_there_once_all_have_stopped(installation):
    pids = started(installation)
    # Where they count is in memory, for nobody else, and gone with them.
    [counters] = {
        Path(found[1]) for pid in pids for found in re.finditer(r"(/\S*/gardefou-counters-[^/]+)/", maps(pid))
    }
    assert counters.parent == (processes._memory() or Path(tempfile.gettempdir()))
    assert stat.S_IMODE(counters.stat().st_mode) == 0o700
    with ExitStack() as open_connections:
        clients = [open_connections.enter_context(client_of(installation, pid, pids)) for pid in pids]
        told = {report(clients[place % 2], f"a{place}").json()["report"] for place in range(20)}
    installation.stop(SOON)
    app = installation.open()
    with app.works.read() as connection:
        stored = set(connection.execute(sa.select(tables.report.c.id)).scalars())
    app.works.store.close()
    assert told == stored
    assert not counters.exists()


def test_an_address_that_another_listens_on_is_said_once(installation):
    started(installation)
    again = command(installation, "serve", "--processes", "2", "--port", str(installation.ports["one"]))
    assert again.returncode == 2
    assert again.stderr.count("cannot be listened on") == 1
    # The one that was there serves on.
    with httpx.Client(base_url=installation.base("one"), headers=HEADERS, timeout=SOON) as client:
        assert report(client, "a").status_code == 202


def test_a_first_process_that_cannot_start_says_why_once_and_the_node_ends_as_it_does(postgresql_url, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "gardefou", "serve", "--processes", "3", "--port", str(free_port())],
        cwd=tmp_path, env=environment(postgresql_url, tmp_path), capture_output=True, text=True, timeout=SOON, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.count("There is no Gardefou in this database") == 1


@pytest.mark.parametrize("url", ["postgresql", "sqlite"])
def test_a_free_port_is_named_where_one_was_asked_for(installation, tmp_path, url):
    words = ["serve", "--port", "0"]
    if url == "sqlite":
        initialised = command(installation, "init", "--name", "Ada Example", url="")
        assert initialised.returncode == 0, initialised.stderr
    server = subprocess.Popen(
        [sys.executable, "-m", "gardefou", *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        env=environment(installation.settings.database_url if url == "postgresql" else "", tmp_path),
    )  # fmt: skip
    with server:
        assert server.stderr is not None
        said = server.stderr.readline()
        found = re.search(r"http://127.0.0.1:([1-9][0-9]+) ", said)
        assert found, said
        address = f"http://127.0.0.1:{found[1]}/healthz"

        def answers() -> bool:
            with suppress(httpx.ConnectError):
                return httpx.get(address, timeout=SOON).status_code == 200
            return False

        wait(answers, SOON, "nobody listens there")
        server.send_signal(signal.SIGINT)
        assert server.wait(SOON) == 130
        assert server.stderr.read().strip() == ""


def command(installation: Installation, *words: str, url: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gardefou", *words],
        cwd=installation.folder,
        env=environment(installation.settings.database_url if url is None else url, installation.folder),
        capture_output=True,
        text=True,
        timeout=SOON,
        check=False,
    )


def environment(url: str, folder: Path) -> dict[str, str]:
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("GARDEFOU_")},
        "PYTHONPATH": str(ROOT / "src"),
        "GARDEFOU_DATABASE_URL": url,
        "GARDEFOU_DATA": str(folder),
    }


# how many ------------------------------------------------------------------------------


@pytest.mark.parametrize(("processors", "most"), [(1, 1), (2, 2), (4, 4), (64, 4)])
def test_left_open_postgresql_is_served_by_a_process_a_processor(monkeypatch, processors, most):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(processors)))
    settings = Settings(database_url="postgresql://db/gardefou")
    assert processes.processes_of(settings) == most
    # They share the connections of the database that one would have had.
    assert processes.threads_of(settings) * most <= 40
    assert processes.processes_of(Settings()) == 1
    assert processes.threads_of(Settings()) == 40


@pytest.mark.parametrize(
    "settings",
    [
        Settings(processes=2),
        Settings(processes=-1),
        Settings(processes=-1, database_url="postgresql://db/gardefou"),
    ],
)
def test_several_processes_on_sqlite_are_refused_and_fewer_than_none_everywhere(settings):
    with pytest.raises(InvalidInput) as refused:
        processes.processes_of(settings)
    assert (refused.value.code, refused.value.field) == ("serve/processes", "processes")


def test_what_is_asked_for_is_what_serves():
    assert processes.processes_of(Settings(processes=7, database_url="postgresql://db/gardefou")) == 7
    assert processes.processes_of(Settings(processes=1)) == 1
