"""Whoever acts in one call: a person, a service, or the system itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gardefou.domain.records import SYSTEM, Staff
from gardefou.errors import Denied
from gardefou.people.leaving import M9, Table
from gardefou.people.roles import WITHIN_A_PLATFORM, Power, powers_of, powers_of_scopes
from gardefou.people.standing import Standing, standing_now
from gardefou.speech import gettext as _

#: Minutes since the strong sign-in of someone who never made one.
NEVER_MINUTES = 1_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, through what, and which humans stand behind it (R6).

    ``staff`` is the person as last read; `flow` reads them anew inside its
    transaction. A service has no ``staff``; its ``humans`` are the token's
    owner and issuer, and none of them counts as acting in person.
    """

    id: str
    via: str
    staff: Staff | None = None
    service: str | None = None
    scopes: tuple[str, ...] | None = None
    humans: tuple[str, ...] = ()
    strong_at: datetime | None = None
    token_id: str | None = None
    source: str = "user"
    #: Scopes that a service has only for people it acts for; None: it acts for nobody.
    lends: tuple[str, ...] | None = None
    #: What the identity provider calls that service.
    client: str = ""
    #: The service that a person acts through, who did not come themselves.
    through: str = ""
    #: The only platforms that the token is for; none named: all.
    platforms: tuple[str, ...] = ()
    #: What leavers lose when, as their sign-in or token was read; the flow reads it anew with its settings.
    leaving: Table = M9

    @property
    def human(self) -> bool:
        """Whether a person acts in person."""
        return self.staff is not None

    @property
    def one_with(self) -> set[str]:
        """Whose act this is: a person's own, or a service's and that of the people behind it (R6)."""
        return {self.id} if self.human else {self.id, *self.humans}

    @property
    def is_system(self) -> bool:
        """Whether it is Gardefou itself: it can only make things milder."""
        return self.id == SYSTEM

    @property
    def powers(self) -> frozenset[Power]:
        """What the roles allow, bounded by the token's scopes where there is one."""
        if self.is_system:
            # It also brings in the reports that it fetched from platforms.
            return frozenset({Power.READ, Power.LIFT, Power.REPORT})
        scoped = None if self.scopes is None else powers_of_scopes(self.scopes)
        if self.platforms:
            scoped = WITHIN_A_PLATFORM if scoped is None else scoped & WITHIN_A_PLATFORM
        if self.staff is None:
            return scoped or frozenset()
        held = powers_of(self.staff.roles)
        return held if scoped is None else held & scoped

    def fresh_minutes(self, now: datetime) -> float:
        """Return the minutes since this person's last strong sign-in (M3)."""
        if self.strong_at is None:
            return NEVER_MINUTES
        return max(0.0, (now - self.strong_at) / timedelta(minutes=1))

    def sees(self, platform: str) -> bool:
        """Whether a platform is among those that the token is for; without such a token all are."""
        return not self.platforms or platform in self.platforms

    def require_platform(self, platform: str) -> None:
        """Raise unless the token is for this platform.

        Raises:
            Denied: it is for others (`auth/platform`).
        """
        if not self.sees(platform):
            raise Denied(
                "auth/platform", _("This token is for %(platforms)s only.", platforms=", ".join(self.platforms))
            )

    def require_everywhere(self) -> None:
        """Raise where the token is for some platforms only: what is asked for reaches beyond any one.

        Raises:
            Denied: it is (`auth/platform`).
        """
        if self.platforms:
            raise Denied(
                "auth/platform",
                _(
                    "This reaches beyond one platform, and this token is for %(platforms)s only.",
                    platforms=", ".join(self.platforms),
                ),
            )

    def require(self, power: Power, now: datetime) -> None:
        """Raise unless the actor is on duty and has the power.

        Raises:
            Denied: off duty (`staff/left`, `staff/suspended`), in the last hour
                (`staff/read_only`), or lacking it (`auth/forbidden`).
        """
        if self.staff is not None:
            standing = standing_now(self.staff, now, self.leaving)
            if standing.standing is Standing.LEFT:
                raise Denied("staff/left", "This person has left; ask a colleague on duty.")
            if standing.standing is Standing.SUSPENDED:
                raise Denied("staff/suspended", "This person's access is suspended; ask a colleague on duty.")
            if standing.read_only and power is not Power.READ:
                raise Denied(
                    "staff/read_only", "In the last hour of the last day everything can be read and nothing done."
                )
        if power not in self.powers:
            raise Denied(
                "auth/forbidden",
                _(
                    "This needs the power %(power)s, which neither your roles nor your token's scopes give.",
                    power=repr(power.value),
                ),
                extra={"power": power.value},
            )


def system_actor() -> Actor:
    """Return Gardefou itself: expiries, watching, settling. Never a human."""
    return Actor(id=SYSTEM, via="system")
