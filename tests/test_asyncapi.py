"""The AsyncAPI documents: what an agency's developer generates classes from is complete, named, and fits what is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import orjson
import pytest
import yaml
from golden.examples import Names
from json_schema import Inside, faults
from whole_histories import published

from deploy.describe.agency_messages import ANSWERED, SENT_BY_YOU
from deploy.describe.asyncapi import document_of, documented, name_of
from deploy.describe.models import class_name, is_class
from deploy.describe.publication_schemas import COLUMNS, WITHDRAWAL, tellings
from deploy.describe.schemas import all_schemas, is_read_by_others
from domain.code_lists import code_list
from domain.messages import GROUP, message_types, of_group, wish_of_message
from projections.kinds import Kind, kinds

KINDS = pytest.mark.parametrize("kind", documented(), ids=name_of)
Part = dict[str, Any]


@cache
def document(name: str) -> Part:
    (kind,) = (kind for kind in documented() if name_of(kind) == name)
    return document_of(kind)


def messages(kind: Kind) -> Part:
    found: Part = document(name_of(kind))["components"]["messages"]
    return found


def named(kind: Kind, schema: Part) -> Part:
    """What a reference names."""
    return Inside(document(name_of(kind))).named(schema["$ref"]) if "$ref" in schema else schema


def fits(kind: Kind, value: Any, schema: Part, *, whole: bool = False) -> list[str]:
    return faults(value, schema, "", Inside(document(name_of(kind)), whole))


def schemas_of(kind: Kind) -> Iterator[Part]:
    """Every schema in the document, wherever it stands in another."""
    waiting = [*document(name_of(kind))["components"]["schemas"].values()]
    while waiting:
        schema = waiting.pop()
        yield schema
        waiting += [of for of in schema.get("properties", {}).values() if of]
        waiting += [schema["items"]] if schema.get("items") else []
        waiting += [arm for word in ("anyOf", "oneOf", "allOf") for arm in schema.get(word, ())]


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if set(part) == {"$ref"}:
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


# --- what it lists ----------------------------------------------------------------------------------------------------


def test_there_is_a_document_for_every_kind_of_recipient_that_is_told_facts() -> None:
    assert [kind.column for kind in documented()] == [*COLUMNS]
    assert {kind.key for kind in kinds() if kind.told_one_by_one} == {*COLUMNS}


@KINDS
def test_a_document_lists_what_is_sent_and_told_and_every_reference_leads_somewhere(kind: Kind) -> None:
    there = document(name_of(kind))
    channels = there["channels"]
    told = {t.type for t in tellings()[kind.key]} | {WITHDRAWAL, "heartbeat.v1"}
    assert set(channels["out"]["messages"]) == told
    assert set(channels.get("in", {"messages": {}})["messages"]) == set(message_types(kind))
    assert all(Inside(there).named(reference) for reference in references(there))
    assert yaml.safe_load(yaml.safe_dump(there)) == there


@KINDS
def test_every_message_of_a_channel_is_of_an_operation(kind: Kind) -> None:
    there = document(name_of(kind))
    for name, channel in there["channels"].items():
        of_channel = {f"#/channels/{name}/messages/{message}" for message in channel["messages"]}
        operations = [one for one in there["operations"].values() if one["channel"] == {"$ref": f"#/channels/{name}"}]
        assert {one["$ref"] for operation in operations for one in operation["messages"]} == of_channel
        assert all(operation["summary"] and operation["tags"] for operation in operations)


@KINDS
def test_it_says_how_the_broker_is_reached_and_that_it_asks_who_one_is(kind: Kind) -> None:
    """AsyncAPI 3.0, Server Object. source: design D16"""
    there = document(name_of(kind))
    (server,) = there["servers"].values()
    assert server["protocol"] == "kafka-secure"
    assert f"{{{next(iter(server['variables']))}}}" == server["host"]
    schemes = [named(kind, one)["type"] for one in server["security"]]
    assert schemes == ["scramSha512", "X509"]
    assert all(channel["servers"] == [{"$ref": "#/servers/kafka"}] for channel in there["channels"].values())


@KINDS
def test_a_receipt_is_correlated_with_the_message_that_it_answers(kind: Kind) -> None:
    """AsyncAPI 3.0, Correlation ID Object. source: integration.md 2"""
    for type_name in message_types(kind):
        assert messages(kind)[type_name]["correlationId"] == {"$ref": f"#/components/correlationIds/{SENT_BY_YOU}"}
    if not message_types(kind):
        return
    ids = document(name_of(kind))["components"]["correlationIds"]
    assert ids[SENT_BY_YOU]["location"] == "$message.header#/ce_id"
    assert messages(kind)["receipt.v1"]["correlationId"] == {"$ref": f"#/components/correlationIds/{ANSWERED}"}
    assert ids[ANSWERED]["location"] == "$message.payload#/message_id"
    assert all("message_id" in one["payload"] for one in messages(kind)["receipt.v1"]["examples"])


# --- classes have names -----------------------------------------------------------------------------------------------


@KINDS
def test_everything_that_becomes_a_class_has_a_name_of_its_own(kind: Kind) -> None:
    by_title: dict[str, Part] = {}
    for schema in schemas_of(kind):
        if is_class(schema):
            assert schema.get("title", "")[:1].isupper(), schema
            assert by_title.setdefault(schema["title"], schema) == schema, schema["title"]


@KINDS
def test_a_payload_and_its_headers_are_named_by_their_type(kind: Kind) -> None:
    for type_name, message in messages(kind).items():
        assert message["payload"] == {"$ref": f"#/components/schemas/{class_name(type_name)}"}
        assert named(kind, message["payload"])["title"] == class_name(type_name)
        assert message["headers"] == {"$ref": f"#/components/schemas/{class_name(type_name)}Headers"}


def test_a_class_is_named_in_pascal_case_with_its_version() -> None:
    assert class_name("service_day.not_arranged.v1") == "ServiceDayNotArrangedV1"
    assert class_name("correct_fact.v1") == "CorrectFactV1"


# --- what is told fits ------------------------------------------------------------------------------------------------


def test_every_publication_of_whole_histories_fits_its_document() -> None:
    by_column = {kind.key: kind for kind in documented()}
    wrong: list[str] = []
    for column, publication in published():
        kind = by_column[column]
        message = messages(kind)[publication.type]
        headers = {name: value.decode() for name, value in publication.headers}
        wrong += fits(kind, headers, message["headers"], whole=True)
        wrong += fits(kind, orjson.loads(publication.value), message["payload"], whole=True)
    assert wrong == []


@KINDS
def test_a_legal_basis_and_a_purpose_are_codes_to_which_others_may_come(kind: Kind) -> None:
    """source: integration.md 3; decisions/0030"""
    told = [message for message in messages(kind).values() if "x-legal-bases" in message]
    assert told
    for message in told:
        headers = named(kind, message["headers"])["properties"]
        for name, code_name in (("ce_legalbasis", "legal_basis"), ("ce_purpose", "purpose")):
            assert "enum" not in headers[name]
            assert headers[name]["x-code-list"] == code_name
            assert headers[name]["x-known-codes"] == sorted({ground[code_name] for ground in message["x-legal-bases"]})
            assert set(headers[name]["x-known-codes"]) <= set(code_list(code_name).codes)


@KINDS
def test_every_message_has_examples_that_fit_its_document_and_its_published_schema(kind: Kind) -> None:
    for type_name, message in messages(kind).items():
        assert message["examples"]
        path = next(name for name in paths(kind, type_name) if name in all_schemas())
        for example in message["examples"]:
            assert fits(kind, example["payload"], message["payload"], whole=is_read_by_others(path)) == [], type_name
            assert fits(kind, example["headers"], message["headers"], whole=True) == [], type_name
            assert faults(example["payload"], all_schemas()[path]) == [], type_name
            assert example["headers"].get("ce_dataschema", path).endswith(path)


def paths(kind: Kind, type_name: str) -> tuple[str, ...]:
    return f"publications/{kind.key}/{type_name}.json", f"messages/{type_name}.json", f"{type_name}.json"


@KINDS
def test_a_message_as_the_example_has_it_is_understood(kind: Kind) -> None:
    for type_name, command in message_types(kind).items():
        (example,) = messages(kind)[type_name]["examples"]
        body: Mapping[str, Any] = example["payload"]
        bodies = [entry for _, entry in of_group(body)] if type_name.startswith(GROUP) else [body]
        for each in bodies:
            assert wish_of_message(command, each, AnyNames()).command


class AnyNames(Names):
    """To whom every name stands for something."""

    def part(self, pseudonym: str) -> str | None:
        return "0" * 32

    def client(self, identity_code: str) -> str | None:
        return "0" * 32
