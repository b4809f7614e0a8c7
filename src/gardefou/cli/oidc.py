"""`gardefou oidc`: what proves this installation to the organisation's identity provider, and whether that works."""

from __future__ import annotations

import sys
from typing import Any

import click
import orjson

from gardefou.cli.common import Cli, cli_command, examples, fail
from gardefou.errors import GardefouError, InvalidInput
from gardefou.people.keys import KeyStore
from gardefou.people.roles import Power


@click.group("oidc")
def oidc() -> None:
    """Sign people in through the organisation's identity provider (OpenID Connect)."""


@oidc.command("secret", epilog=examples("gardefou oidc secret < secret", "gardefou oidc secret"))
@cli_command
def secret(ctx: Cli) -> None:
    """Keep the client's secret, read from standard input, in this machine's key store; it replaces key and secret."""
    ctx.actor().require(Power.SETTINGS, ctx.app.now())
    if sys.stdin.isatty():
        given = str(click.prompt("Client secret", hide_input=True, err=True)).strip()
    else:
        given = sys.stdin.readline().strip()
    if not given:
        raise InvalidInput("oidc/secret", "There was no secret on standard input.", field="secret")
    KeyStore(ctx.settings.keys_folder).keep_oidc_client({"client_secret": given})
    ctx.out.data({"kept": "client_secret"}, "Kept, on this machine; nodes read it at the next sign-in.")


@oidc.command("key", epilog=examples("gardefou oidc key", "gardefou oidc key --json"))
@click.option("--new", is_flag=True, help="Make a new one in place of the secret or key there is.")
@cli_command
def key(ctx: Cli, new: bool) -> None:
    """Print the public key that the provider is given in place of a secret (private_key_jwt), making it at first."""
    from gardefou.people.oidc.client_key import new_key, public

    ctx.actor().require(Power.SETTINGS, ctx.app.now())
    keys = KeyStore(ctx.settings.keys_folder)
    held = keys.oidc_client() or {}
    if held and "private_key" not in held and not new:
        raise InvalidInput(
            "oidc/secret", "There is a client secret; give --new to use a key in its place.", field="new"
        )
    if new or "private_key" not in held:
        private, shown = new_key()
        keys.keep_oidc_client({"private_key": private})
    else:
        shown = public(held["private_key"])
    document = {"keys": [shown]}
    ctx.out.data(document, orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


@oidc.command("check", epilog=examples("gardefou oidc check", "gardefou oidc check --json"))
@cli_command
def check(ctx: Cli) -> None:
    """Ask the provider what it is, and say what does not fit. Exit status 1 when something does not."""
    from gardefou.web.openid import CALLBACK, OpenId

    openid = OpenId(ctx.settings)
    found: dict[str, Any] = {
        "issuer": ctx.settings.oidc_issuer,
        "client_id": ctx.settings.oidc_client_id,
        "redirect_uri": ctx.settings.address + CALLBACK,
        "backchannel_logout_uri": ctx.settings.address + "/oidc/backchannel-logout",
    }
    wrong: list[str] = []
    try:
        provider = openid.provider
        metadata = provider.metadata()
        found["keys"] = provider.published.count()
        found["logs_out"] = bool(metadata.get("backchannel_logout_supported"))
        if not found["keys"]:
            wrong.append("It publishes no key that signs in a way that counts.")
    except GardefouError as error:
        wrong.append(error.message)
    finally:
        openid.close()
    held = KeyStore(ctx.settings.keys_folder).oidc_client()
    if held is None:
        wrong.append(
            "This machine has neither a secret nor a key for it; see `gardefou oidc secret` and `gardefou oidc key`."
        )
    ctx.out.data({**found, "proved_by": None if held is None else next(iter(held)), "wrong": wrong})
    ctx.out.pairs([(name.replace("_", " "), value) for name, value in found.items()])
    for line in wrong:
        ctx.out.line(line)
    if wrong:
        fail()
