"""The safety nets in force, each in words; what is proved of them; and proposing others, looked at beforehand."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.records import ORGANISATION, Enforcement, NetsVersion
from gardefou.domain.states import State
from gardefou.errors import Conflict, InvalidInput, NotFound, Unavailable
from gardefou.flow.change import propose
from gardefou.flow.friction import WEEK
from gardefou.flow.nets_review import NetsReview, backtest_nets, proofs_of, review_nets
from gardefou.flow.reading import enforcement_by_id
from gardefou.flow.shadow import shadow_report
from gardefou.nets.alone_page import alone, columns
from gardefou.nets.backtest_words import in_words, limits
from gardefou.nets.backtested import Backtest
from gardefou.nets.differ import changed_parts
from gardefou.nets.net import Net, NetSet
from gardefou.nets.phrase import condition_lines
from gardefou.people.roles import Power
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.reading import approvals_of

_n = tables.nets_version.c
_e = tables.enforcement.c
#: Enforcements of the week that are looked through for what shadow nets would have asked.
_MOST = 5_000
_NEWEST = sa.select(tables.nets_version).order_by(_n.id.desc())
#: Facts not recorded that a backtest names.
_FACTS = 5


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of the nets."""
    return [
        console.get("/nets", show),
        console.get("/nets/alone", show_alone),
        console.get("/nets/proof", show_proof),
        console.get("/nets/proposal", write_proposal),
        console.post("/nets/proposal", take_proposal),
        console.get("/nets/proposals/{id}", show_proposal),
        console.get("/nets/proposals/{id}/review", show_review),
    ]


def show(visit: Visit) -> Response:
    """Show every net in force, how often each spoke in the last seven days, and what is proposed."""
    with visit.app.works.read() as connection:
        config = visit.app.config(connection)
        versions = fetch_all(connection, NetsVersion, _NEWEST.limit(10))
        week = visit.console.figures.week(connection)
        any_shadow = config.rules.shadow or any(net.shadow for net in config.nets)
        shadow = shadow_report(connection, visit.now - WEEK, most=_MOST) if any_shadow else None
        waiting = fetch_all(
            connection,
            Enforcement,
            sa.select(tables.enforcement)
            .where(
                tables.enforcement_active,
                _e.state == State.WAITING.value,
                _e.platform == ORGANISATION,
                _e.action == "change",
            )
            .order_by(_e.id.desc()),
        )
    nets = [
        (net, condition_lines(net.condition.node), week.of(f"net:{net.id}") + week.of(f"shadow:{net.id}"))
        for net in config.nets
    ]
    nets.sort(key=lambda one: -one[2])  # those that spoke first, the others as they stand in the file
    return visit.page(
        "nets.html",
        nets=nets,
        spoke=sum(1 for _net, _lines, count in nets if count),
        versions=versions,
        rules=config.rules,
        shadow=shadow,
        proposals=[one for one in waiting if (one.change or {}).get("kind") == "nets"],
        may_propose=visit.may(Power.NETS),
    )


def show_alone(visit: Visit) -> Response:
    """Show what one person can do alone, proved for the nets in force."""
    with visit.app.works.read() as connection:
        config = visit.app.config(connection)
        name = fetch_all(connection, NetsVersion, _NEWEST.limit(1))[0].name
    page = alone(config.nets)
    return visit.page("alone.html", page=page, tables=columns(page), rules=config.rules, name=name)


def show_proof(visit: Visit) -> Response:
    """Show which invariants are proved of the nets in force; worked out when it is asked for, once a process."""
    with visit.app.works.read() as connection:
        nets = visit.app.config(connection).nets
    return visit.page("nets_proof.html", whole=_whole(visit), proofs=proofs_of(nets))


def _whole(visit: Visit) -> bool:
    """Whether a page is asked for by itself, not by another as a part of it."""
    return visit.request.headers.get("hx-request") != "true"


# proposing ---------------------------------------------------------------------------------


def write_proposal(visit: Visit) -> Response:
    """Ask for the changed nets, beginning with those in force."""
    with visit.app.works.read() as connection:
        current = fetch_all(connection, NetsVersion, _NEWEST.limit(1))[0]
    return _proposal(visit, current.toml, current.name)


def take_proposal(visit: Visit) -> Response:
    """Look at the nets that were sent; on request judge history under them, or propose them."""
    form = visit.form
    text, name, do = form.one("toml"), form.one("name"), form.one("do")
    if not text:
        raise InvalidInput("nets/empty", _("Paste a file of nets, or choose one."), field="toml")
    if do == "propose":
        made = propose(visit.app, visit.actor, "nets", {"toml": text, "name": name}, form.one("because"))
        return go(f"/nets/proposals/{made.id}", done="proposed")
    review = _review(visit, text)
    backtested, trouble = _backtest(visit, review.nets) if do == "backtest" and review.nets is not None else (None, "")
    return _proposal(visit, text, name, review=review, backtested=backtested, trouble=trouble)


def _proposal(
    visit: Visit,
    text: str,
    name: str,
    *,
    review: NetsReview | None = None,
    backtested: Backtest | None = None,
    trouble: str = "",
) -> Response:
    return visit.page(
        "nets_proposal.html",
        text=text,
        lines=text.split("\n"),
        name=name,
        because=visit.form.one("because"),
        may_propose=visit.may(Power.NETS),
        **_shown(review, backtested, trouble),
    )


def _shown(review: NetsReview | None, backtested: Backtest | None = None, trouble: str = "") -> dict[str, Any]:
    """Return what the parts of a look need: see ``nets_parts.html``."""
    return {
        "review": review,
        "backtested": backtested,
        "trouble": trouble,
        "parts_of": changed_parts,
        "lines_of": _lines_of,
        "said_in": in_words,
        "limits": [] if backtested is None else list(limits(backtested, named=_FACTS)),
    }


def _lines_of(net: Net) -> list[str]:
    return list(condition_lines(net.condition.node))


def _review(visit: Visit, text: str) -> NetsReview:
    return review_nets(visit.app, text, names=(_("now"), _("then")))


def _backtest(visit: Visit, nets: NetSet) -> tuple[Backtest | None, str]:
    """Return what history says, or in words why it cannot be asked now."""
    try:
        return backtest_nets(visit.app, visit.console.settings.data, nets), ""
    except (Unavailable, Conflict) as error:
        return None, error.message


def show_proposal(visit: Visit) -> Response:
    """Show a proposal of other nets: who proposed it, who answered, and a look at it."""
    found = _change(visit)
    with visit.app.works.read() as connection:
        given = approvals_of(connection, found)
    return visit.page("nets_open.html", one=found, change=found.change, given=given, done=visit.query("done"))


def show_review(visit: Visit) -> Response:
    """Show the look at a proposal, as a page or as a part of its page; on request with what history says."""
    found = _change(visit)
    review = _review(visit, str((found.change or {}).get("toml", "")))
    asked = visit.query("backtest") == "1"
    backtested, trouble = _backtest(visit, review.nets) if asked and review.nets is not None else (None, "")
    shown = _shown(review, backtested, trouble)
    return visit.page("nets_review.html", whole=_whole(visit), one=found, lines=[], asked=asked, **shown)


def _change(visit: Visit) -> Enforcement:
    with visit.app.works.read() as connection:
        found = enforcement_by_id(connection, visit.path("id"))
    if found is None or (found.change or {}).get("kind") != "nets":
        raise NotFound("nets/no_proposal", _("There is no such proposal of nets; check the address."))
    return found
