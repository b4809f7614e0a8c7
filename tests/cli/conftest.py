"""An installation of one's own for each test, and a way to run commands in it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gardefou.cli import cli


@dataclass
class Shell:
    """Runs commands in one installation, as whoever signed in there."""

    data: Path
    env: dict[str, str | None] = field(default_factory=dict)

    def run(self, *words: str, status: int = 0, stdin: str | bytes | None = None, token: str | None = None) -> Result:
        env = {"GARDEFOU_TOKEN": token, "GARDEFOU_DATABASE_URL": None, **self.env}
        result = CliRunner().invoke(cli, ["--data", str(self.data), *words], input=stdin, env=env)
        assert result.exit_code == status, (words, result.exit_code, result.stdout, result.stderr)
        assert "Traceback" not in result.stderr
        return result

    def text(self, *words: str, **more: Any) -> str:
        return self.run(*words, **more).stdout

    def json(self, *words: str, **more: Any) -> Any:
        """Run with --json: exactly one document on standard output."""
        return json.loads(self.run(*words, "--json", **more).stdout)

    def error(self, *words: str, **more: Any) -> str:
        """Run a command that fails: one line on standard error, nothing on standard output, status 2."""
        result = self.run(*words, status=2, **more)
        assert result.stdout == ""
        lines = result.stderr.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("gardefou: ")
        assert lines[0].endswith("]")
        return lines[0]


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Path:
    """An initialised installation with the small set of nets, to be copied."""
    data = tmp_path_factory.mktemp("template") / "data"
    shell = Shell(data)
    shell.run("init", "--nets", "small-team")
    # Else its events wait for a checkpoint for as long as these tests have gone on, and the doctor misses a worker.
    shell.run("worker", "--once")
    return data


@pytest.fixture
def shell(template, tmp_path, monkeypatch) -> Shell:
    """A new installation whose first person is signed in; setup has not ended."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(template, tmp_path / "data")
    return Shell(tmp_path / "data")


@pytest.fixture(scope="session")
def default_template(tmp_path_factory) -> Path:
    """An initialised installation with the default nets, and the two accounts."""
    shell = Shell(tmp_path_factory.mktemp("default") / "data")
    shell.run("init")
    put_accounts(shell)
    shell.run("worker", "--once")
    return shell.data


@pytest.fixture
def guarded(default_template, tmp_path, monkeypatch) -> Shell:
    """An installation with the default nets and the two accounts; setup has not ended."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(default_template, tmp_path / "data")
    return Shell(tmp_path / "data")


@pytest.fixture
def empty(tmp_path, monkeypatch) -> Shell:
    """A folder without any installation."""
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path / "none")


@pytest.fixture
def scene(shell) -> Shell:
    """The installation with two accounts and an item on the sandbox."""
    put_accounts(shell)
    return shell


def put_accounts(shell: Shell) -> None:
    from gardefou.bootstrap import open_app
    from gardefou.platforms.sandbox import Sandbox
    from gardefou.settings import Settings

    app = open_app(Settings(data=shell.data))
    try:
        sandbox = app.connector("sandbox")
        assert isinstance(sandbox, Sandbox)
        sandbox.put_account("1001", handle="spammer", reach=12)
        sandbox.put_account("1002", handle="president", reach=41_000_000, labels=("head_of_state",))
        sandbox.put_content("c1", account="1001", text="buy now")
    finally:
        app.works.store.close()


def second_person(shell: Shell, *, role: str = "lead", team: str = "other") -> str:
    """Add a colleague during setup, sign them in once, and return a token of theirs."""
    added = shell.json("staff", "add", "--role", role, "--team", team)
    mine = shell.data / "signin"
    kept = mine.read_text()
    shell.run("login", "--link", added["link"])
    token = shell.json("token", "issue", "--mine", "--scope", "read,enforcements:write,admin:write")["secret"]
    mine.write_text(kept)
    return str(token)
