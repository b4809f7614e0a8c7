"""Every page of the console, and an installation in which there is something to see on each.

A page that is in neither list below fails `test_fit.py`: put its route among
`PAGES` with the addresses that show what it can show, or among `NO_PAGES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa
from fastapi import FastAPI
from starlette.routing import Route

from gardefou.flow.approve import Answer, approve, cancel
from gardefou.flow.bulk_enforce import enforce_bulk
from gardefou.flow.cases import claim, note
from gardefou.flow.change import pause, propose
from gardefou.flow.decide import ActionWish, carry_out, decide, enforce
from gardefou.flow.reading import enforcement_by_id
from gardefou.flow.restore import restore
from gardefou.flow.rollback import rollback
from gardefou.flow.spec import Wanted
from gardefou.storage import tables
from tests.web.console_scene import PLATFORM, Scene

#: Routes that are read and are no page of the console: files, pieces of pages, streams, and the API's own.
NO_PAGES = {
    "/live": "the stream",
    "/restore": "leads on to an account's restore",
    "/incidents/{id}/page": "a file to keep",
    "/enforcements/{id}/proof": "a file to keep",
    "/cases/{id}/news": "a piece of a page",
    "/record/{log}/{event}/proof": "a file to keep",
    "/nets/proposals/{id}/review": "a piece of a page",
    "/cases/{id}/media/{report}/{item:int}": "a picture",
    "/rollbacks/{id}/report.csv": "a file to keep",
    "/rollbacks/{id}/report.json": "a file to keep",
}


@dataclass
class Furnished:
    """What there is to see, by what a page's address asks for."""

    cases: list[str] = field(default_factory=list)
    enforcements: list[str] = field(default_factory=list)
    incidents: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    proposals: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    rollbacks: list[str] = field(default_factory=list)


def _each(head: str, ids: Callable[[Furnished], Sequence[str]]) -> Callable[[Furnished], list[str]]:
    return lambda there: [f"{head}{one}" for one in ids(there)]


def _as(*addresses: str) -> Callable[[Furnished], list[str]]:
    return lambda _: list(addresses)


_TABS = ("waiting", "in_force", "held", "ended", "running", "unknown", "failed")
#: Every page by its route, with the addresses to look at.
PAGES: dict[str, Callable[[Furnished], list[str]]] = {
    "/": _as("/"),
    "/queue": _as("/queue", "/queue?done=skipped", "/queue?queue=spam"),
    "/cases/{id}": _each("/cases/", lambda there: there.cases),
    "/enforcements": _as(*(f"/enforcements?tab={tab}" for tab in _TABS)),
    "/enforcements/group": _each("/enforcements/group?kind=bulk&key=", lambda there: there.groups),
    "/enforcements/{id}": _each("/enforcements/", lambda there: there.enforcements),
    "/accounts": _as("/accounts", "/accounts?q=president", "/accounts?q=nobody"),
    "/accounts/{platform}/{ref:path}": _each(f"/accounts/{PLATFORM}/", lambda there: there.accounts),
    "/restore/{platform}/{ref:path}": _each(f"/restore/{PLATFORM}/", lambda there: there.accounts),
    "/hacked": _as("/hacked"),
    "/hacked/{platform}/{ref:path}": _each(f"/hacked/{PLATFORM}/", lambda there: there.accounts),
    "/pause": _as("/pause"),
    "/incidents": _as("/incidents"),
    "/incidents/{id}": _each("/incidents/", lambda there: there.incidents),
    "/registry": _as("/registry"),
    "/registry/import": _as("/registry/import"),
    "/people": _as("/people"),
    "/services": _as("/services"),
    "/recertification": _as("/recertification", "/recertification?show=all"),
    "/leavers": _as("/leavers", "/leavers?days=30"),
    "/people/{pseudonym}": _each("/people/", lambda there: there.people),
    "/rollbacks/{id}": _each("/rollbacks/", lambda there: there.rollbacks),
    "/nets": _as("/nets"),
    "/nets/proof": _as("/nets/proof"),
    "/nets/proposal": _as("/nets/proposal"),
    "/nets/proposals/{id}": _each("/nets/proposals/", lambda there: there.proposals),
    "/nets/alone": _as("/nets/alone"),
    "/record": _as("/record"),
    "/record/{log}/{event}": _each(f"/record/{PLATFORM}/", lambda there: there.events),
    "/notices": _as("/notices"),
    "/me": _as("/me"),
    "/signin": _as("/signin"),
    "/welcome": _as("/welcome"),
    "/signin/{secret}": _as(),
}


