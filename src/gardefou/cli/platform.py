"""`gardefou platform`: registering platforms, and checking what we can do there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import orjson
import sqlalchemy as sa

from gardefou.cli.changes import change, tell
from gardefou.cli.common import Cli, cli_command, examples, fail
from gardefou.cli.platform_check import check_platform
from gardefou.domain.records import PlatformEntry
from gardefou.domain.states import State
from gardefou.errors import InvalidInput, Unavailable
from gardefou.flow.app import App
from gardefou.people.keys import KeyStore
from gardefou.people.roles import Power
from gardefou.platforms.protocol import PlatformError
from gardefou.storage import tables
from gardefou.storage.records import fetch_all, get

_KINDS = click.Choice(["sandbox", "synapse", "webhook"])


@click.group("platform")
def platform() -> None:
    """Register platforms, and see what can be done there."""


@platform.command("list", epilog=examples("gardefou platform list", "gardefou platform list --json"))
@cli_command
def list_(ctx: Cli) -> None:
    """List the registered platforms."""
    app = ctx.app
    ctx.actor().require(Power.READ, app.now())
    with app.works.read() as connection:
        found = fetch_all(
            connection, PlatformEntry, sa.select(tables.platform_entry).order_by(tables.platform_entry.c.id)
        )
    ctx.out.data(
        {
            "platforms": [
                {
                    "name": one.id,
                    "kind": one.kind,
                    "endpoint": one.endpoint,
                    "sandbox": one.sandbox,
                    "active": one.active,
                    "added_at": one.added_at,
                    "config": dict(one.config),
                }
                for one in found
            ]
        }
    )
    ctx.out.table(
        ("name", "kind", "endpoint", "in use", "since"),
        [(one.id, one.kind, one.endpoint, one.active, one.added_at) for one in found],
        empty="No platforms are registered; see `gardefou platform add --help`.",
    )


@platform.command(
    "add",
    epilog=examples(
        "gardefou platform add matrix --kind synapse --url https://m.example --admin @mod:m.example --secrets-stdin",
        "gardefou platform add forum --kind webhook --url https://forum.example.org/gardefou --secrets-stdin < secret",
        "gardefou platform add trial --kind sandbox",
    ),
)
@click.argument("name")
@click.option("--kind", required=True, type=_KINDS, help="Which connector.")
@click.option("--url", default="", help="Where it is: the homeserver, or the base URL of the webhook.")
@click.option("--admin", default="", metavar="@USER:SERVER", help="synapse: the administrator whose token it is.")
@click.option(
    "--describe",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="webhook: a describe document; left out, the platform is asked.",
)
@click.option("--allow-private", multiple=True, metavar="HOST", help="webhook: a host that may be on your own network.")
@click.option(
    "--secrets-stdin",
    is_flag=True,
    help="Read the secrets, one a line. synapse: the token, then optionally the watcher's; webhook: newest first.",
)
@cli_command
def add(
    ctx: Cli,
    name: str,
    kind: str,
    url: str,
    admin: str,
    describe: Path | None,
    allow_private: tuple[str, ...],
    secrets_stdin: bool,
) -> None:
    """Register a platform, once. Its secrets go into this machine's key store, never into the database.

    After setup it waits for people. The same endpoint cannot be registered
    twice. Adding a registered one again renews its configuration and secrets.
    """
    app = ctx.app
    actor = ctx.actor()
    actor.require(Power.PLATFORMS, app.now())
    secrets = _secrets(kind, given=secrets_stdin)
    config, credentials = _configured(kind, url=url, admin=admin, allow_private=allow_private, secrets=secrets)
    if kind == "webhook":
        config["describe"] = _described(app, config, credentials, describe)
    endpoint = _endpoint(app, name, kind, config, credentials)
    with app.works.read() as connection:
        known = get(connection, PlatformEntry, "gardefou", name) is not None
    keys = KeyStore(ctx.settings.keys_folder)
    if credentials and not known:
        # There before the change is in force: the connector is made with it at that moment.
        keys.keep(name, credentials)
    made = change(ctx, actor, "platform", {"name": name, "kind": kind, "config": config, "endpoint": endpoint})
    if credentials and known:
        if made.state == State.IN_FORCE.value:
            keys.keep(name, credentials)
        else:
            ctx.out.note("Its secrets were not renewed; run the same command again once this is approved.")
    tell(ctx, made, endpoint=endpoint)


@platform.command(
    "check",
    epilog=examples("gardefou platform check sandbox", "gardefou platform check matrix --account @bob:example.org"),
)
@click.argument("name")
@click.option(
    "--account", metavar="REF", help="An account to read there; left out, the administrator's own where there is one."
)
@cli_command
def check(ctx: Cli, name: str, account: str | None) -> None:
    """Can we read, apply and undo there, and with what loss? Exits 1 when we cannot.

    On a real platform nothing is ever applied for a check: what it describes and
    what our credentials may read tells. On a sandbox a scratch account is
    limited and freed again, the way everything goes.
    """
    actor = ctx.actor()
    actor.require(Power.READ, ctx.app.now())
    found = check_platform(ctx.app, actor, name, account)
    ctx.out.data(found.to_json(), *(f"{'OK ' if step.ok else 'BAD'} {step.what}: {step.says}" for step in found.steps))
    ctx.out.line()
    ctx.out.table(
        ("action", "there", "severity", "undone", "not brought back"),
        [
            (one.action.value, one.word or one.says, one.severity, one.reversibility.value, one.losses)
            for one in found.description.capabilities.values()
        ],
        empty="It describes no actions.",
    )
    if not found.ok:
        fail()


# registering ---------------------------------------------------------------------------


def _secrets(kind: str, *, given: bool) -> list[str]:
    if kind == "sandbox":
        return []
    if given:
        lines = [line.strip() for line in sys.stdin.read().splitlines() if line.strip()]
    elif sys.stdin.isatty():
        what = "The administrator's access token" if kind == "synapse" else "The signing secret (whsec_…)"
        lines = [click.prompt(what, hide_input=True, err=True).strip()]
    else:
        lines = []
    if not lines:
        raise InvalidInput(
            "platform/secrets", "Give its secrets: --secrets-stdin reads them, one a line.", field="secrets"
        )
    return lines


def _configured(
    kind: str, *, url: str, admin: str, allow_private: tuple[str, ...], secrets: list[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return configuration and credentials of a new platform, checked as far as words go."""
    if kind == "sandbox":
        return {}, {}
    if not url:
        raise InvalidInput("platform/url", "Say where it is: --url.", field="url")
    if kind == "synapse":
        if not admin.startswith("@") or ":" not in admin:
            raise InvalidInput("platform/admin", "Name the administrator as @user:server with --admin.", field="admin")
        if len(secrets) > 2:
            raise InvalidInput("platform/secrets", "Give one token, or a second one for the watcher.", field="secrets")
        credentials = {"token": secrets[0], **({"watch_token": secrets[1]} if len(secrets) > 1 else {})}
        return {"base_url": url, "admin": admin}, credentials
    return {"base_url": url, "allow_private": list(allow_private)}, {"secrets": " ".join(secrets)}


