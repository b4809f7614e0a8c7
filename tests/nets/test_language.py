"""The condition language: what it takes, what it refuses, and how it comes out."""

from __future__ import annotations

import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gardefou.nets import tree
from gardefou.nets.check import read_condition
from gardefou.nets.evaluate import Outcome, compile_condition
from gardefou.nets.facts import SCHEMA, Facts, Kind
from gardefou.nets.language import MAX_DEPTH, MAX_LENGTH, ConditionError, Place, parse, place_of
from tests.nets.cases import any_facts, ordinary

MATCHED, SILENT, ERRED = Outcome.MATCHED, Outcome.NOT_MATCHED, Outcome.ERRED


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("account.reach == 40", MATCHED),
        ("10 < account.reach <= 40", MATCHED),
        ("10 < account.reach < 40", SILENT),
        ("account.reach > 1_000_000", SILENT),
        ("account.reach + 2 * 3 - 6 / 2 == 43", MATCHED),
        ("-account.reach < 0", MATCHED),
        ('"reviewer" in actor.roles', MATCHED),
        ('"lead" not in actor.roles', MATCHED),
        ('actor.standing in ["active", "leaving"]', MATCHED),
        ('actor.fresh_minutes < "10m"', MATCHED),
        ('actor.fresh_minutes < "60s"', SILENT),
        ('account.age_days >= "57w"', MATCHED),
        ('account.age_days >= "58w"', SILENT),
        ('"1h" <= actor.hours_to_last_day_end', MATCHED),
        ("min(account.reach, 7) == 7", MATCHED),
        ("max([account.reach, 7]) == 40", MATCHED),
        ("len(actor.roles) == 1", MATCHED),
        ("any([now.paused, actor.human])", MATCHED),
        ("all([now.paused, actor.human])", SILENT),
        ("not now.paused and\n  actor.human", MATCHED),
        ("account.reach / (account.reach - 40) > 1", ERRED),
        ("now.paused and account.reach / (account.reach - 40) > 1", SILENT),
    ],
)
def test_outcomes_on_an_ordinary_click(text, outcome):
    assert compile_condition(text).evaluate(ordinary()) is outcome


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "says"),
    [
        ("", "nets/syntax", 1, 1, "empty"),
        ("account.reach >", "nets/syntax", 1, 16, "not a condition"),
        ("a) or (b", "nets/syntax", 1, 2, "not a condition"),
        ("now.paused # and more", "nets/syntax", 1, 12, "comments"),
        ("__import__('os')", "nets/syntax", 1, 1, "call only"),
        ("account.labels[0] == 'x'", "nets/syntax", 1, 1, "lookups"),
        ("[x for x in actor.roles]", "nets/syntax", 1, 1, "comprehensions"),
        ("account.reach ** 2 > 1", "nets/syntax", 1, 1, "operators"),
        ("(lambda: 1)() == 1", "nets/syntax", 1, 1, "call only"),
        ("account.reach is 3", "nets/syntax", 1, 1, "is"),
        ("account.reech > 3", "nets/unknown_fact", 1, 1, "Did you mean account.reach?"),
        ("now.paused and\n  acount.reach > 3", "nets/unknown_fact", 2, 3, "Did you mean account.reach?"),
        ('case.category == "é" and xx.y', "nets/unknown_fact", 1, 26, "no fact xx.y"),
        ("account.reach", "nets/type", 1, 1, "true or false"),
        ("account.reach > 'a'", "nets/type", 1, 1, "compares a number with a text"),
        ("account.reach > '10m'", "nets/type", 1, 1, "a duration needs"),
        ("actor.fresh_minutes > 'soon'", "nets/type", 1, 23, "no duration"),
        ("actor.fresh_minutes < account.age_days", "nets/type", 1, 1, "minutes with days"),
        ("actor.standing == 'retired'", "nets/type", 1, 19, "never a value"),
        ("'leed' in actor.roles", "nets/type", 1, 1, "Did you mean lead?"),
        ("now.paused + 1 > 2", "nets/type", 1, 1, "needs a number"),
        ("account.tier > 'notable'", "nets/type", 1, 1, "use == or in"),
        ("account.labels == ['a']", "nets/type", 1, 1, "compared with in"),
        ("any(actor.roles)", "nets/type", 1, 1, "list of true or false"),
        ("now.paused and account.reach", "nets/type", 1, 16, "true or false"),
        ("account.reach > 1e400", "nets/type", 1, 17, "up to"),
        ("action.severity > 5", "nets/never_holds", 1, 1, "never"),
        ("account.reach >= 5 and account.reach < 5", "nets/never_holds", 1, 1, "never"),
        ("action.severity > 3 and action.severity < 4", "nets/never_holds", 1, 1, "never"),
        ("actor.human and not actor.human", "nets/never_holds", 1, 1, "never"),
        ("actor.via == 'api' and actor.via in ['cli', 'console']", "nets/never_holds", 1, 1, "never"),
        ("account.reach + 1 < 1", "nets/never_holds", 1, 1, "never"),
        ("(now.raid or now.paused) and not now.raid and not now.paused", "nets/never_holds", 1, 1, "never"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text, code, line, column, says):
    with pytest.raises(ConditionError) as caught:
        compile_condition(text)
    assert (caught.value.code, caught.value.place.line, caught.value.place.column) == (code, line, column)
    assert says in caught.value.message


def test_several_problems_are_found_in_one_pass():
    _, problems = read_condition("account.reech > 3 and actor.standing == 'x' and now.hour > 'a'")
    assert [problem.code for problem in problems] == ["nets/unknown_fact", "nets/type", "nets/type"]


def test_an_unknown_fact_is_taken_at_its_most_protective_value_or_errs():
    nothing = Facts.of({})
    assert compile_condition('account.tier == "protected"').evaluate(nothing) is MATCHED
    assert compile_condition("account.reach > 5_000_000").evaluate(nothing) is MATCHED
    assert compile_condition("actor.in_shift").evaluate(nothing) is SILENT
    assert compile_condition("actor.human").evaluate(nothing) is ERRED
    assert compile_condition("not actor.human").evaluate(nothing) is ERRED
    assert compile_condition('case.category == "spam"').evaluate(nothing) is ERRED
    assert compile_condition('case.category != "spam"').evaluate(nothing) is ERRED
    assert compile_condition('case.category in ["spam"]').evaluate(nothing) is ERRED
    assert compile_condition("now.hour > 20").evaluate(nothing) is ERRED


def test_too_long_or_too_deep_is_refused():
    for text in (" and ".join(["now.raid"] * 1_000), "not " * 100 + "now.raid", "(" * 300 + "now.raid" + ")" * 300):
        with pytest.raises(ConditionError):
            compile_condition(text)


@given(st.text(max_size=60))
def test_any_text_is_either_a_condition_or_a_named_problem(text):
    node, problems = read_condition(text)
    assert (node is None) == bool(problems)
    for problem in problems:
        assert problem.place.line >= 1
        assert problem.place.column >= 1


def _conditions():
    numbers = st.sampled_from([name for name, spec in SCHEMA.items() if spec.is_number])
    words = [(name, word) for name, spec in SCHEMA.items() if spec.kind is Kind.ENUM for word in spec.choices]
    atoms = (
        st.builds("{} {} {}".format, numbers, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.integers(0, 50))
        | st.builds("{} + {} > {}".format, numbers, st.integers(0, 9), st.integers(0, 50))
        | st.sampled_from(words).map(lambda pair: f'{pair[0]} == "{pair[1]}"')
        | st.sampled_from([name for name, spec in SCHEMA.items() if spec.kind is Kind.BOOL])
    )
    return st.recursive(
        atoms,
        lambda inner: (
            st.builds("({} and {})".format, inner, inner)
            | st.builds("({} or {})".format, inner, inner)
            | st.builds("not {}".format, inner.map(lambda text: f"({text})"))
        ),
        max_leaves=6,
    )


@given(_conditions(), any_facts())
def test_rendering_a_condition_keeps_its_meaning(text, facts):
    node, problems = read_condition(text)
    if node is None:
        assert {problem.code for problem in problems} == {"nets/never_holds"} or problems
        return
    again = compile_condition(tree.render(node))
    assert again.evaluate(facts) is compile_condition(text).evaluate(facts)


@given(_conditions(), any_facts())
def test_a_condition_called_impossible_never_matches(text, facts):
    _, problems = read_condition(text)
    if any(problem.code == "nets/never_holds" for problem in problems):
        # In company of something possible it is let through, and must stay silent.
        assert (
            compile_condition(f"({text}) or action.severity > 4").evaluate(facts.but({"action.severity": 0}))
            is not MATCHED
        )


def test_a_condition_runs_in_a_few_microseconds():
    condition = compile_condition('account.tier_memory == "protected" and action.severity >= 3')
    facts = ordinary()
    best = min(timeit.repeat(lambda: condition.evaluate(facts), number=1_000, repeat=5)) / 1_000
    assert best < 20e-6


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("text", ["1or account.reach == 2", "account.reach == 0x1for 2", r'account.state == "a\d"'])
def test_what_python_only_warns_of_is_refused_and_nothing_is_written_anywhere(text, recwarn):
    with pytest.raises(ConditionError) as refused:
        parse(text)
    assert refused.value.code == "nets/syntax"
    assert not recwarn.list


def test_a_condition_keeps_its_text_and_knows_what_it_reads():
    condition = compile_condition("account.reach > 5 and not now.paused or account.reach > 9")
    assert condition.text == "account.reach > 5 and not now.paused or account.reach > 9"
    assert condition.reads == tuple(
        sorted((SCHEMA["now.paused"], SCHEMA["account.reach"]), key=lambda spec: spec.index)
    )


def test_a_condition_runs_without_anything_built_in():
    known = compile_condition("now.paused").test.__globals__
    assert known["__builtins__"] == {}
    assert set(known) == {"__builtins__", "n", "min", "max", "len", "any", "all"}


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        # A value of the list that is no constant: compared one after another, the unknown one errs.
        ("account.reach in [40, account.age_days]", MATCHED),
        ("account.reach in [41, account.age_days]", SILENT),
        ("account.reach not in [40, account.age_days]", SILENT),
        ("account.reach not in [41, account.age_days]", MATCHED),
        ("account.age_days in [account.reach, account.age_days]", MATCHED),
        ("account.reach in [40, 41]", MATCHED),
        ("account.reach not in [40, 41]", SILENT),
        ("account.reach - 39 == 1", MATCHED),
        ("account.reach * account.reach == 1600", MATCHED),
        ("account.reach - (39 - 1) == 2", MATCHED),
        ("(now.paused or actor.human) and not now.paused", MATCHED),
        ("len([account.reach, 3]) == 2", MATCHED),
        ("any([now.paused, now.paused])", SILENT),
        ("all([actor.human, not now.paused])", MATCHED),
    ],
)
def test_outcomes_of_lists_that_are_written_down(text, outcome):
    assert compile_condition(text).evaluate(ordinary()) is outcome


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ('case.category in ["spam", case.policy]', ERRED),
        ('case.category in [case.category, "spam"]', ERRED),
        ('any([actor.human, case.category == "spam"])', ERRED),
        ('all([now.paused, case.category == "spam"])', ERRED),
        ('actor.human or case.category == "spam"', MATCHED),
        ('len([case.category == "spam"]) == 1', MATCHED),
    ],
)
def test_nothing_unknown_hides_behind_another_value(text, outcome):
    assert compile_condition(text).evaluate(ordinary().but({"case.category": None})) is outcome


