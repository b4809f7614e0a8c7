"""Past enforcements under other nets: what would have been stopped, and what delay added.

Each condition becomes SQL and is judged once over the whole of exported
history. Enforcements on which the same nets speak, and of which the same was
asked then, are counted together: there are few such groups, and of each the
nets' asks are joined by `Verdict.join` itself, so that the join is not
written a second time in SQL.

Facts are as they were recorded. One that was not is unknown, and taken at its
most protective value as ever; `Backtest.unknown` counts those.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gardefou.errors import Unavailable
from gardefou.nets import sql, tree
from gardefou.nets.backtest_words import in_words
from gardefou.nets.backtested import Backtest, Example, Spoke, Spread, spread_of
from gardefou.nets.duck import duck_error, duckdb, files
from gardefou.nets.facts import FactSpec
from gardefou.nets.net import NetSet
from gardefou.nets.verdict import Verdict, join_all
from gardefou.speech import decimal, plain
from gardefou.speech import gettext as _

#: Nets in one number of the mask: a BIGINT has 63 bits to use.
_BITS = 60
#: What is still waiting is shown nowhere: someone may have to look at it without knowing why.
_SHOWN = "state NOT IN ('placed', 'waiting')"


def asks_text(verdict: Verdict) -> str:
    """Return what a verdict asks, without its reasons, as history holds it: equal asks are equal texts."""
    asked = {name: value for name, value in verdict.to_json().items() if name not in ("reasons", "shadow")}
    return json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def asks_of(text: str) -> Verdict:
    """Read what `asks_text` wrote.

    Raises:
        InvalidInput: it is none (`nets/verdict`).
    """
    return Verdict.from_json({**json.loads(text), "reasons": [], "shadow": []})


def backtest(nets: NetSet, history: Sequence[Path], *, since: datetime | None = None, examples: int = 5) -> Backtest:
    """Judge the enforcements in exported files under these nets.

    ``since``: only what was placed then or later; ``examples``: how many are
    shown at most, the graver changes and the later enforcements first.

    Raises:
        InvalidInput: a condition holds a text that no database holds (`nets/text`).
        Unavailable: DuckDB or sqlglot is not installed (`nets/duckdb`, `nets/sql`), or a
            file is spoiled (`history/read`).
    """
    found = Backtest(nets=[Spoke(net=net.id, title=net.title, shadow=net.shadow) for net in nets])
    if not history:
        return found
    source = _source(history, since)
    try:
        _judge(found, nets, source, examples)
    except duck_error() as error:
        said = str(error).strip().splitlines()[0]
        raise Unavailable(
            "history/read", _("The history cannot be read: %(said)s; remove that file, and run it again.", said=said)
        ) from error
    return found


def _judge(found: Backtest, nets: NetSet, source: tuple[str, str], examples: int) -> None:
    with duckdb() as database:
        groups = _groups(database, nets, source, examples)
        people = f"seats > 0 AND approved_at > placed_at AND {source[1]}"
        found.answered, median = database.execute(
            f"SELECT count(*), median(epoch_us(approved_at - placed_at)) FROM {source[0]} WHERE {people}"  # noqa: S608
        ).fetchone()
        found.answer_seconds = None if median is None else float(median) / 1e6
        _count(found, nets, groups)
        _unknown(found, database, nets, source)
        found.examples = _examples(database, source, groups, examples)


# Statements below are put together of names of columns, of what `sql` and `duck` wrote, and of whole numbers: nothing
# in them comes from a net or a record as text.

# judging --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Enforcements on which the same nets speak and of which the same was asked then."""

    nets: tuple[str, ...]
    spoken: tuple[int, ...]
    count: int
    before: Verdict
    after: Verdict
    ids: tuple[str, ...]

    @property
    def refused(self) -> bool:
        return self.after.refused and not self.before.refused

    @property
    def _runs(self) -> bool:
        return not (self.after.refused or self.before.refused)

    @property
    def people(self) -> bool:
        return self._runs and self.after.seats > self.before.seats

    @property
    def added_hold(self) -> int:
        return max(0, self.after.hold_seconds - self.before.hold_seconds) if self._runs else 0

    @property
    def waits_for_people(self) -> bool:
        """Whether people are asked for where none were: beside others they answer at the same time."""
        return self._runs and self.after.seats > 0 and self.before.seats == 0

    @property
    def weakened(self) -> bool:
        return not self.after.covers(self.before)

    @property
    def unchanged(self) -> bool:
        return self.after.covers(self.before) and self.before.covers(self.after)

    @property
    def otherwise(self) -> bool:
        """Whether more is asked, and none of what the other counts count."""
        more = not self.before.covers(self.after)
        return more and not (self.refused or self.people or self.added_hold)


