"""`gardefou demo`: the sixty seconds on one SQLite file of their own, then the console."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gardefou.cli.common import Cli, data_option, examples, is_initialised
from gardefou.cli.demo_serving import own_folder, serve_console, stop_on_terminate
from gardefou.errors import Conflict
from gardefou.settings import Settings


@click.command(
    "demo",
    epilog=examples(
        "gardefou demo",
        "gardefou demo --no-serve          (stop after the show)",
        "gardefou --data DIR demo          (keep it all in DIR, where there is no Gardefou yet)",
    ),
)
@data_option
@click.option("--no-serve", is_flag=True, help="Stop after the show.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Where to serve (default 8700, else a free one).")
@click.pass_context
def demo(context: click.Context, no_serve: bool, port: int | None) -> None:
    """Show Gardefou in a minute on a store made for it, then serve the console.

    It uses the embedded sandbox platform and a folder of its own, removed at
    the end unless DIR was given. Settings, the environment and any store that
    is there already are left alone.
    """
    from gardefou.bootstrap import open_app
    from gardefou.demo.show import Screen, opening, show
    from gardefou.demo.stage import make_stage
    from gardefou.people.authenticate import make_link

    stop_on_terminate()
    with own_folder(context.ensure_object(Cli).data) as folder:
        refuse_initialised(folder)
        app = open_app(Settings(data=folder))
        try:
            screen = Screen(lively=sys.stdout.isatty())
            opening(screen)
            stage = make_stage(app)
            show(stage, screen)
            screen.line()
            if no_serve:
                return

            def ready(address: str) -> None:
                with app.works.begin() as uow:
                    secret = make_link(uow.connection, stage.you, now=uow.now)
                screen.line(f"  {click.style('The console', bold=True)}  {address}")
                screen.line()
                screen.line(f"     Sign in once, within 10 minutes:  {address}/signin/{secret}")
                screen.line()
                screen.say("You are a lead on duty. Cases wait for you, and a colleague waits for your yes.")
                screen.line("     Ctrl-C ends the demo.")

            serve_console(app, folder, port=port, ready=ready)
        finally:
            app.works.store.close()


def refuse_initialised(folder: Path) -> None:
    """Raise when there is an installation in a folder already (R11).

    Raises:
        Conflict: there is one (`store/initialised`).
    """
    if is_initialised(Settings(data=folder)):
        raise Conflict(
            "store/initialised",
            f"There is a Gardefou in {folder} already, and the demo makes its own; leave --data out, or name another.",
        )