def test_a_yes_or_no_that_is_unknown_hides_behind_no_other_in_a_list():
    facts = ordinary().but({"actor.human": None})
    assert compile_condition("any([not now.paused, actor.human])").evaluate(facts) is ERRED
    assert compile_condition("all([now.paused, actor.human])").evaluate(facts) is ERRED
    assert compile_condition("not now.paused or actor.human").evaluate(facts) is MATCHED


def test_every_number_is_a_float_so_that_it_comes_to_what_sql_comes_to():
    exact = "account.reach * 1_000_000_000_000 * 1_000_000 + 1 == account.reach * 1_000_000_000_000 * 1_000_000"
    assert compile_condition(exact).evaluate(ordinary()) is MATCHED


def test_a_product_beyond_all_numbers_errs_where_it_would_else_compare_as_silence():
    huge = " * ".join(["account.reach"] * 22)
    facts = ordinary(account__reach=10**15)
    for text in (f"{huge} - {huge} >= 0", f"{huge} > 1", f"-1 * {huge} < 1", f"1 / (1 / {huge}) > 1"):
        assert compile_condition(text).evaluate(facts) is ERRED
    assert compile_condition("account.reach * account.reach > 1").evaluate(facts) is MATCHED


@pytest.mark.parametrize(
    "text",
    [
        "account.reach in [40, 41]",
        'actor.standing not in ["active", "leaving"]',
        "10 < account.reach <= 40",
        "now.paused or actor.human and now.raid",
        "(now.paused or actor.human) and now.raid",
        "not (now.paused or actor.human)",
        "not now.paused and actor.human",
        "not not now.paused",
        "(now.paused or actor.human) == now.raid",
        "now.raid == (now.paused or actor.human)",
        "(account.reach > 5) == now.raid",
        "now.raid == (not now.paused)",
        "account.reach * (3 * 2) > 1",
        "not account.reach > 5",
        "account.reach - (5 - 2) > 1",
        "account.reach - 5 - 2 > 1",
        "(account.reach + 5) * 2 > 1",
        "account.reach + 5 * 2 > 1",
        "account.reach / (5 * 2) > 1",
        "account.reach * 5 / 2 > 1",
        "-account.reach < -5 + 2",
        "-(account.reach + 1) < 0",
        "min(account.reach, 7) == max([account.reach, 7])",
        "any([now.paused, actor.human or now.raid])",
        'case.policy == "a \\\\ and a \\" mark"',
    ],
)
def test_a_condition_written_with_no_bracket_too_many_is_rendered_as_it_stands(text):
    node, problems = read_condition(text)
    assert not problems
    assert node is not None
    assert tree.render(node) == text


