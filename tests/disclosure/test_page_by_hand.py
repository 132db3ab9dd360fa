"""The follower of docs/how-to/kafka-by-hand.md, as it stands there, takes what docs/explanation/proof-of-delivery.md
promises and halts at all else. Its broker is a list here; on Kafka it runs in tests/journeys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import kafka
import pytest
from blocks import ROOT, read_page
from publications_given import Told, hidden

from consumers.log import Entry
from domain.disclosure.publications import Publication, publication_hash

FOLLOW = read_page(ROOT / "docs/how-to/kafka-by-hand.md").typed[0].text


class Record(NamedTuple):
    """What a Kafka client hands out of a publication."""

    headers: Sequence[tuple[str, bytes]]
    value: bytes
    offset: int = 0


class Consumer:
    """A Kafka client whose topic holds what was laid into `topic`."""

    topic: Sequence[Record] = ()

    def __init__(self, **_: Any) -> None:
        self._position = 0

    def assign(self, places: Sequence[Any]) -> None:
        pass

    def seek_to_beginning(self, place: Any) -> None:
        self._position = 0

    def end_offsets(self, places: Sequence[Any]) -> Mapping[Any, int]:
        return {place: len(self.topic) for place in places}

    def position(self, place: Any) -> int:
        return self._position

    def poll(self, timeout_ms: int) -> Mapping[Any, Sequence[Record]]:
        came, self._position = self.topic[self._position :], len(self.topic)
        return {kafka.TopicPartition("kuty.test.out.employment-authority-referrer.v1", 0): came}

    def close(self) -> None:
        pass


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """The sequences that the page prints of records. Raises AssertionError where it halts."""
    monkeypatch.setenv("KUTY_KAFKA", "localhost:9092")
    monkeypatch.setenv("KUTY_LEDGER", "test")
    monkeypatch.setattr(kafka, "KafkaConsumer", Consumer)

    def follow(*records: Record) -> list[int]:
        monkeypatch.setattr(Consumer, "topic", records)
        capsys.readouterr()
        exec(FOLLOW, {})
        return [int(line.split()[0]) for line in capsys.readouterr().out.splitlines()]

    return follow


def three(epoch: int = 1) -> list[Record]:
    told = Told(epoch)
    for day in ("2025-03-03", "2025-03-04", "2025-03-05"):
        told.fact("attendance.recorded", day, {"hours": 4})
    return [as_told(one) for one in told.publications]


def as_told(publication: Publication) -> Record:
    return Record(publication.headers, publication.value)


def naming(record: Record, previous: str) -> Record:
    """The record with another hash of the one before."""
    return record._replace(headers=sorted({**dict(record.headers), "ce_prevhash": previous.encode()}.items()))


def without_content(record: Record) -> Record:
    """As it goes out once its key is destroyed."""
    return naming(record, "erased")._replace(value=b'{"kind":"withdrawn"}')


def test_what_was_told_in_order_is_taken_and_a_repetition_is_dropped(shown: Any) -> None:
    first, second, third = three()
    assert shown(first, second, first, second, third, third) == [1, 2, 3]


def test_behind_a_record_whose_key_was_destroyed_the_next_names_the_hash_of_what_had_been_meant(shown: Any) -> None:
    first, second, third = three()
    assert shown(first, without_content(second), third) == [1, 2, 3]
    assert shown(without_content(first), second, third) == [1, 2, 3]
    assert shown(first, without_content(second), without_content(third)) == [1, 2, 3]


def test_what_follows_a_record_whose_key_was_destroyed_later_may_name_erased_and_has_its_own_hash(shown: Any) -> None:
    first, second, third = three()
    after = naming(second, "erased")
    assert shown(first, after, naming(third, publication_hash(tuple(after.headers), after.value))) == [1, 2, 3]
    with pytest.raises(AssertionError):
        shown(first, after, third)  # which names the hash of the second as it was before


def test_a_repetition_without_content_of_what_one_has_is_dropped(shown: Any) -> None:
    """In the epoch that runs, in the middle of it, and of one that is over."""
    first, second, third = three()
    assert shown(first, second, third, without_content(second)) == [1, 2, 3]
    assert shown(first, second, without_content(first), without_content(second), third) == [1, 2, 3]
    assert shown(first, second, *three(epoch=2), without_content(second)) == [1, 2, 1, 2, 3]


def test_where_the_first_records_are_past_their_90_days_it_begins_with_the_next_epoch(shown: Any) -> None:
    _, second, third = three()
    assert shown(second, third, *three(epoch=2)) == [1, 2, 3]
    # what comes again of the one before is a repetition, what goes on there is none
    assert shown(second, third, *three(epoch=2), third, without_content(second)) == [1, 2, 3]
    with pytest.raises(AssertionError, match="is missing"):
        shown(second, *three(epoch=2), third)


def test_where_no_epoch_begins_it_is_said_what_to_do(shown: Any) -> None:
    _, second, third = three()
    with pytest.raises(AssertionError, match=r"\(1, 2\) is the first record: ask for a redelivery"):
        shown(second, third)
    heartbeat = Record([("ce_epoch", b"1")], b"{}")
    assert shown(heartbeat) == []
    assert shown() == []


@pytest.mark.parametrize("name", ["ce_subject", "ce_occurredon", "ce_type", "ce_logsequence"])
def test_a_header_within_another_halts(name: str, shown: Any) -> None:
    """The hash would be the same: also where what is hidden makes a heartbeat of it."""
    first, second, _ = three()
    way = hidden(Entry(None, second.value, tuple(second.headers)), name, "ce_specversion")
    with pytest.raises(AssertionError, match="ce_specversion has a zero byte or a line feed"):
        shown(first, Record(way.headers, way.value))


def test_a_header_that_comes_twice_halts(shown: Any) -> None:
    first, second, _ = three()
    with pytest.raises(AssertionError, match="a header comes twice at 1"):
        shown(first, second._replace(headers=[("ce_type", b"lie"), *second.headers], offset=1))


def test_all_else_halts(shown: Any) -> None:
    first, second, third = three()
    empty = without_content(second)
    for wrong in (
        (first, third),  # a hole
        (first, naming(second, "0" * 64), third),  # another one before
        (first, second, second._replace(value=b"{}")),  # the same number, other content
        (first, empty, second),  # content under a sequence that had none
        (first, second._replace(value=empty.value), third),  # no content, and its key was not destroyed
        (first, naming(second, "erased"), naming(second, "0" * 64)),
        (first, second, *three(epoch=2), third),  # what the old epoch had not
    ):
        with pytest.raises(AssertionError, match=r"\(\d, \d\)"):
            shown(*wrong)
