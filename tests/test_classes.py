"""Every field says who may see it, none is called like a diagnosis, and free text is where it was agreed to be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from free_texts import is_free_text
from pydantic import BaseModel, create_model

from domain.catalogue import EVENTS
from domain.events import Event
from domain.message_schemas import body_schema, message_schema
from domain.messages import message_types
from domain.rulebook import COMMANDS
from domain.store import ClientRecord, field_classes
from domain.vocabulary import DataClass, FreeText, Service, Unclassified, data_class_of
from projections.kinds import kinds

CARRIED = ("new_values", "publication")
"""Each of the fields inside these keeps the class that it has in its own fact."""

FREE_TEXT = {
    "source_note": "F",
    "service_note": "K",
    "goal": "J",
    "support": "J",
    "site_needs": "G",
    "reasons": "H",
    "client_view": "H",
    "client_statement": "F",
    "what_was_done": "H",
    "special_reason": "F",
    "requested_value": "F",
}
"""All free text of a client's stream, with its class. source: domain/events.md 11.21"""

LIKE_A_DIAGNOSIS = re.compile(r"diagnos|icd|disease|illness|sairau|taudin|sjukdom|diagnosis_code", re.IGNORECASE)


def client_events() -> list[type[Event]]:
    return [cls for cls in EVENTS.values() if cls.MATTER in ("case", "client", "target")]


@pytest.mark.parametrize("cls", EVENTS.values(), ids=EVENTS)
def test_every_field_of_every_event_has_exactly_one_data_class(cls: type[Event]) -> None:
    for name, found in cls.model_fields.items():
        if name not in CARRIED:
            assert data_class_of(found) in DataClass, f"{cls.NAME}.{name}: give it a class of domain/vocabulary.py"


def test_a_field_without_a_class_is_found() -> None:
    unclassified = create_model("Unclassified", __base__=Event, case_id=(Service[str], ...), nothing=(str, ...))
    with pytest.raises(Unclassified):
        field_classes(unclassified)


def test_a_field_with_two_classes_is_found() -> None:
    twice = create_model("Twice", __base__=Event, both=(Service[Service[str]], ...))
    with pytest.raises(Unclassified):
        field_classes(twice)


def test_a_header_names_nobody_and_says_nothing_of_health() -> None:
    from domain.record import Header

    told = {"family_name", "given_names", "identity_code", "phone", "email", "reason", "status", "kind"}
    assert not told & set(Header.__struct_fields__)


@pytest.mark.parametrize("cls", client_events(), ids=lambda cls: cls.NAME)
def test_free_text_stands_where_no_code_is_enough_and_nowhere_else(cls: type[Event]) -> None:
    texts = {name: data_class_of(found).value for name, found in cls.model_fields.items() if is_free_text(found)}
    assert texts.items() <= FREE_TEXT.items()


def test_free_text_of_a_command_is_that_of_its_fact() -> None:
    for kind in COMMANDS.values():
        if kind.target == "client":
            texts = {name for name, found in kind.command.model_fields.items() if is_free_text(found)}
            # A need is a code; a text in its place is read only to say that it looks like a diagnosis.
            assert texts - {"needs"} <= FREE_TEXT.keys(), kind.name


def test_no_part_of_a_fact_hides_a_free_text() -> None:
    hidden = set()
    for cls in client_events():
        for name, found in cls.model_fields.items():
            for part in parts_in(found.annotation):
                hidden |= {(cls.NAME, name, n) for n, f in part.model_fields.items() if is_free_text(f)}
    assert hidden == set()


def parts_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        if not isinstance(inner, FreeText | DataClass):
            yield from parts_in(inner)


def names_in(schema: Any) -> Iterator[str]:
    """Every name of a field at any depth of a schema."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for inner in schema.values():
            yield from names_in(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from names_in(inner)


def schemas() -> dict[str, Any]:
    found: dict[str, Any] = {cls.NAME: cls.model_json_schema() for cls in EVENTS.values()}
    found |= {kind.name: body_schema(kind) for kind in COMMANDS.values()}
    found |= {
        f"message {name}": message_schema(name, kind) for sender in kinds() for name, kind in message_types(sender).items()
    }
    found |= {q.id: q.answer.model_json_schema() for kind in kinds() for q in kind.questions}
    return {**found, "vault": ClientRecord.model_json_schema()}


@pytest.mark.parametrize(("name", "schema"), schemas().items(), ids=schemas())
def test_no_field_anywhere_is_called_like_a_diagnosis(name: str, schema: Any) -> None:
    assert [field for field in names_in(schema) if LIKE_A_DIAGNOSIS.search(field)] == []


OWN_HASH = {"previous_publication_hash"}
"""What the software writes itself: the hash of what a recipient was told before, empty at first."""


def unlimited(schema: Any, name: str = "") -> Iterator[str]:
    """Names of texts that are neither of a list nor limited in form or length."""
    if isinstance(schema, dict):
        if schema.get("type") == "string" and not schema.keys() & {"enum", "const", "format", "pattern", "maxLength"}:
            yield name
        for inner, found in schema.items():
            yield from unlimited(found, inner)
    elif isinstance(schema, list):
        for found in schema:
            yield from unlimited(found, name)


@pytest.mark.parametrize("cls", EVENTS.values(), ids=EVENTS)
def test_no_text_is_without_a_limit(cls: type[Event]) -> None:
    assert set(unlimited(cls.model_json_schema())) <= OWN_HASH, "take a type of domain/vocabulary.py in place of str"
