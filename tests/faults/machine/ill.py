"""What a machine can do to the processes on it: a wrong wall clock, a disk that syncs slowly or not at all, a kill at
any moment.

It is done in front of libc (`ill.c`), so that it is the same for our processes, PostgreSQL, Java and SQLite.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("ill.c")
CONTROL = struct.Struct("=qqq")
"""Nanoseconds by which the clock is wrong, microseconds that a sync takes, whether every sync fails."""


class IllMachine:
    """The environment that makes a process feel it, and what it feels now. `folder` has to be open to every user."""

    def __init__(self, folder: Path) -> None:
        self._library = folder / "ill.so"
        self._control = folder / "ill.control"
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.fail("faults of the machine are made by a C library, and there is no C compiler (cc) here: install one")
        built = subprocess.run(
            [compiler, "-shared", "-fPIC", "-O2", "-o", self._library, SOURCE, "-ldl"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert built.returncode == 0, built.stderr
        self._library.chmod(0o755)
        self._clock_ns, self._sync_us, self._syncs_fail = 0, 0, False
        self._control.touch()
        self._control.chmod(0o644)
        self._tell()

    def environment(self, *, die_at: int = 0, count: Path | None = None) -> dict[str, str]:
        """Of a process that feels it. `die_at` is the call, among those that change something, before which it is killed;
        how many such calls it made goes to the file `count` where it lives to its end."""
        named = {"LD_PRELOAD": str(self._library), "KUTY_FAULT_CONTROL": str(self._control)}
        if die_at:
            named["KUTY_FAULT_DIE_AT"] = str(die_at)
        if count:
            named["KUTY_FAULT_COUNT"] = str(count)
        return named

    @contextmanager
    def felt_by_what_starts(self) -> Iterator[None]:
        """Whatever is started in the block feels it, also what does not let its environment be chosen."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment().items():
                patch.setenv(name, value)
            yield

    def clock_is_wrong_by(self, difference: timedelta) -> None:
        """The wall clock of everything that feels it jumps; clocks that only go forward do not."""
        self._clock_ns = int(difference.total_seconds() * 1_000_000_000)
        self._tell()

    def a_sync_takes(self, seconds: float) -> None:
        """Every sync of a file to the disk, beyond what it takes."""
        self._sync_us = int(seconds * 1_000_000)
        self._tell()

    def syncs_fail(self) -> None:
        """Every sync of a file answers EIO, as on a disk that is broken; what is written may be read all the same."""
        self._syncs_fail = True
        self._tell()

    def be_well(self) -> None:
        """The clock is right, the disk is quick and keeps what it is given."""
        self._clock_ns, self._sync_us, self._syncs_fail = 0, 0, False
        self._tell()

    def _tell(self) -> None:
        with self._control.open("r+b") as control:  # the same file: it is mapped where it is felt
            control.write(CONTROL.pack(self._clock_ns, self._sync_us, self._syncs_fail))

