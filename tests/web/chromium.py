"""The Chromium that tests drive, and how it is started."""

from __future__ import annotations

import os
import shutil

import pytest

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def chromium() -> str:
    """Return Debian's Chromium, or the one that is named."""
    found = os.environ.get("GARDEFOU_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.fail(
            "Chromium is missing: install the package `chromium` (Debian, Ubuntu), or name it in GARDEFOU_TEST_CHROMIUM."
        )
    return found
