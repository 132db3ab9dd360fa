"""What a process of a ledger may open, and how much of a processor it uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from faults.crew import until

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
BUSY = 0.5
"""Of one processor: who uses more while there is nothing that can be done turns in circles."""
STANDARD = 3
"""Standard input, output and error are there: below so many nothing is free."""


@contextmanager
def nothing_more_opens(process: psutil.Process, spare: int | None = None) -> Iterator[None]:
    """As many descriptors as the process has open now and the spare ones; without any, what it lets go of is not opened
    again either."""
    before = process.rlimit(psutil.RLIMIT_NOFILE)
    most = STANDARD if spare is None else process.num_fds() + spare
    process.rlimit(psutil.RLIMIT_NOFILE, (most, before[1]))
    try:
        yield
    finally:
        process.rlimit(psutil.RLIMIT_NOFILE, before)


def share_of_a_processor(process: psutil.Process, ticks: int) -> float:
    """What the process uses of one while so many ticks of the machine's idle or busy time go by."""
    machine, own = _ticks_of_machine(), _own_s(process)
    until(lambda: _ticks_of_machine() - machine >= ticks, "time goes by")
    passed = (_ticks_of_machine() - machine) / (os.cpu_count() or 1) * TICK_S
    return (_own_s(process) - own) / passed


def _ticks_of_machine() -> int:
    return sum(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]))


def _own_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
