"""What of a ledger was published last, and which of two histories a topic holds. source: design D21"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from consumers import published as publications
from consumers import wire
from consumers.embedded_broker import EmbeddedBroker
from consumers.log import BrokerUnavailable, Read
from consumers.published import ending, last_published
from deploy import feed
from deploy.feed import reads_of, records_of
from domain.epochs import Epochs, Opening
from domain.record import Damaged, Header, Record, digest

TOPIC = wire.events_topic("demo")
AT = datetime(2025, 3, 3, 7, tzinfo=UTC)


def event(position: int, of: str, epoch: int = 1, name: str = "clock.advanced") -> Record:
    """An event whose content says of which history it is."""
    body = f"{of} {position}".encode()
    header = Header(
        event_id=f"{position:031x}{of}", type=f"{name}.v1", ledger="demo", stream="ledger", stream_version=position,
        matter="ledger", occurred_on=date(2025, 3, 3), recorded_at=AT, command_id=f"{of} {position}", actor_org="county",
        actor_task="organiser", actor_role="system", actor_person="system", purpose="service", ruleset_version="2026-03",
        directory_version="1", key_id="k", section_digests={"A": digest(body)}, previous_hash="",
    )  # fmt: skip
    return Record(header, header.to_bytes(), {"A": body}, position, epoch)


def reads(*records: Record) -> list[Read]:
    entries = [wire.full_record(record) for record in records]
    return [Read(TOPIC, n, 0, one.key, one.value, one.headers) for n, one in enumerate(entries)]


COMMON = [event(n, "c") for n in (1, 2)]
VOID = [event(n, "a") for n in (3, 4, 5)]
HOLDING = [event(3, "b", 2), event(4, "b", 2, "epoch.opened")]
FORKED = Epochs([Opening(4, 1, 2, COMMON[-1].hash, {})])


def test_the_last_event_is_that_of_the_highest_position_also_behind_repetitions() -> None:
    assert ending(reads(*COMMON, *VOID, VOID[0]), Epochs()) == (5, VOID[-1].hash)
    assert ending([], Epochs()) is None


@pytest.mark.parametrize(
    ("tail", "last"),
    [
        ([*COMMON, *VOID], COMMON[-1]),
        (VOID, COMMON[-1]),
        ([*VOID, HOLDING[0]], HOLDING[0]),
        ([*VOID, *HOLDING], HOLDING[-1]),
    ],
    ids=["nothing sent since", "nothing that holds in the tail", "sent in part", "sent"],
)
def test_what_an_opening_made_void_was_not_published_last(tail: Sequence[Record], last: Record) -> None:
    assert ending(reads(*tail), FORKED) == (last.position, last.hash)


def test_a_store_that_does_not_know_of_the_opening_is_behind_what_was_published() -> None:
    # given a store that went back behind its new epoch: it has what is void, and the topic says what holds
    position, hash = ending(reads(*COMMON, *VOID, *HOLDING), Epochs()) or (0, "")
    assert (position, hash) == (4, HOLDING[-1].hash)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    made = EmbeddedBroker(lambda: AT, tmp_path / "broker.db")
    made.create_topics({TOPIC: wire.EVENTS})
    yield made
    made.close()


def published(broker: EmbeddedBroker, *records: Record) -> list[Record]:
    broker.append([(TOPIC, wire.full_record(record)) for record in records])
    return list(records_of(broker, TOPIC))


def test_of_a_forked_topic_the_history_is_read_that_the_newest_epoch_says(broker: EmbeddedBroker) -> None:
    assert published(broker, *COMMON, *VOID) == [*COMMON, *VOID]
    # as long as its opening is not there the epoch has not begun
    assert published(broker, HOLDING[0]) == [*COMMON, *VOID]
    assert published(broker, HOLDING[1]) == [*COMMON, *HOLDING]
    # what comes again changes nothing, in either history
    assert published(broker, VOID[2], HOLDING[0]) == [*COMMON, *HOLDING]
    assert published(broker, event(5, "b", 2)) == [*COMMON, *HOLDING, event(5, "b", 2)]


def test_one_position_twice_in_one_epoch_is_damage(broker: EmbeddedBroker) -> None:
    with pytest.raises(Damaged, match=r"position 3 of .* came twice with different bytes"):
        published(broker, *COMMON, *VOID, *HOLDING, event(5, "b", 2), event(3, "x", 2))


def test_a_third_history_is_followed_like_a_second_one(broker: EmbeddedBroker) -> None:
    third = [event(2, "d", 3), event(3, "d", 3, "epoch.opened")]
    assert published(broker, *COMMON, *VOID, *HOLDING, *third) == [COMMON[0], *third]


def test_a_later_epoch_is_seen_however_much_of_an_older_one_came_behind_it(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "PAGE", 2)
    monkeypatch.setattr(publications, "BACK", 2)
    # given the relay of an epoch that is over, which went on
    more = [event(n, "a") for n in range(5, 15)]
    assert published(broker, *COMMON, *VOID, *HOLDING, *more) == [*COMMON, *HOLDING]
    # then what was published last is the last event that holds
    assert last_published(broker, "demo", FORKED) == (4, HOLDING[-1].hash)
    assert last_published(broker, "demo", Epochs([Opening(9, 2, 2, COMMON[-1].hash, {})])) == (2, COMMON[-1].hash)


class Silent:
    """A reader to which a broker says less than there is. `jumps` is where it stands then."""

    def __init__(self, jumps: int) -> None:
        self.at, self.jumps = 0, jumps

    def follow(self, positions: Mapping[str, int]) -> None:
        pass

    def poll(self, limit: int, timeout: float) -> dict[str, list[Read]]:
        self.at = self.jumps
        return {}

    def positions(self) -> dict[str, int]:
        return {TOPIC: self.at}

    def close(self) -> None:
        pass


def test_a_broker_that_falls_silent_is_not_waited_for_for_ever(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(broker, *COMMON)
    monkeypatch.setattr(feed, "SILENCE_S", 0.1)
    monkeypatch.setattr(broker, "reader", lambda: Silent(0))
    with pytest.raises(BrokerUnavailable, match=r"nothing came from .* at offset 0 of 2"):
        list(reads_of(broker, TOPIC))
    # but where the end of a transaction is all that is left, nothing is missing
    monkeypatch.setattr(broker, "reader", lambda: Silent(2))
    assert list(reads_of(broker, TOPIC)) == []
