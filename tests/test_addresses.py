"""The check for addresses and machine paths finds what it must, and lets ordinary text through."""

from __future__ import annotations

import pytest

from tools.check_addresses import findings

SLASH = "/"


@pytest.mark.parametrize(
    "line",
    [
        f"see https:{SLASH}{SLASH}files.python" + "hosted.org/packages/x",
        f"https:{SLASH}{SLASH}user:secret@npm-mirror.example.org/",
        "--index" + "-url https://example.org/simple",
        "--find" + "-links=wheels",
        f"file:{SLASH}{SLASH}{SLASH}wheels/x.whl",
        f"cd {SLASH}home/someone/gardefou",
        f'"{SLASH}opt/wheels"',
    ],
)
def test_what_must_not_stand_in_a_file_is_found(line):
    assert findings(f"first\n{line}\n", lock=False)[0][0] == 2


@pytest.mark.parametrize(
    "line",
    [
        "https://matrix.example.org/_matrix/client/v3/login",
        "https://c2sp.org/tlog-tiles",
        "https://www.apache.org/licenses/",
        "uv pip compile --no-emit-index-url --no-emit-find-links",
        "/var/lib/gardefou",
        "POST /api/v1/reports",
    ],
)
def test_ordinary_text_passes(line):
    assert findings(line, lock=False) == []


def test_a_lock_file_may_name_no_address_at_all():
    assert findings("package @ https://example.org/package.whl", lock=True)
    assert findings("    # via -r deploy/extra/requirements.in", lock=True)
    assert findings("package==1.0 \\\n    --hash=sha256:00ff\n    # via gardefou (pyproject.toml:dev)", lock=True) == []
