"""What each call takes: exact types, unknown fields refused, an example with every one."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from gardefou.errors import InvalidInput
from gardefou.flow.report_input import parse_moment, said
from gardefou.web.posts import Body

_MAX_LIST = 10_000


def _clean(value: str) -> str:
    if "\x00" in value:
        message = "it holds a character that is no text"
        raise ValueError(message)
    return value


def _moment(value: object) -> object:
    try:
        return parse_moment(value)
    except InvalidInput as error:
        message = "a moment as RFC 3339 writes it, 2017-11-02T21:45:00Z"
        raise ValueError(message) from error


def _last_day(value: object) -> object:
    """A moment, or a date: then the day ends at 23:59 UTC (M9)."""
    if isinstance(value, str) and len(value) == len("2017-11-02"):
        try:
            return datetime.combine(date.fromisoformat(value), time(23, 59), UTC)
        except ValueError:
            pass
    return _moment(value)


def _texts(value: dict[str, Any]) -> dict[str, Any]:
    _no_nul(value)
    return value


def _no_nul(value: Any) -> None:
    match value:
        case str():
            _clean(value)
        case dict():
            for key, item in value.items():  # pyright: ignore[reportUnknownVariableType]
                _no_nul(key)
                _no_nul(item)
        case list():
            for item in value:  # pyright: ignore[reportUnknownVariableType]
                _no_nul(item)
        case _:
            pass


def _listed(value: object) -> object:
    """A list, or a text with commas, as the command line takes it."""
    return [one.strip() for one in value.split(",")] if isinstance(value, str) else value


Id = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_clean)]
Short = Annotated[str, Field(max_length=512), AfterValidator(_clean)]
Text = Annotated[str, Field(max_length=10_000), AfterValidator(_clean)]
_INSTANT = WithJsonSchema({"type": "string", "format": "date-time"})
Moment = Annotated[datetime, BeforeValidator(_moment), _INSTANT]
LastDay = Annotated[datetime, BeforeValidator(_last_day), _INSTANT]
Object = Annotated[dict[str, Any], AfterValidator(_texts)]
_SCOPES = WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]})
_ITEM = WithJsonSchema({"anyOf": [{"type": "object"}, {"type": "string"}]})
Item = Annotated[Object, BeforeValidator(said), _ITEM]


def _example(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


# cases --------------------------------------------------------------------------


class Next(Body):
    """Which queue to take the next case from; left out, any."""

    model_config = _example({"queue": "impersonation"})
    queue: Short | None = None


class Move(Body):
    """Where a case belongs."""

    model_config = _example({"queue": "spam"})
    queue: Id


class Escalate(Body):
    """Why someone else should look."""

    model_config = _example({"because": "It may be the real one."})
    because: Text = ""


class NewNote(Body):
    """A note for the next one."""

    model_config = _example({"text": "The handle changed yesterday."})
    text: Text


class Confirm(Body):
    """The handle as typed; the ref as chosen among lookalikes."""

    model_config = _example({"handle": "president"})
    handle: Short | None = None
    identity: Short | None = None

    def given(self) -> dict[str, str]:
        """Return what was confirmed."""
        given = {"handle": self.handle, "identity": self.identity}
        return {name: value for name, value in given.items() if value is not None}


class WishBody(Body):
    """One action of a decision."""

    model_config = _example({"action": "suspend", "until": "2030-01-01T00:00:00Z"})
    action: Id
    content: Annotated[list[Id], Field(max_length=_MAX_LIST)] = Field(default_factory=list)
    label: Short | None = None
    until: Moment | None = None
    execute_at: Moment | None = None
    legal_basis: Short | None = None


_DECISION = {
    "policy": "impersonation",
    "rationale": "The photograph and the name are another person's.",
    "actions": [{"action": "suspend"}],
}


class NewDecision(Body):
    """``no_violation``, or a policy and what to do."""

    model_config = _example(_DECISION)
    outcome: Short | None = None
    policy: Short = ""
    rationale: Text = ""
    evidence: list[Item] = Field(default_factory=list)
    actions: list[WishBody] = Field(default_factory=list)
    confirm: Confirm | None = None


# enforcements -------------------------------------------------------------------


class Preview(NewDecision):
    """A decision's or an enforcement's body with the account it would be about; or a decision's, with a case."""

    model_config = _example({"platform": "sandbox", "account": "1001", **_DECISION})
    platform: Short = ""
    account: Short = ""
    case: Short | None = None
    action: Id | None = None
    content: Annotated[list[Id], Field(max_length=_MAX_LIST)] = Field(default_factory=list)
    label: Short | None = None
    until: Moment | None = None
    execute_at: Moment | None = None
    legal_basis: Short | None = None

    def wished(self) -> list[WishBody]:
        """Return what is to be done: ``actions``, or the one action as an enforcement says it.

        Raises:
            InvalidInput: both were said, or an action's details without an action (`input/invalid`).
        """
        details = (self.content, self.label, self.until, self.execute_at, self.legal_basis)
        if self.action is None:
            if any(details):
                raise InvalidInput("input/invalid", "Say which action this is about.", field="action")
            return self.actions
        if self.actions:
            raise InvalidInput("input/invalid", "Give action or actions, not both.", field="actions")
        return [
            WishBody(
                action=self.action,
                content=self.content,
                label=self.label,
                until=self.until,
                execute_at=self.execute_at,
                legal_basis=self.legal_basis,
            )
        ]


