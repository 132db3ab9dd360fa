"""Looks at what a process needs: each in a thread of its own, so that one that hangs delays nobody beyond a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from deploy.halts import PASSING, Advice, advice_on, first_line

DEADLINE_S = 2.0
"""So long an answer waits for what is looked at."""
FRESH_S = 1.0
"""So old a look may be: who asks more often gets the same answer."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is not as it should be: what, why, and what to do. `text` names no client and quotes nobody."""

    what: str
    why: str
    to_do: str

    def stated(self) -> dict[str, str]:
        """For an answer."""
        return {"what": self.what, "why": self.why, "to_do": self.to_do}


def fault_of(what: str, error: BaseException, advice: Advice | None = None) -> Fault:
    """A failure as a fault: in its own words only where these are ours or those of a server that does not answer."""
    known = advice is not None or isinstance(error, PASSING) or advice_on(error).runbook != "a-mistake-of-ours"
    why = first_line(error) if known and isinstance(error, Exception) else type(error).__qualname__
    return Fault(what, why, (advice or advice_on(error)).told)


class Look:
    """One thing that is looked at. `ask` answers with a value, or raises what is wrong; so many seconds it is taken for
    new."""

    def __init__(self, name: str, ask: Callable[[], Any], fresh_s: float = FRESH_S) -> None:
        self.name = name
        self._ask, self._fresh_s = ask, fresh_s
        self._begun: Future[Any] | None = None
        self._begun_at = 0.0
        self._lock = threading.Lock()

    def begin(self) -> Future[Any]:
        """Begin a look, unless one is under way or a fresh one is there."""
        with self._lock:
            begun, now = self._begun, time.monotonic()
            if begun is not None and (not begun.done() or now - self._begun_at < self._fresh_s):
                return begun
            self._begun, self._begun_at = Future(), now
            threading.Thread(target=self._run, args=(self._begun,), name=f"kuty-look-{self.name}", daemon=True).start()
            return self._begun

    def _run(self, begun: Future[Any]) -> None:
        try:
            begun.set_result(self._ask())
        except BaseException as error:
            begun.set_exception(error)

    @property
    def age_s(self) -> float:
        """How long ago the present look began."""
        return time.monotonic() - self._begun_at


class NoAnswer(Exception):
    """A look has not come back within the deadline."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of some looks: values by name, and failures by name."""

    values: Mapping[str, Any]
    failures: Mapping[str, BaseException]


def look_at(looks: Mapping[str, Look], deadline_s: float = DEADLINE_S) -> Looked:
    """Look at all of them beside each other."""
    begun = {name: look.begin() for name, look in looks.items()}
    give_up_at = time.monotonic() + deadline_s
    values: dict[str, Any] = {}
    failures: dict[str, BaseException] = {}
    for name, future in begun.items():
        try:
            values[name] = future.result(max(0.0, give_up_at - time.monotonic()))
        except TimeoutError:
            if future.done():
                failures[name] = future.exception() or NoAnswer("came late")
            else:
                failures[name] = NoAnswer(f"no answer for {looks[name].age_s:.0f} s")
        except BaseException as error:
            failures[name] = error
    return Looked(values, failures)
