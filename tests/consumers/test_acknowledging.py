"""When the broker took what a recipient was told stands in the record: once a minute, to the minute, and nothing follows."""

from __future__ import annotations

import argparse
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from disclosure.ledger import Ledger, follow, ledger_in, opened
from stories import CONTRACTS, PROVIDERS, contract

from consumers.acknowledging import Acknowledging
from consumers.clerk import Clerk
from consumers.embedded_broker import EmbeddedBroker
from consumers.relay import Relay
from consumers.wire import events_topic, out_topic, read_full_record
from deploy.commands.replaying import replay_told
from deploy.feed import Feed, follower_of
from deploy.settings import Settings
from deploy.told_on import ToldOn
from domain.events import PublicationsAcknowledged
from domain.store import (
    Beside,
    CheckedKeys,
    CheckedVault,
    EventStore,
    SqliteDatabase,
    SqliteRecorder,
    examine,
    migrate_sqlite,
)
from projections.audit import rerun_decisions, verify_chains
from projections.tellings import Recorded, told_by

BEGAN = datetime(2025, 1, 7, 9, 0, 20, tzinfo=UTC)
COUNTY = "county"


@dataclass
class Stage:
    """A ledger with its followers, and the clock of the world."""

    ledger: Ledger
    now: datetime = BEGAN
    clerk: Clerk = field(init=False)

    def begin(self, mode: Any) -> None:
        self.broker = EmbeddedBroker(lambda: self.now)
        opened(self.ledger, mode)
        self.disclosure = self.ledger.follower()
        self.relay = Relay(self.store, self.broker, self.disclosure.pseudonyms, heartbeat_s=1e9)
        self.clerk = Clerk(self.store, self.ledger.vault, look_s=0)

    @property
    def store(self) -> EventStore:
        return self.ledger.store

    def tell(self) -> None:
        """Disclose and publish everything, at this moment."""
        follow(self.disclosure)
        while self.relay.step():
            pass

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def record(self) -> None:
        """Let the clerk do what there is to do, and publish it."""
        while self.clerk.step():
            pass
        self.tell()

    def facts(self, recipient: str = COUNTY) -> list[PublicationsAcknowledged]:
        records = self.store.records(0, 10_000, (PublicationsAcknowledged.NAME,))
        events = [e for e in self.store.opened_all(records) if isinstance(e, PublicationsAcknowledged)]
        return [event for event in events if event.recipient == recipient]

    def exact(self, recipient: str = COUNTY) -> dict[int, datetime]:
        """By sequence, as the table of acknowledgements has it."""
        moments = self.store.acknowledged_at(out_topic(self.store.ledger, recipient), 1)
        return {sequence: datetime.fromtimestamp(at / 1000, UTC) for sequence, at in moments.items()}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    clock: list[Stage] = []
    with ledger_in(tmp_path, wall_clock=lambda: clock[0].now if clock else BEGAN) as ledger:
        made = Stage(ledger)
        clock.append(made)
        yield made


@pytest.fixture
def live(stage: Stage) -> Stage:
    stage.begin("live")
    stage.tell()
    return stage


def test_what_was_taken_is_recorded_when_its_minute_is_over(live: Stage) -> None:
    live.later(30)
    live.record()
    assert live.facts() == []
    # when the minute is over
    live.later(15)
    live.record()
    # then the record says up to where, and when
    told = live.exact()
    [fact] = live.facts()
    assert (fact.recipient_epoch, fact.until_sequence) == (1, max(told))
    assert (fact.first_at, fact.last_at) == (BEGAN, BEGAN)
    assert {one.recipient for one in everybody(live)} == {r for r in live.store.directory.recipients if live.exact(r)}


def everybody(stage: Stage) -> list[PublicationsAcknowledged]:
    return [fact for recipient in stage.store.directory.recipients for fact in stage.facts(recipient)]


def test_nothing_follows_from_it(live: Stage) -> None:
    """It is published on the events topic, and what was taken there is nobody's to be told."""
    live.later(60)
    live.record()
    head, told = live.store.head(), live.exact()
    for _ in range(3):
        live.later(60)
        live.record()
    assert (live.store.head(), live.exact()) == (head, told)
    assert live.relay.position == head


