"""What both demos share: a folder of their own, and the console served until somebody stops it."""

from __future__ import annotations

import contextlib
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from gardefou.errors import Unavailable
from gardefou.flow.app import App
from gardefou.settings import Settings

_HOST = "127.0.0.1"
_LOOK = 0.05


@contextlib.contextmanager
def own_folder(given: Path | None) -> Iterator[Path]:
    """Open the folder of a demo: the given one, which stays, or a temporary one, removed at the end."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="gardefou-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def stop_on_terminate() -> None:
    """Let SIGTERM end a demo as Ctrl-C does, so that what it started and made is cleared away."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def serve_console(app: App, folder: Path, *, port: int | None, ready: Callable[[str], None]) -> None:
    """Serve console and API with the embedded worker until Ctrl-C; ``ready`` hears the address once it answers.

    Raises:
        Unavailable: the address cannot be listened on (`serve/address`).
    """
    from gardefou.web.serve import make_server

    settings = Settings(data=folder, host=_HOST, port=_free_port(port))
    server = make_server(app, settings)

    def announce() -> None:
        while not server.started:
            if server.should_exit:
                return
            time.sleep(_LOOK)
        ready(f"http://{settings.host}:{settings.port}")

    threading.Thread(target=announce, name="gardefou-announce", daemon=True).start()
    # It ends the process itself where it cannot listen; Ctrl-C is how a demo ends.
    with contextlib.suppress(SystemExit, KeyboardInterrupt):
        server.run()
    server.should_exit = True
    if not server.started:
        raise Unavailable("serve/address", f"{_HOST}:{settings.port} cannot be listened on; name another with --port.")


def _free_port(wanted: int | None) -> int:
    """Return the wanted port; without a wish the usual one, or where that is taken, a free one."""
    if wanted:
        return wanted
    for port in (Settings().port, 0) if wanted is None else (0,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((_HOST, port))
                return int(probe.getsockname()[1])
    raise Unavailable("serve/address", f"No port of {_HOST} is free; name one with --port.")
