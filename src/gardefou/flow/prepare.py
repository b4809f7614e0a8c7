"""A wish is checked and its target read at the platform, before any transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gardefou.errors import Conflict, NotFound, Unavailable
from gardefou.flow.app import App
from gardefou.flow.observe import Seen, look
from gardefou.flow.spec import Checked, Wanted, check
from gardefou.platforms.protocol import NoSuchAccount, PlatformRefused, PlatformUnreachable
from gardefou.speech import gettext as _


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A wish that was checked and whose target was read, outside any transaction."""

    checked: Checked
    seen: Seen


def prepare(app: App, wanted: Wanted) -> Prepared:
    """Check a wish and read its target at the platform, before any transaction.

    The connector resolves the account to its canonical id and the content to
    its owner; content of somebody else is refused (R8).

    Raises:
        InvalidInput: what is wrong, by field (see `gardefou.flow.spec.check`).
        NotFound: the platform knows no such account or item (`account/not_found`).
        Conflict: an item belongs to another account (`target/mismatch`).
        Unavailable: the items' owner cannot be asked now (`platform/unavailable`).
    """
    config = app.recent_config()
    connector = app.connector_in(config, wanted.platform)
    rules = config.rules
    checked = check(wanted, connector.describe(), rules, app.now())
    wanted = checked.wanted
    account = wanted.account
    resolved = None
    try:
        if wanted.content:
            resolved = connector.resolve(account, content=wanted.content)
    except NoSuchAccount as error:
        raise _unknown(wanted.platform, error) from error
    except PlatformRefused as error:
        raise Conflict(
            "platform/refused", _("%(platform)s says: %(error)s", platform=wanted.platform, error=error)
        ) from error
    except PlatformUnreachable as error:
        raise Unavailable(
            "platform/unavailable",
            _(
                "%(platform)s does not answer, so whose content it is cannot be told: %(error)s",
                platform=wanted.platform,
                error=error,
            ),
        ) from error
    if resolved is not None:
        account = resolved.account
        for item in wanted.content:
            owner = resolved.content_owner.get(item)
            if owner != account:
                raise Conflict(
                    "target/mismatch",
                    _(
                        "%(item)s does not belong to %(account)s; nothing was placed.",
                        item=repr(item),
                        account=repr(account),
                    ),
                    field="content",
                )
    try:
        seen = look(app, connector, account, wanted.content)
    except NoSuchAccount as error:
        raise _unknown(wanted.platform, error) from error
    if account != wanted.account:
        seen = replace(seen, asked=wanted.account)
    if seen.reading is not None and seen.account != wanted.account:
        checked = replace(checked, wanted=replace(wanted, account=seen.account))
    elif account != wanted.account:
        checked = replace(checked, wanted=replace(wanted, account=account))
    return Prepared(checked=checked, seen=seen)


def _unknown(platform: str, error: NoSuchAccount) -> NotFound:
    says = _("%(platform)s says: %(error)s", platform=platform, error=error)
    return NotFound("account/not_found", says, field="account")
