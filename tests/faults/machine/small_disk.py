"""A disk so small that it can be filled: a file system in memory, mounted for as long as it is needed."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BLOCK = 4096


class SmallDisk:
    """A folder on a disk of its own. `fill` leaves nothing, `empty` gives back what was taken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Take what is left of the space, but for so many bytes."""
        with self._ballast.open("ab") as ballast:
            while (left := self.left() - leave) >= BLOCK:
                at = ballast.seek(0, os.SEEK_END)
                try:
                    os.posix_fallocate(ballast.fileno(), at, left // BLOCK * BLOCK)
                except OSError as error:
                    if error.errno != errno.ENOSPC:  # somebody else took some of it meanwhile
                        raise

    def empty(self) -> None:
        """Give it back."""
        self._ballast.unlink(missing_ok=True)

    def left(self) -> int:
        """Bytes that can still be written."""
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[SmallDisk]:
    """Mounted at a folder that is made. Where nothing can be mounted the test fails: a full disk would not be tried."""
    folder.mkdir(parents=True)
    size = f"size={mebibytes}m,mode=0755"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.fail(f"a full disk is tried on a small one, which only root may mount: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        # Whatever still has a file open there lets go of it later; the folder is free at once.
        subprocess.run(["umount", "--lazy", folder], check=True)
