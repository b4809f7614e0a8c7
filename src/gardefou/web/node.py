"""What every handler works with: the application node, and who is calling."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends
from starlette.requests import Request

from gardefou.errors import Unavailable
from gardefou.flow.app import App
from gardefou.flow.intake import Intake
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.settings import Settings
from gardefou.web.auth import Bearer, secret_of
from gardefou.web.metrics import Metrics
from gardefou.web.openid import OpenId
from gardefou.web.pace import Pace
from gardefou.web.throttle import Throttle
from gardefou.web.views import Names
from gardefou.web.walls import keep_within


@dataclass(slots=True)
class Node:
    """One web node. `intake` is there while the application runs."""

    app: App
    settings: Settings
    bearer: Bearer
    metrics: Metrics
    openid: OpenId
    pace: Pace
    intake: Intake | None = None
    #: How often one address may bring secrets that were found.
    leaks: Throttle = field(default_factory=lambda: Throttle(60))
    #: Pseudonyms by staff id; they never change.
    pseudonyms: dict[str, str] = field(default_factory=dict[str, str])

    def taking(self) -> Intake:
        """Return the intake.

        Raises:
            Unavailable: the node is starting or closing (`report/busy`).
        """
        if self.intake is None:
            raise Unavailable("report/busy", "This node is starting or closing; send it again.")
        return self.intake

    @contextmanager
    def reading(self) -> Iterator[tuple[sa.Connection, Names]]:
        """Open a reading connection, and the pseudonyms to show what is read with."""
        with self.app.works.read() as connection:
            yield connection, Names(connection, self.pseudonyms)


def node_of(request: Request) -> Node:
    """Return the node that serves a request."""
    node: Node = request.app.state.node
    return node


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, and the node that was called."""

    node: Node
    actor: Actor

    @property
    def app(self) -> App:
        """The application node of the flow."""
        return self.node.app


def reader(request: Request) -> Caller:
    """Return the caller, who may read.

    Raises:
        Denied: no or a wrong token (`auth/missing`, `auth/invalid`), or it does
            not read (`auth/forbidden`, `staff/…`).
        TooOften: the token had enough for now (`http/too_many`).
    """
    node = node_of(request)
    actor = node.bearer.actor(secret_of(request))
    node.pace.call(request, actor)
    actor.require(Power.READ, node.app.now())
    keep_within(request, actor)
    return Caller(node, actor)


#: A parameter of every reading route.
Reader = Annotated[Caller, Depends(reader)]
