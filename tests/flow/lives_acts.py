"""Lives of acts: what is placed, asked for, carried out, lost on the way, and given back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from gardefou.domain.records import Enforcement
from gardefou.errors import GardefouError
from gardefou.flow.approve import Answer, approve, approve_group, cancel
from gardefou.flow.break_glass import break_glass, ratify
from gardefou.flow.bulk_enforce import enforce_bulk
from gardefou.flow.change import pause, resume
from gardefou.flow.decide import enforce, preview_wanted
from gardefou.flow.execute import advance
from gardefou.flow.explain import explanation
from gardefou.flow.figures import Figures
from gardefou.flow.incident_story import read_story
from gardefou.flow.restore import restore
from gardefou.flow.restore_preview import foresee_restore
from gardefou.flow.rollback import begin_rollback, carry, rollback
from gardefou.flow.rollback_preview import foresee, said
from gardefou.flow.rollback_report import (
    as_csv,
    documented,
    head,
    outcomes_of,
    rollback_of,
    rollbacks_of,
    standing_of,
)
from gardefou.flow.shadow import shadow_report
from gardefou.flow.spec import Wanted
from gardefou.flow.waiting_groups import waiting_groups
from gardefou.flow.watch import watch, watched
from gardefou.platforms.protocol import PlatformAnswerLost, PlatformRefused
from gardefou.storage import tables
from gardefou.storage.records import fetch
from tests.flow.chronicle import Chronicle
from tests.flow.world import DAY, HOUR, MINUTE

SECOND = timedelta(seconds=1)


def stories(life: Chronicle) -> None:
    """Tell every incident as its page does, for whoever is behind it and for another."""
    world = life.world

    def none() -> None:
        with world.store.read() as connection:
            read_story(connection, "none", now=world.now)

    life.tries(none)
    for incident in world.incidents():
        for viewer in ("lead", "rev"):
            with world.store.read() as connection:
                story = read_story(connection, incident.id, now=world.now, viewer=viewer)
            life.reads(f"story of {incident.kind} for {viewer}", story.to_json())
            life.reads("in short", (story.minutes_down, story.reach_minutes, story.still_down, story.near_miss))


def waits(life: Chronicle) -> None:
    """Tell what waits, by group, and what nets would have said in shadow."""
    world = life.world
    with world.store.read() as connection:
        config = world.app.config(connection)
        life.reads("groups", waiting_groups(connection, config))
        life.reads("shadow", shadow_report(connection, world.now - DAY).to_json())
        life.reads("shadow at most", shadow_report(connection, world.now - DAY, most=1).to_json())


def answer(one: Enforcement | str, says: str, *, digest: str = "", note: str = "") -> Answer:
    """Return an answer to an enforcement, of what it is now unless another digest is given."""
    if isinstance(one, str):
        return Answer(enforcement=one, digest=digest, answer=says, note=note)
    return Answer(enforcement=one.id, digest=digest or one.digest, answer=says, note=note)


def refusing(_operation: Any) -> None:
    """Be a platform that says no."""
    msg = "no, says the platform"
    raise PlatformRefused(msg)


def losing(_operation: Any) -> None:
    """Be a platform whose answer is lost."""
    msg = "nothing came back"
    raise PlatformAnswerLost(msg)


def asked(life: Chronicle) -> None:
    """A protected account: nets ask, people answer in every way there is."""
    world = life.world
    app = world.app
    # The same on another platform is another account.
    life.does(enforce, app, world.fresh("rev"), Wanted(platform="other", account="small", action="limit", policy="p"))
    life.head("asked")
    world.clock.advance(MINUTE)
    wish = world.wanted("president", "suspend", rationale="why it is done", until=world.now + 3 * DAY)
    preview = preview_wanted(app, world.fresh("rev"), [wish, world.wanted("small", "warn")])
    life.reads("preview", (preview.says, [(one.tier, one.facts.to_json(), one.verdict) for one in preview.judged]))
    made = life.does(enforce, app, world.fresh("rev"), wish)
    life.does(enforce, app, world.fresh("rev"), wish)
    known = life.does(world.enforce, "rev", "known", "suspend")
    waits(life)
    with world.store.read() as connection:
        for blind in (True, False):
            why = explanation(connection, made, app.config(connection), now=world.now, blind=blind)
            life.reads("why", why.to_json(silent=True))

    life.head("answered")
    yes = Answer(enforcement=made.id, digest=made.digest, answer="yes", note="a note", own_answer="mine")
    world.clock.advance(MINUTE)
    life.tries(approve, app, world.actor("rev"), yes)
    life.tries(approve, app, world.actor("rev2"), yes)
    life.tries(approve, app, world.actor("lead"), answer(made, "yes", digest="other"))
    life.tries(approve, app, world.actor("lead"), answer(made, "perhaps"))
    life.tries(approve, app, world.actor("lead"), answer(made, "yes", note="x" * 10_001))
    life.tries(approve, app, world.service("bot"), yes)
    life.tries(approve, app, world.actor("lead"), answer("none", "yes"))
    life.does(approve, app, world.fresh("lead"), yes)
    life.tries(approve, app, world.fresh("lead"), yes)
    with world.store.read() as connection:
        said_yes = fetch(connection, Enforcement, tables.enforcement.c.id == made.id)
        assert said_yes is not None
        why = explanation(connection, said_yes, app.config(connection), now=world.now, blind=False)
        life.reads("why", why.to_json())
    world.person("beside", "lead", team="team-lead")
    life.tries(approve, app, world.fresh("beside"), yes)
    world.clock.advance(11 * MINUTE)
    life.tries(approve, app, world.actor("policy"), yes)
    waits(life)
    life.does(approve, app, world.fresh("policy"), yes)
    life.tries(approve, app, world.fresh("lead2"), yes)
    life.does(
        approve_group,
        app,
        world.fresh("lead2"),
        [
            answer(known, "yes"),
            answer(known, "yes"),
            answer("none", "yes"),
        ],
    )
    life.passes(31 * MINUTE)
    waits(life)

    life.head("denied, cancelled, let go by")
    again = life.does(world.enforce, "rev", "president", "lock")
    other = life.does(world.enforce, "rev2", "president", "limit")
    third = life.does(world.enforce, "rev2", "president", "label", label="satire")
    grave = life.does(world.enforce, "rev2", "president", "deactivate")
    life.tries(world.approve, "lead", grave)
    life.tries(world.approve, "beside", grave, "no")
    no = life.does(
        approve_group,
        app,
        world.fresh("policy"),
        [
            answer(again, "no", note="it is not so"),
            answer(other, "no", digest="x"),
        ],
    )
    life.tries(approve, app, world.fresh("policy"), answer(again, "no"))
    life.reads("errors", [(one.enforcement, one.error.code if one.error else None) for one in no])
    life.tries(world.enforce, "rev2", "president", "lock")
    relock = life.does(world.enforce, "rev2", "president", "lock")
    life.tries(approve, app, world.fresh("policy"), answer(relock, "yes"))
    life.does(cancel, app, world.actor("oncall"), other.id, "")
    life.tries(world.enforce, "rev2", "president", "limit")
    life.tries(cancel, app, world.actor("oncall"), other.id, "again")
    life.tries(cancel, app, world.actor("oncall"), made.id, "too late")
    life.passes(5 * HOUR)
    life.tries(approve, app, world.fresh("lead"), answer(third, "yes"))
    stories(life)

    life.head("wishes that are none")
    for wrong in (
        {"action": "vanish"},
        {"policy": ""},
        {"policy": "x" * 513},
        {"content": ("c1",)},
        {"until": world.now},
        {"execute_at": world.now - DAY},
        {"execute_at": world.now + 400 * DAY},
        {"legal_basis": "law"},
        {"label": "spam"},
        {"action": "label", "label": "odd"},
        {"action": "remove_content"},
        {"action": "remove_content", "content": ("none",)},
        {"action": "remove_content", "content": ("p1",)},
        {"account": "nobody"},
        {"rationale": "x" * 10_001},
        {"action": "warn", "until": world.now + DAY},
        {"until": world.now + DAY, "execute_at": world.now + 2 * DAY},
    ):
        given: dict[str, Any] = {"account": "small", "action": "suspend", "policy": "spam"} | wrong
        life.tries(enforce, app, world.fresh("rev"), Wanted(platform="sandbox", **given))
    life.tries(enforce, app, world.fresh("rev"), Wanted(platform="none", account="a", action="warn", policy="p"))
    life.tries(enforce, app, world.fresh("legal"), Wanted(platform="sandbox", account="a", action="warn", policy="p"))


def troubled(life: Chronicle) -> None:
    """A platform that is away, refuses, loses answers, and changes behind our back."""
    world = life.world
    app = world.app
    life.head("down")
    world.sandbox.switch(down=True)
    made = life.does(world.enforce, "rev", "small", "limit")
    life.passes(2 * MINUTE)
    life.tries(world.enforce, "rev", "small", "remove_content", content=("c1",))
    life.tries(world.enforce, "rev", "nobody", "limit")
    life.tries(world.restore, "lead", "nobody")
    world.up()
    life.passes(10 * MINUTE)
    life.reads("it is", world.read(made).state)
    for reach in (1_000, 1_050, 950, 1_051, 90_000, 100_000):
        world.sandbox.put_account("some", handle="some", display_name="Some", reach=reach, labels=["a"])
        life.does(world.enforce, "rev2", "some", "warn", rationale=f"at {reach}")

    life.head("refused")
    world.wire.before = refusing
    life.tries(world.enforce, "rev", "small2", "suspend")
    world.wire.before = losing
    lost = life.does(world.enforce, "rev", "small2", "lock")
    life.passes(5 * MINUTE)
    world.wire.after = losing
    life.does(world.enforce, "rev", "small", "remove_content", content=("c1", "c2"))
    life.does(advance, app, lost.id)
    life.passes(5 * MINUTE)

    world.wire.after = lambda _operation: world.sandbox.set_measures_out_of_band("small", [])
    life.does(world.enforce, "rev2", "small", "lock")
    life.passes(5 * MINUTE)

    life.head("withdrawn on the way")
    world.sandbox.switch(drops_answers=True)
    life.does(world.enforce, "rev", "small", "suspend", until=world.now + DAY)
    world.up()
    life.does(world.restore, "lead", "small")
    life.passes(10 * MINUTE)

    life.head("drift")
    world.sandbox.set_measures_out_of_band("small2", ["limited", "suspended", "label:satire"])
    life.reads("watched", watched(app, "sandbox"))
    life.reads("watched there", watched(app, "other"))
    life.does(watch, app)
    life.passes(2 * MINUTE)
    lead = world.actor("lead")
    with world.store.read() as connection:
        config = app.config(connection)
        able = app.connector("sandbox").describe().capabilities
        life.reads("foreseen", foresee_restore(connection, config, lead, "sandbox", "small2", able, now=world.now))
    life.does(world.restore, "oncall", "small2", "nobody did it")
    life.passes(3 * MINUTE)
    stories(life)

    life.head("withdrawn before it was seen, and refused when given back")
    world.sandbox.put_account("unseen", handle="unseen", reach=4)
    world.person("calm", "reviewer")
    world.wire.after = losing
    life.does(world.enforce, "calm", "unseen", "limit")
    world.wire.before = refusing
    life.does(world.restore, "lead", "unseen")
    world.wire.clear()
    life.passes(10 * MINUTE)
    life.reads("what stands", sorted(world.measures("unseen")))

    life.head("later, and refused when given back")
    # The breaker has counted what was taken back above: two people let it go on.
    for name in ("lead", "oncall"):
        life.does(resume, app, world.fresh(name), "it was the platform")
    soon = life.does(world.enforce, "rev", "known", "label", label="spam", execute_at=world.now + HOUR)
    life.does(world.enforce, "rev", "small", "limit", until=world.now + 2 * HOUR)
    life.passes(HOUR)
    world.wire.before = refusing
    life.does(world.restore, "lead", "small")
    life.passes(HOUR)
    life.passes(HOUR)
    life.reads("it is", world.read(soon).state)
    life.does(world.restore, "lead", "known")
    life.does(world.settle)
    life.tries(world.restore, "lead", "nobody")
    life.tries(world.restore, "lead", "small", " ")
    life.does(world.restore, "lead", "small")


#: What somebody tries whose token is for another platform alone.
WALLED: tuple[tuple[Callable[..., Any], Callable[[Enforcement], tuple[Any, ...]]], ...] = (
    (ratify, lambda made: (made.id,)),
    (approve, lambda made: (answer(made, "yes"),)),
    (cancel, lambda made: (made.id, "so")),
    (restore, lambda _made: ("sandbox", "president", "so")),
    (enforce, lambda _made: (Wanted(platform="sandbox", account="small", action="warn", policy="spam"),)),
    (enforce_bulk, lambda _made: (["small"], Wanted(platform="sandbox", account="", action="warn", policy="spam"))),
    (break_glass, lambda _made: ("sandbox", "small", "lock", "so")),
    (pause, lambda _made: ("so",)),
)


def broken(life: Chronicle) -> None:
    """The glass is broken, let stand or undone by itself."""
    world = life.world
    app = world.app
    life.head("broken")
    for wrong in (("president", "delete", "hacked"), ("president", "lock", " ")):
        life.tries(break_glass, app, world.fresh("lead"), "sandbox", *wrong)
    life.tries(break_glass, app, world.fresh("admin"), "sandbox", "president", "lock", "hacked")
    made = life.does(break_glass, app, world.fresh("lead"), "sandbox", "president", "lock", "it is hacked")
    life.tries(ratify, app, world.fresh("policy"), made.id)
    life.does(world.approve, "rev", made)
    life.does(world.settle)
    life.tries(break_glass, app, world.fresh("lead"), "sandbox", "president", "lock", "once more")
    world.person("near", "lead", team="team-rev")
    life.tries(ratify, app, world.fresh("near"), made.id)
    life.tries(ratify, app, world.fresh("rev"), made.id)
    life.passes(10 * MINUTE)
    walled = replace(world.fresh("policy"), platforms=("other",))
    for what, given in WALLED:
        life.tries(what, app, walled, *given(made))
    life.does(ratify, app, world.fresh("policy"), made.id)
    life.tries(ratify, app, world.fresh("policy"), made.id)
    known = life.does(break_glass, app, world.fresh("oncall"), "sandbox", "known", "limit", "hacked too")
    life.does(world.approve, "lead", known)
    life.passes(31 * MINUTE)
    stories(life)

    life.head("many at once")
    wish = Wanted(platform="sandbox", account="", action="suspend", policy="spam", rationale="a wave")
    names = [f"wave{number}" for number in range(27)]
    for name in names:
        world.sandbox.put_account(name, handle=name, reach=5)
    bulk = life.does(enforce_bulk, app, world.fresh("rev"), ["known", "nobody", "x" * 600, *names, names[0]], wish)
    life.reads("errors", [(one.account, one.error.code, one.error.field) for one in bulk.errors])
    life.tries(enforce_bulk, app, world.fresh("rev"), [], wish)
    world.clock.advance(MINUTE)
    more = [f"tide{number}" for number in range(26)]
    for name in more:
        world.sandbox.put_account(name, handle=name, reach=3)
    life.does(enforce_bulk, app, world.fresh("rev2"), more, wish)
    for one in bulk.enforcements[1:3]:
        if one.state == "waiting":
            life.tries(world.approve, "lead", one)
    waits(life)
    life.passes(20 * MINUTE)


def rolled(life: Chronicle) -> None:
    """One person's work is withdrawn, foreseen and reported; what is old or lawful is not."""
    world = life.world
    app = world.app
    began = world.now

    def acts() -> list[Enforcement]:
        return [
            world.enforce("rev", "small", "limit"),
            world.enforce("rev", "small", "remove_content", content=("c1",)),
            world.enforce("rev2", "small2", "limit"),
            world.enforce("rev", "small2", "lock"),
            enforce(app, world.fresh("rev"), Wanted(platform="other", account="small", action="suspend", policy="p")),
            world.enforce("rev", "known", "suspend"),
            world.enforce("legal", "small", "suspend", legal_basis="court_order"),
            world.enforce("rev", "president", "suspend"),
            world.enforce("rev", "aside", "limit"),
        ]

    world.sandbox.put_account("aside", handle="aside", reach=3)
    life.does(acts)
    world.clock.advance(HOUR)
    law = world.person("judge", "reviewer", "legal")
    life.tries(enforce, app, law, world.wanted("small2", "suspend", legal_basis="court_order"))
    life.head("foreseen")
    foreseen = foresee(app, world.actor("lead"), by="rev", since=began)
    life.reads("foreseen", foreseen)
    life.reads("in the way", [said(one) for one in foreseen.conflicts])
    life.reads("to the moment", foresee(app, world.actor("lead"), by="rev", since=began - MINUTE, until=began))
    for wrong in ({"by": "nobody", "since": began}, {"by": "rev", "since": world.now}):
        life.tries(foresee, app, world.actor("lead"), **wrong)
        life.tries(rollback, app, world.actor("lead"), **wrong)
    life.does(rollback, app, world.actor("lead"), by="rev", since=began, dry_run=True)
    life.does(rollback, app, world.actor("lead"), by="rev", since=world.now - MINUTE)
    life.head("carried")
    begun = begin_rollback(app, world.actor("lead"), by="rev", since=began)
    record = begun.record
    assert record is not None
    life.events()
    life.does(begin_rollback, app, world.actor("oncall"), by="rev", since=began)
    # Another that is under way keeps nobody's from ending.
    life.does(begin_rollback, app, world.actor("lead2"), by="rev2", since=began)
    life.does(carry, app, record.id, most=1)
    life.does(world.restore, "lead", "aside")
    with world.store.read() as connection:
        life.reads("standing", head(standing_of(connection, record), lambda who: f"name-of-{who}"))
        life.reads("not back yet", [documented(one) for _, one in outcomes_of(connection, record, not_back=True)])
    life.does(carry, app, record.id)
    life.passes(2 * MINUTE)
    with world.store.read() as connection:
        record = rollback_of(connection, record.id)
        life.reads("record", record)
        life.reads("of rev", [one.id for one in rollbacks_of(connection, "rev")])
        standing = standing_of(connection, record)
        life.reads("standing", (standing, standing.accounts, standing.settled, standing.over))
        life.reads("head", head(standing, lambda _who: None))
        wishes: list[dict[str, Any]] = [{}, {"limit": 1}, {"not_back": True}]
        for more in wishes:
            outcomes = outcomes_of(connection, record, **more)
            life.reads(f"outcomes {more}", [(cursor, documented(one)) for cursor, one in outcomes])
        life.reads("csv", as_csv([one for _, one in outcomes_of(connection, record)]).splitlines())
        life.reads("after", outcomes_of(connection, record, after=outcomes_of(connection, record)[0][0]))
        try:
            rollback_of(connection, "none")
        except GardefouError as error:
            life.reads("none", (error.code, error.field))
    life.does(rollback, app, world.service("bot", owner="lead"), by="rev2", since=began)
    stories(life)

    life.head("old, and lawful")
    world.sandbox.put_account("older", handle="older", reach=70)
    old = life.does(world.enforce, "rev", "older", "limit")
    world.clock.advance(31 * DAY)
    life.does(world.settle)
    life.does(world.enforce, "rev2", "older", "suspend")
    people = [world.actor("lead"), world.actor("rev")]
    with world.store.read() as connection:
        able = app.connector("sandbox").describe().capabilities
        for who in people:
            seen = foresee_restore(connection, app.config(connection), who, "sandbox", "older", able, now=world.now)
            life.reads(f"foreseen by {who.id}", (seen, seen.anything))
    done = life.does(restore, app, world.fresh("lead"), "sandbox", "older", "all of it")
    with world.store.read() as connection:
        life.reads("week", Figures(app).week(connection))
    for one in done.restores:
        if one.state == "waiting":
            life.tries(world.approve, "rev", one)
            life.tries(world.approve, "legal", one)
    life.reads("it is", world.read(old).state)
    life.does(world.settle)
    life.reads("what stands", sorted(world.measures("older")))
    world.person("third", "reviewer")
    for name in ("lead", "oncall"):
        life.tries(resume, app, world.fresh(name), "it was right")
    life.does(world.enforce, "third", "aside", "limit")
    world.clock.advance(31 * DAY)
    begun = begin_rollback(app, world.actor("lead"), by="third", since=world.now - 32 * DAY)
    assert begun.record is not None
    life.does(carry, app, begun.record.id)
    with world.store.read() as connection:
        outcomes = outcomes_of(connection, begun.record)
        life.reads("outcomes", [documented(one) for _, one in outcomes])
    foreseen = foresee(app, world.actor("lead"), by="rev", since=began)
    life.reads("foreseen", (foreseen, [one.says for one in foreseen.conflicts]))
