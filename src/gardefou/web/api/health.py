"""Whether the node lives, whether it can serve, and its metrics. No token: nothing here is about anyone.

HEAD is answered too: many probes ask by it.
"""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from gardefou.web.answers import Json
from gardefou.web.node import node_of

router = APIRouter(tags=["health"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", response_class=Json)
def live(request: Request) -> Json:
    """Say that the process answers."""
    node_of(request)
    return Json({"status": "ok"})


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", response_class=Json)
def ready(request: Request) -> Json:
    """Say whether the node can serve: its store answers, nets are in force, reports are taken."""
    node = node_of(request)
    node.taking()
    with node.app.works.read() as connection:
        config = node.app.config(connection)
    return Json({"status": "ready", "setup_finished": config.rules.setup_finished})


@router.head("/metrics", include_in_schema=False)
@router.get("/metrics", response_class=Response)
def metrics(request: Request) -> Response:
    """Return this node's counters and the store's depth, in Prometheus' text format."""
    return Response(node_of(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)
