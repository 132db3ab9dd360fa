"""Our writing of a record against the client's own, byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatchBuilder

from consumers.log import Entry
from consumers.record_format import decoded_records, encoded_record
from domain.varints import varint

HEADERS = st.lists(st.tuples(st.text(max_size=40), st.binary(max_size=300)), max_size=20).map(tuple)


def as_the_client_writes(offset: int, entry: Entry) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=False, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=10_000_000,
    )  # fmt: skip
    builder.append(offset, 1_000, entry.key, entry.value, list(entry.headers))
    return bytes(builder._buffer[builder.header_size_in_bytes() :])


@given(
    offset=st.integers(min_value=0, max_value=100_000),
    key=st.none() | st.binary(max_size=300),
    value=st.binary(max_size=20_000),
    headers=HEADERS,
)
def test_a_record_is_written_as_the_client_would(
    offset: int, key: bytes | None, value: bytes, headers: tuple[tuple[str, bytes], ...]
) -> None:
    entry = Entry(key, value, headers)

    assert encoded_record(offset, entry) == as_the_client_writes(offset, entry)


@pytest.mark.parametrize("size", [63, 64, 8_191, 8_192, 1_048_576])
def test_lengths_around_the_steps_of_the_format_are_written_right(size: int) -> None:
    entry = Entry(b"k" * size, b"v" * size, (("name", b"h" * size),))

    assert encoded_record(size, entry) == as_the_client_writes(size, entry)


@pytest.mark.parametrize(
    ("number", "written"), [(0, "00"), (-1, "01"), (1, "02"), (-2, "03"), (63, "7e"), (64, "8001"), (300, "d804")]
)
def test_numbers_are_zigzag_in_base_128(number: int, written: str) -> None:
    assert varint(number).hex() == written


def test_the_name_of_a_header_in_other_bytes_than_utf_8_stops_nobody() -> None:
    named = encoded_record(0, Entry(None, b"v", (("ab", b"1"), ("ce_id", b"m-1"))))
    [read] = decoded_records("t", named.replace(b"\x04ab", b"\x04\xff\xfe"), 0, 1, 0, 0, 0, None)
    assert read.headers == (("\\xff\\xfe", b"1"), ("ce_id", b"m-1"))