def test_a_name_is_rendered_as_itself_before_it_is_known():
    assert tree.render(tree.Name("account.reach", 0)) == "account.reach"
    assert (
        tree.render(tree.Not(tree.Compare((tree.Name("a", 0), tree.Literal(1, 0)), ("<",), 0), 0), 4) == "(not a < 1)"
    )


def problem(text):
    """Return code, line, column and what to write instead, of the only problem of a condition."""
    _, problems = read_condition(text)
    (only,) = problems
    assert only.field == "when"
    assert "%(" not in only.message
    assert "None" not in only.message
    assert only.extra == {"line": only.place.line, "column": only.place.column}
    return only.code, only.place.line, only.place.column, only.suggestion


@pytest.mark.parametrize(
    ("text", "offset", "line", "column"),
    [
        ("ab\ncd", 0, 1, 1),
        ("ab\ncd", 2, 1, 3),
        ("ab\ncd", 3, 2, 1),
        ("ab\ncd", 5, 2, 3),
        ("ab\ncd", 9, 2, 3),
        ("ab\ncd", -4, 1, 1),
        ("\n\n", 2, 3, 1),
    ],
)
def test_a_place_is_counted_from_one_and_lies_within_the_text(text, offset, line, column):
    assert place_of(text, offset) == Place(line, column)


