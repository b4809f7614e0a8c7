"""Settings of one process: ``gardefou.toml``, then ``GARDEFOU_*`` variables, then flags.

None of them is read by a net (R11): what nets and their numbers depend on are
guarded settings in the store (`gardefou.flow.rules`).
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from gardefou.errors import InvalidInput

PREFIX = "GARDEFOU_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a process is told at its start."""

    #: Folder with database, keys and exports.
    data: Path = Path("gardefou-data")
    #: A PostgreSQL URL; left out, a SQLite file in ``data``.
    database_url: str = ""
    #: Folder with the ledger's key and platforms' credentials; left out, ``data/keys``.
    keys: str = ""
    #: Commands that wrap and unwrap the sealing keys (standard input to output), such as a key management
    #: service's; left out, these keys lie in ``keys`` as they are, for their owner alone to read.
    seal_wrap: str = ""
    seal_unwrap: str = ""
    #: A file of nets: when it changes it is proposed, never obeyed. Left out, none is looked at.
    nets_file: str = ""
    #: Where `serve` listens.
    host: str = "127.0.0.1"
    port: int = 8700
    #: The console's own address as people reach it, for links in notices; left out, where `serve` listens.
    public_url: str = ""
    #: The identity provider whose security events are taken at ``/ssf/events``; left out, nobody's are.
    signals_issuer: str = ""
    #: Where it publishes the keys that it signs them with.
    signals_jwks_url: str = ""
    #: What its events are addressed to; left out, ``/ssf/events`` at the console's own address.
    signals_audience: str = ""
    #: Whether `serve` does the worker's work too.
    embedded_worker: bool = True
    #: How many processes `serve` answers from; 0: on PostgreSQL one a processor, four at most, and on SQLite one.
    processes: int = 0
    #: Seconds between two rounds of watching notable and protected accounts.
    watch_seconds: float = 25.0
    #: Seconds between two fetches of a platform's own reports.
    pull_seconds: float = 15.0
    #: Seconds between two rounds of reading who was just reported, 20 accounts of a platform each, so that the queue
    #: names them; 0: an account is read when its case is opened.
    meet_seconds: float = 2.0
    #: The virus scanner that is asked before a picture of a report is shown: ``unix:/path`` or ``host:port`` of
    #: clamd; left out, none is.
    scanner: str = ""
    #: Largest request body, in bytes; a batch may be larger.
    max_body: int = 262_144
    max_batch_body: int = 67_108_864
    #: Largest head of a request, in bytes.
    max_head: int = 32_768
    #: Open connections, of all and of one address.
    max_connections: int = 4_000
    max_connections_each: int = 1_000
    #: What one token or session may ask of a node in a minute: calls and pages, and single reports; 0 is no limit.
    max_calls_each: int = 60_000
    max_reports_each: int = 600_000
    #: Seconds in which a request's head must be here, and in each of which so many bytes of its body must come.
    slow_seconds: float = 10.0
    slow_bytes: int = 64
    #: Seconds that all of a body may take, however steadily it comes.
    body_seconds: float = 900.0
    #: Seconds for which an answer waits for whoever asked to read on.
    stuck_seconds: float = 60.0

    #: The organisation's identity provider (OpenID Connect), as it calls itself; left out, nobody signs in through one.
    oidc_issuer: str = ""
    #: The id under which the provider knows this Gardefou.
    oidc_client_id: str = ""
    #: What people call the provider, for the button.
    oidc_name: str = ""

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the store."""
        if self.database_url:
            return self.database_url
        return f"sqlite:///{self.data / 'gardefou.db'}"

    @property
    def address(self) -> str:
        """The console's own address, without a slash at its end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def keys_folder(self) -> Path:
        """The folder with keys."""
        return Path(self.keys) if self.keys else self.data / "keys"


def load_settings(
    *, file: Path | None = None, environ: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None
) -> Settings:
    """Return the settings from file, environment and flags; the later wins.

    Raises:
        InvalidInput: unknown in the file (`settings/unknown`), wrong type (`settings/invalid`).
    """
    environ = os.environ if environ is None else environ
    settings = Settings()
    path = file or Path("gardefou.toml")
    if path.exists():
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidInput("settings/toml", f"{path}: {error}", field=str(path)) from error
        settings = _with(settings, table, str(path))
    known = {field.name for field in fields(Settings)}
    from_environ = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() in known
    }
    settings = _with(settings, from_environ, "the environment")
    return _with(settings, {name: value for name, value in (flags or {}).items() if value is not None}, "the flags")


def _with(settings: Settings, values: Mapping[str, Any], where: str) -> Settings:
    for name, value in values.items():
        if name not in {field.name for field in fields(Settings)}:
            raise InvalidInput("settings/unknown", f"{where}: there is no setting {name!r}.", field=name)
        settings = replace(settings, **{name: _typed(name, value, getattr(settings, name), where)})
    return settings


def _typed(name: str, value: Any, old: Any, where: str) -> Any:
    try:
        if isinstance(old, bool):
            if isinstance(value, bool):
                return value
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[str(value).lower()]
        if isinstance(old, int):
            return int(value)
        if isinstance(old, float):
            return float(value)
        if isinstance(old, Path):
            return Path(value)
        return str(value)
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidInput("settings/invalid", f"{where}: {name} cannot be {value!r}.", field=name) from error
