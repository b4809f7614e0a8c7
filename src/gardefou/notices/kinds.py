"""The kinds of notice: whom each is for where no net says, which page it leads to, and its words.

A notice leaves the organisation through chat and mail providers, so it names
no person, by name or by pseudonym (R19), and quotes nothing that somebody
typed, which may name anyone: the reasons are behind the link.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gardefou.notices.catalogue import later


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. ``page`` is the console's path before the id of what it is about; with no slash at its end, the page.

    ``title`` and ``says`` may name ``%(account)s``, ``%(action)s``,
    ``%(tier)s``, ``%(platform)s``, ``%(change)s``, ``%(state)s``,
    ``%(channel)s``, ``%(answer)s`` and ``%(minutes)s``.
    """

    to: tuple[str, ...]
    page: str
    title: str
    says: str


_DUTY = ("oncall", "lead")
_INCIDENT = "/incidents/"
_ENFORCEMENT = "/enforcements/"

KINDS: Mapping[str, Kind] = {
    "drift": Kind(
        _DUTY,
        _INCIDENT,
        later("%(account)s was changed behind our back"),
        later("The platform shows a change that did not come through Gardefou. The account is %(state)s now."),
    ),
    "reversal": Kind(
        _DUTY,
        _INCIDENT,
        later("Restored within a day: %(account)s"),
        later("What was done to the account was undone within a day. It is %(state)s now."),
    ),
    "breaker": Kind(
        _DUTY,
        _INCIDENT,
        later("The breaker stopped enforcement"),
        later(
            "Too much was reversed or failed. What comes from there is stopped until two people resume; restores go on."
        ),
    ),
    "budget": Kind(
        _DUTY,
        _INCIDENT,
        later("A budget is spent"),
        later("One person acted on many accounts in a short time. What goes beyond waits for a lead."),
    ),
    "near_miss": Kind(
        _DUTY,
        _INCIDENT,
        later("A near miss: %(account)s"),
        later(
            "Something grave that was wanted for an account under protection came to nothing. Nothing happened to it."
        ),
    ),
    "break_glass": Kind(
        ("everyone",),
        _INCIDENT,
        later("Hacked? The glass was broken for %(account)s"),
        later(
            "Somebody asks to %(action)s the account because it is hacked. One other person says yes now; "
            "without a third within %(minutes)s minutes it undoes itself."
        ),
    ),
    "undelivered": Kind(
        ("everyone",),
        "/notices",
        later("Notices do not get through: %(channel)s"),
        later(
            "What was to be told over the channel %(channel)s has not been delivered for %(minutes)s minutes: "
            "%(answer)s."
        ),
    ),
    "unsettled": Kind(
        _DUTY,
        _ENFORCEMENT,
        later("No answer came: %(account)s"),
        later("It was sent and no answer came. Whether it arrived cannot be read, so it is not sent again."),
    ),
    "placed": Kind(
        (),
        _ENFORCEMENT,
        later("Wanted: %(action)s %(account)s"),
        later(
            "It was placed on an account that is %(tier)s. The page says what it waits for, and has the button "
            "that stops it."
        ),
    ),
    "second_look": Kind(
        (),
        _ENFORCEMENT,
        later("A second look is needed"),
        later("Somebody else's look is needed before anything happens."),
    ),
    "change": Kind(
        (),
        _ENFORCEMENT,
        later("A change that weakens protection waits"),
        later("What is to change: %(change)s. Nothing has changed yet, and anyone on duty can stop it."),
    ),
    "pause": Kind(
        ("everyone",),
        "/pause",
        later("All enforcement is paused"),
        later("Restores and removals that the law demands go on. Two people resume."),
    ),
    "resumed": Kind(
        ("everyone",),
        "/pause",
        later("Enforcement goes on"),
        later("Two people resumed. What had waited goes ahead now."),
    ),
    "raid": Kind(
        ("everyone",),
        "/pause",
        later("Raid mode is on"),
        later("Budgets are three times as wide on accounts under a week old, for %(minutes)s minutes."),
    ),
    "raid_over": Kind(("everyone",), "/pause", later("Raid mode is over"), later("Budgets are as always again.")),
    "retrying": Kind(
        _DUTY,
        _ENFORCEMENT,
        later("%(platform)s does not carry it out: %(action)s %(account)s"),
        later("The platform does nothing of what it is asked. It is tried again by itself."),
    ),
    "stuck": Kind(
        _DUTY,
        _ENFORCEMENT,
        later("Stuck: %(action)s %(account)s"),
        later("It cannot be carried on, and is looked at again in a few minutes. Somebody should look now."),
    ),
    "restore_failed": Kind(
        _DUTY,
        _ENFORCEMENT,
        later("A restore FAILED: %(account)s"),
        later("The platform refused to undo it. What was in force still is; it can be asked for again."),
    ),
    "odd_refusal": Kind(
        _DUTY,
        _ENFORCEMENT,
        later("Refused, and done all the same: %(account)s"),
        later("The platform said no, and shows that it did it. The page says whether it stands or is undone."),
    ),
    "leaver": Kind(
        ("lead",),
        _ENFORCEMENT,
        later("It needs a new look: %(action)s %(account)s"),
        later("It waited in the name of somebody who is leaving, and lapsed. It is back in the queue."),
    ),
    "recertify": Kind(
        ("lead",),
        "/recertification",
        later("Roles are to be confirmed"),
        later("Roles that people hold lapse soon unless somebody else confirms that they are still needed."),
    ),
    "role_lapsed": Kind(
        ("lead",),
        "/recertification",
        later("A role lapsed"),
        later("Nobody else confirmed in time that it is still needed. Giving it again waits for people."),
    ),
    "role_kept": Kind(
        ("everyone",),
        "/recertification",
        later("A role that nobody confirmed is kept"),
        later("Without it nobody could give it back. Somebody else should confirm it today."),
    ),
    "revealed": Kind(
        ("legal",),
        "/record",
        later("A name was revealed"),
        later("Who is behind a pseudonym was revealed to somebody for a day. The record says why."),
    ),
    "service_orphaned": Kind(
        ("lead",),
        "/services",
        later("Nobody answers for a service"),
        later(
            "Its owner is off duty. From now on it reports and reads, and does nothing else; what else it was given "
            "ends soon. Somebody who answers for it issues another token."
        ),
    ),
    "token_leaked": Kind(
        _DUTY,
        "/services",
        later("A secret was found in the open"),
        later("It was ended at once. Look at what was done with it, and issue another."),
    ),
    "passkey": Kind(
        ("lead",),
        "/record",
        later("Somebody's passkeys changed"),
        later(
            "A passkey was enrolled by somebody who is here already, was ended by somebody else, or showed the signs "
            "of a copy; or a yes was not signed with its giver's passkey. The record says which."
        ),
    ),
    "invited": Kind(
        ("lead",),
        "/record",
        later("Somebody came in by invitation"),
        later(
            "Two colleagues let in somebody who had no way in of their own. The record says who. Was it not meant, "
            "take that person off duty at once."
        ),
    ),
    "test": Kind(
        (),
        "/notices",
        later("A test"),
        later("This is a test of the channel %(channel)s. Nothing has happened, and nothing is asked of you."),
    ),
}

