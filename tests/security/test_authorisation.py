"""Every route, tried for real: whoever the table keeps out is kept out, and whoever it lets in gets past the door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gardefou.people.roles import ROLES, SCOPES
from gardefou.web.app import PREFIX
from tests.security.doors import Doors, denied, open_doors, wants_step_up
from tools.authorisation import FILE, NEEDS, Need, everything, page, roles_of, routes_of, scopes_of
from tools.ownership import OWNED

HOLDERS = {
    "reviewer": "rea",
    "lead": "lea",
    "policy": "pol",
    "oncall": "ona",
    "legal": "leg",
    "admin": "ada",
    "auditor": "aud",
}
CONSOLE = [line for line in NEEDS if not line.partition(" ")[2].startswith((f"{PREFIX}/", "/scim/", "/ssf/"))]
OVER_HTTP = [line for line in NEEDS if line not in CONSOLE]
#: Routes after which a session is over: it is opened again for the next.
ENDING = {"POST /signout", "POST /people/{pseudonym}/sessions", "POST /me/sessions/end"}
#: Never ends, or takes seconds: that these open is seen by other tests, that they shut by these.
UNREAD = {"GET /live", "GET /nets/alone", "GET /nets/proof", f"GET {PREFIX}/nets/alone"}
GONE = ("left", "suspended", "erased")
# What shuts everybody out is asked first: afterwards much has happened. One process, one installation.
pytestmark = pytest.mark.xdist_group("doors")


@pytest.fixture(scope="module")
def doors(databases, tmp_path_factory) -> Iterator[Doors]:
    with databases.fresh("sqlite") as url, open_doors(url, tmp_path_factory.mktemp("doors")) as opened:
        yield opened


def test_the_page_is_what_the_routes_are(tmp_path: Path):
    there = set(routes_of(everything(tmp_path)))
    assert there == NEEDS.keys() == OWNED.keys()
    assert len(there) > 180
    assert FILE.read_text("utf-8") == page(), "run python -m tools.authorisation"


def test_in_the_last_hour_everything_is_read_over_http_and_nothing_done(doors):
    wrong: list[str] = []
    for turn, line in enumerate(OVER_HTTP):
        need = NEEDS[line]
        if line in UNREAD or (line.startswith("GET ") and turn % 4):
            # Every form, and of what is only read one in four: all of it asks for the same power.
            continue
        reads = line.startswith("GET ") and "read" in need.powers
        open_to = not need.powers or reads or need.last_hour
        before = doors.events()
        code = denied(doors.ask(line, "last"))
        if bool(code) == open_to:
            wrong.append(f"{line}: {code or 'open'}")
        if code and doors.events() != before:
            wrong.append(f"{line} wrote something")
    assert wrong == [], "\n".join(wrong)


def test_in_the_last_hour_every_page_is_read_and_no_form_taken(doors):
    wrong: list[str] = []
    for turn, line in enumerate(CONSOLE):
        need = NEEDS[line]
        if not need.powers or line in UNREAD or line in ENDING or (line.startswith("GET ") and turn % 4):
            continue
        open_to = line.startswith("GET ") or need.last_hour
        before = doors.events()
        code = denied(doors.visit(line, "last"))
        if bool(code) == open_to:
            wrong.append(f"{line}: {code or 'open'}")
        if code and doors.events() != before:
            wrong.append(f"{line} wrote something")
    assert wrong == [], "\n".join(wrong)


def test_what_asks_for_a_fresh_sign_in_does_so_from_everybody(doors):
    doors.stale(*HOLDERS.values())
    wrong: list[str] = []
    for line, need in NEEDS.items():
        roles = roles_of(need)
        if not need.fresh or not roles:
            continue
        who = HOLDERS[roles[0]]
        answer = doors.visit(line, who) if line in CONSOLE else doors.ask(line, who)
        if not wants_step_up(answer):
            wrong.append(f"{line} did not ask {who}: {answer.status_code} {answer.text[:200]}")
    doors.fresh(*HOLDERS.values())
    assert wrong == [], "\n".join(wrong)


def _some(may: dict[str | None, bool], turn: int) -> list[str | None]:
    """Return whom to send: all that are kept out, then those let in. Of those who are gone one, of many let in two."""
    gone = GONE[turn % len(GONE)]
    out = sorted((who for who, yes in may.items() if not yes and (who not in GONE or who == gone)), key=str)
    let = sorted((who for who, yes in may.items() if yes), key=str)
    return [*out, *(let if len(let) < 5 else {let[turn % len(let)]: 0, let[(turn + 3) % len(let)]: 0})]


def _over_http(need: Need) -> dict[str | None, bool]:
    """Return who may call, by the name of a token."""
    anyone = not need.powers
    may: dict[str | None, bool] = {None: anyone, "nobody": anyone}
    may |= {who: anyone or role in roles_of(need) for role, who in HOLDERS.items()}
    may |= {f"svc-{scope}": anyone or scope in scopes_of(need) for scope in (*SCOPES, "scim")}
    may |= dict.fromkeys(GONE, anyone)
    return may


def test_every_call_is_open_to_whom_the_table_says_and_shut_to_all_others(doors):
    doors.house.tokens["nobody"] = "gf_made-up"
    wrong: list[str] = []
    shut = opened = 0
    for turn, line in enumerate(OVER_HTTP):
        may = _over_http(NEEDS[line])
        for who in _some(may, turn):
            if line in UNREAD and may[who]:
                continue
            before = doors.events()
            answer = doors.ask(line, who)
            code = denied(answer)
            assert answer.status_code < 500, (line, who, answer.text)
            if may[who]:
                opened += 1
                if code:
                    wrong.append(f"{line} is shut to {who}: {code}")
            else:
                shut += 1
                if not code:
                    wrong.append(f"{line} is open to {who}: {answer.status_code} {answer.text[:120]}")
                if doors.events() != before:
                    wrong.append(f"{line} wrote something for {who}, who is shut out")
    assert wrong == [], "\n".join(wrong)
    assert shut > 600
    assert opened > 170


def test_every_page_and_form_is_open_to_whom_the_table_says_and_shut_to_all_others(doors):
    wrong: list[str] = []
    shut = opened = 0
    for turn, line in enumerate(CONSOLE):
        need = NEEDS[line]
        anyone = not need.powers
        may: dict[str | None, bool] = {None: anyone}
        may |= dict.fromkeys(GONE, False)
        may |= {who: anyone or role in roles_of(need) for role, who in HOLDERS.items()}
        if anyone:
            # Whoever is gone but has a cookie left is told so on every page that looks at it.
            may = {who: yes for who, yes in may.items() if who not in GONE}
        for who in _some(may, turn):
            if line in UNREAD and may[who]:
                continue
            before = doors.events()
            answer = doors.visit(line, who)
            code = denied(answer)
            assert answer.status_code < 500 or (answer.status_code == 503 and "/oidc/" in line), (
                line,
                who,
                answer.text[-500:],
            )
            if may[who]:
                opened += 1
                # What anyone may send has shut doors of its own: wrong keys, used links.
                if code and line not in ENDING and not anyone:
                    wrong.append(f"{line} is shut to {who}: {code}")
            else:
                shut += 1
                if not code:
                    wrong.append(f"{line} is open to {who}: {answer.status_code} {answer.text[-300:]}")
                if doors.events() != before:
                    wrong.append(f"{line} wrote something for {who}, who is shut out")
            if line in ENDING and who is not None and may[who]:
                doors.session(who)
    assert wrong == [], "\n".join(wrong)
    assert shut > 300
    assert opened > 200


def test_every_role_is_tried():
    assert HOLDERS.keys() == ROLES.keys()


def test_an_answer_that_was_given_under_a_key_is_nobody_elses(doors):
    case = doors.house.report("1002", category="violence").json()["case"]
    body = {"text": "Only once."}
    first = doors.house.post(f"/cases/{case}/notes", body, by="rea", key="mine")
    second = doors.house.post(f"/cases/{case}/notes", body, by="lea", key="mine")
    assert first.json()["id"] != second.json()["id"]
