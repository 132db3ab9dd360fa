"""From a scenario's words to a command's body: short field names, a week, the step's own day, organisations by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import orjson
from pydantic import ValidationError

from deploy.scenario.cast import Cast, similar
from deploy.scenario.lines import Marked, sentence
from deploy.scenario.words import SAME_DAY
from domain.commands import CommandKind
from domain.message_fields import UNRESOLVED, places, resolved

ENDINGS = ("_id", "_org_id", "_event_id", "_on")
"""What may be left off a field's name."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def body_of(kind: CommandKind, said: Mapping[str, Any], cast: Cast, on: date) -> dict[str, Any]:
    """The command's fields with their own names and as JSON has them; parts still go by the file's names."""
    return {field_name(kind, name): _value(field_name(kind, name), value, cast, on) for name, value in said.items()}


def field_name(kind: CommandKind, name: str) -> str:
    """The field that is meant; a name that fits none stays."""
    known = kind.command.model_fields
    if name in known:
        return name
    return next((name + ending for ending in ENDINGS if name + ending in known), name)


def _value(name: str, value: Any, cast: Cast, on: date) -> Any:
    match value:
        case date():
            return value.isoformat()
        case str() if value == SAME_DAY:
            return on.isoformat()
        case str() if name.endswith("org_id"):
            return cast.organisations.get(value, value)
        case dict() if name == "schedule" and set(value) <= set(WEEKDAYS):
            return [{"weekday": WEEKDAYS.index(day) + 1, "hours": hours} for day, hours in value.items()]
        case dict():
            return {inner: _value(inner, each, cast, on) for inner, each in value.items()}
        case list():
            return [_value(name, each, cast, on) for each in value]
        case _:
            return value


def parts_named(kind: CommandKind, body: Mapping[str, Any]) -> Iterator[str]:
    """Every name of a part or a fact that the body refers to."""
    found: list[str] = []

    def note(text: str, _kind: str, _pointer: str) -> str:
        found.append(text)
        return UNRESOLVED

    resolved(body, places(kind.command), note)
    yield from found


def with_references(kind: CommandKind, body: Mapping[str, Any], reference: Callable[[str, str], str]) -> dict[str, Any]:
    """The body as it is sent. `reference` answers for (name, "part" or "event") what the sender calls it."""
    return resolved(body, places(kind.command), lambda text, sort, _pointer: reference(text, sort))


def wrong_fields(kind: CommandKind, body: Mapping[str, Any], said: Marked) -> Iterator[tuple[int, str]]:
    """(line, reason) of every field that the command would not take."""
    words = {field_name(kind, name): name for name in said.parts}
    known = list(kind.command.model_fields)
    for name in body:
        if name not in known:
            yield said.line_of(words.get(name, name)), f"{kind.name} has no field {name}{similar(name, known)}"
    known_fields = {name: value for name, value in body.items() if name in known}
    try:
        kind.command.model_validate_json(
            orjson.dumps(with_references(kind, known_fields, lambda *_: UNRESOLVED)), strict=True
        )
    except ValidationError as wrong:
        for error in wrong.errors(include_url=False):
            place = error["loc"]
            name = str(place[0]) if place else ""
            yield said.line_of(words.get(name, name), *place[1:]), f"{name}: {sentence(error['type'], error['msg'])}"
