"""How the demo on a homeserver is printed."""

from __future__ import annotations

import click

from gardefou.demo import matrix
from gardefou.demo.matrix import Scene
from gardefou.demo.show import Screen

_OK = 200


def show(scene: Scene, screen: Screen) -> None:
    """Play the scenes on the homeserver."""
    server = scene.server
    screen.line(f"  Synapse {server.version} runs at {server.base_url}, with alice, bob and carol on it.")
    _report(scene, screen)
    _protected(scene, screen)
    _restore(scene, screen)
    screen.line()


def _report(scene: Scene, screen: Screen) -> None:
    screen.scene(1, "A user reports a message")
    pulled = matrix.pull_reports(scene)
    screen.say(f"{pulled.reporter} reported it in her own client: “{pulled.reason}”. It was fetched, with the message:")
    screen.quote(pulled.evidence)
    screen.say("One decision: redact the message, suspend its author.")
    done = matrix.suspend_spammer(scene, pulled.case)
    whole = all(state == "in_force" for state in done.states) and done.status != _OK
    screen.say(f"Both done and confirmed by the homeserver in {done.milliseconds:.0f} ms.", bold=True)
    seen = "nothing: it is redacted" if not done.seen_by_carol else done.seen_by_carol
    screen.say(f"What carol sees of the message now: {seen}.")
    screen.say("bob writes again, and his homeserver answers:")
    screen.quote(f"{done.status} {done.homeserver_says}")
    if not whole:
        screen.say("That should not be; please report it.", fg="red")


def _protected(scene: Scene, screen: Screen) -> None:
    screen.scene(2, "A click on the wrong account")
    done = matrix.spare_protected(scene)
    screen.say(f"{done.account} looks after the rooms that everyone is in, and is protected in the registry.")
    screen.say("A reviewer takes her for a fake and chooses Deactivate. The page says:")
    screen.quote(done.foretold)
    screen.say("They confirm. One of the two looks, sees who it is, and says no. That ends it.")
    unharmed = done.placed == "waiting" and done.answered == "refused" and done.status == _OK
    result = "Nothing happened: alice still writes." if unharmed else f"It is {done.answered}; please report it."
    screen.say(result, bold=True, fg="green" if unharmed else "red")


def _restore(scene: Scene, screen: Screen) -> None:
    screen.scene(3, "A mistake is put right")
    screen.say("On a second look, bob is giving away his records. It was no spam. A colleague on duty presses Restore.")
    done = matrix.lift(scene)
    whole = done.confirmed and done.message_is_back and done.status == _OK
    screen.say(
        f"From the click to the homeserver's own confirmation: {done.milliseconds:.0f} ms. "
        "His message is back, and he writes again."
        if whole
        else "The homeserver does not show it; please report it.",
        bold=True,
        fg="green" if whole else "red",
    )
    if done.losses:
        screen.say(f"Named beforehand, as a homeserver cannot bring it back: {'; '.join(done.losses)}.", dim=True)


def farewell(scene: Scene, screen: Screen, address: str, key: str) -> None:
    """Say how to look around."""
    screen.line(f"  {click.style('The console', bold=True)}  {address}")
    screen.line()
    screen.line("     Sign in with this sign-in key of yours (there are no sign-in links in front of a real platform):")
    screen.line(f"     {key}")
    screen.line()
    screen.say("You are a lead on duty. Two more of carol's reports wait in the queue.")
    screen.line(f"     The homeserver is at {scene.server.base_url}; any Matrix client signs in there:")
    for name, person in sorted(scene.server.users.items()):
        screen.line(f"       {name:<6} with the password {person.password}")
    screen.line()
    screen.line("     Ctrl-C ends it all.")
