"""What the Synapse connector does to a real homeserver, and what exactly it puts back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from gardefou.clock import SystemClock
from gardefou.domain.accounts import measures_of_action
from gardefou.domain.actions import Action
from gardefou.lab.homeserver import Homeserver
from gardefou.lab.people import ADMIN, CLIENT, LabUser
from gardefou.platforms.protocol import (
    Answer,
    NoSuchAccount,
    Operation,
    PlatformAnswerLost,
    PlatformRefused,
    PlatformUnreachable,
    PullsReports,
    Target,
)
from gardefou.platforms.synapse import Synapse
from gardefou.platforms.synapse_reading import Limits
from tests.e2e.proxy import Proxy

pytestmark = [pytest.mark.e2e, pytest.mark.network_loopback, pytest.mark.xdist_group("synapse")]

_numbers = count(1)


def q(part: str) -> str:
    return quote(part, safe="")


Connect = Callable[..., Synapse]


def connector_to(server: Homeserver, base_url: str | None = None, *, by: LabUser | None = None, **more) -> Synapse:
    by = by or server.admin
    return Synapse("lab", base_url or server.base_url, server.admin.user_id, by.token, clock=SystemClock(), **more)


@pytest.fixture(scope="module")
def synapse(homeserver: Homeserver) -> Iterator[Synapse]:
    with closing(connector_to(homeserver)) as made:
        yield made


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes connectors that are closed after the test."""
    with ExitStack() as stack:
        yield lambda *args, **more: stack.enter_context(closing(connector_to(*args, **more)))


@pytest.fixture
def user(homeserver: Homeserver) -> LabUser:
    """A fresh account in the room of the lab."""
    made = fresh(homeserver)
    made.join(homeserver.room)
    return made


def fresh(server: Homeserver, *, admin: bool = False) -> LabUser:
    return server.add(f"user{next(_numbers)}", admin=admin)


def operation(user: LabUser | str, action: Action, *content: str, reason: str = "") -> Operation:
    number = next(_numbers)
    account = user if isinstance(user, str) else user.user_id
    return Operation(
        key=f"test-{number}",
        action=action,
        target=Target(account=account, content=content),
        measures=measures_of_action(action, content=content),
        fence=number,
        reason=reason,
    )


def inverse(done: Operation, answer: Answer | None) -> Operation:
    return dataclasses.replace(done, key=f"{done.key}-undo", kept=answer.kept if answer else {})


def body(watcher: LabUser, room: str, event: str) -> str | None:
    return watcher.fetch(room, event)["content"].get("body")


def bodies(watcher: LabUser, room: str, author: LabUser) -> list[str]:
    """What others read of this author in the room now, oldest first."""
    page = watcher.call("GET", f"{CLIENT}/rooms/{q(room)}/messages?dir=b&limit=100")["chunk"]
    mine = [
        event for event in reversed(page) if event["sender"] == author.user_id and event["type"] == "m.room.message"
    ]
    return [event["content"]["body"] for event in mine if "body" in event["content"]]


def whoami(user: LabUser) -> int:
    return user.ask("GET", f"{CLIENT}/account/whoami").status_code


def entry(server: Homeserver, user: LabUser) -> dict:
    return server.admin.call("GET", f"{ADMIN}/v2/users/{q(user.user_id)}")


# --- measures that come back exactly ----------------------------------------------------


def test_a_suspended_account_cannot_write_and_then_can_with_the_same_sign_in(synapse, homeserver, user):
    before = entry(homeserver, user)
    done = operation(user, Action.SUSPEND)
    answer = synapse.apply(done)
    path = f"{CLIENT}/rooms/{q(homeserver.room)}/send/m.room.message/k"
    refused = user.ask("PUT", path, {"msgtype": "m.text", "body": "no"})
    assert (refused.status_code, refused.json()["errcode"]) == (403, "M_USER_SUSPENDED")
    assert whoami(user) == 200

    undone = synapse.undo(inverse(done, answer))
    assert undone.losses == ()
    assert body(homeserver.users["alice"], homeserver.room, user.send(homeserver.room, "back")) == "back"
    assert entry(homeserver, user) == before


