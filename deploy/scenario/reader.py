"""Reads a scenario file: YAML to typed steps and expectations. Every mistake has its line and its reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

from deploy.scenario.cast import Cast, Unknown, similar
from deploy.scenario.checking import checked
from deploy.scenario.doing import Doings
from deploy.scenario.lines import Marked, Mistake, MistakesInFile, fitted, read_yaml
from deploy.scenario.story import Action, Checking, Expectation, Story
from deploy.scenario.words import Ask, Check, Deliveries, EveryDay, File, Given, NeverTold, Step
from domain.identifiers import is_test_code

GIVEN = tuple(Given.model_fields)
EXPECTATIONS: dict[str, type[Ask] | type[Deliveries] | type[NeverTold]] = {
    "ask": Ask,
    "deliveries": Deliveries,
    "never_told": NeverTold,
}


def read_scenario(path: Path) -> Story:
    """The history in a file. Raises MistakesInFile with all that was found wrong."""
    return _Reading(path).story()


class _Reading:
    """One file being read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.name
        self._mistakes: list[Mistake] = []
        self._whole = read_yaml(path)

    def story(self) -> Story:
        file = fitted(File, self._whole, self._file)
        given = self._given(file)
        self._stop()
        cast = Cast(given)
        doings = Doings(cast, self._wrong)
        moments: list[Action | Checking] = []
        last = date.min
        for marked in self._parts("steps"):
            self._wrong_unless_mapping(marked)
            first = self._first_day(marked)
            if first is not None and first < last:
                self._wrong(marked.line_of("on"), f"{first} stands after {last}: steps stand in the order of their dates")
            last = max(last, first or last)
            moments += self._moments(marked, cast, doings)
        ends = [found for marked in self._parts("expect") for found in self._expectation(marked, cast)]
        moments += doings.scheduled_days()
        moments.sort(key=lambda moment: moment.moment)
        doings.check_names(moments)
        if not moments and not self._mistakes:
            self._wrong(self._whole.line_of("steps"), "nothing happens")
        self._stop()
        return Story(self._file, file.history, given, tuple(moments), tuple(ends))

    def _parts(self, name: str) -> list[Marked]:
        listed = self._whole.parts.get(name)
        return list(listed.parts.values()) if listed else []

    def _wrong(self, line: int, reason: str) -> None:
        self._mistakes.append(Mistake(self._file, line, reason))

    def _wrong_unless_mapping(self, marked: Marked) -> None:
        if not isinstance(marked.value, dict):
            raise MistakesInFile(*self._mistakes, Mistake(self._file, marked.line, "a step is a list of words with values"))

    def _stop(self) -> None:
        if self._mistakes:
            raise MistakesInFile(*sorted(dict.fromkeys(self._mistakes), key=lambda mistake: (mistake.file, mistake.line)))

    def _given(self, file: File) -> Given:
        """What is given in the files named and in this one, the later ones added to the earlier."""
        merged: dict[str, dict[str, Any]] = {name: {} for name in GIVEN}
        own = Marked(
            {name: self._whole.value[name] for name in GIVEN if name in self._whole.value},
            1,
            {name: self._whole.parts[name] for name in GIVEN if name in self._whole.parts},
        )
        for place, name in enumerate(file.given):
            if not (self._path.parent / name).is_file():
                self._wrong(self._whole.line_of("given", place), f"given: there is no file {name} beside this one")
        self._stop()
        sources = [(read_yaml(self._path.parent / name), name) for name in file.given]
        for marked, name in (*sources, (own, self._file)):
            for client, record in fitted(Given, marked, name).clients.items():
                if record.identity_code is not None and not is_test_code(record.identity_code):
                    reason = "only identity codes with the numbers 900 to 999 may stand in a scenario"
                    line = marked.line_of("clients", client, "identity_code")
                    self._mistakes.append(Mistake(name, line, reason))
            for part, entries in marked.value.items():
                merged[part].update(entries or {})
        return Given.model_validate(merged)

    def _first_day(self, marked: Marked) -> date | None:
        on = marked.value.get("on")
        first = on[0] if isinstance(on, list) and on else on
        return first if isinstance(first, date) else None

    def _moments(self, marked: Marked, cast: Cast, doings: Doings) -> Iterator[Action | Checking]:
        """What one entry of `steps` stands for; days of a period come later, when all rows are known."""
        try:
            if "every_scheduled_day_of" in marked.value:
                doings.remember(fitted(EveryDay, marked, self._file), marked)
            elif isinstance(marked.value.get("expect"), list):
                check = fitted(Check, marked, self._file)
                listed = marked.parts["expect"].parts.values()
                found = tuple(chain.from_iterable(self._expectation(one, cast) for one in listed))
                yield Checking(marked.line, check.row or "", check.on, check.at, found)
            else:
                yield from doings.actions(fitted(Step, marked, self._file), marked)
        except MistakesInFile as wrong:
            self._mistakes += wrong.mistakes

    def _expectation(self, marked: Marked, cast: Cast) -> Iterator[Expectation]:
        words = marked.value if isinstance(marked.value, dict) else {}
        model = next((model for word, model in EXPECTATIONS.items() if word in words), None)
        if model is None:
            hint = similar(next(iter(words), ""), list(EXPECTATIONS))
            self._wrong(marked.line, f"this is no expectation{hint}")
            return
        try:
            yield checked(fitted(model, marked, self._file), marked, cast, self._wrong)
        except MistakesInFile as wrong:
            self._mistakes += wrong.mistakes
        except Unknown as unknown:
            self._wrong(marked.line, str(unknown))
