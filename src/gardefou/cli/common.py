"""What every command works with: the opened application, the acting person, errors in one line.

    @case.command("show")
    @cli_command
    @click.argument("case_id")
    def show(ctx: Cli, case_id: str) -> None: ...

`cli_command` gives a command its `Cli`, ``--data`` and ``--json``; `Root` turns
everything that is raised into one line on standard error and an exit status.
"""

from __future__ import annotations

import functools
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import click

from gardefou.cli.output import Output, one_line
from gardefou.errors import Conflict, Denied, GardefouError, InvalidInput, StepUpRequired, Unavailable
from gardefou.flow.app import App
from gardefou.people.actor import Actor
from gardefou.settings import Settings, load_settings

#: Exit statuses: what is checked does not hold; bad usage or bad input.
NOT_HELD = 1
BAD_INPUT = 2
_INTERRUPTED = 130
#: Seconds for which a database server is asked again at the start, longer than a failover takes; and between two tries.
_AT_START, _AGAIN = 60.0, 1.0
_TOKEN = "GARDEFOU_TOKEN"  # noqa: S105 - the name of a variable

_log = logging.getLogger("gardefou.store")


@dataclass(slots=True)
class Cli:
    """One run of the command line: settings from all sources, and the application, opened when first asked for."""

    data: Path | None = None
    flags: dict[str, Any] = field(default_factory=dict[str, Any])
    out: Output = field(default_factory=Output)
    _settings: Settings | None = None
    _app: App | None = None

    @property
    def settings(self) -> Settings:
        """The settings: ``gardefou.toml``, then ``GARDEFOU_*`` variables, then flags."""
        if self._settings is None:
            self._settings = load_settings(flags={"data": self.data, **self.flags})
        return self._settings

    @property
    def app(self) -> App:
        """The application on an initialised store, migrated where need be.

        Raises:
            Unavailable: there is no store yet (`store/uninitialised`), or it does not answer.
        """
        if self._app is None:
            self._app = self.open(must_be_initialised=True)
        return self._app

    def app_in_time(self) -> App:
        """The application, as `app` is; a database server that does not answer is asked again for a minute.

        For what starts with the machine: servers start too, fail over, or have no connection to give now.
        """
        from sqlalchemy.exc import OperationalError

        until = time.monotonic() + _AT_START
        said = False
        while True:
            try:
                return self.app
            except OperationalError as error:
                if time.monotonic() >= until or not self.settings.url.startswith("postgres"):
                    raise
                if not said:
                    why = str(error.orig).strip().splitlines()[0]
                    _log.warning("the store does not answer; it is asked again for a minute: %s", why)
                said = True
            time.sleep(_AGAIN)

    def open(self, *, must_be_initialised: bool) -> App:
        """Open the application node; without ``must_be_initialised`` a store is made where there is none.

        Raises:
            Unavailable: `store/uninitialised`.
        """
        from gardefou.bootstrap import open_app

        if must_be_initialised and not is_initialised(self.settings):
            raise uninitialised(self.settings)
        self._app = open_app(self.settings)
        return self._app

    def close(self) -> None:
        """Close the store's connections."""
        if self._app is not None:
            self._app.works.store.close()
            self._app = None

    def actor(self) -> Actor:
        """Return whoever is signed in here: the bearer of ``GARDEFOU_TOKEN``, else of `gardefou login`.

        Raises:
            Denied: nobody is (`auth/signed_out`), or the secret is not good any more (`auth/invalid`).
        """
        secret = os.environ.get(_TOKEN, "").strip() or read_signin(self.settings)
        if not secret:
            raise Denied(
                "auth/signed_out", "Nobody is signed in here; run `gardefou login`, or set GARDEFOU_TOKEN to a token."
            )
        return actor_of(self.app, secret)


