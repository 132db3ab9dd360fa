"""Every text that comes from outside is a code, has a form, names something, or is free: which of them, stands here.

source: domain/events.md 11.1, 11.3 and the fields of each event, domain/privacy.md 3.6, 3.7, domain/standards.md 7
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import orjson
import pytest
from given import given
from pydantic import BaseModel, BeforeValidator, StringConstraints, ValidationError
from stories import EXPERT, as_1, draft, last, week

from domain import events as e
from domain.chapters.attendance.decisions import GroupEntry, RecordGroupAttendance
from domain.chapters.corrections.decisions import CorrectFact
from domain.commands import Command
from domain.dates import FROM_OUTSIDE
from domain.message_fields import reasons_of
from domain.messages import NoNames, wish_of_body
from domain.refusals import Refused
from domain.rulebook import COMMANDS
from domain.store import ClientRecord, StaffCard
from domain.vocabulary import Form, FreeText, Listed, Ref
from projections.kinds import kinds

FREE = {
    # people's own words, domain/events.md 11.21
    "goal", "support", "site_needs", "reasons", "source_note", "service_note", "past_change_ground",
    # names and addresses of people, organisations and places
    "family_name", "given_names", "emergency_contact_name", "street", "town", "site_allergies",
    "staff_name", "staff_title", "staff_unit", "org_name", "site_name", "provider_kind_note",
    # what others count by, in a form of their own: no reference gives it
    "temporary_identifier", "association_number", "register_number", "key_id", "algorithm", "key", "ruleset_version",
    # a need may be written wrong: its own row says what that means (`E_NEED_REQUIRED`, `E_HEALTH_CONTENT`)
    "needs",
}  # fmt: skip
"""Texts without a form, of one line or of several. Whoever adds one says here why it is one."""
JUDGED_BY_ITS_ROW = {"identity_code": "E_IDENTITY_CODE", "business_id": "E_ORG_ID"}
"""Texts whose form is a calculation: `domain.identifiers` makes it, rows 60, 63 and 65 of domain/pathway.md 4.4 refuse."""
BY_AN_OPERATOR = {"person", "org"}
"""What a staff card is found by: an operator's own file says it."""
WRONG = {
    "start_time": ["99:99", "24:00", "9:00", "09.00", "09:60"],
    "contact_mailbox": ["nope", "kuty@", "a@b", "a b@example.fi", "a@example.fi, b@example.fi"],
    "organisation_oid": ["nope", "1.2.246.10", "1.2.246.10.08", "1.2.246.21.1", "1.2.246.10.1."],
    "municipality": ["000", "993", "Oulu"],
    "municipalities": ["000", "993", "Oulu"],
    "home_municipality": ["000", "993", "Oulu"],
    "phone": ["call me", "++358", "12"],
    "emergency_contact_phone": ["call me", "++358", "12"],
    "staff_work_phone": ["call me", "++358", "12"],
    "email": ["nope", "aino@", "a@b"],
    "postcode": ["FI", "0010", "001000"],
    "language": ["klingon", "f", "finnish", "fi_FI", "fi-", "12"],
    "interpreter_language": ["klingon", "f", "finnish", "fi_FI", "fi-", "12"],
}
RIGHT = {
    "start_time": ["00:00", "09:05", "23:59"],
    "contact_mailbox": ["kirjaamo@kunta.example", "a.b+c@x.y.example"],
    "organisation_oid": ["1.2.246.10.2085212.10.1306", "1.2.246.10.19"],
    "municipality": ["005", "837", "992"],
    "phone": ["+358 40 123 4567", "(08) 123-456", "112"],
    "email": ["aino@example.fi"],
    "postcode": ["00100", "90014"],
    "language": ["fi", "sv", "smn", "zh-Hant", "pt-BR", "es-419", "sl-rozaj", "zh-yue-Hant-HK"],
}


class Text(NamedTuple):
    """A text somewhere in what comes from outside: what it is, and how to get there."""

    kind: str
    model: type[BaseModel]
    steps: tuple[str | int, ...]

    @property
    def name(self) -> str:
        return next(step for step in reversed(self.steps) if isinstance(step, str))

    @property
    def pointer(self) -> str:
        return "".join(f"/{step}" for step in self.steps)

    def body(self, value: object) -> dict[str, Any]:
        made: Any = value
        for step in reversed(self.steps):
            made = [made] if isinstance(step, int) else {step: made}
        return dict(made)


def what(marks: tuple[Any, ...]) -> str:
    if any(isinstance(mark, Form) for mark in marks):
        return "form"
    if any(isinstance(mark, BeforeValidator) for mark in marks):
        return "judged by its row"
    if any(isinstance(mark, FreeText) for mark in marks):
        return "free"
    if any(isinstance(mark, Listed) for mark in marks):
        return "code"
    if any(mark in get_args(Ref) for mark in marks):
        return "reference"
    limited = any(getattr(mark, "pattern", None) or isinstance(mark, StringConstraints) for mark in marks)
    return "id" if limited else "anything"


