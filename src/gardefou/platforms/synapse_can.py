"""What each action does on a Matrix homeserver, and what its undo leaves out."""

from __future__ import annotations

from collections.abc import Mapping

from gardefou.domain.actions import Action, Reversibility
from gardefou.platforms.protocol import Capability
from gardefou.platforms.synapse_accounts import DEACTIVATION_LOSSES
from gardefou.platforms.synapse_content import MESSAGE_LOSSES

#: Labels are missing: a homeserver has nothing to show them with.
CAPABILITIES: Mapping[Action, Capability] = {
    capability.action: capability
    for capability in (
        Capability(
            action=Action.WARN,
            severity=1,
            reversibility=Reversibility.LOSSY,
            says="Sends the account a message from the server's administrators; nothing is taken away.",
            losses=("that it may have been read",),
        ),
        Capability(
            action=Action.LIMIT,
            # It silences its victim and hides that it does.
            severity=3,
            reversibility=Reversibility.EXACT,
            says="Everything the account sends seems to succeed and reaches nobody.",
            word="shadow-ban",
        ),
        Capability(
            action=Action.REMOVE_CONTENT,
            severity=2,
            # Files and rooms come back exactly; a message does not, and the worst counts.
            reversibility=Reversibility.LOSSY,
            says="Redacts messages, quarantines files, or keeps people from joining a room; the account stays.",
            losses=MESSAGE_LOSSES,
            word="redact, quarantine, block room",
        ),
        Capability(
            action=Action.LOCK,
            severity=2,
            reversibility=Reversibility.EXACT,
            says="Keeps the owner out of the account; messages, rooms and sign-ins stay for when it is lifted.",
        ),
        Capability(
            action=Action.SUSPEND,
            severity=3,
            reversibility=Reversibility.EXACT,
            says="The owner can read, leave rooms and redact own messages, and nothing else; nothing is lost.",
        ),
        Capability(
            action=Action.DEACTIVATE,
            severity=4,
            reversibility=Reversibility.LOSSY,
            says="Signs the account out everywhere, takes it out of all rooms, and drops its e-mail and private data.",
            losses=DEACTIVATION_LOSSES,
        ),
        Capability(
            action=Action.DELETE,
            severity=5,
            reversibility=Reversibility.NONE,
            says="Deactivates and erases: name, picture and memberships go, and newcomers no longer see its messages.",
            word="deactivate and erase",
        ),
    )
}
