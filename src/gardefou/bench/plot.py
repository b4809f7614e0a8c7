"""Plots as SVG files: readable on a light page and on a dark one, with every value in words too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from gardefou.bench.measured import Curve, Figure, number

_STYLE = """\
text{font:12px system-ui,sans-serif;fill:#24292f}.dim{fill:#57606a}.title{font-size:15px;font-weight:600}
.grid{stroke:#8c959f;stroke-opacity:.35}.aim{stroke:#57606a;stroke-dasharray:4 3}
.kept{fill:#1a7f64}.missed{fill:#bc4c00}.line{fill:none;stroke-width:2}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.dim{fill:#9198a1}.aim{stroke:#9198a1}
.kept{fill:#3fb68b}.missed{fill:#f0883e}}"""
#: Told apart by people who see few colours, and on white and on black.
_COLOURS = ("#2f81c7", "#c2701c", "#2a9d74", "#b3589a", "#8a7a12", "#5a9bd6", "#cf4f3a")
_DASHES = ("", "7 4", "2 3")
_WIDTH, _ROW, _TOP = 900, 20, 44
_LABELS, _VALUES = 430, 190


def aims(title: str, figures: Sequence[Figure]) -> str:
    """Return a bar for each figure that has an aim: how many times as good as the aim it is, the aim in the middle."""
    left, right = _LABELS, _WIDTH - _VALUES
    scores = [
        (one, one.aim / one.value if one.less else one.value / one.aim) for one in figures if one.aim and one.value
    ]
    reach = max([2.0, *(max(score, 1 / score) for _, score in scores)])
    middle = (left + right) / 2

    def place(score: float) -> float:
        return middle + (right - left) / 2 * math.log(score) / math.log(reach)

    height = _TOP + _ROW * len(scores) + 24
    parts = [_text(8, 20, title, "title")]
    for row, (one, score) in enumerate(scores):
        top = _TOP + row * _ROW
        low, high = sorted((middle, place(score)))
        said = f"{number(one.value)} {one.unit}, {'kept' if one.kept else 'missed'}"
        parts += [
            _text(left - 8, top + 14, f"{_short(one.name, 57 - len(one.database))} ({one.database})", end=True),
            _bar(one.kept is True, low, top + 4, high - low),
            _text(right + 8, top + 14, said),
        ]
    parts.append(f'<line class="aim" x1="{middle}" x2="{middle}" y1="{_TOP}" y2="{height - 22}"/>')
    parts.append(_text(middle, height - 6, "the aim; to the right is better", "dim", middle=True))
    return _svg(_WIDTH, height, title, parts)


def lines(title: str, curves: Sequence[Curve], *, x: str, y: str, logarithmic: bool = False) -> str:
    """Return the curves over one another, from nought up; ``logarithmic`` spreads the sizes along the way."""
    left, right, bottom = 60, _WIDTH - 400, 320
    across = [point[0] for one in curves for point in one.points]
    up = [point[1] for one in curves for point in one.points]
    first, last, most = min(across), max(across), _above(max(up))

    def scale(value: float) -> float:
        return math.log10(value) if logarithmic else value

    def at(point: tuple[float, float]) -> str:
        width = scale(last) - scale(first)
        share = (scale(point[0]) - scale(first)) / width if width else 0.5
        return f"{left + share * (right - left):.1f},{bottom - point[1] / most * (bottom - _TOP):.1f}"

    parts = [_text(8, 20, title, "title")]
    for step in range(5):
        height = bottom - step / 4 * (bottom - _TOP)
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{height:.1f}" y2="{height:.1f}"/>')
        parts.append(_text(left - 6, height + 4, number(most * step / 4), "dim", end=True))
    parts += [
        _text(left, bottom + 18, f"{first:,.0f}", "dim"),
        _text(right, bottom + 18, f"{last:,.0f}", "dim", end=True),
        _text((left + right) / 2, bottom + 18, x, "dim", middle=True),
        _text(left - 6, _TOP - 8, y, "dim"),
    ]
    for place, one in enumerate(curves):
        colour, dash = _COLOURS[place % len(_COLOURS)], _DASHES[place // len(_COLOURS) % len(_DASHES)]
        stroke = f'stroke="{colour}" stroke-dasharray="{dash}"'
        top = _TOP + 10 + place * 18
        parts += [
            f'<polyline class="line" {stroke} points="{" ".join(at(point) for point in one.points)}"/>',
            f'<line class="line" {stroke} x1="{right + 12}" x2="{right + 36}" y1="{top - 4}" y2="{top - 4}"/>',
            _text(right + 42, top, f"{one.name}: {number(one.points[-1][1])}"),
        ]
    return _svg(_WIDTH, max(bottom + 30, _TOP + 20 + len(curves) * 18), title, parts)


def _above(value: float) -> float:
    """Return a plain number above the value, of which a quarter is plain too."""
    ten = 10 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(ten * step for step in (1, 2, 4, 6, 8, 10) if ten * step >= value)


def _svg(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img"><title>{escape(title)}</title><style>{_STYLE}</style>'
    )
    return "\n".join([head, *parts, "</svg>"]) + "\n"


def _bar(kept: bool, x: float, y: float, width: float) -> str:  # noqa: FBT001 - which of two colours
    kind = "kept" if kept else "missed"
    return f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{max(1.0, width):.1f}" height="12"/>'


def _text(x: float, y: float, text: str, kind: str = "", *, end: bool = False, middle: bool = False) -> str:
    anchor = ' text-anchor="end"' if end else ' text-anchor="middle"' if middle else ""
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{named}{anchor}>{escape(text)}</text>'


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
