"""Where things stand in a file of nets: what is wrong is found at once by who looks at the line and column."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gardefou.nets.language import Place
from gardefou.nets.positions import positions

WHOLE = '''\
# [[net]] id = "no"
top = 1   # "a comment
[[net]]
id = "one"
  "quoted key" = 'it s' # b
'bare' = 3
because = """
line one
  line two = 3 # [x] """
when = "a \\" b"
list = [
  "x]", # ]
  'y#',
  [1, 2],
]
after = { a = 1, b = "}" }
[net.require]
approvals = 2
sub.key = 1

[[net]]
[net.require]
hold="1m"
[ extra . "deep" ]
x = 1
[[extra.many]]
y = 1
[[extra.many]]
y = 2
last = \'\'\'
a\'\'\'\'
end = 5'''


def test_the_text_is_toml():
    assert len(tomllib.loads(WHOLE)["net"]) == 2


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ("top", 2, 1),
        ("net.0", 3, 1),
        ("net.0.id", 4, 1),
        ("net.0.quoted key", 5, 3),
        ("net.0.bare", 6, 1),
        ("net.0.because", 7, 1),
        ("net.0.when", 10, 1),
        ("net.0.list", 11, 1),
        ("net.0.after", 16, 1),
        ("net.0.require", 17, 1),
        ("net.0.require.approvals", 18, 1),
        ("net.0.require.sub.key", 19, 1),
        ("net.1", 21, 1),
        ("net.1.require", 22, 1),
        ("net.1.require.hold", 23, 1),
        ("extra.deep", 24, 1),
        ("extra.deep.x", 25, 1),
        ("extra.many.0", 26, 1),
        ("extra.many.0.y", 27, 1),
        ("extra.many.1", 28, 1),
        ("extra.many.1.y", 29, 1),
        ("extra.many.1.last", 30, 1),
        ("extra.many.1.end", 32, 1),
        # What is not there stands at the nearest table around it, or at the beginning.
        ("net.0.mode", 3, 1),
        ("net.1.require.from", 22, 1),
        ("net.1.title.deeper", 21, 1),
        ("net.7.id", 1, 1),
        ("nothing", 1, 1),
        ("nothing.at.all", 1, 1),
    ],
)
def test_every_key_and_header_has_its_place(path, line, column):
    assert positions(WHOLE).key(path) == Place(line, column)


@pytest.mark.parametrize(
    ("path", "inner", "line", "column"),
    [
        ("top", Place(1, 1), 2, 7),
        ("net.0.id", Place(1, 1), 4, 7),
        ("net.0.id", Place(1, 3), 4, 9),
        ("net.0.quoted key", Place(1, 1), 5, 19),
        # The line after three quotes begins the text.
        ("net.0.because", Place(1, 1), 8, 1),
        ("net.0.because", Place(2, 3), 9, 3),
        ("net.0.when", Place(1, 2), 10, 10),
        ("net.0.list", Place(1, 1), 11, 8),
        ("net.1.require.hold", Place(1, 2), 23, 8),
        ("extra.many.1.last", Place(1, 2), 31, 2),
        ("extra.many.1.end", Place(1, 1), 32, 7),
        # No text there: the key, or what is around it.
        ("net.0.mode", Place(4, 4), 3, 1),
    ],
)
def test_a_place_within_a_text_is_a_place_in_the_file(path, inner, line, column):
    assert positions(WHOLE).within(path, inner) == Place(line, column)


@pytest.mark.parametrize(
    ("value", "column"),
    [
        ('"x"', 6),
        ("'x'", 6),
        ('"""x"""', 8),
        ("'''x'''", 8),
        ('""', 6),
        ("''", 6),
        ('""""x""""', 8),
        ("''''x'''''", 8),
        ('"""a\\"""b"""', 8),
        ('"a\\\\"', 6),
        ("'a\\'", 6),
        ('"a # b"', 6),
        ("'a # b'", 6),
        ("[1, [2], 'x]']", 5),
        ("{ x = ']', y = [1] }", 5),
        ('[\n"a" # ]\n, 1\n]', 5),
        ("3 # [", 5),
        ("{ X = 1, Y = [2] }", 5),
        ("[\n1, # X\n]", 5),
    ],
)
def test_a_value_ends_where_it_ends_and_the_next_key_is_found(value, column):
    text = f"a = {value}\nb = 1\n"
    assert set(tomllib.loads(text)) == {"a", "b"}
    found = positions(text)
    assert found.within("a", Place(1, 1)) == Place(1, column)
    assert found.key("b") == Place(text.count("\n"), 1)
    assert found.keys.keys() == found.values.keys() == {"a", "b"}


@pytest.mark.parametrize("text", ["", "\n", "# only", "[a]", "a = 1", "a=1#", "[[a]]\n# x", "a = '''x'''", "\t a = 1 \r\n"])  # fmt: skip
def test_a_text_may_end_anywhere(text):
    found = positions(text)
    assert {path.partition(".")[0] for path in found.keys} == set(tomllib.loads(text))


def test_of_a_header_that_stands_twice_the_first_counts_and_windows_lines_too():
    text = "[a.b]\r\nx = 1\r\n[a.b.c]\r\n\ty = 2\r\n"
    found = positions(text)
    assert [found.key(path) for path in ("a.b", "a.b.x", "a.b.c", "a.b.c.y")] == [
        Place(1, 1),
        Place(2, 1),
        Place(3, 1),
        Place(4, 2),
    ]
    assert positions("[[a]]\nx.y = 1\nx.z = 2").key("a.0.x.z") == Place(3, 1)


@pytest.mark.parametrize(
    ("line", "path", "column"),
    [
        ('a    = "x"', "a", 9),
        ("a\t=\t'x'", "a", 6),
        ("a . b  =  1", "a.b", 11),
        ('"a b".c = "x"', "a b.c", 12),
        ("a.'b c' = 1", "a.b c", 11),
        ("a . 'b' . c = 1", "a.b.c", 15),
        ("XaX = 1", "XaX", 7),
    ],
)
def test_a_key_is_found_however_it_is_spaced_and_parted(line, path, column):
    value = tomllib.loads(line)
    for part in path.split("."):
        value = value[part]
    found = positions(f"{line}\nlast = 1")
    assert found.keys.keys() == {path, "last"}
    assert found.within(path, Place(1, 1)) == Place(1, column)
    assert found.key("last") == Place(2, 1)


@pytest.mark.parametrize(
    ("header", "path"),
    [
        ("[MAX]", "MAX"),
        ("[a.XX]", "a.XX"),
        ("[a] # see [b]", "a"),
        ("[[a]] # see [[b]]", "a.0"),
        ("[ a . 'b' ] # ]", "a.b"),
    ],
)
def test_a_header_is_its_name_and_nothing_of_what_is_remarked_behind_it(header, path):
    assert positions(f"{header}\nx = 1").keys == {path: 0, f"{path}.x": len(header) + 1}


KEYS = st.sampled_from(["a", "b-c", "D_1", '"x y"', "'q.r'"])
VALUES = st.sampled_from(
    ["1", "true", '"s"', "'s'", '"a\\"b"', "[1, 2]", "['#', \"]\"]", "{ k = 1 }", '"""t\nu"""', "'''v'''", "[\n 1,\n]"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(KEYS, VALUES), max_size=4, unique_by=lambda pair: pair[0]), st.integers(0, 3))
def test_every_key_of_any_table_stands_where_its_line_begins(pairs, blanks):
    text, lines = "[t]\n", {}
    for key, value in pairs:
        text += "\n" * blanks
        lines[key.strip("\"'")] = text.count("\n") + 1
        text += f"{key} = {value}\n"
    assert set(tomllib.loads(text)["t"]) == set(lines)
    found = positions(text)
    assert {key: found.key(f"t.{key}").line for key in lines} == lines
    assert set(found.keys) == {"t", *(f"t.{key}" for key in lines)}
