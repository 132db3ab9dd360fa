"""Figures of an answer by their path: `days.count`, `months[month=2025-03].days`, `absences[0].day_status`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

COUNT = "count"
"""Last step: how many entries a list or an object has; 0 where nothing is."""
_STEP = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)((?:\[[^\[\]]+\])*)")
_CHOICE = re.compile(r"\[(?:(-?[0-9]+)|([A-Za-z_][A-Za-z0-9_.]*)=([^\[\]]*))\]")

Step = tuple[str, str]
"""(sort, text): a name, a place in a list, or `field=value` to choose entries by."""


class WrongPath(ValueError):
    """A path that cannot be read; the message is the reason."""


def read_path(path: str) -> list[Step]:
    """The steps of a path. Raises WrongPath."""
    steps: list[Step] = []
    rest = path
    while rest:
        found = _STEP.match(rest)
        if found is None:
            raise WrongPath(f"{path}: here it cannot be read any more: {rest}")
        steps.append(("name", found.group(1)))
        for place, name, value in _CHOICE.findall(found.group(2)):
            steps.append(("place", place) if place else ("choice", f"{name}={value}"))
        if found.group(2) and "".join(match.group(0) for match in _CHOICE.finditer(found.group(2))) != found.group(2):
            raise WrongPath(f"{path}: in brackets stands a place or `field=value`")
        rest = rest[found.end() :]
        if rest.startswith(".") and len(rest) > 1:
            rest = rest[1:]
        elif rest:
            raise WrongPath(f"{path}: here it cannot be read any more: {rest}")
    if not steps:
        raise WrongPath("a path is missing")
    return steps


def at_path(answer: Any, path: str) -> Any:
    """What stands there; None where nothing does. Several entries that are chosen give several values, one gives its own."""
    found: list[Any] = [answer]
    many = False
    steps = read_path(path)
    for number, (sort, text) in enumerate(steps):
        if sort == "name":
            last = number == len(steps) - 1
            if last and text == COUNT and not any(isinstance(one, Mapping) and COUNT in one for one in found):
                return _count(found, many)
            found = [one[text] for one in found if isinstance(one, Mapping) and text in one]
        elif sort == "place":
            found = [one[int(text)] for one in found if _is_list(one) and -len(one) <= int(text) < len(one)]
        else:
            name, _, value = text.partition("=")
            entries = [entry for one in found if _is_list(one) for entry in one]
            found = [entry for entry in entries if _text(at_path(entry, name)) == value]
            many = True
    if not found:
        return None
    return found if many and len(found) > 1 else found[0]


def equal(wanted: Any, came: Any) -> bool:
    """Whether the figure is the one that was wanted; a date equals its text, a whole number equals the same as a decimal."""
    match wanted:
        case date():
            return bool(wanted.isoformat() == came)
        case bool() | None:
            return wanted is came
        case int() | float():
            return not isinstance(came, bool) and _number(came) == wanted
        case dict():
            return isinstance(came, Mapping) and all(equal(value, came.get(name)) for name, value in wanted.items())
        case list():
            return _is_list(came) and len(wanted) == len(came) and all(map(equal, wanted, came))
        case _:
            return bool(wanted == came)


def _number(came: Any) -> float | None:
    try:
        return float(came)
    except (TypeError, ValueError):
        return None


def _count(found: list[Any], many: bool) -> int:
    if many:
        return len(found)
    return len(found[0]) if found and isinstance(found[0], Sequence | Mapping) and not isinstance(found[0], str) else 0


def _is_list(one: Any) -> bool:
    return isinstance(one, Sequence) and not isinstance(one, str)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)