def test_a_locked_account_is_kept_out_and_comes_back_with_the_same_sign_in(synapse, homeserver, user):
    done = operation(user, Action.LOCK)
    answer = synapse.apply(done)
    assert whoami(user) == 401
    assert synapse.undo(inverse(done, answer)).losses == ()
    assert whoami(user) == 200
    user.send(homeserver.room, "still in the room")


def test_a_shadow_ban_is_declared_as_severe_as_it_is_and_comes_off(synapse, homeserver, user):
    assert synapse.describe().capabilities[Action.LIMIT].severity == 3
    done = operation(user, Action.LIMIT)
    answer = synapse.apply(done)
    assert entry(homeserver, user)["shadow_banned"]
    synapse.undo(inverse(done, answer))
    assert not entry(homeserver, user)["shadow_banned"]
    assert body(homeserver.users["alice"], homeserver.room, user.send(homeserver.room, "heard")) == "heard"


def test_a_quarantined_file_cannot_be_fetched_and_then_can(synapse, homeserver, user):
    file = user.upload(b"a picture of something")
    assert user.download(file) == 200
    done = operation(user, Action.REMOVE_CONTENT, file)
    answer = synapse.apply(done)
    assert user.download(file) == 404
    assert synapse.undo(inverse(done, answer)).losses == ()
    assert user.download(file) == 200


def test_a_file_that_is_marked_safe_is_refused_and_stays(synapse, homeserver, user):
    file = user.upload(b"the logo of the server")
    homeserver.admin.call("POST", f"{ADMIN}/v1/media/protect/{file.rpartition('/')[2]}", {})
    with pytest.raises(PlatformRefused, match="safe from quarantine"):
        synapse.apply(operation(user, Action.REMOVE_CONTENT, file))
    assert user.download(file) == 200


def test_a_blocked_room_lets_nobody_in_until_it_is_unblocked(synapse, homeserver, user):
    room = user.create_room("A bad place")
    assert synapse.resolve(user.user_id, content=(room,)).content_owner == {room: user.user_id}
    done = operation(user, Action.REMOVE_CONTENT, room)
    answer = synapse.apply(done)
    assert synapse.read_state(user.user_id, content=(room,)).measures == {f"removed:{room}"}
    assert homeserver.users["carol"].ask("POST", f"{CLIENT}/join/{q(room)}", {}).status_code == 403
    assert synapse.undo(inverse(done, answer)).losses == ()
    homeserver.users["carol"].join(room)


# --- deactivation -----------------------------------------------------------------------


def test_reactivating_puts_back_what_was_kept_and_names_the_rest(synapse, homeserver, user):
    private = homeserver.users["alice"].create_room("Private", public=False, invite=(user.user_id,))
    user.join(private)
    homeserver.admin.call(
        "PUT",
        f"{ADMIN}/v2/users/{q(user.user_id)}",
        {
            "displayname": "The Owner",
            "avatar_url": "mxc://lab.test/face",
            "threepids": [{"medium": "email", "address": f"{user.user_id[1:6]}@lab.test"}],
            "external_ids": [{"auth_provider": "oidc", "external_id": user.user_id}],
            "user_type": "bot",
        },
    )
    before = entry(homeserver, user)
    done = operation(user, Action.DEACTIVATE)
    answer = synapse.apply(done)
    assert synapse.read_state(user.user_id).measures == {"deactivated"}
    assert whoami(user) == 401
    assert entry(homeserver, user)["threepids"] == []

    undone = synapse.undo(inverse(done, answer))
    after = entry(homeserver, user)
    for field in ("displayname", "avatar_url", "external_ids", "user_type", "deactivated"):
        assert after[field] == before[field], field
    assert [each["address"] for each in after["threepids"]] == [each["address"] for each in before["threepids"]]
    rooms = homeserver.admin.call("GET", f"{ADMIN}/v1/users/{q(user.user_id)}/joined_rooms")["joined_rooms"]
    assert rooms == [homeserver.room]
    # What is lost is said: the sign-in, and the room that only its members open.
    assert whoami(user) == 401
    assert any("sign-ins" in loss for loss in undone.losses)
    assert any(private in loss for loss in undone.losses)