#: What cannot be undone by restoring: such notices have no link that offers it.
NO_RESTORE = frozenset({"second_look", "change"})

#: Words of the domain as a notice says them.
WORDS: Mapping[str, str] = {
    # Actions, after "Wanted:" and "asks to".
    "warn": later("warn"),
    "label": later("label"),
    "limit": later("limit"),
    "remove_content": later("remove content of"),
    "lock": later("lock"),
    "suspend": later("suspend"),
    "deactivate": later("deactivate"),
    "delete": later("delete"),
    "restore": later("restore"),
    "change": later("a guarded change"),
    # Tiers.
    "standard": later("standard"),
    "notable": later("notable"),
    "protected": later("protected"),
    # States.
    "active": later("active"),
    "limited": later("limited"),
    "locked": later("locked"),
    "suspended": later("suspended"),
    "deactivated": later("deactivated"),
    "deleted": later("deleted"),
    "unread": later("not readable"),
}

#: Kinds of guarded change.
CHANGES: Mapping[str, str] = {
    "tier": later("an account's tier"),
    "mark_fake": later("a lookalike marked as a fake"),
    "nets": later("the nets"),
    "staff_add": later("a new person"),
    "role": later("somebody's roles"),
    "leave": later("somebody's last day"),
    "off": later("somebody's powers"),
    "suspend": later("whether somebody is on duty"),
    "reveal": later("who is behind a pseudonym"),
    "erase": later("a leaver's name that is erased"),
    "token": later("a new token"),
    "token_revoke": later("a token that ends"),
    "passkey": later("somebody's passkeys"),
    "platform": later("a platform"),
    "setting": later("a setting"),
    "channel": later("where notices go"),
    "setup_finish": later("the end of setup"),
    "pause": later("a pause"),
    "resume": later("resuming after a pause"),
}

#: What an attempt came to, as `gardefou.notices.post` finds it.
ANSWERS: Mapping[str, str] = {
    "": later("nothing was tried yet"),
    "sent": later("taken"),
    "no_address": later("no worker has its address in the key store"),
    "no_channel": later("the channel was taken out of use"),
    "bad_address": later("its address is no longer one that can be used"),
    "no_connection": later("no connection"),
    "unknown_host": later("no such host"),
    "certificate": later("the certificate is not trusted"),
    "too_slow": later("no answer in time"),
    "not_taken": later("it was not taken"),
    "broken": later("it could not be sent"),
}