def test_a_condition_may_be_as_long_as_said_and_no_longer():
    text = f"now.raid {' ' * (MAX_LENGTH - 20)}or now.raid"
    assert len(text) == MAX_LENGTH
    assert read_condition(text)[0] is not None
    # What stands around is not counted.
    assert read_condition(f"\n  {text}  \n")[0] is not None
    assert problem(text.replace(" or", "  or")) == ("nets/syntax", 1, 1, None)
    assert "longer than 4000 characters" in read_condition(text.replace(" or", "  or"))[1][0].message


def test_a_condition_may_nest_as_deeply_as_said_and_no_deeper():
    assert read_condition("not " * (MAX_DEPTH - 1) + "now.raid")[0] is not None
    code, line, column, _ = problem("not " * MAX_DEPTH + "now.raid")
    assert (code, line, column) == ("nets/syntax", 1, 4 * MAX_DEPTH + 1)
    assert "deeper than 60 levels" in read_condition("not " * MAX_DEPTH + "now.raid")[1][0].message


@pytest.mark.parametrize("deepest", [59, 60])
@pytest.mark.parametrize(
    ("before", "inner", "after"),
    [
        ("-", "account.reach", " < 1"),
        ("now.raid == (not ", "now.raid", ")"),
        ("now.raid and (not ", "now.raid", ")"),
        ("1 + (-", "account.reach", ") < 1"),
        ("(-", "account.reach", ") + 1 < 1"),
        ("any([not ", "now.raid", "])"),
        ("len([not ", "now.raid", "]) == 1"),
    ],
)
def test_every_kind_of_nesting_counts(before, inner, after, deepest):
    # Each of these is one level for what opens it, and more for what is repeated.
    sign = "-" if "-" in before else "not "
    levels = {"-": 2, "now.raid == (not ": 2, "now.raid and (not ": 2, "1 + (-": 3, "(-": 3, "any([not ": 3,
              "len([not ": 4}[before]  # fmt: skip
    text = before + sign * (deepest - levels) + inner + after
    node, problems = read_condition(text)
    assert [one.code for one in problems] == ([] if deepest == 59 else ["nets/syntax"]), problems
    assert (node is None) == bool(problems)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ("   ", 1, 1),
        ("  account.reach >", 1, 18),
        ("\n  account.reach > and", 2, 19),
        ("\n\tnow.raid or\n  # here", 3, 3),
        ("  now.raid or account.reach == 1or now.paused", 1, 33),
        (r'  account.state == "a\d"', 1, 20),
        ("now.raid and f'x' == case.policy", 1, 14),
        ('case.policy == "é" and account.labels[0] == "x"', 1, 24),
        ("any(*actor.roles)", 1, 1),
        ("min(1, default=2) > 1", 1, 1),
        ("now.raid and len(actor.roles)(2) == 1", 1, 14),
        ("now.raid or (account.reach).size > 1 or account.reach()", 1, 41),
        ("now.raid and 'a'.b.c == 1", 1, 14),
        ("now.raid and account.reach is 3", 1, 14),
        ("now.raid and ~account.reach > 3", 1, 14),
        ("now.raid and +account.reach > 3", 1, 14),
        ("now.raid and account.reach % 2 == 1", 1, 14),
        ("now.raid and (account.reach if now.raid else 1) > 3", 1, 15),
        ("now.raid and (x := now.raid)", 1, 15),
        ("now.raid and {1: 2} == 1", 1, 14),
        ("now.raid and {1} == 1", 1, 14),
        ("now.raid and None == 1", 1, 14),
        ("now.raid and b'a' == case.policy", 1, 14),
        ("now.raid and 1j > 0", 1, 14),
        ("now.raid and (lambda: 1) == 1", 1, 15),
        ("now.raid\x00", 1, 10),
    ],
)
def test_what_the_language_does_not_have_is_a_matter_of_syntax_at_its_place(text, line, column):
    assert problem(text) == ("nets/syntax", line, column, None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("now.raid and (account.reach if now.raid else 1) > 3", "have no if … else;"),
        ("account.labels[0] == 'x'", "have no […] lookups;"),
        ("f'x' == case.policy", "have no f-strings;"),
        ("{1: 2} == 1", "have no dictionaries;"),
        ("{1} == 1", "have no sets (write a list);"),
        ("(x := now.raid)", "have no :=;"),
        ("account.reach is 3", "have no is (write ==);"),
        ("account.reach % 2 == 1", "have no operators but + - * /;"),
        ("~account.reach > 3", "have no signs but -;"),
        ("None == 1", "have no such literals;"),
        ("(lambda: 1) == 1", "have no lambda;"),
        ("[x for x in actor.roles]", "have no comprehensions or other Python;"),
        ("any(*actor.roles)", "no * arguments"),
        ("abs(account.reach) > 1", "call only min, max, len, any, all,"),
        ("'a'.b == 1", "Only names of facts have dots"),
    ],
)
def test_what_the_language_does_not_have_is_named(text, says):
    _, (only,) = read_condition(text)
    assert says in only.message
    assert only.message.endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        r'case.policy == "a\\d"',
        r'case.policy == "a\n\t\"\x41\u0041\U00000041\N{BULLET}\101"',
        "account.reach in (1, 2)",
        "account.reach == 0x1f or now.raid",
        "now.raid or account.reach in [1]",
        "now.raid\r\n\f\v\tand now.paused",
    ],
)
def test_what_python_writes_well_is_taken(text):
    node, problems = read_condition(text)
    assert not problems
    assert node is not None


