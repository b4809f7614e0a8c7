"""Changing how much review an account gets, and marking a lookalike as fake."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from gardefou.domain.accounts import Tier
from gardefou.domain.records import Account
from gardefou.errors import InvalidInput
from gardefou.flow.app import App, Config
from gardefou.flow.changes.against import lapse_against
from gardefou.flow.changes.base import Handler, Payload, instant, text, written
from gardefou.flow.observe import retier, tier_memory
from gardefou.flow.report_input import is_id
from gardefou.flow.rules import Rules
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.storage.work import UnitOfWork

_MONTH_DAYS = 30.44


def entry_end(rules: Rules, now: datetime) -> datetime:
    """Return when an entry of the registry ends that names no end of its own."""
    return now + timedelta(days=rules.registry_months * _MONTH_DAYS)


def weakens_tier(account: Account, tier: Tier, until: datetime | None) -> bool:
    """Whether this tier until then would be less than the account's entry in the registry."""
    if account.explicit_tier is None:
        return False
    old = Tier(account.explicit_tier)
    if tier.rank < old.rank:
        return True
    return tier is old and account.explicit_until is not None and until is not None and until < account.explicit_until


def _raises(before: Account | None, after: Account) -> bool:
    """Whether the registry protects more than before, or for longer."""
    if after.explicit_tier is None:
        return False
    if before is None or before.explicit_tier is None:
        return True
    if after.explicit_tier != before.explicit_tier:
        return Tier(after.explicit_tier).rank > Tier(before.explicit_tier).rank
    ends = before.explicit_until
    return ends is not None and (after.explicit_until is None or after.explicit_until > ends)


class TierChange(Handler):
    """Set or drop an account's tier in the registry. Raising takes effect at once (M10).

    A demotion drops only the registry's tier: label and reach rules stand, and
    the tier it had is remembered for 30 days. What raises ends the demotions
    that wait: they were agreed to over another tier.
    """

    power = Power.TIERS

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``platform, account, tier, because?, until?``."""
        platform = text(payload, "platform")
        # On a platform that is not ours the entry would protect nobody, and whoever made it would not know.
        config.active(platform)
        tier = text(payload, "tier")
        if tier not in {item.value for item in Tier}:
            raise InvalidInput("tier/unknown", "tier is standard, notable or protected.", field="tier")
        account = text(payload, "account")
        if not is_id(account):
            raise InvalidInput("enforcement/account", "Name the account by its platform id.", field="account")
        until = instant(payload, "until")
        if until is not None and until <= uow.now:
            raise InvalidInput("tier/until", "until lies in the future.", field="until")
        if until is None and tier != Tier.STANDARD:
            until = entry_end(config.rules, uow.now)
        return {
            "platform": platform,
            "account": account,
            "tier": tier,
            "handle": text(payload, "handle", optional=True),
            "because": text(payload, "because", optional=True, most=2000),
            "until": written(until),
        }

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """Lowering does, and so does shortening what is in the registry."""
        account = uow.get(Account, payload["platform"], payload["account"])
        return account is not None and weakens_tier(account, Tier(payload["tier"]), instant(payload, "until"))

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `account.tier_set`; and `enforcement.lapsed` for what waits to lower what this raises."""
        found = uow.get(Account, payload["platform"], payload["account"])
        if found is None:
            # There is no row to hold: whoever reads the account for the first time meanwhile would write one too.
            uow.serialise(f"account:{payload['platform']}/{payload['account']}", first=False)
            found = uow.get(Account, payload["platform"], payload["account"])
        account = found or Account(platform=payload["platform"], ref=payload["account"], handle=payload["handle"])
        tier = Tier(payload["tier"])
        changed = replace(
            account,
            explicit_tier=None if tier is Tier.STANDARD else tier.value,
            explicit_because=payload["because"],
            explicit_until=instant(payload, "until"),
        )
        changed = retier(changed, config.rules, uow.now)
        if found is not None:
            changed = replace(changed, version=found.version + 1)
        uow.record(
            "account.tier_set",
            by=by,
            platform=changed.platform,
            account=changed.ref,
            about=about,
            puts=(changed,),
            detail={"tier": tier.value, "counts_as": tier_memory(changed, uow.now).value},
        )
        if _raises(found, changed):
            lapse_against(
                uow,
                lambda change: (
                    change["kind"] == "tier"
                    and change["platform"] == changed.platform
                    and change["account"] == changed.ref
                    and weakens_tier(changed, Tier(change["tier"]), instant(change, "until"))
                ),
                named=("account", changed.ref),
                why="The account's protection was raised meanwhile; propose it anew.",
                by=by,
                but=about,
            )


class FakeMark(Handler):
    """Mark an account that looks like a protected one as a fake; it takes two more people (R10)."""

    power = Power.ENFORCE

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``platform, account``."""
        platform, ref = text(payload, "platform"), text(payload, "account")
        account = uow.need(Account, platform, ref)
        if account.lookalike_of is None:
            raise InvalidInput("account/no_lookalike", "It looks like no protected account.", field="account")
        return {"platform": platform, "account": ref, "of": account.lookalike_of}

    def outdated(self, uow: UnitOfWork, config: Config, payload: Payload) -> str:  # noqa: ARG002
        """It passes for another account by now than the one that people looked at."""
        account = uow.need(Account, payload["platform"], payload["account"])
        same = account.lookalike_of == payload.get("of", account.lookalike_of)
        return "" if same else "It looks like another account by now; look again, and propose it anew."

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `account.marked_fake`."""
        account = uow.need(Account, payload["platform"], payload["account"])
        marked = replace(account, marked_fake=True, version=account.version + 1)
        uow.record(
            "account.marked_fake", by=by, platform=marked.platform, account=marked.ref, about=about, puts=(marked,)
        )
