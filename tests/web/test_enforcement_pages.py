"""Enforcements in the console: every tab, filters and pages, groups, the page that says why, and its proof."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import event

from gardefou.courier import Courier
from gardefou.flow.decide import enforce
from gardefou.flow.spec import Wanted
from gardefou.ledger.bundle import verify_bundle
from gardefou.people.authenticate import by_staff
from gardefou.platforms.protocol import PlatformAnswerLost, PlatformError, PlatformRefused, PlatformUnreachable
from gardefou.platforms.sandbox import Sandbox
from gardefou.web.console.enforcement_reads import TABS
from tests.cli.conftest import Shell
from tests.web.console_scene import PLATFORM, Scene, make_scene
from tests.web.test_groups_and_raids import burst
from tests.web.test_notices import channel
from tests.web.test_second_look import POLICY, RATIONALE, first_look, put_nets


@pytest.fixture
def scene(sqlite_url: str, tmp_path: Path) -> Iterator[Scene]:
    made = make_scene(sqlite_url, tmp_path)
    yield made
    made.app.works.store.close()


def place(scene: Scene, who: str, ref: str, action: str = "suspend", **more: Any) -> Any:
    with scene.app.works.read() as connection:
        actor = by_staff(connection, scene.staff[who].id, now=scene.app.now(), via="console")
    return enforce(scene.app, actor, Wanted(platform=PLATFORM, account=ref, action=action, policy="spam", **more))


def platform_says(scene: Scene, monkeypatch: pytest.MonkeyPatch, error: PlatformError) -> None:
    """Let the platform answer nothing but this from now on, to what is asked of it."""

    def answer(_operation: object) -> None:
        raise error

    monkeypatch.setattr(scene.sandbox, "apply", answer)
    monkeypatch.setattr(scene.sandbox, "undo", answer)


def counted(page: str) -> dict[str, str]:
    tabs = re.findall(r'href="/enforcements\?tab=(\w+)[^"]*"[^>]*>[^<]*<span class="tally[^"]*">([^<]+)<', page)
    return dict(tabs)


def table(page: str) -> str:
    found = re.search(r'<table class="stack enforcements">.*?</table>', page, re.DOTALL)
    return "" if found is None else found[0]


def digest(page: str) -> str:
    found = re.search(r'name="digest" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


# tabs --------------------------------------------------------------------------------------


def test_what_waits_is_answered_from_the_list_bound_in_words_to_what_was_seen(scene: Scene):
    made = place(scene, "ada", "1001", rationale="It is not him.")
    page = scene.client("ben").get("/enforcements")
    numbers = counted(page)
    assert list(numbers) == ["waiting", "held", "running", "unknown", "in_force", "failed"]
    assert (numbers["waiting"], numbers["held"], numbers["failed"]) == ("1", "0", "0")
    shown = table(page)
    assert "Suspend @president" in shown
    assert "Needs 2 further people (lead or policy), of different teams" in shown
    assert "data-countdown" in shown
    assert "You confirm exactly this: <strong>Suspend @president</strong>" in shown
    for words in ("It is not him.", "41 million followers", "protected", made.digest[:16], "somebody restores it"):
        assert words in shown
    assert "If any of this changes, your yes does not count." in shown
    scene.client("ben").post(f"/enforcements/{made.id}/answer", digest=digest(shown), answer="no", note="He is.")
    assert "A colleague said no. He is." in table(scene.client("ada").get("/enforcements?tab=ended"))
    assert "Answer:" not in table(scene.client("ada").get("/enforcements"))


def test_held_counts_down_and_is_cancelled_in_one_click_from_the_list(scene: Scene):
    made = place(scene, "ada", "1001")
    for name in ("ben", "cyd"):
        scene.client(name).post(f"/enforcements/{made.id}/answer", digest=made.digest, answer="yes")
    dee = scene.client("dee")
    page = dee.get("/enforcements?tab=held")
    assert "Held for <time" in table(page)
    assert counted(page)["held"] == "1"
    assert counted(page)["waiting"] == "0"
    assert "Cancel ends one before anything is done" in page
    back = re.search(r'name="back" value="([^"]+)"', page)
    assert back is not None
    done = dee.follow(f"/enforcements/{made.id}/cancel", back=back[1])
    assert "Cancelled. Nothing was done, and nothing will be." in done
    assert table(done) == ""
    assert scene.state("1001") == frozenset()
    other = place(scene, "dee", "1001").id
    assert dee.post(f"/enforcements/{other}/cancel", back="//elsewhere.example/enforcements").startswith(
        "/enforcements/"
    )


def test_running_shows_what_a_silent_platform_holds_up_and_both_ways_out(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    platform_says(scene, monkeypatch, PlatformUnreachable("connection refused"))
    place(scene, "ada", "3001")
    page = scene.client("dee").get("/enforcements?tab=running")
    assert "Suspend @cheap_watches_1" in table(page)
    assert "executing" in table(page)
    assert 'aria-label="Restore @cheap_watches_1 now"' in table(page)


def test_unknown_shows_what_got_no_answer(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    platform_says(scene, monkeypatch, PlatformAnswerLost("no answer"))
    made = place(scene, "ada", "3001")
    assert made.state == "unknown"
    page = scene.client("dee").get("/enforcements?tab=unknown")
    assert "no answer came; the platform is read before anything else" in page
    scene.sandbox.switch(down=True)
    scene.later(timedelta(seconds=1))
    said = scene.client("dee").get(f"/enforcements/{made.id}")
    again = "2 attempts gave nothing so far; the platform is read again in 4 s (4 May 2026, 09:00 UTC)."
    assert re.findall(r"\d+ attempts? gave[^<]*", said) == [again]
    assert 'aria-label="Restore @cheap_watches_1 now"' in table(page)


def test_failed_says_why(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    platform_says(scene, monkeypatch, PlatformRefused("not this one"))
    made = place(scene, "ada", "3001")
    assert made.state == "failed"
    page = scene.client("dee").get("/enforcements?tab=failed")
    assert "The platform refused" in table(page)
    assert counted(page)["failed"] == "1"


def test_m7_what_was_refused_and_stands_all_the_same_is_said_where_it_is_seen(scene: Scene, monkeypatch):
    carries_out = Sandbox.apply

    def refuses_too_late(*given: Any, **more: Any) -> Any:
        carries_out(*given, **more)
        raise PlatformRefused("not this one")

    channel(scene, "chat")
    monkeypatch.setattr(Sandbox, "apply", refuses_too_late)
    made = place(scene, "ada", "3001")
    assert made.state == "in_force"
    Courier(scene.app, "https://g.example.org").once()
    ben = scene.client("ben")
    head = ben.get(f"/enforcements/{made.id}").partition("What it is")[0]
    assert "The platform said no, and shows that it did it." in head
    assert "The platform refused: not this one" in head
    assert f'<a href="/enforcements/{made.id}">a refusal that was none</a>' in ben.get("/notices")
    # Once it is lifted that is history.
    ben.post(f"/restore/sandbox/{made.account}")
    scene.settle()
    assert "shows that it did it" not in ben.get(f"/enforcements/{made.id}").partition("What it is")[0]


def test_in_force_restores_in_one_click_from_the_list(scene: Scene):
    place(scene, "ada", "3001")
    dee = scene.client("dee")
    page = dee.get("/enforcements?tab=in_force&action=suspend")
    assert 'action="/restore/sandbox/3001"' in table(page)
    assert "Restore lifts everything on the account at once" in page
    done = dee.follow("/restore/sandbox/3001")
    assert "The platform showed it at" in done
    assert scene.state("3001") == frozenset()
    assert "Restored with one click." in scene.client("ada").get("/enforcements?tab=ended")


def test_all_holds_everything_and_an_unknown_tab_says_so(scene: Scene):
    place(scene, "ada", "3001")
    place(scene, "ada", "1001")
    page = table(scene.client("dee").get("/enforcements?tab=all"))
    assert "Suspend @cheap_watches_1" in page
    assert "Suspend @president" in page
    assert "Change of tier: protected" in page
    assert "choose one above" in scene.client("dee").get("/enforcements?tab=none", 404)


# filters, pages, queries -------------------------------------------------------------------


def test_filters_narrow_every_tab_and_its_count(scene: Scene):
    place(scene, "ada", "3001")
    place(scene, "dee", "3002", "limit")
    browser = scene.client("ben")
    by_person = browser.get(f"/enforcements?tab=in_force&by={scene.staff['dee'].pseudonym}")
    assert "Limit @cheap_watches_2" in table(by_person)
    assert "cheap_watches_1" not in by_person
    assert counted(by_person)["in_force"] == "1"
    by_action = browser.get("/enforcements?tab=in_force&platform=sandbox&action=suspend")
    assert "Suspend @cheap_watches_1" in table(by_action)
    assert "cheap_watches_2" not in by_action
    assert "platform=sandbox&amp;action=suspend" in by_action, "the tabs keep the filter"
    assert "Nobody here is called nobody-such" in browser.get("/enforcements?by=nobody-such")
    assert table(browser.get("/enforcements?tab=in_force&platform=gardefou&action=suspend")) == ""


def test_lists_go_on_by_cursor_and_no_page_makes_more_queries_for_more_rows(scene: Scene):
    browser = scene.client("dee")

    def asked(path: str) -> tuple[int, str]:
        seen: list[str] = []

        def noted(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            seen.append(statement)

        reader = scene.app.works.store.reader
        event.listen(reader, "before_cursor_execute", noted)
        try:
            page = browser.get(path)
        finally:
            event.remove(reader, "before_cursor_execute", noted)
        return len(seen), page

    place(scene, "ada", "3001")
    browser.get("/enforcements?tab=in_force")
    few, _ = asked("/enforcements?tab=in_force&action=suspend")
    for number in range(60):
        scene.sandbox.put_account(f"m{number}", handle=f"many_{number}", reach=5)
        place(scene, "ada" if number % 2 else "dee", f"m{number}")
    many, page = asked("/enforcements?tab=in_force&action=suspend")
    assert many == few
    assert page.count('<th scope="row">') == 50
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older is not None
    rest = browser.get(older[1].replace("&amp;", "&"))
    assert rest.count('<th scope="row">') == 11
    assert "many_59" in page
    assert "cheap_watches_1" in rest
    assert 'rel="next"' not in rest
    assert "cursor" in browser.get("/enforcements?cursor=none-of-ours", 400)


def test_every_list_is_read_from_an_index_whatever_it_is_narrowed_to(scene: Scene):
    place(scene, "ada", "3001")
    browser = scene.client("dee")
    narrowed = ("", "&platform=sandbox", "&action=suspend", f"&by={scene.staff['ada'].pseudonym}")
    reader = scene.app.works.store.reader
    wrong: list[str] = []
    seen: list[tuple[str, Any]] = []

    def noted(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        seen.append((statement, given))

    for tab, more in ((tab, more) for tab in TABS for more in narrowed):
        seen.clear()
        event.listen(reader, "before_cursor_execute", noted)
        try:
            browser.get(f"/enforcements?tab={tab}{more}")
        finally:
            event.remove(reader, "before_cursor_execute", noted)
        with scene.app.works.read() as connection:
            for statement, given in seen:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all()
                wrong += [
                    f"{tab}{more}: {step[3]}"
                    for step in plan
                    if re.search(r"SCAN enforcement(?! USING (COVERING )?INDEX enforcement_(by_id|active))", step[3])
                    or re.search(r"INDEX enforcement_settled\w* \(\w+=\?\)$", step[3])
                    or "enforcement_by_person" in step[3]
                ]
    assert wrong == []


# blind second look -------------------------------------------------------------------------


@pytest.fixture
def blind(scene: Scene) -> tuple[Scene, Any]:
    put_nets(scene.app)
    made = first_look(scene.app, scene.staff["ada"].id, scene.report("3001"))
    scene.settle()
    return scene, made


def test_m3_no_new_surface_says_what_a_second_look_must_not_know(blind: tuple[Scene, Any]):
    scene, made = blind
    browser = scene.client("ben")
    ada = scene.staff["ada"].pseudonym
    for path in (
        "/enforcements",
        "/enforcements?tab=all",
        f"/enforcements?tab=waiting&platform={PLATFORM}",
        f"/enforcements/{made.id}",
        "/restore/sandbox/3001",
    ):
        page = browser.get(path)
        assert "A second look is needed" in page, path
        for word in (RATIONALE, POLICY, POLICY.replace("-", " "), ada, made.digest[:16] + "…", "Suspend @"):
            assert word not in page, (word, path)
    assert "second look" in browser.get(f"/enforcements/{made.id}/proof", 403).lower()
    assert "What would you decide on the case?" in browser.get(f"/enforcements/{made.id}")


def test_m3_no_filter_and_no_count_tells_what_waits_for_a_second_look(blind: tuple[Scene, Any]):
    scene, _made = blind
    browser = scene.client("ben")
    for query in ("action=suspend", "action=limit", f"by={scene.staff['ada'].pseudonym}"):
        page = browser.get(f"/enforcements?tab=waiting&{query}")
        assert table(page) == "", query
        assert counted(page)["waiting"] == "0", query
        assert table(browser.get(f"/enforcements?tab=all&platform={PLATFORM}&{query}")) == "", query
    own = scene.client("ada").get("/enforcements?tab=waiting&action=suspend")
    assert "Suspend @cheap_watches_1" in table(own)
    assert counted(own)["waiting"] == "1"


# groups ------------------------------------------------------------------------------------


def test_a_group_shows_totals_and_each_member_and_leaves_out_what_is_ticked(scene: Scene):
    waiting = burst(scene, scene.staff["ada"].id)
    browser = scene.client("ben")
    page = browser.get("/enforcements")
    assert "suspend: 3 (3 enforcements, 3 accounts)" in page
    assert "at most 5 in one account" in page
    assert page.count('name="leave_out"') == 3
    for key in ("Y", "N", "B", "w"):
        assert f'data-key="{key}"' in page
    pseudonym = scene.staff["ada"].pseudonym
    whole = browser.get(f"/enforcements/group?kind=budget&key={pseudonym}")
    assert all(f'href="/enforcements/{one}"' in whole for one in waiting)
    assert "staff-" not in whole
    fields = dict(re.findall(r'type="hidden" name="(kind|key|digest)" value="([^"]*)"', page))
    everyone = browser.post("/enforcements/group", 400, **fields, answer="yes", leave_out=waiting)
    assert "Every one of the group was left out" in everyone
    done = browser.follow("/enforcements/group", **fields, answer="yes", leave_out=waiting[:1])
    assert "2 enforcements answered" in done
    assert "Beyond a budget: 1 account" in done
    assert scene.state("b60") == frozenset()
    assert scene.state("b61") == scene.state("b62") == {"suspended"}
    assert "Nothing waits there" in browser.get("/enforcements/group?kind=bulk&key=none", 404)


# the page that says why --------------------------------------------------------------------


def test_the_page_says_why_who_answered_and_what_the_platform_showed(scene: Scene):
    made = place(scene, "ada", "1001")
    scene.client("ben").post(f"/enforcements/{made.id}/answer", digest=made.digest, answer="yes", note="I looked.")
    page = scene.client("cyd").get(f"/enforcements/{made.id}")
    for words in (
        "Two more people for a protected account",
        "It spoke because",
        "It would be silent if",
        "Together they ask",
        "The facts they saw",
        "I looked.",
        scene.staff["ben"].pseudonym,
    ):
        assert words in page, words
    scene.client("cyd").post(f"/enforcements/{made.id}/answer", digest=made.digest, answer="yes")
    scene.later(timedelta(minutes=31))
    page = scene.client("dee").get(f"/enforcements/{made.id}")
    assert scene.state("1001") == {"suspended"}
    receipt = page.split("What the platform showed")[1].split("</section>")[0]
    assert re.search(r"Before</h3><p>nothing stands on it", receipt)
    assert re.search(r"After</h3><p><span[^>]*>suspended", receipt)


def test_a_net_in_shadow_is_told_apart(scene: Scene):
    from gardefou.domain.records import NetsVersion
    from gardefou.nets.load import load

    nets = load(
        """
