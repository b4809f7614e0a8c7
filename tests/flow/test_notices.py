"""Notices: written with what they tell of, each delivered once, and an alert when one does not get through."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from gardefou.courier import Courier
from gardefou.domain.records import Channel
from gardefou.errors import Conflict, Denied, InvalidInput, NotFound
from gardefou.flow.break_glass import break_glass
from gardefou.flow.change import pause, propose, resume
from gardefou.flow.changes.nets import write_nets
from gardefou.flow.deliver import KEPT, LEASE, forget, give_up, note, renew, share_out, take, waiting_channels
from gardefou.flow.incidents import alert
from gardefou.flow.notices import channels, health, last_deliveries, unheard
from gardefou.flow.try_channel import try_channel
from gardefou.flow.watch import watch
from gardefou.nets.load import load
from gardefou.notices.post import Sent
from gardefou.storage import tables
from tests.flow.world import HOUR, MINUTE, Killed, World

ADDRESS = "https://g.example.org"
SECOND = timedelta(seconds=1)


class Box:
    """Where messages arrive, instead of a chat; it can refuse, hang, or let the process die."""

    def __init__(self, *keys: str) -> None:
        self.keys = set(keys)
        self.got: list[tuple[str, str, str]] = []
        self.notices: list[str] = []
        self.answer = Sent(ok=True, answer="sent")
        self.after: BaseException | None = None
        self.gate: threading.Event | None = None

    def has(self, key: str) -> bool:
        return key in self.keys

    def send(self, key: str, title: str, body: str, *, notice: str = "") -> Sent:
        if self.gate is not None and key == "k-slow":
            self.gate.wait(30)
        if self.answer.ok:
            self.got.append((key, title, body))
            self.notices.append(notice)
        if self.after is not None:
            raise self.after
        return self.answer

    @property
    def titles(self) -> list[str]:
        return [title.removeprefix("Gardefou: ") for _, title, _ in self.got]


def channel(world: World, name: str, *to: str, kinds: tuple[str, ...] = (), language: str = "en") -> None:
    """Put a channel in use, without the people that it takes."""
    made = Channel(id=name, key=f"k-{name}", service="json", to=to, kinds=kinds, language=language, added_at=world.now)
    with world.app.works.begin() as uow:
        uow.record("channel.set", by="system", about=name, puts=(made,))


def box(world: World, *names: str) -> Box:
    made = Box(*(f"k-{name}" for name in names))
    world.app.post = made
    return made


def deliver(world: World) -> None:
    """Send everything that is due, one after the other, as a courier does."""
    share_out(world.app)
    give_up(world.app)
    for name in waiting_channels(world.app):
        while (one := take(world.app, name, address=ADDRESS)) is not None:
            words = one.message
            note(world.app, one, world.app.post.send(one.key, words.title, words.body, notice=one.notice_id))


def drift(world: World) -> None:
    world.enforce("rev", "president", "warn")
    world.settle()
    world.sandbox.set_measures_out_of_band("president", ["deactivated"])
    watch(world.app)


def test_who_is_on_duty_is_told_of_a_change_behind_our_back_with_the_way_to_restore_it(world):
    channel(world, "chat", "oncall")
    got = box(world, "chat")
    drift(world)
    deliver(world)
    [(_, title, body)] = [one for one in got.got if "behind" in one[1]]
    assert title == "Gardefou: @president was changed behind our back"
    assert "DOWN since 2 Nov 2017, 12:00 UTC (0 minutes)" in body
    assert f"{ADDRESS}/restore/sandbox/president" in body
    [incident] = world.incidents("drift")
    assert f"{ADDRESS}/incidents/{incident.id}" in body
    deliver(world)
    assert got.titles.count("@president was changed behind our back") == 1


def test_a_channel_is_spoken_to_in_its_language(world):
    channel(world, "chat", "oncall", language="fr", kinds=("drift",))
    got = box(world, "chat")
    drift(world)
    deliver(world)
    assert got.titles == ["@president a été modifié à notre insu"]


def test_a_notice_is_written_with_what_it_tells_of_or_not_at_all(world):
    def killed() -> None:
        with world.app.works.begin() as uow:
            alert(uow, "pause", platform="gardefou", about="x", says="x")
            raise Killed

    with pytest.raises(Killed):
        killed()
    with world.store.read() as connection:
        assert connection.execute(sa.select(tables.notice)).all() == []


def test_nets_name_who_is_told_and_everyone_is_every_channel(world):
    for name in ("oncall", "lead", "legal"):
        channel(world, name, name)
    channel(world, "pauses", "legal", kinds=("pause",))
    got = box(world, "oncall", "lead", "legal", "pauses")
    world.enforce("rev", "president", "deactivate")
    deliver(world)
    assert [key for key, *_ in got.got] == ["k-oncall"]
    assert got.titles == ["Wanted: deactivate @president"]
    got.got.clear()
    pause(world.app, world.fresh("rev"), "stop")
    deliver(world)
    assert sorted(key for key, *_ in got.got) == ["k-lead", "k-legal", "k-oncall", "k-pauses"]
    got.got.clear()
    resume(world.app, world.fresh("lead"), "over")
    resume(world.app, world.fresh("oncall"), "over")
    deliver(world)
    assert set(got.titles) == {"Enforcement goes on"}


def test_a_team_is_told_over_its_own_channel(world):
    channel(world, "theirs", "team:team-rev")
    channel(world, "others", "team:team-rev2")
    got = box(world, "theirs", "others")
    with world.app.works.begin() as uow:
        alert(uow, "placed", platform="sandbox", about="e", says="x", to=("team",), team="team-rev")
    deliver(world)
    assert [key for key, *_ in got.got] == ["k-theirs"]


def test_r19_no_notice_names_a_person_or_quotes_what_somebody_typed(world):
    channel(world, "all", "oncall", "lead", "legal")
    got = box(world, "all")
    drift(world)
    break_glass(world.app, world.fresh("rev"), "sandbox", "known", "lock", "BECAUSE of p-rev")
    pause(world.app, world.fresh("oncall"), "BECAUSE Ada said so")
    propose(world.app, world.fresh("admin"), "setting", {"name": "bulk_max", "value": 1}, "BECAUSE I can")
    world.enforce("rev", "known", "suspend", rationale="BECAUSE")
    deliver(world)
    kinds = {one.kind for one in deliveries(world)}
    assert {"drift", "break_glass", "pause", "change"} <= kinds
    told = "\n".join(title + body for _, title, body in got.got)
    with world.store.read() as connection:
        people = connection.execute(sa.select(tables.staff.c.id, tables.staff.c.pseudonym)).all()
    assert "BECAUSE" not in told
    for person in people:
        assert person.pseudonym not in told
    assert "p-rev" not in told


def deliveries(world: World):
    with world.store.read() as connection:
        return last_deliveries(connection, 100)


def test_what_was_not_taken_is_tried_again_ever_more_rarely(world):
    channel(world, "chat", "oncall")
    got = box(world, "chat")
    got.answer = Sent(ok=False, answer="http 500")
    pause(world.app, world.fresh("rev"), "stop")
    tried: list[timedelta] = []
    start = world.now
    while world.now - start < 17 * MINUTE:
        before = sum(one.attempts for one in deliveries(world) if one.kind == "pause")
        deliver(world)
        if sum(one.attempts for one in deliveries(world) if one.kind == "pause") > before:
            tried.append(world.now - start)
        world.clock.advance(SECOND * 5)
    waits = [later - earlier for earlier, later in pairwise(tried)]
    assert waits[:7] == [SECOND * number for number in (5, 10, 20, 40, 80, 160, 300)]
    assert max(waits) == SECOND * 300
    got.answer = Sent(ok=True, answer="sent")
    world.clock.advance(SECOND * 300)
    deliver(world)
    assert got.titles.count("All enforcement is paused") == 1


def test_a_channel_that_lets_nothing_through_is_told_once_over_the_others_and_in_the_console(world):
    channel(world, "broken", "oncall")
    channel(world, "other", "legal")
    got = box(world, "other")
    got.keys.add("k-broken")
    real_send = got.send

    def send(key: str, title: str, body: str, *, notice: str = "") -> Sent:
        return Sent(ok=False, answer="http 403") if key == "k-broken" else real_send(key, title, body, notice=notice)

    got.send = send  # type: ignore[method-assign]
    drift(world)
    for _ in range(10):
        deliver(world)
        world.clock.advance(MINUTE)
    [incident] = world.incidents("undelivered")
    assert incident.detail["channel"] == "broken"
    assert len(world.events("notice.undelivered")) == 1
    told = [(key, body) for key, title, body in got.got if "do not get through" in title]
    assert [key for key, _ in told] == ["k-other"]
    assert "HTTP 403" in told[0][1]
    # More that does not get through is the same outage; after something did, it is another.
    for again in (0, 1):
        world.clock.advance(2 * HOUR)
        got.keys.add("k-broken")
        if again:
            got.send = real_send  # type: ignore[method-assign]
            deliver(world)
            got.send = send  # type: ignore[method-assign]
        world.sandbox.set_measures_out_of_band("president", [])
        watch(world.app)
        world.sandbox.set_measures_out_of_band("president", ["suspended"])
        watch(world.app)
        for _ in range(5):
            deliver(world)
            world.clock.advance(MINUTE)
        assert len(world.events("notice.undelivered")) == 1 + again
    world.assert_sound()


def test_two_channels_that_break_at_the_same_time_are_two_incidents(world):
    for name in ("chat", "pager"):
        channel(world, name, "oncall")
    got = box(world, "chat", "pager")
    got.answer = Sent(ok=False, answer="no_connection")
    pause(world.app, world.fresh("rev"), "stop")
    for _ in range(5):
        deliver(world)
        world.clock.advance(MINUTE)
    assert sorted(one.detail["channel"] for one in world.incidents("undelivered")) == ["chat", "pager"]
    assert all(one.about == "" and one.accounts == () for one in world.incidents("undelivered"))


def test_an_only_channel_that_is_broken_is_told_in_the_console_and_not_in_a_loop(world):
    channel(world, "only", "oncall", "lead")
    got = box(world, "only")
    got.answer = Sent(ok=False, answer="no_connection")
    pause(world.app, world.fresh("rev"), "stop")
    for _ in range(30):
        deliver(world)
        world.clock.advance(20 * MINUTE)
    assert len(world.incidents("undelivered")) == 1
    assert [one.state for one in deliveries(world)] == ["undelivered"]
    assert got.got == []


def test_an_address_that_no_worker_has_is_told_too(world):
    channel(world, "lost", "oncall")
    box(world)
    pause(world.app, world.fresh("rev"), "stop")
    for _ in range(5):
        deliver(world)
        world.clock.advance(MINUTE)
    [incident] = world.incidents("undelivered")
    assert incident.detail["answer"] == "no_address"
    # A worker that has it takes it still.
    got = box(world, "lost")
    deliver(world)
    assert got.titles == ["All enforcement is paused"]


def test_a_killed_worker_loses_nothing_and_nobody_sends_beside_a_living_one(world):
    channel(world, "chat", "oncall")
    got = box(world, "chat")
    got.after = Killed()
    pause(world.app, world.fresh("rev"), "stop")
    with pytest.raises(Killed):
        deliver(world)
    after = world.restarted()
    again = box(after, "chat")
    deliver(after)
    assert again.got == []
    world.clock.advance(LEASE)
    deliver(after)
    assert again.titles == ["All enforcement is paused"]
    deliver(after)
    assert len(again.got) == 1


def test_what_still_is_being_sent_is_kept_and_what_was_taken_up_by_another_is_no_longer_ours(world):
    channel(world, "chat", "oncall")
    box(world, "chat")
    pause(world.app, world.fresh("rev"), "stop")
    share_out(world.app)
    mine = take(world.app, "chat", address=ADDRESS)
    assert mine is not None
    world.clock.advance(LEASE - SECOND)
    renew(world.app, mine)
    world.clock.advance(2 * SECOND)
    assert take(world.app, "chat", address=ADDRESS) is None
    world.clock.advance(LEASE)
    theirs = take(world.app, "chat", address=ADDRESS)
    assert theirs is not None
    assert theirs.attempt == 2
    assert note(world.app, mine, Sent(ok=False, answer="broken")) is False
    assert note(world.app, theirs, Sent(ok=True, answer="sent")) is True


def test_two_workers_share_the_work_and_nothing_is_sent_twice(world):
    channel(world, "chat", "oncall")
    got = box(world, "chat")
    with world.app.works.begin() as uow:
        for number in range(20):
            alert(uow, "raid_over", platform="gardefou", about=f"r{number}", says="x")
    other = world.restarted()
    other.app.post = got
    barrier = threading.Barrier(2)

    def work(one: World) -> None:
        barrier.wait()
        deliver(one)

    threads = [threading.Thread(target=work, args=(one,)) for one in (world, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deliver(world)
    assert len(got.got) == 20
    assert {one.attempts for one in deliveries(world)} == {1}


def test_a_channel_that_hangs_holds_up_no_other_channel_and_no_enforcement(world):
    channel(world, "slow", "oncall")
    channel(world, "quick", "oncall")
    got = box(world, "slow", "quick")
    got.gate = threading.Event()
    courier = Courier(world.app, ADDRESS)
    pause(world.app, world.fresh("rev"), "stop")
    courier.round()
    for name, run in courier._runs.items():
        if name == "quick":
            run.thread.join(10)
    assert [key for key, *_ in got.got] == ["k-quick"]
    # The record goes on, and the other channel hears more, while one hangs.
    resume(world.app, world.fresh("lead"), "over")
    resume(world.app, world.fresh("oncall"), "over")
    world.settle()
    courier.round()
    courier._runs["quick"].thread.join(10)
    assert [key for key, *_ in got.got] == ["k-quick", "k-quick"]
    got.gate.set()
    courier._runs["slow"].thread.join(10)
    courier.round()
    courier._runs["slow"].thread.join(10)
    assert sorted(key for key, *_ in got.got) == ["k-quick", "k-quick", "k-slow", "k-slow"]
    courier.stop()


def test_m3_of_a_blind_second_look_a_notice_holds_neither_account_nor_action(world):
    channel(world, "lead", "lead")
    got = box(world, "lead")
    blind = load(
        '[[net]]\nid = "blind"\ntitle = "Blind"\nbecause = "x"\nwhen = \'action.severity == 3\'\n'
        '[net.require]\napprovals = 1\nfrom = ["lead"]\nblind = true\nnotify = ["lead"]\n'
    )
    with world.app.works.begin() as uow:
        write_nets(uow, world.app.config(uow.connection).nets.changed(put=list(blind)), name="x", by="system")
    made = world.enforce("rev", "small", "suspend")
    assert made.state == "waiting"
    deliver(world)
    assert got.titles == ["A second look is needed"]
    assert "small" not in got.got[0][2]
    assert "suspend" not in got.got[0][2]
    with world.store.read() as connection:
        [row] = connection.execute(sa.select(tables.notice)).all()
    assert row.accounts == ()


# --- channels ---------------------------------------------------------------------------

GOOD = {"name": "pager", "key": "k1", "service": "json", "to": ["oncall"], "kinds": [], "language": "fr"}


def test_where_notices_go_is_a_guarded_change_whichever_way_it_goes(world):
    made = propose(world.app, world.fresh("admin"), "channel", GOOD)
    assert made.state == "waiting"
    assert (made.change or {})["weakens"] is True
    made = world.approve("lead", made)
    made = world.approve("policy", made)
    world.run(HOUR)
    assert world.read(made).state == "in_force"
    with world.store.read() as connection:
        [kept] = connection.execute(sa.select(tables.channel)).all()
    assert (kept.id, kept.key, kept.to, kept.language, kept.active) == ("pager", "k1", ("oncall",), "fr", True)
    gone = propose(world.app, world.fresh("admin"), "channel", {"name": "pager", "active": False})
    assert gone.state == "waiting"
    world.assert_sound()


def test_only_an_admin_sets_where_notices_go(world):
    for who in ("rev", "lead", "policy", "oncall", "legal"):
        actor = world.fresh(who)
        with pytest.raises(Denied):
            propose(world.app, actor, "channel", GOOD)


def test_a_channel_that_cannot_be_is_refused_by_field(world):
    actor = world.fresh("admin")
    for wrong, code, field in (
        ({"name": "a b"}, "channel/name", "name"),
        ({"to": []}, "channel/to", "to"),
        ({"to": ["nobody"]}, "channel/to", "to"),
        ({"to": ["team:"]}, "channel/to", "to"),
        ({"kinds": ["weather"]}, "channel/kinds", "kinds"),
        ({"language": "tlh"}, "channel/language", "language"),
        ({"key": ""}, "change/invalid", "key"),
        ({"active": False}, "channel/not_found", "name"),
    ):
        with pytest.raises(InvalidInput) as error:
            propose(world.app, actor, "channel", {**GOOD, **wrong})
        assert (error.value.code, error.value.field) == (code, field)
    assert world.enforcements() == []


def test_a_channel_taken_out_of_use_gets_nothing_any_more(world):
    channel(world, "chat", "oncall")
    got = box(world, "chat")
    pause(world.app, world.fresh("rev"), "stop")
    share_out(world.app)
    with world.app.works.begin() as uow:
        made = uow.need(Channel, "gardefou", "chat")
        uow.record("channel.retired", by="system", puts=(replace(made, active=False, version=2),))
    deliver(world)
    assert got.got == []
    assert [one.state for one in deliveries(world)] == ["undelivered"]
    with world.store.read() as connection:
        assert health(connection) == {"chat": (None, 0)}


# --- trying one -------------------------------------------------------------------------


def test_a_test_sends_a_real_notice_and_says_what_came_back(world):
    channel(world, "chat", "oncall", language="fr")
    got = box(world, "chat")
    sent = try_channel(world.app, world.fresh("lead"), "chat", address=ADDRESS)
    assert sent == Sent(ok=True, answer="sent")
    assert got.titles == ["Un essai"]
    assert f"{ADDRESS}/notices" in got.got[0][2]
    assert len(world.events("notice.tested")) == 1
    [row] = deliveries(world)
    assert (row.kind, row.state, row.answer) == ("test", "sent", "sent")
    with pytest.raises(Conflict) as error:
        try_channel(world.app, world.fresh("lead"), "chat", address=ADDRESS)
    assert error.value.code == "channel/tested"


def test_a_test_that_fails_is_neither_repeated_nor_an_outage(world):
    channel(world, "chat", "oncall")
    got = box(world, "chat")
    got.answer = Sent(ok=False, answer="smtp 535")
    assert try_channel(world.app, world.fresh("admin"), "chat", address=ADDRESS).answer == "smtp 535"
    world.clock.advance(HOUR)
    deliver(world)
    assert [one.attempts for one in deliveries(world)] == [1]
    assert world.incidents("undelivered") == []
    # And what is an outage after it is told still.
    pause(world.app, world.fresh("rev"), "stop")
    for _ in range(5):
        deliver(world)
        world.clock.advance(MINUTE)
    assert len(world.incidents("undelivered")) == 1


def test_leads_and_admins_try_channels_and_nobody_else(world):
    channel(world, "chat", "oncall")
    got = box(world, "chat")
    for who in ("rev", "policy", "oncall", "legal"):
        actor = world.fresh(who)
        with pytest.raises(Denied):
            try_channel(world.app, actor, "chat", address=ADDRESS)
    assert got.got == []


def test_only_a_channel_in_use_can_be_tried(world):
    with pytest.raises(NotFound) as error:
        try_channel(world.app, world.fresh("lead"), "chat", address=ADDRESS)
    assert error.value.code == "channel/not_found"


# --- keeping order ----------------------------------------------------------------------


def test_old_notices_are_forgotten_and_their_events_are_not(world):
    channel(world, "chat", "oncall")
    box(world, "chat")
    pause(world.app, world.fresh("rev"), "stop")
    deliver(world)
    world.clock.advance(KEPT + SECOND)
    assert forget(world.app) == 1
    assert deliveries(world) == []
    assert len(world.events("alert.raised")) == 1


def test_who_nets_may_tell_and_no_channel_hears_is_named(world):
    channel(world, "chat", "oncall", "team:red")
    with world.store.read() as connection:
        assert unheard(channels(connection)) == ["lead", "policy", "legal"]
