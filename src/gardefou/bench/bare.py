"""What the server alone can do: an application that reads a request and answers 202, without a database.

``python -m gardefou.bench.bare --port PORT`` serves it, as `gardefou serve`
serves ours: the same server, loop and parser, and the same settings of them.
"""

from __future__ import annotations

import sys

import uvicorn
from starlette.types import Receive, Scope, Send

from gardefou.settings import Settings
from gardefou.web.serve import config_of, spare_collector

_BODY = b'{"report":"01890a5d-ac96-774b-bcce-b302099a8057","case":"01890a5d-ac96-774b-bcce-b302099a8058"}'
_NOT_HERE = "/nothing"
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())]


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Read what is sent, and take it."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    status = 404 if scope["path"] == _NOT_HERE else 200 if scope["method"] == "GET" else 202
    await send({"type": "http.response.start", "status": status, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY})


def main(arguments: list[str]) -> None:
    """Serve it on the port that is named."""
    spare_collector()
    port = int(arguments[arguments.index("--port") + 1])
    uvicorn.Server(config_of(bare, Settings(host="127.0.0.1", port=port))).run()


if __name__ == "__main__":
    main(sys.argv)
