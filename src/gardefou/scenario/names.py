"""Whom and what a scenario file has declared so far, for resolving references."""

from __future__ import annotations

from gardefou.scenario.model import Ref, service_name
from gardefou.scenario.table import Table


class Names:
    """The declared platforms, people, accounts and items of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.platforms: list[str] = []
        self.staff: set[str] = set()
        self.accounts: list[Ref] = []
        self.contents: set[tuple[str, str]] = set()

    def platform(self, table: Table, key: str, name: str) -> str:
        """Return a declared platform's name, or fail at the key."""
        if name not in self.platforms:
            table.fail(key, f"There is no platform {name!r}; declare it as [[platform]].", "scenario/unknown_platform")
        return name

    def account(self, table: Table, key: str, name: str) -> Ref:
        """Return the declared account that a ref, or ``platform/ref``, names, or fail at the key.

        A step that is to fail may name what is not there: a wrong kind of id is a mistake worth replaying.
        """
        found = [at for at in self.accounts if name in (at.ref, f"{at.platform}/{at.ref}")]
        if not found and table.values.get("fails") and self.platforms:
            platform, _, ref = name.rpartition("/")
            return Ref(platform, ref) if platform in self.platforms else Ref(self.platforms[0], name)
        if not found:
            table.fail(key, f"There is no account {name!r}; declare it as [[account]].", "scenario/unknown_account")
        if len(found) > 1:
            both = " or ".join(f"{at.platform}/{at.ref}" for at in found)
            table.fail(key, f"Two accounts are called {name!r}; say {both}.", "scenario/unknown_account")
        return found[0]

    def items(self, table: Table, key: str, platform: str, ids: tuple[str, ...]) -> tuple[str, ...]:
        """Return declared content ids of a platform, or fail at the key; as of accounts where the step is to fail."""
        for item in ids:
            if (platform, item) not in self.contents and not table.values.get("fails"):
                message = f"There is no item {item!r} on {platform}; declare it as [[content]]."
                table.fail(key, message, "scenario/unknown_content")
        return ids

    def person(self, table: Table, key: str, who: str) -> str:
        """Return the id of a person that is known by this step, or fail at the key."""
        if who not in self.staff:
            table.fail(
                key,
                f"There is no person {who!r} yet; declare them as [[staff]] or add them by an earlier staff_add.",
                "scenario/unknown_staff",
            )
        return who

    def actor(self, table: Table, key: str, who: str) -> str:
        """Return a person's id, or ``service:NAME``, or fail at the key."""
        service = service_name(who)
        if service is None:
            return self.person(table, key, who)
        if not service.strip() or service in self.staff or service == "system":
            table.fail(key, "A service is written service:NAME, with a name that is no person's.")
        return who
