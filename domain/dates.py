"""Dates and times as the schemas say them: `2025-03-10`, and `2025-03-10T09:00:00+02:00` with its zone; nothing else.

pydantic takes a number, and a text of digits, for seconds since 1970, in its strict mode too: `"0"` would be a day of the
client's life. Every model that something from outside is read into is `Dated`, so that no field of it has to say so.
source: RFC 3339 5.6
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

HELSINKI = ZoneInfo("Europe/Helsinki")
A_DAY = timedelta(days=1)
EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
"""The days that something from outside may speak of: arithmetic on them stays inside the calendar of every part of ours."""
FROM_OUTSIDE: Mapping[str, Any] = {"from_outside": True}
"""The validation context of what somebody sent; what is recorded already is read as it stands."""
DATE_RANGE = "date_range"
"""The type of pydantic's error for a day outside."""
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})", re.IGNORECASE
)


def day_of_text(text: str) -> date:
    """The date that a text of ten characters says. Raises ValueError for any other text."""
    if len(text) != 10 or text[4] != "-" or text[7] != "-":  # what else the library takes for a date is no date here
        raise ValueError("not a date: YYYY-MM-DD")
    return date.fromisoformat(text)


def instant_of_text(text: str) -> datetime:
    """The moment that a text says, with its zone. Raises ValueError for any other text, and for one without zone."""
    if _INSTANT.fullmatch(text) is None:
        raise ValueError("not a date-time of RFC 3339 with its zone")
    return datetime.fromisoformat(text.upper())


def within(value: date | datetime) -> bool:
    """Whether a day, or a moment's day in UTC and in Europe/Helsinki, lies from 1900 to 2199."""
    if not isinstance(value, datetime):
        return EARLIEST <= value <= LATEST
    try:
        days = [value.astimezone(zone).date() for zone in (UTC, HELSINKI)]
    except (OverflowError, ValueError):
        return False
    return all(EARLIEST <= day <= LATEST for day in days)


_READ: Mapping[str, Callable[[str], date]] = {"date": day_of_text, "datetime": instant_of_text}


def as_written(schema: Any, always_outside: bool = False) -> Any:
    """A core schema in which every date and time is read by us first, and then strictly."""
    if isinstance(schema, list | tuple):
        return type(schema)(as_written(part, always_outside) for part in schema)
    if not isinstance(schema, dict) or _READ_SO in (schema.get("metadata") or ()):
        return schema
    kind = schema.get("type")
    read = _READ.get(kind) if isinstance(kind, str) else None
    if read is None:
        return {name: _inner(name, value, always_outside) for name, value in schema.items()}

    def look(value: Any, info: core_schema.ValidationInfo) -> Any:
        """Before pydantic looks: the value that a text says; anything but a text is its own to judge, strictly."""
        said = read(value) if isinstance(value, str) else value
        if (always_outside or info.context is FROM_OUTSIDE) and isinstance(said, date) and not within(said):
            raise PydanticCustomError(DATE_RANGE, "not from 1900 to 2199")
        return said

    strict: Any = {**schema, "strict": True}
    return core_schema.with_info_before_validator_function(look, strict, metadata={_READ_SO: True})


_READ_SO = "kuty_read_as_written"
_NO_SCHEMAS = frozenset({"metadata", "default", "cls", "config", "expected", "serialization", "ref", "function"})
"""Parts of a core schema in which no other one stands."""


def _inner(name: str, value: Any, always_outside: bool) -> Any:
    if name == "fields" and isinstance(value, dict):  # a field may have any name
        return {field: as_written(described, always_outside) for field, described in value.items()}
    return value if name in _NO_SCHEMAS else as_written(value, always_outside)


class Dated(BaseModel):
    """A model whose dates and times, at any depth, are read only as the schemas say them."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The model's own schema, its dates and times as they are written."""
        read: CoreSchema = as_written(handler(source))
        return read


class _Given:
    """Marks a date or time that somebody gives outside of any model, as a parameter of a route."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        read: CoreSchema = as_written(handler(source), always_outside=True)
        return read


LocalDate = Annotated[date, _Given()]
"""A day, in Europe/Helsinki: `YYYY-MM-DD`."""
Moment = Annotated[datetime | date, _Given()]
"""A moment with its zone, or a date: the end of that day in Europe/Helsinki."""
