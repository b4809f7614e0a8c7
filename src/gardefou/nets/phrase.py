"""Facts and conditions in plain words: the one place where they are put into them, in the reader's language.

`condition_in_words` says a checked condition (``the account is protected and its
severity is 3 or more``), `condition_lines` the same as a list of what must hold
together, `fact_in_words` one fact and its value (``the account has 41 million
followers``). `gardefou.nets.phrasebook` has the words.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from gardefou.nets import tree
from gardefou.nets.facts import SCHEMA, FactSpec, Kind
from gardefou.nets.phrasebook import (
    BARE,
    NUMBERS,
    TRUTHS,
    UNKNOWN_FROM,
    WORDS,
    change_kind,
    count,
    counted,
    quantity,
    window_of,
    within,
    word_of,
)
from gardefou.speech import gettext as _
from gardefou.speech import later, listed

#: How a comparison reads about a number, and what it is when it does not hold.
_AMOUNTS = {
    ">": later("more than %(amount)s"),
    ">=": later("%(amount)s or more"),
    "<": later("fewer than %(amount)s"),
    "<=": later("at most %(amount)s"),
    "==": "%(amount)s",
    "!=": later("not %(amount)s"),
}
#: The same before what needs more words to say.
_COUNTS = {**_AMOUNTS, ">=": later("at least %(amount)s"), "<=": later("at most %(count)s")}
_FLIPPED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not in", "not in": "in"}
_SUMS = {
    "+": later("%(one)s plus %(other)s"),
    "-": later("%(one)s less %(other)s"),
    "*": later("%(one)s times %(other)s"),
    "/": later("%(one)s over %(other)s"),
}
_CALLS = {
    "min": later("the least of %(things)s"),
    "max": later("the greatest of %(things)s"),
    "len": later("how many there are in %(things)s"),
}
_COMPARISONS = {
    "!=": later("%(what)s is not %(amount)s"),
    "in": later("%(what)s is one of %(amount)s"),
    "not in": later("%(what)s is none of %(amount)s"),
}


def condition_in_words(node: tree.Node, *, holds: bool = True) -> str:
    """Say a checked condition in words; with ``holds`` false, that it does not hold."""
    return _say(node, holds=holds)[0]


def condition_lines(node: tree.Node) -> list[str]:
    """Say a condition as lines that must all hold together; one line where it is no ``and``."""
    if isinstance(node, tree.Bool) and node.op == "and":
        parts = [part for part in node.parts if _exception(part) is None]
        exceptions = [part for part in map(_exception, node.parts) if part is not None]
        return [condition_in_words(part) for part in parts] + [
            _("not where %(what)s", what=condition_in_words(part)) for part in exceptions
        ]
    return [condition_in_words(node)]


def fact_in_words(name: str, value: object) -> str:
    """Say that a fact has this value: ``the account is protected``, ``the account has 41 million followers``."""
    spec = SCHEMA[name]
    match spec.kind:
        case Kind.BOOL:
            return _(TRUTHS[name][0 if value else 1])
        case Kind.INT | Kind.FLOAT if isinstance(value, int | float):
            return _about_number(spec, "==", value)
        case Kind.TEXTS if isinstance(value, tuple | list):
            return _members(spec, [str(one) for one in cast("tuple[str, ...]", value)])
        case _:
            return _about_words(spec, [str(value)], keep=True)


def amount_in_words(name: str, op: str, number: float) -> str:
    """Say that a number compares so: ``the account has fewer than 100,000 followers``."""
    return _about_number(SCHEMA[name], op, number)


def meaning(spec: FactSpec) -> str:
    """Return in a few words what a fact is: ``the account's tier now``."""
    lately = window_of(spec.name)
    return _(spec.says.split(",")[0]) if lately is None else counted(*lately)


def _exception(node: tree.Node) -> tree.Bool | None:
    """Return what a part of a condition excepts: ``not (… and …)``; None for any other part."""
    return node.inner if isinstance(node, tree.Not) and isinstance(node.inner, tree.Bool) else None