def test_a_text_keeps_every_letter():
    letters = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"\\\\') + "éß\u202e☃"
    assert parse(f'a == "{letters}"') == tree.Compare((tree.Name("a", 0), tree.Literal(letters, 5)), ("==",), 0)
    assert parse('a == "x  y"') == tree.Compare((tree.Name("a", 0), tree.Literal("x  y", 5)), ("==",), 0)


def test_what_is_too_deep_for_python_is_said_to_be_no_condition_at_its_beginning():
    _, (only,) = read_condition("-" * 3_990 + "now.raid")
    assert (only.code, only.place) == ("nets/syntax", Place(1, 1))
    assert "recursion" in only.message


@pytest.mark.parametrize("text", ["\ud800 > 1", "case.policy == '\ud800' and now.rain"])
def test_half_a_character_is_no_trouble(text):
    _, (only,) = read_condition(text)
    assert (only.code, only.place) == ("nets/syntax", Place(1, 1))


@pytest.mark.parametrize("text", ["account.reach >", "a) or (b", "now.raid\x00", "1 +* 2", "(" * 300 + "a" + ")" * 300])
def test_what_python_cannot_read_is_said_as_python_says_it(text):
    _, (only,) = read_condition(text)
    head, said = only.message.split(": ", 1)
    assert head == "This is not a condition"
    assert len(said) > 5
    assert said != "None."
    assert only.code == "nets/syntax"


