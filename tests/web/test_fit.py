"""Every page of the console is listed, makes a fixed number of queries, and shows times in the reader's zone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from gardefou.bench.pages import page_times
from gardefou.bench.past import Size, long_past
from gardefou.people.preferences import Preferences, prefer
from gardefou.storage import fast
from tests.web.console_scene import Scene, make_scene
from tests.web.pages import NO_PAGES, PAGES, Furnished, addresses, furnish, routes_of

#: Statements that a page may make at most, whatever there is to show. What is not named may make `USUAL`.
USUAL = 20
LIMITS = {"/": 32, "/cases/{id}": 25, "/enforcements/{id}": 28, "/incidents/{id}": 25}


def test_every_page_is_looked_at(sqlite_url, tmp_path):
    scene = make_scene(sqlite_url, tmp_path)
    unknown = [path for path in routes_of(scene.web()) if path not in PAGES and path not in NO_PAGES]
    assert unknown == [], "put them into tests/web/pages.py"
    there = furnish(scene, paused=True)
    web = scene.web()
    browser = scene.client("ben")
    for address in addresses(web, there):
        if not address.startswith("/signin"):
            page = browser.get(address)
            assert re.search(r"<h1\b", page), address
            assert len(re.findall(r"<h1\b", page)) == 1, address


@contextmanager
def statements(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note every statement of this store, whichever way it goes to the driver."""
    made: list[str] = []
    run = fast.Fast._run

    def noted(self: fast.Fast, connection: Any, statement: Any, bound: Any) -> Any:
        made.append(statement.text)
        return run(self, connection, statement, bound)

    def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        made.append(statement)

    store = scene.app.works.store
    with monkeypatch.context() as patched:
        patched.setattr(fast.Fast, "_run", noted)
        for engine in (store.writer, store.reader):
            event.listen(engine, "before_cursor_execute", executed)
        yield made
        for engine in (store.writer, store.reader):
            event.remove(engine, "before_cursor_execute", executed)


def counted(scene: Scene, size: Size, monkeypatch: pytest.MonkeyPatch) -> dict[str, Counter[str]]:
    """Return the statements of every page, by route, with a past of this size."""
    refs = ("3005", "3006", "3007")
    past = long_past(scene.app, scene.actor("ada"), scene.actor("ada"), scene.actor("dee"), refs, size)
    there = Furnished(
        accounts=past.accounts[:1],
        cases=past.open_cases[:1] + past.closed_cases[:1],
        enforcements=past.in_force[:1] + past.waiting[:1],
        incidents=past.incidents[:1],
    )
    web = scene.web()
    browser = scene.client("ben")
    found: dict[str, Counter[str]] = {}
    for path in routes_of(web):
        if path not in PAGES or path.startswith("/signin"):
            continue
        for address in PAGES[path](there):
            browser.get(address)
            with statements(scene, monkeypatch) as made:
                browser.get(address)
            found[f"{path} {address.partition('?')[2]}" if "{" not in path else f"{path} {len(found)}"] = Counter(made)
    return found


def test_a_page_makes_as_many_queries_for_fifty_rows_as_for_five(databases, tmp_path, monkeypatch):
    with databases.fresh("sqlite") as first, databases.fresh("sqlite") as second:
        few, many = (
            counted(
                make_scene(url, tmp_path),
                Size(cases=rows, opened=rows, waiting=rows, incidents=rows, busy=rows),
                monkeypatch,
            )
            for url, rows in ((first, 5), (second, 50))
        )
    grown = {
        page: {text: (before[text], number) for text, number in many[page].items() if number > before[text]}
        for page, before in few.items()
        if many[page].total() > before.total()
    }
    assert grown == {}
    wrong = {page: made.total() for page, made in many.items() if made.total() > LIMITS.get(page.split()[0], USUAL)}
    assert wrong == {}, "more statements than the page may make"


#: The whole of a table that grows, or all that a platform has of it.
_LARGE = "account|approval|cases|case_note|decision|enforcement|event|leaf|report|session"
_TOO_MUCH = re.compile(
    rf"SCAN ({_LARGE})\b(?! USING (COVERING )?INDEX \w*(active|alike|claimed|due|ending|entry|queue|reach|spoke|tier|watched))"
    rf"|SEARCH ({_LARGE}) USING (COVERING )?INDEX (?!account_watched)\S+ \(platform=\?\)$"
)


def test_every_page_finds_its_rows_by_an_index(sqlite_url, tmp_path, monkeypatch):
    scene = make_scene(sqlite_url, tmp_path)
    found = counted(scene, Size(cases=5, opened=5, waiting=5, incidents=5, busy=5), monkeypatch)
    wrong: dict[str, str] = {}
    with scene.app.works.read() as connection:
        raw = fast.opened(connection)
        for page, made in found.items():
            for text in made:
                if text.lstrip().startswith(("SELECT", "WITH")):
                    plan = raw.execute(f"EXPLAIN QUERY PLAN {text}", ["x"] * text.count("?")).fetchall()
                    wrong |= {f"{page}: {row[3]}": " ".join(text.split()) for row in plan if _TOO_MUCH.search(row[3])}
    assert wrong == {}, "\n".join(f"{step}\n    {text[:120]} … {text[-300:]}" for step, text in wrong.items())


def test_a_page_shows_times_in_the_zone_that_its_reader_chose(sqlite_url, tmp_path):
    scene = make_scene(sqlite_url, tmp_path)
    there = furnish(scene)
    browser = scene.client("dee")
    path = f"/enforcements/{there.enforcements[0]}"
    assert "4 May 2026, 09:00 UTC" in browser.get(path)
    with scene.app.works.begin() as uow:
        prefer(uow.connection, scene.staff["dee"].id, Preferences(zone="Asia/Kolkata"))
    assert "4 May 2026, 14:30 IST" in browser.get(path)
    assert "09:00 UTC" not in browser.get(path)
    # What nobody chose is the browser's, which its script tells.
    other = scene.client("ada")
    other.client.cookies.set("zone", "America%2FNew_York")
    assert "4 May 2026, 05:00 EDT" in other.get(path)
    other.client.cookies.set("zone", "../../etc/passwd")
    assert "4 May 2026, 09:00 UTC" in other.get(path)


def test_every_page_is_timed_by_the_benchmark(sqlite_url, tmp_path):
    timed = page_times(sqlite_url, tmp_path, cases=100, turns=1)
    shown = {one.page for one in timed}
    assert {"/", "/queue", "/cases/{id}", "/enforcements/{id}", "/accounts/{platform}/{ref:path}"} <= shown
    assert all(one.size > 1_000 and one.slow(0.5) > 0 for one in timed)
