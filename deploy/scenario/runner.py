"""Runs one history in a world: what is given, then moment by moment, then what has to hold at the end."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from deploy.scenario.asking import Asking
from deploy.scenario.cast import Cast
from deploy.scenario.given import keep_cards, lay_out, register
from deploy.scenario.naming import Fact, Naming, NotThere
from deploy.scenario.printing import Printing
from deploy.scenario.results import Figure, Result, StepResult
from deploy.scenario.sending import Came, NoAnswer, Sending
from deploy.scenario.story import Action, Checking, Expectation, Story
from deploy.scenario.world import World
from domain.chapters.ledgers.decisions import AdvanceClock
from domain.context import Caller

FACT = "fact"
A_DAY = timedelta(days=1)


class Runner:
    """One history in one world."""

    def __init__(self, story: Story, world: World, printing: Printing) -> None:
        self._story = story
        self._world = world
        self._printing = printing
        self._cast = Cast(story.given)
        self._naming = Naming(world.store, world.pseudonyms)
        self._sending = Sending(world, self._cast, self._naming)
        self._asking = Asking(world, self._cast, self._naming, self._sending)
        self._last: tuple[Action, str] | None = None
        self._steps: list[StepResult] = []
        self._figures: list[Figure] = []

    def run(self) -> Result:
        """Everything in its order. A step that is answered otherwise than expected ends the history there: what comes
        after it would speak of another history. Raises NotGiven."""
        self._printing.begin(self._story, self._world.ledger)
        self._give()
        stopped = ""
        for moment in self._story.moments:
            self._advance(moment.moment)
            if isinstance(moment, Checking):
                self._check(moment.expectations, moment.row)
            elif not self._do(moment):
                stopped = f"line {moment.line}: {self._steps[-1].amiss}"
                break
        self._sending.rest()
        if not stopped:
            self._check(self._story.at_the_end, "at the end")
        result = Result(
            self._story.file,
            self._story.title,
            self._world.ledger,
            tuple(self._steps),
            tuple(self._figures),
            tuple(self._asking.answers),
            self._asking.told(),
            stopped,
        )
        self._printing.end(result)
        return result

    def _give(self) -> None:
        lay_out(self._world.store, self._story.given, self._story.moments[0].on - A_DAY)
        self._world.provide()
        keep_cards(self._world.vault, self._story.given)
        clients = self._story.given.clients
        self._naming.clients = register(self._world.store, self._world.vault, self._story.given, clients)
        self._sending.rest()
        self._asking.begin()

    def _advance(self, to: datetime) -> None:
        """Time goes on once everything before it has come to rest."""
        moment = to.astimezone(UTC)
        if moment <= self._world.store.now():
            return
        self._sending.rest()
        caller = Caller(self._cast.organiser, "organiser", "system", "system")
        self._world.store.execute(AdvanceClock(to_at=moment), caller, uuid.uuid4().hex)

    def _do(self, action: Action) -> bool:
        command_id = uuid.uuid4().hex
        if action.again and self._last is not None:
            before, command_id = self._last
            action = replace(action, recipient=before.recipient, client=action.client or before.client,
                             fields=action.fields or before.fields, raw=action.raw or before.raw)  # fmt: skip
        try:
            came = self._sending.send(action, command_id)
            amiss = self._amiss(action, came) or self._name(action, came, command_id)
        except (NotThere, NoAnswer) as why:
            came, amiss = Came(action.kind.name, str(why), "not sent"), str(why)
        self._last = action, command_id
        begun = tuple(sorted(action.names)) if not amiss else ()
        self._steps.append(
            StepResult(
                action.line, action.row, action.who, action.command, came.status, came.codes, came.warnings, begun, amiss
            )
        )
        self._printing.step(action, came, amiss)
        return not amiss

    def _amiss(self, action: Action, came: Came) -> str:
        wanted = action.expected
        if came.status != wanted.status:
            return f"{wanted.status} was expected, {came.status} came {' '.join(came.codes)}".rstrip()
        if wanted.codes and came.codes != wanted.codes:
            return f"{', '.join(wanted.codes)} was expected, {', '.join(came.codes) or 'no code'} came"
        if wanted.http is not None and came.http not in (0, wanted.http):
            return f"HTTP status {wanted.http} was expected, {came.http} came"
        if wanted.warnings is not None and came.warnings != wanted.warnings:
            return f"{', '.join(wanted.warnings) or 'no warning'} was expected, {', '.join(came.warnings) or 'none'} came"
        return ""

    def _name(self, action: Action, came: Came, command_id: str) -> str:
        """Give what began its names; the reason when there is nothing to name."""
        if not action.names:
            return ""
        recipient = self._cast.recipients.get(action.recipient)
        sender = (action.person.org, action.person.task) if action.person else ("", "")
        if recipient is not None:
            sender = (recipient.org, recipient.task)
        answer = self._world.store.answer(sender, command_id)
        if answer is None:
            return "its answer is not in the ledger"
        for field, name in action.names.items():
            if field == FACT and answer.events:
                self._naming.facts[name] = Fact(answer.events[0][0], sender, command_id)
            elif field in answer.references:
                self._naming.parts[name] = answer.references[field]
            else:
                known = ", ".join(sorted(each.removesuffix("_id") for each in answer.references)) or "nothing"
                return f"it began no {field.removesuffix('_id')} that could be called {name}; it began {known}"
        return ""

    def _check(self, expectations: tuple[Expectation, ...], row: str) -> None:
        self._sending.rest()
        for expectation in expectations:
            for figure in self._asking.figures(expectation):
                self._figures.append(figure)
                self._printing.figure(figure, row)
