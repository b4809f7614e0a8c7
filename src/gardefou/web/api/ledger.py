"""The ledger as C2SP tlog-tiles: the newest checkpoint, tiles of hashes, bundles of leaves.

Leaves are salted commitments: what is served here says that something
happened and when, and nothing about whom.
"""

from __future__ import annotations

import sqlalchemy as sa
from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from gardefou.errors import InvalidInput, NotFound
from gardefou.ledger.sequencer import latest
from gardefou.ledger.tiles import WIDTH, bundle_bytes, is_served, parse_path
from gardefou.storage import tables
from gardefou.web.node import Reader

router = APIRouter(tags=["ledger"])
_HEIGHT = 8
_FULL = "public, max-age=31536000, immutable"

_node = tables.tree_node.c
_leaf = tables.leaf.c


@router.get("/ledger/{platform}/checkpoint", response_class=PlainTextResponse)
def show_checkpoint(caller: Reader, platform: str) -> PlainTextResponse:
    """Return the newest signed checkpoint of a platform's log; ``gardefou`` is the organisation's own."""
    caller.actor.require_platform(platform)
    with caller.app.works.read() as connection:
        held = latest(connection, platform)
    if held is None:
        raise NotFound("ledger/empty", f"The log of {platform!r} has no checkpoint yet.")
    return PlainTextResponse(held.note)


@router.get("/ledger/{platform}/tile/{path:path}", response_class=Response)
def show_tile(caller: Reader, platform: str, path: str) -> Response:
    """Return a tile of hashes (``tile/0/000``) or a bundle of leaves (``tile/entries/000``)."""
    caller.actor.require_platform(platform)
    try:
        tile = parse_path(f"tile/{path}")
    except InvalidInput as error:
        raise NotFound(error.code, error.message) from error
    with caller.app.works.read() as connection:
        held = latest(connection, platform)
        if held is None or not is_served(tile, held.size):
            raise NotFound("ledger/tile", "The log has not grown so far, or there is no such log.")
        stop = tile.start + tile.width
        if tile.level is None:
            rows = connection.execute(
                sa.select(_leaf.data)
                .where(_leaf.platform == platform, _leaf.seq >= tile.start, _leaf.seq < stop)
                .order_by(_leaf.seq)
            )
            data = bundle_bytes([row.data for row in rows])
        elif not tile.level:
            rows = connection.execute(
                sa.select(_leaf.hash)
                .where(_leaf.platform == platform, _leaf.seq >= tile.start, _leaf.seq < stop)
                .order_by(_leaf.seq)
            )
            data = b"".join(row.hash for row in rows)
        else:
            rows = connection.execute(
                sa.select(_node.hash)
                .where(
                    _node.platform == platform,
                    _node.level == _HEIGHT * tile.level,
                    _node.position >= tile.start,
                    _node.position < stop,
                )
                .order_by(_node.position)
            )
            data = b"".join(row.hash for row in rows)
    headers = {"Cache-Control": _FULL} if tile.width == WIDTH else None
    return Response(data, headers=headers, media_type="application/octet-stream")