def _say(node: tree.Node, *, holds: bool) -> tuple[str, str]:
    """Return the words, and ``and``, ``or`` or ``unless`` where they join several parts."""
    match node:
        case tree.Not(inner=inner):
            return _say(inner, holds=not holds)
        case tree.Bool(op=op, parts=parts):
            word = op if holds else {"and": "or", "or": "and"}[op]
            if word == "and" and holds:
                plain = [part for part in parts if _exception(part) is None]
                exceptions = [condition_in_words(part) for part in map(_exception, parts) if part is not None]
                if plain and exceptions:
                    text = _join([_say(part, holds=True) for part in plain], "and")[0]
                    return _(
                        "%(what)s, unless %(exceptions)s", what=text, exceptions=_(" or ").join(exceptions)
                    ), "unless"
            return _join([_say(part, holds=holds) for part in parts], word)
        case tree.Compare(items=items, ops=ops, at=at) if len(ops) > 1:
            pairs = [tree.Compare((a, b), (op,), at) for a, op, b in zip(items, ops, items[1:], strict=False)]
            return _join([_say(pair, holds=holds) for pair in pairs], "and" if holds else "or")
        case tree.Compare(items=(left, right), ops=(op,)):
            return _compare(left, op if holds else _OPPOSITE[op], right), ""
        case tree.Fact(spec=spec) if spec.kind is Kind.BOOL:
            return _(TRUTHS[spec.name][0 if holds else 1]), ""
        case tree.Call(function="any" | "all" as name, args=(tree.ListOf(items=items),)):
            return _join([_say(item, holds=holds) for item in items], "or" if (name == "any") == holds else "and")
        case tree.Literal(value=bool() as value):
            return (_("always") if value == holds else _("never")), ""
        case _:
            return (tree.render(node) if holds else _("not %(amount)s", amount=tree.render(node, 3))), ""


def _join(parts: list[tuple[str, str]], word: str) -> tuple[str, str]:
    if len(parts) == 1:
        return parts[0]
    said = [f"({text})" if inner and inner != word else text for text, inner in parts]
    return listed(said, word), word


def _compare(left: tree.Node, op: str, right: tree.Node) -> str:
    if not isinstance(right, tree.Literal | tree.ListOf) and isinstance(left, tree.Literal) and op in _FLIPPED:
        left, right, op = right, left, _FLIPPED[op]
    match left, op, right:
        case tree.Fact(spec=spec), _, tree.Literal(value=bool() as value) if spec.kind is Kind.BOOL:
            return _(TRUTHS[spec.name][0 if value == (op == "==") else 1])
        case tree.Fact(spec=spec), _, tree.Literal(value=str() as value):
            return _about_words(spec, [value], keep=op == "==")
        case tree.Fact(spec=spec), "in" | "not in", tree.ListOf(items=items) if _literals(items):
            words = [item.value for item in items if isinstance(item, tree.Literal)]
            if spec.is_number:
                return _about_number(spec, "==" if op == "in" else "!=", _(" or ").join(str(word) for word in words))
            return _about_words(spec, [str(word) for word in words], keep=op == "in")
        case tree.Literal(value=str() as value), "in" | "not in", tree.Fact(spec=spec):
            return _(WORDS[spec.name][0 if op == "in" else 1], word=word_of(spec.name, value))
        case _, _, tree.Literal(value=int() | float() as number) if op in _AMOUNTS:
            return _about_sum(left, op, number)
        case _:
            amount = _noun(right)
            if op in _AMOUNTS and op not in {"==", "!="}:
                amount = _(_AMOUNTS[op], amount=amount)
            return _(_COMPARISONS.get(op, later("%(what)s is %(amount)s")), what=_noun(left), amount=amount)


def _literals(items: Iterable[tree.Node]) -> bool:
    return all(isinstance(item, tree.Literal) for item in items)


def _about_words(spec: FactSpec, words: list[str], *, keep: bool) -> str:
    if spec.name == "change.kind":
        return change_kind(words, keep=keep)
    if not keep and spec.name in {"account.tier", "account.tier_memory"}:
        # The tiers that are left say it better than the one that is not.
        words, keep = [one for one in spec.choices if one not in words], True
    positive, negative = WORDS[spec.name]
    bare = BARE.get(spec.name, {})
    if len(words) == 1 and words[0] in bare:
        return _(bare[words[0]][0 if keep else 1])
    return _(positive if keep else negative, word=listed([word_of(spec.name, one) for one in words], "or"))


def _members(spec: FactSpec, words: list[str]) -> str:
    if not words:
        return _(BARE[spec.name][""][0])
    return _(WORDS[spec.name][0], word=listed([word_of(spec.name, one) for one in words], "and"))


