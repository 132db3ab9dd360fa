"""What came of a scenario: comparable between two runs, because ids, pseudonyms and times of the run are left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

_OWN_NAMES = re.compile(r"\b[0-9a-f]{32}\b|(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
"""References and publication ids (32 hexadecimal digits) and pseudonyms (43 characters)."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """How one command was answered; `amiss` says what was expected instead, empty when nothing."""

    line: int
    row: str
    who: str
    command: str
    status: str
    codes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()
    amiss: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure that was wanted, and what came."""

    line: int
    of: str
    path: str
    wanted: Any
    came: Any
    ok: bool


@dataclass(frozen=True, slots=True)
class Told:
    """One publication: its content with names in place of ids and pseudonyms."""

    type: str
    kind: str
    occurred_on: str
    legal_basis: str
    content: Any


@dataclass(frozen=True, slots=True)
class Result:
    """One file's run. `answers` are those of the questions, whole; `told` what each recipient was told about clients."""

    file: str
    title: str
    ledger: str
    steps: tuple[StepResult, ...]
    figures: tuple[Figure, ...]
    answers: tuple[tuple[str, Any], ...]
    told: Mapping[str, tuple[Told, ...]]
    stopped: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything came as it was expected."""
        return not self.stopped and not any(step.amiss for step in self.steps) and all(figure.ok for figure in self.figures)

    @property
    def comparable(self) -> tuple[Any, ...]:
        """All that has to be the same in another run of the file, wherever that runs."""
        return (self.file, self.steps, self.figures, self.answers, dict(self.told), self.stopped)


class Canonical:
    """Gives every id and pseudonym the number of its first appearance: two runs that differ in them alone are equal.

    Lists are ordered by what else they hold, because some are in the order of pseudonyms.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}

    def of(self, value: Any) -> Any:
        """The value with numbers in place of ids."""
        match value:
            case str():
                return _OWN_NAMES.sub(
                    lambda found: self._numbers.setdefault(found.group(), f"#{len(self._numbers) + 1}"), value
                )
            case dict():
                return {name: self.of(value[name]) for name in sorted(value)}
            case list() | tuple():
                return [self.of(each) for each in sorted(value, key=_masked)]
            case _:
                return value


def _masked(value: Any) -> str:
    return _OWN_NAMES.sub("#", orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode())
