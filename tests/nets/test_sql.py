"""Evaluation, solver and SQL read every condition alike; nothing in a net becomes SQL; dialects are named or refused."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import duckdb
import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from gardefou.errors import InvalidInput, Unavailable
from gardefou.nets import sql
from gardefou.nets.evaluate import compile_condition, from_tree
from gardefou.nets.facts import SCHEMA, Facts, Kind
from gardefou.nets.load import load
from gardefou.nets.net import NetSet
from gardefou.nets.shipped import load_shipped
from gardefou.nets.tree import Node
from tests.nets.cases import any_facts
from tests.nets.forms import FORMS, some_facts
from tests.nets.trees import by_solver, conditions, facts_for, odd_value, whole_language
from tests.refusals import refused

SHIPPED = ("default", "small-team", "solo")


@pytest.fixture(scope="module")
def database():
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        yield connection


def by_sql(database: Any, nodes: Sequence[Node], rows: Sequence[Facts]) -> list[tuple[bool, ...]]:
    """Judge all conditions on all facts in one query."""
    names = sorted({name for facts in rows for name in facts.values_} | {"now.hour"})
    read = sorted({spec.name for node in nodes for spec in from_tree("", node).reads} | set(names))
    columns = [f"CAST(column{place} AS {sql.TYPES[SCHEMA[name].kind]}) AS {sql.column_of(SCHEMA[name])}"
               for place, name in enumerate(read, 1)]  # fmt: skip
    spoken = [f"{sql.written(sql.speaks(node))} AS n{place}" for place, node in enumerate(nodes)]
    marks = ", ".join("?" for _ in range(len(read) + 1))
    values = [value for place, facts in enumerate(rows) for value in (place, *(_plain(facts, name) for name in read))]
    named = ", ".join(f"column{place}" for place in range(len(read) + 1))
    statement = (
        f"WITH given({named}) AS (VALUES {', '.join(f'({marks})' for _ in rows)}),"
        f" history AS (SELECT column0 AS place, {', '.join(columns)} FROM given)"
        f" SELECT {', '.join(spoken)} FROM history ORDER BY place"
    )
    return database.execute(statement, values).fetchall()


def _plain(facts: Facts, name: str) -> Any:
    value = facts.get(name)
    return list(value) if isinstance(value, tuple) else value


def by_evaluation(node: Node, facts: Facts) -> bool:
    return from_tree("", node).evaluate(facts).speaks


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_evaluation_solver_and_sql_read_a_condition_alike(database, data):
    nodes = data.draw(st.lists(conditions, min_size=1, max_size=4))
    rows = data.draw(st.lists(facts_for(*nodes), min_size=1, max_size=4))
    for facts, answers in zip(rows, by_sql(database, nodes, rows), strict=True):
        for node, answer in zip(nodes, answers, strict=True):
            assert answer is by_evaluation(node, facts)
            assert by_solver(node, facts) in (answer, None)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_sql_reads_the_whole_language_as_evaluation_does_at_every_bound(database, data):
    nodes = data.draw(st.lists(whole_language, min_size=1, max_size=4))
    rows = data.draw(st.lists(facts_for(*nodes, values=odd_value), min_size=1, max_size=6))
    for facts, answers in zip(rows, by_sql(database, nodes, rows), strict=True):
        assert answers == tuple(by_evaluation(node, facts) for node in nodes)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.large_base_example])
@given(rows=st.lists(any_facts(), min_size=1, max_size=12))
@pytest.mark.parametrize("name", SHIPPED)
def test_sql_reads_the_shipped_sets_as_evaluation_does(database, name, rows):
    nodes = [net.condition.node for net in load_shipped(name)]
    for facts, answers in zip(rows, by_sql(database, nodes, rows), strict=True):
        assert answers == tuple(by_evaluation(node, facts) for node in nodes)


def test_numbers_beyond_floats_err_in_sql_as_in_evaluation(database):
    much = "account.reach" + " * account.reach" * 20
    node = compile_condition(f"{much} - {much} > 0").node
    assert by_sql(database, [node], [Facts.of({"account.reach": 10**15}), Facts.of({"account.reach": 3})]) == [
        (True,),
        (False,),
    ]


def test_beyond_whole_floats_sql_and_evaluation_round_alike(database):
    # 10**30 + 1 is 10**30 as a float, and is not as a whole number.
    node = compile_condition("account.reach * account.reach + 1 > account.reach * account.reach").node
    facts = [Facts.of({"account.reach": 10**15}), Facts.of({"account.reach": 10**6})]
    assert by_sql(database, [node], facts) == [(False,), (True,)]
    assert [by_evaluation(node, one) for one in facts] == [False, True]


def test_a_very_long_condition_has_sql(database):
    node = compile_condition(" or ".join(f"case.reports == {n} and now.paused" for n in range(90))).node
    assert by_sql(database, [node], [Facts.of({"case.reports": 89, "now.paused": True})]) == [(True,)]


NASTY = (
    "'; DROP TABLE history; --",
    "it's",
    'a "quoted" \\ word',
    "\\'",
    "/* */",
    "$$",
    "%s ? :x {y}",
    "\n",
    "é\u202e\U0001f600",
)


@pytest.mark.parametrize("word", NASTY)
@pytest.mark.parametrize(
    "dialect", ["duckdb", "postgres", "spark", "bigquery", "snowflake", "mysql", "clickhouse", "trino"]
)
def test_a_text_of_a_net_stays_a_text_in_every_dialect(word, dialect):
    node = compile_condition(f"case.policy == {word!r}").node
    written = sql.written(sql.speaks(node), dialect)
    literals = [one.this for one in sqlglot.parse_one(written, dialect=dialect).find_all(exp.Literal)]
    assert set(literals) == {word, ""}


@pytest.mark.parametrize("word", NASTY)
def test_a_text_of_a_net_stays_a_text_in_duckdb(database, word):
    node = compile_condition(f"case.policy == {word!r} or {word!r} in account.labels").node
    rows = [
        Facts.of({"case.policy": word, "account.labels": []}),
        Facts.of({"case.policy": "", "account.labels": [word]}),
        Facts.of({"case.policy": word + " ", "account.labels": [word.upper() + "x"]}),
    ]
    assert by_sql(database, [node], rows) == [(True,), (True,), (False,)]


def test_half_a_character_is_named_as_what_no_database_holds():
    node = compile_condition('case.policy == "\\ud800"').node
    with pytest.raises(InvalidInput, match="half a character") as raised:
        sql.speaks(node)
    assert raised.value.code == "nets/text"


def test_a_dialect_that_is_not_there_is_refused_with_those_that_are():
    node = compile_condition("action.severity >= 3").node
    with pytest.raises(InvalidInput, match="there are athena, bigquery") as raised:
        sql.written(sql.speaks(node), "cobol")
    assert raised.value.code == "nets/dialect"


def test_a_dialect_without_lists_is_refused_only_where_a_net_reads_one():
    assert sql.written(sql.speaks(compile_condition("action.severity >= 3").node), "sqlite")
    with pytest.raises(InvalidInput, match="sqlite has no lists"):
        sql.written(sql.speaks(compile_condition('"lead" in actor.roles').node), "sqlite")


@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "spark", "bigquery", "snowflake", "trino"])
@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_sets_can_be_written_and_read_back_in_other_dialects(name, dialect):
    nets = load_shipped(name)
    select = sqlglot.parse_one(sql.query(nets, "history", dialect), dialect=dialect)
    assert isinstance(select, exp.Select)
    assert [one.alias for one in select.selects[2:]] == [net.id for net in nets]


def test_every_fact_has_a_column_of_its_own():
    assert len({sql.column_of(spec) for spec in SCHEMA.values()}) == len(SCHEMA)


def test_a_list_that_is_not_known_is_empty_where_that_is_most_protective():
    # `sql.Reader` takes an unknown list for an empty one.
    assert all(not spec.most_protective for spec in SCHEMA.values() if spec.kind is Kind.TEXTS)


def test_without_a_writer_of_sql_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    with pytest.raises(Unavailable, match=r"install gardefou\[backtest\]") as raised:
        sql.speaks(compile_condition("action.severity >= 3").node)
    assert raised.value.code == "nets/sql"
    assert raised.value.message == "Nets as SQL need a writer of SQL: install gardefou[backtest]."


@pytest.mark.parametrize("part", range(4))
def test_every_form_of_a_condition_reads_alike_in_sql_and_in_evaluation(database, part):
    rows, forms = some_facts(120), FORMS[part::4]
    nodes = [compile_condition(text).node for text in forms]
    for facts, answers in zip(rows, by_sql(database, nodes, rows), strict=True):
        for text, node, answer in zip(forms, nodes, answers, strict=True):
            assert answer is by_evaluation(node, facts), (text, facts)


def test_a_quotient_of_a_huge_number_errs_as_evaluation_does(database):
    # Ten to the fifteenth twenty times is 10**300, which is too much to calculate with.
    node = compile_condition(f"1 / ({' * '.join(['account.reach'] * 20)}) > 1").node
    facts = [Facts.of({"account.reach": reach}) for reach in (10**15, 0, 1)]
    assert by_sql(database, [node], facts) == [(True,), (True,), (False,)]
    assert [by_evaluation(node, one) for one in facts] == [True, True, False]


def test_a_query_has_the_platform_the_id_and_a_column_for_each_net(database):
    nets = load_shipped("solo").changed(remove=[net.id for net in load_shipped("solo")][2:])
    assert sql.query(nets, "history").startswith("SELECT platform, id, ")
    one, two = (net.id for net in nets)
    select = sqlglot.parse_one(sql.query(nets, "history"), dialect="duckdb")
    assert isinstance(select, exp.Select)
    assert [part.alias_or_name for part in select.selects] == ["platform", "id", one, two]
    assert [table.name for table in select.find_all(exp.Table)] == ["history"]
    assert f'"{one}"' in sql.query(nets, "history")
    assert "`" in sql.query(nets, "history", "bigquery")


def test_how_a_few_conditions_are_written():
    def said(text: str, dialect: str = "duckdb") -> str:
        return sql.written(sql.speaks(compile_condition(text).node), dialect)

    assert said("now.raid") == "COALESCE(now_raid, FALSE)"
    assert said("actor.human") == "actor_human IS NULL OR COALESCE(actor_human, FALSE)"
    assert said("account.reach > 1_000") == ("COALESCE(CAST(account_reach AS DOUBLE), 1000000000000000.0e0) > 1000.0e0")
    assert said("case.category == 'a'") == "case_category IS NULL OR COALESCE(case_category, '') = 'a'"
    assert said("now.hour > 1") == ("now_hour IS NULL OR COALESCE(CAST(now_hour AS DOUBLE), 0.0e0) > 1.0e0")
    assert said("'lead' in actor.roles") == "COALESCE(ARRAY_CONTAINS(actor_roles, 'lead'), FALSE)"
    assert said("not now.raid") == "NOT COALESCE(now_raid, FALSE)"
    assert said("not (now.raid or now.paused)") == "NOT (COALESCE(now_raid, FALSE) OR COALESCE(now_paused, TRUE))"
    assert said("min(account.reach, 1) > 0", "postgres").startswith("LEAST(")
    assert said("max(account.reach, 1) > 0").startswith("GREATEST(")
    assert said("min([account.reach]) > 0") == "COALESCE(CAST(account_reach AS DOUBLE), 1000000000000000.0e0) > 0.0e0"
    assert said("any([now.raid, now.paused])") == "COALESCE(now_raid, FALSE) OR COALESCE(now_paused, TRUE)"
    assert said("all([now.raid, now.paused])") == "COALESCE(now_raid, FALSE) AND COALESCE(now_paused, TRUE)"
    assert said("len([1, now.hour]) == 2") == "2.0e0 = 2.0e0"


@pytest.mark.parametrize("dialect", ["mysql", "sqlite", "tsql", "oracle"])
@pytest.mark.parametrize("when", ["'lead' in actor.roles", "len(account.labels) > 1"])
def test_a_dialect_without_lists_is_named(dialect, when):
    with refused("nets/dialect", "dialect") as caught:
        sql.written(sql.speaks(compile_condition(when).node), dialect)
    assert caught.value.message == f"{dialect} has no lists, and a net reads one: labels or roles."


def test_refusals_of_sql_say_which_field():
    with refused("nets/dialect", "dialect") as caught:
        sql.written(sql.speaks(compile_condition("now.raid").node), "")
    assert caught.value.message.startswith("There is no SQL dialect ''; there are athena, bigquery, ")
    with refused("nets/text", "when"):
        sql.speaks(compile_condition('case.policy == "\\ud800"').node)
    assert sql.written(sql.speaks(compile_condition("now.raid").node), "mysql")


def test_what_a_dialect_cannot_say_is_named():
    with refused("nets/dialect", "dialect") as caught:
        sql.written(sqlglot.parse_one("SELECT id FROM history TABLESAMPLE (10 PERCENT)", dialect="duckdb"), "mysql")
    assert caught.value.message == "This cannot be said in mysql: TABLESAMPLE unsupported."


def test_a_net_may_be_named_by_a_word_of_sql():
    (net,) = load("[[net]]\nid = 'order'\ntitle = 'T'\nbecause = 'B'\nwhen = 'now.raid'\n[net.require]\nhold = '1m'\n")
    assert sql.query(NetSet([net]), "history") == (
        'SELECT platform, id, COALESCE(now_raid, FALSE) AS "order" FROM history'
    )
    assert "AS `order`" in sql.query(NetSet([net]), "history", "bigquery")
