"""Whatever belongs to somebody, tried as one's own and as another's: each call answers as the table says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from httpx2 import Response

from gardefou.storage import tables
from gardefou.web.app import PREFIX
from tests.security.doors import Doors, open_doors
from tests.security.owned import Makers
from tools import ownership
from tools.authorisation import NEEDS
from tools.ownership import DONE, OWNED, Self

pytestmark = pytest.mark.xdist_group("own")

_TRIALS = [
    (line, one, own)
    for line, things in OWNED.items()
    if not isinstance(things, Self)
    for one in things
    for own in (True, False)
]
# What is asked of a change of nets is held against everybody there is: while there are few.
_TRIALS.sort(key=lambda trial: trial[1].what != ownership.PROPOSAL)


@pytest.fixture(scope="module")
def makers(databases, tmp_path_factory) -> Iterator[Makers]:
    with databases.fresh("sqlite") as url, open_doors(url, tmp_path_factory.mktemp("own")) as opened:
        yield Makers(opened)


def _maker(makers: Makers, what: str):
    return {
        ownership.CASE: makers.held_case,
        ownership.DECISION: makers.decision,
        ownership.PLACED: makers.waiting,
        ownership.CHANGE: makers.change,
        ownership.PROPOSAL: makers.proposal,
        ownership.END: makers.end_of_measure,
        ownership.RESUMING: makers.end_of_pause,
        ownership.HARM: makers.harm,
        ownership.LAST_DAY: makers.harm_on_last_day,
        ownership.GLASS: makers.broken,
        ownership.PERSON: makers.person,
        ownership.ROLES: makers.roles,
        ownership.NAME: makers.name,
        ownership.TOKEN: makers.token,
        ownership.ANY_TOKEN: makers.any_token,
        ownership.TOKEN_FOR: makers.token_for,
        ownership.SECRET: makers.secret,
        ownership.PASSKEY: makers.passkey,
        ownership.ANY_PASSKEY: makers.any_passkey,
        ownership.SESSION: makers.session,
        ownership.HALF: makers.half,
        ownership.ATTEMPT: makers.attempt,
        ownership.FORM: makers.form,
        ownership.ROLLED_BACK: makers.rolled_back,
        ownership.PAUSE: makers.paused,
        ownership.RAID: makers.raid,
        ownership.ACTS: makers.acts,
        ownership.ACTS_LAST_DAY: makers.acts_on_last_day,
        ownership.GROUP: makers.burst,
        ownership.PROVISIONED: makers.provisioned,
        ownership.MEMBER: makers.provisioned,
    }[what]


def _said(answer: Response) -> str:
    """Return what became of a call: done, or the code of its refusal."""
    if answer.url.path.endswith("/enforcements/approvals") and answer.status_code == 200:
        (one,) = answer.json()["items"]
        return one["error"]["code"] if one["error"] else DONE
    code = answer.headers.get("gardefou-problem", "")
    if not code and "problem+json" in answer.headers.get("content-type", ""):
        code = answer.json()["code"]
    if code or answer.status_code >= 400:
        return code or f"{answer.status_code} {answer.text[-300:]}"
    away = answer.headers.get("location", "")
    return (
        DONE
        if not away.startswith("/signin") or "signout" in str(answer.url) or "sessions" in str(answer.url)
        else away
    )


def _written(doors: Doors) -> int:
    """Count the events; what is noted where a page shows a case is none of what a refusal must not write."""
    event = tables.event.c
    with doors.house.app.works.read() as connection:
        found = connection.execute(
            sa.select(sa.func.count()).where(event.kind.not_in(("case.evidence_seen", "account.seen")))
        )
        return int(found.scalar_one())


def test_every_route_says_what_it_names_that_belongs_to_somebody():
    assert OWNED.keys() == NEEDS.keys()


def test_every_call_answers_for_ones_own_and_for_somebody_elses_as_the_table_says(makers):
    doors: Doors = makers.doors
    wrong: list[str] = []
    for line, one, own in _TRIALS:
        asked = _maker(makers, one.what)(line, own=own)
        doors.about = asked.ids
        before = _written(doors)
        if " /scim/" in line or f" {PREFIX}/" in line:
            answer = doors.ask(line, asked.who, fields=asked.fields)
        else:
            # Browsers make and ask passkeys over https, or on this machine.
            host = "http://localhost" if "/passkey/" in line else "http://testserver"
            answer = doors.visit(line, asked.who, fields=asked.fields, cookies=asked.cookies, host=host)
        doors.about = {}
        makers.go_on()
        said = _said(answer) if asked.told is None else asked.told(answer)
        should = one.own if own else one.other
        if said != should:
            whose = "one's own" if own else "somebody else's"
            wrong.append(f"{line}: {one.what}, {whose}: {said} instead of {should}")
        elif said != DONE and "listed" not in said and _written(doors) != before:
            wrong.append(f"{line}: {one.what}: {said}, and something was written all the same")
    assert wrong == [], "\n".join(wrong)