def routes_of(web: FastAPI) -> list[str]:
    """Return every route of the console that is read."""
    found = [one.path for one in web.router.routes if isinstance(one, Route) and "GET" in (one.methods or ())]
    return [path for path in dict.fromkeys(found) if not path.startswith(("/api/", "/scim/"))]


def addresses(web: FastAPI, there: Furnished, most: int = 99) -> list[str]:
    """Return all addresses to look at, of the pages there are; or so many of each page at most."""
    return [address for path in routes_of(web) if path in PAGES for address in PAGES[path](there)[:most]]


def furnish(scene: Scene, *, paused: bool = False) -> Furnished:
    """Let something of every kind happen: what is ordinary, protected, waiting, held, undone, withdrawn, a near miss."""
    app, there = scene.app, Furnished(accounts=["1001", "2001", "3001", "3002", "3003"])
    ada, ben, cyd, dee = (scene.actor(name) for name in ("ada", "ben", "cyd", "dee"))

    def decided(ref: str, action: str = "suspend") -> str:
        case = scene.report(ref, content="c2" if action == "remove_content" else None)
        claim(app, ada, case)
        content = ("c2",) if action == "remove_content" else ()
        wish = ActionWish(action=action, content=content)
        made = decide(app, ada, case, policy="spam", rationale="Sells watches.", actions=[wish])
        carry_out(app, made.enforcements)
        there.cases.append(case)
        there.enforcements += [one.id for one in made.enforcements]
        return made.enforcements[0].id

    def president(action: str) -> str:
        wanted = Wanted(
            platform=PLATFORM,
            account="1001",
            action=action,
            policy="impersonation",
            rationale="A fake.",
            confirm={"handle": "president"},
        )
        return enforce(app, ada, wanted).id

    def yes(enforcement: str, *people: str) -> None:
        for name in people:
            actor = scene.actor(name)
            with app.works.read() as connection:
                found = enforcement_by_id(connection, enforcement)
            assert found is not None
            approve(app, actor, Answer(enforcement=enforcement, digest=found.digest, answer="yes", note="I looked."))

    decided("3001")
    decided("3002", "remove_content")
    decided("3004")
    restore(app, dee, PLATFORM, "3004", "It was a mistake.")
    there.cases.append(scene.report("1001", "impersonation", count=12, text="He is not who he says he is. " * 12))
    there.cases.append(scene.report("2001", "impersonation", text="A fake president."))
    there.cases.append(scene.report("3003"))
    claim(app, ada, there.cases[-1])
    note(app, ada, there.cases[-1], "Looks like the others.")
    enforce(app, ben, Wanted(platform=PLATFORM, account="3003", action="limit", policy="spam"))
    undone = rollback(app, dee, by=ben.id, since=app.now() - timedelta(hours=1)).record
    assert undone is not None
    there.rollbacks.append(undone.id)
    held = president("suspend")
    yes(held, "ben", "cyd")
    waiting, withdrawn = president("lock"), president("deactivate")
    cancel(app, dee, withdrawn, "The wrong one.")
    lowered = propose(
        app, ben, "tier", {"platform": PLATFORM, "account": "1001", "tier": "standard", "handle": "president"}
    )
    softened = propose(app, cyd, "nets", {"remove": ["newcomer-bulk"]})
    there.proposals.append(softened.id)
    there.enforcements += [held, waiting, withdrawn, lowered.id]
    bulk = Wanted(platform=PLATFORM, account="", action="suspend", policy="spam", rationale="A wave of them.")
    wave = [f"wave-{number}" for number in range(26)]
    for ref in wave:
        scene.sandbox.put_account(ref, handle=ref, reach=40, age_days=9)
    placed = enforce_bulk(app, ben, wave, bulk).enforcements
    there.groups.append(str(placed[0].group_id))
    there.people = [scene.staff[name].pseudonym for name in ("ada", "ben")]
    if paused:
        pause(app, cyd, because="A script runs wild.")
    scene.settle()
    with app.works.read() as connection:
        events = sa.select(tables.event.c.id).where(tables.event.c.platform == PLATFORM).limit(2)
        there.events = [str(row.id) for row in connection.execute(events)]
        there.incidents = [str(row.id) for row in connection.execute(tables.incident.select())]
    assert len(there.incidents) >= 2
    return there
