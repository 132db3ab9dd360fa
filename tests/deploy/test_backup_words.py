"""What a backup of newer tables is, and a restore that a topic is ahead of: neither ends as if all were well."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from house import LEDGER, furnished

from deploy.backup.content import Reading, Writing
from deploy.backup.places import PARTS, place_of
from deploy.backup.sealed_file import SealingFile, backup_key, make_backup_key
from deploy.cli import main
from deploy.migration import Part
from deploy.settings import Settings


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A ledger in files, in the middle of a history, that the commands use."""
    shutil.copytree(furnished("12"), tmp_path / "home")
    make_backup_key(tmp_path / "backup.key")
    settings = Settings(home=tmp_path / "home", ledger=LEDGER, backup_key=str(tmp_path / "backup.key"))
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    return settings


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    capsys.readouterr()
    return main(list(map(str, words))), *capsys.readouterr()


@pytest.mark.parametrize("part", PARTS)
def test_tables_of_a_newer_program_are_not_taken_as_if_they_were_whole(
    source: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path, part: Part
) -> None:
    with closing(sqlite3.connect(place_of(source, part).name)) as connection, connection:
        connection.execute("UPDATE migrations SET version = 999 WHERE version = 1")
    code, out, said = told(capsys, "backup", "--to", tmp_path / "backups")
    assert (code, out) == (1, "")
    assert "is at version 999, and this program knows versions up to" in said
    assert not list((tmp_path / "backups").iterdir())


@pytest.mark.parametrize("part", PARTS)
def test_a_backup_of_newer_tables_is_neither_verified_nor_restored(
    source: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path, part: Part
) -> None:
    code, out, _ = told(capsys, "backup", "--to", tmp_path, "--what", part)
    assert code == 0
    path = Path(out.strip())
    code, out, _ = told(capsys, "backup", "verify", path)
    described = Reading(path, backup_key(source.backup_key)).described
    assert (code, f"its tables of version {described.version}\n" in out) == (0, True)
    newer = tmp_path / "newer.kuty"
    with SealingFile(newer, backup_key(source.backup_key)) as file:
        Writing(file, replace(described, version=999)).end()
        file.finish()
        file.publish()
    for words in (("backup", "verify"), ("restore",)):
        code, out, said = told(capsys, *words, newer)
        assert (code, out) == (1, "")
        assert f"{newer} is at version 999, and this program knows versions up to {described.version}" in said


def test_a_restore_that_the_topic_is_ahead_of_says_how_to_go_on(
    source: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    files = told(capsys, "backup", "--to", tmp_path)[1].split()
    for day in ("2026-06-01", "2026-06-02"):  # what a clock has said is published with the next one
        assert told(capsys, "clock", "advance", day)[0] == 0
    for part in PARTS:
        for file in Path(place_of(source, part).name).parent.glob(f"{Path(place_of(source, part).name).name}*"):
            file.unlink()
    code, _, said = told(capsys, "restore", *files)
    assert code == 1
    assert "and no role serves a store behind it: `kuty ledger adopt` takes the rest from the topic" in said
    assert "or take away what was restored, and restore again with --from-topic" in said
    assert told(capsys, "ledger", "adopt", "--by", "T-01", "--second", "T-02")[0] == 0
