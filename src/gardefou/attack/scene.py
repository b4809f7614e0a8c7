"""The world that is attacked: one platform, the accounts that matter, and colleagues enough for every net.

Much of what rules count is nearly used up when the search begins, so that few
moves cross a limit: the attacking person has suspended almost as many accounts
this hour as they may alone, and restored almost as many. One small account is
down wrongly throughout, so that it can be asked at every moment whether a
colleague can lift it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gardefou.attack.store import Past, driver_of, open_nested
from gardefou.attack.watched import Desk, watch_connectors
from gardefou.clock import SimulatedClock
from gardefou.domain.records import Token
from gardefou.flow.due import next_due
from gardefou.nets.net import NetSet
from gardefou.people.authenticate import hash_secret
from gardefou.people.roles import ROLES
from gardefou.scenario import model as m
from gardefou.scenario.run import Passing
from gardefou.scenario.steps import Outcome, Player
from gardefou.scenario.world import World, make_world

HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
#: When the attack begins: a Tuesday morning. Some of what stands on record is older.
BEGINS = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
_RECORD_BEGINS = BEGINS - 31 * DAY
PLATFORM = "chirp"
#: The attacking person, their service, and the second self that they may try to make.
ATTACKER, SERVICE, SECOND = "mallory", "service:mill", "second"
#: Suspended by the attacker in the hour before: the limit is 60 an hour.
SUSPENDED = 55
#: Lifted by the attacker in the hour before: the limit is 20 an hour.
LIFTED = 19
#: Accounts that a small list names, and those that one with canaries does.
SMALL, LONG = 6, 27

VIP, QUIET, NOTED, CAT, LOOKALIKE, VICTIM, OLD = "vip", "quiet", "noted", "cat", "look", "victim", "old"
#: Reported and not reported items of the protected account, and one of somebody else.
REPORTED, UNREPORTED, FOREIGN = "c-reported", "c-other", "c-cat"
PROTECTED = frozenset({VIP, QUIET})

ALL_ROLES = tuple(role for role in ROLES if role != "auditor")


@dataclass(frozen=True, slots=True)
class Attacker:
    """One kind of person whose sequences are searched."""

    name: str
    says: str
    roles: tuple[str, ...]
    #: Hours from the beginning to the end of the last day, where there is one.
    leaves_in: float | None = None
    #: Acts through tokens only, and cannot sign in.
    token_only: bool = False


ATTACKERS = (
    Attacker("administrator", "an administrator with every role", ALL_ROLES),
    Attacker("lead", "a lead", ("lead",)),
    Attacker("reviewer", "a reviewer", ("reviewer",)),
    Attacker("leaver", "somebody with every role whose last day ends in five hours", ALL_ROLES, leaves_in=5),
    Attacker("token", "somebody with stolen tokens of a person with every role", ALL_ROLES, token_only=True),
)

#: Colleagues, each a person of their own: id, roles, team. The two leads are of one team.
COLLEAGUES = (
    ("lena", ("lead",), "north"),
    ("leo", ("lead",), "north"),
    ("pia", ("policy",), "rules"),
    ("rita", ("reviewer",), "reports"),
    ("otto", ("oncall",), "watch"),
    ("lou", ("legal",), "law"),
    ("ada", ("admin",), "house"),
)
ROLES_OF = {name: roles for name, roles, _ in COLLEAGUES}
PEOPLE = frozenset({ATTACKER, *(name for name, _, _ in COLLEAGUES)})


def _account(
    ref: str, handle: str, reach: int, labels: tuple[str, ...] = (), tier: str | None = None, age_days: int = 900
) -> m.DeclaredAccount:
    return m.DeclaredAccount(
        at=m.Ref(PLATFORM, ref), handle=handle, reach=reach, labels=labels, tier=tier, age_days=age_days
    )


def small_list() -> tuple[str, ...]:
    """Return the accounts of the small list."""
    return tuple(f"s{number}" for number in range(SMALL))


def long_list() -> tuple[str, ...]:
    """Return the accounts of the list that is long enough for canaries."""
    return tuple(f"n{number}" for number in range(LONG))


def before_list() -> tuple[str, ...]:
    """Return the accounts that the attacker suspended before."""
    return tuple(f"b{number}" for number in range(SUSPENDED - 1))


def reversed_list() -> tuple[str, ...]:
    """Return so many accounts that the attacker suspended that the breaker stops them once others lift these."""
    return before_list()[-5:]


def lifted_list() -> tuple[str, ...]:
    """Return the accounts that the attacker lifted before."""
    return tuple(f"l{number}" for number in range(LIFTED))


def scenario_of(attacker: Attacker) -> m.Scenario:
    """Return the scene as a scenario without steps; the record begins a month before the attack."""
    leaves = None if attacker.leaves_in is None else BEGINS + timedelta(hours=attacker.leaves_in)
    since = _RECORD_BEGINS - 400 * DAY
    staff = [
        m.Person(id=ATTACKER, roles=attacker.roles, team="mills", employer=None, started=since, last_day_end=leaves),
        *(
            m.Person(id=name, roles=roles, team=team, employer=None, started=since, last_day_end=None)
            for name, roles, team in COLLEAGUES
        ),
    ]
    accounts = [
        _account(VIP, "president", 41_000_000, ("head_of_state", "verified"), "protected"),
        _account(QUIET, "witness", 200, tier="protected"),
        _account(NOTED, "daily", 300_000),
        _account(LOOKALIKE, "pres1dent", 600),
        _account(CAT, "cat", 40),
        _account(VICTIM, "gardener", 40),
        _account(OLD, "hermit", 40),
        *(_account(ref, f"{ref}-spam", 1) for ref in (*small_list(), *long_list(), *before_list(), *lifted_list())),
    ]
    contents = [
        m.DeclaredContent(platform=PLATFORM, id=item, account=owner)
        for item, owner in ((REPORTED, VIP), (UNREPORTED, VIP), (FOREIGN, CAT))
    ]
    return m.Scenario(
        file="",
        name=f"attack-{attacker.name}",
        title="",
        source="",
        starts_at=_RECORD_BEGINS,
        ends_after=HOUR,
        platforms=(PLATFORM,),
        staff=tuple(staff),
        accounts=tuple(accounts),
        contents=tuple(contents),
        steps=(),
        expect=m.Expectation(),
    )


_WAITS_FOR_CHECKPOINT = "select 1 from enforcement where intent_event is not null and state = 'executing' limit 1"


class Rewound(SimulatedClock):
    """A simulated clock that goes back with the store."""

    def set_to(self, at: datetime) -> None:
        """Stand at a moment, earlier or later."""
        self._now = at


class Actors(Player):
    """Does steps, and does not ask what nets would have said of one that was denied: that takes long."""

    def _would_have_said(self, step: m.Step) -> tuple[tuple[str, ...], tuple[str, ...], bool]:  # noqa: ARG002
        return (), (), False


class Unwatched(Passing):
    """Lets time pass without the watch: it notices what nobody in a search does, changes at the platform's own desk.

    While something is tried again and again, the worker comes by less and less
    often: a day of a platform that is down is three hundred equal tries.
    """

    def until(self, moment: datetime) -> None:
        """Do what is due up to a moment, most of it at its time, and stand there."""
        late = timedelta()
        while (due := next_due(self.app)) is not None and due <= moment:
            following = min(moment, max(due, self.world.clock.now() + late))
            late = late * 2 if late else MINUTE
            self.world.clock.advance_to(following)
            self.settle()
        self.world.clock.advance_to(moment)
        self.settle()

    def _integrate(self) -> None:
        # As late as may be: once something cannot go on without its checkpoint.
        with self.app.works.read() as connection:
            waits = driver_of(connection).execute(_WAITS_FOR_CHECKPOINT).fetchone()
        if waits is not None:
            self.app.sequencer.integrate()


@dataclass(slots=True)
class Scene:
    """A world that is attacked, with everything that can be put back."""

    attacker: Attacker
    world: World
    clock: Rewound
    player: Actors
    passing: Passing
    desk: Desk
    past: Past

    def play(self, step: m.Step) -> Outcome:
        """Do one step at this moment, and everything that is due then."""
        outcome = self.player.play(step)
        if outcome.error is None:
            self.passing.settle()
        return outcome

    def close(self) -> None:
        """Let go of the store."""
        self.world.close()


def make_scene(attacker: Attacker, nets: NetSet | None = None) -> Scene:
    """Return the scene at the moment the attack begins."""
    clock = Rewound(_RECORD_BEGINS)
    world = make_world(scenario_of(attacker), nets=nets, store=open_nested(), clock=clock)
    desk = watch_connectors(world)
    scene = Scene(
        attacker=attacker,
        world=world,
        clock=clock,
        player=Actors(world),
        passing=Unwatched(world),
        desk=desk,
        past=Past(world.app.works.store),
    )
    _before(scene)
    desk.begin()
    return scene


def act(by: str, ref: str, action: str, *, via: str = "console") -> m.Step:
    """Return the step of an ordinary enforcement."""
    return step(
        by,
        "enforce",
        m.Act(
            on_case=False,
            account=m.Ref(PLATFORM, ref),
            content=(),
            action=action,
            label=None,
            policy="spam",
            rationale="",
            until=None,
            execute_at=None,
            legal_basis=None,
            confirm=None,
        ),
        via=via,
    )


def step(by: str | None, do: str, deed: m.Deed, *, via: str = "console") -> m.Step:
    """Return a step of no particular moment: it is done now."""
    return m.Step(key=f"{by}/{do}", at=BEGINS, do=do, by=by, via=via, fails=None, deed=deed, line=0)


def _before(scene: Scene) -> None:
    """Let happen what stands on record when the attack begins."""
    scene.passing.settle()
    _do(scene, act("rita", OLD, "suspend"))
    scene.passing.until(BEGINS - 10 * DAY)
    for ref in lifted_list():
        _do(scene, act("rita", ref, "suspend"))
    scene.passing.until(BEGINS - 20 * MINUTE)
    for ref in (*before_list(), VICTIM):
        _do(scene, act(ATTACKER, ref, "suspend"))
    if scene.attacker.leaves_in is None:
        # On the last day nobody lifts what others imposed.
        for ref in lifted_list():
            _do(scene, step(ATTACKER, "restore", m.Restore(account=m.Ref(PLATFORM, ref))))
    for account, item in ((VIP, None), (VIP, REPORTED), (CAT, None)):
        _do(
            scene,
            step(
                None,
                "report",
                m.Report(
                    account=m.Ref(PLATFORM, account),
                    content=item,
                    category="impersonation",
                    reporters=("reader",),
                    text="",
                ),
            ),
        )
    scene.passing.until(BEGINS)
    for name, _, _ in COLLEAGUES:
        scene.world.sign_in(name)
    _tokens(scene)
    scene.passing.settle()
    scene.world.app.sequencer.integrate_all()


def _do(scene: Scene, one: m.Step) -> None:
    """Do it; where the nets in force do not let it happen, it did not happen."""
    scene.play(one)


def _tokens(scene: Scene) -> None:
    """Give the attacker a token of their own, and a service's that they own and issued."""
    world = scene.world
    with world.app.works.begin() as uow:
        if scene.attacker.leaves_in is None:
            world.issue(uow, staff=ATTACKER)
        secret = world.new_secret()
        token = Token(
            id=uow.ids.new(),
            hash=hash_secret(secret),
            staff_id=ATTACKER,
            service=m.service_name(SERVICE),
            scopes=("enforcements:write", "admin:write"),
            issued_by=ATTACKER,
            issued_at=uow.now,
        )
        uow.record("token.issued", by=ATTACKER, about=token.id, puts=(token,))
        world.secrets[SERVICE] = secret
    if scene.attacker.token_only:
        # Whoever stole a token has no hand on its owner's passkey.
        del world.devices[ATTACKER]
    else:
        world.sign_in(ATTACKER)