def actor_of(app: App, secret: str) -> Actor:
    """Return the bearer of a token's or a session's secret, acting over the command line.

    Raises:
        Denied: `auth/invalid`, `auth/signed_out`, `staff/…`.
    """
    from datetime import datetime, timedelta

    import sqlalchemy as sa

    from gardefou.flow.rules import load_rules
    from gardefou.people.authenticate import by_session, by_token, hash_secret
    from gardefou.people.sessions import NOTED, note_seen
    from gardefou.people.token_use import note_used
    from gardefou.storage import tables

    seen: datetime | None = None
    with app.works.read() as connection:
        is_session = connection.execute(
            sa.select(tables.session.c.staff_id).where(tables.session.c.hash == hash_secret(secret))
        ).first()
        if is_session is None:
            actor = by_token(connection, secret, now=app.now(), via="cli")
            # The command line reads the store itself, which knows no walls.
            actor.require_everywhere()
        else:
            idle = timedelta(seconds=load_rules(connection).session_idle_seconds)
            actor, _, seen = by_session(connection, secret, now=app.now(), idle=idle)
    if seen is not None:
        # Else whoever works here all day is signed out as if nobody had used it since the morning.
        if app.now() - seen > NOTED:
            with app.works.begin() as uow:
                note_seen(uow.connection, hash_secret(secret), uow.now)
        return replace(actor, via="cli")
    if actor.token_id is not None:
        note_used(app.works.store, actor.token_id, app.now())
    return actor


# the store -----------------------------------------------------------------------------


def uninitialised(settings: Settings) -> Unavailable:
    """Return the error for a place where there is no installation yet."""
    where = "this database" if settings.database_url else str(settings.data)
    return Unavailable(
        "store/uninitialised", f"There is no Gardefou in {where}; run `gardefou init`, or name another with --data."
    )


def is_initialised(settings: Settings) -> bool:
    """Whether the store that the settings name has nets in force; makes nothing where there is none."""
    import sqlalchemy as sa

    from gardefou.storage import tables
    from gardefou.storage.engine import open_store

    if not settings.database_url and not (settings.data / "gardefou.db").exists():
        return False
    store = open_store(settings.url)
    try:
        with store.read() as connection:
            if not sa.inspect(connection).has_table(tables.nets_version.name):
                return False
            return connection.execute(sa.select(tables.nets_version.c.id).limit(1)).first() is not None
    finally:
        store.close()


# signed in on this machine --------------------------------------------------------------


def signin_file(settings: Settings) -> Path:
    """Return where this machine keeps who is signed in."""
    return settings.data / "signin"


def read_signin(settings: Settings) -> str:
    """Return the kept secret, or nothing."""
    try:
        return signin_file(settings).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def keep_signin(settings: Settings, secret: str) -> None:
    """Keep a secret so that only this machine's user reads it."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = signin_file(settings)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(secret + "\n")
    draft.replace(path)


def forget_signin(settings: Settings) -> bool:
    """Forget the kept secret; return whether there was one."""
    path = signin_file(settings)
    there = path.exists()
    path.unlink(missing_ok=True)
    return there


# commands ------------------------------------------------------------------------------


def _take_data(context: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.ensure_object(Cli).data = value


def _take_json(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Cli).out.as_json = True


data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    expose_value=False,
    is_eager=True,
    callback=_take_data,
    help="Folder with database, keys and exports (default ./gardefou-data).",
)
_json_option = click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_take_json,
    help="Print one JSON document on standard output, and nothing else there.",
)


def cli_command(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--data`` and ``--json``, and its `Cli` as the first argument, closed at the end."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        cli = click.get_current_context().ensure_object(Cli)
        try:
            function(cli, *args, **kwargs)
        finally:
            cli.close()

    return data_option(_json_option(run))


def examples(*lines: str) -> str:
    """Return an epilog of examples, one command a line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def fail() -> NoReturn:
    """End with the status for what was checked and does not hold."""
    raise click.exceptions.Exit(NOT_HELD)


