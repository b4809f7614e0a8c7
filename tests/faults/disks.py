"""Disks of some megabytes, in memory: to be filled, and to be read only."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_MEGABYTE = 1024 * 1024


class Disk:
    """A disk of some megabytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave not one byte free."""
        with self._filler.open("wb", buffering=0) as file:
            for size in (_MEGABYTE, 4096, 1):
                with suppress(OSError):
                    while True:
                        file.write(b"x" * size)

    def clear(self) -> None:
        """Give the space back."""
        self._filler.unlink()

    def allow(self, how: str) -> None:
        """Let it be written (``rw``) or only read (``ro``)."""
        _mount("-o", f"remount,{how}", str(self.folder))


def _mount(*words: str, name: str = "mount") -> None:
    subprocess.run([shutil.which(name) or name, *words], check=True, capture_output=True)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no disk can be mounted here: {error}")
    try:
        yield Disk(folder)
    finally:
        _mount("-l", str(folder), name="umount")
