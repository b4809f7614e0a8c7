"""What all tests share: blocked sockets, and databases of both kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import compiled
from tests.databases import KINDS, Databases, Kind

_DATABASES = pytest.StashKey[Databases]()

# How fast it goes is no test's business: a busy machine fails none.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

#: This machine alone. Tests marked `e2e` and `browser` talk to servers that they started here.
LOOPBACK = ["127.0.0.1", "::1", "localhost"]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Make the folder that all processes of this run share, or take the one we were given."""
    given = getattr(config, "workerinput", None)
    compiled.share()
    config.stash[_DATABASES] = Databases(Path(given["shared_folder"])) if given else Databases.for_new_run()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Tell a process of pytest-xdist which folder it shares."""
    node.workerinput["shared_folder"] = str(node.config.stash[_DATABASES].folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop and remove what the run started; workers leave that to the process that started them."""
    if _DATABASES in config.stash:
        config.stash[_DATABASES].give_back()
        if not hasattr(config, "workerinput"):
            config.stash[_DATABASES].finish()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Open the loopback interface to tests that say they need it, and to no others."""
    for item in items:
        if any(item.get_closest_marker(name) for name in ("network_loopback", "e2e", "browser")):
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))


def pytest_collection_finish() -> None:
    """Let the collector leave alone what was loaded, which stays, and look more rarely: a tenth of the time, as in `serve`."""
    from gardefou.web.serve import spare_collector

    spare_collector()


@pytest.fixture(scope="session")
def databases(pytestconfig: pytest.Config) -> Databases:
    """Where databases come from; most tests want `database_url`."""
    return pytestconfig.stash[_DATABASES]


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> Kind:
    """`sqlite`, then `postgresql`: whoever asks for it runs on both."""
    return request.param


@pytest.fixture
def database_url(databases: Databases, database_kind: Kind) -> Iterator[str]:
    """The URL of a fresh, migrated database, once on each kind."""
    with databases.fresh(database_kind) as url:
        yield url


@pytest.fixture
def empty_database_url(databases: Databases, database_kind: Kind) -> Iterator[str]:
    """The URL of a fresh database that no migration has touched, once on each kind."""
    with databases.fresh(database_kind, migrated=False) as url:
        yield url


@pytest.fixture
def new_database(databases: Databases, database_kind: Kind) -> Iterator[Callable[[], str]]:
    """Makes a fresh, migrated database at each call (stateful and property tests need one per example)."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(databases.fresh(database_kind))


@pytest.fixture
def sqlite_url(databases: Databases) -> Iterator[str]:
    """The URL of a fresh, migrated SQLite database, for tests in which the kind does not matter."""
    with databases.fresh("sqlite") as url:
        yield url


@pytest.fixture
def postgresql_url(databases: Databases) -> Iterator[str]:
    """The URL of a fresh, migrated PostgreSQL database, for what only PostgreSQL does."""
    with databases.fresh("postgresql") as url:
        yield url


@pytest.fixture(scope="module", params=KINDS)
def module_database_url(databases: Databases, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a migrated database that the tests of one module share, once on each kind."""
    with databases.fresh(request.param) as url:
        yield url
