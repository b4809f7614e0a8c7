"""The condition language: a small, typed subset of Python's expression syntax.

Names of facts, literals (``"10m"`` durations, ``1_000_000``), ``and or not``,
comparisons (chained too), ``in`` and ``not in``, ``+ - * /``, and
``min max len any all``; nothing else. This file turns text into a tree;
`check` gives it types, `evaluate` runs it.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass

from gardefou.errors import InvalidInput
from gardefou.nets import tree
from gardefou.speech import gettext as _
from gardefou.speech import later

#: Longest condition, in characters, and deepest nesting.
MAX_LENGTH = 4_000
MAX_DEPTH = 60

FUNCTIONS = ("min", "max", "len", "any", "all")

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}

# A backslash that begins nothing; Python only warns of it, wherever it is that warnings go.
_NO_ESCAPE = re.compile(r"""(?<!\\)(?:\\\\)*\\[^\\'"abfnrtvxuUN0-7\n]""")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text: line and column, both counted from 1."""

    line: int
    column: int


class ConditionError(InvalidInput):
    """What is wrong with a condition, and where: ``place`` within its own text (`nets/…`).

    ``suggestion`` is what to write instead, where that can be said.
    """

    def __init__(self, code: str, message: str, place: Place, suggestion: str | None = None) -> None:
        super().__init__(code, message, field="when", extra={"line": place.line, "column": place.column})
        self.place = place
        self.suggestion = suggestion


def place_of(text: str, offset: int) -> Place:
    """Return line and column of a character offset."""
    offset = max(0, min(offset, len(text)))
    line = text.count("\n", 0, offset) + 1
    return Place(line, offset - (text.rfind("\n", 0, offset) + 1) + 1)


def parse(text: str) -> tree.Node:
    """Parse a condition into its tree, unchecked.

    Raises:
        ConditionError: empty, too long, not an expression, or something that
            the language does not have (`nets/syntax`).
    """
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        stripped = text.lstrip()
        self._indent = len(text) - len(stripped)
        # One line for Python's parser, so that a condition may span several without brackets.
        self._source = "".join(" " if char in "\r\n\t\f\v" else char for char in stripped.rstrip())
        self._bytes = self._source.encode("utf-8", "replace")

    def parse(self) -> tree.Node:
        if not self._source:
            raise self._wrong(_("The condition is empty; write what must hold, such as action.severity >= 3"), 0)
        if len(self._source) > MAX_LENGTH:
            raise self._wrong(
                _("The condition is longer than %(most)s characters; split the net in two", most=MAX_LENGTH), 0
            )
        self._look_at_tokens()
        try:
            body = ast.parse(self._source, mode="eval").body
        except SyntaxError as error:
            # Python counts columns from 1; 0 stands for "where the text ends too early".
            at = error.offset - 1 if error.offset else len(self._source)
            raise self._wrong(_("This is not a condition: %(msg)s", msg=error.msg), self._indent + at) from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise self._wrong(_("This is not a condition: %(error)s", error=error), 0) from error
        return self._node(body, MAX_DEPTH)

    def _look_at_tokens(self) -> None:
        """Refuse what Python's parser reads without an error, and should not."""
        number_ends: tuple[int, int] | None = None
        try:
            for token in tokenize.generate_tokens(io.StringIO(self._source).readline):
                at = self._indent + token.start[1]
                if token.type == tokenize.COMMENT:
                    # With several lines made one, a comment would swallow what follows it.
                    raise self._wrong(_("A condition has no comments; use the net's because"), at)
                if token.type == tokenize.NAME and token.start == number_ends:
                    raise self._wrong(_("A number runs into a word; put a space between them"), at)
                if token.type == tokenize.STRING and _NO_ESCAPE.search(token.string):
                    raise self._wrong(_("A backslash in a text is written twice"), at)
                number_ends = token.end if token.type == tokenize.NUMBER else None
        except (tokenize.TokenError, SyntaxError):
            return  # the parser says it better

    def _node(self, node: ast.expr, depth: int) -> tree.Node:
        at = self._indent + len(self._bytes[: node.col_offset].decode("utf-8", "replace"))
        if depth == 0:
            raise self._wrong(
                _("The condition nests deeper than %(most)s levels; split the net in two", most=MAX_DEPTH), at
            )
        deeper = depth - 1
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return tree.Literal(value, at)
            case ast.Name(id=name):
                return tree.Name(name, at)
            case ast.Attribute():
                return tree.Name(self._dotted(node, at), at)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return tree.ListOf(tuple(self._node(one, deeper) for one in elements), at)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return tree.Not(self._node(operand, deeper), at)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return tree.Negate(self._node(operand, deeper), at)
            case ast.BoolOp(op=op, values=values):
                word = "and" if isinstance(op, ast.And) else "or"
                return tree.Bool(word, tuple(self._node(value, deeper) for value in values), at)
            case ast.BinOp(op=op, left=left, right=right) if type(op) in _ARITHMETIC:
                return tree.Arith(_ARITHMETIC[type(op)], self._node(left, deeper), self._node(right, deeper), at)
            case ast.Compare(left=left, ops=ops, comparators=rights) if all(type(op) in _COMPARISONS for op in ops):
                items = (self._node(left, deeper), *(self._node(right, deeper) for right in rights))
                return tree.Compare(items, tuple(_COMPARISONS[type(op)] for op in ops), at)
            case ast.Call(func=ast.Name(id=function), args=args, keywords=[]) if function in FUNCTIONS:
                if any(isinstance(arg, ast.Starred) for arg in args):
                    raise self._wrong(_("A condition has no * arguments; write them out"), at)
                return tree.Call(function, tuple(self._node(arg, deeper) for arg in args), at)
            case ast.Call():
                raise self._wrong(
                    _("Conditions call only %(functions)s, without keywords", functions=", ".join(FUNCTIONS)), at
                )
            case _:
                raise self._wrong(
                    _("Conditions have no %(node)s; see the net language in the reference", node=_word(node)), at
                )

    def _dotted(self, node: ast.Attribute, at: int) -> str:
        parts = [node.attr]
        inner: ast.expr = node.value
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name):
            raise self._wrong(_("Only names of facts have dots, such as account.reach"), at)
        return ".".join((inner.id, *reversed(parts)))

    def _wrong(self, message: str, offset: int) -> ConditionError:
        return ConditionError("nets/syntax", f"{message}.", place_of(self._text, offset))


def _word(node: ast.expr) -> str:
    names: dict[type[ast.expr], str] = {
        ast.Lambda: "lambda",
        ast.IfExp: "if … else",
        ast.Subscript: later("[…] lookups"),
        ast.JoinedStr: later("f-strings"),
        ast.Dict: later("dictionaries"),
        ast.Set: later("sets (write a list)"),
        ast.NamedExpr: ":=",
        ast.Compare: later("is (write ==)"),
        ast.BinOp: later("operators but + - * /"),
        ast.UnaryOp: later("signs but -"),
        ast.Constant: later("such literals"),
    }
    found = names.get(type(node), later("comprehensions or other Python"))
    return _(found)
