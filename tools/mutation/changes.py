"""The changes: mutmut's operators over one file, less those that only touch words for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, CodeSpan, MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import MutationVisitor, deep_replace
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

SOURCE = Path(__file__).parent.parent.parent / "src" / "gardefou"

#: Files in which a text with blanks is a statement that runs.
_TEXTS_THAT_RUN = frozenset({"nets/sql.py", "nets/duck.py"})
#: Names of encodings: another spelling is the same encoding, and none is UTF-8.
_ENCODINGS = frozenset({"utf-8", "ascii"})


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one function: which file and function, and the whole text of the changed file."""

    path: Path
    file: str
    line: int
    place: int
    function: str
    first_line: int
    before: str
    after: str
    text: str
    in_default: bool


def mutants_of(path: Path) -> list[Mutant]:
    """Return the mutants of a file, in the sequence of the file."""
    text = path.read_text(encoding="utf-8")
    file = path.relative_to(SOURCE).as_posix()
    wrapper = MetadataWrapper(cst.parse_module(text))
    visitor = _Visitor(texts_run=file in _TEXTS_THAT_RUN)
    module = wrapper.visit(visitor)
    spans = wrapper.resolve(ByteSpanPositionProvider)
    lines = wrapper.resolve(PositionProvider)
    names = dict(_functions(module))
    data = text.encode()
    found: list[Mutant] = []
    for mutation in visitor.mutations:
        node, changed, function = (
            mutation.original_node,
            mutation.mutated_node,
            mutation.contained_by_top_level_function,
        )
        if function is None or function not in names or (not visitor.texts_run and _only_words(node, changed)):
            continue
        before, after = module.code_for_node(node).strip(), module.code_for_node(changed).strip()
        if isinstance(node, cst.Match):
            whole = deep_replace(module, node, changed)
            assert isinstance(whole, cst.Module)
            new, before, after = whole.code, "match", _dropped(module, node, changed)
        else:
            new = _spliced(data, spans[node], after)
        first = min(lines[part].start.line for part in (function, *function.decorators))
        found.append(
            Mutant(
                path=path,
                file=file,
                line=lines[node].start.line,
                place=spans[node].start - spans[function].start,
                function=names[function],
                first_line=first,
                before=_short(before),
                after=_short(after),
                text=new,
                in_default=node in visitor.in_defaults,
            )
        )
    return found


class _Visitor(MutationVisitor):
    """mutmut's own, which here also enters decorated functions, and leaves words and assertions alone."""

    def __init__(self, *, texts_run: bool) -> None:
        super().__init__(mutation_operators, IgnoredCode(set(), set(), set()))
        self.texts_run = texts_run
        self._raises = 0
        self._params = 0
        self.in_defaults: set[cst.CSTNode] = set()

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Raise):
            self._raises += 1
        if isinstance(node, cst.Param):
            self._params += 1
        if self._params:
            self.in_defaults.add(node)
        # An assertion says what the types cannot say; the casts' first argument is a type.
        if isinstance(node, cst.Assert) or (isinstance(node, cst.Call) and _name(node.func) == "cast"):
            return False
        if not self.texts_run and isinstance(node, cst.BaseString):
            if isinstance(node, cst.SimpleString) and is_text(node):
                return False
            if self._raises and is_text(node):
                return False
        return super().on_visit(node)

    def on_leave(self, original_node: cst.CSTNode) -> None:
        super().on_leave(original_node)
        if isinstance(original_node, cst.Raise):
            self._raises -= 1
        if isinstance(original_node, cst.Param):
            self._params -= 1

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef):
            return _name_of(node) == "overload"
        return super()._skip_node_and_children(node)


def is_text(node: cst.CSTNode) -> bool:
    """Whether a string holds a blank, and is thus words for people; also the name of an encoding."""
    match node:
        case cst.SimpleString():
            value = node.evaluated_value
            return isinstance(value, str) and (" " in value or value in _ENCODINGS)
        case cst.FormattedString():
            return any(isinstance(part, cst.FormattedStringText) and " " in part.value for part in node.parts)
        case cst.ConcatenatedString():
            return is_text(node.left) or is_text(node.right)
        case _:
            return False


def _only_words(node: cst.CSTNode, changed: cst.CSTNode) -> bool:
    """Whether a call differs in nothing but an argument that is a text."""
    if not (isinstance(node, cst.Call) and isinstance(changed, cst.Call)):
        return False
    kept = {id(arg) for arg in changed.args}
    gone = [arg for arg in node.args if id(arg) not in kept]
    return len(gone) == 1 and is_text(gone[0].value)


def _functions(module: cst.Module) -> Iterator[tuple[cst.CSTNode, str]]:
    for statement in module.body:
        if isinstance(statement, cst.FunctionDef):
            yield statement, statement.name.value
        elif isinstance(statement, cst.ClassDef):
            for inner in statement.body.body:
                if isinstance(inner, cst.FunctionDef):
                    yield inner, f"{statement.name.value}.{inner.name.value}"


def _spliced(data: bytes, span: CodeSpan, after: str) -> str:
    return (data[: span.start] + after.encode() + data[span.start + span.length :]).decode()


def _dropped(module: cst.Module, node: cst.Match, changed: cst.CSTNode) -> str:
    assert isinstance(changed, cst.Match)
    kept = {id(case) for case in changed.cases}
    gone = next(case for case in node.cases if id(case) not in kept)
    return f"without case {module.code_for_node(gone.pattern)}"


def _short(code: str) -> str:
    return " ".join(code.split())


def _name(node: cst.CSTNode) -> str:
    return node.value if isinstance(node, cst.Name) else ""


def _name_of(function: cst.FunctionDef) -> str:
    return next((_name(part.decorator) for part in function.decorators), "")
