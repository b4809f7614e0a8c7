"""The log on standard error: a record begins a line, and nothing that others wrote begins another."""

from __future__ import annotations

import logging

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
#: Characters that move a terminal, or end a line for whoever reads the log.
_ESCAPED = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (*range(32), *range(127, 160), 0x2028, 0x2029)
    if chr(code) not in "\t\n"
}


class LogLines(logging.Formatter):
    """Indents every further line of a record, and writes control characters out.

    A fault's text may hold what somebody sent: with a line break in it, it would
    else look like a record of its own.
    """

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as lines, the first of which alone begins at the edge."""
        return super().format(record).translate(_ESCAPED).replace("\n", "\n    ")


def log_here() -> None:
    """Write what happens to standard error; of migrations only what goes wrong, as each start asks for them."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)