def test_a_recipient_has_one_fact_a_minute_however_late_it_is_recorded(live: Stage) -> None:
    # given publications in three minutes, twice in the second one
    for number, seconds in enumerate((61, 5, 60), 1):
        live.later(seconds)
        live.ledger.say(*another_contract(number))
        live.tell()
    told = live.exact()
    # when the clerk comes after all of them
    live.later(60)
    live.record()
    facts = live.facts()
    assert [fact.first_at.minute for fact in facts] == [0, 1, 2]
    assert [fact.last_at - fact.first_at for fact in facts] == [timedelta(0), timedelta(seconds=5), timedelta(0)]
    assert facts[-1].until_sequence == max(told)


def another_contract(number: int) -> tuple[Any, Any]:
    org, _, site, _, until = PROVIDERS[0]
    return contract(org, f"2025-{number}", site, until), CONTRACTS


def test_the_record_says_it_to_the_minute_and_the_table_exactly(live: Stage) -> None:
    live.later(25)
    live.ledger.say(*another_contract(1))
    live.tell()
    live.later(60)
    live.record()
    recorded = Recorded().take(live.store.records(0, 10_000), live.store.opened)
    exactly = ToldOn(live.store)
    told = live.exact()
    assert len(set(told.values())) == 2
    for sequence, at in told.items():
        assert exactly(COUNTY, 1, sequence) == at
        known = recorded.acknowledged(COUNTY, 1, sequence)
        assert known is not None
        assert timedelta(0) <= known - at < timedelta(minutes=1)
    assert recorded.acknowledged(COUNTY, 1, max(told) + 1) is None
    assert exactly(COUNTY, 1, max(told) + 1) is None


def test_of_each_minute_that_is_recorded_no_more_is_remembered_than_two_numbers() -> None:
    minutes = 20_000

    def facts() -> Iterator[Any]:
        for minute in range(1, minutes + 1):
            at = BEGAN + timedelta(minutes=minute, milliseconds=minute % 997)
            yield PublicationsAcknowledged(
                recipient=COUNTY, recipient_epoch=1, until_sequence=1000 + 3 * minute, first_at=at, last_at=at
            )

    record: Any = SimpleNamespace(header=SimpleNamespace(name=PublicationsAcknowledged.NAME))
    coming = facts()
    tracemalloc.start()
    recorded = Recorded().take(repeat(record, minutes), lambda _: next(coming))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 24 * minutes
    for minute in (1, 997, 12_345, minutes):
        at = BEGAN + timedelta(minutes=minute, milliseconds=minute % 997)
        assert {recorded.acknowledged(COUNTY, 1, 1000 + 3 * minute - back) for back in range(3)} == {at}
    assert recorded.acknowledged(COUNTY, 1, 1000 + 3 * minutes + 1) is recorded.acknowledged(COUNTY, 2, 1) is None


def test_who_is_started_again_goes_on_where_the_record_ends(live: Stage) -> None:
    live.later(60)
    live.record()
    before = everybody(live)
    live.clerk = Clerk(live.store, live.ledger.vault, look_s=0)
    live.later(60)
    live.record()
    assert everybody(live) == before
    live.ledger.say(*another_contract(1))
    live.tell()
    live.later(60)
    live.record()
    assert [fact.until_sequence for fact in live.facts()] == [before_of(before).until_sequence, max(live.exact())]


def before_of(facts: list[PublicationsAcknowledged]) -> PublicationsAcknowledged:
    [fact] = [fact for fact in facts if fact.recipient == COUNTY]
    return fact


