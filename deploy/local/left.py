"""Processes that somebody before us started and could not stop: known again by number and time of start, so that nobody
else's process is ever hurt, whatever has its number by now."""

import signal
from collections.abc import Iterable
from pathlib import Path

import psutil

from deploy.local.ports import PartFailed, wait_until_gone

RECORD = "process"
"""How the file is called that a process is known again by."""
SAME_START_S = 1.0
"""The time of start is counted from that of the machine, which moves a little when its clock is set."""
STOP_DEADLINE_S = 20.0


def remember(record: Path, number: int, stops_by: signal.Signals = signal.SIGTERM) -> None:
    """Keep what a process of ours is known again by, and the signal that it stops at."""
    try:
        started = psutil.Process(number).create_time()
    except psutil.NoSuchProcess:
        return  # it has ended already, which whoever waits for it sees
    unfinished = record.with_name(f"{record.name}.unfinished")
    unfinished.write_text(f"{number} {started} {int(stops_by)}")
    unfinished.rename(record)


def stop_left(records: Iterable[Path]) -> list[str]:
    """Stop what still runs of the processes recorded, one after the other: a server after those that it serves. What each is
    called, with its number. Raises PartFailed."""
    stopped = []
    for record in records:
        found = _found(record)
        if found is None:
            continue
        process, stops_by = found
        stopped.append(f"{record.parent.name} ({process.pid})")
        _stop(process, stops_by)
    return stopped


def _found(record: Path) -> tuple[psutil.Process, int] | None:
    """The process of a record and the signal that it stops at, where it is the same one and runs."""
    try:
        number, started, stops_by = record.read_text().split()
        process = psutil.Process(int(number))
        same = abs(process.create_time() - float(started)) < SAME_START_S and process.status() != psutil.STATUS_ZOMBIE
        return (process, int(stops_by)) if same else None
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None


def _stop(process: psutil.Process, stops_by: int) -> None:
    try:
        family = [*process.children(recursive=True), process]
        process.send_signal(stops_by)
        wait_until_gone(family, STOP_DEADLINE_S)
    except psutil.NoSuchProcess:
        return
    except PartFailed:
        for one in family:
            if one.is_running():
                one.kill()
        wait_until_gone(family, STOP_DEADLINE_S)
