"""A rollback is on record: foreseen, carried by whoever is there, killed and gone on with, and reported at its end."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from gardefou.domain.records import Rollback, Token
from gardefou.errors import Denied
from gardefou.flow.change import propose
from gardefou.flow.due import run_due
from gardefou.flow.rollback import begin_rollback, carry, rollback
from gardefou.flow.rollback_preview import foresee
from gardefou.flow.rollback_report import as_csv, outcomes_of, rollback_of, standing_of
from gardefou.flow.waiting_groups import waiting_groups
from gardefou.speech import Speech, speaking
from gardefou.storage import tables
from gardefou.storage.records import MAPPED
from tests.flow.world import DAY, HOUR, MINUTE, Killed, World

CHILD = Path(__file__).parent / "rolled_child.py"


def begin(world: World, who="lead", by="rev", **more) -> Rollback:
    record = begin_rollback(world.app, world.actor(who), by=by, **{"since": world.now - HOUR, **more}).record
    assert record is not None
    return record


def counts(world: World, record: Rollback) -> dict[str, int]:
    with world.store.read() as connection:
        found = standing_of(connection, rollback_of(connection, record.id))
        return {name: number for name, number in found.counts.items() if number}


def state(world: World, record: Rollback) -> str:
    with world.store.read() as connection:
        return rollback_of(connection, record.id).state


def report(world: World, record: Rollback):
    with world.store.read() as connection:
        return [one for _, one in outcomes_of(connection, rollback_of(connection, record.id))]


def limited(world: World, number: int, by: str = "rev") -> list[str]:
    """Let somebody limit that many accounts; return their refs."""
    refs = [f"{by}{one}" for one in range(number)]
    for ref in refs:
        world.sandbox.put_account(ref, handle=f"somebody {ref}", reach=1)
        world.enforce(by, ref, "limit")
    world.clock.advance(MINUTE)
    return refs


def stand(world: World, accounts: int, by: str = "rev") -> list[str]:
    """Write down that many accounts with four measures each, as if somebody had just imposed them; return their refs."""
    first = [world.enforce(by, "small", action) for action in ("limit", "label", "lock", "suspend")]
    account = world.account("small")
    refs = ["small", *(f"many{one}" for one in range(accounts - 1))]
    with world.app.works.begin() as uow:
        for ref in refs[1:]:
            harms = [replace(one, id=uow.ids.new(), account=ref, version=1) for one in first]
            known = replace(account, ref=ref, handle=ref, version=1)
            uow.record("enforcement.placed", by=by, platform="sandbox", account=ref, puts=(known, *harms))
    with world.store.begin() as connection:
        table = sa.Table("sandbox_account", sa.MetaData(), autoload_with=connection)
        row = dict(connection.execute(sa.select(table).where(table.c.ref == "small")).mappings().one())
        connection.execute(table.insert(), [{**row, "ref": ref, "handle": ref} for ref in refs[1:]])
    world.clock.advance(MINUTE)
    return refs


def test_it_is_seen_first_what_it_would_do_in_numbers_and_what_is_in_the_way(world):
    world.enforce("rev", "small", "limit")
    world.enforce("rev2", "small", "suspend")
    world.enforce("rev", "small2", "deactivate")
    world.enforce("rev", "known", "suspend")
    world.enforce("legal", "small2", "limit", legal_basis="court_order")
    world.clock.advance(MINUTE)
    would = foresee(world.app, world.actor("lead"), by="rev", since=world.now - HOUR)
    assert would.actions == {"limit": 1, "deactivate": 1, "suspend": 1}
    assert [ref for _, ref in would.accounts] == ["small", "small2", "known"]
    assert (would.reach, would.withdrawn, would.waits, would.not_own) == (250_020, 1, 0, False)
    found = {(one.kind, one.account) for one in would.conflicts}
    assert {("others_stand", "small"), ("others_stand", "small2")} <= found
    assert world.measures("small") == {"limited", "suspended"}
    theirs = foresee(world.app, world.actor("lead"), by="legal", since=world.now - HOUR)
    assert {(one.kind, one.account) for one in theirs.conflicts} >= {("barred", "small2")}


def test_r12_the_preview_says_how_many_will_wait_for_another_and_so_it_comes(world):
    limited(world, 23)
    world.run(2 * DAY)
    since = world.now - 3 * DAY
    assert foresee(world.app, world.actor("lead"), by="rev", since=since).waits == 3
    record = begin(world, since=since)
    carry(world.app, record.id)
    assert counts(world, record) == {"back": 20, "waits": 3}
    assert {one.outcome for one in report(world, record) if one.because.startswith("Waits for")} == {"waits"}
    with world.store.read() as connection:
        group = next(one for one in waiting_groups(connection, world.app.config(connection)) if one.kind == "rollback")
    assert (group.key, len(group.enforcements)) == (record.id, 3)
    for one in group.enforcements:
        world.approve("lead2", one)
    assert counts(world, record) == {"back": 23}


def test_killed_at_the_platform_the_worker_goes_on_and_each_account_is_lifted_once(world):
    refs = limited(world, 4)
    record = begin(world)
    world.wire.kill("after")
    with pytest.raises(Killed):
        carry(world.app, record.id)
    assert state(world, record) == "running"
    other = world.restarted()
    other.run(2 * MINUTE)
    assert state(world, record) == "done"
    assert counts(world, record) == {"back": 4}
    for ref in refs:
        assert world.measures(ref) == frozenset()
        assert [effect.verb for effect in world.effects(ref)] == ["apply", "undo"]
    world.assert_sound()


def test_asking_again_joins_what_is_under_way_whoever_asks(world):
    limited(world, 3)
    first = begin(world)
    carry(world.app, first.id, most=1)
    second = begin(world, "lead2", since=world.now - 2 * HOUR)
    assert second.id == first.id
    done = rollback(world.app, world.actor("lead2"), by="rev", since=world.now - HOUR)
    assert done.record is not None
    assert done.record.id == first.id
    assert len(done.restores) == 3
    assert counts(world, first) == {"back": 3}


def test_r12_nobody_joins_a_rollback_that_waits_where_their_own_would_not(world):
    limited(world, 2)
    long = begin(world, since=world.now - 2 * DAY)
    short = begin(world, "lead2")
    assert short.id != long.id
    carry(world.app, short.id)
    carry(world.app, long.id)
    assert counts(world, short) == {"back": 2}
    assert counts(world, long) == {"nothing": 2}


def test_two_carry_the_same_one_at_once_and_each_account_is_done_by_one(world):
    refs = limited(world, 8)
    record = begin(world)
    other = world.restarted()
    at_once = threading.Thread(target=carry, args=(other.app, record.id), kwargs={"backwards": True})
    at_once.start()
    carry(world.app, record.id)
    at_once.join()
    carry(world.app, record.id)
    world.settle()
    assert counts(world, record) == {"back": 8}
    for ref in refs:
        assert [effect.verb for effect in world.effects(ref)] == ["apply", "undo"]
    world.assert_sound()


def test_m9_it_stops_when_whoever_asked_is_put_off_and_another_takes_the_rest(world):
    limited(world, 3)
    record = begin(world, "rev2")
    carry(world.app, record.id, most=1)
    propose(world.app, world.actor("admin"), "off", {"staff": "rev2"})
    world.settle()
    assert state(world, record) == "stopped"
    assert counts(world, record) == {"back": 1, "left": 2}
    assert "left" in {one.outcome for one in report(world, record) if "has left" in one.because}
    again = begin(world)
    carry(world.app, again.id)
    assert counts(world, again) == {"back": 2}


def test_why_it_stopped_is_kept_in_english_and_what_a_reader_is_told_is_not(world):
    limited(world, 1)
    record = begin(world, "rev2")
    propose(world.app, world.actor("admin"), "role", {"staff": "rev2", "remove": ["reviewer"]})
    with speaking(Speech("fr")):
        carry(world.app, record.id)
    with world.store.read() as connection:
        assert rollback_of(connection, record.id).because.startswith("This needs the power 'lift'")
    again = begin(world)
    world.restore("lead", "rev0")
    with speaking(Speech("fr")):
        carry(world.app, again.id)
        assert [one.because for one in report(world, again)] == ["Plus rien de cette personne n’y était en place."]
    assert [one.because for one in report(world, again)] == ["Nothing of theirs stood there any more."]


def test_it_stops_when_the_token_it_was_asked_for_with_is_revoked(world):
    limited(world, 2)
    service = world.service("detector")
    record = begin_rollback(world.app, service, by="rev", since=world.now - HOUR).record
    assert record is not None
    with world.app.works.begin() as uow:
        token = uow.need(Token, "gardefou", "token-detector")
        revoked = replace(token, revoked_at=uow.now, version=token.version + 1)
        uow.record("token.revoked", by="admin", about=token.id, puts=(revoked,))
    world.settle()
    assert state(world, record) == "stopped"
    assert world.measures("rev0") == {"limited"}


def test_m9_in_the_last_24_hours_nobody_begins_one_of_somebody_else(world):
    limited(world, 1)
    world.person("going", "reviewer", last_day=world.now + 20 * HOUR)
    with pytest.raises(Denied):
        begin(world, "going")
    assert foresee(world.app, world.actor("going"), by="rev", since=world.now - HOUR).not_own
    with world.store.read() as connection:
        assert connection.execute(sa.select(tables.rollback.c.id)).first() is None


def test_what_the_platform_refuses_is_in_the_report_with_its_reason_and_the_rest_is_back(world):
    world.enforce("rev", "small", "limit")
    world.enforce("rev", "small2", "limit")
    world.clock.advance(MINUTE)
    record = begin(world)
    world.sandbox.switch(down=True)
    carry(world.app, record.id)
    assert counts(world, record) == {"moving": 2}
    world.up()
    world.run(10 * MINUTE)
    assert counts(world, record) == {"back": 2}
    told = report(world, record)
    assert all(one.milliseconds is not None and one.milliseconds > 0 for one in told)


def test_an_account_called_like_a_formula_is_none_in_the_report(world):
    world.sandbox.put_account("=1+1", handle="sum", reach=1)
    world.enforce("rev", "=1+1", "limit")
    world.clock.advance(MINUTE)
    record = begin(world)
    carry(world.app, record.id)
    text = as_csv(report(world, record))
    assert text.startswith("platform,account,outcome")
    assert "sandbox,'=1+1,back" in text


def test_five_hundred_are_begun_in_one_transaction_and_carried_in_rounds(sqlite_url):
    world = World(sqlite_url)
    world.people()
    world.accounts()
    refs = stand(world, 125)
    record = begin(world)
    assert sum(len(one.enforcements) for one in report(world, record)) == 500
    assert counts(world, record) == {"left": 125}
    assert run_due(world.app) == 25
    assert counts(world, record) == {"back": 25, "left": 100}
    world.settle()
    assert counts(world, record) == {"back": 125}
    assert state(world, record) == "done"
    assert all(world.measures(ref) == frozenset() for ref in refs)
    (incident,) = world.incidents("reversal")
    assert set(incident.accounts) == set(refs)
    assert len(world.events("incident.grew", about=incident.id)) == 0
    world.close()


def test_kill_9_in_the_middle_loses_no_account_and_does_none_twice(database_url):
    world = World(database_url, at=datetime.now(UTC))
    world.person("rev", "reviewer")
    world.person("lead", "lead")
    refs = limited(world, 14)
    world.close()
    # The child's clock is the machine's: what was placed lies in its past.
    child = subprocess.Popen(
        [sys.executable, str(CHILD), database_url],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": f"{CHILD.parents[2]}:{CHILD.parents[2] / 'src'}", "PATH": ""},
    )
    assert child.stdout is not None
    said: list[str] = []
    for line in child.stdout:
        said.append(line)
        if line.startswith("done 4"):
            break
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    after = World(database_url, at=datetime.now(UTC) + timedelta(seconds=1))
    with after.store.read() as connection:
        record = MAPPED[Rollback].from_row(connection.execute(sa.select(tables.rollback)).one())
    assert said[0].split() == ["begun", record.id]
    assert counts(after, record)["left"] > 0
    after.run(2 * MINUTE)
    assert counts(after, record) == {"back": 14}
    for ref in refs:
        assert [effect.verb for effect in after.effects(ref)] == ["apply", "undo"]
    after.assert_sound()
    after.close()