def test_an_administrator_is_one_again_after_reactivation(synapse, homeserver):
    boss = fresh(homeserver, admin=True)
    done = operation(boss, Action.DEACTIVATE)
    answer = synapse.apply(done)
    synapse.undo(inverse(done, answer))
    assert "server_admin" in synapse.read_state(boss.user_id).labels


@pytest.mark.parametrize("order", [(Action.LOCK, Action.DEACTIVATE), (Action.DEACTIVATE, Action.LOCK)])
@pytest.mark.parametrize("first_lifted", [0, 1])
def test_locked_and_deactivated_stand_beside_each_other_in_any_order(synapse, user, order, first_lifted):
    """In one call the homeserver answers 400 to both; as two measures they are independent."""
    done = [operation(user, action) for action in order]
    answers = [synapse.apply(each) for each in done]
    assert synapse.read_state(user.user_id).measures == {"locked", "deactivated"}
    other = 1 - first_lifted
    synapse.undo(inverse(done[first_lifted], answers[first_lifted]))
    assert synapse.read_state(user.user_id).measures == done[other].measures
    synapse.undo(inverse(done[other], answers[other]))
    assert synapse.read_state(user.user_id).measures == frozenset()


def test_reactivating_a_suspended_account_says_which_rooms_it_could_not_join(synapse, homeserver, user):
    suspended, gone = operation(user, Action.SUSPEND), operation(user, Action.DEACTIVATE)
    synapse.apply(suspended)
    answer = synapse.apply(gone)
    undone = synapse.undo(inverse(gone, answer))
    assert any(homeserver.room in loss and "SUSPENDED" in loss for loss in undone.losses)
    assert synapse.read_state(user.user_id).measures == {"suspended"}


def test_lifting_all_at_once_brings_the_rooms_back(synapse, homeserver, user):
    suspended, gone = operation(user, Action.SUSPEND), operation(user, Action.DEACTIVATE)
    synapse.apply(suspended)
    answer = synapse.apply(gone)
    both = dataclasses.replace(gone, action=Action.RESTORE, measures=frozenset({"suspended", "deactivated"}))
    undone = synapse.undo(inverse(both, answer))
    assert not any(homeserver.room in loss for loss in undone.losses)
    assert synapse.read_state(user.user_id).measures == frozenset()


def test_undoing_twice_does_not_take_back_what_the_owner_changed_since(synapse, homeserver, user):
    done = operation(user, Action.DEACTIVATE)
    answer = synapse.apply(done)
    synapse.undo(inverse(done, answer))
    path = f"{ADMIN}/v2/users/{q(user.user_id)}"
    homeserver.admin.call("PUT", path, {"displayname": "New Name"})
    synapse.undo(inverse(done, answer))
    assert entry(homeserver, user)["displayname"] == "New Name"


def test_erasing_shows_as_deleted_and_is_not_undone(synapse, homeserver, user):
    done = operation(user, Action.DELETE)
    answer = synapse.apply(done)
    reading = synapse.read_state(user.user_id)
    assert (reading.measures, reading.exists, reading.display_name) == ({"deleted"}, False, "")
    with pytest.raises(PlatformRefused):
        synapse.undo(inverse(done, answer))
    assert synapse.read_state(user.user_id).measures == {"deleted"}


# --- messages ---------------------------------------------------------------------------


def test_a_redacted_message_is_unreadable_and_then_read_again_as_a_new_one(synapse, homeserver, user):
    room, alice = homeserver.room, homeserver.users["alice"]
    event = user.send(room, "words in dispute", extra="kept too")
    item = f"{room}/{event}"
    done = operation(user, Action.REMOVE_CONTENT, item)
    answer = synapse.apply(done)
    assert body(alice, room, event) is None
    assert bodies(alice, room, user) == []

    undone = synapse.undo(inverse(done, answer))
    assert "the message's id" in undone.losses
    assert bodies(alice, room, user) == ["words in dispute"]
    assert body(alice, room, event) is None
    # The old id speaks of the message that now stands for it.
    assert synapse.read_state(user.user_id, content=(item,)).measures == frozenset()
    # Once: asking again sends nothing.
    synapse.undo(inverse(done, answer))
    assert bodies(alice, room, user) == ["words in dispute"]
    # And it can be removed and put back under its old id as often as people change their minds.
    again = operation(user, Action.REMOVE_CONTENT, item)
    answer = synapse.apply(again)
    assert bodies(alice, room, user) == []
    synapse.undo(inverse(again, answer))
    assert bodies(alice, room, user) == ["words in dispute"]


