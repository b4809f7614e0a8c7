"""Lives of people: they come, sign in, are named, change their keys, and go."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from gardefou.flow import oidc, passkeys
from gardefou.flow.change import propose
from gardefou.flow.changes.settings import write_setting
from gardefou.flow.invitations import can_be_invited, come_in, draw_half, has_a_way_in, may_invite, withdraw_half
from gardefou.flow.leaked import revoke_leaked
from gardefou.flow.names import find_person, open_revealing, read_name, revealings_of
from gardefou.flow.provision import LastDay, Wish, align, arrive, depart, describe, free_identifiers
from gardefou.flow.sessions import end, open_sessions
from gardefou.flow.signals import receive
from gardefou.flow.staff_import import import_staff
from gardefou.people.authenticate import start_session
from gardefou.people.directory import Entry
from gardefou.people.oidc.claims import Identity, Logout
from gardefou.people.oidc.delegation import Delegated
from gardefou.people.passkeys import Purpose, passkeys_of
from gardefou.people.software_authenticator import SoftwareAuthenticator
from tests.flow.chronicle import Chronicle
from tests.flow.world import DAY, HOUR, MINUTE, SITE

IDP = "https://id.example.org"


def provisioned(life: Chronicle) -> None:
    """A directory states who is here: it lowers at once, and what gives power waits."""
    world = life.world
    app = world.app
    client = world.service("directory", owner="admin")

    def states(staff_id: str, **wish: Any) -> None:
        with app.works.begin() as uow:
            uow.serialise("changes")
            made = align(uow, app, client, staff_id, Wish(**wish), "as it is stated")
        life.events()
        life.reads(f"states {staff_id}", [(one.state, one.change) for one in made])

    life.head("comes")
    with app.works.begin() as uow:
        came = arrive(uow, app, client, "new here", team="night", employer="agency", last_day=world.now + 90 * DAY)
    life.events()
    who = str((came.change or {})["staff"])
    entry = Entry(staff_id=who, name="Ada", issuer=IDP, subject="ada", user_name="ada", external_id="7")
    with app.works.begin() as uow:
        describe(uow, app, client, entry, ["name", "subject"])
    states(who, gives=frozenset({"reviewer", "lead"}))
    states(who, gives=frozenset({"reviewer", "lead"}))
    with app.works.begin() as uow:
        life.reads("owner", free_identifiers(uow, app, IDP, "ada", "ada") == who)
        life.reads("nobody", free_identifiers(uow, app, IDP, "none", ""))
        describe(uow, app, client, replace(entry, subject="other"), ["subject"])
    states(who, gives=frozenset({"reviewer"}))
    asked = [one for one in world.enforcements() if one.state == "waiting"]
    life.tries(world.approve, "lead", asked[-1], "no")
    states(who, gives=frozenset({"reviewer"}))
    world.clock.advance(DAY + MINUTE)
    states(who, gives=frozenset({"reviewer"}), team="day", employer="organisation")
    states(who, team="night", employer="agency", last_day=LastDay(end=world.now + 100 * DAY))
    states(who, takes=frozenset({"reviewer"}), last_day=LastDay(end=world.now + 20 * DAY))
    states("rev", takes=frozenset({"reviewer", "lead"}), gives=frozenset({"oncall"}))
    states("rev2", active=False)
    states("rev2", active=False)
    states("rev2", active=True)
    states("rev2", active=False)
    life.does(world.settle)
    with app.works.begin() as uow:
        life.reads("gone", [depart(uow, app, client, one, "left") for one in ("rev2", "rev2")])
    states("rev2", active=True)
    with app.works.begin() as uow:
        app.directory.put(uow.connection, Entry(staff_id="rev2", name="B", issuer=IDP, subject="b", user_name="b"))
        life.reads("freed", free_identifiers(uow, app, IDP, "b", "b"))
        life.reads("of theirs is kept", app.directory.get(uow.connection, "rev2"))

    life.head("a list")
    lines = (
        "external_id,name,roles,team,last_day,zone,active\n"
        "8,Bea,lead reviewer,night,2018-02-01,Europe/Paris,yes\n7,,reviewer,,none,,\n9,Cy,,,,,no\n"
    )
    life.does(import_staff, app, world.fresh("admin"), lines, dry_run=True)
    life.does(import_staff, app, world.fresh("admin"), lines)
    life.does(import_staff, app, world.fresh("admin"), lines)
    life.tries(import_staff, app, world.fresh("admin"), "external_id,active\n9,gone\n10,gone\n8,no\n")
    life.tries(import_staff, app, world.fresh("admin"), "external_id,active\n8,yes\n9,yes\n")
    life.tries(import_staff, app, world.fresh("lead"), lines)
    for wrong in (
        "",
        "name\n",
        "external_id,odd\n1,2\n",
        lines + "8,,emperor,,x,Mars/Base,maybe\n,a\n",
        "external_id\n",
    ):
        life.tries(import_staff, app, world.fresh("admin"), wrong)


def signing(life: Chronicle) -> None:
    """People sign in at a provider and by passkeys, are let in by two halves, and their sessions end."""
    world = life.world
    app = world.app
    proved = Identity(issuer=IDP, subject="s-rev", sid="x", proved_at=world.now, amr=frozenset({"mfa"}))

    def binds(actor: str, who: Identity) -> None:
        life.tries(oidc.link, app, world.fresh(actor), who, since=world.now)

    life.head("at the provider")
    life.tries(oidc.signed_in, app, proved)
    binds("rev", replace(proved, proved_at=world.now - DAY))
    binds("rev", replace(proved, proved_at=None))
    life.tries(oidc.link, app, world.service("bot"), proved, since=world.now)
    binds("rev", proved)
    binds("rev", proved)
    binds("rev2", proved)
    world.clock.advance(HOUR)
    life.tries(oidc.link, app, world.actor("rev2"), proved, since=world.now)
    weak = replace(proved, proved_at=world.now, amr=frozenset({"pwd"}))
    first = oidc.signed_in(app, weak, browser="b")
    second = oidc.signed_in(app, replace(proved, proved_at=world.now + MINUTE), browser="b", instead_of=first)
    third = oidc.signed_in(app, replace(proved, sid=""), browser="c")

    held = [second]

    def anew(who: Identity, staff_id: str = "rev") -> None:
        def signed_in_anew() -> str:
            secret = oidc.signed_in_anew(app, who, staff_id=staff_id, session=held[-1], since=world.now)
            held.append(secret)
            return "another secret" if secret not in held[:-1] else "the secret of before"

        life.tries(signed_in_anew)

    def sessions(who: str = "rev") -> None:
        life.events()
        life.reads(f"{who} signed in", world.actor(who).strong_at)
        with world.store.read() as connection:
            found = open_sessions(app, connection, who, now=world.now)
            life.reads("sessions", sorted((one.browser, one.began_at, one.seen_at, one.ends_at) for one in found))

    life.reads("secrets differ", len({first, second, third}))
    sessions()
    anew(weak)
    anew(replace(proved, proved_at=world.now - HOUR))
    anew(proved, "rev2")
    world.clock.advance(MINUTE)
    anew(replace(proved, sid="y", proved_at=world.now))
    sessions()
    service = replace(world.service("helpdesk"), lends=("enforcements:write",), platforms=("sandbox",))
    call = Delegated(who=replace(proved, proved_at=world.now), id="call-1", until=world.now + MINUTE)
    life.tries(oidc.acting_for, app, service, call)
    life.tries(oidc.acting_for, app, service, call)
    life.tries(oidc.acting_for, app, service, replace(call, id="call-2", who=Identity(issuer=IDP, subject="nobody")))
    logout = Logout(issuer=IDP, subject="", sid="y", id="out-1", until=world.now + MINUTE)
    life.tries(oidc.logged_out, app, logout)
    life.tries(oidc.logged_out, app, logout)
    sessions()
    life.tries(oidc.logged_out, app, replace(logout, subject="s-rev", sid="", id="out-2"))
    life.tries(oidc.logged_out, app, replace(logout, subject="none", sid="", id="out-3"))
    sessions()

    life.head("by classes of sign-in")
    with app.works.begin() as uow:
        write_setting(uow, "oidc_acr", value=["gold"], by="system")
    for acr in ("gold", "silver", ""):
        world.clock.advance(MINUTE)
        oidc.signed_in(app, replace(proved, proved_at=world.now, acr=acr), browser="d")
        sessions()

    life.head("sessions end")
    with app.works.begin() as uow:
        for who in ("rev", "rev", "lead", "legal"):
            start_session(uow, who, strong=True)
    life.tries(end, app, world.actor("rev"))
    life.tries(end, app, world.actor("rev"), only="none")
    life.tries(end, app, world.actor("rev"), "legal")
    life.tries(end, app, world.actor("lead"), "legal")
    life.tries(end, app, world.actor("lead"), "nobody")
    life.tries(end, app, service)
    sessions("lead")

    life.head("signals")
    with app.works.begin() as uow:
        start_session(uow, "rev", strong=True)
    caep = "https://schemas.openid.net/secevent/caep/event-type/"
    risc = "https://schemas.openid.net/secevent/risc/event-type/"
    subject = {"format": "iss_sub", "iss": IDP, "sub": "s-rev"}
    for number, (kind, event) in enumerate(
        (
            (f"{caep}session-revoked", {}),
            (f"{caep}credential-change", {"change_type": "update"}),
            (f"{caep}assurance-level-change", {"change_direction": "increase"}),
            (f"{caep}device-compliance-change", {"current_status": "not-compliant"}),
            (f"{risc}account-disabled", {}),
            ("https://schemas.openid.net/secevent/ssf/event-type/verification", {"state": "s"}),
            ("https://odd.example/kind", {}),
        )
    ):
        claims = {"iss": IDP, "jti": f"j{number}", "events": {kind: event}, "sub_id": subject}
        life.tries(receive, app, claims)
        life.tries(receive, app, claims)
    forms: list[Any] = [
        {"format": "email", "email": "a@b.example"},
        None,
        {"format": "complex", "user": subject},
        {"user": subject},
        {"format": "aliases", "identifiers": [subject, {"format": "email", "email": "x"}]},
        {"format": "opaque", "id": "7"},
        {"subject_type": "iss-sub", "iss": IDP, "sub": "s-rev"},
        {"format": "complex"},
        {"format": "iss_sub", "iss": 1},
    ]
    for number, form in enumerate(forms):
        events: dict[str, Any] = {f"{caep}session-revoked": {}}
        life.tries(receive, app, {"iss": IDP, "jti": f"f{number}", "events": events, "sub_id": form})
        life.tries(
            receive, app, {"iss": IDP, "jti": f"g{number}", "events": {f"{caep}session-revoked": {"subject": form}}}
        )


def keyed(life: Chronicle) -> None:
    """Passkeys come and go; two halves let somebody in; names are revealed to few, each time on the record."""
    world = life.world
    app = world.app
    whose = "0" * 64

    def enrols(who: str, device: SoftwareAuthenticator, label: str = "laptop") -> None:
        drawn = passkeys.draw(app, Purpose.ENROL, whose=whose)
        life.tries(passkeys.enrol, app, world.fresh(who), device.make(drawn), SITE, whose=whose, label=label)

    life.head("passkeys")
    one, two = (SoftwareAuthenticator(name.ljust(32, b"-"), SITE, counting=True) for name in (b"one", b"two"))
    enrols("lead", one)
    enrols("lead", two, "phone")
    life.tries(
        passkeys.enrol,
        app,
        world.service("bot"),
        one.make(passkeys.draw(app, Purpose.ENROL, whose=whose)),
        SITE,
        whose=whose,
    )
    life.tries(passkeys.enrol, app, world.fresh("rev"), one.make(b"x" * 32), SITE, whose=whose)
    life.tries(passkeys.use, app, one.use(passkeys.draw(app, Purpose.SIGN_IN)), Purpose.SIGN_IN)
    life.tries(passkeys.use, app, one.use(b"y" * 32), Purpose.SIGN_IN)
    life.tries(passkeys.use, app, one.use(passkeys.draw(app, Purpose.ENROL, whose=whose)), Purpose.SIGN_IN)
    life.reads("tried", [passkeys.tried(text) for text in ('{"id": "abc"}', "{}")])
    life.tries(passkeys.revoke, app, world.fresh("rev"), one.id)
    life.tries(passkeys.revoke, app, world.fresh("lead"), "none")
    life.tries(passkeys.revoke, app, world.fresh("lead"), one.id)
    life.tries(passkeys.reset, app, world.fresh("admin"), "lead", "lost")
    life.tries(passkeys.reset, app, world.fresh("rev"), "lead", "lost")
    for waiting in [one for one in world.enforcements() if one.state == "waiting"]:
        for who in ("lead2", "policy"):
            life.tries(world.approve, who, waiting)
    life.passes(HOUR)
    with world.store.read() as connection:
        life.reads(
            "keys", [(one.counts_from, one.revoked_at, one.revoked_by) for one in passkeys_of(connection, "lead")]
        )

    life.head("two halves")
    life.tries(propose, app, world.fresh("admin"), "staff_add", {"staff": "new", "roles": [], "pseudonym": "newbie"})
    drawn: list[str] = []
    for by, who in (
        ("rev", "new"),
        ("lead", "lead"),
        ("lead", "nobody"),
        ("admin", "new"),
        ("lead", "new"),
        ("lead2", "new"),
    ):
        world.clock.advance(timedelta(seconds=1))

        def draws(by: str = by, who: str = who) -> tuple[str, str, Any]:
            half, words = draw_half(app, world.fresh(by), who)
            drawn.append(words)
            return half.staff_id, half.by, half.ends_at

        life.tries(draws)
    life.tries(propose, app, world.fresh("admin"), "staff_add", {"staff": "third", "roles": [], "pseudonym": "third"})
    inviting = world.fresh("lead")
    machines: list[dict[str, Any]] = [{"via": "api"}, {"token_id": "t"}, {"through": "desk"}]
    for machine in machines:
        life.tries(draw_half, app, replace(inviting, **machine), "third")
    given_out = [draw_half(app, world.fresh("lead"), "third")[1]]
    life.events()
    life.tries(withdraw_half, app, world.fresh("lead2"), "third")
    given_out.append(draw_half(app, world.fresh("admin"), "third")[1])
    life.tries(come_in, app, *given_out)
    world.clock.advance(HOUR)
    life.tries(draw_half, app, world.actor("admin"), "new")
    life.tries(withdraw_half, app, world.fresh("rev"), "new")
    life.tries(withdraw_half, app, world.fresh("lead2"), "new", "none")
    life.tries(come_in, app, drawn[0], drawn[0])
    life.tries(come_in, app, drawn[0], "XXXX-XXXX")

    def comes() -> str:
        return come_in(app, drawn[0], drawn[1])[0]

    life.tries(comes)
    life.tries(comes)
    life.tries(withdraw_half, app, world.fresh("admin"), "new")
    people = [world.staff(who) for who in ("new", "lead", "rev")]
    with world.store.read() as connection:
        for person in people:
            life.reads(
                person.id,
                (
                    has_a_way_in(connection, app, person, now=world.now),
                    can_be_invited(connection, app, person, now=world.now),
                    may_invite(person, world.now),
                ),
            )

    life.head("names")
    with app.works.begin() as uow:
        app.directory.put(uow.connection, Entry(staff_id="rev", name="Zoë", email="z@e.example"))
    life.tries(read_name, app, world.actor("legal"), "rev")
    life.tries(find_person, app, world.actor("legal"), name="Zoë")
    life.tries(find_person, app, world.actor("rev"), name="Zoë")
    life.tries(find_person, app, world.actor("legal"), name="", email="")
    life.tries(find_person, app, world.actor("legal"), email="z@e.example")
    life.tries(find_person, app, world.actor("legal"), name="nobody")
    ask = {"staff": "rev", "because": "a court"}
    with app.works.begin() as uow:
        app.directory.put(uow.connection, Entry(staff_id="rev2", name="Yann"))
    for one_asked in (ask, ask | {"staff": "rev2"}):
        life.tries(propose, app, world.fresh("legal"), "reveal", one_asked, "a court")
    for waiting in [one for one in world.enforcements() if one.state == "waiting"]:
        life.tries(world.approve, "lead", waiting)
    world.clock.advance(MINUTE)
    life.tries(read_name, app, world.actor("legal"), "rev")
    life.tries(read_name, app, world.actor("lead"), "rev")
    for _time in range(2):
        life.tries(read_name, app, world.actor("legal"), "rev2")
    with world.store.read() as connection:
        life.reads("revealings", revealings_of(connection, "rev", world.now))
        life.reads("of others", revealings_of(connection, "rev2", world.now))
        life.reads("open", [open_revealing(connection, who, "rev", world.now) for who in ("legal", "lead")])
        life.reads("later", revealings_of(connection, "rev", world.now + DAY))

    life.head("a secret that leaked")
    secret, _ = _session(life, "rev")
    life.tries(revoke_leaked, app, "nothing")
    life.tries(revoke_leaked, app, secret)
    with world.store.read() as connection:
        life.reads("sessions", len(open_sessions(app, connection, "rev", now=world.now)))


def _session(life: Chronicle, who: str) -> tuple[str, Any]:
    with life.world.app.works.begin() as uow:
        return start_session(uow, who, strong=True)
