"""What SCIM says of people and groups here: only the attributes that serve a purpose; all others are ignored.

`User` has neither roles nor entitlements: what a client states there changes nothing.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Extension,
    Filter,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    Returned,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)
from scim2_models.resources.resource import AnyExtension

#: Most resources in one answer.
MOST = 200

Text = Annotated[str, StringConstraints(max_length=1024)]
Day = Annotated[str, StringConstraints(max_length=120)]
Name128 = Annotated[str, StringConstraints(max_length=128)]

#: As Microsoft Entra and Okta need it: unknown attributes are dropped, a remove may select by value, and a path
#: whose filter matches nothing makes the entry that it describes.
POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue["apply"],
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


class Name(ComplexAttribute):
    """The parts of a person's name."""

    formatted: Text | None = None
    family_name: Text | None = None
    given_name: Text | None = None
    middle_name: Text | None = None
    honorific_prefix: Text | None = None
    honorific_suffix: Text | None = None


class Email(ComplexAttribute):
    """An address; never who somebody is."""

    value: Text | None = None
    display: Text | None = None
    type: Text | None = Field(default=None, examples=["work", "home", "other"])
    primary: bool | None = None


class PhoneNumber(ComplexAttribute):
    """A telephone number."""

    value: Text | None = None
    display: Text | None = None
    type: Text | None = Field(default=None, examples=["work", "home", "mobile", "other"])
    primary: bool | None = None


class Membership(ComplexAttribute):
    """A group that a person is in."""

    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    ref: Annotated[Reference[Group] | None, Mutability.read_only] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    display: Annotated[str | None, Mutability.read_only] = None
    type: Annotated[str | None, Mutability.read_only] = Field(default=None, examples=["direct"])


class User(Resource[AnyExtension]):
    """User Account"""  # noqa: D415 - published as it stands

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[Text | None, Uniqueness.server, Required.true] = None
    """Unique identifier of the person at the client."""

    name: Name | None = None
    """The components of the person's name."""

    display_name: Text | None = None
    """The name as it is shown."""

    title: Text | None = None
    """The person's title."""

    user_type: Text | None = None
    """The relation between organisation and person."""

    preferred_language: Text | None = None
    """The person's preferred language."""

    timezone: Text | None = None
    """Where a last day without a time zone of its own ends, in the Olson database's names."""

    active: bool | None = None
    """Whether the person may act. False takes effect at once; true after false waits for people."""

    emails: list[Email] | None = None
    """Addresses."""

    phone_numbers: list[PhoneNumber] | None = None
    """Telephone numbers."""

    groups: Annotated[list[Membership] | None, Mutability.read_only] = None
    """The groups that the person is in."""


class GardefouUser(Extension):
    """What Gardefou knows of an employment, and who the person is to the identity provider."""

    __schema__ = URN("urn:ietf:params:scim:schemas:extension:gardefou:2.0:User")

    employment_start: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        default=None, examples=["2026-03-01", "2026-03-01T09:00:00Z"]
    )
    """The first day. It is kept; tenure counts from when the person came here."""

    employment_end: Annotated[str, StringConstraints(max_length=120)] | None = Field(
        default=None, examples=["2099-12-31", "2099-12-31[Europe/Paris]", "2099-12-31T17:00:00+01:00"]
    )
    """The last day; it ends at 23:59 in the zone behind it, in that of timezone, or in UTC. A later one waits."""

    employer: Name128 | None = None
    """Who employs the person, where it is not the organisation itself."""

    team: Name128 | None = None
    """The team; another one waits for people."""

    issuer: Annotated[Text | None, CaseExact.true] = None
    """The identity provider that knows the person as subject."""

    subject: Annotated[Text | None, CaseExact.true] = None
    """Who the person is there: with issuer, and settled once the person has a role or has signed in."""

    not_in_effect: Annotated[list[str] | None, Mutability.read_only, Returned.request] = None
    """The attributes whose stated value is not in effect: it waits for people, or people decided otherwise."""


class Member(ComplexAttribute):
    """A person in a group."""

    value: Annotated[Text | None, Mutability.immutable, CaseExact.true] = None
    ref: Annotated[Reference[User[Any]] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    type: Annotated[str | None, Mutability.immutable] = Field(default=None, examples=["User"])


class Group(Resource[Any]):
    """Group"""  # noqa: D415 - published as it stands

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[Name128 | None, Required.true] = None
    """The name, by which the setting scim_groups says what it stands for."""

    members: list[Member] | None = None
    """The people in it; groups in groups are not taken."""


Person = User[GardefouUser]

CONFIG = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
    filter=Filter(supported=True, max_results=MOST),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=True),
    etag=ETag(supported=True),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="Bearer token",
            description="A service's token of the scope scim: gardefou token issue --service NAME --scope scim",
            primary=True,
        )
    ],
)

PROVIDER = ScimProvider(
    models=[User, GardefouUser, Group],
    resource_types=[ResourceType.from_resource(Person), ResourceType.from_resource(Group)],
    config=CONFIG,
    policy=POLICY,
)
