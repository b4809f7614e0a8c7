"""Takedown-and-restore as a platform's tools ask for it: two calls over HTTP, many people at once."""

from __future__ import annotations

import http.client
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from gardefou.bench.install import Installation, installed
from gardefou.bench.pairs import FREE, Run, timed
from gardefou.bench.serving import serving
from gardefou.domain.records import Token
from gardefou.errors import Unavailable
from gardefou.people.authenticate import hash_secret, new_secret

_PATIENCE = 60


def limited_and_restored(url: str, folder: Path, *, seconds: float, most: int, threads: int) -> Run:
    """Limit an account and restore it, each a call with a token of one's own, both seen at the sandbox.

    The server is one of `gardefou serve` with its worker, on PostgreSQL in as
    many processes as it takes by itself. Rules are as in
    `gardefou.bench.pairs.takedown_and_restore`.

    Raises:
        Unavailable: one did not end as it should (`bench/unexpected`).
    """
    with installed(url, folder, accounts=most, settings=FREE) as made:
        secrets = _tokens(made)
        made.app.sequencer.integrate_all()
        with serving(folder, url) as server:
            lines = threading.local()

            def call(place: int, path: str, body: dict[str, Any]) -> Any:
                line: http.client.HTTPConnection | None = getattr(lines, "line", None)
                if line is None:
                    line = lines.line = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=_PATIENCE)
                secret = secrets[place % len(secrets)]
                headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
                line.request("POST", f"/api/v1/{path}", orjson.dumps(body), headers)
                answer = line.getresponse()
                said = answer.read()
                if answer.status >= http.client.BAD_REQUEST:
                    raise Unavailable("bench/unexpected", f"{path} was answered {answer.status}.")
                return orjson.loads(said)

            def one(place: int) -> None:
                wanted = {"platform": "sandbox", "account": f"a{place}", "action": "limit"}
                taken = call(place, "enforcements", {**wanted, "policy": "spam", "rationale": "Spam."})
                lifted = call(place, f"accounts/sandbox/a{place}/restore", {"because": "It was a mistake."})
                states = [taken["state"], *(one["state"] for one in lifted["restores"])]
                if states != ["in_force", "in_force"]:
                    raise Unavailable("bench/unexpected", f"A takedown and its restore ended {states}.")

            return timed(one, seconds=seconds, most=most, threads=threads)


def _tokens(made: Installation) -> list[str]:
    """Give each of the people a token of their own; return its secret."""
    secrets: list[str] = []
    with made.app.works.begin() as uow:
        for staff_id in made.staff:
            secret = new_secret()
            token = Token(
                id=uow.ids.new(),
                hash=hash_secret(secret),
                staff_id=staff_id,
                scopes=("enforcements:write",),
                issued_by=staff_id,
                issued_at=uow.now,
            )
            uow.record("token.issued", by=staff_id, about=token.id, puts=(token,))
            secrets.append(secret)
    return secrets
