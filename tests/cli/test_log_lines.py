"""The log of `serve` and `worker`: one record, one line at the edge, whatever it quotes."""

from __future__ import annotations

import logging

from gardefou.cli.log_lines import LogLines


def test_nothing_that_somebody_sent_looks_like_a_record_of_its_own():
    forged = "gone\n2026-01-01 00:00:00,000 WARNING gardefou.web: denied: all\r\x1b[2K\u2028\x85"
    fault = ValueError(forged)
    record = logging.LogRecord("gardefou", logging.ERROR, "", 0, "a fault: %s", (forged,), (ValueError, fault, None))
    said = LogLines().format(record)
    first, *more = said.splitlines()
    assert first.endswith("ERROR gardefou: a fault: gone")
    assert more
    assert all(line.startswith("    ") for line in more)
    assert said.count("denied: all\\x0d\\x1b[2K\\u2028\\x85") == 2
    assert said.splitlines() == said.split("\n")