@pytest.mark.parametrize("how", ["left", "banned", "locked", "shadow-banned", "suspended", "deactivated"])
def test_messages_are_redacted_whatever_became_of_their_author(synapse, homeserver, user, how):
    room, alice = homeserver.room, homeserver.users["alice"]
    first, second = user.send(room, "one"), user.send(room, "two")
    match how:
        case "left":
            user.call("POST", f"{CLIENT}/rooms/{q(room)}/leave", {})
        case "banned":
            alice.call("POST", f"{CLIENT}/rooms/{q(room)}/ban", {"user_id": user.user_id})
        case _:
            actions = {"locked": Action.LOCK, "shadow-banned": Action.LIMIT, "suspended": Action.SUSPEND}
            synapse.apply(operation(user, actions.get(how, Action.DEACTIVATE)))
    synapse.apply(operation(user, Action.REMOVE_CONTENT, f"{room}/{first}"))
    assert body(alice, room, first) is None
    assert body(alice, room, second) == "two"


@pytest.mark.parametrize("action", [Action.LOCK, Action.LIMIT, Action.SUSPEND])
def test_nothing_is_sent_in_the_name_of_a_muted_account(synapse, homeserver, user, action):
    item = f"{homeserver.room}/{user.send(homeserver.room, 'later')}"
    removed, muted = operation(user, Action.REMOVE_CONTENT, item), operation(user, action)
    answer = synapse.apply(removed)
    synapse.apply(muted)
    with pytest.raises(PlatformRefused, match="lift that first"):
        synapse.undo(inverse(removed, answer))
    both = dataclasses.replace(removed, action=Action.RESTORE, measures=removed.measures | muted.measures)
    synapse.undo(inverse(both, answer))
    assert bodies(homeserver.users["alice"], homeserver.room, user) == ["later"]


def test_what_its_author_redacted_is_not_put_back(synapse, homeserver, user):
    event = user.send(homeserver.room, "regretted")
    user.call("PUT", f"{CLIENT}/rooms/{q(homeserver.room)}/redact/{q(event)}/k", {})
    done = operation(user, Action.REMOVE_CONTENT, f"{homeserver.room}/{event}")
    answer = synapse.apply(done)
    with pytest.raises(PlatformRefused, match="not ours"):
        synapse.undo(inverse(done, answer))
    assert bodies(homeserver.users["alice"], homeserver.room, user) == []


def test_all_messages_of_an_account_go_and_come_back_in_their_sequence(synapse, homeserver, user):
    alice, room = homeserver.users["alice"], homeserver.room
    other = alice.create_room("Other")
    user.join(other)
    written = [f"message {number}" for number in range(6)]
    for text in written:
        user.send(room, text)
    user.send(other, "elsewhere")
    done = operation(user, Action.REMOVE_CONTENT, "*")
    answer = synapse.apply(done)
    assert synapse.read_state(user.user_id, content=("*",)).measures == {"removed:*"}
    assert (bodies(alice, room, user), bodies(alice, other, user)) == ([], [])

    undone = synapse.undo(inverse(done, answer))
    assert undone.losses
    assert (bodies(alice, room, user), bodies(alice, other, user)) == (written, ["elsewhere"])
    assert synapse.read_state(user.user_id, content=("*",)).measures == frozenset()


def test_all_messages_of_an_account_without_any_is_refused(synapse, user):
    with pytest.raises(PlatformRefused, match="no message"):
        synapse.apply(operation(user, Action.REMOVE_CONTENT, "*"))


def test_several_items_are_checked_before_the_first_is_touched(synapse, homeserver, user):
    mine = f"{homeserver.room}/{user.send(homeserver.room, 'mine')}"
    bobs = f"{homeserver.room}/{homeserver.events[1]}"
    with pytest.raises(PlatformRefused, match="not of"):
        synapse.apply(operation(user, Action.REMOVE_CONTENT, mine, bobs))
    assert bodies(homeserver.users["alice"], homeserver.room, user) == ["mine"]


