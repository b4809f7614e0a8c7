"""Account, registry, people and record: what their pages show, do and never show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from sqlalchemy import event

from gardefou.cli import cli
from gardefou.clock import rfc3339
from gardefou.domain.records import Account, Enforcement, Staff
from gardefou.errors import InvalidInput
from gardefou.flow.change import propose, propose_all
from gardefou.flow.watch import watch
from gardefou.people.directory import Entry
from gardefou.storage import fast, tables
from gardefou.storage.records import fetch_all
from tests.flow.test_plans import _ONE_PLATFORM, _TOO_MUCH
from tests.web.console_scene import HOST, PLATFORM, Browser, Scene, make_scene
from tests.web.test_enforcement_pages import digest
from tests.web.test_second_look import POLICY, RATIONALE, first_look, put_nets

HEADER = "platform,ref,tier,because,until\n"


@pytest.fixture
def scene(sqlite_url: str, tmp_path: Path) -> Scene:
    return make_scene(sqlite_url, tmp_path)


@pytest.fixture
def both(database_url: str, tmp_path: Path) -> Scene:
    return make_scene(database_url, tmp_path)


def suspend(scene: Scene, ref: str, *, note: str = "") -> str:
    """Have ada decide a reported account's case in the console; return the enforcement's id."""
    case = scene.report(ref, count=3, text="They sell fakes.")
    browser = scene.client("ada")
    browser.post(f"/cases/{case}/claim")
    if note:
        browser.post(f"/cases/{case}/note", text=note)
    went = browser.post(f"/cases/{case}/decide", deciding="1", policy="spam", action="suspend")
    found = re.search(r"placed=([0-9a-f-]+)", went)
    assert found is not None
    return found[1]


def set_tier(scene: Scene, ref: str, tier: str, **more: str) -> Enforcement:
    return propose(scene.app, scene.actor("ben"), "tier", {"platform": PLATFORM, "account": ref, "tier": tier, **more})


def of(scene: Scene, ref: str) -> Account:
    with scene.app.works.read() as connection:
        return fetch_all(connection, Account, sa.select(tables.account).where(tables.account.c.ref == ref))[0]


def events(scene: Scene, *kinds: str) -> list[Any]:
    table = tables.event.c
    with scene.app.works.read() as connection:
        statement = sa.select(table.platform, table.id, table.kind, table.about).where(table.kind.in_(kinds))
        return list(connection.execute(statement.order_by(table.id)))


def upload(browser: Browser, text: str, **fields: str) -> str:
    files = {"file": ("registry.csv", text.encode(), "text/csv")}
    sent = browser.client.post(
        "/registry/import", data={"csrf": browser.csrf, **fields}, files=files, headers={"Origin": HOST}
    )
    assert sent.status_code == 200, sent.text[-2000:]
    return sent.text


def many_accounts(scene: Scene, number: int, **fields: Any) -> None:
    """Put accounts into the store as readings would, without asking the platform for each."""
    made = [
        Account(platform=PLATFORM, ref=f"m{at:03}", handle=f"Many_{at:03}", reach=at, read_at=scene.app.now(), **fields)
        for at in range(number)
    ]
    with scene.app.works.begin() as uow:
        for one in made:
            uow.record("account.seen", by="system", platform=PLATFORM, account=one.ref, puts=(one,))


@contextmanager
def queries() -> Iterator[list[str]]:
    """Take down every statement that is run."""
    seen: list[str] = []
    run = fast.Fast._run

    def noted(self: fast.Fast, connection: sa.Connection, made: Any, bound: Any) -> Any:
        seen.append(made.text)
        return run(self, connection, made, bound)

    def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast.Fast, "_run", noted)
        event.listen(sa.Engine, "before_cursor_execute", executed)
        try:
            yield seen
        finally:
            event.remove(sa.Engine, "before_cursor_execute", executed)


# an account's page -----------------------------------------------------------------


def test_an_account_has_all_that_happened_on_one_timeline(scene: Scene):
    made = suspend(scene, "3001", note="Same shop as last week.")
    scene.client("dee").post("/restore/sandbox/3001", because="It was a mistake.")
    scene.settle()
    page = scene.client("ben").get("/accounts/sandbox/3001")
    timeline = page.partition('id="timeline"')[2].partition("</section>")[0]
    for said in (
        "3 reports: spam",
        "They sell fakes.",
        "violation: spam",
        "Same shop as last week.",
        "Suspend @cheap_watches_1",
        "Restore @cheap_watches_1",
        "It was a mistake.",
        "it is undone",
        f"/enforcements/{made}",
    ):
        assert said in timeline, said
    assert timeline.index("Restore @cheap") < timeline.index("3 reports"), "the newest comes first"
    notes = scene.client("ben").get("/accounts/sandbox/3001?show=notes")
    assert "Same shop as last week." in notes
    assert "They sell fakes." not in notes
    acted = page.partition("Who acted on it")[2].partition("</section>")[0]
    assert scene.staff["ada"].pseudonym in acted
    assert scene.staff["dee"].pseudonym in acted


def test_a_long_timeline_is_read_page_by_page_and_nothing_is_left_out(scene: Scene):
    for number in range(90):
        scene.report("3002", category=("spam", "scam")[number % 2], text=f"report-{number:02}")
    browser = scene.client("ben")
    first = browser.get("/accounts/sandbox/3002?show=reports")
    older = re.search(r'href="(/accounts/sandbox/3002\?[^"]*before=[^"]+)"', first)
    assert older is not None
    second = browser.get(older[1].replace("&amp;", "&"))
    assert "report-89" in first
    assert "report-00" not in first
    assert sum(int(count) for count in re.findall(r">(\d+) reports?:", first + second)) == 90
    assert "cursor" in browser.get("/accounts/sandbox/3002?before=nonsense", 400)


def test_what_stands_says_who_since_when_and_what_is_lost(scene: Scene):
    suspend(scene, "3001")
    standing = scene.client("ben").get("/accounts/sandbox/3001").partition("What stands now")[2]
    assert "Suspend @cheap_watches_1" in standing
    assert "nothing is lost" in standing
    assert scene.staff["ada"].pseudonym in standing.partition("</section>")[0]


def test_why_an_account_is_watched_and_who_said_so(scene: Scene):
    set_tier(scene, "3003", "notable", because="a local newspaper", until="2027-01-31T00:00:00Z")
    lowering = set_tier(scene, "3003", "standard", because="closed down")
    card = scene.client("ada").get("/accounts/sandbox/3003").partition("tier-card")[2].partition("</section>")[0]
    for said in ("entered in the registry", "a local newspaper", "31 Jan 2027", scene.staff["ben"].pseudonym):
        assert said in card, said
    assert f"/enforcements/{lowering.id}" in card
    president = scene.client("ada").get("/accounts/sandbox/1001")
    assert "labelled head of state by the platform" in president
    assert "reaches 5 million or more" in president


def test_a_change_past_gardefou_is_said(scene: Scene):
    set_tier(scene, "3003", "notable")
    scene.client("ada").get("/accounts/sandbox/3003")
    scene.sandbox.set_measures_out_of_band("3003", ["suspended"])
    watch(scene.app)
    page = scene.client("ada").get("/accounts/sandbox/3003")
    assert "The platform shows a change that did not come through here." in page
    assert "Changed on the platform itself" in page


def test_m3_no_page_here_says_what_a_second_look_must_not_know(scene: Scene):
    put_nets(scene.app)
    case = scene.report("3004", text="Look at the shop.")
    made = first_look(scene.app, "staff-ada", case)
    scene.settle()
    placed = [one for one in events(scene, "enforcement.placed", "decision.made") if one.about in {made.id, case}]
    assert len(placed) == 2
    paths = [
        "/accounts/sandbox/3004",
        "/accounts/sandbox/3004?show=decisions",
        "/people",
        f"/people/{scene.staff['ada'].pseudonym}",
        "/record?q=sandbox/3004",
        f"/record?q={made.id}",
        f"/record?q={scene.staff['ada'].pseudonym}",
    ]
    ben = scene.client("ben")
    for path in paths:
        page = ben.get(path)
        for word in (RATIONALE, POLICY, "Suspend @"):
            assert word not in page, (path, word)
        assert f"/record/sandbox/{placed[0].id}" not in page, path
    assert "Look at the shop." in ben.get("/accounts/sandbox/3004")
    for one in placed:
        for path in (f"/record/sandbox/{one.id}", f"/record/sandbox/{one.id}/proof"):
            assert RATIONALE not in ben.get(path, 403)
    assert RATIONALE in scene.client("ada").get("/accounts/sandbox/3004")


# finding -----------------------------------------------------------------------------


def test_accounts_are_found_by_how_a_handle_begins_by_id_and_page_by_page(both: Scene):
    many_accounts(both, 120)
    browser = both.client("ada")
    for looked_for in ("many_007", "MANY_007", "@many_007", "m007", "sandbox/m007"):
        assert re.findall(r'class="mono">(\w+)<', browser.get(f"/accounts?q={looked_for}")) == ["m007"], looked_for
    found: list[str] = []
    path: str | None = "/accounts?q=MANY"
    while path is not None:
        page = browser.get(path)
        found += re.findall(r'class="mono">(\w+)<', page)
        after = re.search(r'class="button" href="(/accounts\?[^"]+)"', page)
        path = after[1].replace("&amp;", "&") if after else None
    assert found == [f"m{at:03}" for at in range(120)]
    assert "None is known here" in browser.get("/accounts?q=%25any")
    assert "cursor" in browser.get("/accounts?after=x", 400)


@pytest.mark.parametrize("looked_for", ["never-seen", "sandbox/never-seen"])
def test_an_account_that_nobody_looked_at_is_found_by_its_id_at_the_platform(both: Scene, looked_for: str):
    both.sandbox.put_account("never-seen", handle="first_time", reach=1_200_000)
    page = both.client("ada").get(f"/accounts?q={looked_for}")
    assert 'href="/accounts/sandbox/never-seen"' in page
    assert ">@first_time<" in page or ">first_time<" in page


def test_the_watched_ones_are_listed_by_reach_page_by_page(both: Scene):
    many_accounts(both, 60, tier="notable")
    browser = both.client("ada")
    first = browser.get("/accounts")
    assert re.findall(r'class="mono">(\w+)<', first)[:2] == ["1001", "m059"]
    after = re.search(r'class="button" href="(/accounts\?[^"]+)"', first)
    assert after is not None
    assert re.findall(r'class="mono">(\w+)<', browser.get(after[1].replace("&amp;", "&")))[-1] == "m000"


# the registry ------------------------------------------------------------------------


def test_the_registry_says_criteria_reason_end_and_who_set_it(both: Scene):
    set_tier(both, "3003", "notable", because="a local newspaper", until="2027-01-31T00:00:00Z")
    browser = both.client("ada")
    notable, protected = browser.get("/registry?tab=notable"), browser.get("/registry")
    for said in ("a local newspaper", "entered in the registry", "31 Jan 2027", both.staff["ben"].pseudonym):
        assert said in notable
    assert "labelled head of state" in protected
    assert "3003" not in protected
    entries = browser.get("/registry?tab=entries&platform=sandbox")
    assert entries.index(">3003<") < entries.index(">1001<"), "the first to end comes first"
    assert "None." in browser.get("/registry?tab=remembered")
    assert "no list" in browser.get("/registry?tab=everyone", 404)


@pytest.mark.parametrize("tab", ["notable", "entries"])
def test_a_long_registry_is_read_page_by_page(both: Scene, tab: str):
    until = both.app.now() + timedelta(days=400)
    many_accounts(both, 75, tier="notable", explicit_tier="notable", explicit_until=until)
    browser, found = both.client("ada"), list[str]()
    path: str | None = f"/registry?tab={tab}"
    while path is not None:
        page = browser.get(path)
        found += re.findall(r'class="mono">(m\w+)<', page)
        after = re.search(r'class="button" href="(/registry\?[^"]+)"', page)
        path = after[1].replace("&amp;", "&") if after else None
    assert found == [f"m{at:03}" for at in range(75)]


def test_raising_from_the_registry_is_at_once_and_lowering_waits(scene: Scene):
    browser = scene.client("ben")
    fields = {"platform": PLATFORM, "account": "3003", "because": "the town's mayor"}
    page = browser.follow("/registry", tier="protected", until="2027-03-31", **fields)
    assert "In force." in page
    assert "the town&#39;s mayor" in page
    assert of(scene, "3003").explicit_tier == "protected"
    assert of(scene, "3003").handle == "cheap_watches_3"
    assert "waits for people" in browser.follow("/registry", tier="standard", **fields)
    assert of(scene, "3003").explicit_tier == "protected"
    assert "Change of tier: standard waits" in browser.get("/registry")
    assert "knows no account" in browser.post("/registry", 404, tier="notable", **fields | {"account": "nobody"})
    assert "Write the day as" in browser.post("/registry", 400, tier="notable", until="soon", **fields)
    assert "power" in scene.client("ada").post("/registry", 403, tier="notable", **fields)


def test_trying_a_list_changes_nothing_and_names_each_line(scene: Scene):
    browser = scene.client("ben")
    before = events(scene, "account.tier_set", "enforcement.placed")
    text = HEADER + "sandbox,3003,notable,a bakery,\nsandbox,1001,notable,less,\nsandbox,3004,holy,,\n"
    page = browser.post("/registry/import", 200, step="try", list=text)
    assert re.search(r'<th scope="row">4</th>.*?refused.*?tier is standard, notable or protected', page, re.DOTALL)
    assert re.search(r'<th scope="row">3</th>.*?protected to notable.*?lowered: it waits', page, re.DOTALL)
    assert "1 line is wrong" in page
    assert "Import it now" not in page
    good = browser.post("/registry/import", 200, step="try", list=text.rpartition("sandbox,3004")[0])
    assert "Import it now" in good
    assert events(scene, "account.tier_set", "enforcement.placed") == before
    assert "line 4" in browser.post("/registry/import", 400, step="import", list=text)
    assert events(scene, "account.tier_set", "enforcement.placed") == before


def test_a_file_is_imported_once_however_often_it_is_sent(scene: Scene):
    browser = scene.client("ben")
    text = HEADER + "sandbox,3003,notable,a bakery,\nsandbox,1001,notable,less,\n"
    assert "2 lines are good" in upload(browser, text, step="try", list="")
    assert "1 in force, 1 waiting for people, 0 unchanged." in upload(browser, text, step="import", list="")
    before = events(scene, "account.tier_set", "enforcement.placed")
    assert "0 in force, 0 waiting for people, 2 unchanged." in upload(browser, text, step="import", list="")
    assert "there is nothing to import" in upload(browser, text, step="try", list="")
    assert events(scene, "account.tier_set", "enforcement.placed") == before
    assert of(scene, "1001").explicit_tier == "protected"


def test_what_is_no_list_is_refused_in_a_sentence(scene: Scene):
    browser = scene.client("ben")
    assert "Choose a file" in browser.post("/registry/import", 400, step="try", list="")
    assert "columns are platform" in browser.post("/registry/import", 400, step="try", list="who,what\n")
    sent = browser.client.post(
        "/registry/import",
        data={"csrf": browser.csrf, "step": "try"},
        files={"file": ("list.xlsx", b"PK\xff\xfe", "application/zip")},
        headers={"Origin": HOST},
    )
    assert sent.status_code == 400
    assert "A file must be UTF-8 text." in sent.text
    assert "power" in scene.client("ada").post(
        "/registry/import", 403, step="try", list=HEADER + "sandbox,1,notable,,\n"
    )


# people ------------------------------------------------------------------------------


def test_a_leavers_page_says_what_they_hold_and_did_and_may_not_do_any_more(scene: Scene):
    propose(
        scene.app,
        scene.actor("zoe"),
        "token",
        {"id": "t1", "hash": "h", "service": "forms", "scopes": ["reports:write"]},
    )
    made = suspend(scene, "3001")
    case = scene.report("3005")
    scene.client("ben").post(f"/cases/{case}/claim")
    scene.client("ada").post(f"/cases/{scene.report('1001')}/claim")
    last = rfc3339(scene.app.now() + timedelta(days=3))
    for name in ("ada", "ben"):
        propose(scene.app, scene.actor("zoe"), "leave", {"staff": f"staff-{name}", "last_day": last})
    ada = scene.client("dee").get(f"/people/{scene.staff['ada'].pseudonym}")
    assert ">leaving<" in ada
    assert f"/enforcements/{made}" in ada
    assert "A leaver does nothing in bulk" in ada
    ben = scene.client("dee").get(f"/people/{scene.staff['ben'].pseudonym}")
    assert f"/cases/{case}" in ben
    assert re.search(r"<span>approve</span>\s*<span class=\"badge off\">not any more", ben)
    assert re.search(r"<span>read everything</span>\s*<span class=\"badge good\">now", ben)
    zoe = scene.client("zoe").get(f"/people/{scene.staff['zoe'].pseudonym}")
    assert ">forms<" in zoe
    listed = scene.client("dee").get("/people")
    assert listed.index(scene.staff["ada"].pseudonym) < listed.index(scene.staff["cyd"].pseudonym)
    assert "1 enforcement" in scene.client("dee").get("/leavers")


def test_what_waits_for_somebodys_answer_stands_on_their_page(scene: Scene):
    case = scene.report("1001", "impersonation")
    browser = scene.client("ada")
    browser.post(f"/cases/{case}/claim")
    browser.post(f"/cases/{case}/decide", deciding="1", policy="impersonation", action="suspend")
    asked = scene.client("dee").get(f"/people/{scene.staff['cyd'].pseudonym}")
    assert "Suspend @president" in asked.partition("Waits for someone of their roles")[2].partition("Did lately")[0]
    assert "Waits for someone" not in scene.client("dee").get(f"/people/{scene.staff['dee'].pseudonym}")


def test_a_persons_last_days_are_rolled_back_after_a_look_at_what_that_undoes(scene: Scene):
    suspend(scene, "3001")
    suspend(scene, "3002")
    path = f"/people/{scene.staff['ada'].pseudonym}/rollback"
    browser = scene.client("dee")
    would = browser.post(path, 200, hours="24")
    assert "Suspend @cheap_watches_1" in would
    assert "Nothing was done yet" in would
    assert scene.state("3001") == {"suspended"}
    assert "2 accounts are back" in browser.follow(path, hours="24", sure="yes")
    assert scene.state("3001") | scene.state("3002") == frozenset()
    assert "nothing of theirs to undo" in browser.post(path, 200, hours="24")


def test_roles_are_taken_at_once_and_given_by_others(scene: Scene):
    admin, eve = scene.client("zoe"), scene.staff["eve"]
    path = f"/people/{eve.pseudonym}"

    def roles() -> tuple[str, ...]:
        with scene.app.works.begin() as uow:
            return uow.need(Staff, "gardefou", eve.id).roles

    page = admin.follow(f"{path}/roles", role=["lead"], team=eve.team)
    assert "In force." in page
    assert roles() == ("lead",)
    waits = admin.post(f"{path}/roles", role=["policy"], team=eve.team)
    assert waits.startswith("/enforcements/")
    assert roles() == (), "what is taken is gone, what is given waits"
    assert "how it is already" in admin.follow(f"{path}/roles", team=eve.team)
    assert "Changes about them that wait" in admin.get(path)
    assert "power" in scene.client("ada").post(f"{path}/roles", 403, role=["lead"], team=eve.team)


def test_an_admin_who_trades_their_own_role_for_another_does_it_whole(scene: Scene):
    admin, zoe = scene.client("zoe"), scene.staff["zoe"]
    path = f"/people/{zoe.pseudonym}"

    def roles() -> tuple[str, ...]:
        with scene.app.works.begin() as uow:
            return uow.need(Staff, "gardefou", zoe.id).roles

    # Whoever proposes it must still be able to when others have said yes.
    waits = admin.post(f"{path}/roles", role=["lead"], team=zoe.team)
    assert waits.startswith("/enforcements/")
    assert roles() == ("admin",)
    page = admin.get(waits)
    assert "lead" in page
    for name in ("ben", "cyd"):
        browser = scene.client(name)
        browser.post(f"{waits.partition('?')[0]}/answer", digest=digest(browser.get(waits)), answer="yes", note="Yes.")
    scene.later(timedelta(hours=1))
    assert roles() == ("lead",)


def test_of_two_changes_proposed_together_neither_stands_where_one_cannot(scene: Scene):
    eve = scene.staff["eve"]
    taken = ("role", {"staff": eve.id, "remove": ["lead"]})
    with pytest.raises(InvalidInput):
        propose_all(scene.app, scene.actor("zoe"), [taken, ("role", {"staff": eve.id, "add": ["no-such-role"]})])
    with scene.app.works.begin() as uow:
        assert uow.need(Staff, "gardefou", eve.id).roles == eve.roles


def test_notice_and_putting_off_count_at_once_and_staying_waits(scene: Scene):
    admin, path = scene.client("zoe"), f"/people/{scene.staff['dee'].pseudonym}"
    page = admin.follow(f"{path}/leave", last_day="2026-05-10", zone="Europe/Paris")
    assert "last day ends 10 May 2026, 21:59 UTC" in page
    assert admin.post(f"{path}/leave", stays="yes", zone="UTC").startswith("/enforcements/")
    assert "Write the day" in admin.post(f"{path}/leave", 400, last_day="soon", zone="UTC")
    assert "time zone" in admin.post(f"{path}/leave", 400, last_day="2026-05-09", zone="Mars/Base")
    assert "Give the last day" in admin.post(f"{path}/leave", 400, zone="UTC")
    assert "Tick that you are sure" in admin.post(f"{path}/off", 400)
    assert ">left<" in admin.follow(f"{path}/off", sure="yes", because="lost the laptop")
    assert "Take all powers away" not in admin.get(path)


def test_a_service_token_is_revoked_from_its_owners_page(scene: Scene):
    payload = {"id": "t1", "hash": "h", "service": "forms", "scopes": ["reports:write"]}
    propose(scene.app, scene.actor("zoe"), "token", payload)
    admin, path = scene.client("zoe"), f"/people/{scene.staff['zoe'].pseudonym}"
    assert "In force." in admin.follow(f"{path}/revoke", token="t1")
    assert ">forms<" not in admin.get(path)


# the record ---------------------------------------------------------------------------


def test_the_record_is_looked_up_by_account_id_and_pseudonym(both: Scene):
    made = suspend(both, "3001")
    both.settle()
    browser = both.client("dee")
    for looked_for in ("sandbox/3001", "3001", "cheap_watches_1"):
        page = browser.get(f"/record?q={looked_for}")
        assert "wrote" not in page
        assert page.count("a report came in") == 3, looked_for
        assert "the platform shows it" in page
    by_id = browser.get(f"/record?q={made}")
    assert "placed it" in by_id
    assert "a report came in" not in by_id
    entry = next(one for one in events(both, "enforcement.placed") if one.about == made)
    assert browser.get(f"/record?q={entry.id}").count(f"/record/sandbox/{entry.id}") == 1
    by_person = browser.get(f"/record?q={both.staff['ada'].pseudonym}")
    assert "took the case" in by_person
    assert "placed it" in by_person
    many_accounts(both, 7)
    # The page's own address stands there too, for when it has changed.
    assert len(re.findall(r'href="/record\?q=(?!many")', browser.get("/record?q=many"))) == 7
    assert "Nothing on record." in browser.get("/record?q=nobody-at-all")


def test_an_entry_says_what_was_done_and_its_proof_holds_elsewhere(scene: Scene, tmp_path: Path):
    made = suspend(scene, "3001")
    scene.settle()
    entry = next(one for one in events(scene, "enforcement.placed") if one.about == made)
    browser = scene.client("dee")
    page = browser.get(f"/record/sandbox/{entry.id}")
    for said in ("Placed it", scene.staff["ada"].pseudonym, "agrees with its leaf", "suspend", f"/enforcements/{made}"):
        assert said in page, said
    proof = tmp_path / "proof.json"
    proof.write_text(browser.get(f"/record/sandbox/{entry.id}/proof"))
    key = scene.app.sequencer.signer(PLATFORM).verifier.encoded
    held = CliRunner().invoke(cli, ["ledger", "verify", str(proof), "--key", key, "--json"])
    assert held.exit_code == 0, held.output
    assert [one["id"] for one in orjson.loads(held.stdout)["events"]] == [entry.id]
    body = orjson.loads(proof.read_bytes())
    body["events"][0]["index"] += 1
    proof.write_bytes(orjson.dumps(body))
    assert CliRunner().invoke(cli, ["ledger", "verify", str(proof), "--key", key]).exit_code == 1
    assert CliRunner().invoke(cli, ["ledger", "verify", str(proof)]).exit_code == 1
    assert "no such entry" in browser.get("/record/sandbox/nothing", 404)


def test_an_entry_that_is_in_no_checkpoint_yet_says_so(scene: Scene):
    scene.settle()
    scene.report("3003")
    entry = events(scene, "report.taken")[-1]
    browser = scene.client("dee")
    assert "comes with the next checkpoint" in browser.get(f"/record/sandbox/{entry.id}")
    assert "not in a checkpoint yet" in browser.get("/record?q=3003")
    assert "Nothing of it stands" in browser.get(f"/record/sandbox/{entry.id}/proof", 404)


# all of them ---------------------------------------------------------------------------


def _all_paths(scene: Scene) -> list[str]:
    pseudonyms = [one.pseudonym for one in scene.staff.values()]
    entries = events(scene, "staff.added", "enforcement.placed", "decision.made", "account.tier_set", "case.claimed")
    return [
        "/accounts",
        "/accounts?q=cheap",
        "/accounts/sandbox/3001",
        "/accounts/sandbox/1001",
        "/registry",
        "/registry?tab=entries",
        "/registry/import",
        "/people",
        *(f"/people/{one}" for one in pseudonyms),
        "/record",
        f"/record?q={pseudonyms[1]}",
        "/record?q=sandbox/3001",
        *(f"/record/{one.platform}/{one.id}" for one in entries),
    ]


def test_r19_no_page_names_anybody_or_shows_a_staff_id(scene: Scene):
    with scene.app.works.begin() as uow:
        for name, one in scene.staff.items():
            scene.app.directory.put(
                uow.connection, Entry(staff_id=one.id, name=f"Planted {name.title()} Name", email="p@lant.ed")
            )
    suspend(scene, "3001", note="A note.")
    scene.client("dee").post("/restore/sandbox/3001", because="It was a mistake.")
    set_tier(scene, "3003", "notable", because="a paper")
    last = rfc3339(scene.app.now() + timedelta(days=3))
    propose(scene.app, scene.actor("zoe"), "leave", {"staff": "staff-ada", "last_day": last})
    scene.settle()
    for reader in ("zoe", "dee"):
        browser = scene.client(reader)
        for path in _all_paths(scene):
            page = browser.get(path)
            assert "Planted" not in page, path
            assert "p@lant.ed" not in page, path
            assert "staff-" not in page, path
            assert scene.staff["zoe"].id not in page, path
            assert not re.search(r"<script(?! src)|<style| style=| on[a-z]+=", page), path


@pytest.mark.parametrize(
    "path", ["/accounts/sandbox/3001", "/people", "/registry", "/record?q=sandbox/3001", "/accounts"]
)
def test_a_page_asks_the_same_number_of_questions_whatever_there_is(scene: Scene, path: str):
    suspend(scene, "3001")
    browser = scene.client("ben")
    browser.get(path)
    with queries() as before:
        browser.get(path)
    with scene.app.works.begin() as uow:
        one = fetch_all(
            uow.connection, Enforcement, sa.select(tables.enforcement).where(tables.enforcement.c.account == "3001")
        )[0]
        for number in range(150):
            more = replace(one, id=uow.ids.new(), placed_by="staff-dee" if number % 2 else "staff-ada", version=1)
            uow.record(
                "enforcement.placed", by=more.placed_by, platform=PLATFORM, account="3001", about=more.id, puts=(more,)
            )
    many_accounts(scene, 80, tier="protected")
    for number in range(20):
        propose(scene.app, scene.actor("zoe"), "staff_add", {"staff": f"staff-more-{number}", "roles": ["auditor"]})
    scene.settle()
    with queries() as after:
        browser.get(path)
    assert len(after) <= len(before), sorted(set(after) - set(before))
    assert len(after) < 45


def test_every_question_of_these_pages_finds_its_rows_by_an_index(scene: Scene):
    suspend(scene, "3001", note="A note.")
    set_tier(scene, "3003", "notable", because="a paper")
    scene.settle()
    browser, paths = scene.client("zoe"), _all_paths(scene)
    with queries() as seen:
        for path in (
            *paths,
            "/registry?platform=sandbox",
            "/registry?tab=notable",
            "/registry?tab=remembered",
            "/record?q=nothing",
        ):
            browser.get(path)
        scene.client("ben").post("/registry/import", 200, step="try", list=HEADER + "sandbox,3003,protected,,\n")
    wrong: list[str] = []
    with scene.app.works.read() as connection:
        raw = fast.opened(connection)
        for statement in sorted(set(seen)):
            if not statement.lstrip().upper().startswith("SELECT"):
                continue
            plan = raw.execute(f"EXPLAIN QUERY PLAN {statement}", ["x"] * statement.count("?")).fetchall()
            wrong += [
                f"{row[3]}\n    {' '.join(statement.split())}"
                for row in plan
                if (_TOO_MUCH.search(row[3]) or _ONE_PLATFORM.search(row[3]))
                and not re.search(r"INDEX (account_by_(reach|tier|entry)|case_claimed|event_of_account)\b", row[3])
            ]
    assert len(set(seen)) > 40
    assert not wrong, "\n".join(wrong)
