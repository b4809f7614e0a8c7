"""Database servers that are several, vanish, come back, or become replicas: how a store on PostgreSQL bears it."""

from __future__ import annotations

import re
import select
from ipaddress import ip_address
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, InvalidatePoolError, OperationalError

from gardefou.errors import InvalidInput
from gardefou.storage.fast import READ_ONLY, leave, lost_primary, opened

#: libpq's, in seconds (the last in milliseconds): a machine that vanished sends no word that it has.
_PATIENT = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
#: PostgreSQL's, of one connection, in seconds and milliseconds.
_LETS_GO = {
    "idle_in_transaction_session_timeout": 60_000,
    "tcp_keepalives_idle": 5,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 3,
}
_SEVERAL = re.compile(r"(postgres[a-z0-9+]*://)([^/@]*@)?([^/@?]*,[^/@?]*)(.*)", re.DOTALL)


def parsed(url: str) -> sa.URL:
    """Return the URL of a store; several hosts may stand in it as in libpq's: ``//user@one:5432,two:5432/name``.

    Raises:
        InvalidInput: it is no URL (`store/url`).
    """
    several = _SEVERAL.match(url)
    if several is not None:
        start, user, hosts, rest = several.groups()
        named = "&".join(f"host={host}" for host in hosts.split(","))
        url = f"{start}{user or ''}{rest}{'&' if '?' in rest else '?'}{named}"
    try:
        return sa.make_url(url)
    except (ArgumentError, ValueError) as error:
        raise InvalidInput(
            "store/url", "This is no database URL; see docs/reference/settings.md.", field="GARDEFOU_DATABASE_URL"
        ) from error


def patience(url: sa.URL) -> dict[str, Any]:
    """Return for how long a silent server is waited for, where the URL does not say: half a minute, not two hours."""
    return {name: value for name, value in _PATIENT.items() if name not in url.query}


def with_columns(engine: sa.Engine) -> None:
    """Have the driver send columns of values as `gardefou.storage.arrays` writes them."""
    from gardefou.storage.arrays import known_to  # noqa: PLC0415 - needed only where there is a PostgreSQL

    @event.listens_for(engine, "connect")
    def know(connection: Any, _record: Any) -> None:
        known_to(connection)


def let_go(engine: sa.Engine) -> None:
    """Have the server free what a node holds that has vanished, or hangs, in the middle of a transaction.

    The sequencer's lock among it: no node leads for ever without doing anything.
    """

    @event.listens_for(engine, "connect")
    def bound(connection: Any, _record: Any) -> None:
        before, connection.autocommit = connection.autocommit, True
        connection.execute("; ".join(f"SET {name} = {value}" for name, value in _LETS_GO.items()))
        connection.autocommit = before


def only_living(engine: sa.Engine) -> None:
    """Leave a server that has become a replica as one that is gone, and lend no connection that it has left.

    Callers see a store that is away; nobody is told to come back for an outage
    that is over. An idle connection has nothing to read until the server says
    goodbye; to look takes two microseconds, and no exchange.
    """

    @event.listens_for(engine, "handle_error")
    def leave_replica(context: sa.engine.ExceptionContext) -> BaseException | None:
        connection, error = context.connection, context.original_exception
        if connection is not None and getattr(error, "sqlstate", None) == READ_ONLY and lost_primary(connection, error):
            leave(connection)
            return OperationalError(context.statement or "", None, error)
        return None

    @event.listens_for(engine, "checkout")
    def look(connection: Any, _record: Any, _lent: Any) -> None:
        if connection.closed or _has_word(connection.fileno()):
            raise InvalidatePoolError


def unguarded(connection: sa.Connection) -> str:
    """Return what somebody on the way to the server could do, and the remedy; nothing where nobody is on it."""
    made = opened(connection)
    mode = made.info.get_parameters().get("sslmode", "prefer")
    return open_to(made.info.host, made.info.hostaddr, encrypted=made.pgconn.ssl_in_use, mode=mode)


def open_to(host: str, address: str, *, encrypted: bool, mode: str) -> str:
    """Return the same of a connection to a host, or a socket's folder, at an address, under libpq's ``sslmode``."""
    if host.startswith("/") or (address and ip_address(address).is_loopback):
        return ""
    if not encrypted:
        return "what passes to the database can be read and changed on its way; add ?sslmode=verify-full to its URL"
    if mode != "verify-full":
        return "another could pass for the database, as its name is not checked; add ?sslmode=verify-full to its URL"
    return ""


def _has_word(file: int) -> bool:
    waiting = select.poll()
    waiting.register(file, select.POLLIN)
    return bool(waiting.poll(0))
