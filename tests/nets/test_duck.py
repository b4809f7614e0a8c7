"""DuckDB as it is opened here: within its memory, on local files alone, and each file meant as it is called."""

from __future__ import annotations

import sys

import duckdb
import pytest

from gardefou.errors import Unavailable
from gardefou.nets import duck
from tests.refusals import refused


def setting(connection, name: str) -> str:
    return str(connection.execute(f"SELECT current_setting('{name}')").fetchone()[0])


def test_it_keeps_within_its_memory_and_fetches_nothing(tmp_path):
    with duck.duckdb(tmp_path / "drafts") as connection:
        assert setting(connection, "memory_limit") == "488.2 MiB"
        assert setting(connection, "temp_directory") == str(tmp_path / "drafts")
        assert setting(connection, "autoinstall_known_extensions").lower() == "false"
        assert setting(connection, "autoload_known_extensions").lower() == "false"
        assert connection.execute(
            "SELECT database_name, path FROM duckdb_databases() WHERE NOT internal"
        ).fetchall() == [("memory", None)]
    # It is closed at the end.
    with pytest.raises(duck.duck_error()):
        connection.execute("SELECT 1")


def test_without_a_folder_nothing_is_written_beside_the_memory():
    with duck.duckdb() as connection:
        assert setting(connection, "temp_directory") == ""


def test_what_it_raises_is_its_own():
    assert duck.duck_error() is duckdb.Error


@pytest.mark.parametrize("ask", [duck.duck_error, lambda: duck.duckdb().__enter__()])
def test_without_duckdb_it_says_what_to_install(monkeypatch, ask):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with refused("nets/duckdb", None, by=Unavailable) as caught:
        ask()
    assert caught.value.message == "Looking back needs DuckDB: install gardefou[backtest]."


@pytest.mark.parametrize("value", ["a", "it's", "''", "", "a\\'b", 'say "so"'])
def test_a_text_stays_the_text_it_is(value):
    with duck.duckdb() as connection:
        assert connection.execute(f"SELECT {duck.text(value)}").fetchone() == (value,)


def test_files_are_meant_as_they_are_called(tmp_path):
    names = ["a*.parquet", "it's.parquet", "[x].parquet", "ax.parquet"]
    with duck.duckdb() as connection:
        for place, name in enumerate(names):
            connection.execute(f"COPY (SELECT {place} AS n) TO {duck.text(str(tmp_path / name))} (FORMAT parquet)")

        def read(*asked: str) -> list[int]:
            paths = [tmp_path / name for name in asked]
            found = connection.execute(f"SELECT n FROM read_parquet({duck.files(paths)}) ORDER BY n").fetchall()
            return [n for (n,) in found]

        assert [read(name) for name in names] == [[0], [1], [2], [3]]
        assert read(*names) == [0, 1, 2, 3]
