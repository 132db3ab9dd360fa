"""What the column of an event holds: the header packed, everything back byte for byte, no more unpacked than a header is."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from records_of_before import ledger_of_tables_2
from store.small_ledger import WORKER, Ground, Register

from deploy.migration import ledger_file
from domain.record import Damaged, read_record
from domain.store.tables.packing import BY_THE_FIRST, FIRST_DICTIONARY, LARGEST_HEADER, packed, unpacked


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Every record of a ledger that was kept before anything was packed."""
    at, _ = ledger_of_tables_2(tmp_path_factory.mktemp("before"))
    with closing(sqlite3.connect(ledger_file(at))) as rows:
        return [state for (state,) in rows.execute("SELECT state FROM events")]


def test_a_header_takes_a_third_and_comes_back(states: list[bytes]) -> None:
    headers = [state.partition(b"\n")[0] + b"\n" for state in states]
    assert [unpacked(packed(header)) for header in headers] == headers
    assert sum(map(len, map(packed, headers))) < 0.4 * sum(map(len, headers))


def test_what_was_kept_before_is_what_it_is(states: list[bytes]) -> None:
    assert [unpacked(state) for state in states] == states


@given(st.binary(), st.binary())
def test_whatever_is_a_header_and_sections_comes_back_byte_for_byte(header: bytes, sections: bytes) -> None:
    state = b"{" + header + b"\n" + sections
    assert unpacked(packed(state)) == state


def test_a_header_that_is_too_large_is_kept_as_it_is() -> None:
    state = b"{" + b" " * LARGEST_HEADER + b"\n[]\n"
    assert packed(state) == unpacked(state) == state


def kept(frame: bytes) -> bytes:
    return bytes([BY_THE_FIRST]) + len(frame).to_bytes(2, "big") + frame


@pytest.mark.parametrize(
    "column",
    [
        b"",
        bytes([BY_THE_FIRST]),
        kept(b"no frame"),
        kept(zstandard.ZstdCompressor().compress(b" " * 200_000_000)),
        kept(zstandard.ZstdCompressor(write_content_size=False).compress(b" " * 200_000_000)),
        packed(b'{"event_id":"1"}\n[]\n')[:12],
        b"\x02" + packed(b"{}\n[]\n")[1:],
    ],
    ids=["nothing", "its first byte", "no frame", "too much", "nobody says how much", "cut", "another way"],
)
def test_what_cannot_be_unpacked_is_damaged_and_nothing_is_made_of_it(column: bytes) -> None:
    assert unpacked(column) == column
    with pytest.raises(Damaged):
        read_record(unpacked(column), 1, 1)


def test_several_threads_pack_at_once(states: list[bytes]) -> None:
    found: dict[int, bool] = {}

    def pack(number: int) -> None:
        found[number] = all(unpacked(packed(state)) == state for state in states * 5)

    threads = [threading.Thread(target=pack, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(4), True)


def test_the_dictionary_names_nobody() -> None:
    """It was made of headers whose references, hashes and organisations had been put in at random."""
    assert b"Esimerkki" not in FIRST_DICTIONARY.read_bytes()


def test_the_column_is_packed_and_the_record_is_what_was_sealed(tmp_path: Path) -> None:
    ground = Ground("sqlite", str(tmp_path))
    ground.migrate()
    store = ground.open()
    store.execute(Register(), WORKER, "1")
    [record] = store.records(0, 10)
    with ground.asked() as ask:
        [(column,)] = ask("SELECT state FROM events")
    assert column[0] == BY_THE_FIRST
    assert unpacked(column) == record.state
    assert len(column) < len(record.state) - len(record.header_bytes) / 2
    store.close()