def _described(app: App, config: dict[str, Any], credentials: dict[str, str], file: Path | None) -> dict[str, Any]:
    """Return the describe document of a webhook platform, from a file or from the platform itself."""
    from gardefou.platforms.webhook import WebhookCalls, WebhookSettings, described_in_settings

    settings = WebhookSettings(
        base_url=config["base_url"],
        secrets=tuple(credentials["secrets"].split()),
        allow_private=frozenset(config["allow_private"]),
    )
    if file is not None:
        try:
            document = orjson.loads(file.read_bytes())
        except orjson.JSONDecodeError as error:
            raise InvalidInput("platform/describe", f"{file} is not JSON: {error}.", field="describe") from error
        if not isinstance(document, dict):
            raise InvalidInput("platform/describe", f"{file} is no JSON object.", field="describe")
        described_in_settings(document, settings)  # pyright: ignore[reportUnknownArgumentType]
        return document  # pyright: ignore[reportUnknownVariableType]
    calls = WebhookCalls(settings, clock=app.clock, ids=app.ids)
    try:
        return calls.describe()
    except PlatformError as error:
        raise Unavailable(
            "platform/unavailable", f"{config['base_url']} does not say what it can do: {error}"
        ) from error
    finally:
        calls.close()


def _endpoint(app: App, name: str, kind: str, config: dict[str, Any], credentials: dict[str, str]) -> str:
    """Return the proven endpoint: read at the platform with the credentials at hand (R9).

    Raises:
        Unavailable: it does not answer, or not to these credentials (`platform/unavailable`).
    """
    if kind == "sandbox":
        return f"sandbox:{name}"
    if kind == "webhook":
        from gardefou.platforms.webhook_wire import description

        return description(config["describe"], url=config["base_url"].rstrip("/")).endpoint
    from gardefou.platforms.synapse import Synapse

    connector = Synapse(
        name,
        config["base_url"],
        config["admin"],
        credentials["token"],
        clock=app.clock,
        watch_token=credentials.get("watch_token"),
    )
    try:
        connector.read_state(config["admin"])
        return connector.describe().endpoint
    except PlatformError as error:
        raise Unavailable(
            "platform/unavailable", f"{config['base_url']} does not take these credentials: {error}"
        ) from error
    finally:
        connector.close()
