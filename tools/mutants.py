"""Changes the program in one small place at a time and asks whether a test notices.

``make mutants`` runs it; docs/mutants.md tells what came of it. The changes are
those of mutmut. Running them is ours: mutmut leaves out every function that
carries a decorator, and starts pytest once for each change. Here the tests are
collected once. For each change the process forks, gives the function its
changed code and runs the tests that reach that function, quickest first, until
one fails. Nothing in the working tree is touched.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tools.mutation.changes import SOURCE, Mutant, mutants_of
from tools.mutation.children import Children, Outcome
from tools.mutation.reach import Reach

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / ".mutants"

_FLOW_BY_WEB = (
    *("case", "changes", "enforcement_pages", "flow", "groups_and_raids", "lead", "names", "notices", "oidc"),
    *("restore_page", "scim", "second_look", "services", "signals", "signing_in"),
)
#: Which tests a set is held against. SQLite only: what a database does differently is no mutant's business.
TESTS = {
    "domain": ["tests/domain"],
    "nets": ["tests/nets"],
    "ledger": ["tests/ledger", "tests/flow/test_execute.py", "tests/flow/test_history.py", "tests/web/test_flow.py"],
    # What only the web and the command line reach: signing in, people's directory, names, seals, reading.
    "flow": [
        "tests/flow",
        *(f"tests/web/test_{name}.py" for name in _FLOW_BY_WEB),
        *(f"tests/cli/test_{name}.py" for name in ("acting", "keeping", "people", "seals")),
    ],
}
#: Left out of every set: other databases, and what plays many nodes or whole weeks.
SLOW = ("postgresql", "test_friction", "test_concurrency", "test_kill", "test_state_machine", "test_platform_faults")
#: Tests of how long something takes: beside other work they would kill what they do not see.
TIMED = ("takes_less_than", "takes_milliseconds", "takes_microseconds", "few_microseconds", "few_seconds")
#: The random sample of what is too much to run whole: so many mutants, drawn with this seed.
SEED = 6
SAMPLES: dict[str, int | None] = {"domain": None, "nets": None, "ledger": 1000, "flow": 1000}


@dataclass(frozen=True, slots=True)
class Result:
    """One mutant and what became of it, as it stands in the results file."""

    file: str
    line: int
    place: int
    function: str
    before: str
    after: str
    status: str
    killer: str
    seconds: float
    left_out: int


class Run:
    """A pytest plugin that runs mutants where pytest would run tests."""

    def __init__(self, mutants: list[Mutant], *, jobs: int, budget: float, out: Path, limit: float) -> None:
        self._mutants = mutants
        self._jobs = jobs
        self._budget = budget
        self._out = out
        self._limit = limit
        self._failed = ""

    def pytest_configure(self) -> None:
        """Have Hypothesis try the same examples each time, and stop at the first that fails."""
        from hypothesis import Phase, settings  # noqa: PLC0415  # after pytest, which rewrites it

        phases = [Phase.explicit, Phase.generate]
        settings.register_profile("mutants", derandomize=True, database=None, deadline=None, phases=phases)
        settings.load_profile("mutants")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that a test failed, in whichever process it ran."""
        if report.failed:
            self._failed = report.nodeid

    def failed(self, session: pytest.Session, items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, bool]]:
        """Run tests one after another; tell after each whether it failed."""
        del session
        for item, following in zip(items, [*items[1:], None], strict=True):
            self._failed = ""
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            yield item, bool(self._failed)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Measure which test reaches what, then run the mutants."""
        if session.testsfailed:
            return True
        reach = Reach.measured(
            session, self, RESULTS / f"reach-{self._out.stem}.json", files={m.path for m in self._mutants}
        )
        children = Children(session, self, reach, jobs=self._jobs, budget=self._budget)
        results: list[Result] = []
        began = time.monotonic()
        with self._out.open("a", encoding="utf-8") as out:
            for outcome in children.run(self._mutants, until=began + self._limit):
                results.append(result := _result(outcome))
                out.write(json.dumps(asdict(result)) + "\n")
                out.flush()
                if result.status in {"survived", "unreached"}:
                    print(_line(result), file=sys.__stderr__)
        print(summary(results), f"\n{time.monotonic() - began:.0f} seconds", file=sys.__stderr__)
        return True


def _result(outcome: Outcome) -> Result:
    mutant = outcome.mutant
    return Result(
        file=mutant.file,
        line=mutant.line,
        place=mutant.place,
        function=mutant.function,
        before=mutant.before,
        after=mutant.after,
        status=outcome.status,
        killer=outcome.killer,
        seconds=round(outcome.seconds, 2),
        left_out=outcome.left_out,
    )


def _line(result: Result) -> str:
    before, after = (
        text if len(text) < 90 else f"{text[:60]} ... {text[-25:]}" for text in (result.before, result.after)
    )
    said = f" ({result.left_out} tests not run)" if result.left_out else ""
    return f"{result.status}: {result.file}:{result.line} {result.function}: {before} -> {after}{said}"


def summary(results: list[Result]) -> str:
    """Return the table by file: mutants, killed, survivors, what no test reaches, share killed."""
    rows = [
        "| file | mutants | killed | survived | not reached | killed % |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    by_file: dict[str, Counter[str]] = {}
    for result in results:
        by_file.setdefault(result.file, Counter())[result.status] += 1
    whole: Counter[str] = Counter(result.status for result in results)
    for file, counts in [*sorted(by_file.items()), ("all", whole)]:
        total = counts.total()
        killed = counts["killed"] + counts["timeout"]
        rows.append(
            f"| {file} | {total} | {killed} | {counts['survived']} | {counts['unreached']} "
            f"| {100 * killed / max(total, 1):.1f} |"
        )
    return "\n".join(rows)


def chosen(args: argparse.Namespace) -> list[Mutant]:
    """Return the mutants that were asked for: the set or files of it, whole or a sample of them."""
    folder = SOURCE / args.set
    files = [path for path in sorted(folder.glob("*.py")) if not args.files or path.stem in args.files]
    size = args.sample if args.sample is not None else None if args.files else SAMPLES[args.set]
    found = [mutant for file in files for mutant in mutants_of(file)]
    if size:
        # In the sequence in which they are drawn: a run that is cut short is a smaller sample.
        found = random.Random(args.seed).sample(found, min(size, len(found)))  # noqa: S311  # a sample that repeats
    if args.again:
        alive = {
            (r.file, r.function, r.place, r.before, r.after)
            for r in read(RESULTS / f"{args.set}.jsonl")
            if r.status in {"survived", "unreached"}
        }
        found = [m for m in found if (m.file, m.function, m.place, m.before, m.after) in alive]
    return found


def read(path: Path) -> list[Result]:
    """Return what a results file holds: of each mutant what became of it in the last run.

    ``place`` (bytes from the beginning of the function) tells one change from the same one further down.
    """
    last: dict[tuple[str, str, int, str, str], Result] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        result = Result(**json.loads(line))
        last[result.file, result.function, result.place, result.before, result.after] = result
    return list(last.values())


def main() -> int:
    """Run mutants, or print the table of those that were run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=sorted(TESTS))
    parser.add_argument("files", nargs="*", help="names of files of the set, without .py; none: all, or the sample")
    parser.add_argument("--sample", type=int, help="so many mutants of the set, or of the files, drawn with the seed")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--tests", nargs="+", help="hold them against these tests instead of the set's")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--budget", type=float, default=5.0, help="seconds of tests for one mutant")
    parser.add_argument("--minutes", type=float, default=600.0, help="stop after so long")
    parser.add_argument("--again", action="store_true", help="only what was alive last time")
    parser.add_argument("--table", action="store_true", help="run nothing: print the table and the survivors")
    args = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    out = RESULTS / f"{args.set}.jsonl"
    if args.table:
        results = [r for r in read(out) if not args.files or Path(r.file).stem in args.files]
        print(summary(results))
        for result in sorted(results, key=lambda r: (r.file, r.line)):
            if result.status in {"survived", "unreached"}:
                print(_line(result))
        return 0
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT / "src"), str(ROOT)]
    spec = find_spec("gardefou")
    assert spec is not None
    assert Path(str(spec.origin)).is_relative_to(SOURCE)
    mutants = chosen(args)
    print(f"{len(mutants)} mutants", file=sys.stderr)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    plugin = Run(mutants, jobs=args.jobs, budget=args.budget, out=out, limit=args.minutes * 60)
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow and not browser and not e2e"]
    options += [
        "-k",
        " and ".join(f"not {one}" for one in (*SLOW, *TIMED)),
        "-o",
        "addopts=--disable-socket --allow-unix-socket --import-mode=importlib",
    ]
    return int(pytest.main([*options, "-o", "timeout=0", *(args.tests or TESTS[args.set])], plugins=[plugin]))


if __name__ == "__main__":
    sys.exit(main())
