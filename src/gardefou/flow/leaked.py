"""A secret that came out: whoever holds it may end it, and its owner is told."""

from __future__ import annotations

from dataclasses import replace

from gardefou.domain.records import ORGANISATION, SYSTEM, Token
from gardefou.flow.app import App
from gardefou.flow.incidents import alert
from gardefou.people.authenticate import hash_secret
from gardefou.storage import tables


def revoke_leaked(app: App, secret: str) -> None:
    """End whatever a secret opens: a token, a sign-in key, a session or a sign-in link. Says not whether it did.

    Nobody need be signed in: who holds the secret could do worse. People on
    duty are told; who brought it is not asked.

    Writes `token.revoked` and `alert.raised` where it is a token's or a sign-in key's.
    """
    digest = hash_secret(secret)
    with app.works.begin() as uow:
        token = uow.find(Token, tables.token.c.hash == digest, lock=True)
        if token is not None and token.revoked_at is None:
            revoked = replace(token, revoked_at=uow.now, version=token.version + 1)
            why = {"because": "It was found in the open."}
            uow.record("token.revoked", by=SYSTEM, about=token.id, puts=(revoked,), detail=why)
            alert(
                uow,
                "token_leaked",
                platform=ORGANISATION,
                about=token.id,
                says="A secret was found in the open, and ended.",
            )
        open_session = tables.session.c.revoked_at.is_(None)
        uow.connection.execute(
            tables.session.update().where(tables.session.c.hash == digest, open_session).values(revoked_at=uow.now)
        )
        unused = tables.signin_link.c.used_at.is_(None)
        uow.connection.execute(
            tables.signin_link.update().where(tables.signin_link.c.hash == digest, unused).values(used_at=uow.now)
        )