def _about_number(spec: FactSpec, op: str, number: float | str) -> str:
    if (spec.name, op, number) in {("account.restored_30d", ">", 0), ("account.restored_30d", ">=", 1)}:
        return _("it was restored within 30 days")
    if spec.name == "action.severity" and (op, number) in {(">", 0), (">=", 1)}:
        return _("it is a measure against someone")
    lately = window_of(spec.name)
    if isinstance(number, int | float) and spec.name.startswith("recent.") and number >= UNKNOWN_FROM:
        if op == ">":
            return _("it is not known how many %(what)s there were", what=meaning(spec))
        if op == "<=":
            return _("it is known how many %(what)s there were", what=meaning(spec))
    elif spec.name == "actor.hours_to_last_day_end" and op in {"<", "<="} and isinstance(number, int | float):
        return _("the last day of whoever does it ends within %(time)s", time=quantity(number, "hours"))
    if lately is not None:
        return _("there were %(what)s", what=_counted_so(lately, op, number))
    template, unit = NUMBERS[spec.name]
    amount = quantity(number, unit) if isinstance(number, int | float) else number
    return _(template, amount=_amount(op, amount, unit, spec.kind))


def _counted_so(lately: tuple[str, str], op: str, number: float | str) -> str:
    window, unit = lately
    said = quantity(number, unit) if isinstance(number, int | float) else number
    return within(window, _(_COUNTS[op], amount=said, count=said))


def _amount(op: str, amount: str, unit: str, kind: Kind) -> str:
    if op == "<" and (not unit or kind is Kind.FLOAT):
        return _("less than %(amount)s", amount=amount)
    return _(_AMOUNTS[op], amount=amount)


def _about_sum(left: tree.Node, op: str, number: float) -> str:
    if isinstance(left, tree.Fact):
        return _about_number(left.spec, op, number)
    terms = _terms(left)
    if terms is not None:
        said = _counting(terms, op, number)
        if said is not None:
            return said
    amount = count(number)
    return _("%(what)s is %(amount)s", what=_noun(left), amount=_amount(op, amount, "", Kind.INT))


def _terms(node: tree.Node, sign: int = 1) -> dict[str, int] | None:
    """Return the facts of a plain sum with their signs; None for any other."""
    match node:
        case tree.Fact(spec=spec):
            return {spec.name: sign}
        case tree.Arith(op="+" | "-" as op, left=left, right=right):
            one, two = _terms(left, sign), _terms(right, sign if op == "+" else -sign)
            return None if one is None or two is None or one.keys() & two.keys() else {**one, **two}
        case _:
            return None


def _counting(terms: dict[str, int], op: str, number: float) -> str | None:
    """Say a budget: so many of something lately, with what is judged now."""
    now = [name for name in ("action.bulk", "account.reach") if terms.get(name) == 1]
    lately = {name: sign for name, sign in terms.items() if name not in now}
    names = list(lately)
    if len(now) != 1 or not all(name.startswith("recent.") for name in names):
        return None
    lone = window_of(names[0])
    if lone is None:
        return None
    if len(names) == 1 and lately[names[0]] == 1:
        what = _counted_so(lone, op, number)
    elif names[0].endswith(".all") and lately == {names[0]: 1, names[0].replace(".all", ".severity3"): -1}:
        what = _counted_so((lone[0], "milder"), op, number)
    else:
        return None
    if now == ["action.bulk"]:
        return _("with this there are %(what)s", what=what)
    return _("with this account there are %(what)s", what=what)


def _noun(node: tree.Node) -> str:
    match node:
        case tree.Fact(spec=spec):
            return meaning(spec)
        case tree.Literal(value=bool() | str() as value):
            return f'"{value}"'
        case tree.Literal(value=int() | float() as value):
            return count(value)
        case tree.Arith(op=op, left=left, right=right):
            return _(_SUMS[op], one=_part(left, apart=op in "*/"), other=_part(right, apart=op != "+"))
        case tree.Negate(inner=inner):
            return _("minus %(what)s", what=_part(inner, apart=True))
        case tree.ListOf(items=items):
            return listed([_noun(item) for item in items], "and")
        case tree.Call(function=function, args=args) if function in _CALLS:
            return _(_CALLS[function], things=listed([_noun(arg) for arg in args], "and"))
        case _:
            return condition_in_words(node)


def _part(node: tree.Node, *, apart: bool) -> str:
    """Say a part of a sum; ``apart`` in brackets where it is a sum itself, which would read as another one."""
    return f"({_noun(node)})" if apart and isinstance(node, tree.Arith) else _noun(node)
