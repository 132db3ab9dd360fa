"""Free loopback ports and waiting for a server that is starting."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Needed for servers that are started here; what serves a ledger runs without it.
    import psutil


class PartFailed(RuntimeError):
    """A local server did not start or did not stop; the message ends with the tail of its log."""


@contextmanager
def written_by(name: str) -> Iterator[None]:
    """What cannot be written, as on a full disk, keeps a server from starting. Raises PartFailed."""
    try:
        yield
    except OSError as error:
        raise PartFailed(f"{name} cannot start: {error.filename or 'its folder'}: {error.strerror or error}") from error


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def kept_ports(record: Path, count: int) -> tuple[int, ...] | None:
    """The ports that a server used the last time, when all of them are free now."""
    if not record.exists():
        return None
    ports = tuple(int(port) for port in record.read_text().split())
    return ports if len(ports) == count and not any(listens(port) for port in ports) else None


def listens(port: int) -> bool:
    """Whether somebody accepts connections there; says nothing about being ready."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def tail_of(log: Path, lines: int = 15) -> str:
    """The last lines of a log, for an error message."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"


def wait_until_ready(
    name: str, server: subprocess.Popen[bytes], answers: Callable[[], bool], log: Path, deadline_s: float
) -> None:
    """Return when `answers()` is true. Raises PartFailed when the process ends first or the time runs out."""
    give_up_at = time.monotonic() + deadline_s
    while not answers():
        if server.poll() is not None:
            raise PartFailed(f"{name} ended with {server.returncode} while starting:\n{tail_of(log)}")
        if time.monotonic() > give_up_at:
            raise PartFailed(f"{name} did not answer within {deadline_s:.0f} s:\n{tail_of(log)}")
        time.sleep(0.05)


def wait_until_gone(processes: list[psutil.Process], deadline_s: float) -> None:
    """Return when each process has ended; one that nobody has collected yet (a zombie) has ended too."""
    give_up_at = time.monotonic() + deadline_s
    for process in processes:
        while _runs(process):
            if time.monotonic() > give_up_at:
                raise PartFailed(f"process {process.pid} is still there after {deadline_s:.0f} s")
            time.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
