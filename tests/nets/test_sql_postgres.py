"""SQL that is written for another database than DuckDB answers there as evaluation does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gardefou.nets import sql
from gardefou.nets.evaluate import from_tree
from gardefou.nets.facts import SCHEMA, Facts, Kind
from gardefou.nets.shipped import load_shipped
from gardefou.nets.tree import Node
from tests.nets.cases import any_facts
from tests.nets.trees import conditions, facts_for

TYPES = {**sql.TYPES, Kind.FLOAT: "DOUBLE PRECISION", Kind.TEXT: "TEXT", Kind.ENUM: "TEXT", Kind.TEXTS: "TEXT[]"}


@pytest.fixture(scope="module")
def postgres(databases):
    with databases.fresh("postgresql", migrated=False) as url:
        address = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            columns = ", ".join(f"{sql.column_of(spec)} {TYPES[spec.kind]}" for spec in SCHEMA.values())
            connection.execute(f"CREATE TEMPORARY TABLE history (place INTEGER, {columns})".encode())
            yield connection


def by_postgres(connection: Any, nodes: Sequence[Node], rows: Sequence[Facts]) -> list[tuple[bool, ...]]:
    marks = ", ".join("%s" for _ in range(len(SCHEMA) + 1))
    values = [
        (place, *(list(value) if isinstance(value := facts.get(name), tuple) else value for name in SCHEMA))
        for place, facts in enumerate(rows)
    ]
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE history")
        cursor.executemany(f"INSERT INTO history VALUES ({marks})", values)
        spoken = [f"{sql.written(sql.speaks(node), 'postgres')} AS n{place}" for place, node in enumerate(nodes)]
        return cursor.execute(f"SELECT {', '.join(spoken)} FROM history ORDER BY place".encode()).fetchall()


def storable(facts: Facts) -> bool:
    """PostgreSQL keeps no text with a NUL in it; nor does an installation on it."""
    return not any("\0" in str(part) for value in facts.values() for part in (value if isinstance(value, tuple) else (value,)))  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_postgresql_reads_a_condition_as_evaluation_does(postgres, data):
    nodes = data.draw(st.lists(conditions, min_size=1, max_size=4))
    rows = data.draw(st.lists(facts_for(*nodes), min_size=1, max_size=5))
    assume(all(storable(facts) for facts in rows))
    for facts, answers in zip(rows, by_postgres(postgres, nodes, rows), strict=True):
        assert answers == tuple(from_tree("", node).evaluate(facts).speaks for node in nodes)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.large_base_example])
@given(rows=st.lists(any_facts(), min_size=1, max_size=10))
@pytest.mark.parametrize("name", ["default", "small-team", "solo"])
def test_postgresql_reads_the_shipped_sets_as_evaluation_does(postgres, name, rows):
    assume(all(storable(facts) for facts in rows))
    nodes = [net.condition.node for net in load_shipped(name)]
    for facts, answers in zip(rows, by_postgres(postgres, nodes, rows), strict=True):
        assert answers == tuple(from_tree("", node).evaluate(facts).speaks for node in nodes)
