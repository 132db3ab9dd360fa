"""Commands and messages that are asked for while something is wrong, each of which has to be there once in the end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count

from faults.crew import until
from faults.place import RECORDED, UNAVAILABLE, Place
from faults.proof import check_answers, check_events_topic, check_out_topics, check_store

from deploy.scenario.world import HttpAnswer
from deploy.wiring import Wired

MOST = 500
"""So many commands find room at most, on a disk that is said to be full: in pages and files that are there."""


class Asked:
    """Commands and messages that were asked for, and which of them were recorded when they were asked for first."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._numbers = count()
        self.recorded: list[str] = []
        self.unknown: list[str] = []

    def one(self) -> HttpAnswer:
        """A command or a message under an id of its own, in turn."""
        number = next(self._numbers)
        return self._ask(f"{'mk'[number % 2]}-{number}")

    def together(self, many: int) -> list[HttpAnswer]:
        """As many commands and messages at one moment."""
        with ThreadPoolExecutor(many) as beside:
            return [one.result() for one in [beside.submit(self.one) for _ in range(many)]]

    def until_unavailable(self) -> HttpAnswer:
        """One after the other until there is no room; the answer that says so."""
        for _ in range(MOST):
            answer = self.one()
            if answer.status == UNAVAILABLE:
                return answer
        raise AssertionError(f"{MOST} commands were recorded on a full disk")

    def again(self) -> None:
        """What was not answered is asked for again, and is recorded now or was then."""
        for asked in self.unknown:
            until(lambda asked=asked: self._answer(asked).status in RECORDED, f"{asked} is answered")  # type: ignore[misc]
        self.recorded += self.unknown
        self.unknown = []

    def check(self, wired: Wired) -> None:
        """Each has its facts once, in the client's record."""
        there = self._place.recorded(wired)
        assert sorted(one for one in there if one in self.recorded) == sorted(self.recorded)
        recipients = self._place.history.cast.recipients
        county, authority = recipients["county"], recipients["employment-authority-referrer"]
        senders = {"k": (county.org, county.task), "m": (authority.org, authority.task)}
        check_answers(wired, {one: senders[one[0]] for one in self.recorded})

    def _ask(self, asked: str) -> HttpAnswer:
        answer = self._answer(asked)
        assert answer.status in (*RECORDED, UNAVAILABLE), answer
        (self.recorded if answer.status in RECORDED else self.unknown).append(asked)
        return answer

    def _answer(self, asked: str) -> HttpAnswer:
        return self._place.send(asked) if asked[0] == "m" else self._place.write(asked)


def check_everything(wired: Wired, asked: Asked) -> None:
    """Store, topics, read models and answers."""
    check_store(wired)
    check_events_topic(wired)
    check_out_topics(wired)
    asked.check(wired)
