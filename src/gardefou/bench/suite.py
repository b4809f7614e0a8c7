"""One run of benchmarks: its databases, how long and how large it is, and the yardsticks it has measured so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gardefou.bench.databases import Databases
from gardefou.bench.measured import Curve, Figure, Say, Skipped
from gardefou.errors import GardefouError

Found = Figure | Skipped | Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How long each measurement takes, and how much there is of what is measured."""

    seconds: float = 5.0
    #: Past enforcements that are judged by a backtest.
    enforcements: int = 1_000_000
    #: Past cases on the platform whose pages are looked at.
    cases: int = 1_000_000
    #: Events of the log that is integrated, proved from and verified.
    events: int = 120_000
    #: Minutes of steady load while the server's memory is looked at; none at 0.
    soak: float = 0.0
    #: Whether what others would pick instead is installed and measured.
    peers: bool = False


@dataclass(slots=True)
class Suite:
    """One run."""

    databases: Databases
    extent: Extent
    say: Say
    #: By database, or by the empty name where none is meant: what it does by itself, by the yardstick's name.
    yardsticks: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])
    _folders: int = 0

    def measured(self, kind: str, yardstick: str, value: float) -> float:
        """Keep a yardstick for what is held against it later; return its value."""
        self.yardsticks.setdefault(kind, {})[yardstick] = value
        return value

    def against(self, kind: str, *names: str) -> dict[str, float]:
        """Return those of the yardsticks that were measured in this run, on this database or on none."""
        known = {**self.yardsticks.get("", {}), **self.yardsticks.get(kind, {})}
        return {name: known[name] for name in names if name in known}

    def each(
        self,
        name: str,
        kinds: Sequence[str],
        measure: Callable[[str, str, Path], Iterator[Found]],
        *,
        migrated: bool = True,
    ) -> Iterator[Found]:
        """Measure on a fresh database of each kind; what cannot run here is skipped, and says why."""
        for kind in kinds:
            self.say(f"{name} on {kind}")

            def measured(kind: str = kind) -> Iterator[Found]:
                with self.databases.fresh(kind, migrated=migrated) as url:
                    yield from measure(kind, url, self.folder())

            yield from kept_apart(f"{name} ({kind})", measured())

    def folder(self) -> Path:
        """Make a folder for one measurement."""
        self._folders += 1
        folder = self.databases.folder / f"node-{self._folders}"
        folder.mkdir()
        return folder


def kept_apart(name: str, found: Iterator[Found]) -> Iterator[Found]:
    """Yield what is found until it ends or fails: what others measured is not lost for it."""
    try:
        yield from found
    except GardefouError as error:
        yield Skipped(name=name, why=error.message)
    except Exception as error:  # noqa: BLE001 - it is said, with the rest
        yield Skipped(name=name, why=f"it failed: {type(error).__name__}: {error}")
