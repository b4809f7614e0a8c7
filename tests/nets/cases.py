"""Facts to judge: an ordinary moderation click, and strategies for any and for ordinary facts."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from gardefou.nets import floor
from gardefou.nets.facts import ROLES, SCHEMA, Facts, FactSpec, Kind

#: A reviewer suspends a spammer: nothing about it is special.
ORDINARY: dict[str, Any] = {**floor.ORDINARY, "actor.employer": "chirp"}

CHANGE: dict[str, Any] = {**ORDINARY, "action.name": "change", "action.severity": 0}


def ordinary(**changes: Any) -> Facts:
    """Return the ordinary click with some facts changed; ``account__reach`` is ``account.reach``."""
    return Facts.of({**ORDINARY, **{name.replace("__", "."): value for name, value in changes.items()}})


def change(**changes: Any) -> Facts:
    """Return a guarded change with some facts changed."""
    return Facts.of({**CHANGE, **{name.replace("__", "."): value for name, value in changes.items()}})


def value_of(spec: FactSpec) -> st.SearchStrategy[Any]:
    """Any valid value, often near the numbers that nets speak of."""
    near = [0, 1, 3, 5, 10, 15, 20, 24, 25, 60, 300, 336, 500, 1_000, 1_500, 5_000, 300_000, 1_000_000]
    match spec.kind:
        case Kind.BOOL:
            return st.booleans()
        case Kind.INT:
            fitting = [number for number in near if number <= spec.maximum]
            return st.sampled_from(fitting) | st.integers(0, spec.maximum)
        case Kind.FLOAT:
            return st.sampled_from(near) | st.floats(0, spec.maximum, allow_nan=False)
        case Kind.ENUM:
            return st.sampled_from(spec.choices)
        case Kind.TEXT:
            return st.sampled_from(["", "spam", "resume", "nets"]) | st.text(max_size=8)
        case Kind.TEXTS:
            return st.lists(st.sampled_from(spec.choices or ROLES), max_size=3)


def any_facts(**fixed: Any) -> st.SearchStrategy[Facts]:
    """Any valid facts, some of them unknown, with some fixed."""
    given = {name.replace("__", "."): value for name, value in fixed.items()}
    drawn = {name: st.none() | value_of(spec) for name, spec in SCHEMA.items() if name not in given}
    return st.fixed_dictionaries(drawn).map(lambda values: Facts.of({**values, **given}))


def known_facts(**fixed: Any) -> st.SearchStrategy[Facts]:
    """Any valid facts, all of them known, with some fixed."""
    given = {name.replace("__", "."): value for name, value in fixed.items()}
    drawn = {name: value_of(spec) for name, spec in SCHEMA.items() if name not in given}
    return st.fixed_dictionaries(drawn).map(lambda values: Facts.of({**values, **given}))
