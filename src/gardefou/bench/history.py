"""Backtests: a made-up history of a million enforcements, judged under the default nets; and exporting."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gardefou.bench.install import Installation, installed
from gardefou.domain.records import Enforcement
from gardefou.errors import Unavailable
from gardefou.flow.decide import enforce
from gardefou.flow.history import ALL_COLUMNS, export_history, write_parquet
from gardefou.flow.spec import Wanted
from gardefou.nets.backtest import asks_text, backtest
from gardefou.nets.duck import duckdb, text
from gardefou.nets.facts import ROLES, SCHEMA, FactSpec, Kind
from gardefou.nets.shipped import load_shipped
from gardefou.nets.sql import column_of
from gardefou.nets.verdict import NOTHING, Requirement, Verdict
from gardefou.storage import tables
from gardefou.storage.records import MAPPED

#: Days over which the made-up enforcements are spread.
DAYS = 30
#: Copied rows in one transaction.
_COPIES = 5_000
#: One in so many facts is unknown.
_UNKNOWN = 500
#: Asked of one in a hundred: people, and half of the time a hold.
_ASKED = (
    Verdict(approvals=(Requirement(("lead",), 1),)),
    Verdict(
        approvals=(Requirement(("lead", "policy"), 2, distinct_teams=True),), fresh_auth_minutes=10, hold_seconds=600
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How many enforcements were judged under how many nets, in how many seconds, and how many differed."""

    count: int
    nets: int
    seconds: float
    differed: int
    size: int


def judged(folder: Path, *, count: int) -> Judged:
    """Judge so many made-up enforcements under the default nets, from reading the files to the examples."""
    history = made_up(folder, count=count, seed=7)
    nets = load_shipped("default")
    begun = time.perf_counter()
    found = backtest(nets, history)
    return Judged(
        count=found.judged,
        nets=len(nets),
        seconds=time.perf_counter() - begun,
        differed=found.judged - found.unchanged,
        size=sum(path.stat().st_size for path in history),
    )


def exported(url: str, folder: Path, *, count: int) -> float:
    """Return how many enforcements a second a first export writes: from the database to files, of so many.

    One is really placed, and its row is copied over `DAYS` days.

    Raises:
        Unavailable: not all were exported (`bench/unexpected`).
    """
    with installed(url, folder, people=1, accounts=1) as made:
        _copy(made, count)
        begun = time.perf_counter()
        done = export_history(made.app, folder / "history")
        seconds = time.perf_counter() - begun
    if done.rows != count:
        raise Unavailable(
            "bench/unexpected", f"The benchmark is not what it says: {done.rows} of {count} were exported."
        )
    return count / seconds


def _copy(made: Installation, count: int) -> None:
    wanted = Wanted(platform="sandbox", account="a0", action="suspend", policy="spam", rationale="Spam.")
    placed = enforce(made.app, made.person(0), wanted)
    row = MAPPED[Enforcement].values(placed)
    apart = timedelta(days=DAYS) / count
    for first in range(1, count, _COPIES):
        copies = [
            {**row, "id": made.app.ids.new(), "placed_at": placed.placed_at - place * apart}
            for place in range(first, min(count, first + _COPIES))
        ]
        with made.app.works.store.begin() as connection:
            connection.execute(tables.enforcement.insert(), copies)