# --- warnings ---------------------------------------------------------------------------


def direct_words(user: LabUser) -> list[list[str]]:
    """What stands in each room this account was invited to, after joining it."""
    invited = user.call("GET", f"{CLIENT}/sync?timeout=0")["rooms"].get("invite", {})
    for room in invited:
        user.join(room)
    joined = user.call("GET", f"{CLIENT}/joined_rooms")["joined_rooms"]
    pages = [user.call("GET", f"{CLIENT}/rooms/{q(room)}/messages?dir=b&limit=50")["chunk"] for room in joined]
    return [[event["content"]["body"] for event in page if event["content"].get("body")] for page in pages]


def test_warnings_arrive_by_direct_message_in_one_room(synapse, homeserver):
    user = fresh(homeserver)
    synapse.apply(operation(user, Action.WARN, reason="No advertising, please."))
    synapse.apply(operation(user, Action.WARN, reason="Second time."))
    assert direct_words(user) == [["Second time.", "No advertising, please."]]


def test_warnings_arrive_as_server_notices_where_there_are_some(tmp_path: Path, connect):
    with Homeserver.up(tmp_path, notices=True) as server:
        answer = connect(server).apply(operation(server.users["bob"], Action.WARN, reason="Please stop."))
        assert answer.said["by"] == "server notice"
        assert ["Please stop."] in direct_words(server.users["bob"])


# --- what an account is -----------------------------------------------------------------


def test_reach_is_the_members_of_the_rooms_it_moderates(homeserver, synapse, connect):
    owner, helper, guest = fresh(homeserver), fresh(homeserver), fresh(homeserver)
    first = owner.create_room("First", power_level_content_override={"users": {helper.user_id: 50}})
    second = owner.create_room("Second")
    old = owner.create_room("Old", room_version="10")
    for room, people in ((first, (helper, guest)), (second, (guest,)), (old, (homeserver.users["bob"],))):
        for each in people:
            each.join(room)
    readings = {each.user_id: synapse.read_state(each.user_id) for each in (owner, helper, guest)}
    assert [reading.reach for reading in readings.values()] == [3, 2, 0]
    assert all("moderator" not in reading.labels for reading in readings.values())
    small = connect(homeserver, limits=Limits(moderator_room_size=3))
    assert "moderator" in small.read_state(helper.user_id).labels
    assert "moderator" not in small.read_state(guest.user_id).labels
    # More rooms than may be read: unknown, which nets take at its most protective.
    assert connect(homeserver, limits=Limits(most_rooms=2)).read_state(owner.user_id).reach is None
    # Asked for what is imposed only, no room is read.
    assert synapse.read_measures(owner.user_id).reach is None


def test_labels_say_what_kind_of_account_it_is(synapse, homeserver):
    bot = fresh(homeserver)
    homeserver.admin.call("PUT", f"{ADMIN}/v2/users/{q(bot.user_id)}", {"user_type": "bot"})
    assert synapse.read_state(bot.user_id).labels == ("bot",)
    assert "server_admin" in synapse.read_state(homeserver.admin.user_id).labels
    assert synapse.read_state(bot.user_id).age_days == 0


@pytest.mark.slow
def test_the_only_administrator_of_a_large_room_is_labelled(synapse, homeserver):
    owner = fresh(homeserver)
    room = owner.create_room("Large")
    for _ in range(49):
        member = fresh(homeserver)
        member.join(room)
    reading = synapse.read_state(owner.user_id)
    assert reading.reach == 49
    assert {"moderator", "sole_room_admin_50"} <= set(reading.labels)


# --- reports ----------------------------------------------------------------------------