def texts_in(annotation: Any, model: type[BaseModel], steps: tuple[str | int, ...]) -> Iterator[Text]:
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        if inner is str:
            yield Text(what(tuple(marks)), model, steps)
        else:
            yield from texts_in(inner, model, steps)
    elif annotation is str:
        yield Text("anything", model, steps)
    elif get_origin(annotation) in (tuple, list, set, frozenset):
        yield from texts_in(get_args(annotation)[0], model, (*steps, 0))
    elif get_origin(annotation) is Literal:
        yield Text("code", model, steps)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, found in annotation.model_fields.items():
            if name != "new_values":  # each of those is a field of its fact
                described = Annotated[found.annotation, *found.metadata] if found.metadata else found.annotation
                yield from texts_in(described, model, (*steps, name))
    else:
        for arm in get_args(annotation):
            if arm is not NoneType:
                yield from texts_in(arm, model, steps)


@cache
def texts() -> tuple[Text, ...]:
    inbound = [*(kind.command for kind in COMMANDS.values()), GroupEntry, ClientRecord, StaffCard]
    return tuple(text for model in inbound for text in texts_in(model, model, ()))


def read(model: type[BaseModel], body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is said of a body of which each door reads only what it knows."""
    try:
        if issubclass(model, Command) and model is not RecordGroupAttendance:
            wish_of_body(COMMANDS[model.NAME], body, None, NoNames())
        else:
            model.model_validate_json(orjson.dumps(body), strict=True, context=FROM_OUTSIDE)
    except Refused as refused:
        return [(reason.code, reason.pointer) for reason in refused.codes]
    except ValidationError as wrong:
        return [(reason.code, reason.pointer) for reason in reasons_of(wrong.errors(include_context=False), body)]
    return []


def of_kind(kind: str) -> list[Text]:
    return [text for text in texts() if text.kind == kind]


def test_every_text_is_of_a_list_or_of_a_form_or_names_something_or_is_free() -> None:
    assert {text.name for text in of_kind("free")} == FREE
    assert {text.name for text in of_kind("form")} == WRONG.keys()
    assert {text.name for text in of_kind("judged by its row")} == JUDGED_BY_ITS_ROW.keys()
    assert {text.name for text in of_kind("anything")} == BY_AN_OPERATOR
    assert all(text.name.endswith("_id") or text.name == "client" for text in of_kind("reference"))


def id_of(text: Text) -> str:
    return f"{text.model.__name__}{text.pointer}"


@pytest.mark.parametrize("text", of_kind("form"), ids=id_of)
def test_what_is_not_of_its_form_is_refused_at_its_place(text: Text) -> None:
    for value in WRONG[text.name]:
        assert ("E_FIELD_TYPE", text.pointer) in read(text.model, text.body(value)), value
    for value in RIGHT.get(text.name, ()):
        assert text.pointer not in [pointer for _, pointer in read(text.model, text.body(value))], value


@pytest.mark.parametrize("text", of_kind("id"), ids=id_of)
def test_an_id_is_no_sentence(text: Text) -> None:
    for value in ("what is this?", "", "\u202e1"):
        assert ("E_FIELD_TYPE", text.pointer) in read(text.model, text.body(value))


@pytest.mark.parametrize("text", [text for text in of_kind("code") if text.name != "needs"], ids=id_of)
def test_a_code_is_one_of_its_list(text: Text) -> None:
    assert ("E_CODE", text.pointer) in read(text.model, text.body("no_such_code"))


@pytest.mark.parametrize("text", [text for text in of_kind("reference") if issubclass(text.model, Command)], ids=id_of)
def test_a_reference_is_a_name_that_was_given(text: Text) -> None:
    # a fact to be corrected is a target (domain/pathway.md 4.4 row 45)
    code = "E_TARGET" if text.name == "target_event_id" else "E_UNKNOWN_REFERENCE"
    assert (code, text.pointer) in read(text.model, text.body("0" * 32))


def test_no_question_takes_just_any_text() -> None:
    asked = {text for kind in kinds() for q in kind.questions for text in texts_in(q.parameters, q.parameters, ())}
    assert {text.name for text in asked if text.kind in ("free", "anything")} == set()


# --- what was recorded before the forms were looked at -----------------------------------------------------------------

ODD = tuple(entry.model_copy(update={"start_time": "99:99"}) for entry in week(1, 2, 4))
DRAFTED, ON = date(2025, 2, 20), date(2025, 2, 21)


def corrected(**values: Any) -> Any:
    def ask(p: Any) -> CorrectFact:
        version = p.plans[last(p.plans)].versions[1]
        return CorrectFact(target_event_id=version.drafted.event_id, correction_reason="wrong_entry", new_values=values)

    return ask


def test_an_hour_is_corrected_to_an_hour() -> None:
    before = given(as_1("7")).but(draft(), by=EXPERT, on=DRAFTED)
    wrong = [{"weekday": 1, "hours": 5.0, "start_time": "99:99"}]
    place = "/new_values/schedule/0/start_time"
    before.when(corrected(schedule=wrong), by=EXPERT, on=ON).then_refused("E_FIELD_TYPE", at=place)


def test_what_was_recorded_without_a_form_is_read_and_does_not_stand_in_the_way_of_a_correction() -> None:
    before = given(as_1("7")).but(draft(schedule=ODD), by=EXPERT, on=DRAFTED)
    stored = before.world.recorded[-1].event
    assert type(stored).model_validate_json(stored.model_dump_json()) == stored
    before.when(corrected(goal="Another goal"), by=EXPERT, on=ON).then(e.FactCorrected, new_values={"goal": "Another goal"})
    again = [entry.model_dump() for entry in ODD]
    before.when(corrected(schedule=again), by=EXPERT, on=ON).then_refused("E_FIELD_TYPE")