def made_up(folder: Path, *, count: int, seed: int, days: int = DAYS) -> list[Path]:
    """Write history as an export does, of made-up enforcements; return its files.

    Every fact takes values on both sides of what the shipped nets ask about it:
    one in a hundred accounts is protected, four are notable, reach, counts and
    ages fall off as they do, and one in five hundred facts is unknown. The same
    seed gives the same history, under the same DuckDB.
    """
    each = -(-count // days)
    paths: list[Path] = []
    with duckdb(folder) as database:
        for day in range(days):
            first, stop = day * each, min(count, (day + 1) * each)
            if first >= stop:
                break
            made = ", ".join(f"{value} AS {name}" for name, value in _columns(seed).items())
            path = folder / f"made-up-{day:03}.parquet"
            write_parquet(database, f"SELECT {made} FROM range({first}, {stop}) AS made(n)", path)  # noqa: S608 - our own texts
            paths.append(path)
    return paths


def _columns(seed: int) -> dict[str, str]:
    """Return an expression for every column."""

    def dice(name: str, sides: int) -> str:
        return f"CAST(hash(n, {text(name)}, {seed}) % {sides} AS BIGINT)"

    def one_of(name: str, words: tuple[str, ...]) -> str:
        listed = ", ".join(text(word) for word in words)
        return f"[{listed}][1 + {dice(name, len(words))}]"

    tier, leaves = dice("tier", 100), dice("leaves", 1000)
    usual = {
        "account.tier": f"CASE WHEN {tier} < 95 THEN 'standard' WHEN {tier} < 99 THEN 'notable' ELSE 'protected' END",
        "action.severity": f"[1, 2, 2, 2, 3, 3, 3, 3, 4, 4][1 + {dice('severity', 10)}]",
        "action.reversibility": f"CASE WHEN {dice('reversibility', 1000)} = 0 THEN 'none' ELSE 'exact' END",
        "action.bulk": f"CASE WHEN {dice('bulk', 500)} = 0 THEN {dice('many', 600)} ELSE 1 END",
        "actor.standing": f"CASE WHEN {dice('standing', 1000)} = 0 THEN 'leaving' ELSE 'active' END",
        "actor.hours_to_last_day_end": f"CASE WHEN {leaves} = 0 THEN {dice('hours', 400)} ELSE 876600 END",
        "actor.via": f"CASE WHEN {dice('via', 20)} = 0 THEN 'api' ELSE 'console' END",
        "actor.roles": f"[[{text('reviewer')}], [{text('reviewer')}, {text('lead')}]][1 + {dice('roles', 12)} // 11]",
        "change.kind": "''",
        "change.person": "''",
        "action.label": "''",
        "case.policy": one_of("policy", ("spam", "harassment", "impersonation", "fraud")),
        "case.category": one_of("category", ("spam", "harassment", "impersonation", "fraud")),
        "case.language": one_of("language", ("en", "fr", "pt", "ja")),
        "actor.team": f"'team-' || {dice('team', 40)}",
        "actor.employer": one_of("employer", ("the organisation", "the organisation", "vendor")),
    }
    usual["account.tier_memory"] = usual["account.tier"]
    usual["actor.human"] = f"{dice('human', 50)} > 0"

    def fact(spec: FactSpec) -> str:
        # Most are far below what nets ask about, and a few far above: the square of a square.
        small = f"({dice(spec.name, 1000)} / 1000e0) ** 8"
        match spec.kind:
            case Kind.BOOL:
                made = f"{dice(spec.name, 300)} = 0"
                if spec.name in ("actor.in_shift", "case.evidence_seen"):
                    made = f"NOT ({made})"
            case Kind.INT:
                most = spec.maximum + 1 if spec.maximum < 64 else 3_000_000 if "reach" in spec.name else 100
                made = f"CAST(floor({small} * {most}) AS BIGINT)"
            case Kind.FLOAT:
                made = f"{dice(spec.name, 3000)} / 2e0" if "fresh" not in spec.name else f"{dice(spec.name, 480)} / 1e0"
            case Kind.ENUM:
                made = one_of(spec.name, spec.choices)
            case Kind.TEXT:
                made = "''"
            case Kind.TEXTS:
                made = f"CASE WHEN {dice(spec.name, 50)} = 0 THEN [{text((spec.choices or ROLES)[0])}] ELSE [] END"
        made = usual.get(spec.name, made)
        known = f"CASE WHEN {dice(spec.name + '?', _UNKNOWN)} > 0 THEN {made} END"
        return f"CAST({known} AS {ALL_COLUMNS[column_of(spec)]})"

    asked = dice("asked", 200)
    placed = "make_timestamp(1700000000000000 + n * 2592000)"
    answered = f"{placed} + to_seconds(60 + {dice('answer', 900)})"

    def by_asked(nothing: str, first: str, second: str) -> str:
        return f"CASE {asked} WHEN 0 THEN {first} WHEN 1 THEN {second} ELSE {nothing} END"

    own = {
        "platform": "'made-up'",
        "id": "printf('0197%028d', n)",
        "account": f"'a' || {dice('account', 5_000_000)}",
        "items": "0",
        "action": one_of("action", ("suspend", "limit", "label", "deactivate")),
        "severity": usual["action.severity"],
        "reversibility": usual["action.reversibility"],
        "tier": usual["account.tier"],
        "reach": f"CAST(({dice('reach', 1000)} / 1000e0) ** 8 * 3000000 AS BIGINT)",
        "policy": usual["case.policy"],
        "state": "'in_force'",
        "placed_by": f"'person-' || {dice('person', 400)}",
        "via": usual["actor.via"],
        "team": usual["actor.team"],
        "placed_at": placed,
        "approved_at": by_asked(placed, answered, answered),
        "in_force_at": by_asked(placed, answered, answered),
        "nets": "'made up'",
        "spoke": by_asked("[]", "['a']", "['a', 'b']"),
        "spoke_in_shadow": "[]",
        "refused": "false",
        "seats": by_asked("0", "1", "2"),
        "hold_seconds": by_asked("0", "0", "600"),
        "asks": by_asked(*(text(asks_text(one)) for one in (NOTHING, *_ASKED))),
        "version": "3",
    }
    facts = {column_of(spec): fact(spec) for spec in SCHEMA.values()}
    return {name: facts.get(name, f"CAST({own.get(name, 'NULL')} AS {kind})") for name, kind in ALL_COLUMNS.items()}
