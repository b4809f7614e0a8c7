"""Writes docs/reference/nets: a page for each shipped net, and an index for each set. Run it after changing one.

python tools/write_nets_reference.py [--pages]

What a solver finds (an example that makes each net speak, the nearest that does
not, and which invariants rest on it) goes into ``examples.json`` first, in about
a minute; the pages are made of that and of the shipped sets alone. With
``--pages`` what was found stays, and only the pages are written anew.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from gardefou.nets.facts import Facts
from gardefou.nets.floor import ORDINARY
from gardefou.nets.judge import judge
from gardefou.nets.nearest import acts, nearest
from gardefou.nets.net import Net, NetSet
from gardefou.nets.phrase import condition_lines, fact_in_words
from gardefou.nets.phrasebook import duration
from gardefou.nets.prove import prove
from gardefou.nets.sentence import asked, situation_in_words
from gardefou.nets.shipped import SHIPPED, load_shipped
from gardefou.nets.solver import Reader, Situation, Words, z3
from gardefou.speech import listed

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "reference" / "nets"
SCENARIOS = "src/gardefou/scenario/shipped"
WORDS = {
    "default": "for a platform with leads and policy people to ask",
    "small-team": "for a homeserver or forum with two or a few moderators; up to severity 3 another person's yes ends "
    "a hold that nobody else is asked beside, and their no the enforcement",
    "solo": "for one person",
}
#: What a reason names, in the sequence in which it is looked for, and the section of docs/incidents.md that tells it.
INCIDENTS = (
    (r"2017", "eleven-minutes"),
    (r"2019|R16", "reversing-each-other"),
    (r"2020", "tools-taken-over"),
    (r"2022|I3", "sites-deleted-by-script"),
    (r"2024", "forgotten-timer"),
    (r"2026", "hosting-company-suspended"),
    (r"2010", "fake-account-detector"),
    (r"R7\b", "silenced-by-small-means"),
    (r"R13.*pause|M5", "stopped-for-good"),
    (r"R13", "a-burst"),
    (r"R12", "restored-wholesale"),
    (r"R3\b", "the-rules-changed-first"),
    (r"M11", "what-the-law-took-down"),
    (r"M9", "eleven-minutes"),
)
Found = dict[str, dict[str, dict[str, Any]]]


def incidents_of(net: Net) -> list[str]:
    """Return the sections of docs/incidents.md that a net's reason points to."""
    found = [section for pattern, section in INCIDENTS if re.search(pattern, net.because)]
    if "stopped-for-good" in found and "a-burst" in found:
        found.remove("a-burst")
    return list(dict.fromkeys(found))


def sections() -> dict[str, tuple[str, str | None]]:
    """Return each section of docs/incidents.md: its title, and the scenario that replays it."""
    text = (ROOT / "docs" / "incidents.md").read_text(encoding="utf-8")
    found: dict[str, tuple[str, str | None]] = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title = re.search(r"\*\*(.+?)\.\*\*", part)
        scenario = re.search(r"Scenario[^:]*:\s+`([^`]+)`", part)
        found[part.split("\n", 1)[0].strip()] = (title[1] if title else "", scenario[1] if scenario else None)
    return found


# what a solver finds -----------------------------------------------------------------------


def example(net: Net) -> dict[str, Any]:
    """Return the facts nearest to an ordinary click that make a net speak, and those nearest to it that do not."""
    at = Situation("a", Words())
    speaks = Reader(at).speaks(net.condition.node)
    first = nearest(at, [*acts(at), speaks])
    assert first is not None, net.id
    second = nearest(at, [*acts(at), z3().Not(speaks)], base=first)
    assert second is not None, net.id
    return {
        "speaks": {name: value for name, value in first.items() if value != ORDINARY[name]},
        "silent": {name: value for name, value in second.items() if value != first[name]},
    }


def rests_on(nets: NetSet, net: Net, kept: set[str]) -> list[str]:
    """Return the invariants that a set keeps and breaks when a net is taken out."""
    return [one.id for one in prove(nets.changed(remove=[net.id])) if one.id in kept and not one.holds]


def kept_by(nets: NetSet) -> set[str]:
    """Return the invariants that a set keeps."""
    return {one.id for one in prove(nets) if one.holds}


def find_all() -> Found:
    """Return what a solver finds of every shipped net."""
    found: Found = {}
    for name in SHIPPED:
        nets = load_shipped(name)
        kept = kept_by(nets)
        found[name] = {net.id: {**example(net), "rests": rests_on(nets, net, kept)} for net in nets}
    return found


# pages ----------------------------------------------------------------------------------------