def test_reports_are_pulled_oldest_first_with_the_message_as_evidence(synapse, homeserver, user):
    puller: PullsReports = synapse
    assert isinstance(puller, PullsReports)
    alice, carol, room = homeserver.users["alice"], homeserver.users["carol"], homeserver.room
    before = list(synapse.pull_reports(after=None))
    cursor = before[-1][0] if before else None
    event = user.send(room, "Cheap watches!")
    carol.report_event(room, event, "Obvious SPAM")
    alice.report_user(user.user_id, "harassing people")
    pulled = list(synapse.pull_reports(after=cursor))
    assert list(synapse.pull_reports(after=pulled[-1][0])) == []
    about_message, about_user = (report for _, report in pulled)
    assert (about_message.account, about_message.reporter) == (user.user_id, carol.user_id)
    assert (about_message.category, about_message.text) == ("spam", "Obvious SPAM")
    assert about_message.content == f"{room}/{event}"
    assert about_message.evidence[0]["event"]["content"]["body"] == "Cheap watches!"
    assert (about_user.account, about_user.content, about_user.category) == (user.user_id, None, "abuse")
    # Evidence outlives the message, and the keys stay.
    synapse.apply(operation(user, Action.REMOVE_CONTENT, f"{room}/{event}"))
    again = list(synapse.pull_reports(after=cursor))
    assert [report.key for _, report in again] == [about_message.key, about_user.key]
    assert again[0][1].evidence == about_message.evidence


def test_many_reports_are_pulled_page_by_page_and_from_any_cursor(synapse, homeserver, user):
    carol, room = homeserver.users["carol"], homeserver.room
    newest = [cursor for cursor, _ in synapse.pull_reports(after=None)][-1:]
    event = user.send(room, "x")
    for number in range(120):
        carol.report_event(room, event, f"reason {number}")
    pulled = list(synapse.pull_reports(after=newest[0] if newest else None))
    assert [report.text for _, report in pulled] == [f"reason {number}" for number in range(120)]
    assert [report.text for _, report in synapse.pull_reports(after=pulled[99][0])] == [
        f"reason {number}" for number in range(100, 120)
    ]


# --- answers that never come ------------------------------------------------------------


@pytest.fixture
def proxied(homeserver: Homeserver, connect: Connect) -> Iterator[tuple[Proxy, Synapse]]:
    proxy = Proxy(int(homeserver.base_url.rpartition(":")[2]))
    connector = connect(homeserver, proxy.base_url)
    yield proxy, connector
    proxy.refuse()


def test_a_deactivation_whose_answer_is_lost_can_still_be_undone_in_full(synapse, homeserver, user, proxied):
    """What an undo needs lies on the homeserver before the account is touched."""
    proxy, connector = proxied
    homeserver.admin.call("PUT", f"{ADMIN}/v2/users/{q(user.user_id)}", {"displayname": "Kept Name"})
    proxy.swallow_when = lambda data: b"id_server_unbind_result" in data
    done = operation(user, Action.DEACTIVATE)
    with pytest.raises(PlatformAnswerLost):
        connector.apply(done)
    assert synapse.read_state(user.user_id).measures == {"deactivated"}
    undone = synapse.undo(inverse(done, None))
    assert entry(homeserver, user)["displayname"] == "Kept Name"
    assert not any(homeserver.room in loss for loss in undone.losses)


def test_a_redaction_whose_answer_is_lost_can_still_be_undone(synapse, homeserver, user, proxied):
    proxy, connector = proxied
    event = user.send(homeserver.room, "lost and found")
    proxy.swallow_when = lambda data: b"redact_id" in data
    done = operation(user, Action.REMOVE_CONTENT, f"{homeserver.room}/{event}")
    with pytest.raises(PlatformAnswerLost):
        connector.apply(done)
    for _ in range(100):
        if synapse.read_state(user.user_id, content=done.target.content).measures:
            break
    synapse.undo(inverse(done, None))
    assert bodies(homeserver.users["alice"], homeserver.room, user) == ["lost and found"]


