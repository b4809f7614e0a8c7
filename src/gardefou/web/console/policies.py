"""The policies that are offered at a decision, each with what it means; any other can be written."""

from __future__ import annotations

from gardefou.speech import gettext as _
from gardefou.speech import later

#: By name, in the sequence offered. The texts go through the catalogues.
POLICIES: dict[str, str] = {
    "spam": later("The same message again and again, bought reach, links that nobody asked for."),
    "impersonation": later(
        "Passes for a person or organisation that it is not, and means to be believed. Parody that says so is none."
    ),
    "scam": later("Takes money, goods or credentials by deceit."),
    "harassment": later("Goes after a person: insults, pursuit, calls to join in, exposure of private life."),
    "hate": later("Attacks people for what they are: origin, religion, sex, orientation, disability."),
    "threat": later(
        "Announces harm to somebody in earnest, or calls for it. Ask first whether somebody is in danger now."
    ),
    "violence": later("Shows or praises injury and killing without telling of it for a reason."),
    "self_harm": later(
        "Encourages or teaches suicide or self-injury. Whoever speaks of their own distress needs help, not a measure."
    ),
    "nudity": later("Nakedness or sex where the platform does not allow it, or of somebody who did not agree."),
    "child_safety": later(
        "Sexual interest in minors, contact with them to that end, or pictures of them. The law may demand more."
    ),
    "csam": later(
        "Pictures of the sexual abuse of children. Do not share them, not even inside; the law demands removal."
    ),
    "terrorist_content": later(
        "Made by or for a terrorist organisation: recruiting, instructions, praise of an attack."
    ),
    "privacy": later(
        "Publishes what identifies or exposes a person against their will: address, documents, private messages."
    ),
    "misinformation": later("False, shown to be false, and able to harm people: health, elections, emergencies."),
}

#: What the picker sends where the name is written by hand.
OTHER = "+"


def meaning(name: str) -> str:
    """Return what a policy means; nothing for one that is not among those shipped."""
    return _(POLICIES[name]) if name in POLICIES else ""


def offered(*first: str) -> list[tuple[str, str]]:
    """Return the policies to choose from with what each means, the named ones before the others."""
    return [(name, meaning(name)) for name in dict.fromkeys((*(one for one in first if one), *POLICIES))]