[[net]]
id = "one-day"
title = "Someone else for every suspension"
because = "to see how often it would speak"
mode = "shadow"
when = 'action.severity >= 3'
[net.require]
approvals = 1
from = ["lead"]
""",
        "test",
    )
    with scene.app.works.begin() as uow:
        version = NetsVersion(
            id=uow.ids.new(), name="test", digest=nets.digest, toml=nets.to_toml(), at=uow.now, by="system"
        )
        uow.record("nets.changed", by="system", about=version.id, puts=(version,))
    made = place(scene, "ada", "3001")
    assert made.state == "in_force"
    page = scene.client("dee").get(f"/enforcements/{made.id}")
    assert "No net spoke; nothing was in the way." in page
    shadow = page.split("Nets in shadow")[1]
    assert "Someone else for every suspension" in shadow
    assert "would have asked" in shadow


def test_the_proof_is_downloaded_and_verifies_offline_by_the_line_on_the_page(scene: Scene, tmp_path: Path):
    made = place(scene, "ada", "3001")
    scene.settle()
    browser = scene.client("dee")
    page = browser.get(f"/enforcements/{made.id}")
    line = re.search(r"gardefou (ledger verify) proof-([0-9a-f-]+)\.json --key (\S+)<", page)
    assert line is not None
    assert line[2] == made.id
    assert "in a signed checkpoint" in page
    answer = browser.client.get(f"/enforcements/{made.id}/proof")
    assert "attachment" in answer.headers["content-disposition"]
    bundle = orjson.loads(answer.content)
    found = verify_bundle(bundle, verifier_key=line[3])
    assert found.checkpoint.root.hex() in page
    entries = re.search(r'Entries</dt><dd class="mono">([\d, ]+)<', page)
    assert entries is not None
    assert [int(one) for one in entries[1].split(",")] == [one.index for one in found.events]

    file = tmp_path / f"proof-{made.id}.json"
    file.write_bytes(answer.content)
    shell = Shell(tmp_path, {})
    assert "OK entries" in shell.text("ledger", "verify", str(file), "--key", line[3])
    bundle["events"][0]["body"] = bundle["events"][1]["body"]
    file.write_bytes(orjson.dumps(bundle))
    bad = shell.run("ledger", "verify", str(file), "--key", line[3], status=1)
    assert "BAD" in bad.stdout
    file.write_text("no json")
    assert "bundle_malformed" in shell.error("ledger", "verify", str(file))
