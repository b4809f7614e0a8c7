"""`gardefou serve` and `gardefou worker`: the processes of an installation."""

from __future__ import annotations

import logging
import signal

import click

from gardefou.cli.common import Cli, cli_command, examples

_STOPS = (signal.SIGINT, signal.SIGTERM)
_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@click.command(
    "serve",
    epilog=examples(
        "gardefou serve",
        "gardefou serve --host 0.0.0.0 --port 8700",
        "gardefou serve --no-worker        (with `gardefou worker` elsewhere)",
    ),
)
@click.option("--host", help="Where to listen (default 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65_535), help="On which port (default 8700; 0 takes a free one).")
@click.option("--no-worker", is_flag=True, help="Leave the worker's work to other processes.")
@cli_command
def serve(ctx: Cli, host: str | None, port: int | None, no_worker: bool) -> None:
    """Serve console and API, and do the worker's work beside it, until stopped."""
    import uvicorn

    from gardefou.web.app import create_web
    from gardefou.worker import Worker

    ctx.flags = {"host": host, "port": port, "embedded_worker": False if no_worker else None}
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT)
    settings = ctx.settings
    app = ctx.app
    web = create_web(app, settings)
    worker = Worker(app, settings) if settings.embedded_worker else None
    if worker is not None:
        worker.start()
    ctx.out.note(f"Serving on http://{settings.host}:{settings.port} from {settings.data}; Ctrl-C stops.")
    try:
        uvicorn.run(web, host=settings.host, port=settings.port, log_config=None, access_log=False)
    finally:
        if worker is not None:
            worker.stop()


@click.command(
    "worker",
    epilog=examples("gardefou worker", "gardefou worker --once        (do what is due now, and end)"),
)
@click.option("--once", is_flag=True, help="Do what is due now, and end.")
@cli_command
def worker(ctx: Cli, once: bool) -> None:
    """Do the clock's work: holds, deadlines, expiries, retries, checkpoints, watching, fetching reports.

    Any number may run beside each other and beside `gardefou serve`.
    """
    from gardefou.worker import Worker

    app = ctx.app
    work = Worker(app, ctx.settings)
    if once:
        done = work.round()
        ctx.out.data({"done": done}, f"{done} things were done." if done else "Nothing was due.")
        return
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT)
    # Blocked before any thread is started, so that this one alone hears them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    work.start()
    ctx.out.note(f"Working on {ctx.settings.data}; Ctrl-C stops.")
    signal.sigwait(_STOPS)
    ctx.out.note("Stopping after what is in hand.")
    work.stop()
