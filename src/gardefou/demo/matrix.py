"""The demo on a real Matrix homeserver: every step goes out to it, and is seen there with a user's own eyes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gardefou.demo.founding import Colleague, found, person_now
from gardefou.domain.records import Enforcement, Report
from gardefou.domain.states import State
from gardefou.errors import Unavailable
from gardefou.flow.app import App
from gardefou.flow.approve import Answer, approve
from gardefou.flow.case_reading import case_view, list_cases
from gardefou.flow.cases import claim, see_evidence
from gardefou.flow.change import propose
from gardefou.flow.consequence import consequence
from gardefou.flow.decide import ActionWish, decide, enforce
from gardefou.flow.place import preview
from gardefou.flow.prepare import prepare
from gardefou.flow.pull import pull
from gardefou.flow.restore import restore
from gardefou.flow.spec import Wanted
from gardefou.lab.homeserver import Homeserver
from gardefou.lab.people import CLIENT
from gardefou.people.authenticate import give_signin_key
from gardefou.people.keys import KeyStore

PLATFORM = "matrix"
#: Rooms that the protected account looks after.
_ROOMS = ("Lobby", "Help", "Announcements")

_MESSAGE = "FREE for everyone, only today! 40 boxes, first come, first served. Send me your address."

YOU = Colleague(name="Ines Falkenrath", roles=("lead", "reviewer", "admin"), team="north")
_REVIEWER = Colleague(name="Tomasz Wieland", roles=("reviewer",), team="south")
_POLICY = Colleague(name="Signe Halvorsen", roles=("policy",), team="east")
NAMES = tuple(one.name for one in (YOU, _REVIEWER, _POLICY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The homeserver, the installation in front of it, and who does what."""

    app: App
    server: Homeserver
    you: str
    reviewer: str
    policy: str
    #: The message that carol reports.
    event: str


