"""The benchmarks' page: aims read right in both directions, one that fails costs no other, plots are of what was measured."""

from __future__ import annotations

from datetime import date
from xml.etree import ElementTree as ET

import pytest

from gardefou.bench import catalogue, plot
from gardefou.bench.databases import Databases
from gardefou.bench.measured import Curve, Figure, Skipped
from gardefou.bench.report import write_report
from gardefou.bench.suite import Extent, Suite
from gardefou.bench.table import COLUMNS, aim_text, row
from gardefou.errors import InvalidInput, Unavailable

DAY = date(2030, 1, 1)
FAST = Figure(
    name="pairs",
    database="SQLite",
    value=450,
    unit="pairs/s",
    aim=500,
    against={"a plain INSERT": 900, "a bare app": 9},
)
SLOW = Figure(name="a page", database="PostgreSQL", value=1.2, unit="ms", aim=5)
FREE = Figure(name="plain INSERT", database="SQLite", value=900, unit="rows/s")
LINE = Curve(plot="queue", name="next <SQLite>", points=((100, 1.0), (1_000, 1.5), (10_000, 1.2)))


@pytest.mark.parametrize(
    ("value", "unit", "aim", "says"),
    [
        (1.2, "ms", 5, "at most 5.00: kept"),
        (7.5, "ms", 5, "at most 5.00: missed, 1.50 times it"),
        (2.1, "s", 1.5, "at most 1.50: missed, 1.40 times it"),
        (4_400, "reports/s", 4_000, "at least 4,000: kept"),
        (1_000, "reports/s", 4_000, "at least 4,000: missed, 25% of it"),
        (1_000, "reports/s", None, ""),
    ],
)
def test_an_aim_says_whether_it_is_kept_and_by_how_much_it_is_missed(value, unit, aim, says):
    assert aim_text(Figure(name="one", database="SQLite", value=value, unit=unit, aim=aim)) == says


def test_a_figure_stands_beside_what_the_machine_does():
    beside = dict(zip(COLUMNS, row(FAST), strict=True))["beside what the machine does"]
    assert beside == "50% of a plain INSERT; 50.0 times a bare app"


def test_the_page_shows_what_was_measured_and_no_plot_of_what_was_not(tmp_path):
    page, folder = tmp_path / "benchmarks.md", tmp_path / "benchmarks"
    write_report(page, [("cores", "2")], [FAST, SLOW, FREE], [], [LINE], DAY)
    assert sorted(one.name for one in folder.iterdir()) == ["aims.svg", "queue.svg"]
    said = page.read_text(encoding="utf-8")
    assert "1 of 2 aims are kept." in said
    assert "Missed: pairs (SQLite)." in said
    assert "](benchmarks/aims.svg)" in said
    assert "](benchmarks/queue.svg)" in said

    write_report(page, [], [FREE], [Skipped(name="queue", why="no database")], [], DAY)
    assert list(folder.iterdir()) == []
    said = page.read_text(encoding="utf-8")
    assert "- queue: no database" in said
    assert "](benchmarks/" not in said


def test_plots_are_whole_documents_with_every_value_in_words():
    drawn = {
        "aims": plot.aims("Aims & figures", [FAST, SLOW]),
        "lines": plot.lines("The queue", [LINE, LINE], x="cases", y="ms", logarithmic=True),
        "one point": plot.lines("One", [Curve(plot="soak", name="one", points=((1, 0.0),))], x="s", y="MiB"),
    }
    texts = {name: " ".join(ET.fromstring(svg).itertext()) for name, svg in drawn.items()}  # noqa: S314 - ours
    assert "450 pairs/s, missed" in texts["aims"]
    assert "1.20 ms, kept" in texts["aims"]
    assert "next <SQLite>: 1.20" in texts["lines"]
    assert all("prefers-color-scheme:dark" in svg for svg in drawn.values())


def test_the_scale_of_a_plot_ends_at_a_plain_number_above_all_values():
    drawn = plot.lines("One", [Curve(plot="soak", name="one", points=((1, 3.0), (2, 230.0)))], x="s", y="MiB")
    assert ">400<" in drawn
    assert ">100<" in drawn


def test_a_benchmark_that_fails_says_so_and_costs_no_other(monkeypatch, tmp_path):
    def broken(_suite):
        yield FREE
        raise RuntimeError("the disk is gone")

    def missing(_suite):
        yield from ()
        raise Unavailable("bench/wrk", "`wrk` is missing.")

    runs = {"floor": broken, "bare": missing, "start": lambda _suite: iter([SLOW])}
    monkeypatch.setattr(catalogue, "_RUNS", runs)
    found = list(catalogue.run(Suite(Databases(tmp_path), Extent(), lambda _: None), []))
    assert found == [
        FREE,
        Skipped(name="floor", why="it failed: RuntimeError: the disk is gone"),
        Skipped(name="bare", why="`wrk` is missing."),
        SLOW,
    ]


def test_only_what_is_named_runs_after_its_yardsticks(monkeypatch, tmp_path):
    ran: list[str] = []

    def noting(name):
        def noted(_suite):
            ran.append(name)
            return iter(())

        return noted

    monkeypatch.setattr(catalogue, "_RUNS", {name: noting(name) for name in catalogue.NAMES})
    suite = Suite(Databases(tmp_path), Extent(), lambda _: None)
    list(catalogue.run(suite, ["single"]))
    list(catalogue.run(suite, ["queue"]))
    assert ran == ["floor", "bare", "single", "floor", "queue"]
    with pytest.raises(InvalidInput) as refused:
        list(catalogue.run(suite, ["sinlge"]))
    assert refused.value.code == "bench/unknown"
