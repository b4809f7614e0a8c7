"""Stopping everything, and starting again; raid mode."""

from __future__ import annotations

from fastapi import APIRouter

from gardefou.flow.change import pause, resume
from gardefou.flow.raid import end_raid, open_raids, start_raid
from gardefou.flow.stops import open_pauses
from gardefou.web import views
from gardefou.web.answers import Answer, Json
from gardefou.web.api.bodies import Because
from gardefou.web.api.changes import proposed
from gardefou.web.node import Caller, Reader
from gardefou.web.posts import Nothing, post

router = APIRouter(tags=["stops"])
TAG = "stops"


@router.get("/pause", response_class=Json)
def show_pauses(caller: Reader) -> Json:
    """Say what is stopped now: by a person's pause, or by the breaker."""
    with caller.node.reading() as (connection, names):
        stops = [views.pause(names, one) for one in open_pauses(connection)]
    return Json({"paused": any(one["scope"] == "all" for one in stops), "items": stops})


@post(router, "/pause", Because, tag=TAG, answers={200: "Everything is stopped.", 202: "It takes a second person."})
def pause_all(caller: Caller, body: Because) -> Answer:
    """Stop all enforcement. Restores, and removals the law demands, go on."""
    return proposed(caller, pause(caller.app, caller.actor, body.because))


@post(router, "/resume", Because, tag=TAG, answers={200: "It goes on.", 202: "A second person resumes too."})
def resume_all(caller: Caller, body: Because) -> Answer:
    """Go on after a pause; two people do."""
    return proposed(caller, resume(caller.app, caller.actor, body.because))


@router.get("/raid", response_class=Json)
def show_raid(caller: Reader) -> Json:
    """Say whether raid mode is on, who called it and until when."""
    with caller.node.reading() as (connection, names):
        items = [views.raid(names, one) for one in open_raids(connection, caller.app.now())]
    return Json({"raid": bool(items), "until": items[-1]["until"] if items else None, "items": items})


@post(router, "/raid", Because, tag=TAG, answers={201: "Raid mode is on, until then."})
def call_raid(caller: Caller, body: Because) -> Answer:
    """Turn raid mode on for sixty minutes, or renew it in its last half hour.

    Budgets are wider on accounts under a week old. A lead with a fresh strong
    sign-in does, in a small team anyone; at most twice a shift. Everyone is told.
    """
    made = start_raid(caller.app, caller.actor, body.because)
    with caller.node.reading() as (_, names):
        return Answer(document=views.raid(names, made), status=201)


@post(router, "/raid/end", Nothing, tag=TAG, answers={200: "It is over."})
def end_the_raid(caller: Caller, _body: Nothing) -> Answer:
    """Turn raid mode off before it ends by itself; anyone on duty can."""
    ended = end_raid(caller.app, caller.actor)
    with caller.node.reading() as (_, names):
        return Answer(document={"items": [views.raid(names, one) for one in ended]})
