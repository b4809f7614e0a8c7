"""The web application: the API, its reference, and what stands around them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from anyio import to_thread
from fastapi import APIRouter, FastAPI
from starlette.concurrency import run_in_threadpool

from gardefou.flow.app import App
from gardefou.flow.intake import Intake
from gardefou.flow.times_noted import begin_here
from gardefou.settings import Settings
from gardefou.web import problems, reference
from gardefou.web.api import (
    accounts,
    cases,
    certify,
    enforcements,
    health,
    incidents,
    ledger,
    nets,
    platforms,
    reports,
    rollbacks,
    staff,
    stops,
    tokens,
)
from gardefou.web.auth import Bearer
from gardefou.web.console.aside import framed
from gardefou.web.console.pages import routes
from gardefou.web.console.streams import Live
from gardefou.web.hot import HotPath
from gardefou.web.metrics import Metrics
from gardefou.web.node import Node
from gardefou.web.openid import OpenId
from gardefou.web.pace import Pace
from gardefou.web.processes import threads_of
from gardefou.web.scim.routes import routes as scim_routes
from gardefou.web.shield import Shield
from gardefou.worker import Worker

PREFIX = "/api/v1"
GROUPS: tuple[APIRouter, ...] = tuple(
    group.router
    for group in (
        reports,
        cases,
        enforcements,
        accounts,
        rollbacks,
        stops,
        staff,
        certify,
        tokens,
        nets,
        platforms,
        incidents,
        ledger,
        health,
    )
)


def create_app(app: App, settings: Settings, *, worker: Worker | None) -> FastAPI:
    """Return the web application of a node.

    While it runs (its lifespan) it takes reports in groups and, where a worker
    is given, does the worker's work too; when it ends, every report that was
    sent is durable and answered before the worker stops.
    """
    live = Live(app)
    openid = OpenId(settings)
    pace = Pace(settings)
    node = Node(app=app, settings=settings, bearer=Bearer(app), metrics=Metrics(app), openid=openid, pace=pace)

    @asynccontextmanager
    async def lifespan(_web: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = threads_of(settings)
        await run_in_threadpool(begin_here, app)
        intake = Intake(app)
        node.intake = intake
        if worker is not None:
            worker.start()
        try:
            yield
        finally:
            live.close()
            openid.close()
            node.intake = None
            await run_in_threadpool(intake.close)
            if worker is not None:
                await run_in_threadpool(worker.stop)

    web = FastAPI(
        title="Gardefou",
        version=version("gardefou"),
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        lifespan=lifespan,
        redirect_slashes=False,
        # Our own metrics are at /metrics; no request leaves traces where an environment variable says.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    web.state.node = node
    web.state.live = live
    problems.install(web, framed)
    for group in GROUPS:
        web.include_router(group, prefix=PREFIX)
    # Where probes and scrapers look by habit.
    web.include_router(health.router, include_in_schema=False)
    reference.install(web)
    web.router.routes.extend(scim_routes())
    if settings.signals_issuer:
        # What it is made of takes long to load, and most need it not.
        from gardefou.web.signals import signal_routes  # noqa: PLC0415

        web.router.routes.extend(signal_routes(settings))
    web.router.routes.extend(routes(app, settings, live, openid, pace))
    web.add_middleware(HotPath, prefix=PREFIX)
    web.add_middleware(Shield)
    return web
