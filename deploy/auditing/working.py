"""Pieces of an audit, done by two processes and handed back in order: what comes out is the same however many do it."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any, TypeVar

from deploy.auditing.parts import Audited, audited
from deploy.settings import Settings
from domain.store import StoreUnavailable

P = TypeVar("P")
R = TypeVar("R")
PROCESSES = 2
AHEAD = 3
"""Pieces handed out to each process before the first one is back: neither it nor we wait then."""
GARBAGE_THRESHOLD = 200_000
"""Objects between two looks for garbage: an audit makes many short-lived ones that reference counting frees at once."""

_parts: list[Audited] = []
"""Of a process that works for an audit, the ledger that it reads."""


def in_order(
    parts: Audited, work: Callable[[Audited, P], R], pieces: Iterable[P], processes: int = PROCESSES
) -> Iterator[tuple[P, R]]:
    """The pieces with what came of them, in their order. `work` is a function of a module; with one process it is done here.

    Raises what `work` raises, `StoreUnavailable` where a process was killed.
    """
    if processes < 2:
        for piece in pieces:
            yield piece, work(parts, piece)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, _begin, (parts.settings,))
    try:
        yield from _results(pool, work, pieces, processes * AHEAD)
    except BrokenProcessPool as error:
        raise StoreUnavailable("a process that worked for the audit was ended: `--resume` goes on") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _results(
    pool: ProcessPoolExecutor, work: Callable[[Audited, P], R], pieces: Iterable[P], ahead: int
) -> Iterator[tuple[P, R]]:
    given: deque[tuple[P, Future[R]]] = deque()
    for piece in pieces:
        given.append((piece, pool.submit(_do, work, piece)))
        if len(given) >= ahead:
            first, future = given.popleft()
            yield first, future.result()
    while given:
        first, future = given.popleft()
        yield first, future.result()


def _begin(settings: Settings) -> None:
    """In a process that works for an audit: it ends with the one that asks, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that asks
    threading.Thread(target=_end_with_parent, daemon=True).start()
    gc.set_threshold(GARBAGE_THRESHOLD)
    _parts.append(audited(settings))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _do(work: Callable[[Audited, Any], R], piece: Any) -> R:
    return work(_parts[0], piece)
