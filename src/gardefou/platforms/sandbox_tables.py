"""Tables of the sandbox platform: in the same database as Gardefou, and nothing of Gardefou's in them.

They stand for somebody else's platform, so they take part in no projection, no
ledger and no transaction of the flow; only `gardefou.platforms.sandbox` touches
them. They hang on a `metadata` of their own, which the migrations include.
"""

from __future__ import annotations

import sqlalchemy as sa

from gardefou.storage.types import Instant, Json, Names

metadata = sa.MetaData()

#: One row per account. ``measures`` are the account-wide ones and its labels;
#: ``fence`` is the highest an operation brought; ``revision`` rises with every change.
account = sa.Table(
    "sandbox_account",
    metadata,
    sa.Column("platform", sa.Text, primary_key=True),
    sa.Column("ref", sa.Text, primary_key=True),
    sa.Column("handle", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("reach", sa.BigInteger, nullable=True),
    sa.Column("labels", Names, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("verified_org", sa.Boolean, nullable=False),
    sa.Column("measures", Names, nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
)
sa.Index("sandbox_account_by_handle", account.c.platform, account.c.handle)

#: One row per content item.
content = sa.Table(
    "sandbox_content",
    metadata,
    sa.Column("platform", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("removed", sa.Boolean, nullable=False),
)

#: What was applied: one row per key, whatever happens. ``verb`` is ``apply`` or
#: ``undo``, or ``put`` or ``out_of_band`` for what was done behind Gardefou's back;
#: ``revision`` is the account's after it, and orders the rows of one account.
effect = sa.Table(
    "sandbox_effect",
    metadata,
    sa.Column("platform", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("verb", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("changed", sa.Boolean, nullable=False),
    sa.Column("measures_before", Names, nullable=False),
    sa.Column("measures_after", Names, nullable=False),
    sa.Column("said", Json, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
)
sa.Index("sandbox_effect_by_account", effect.c.platform, effect.c.account, effect.c.revision)

#: How the platform misbehaves; no row means that it does not.
switch = sa.Table(
    "sandbox_switch",
    metadata,
    sa.Column("platform", sa.Text, primary_key=True),
    sa.Column("down", sa.Boolean, nullable=False),
    sa.Column("slow_seconds", sa.Float, nullable=False),
    sa.Column("drops_answers", sa.Boolean, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
)
