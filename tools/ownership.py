"""Whose the things are that each route names, and what comes of a call about one's own and about somebody else's.

`OWNED` has a line for every route: what it names that belongs to somebody, or
nothing. `tools/authorisation.py` writes it into its page and fails where a
route has no line; `tests/security/test_own_and_other.py` makes each thing
twice, once of whoever calls and once of somebody else, calls, and holds the
answers against what stands here.
"""

from __future__ import annotations

from typing import NamedTuple

from gardefou.web.app import PREFIX

#: It goes through the door and is done, or waits for whom the nets ask.
DONE = "done"


class Owned(NamedTuple):
    """One kind of thing that a route names, and the answers: `DONE`, or the code of the refusal."""

    what: str
    own: str
    other: str


class Self(NamedTuple):
    """It is about whoever is signed in, and has no word for anybody else."""

    what: str


Things = tuple[Owned, ...] | Self
#: It names nothing that belongs to somebody.
NOTHING: Things = ()


def _same(*what: str) -> tuple[Owned, ...]:
    return tuple(Owned(one, DONE, DONE) for one in what)


CASE = "a case, by who holds its claim"
PLACED = "what waits, by who placed it"
CHANGE = "a guarded change, by who proposed it"
END = "the end of a measure, by who imposed it"
RESUMING = "the end of a pause, by who paused"
HARM = "what stands on an account, by who imposed it"
LAST_DAY = "what stands on an account, in one's last 24 hours"
GLASS = "a broken glass, by who broke it"
PERSON = "a person"
TOKEN = "a token, by whose it is; without the power `tokens`"  # noqa: S105
ANY_TOKEN = "a token, by whose it is; with the power `tokens`"  # noqa: S105
ROLLED_BACK = "a rollback, by who asked for it"
PAUSE = "a pause, by who paused"
RAID = "raid mode, by who called it"
ACTS = "what somebody imposed, by who it is"
ACTS_LAST_DAY = "what somebody imposed, in one's last 24 hours"
GROUP = "a burst beyond a budget, by whose it is"
PROVISIONED = "a person whom a client brought, by which"
MEMBER = "a member of a new group, by which client brought them"
PROPOSAL = "a change of nets, by who proposed it"
DECISION = "a decision, by who made it"
ROLES = "somebody's roles"
NAME = "a name, by to whom it was revealed"
TOKEN_FOR = "a token, by for whom it is"  # noqa: S105
SECRET = "a secret, by whose it is"  # noqa: S105
PASSKEY = "a passkey, by whose it is; without the power `staff`"
ANY_PASSKEY = "a passkey, by whose it is; with the power `staff`"
SESSION = "a session, by whose it is"
HALF = "half of an invitation, by who drew it"
ATTEMPT = "a sign-in under way, by whose session began it"
FORM = "a form that waited for a fresh sign-in, by whose session"

_CLAIM = (Owned(CASE, DONE, "case/claimed"),)
_HELD = (Owned(CASE, DONE, "case/not_claimed"),)
_ANSWER = (
    Owned(PLACED, "approval/own", DONE),
    Owned(CHANGE, "approval/own", DONE),
    Owned(END, "restore/own_harm", DONE),
    Owned(RESUMING, "pause/own", DONE),
)
_CANCEL = (
    *_same(PLACED, CHANGE),
    Owned(END, "restore/own_harm", DONE),
    Owned(RESUMING, "pause/own", DONE),
)
_LIFT = (*_same(HARM), Owned(LAST_DAY, DONE, "staff/last_day"))
_ROLL = (*_same(ACTS), Owned(ACTS_LAST_DAY, DONE, "staff/last_day"))
_RATIFY = (Owned(GLASS, "ratify/not_apart", DONE),)
_END_TOKEN = (Owned(TOKEN, DONE, "auth/forbidden"), *_same(ANY_TOKEN))
_TOP_UP = (Owned(PERSON, "budget/own", DONE),)
_NOT_ONESELF = (Owned(PERSON, "staff/own", DONE),)
#: Whoever is here to ask is not erased.
_GONE = (Owned(PERSON, "staff/here", DONE),)
_CERTIFY = (Owned(ROLES, "certify/own", DONE),)
_SEALED = (Owned(NAME, DONE, "staff/sealed"),)
_CLIENT = (Owned(PROVISIONED, DONE, "404"),)

