"""Running the web application with uvicorn."""

from __future__ import annotations

import gc
import socket

import uvicorn
from starlette.types import ASGIApp

from gardefou.flow.app import App
from gardefou.settings import Settings
from gardefou.web.app import create_app
from gardefou.web.console.streams import Live
from gardefou.web.processes import Place
from gardefou.web.scanning import check_address
from gardefou.web.wire import protocol_of
from gardefou.worker import Worker

#: Seconds that calls under way have to end when the server is told to.
GRACE = 20
#: Seconds that a connection may be idle between two requests.
KEEP_ALIVE = 5
_BACKLOG = 4096
#: Objects made before the collector looks for cycles: a batch of reports makes many, and none.
_YOUNG = 50_000


class Server(uvicorn.Server):
    """uvicorn, which would wait for every open page before it stops: their streams end first."""

    def __init__(self, config: uvicorn.Config, live: Live, place: Place | None = None) -> None:
        super().__init__(config)
        self.live = live
        self.place = place

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, start as ever, and tell whoever looks after this process.

        Raises:
            OSError: another listens there.
        """
        for one in sockets or ():
            # uvloop says nothing of a socket on which it cannot listen.
            one.listen(self.config.backlog)
        await super().startup(sockets)
        if self.place is not None:
            self.place.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then stop as ever."""
        self.live.close()
        await super().shutdown(sockets)


def make_server(app: App, settings: Settings, place: Place | None = None) -> uvicorn.Server:
    """Return a server for a node, with the embedded worker where the settings say so.

    ``place``: which one of several processes it is in.

    On SIGINT or SIGTERM it takes no more connections, answers what is under
    way, makes every report that was sent durable, and stops the worker.
    """
    check_address(settings.scanner)
    worker = Worker(app, settings) if settings.embedded_worker else None
    spare_collector()
    web = create_app(app, settings, worker=worker)
    return Server(config_of(web, settings), web.state.live, place)


def config_of(web: ASGIApp, settings: Settings) -> uvicorn.Config:
    """Return how uvicorn serves an application here."""
    return uvicorn.Config(
        web,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=protocol_of(settings),
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=KEEP_ALIVE,
    )


def spare_collector() -> None:
    """Let the collector leave alone what was loaded, which stays, and look more rarely."""
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 50)