class GoesAwayAfter(httpx.HTTPTransport):
    """The network to the homeserver, which is gone once a request to this path was answered."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._gone = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._gone:
            raise httpx.ConnectError("refused", request=request)
        answer = super().handle_request(request)
        self._gone = self._path in request.url.path
        return answer


def test_a_failure_after_the_first_change_is_never_called_nothing_happened(homeserver, user, connect):
    first, second = sorted(user.upload(text) for text in (b"first", b"second"))
    connector = connect(homeserver, transport=GoesAwayAfter("/media/quarantine/"))
    with pytest.raises(PlatformAnswerLost, match="in part"):
        connector.apply(operation(user, Action.REMOVE_CONTENT, first, second))
    assert (user.download(first), user.download(second)) == (404, 200)


# --- what it refuses --------------------------------------------------------------------


@pytest.mark.parametrize("action", [Action.LIMIT, Action.LOCK, Action.SUSPEND, Action.DEACTIVATE, Action.DELETE])
def test_it_never_locks_itself_out(synapse, homeserver, action):
    for spelt in (homeserver.admin.user_id, "@ADMIN:lab.test"):
        with pytest.raises(PlatformRefused, match="itself"):
            synapse.apply(operation(spelt, action))
    assert synapse.read_state(homeserver.admin.user_id).measures == frozenset()


def test_r20_a_watcher_of_its_own_reads_and_cannot_be_locked_out_either(homeserver, user, connect):
    watcher = fresh(homeserver, admin=True)
    connector = connect(homeserver, watch_token=watcher.token)
    assert connector.read_state(user.user_id).ref == user.user_id
    with pytest.raises(PlatformRefused, match="itself"):
        connector.apply(operation(watcher, Action.DEACTIVATE))


def test_accounts_of_other_homeservers_are_refused_in_clear_words(synapse):
    with pytest.raises(PlatformRefused, match="another homeserver"):
        synapse.apply(operation("@somebody:elsewhere.test", Action.DEACTIVATE))
    with pytest.raises(NoSuchAccount, match="another homeserver"):
        synapse.read_state("@somebody:elsewhere.test")


@pytest.mark.parametrize("ref", ["bob", "@bob", "@nobody-here:lab.test", "", "@bob:lab.test/../admin"])
def test_accounts_that_are_none_are_not_found(synapse, ref):
    with pytest.raises(NoSuchAccount):
        synapse.read_state(ref)


@pytest.mark.parametrize(
    "item", ["$event", "mxc://lab.test/none", "!nowhere:lab.test", "!nowhere:lab.test/$none", "http://lab.test/x", ""]
)
def test_content_that_is_none_is_not_found(synapse, homeserver, item):
    with pytest.raises(NoSuchAccount):
        synapse.resolve(homeserver.users["bob"].user_id, content=(item,))


def test_an_event_of_one_room_is_not_found_under_another(synapse, homeserver, user):
    other = user.create_room("Elsewhere")
    with pytest.raises(NoSuchAccount):
        synapse.resolve(user.user_id, content=(f"{other}/{homeserver.events[0]}",))


def test_room_state_is_not_a_message(synapse, homeserver, user):
    room = user.create_room("Named")
    state = user.call("GET", f"{CLIENT}/rooms/{q(room)}/state")
    name = next(each["event_id"] for each in state if each["type"] == "m.room.name")
    with pytest.raises(PlatformRefused, match="room state"):
        synapse.apply(operation(user, Action.REMOVE_CONTENT, f"{room}/{name}"))


def test_stickers_are_redacted_in_their_authors_name(synapse, homeserver, user):
    path = f"{CLIENT}/rooms/{q(homeserver.room)}/send/m.sticker/s1"
    event = user.call("PUT", path, {"body": "rude", "url": "mxc://lab.test/x", "info": {}})["event_id"]
    done = operation(user, Action.REMOVE_CONTENT, f"{homeserver.room}/{event}")
    answer = synapse.apply(done)
    assert body(homeserver.users["alice"], homeserver.room, event) is None
    synapse.undo(inverse(done, answer))
    assert synapse.read_state(user.user_id, content=done.target.content).measures == frozenset()


def test_a_token_of_somebody_else_is_told_before_anything_is_done(homeserver, user, connect):
    stranger = fresh(homeserver, admin=True)
    connector = connect(homeserver, by=stranger)
    with pytest.raises(PlatformUnreachable, match="not @admin"):
        connector.apply(operation(user, Action.SUSPEND))
    assert not entry(homeserver, user)["suspended"]


def test_a_token_without_power_is_refused_and_changes_nothing(homeserver, user):
    bob = homeserver.users["bob"]
    made = Synapse("lab", homeserver.base_url, bob.user_id, bob.token, clock=SystemClock())
    with closing(made) as connector, pytest.raises(PlatformRefused, match="not a server admin"):
        connector.apply(operation(user, Action.SUSPEND))
    assert not entry(homeserver, user)["suspended"]
