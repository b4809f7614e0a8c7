"""The real homeserver that the end-to-end tests share: one for each test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import pytest_socket

from gardefou.lab.homeserver import Homeserver


@pytest.fixture(scope="session")
def homeserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    # A session fixture is made before the markers of the first test count.
    pytest_socket.enable_socket()
    with Homeserver.up(tmp_path_factory.mktemp("homeserver")) as server:
        yield server
