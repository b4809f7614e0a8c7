"""The page on exported history names every column with its type, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

from gardefou.flow.history import ALL_COLUMNS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "history.md"


def test_every_column_of_history_is_documented_with_its_type():
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| `([A-Z\[\]]+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert dict(rows) == dict(ALL_COLUMNS)
    assert len(rows) == len(ALL_COLUMNS)
