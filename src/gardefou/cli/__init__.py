"""The command line, ``gardefou``: the same flow as console and API, acting as whoever signed in here (R4).

Exit status: 0 success; 1 what a command checks does not hold, or what it asked
for was refused; 2 bad usage or bad input, said in one line on standard error.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import click

from gardefou.cli.account import account
from gardefou.cli.backup import backup
from gardefou.cli.bench import bench
from gardefou.cli.case import case
from gardefou.cli.common import Root, data_option, examples
from gardefou.cli.demo import demo
from gardefou.cli.doctor import doctor
from gardefou.cli.enforcement import enforcement
from gardefou.cli.incident import incident
from gardefou.cli.init import init
from gardefou.cli.ledger import ledger
from gardefou.cli.login import login, logout
from gardefou.cli.nets import nets
from gardefou.cli.notices import notices
from gardefou.cli.oidc import oidc
from gardefou.cli.pause import break_glass, pause, ratify, resume
from gardefou.cli.platform import platform
from gardefou.cli.raid import raid
from gardefou.cli.report import report
from gardefou.cli.restore import restore, rollback
from gardefou.cli.scenario import scenario
from gardefou.cli.seals import seals
from gardefou.cli.serve import serve, worker
from gardefou.cli.session import session
from gardefou.cli.setting import setting
from gardefou.cli.setup import setup
from gardefou.cli.staff import staff
from gardefou.cli.staff_import import import_staff
from gardefou.cli.staff_invite import invite
from gardefou.cli.token import token

__all__ = ["cli", "main"]


def _version() -> str:
    try:
        return version("gardefou")
    except PackageNotFoundError:
        return "of a source tree"


@click.group(
    "gardefou",
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "gardefou init --name 'Ada Example'",
        "gardefou serve",
        "gardefou case next",
        "gardefou restore sandbox/1001 --because 'this is the real one'",
    ),
)
@data_option
@click.version_option(_version(), prog_name="gardefou", message="%(prog)s %(version)s")
def cli() -> None:
    """The rail between the people who decide about accounts and the platform that carries it out.

    Settings come from gardefou.toml, then GARDEFOU_* variables, then flags.
    Commands act as whoever ran `gardefou login` here, or as the bearer of
    GARDEFOU_TOKEN.
    """


for _command in (
    account,
    backup,
    bench,
    break_glass,
    case,
    demo,
    doctor,
    enforcement,
    incident,
    init,
    ledger,
    login,
    logout,
    nets,
    notices,
    oidc,
    pause,
    platform,
    raid,
    ratify,
    report,
    restore,
    resume,
    rollback,
    scenario,
    seals,
    serve,
    session,
    setting,
    setup,
    staff,
    token,
    worker,
):
    cli.add_command(_command)
staff.add_command(import_staff)
staff.add_command(invite)


def main() -> None:
    """Run the command line and end the process; the console script ``gardefou``."""
    cli.main(prog_name="gardefou")
