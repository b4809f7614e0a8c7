"""How the demo is printed: calm, a pause between scenes on a terminal, colour there and nowhere else."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import click

from gardefou.demo import story
from gardefou.demo.stage import Stage
from gardefou.demo.timeline import Story
from gardefou.nets.phrasebook import count

_WIDTH = 92
_BETWEEN_SCENES = 1.0
_BETWEEN_LINES = 0.45
_MILLISECOND = timedelta(milliseconds=1)
_DONE = {"suspend": "suspended", "no_violation": "no violation", "remove_content": "post removed"}
#: The console's key that closes a case like this.
_KEYS = {"no_violation": "n"}


class Screen:
    """Where the show is printed. ``lively``: somebody watches, so it may take its time and use colour."""

    def __init__(self, *, lively: bool, sleep: Callable[[float], None] = time.sleep) -> None:
        self.lively = lively
        self._sleep = sleep

    def scene(self, number: int, title: str) -> None:
        """Begin a scene."""
        self.rest(_BETWEEN_SCENES)
        click.echo()
        click.echo(f"  {click.style(str(number), dim=True)}  {click.style(title, bold=True)}")
        click.echo()
        self.rest(_BETWEEN_LINES)

    def say(self, text: str, *, fg: str | None = None, bold: bool | None = None, dim: bool | None = None) -> None:
        """Print a paragraph."""
        for line in textwrap.wrap(text, _WIDTH - 5, break_long_words=False):
            click.echo("     " + click.style(line, fg=fg, bold=bold, dim=dim))
        self.rest(_BETWEEN_LINES)

    def quote(self, text: str) -> None:
        """Print what Gardefou itself says."""
        for line in textwrap.wrap(text, _WIDTH - 9, break_long_words=False):
            click.echo(f"       {click.style('│', dim=True)} {click.style(line, fg='yellow')}")
        self.rest(_BETWEEN_LINES)

    def line(self, text: str = "") -> None:
        """Print one line as it stands."""
        click.echo(text)

    def rest(self, seconds: float) -> None:
        """Pause, where somebody watches."""
        if self.lively:
            self._sleep(seconds)

    def counter(self, seconds: int) -> None:
        """Let a clock run up to a length of time; without a terminal only its end is printed."""
        label = "down for"
        if self.lively:
            steps = 66
            for step in range(steps):
                click.echo(f"\r     {label}  {click.style(minutes(seconds * step // steps), fg='red')}", nl=False)
                self._sleep(2.2 / steps)
            click.echo("\r", nl=False)
        click.echo(f"     {label}  {click.style(minutes(seconds), fg='red', bold=True)}")
        self.rest(_BETWEEN_LINES)

    @contextmanager
    def row_of_marks(self) -> Iterator[Callable[[bool], None]]:
        """Open a row in which each account is a mark: ``x`` down, ``·`` untouched."""
        click.echo("    ", nl=False)

        def mark(down: bool) -> None:  # noqa: FBT001 - heard by the story, one account at a time
            click.echo(click.style(" x", fg="red") if down else click.style(" ·", dim=True), nl=False)
            sys.stdout.flush()
            self.rest(0.08)

        try:
            yield mark
        finally:
            click.echo()


def minutes(seconds: int) -> str:
    """Return a length of time as a clock shows it: ``11:00``."""
    return f"{seconds // 60}:{seconds % 60:02d}"


def opening(screen: Screen) -> None:
    """Say what this is, before the first scene."""
    screen.line()
    screen.line(f"  {click.style('Gardefou', bold=True)}: the rail that keeps you from falling off the edge.")
    screen.line()
    screen.say(
        "What follows runs on the real engine and a store of its own. Only the social network is a sandbox, and "
        "every time was measured just now.",
        dim=True,
    )


def show(stage: Stage, screen: Screen) -> None:
    """Play the five scenes, and leave work for whoever opens the console afterwards."""
    since = stage.app.now() - timedelta(seconds=1)
    _ordinary(stage, screen)
    _real(stage, screen)
    _without(screen)
    _runaway(stage, screen)
    _timeline(stage, screen, since)
    story.leave_work(stage)


def _ordinary(stage: Stage, screen: Screen) -> None:
    screen.scene(1, "An ordinary morning: three spam reports, nothing in the way")
    closed = story.three_spam_cases(stage)
    screen.say("The page says beforehand what a key will do:")
    screen.quote(closed[0].foretold)
    screen.line()
    for one in closed:
        key = click.style(f" {_KEYS.get(one.outcome, 'd')} ", reverse=screen.lively)
        handle = f"@{one.handle}"
        took = f"{one.milliseconds:.0f} ms"
        screen.line(f"     {handle:<17}  {one.text:<34}  {key}  {_DONE[one.outcome]:<13}  {took:>6}")
        screen.rest(_BETWEEN_LINES)
    screen.line()
    screen.say("One key closed each. The nets looked at both measures and asked for nothing.", dim=True)


def _real(stage: Stage, screen: Screen) -> None:
    screen.scene(2, "The report that went wrong in 2017")
    seen = story.the_real_one(stage)
    screen.say(f"A user reports @{seen.account.handle}: “{seen.text}”")
    screen.say("Whoever takes the case has two hours left in the job. Before any click, the page says:")
    screen.quote(f"This is the REAL one: {count(seen.account.reach or 0)} followers.")
    screen.say("They choose Deactivate all the same, and confirm.")
    screen.rest(_BETWEEN_SCENES)
    up = seen.platform_says == "active" and not seen.effects
    result = (
        "Nothing happens. The account is up, and no change was ever sent to the platform." if up else seen.platform_says
    )
    screen.say(result, bold=True, fg="green" if up else "red")
    screen.say("Why:")
    screen.quote(seen.why)
    screen.say("And on any other day, for any other colleague:")
    screen.quote(seen.otherwise)


def _without(screen: Screen) -> None:
    screen.scene(3, "The same click, without nets")
    down = story.the_same_click_without_nets()
    screen.say(
        f"The same evening on a simulated clock, replayed in {down.milliseconds:.0f} ms: one click, "
        f"and @{down.handle} is gone."
    )
    screen.counter(down.seconds)
    screen.say(
        f"Then a colleague notices and puts it back. {count(down.reach)} followers; this is how long it took in 2017.",
        dim=True,
    )


def _runaway(stage: Stage, screen: Screen) -> None:
    screen.scene(4, "A script runs away")
    screen.say("A clean-up script, with one person's token and the wrong list: deactivate, and on.")
    with screen.row_of_marks() as mark:
        burst = story.runaway_script(stage, mark)
    ordinal = {11: "11th"}.get(burst.went_down + 1, f"account number {burst.went_down + 1}")
    screen.say(
        f"{burst.went_down} accounts go down. The {ordinal} waits, and so do all after it, for:"
        if burst.went_down
        else "Not one goes down:"
    )
    screen.quote(f"{burst.waits_for}.")
    screen.say("A colleague on duty rolls it all back, in one step:")
    whole = burst.restored == burst.went_down and not burst.still_down
    each = burst.rollback_milliseconds / burst.asked
    screen.say(
        f"{burst.restored} of {burst.went_down} are back, {burst.withdrawn} that waited are withdrawn: "
        f"{burst.rollback_milliseconds:.0f} ms in all, {each:.0f} ms each.",
        bold=True,
        fg="green" if whole else "red",
    )


def _timeline(stage: Stage, screen: Screen, since: datetime) -> None:
    screen.scene(5, "What happened, written down by itself")
    told = story.told_by_itself(stage, since=since)
    screen.say(f"A near miss: @{', @'.join(story.handles(stage, told.near_miss.incident.accounts))}", bold=True)
    _lines(screen, told.near_miss)
    screen.line()
    burst = told.burst.incident
    screen.say(f"{burst.summary}", bold=True)
    _lines(screen, told.burst)
    screen.say(
        f"{len(burst.accounts)} accounts, {count(told.reach)} followers; down for {told.down_seconds:.1f} s at most.",
        dim=True,
    )
    screen.line()
    screen.say(
        "There are no names in it. Everyone has a pseudonym; to learn who is behind one takes two people, "
        "and that too goes on the record.",
    )


def _lines(screen: Screen, told: Story) -> None:
    begin = told.lines[0].at
    for one in told.lines:
        after = (one.at - begin) / _MILLISECOND
        at = click.style(f"{one.at:%H:%M:%S}  {f'+{after:.0f} ms':>9}", dim=True)
        screen.line(f"     {at}  {one.who:<16} {one.says}")
    screen.rest(_BETWEEN_LINES)
