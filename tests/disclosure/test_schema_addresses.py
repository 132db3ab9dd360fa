"""A publication names where the schema of its value is served, as that was when it was told; what was told keeps its bytes.

source: integration.md 3, design D10
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from disclosure.ledger import Ledger, follow, ledger_in, opened
from golden.files import read

from consumers import wire
from consumers.log import Read
from deploy.describe.schemas import served_schemas
from domain.disclosure.publications import Publication
from projections.kinds import kinds

FIRST, LATER = "https://first.example", "https://later.example/kuty"
PAYER, COLUMN = "kela-payment", "KB"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with ledger_in(tmp_path) as made:
        yield opened(made)


def schemas_of(told: list[Publication]) -> list[str]:
    return [dict(publication.headers)["ce_dataschema"].decode() for publication in told]


def test_everything_that_is_told_names_a_schema_that_is_served_for_this_kind_of_recipient(ledger: Ledger) -> None:
    ledger.history()
    follow(ledger.follower(schemas=FIRST))
    for short_name, recipient in ledger.store.directory.recipients.items():
        column = kinds().of(recipient).key
        for publication, address in zip(ledger.told(short_name), schemas_of(ledger.told(short_name)), strict=True):
            path = f"publications/{column}/{publication.type}.json"
            assert address == f"{FIRST}/schemas/{path}"
            assert path in served_schemas()


def test_what_was_told_keeps_its_address_where_schemas_are_served_elsewhere_since(ledger: Ledger) -> None:
    ledger.history()
    follower = ledger.follower(schemas=FIRST, batch=50)
    follower.step()
    before = ledger.told(PAYER)
    assert before
    follow(ledger.follower(schemas=LATER))
    told = ledger.told(PAYER)
    assert len(told) > len(before)
    assert [(one.headers, one.hash) for one in told[: len(before)]] == [(one.headers, one.hash) for one in before]
    assert all(address.startswith(f"{LATER}/schemas/publications/{COLUMN}/") for address in schemas_of(told[len(before) :]))
    assert [one.previous_hash for one in told[1:]] == [one.hash for one in told[:-1]]


def test_what_was_told_before_there_were_addresses_keeps_its_bytes_and_the_chain_goes_on(ledger: Ledger) -> None:
    ledger.history()
    ledger.follower(batch=50).step()
    before = ledger.told(PAYER)
    follow(ledger.follower(schemas=FIRST))
    told = ledger.told(PAYER)
    assert schemas_of(before) == [f"urn:kuty:schema:publication:{one.type}" for one in before]
    assert told[: len(before)] == before
    assert {address.partition("/schemas/")[0] for address in schemas_of(told[len(before) :])} == {FIRST}
    assert [one.previous_hash for one in told[1:]] == [one.hash for one in told[:-1]]


def test_a_redelivery_names_where_schemas_are_served_when_it_is_recorded(ledger: Ledger) -> None:
    """A repetition is a record of its own; the address of the first telling may lead nowhere by then. source: design D16"""
    ledger.history()
    follow(ledger.follower())
    first = ledger.told(PAYER)
    ledger.follower(schemas=LATER).redeliver(PAYER)
    again = ledger.told(PAYER)
    assert [one.id for one in again] == [one.id for one in first]
    assert schemas_of(again) == [f"{LATER}/schemas/publications/{COLUMN}/{one.type}.json" for one in again]
    assert schemas_of(ledger.told(PAYER, 1)) == schemas_of(first)


def test_a_follower_makes_of_the_record_what_its_hash_is_over(ledger: Ledger) -> None:
    ledger.history()
    follow(ledger.follower(schemas=FIRST))
    for told in ledger.told(PAYER):
        entry = wire.publication_entry(told)
        sent = Read("kuty.test.out.kela-payment.v1", 0, 0, entry.key, entry.value, entry.headers)
        came = wire.read_publication(sent)
        assert came is not None
        assert (came.hash, came.schema) == (told.hash, told.schema)


def test_golden_publications_of_before_name_a_urn_and_keep_their_hash() -> None:
    golden = [one for name, one in read("publications").items() if not name.startswith("addressed/")]
    assert len(golden) > 70
    for one in golden:
        headers = {name: text.encode() for name, text in one["headers"].items()}
        publication = Publication.from_wire(headers, one["value"].encode())
        assert (publication.schema, publication.hash) == ("", one["hash"])
        assert publication.stored().keys().isdisjoint({"schema"})
        assert orjson.loads(publication.value) == orjson.loads(one["value"])
