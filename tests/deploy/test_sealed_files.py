"""A backup's file is believed as a whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.backup.content import Described, Reading, TableBegun, Writing
from deploy.backup.sealed_file import (
    CHUNK_BYTES,
    MAGIC,
    SALT_BYTES,
    TAG_BYTES,
    BackupDamaged,
    SealingFile,
    backup_key,
    make_backup_key,
    opened_chunks,
)
from deploy.settings import WrongSetting

KEY = b"k" * 32
FIRST = len(MAGIC) + SALT_BYTES
"""Where the first chunk begins."""
SEALED = CHUNK_BYTES + TAG_BYTES


def sealed(path: Path, content: bytes) -> Path:
    with SealingFile(path, KEY) as file:
        for start in range(0, len(content), 1000):
            file.write(content[start : start + 1000])
        file.finish()
        file.publish()
    return path


def content_of(path: Path, key: bytes = KEY) -> bytes:
    return b"".join(opened_chunks(path, key))


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A file of three chunks."""
    return sealed(tmp_path / "three", bytes(range(256)) * (2 * CHUNK_BYTES // 256) + b"end")


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_what_was_sealed_comes_back(tmp_path: Path, size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    path = sealed(tmp_path / "file", content)
    assert content_of(path) == content
    assert path.stat().st_mode & 0o077 == 0
    assert size < 16 or content[:16] not in path.read_bytes()


def test_a_file_that_was_cut_off_is_refused_wherever_it_was(three: Path) -> None:
    whole = three.read_bytes()
    for end in (0, 5, FIRST, FIRST + 10, FIRST + SEALED, FIRST + 2 * SEALED, FIRST + 2 * SEALED + 7, len(whole) - 1):
        three.write_bytes(whole[:end])
        with pytest.raises(BackupDamaged):
            content_of(three)


def test_no_byte_of_a_file_can_be_changed(three: Path) -> None:
    whole = three.read_bytes()
    for place in (0, FIRST - 1, FIRST, FIRST + SEALED - 1, FIRST + SEALED + 3, len(whole) - 1):
        three.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BackupDamaged):
            content_of(three)


def test_no_piece_of_a_file_can_be_moved_left_out_added_or_taken_from_another_one(three: Path, tmp_path: Path) -> None:
    whole = three.read_bytes()
    head, *chunks = whole[:FIRST], whole[FIRST : FIRST + SEALED], whole[FIRST + SEALED : FIRST + 2 * SEALED]
    last = whole[FIRST + 2 * SEALED :]
    other = sealed(tmp_path / "other", b"x" * (2 * CHUNK_BYTES) + b"end").read_bytes()
    for wrong in (
        head + chunks[1] + chunks[0] + last,
        head + chunks[0] + last,
        head + chunks[0] + chunks[0] + chunks[1] + last,
        head + chunks[0] + chunks[1] + last + last,
        head + chunks[0] + other[FIRST + SEALED : FIRST + 2 * SEALED] + last,
        other[:FIRST] + whole[FIRST:],
        whole + b"\n",
    ):
        three.write_bytes(wrong)
        with pytest.raises(BackupDamaged):
            content_of(three)


def test_another_key_opens_nothing_and_that_is_said(three: Path) -> None:
    with pytest.raises(BackupDamaged, match="sealed with another key than the one that KUTY_BACKUP_KEY names"):
        content_of(three, b"o" * 32)
    three.write_bytes(three.read_bytes()[: FIRST + SEALED // 2])
    with pytest.raises(BackupDamaged, match="or it was cut off at its beginning, or changed"):
        content_of(three)


def test_what_is_no_backup_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "letter"
    path.write_text("Hyvä kollega")
    with pytest.raises(BackupDamaged, match="no backup that this program has made"):
        content_of(path)


def test_a_file_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    with SealingFile(tmp_path / "file", KEY) as file:
        file.write(b"x" * (2 * CHUNK_BYTES))
        file.finish()
        assert not (tmp_path / "file").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_same_name_is_never_replaced(three: Path) -> None:
    before = three.read_bytes()
    with pytest.raises(FileExistsError):
        sealed(three, b"other")
    assert three.read_bytes() == before
    assert list(three.parent.iterdir()) == [three]


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "backup.key"
    make_backup_key(file)
    assert len(backup_key(str(file))) == 32
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        make_backup_key(file)


@pytest.mark.parametrize(
    ("text", "why"), [("", "holds 0 bytes"), ("not base64!", "is not base64"), ("c2hvcnQ=", "holds 5 bytes")]
)
def test_a_key_that_is_none_is_said_to_be_none(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(WrongSetting, match=why):
        backup_key(str(tmp_path / "key"))
    with pytest.raises(WrongSetting, match="KUTY_BACKUP_KEY names no file"):
        backup_key("")


DESCRIBED = Described("b1", "store", "demo", datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC), "sqlite", 2, ("keys", "store"))
ROWS = [
    (1, "ä", b"\x00\xff", None, True),
    (-(2**62), "", b"", "x", False),
    (2**63 - 1, "a" * 200_000, b"b" * 70_000, None, 1),
]


def test_rows_of_every_kind_come_back_with_what_they_are_of(tmp_path: Path) -> None:
    with SealingFile(tmp_path / "file", KEY) as file:
        writing = Writing(file, DESCRIBED)
        writing.table("first", ["a", "b", "c", "d", "e"])
        for row in ROWS:
            writing.row(row)
        writing.table("empty", ["x"])
        writing.end()
        file.finish()
        file.publish()
    reading = Reading(tmp_path / "file", KEY)
    assert reading.described == DESCRIBED
    assert list(reading.entries()) == [TableBegun("first", ("a", "b", "c", "d", "e")), *ROWS, TableBegun("empty", ("x",))]
    assert reading.counts == {"first": 3, "empty": 0}


def test_a_file_whose_rows_were_not_all_counted_is_no_backup(tmp_path: Path) -> None:
    with SealingFile(tmp_path / "file", KEY) as file:
        writing = Writing(file, DESCRIBED)
        writing.table("first", ["a"])
        writing.row((1,))
        file.finish()
        file.publish()
    with pytest.raises(BackupDamaged):
        list(Reading(tmp_path / "file", KEY).entries())
