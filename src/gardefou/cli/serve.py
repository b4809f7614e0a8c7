"""`gardefou serve` and `gardefou worker`: the processes of an installation."""

from __future__ import annotations

import gc
import signal

import click

from gardefou import memory
from gardefou.cli.common import Cli, cli_command, examples
from gardefou.cli.log_lines import log_here

_STOPS = (signal.SIGINT, signal.SIGTERM)


@click.command(
    "serve",
    epilog=examples(
        "gardefou serve",
        "gardefou serve --host 0.0.0.0 --port 8700",
        "gardefou serve --no-worker        (with `gardefou worker` elsewhere)",
        "gardefou serve --processes 4      (on PostgreSQL)",
    ),
)
@click.option("--host", help="Where to listen (default 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65_535), help="On which port (default 8700; 0 takes a free one).")
@click.option("--no-worker", is_flag=True, help="Leave the worker's work to other processes.")
@click.option(
    "--processes",
    type=click.IntRange(1),
    help="How many processes answer (default: on PostgreSQL one a processor, four at most; on SQLite one).",
)
@cli_command
def serve(ctx: Cli, host: str | None, port: int | None, processes: int | None, *, no_worker: bool) -> None:
    """Serve console and API, and do the worker's work beside it, until stopped."""
    ctx.flags = {
        "host": host,
        "port": port,
        "processes": processes,
        "embedded_worker": False if no_worker else None,
    }
    log_here()
    memory.share_heaps()
    # Loading makes many objects and leaves none behind: looking for some would take a tenth of the time.
    gc.disable()
    try:
        from gardefou.web.processes import bound, cannot_listen, processes_of, spread

        several = processes_of(ctx.settings) > 1
        settings, sockets = bound(ctx.settings)
        place = None
        if several:
            place = spread(settings, sockets)
            if place is None:
                return
            settings = place.settings
        from gardefou.web.serve import make_server

        server = make_server(ctx.app_in_time(), settings, place)
    finally:
        gc.enable()
    if place is None or place.first:
        ctx.out.note(f"Serving on http://{settings.host}:{settings.port} from {settings.data}; Ctrl-C stops.")
    try:
        server.run(sockets)
    except OSError as error:
        # Another bound the same address meanwhile, and listened first.
        raise cannot_listen(settings) from error


@click.command(
    "worker",
    epilog=examples("gardefou worker", "gardefou worker --once        (do what is due now, and end)"),
)
@click.option("--once", is_flag=True, help="Do what is due now, and end.")
@cli_command
def worker(ctx: Cli, once: bool) -> None:
    """Do the clock's work: holds, deadlines, expiries, retries, checkpoints, watching, fetching reports, notices.

    Any number may run beside each other and beside `gardefou serve`.
    """
    from gardefou.flow.times_noted import begin_here
    from gardefou.worker import Worker

    if not once:
        log_here()
        memory.share_heaps()
    app = ctx.app if once else ctx.app_in_time()
    begin_here(app)
    work = Worker(app, ctx.settings)
    if once:
        done = work.round()
        done += work.notices_once()
        ctx.out.data({"done": done}, f"{done} things were done." if done else "Nothing was due.")
        return
    # Blocked before any thread is started, so that this one alone hears them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    work.start()
    ctx.out.note(f"Working on {ctx.settings.data}; Ctrl-C stops.")
    signal.sigwait(_STOPS)
    ctx.out.note("Stopping after what is in hand.")
    work.stop()
