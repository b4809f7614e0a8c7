"""One forked process for each mutant: the function gets its changed code, the tests are run until one fails."""

from __future__ import annotations

import ast
import functools
import gc
import importlib
import os
import resource
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from tools.mutation.changes import SOURCE, Mutant
from tools.mutation.reach import CACHED, Reach, Runner

_LIVES = "/test_lives.py::"
#: So many seconds of a function's narrowest tests go before whole lives.
_EARLY = 0.5
_KILLED, _SURVIVED, _NO_PROGRAM, _SAME = 0, 1, 2, 3
#: Above this no test goes; a mutant that collects without end is stopped before the machine is.
_MEMORY = 1536 * 1024**2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant, by which test, in how many seconds, and how many tests were left out for time."""

    mutant: Mutant
    status: str
    killer: str = ""
    seconds: float = 0.0
    left_out: int = 0


@dataclass(slots=True)
class _Child:
    mutant: Mutant
    pipe: int
    began: float
    left_out: int
    deadline: float


class Children:
    """Runs mutants, a few at a time."""

    def __init__(self, session: pytest.Session, runner: Runner, reach: Reach, *, jobs: int, budget: float) -> None:
        self._session = session
        self._runner = runner
        self._reach = reach
        self._jobs = jobs
        self._budget = budget
        self._items = {item.nodeid: item for item in session.items}
        self._running: dict[int, _Child] = {}
        #: The tests that killed others of the same function go first.
        self._killers: dict[tuple[str, int], list[str]] = {}
        for path in sorted(SOURCE.rglob("*.py")):
            if path.parent.name in {"domain", "nets", "ledger", "flow"}:
                name = path.relative_to(SOURCE.parent).with_suffix("").as_posix().replace("/", ".")
                importlib.import_module(name.removesuffix(".__init__"))
        self._functions = all_functions()

    def run(self, mutants: list[Mutant], *, until: float) -> Iterator[Outcome]:
        """Yield what became of each, in the sequence in which they end; start none after `until`."""
        gc.collect()
        gc.freeze()
        for mutant in mutants:
            if time.monotonic() > until:
                break
            while len(self._running) >= self._jobs:
                yield from self._ended()
            place = (str(mutant.path), mutant.first_line)
            tests, left_out = self._tests(place)
            if not tests:
                yield Outcome(mutant, "unreached")
                continue
            self._start(mutant, tests, left_out)
        while self._running:
            yield from self._ended()

    def _tests(self, place: tuple[str, int]) -> tuple[list[str], int]:
        """Return the tests of a function as far as the budget goes.

        Quick known killers, the narrowest, lives, slow known killers, others.
        """
        killers, reached = self._killers.get(place, []), self._reach.tests.get(place, [])
        # A slow one would leave no time for those that are about this function: it goes behind those.
        quick = [test for test in killers if self._reach.seconds[test] < self._budget / 20]
        spent = 0.0
        rest = [test for test in reached if test not in quick]
        early = [test for test in rest if (spent := spent + self._reach.seconds[test]) < _EARLY]
        # Whole lives reach much and say all of it: few changes get past them, so they are not left for the end.
        lives = sorted((test for test in rest if _LIVES in test), key=self._reach.seconds.__getitem__)
        chosen: list[str] = []
        spent = 0.0
        for test in dict.fromkeys([*quick, *early, *lives, *killers, *rest]):
            # One that takes too long leaves the time to those behind it.
            if not chosen or spent + self._reach.seconds[test] <= self._budget:
                spent += self._reach.seconds[test]
                chosen.append(test)
        return chosen, len(reached) - len(chosen)

    def _start(self, mutant: Mutant, tests: list[str], left_out: int) -> None:
        seconds = sum(self._reach.seconds[test] for test in tests)
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reading)
            # Hypothesis and libraries may still hold what the parent was writing.
            _quiet(self._session.config)
            limit = int(3 * seconds + 5)
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
            resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
            os._exit(self._lived(mutant, tests, writing))
        os.close(writing)
        self._running[pid] = _Child(mutant, reading, time.monotonic(), left_out, time.monotonic() + 20 * seconds + 60)

    def _lived(self, mutant: Mutant, tests: list[str], pipe: int) -> int:
        """In the child: change the function, run the tests, say how it ended."""
        try:
            module = compile(mutant.text, str(mutant.path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return _NO_PROGRAM
        code = _find(module, mutant)
        targets = self._functions.get((str(mutant.path), mutant.first_line, mutant.function), [])
        if code is None or not targets:
            return _NO_PROGRAM
        same = True
        for function in targets:
            changed = mutant.in_default and _defaults(function, mutant)
            same = same and not changed and _bare(code) == _bare(function.__code__)
            try:
                function.__code__ = code
            except ValueError:  # it needs other variables of its class
                return _NO_PROGRAM
        if same:
            return _SAME
        items = [self._items[test] for test in tests]
        for item, failed in self._runner.failed(self._session, items):
            if failed:
                os.write(pipe, item.nodeid.encode()[:4000])
                return _KILLED
        return _SURVIVED

    def _ended(self) -> Iterator[Outcome]:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            time.sleep(0.01)
            for late in [pid for pid, child in self._running.items() if time.monotonic() > child.deadline]:
                os.kill(late, signal.SIGKILL)
            return
        child = self._running.pop(pid, None)
        if child is None:
            return
        killer = os.read(child.pipe, 4096).decode(errors="replace")
        os.close(child.pipe)
        place = (str(child.mutant.path), child.mutant.first_line)
        code = os.waitstatus_to_exitcode(status)
        if code == _KILLED and killer:
            known = self._killers.setdefault(place, [])
            if killer in known:
                known.remove(killer)
            known.insert(0, killer)
        if code in {_NO_PROGRAM, _SAME}:
            return
        name = {_KILLED: "killed", _SURVIVED: "survived"}.get(code, "timeout")
        yield Outcome(child.mutant, name, killer, time.monotonic() - child.began, child.left_out)


def all_functions() -> dict[tuple[str, int, str], list[FunctionType]]:
    """Return every function of the program by file, first line and name, whatever is wrapped around it."""
    # The tests' own setting spares the collector what is there already, and hides it from whoever asks for objects.
    gc.unfreeze()
    inside = str(SOURCE) + os.sep
    found: dict[tuple[str, int, str], list[FunctionType]] = {}
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename.startswith(inside):
            code = thing.__code__
            found.setdefault((code.co_filename, code.co_firstlineno, code.co_qualname), []).append(thing)
        elif type(thing) is CACHED and (thing.__module__ or "").startswith("gardefou"):
            CACHED.cache_clear(thing)
    return found


def _find(code: CodeType, mutant: Mutant) -> CodeType | None:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_qualname == mutant.function and constant.co_firstlineno == mutant.first_line:
                return constant
            if constant.co_qualname == mutant.function.partition(".")[0] and (found := _find(constant, mutant)):
                return found
    return None


def _bare(code: CodeType) -> CodeType:
    """Return the code without its places in the text, so that equal code is equal."""
    constants = tuple(_bare(one) if isinstance(one, CodeType) else one for one in code.co_consts)
    return code.replace(co_linetable=b"", co_consts=constants)


def _defaults(function: FunctionType, mutant: Mutant) -> bool:
    """Give a function the defaults of the changed text where they differ; return whether they did."""
    new, old = (_arguments(text, mutant) for text in (mutant.text, mutant.path.read_text(encoding="utf-8")))
    if new is None or old is None or ast.dump(new) == ast.dump(old):
        return False

    def value(node: ast.expr) -> Any:
        return eval(compile(ast.Expression(node), str(mutant.path), "eval"), function.__globals__)  # noqa: S307

    function.__defaults__ = tuple(value(node) for node in new.defaults) or None
    given = zip(new.kwonlyargs, new.kw_defaults, strict=True)
    function.__kwdefaults__ = {arg.arg: value(node) for arg, node in given if node is not None} or None
    return True


@functools.lru_cache(maxsize=4)
def _arguments(text: str, mutant: Mutant) -> ast.arguments | None:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == mutant.function.rpartition(".")[2]:
            first = min([node.lineno, *(part.lineno for part in node.decorator_list)])
            if first == mutant.first_line:
                return node.args
    return None


def _quiet(config: pytest.Config) -> None:
    """Send what a child's pytest would print nowhere."""
    nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (1, 2):
        os.dup2(nowhere.fileno(), stream)
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter._tw._file = nowhere  # noqa: SLF001
