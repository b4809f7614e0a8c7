"""Writes docs/reference/nets/*.md from the shipped sets: run it after changing one."""

from __future__ import annotations

import sys
from pathlib import Path

from gardefou.nets.net import Net, duration_text
from gardefou.nets.shipped import load_shipped

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference" / "nets"
WORDS = {
    "default": "for a platform with leads and policy people to ask",
    "small-team": "for a homeserver or forum with two or a few moderators; up to severity 3 another person's yes ends "
    "a hold that nobody else is asked beside, and their no the enforcement",
    "solo": "for one person",
}


def asked(net: Net) -> list[str]:
    """Return what a net asks for, a line each."""
    verdict = net.asks
    lines = [f"Refused: {reason}" for reason in verdict.refusals]
    lines += [requirement.in_words() for requirement in verdict.approvals]
    if verdict.fresh_auth_minutes is not None:
        lines.append(f"a strong sign-in not older than {verdict.fresh_auth_minutes} minutes")
    if verdict.hold_seconds:
        lines.append(f"a hold of {duration_text(verdict.hold_seconds)}")
    lines += [f"the {what} to be confirmed" for what in verdict.confirm]
    if verdict.notify:
        lines.append(f"{', '.join(verdict.notify)} to be told")
    return lines


def page(name: str) -> str:
    """Return the reference page of a shipped set."""
    parts = [
        f"# The nets of `{name}`",
        (
            f"Shipped {WORDS[name]}. Every net that matches is asked; what they ask for is joined,"
            " so that none can weaken another."
        ),
    ]
    for net in load_shipped(name):
        wants = "\n".join(f"- {line}" for line in asked(net))
        parts += [f"## `{net.id}`", f"{net.title}.", f"Why: {net.because}", "When:", f"```text\n{net.when}\n```"]
        parts += ["Asks for:", wants]
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Write every page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in WORDS:
        (FOLDER / f"{name}.md").write_text(page(name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
