"""What the broker has acknowledged, kept in ranges: nothing of it is lost, whatever the order in which it comes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store.small_ledger import Ground

from domain.store import Acknowledged, EventStore
from domain.store.tables.relayed import LONGEST, Range, joined

OUT = "kuty.l.out.kela.v1"


def taken(*sequences: int, at: int = 1_000, offset: int = -1, epoch: int = 1) -> list[Acknowledged]:
    """Publications whose offsets, unless said otherwise, follow their sequences; each comes from an event of its own."""
    return [
        Acknowledged(OUT, 10 * n, epoch, n, n + offset if offset == -1 else offset + place, at)
        for place, n in enumerate(sequences)
    ]


def rows_of(ground: Ground) -> list[Range]:
    with ground.asked() as ask:
        return [Range(*row) for row in ask("SELECT * FROM acknowledged ORDER BY topic, first_offset")]


def test_what_the_broker_acknowledged_is_kept(store: EventStore) -> None:
    rows = [Acknowledged(OUT, n, 1, n, n - 1, 1000 + n) for n in (1, 2, 3)]
    store.acknowledge("relay", 3, [*rows, Acknowledged("events", 3, 0, 3, 2, 1003)])
    # the same again, and a second copy of a record at a later offset
    store.acknowledge("relay", 3, [*rows, Acknowledged(OUT, 3, 1, 3, 3, 2000)])
    assert store.tracking("relay") == 3
    assert store.acknowledgement_before(OUT, 3) == rows[2]
    assert store.acknowledgement_before(OUT, 0) is None
    assert {topic: end.offset for topic, end in store.acknowledged_ends().items()} == {OUT: 3, "events": 2}
    assert store.acknowledged_at(OUT, 1) == {1: 1001, 2: 1002, 3: 1003}
    assert store.acknowledged_at(OUT, 1, after=2) == {3: 1003}


def test_records_that_come_one_by_one_stand_in_one_row(ground: Ground, store: EventStore) -> None:
    for n in range(1, 101):
        store.acknowledge("relay", n, taken(n, at=1_000 + 7 * n))
    [row] = rows_of(ground)
    assert (row.first_sequence, row.last_sequence, row.last_position, len(row.times)) == (1, 100, 1_000, 99)
    assert store.acknowledged_at(OUT, 1) == {n: 1_000 + 7 * n for n in range(1, 101)}


def test_records_that_were_taken_at_once_need_no_times(ground: Ground, store: EventStore) -> None:
    store.acknowledge("relay", 1, taken(*range(1, 31)))
    assert [bytes(row.times) for row in rows_of(ground)] == [b""]
    assert store.acknowledged_at(OUT, 1) == dict.fromkeys(range(1, 31), 1_000)
    # and what comes later has its own
    store.acknowledge("relay", 1, taken(31, at=900))
    assert store.acknowledged_at(OUT, 1) == {**dict.fromkeys(range(1, 31), 1_000), 31: 900}


def test_a_row_has_an_end(ground: Ground, store: EventStore) -> None:
    store.acknowledge("relay", 1, taken(*range(1, LONGEST + 2)))
    assert [row.last_sequence - row.first_sequence + 1 for row in rows_of(ground)] == [LONGEST, 1]


def test_an_epoch_and_a_hole_begin_a_row(ground: Ground, store: EventStore) -> None:
    """At offset 3 a heartbeat stands, which is in no row."""
    store.acknowledge("relay", 1, [*taken(1, 2, 3), *taken(4, offset=4), *taken(1, offset=5, epoch=2)])
    assert [(row.first_offset, row.last_offset, row.epoch) for row in rows_of(ground)] == [(0, 2, 1), (4, 4, 1), (5, 5, 2)]
    assert (store.acknowledgement_before(OUT, 4) or taken(0)[0]).offset == 2
    assert store.acknowledged_ends()[OUT].epoch == 2
    assert (store.acknowledged_at(OUT, 1), store.acknowledged_at(OUT, 2)) == (dict.fromkeys((1, 2, 3, 4), 1_000), {1: 1_000})


def test_a_record_that_stands_where_another_one_did_leaves_what_was_kept(store: EventStore) -> None:
    """A topic that lost its end gives offsets again; the relay compares what stands there with what was acknowledged."""
    store.acknowledge("relay", 1, taken(1, 2, 3))
    store.acknowledge("relay", 1, taken(7, offset=1, at=5_000))
    assert (store.acknowledgement_before(OUT, 2) or taken(0)[0]).sequence == 2
    assert store.acknowledged_ends()[OUT].sequence == 3


def test_where_a_heartbeat_was_lost_another_record_may_stand(store: EventStore) -> None:
    store.acknowledge("relay", 1, [*taken(1, 2), *taken(3, offset=3)])
    store.acknowledge("relay", 1, taken(4, offset=2, at=5_000))
    assert (store.acknowledgement_before(OUT, 3) or taken(0)[0]).sequence == 4
    assert store.acknowledged_at(OUT, 1) == {1: 1_000, 2: 1_000, 3: 1_000, 4: 5_000}


def test_of_a_record_in_the_middle_the_position_is_an_earlier_one(store: EventStore) -> None:
    """Behind it nothing is left out when the topic is sent again; what stands there already is not sent twice."""
    store.acknowledge("relay", 1, taken(1, 2, 3))
    assert [getattr(store.acknowledgement_before(OUT, offset), "position", None) for offset in (1, 2, 3)] == [10, 10, 30]


def test_two_who_acknowledge_the_same_come_to_the_same(ground: Ground, store: EventStore) -> None:
    other = ground.open()
    store.acknowledge("relay", 1, taken(1, 2))
    other.acknowledge("relay", 1, taken(3, 4, at=2_000))
    # the first one knows nothing of that, and finds one of them in the topic
    store.acknowledge("relay", 1, taken(3, at=2_000))
    store.acknowledge("relay", 1, taken(5, at=3_000))
    other.close()
    assert store.acknowledged_at(OUT, 1) == {1: 1_000, 2: 1_000, 3: 2_000, 4: 2_000, 5: 3_000}
    assert store.acknowledged_ends()[OUT].sequence == 5


def test_what_was_not_written_is_not_remembered(ground: Ground, store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    book: Any = ground.recorder().book
    book.acknowledge("relay", 1, taken(1))

    def lost(*_: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(book, "_write", lost)
        with pytest.raises(ConnectionError):
            book.acknowledge("relay", 2, taken(2))
    book.acknowledge("relay", 3, taken(3))
    assert store.acknowledged_at(OUT, 1) == {1: 1_000, 3: 1_000}


def test_what_a_topic_has_lost_counts_for_its_times_alone(store: EventStore) -> None:
    # given a topic that has lost its end, twice: in the middle of a row, and whole
    store.acknowledge("relay", 1, [*taken(1, 2, 3, 4), *taken(5, offset=9, at=2_000)])
    store.cut_acknowledged(OUT, 2)
    assert store.acknowledged_ends()[OUT] == taken(2)[0]._replace(position=10)
    assert store.acknowledgement_before(OUT, 100) == store.acknowledged_ends()[OUT]
    # when it is filled up again, less far than it was
    store.acknowledge("relay", 1, taken(3, 4, at=7_000))
    store.cut_acknowledged(OUT, 0)
    assert OUT not in store.acknowledged_ends()
    assert store.acknowledgement_before(OUT, 100) is None
    store.acknowledge("relay", 1, taken(*range(1, 7), at=8_000))
    # then it ends where it does, and what was taken first counts
    assert store.acknowledged_ends()[OUT] == taken(6, at=8_000)[0]
    assert store.acknowledged_at(OUT, 1) == {**dict.fromkeys((1, 2, 3, 4), 1_000), 5: 2_000, 6: 8_000}
    assert store.acknowledged_at(OUT, 1, after=3, until=5) == {4: 1_000, 5: 2_000}


def test_a_cut_that_was_broken_off_is_made_once_more(ground: Ground, store: EventStore) -> None:
    book: Any = ground.recorder().book
    store.acknowledge("relay", 1, taken(*range(1, 9)))
    ask = book._ask
    for broken in range(1, 6):
        left = [broken]

        def asks(*given: Any, left: list[int] = left) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise ConnectionError
            return ask(*given)

        book._ask = asks
        with suppress(ConnectionError):
            book.cut(OUT, 4)
        book._ask = ask
    book.cut(OUT, 4)
    assert store.acknowledged_ends()[OUT].sequence == 4
    assert store.acknowledged_at(OUT, 1) == dict.fromkeys(range(1, 9), 1_000)


Row = tuple[str, int, int, int, int, int]


def migrated(kind: str, rows: list[Row], folder: Path, postgres: Any) -> EventStore:
    """A ledger whose acknowledgements stood in a row each, under tables of today."""
    ground = Ground(kind, str(folder) if kind == "sqlite" else postgres.fresh_database())
    ground.migrate()
    with ground.asked() as ask:
        ask("DROP TABLE acknowledged")
        ask(
            "CREATE TABLE acknowledgements (topic text NOT NULL, position bigint NOT NULL, epoch bigint NOT NULL,"
            " sequence bigint NOT NULL, at_offset bigint NOT NULL, acknowledged_at bigint NOT NULL,"
            " PRIMARY KEY (topic, at_offset))"
        )
        for row in rows:
            ask("INSERT INTO acknowledgements VALUES (%s, %s, %s, %s, %s, %s)", row)
        sqlite = ground.kind == "sqlite"
        ask("DROP TRIGGER position_counts" if sqlite else "ALTER TABLE events DROP CONSTRAINT events_position_counts")
        ask("DELETE FROM migrations WHERE version > 2")
    ground.migrate()
    return ground.open()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_stood_in_a_row_each_is_kept_in_ranges(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    # given two records taken at once, one later, a hole, a repeat, a fresh epoch, and another topic
    rows: list[Row] = [
        (OUT, 10, 1, 1, 0, 1_000), (OUT, 20, 1, 2, 1, 1_000), (OUT, 30, 1, 3, 2, 2_000), (OUT, 40, 1, 4, 4, 2_000),
        (OUT, 40, 1, 4, 5, 2_500), (OUT, 50, 2, 1, 6, 3_000), ("events", 7, 0, 7, 6, 1_000), ("events", 8, 0, 8, 7, 1_000),
    ]  # fmt: skip
    store = migrated(kind, rows, tmp_path, request.getfixturevalue("postgres") if kind == "postgresql" else None)
    # then everything is found as it was
    for topic, position, epoch, sequence, offset, at in rows:
        found = store.acknowledgement_before(topic, offset + 1)
        assert found
        assert (found.epoch, found.sequence, found.offset, found.timestamp) == (epoch, sequence, offset, at)
        assert found.position <= position
    assert store.acknowledged_at(OUT, 1) == {1: 1_000, 2: 1_000, 3: 2_000, 4: 2_000}
    assert {topic: tuple(end) for topic, end in store.acknowledged_ends().items()} == {OUT: rows[5], "events": rows[7]}
    # and it goes on
    store.acknowledge("relay", 60, [Acknowledged(OUT, 60, 2, 2, 7, 4_000)])
    assert store.acknowledged_at(OUT, 2) == {1: 3_000, 2: 4_000}
    store.close()


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(-5_000, 90_000)), min_size=1, max_size=40), st.integers(1, 9))
def test_every_record_is_found_in_its_range(steps: list[tuple[int, int]], portion: int) -> None:
    """Offsets may leave holes, and the broker's clock may go back."""
    rows: list[Acknowledged] = []
    offset, at = -1, 1_000_000
    for sequence, (gap, later) in enumerate(steps, 1):
        offset, at = offset + gap, at + later
        rows.append(Acknowledged(OUT, 3 * sequence, 1, sequence, offset, at))
    ranges: dict[int, Range] = {}
    end: Range | None = None
    for begin in range(0, len(rows), portion):
        for one in joined(end, rows[begin : begin + portion]):
            ranges[one.first_offset] = end = one
    found = [one.at(offset) for one in ranges.values() for offset in range(one.first_offset, one.last_offset + 1)]
    assert [row._replace(position=0) for row in found] == [row._replace(position=0) for row in rows]
    assert all(0 < known.position <= row.position for known, row in zip(found, rows, strict=True))
