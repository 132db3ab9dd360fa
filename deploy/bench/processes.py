"""Roles and the API as processes of their own, started as the distributed stack starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from deploy.settings import Settings

STOP_DEADLINE_S = 15.0
AT_WORK = (": running", "Ctrl-C stops.")
"""How the line ends with which a process says that it is at work."""


@contextmanager
def running(settings: Settings, names: Sequence[str]) -> Iterator[None]:
    """A process for each name, a role's or `api`; returns when all of them are at work. Raises RuntimeError."""
    started = [_start(settings, name) for name in names]
    try:
        for name, process in zip(names, started, strict=True):
            # Where it is watched it says first, then that it is at work.
            while (line := piped(process.stdout).readline()) and not line.strip().endswith(AT_WORK):
                pass
            if not line:
                raise RuntimeError(f"{name} did not start")
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def piped(stream: IO[str] | None) -> IO[str]:
    """The pipe to or from a process that was started with one."""
    if stream is None:
        raise RuntimeError("the process was started without a pipe")
    return stream


def _start(settings: Settings, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "serve", "--role", name],
        env={**os.environ, **settings.of_roles((name,)).environment()},
        stdout=subprocess.PIPE,
        text=True,
    )
