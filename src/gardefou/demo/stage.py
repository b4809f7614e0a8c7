"""The small social network that the demo is about: its accounts, its reports, the people who look after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from gardefou.demo.founding import Colleague, bearer, found, own_token, person_now, service_token
from gardefou.flow.app import App
from gardefou.flow.report_input import NewReport
from gardefou.flow.reports import Taken, take_many
from gardefou.people.actor import Actor
from gardefou.platforms.sandbox import Sandbox

PLATFORM = "sandbox"
PRESIDENT = "1001"
_NEWSDESK = "1002"

#: Everyone's name is in the sealed table, as in earnest; a test looks for them on the screen.
YOU = Colleague(name="Ines Falkenrath", roles=("lead", "reviewer", "admin"), team="north")
_REVIEWER = Colleague(name="Tomasz Wieland", roles=("reviewer",), team="south")
_LEAVER = Colleague(name="Bahtiyar Demiray", roles=("reviewer",), team="west", leaves_in=timedelta(hours=2))
_SCRIPTER = Colleague(name="Ruth Okonjo", roles=("reviewer",), team="tools")
_POLICY = Colleague(name="Signe Halvorsen", roles=("policy",), team="east")
NAMES = tuple(one.name for one in (YOU, _REVIEWER, _LEAVER, _SCRIPTER, _POLICY))

#: How many accounts the runaway script is given.
SCRIPT_LENGTH = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The installation, set up and signed in to; people by what they do in the story."""

    app: App
    you: str
    reviewer: str
    leaver: str
    policy: str
    #: Bearer secrets: of the form that users report with, and of the person whose script runs away.
    forms: str
    script: str
    scripter: str

    @property
    def network(self) -> Sandbox:
        """The embedded platform."""
        connector = self.app.connector(PLATFORM)
        assert isinstance(connector, Sandbox)
        return connector

    def person(self, staff_id: str) -> Actor:
        """Return someone at the console, as of now."""
        return person_now(self.app, staff_id)

    def report(self, *reports: NewReport) -> list[Taken]:
        """Let the network's own form bring reports in."""
        return take_many(self.app, bearer(self.app, self.forms), reports)


def make_stage(app: App) -> Stage:
    """Found the demo's installation on an empty store, with the network's accounts and content.

    Raises:
        Conflict: the store is initialised already (`store/initialised`).
    """
    you, reviewer, leaver, scripter, policy = found(app, YOU, (_REVIEWER, _LEAVER, _SCRIPTER, _POLICY))
    stage = Stage(
        app=app,
        you=you,
        reviewer=reviewer,
        leaver=leaver,
        policy=policy,
        scripter=scripter,
        forms=service_token(app, you, "report-form"),
        script=own_token(app, scripter),
    )
    _people_it(stage.network)
    return stage


def _people_it(network: Sandbox) -> None:
    network.put_account(
        PRESIDENT,
        handle="president",
        display_name="The President",
        reach=41_000_000,
        labels=("head_of_state",),
        age_days=3100,
    )
    network.put_account(_NEWSDESK, handle="harbour_news", display_name="Harbour News", reach=240_000, age_days=1900)
    network.put_account("2001", handle="cheap_pills_24", reach=12, age_days=2)
    network.put_account("2002", handle="lena_bakes", display_name="Lena bakes", reach=830, age_days=900)
    network.put_account("2003", handle="win_a_phone_now", reach=40, age_days=1)
    network.put_account("2004", handle="presldent", display_name="The President", reach=61, age_days=5)
    network.put_account("2005", handle="president_fan_club_2019", reach=4_100, age_days=1500)
    network.put_account("2006", handle="quick_loans_hq", reach=150, age_days=12)
    network.put_account("2007", handle="night_owl", reach=95, age_days=300)
    network.put_content("post-1", account="2003", text="You have won! Send your address and 5 coins.")
    network.put_content("post-2", account="2006", text="Loans in a minute, no questions: give us your card number.")
    for number in range(SCRIPT_LENGTH):
        network.put_account(f"{3001 + number}", handle=f"member_{number + 1}", reach=140 + 9 * number, age_days=400)


def spam() -> list[NewReport]:
    """Return the three reports of the first scene."""
    return [
        _about("2001", "u-17", "spam", "Sells pills under every post."),
        _about("2002", "u-31", "spam", "Always posting about her cakes."),
        _about("2003", "u-08", "spam", "Fake prize, it asks for money.", content="post-1"),
    ]


def impersonation() -> NewReport:
    """Return the report of the second scene."""
    return _about(PRESIDENT, "u-52", "impersonation", "One of those fake president accounts. Please remove.")


def left_waiting() -> Sequence[NewReport]:
    """Return what waits in the queue for whoever opens the console."""
    return (
        _about("2004", "u-60", "impersonation", "Pretends to be the president and asks for donations."),
        _about("2004", "u-61", "impersonation", "This is not the president."),
        _about("2005", "u-62", "impersonation", "Uses the president's name."),
        _about("2006", "u-63", "scam", "They took my card number.", content="post-2"),
        _about("2007", "u-64", "abuse", "Insults me every night."),
        _about("2007", "u-65", "abuse", "Same here."),
    )


def newsdesk() -> NewReport:
    """Return a report about a well-known account, which a reviewer then wants suspended."""
    return _about(_NEWSDESK, "u-70", "scam", "Posted a link to a fake lottery; I think somebody took it over.")


def _about(account: str, reporter: str, category: str, text: str, content: str | None = None) -> NewReport:
    return NewReport(
        platform=PLATFORM,
        kind="account" if content is None else "content",
        account=account,
        content=content,
        reporter=reporter,
        category=category,
        text=text,
    )