def test_every_comparison_and_sign_is_read_as_itself():
    for op in ("==", "!=", "<", "<=", ">", ">="):
        assert parse(f"account.reach {op} 1") == tree.Compare((tree.Name("account.reach", 0), tree.Literal(1, len(op) + 15)), (op,), 0)  # fmt: skip
    for op in "+-*/":
        assert parse(f"a {op} 1") == tree.Arith(op, tree.Name("a", 0), tree.Literal(1, 4), 0)
    assert parse("a in b") == tree.Compare((tree.Name("a", 0), tree.Name("b", 5)), ("in",), 0)
    assert parse("a not in b") == tree.Compare((tree.Name("a", 0), tree.Name("b", 9)), ("not in",), 0)
    assert parse("a.b.c") == tree.Name("a.b.c", 0)
    assert parse(" a and b or c") == tree.Bool(
        "or", (tree.Bool("and", (tree.Name("a", 1), tree.Name("b", 7)), 1), tree.Name("c", 12)), 1
    )
    assert parse("'é' == (a)") == tree.Compare((tree.Literal("é", 0), tree.Name("a", 8)), ("==",), 0)
    assert parse("min([1, -2], not a)") == tree.Call(
        "min",
        (
            tree.ListOf((tree.Literal(1, 5), tree.Negate(tree.Literal(2, 9), 8)), 4),
            tree.Not(tree.Name("a", 17), 13),
        ),
        0,
    )
