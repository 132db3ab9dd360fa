"""What a log line is about: ids of requests, messages, events and recipients, and never a word of what they say.

Ids that others chose are taken where they can stand in a log; everything else of a message stays out of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar, Token
from typing import TypeAlias

from domain.identifiers import is_identity_code

Ids: TypeAlias = Mapping[str, str | int]

NAMES = ("request_id", "message_id", "event_id", "position", "recipient", "topic", "offset")
"""What a line may name."""
CHOSEN = ("request_id", "message_id")
"""Those that others choose: who names one here need not look whether it can stand in a log."""
LONGEST_NUMBER = 15
"""Digits of a telephone number, at most (ITU-T E.164): so short a number may be somebody's."""
_PRESENT: ContextVar[Ids] = ContextVar("kuty_log_ids", default={})  # noqa: B039 - never changed, only replaced
_SANE = re.compile(r"(?=[^0-9]*[0-9])[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_BIRTHDAY = re.compile(r"[0-9]{6}")
_NUMBER = re.compile(r"[0-9._-]+")
_IDENTITY = re.compile(r"(?=([0-9]{6})([^0-9]?)([0-9]{3}[0-9A-Y]))", re.IGNORECASE)
_SEPARATORS = "-+ABCDEFUVWXY"
_OF_EACH_CENTURY = "+-A"
_NOTED = "kuty_log_ids"


def present_ids() -> Ids:
    """What is being worked on in this thread or task."""
    return _PRESENT.get()


def also_concerning(ids: Ids) -> None:
    """Add to what the present `Concerning` is about, until it ends."""
    _PRESENT.set({**_PRESENT.get(), **_sane(ids)})


class Concerning:
    """Lines that are logged inside are about these ids; so is the line about a failure that leaves it."""

    __slots__ = ("_ids", "_outside")

    def __init__(self, ids: Ids) -> None:
        self._ids = _sane(ids)
        self._outside: Token[Ids] | None = None

    def __enter__(self) -> None:
        self._outside = _PRESENT.set({**_PRESENT.get(), **self._ids})

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._outside is not None:
            _PRESENT.reset(self._outside)
        if error is not None:
            note_ids(error, self._ids)


def note_ids(error: BaseException, ids: Ids) -> None:
    """Have whoever logs a failure name these; what was noted nearer to it holds."""
    setattr(error, _NOTED, {**_sane(ids), **getattr(error, _NOTED, {})})


def noted_ids(error: BaseException | None) -> Ids:
    """What was noted on a failure, or on one that caused it."""
    found: Ids = {}
    seen: list[BaseException] = []  # two failures may name each other as their cause
    while error is not None and error not in seen:
        seen.append(error)
        found = {**getattr(error, _NOTED, {}), **found}
        error = error.__cause__ or error.__context__
    return found


def _sane(ids: Ids) -> Ids:
    return {name: value for name, value in ids.items() if name not in CHOSEN or sane_id(str(value))}


def sane_id(given: str) -> str:
    """An id that somebody else chose, where it can stand in a log; else empty.

    8 to 64 letters, digits, `.`, `_` and `-`, with a digit, since a word alone may be a name; with no personal identity code
    in it, and no number as short as a telephone's.
    """
    if _SANE.fullmatch(given) is None or _names_a_person(given):
        return ""
    number = _NUMBER.fullmatch(given) is not None and sum(letter.isdigit() for letter in given) <= LONGEST_NUMBER
    return "" if number else given


def _names_a_person(given: str) -> bool:
    """Whether an identity code stands in it by itself, right or mistyped, or a right one anywhere, whatever separates its
    date from its number, and also where nothing does.

    Of the ids that machines make one in eight has digits and letters in that order by chance.
    """
    if _BIRTHDAY.search(given) is None:
        return False
    for found in _IDENTITY.finditer(given.upper()):
        birthday, separator, number = found.groups()
        around = given[: found.start()][-1:] + given[found.end(3) :][:1]
        if separator and separator in _SEPARATORS and not any(letter.isalnum() for letter in around):
            return True
        if any(is_identity_code(birthday + century + number) for century in _OF_EACH_CENTURY):
            return True
    return False
