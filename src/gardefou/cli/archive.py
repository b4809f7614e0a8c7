"""Backups: one tar file with a manifest, the database and the keys.

    manifest.json            format, kind of database, revision, names of the keys
    database.sqlite3         SQLite: a copy by its online backup
    tables/<name>.ndjson     PostgreSQL: each table's rows, all of one moment's view
    keys/<name>              the ledger's key, the sealing keys, platforms' credentials

A row is a JSON object; instants are microseconds since 1970 UTC, bytes base64.
"""

from __future__ import annotations

import base64
import contextlib
import io
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import orjson
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import DatabaseError

from gardefou.bootstrap import open_seals
from gardefou.clock import Clock, rfc3339
from gardefou.errors import Conflict, InvalidInput
from gardefou.people.directory import Directory, seal_plain
from gardefou.platforms import sandbox_tables
from gardefou.settings import Settings
from gardefou.storage import tables
from gardefou.storage.engine import Store, open_store
from gardefou.storage.migrate import count_anew, is_current, upgrade_store
from gardefou.storage.types import plain, unplain

FORMAT = "gardefou-backup/1"
_SQLITE = "database.sqlite3"
_BATCH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an archive says of itself."""

    format: str
    #: ``sqlite`` or ``ndjson``.
    database: str
    #: The shape of the tables, as Alembic names it.
    revision: str
    made_at: str
    keys: tuple[str, ...]


def all_tables() -> list[sa.Table]:
    """Return every table there is, the sandbox's too."""
    return [*tables.metadata.sorted_tables, *sandbox_tables.metadata.sorted_tables]


# writing -------------------------------------------------------------------------------


def write_archive(settings: Settings, store: Store, clock: Clock, file: Path, *, keys: bool) -> Manifest:
    """Write a backup to a new file that only its owner reads; the store may be in use meanwhile.

    The file has its name once it is whole and durable, and not before.

    Raises:
        Conflict: the file is there already (`backup/exists`).
    """
    names = tuple(sorted(path.name for path in _key_files(settings))) if keys else ()
    with store.read() as connection:
        revision = MigrationContext.configure(connection).get_current_revision() or ""
    manifest = Manifest(
        format=FORMAT,
        database="sqlite" if store.is_sqlite else "ndjson",
        revision=revision,
        made_at=rfc3339(clock.now()),
        keys=names,
    )
    _refuse_written(file)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".gardefou-backup-") as folder:
        draft = Path(folder) / "whole.tar"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as raw, tarfile.open(fileobj=raw, mode="w") as tar:
            _add(tar, "manifest.json", orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))
            if store.is_sqlite:
                _copy_sqlite(settings, Path(folder) / _SQLITE)
                tar.add(Path(folder) / _SQLITE, arcname=_SQLITE, filter=_mine)
            else:
                _dump_rows(store, tar, Path(folder))
            for name in names:
                _add(tar, f"keys/{name}", (settings.keys_folder / name).read_bytes())
            tar.close()
            raw.flush()
            os.fsync(raw.fileno())
        _refuse_written(file)
        _put(draft, file)
    return manifest


def _refuse_written(file: Path) -> None:
    if file.exists():
        raise Conflict("backup/exists", f"{file} is there already; name a new file.", field="file")


def _put(draft: Path, place: Path) -> None:
    """Give what was made durable its name: whoever finds that name finds all of it, whatever is killed."""
    draft.replace(place)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _key_files(settings: Settings) -> list[Path]:
    folder = settings.keys_folder
    return [path for path in folder.iterdir() if path.suffix in {".key", ".json"}] if folder.is_dir() else []


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    tar.addfile(member, io.BytesIO(data))


