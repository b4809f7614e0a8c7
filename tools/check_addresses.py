"""Fails when a tracked file names a package registry, a setting that points to one, or a folder of some machine.

A lock file holds names, versions and hashes only; where packages come from is
the business of whoever installs. Files given as arguments are read instead of
the tracked ones, which is how ``make lock`` looks at what it wrote.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

#: Words of which one in a URL's host name makes it a registry or a mirror of one.
_REGISTRY_WORDS = r"(?:pypi|pythonhosted|npm|npmjs|crates|rubygems|registry|mirror|mirrors|artifactory|nexus|devpi)"
_HOST = re.compile(
    rf"(?:https?:)?//(?:[^/\s@]*@)?(?:[\w-]+\.)*[\w-]*{_REGISTRY_WORDS}[\w-]*(?:\.[\w-]+)+", re.IGNORECASE
)
_SETTING = re.compile(r"--(?:extra-)?index-url[ =]+\S|--find-links[ =]+\S|file:/{2,}\w", re.IGNORECASE)
#: Folders that only some machine has, at the beginning of an absolute path.
_FOLDER = re.compile(r"(?<![\w.:/{}<>*$~-])/(?:home|root|Users|opt|work|workspace|mnt)/[\w.-]+")
_LOCKED = re.compile(r"://|file:|@ |/\w+/")

_BINARY = frozenset({".png", ".jpg", ".ico", ".gif", ".woff2", ".sqlite3", ".db", ".gz", ".zip", ".parquet"})
_SKIPPED_FOLDERS = frozenset({"build", "dist", "node_modules", "__pycache__", "gardefou-data"})


def tracked() -> list[Path]:
    """Return the files git tracks or would track; every file outside hidden folders where there is no git."""
    told = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if told.returncode == 0:
        return [ROOT / name for name in sorted(told.stdout.decode().split("\0")) if name]
    return [
        path
        for path in sorted(ROOT.rglob("*"))
        if path.is_file()
        and not any(
            part in _SKIPPED_FOLDERS or (part.startswith(".") and part != ".ci")
            for part in path.relative_to(ROOT).parts[:-1]
        )
    ]


def findings(text: str, *, lock: bool) -> list[tuple[int, str]]:
    """Return (line number, what was found) for each line that names what it should not."""
    rules = (_HOST, _SETTING, _FOLDER, _LOCKED) if lock else (_HOST, _SETTING, _FOLDER)
    found: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        for rule in rules:
            if hit := rule.search(line):
                found.append((number, hit.group()))
                break
    return found


def main(arguments: list[str]) -> int:
    """Print each finding as ``file:line: what``; return 1 when there is any."""
    paths = [Path(name).resolve() for name in arguments] or tracked()
    count = 0
    for path in paths:
        if path.suffix in _BINARY or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, what in findings(text, lock=path.suffix == ".lock"):
            print(f"{path.relative_to(ROOT)}:{number}: {what!r} is an address or a path of some machine; take it out")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