class _Enforce(Body):
    platform: Id
    content: Annotated[list[Id], Field(max_length=_MAX_LIST)] = Field(default_factory=list)
    action: Id
    label: Short | None = None
    policy: Short = ""
    rationale: Text = ""
    until: Moment | None = None
    execute_at: Moment | None = None
    legal_basis: Short | None = None
    confirm: Confirm | None = None
    evidence: list[Item] = Field(default_factory=list)


_ENFORCE = {
    "platform": "sandbox",
    "account": "1001",
    "action": "suspend",
    "policy": "spam",
    "rationale": "Sells followers.",
}


class NewEnforcement(_Enforce):
    """One action on one account, or on its items."""

    model_config = _example(_ENFORCE)
    account: Id


class NewBulk(_Enforce):
    """The same action on many accounts."""

    model_config = _example({"platform": "sandbox", "accounts": ["2001", "2002"], "action": "lock", "policy": "spam"})
    accounts: Annotated[list[Id], Field(max_length=_MAX_LIST)]


_DIGEST = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"


class NewAnswer(Body):
    """Yes or no to exactly what was seen."""

    model_config = _example({"digest": _DIGEST, "answer": "yes", "note": "Looked at the papers."})
    digest: Short
    answer: Short
    own_answer: Text = ""
    note: Text = ""
    assertion: dict[Short, Annotated[str, Field(max_length=16_384)]] | None = None


class GroupMember(NewAnswer):
    """One answer of a group."""

    model_config = _example({"enforcement": "0193…", "digest": _DIGEST, "answer": "yes"})
    enforcement: Id


class NewAnswers(Body):
    """Answers to several at once."""

    model_config = _example(
        {
            "approvals": [
                {"enforcement": "01930000-0000-7000-8000-000000000001", "digest": _DIGEST, "answer": "yes"},
            ]
        }
    )
    approvals: Annotated[list[GroupMember], Field(min_length=1, max_length=500)]


class Because(Body):
    """Why, in a line."""

    model_config = _example({"because": "It is the real one."})
    because: Text = ""


class BreakGlass(Body):
    """What to do at once, and what happened."""

    model_config = _example({"action": "lock", "because": "Its owner rang: someone else is posting."})
    action: Id
    because: Text


class TierBody(Body):
    """How much review an account gets."""

    model_config = _example({"tier": "protected", "because": "Head of state.", "until": "2030-01-01T00:00:00Z"})
    tier: Id
    because: Text = ""
    until: Moment | None = None
    handle: Short = ""


