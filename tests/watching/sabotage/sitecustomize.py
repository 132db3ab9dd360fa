"""Put before a process by PYTHONPATH: each role fails once in the middle of its work, with what it has at hand in its words.

So it is with a mistake of ours: an exception whose text quotes a client. Only for the test of what is logged then.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from importlib import import_module
from typing import Any

PLACES = (
    ("consumers.intake", "Intake", "_take_one"),
    ("consumers.disclosure", "Disclosure", "_step"),
    ("consumers.outgoing", "Packing", "pack"),
    ("consumers.lines", "Line", "_take"),
    ("consumers.clerk", "Clerk", "step"),
    ("deploy.wiring", "Provisioner", "step"),
    ("domain.store.receiving.answering", "Answering", "begin"),
)


def fail_once(module: str, of: str, name: str) -> None:
    place = getattr(import_module(module), of)
    whole, failed = getattr(place, name), threading.Event()

    def failing(*given: Any, **named: Any) -> Any:
        if failed.is_set():
            return whole(*given, **named)
        failed.set()
        warnings.warn(os.environ["KUTY_FAULT_WORDS"], stacklevel=1)
        threading.Thread(target=lambda: int(os.environ["KUTY_FAULT_WORDS"]), name="sabotaged").start()
        raise RuntimeError(os.environ["KUTY_FAULT_WORDS"], given, named)

    setattr(place, name, failing)


if "KUTY_FAULT_WORDS" in os.environ and {"serve", "deploy.workers"} & {*sys.orig_argv}:
    for one in PLACES:
        fail_once(*one)

    def broken(*given: Any) -> Any:
        raise RuntimeError(os.environ["KUTY_FAULT_WORDS"], given)

    import_module("api.routes.replay").history = broken
