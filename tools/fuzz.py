"""Fuzz one of the readers of `tests/fuzz/targets.py` with Atheris.

    python tools/fuzz.py condition --seconds 300
    python tools/fuzz.py --all --seconds 60

What breaks a property is written beside where this was started, as libFuzzer
names it (`crash-…`): mend it, and put the file into `tests/fuzz/corpus/NAME/`.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
#: What is watched for paths not yet gone.
READERS = [
    "gardefou.nets",
    "gardefou.scenario",
    "gardefou.ledger",
    "gardefou.platforms.webhook_wire",
    "gardefou.flow.report_input",
    "gardefou.flow.registry_import",
    "gardefou.flow.staff_import",
    "gardefou.web.scim",
]
#: Libraries that read for us, watched too.
LIBRARIES = ["scim2_models"]
#: Bytes of an input, where no seed has more.
LONGEST = 4_096
CORPUS = ROOT / "tests" / "fuzz" / "corpus"


def _others() -> list[str]:
    """Return the modules that are not watched: watching all of them would take a minute before anything is tried."""
    source = ROOT / "src"
    paths = (file.relative_to(source).with_suffix("").parts for file in (source / "gardefou").rglob("*.py"))
    names = [".".join(part for part in one if part != "__init__") for one in paths]
    return [one for one in names if not any(one == kept or one.startswith(f"{kept}.") for kept in READERS)]


def run(name: str, seconds: int) -> None:
    """Fuzz one target until the time is over; ends the process."""
    # It can be installed on some systems only, and has no types.
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["gardefou", *LIBRARIES], exclude=_others()):
        targets: Any = importlib.import_module("tests.fuzz.targets")
    # New inputs go to a folder of their own: the corpus that is kept stays small.
    found = tempfile.mkdtemp(prefix=f"fuzz-{name}-")
    # A seed that is cut is no proof, no table, and leads nowhere.
    longest = max(LONGEST, *(file.stat().st_size for file in (CORPUS / name).iterdir()))
    bounds = [f"-max_total_time={seconds}", f"-max_len={longest}", "-timeout=10", "-rss_limit_mb=1024"]
    atheris.Setup([sys.argv[0], *bounds, found, str(CORPUS / name)], targets.TARGETS[name])
    atheris.Fuzz()


def main() -> int:
    """Fuzz what is named, or everything in turn; the exit status is 1 when anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = sorted(folder.name for folder in CORPUS.iterdir())
    parser.add_argument("name", nargs="?", choices=names)
    parser.add_argument("--all", action="store_true", help="every target, one after the other")
    parser.add_argument("--seconds", type=int, default=60, help="for each (default 60)")
    given = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    if given.name:
        run(given.name, given.seconds)
        return 0
    if not given.all:
        parser.error("name a target, or say --all")
    broken = [
        name
        for name in names
        if subprocess.run([sys.executable, __file__, name, "--seconds", str(given.seconds)], check=False).returncode
    ]
    for name in broken:
        print(f"{name}: something was found", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
