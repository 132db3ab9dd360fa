"""What a run prints: each step with its request, or topic and offset, and its answer; each figure wanted with what came."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from deploy.scenario.results import Figure, Result
from deploy.scenario.sending import Came
from deploy.scenario.story import Action, Story

Out = Callable[[str], None]


class Printing:
    """Prints one run, line by line. `brief` leaves out what came as expected."""

    def __init__(self, out: Out, *, brief: bool = False) -> None:
        self._out = out
        self._brief = brief

    def begin(self, story: Story, ledger: str) -> None:
        """The title."""
        self._out(f"{story.file}: {story.title}")
        self._out(f"  in the simulated ledger {ledger}")

    def step(self, action: Action, came: Came, amiss: str) -> None:
        """One command and its answer."""
        if self._brief and not amiss:
            return
        mark = "AMISS" if amiss else "ok"
        row = f"row {action.row}: " if action.row else ""
        self._out(f"  {mark:5} {action.on} {row}{action.who} {action.command}")
        self._out(f"        > {came.request}")
        self._out(f"        < {came.answer}")
        if amiss:
            self._out(f"        {self._place(action.line)} {amiss}")

    def figure(self, figure: Figure, row: str) -> None:
        """One figure that was wanted, and what came."""
        if self._brief and figure.ok:
            return
        mark = "ok" if figure.ok else "AMISS"
        came = f"{figure.path} = {_shown(figure.came)}"
        wanted = "" if figure.ok else f", {_shown(figure.wanted)} was expected (line {figure.line})"
        self._out(f"  {mark:5} {row + ': ' if row else ''}{figure.of}: {came}{wanted}")

    def end(self, result: Result) -> None:
        """The sum of it."""
        amiss = sum(bool(step.amiss) for step in result.steps) + sum(not figure.ok for figure in result.figures)
        told = sum(len(publications) for publications in result.told.values())
        self._out(
            f"{result.file}: {len(result.steps)} steps, {len(result.figures)} figures, {told} publications: "
            + ("all as expected" if result.ok else f"{amiss} amiss")
        )
        if result.stopped:
            self._out(f"{result.file}: stopped at {result.stopped}")

    def _place(self, line: int) -> str:
        return f"line {line}:"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return value.isoformat() if isinstance(value, date) else str(value)
