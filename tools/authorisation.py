"""Writes ``docs/security/authorisation.md`` from the routes themselves; ``--check`` only says whether it is current.

python -m tools.authorisation [--check]

What each route asks for stands in `NEEDS`, and what it names that belongs to
somebody in `ownership.OWNED`; a route that is missing there is an error, and so
is a line without a route. `tests/security/test_authorisation.py` tries every
line for real, with every role, scope and standing; `test_own_and_other.py`
with what is one's own and what is somebody else's.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from unittest.mock import create_autospec

from fastapi import FastAPI
from starlette.routing import Mount, Route

from gardefou.flow.app import App
from gardefou.people.roles import ROLES, SCOPES, Power, powers_of, powers_of_scopes
from gardefou.settings import Settings
from gardefou.web.app import GROUPS, PREFIX, create_app
from gardefou.web.walls import WALLED
from tools.ownership import OWNED, cells

FILE = Path(__file__).parent.parent / "docs" / "security" / "authorisation.md"
ISSUER = "https://idp.example"

HEAD = """\
# Who may call what

Written by `python -m tools.authorisation` from the routes themselves; change `NEEDS` there. A route without a line
fails the tests, and `tests/security/test_authorisation.py` asks every line for real: signed out, with a wrong token, as
each role, as a service of each scope, as somebody who has left, is suspended, was erased, or is in the last hour of the
last day; with a fresh sign-in and without. Where the door is shut, it also sees to it that nothing was written.

- **power**: what the roles (and, over HTTP, the token's scopes) must give; of several, one is enough. `anyone`: no
  sign-in and no token. `read` is what everybody on duty has.
- **roles**: who has it. Roles add up.
- **scopes**: which scope a *service's* token needs; `–`: no service does this, whatever its scopes. A person's token
  gives what both its scopes and its owner's roles give.
- **walled**: a token that is for some platforms only may call it, and gets nothing of any other platform
  (`tests/security/test_walls.py`). Everything else is shut to such a token.
- **fresh**: asks for a strong sign-in of ten minutes at most, always; beyond that the nets ask for one where they do.
- **last hour**: what changes something and still goes on the last hour of the last day: it lowers, or is one's own.
- **names**: what the call names that belongs to somebody, and by what it does; `–`: nothing. **one's own**, **somebody
  else's**: what comes of it for whoever gets through the door: done (at once, or once those have agreed whom the nets
  ask), or the code of the refusal. `tests/security/test_own_and_other.py` makes each thing twice and asks for both.
  Staff read all that is the organisation's, whoever did it; but for a second look that must not know the first
  ([http.md](../reference/http.md)), tokens, and names.

