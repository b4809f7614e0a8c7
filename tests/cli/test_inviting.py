"""`gardefou staff invite` and `gardefou login --invited`; and what the doctor says of passkeys."""

from __future__ import annotations

import re

from .conftest import Shell


def founded(shell: Shell) -> tuple[str, str, str]:
    """End setup with a newcomer who never signed in; return their pseudonym, and two people's sign-ins."""
    newcomer = shell.json("staff", "add", "--role", "reviewer")["pseudonym"]
    lead = shell.json("staff", "add", "--role", "lead", "--team", "other")
    kept = shell.data / "signin"
    first = kept.read_text()
    shell.run("login", "--link", lead["link"])
    second = kept.read_text()
    kept.write_text(first)
    shell.run("setup", "finish")
    return newcomer, first, second


def as_(shell: Shell, signin: str) -> Shell:
    (shell.data / "signin").write_text(signin)
    return shell


def test_two_people_invite_on_the_command_line_and_the_newcomer_comes_in(shell):
    newcomer, admin, lead = founded(shell)
    said = as_(shell, admin).text("staff", "invite", newcomer)
    (first,) = re.findall(r"^  (\S+)$", said, re.MULTILINE)
    assert first not in shell.text("staff", "invite", newcomer, "--show")
    made = as_(shell, lead).json("staff", "invite", newcomer)
    assert len(made["out"]) == 2
    (shell.data / "signin").unlink()
    assert "invite/refused" in shell.error("login", "--invited", stdin=f"{first}\n{first}\n")
    assert "invite/half" in shell.error("login", "--invited", stdin=f"{first}\nnonsense\n")
    came = shell.json("login", "--invited", stdin=f"{made['half']}\n{first}\n")
    assert (came["whose"], came["strong"]) == (newcomer, True)
    assert shell.json("login", "--key-stdin", stdin=f"{came['signin_key']}\n")["whose"] == newcomer
    assert "invite/refused" in shell.error("login", "--invited", stdin=f"{made['half']}\n{first}\n")
    assert "staff/has_a_way_in" in as_(shell, admin).error("staff", "invite", newcomer)


def test_i13_no_token_invites_and_all_halves_are_withdrawn_at_once(shell):
    newcomer, admin, _ = founded(shell)
    token = as_(shell, admin).json("token", "issue", "--mine", "--scope", "read,admin:write")["secret"]
    assert "invite/in_person" in shell.error("staff", "invite", newcomer, token=token)
    shell.run("staff", "invite", newcomer)
    assert shell.json("staff", "invite", newcomer, "--withdraw")["out"] == []
    assert "invite/not_found" in shell.error("staff", "invite", newcomer, "--withdraw")
    assert "cli/usage" in shell.error("staff", "invite", newcomer, "--withdraw", "--show")


def test_the_doctor_says_who_could_sign_and_where_nobody_could(shell):
    def said(status: int = 0) -> str:
        checks = shell.json("doctor", status=status)["checks"]
        return next(one["says"] for one in checks if one["what"] == "passkeys")

    assert said() == "0 of the 1 on duty who may approve have one that counts"
    founded(shell)
    assert said() == (
        "0 of the 2 on duty who may approve have one that counts: nobody could sign a yes for a protected account, "
        "and all go unsigned"
    )
    from gardefou.bootstrap import open_app
    from gardefou.flow.changes.settings import write_setting
    from gardefou.settings import Settings

    app = open_app(Settings(data=shell.data))
    with app.works.begin() as uow:
        write_setting(uow, "passkey_approvals", value="required", by="system")
    app.works.store.close()
    assert "nobody can say yes for a protected account" in said(1)
