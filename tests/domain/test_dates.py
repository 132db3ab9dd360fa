"""Dates and times are what the schemas say: `YYYY-MM-DD`, and a moment with its zone. A number is no date.

source: RFC 3339 5.6, domain/pathway.md 4.9; decisions/0017
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, get_args

import orjson
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

import api
import deploy
import domain
import projections
from domain.chapters.ledgers.decisions import AdvanceClock
from domain.dates import EARLIEST, FROM_OUTSIDE, LATEST, LocalDate, Moment
from domain.messages import NoNames, wish_of_body
from domain.refusals import Refused
from domain.rulebook import COMMANDS
from projections.questions import Answer

SECONDS = (
    "0", "-86400", "1735689600000", "1e9", "20250310", "2025-W11-1", "2025-03-10 ", "2025-0３-10", "+025-03-10", 0
)  # fmt: skip
NO_DAY = (*SECONDS, "2025-02-30", "0000-01-01", "2025-03-10T00:00:00Z")
NO_MOMENT = (
    *SECONDS, "2025-03-10", "2025-03-10T12:00:00", "2025-03-10T12:00Z", "2025-03-10T24:00:00Z", "2025-03-10T12:00:00+24:00"
)  # fmt: skip


def models() -> list[type[BaseModel]]:
    """Every model that something is read into; what a question answers is only ever written."""
    for package in (api, deploy, domain, projections):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    return sorted(_below(BaseModel), key=lambda model: f"{model.__module__}.{model.__qualname__}")


def _below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for one in model.__subclasses__():
        if not issubclass(one, Answer):
            if one.__module__.partition(".")[0] in ("api", "deploy", "domain", "projections"):
                yield one
            yield from _below(one)


def kinds_of_date(annotation: Any) -> set[type]:
    """Whether a date or a moment may stand in a field, at any depth of its type but not inside another model."""
    if annotation in (date, datetime):
        return {annotation}
    return {kind for part in get_args(annotation) for kind in kinds_of_date(part)}


def wrong_places(model: type[BaseModel], body: dict[str, Any], mode: str) -> set[Any]:
    try:
        if mode == "json":
            model.model_validate_json(orjson.dumps(body), strict=True)
        else:
            model.model_validate(body)
    except ValidationError as wrong:
        return {error["loc"][0] for error in wrong.errors() if error["loc"]}
    return set()


def test_no_model_takes_seconds_for_a_date() -> None:
    asked = 0
    for model in models():
        for name, field in model.model_fields.items():
            kinds = kinds_of_date(field.annotation)
            for given in SECONDS if kinds else ():
                for mode in ("json", "python"):
                    for value in (given, [given]):
                        body = {field.alias or name: value}
                        assert {field.alias, name} & wrong_places(model, body, mode), (model, name, value, mode)
                asked += 1
    assert asked > 500


@pytest.mark.parametrize("text", NO_DAY)
def test_a_day_is_ten_characters(text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(LocalDate).validate_python(text)


@pytest.mark.parametrize("text", NO_MOMENT)
def test_a_moment_has_its_zone(text: object) -> None:
    with pytest.raises(ValidationError):
        AdvanceClock.model_validate_json(orjson.dumps({"to_at": text}), strict=True)


@pytest.mark.parametrize("text", ["2025-03-10T12:00:00Z", "2025-03-10t12:00:00.5z", "2025-03-10T14:00:00.123456789+02:00"])
def test_what_the_schema_says_passes(text: str) -> None:
    body = orjson.dumps({"to_at": text, "occurred_on": "2024-02-29"})
    read = AdvanceClock.model_validate_json(body, strict=True)
    assert (read.to_at.date(), read.occurred_on) == (date(2025, 3, 10), date(2024, 2, 29))


@pytest.mark.parametrize("day", ["0001-01-01", "1899-12-31", "2200-01-01", "9999-12-31"])
def test_a_day_outside_the_calendar_of_the_record_is_refused_with_its_place(day: str) -> None:
    with pytest.raises(Refused) as refused:
        wish_of_body(COMMANDS["advance_clock"], {"to_at": f"{day}T12:00:00Z", "occurred_on": day}, None, NoNames())
    assert [(reason.code, reason.pointer) for reason in refused.value.codes] == [
        ("E_DATE_RANGE", "/occurred_on"),
        ("E_DATE_RANGE", "/to_at"),
    ]
    with pytest.raises(ValidationError):
        TypeAdapter(Moment).validate_python(day)


def test_the_first_and_the_last_day_pass_and_what_is_recorded_is_read_as_it_stands() -> None:
    for day in (EARLIEST, LATEST):
        body = {"to_at": f"{day}T12:00:00Z", "occurred_on": day.isoformat()}
        wish = wish_of_body(COMMANDS["advance_clock"], body, None, NoNames())
        assert wish.command.occurred_on == day
    assert AdvanceClock(to_at=datetime.fromisoformat("9999-12-31T23:59:59+00:00")).to_at.year == 9999


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_a_moment_that_no_clock_of_ours_can_show_is_outside_too(moment: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        AdvanceClock.model_validate_json(orjson.dumps({"to_at": moment}), strict=True, context=FROM_OUTSIDE)
    assert wrong.value.errors()[0]["type"] == "date_range"