def _mine(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode, member.uid, member.gid, member.uname, member.gname = 0o600, 0, 0, "", ""
    return member


def _sqlite_file(settings: Settings) -> Path:
    return Path(sa.make_url(settings.url).database or "")


def _copy_sqlite(settings: Settings, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(_sqlite_file(settings), timeout=30)) as source,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
        # One file, with nothing beside it.
        copy.execute("PRAGMA journal_mode=DELETE")


def _dump_rows(store: Store, tar: tarfile.TarFile, folder: Path) -> None:
    with store.snapshot() as connection:
        for table in all_tables():
            path = folder / f"{table.name}.ndjson"
            with path.open("wb") as file:
                for row in read_rows(connection, table):
                    file.write(orjson.dumps(row) + b"\n")
            tar.add(path, arcname=f"tables/{table.name}.ndjson", filter=_mine)
            path.unlink()


def read_rows(connection: sa.Connection, table: sa.Table) -> Iterator[dict[str, Any]]:
    """Yield a table's rows as an archive writes them."""
    statement = sa.select(table).order_by(*table.primary_key.columns).execution_options(yield_per=_BATCH)
    with connection.execute(statement) as found:
        for row in found.mappings():
            yield {
                str(name): base64.b64encode(value).decode() if isinstance(value, bytes) else plain(value)
                for name, value in row.items()
            }


# reading -------------------------------------------------------------------------------


def load_archive(settings: Settings, file: Path) -> Manifest:
    """Load a backup into an empty store, of either kind of database, and its keys into the key store.

    The keys come first: a database without them would be given others, and
    its record could not be continued. What is killed before its end can be
    loaded again.

    Raises:
        InvalidInput: it is no backup (`backup/malformed`), or of a newer Gardefou (`backup/revision`).
        Conflict: the store is not empty (`backup/not_empty`), or there are other keys (`backup/keys`).
    """
    try:
        with tarfile.open(file, "r:") as tar:
            manifest = _manifest(tar, file)
            _refuse_full(settings)
            kept = {name: _member(tar, f"keys/{name}", file) for name in manifest.keys}
            _refuse_other_keys(settings, kept)
            # Beside where its file goes: that may be another disk than the keys', and is put in place by renaming.
            beside = _beside(settings)
            beside.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryDirectory(dir=beside, prefix=".gardefou-load-") as folder:
                _load_database(settings, tar, manifest, Path(folder), file, kept)
    except (tarfile.TarError, EOFError) as error:
        raise _malformed(file, str(error)) from error
    except FileNotFoundError as error:
        raise InvalidInput("backup/file", f"{error.filename}: there is no such file.", field="file") from error
    return manifest


def _manifest(tar: tarfile.TarFile, file: Path) -> Manifest:
    try:
        document: dict[str, Any] = orjson.loads(_member(tar, "manifest.json", file))
        manifest = Manifest(
            format=str(document["format"]),
            database=str(document["database"]),
            revision=str(document["revision"]),
            made_at=str(document["made_at"]),
            keys=tuple(str(name) for name in document["keys"]),
        )
    except (orjson.JSONDecodeError, TypeError, KeyError) as error:
        raise _malformed(file, "its manifest is not one of ours") from error
    if manifest.format != FORMAT or manifest.database not in {"sqlite", "ndjson"}:
        raise _malformed(file, f"its format is {manifest.format!r}, known is {FORMAT!r}")
    if any("/" in name or name.startswith(".") for name in manifest.keys):
        raise _malformed(file, "a key has a name that no key has")
    return manifest


def _member(tar: tarfile.TarFile, name: str, file: Path) -> bytes:
    try:
        member = tar.extractfile(name)
    except KeyError:
        member = None
    if member is None:
        raise _malformed(file, f"it lacks {name}")
    return member.read()


def _malformed(file: Path, why: str) -> InvalidInput:
    return InvalidInput("backup/malformed", f"{file} is no backup of Gardefou's: {why}.", field="file")


def _beside(settings: Settings) -> Path:
    """Return where a database is made ready."""
    into_sqlite = sa.make_url(settings.url).get_backend_name() == "sqlite"
    return _sqlite_file(settings).parent if into_sqlite else settings.data


def _refuse_full(settings: Settings) -> None:
    if not settings.database_url or sa.make_url(settings.url).get_backend_name() == "sqlite":
        if _sqlite_file(settings).exists():
            raise Conflict(
                "backup/not_empty", f"{_sqlite_file(settings)} is there already; name another place with --data."
            )
        return
    store = open_store(settings.url)
    try:
        with store.read() as connection:
            there = set(sa.inspect(connection).get_table_names())
            for table in all_tables():
                if (
                    table.name in there
                    and connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
                ):
                    raise Conflict("backup/not_empty", "This database is not empty; name an empty one.")
    finally:
        store.close()


def _refuse_other_keys(settings: Settings, kept: dict[str, bytes]) -> None:
    for name, data in kept.items():
        path = settings.keys_folder / name
        if path.exists() and path.read_bytes() != data:
            raise Conflict("backup/keys", f"{path} is another key than the backup's; move it away first.")


def _write_keys(settings: Settings, kept: dict[str, bytes]) -> None:
    folder = settings.keys_folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, data in kept.items():
        draft = folder / f"{name}.{os.getpid()}.new"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _put(draft, folder / name)


def _load_database(
    settings: Settings, tar: tarfile.TarFile, manifest: Manifest, folder: Path, file: Path, kept: dict[str, bytes]
) -> None:
    into_sqlite = sa.make_url(settings.url).get_backend_name() == "sqlite"
    if manifest.database == "ndjson":
        target = open_store(f"sqlite:///{folder / _SQLITE}" if into_sqlite else settings.url)
        try:
            upgrade_store(target)
            with target.begin() as connection:
                _same_revision(connection, manifest)
                for table in all_tables():
                    _insert(connection, table, _lines(tar, table, file))
                count_anew(connection)
                if not into_sqlite:
                    _write_keys(settings, kept)
        finally:
            target.close()
    else:
        with (folder / _SQLITE).open("wb") as copy:
            member = tar.extractfile(_SQLITE)
            if member is None:
                raise _malformed(file, f"it lacks {_SQLITE}")
            shutil.copyfileobj(member, copy)
        _bring_up(settings, folder / _SQLITE, file)
        if not into_sqlite:
            _copy_over(folder / _SQLITE, settings, kept)
    if into_sqlite:
        database = folder / _SQLITE
        database.chmod(0o600)
        with database.open("rb") as copy:
            os.fsync(copy.fileno())
        _write_keys(settings, kept)
        _put(database, _sqlite_file(settings))


def _bring_up(settings: Settings, database: Path, file: Path) -> None:
    """Migrate an unpacked SQLite file, seal what an older version kept plain, and leave one file only."""
    store = open_store(f"sqlite:///{database}")
    try:
        with store.read() as connection:
            current = is_current(connection)
        if not current:
            upgrade_store(store)
        seal_plain(store, Directory(open_seals(settings)))
    except DatabaseError as error:
        raise _malformed(file, "its database cannot be read") from error
    finally:
        store.close()
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def _copy_over(database: Path, settings: Settings, kept: dict[str, bytes]) -> None:
    source, target = open_store(f"sqlite:///{database}"), open_store(settings.url)
    try:
        upgrade_store(target)
        with source.read() as reading, target.begin() as writing:
            for table in all_tables():
                _insert(writing, table, read_rows(reading, table))
            count_anew(writing)
            _write_keys(settings, kept)
    finally:
        source.close()
        target.close()


def _same_revision(connection: sa.Connection, manifest: Manifest) -> None:
    ours = MigrationContext.configure(connection).get_current_revision()
    if ours != manifest.revision:
        raise InvalidInput(
            "backup/revision",
            f"The backup's tables have the shape {manifest.revision!r}, ours {ours!r}; use the version that wrote it.",
        )


def _lines(tar: tarfile.TarFile, table: sa.Table, file: Path) -> Iterator[dict[str, Any]]:
    try:
        member = tar.extractfile(f"tables/{table.name}.ndjson")
    except KeyError:
        member = None
    if member is None:
        raise _malformed(file, f"it lacks the table {table.name}")
    for number, line in enumerate(member, start=1):
        try:
            yield cast("dict[str, Any]", orjson.loads(line))
        except orjson.JSONDecodeError as error:
            raise _malformed(file, f"line {number} of {table.name} is not JSON") from error


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterator[dict[str, Any]]) -> None:
    binary = {column.name for column in table.columns if isinstance(column.type, sa.LargeBinary)}
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(
            {
                column.name: base64.b64decode(row[column.name])
                if column.name in binary
                else unplain(row[column.name], column)
                for column in table.columns
            }
        )
        if len(batch) == _BATCH:
            connection.execute(table.insert(), batch)
            batch = []
    if batch:
        connection.execute(table.insert(), batch)