def _source(history: Sequence[Path], since: datetime | None) -> tuple[str, str]:
    """Return the table and the condition of what is judged."""
    where = "true" if since is None else f"placed_at >= TIMESTAMP '{since.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"
    return f"read_parquet({files(history)})", where


def _groups(database: Any, nets: NetSet, source: tuple[str, str], examples: int) -> list[_Group]:
    """Judge every condition in one pass, and group by which of them hold."""
    masks: list[str] = []
    for first in range(0, len(nets), _BITS):
        bits = [
            f"CASE WHEN {sql.written(sql.speaks(net.condition.node))} THEN {1 << place} ELSE 0 END"
            for place, net in enumerate(nets.nets[first : first + _BITS])
        ]
        masks.append(f"CAST({' + '.join(bits)} AS BIGINT)")
    named = [f"mask{place}" for place in range(len(masks))]
    shown = f"max(id, {examples}) FILTER (WHERE {_SHOWN})" if examples else "NULL"
    judged = ", ".join(f"{mask} AS {name}" for mask, name in zip(masks, named, strict=True))
    rows = database.execute(
        f"SELECT {', '.join(named)}, asks, count(*), {shown}"  # noqa: S608 - see above
        f" FROM (SELECT id, state, asks, {judged} FROM {source[0]} WHERE {source[1]}) GROUP BY ALL"
    ).fetchall()
    before: dict[str, Verdict] = {}
    after: dict[tuple[int, ...], tuple[tuple[int, ...], Verdict]] = {}
    groups: list[_Group] = []
    for *mask, asks, count, ids in rows:
        key = tuple(mask)
        if key not in after:
            spoken = tuple(place for place in range(len(nets)) if key[place // _BITS] >> place % _BITS & 1)
            after[key] = (spoken, join_all(nets.nets[place].spoken() for place in spoken))
        if asks not in before:
            before[asks] = asks_of(asks)
        spoken, verdict = after[key]
        names = tuple(nets.nets[place].id for place in spoken if not nets.nets[place].shadow)
        groups.append(
            _Group(nets=names, spoken=spoken, count=count, before=before[asks], after=verdict, ids=tuple(ids or ()))
        )
    return groups


def _count(found: Backtest, nets: NetSet, groups: Iterable[_Group]) -> None:
    holds: dict[float, int] = {}
    delays: dict[float, int] = {}
    delayed = 0
    for group in groups:
        count = group.count
        found.judged += count
        found.refused += count * group.refused
        found.people += count * group.people
        found.held += count * bool(group.added_hold)
        found.otherwise += count * group.otherwise
        found.weakened += count * group.weakened
        found.unchanged += count * group.unchanged
        for place in group.spoken:
            found.nets[place].spoke += count
            others = [name for name in group.nets if name != nets.nets[place].id]
            found.nets[place].alone += count * (not others)
        if group.added_hold:
            holds[group.added_hold] = holds.get(group.added_hold, 0) + count
        if group.added_hold or group.waits_for_people:
            delayed += count
            answer = found.answer_seconds if group.waits_for_people else 0.0
            if answer is not None:
                added = group.added_hold + answer
                delays[added] = delays.get(added, 0) + count
            elif group.added_hold:
                # At least the hold; how long people take is not known here.
                delays[group.added_hold] = delays.get(group.added_hold, 0) + count
    found.added_hold = spread_of(holds)
    known = spread_of(delays)
    found.delayed = Spread(count=delayed, median=known.median, p90=known.p90, most=known.most)


def _unknown(found: Backtest, database: Any, nets: NetSet, source: tuple[str, str]) -> None:
    """Count what lacks a fact that some net reads."""
    read: dict[str, FactSpec] = {spec.name: spec for net in nets for spec in tree.facts_read(net.condition.node)}
    if not read:
        return
    columns = [sql.column_of(spec) for spec in read.values()]
    missing = ", ".join(f"count(*) - count({column})" for column in columns)
    lacks = " OR ".join(f"{column} IS NULL" for column in columns)
    row = database.execute(
        f"SELECT count(*) FILTER (WHERE {lacks}), {missing} FROM {source[0]} WHERE {source[1]}"  # noqa: S608
    ).fetchone()
    found.unknown = int(row[0])
    found.unknown_facts = {name: int(count) for name, count in zip(read, row[1:], strict=True) if count}


# examples -------------------------------------------------------------------------------


def _examples(database: Any, source: tuple[str, str], groups: Sequence[_Group], most: int) -> list[Example]:
    """Return the gravest changes first, the latest enforcement of each group before its second."""
    changed = sorted((group for group in groups if not group.unchanged), key=_rank)
    chosen: dict[str, _Group] = {}
    for turn in range(most):
        for group in changed:
            if len(chosen) < most and turn < len(group.ids):
                chosen[group.ids[turn]] = group
    if not chosen:
        return []
    rows = database.execute(
        f"SELECT id, platform, account, action, tier, reach, strftime(placed_at, '%Y-%m-%d %H:%M'), placed_by"  # noqa: S608
        f" FROM {source[0]} WHERE id IN (SELECT unnest(?))",
        [list(chosen)],
    ).fetchall()
    by_id = {row[0]: row for row in rows}
    return [_example(group, by_id[enforcement]) for enforcement, group in chosen.items()]


def _rank(group: _Group) -> tuple[bool, bool, bool, bool, int]:
    return (not group.refused, not group.people, not group.added_hold, not group.weakened, -group.count)


def _example(group: _Group, row: Sequence[Any]) -> Example:
    enforcement, platform, account, action, tier, reach, at, by = row
    change, would = _would(group)
    nets = f" ({', '.join(group.nets)})" if group.nets else ""
    whose = f"{platform}/{account}"
    says = _(
        "%(moment)s UTC, %(action)s of %(account)s (%(tier)s, reach %(reach)s) by %(by)s: %(would)s%(nets)s. "
        "[%(enforcement)s]",
        moment=at,
        action=plain(action),
        account=whose,
        tier=plain(tier),
        reach=decimal(reach),
        by=by,
        would=would,
        nets=nets,
        enforcement=enforcement,
    )
    return Example(enforcement=enforcement, change=change, nets=group.nets, says=says)


def _would(group: _Group) -> tuple[str, str]:
    """Return what changes, in a word for machines and in words."""
    before, after = group.before, group.after
    if group.refused:
        return "refused", _("would have been refused, “%(why)s”", why=_(after.refusals[0]))
    if group.people:
        more = _(" and ").join(need.in_words() for need in after.approvals)
        if not group.added_hold:
            return "people", _("would have waited for %(who)s", who=more)
        held = in_words(after.hold_seconds)
        return "people", _("would have waited for %(who)s, then held %(time)s", who=more, time=held)
    if group.added_hold:
        now, then = in_words(after.hold_seconds), in_words(before.hold_seconds)
        return "held", _("would have been held %(time)s instead of %(then)s", time=now, then=then)
    if group.weakened:
        if before.refused:
            return "weakened", _("was refused, and would not be")
        return "weakened", _("would have been asked less than it was")
    return "otherwise", _("would have wanted a fresher sign-in or a confirmation")