The door is only the first thing: whether an act goes through is judged by the nets, by the record as it stands, and by
who stands behind it. Whoever has left or is suspended is kept out everywhere but at `anyone`, and their sessions and
tokens end.
"""


@dataclass(frozen=True, slots=True)
class Need:
    """What one route asks of whoever calls it."""

    #: Powers, of which one is enough; none: anyone may call it.
    powers: tuple[Power, ...] = ()
    #: Only people in person; no service, whatever its scopes.
    people: bool = False
    fresh: bool = False
    #: It changes something, and goes in the last hour too.
    last_hour: bool = False
    #: What else counts.
    note: str = ""


def _need(words: str, *, people: bool = False, fresh: bool = False, last_hour: bool = False, note: str = "") -> Need:
    powers = () if words == "anyone" else tuple(Power(word) for word in words.split("|"))
    return Need(powers, people, fresh, last_hour, note)


_ANYONE = _need("anyone")
_READ = _need("read")
_OWN = _need("read", people=True, last_hour=True)
_REPORT = _need("report")
_CASES = _need("work_cases")
_LIFT = _need("lift")
#: Who stands where they may approve is asked by the net: `from` names roles.
_ANSWER = _need("read", people=True)
_STAFF = _need("staff")
_TOKEN = _need("tokens")
_SIGNED = _need("anyone", note="what counts is the signature of the identity provider")

_API = {
    "POST /reports": _REPORT,
    "POST /reports/batch": _REPORT,
    "GET /cases": _READ,
    "GET /cases/{id}": _READ,
    "POST /cases/next": _CASES,
    "POST /cases/{id}/claim": _CASES,
    "POST /cases/{id}/renew": _CASES,
    "POST /cases/{id}/release": _CASES,
    "POST /cases/{id}/skip": _CASES,
    "POST /cases/{id}/move": _CASES,
    "POST /cases/{id}/escalate": _CASES,
    "POST /cases/{id}/notes": _need("work_cases"),
    "POST /cases/{id}/decisions": _CASES,
    "GET /enforcements": _READ,
    "GET /enforcements/groups": _READ,
    "GET /enforcements/{id}": _READ,
    "GET /enforcements/{id}/proof": _READ,
    "GET /enforcements/{id}/explanation": _READ,
    "POST /enforcements/preview": _need("read", last_hour=True),
    "POST /enforcements": _need("enforce", note="`legal` too, where the law demands it (`legal_basis`)"),
    "POST /enforcements/bulk": _need("enforce"),
    "POST /enforcements/approvals": _ANSWER,
    "POST /enforcements/{id}/approvals": _ANSWER,
    "POST /enforcements/{id}/cancel": _need("lift"),
    "POST /enforcements/{id}/ratify": _need("break_glass", people=True),
    "GET /accounts/{platform}/{ref:path}": _READ,
    "POST /accounts/{platform}/{ref:path}/restore": _LIFT,
    "POST /accounts/{platform}/{ref:path}/tier": _need("tiers"),
    "POST /accounts/{platform}/{ref:path}/break-glass": _need("break_glass", people=True, fresh=True),
    "POST /rollbacks": _LIFT,
    "GET /rollbacks/{id}": _READ,
    "GET /pause": _READ,
    "POST /pause": _need("lift"),
    "POST /resume": _need("resume"),
    "GET /raid": _READ,
    "POST /raid": _need("top_up", people=True, fresh=True),
    "POST /raid/end": _need("lift"),
    "GET /me": _READ,
    "GET /staff": _READ,
    "GET /staff/{id}": _READ,
    "GET /staff/{id}/name": _need("reveal"),
    "POST /staff/search": _need("staff|reveal", people=True),
    "POST /staff": _STAFF,
    "POST /staff/{id}/roles": _STAFF,
    "POST /staff/{id}/leave": _STAFF,
    "POST /staff/{id}/off": _STAFF,
    "POST /staff/{id}/suspend": _STAFF,
    "POST /staff/{id}/top-up": _need("top_up", people=True, fresh=True),
    "POST /staff/{id}/reveal": _need("reveal"),
    "POST /staff/{id}/erase": _STAFF,
    "GET /recertification": _READ,
    "POST /recertification": _need("staff|top_up", people=True, fresh=True),
    "GET /tokens": _need("read"),
    "POST /tokens": _need("read", people=True, note="a service's: `tokens`"),
    "POST /tokens/revoke-leaked": _ANYONE,
    "DELETE /tokens/{id}": _TOKEN,
    "GET /nets": _READ,
    "GET /nets/alone": _READ,
    "POST /nets/proposals": _need("nets"),
    "GET /platforms": _READ,
    "POST /platforms": _need("platforms"),
    "GET /incidents": _READ,
    "GET /incidents/{id}": _READ,
    "GET /incidents/{id}/page": _READ,
    "GET /ledger/{platform}/checkpoint": _READ,
    "GET /ledger/{platform}/tile/{path:path}": _READ,
    "GET /healthz": _ANYONE,
    "GET /readyz": _ANYONE,
    "GET /metrics": _ANYONE,
    "GET /docs": _ANYONE,
    "GET /openapi.json": _ANYONE,
}

_BESIDE = {
    "GET /healthz": _ANYONE,
    "GET /readyz": _ANYONE,
    "GET /metrics": _ANYONE,
    "GET /static/{path}": _ANYONE,
    "POST /ssf/events": _SIGNED,
    **{
        f"{method} /scim/v2{rest}": _need("provision")
        for rest in ("", "/{path:path}")
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    },
}

_CONSOLE = {
    "GET /signin": _ANYONE,
    "POST /signin": _ANYONE,
    "POST /signin/passkey": _ANYONE,
    "POST /signin/passkey/asked": _ANYONE,
    "GET /signin/{secret}": _ANYONE,
    "POST /signin/{secret}": _ANYONE,
    "POST /signin-key": _need("read", people=True, fresh=True, last_hour=True),
    "POST /signin-key/off": _OWN,
    "POST /signout": _OWN,
    "GET /welcome": _ANYONE,
    "POST /welcome": _ANYONE,
    "GET /oidc/signin": _ANYONE,
    "GET /oidc/callback": _ANYONE,
    "POST /oidc/step-up": _OWN,
    "GET /oidc/back": _OWN,
    "POST /oidc/link": _OWN,
    "GET /oidc/signout": _ANYONE,
    "POST /oidc/backchannel-logout": _SIGNED,
    "GET /": _READ,
    "GET /live": _READ,
    "GET /queue": _READ,
    "POST /queue/next": _CASES,
    "GET /cases/{id}": _READ,
    "GET /cases/{id}/news": _READ,
    "GET /cases/{id}/media/{report}/{item:int}": _READ,
    "POST /cases/{id}/preview": _need("read", last_hour=True),
    "POST /cases/{id}/decide": _CASES,
    "POST /cases/{id}/take-back": _need("work_cases"),
    "POST /cases/{id}/claim": _CASES,
    "POST /cases/{id}/renew": _CASES,
    "POST /cases/{id}/release": _CASES,
    "POST /cases/{id}/skip": _CASES,
    "POST /cases/{id}/move": _CASES,
    "POST /cases/{id}/escalate": _CASES,
    "POST /cases/{id}/note": _need("work_cases"),
    "GET /enforcements": _READ,
    "GET /enforcements/group": _READ,
    "POST /enforcements/group": _ANSWER,
    "POST /enforcements/top-up": _need("top_up", people=True, fresh=True),
    "POST /enforcements/{id}/answer": _ANSWER,
    "POST /enforcements/{id}/cancel": _LIFT,
    "POST /enforcements/{id}/ratify": _need("break_glass", people=True),
    "GET /enforcements/{id}": _READ,
    "GET /enforcements/{id}/proof": _READ,
    "GET /restore": _READ,
    "GET /restore/{platform}/{ref:path}": _READ,
    "POST /restore/{platform}/{ref:path}": _LIFT,
    "GET /accounts": _READ,
    "POST /accounts/{platform}/{ref:path}/tier": _need("tiers"),
    "POST /accounts/{platform}/{ref:path}/fake": _need("enforce"),
    "GET /accounts/{platform}/{ref:path}": _READ,
    "GET /registry": _READ,
    "POST /registry": _need("tiers"),
    "GET /registry/import": _READ,
    "POST /registry/import": _need("tiers"),
    "GET /hacked": _READ,
    "POST /hacked/{platform}/{ref:path}/break": _need("break_glass", people=True, fresh=True),
    "POST /hacked/{platform}/{ref:path}/answer": _ANSWER,
    "POST /hacked/{platform}/{ref:path}/ratify": _need("break_glass", people=True),
    "POST /hacked/{platform}/{ref:path}/undo": _LIFT,
    "GET /hacked/{platform}/{ref:path}": _READ,
    "GET /pause": _READ,
    "POST /pause": _need("lift"),
    "POST /resume": _need("resume"),
    "POST /raid": _need("top_up", people=True, fresh=True),
    "POST /raid/end": _need("lift"),
    "GET /incidents": _READ,
    "GET /incidents/{id}": _READ,
    "GET /incidents/{id}/page": _READ,
    "GET /people": _READ,
    "POST /people/search": _need("staff|reveal", people=True),
    "POST /people/{pseudonym}/reveal": _need("reveal"),
    "POST /people/{pseudonym}/name": _need("reveal", people=True),
    "POST /people/{pseudonym}/erase": _STAFF,
    "GET /leavers": _READ,
    "GET /recertification": _READ,
    "POST /recertification": _need("staff|top_up", people=True, fresh=True),
    "GET /people/{pseudonym}": _READ,
    "POST /people/{pseudonym}/roles": _STAFF,
    "POST /people/{pseudonym}/leave": _STAFF,
    "POST /people/{pseudonym}/off": _STAFF,
    "POST /people/{pseudonym}/suspend": _STAFF,
    "POST /people/{pseudonym}/revoke": _TOKEN,
    "POST /people/{pseudonym}/sessions": _need("staff|top_up"),
    "POST /people/{pseudonym}/invite": _need("approve|staff", people=True, fresh=True),
    "POST /people/{pseudonym}/invite/withdraw": _need("approve|staff", people=True),
    "GET /services": _READ,
    "POST /services/revoke": _TOKEN,
    "POST /people/{pseudonym}/rollback": _LIFT,
    "GET /rollbacks/{id}": _READ,
    "GET /rollbacks/{id}/report.csv": _READ,
    "GET /rollbacks/{id}/report.json": _READ,
    "GET /nets": _READ,
    "GET /nets/alone": _READ,
    "GET /nets/proof": _READ,
    "GET /nets/proposal": _READ,
    "POST /nets/proposal": _need("nets"),
    "GET /nets/proposals/{id}": _READ,
    "GET /nets/proposals/{id}/review": _READ,
    "GET /record": _READ,
    "POST /record/verify": _need("read", last_hour=True),
    "GET /record/{log}/{event}": _READ,
    "GET /record/{log}/{event}/proof": _READ,
    "GET /notices": _need("settings|top_up"),
    "POST /notices/{name}/test": _need("settings|top_up"),
    "GET /me": _READ,
    "POST /me": _OWN,
    "POST /me/passkeys": _OWN,
    "POST /me/passkeys/asked": _OWN,
    "POST /me/passkeys/end": _OWN,
    "POST /me/sessions/end": _OWN,
    "POST /passkey/asked": _OWN,
    "POST /passkey/asked/{id}": _need("read", people=True, last_hour=True),
}

#: Every route by its method and path.
NEEDS: dict[str, Need] = {line.replace(" ", f" {PREFIX}", 1): need for line, need in _API.items()} | _BESIDE | _CONSOLE


def routes_of(web: FastAPI) -> list[str]:
    """Return every route of the application by its method and path."""
    found: list[str] = []
    for group in GROUPS:
        found += [
            f"{method} {PREFIX}{one.path}" for one in group.routes if isinstance(one, Route) for method in _methods(one)
        ]
    for one in web.router.routes:
        if isinstance(one, Mount):
            found.append(f"GET {one.path}/{{path}}")
        elif isinstance(one, Route):
            found += [f"{method} {one.path}" for method in _methods(one)]
    # The routers that are included at the root: `health` alone.
    found += [f"GET {one.path}" for one in GROUPS[-1].routes if isinstance(one, Route)]
    return list(dict.fromkeys(found))


def _methods(route: Route) -> list[str]:
    return sorted((route.methods or set()) - {"HEAD"})


def everything(folder: Path) -> FastAPI:
    """Return the web application with all that settings can switch on; it is only looked at."""
    settings = Settings(
        data=folder,
        oidc_issuer=ISSUER,
        oidc_client_id="gardefou",
        signals_issuer=ISSUER,
        signals_audience="gardefou",
        signals_jwks_url=f"{ISSUER}/keys",
    )
    return create_app(cast("App", create_autospec(App, instance=True)), settings, worker=None)


def roles_of(need: Need) -> list[str]:
    """Return the roles that open a door."""
    return [role for role in ROLES if set(need.powers) & powers_of((role,))]


def scopes_of(need: Need) -> list[str]:
    """Return the scopes with which a service opens it."""
    if need.people:
        return []
    return [scope for scope in (*SCOPES, "scim") if set(need.powers) & powers_of_scopes((scope,))]


def page() -> str:
    """Return the whole page."""
    parts = [HEAD]
    sections = (
        ("The API", [one for one in NEEDS if f" {PREFIX}/" in one]),
        ("Beside the API", list(_BESIDE)),
        ("The console", list(_CONSOLE)),
    )
    for title, lines in sections:
        over_http = title != "The console"
        scopes = " | scopes | walled" if over_http else ""
        parts.append(f"\n## {title}\n")
        parts.append(f"| call | power | roles{scopes} | fresh | last hour | names | one's own | somebody else's |")
        parts.append("| --- | --- | ---" + (" | --- | ---" if over_http else "") + " | --- | --- | --- | --- | --- |")
        parts.extend(_row(line, NEEDS[line], over_http=over_http) for line in lines)
    return "\n".join(parts) + "\n"


def _row(line: str, need: Need, *, over_http: bool) -> str:
    method, _, path = line.partition(" ")
    roles, scopes = roles_of(need), scopes_of(need)
    power = "anyone" if not need.powers else " or ".join(f"`{one.value}`" for one in need.powers)
    row = [f"`{line}`", f"{power}; {need.note}" if need.note else power]
    row.append("" if not need.powers else "all" if len(roles) == len(ROLES) else ", ".join(roles) or "–")
    if over_http:
        row.append("" if not need.powers else ", ".join(f"`{one}`" for one in scopes) or "–")
        row.append("yes" if path.removeprefix(PREFIX) in WALLED and path.startswith(PREFIX) else "")
    row += ["yes" if need.fresh else "", "yes" if need.last_hour and method != "GET" else "", *cells(line)]
    return "| " + " | ".join(row) + " |"


def main() -> int:
    """Write, or check."""
    with tempfile.TemporaryDirectory() as folder:
        there = set(routes_of(everything(Path(folder))))
    for line in sorted(there - NEEDS.keys()):
        print(f"no line in NEEDS for {line}", file=sys.stderr)
    for line in sorted(NEEDS.keys() - there):
        print(f"there is no route {line}", file=sys.stderr)
    for line in sorted(there ^ OWNED.keys()):
        print(f"ownership.OWNED and the routes differ in {line}", file=sys.stderr)
    if not there == NEEDS.keys() == OWNED.keys():
        return 1
    text = page()
    if "--check" in sys.argv:
        if not FILE.exists() or FILE.read_text("utf-8") != text:
            print(f"{FILE.name} is not current; run python -m tools.authorisation", file=sys.stderr)
            return 1
        return 0
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