def make_scene(app: App, keys: KeyStore, server: Homeserver) -> Scene:
    """Found an installation that looks after a homeserver; alice's account is protected in the registry.

    Raises:
        GardefouError: the homeserver cannot be registered (`platform/…`).
    """
    keys.keep(PLATFORM, {"token": server.admin.token})
    entry: dict[str, Any] = {
        "name": PLATFORM,
        "kind": "synapse",
        "endpoint": f"matrix:{server.server_name}",
        "config": {"base_url": server.base_url, "admin": server.admin.user_id},
    }
    you, reviewer, policy = found(app, YOU, (_REVIEWER, _POLICY), platforms=(entry,))
    alice, bob, carol = (server.users[name] for name in ("alice", "bob", "carol"))
    for name in _ROOMS:
        room = alice.create_room(name)
        bob.join(room)
        carol.join(room)
    payload = {
        "platform": PLATFORM,
        "account": alice.user_id,
        "handle": alice.user_id,
        "tier": "protected",
        "because": "Looks after the rooms that everyone is in.",
    }
    propose(app, person_now(app, you), "tier", payload)
    event = bob.send(server.room, _MESSAGE)
    carol.report_event(server.room, event, "spam again")
    return Scene(app=app, server=server, you=you, reviewer=reviewer, policy=policy, event=event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """A user's report, as it was fetched from the homeserver."""

    fetched: int
    case: str
    reporter: str
    reason: str
    evidence: str


def pull_reports(scene: Scene) -> Pulled:
    """Fetch what users reported on the homeserver; return the report of this evening's message."""
    fetched = pull(scene.app, PLATFORM)
    with scene.app.works.read() as connection:
        for case in list_cases(connection, now=scene.app.now())[0]:
            view = case_view(connection, case.id, now=scene.app.now())
            report = next((one for one in view.reports if scene.event in one.content), None)
            if report is not None:
                return Pulled(
                    fetched=fetched,
                    case=case.id,
                    reporter=report.reporter,
                    reason=report.text,
                    evidence=_message(report),
                )
    raise Unavailable("demo/unexpected", "The homeserver did not hand out the report; please report it.")


def _message(report: Report) -> str:
    event: dict[str, Any] = dict(report.evidence[0]).get("event", {}) if report.evidence else {}
    return str(event.get("content", {}).get("body", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended:
    """What a decision did on the homeserver, as the spammer and another user see it."""

    states: tuple[str, ...]
    milliseconds: float
    seen_by_carol: str
    status: int
    homeserver_says: str


def suspend_spammer(scene: Scene, case_id: str) -> Suspended:
    """Redact the message and suspend its author in one decision; then let the author try to write."""
    app, server = scene.app, scene.server
    reviewer = person_now(app, scene.reviewer)
    claim(app, reviewer, case_id)
    see_evidence(app, reviewer, case_id)
    wishes = (ActionWish(action="remove_content"), ActionWish(action="suspend"))
    started = time.perf_counter()
    done = decide(app, reviewer, case_id, policy="spam", rationale="An advertisement, the sixth today.", actions=wishes)
    elapsed = time.perf_counter() - started
    status, says = _try_to_write(scene, "bob")
    return Suspended(
        states=tuple(one.state for one in done.enforcements),
        milliseconds=elapsed * 1000,
        seen_by_carol=_body(server.users["carol"].fetch(server.room, scene.event)),
        status=status,
        homeserver_says=says,
    )


def _body(event: dict[str, Any]) -> str:
    return str(event.get("content", {}).get("body", ""))


def _try_to_write(scene: Scene, name: str) -> tuple[int, str]:
    """Let someone write into the room; return the homeserver's status and its words."""
    room = quote(scene.server.room, safe="")
    path = f"{CLIENT}/rooms/{room}/send/m.room.message/{scene.app.ids.new()}"
    answer = scene.server.users[name].ask("PUT", path, {"msgtype": "m.text", "body": "Anyone there?"})
    body: dict[str, Any] = answer.json()
    return answer.status_code, str(body.get("error", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """An attempt on the protected account."""

    account: str
    foretold: str
    placed: str
    answered: str
    status: int


def spare_protected(scene: Scene) -> Stopped:
    """Let a reviewer deactivate the protected account: it waits, a colleague says no, and nothing happened."""
    app = scene.app
    alice = scene.server.users["alice"].user_id
    reviewer = person_now(app, scene.reviewer)
    wanted = Wanted(platform=PLATFORM, account=alice, action="deactivate", policy="impersonation")
    judged = preview(app, reviewer, [prepare(app, wanted)])[0]
    foretold = consequence(judged, now=app.now(), minutes_since_signin=reviewer.fresh_minutes(app.now()))
    placed = enforce(app, reviewer, wanted)
    answered = approve(
        app,
        person_now(app, scene.policy),
        Answer(enforcement=placed.id, digest=placed.digest, answer="no", note="This is the real one."),
    )
    return Stopped(
        account=alice,
        foretold=foretold,
        placed=placed.state,
        answered=answered.state,
        status=_try_to_write(scene, "alice")[0],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What lifting a measure took, from the click to the homeserver's own confirmation."""

    confirmed: bool
    milliseconds: float
    losses: tuple[str, ...]
    status: int
    message_is_back: bool


def lift(scene: Scene) -> Restored:
    """Lift everything on the suspended account; then let its owner write again."""
    app = scene.app
    bob = scene.server.users["bob"].user_id
    started = time.perf_counter()
    done = restore(app, person_now(app, scene.you), PLATFORM, bob, "He gives his records away; this was no spam.")
    elapsed = time.perf_counter() - started
    return Restored(
        confirmed=all(_confirmed(one) for one in done.restores) and bool(done.restores),
        milliseconds=elapsed * 1000,
        losses=done.losses,
        status=_try_to_write(scene, "bob")[0],
        message_is_back=_MESSAGE in _newest(scene),
    )


def _newest(scene: Scene) -> list[str]:
    """Return the newest messages of the room, as carol sees them."""
    room = quote(scene.server.room, safe="")
    page = scene.server.users["carol"].call("GET", f"{CLIENT}/rooms/{room}/messages?dir=b&limit=10")
    return [_body(event) for event in page["chunk"]]


def _confirmed(one: Enforcement) -> bool:
    return one.state == State.IN_FORCE.value


def sign_in_key(scene: Scene) -> str:
    """Give whoever watches a key to sign in to the console with; there are no links on a real platform (R11)."""
    with scene.app.works.begin() as uow:
        return give_signin_key(uow, scene.you)
