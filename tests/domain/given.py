"""given(history).when(command, by=somebody, on=a_day).then(what was recorded), without store, clock or broker."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import Any, TypeAlias

from domain.catalogue import DIRECTORY_EVENTS
from domain.commands import Command
from domain.context import Caller, Context, Draft
from domain.directory import Directory, enter
from domain.events import Event
from domain.pathway import Fact, Pathway, evolve
from domain.refusals import Refused
from domain.rulebook import kind_of
from domain.rules import RuleSet

Ask: TypeAlias = Command | Callable[[Pathway], Command]
"""A command, or how to make it once the pathway has the parts that it names."""


@dataclass(frozen=True)
class Step:
    """Somebody asks for something on a day."""

    by: Caller
    on: date
    ask: Ask
    look_ups: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class World:
    """The register, one client's pathway, and every fact so far."""

    directory: Directory = field(default_factory=Directory)
    pathway: Pathway = field(default_factory=lambda: Pathway("c" * 32))
    recorded: tuple[Draft, ...] = ()
    rules: RuleSet = field(default_factory=RuleSet.current)

    def decide(self, step: Step, *, attempt: int = 0) -> list[Draft]:
        command = step.ask(self.pathway) if callable(step.ask) else step.ask
        kind = kind_of(type(command))
        at = datetime.combine(step.on, time(9), UTC)
        decision = uuid.uuid5(uuid.NAMESPACE_OID, f"{len(self.recorded)} {kind.name} {attempt}").hex
        context = Context(decision, at, step.by, self.rules, self.directory, step.look_ups)
        state = self.pathway if kind.of_client else self.directory
        return kind.decide(state, command, context)

    def after(self, step: Step) -> World:
        world = self
        for draft in self.decide(step):
            world = world.with_fact(draft, step)
        return world

    def with_fact(self, draft: Draft, step: Step) -> World:
        position = len(self.recorded) + 1
        recorded = (*self.recorded, draft)
        if draft.event.NAME in DIRECTORY_EVENTS:
            return replace(self, recorded=recorded, directory=enter(self.directory, draft.event, position))
        return replace(self, recorded=recorded, pathway=evolve(self.pathway, self.fact(draft, step)))

    def fact(self, draft: Draft, step: Step) -> Fact[Event]:
        by, version = step.by, self.pathway.version + 1
        at = datetime.combine(step.on, time(9), UTC)
        place = (at, len(self.recorded) + 1, version, draft.matter)
        return Fact(
            draft.event_id, draft.event, draft.occurred_on, *place, by.org, by.task, by.role, by.person, f"m-{version}"
        )


@dataclass(frozen=True)
class Outcome:
    """What came of a command."""

    drafts: list[Draft]
    refused: Refused | None
    world: World

    def then(self, *kinds: type[Event], **fields: Any) -> Outcome:
        """Exactly these kinds of fact were recorded; the fields are those of the first one."""
        assert self.refused is None, self.refused
        assert tuple(type(draft.event) for draft in self.drafts) == kinds
        first = dict(self.drafts[0].event)
        assert {name: first[name] for name in fields} == fields
        return self

    def flagged(self, *flags: str) -> Outcome:
        assert self.drafts[0].flags == flags
        return self

    def warned(self, *codes: str) -> Outcome:
        assert self.drafts[0].warnings == codes
        return self

    def then_nothing_happens(self) -> None:
        assert (self.refused, self.drafts) == (None, [])

    def then_refused(self, *codes: str, at: str | None = None) -> None:
        assert self.refused is not None, self.drafts
        assert tuple(dict.fromkeys(reason.code for reason in self.refused.codes)) == codes
        assert at is None or at in [reason.pointer for reason in self.refused.codes]


@dataclass(frozen=True)
class Given:
    """A world in which somebody is about to ask for something."""

    world: World

    def when(self, ask: Ask, *, by: Caller, on: date, **look_ups: Any) -> Outcome:
        step = Step(by, on, ask, look_ups)
        try:
            drafts = self.world.decide(step, attempt=1)
        except Refused as refused:
            return Outcome([], refused, self.world)
        world = self.world
        for draft in drafts:
            world = world.with_fact(draft, step)
        return Outcome(drafts, None, world)

    def but(self, ask: Ask, *, by: Caller, on: date, **look_ups: Any) -> Given:
        """The same world with one more thing that happened."""
        return Given(self.world.after(Step(by, on, ask, look_ups)))


def given(world: World) -> Given:
    return Given(world)
