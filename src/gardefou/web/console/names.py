"""On the console: having a name revealed and reading it, finding a person by name, erasing who a leaver was."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.states import State
from gardefou.errors import InvalidInput
from gardefou.flow.change import propose
from gardefou.flow.names import find_person, read_name
from gardefou.speech import gettext as _
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.whose import path_of, person_of


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of these forms."""
    one = "/people/{pseudonym}"
    return [
        console.post("/people/search", search),
        console.post(f"{one}/reveal", reveal),
        console.post(f"{one}/name", read),
        console.post(f"{one}/erase", erase),
    ]


def search(visit: Visit) -> Response:
    """Find the one person with a whole name or an address, and go to their page; neither is in any address."""
    text = visit.form.one("who").strip()
    found = find_person(visit.app, visit.actor, **{"email" if "@" in text else "name": text})
    return go("/people", done="nobody") if found is None else go(path_of(found), done="found")


def reveal(visit: Visit) -> Response:
    """Ask for a name to be revealed, with the reason."""
    person, because = person_of(visit), visit.form.one("because").strip()
    payload = {"staff": person.id, "because": because}
    made = propose(visit.app, visit.actor, "reveal", payload, because)
    if made.state == State.IN_FORCE.value:
        return go(path_of(person), done="changed")
    return go(f"/enforcements/{made.id}", done="proposed")


def read(visit: Visit) -> Response:
    """Show a name that was revealed to this person; it is on record each time."""
    person = person_of(visit)
    entry = read_name(visit.app, visit.actor, person.id)
    response = visit.page("person_revealed.html", person=person, entry=entry, path=path_of(person))
    response.headers["Cache-Control"] = "no-store"
    return response


def erase(visit: Visit) -> Response:
    """Ask for who a leaver was to be erased; it waits for people."""
    person, form = person_of(visit), visit.form
    if form.one("sure") != "yes":
        raise InvalidInput("console/sure", _("Tick that you are sure; nothing was done."), field="sure")
    made = propose(visit.app, visit.actor, "erase", {"staff": person.id}, form.one("because"))
    if made.state == State.IN_FORCE.value:
        return go(path_of(person), done="changed")
    return go(f"/enforcements/{made.id}", done="proposed")
