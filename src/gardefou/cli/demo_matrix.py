"""``python -m gardefou.cli.demo_matrix``: the demo on a real homeserver that is brought up and thrown away."""

from __future__ import annotations

import sys

import click

from gardefou.cli.common import Cli, Root, data_option
from gardefou.cli.demo import refuse_initialised
from gardefou.cli.demo_serving import own_folder, serve_console, stop_on_terminate
from gardefou.settings import Settings


@click.command("demo-matrix")
@data_option
@click.option("--no-serve", is_flag=True, help="Stop after the show.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Where to serve (default 8700, else a free one).")
@click.pass_context
def demo_matrix(context: click.Context, no_serve: bool, port: int | None) -> None:
    """Show Gardefou on a real Matrix homeserver, then serve the console.

    The homeserver (Synapse) is installed beside the project the first time, and
    runs on this machine alone until the demo ends.
    """
    from gardefou.bootstrap import open_app
    from gardefou.demo import matrix
    from gardefou.demo.matrix_show import farewell, show
    from gardefou.demo.show import Screen
    from gardefou.lab.homeserver import Homeserver
    from gardefou.people.keys import KeyStore

    stop_on_terminate()
    screen = Screen(lively=sys.stdout.isatty())
    with own_folder(context.ensure_object(Cli).data) as folder:
        refuse_initialised(folder)
        screen.line()
        screen.line("  Bringing up a Matrix homeserver; the first time it is installed, which takes a minute or two …")
        settings = Settings(data=folder)
        with Homeserver.up(folder / "homeserver") as server:
            app = open_app(settings)
            try:
                scene = matrix.make_scene(app, KeyStore(settings.keys_folder), server)
                show(scene, screen)
                if no_serve:
                    return
                key = matrix.sign_in_key(scene)
                serve_console(app, folder, port=port, ready=lambda address: farewell(scene, screen, address, key))
            finally:
                app.works.store.close()


@click.group("gardefou", cls=Root)
def _alone() -> None:
    """The demo by itself, with the errors and exit statuses of the whole command line."""


_alone.add_command(demo_matrix)


def main() -> None:
    """Run the demo from the command line."""
    _alone.main(["demo-matrix", *sys.argv[1:]])


if __name__ == "__main__":
    main()
