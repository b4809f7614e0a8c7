"""The reference pages say everything there is; every command explains itself."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gardefou.cli import cli
from gardefou.flow.rules import Rules
from gardefou.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent.parent
REFERENCE = ROOT / "docs" / "reference"


def commands(group: click.Group = cli, path: tuple[str, ...] = ()):
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = dict(commands())


def python(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run([sys.executable, *words], cwd=cwd, env=env, text=True, capture_output=True, check=False)


def test_the_page_of_the_command_line_is_current():
    done = python(str(ROOT / "tools" / "cli_reference.py"), "--check", cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_and_option_stands_on_the_page(path):
    page = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    section = page.split(f"`gardefou {' '.join(path)}`\n", 1)
    assert len(section) == 2
    rest = section[1].split("\n## ", 1)[0].split("\n### ", 1)[0]
    for item in ALL[path].params:
        if isinstance(item, click.Option):
            assert item.opts[-1] in rest


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help(path):
    result = CliRunner().invoke(cli, [*path, "--help"])
    assert result.exit_code == 0
    assert ALL[path].help


@pytest.mark.parametrize("path", [path for path in ALL if path[0] not in {"scenario", "bench", "demo"}], ids=" ".join)
def test_every_command_shows_examples_and_takes_json(path):
    text = CliRunner().invoke(cli, [*path, "--help"]).stdout
    assert "Examples:" in text
    assert f"gardefou {' '.join(path)}" in text.split("Examples:")[1]
    assert "--json" in text


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
def test_every_setting_stands_on_its_page(name):
    page = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    assert f"| `{name}` | `{PREFIX}{name.upper()}` |" in page


@pytest.mark.parametrize("field", fields(Rules), ids=lambda field: field.name)
def test_every_guarded_setting_stands_on_its_page_with_its_default(field):
    page = (REFERENCE / "settings.md").read_text(encoding="utf-8").split("\n## Guarded\n")[1]
    row = next((line for line in page.splitlines() if line.startswith(f"| `{field.name}` |")), "")
    assert row, f"docs/reference/settings.md lacks {field.name}"
    if isinstance(field.default, int | float) and not isinstance(field.default, bool):
        assert f"`{field.default}`" in row


def test_the_module_runs_and_its_errors_are_one_line_without_a_traceback(tmp_path):
    assert python("-m", "gardefou", "--version", cwd=tmp_path).returncode == 0
    for words in (["case", "list"], ["nope"], ["case", "list", "--limit", "many"], ["report", "import"]):
        done = python("-m", "gardefou", *words, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_settings_come_from_file_then_environment_then_flags(tmp_path, monkeypatch):
    (tmp_path / "gardefou.toml").write_text('data = "from-file"\n')
    monkeypatch.setenv("GARDEFOU_DATA", "from-environment")
    done = python("-m", "gardefou", "--data", "from-flag", "init", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["from-flag", "gardefou.toml"]
    (tmp_path / "gardefou.toml").write_text("dada = 1\n")
    done = python("-m", "gardefou", "doctor", cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "settings/unknown" in done.stderr


@pytest.mark.network_loopback
def test_the_worker_starts_and_stops_when_told(tmp_path):
    assert python("-m", "gardefou", "init", cwd=tmp_path).returncode == 0
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    words = [sys.executable, "-m", "gardefou", "worker"]
    with subprocess.Popen(words, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "Ctrl-C stops" in process.stderr.readline()
        process.terminate()
        process.stderr.read()
        assert process.wait(timeout=240) == 0
