"""Reports of replays for people: a table, what did not come out as expected, and of a single file the whole story."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gardefou.scenario.report import Document, Report

#: Columns of a name; longer ones push their line to the right.
_WIDEST_NAME = 34
_LEAST_WIDTH = 60
#: Of one file among many; the first say what went wrong, the rest mostly follows.
_FAILURES_SHOWN = 3
_ACCOUNTS_SHOWN = 4
_NO_STYLE: Callable[[str, bool], str] = lambda text, _good: text  # noqa: E731 - a default of one expression


def as_lines(
    reports: Sequence[Report],
    *,
    seconds: float,
    width: int | None = None,
    style: Callable[[str, bool], str] = _NO_STYLE,
) -> Iterator[str]:
    """Write reports for people to read.

    Args:
        reports: in the sequence they are to stand in.
        seconds: what all replays took together.
        width: columns of the terminal; None cuts and wraps nothing.
        style: dresses the word that says whether a file passed.
    """
    names = [one.document["scenario"] for one in reports]
    name_width = min(max((len(name) for name in [*names, "scenario"]), default=0), _WIDEST_NAME)
    room = None if width is None else max(width, _LEAST_WIDTH)
    yield f"      {'scenario':<{name_width}}  {'down':>8}  what stood in the way"
    for report in reports:
        document = report.document
        good: bool = document["passed"]
        word = style("ok  " if good else "FAIL", good)
        start = f"{document['scenario']:<{name_width}}  {_longest_down(document):>8}  "
        yield f"{word}  {start}{_in_the_way(document, None if room is None else room - 6 - len(start))}"
        failures: list[str] = document["failures"]
        shown = len(failures) if len(reports) == 1 else _FAILURES_SHOWN
        for failure in failures[:shown]:
            yield from _wrapped(f"✗ {failure}", room)
        if len(failures) > shown:
            yield f"      … and {len(failures) - shown} more; run this file alone to read them all"
    if len(reports) == 1:
        yield ""
        yield from _story(reports[0], room)
    yield ""
    yield _sum(reports, seconds)


def _longest_down(document: Document) -> str:
    longest = max((account["down_seconds"] for account in document["accounts"].values()), default=0)
    return length(longest) if longest else "-"


def _in_the_way(document: Document, room: int | None) -> str:
    """Return which nets spoke at which step, or only which, as far as there is room.

    Where none did, what the accounts that went down are at the end.
    """
    steps: dict[str, Document] = document["enforcements"]
    spoke = [f"{key}: {', '.join(step['nets'])}" for key, step in steps.items() if step["nets"]]
    if spoke:
        whole = " · ".join(spoke)
        if room is None or len(whole) <= room:
            return whole
        return _as_many(list(dict.fromkeys(net for step in steps.values() for net in step["nets"])), room)
    down = [f"{ref} {one['state']}" for ref, one in document["accounts"].items() if one["down_seconds"]]
    more = f" and {len(down) - _ACCOUNTS_SHOWN} more" if len(down) > _ACCOUNTS_SHOWN else ""
    return _cut(f"no net; {', '.join(down[:_ACCOUNTS_SHOWN])}{more}" if down else "no net", room)


def _as_many(words: Sequence[str], room: int) -> str:
    """Return as many words as there is room for, at least one, and how many are left out."""
    for count in range(len(words), 0, -1):
        left = len(words) - count
        text = ", ".join(words[:count]) + (f" +{left}" if left else "")
        if len(text) <= room:
            return text
    return _cut(words[0], room)


def _sum(reports: Sequence[Report], seconds: float) -> str:
    wrong = [report.document["scenario"] for report in reports if not report.document["passed"]]
    count = "1 scenario" if len(reports) == 1 else f"{len(reports)} scenarios"
    took = f"{count} in {seconds:.1f} s"
    if not wrong:
        return f"{took}: {'as expected' if len(reports) == 1 else 'all as expected'}."
    return f"{took}: {len(wrong)} not as expected."


def _story(report: Report, room: int | None) -> Iterator[str]:
    """Tell what happened in one file: to accounts, at each step, and which incidents opened."""
    document = report.document
    yield from textwrap.wrap(report.title, room) if room else [report.title]
    for ref, account in document["accounts"].items():
        way = " → ".join(f"{state} {_clock(second)}" for second, state in account["timeline"])
        down = f"; down {length(account['down_seconds'])}" if account["down_seconds"] else ""
        yield from _wrapped(f"account {ref}: {way}{down}", room)
    steps: dict[str, Document] = document["enforcements"]
    for key, line in report.lines.items():
        if key not in steps and key not in report.answers:
            continue
        yield from _wrapped(f"step {key} (line {line}): {_became(report, key, steps.get(key, {}))}", room)
    for one in document["incidents"]:
        yield from _wrapped(f"incident {_clock(one['t'])}: {one['summary']}", room)


def _became(report: Report, key: str, step: Document) -> str:
    said = report.answers.get(key, "")
    state = step.get("state")
    parts: list[str] = [state] if state else []
    waited = step.get("waited_seconds")
    if waited:
        parts.append(f"(waited {length(waited)})")
    if said:
        parts.append(f"answered: {said}" if not parts else f"({said})")
    text = " ".join(parts)
    if step.get("nets"):
        text += f"; nets: {', '.join(step['nets'])}"
    because = report.because.get(key)
    return f"{text}; because {because}" if because else text


def length(seconds: float) -> str:
    """Return a length of time as people say it: ``45 s``, ``11 min``, ``2 h 30``, ``5 d``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min" if whole % 60 == 0 else f"{whole // 60}:{whole % 60:02d} min"
    if whole < 48 * 3_600:
        hours, minutes = divmod(whole // 60, 60)
        return f"{hours} h" if not minutes else f"{hours} h {minutes:02d}"
    return f"{whole / 86_400:.1f} d".replace(".0 ", " ")


def _clock(seconds: float) -> str:
    """Return a moment since the beginning: ``+0:58``, ``+0:58:30``, ``+3 d 1:02``."""
    days, rest = divmod(round(seconds), 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, second = divmod(rest, 60)
    clock = f"{hours}:{minutes:02d}" + (f":{second:02d}" if second else "")
    return f"+{days} d {clock}" if days else f"+{clock}"


def _cut(text: str, room: int | None) -> str:
    return text if room is None or len(text) <= room else f"{text[: room - 1]}…"


def _wrapped(text: str, room: int | None) -> list[str]:
    indent = " " * 6
    if room is None:
        return [indent + text]
    options: dict[str, Any] = {"break_on_hyphens": False, "break_long_words": False}
    return textwrap.wrap(text, room, initial_indent=indent, subsequent_indent=indent + "  ", **options)
