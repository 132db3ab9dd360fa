"""Which facts a command records and with which codes it may be refused, read from the source of its decision.

A decision calls guards by name and makes events by name; following those calls through the chapters finds both.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any

from domain import events
from domain.catalogue import EVENTS
from domain.chapters.corrections import decisions as corrections
from domain.chapters.guards import by_right, no_diagnosis, parts_there
from domain.disclosure.kinds import Kind
from domain.events import Event
from domain.message_fields import places, texts_of
from domain.messages import message_types
from domain.refusals import refusals
from domain.rulebook import COMMANDS, GUARDS

CHAPTERS = "domain.chapters."


@dataclass(frozen=True, slots=True)
class Origin:
    """What a decision's source shows: names of events, codes of the catalogue."""

    events: frozenset[str]
    codes: frozenset[str]


@cache
def origin_of(command: str) -> Origin:
    """What the decision of this command records and refuses."""
    kind = COMMANDS[command]
    decide = inspect.unwrap(kind.decide)
    # A correction passes the guard of the fact that it corrects, which it finds in a table and not by name.
    more: tuple[Callable[..., Any], ...] = tuple(GUARDS.values()) if decide.__module__ == corrections.__name__ else ()
    # What the rulebook judges before any decision.
    more += (by_right,)
    more += (no_diagnosis,) if kind.of_client and texts_of(kind.command) else ()
    more += (parts_there,) if kind.target == "client" and places(kind.command) else ()
    made = {cls.NAME for node in _nodes((decide,)) if isinstance(node, ast.Call) and (cls := _event_made(node))}
    codes = {node.value for node in _nodes((decide, *more)) if isinstance(node, ast.Constant) and _is_code(node.value)}
    return Origin(frozenset(made), frozenset(str(code) for code in codes))


@cache
def recorded_by() -> Mapping[str, tuple[str, ...]]:
    """For each event the commands that record it, in the order of the catalogue."""
    return {name: tuple(command for command in COMMANDS if name in origin_of(command).events) for name in EVENTS}


@cache
def refused_by() -> Mapping[str, tuple[str, ...]]:
    """For each code the commands whose decision may give it."""
    return {code: tuple(command for command in COMMANDS if code in origin_of(command).codes) for code in refusals()}


BESIDE = frozenset({events.SubjectRegistered.NAME})
"""Facts that a decision records behind its sender's own: they are nobody's own, and not told back for that."""


@cache
def own_facts(sender: Kind) -> frozenset[str]:
    """The facts that a sender of this kind may state itself, and therefore gets back whole."""
    commands = {kind.name for kind in message_types(sender).values()}
    return frozenset(name for command in commands for name in origin_of(command).events - BESIDE)


def _is_code(value: object) -> bool:
    return isinstance(value, str) and value in refusals()


def _nodes(functions: tuple[Callable[..., Any], ...]) -> Iterator[ast.AST]:
    for function in _reached(functions):
        yield from ast.walk(_tree(function))


def _reached(functions: tuple[Callable[..., Any], ...]) -> set[FunctionType]:
    found: set[FunctionType] = set()
    waiting = [function for function in functions if isinstance(function, FunctionType)]
    while waiting:
        function = waiting.pop()
        if function in found:
            continue
        found.add(function)
        wrapped = inspect.unwrap(function)
        waiting += [wrapped] if isinstance(wrapped, FunctionType) else []
        waiting += [called for called in _called(function) if called not in found]
    return found


def _called(function: FunctionType) -> Iterator[FunctionType]:
    for node in ast.walk(_tree(function)):
        if isinstance(node, ast.Name):
            known = function.__globals__.get(node.id)
            if isinstance(known, FunctionType) and known.__module__.startswith(CHAPTERS):
                yield known


@cache
def _tree(function: FunctionType) -> ast.Module:
    return ast.parse(textwrap.dedent(inspect.getsource(function.__code__)))


def _event_made(node: ast.Call) -> type[Event] | None:
    cls = getattr(events, node.func.attr, None) if isinstance(node.func, ast.Attribute) else None
    return cls if isinstance(cls, type) and issubclass(cls, Event) and "NAME" in vars(cls) else None