def confirmed(question: str, *, yes: bool) -> None:
    """Ask before something grave when a person sits at a terminal; scripts are not asked.

    Raises:
        Conflict: the answer was no (`cli/declined`).
    """
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    if not click.confirm(question, err=True):
        raise Conflict("cli/declined", "Nothing was done.")


class Root(click.Group):
    """The whole command line: every error is one line on standard error, and exit status 2."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line; with ``standalone_mode`` end the process with its status."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        sys.exit(self._status(args, prog_name or "gardefou", complete_var, extra))

    def _status(
        self, args: Sequence[str] | None, prog_name: str, complete_var: str | None, extra: dict[str, Any]
    ) -> int:
        extra.setdefault("max_content_width", min(110, shutil.get_terminal_size((100, 20)).columns))
        try:
            result = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
            sys.stdout.flush()
        except click.exceptions.NoArgsIsHelpError as error:
            if error.ctx.parent is None:
                click.echo(error.ctx.get_help(), err=True)
            else:
                _say(_name_a_command(error))
        except click.UsageError as error:
            hint = f"; see `{error.ctx.command_path} --help`" if error.ctx is not None else ""
            _say(f"{error.format_message().rstrip('.')}{hint}  [cli/usage]")
        except click.ClickException as error:
            _say(f"{error.format_message()}  [cli/usage]")
        except click.Abort:
            return _INTERRUPTED
        except BrokenPipeError:
            # Whoever read us has enough. Python would complain at exit that nobody listens.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except StepUpRequired as error:
            _say(f"{error.message} Here that is `gardefou login --key-stdin`.  [{error.code}]")
        except GardefouError as error:
            _say(f"{error.message}  [{error.code}]")
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _say(f"{where}{error.strerror or error}  [cli/file]")
        except Exception as error:  # noqa: BLE001 - never a traceback for whoever is at the keyboard
            _say(_unexpected(error))
        else:
            return result if isinstance(result, int) else 0
        return BAD_INPUT


def _say(text: str) -> None:
    click.echo(f"gardefou: {one_line(text)}", err=True)


def _name_a_command(error: click.exceptions.NoArgsIsHelpError) -> str:
    command = error.ctx.command
    names = ", ".join(sorted(command.commands)) if isinstance(command, click.Group) else ""
    return f"Name a command: {names}; see `{error.ctx.command_path} --help`  [cli/usage]"


def _unexpected(error: Exception) -> str:
    from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, OperationalError

    if isinstance(error, OperationalError | InterfaceError):
        return f"The store does not answer: {str(error.orig).strip().splitlines()[0]}  [store/unavailable]"
    if isinstance(error, DatabaseError | ArgumentError):
        return f"The store cannot be used: {str(error).strip().splitlines()[0]}  [store/url]"
    if isinstance(error, ModuleNotFoundError):
        need = "`pip install 'gardefou[postgres]'` brings what PostgreSQL needs"
        return f"{error.name} is not installed; {need}  [cli/missing]"
    return f"This should not happen: {type(error).__name__}: {error}. Please report it  [cli/unexpected]"


# arguments -----------------------------------------------------------------------------


def split_account(text: str) -> tuple[str, str]:
    """Return platform and ref of ``PLATFORM/REF``.

    Raises:
        InvalidInput: it has not that form (`cli/account`).
    """
    platform, slash, ref = text.partition("/")
    if not slash or not platform or not ref:
        raise InvalidInput("cli/account", f"Name the account as PLATFORM/REF, such as sandbox/1001, not {text!r}.")
    return platform, ref


def text_of(file: Path, *, code: str) -> str:
    """Return what a file holds.

    Raises:
        InvalidInput: it cannot be read, or is no UTF-8 (``code``).
    """
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput(code, f"{file}: {error.strerror}.", field="file") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(code, f"{file} is not UTF-8 text; save it as such.", field="file") from error