def test_of_two_that_run_one_records(live: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    live.later(60)
    first, second = Acknowledging(live.store), Acknowledging(live.store)
    # given one that records between the other's look and its commit
    append = live.store.append

    def after_the_other(sealed: Any, *, tracking: Any) -> None:
        monkeypatch.setattr(live.store, "append", append)
        assert first.step() > 0
        append(sealed, tracking=tracking)

    monkeypatch.setattr(live.store, "append", after_the_other)
    assert second.step() == 0
    assert len(live.facts()) == 1


def test_a_simulated_ledger_records_nothing_of_the_brokers_time(stage: Stage) -> None:
    stage.begin("simulated")
    stage.tell()
    for _ in range(3):
        stage.later(60)
        stage.record()
    assert everybody(stage) == []


def test_the_record_adds_up_with_it(live: Stage) -> None:
    live.later(60)
    live.record()
    records = live.store.records(0, 10_000)
    assert verify_chains(records, live.store.opened) == []
    assert list(live.store.amiss(follower_of)) == []
    assert {rerun.same for rerun in rerun_decisions(records, live.store.opened, live.store.decision)} == {True}


def taken_otherwise_by(live: Stage) -> list[str]:
    """What an audit says of the table of acknowledgements."""
    store, folder, beside = live.store, live.ledger.folder, Beside()
    keys = CheckedKeys(SqliteDatabase(folder / "keys.db"), b"k" * 32)
    vault = CheckedVault(SqliteDatabase(folder / "vault.db"), keys)
    beside.take(examine(store._recorder, store._sealer, follower_of, 0, store.head()).said)
    found = beside.compared(store._recorder, keys, vault, store.head(), (), partial(out_topic, store.ledger))
    return [fault.what for fault in found]


SPOILT = {
    "a later time": ("SET first_at = first_at + 60000, last_at = last_at + 60000", "was taken at 2025-01-07T09:01:20"),
    "an earlier time": ("SET first_at = first_at - 60000, last_at = last_at - 60000", "was taken at 2025-01-07T08:59:20"),
    "other sequences": ("SET first_sequence = first_sequence - 1", "do not add up"),
    "more than there are": ("SET last_sequence = 1 << 60, last_offset = 1 << 60", "do not add up"),
    "times that are none": ("SET times = x'ffff'", "do not add up"),
    "a time that is none": ("SET first_at = 1 << 62, last_at = 1 << 62", f"was taken at {1 << 62} ms"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_table_that_says_otherwise_than_the_record_is_found(live: Stage, name: str) -> None:
    """Whoever asks when somebody was told something is answered by the table where it has the time."""
    live.later(60)
    live.record()
    live.later(90)
    live.record()
    assert live.facts()
    assert taken_otherwise_by(live) == []
    change, said = SPOILT[name]
    topic = out_topic(live.store.ledger, COUNTY)
    with closing(sqlite3.connect(live.ledger.folder / "ledger.db")) as tables, tables:
        tables.execute(f"UPDATE acknowledged {change} WHERE topic = ?", (topic,))
    assert any(said in what for what in taken_otherwise_by(live)), taken_otherwise_by(live)


def test_from_the_topic_alone_it_is_known_when_somebody_was_told(live: Stage, tmp_path: Path) -> None:
    live.later(60)
    live.record()
    topic = events_topic(live.store.ledger)
    published = [read_full_record(read) for read in live.broker.read(topic, 0, 10_000)]
    # given a store that was rebuilt, whose table of acknowledgements is empty
    migrate_sqlite(tmp_path / "rebuilt.db")
    fresh = EventStore(SqliteRecorder(tmp_path / "rebuilt.db"), live.store.keys, ledger="test")
    assert fresh.append_raw(published, follower_of) == live.store.head()
    assert fresh.acknowledged_ends() == {}
    exactly = ToldOn(fresh)
    assert {exactly(COUNTY, 1, sequence) for sequence in live.exact()} == {BEGAN}
    fresh.close()


def test_replay_says_what_had_been_told_by_then(live: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    # given an outage: what was disclosed at nine was taken by the broker two minutes later
    live.ledger.say(*another_contract(1))
    follow(live.disclosure)
    live.later(120)
    live.tell()
    live.later(60)
    live.record()
    records = live.store.records(0, 10_000)
    feed = Feed("the store", lambda: iter(records), live.store.opened, live.store.decision)

    def told(by: datetime) -> str:
        arguments = argparse.Namespace(recipient=COUNTY, by=by, client=None, json=False)
        assert replay_told(feed, arguments, Settings()) == 0
        return capsys.readouterr().out.splitlines()[-1]

    before, after = told(BEGAN + timedelta(seconds=90)), told(live.now)
    assert int(before.split()[0]) + 1 == int(after.split()[0])
    assert after.endswith("from the store, by the broker's acknowledgement, recorded to the minute")


def test_what_no_fact_speaks_of_counts_from_its_disclosure(live: Stage) -> None:
    records = live.store.records(0, 10_000)
    recorded = Recorded().take(records, live.store.opened)
    by = {"by": live.now, "acknowledged": recorded.acknowledged}
    assert told_by(records, live.store.opened, COUNTY, **by).tellings == ()
    assert told_by(records, live.store.opened, COUNTY, **by, else_disclosed=True).tellings
