"""`gardefou oidc`, and people whom the identity provider knows."""

from __future__ import annotations

import stat

from gardefou.people.oidc.client_key import public


def test_the_clients_secret_is_kept_for_its_owner_and_printed_nowhere(shell):
    result = shell.run("oidc", "secret", stdin="of-the-client\n")
    file = shell.data / "keys" / "oidc.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "of-the-client" in file.read_text()
    assert "of-the-client" not in result.stdout + result.stderr
    assert "oidc/secret" in shell.error("oidc", "secret", stdin="\n")
    assert "auth/signed_out" in _signed_out(shell)


def _signed_out(shell) -> str:
    shell.run("logout")
    return shell.error("oidc", "secret", stdin="of-another\n")


def test_a_key_is_made_once_and_only_its_public_half_is_printed(shell):
    first = shell.json("oidc", "key")
    assert shell.json("oidc", "key") == first
    assert "d" not in first["keys"][0]
    from gardefou.people.keys import KeyStore

    held = KeyStore(shell.data / "keys").oidc_client()
    assert held is not None
    assert public(held["private_key"]) == first["keys"][0]
    assert shell.json("oidc", "key", "--new") != first
    shell.run("oidc", "secret", stdin="of-the-client\n")
    assert "oidc/secret" in shell.error("oidc", "key")


def test_a_check_without_a_provider_says_what_is_missing(shell):
    found = shell.json("oidc", "check", status=1)
    assert found["redirect_uri"] == "http://127.0.0.1:8700/oidc/callback"
    assert len(found["wrong"]) == 2


def test_r5_nobody_is_added_as_somebody_who_is_here(shell):
    shell.env["GARDEFOU_OIDC_ISSUER"] = "https://id.example.org"
    added = shell.json("staff", "add", "--role", "reviewer", "--subject", "u-1", "--name", "Ann")
    assert "staff/identity" in shell.error("staff", "add", "--role", "lead", "--subject", "u-1")
    # Another provider's is another person; one who has left gives way.
    shell.run("staff", "add", "--role", "lead", "--subject", "u-1", "--issuer", "https://other.example.org")
    shell.run("staff", "off", added["pseudonym"])
    shell.run("staff", "add", "--role", "reviewer", "--subject", "u-1")
    del shell.env["GARDEFOU_OIDC_ISSUER"]
    assert "staff/issuer" in shell.error("staff", "add", "--role", "lead", "--subject", "u-9")


def test_a_secret_that_came_out_is_ended_without_being_signed_in(shell):
    made = shell.json("token", "issue", "--service", "forms", "--scope", "reports:write", "--purpose", "The form")
    shown = [one for one in shell.json("token", "list")["tokens"] if one["service"]]
    assert [(one["purpose"], one["service"], one["last_used_at"]) for one in shown] == [("The form", "forms", None)]
    key = shell.json("token", "issue", "--mine", "--scope", "read")["secret"]
    assert shell.json("token", "list", token=key)["tokens"]
    assert any(one["last_used_at"] for one in shell.json("token", "list")["tokens"])
    taken = shell.run("token", "revoke", "--leaked", stdin=made["secret"] + "\n", token="gf_nobody")
    assert made["secret"] not in taken.stdout
    assert "forms" not in [one["service"] for one in shell.json("token", "list")["tokens"]]
    assert "auth/token" in shell.error("token", "revoke", "--leaked", stdin="\n")
