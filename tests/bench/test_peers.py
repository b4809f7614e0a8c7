"""Peers are measured where they can be, and otherwise it is said why not; nothing is fetched here."""

from __future__ import annotations

from pathlib import Path

import pytest

from gardefou.bench.peers import ozone
from gardefou.errors import Unavailable
from gardefou.lab.install import PROJECT

URL = "postgresql+psycopg://postgres@/bench"
FIGURES = '{"version":"1.2.3","reports":{"1":50.5,"8":87},"pairs":{"1":19}}'


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Put programs into the only folder in which any are looked for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, says: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{says}\n", encoding="utf-8")
        (folder / name).chmod(0o755)

    return put


@pytest.fixture
def project(tmp_path) -> Path:
    lab = tmp_path / "project" / "lab"
    lab.mkdir(parents=True)
    (lab / "peers").symlink_to(PROJECT / "lab" / "peers")
    return lab.parent


def _node(says: str) -> str:
    return f'case "$1" in --version) echo v22.1.0;; *) {says};; esac'


def test_what_a_peer_took_a_second_is_read_by_clients(programs, project):
    programs("node", _node(f"echo '{FIGURES}'"))
    programs("npm", "exit 0")
    found = ozone(URL, seconds=1, project=project)
    assert (found.version, found.reports, found.pairs) == ("1.2.3", {1: 50.5, 8: 87.0}, {1: 19.0})


@pytest.mark.parametrize(
    ("node", "npm", "why"),
    [
        (None, "exit 0", "are not here"),
        ("echo v20.1.0", "exit 0", "here is v20.1.0"),
        (_node("exit 0"), "echo 'no such package' >&2; exit 1", "npm failed: no such package"),
        (_node("echo gone >&2; exit 1"), "exit 0", "node failed: gone"),
        (_node("echo '{}'"), "exit 0", "cannot be read"),
    ],
)
def test_where_a_peer_cannot_be_measured_the_reason_is_said(programs, project, node, npm, why):
    if node is not None:
        programs("node", node)
    programs("npm", npm)
    with pytest.raises(Unavailable) as refused:
        ozone(URL, seconds=1, project=project)
    assert refused.value.code == "bench/peer"
    assert why in refused.value.message