def asks_for(net: Net) -> list[str]:
    """Return what a net asks for, a line each."""
    verdict = net.asks
    lines = [f"refused: {reason.rstrip('.')}" for reason in verdict.refusals]
    lines += [requirement.in_words() for requirement in verdict.approvals]
    if verdict.fresh_auth_minutes is not None:
        lines.append(f"a strong sign-in not older than {verdict.fresh_auth_minutes} minutes")
    if verdict.hold_seconds:
        lines.append(f"a hold of {duration(verdict.hold_seconds)}, in which anyone on duty can cancel")
    lines += [f"the {what} to be confirmed" for what in verdict.confirm]
    if verdict.notify:
        lines.append(f"{listed(list(verdict.notify), 'and')} to be told")
    return lines


def taught(net: Net, told: dict[str, tuple[str, str | None]]) -> str:
    """Return the incidents that taught a net, with the scenarios that replay them."""
    lines = [f"{net.because}."]
    for section in incidents_of(net):
        title, scenario = told[section]
        line = f"- [{title}](../../../incidents.md#{section})"
        if scenario is not None:
            line += f"; replayed by [`{scenario}`](../../../../{SCENARIOS}/{scenario}.toml)"
        lines.append(line)
    return lines[0] + "\n\n" + "\n".join(lines[1:])


def page(name: str, net: Net, found: dict[str, Any], told: dict[str, tuple[str, str | None]]) -> str:
    """Return the reference page of one net."""
    nets = load_shipped(name)
    lines = condition_lines(net.condition.node)
    when = (
        f"Where {lines[0]}."
        if len(lines) == 1
        else "\n".join(["Where all of this holds:", "", *(f"- {line}" for line in lines)])
    )
    speaks = {**ORDINARY, **found["speaks"]}
    silent = listed([fact_in_words(fact, value) for fact, value in found["silent"].items()], "and")
    act = situation_in_words(speaks)
    together = asked(judge(nets, Facts.of(speaks)))
    rests = found["rests"]
    rows = [f"| `{spec.name}` | {spec.says} | {_protective(spec.most_protective)} |" for spec in net.condition.reads]
    parts = [
        f"# {net.title}",
        f"Net `{net.id}` of the set [`{name}`](../{name}.md).",
        "## When it speaks",
        when,
        f"```text\n{net.when}\n```",
        "## What it asks for",
        "\n".join(f"- {line}" for line in asks_for(net)),
        "## What taught it",
        taught(net, told),
        "## An example",
        f"It speaks on {act}. Of the whole set, {together}.",
        f"The nearest on which it is silent: the same, but {silent}.",
        "## What rests on it",
        (
            f"Without it the set breaks {listed([f'[{one}](../{name}.md#{one.lower()})' for one in rests], 'and')}."
            if rests
            else "Without it the set still keeps every invariant that it keeps: it is there for what they do not say."
        ),
        "## The facts it reads",
        "\n".join(["| fact | what it says | taken as, where it is not known |", "| --- | --- | --- |", *rows]),
    ]
    return "\n\n".join(parts) + "\n"


def _protective(value: object) -> str:
    if value is None:
        return "cannot be read: the net speaks"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "empty"
    return "very large" if isinstance(value, int) and value > 10**12 else str(value)


def index(name: str, found: dict[str, dict[str, Any]]) -> str:
    """Return the page of one set: its nets, and what it keeps."""
    nets = load_shipped(name)
    rows = [
        f"| [`{net.id}`]({name}/{net.id}.md) | {net.title} | {'; '.join(asks_for(net)).replace('|', '/')} |"
        for net in nets
    ]
    parts = [
        f"# The nets of `{name}`",
        (
            f"Shipped {WORDS[name]}. Every net that matches is asked; what they ask for is joined,"
            " so that none can weaken another. Each page says when a net speaks, what it asks, the incident that"
            " taught it, and what rests on it."
        ),
        "\n".join(["| net | what it is | asks for |", "| --- | --- | --- |", *rows]),
        "## What rests on which net",
        "Proved by `gardefou nets prove`: each invariant of the rules, and the nets without which it would not hold.",
    ]
    for invariant in (f"I{number}" for number in range(1, 10)):
        on = [f"[`{net.id}`]({name}/{net.id}.md)" for net in nets if invariant in found[net.id]["rests"]]
        parts += [f"### {invariant}", f"Rests on {listed(on, 'and')}." if on else "On no single net."]
    return "\n\n".join(parts) + "\n"


def pages(found: Found) -> dict[str, str]:
    """Return every page by its path within the folder."""
    told = sections()
    made: dict[str, str] = {}
    for name in SHIPPED:
        made[f"{name}.md"] = index(name, found[name])
        for net in load_shipped(name):
            made[f"{name}/{net.id}.md"] = page(name, net, found[name][net.id], told)
    return made


def main() -> int:
    """Find, and write every page; pages of nets that are gone go too."""
    kept = FOLDER / "examples.json"
    found: Found = json.loads(kept.read_text(encoding="utf-8")) if "--pages" in sys.argv else find_all()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.rglob("*.md"):
        old.unlink()
    text = json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False)
    kept.write_text(text + "\n", encoding="utf-8")
    for path, content in pages(found).items():
        file = FOLDER / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
