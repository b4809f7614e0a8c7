"""The report: the page with the tables, and beside it its plots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from gardefou.bench import plot
from gardefou.bench.measured import Curve, Figure, Skipped
from gardefou.bench.table import page, write_page

#: The plots of curves: their title, what is across and what is up, and whether sizes are spread by magnitude.
_CURVES = {
    "queue": ("The queue, by how many cases there ever were", "cases", "ms", True),
    "soak": ("Memory of the server under steady load", "seconds", "MiB", False),
}


def write_report(
    file: Path,
    about: Sequence[tuple[str, str]],
    figures: Sequence[Figure],
    skipped: Sequence[Skipped],
    curves: Sequence[Curve],
    day: date,
) -> None:
    """Write the page, and its plots into a folder beside it that is called like it.

    A plot of what was not measured this time is removed.
    """
    folder = file.with_suffix("")
    folder.mkdir(exist_ok=True)
    plots: dict[str, str] = {}

    def keep(name: str, title: str, drawn: str) -> None:
        write_page(folder / f"{name}.svg", drawn)
        plots[f"{folder.name}/{name}.svg"] = title

    for old in (folder / f"{name}.svg" for name in ("aims", *_CURVES)):
        old.unlink(missing_ok=True)
    aimed = [one for one in figures if one.aim is not None and not one.alike]
    if aimed:
        title = "How far each figure is from its aim"
        keep("aims", title, plot.aims(title, aimed))
    for name, (title, x, y, spread) in _CURVES.items():
        found = [one for one in curves if one.plot == name and one.points]
        if found:
            keep(name, title, plot.lines(title, found, x=x, y=y, logarithmic=spread))
    write_page(file, page(about, figures, skipped, plots, day))
