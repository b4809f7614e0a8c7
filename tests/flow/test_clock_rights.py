"""A process that is started with a clock that was set: back prolongs no right and forgets no budget; forward harms nobody."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest

from gardefou.domain.records import Token
from gardefou.errors import Conflict, Denied, GardefouError, NotFound, TooManyTries
from gardefou.flow.due import run_due
from gardefou.flow.names import SEARCHES, find_person
from gardefou.flow.raid import open_raids, start_raid
from gardefou.flow.recertify import note_grants
from gardefou.flow.restore import restore
from gardefou.flow.times_noted import begin_here, note_time
from gardefou.flow.tries import trying
from gardefou.people.authenticate import (
    SESSION,
    by_session,
    by_staff,
    by_token,
    hash_secret,
    make_link,
    start_session,
    use_link,
)
from gardefou.people.invitations import halves_of, keep_half, new_half
from gardefou.people.oidc import attempts
from gardefou.people.passkeys import Purpose, draw, spend
from gardefou.people.sessions import IDLE, note_seen, sessions_of
from gardefou.people.signed_tokens import spend as spend_once
from gardefou.settings import Settings
from gardefou.worker import Worker
from tests.flow.test_budgets import many
from tests.flow.test_clock_steps import SetClock
from tests.flow.world import DAY, HOUR, MINUTE, START, World

STEPS = [HOUR, 2 * DAY]


@pytest.fixture
def world(sqlite_url):
    made = World(sqlite_url, clock=SetClock(START))
    made.people()
    made.accounts()
    yield made
    made.close()


@pytest.fixture
def both(database_url):
    made = World(database_url, clock=SetClock(START))
    made.people()
    yield made
    made.close()


def set_back(world, by):
    """Let the time be noted, set the clock back, and start a process."""
    note_time(world.app)
    world.clock.at -= by
    return begin_here(world.app)


class Rights:
    """One of each thing that is good for a while, and whether it still is."""

    def __init__(self, world):
        self.app, now = world.app, world.now
        with self.app.works.begin() as uow:
            self.session = start_session(uow, "rev", strong=True)[0]
            self.hash = hash_secret(self.session)
            self.link = make_link(uow.connection, "rev", now=now)
            self.drawn = draw(uow.connection, Purpose.SIGN_IN, whose="", now=now)
            keep_half(uow.connection, new_half(), staff_id="rev2", by="lead", now=now)
            self.begun = attempts.begin(uow.connection, attempts.Purpose.SIGN_IN, now=now)
            token = Token(
                id="t", hash=hash_secret("gf_t"), staff_id="rev", issued_by="rev", issued_at=now,
                expires_at=now + HOUR, scopes=("read",),
            )  # fmt: skip
            uow.record("token.issued", by="rev", about="t", puts=(token,))

    def good(self):
        """Name what is still good; nothing is used up by it."""
        now = self.app.now()
        uses = {
            "session": lambda at: by_session(at, self.session, now=now),
            "link": lambda at: use_link(at, self.link, now=now),
            "challenge": lambda at: spend(at, self.drawn, Purpose.SIGN_IN, whose="", now=now),
            "sign-in at the provider": lambda at: attempts.take(
                at, self.begun.state, browser=self.begun.browser, now=now
            ),
            "token": lambda at: by_token(at, "gf_t", now=now),
            "half": lambda at: halves_of(at, "rev2", now=now)[0],
        }
        found = set()
        for name, use in uses.items():
            with suppress(Denied, NotFound, IndexError, _Undone), self.app.works.begin() as uow:
                use(uow.connection)
                found.add(name)
                raise _Undone
        return found


class _Undone(Exception):
    """Roll back."""


@pytest.mark.parametrize("again", [timedelta(seconds=30), 30 * MINUTE])
def test_what_was_over_stays_over_when_the_clock_is_set_back(world, again):
    """To a moment at which it was good."""
    rights = Rights(world)
    assert rights.good() == {"session", "link", "challenge", "sign-in at the provider", "token", "half"}
    world.clock.advance(8 * DAY)
    assert rights.good() == set()
    assert set_back(world, 8 * DAY - again)
    assert rights.good() == set()
    world.assert_sound()


def test_what_was_not_over_has_as_long_left_as_it_had(both):
    rights = Rights(both)
    both.clock.advance(MINUTE)
    assert set_back(both, 30 * MINUTE)
    # What takes minutes is begun anew; a token has an end of its own, and was not near it.
    assert rights.good() == {"session", "token", "half"}
    with both.store.read() as connection:
        (left,) = [one for one in sessions_of(connection, "rev", now=both.now, idle=IDLE) if one.hash == rights.hash]
        person = by_staff(connection, "rev", now=both.now, via="console")
    assert left.ends_at - both.now == SESSION - MINUTE
    assert both.now - left.seen_at == MINUTE
    # Nobody signed in more freshly by it.
    assert person.fresh_minutes(both.now) == 1
    Worker(both.app, Settings()).watch_round()
    assert "session" in rights.good()
    both.clock.advance(7 * DAY - MINUTE)
    assert "half" not in rights.good()


def test_whoever_starts_again_with_such_a_clock_gains_nothing(world):
    rights = Rights(world)
    assert set_back(world, HOUR)
    assert begin_here(world.app)
    with world.store.read() as connection:
        left = next(one for one in sessions_of(connection, "rev", now=world.now, idle=IDLE) if one.hash == rights.hash)
    assert left.ends_at - world.now < SESSION


def test_a_process_that_is_started_with_a_right_clock_ends_nothing(world):
    assert not begin_here(world.app)
    rights = Rights(world)
    note_time(world.app)
    world.clock.advance(MINUTE)
    note_time(world.app)
    world.clock.at -= timedelta(seconds=1)  # as far as clocks of machines differ
    assert not begin_here(world.app)
    assert "session" in rights.good()


def test_a_session_that_was_seen_later_than_now_lasts_no_longer(world):
    rights = Rights(world)
    world.clock.advance(7 * HOUR)
    with world.app.works.begin() as uow:
        note_seen(uow.connection, rights.hash, uow.now)
    assert set_back(world, 6 * HOUR)
    world.clock.advance(5 * HOUR - timedelta(seconds=1))
    assert "session" in rights.good()
    world.clock.advance(timedelta(seconds=1))
    assert "session" not in rights.good()


def test_r18_nothing_harms_until_the_clock_is_past_what_a_worker_noted(database_url):
    clock = SetClock(START)
    world = World(database_url, clock=clock)
    world.people()
    world.accounts()
    done = world.enforce("rev", "small2", "limit")
    start_raid(world.app, world.fresh("lead"), "A wave.")
    world.settle()
    # Nothing is signed any more; workers look round, and note how late it is.
    for hours in (2, 1):
        clock.advance(hours * HOUR)
        note_time(world.app)
    clock.at -= 2 * HOUR + 30 * MINUTE
    with world.store.read() as connection:
        assert open_raids(connection, world.now)  # it would be on again, and budgets three times as wide
    with pytest.raises(Conflict) as caught:
        world.enforce("rev", "small", "suspend")
    assert caught.value.code == "clock/behind"
    run_due(world.app)
    assert world.restore("oncall", "small2").restores[0].state == "in_force"
    assert world.read(done).state == "restored"
    clock.advance(3 * HOUR)
    assert world.enforce("rev", "small", "suspend").state == "in_force"
    world.assert_sound()
    world.close()


def test_r12_restores_before_a_step_back_count_after_it(world):
    names = many(world, 21, "r")
    for name in names:
        world.enforce("rev" if int(name[1:]) % 2 else "rev2", name, "limit")
    world.settle()
    for name in names[:20]:
        assert world.restore("oncall", name).restores[0].state == "in_force"
    set_back(world, HOUR)
    assert world.restore("oncall", names[20]).restores[0].state == "waiting"
    # And one step by any other still lifts it (I12).
    assert world.restore("lead", names[20]).restores[0].state == "in_force"


def test_names_searched_for_before_a_step_back_count_after_it(world):
    for _ in range(SEARCHES):
        find_person(world.app, world.actor("admin"), name="Nobody At All")
    set_back(world, HOUR)
    with pytest.raises(GardefouError) as caught:
        find_person(world.app, world.actor("admin"), name="Nobody At All")
    assert caught.value.code == "staff/searches"


@pytest.mark.parametrize("step", STEPS)
def test_tries_to_sign_in_are_remembered_and_nobody_waits_longer_than_a_minute(world, step):
    def fail():
        with pytest.raises(GardefouError) as caught, trying(world.app, what="key", address="there"):
            raise Denied("auth/invalid", "no")
        return caught.value

    for _ in range(5):
        assert fail().code == "auth/invalid"
        world.clock.advance(timedelta(seconds=0.5))
    while not isinstance(fail(), TooManyTries):
        world.clock.advance(MINUTE)
    set_back(world, step)
    waits = fail()
    assert isinstance(waits, TooManyTries)
    assert waits.seconds <= 60
    world.clock.advance(MINUTE)
    assert fail().code == "auth/invalid"
    # What was tried before is not forgotten: the next has to wait at once.
    assert isinstance(fail(), TooManyTries)


def test_what_counts_once_counts_once_when_the_clock_is_set_back(world):
    def use():
        with world.app.works.begin() as uow:
            until = START + HOUR
            spend_once(uow.connection, "delegated", "issuer", "one", until=until, now=uow.now)

    use()
    world.clock.advance(DAY)
    with world.app.works.begin() as uow:  # by this, what is over is forgotten
        spend_once(uow.connection, "delegated", "issuer", "two", until=uow.now + HOUR, now=uow.now)
    set_back(world, DAY)
    with pytest.raises(Denied, match="counts once"):
        use()


@pytest.mark.parametrize("step", [DAY, 400 * DAY])
def test_a_step_forward_changes_nothing_on_any_account_and_takes_no_protection(world, step):
    note_grants(world.app)
    made = world.enforce("rev", "small", "limit")
    waits = world.enforce("rev", "president", "suspend")
    world.settle()
    before = {ref: world.measures(ref) for ref in ("small", "small2", "known", "president")}
    world.clock.advance(step)
    assert not begin_here(world.app)
    Worker(world.app, Settings()).watch_round()
    world.settle()
    assert {ref: world.measures(ref) for ref in before} == before
    assert world.read(made).state == "in_force"
    assert world.read(waits).state == "lapsed"
    assert world.account("president").tier == "protected"
    # Whoever is on duty lifts it all the same.
    assert restore(world.app, world.actor("oncall"), "sandbox", "small", "It was wrong.").restores
    world.assert_sound()


def test_a_link_is_good_for_ten_minutes(world):
    with world.app.works.begin() as uow:
        links = [make_link(uow.connection, "rev", now=uow.now) for _ in range(2)]
    world.clock.advance(10 * MINUTE - timedelta(seconds=1))
    with world.app.works.begin() as uow:
        assert use_link(uow.connection, links[0], now=uow.now) == "rev"
    world.clock.advance(timedelta(seconds=1))
    with pytest.raises(NotFound), world.app.works.begin() as uow:
        use_link(uow.connection, links[1], now=uow.now)
