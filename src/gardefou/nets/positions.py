"""Where things stand in a TOML text: line and column of every table and key.

``tomllib`` gives values without places; this reads only the skeleton (headers,
keys, where values begin and end) of a text that ``tomllib`` has accepted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gardefou.nets.language import Place, place_of

_KEY = re.compile(r"""[^\s=#\[\]"']+|"(?:[^"\\]|\\.)*"|'[^']*'""")


@dataclass(frozen=True, slots=True)
class Positions:
    """Places by path: ``net.0`` for the first ``[[net]]``, ``net.0.require.hold`` for a key.

    ``values`` are character offsets of the values, after the opening quote of a text.
    """

    text: str
    keys: dict[str, int]
    values: dict[str, int]

    def key(self, path: str) -> Place:
        """Return where the key stands, or the nearest table around it, or the start."""
        while path not in self.keys and "." in path:
            path = path.rpartition(".")[0]
        return place_of(self.text, self.keys.get(path, 0))

    def within(self, path: str, inner: Place) -> Place:
        """Return the place in the file of a place within the text value at ``path``."""
        if path not in self.values:
            return self.key(path)
        start = place_of(self.text, self.values[path])
        if inner.line == 1:
            return Place(start.line, start.column + inner.column - 1)
        return Place(start.line + inner.line - 1, inner.column)


def positions(text: str) -> Positions:
    """Find the place of every header and key of a valid TOML text."""
    found = Positions(text, {}, {})
    counts: dict[str, int] = {}
    table = ""
    at = 0
    while at < len(text):
        if text[at] in " \t\r\n":
            at += 1
        elif text[at] == "#":
            at = _line_end(text, at)
        elif text[at] == "[":
            table, at = _header(text, at, counts, found.keys)
        else:
            at = _statement(text, at, table, found)
    return found


def _header(text: str, at: int, counts: dict[str, int], keys: dict[str, int]) -> tuple[str, int]:
    end = _line_end(text, at)
    many = text.startswith("[[", at)
    parts = [part.strip("\"'") for part in _KEY.findall(text[at:end].split("]", 1)[0].strip("[ \t").replace(".", " "))]
    path = ""
    for index, part in enumerate(parts):
        path = f"{path}.{part}" if path else part
        if many and index == len(parts) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = f"{path}.{counts[path]}"
    keys.setdefault(path, at)
    return path, end


def _statement(text: str, at: int, table: str, found: Positions) -> int:
    start = at
    parts: list[str] = []
    while at < len(text) and text[at] != "=":
        key = _KEY.match(text, at)
        if key is None:
            at += 1
            continue
        word = key.group()
        parts += [word[1:-1]] if word[0] in "\"'" else [part for part in word.split(".") if part]
        at = key.end()
    path = ".".join([table, *parts] if table else parts)
    found.keys.setdefault(path, start)
    at += 1
    while at < len(text) and text[at] in " \t":
        at += 1
    quotes = re.match(r'"""\n?|\'\'\'\n?|"|\'', text[at : at + 4])
    found.values[path] = at + (quotes.end() if quotes else 0)
    return _value_end(text, at)


def _value_end(text: str, at: int) -> int:
    depth = 0
    while at < len(text):
        char = text[at]
        if char in "\"'":
            at = _string_end(text, at)
            continue
        if char in "#\n":
            if depth == 0:
                return at
            at = _line_end(text, at) if char == "#" else at + 1
            continue
        depth += (char in "[{") - (char in "]}")
        at += 1
    return at


def _string_end(text: str, at: int) -> int:
    quote = text[at]
    mark = quote * 3 if text.startswith(quote * 3, at) else quote
    at += len(mark)
    while at < len(text) and not text.startswith(mark, at):
        at += 2 if quote == '"' and text[at] == "\\" else 1
    at += len(mark)
    # A text may end in up to two more quotes of its own: """"word""".
    while len(mark) == 3 and at < len(text) and text[at] == quote:
        at += 1
    return at


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end
