"""Why an enforcement was stopped, and what would satisfy the nets, as things stand."""

from __future__ import annotations

from gardefou.flow.change import propose, propose_in
from gardefou.flow.changes.settings import write_setting
from gardefou.flow.explain import Explained, explanation
from tests.flow.world import DAY, MINUTE, World


def told(world: World, made, *, blind: bool = False) -> Explained:
    with world.app.works.read() as connection:
        config = world.app.config(connection)
        return explanation(connection, world.read(made), config, now=world.now, blind=blind)


def test_what_is_met_and_what_is_outstanding_follow_what_people_do(world):
    made = world.enforce("rev", "president", "suspend")
    first = told(world, made)
    assert first.says.startswith("It waits for 2 further people (lead or policy), of different teams")
    assert "2 lead and 1 policy" in first.outstanding[0]
    assert first.outstanding[1].startswith("then a wait of 10 minutes")

    world.approve("lead", made)
    second = told(world, made)
    assert "1 of 2 further people said yes" in second.met
    assert second.outstanding[0].startswith("1 further person (lead or policy)")
    assert "2 people here could" in second.outstanding[0]

    world.approve("policy", made)
    world.run(3 * MINUTE)
    held = told(world, made)
    assert "2 of 2 further people said yes" in held.met
    assert held.outstanding == ("the wait, which runs 7 minutes more; anyone on duty can cancel until then",)

    world.run(8 * MINUTE)
    done = told(world, made)
    assert done.outstanding == ()
    assert done.says.startswith("Everything asked was met.")
    assert "the wait of 10 minutes is over" in done.met


def test_m3_of_a_sign_in_it_says_what_was_so(world):
    def asked(actor, *, attended: bool) -> Explained:
        payload = {"staff": "rev", "add": ["lead"], "remove": []}
        with world.app.works.begin() as uow:
            made = propose_in(uow, world.app, actor, "role", payload, "x", attended=attended)
        return told(world, made)

    assert any("had signed in within" in one for one in asked(world.fresh("admin"), attended=True).met)
    directory = asked(world.service("okta"), attended=False)
    assert directory.met == ("no person placed it, so nobody was asked to sign in for that",)


def test_it_says_whose_yes_is_signed_with_a_passkey(world):
    made = world.enforce("rev", "president", "suspend")
    assert ", each yes signed with a passkey by whoever has one (" in told(world, made).outstanding[0]
    with world.app.works.begin() as uow:
        write_setting(uow, "passkey_approvals", "required", by="system")
    assert ", each yes signed with a passkey (" in told(world, made).outstanding[0]
    [of_a_small_account, *_] = told(world, world.enforce("rev", "small", "delete")).outstanding
    assert "passkey" not in of_a_small_account
    weaker = propose(world.app, world.fresh("admin"), "role", {"staff": "rev", "add": ["lead"], "remove": []})
    assert "passkey" in told(world, weaker).outstanding[0]


def test_it_names_nobody(world):
    made = world.enforce("rev", "president", "suspend")
    world.approve("lead", made)
    said = str(told(world, made).to_json(silent=True))
    for staff in ("rev", "lead2", "p-rev", "p-lead"):
        assert f"'{staff}'" not in said
        assert f" {staff} " not in said.replace("team-lead2", "")


def test_the_facts_that_made_a_net_speak_are_in_english_beside_the_condition(world):
    why = next(one for one in told(world, world.enforce("rev", "president", "suspend")).spoke)
    assert why.said.plain[0] == "the account is protected"
    assert why.said.words[0].startswith('account.tier_memory == "protected" holds')
    assert "its severity is less than 3" in why.silent_if


def test_a_refusal_says_that_nothing_satisfies_it_and_which_fact_would_have_to_be_otherwise(world):
    world.person("leaver", "reviewer", last_day=world.now + 10 * DAY)
    made = world.enforce("leaver", "known", "warn")
    assert made.state == "refused"
    why = told(world, made)
    assert "Nothing satisfies a refusal" in why.says
    assert why.met == ()
    [otherwise] = why.outstanding
    assert otherwise.startswith("leaver-not-on-notable would not speak if ")
    assert "the account is standard" in otherwise


def test_where_nobody_can_say_yes_it_is_said(world):
    made = world.enforce("rev", "known", "suspend")
    assert "2 people here could: 2 lead" in told(world, made).outstanding[0]
    for staff in ("lead", "lead2"):
        propose(world.app, world.fresh("admin"), "off", {"staff": staff})
    assert "nobody here can at present" in told(world, made).outstanding[0]


def test_m3_whoever_owes_a_blind_look_is_told_only_that(world):
    made = world.enforce("rev", "president", "suspend")
    blind = told(world, made, blind=True)
    assert blind.to_json()["says"] == "A second look is needed."
    assert blind.nets == ()
    assert blind.outstanding == ()


def test_where_no_net_spoke_that_is_the_answer(world):
    made = world.enforce("rev", "small", "suspend")
    assert told(world, made).spoke == ()
    assert told(world, made).says == "No net asked for anything."