_API: dict[str, Things] = {
    "POST /reports": NOTHING,
    "POST /reports/batch": NOTHING,
    "GET /cases": NOTHING,
    "GET /cases/{id}": _same(CASE),
    "POST /cases/next": NOTHING,
    "POST /cases/{id}/claim": _CLAIM,
    "POST /cases/{id}/renew": _HELD,
    "POST /cases/{id}/release": _HELD,
    "POST /cases/{id}/skip": _CLAIM,
    "POST /cases/{id}/move": _CLAIM,
    "POST /cases/{id}/escalate": _CLAIM,
    "POST /cases/{id}/notes": _same(CASE),
    "POST /cases/{id}/decisions": _CLAIM,
    "GET /enforcements": NOTHING,
    "GET /enforcements/groups": NOTHING,
    "GET /enforcements/{id}": _same(PLACED, CHANGE),
    "GET /enforcements/{id}/proof": _same(PLACED),
    "GET /enforcements/{id}/explanation": _same(PLACED),
    "POST /enforcements/preview": _same(CASE),
    "POST /enforcements": NOTHING,
    "POST /enforcements/bulk": NOTHING,
    "POST /enforcements/approvals": _ANSWER,
    "POST /enforcements/{id}/approvals": _ANSWER,
    "POST /enforcements/{id}/cancel": _CANCEL,
    "POST /enforcements/{id}/ratify": _RATIFY,
    "GET /accounts/{platform}/{ref:path}": _same(HARM),
    "POST /accounts/{platform}/{ref:path}/restore": _LIFT,
    "POST /accounts/{platform}/{ref:path}/tier": NOTHING,
    "POST /accounts/{platform}/{ref:path}/break-glass": NOTHING,
    "POST /rollbacks": _ROLL,
    "GET /rollbacks/{id}": _same(ROLLED_BACK),
    "GET /pause": NOTHING,
    "POST /pause": NOTHING,
    "POST /resume": _same(PAUSE),
    "GET /raid": NOTHING,
    "POST /raid": NOTHING,
    "POST /raid/end": _same(RAID),
    "GET /me": Self("oneself"),
    "GET /staff": NOTHING,
    "GET /staff/{id}": _same(PERSON),
    "GET /staff/{id}/name": _SEALED,
    "POST /staff/search": NOTHING,
    "POST /staff": NOTHING,
    "POST /staff/{id}/roles": _same(PERSON),
    "POST /staff/{id}/leave": _same(PERSON),
    "POST /staff/{id}/off": _same(PERSON),
    "POST /staff/{id}/suspend": _same(PERSON),
    "POST /staff/{id}/top-up": _TOP_UP,
    "POST /staff/{id}/reveal": _NOT_ONESELF,
    "POST /staff/{id}/erase": _GONE,
    "GET /recertification": NOTHING,
    "POST /recertification": _CERTIFY,
    "GET /tokens": (Owned(TOKEN, "listed", "not listed"), Owned(ANY_TOKEN, "listed", "listed")),
    "POST /tokens": (Owned(TOKEN_FOR, DONE, "input/invalid"),),
    "POST /tokens/revoke-leaked": _same(SECRET),
    "DELETE /tokens/{id}": _END_TOKEN,
    "GET /nets": NOTHING,
    "GET /nets/alone": NOTHING,
    "POST /nets/proposals": NOTHING,
    "GET /platforms": NOTHING,
    "POST /platforms": NOTHING,
    "GET /incidents": NOTHING,
    "GET /incidents/{id}": NOTHING,
    "GET /incidents/{id}/page": NOTHING,
    "GET /ledger/{platform}/checkpoint": NOTHING,
    "GET /ledger/{platform}/tile/{path:path}": NOTHING,
    "GET /healthz": NOTHING,
    "GET /readyz": NOTHING,
    "GET /metrics": NOTHING,
    "GET /docs": NOTHING,
    "GET /openapi.json": NOTHING,
}

