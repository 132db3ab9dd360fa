"""A ledger with the tables and the bytes of before: it loads, verifies, replays, is published again, and goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from forging import rechained, rewritten
from psycopg import sql
from records_of_before import LEDGER, LEDGERS, hash_of_all, ledger_of_tables_2
from stories import OPERATOR

from consumers import wire
from consumers.embedded_broker import EmbeddedBroker
from consumers.log import Broker
from consumers.relay import TRACKING
from deploy.feed import feed_of_store, feed_of_topic, follower_of
from deploy.migration import ledger_file, migrate
from deploy.roles import settle
from deploy.settings import Settings
from deploy.wiring import Wired, open_ledger_parts
from domain.chapters.ledgers.decisions import AdvanceClock
from domain.store import NotMigrated, schema_of
from projections.audit import rerun_decisions, verify_chains
from projections.disclosure_audit import rerun_disclosures

Before = tuple[Settings, dict[str, Any]]
Brought = tuple[Wired, dict[str, Any]]
TABLES = ("ledger", "events", "answers", "tracking", "acknowledgements")


@pytest.fixture
def before(tmp_path: Path) -> Before:
    return ledger_of_tables_2(tmp_path / "before")


@pytest.fixture(params=["sqlite", "postgresql"])
def brought(request: pytest.FixtureRequest, before: Before) -> Iterator[Brought]:
    """The ledger under tables of today, keys and vault where they were."""
    at, expected = before
    store = at
    if request.param == "postgresql":
        dsn = request.getfixturevalue("postgres").fresh_database()
        on_postgres_as_it_was(ledger_file(at), dsn)
        store = replace(at, store_dsn=dsn, owner_dsn=dsn)
    migrate(store)
    migrate(at)
    broker = EmbeddedBroker(lambda: datetime(2025, 3, 4, tzinfo=UTC), at.home / LEDGER / "broker.db")
    wired = open_ledger_parts(store, apart=at, broker=broker, wait_s=0)
    yield wired, expected
    wired.close()
    broker.close()


def on_postgres_as_it_was(file: Path, dsn: str) -> None:
    """The tables of version 2 on PostgreSQL, with the rows of the file."""
    schema = sql.Identifier(schema_of(LEDGER))
    with psycopg.connect(dsn) as connection, closing(sqlite3.connect(file)) as rows:
        connection.execute(sql.SQL("CREATE SCHEMA {s}; SET search_path TO {s}").format(s=schema))
        connection.execute("CREATE TABLE migrations (version bigint PRIMARY KEY); INSERT INTO migrations VALUES (1), (2)")
        connection.execute((LEDGERS / "tables-2.sql").read_bytes())
        connection.execute("DELETE FROM ledger")
        for table in TABLES:
            names = [column[1] for column in rows.execute(f"PRAGMA table_info({table})")]
            for row in rows.execute(f"SELECT * FROM {table}").fetchall():
                values = [bool(value) if name == "final" else value for name, value in zip(names, row, strict=True)]
                connection.execute(
                    sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                        sql.Identifier(table),
                        sql.SQL(", ").join(map(sql.Identifier, names)),
                        sql.SQL(", ").join([sql.Placeholder()] * len(names)),
                    ),
                    values,
                )


def on_topics(broker: Broker) -> dict[str, list[Any]]:
    """How many records each topic has, and a hash of all their keys, values and headers: of a receipt without the one that
    names its schema, which those of before had not. source: integration.md 3"""
    found: dict[str, list[Any]] = {}
    for topic in broker.topics():
        reads = broker.read(topic, 0, 100_000)
        pieces: list[bytes] = []
        for read in reads:
            pieces += (read.key or b"", read.value)
            for name, text in read.headers:
                if wire.kind_of(topic) != "receipts" or name != "ce_dataschema":
                    pieces += (name.encode(), text)
        found[topic] = [len(reads), hash_of_all(pieces)]
    return found


def test_every_event_is_read_with_the_bytes_that_were_recorded(brought: Brought) -> None:
    wired, expected = brought
    records = wired.store.records(0, 100_000)
    assert (len(records), hash_of_all(record.state for record in records)) == (expected["head"], expected["states"])


def test_it_verifies_and_every_decision_comes_to_the_same_again(brought: Brought) -> None:
    wired, expected = brought
    feed = feed_of_store(wired)
    assert verify_chains(feed.records(), feed.opened) == []
    assert list(feed.amiss()) == []
    # what was refused cannot be run again
    assert {rerun.same for rerun in rerun_decisions(feed.records(), feed.opened, feed.decision)} == {True, None}
    lines = {line: line.split("/") for line in expected["answers"]}
    assert {line: len(wired.store.answers((org, task))) for line, (org, task) in lines.items()} == expected["answers"]


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("disclosure.made", {"matter": "ledger"}, "and its matter is ledger"),
        ("disclosure.made", {"ruleset_version": "1999-01"}, "it was recorded under the rules 1999-01"),
        ("disclosure.made", {"directory_version": "999"}, "it names the register of position 999"),
        ("case.opened", {"ruleset_version": "1999-01"}, "it was recorded under the rules 1999-01"),
        ("command.refused", {"content_hash": "ab" * 32}, "what was refused is not what its content says"),
    ],
)
def test_what_its_seals_do_not_bind_is_compared_with_what_follows_from_the_record(
    before: Before, name: str, fields: dict[str, object], said: str
) -> None:
    """Whoever has no keys could rewrite these fields of a header, and make every hash behind it anew."""
    at, _ = before
    migrate(at)
    with closing(open_ledger_parts(at)) as wired:
        records, opened = list(feed_of_store(wired).records()), wired.store.opened
        last = [one for one in records if one.header.name == name and one.header.matter != fields.get("matter")][-1]
        tampered = rechained(rewritten(record, **fields) if record is last else record for record in records)
        found = {fault.position: fault.what for fault in verify_chains(tampered, opened)}
        assert said in found[last.position], found


@pytest.mark.parametrize(
    ("name", "text"), [("purpose", "purpose: told for 'x'"), ("causation", "causation: told because of x")]
)  # fmt: skip
def test_why_and_for_what_it_was_told_is_compared_with_the_policy(before: Before, name: str, text: str) -> None:
    at, _ = before
    migrate(at)
    with closing(open_ledger_parts(at)) as wired:
        records, opened = list(feed_of_store(wired).records()), wired.store.opened
        assert {rerun.same for rerun in rerun_disclosures(records, opened)} == {True}
        last = [record for record in records if record.header.name == "disclosure.made"][-1]
        tampered = rechained(rewritten(record, **{name: "x"}) if record is last else record for record in records)
        [found] = [rerun for rerun in rerun_disclosures(tampered, opened) if not rerun.same]
        assert found.position == last.position
        assert found.differences[0].startswith(text)


def test_it_is_published_again_with_the_bytes_that_were_published(brought: Brought) -> None:
    wired, expected = brought
    assert on_topics(wired.broker) == expected["topics"]
    # given topics that have lost everything
    sent = {topic: count for topic, (count, _) in expected["topics"].items() if wire.kind_of(topic) != "in"}
    for topic in sent:
        wired.broker.make_again(topic)  # type: ignore[attr-defined]
    # when the relay goes on
    while wired.relay.step():
        pass
    # then they hold what they held
    found = on_topics(wired.broker)
    assert {topic: found[topic] for topic in sent} == {topic: expected["topics"][topic] for topic in sent}


def test_what_was_published_then_is_known_for_ours(brought: Brought, caplog: pytest.LogCaptureFixture) -> None:
    wired, expected = brought
    # given a relay that believes nothing but the topics
    wired.store.place({TRACKING: 0})
    wired.relay.step()
    while wired.relay.step():
        pass
    # then it finds all of it, and sends nothing
    assert wired.relay.position == expected["head"]
    assert on_topics(wired.broker) == expected["topics"]
    assert [line.getMessage() for line in caplog.records if line.levelname == "ERROR"] == []


def test_it_goes_on_and_what_is_recorded_now_stands_beside_what_was(brought: Brought) -> None:
    wired, expected = brought
    settle(wired.roles(), lambda: sum(wired.lag().values()))
    moment = datetime(2025, 4, 1, 6, tzinfo=UTC)
    answer = wired.store.execute(AdvanceClock(to_at=moment), OPERATOR, "after")
    assert (answer.status, answer.position) == ("recorded", expected["head"] + 1)
    settle(wired.roles(), lambda: sum(wired.lag().values()))
    feed = feed_of_store(wired)
    assert verify_chains(feed.records(), feed.opened) == []
    values = [read.value for read in wired.broker.read(wire.events_topic(LEDGER), 0, 100_000)]
    assert values == [record.state for record in feed.records()]


def test_an_equal_store_is_rebuilt_from_its_topic(before: Before, tmp_path: Path) -> None:
    at, expected = before
    target = Settings(home=tmp_path / "rebuilt", ledger=LEDGER)
    migrate(target)
    with pytest.raises(NotMigrated, match=r"keys\.db is at version 1, not 2"):
        open_ledger_parts(target, apart=at)
    # when its keys and its vault are brought to what this version needs
    migrate(at)
    with feed_of_topic(at) as published:
        fresh = open_ledger_parts(target, apart=at)
        assert fresh.store.append_raw(published.records(), follower_of) == expected["head"]
    assert hash_of_all(record.state for record in fresh.store.records(0, 100_000)) == expected["states"]
    fresh.close()