class Rollback(Body):
    """Whose enforcements to withdraw, by pseudonym or service, and of which span."""

    model_config = _example({"by": "velor-tami", "since": "2026-03-02T09:00:00Z", "dry_run": True})
    by: Id
    since: Moment
    until: Moment | None = None
    dry_run: bool = False


# people, tokens, nets, platforms ------------------------------------------------


class NewStaff(Body):
    """A person, with at least one role, and a team.

    ``name``, ``email``, and ``subject`` (what the identity provider ``issuer``
    knows them by) go into the sealed directory and nowhere else.
    """

    model_config = _example({"name": "Ada Example", "roles": ["reviewer"], "team": "reports"})
    roles: Annotated[list[Id], Field(min_length=1, max_length=20)]
    team: Short = ""
    employer: Short = ""
    started: Moment | None = None
    last_day: LastDay | None = None
    name: Short = ""
    email: Short = ""
    issuer: Short = ""
    subject: Short = ""
    because: Text = ""


class FindStaff(Body):
    """Whom to find: a whole name, or an address."""

    model_config = _example({"name": "Ada Example"})
    name: Short = ""
    email: Short = ""


class Roles(Body):
    """Roles to add and to remove, or another team."""

    model_config = _example({"add": ["lead"], "because": "Takes over the late shift."})
    add: Annotated[list[Id], Field(max_length=20)] = Field(default_factory=list)
    remove: Annotated[list[Id], Field(max_length=20)] = Field(default_factory=list)
    team: Short = ""
    because: Text = ""


class Certified(Body):
    """One role of one person."""

    model_config = _example({"staff": "velor-tami", "role": "lead"})
    staff: Id
    role: Id


class Certify(Body):
    """Which roles of which people somebody else confirms."""

    model_config = _example({"grants": [{"staff": "velor-tami", "role": "lead"}], "because": "Runs the late shift."})
    grants: Annotated[list[Certified], Field(min_length=1, max_length=500)]
    because: Text = ""


class Leave(Body):
    """The last day: a date (it ends at 23:59 UTC) or a moment; null takes the notice back."""

    model_config = _example({"last_day": "2026-05-31", "because": "Gave notice."})
    last_day: LastDay | None
    because: Text = ""


class Suspend(Body):
    """Off duty for now, or (``end``) back on duty."""

    model_config = _example({"because": "Their laptop was stolen."})
    because: Text = ""
    end: bool = False


class NewToken(Body):
    """A service's token, or one's own (without ``service``).

    ``purpose`` says in a line what the service is for; left out, ``because``
    does. ``client`` is what the identity provider calls one that acts for
    people. With ``platforms`` it reads and acts on those alone. Without
    ``expires`` it lasts for 90 days.
    """

    model_config = _example({"service": "forms", "scope": ["reports:write"], "purpose": "The report form."})
    service: Short | None = None
    scope: Annotated[list[Id], Field(min_length=1, max_length=20), BeforeValidator(_listed), _SCOPES]
    source: Short | None = None
    expires: Moment | None = None
    purpose: Annotated[str, Field(max_length=500)] | None = None
    client: Short | None = None
    platforms: Annotated[list[Id], Field(max_length=100)] = Field(default_factory=list)
    because: Text = ""


class NetsProposal(Body):
    """A whole set as TOML, or nets to remove and to put."""

    model_config = _example({"remove": ["newcomer-bulk"], "because": "The newcomers of spring have learnt it."})
    toml: Annotated[str, Field(max_length=1_000_000), AfterValidator(_clean)] | None = None
    remove: Annotated[list[Id], Field(max_length=500)] = Field(default_factory=list)
    put: Annotated[list[Object], Field(max_length=500)] = Field(default_factory=list)
    name: Short = ""
    because: Text = ""


class NewPlatform(Body):
    """A platform by its kind and configuration; its credentials lie in the key store already."""

    model_config = _example({"name": "chirp", "kind": "sandbox", "because": "To practise on."})
    name: Id
    kind: Short | None = None
    config: Object = Field(default_factory=dict)
    active: bool = True
    because: Text = ""