_BESIDE: dict[str, Things] = {
    "GET /healthz": NOTHING,
    "GET /readyz": NOTHING,
    "GET /metrics": NOTHING,
    "GET /static/{path}": NOTHING,
    "POST /ssf/events": NOTHING,
    **{f"{method} /scim/v2": NOTHING for method in ("GET", "POST", "PUT", "PATCH", "DELETE")},
    "GET /scim/v2/{path:path}": _CLIENT,
    "POST /scim/v2/{path:path}": (Owned(MEMBER, DONE, "400"),),
    "PUT /scim/v2/{path:path}": _CLIENT,
    "PATCH /scim/v2/{path:path}": _CLIENT,
    "DELETE /scim/v2/{path:path}": _CLIENT,
}

_CONSOLE: dict[str, Things] = {
    "GET /signin": NOTHING,
    "POST /signin": NOTHING,
    "POST /signin/passkey": NOTHING,
    "POST /signin/passkey/asked": NOTHING,
    "GET /signin/{secret}": NOTHING,
    "POST /signin/{secret}": NOTHING,
    "POST /signin-key": Self("one's sign-in key"),
    "POST /signin-key/off": Self("one's sign-in key"),
    "POST /signout": Self("the session that asks"),
    "GET /welcome": NOTHING,
    "POST /welcome": NOTHING,
    "GET /oidc/signin": NOTHING,
    "GET /oidc/callback": (Owned(ATTEMPT, "goes on", "oidc/attempt"),),
    "POST /oidc/step-up": Self("the session that asks"),
    "GET /oidc/back": (Owned(FORM, DONE, "oidc/attempt"),),
    "POST /oidc/link": Self("one's account at the identity provider"),
    "GET /oidc/signout": NOTHING,
    "POST /oidc/backchannel-logout": NOTHING,
    "GET /": NOTHING,
    "GET /live": NOTHING,
    "GET /queue": NOTHING,
    "POST /queue/next": NOTHING,
    "GET /cases/{id}": _same(CASE),
    "GET /cases/{id}/news": _same(CASE),
    "GET /cases/{id}/media/{report}/{item:int}": _same(CASE),
    "POST /cases/{id}/preview": _same(CASE),
    "POST /cases/{id}/decide": _CLAIM,
    "POST /cases/{id}/take-back": (Owned(DECISION, DONE, "decision/not_yours"),),
    "POST /cases/{id}/claim": _CLAIM,
    "POST /cases/{id}/renew": _HELD,
    "POST /cases/{id}/release": _HELD,
    "POST /cases/{id}/skip": _CLAIM,
    "POST /cases/{id}/move": _CLAIM,
    "POST /cases/{id}/escalate": _CLAIM,
    "POST /cases/{id}/note": _same(CASE),
    "GET /enforcements": NOTHING,
    "GET /enforcements/group": _same(GROUP),
    "POST /enforcements/group": (Owned(GROUP, "approval/own", DONE),),
    "POST /enforcements/top-up": _TOP_UP,
    "POST /enforcements/{id}/answer": _ANSWER,
    "POST /enforcements/{id}/cancel": _CANCEL,
    "POST /enforcements/{id}/ratify": _RATIFY,
    "GET /enforcements/{id}": _same(PLACED, CHANGE),
    "GET /enforcements/{id}/proof": _same(PLACED),
    "GET /restore": NOTHING,
    "GET /restore/{platform}/{ref:path}": _same(HARM),
    "POST /restore/{platform}/{ref:path}": _LIFT,
    "GET /accounts": NOTHING,
    "POST /accounts/{platform}/{ref:path}/tier": NOTHING,
    "POST /accounts/{platform}/{ref:path}/fake": NOTHING,
    "GET /accounts/{platform}/{ref:path}": _same(HARM),
    "GET /registry": NOTHING,
    "POST /registry": NOTHING,
    "GET /registry/import": NOTHING,
    "POST /registry/import": NOTHING,
    "GET /hacked": NOTHING,
    "POST /hacked/{platform}/{ref:path}/break": NOTHING,
    "POST /hacked/{platform}/{ref:path}/answer": (Owned(GLASS, "approval/own", DONE),),
    "POST /hacked/{platform}/{ref:path}/ratify": _RATIFY,
    "POST /hacked/{platform}/{ref:path}/undo": _LIFT,
    "GET /hacked/{platform}/{ref:path}": _same(GLASS),
    "GET /pause": NOTHING,
    "POST /pause": NOTHING,
    "POST /resume": _same(PAUSE),
    "POST /raid": NOTHING,
    "POST /raid/end": _same(RAID),
    "GET /incidents": NOTHING,
    "GET /incidents/{id}": NOTHING,
    "GET /incidents/{id}/page": NOTHING,
    "GET /people": NOTHING,
    "POST /people/search": NOTHING,
    "POST /people/{pseudonym}/reveal": _NOT_ONESELF,
    "POST /people/{pseudonym}/name": _SEALED,
    "POST /people/{pseudonym}/erase": _GONE,
    "GET /leavers": NOTHING,
    "GET /recertification": NOTHING,
    "POST /recertification": _CERTIFY,
    "GET /people/{pseudonym}": _same(PERSON),
    "POST /people/{pseudonym}/roles": _same(PERSON),
    "POST /people/{pseudonym}/leave": _same(PERSON),
    "POST /people/{pseudonym}/off": _same(PERSON),
    "POST /people/{pseudonym}/suspend": _same(PERSON),
    "POST /people/{pseudonym}/revoke": _END_TOKEN,
    "POST /people/{pseudonym}/sessions": _same(PERSON),
    "POST /people/{pseudonym}/invite": _NOT_ONESELF,
    "POST /people/{pseudonym}/invite/withdraw": _same(HALF),
    "GET /services": NOTHING,
    "POST /services/revoke": _END_TOKEN,
    "POST /people/{pseudonym}/rollback": _ROLL,
    "GET /rollbacks/{id}": _same(ROLLED_BACK),
    "GET /rollbacks/{id}/report.csv": _same(ROLLED_BACK),
    "GET /rollbacks/{id}/report.json": _same(ROLLED_BACK),
    "GET /nets": NOTHING,
    "GET /nets/alone": NOTHING,
    "GET /nets/proof": NOTHING,
    "GET /nets/proposal": NOTHING,
    "POST /nets/proposal": NOTHING,
    "GET /nets/proposals/{id}": _same(PROPOSAL),
    "GET /nets/proposals/{id}/review": _same(PROPOSAL),
    "GET /record": NOTHING,
    "POST /record/verify": NOTHING,
    "GET /record/{log}/{event}": NOTHING,
    "GET /record/{log}/{event}/proof": NOTHING,
    "GET /notices": NOTHING,
    "POST /notices/{name}/test": NOTHING,
    "GET /me": Self("oneself"),
    "POST /me": Self("how one likes the console"),
    "POST /me/passkeys": Self("one's passkeys"),
    "POST /me/passkeys/asked": Self("one's passkeys"),
    "POST /me/passkeys/end": (
        Owned(PASSKEY, DONE, "auth/forbidden"),
        *_same(ANY_PASSKEY),
    ),
    "POST /me/sessions/end": (Owned(SESSION, DONE, "session/not_found"),),
    "POST /passkey/asked": Self("one's passkeys"),
    "POST /passkey/asked/{id}": _same(PLACED),
}

#: Every route by its method and path, as in `authorisation.NEEDS`.
OWNED: dict[str, Things] = {
    **{line.replace(" ", f" {PREFIX}", 1): things for line, things in _API.items()},
    **_BESIDE,
    **_CONSOLE,
}


def cells(line: str) -> list[str]:
    """Return what the page says of a route: what it names, what becomes of one's own, and of somebody else's."""
    things = OWNED[line]
    if isinstance(things, Self):
        return [things.what, DONE, "cannot be named"]
    if not things:
        return ["–", "–", "–"]
    return ["<br>".join(column) for column in zip(*((one.what, *map(_shown, one[1:])) for one in things), strict=True)]


def _shown(answer: str) -> str:
    return f"`{answer}`" if "/" in answer or answer.isdigit() else answer
