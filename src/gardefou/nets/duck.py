"""DuckDB, in this process: what reads and writes exported history."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from gardefou.errors import Unavailable

#: Of memory for one connection; what needs more goes through its folder for drafts.
MEMORY = "512MB"


def _module() -> Any:
    try:
        return import_module("duckdb")  # an extra: only who looks back needs it
    except ImportError as error:
        raise Unavailable("nets/duckdb", "Looking back needs DuckDB: install gardefou[backtest].") from error


def duck_error() -> type[Exception]:
    """Return the base of everything that DuckDB raises.

    Raises:
        Unavailable: it is not installed (`nets/duckdb`).
    """
    found: type[Exception] = _module().Error
    return found


@contextmanager
def duckdb(drafts: Path | None = None) -> Iterator[Any]:
    """Open DuckDB without a database of its own; close it at the end.

    It reads local files and fetches nothing: no extension is loaded that does not come with it.

    Raises:
        Unavailable: it is not installed (`nets/duckdb`).
    """
    module = _module()
    config = {
        "memory_limit": MEMORY,
        "temp_directory": "" if drafts is None else str(drafts),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with module.connect(":memory:", config=config) as connection:
        yield connection


def text(value: str) -> str:
    """Return a text as a constant of DuckDB's SQL."""
    return "'" + value.replace("'", "''") + "'"


def files(paths: Sequence[Path]) -> str:
    """Return a list of files as `read_parquet` takes it, each meant as it is called."""
    return f"[{', '.join(text(glob.escape(str(path))) for path in paths)}]"
