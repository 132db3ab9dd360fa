"""A store that was made again from its topic goes on with its own keys, and with nothing that was made in their place."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from deploy.cli import main

GONE = "kuty: what is there was made with keys that are not where the settings say ("
RUNBOOK = "(docs/runbooks/lost-keys-or-vault.md)\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a ledger of one synthetic client."""
    monkeypatch.setenv("KUTY_HOME", str(tmp_path / "var"))
    assert main(["demo", "--clients", "1"]) == 0
    return tmp_path / "var"


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main(words)
    return code, "".join(capsys.readouterr())


def named_keys(home: Path) -> list[Any]:
    with closing(sqlite3.connect(home / "demo" / "keys.db")) as keys:
        return keys.execute("SELECT * FROM named_keys ORDER BY name").fetchall()


def test_a_store_that_was_rebuilt_elsewhere_goes_on_with_keys_vault_and_broker_beside_it(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = home.parent / "elsewhere"
    assert said(capsys, "rebuild", "store", "--from-topic", "--into", str(elsewhere))[0] == 0
    # given settings that name the new place, where no keys are
    monkeypatch.setenv("KUTY_HOME", str(elsewhere))
    for words in (("clock", "advance", "2026-06-01"), ("rebuild", "county")):
        code, out = said(capsys, *words)
        assert (code, out.startswith(GONE), out.endswith(RUNBOOK)) == (1, True, True), out
        assert "ledger/1" in out
    assert named_keys(elsewhere) == []
    code, out = said(capsys, "audit", "chains")
    assert (code, "ledger/1" in out or "master-key-check" in out) == (1, True), out
    assert named_keys(elsewhere) == []
    # when it lies beside all that belongs to it
    whole = home.parent / "whole"
    shutil.copytree(home, whole, ignore=shutil.ignore_patterns("events.db*"))
    for file in (elsewhere / "demo").glob("events.db*"):
        shutil.copy(file, whole / "demo" / file.name)
    monkeypatch.setenv("KUTY_HOME", str(whole))
    # then it goes on
    code, out = said(capsys, "clock", "advance", "2026-06-01")
    assert code == 0, out
    code, out = said(capsys, "audit", "chains")
    assert (code, "every chain verifies" in out) == (0, True), out


@pytest.mark.parametrize("gone", ["keys.db", "ledger/1"])
def test_a_store_is_not_rebuilt_without_the_keys_of_its_topic(
    home: Path, capsys: pytest.CaptureFixture[str], gone: str
) -> None:
    """Nothing of it could be read, and the answers would be others."""
    for file in (home / "demo").glob("events.db*"):
        file.unlink()
    if gone == "keys.db":
        for file in (home / "demo").glob("keys.db*"):
            file.unlink()
    else:
        with closing(sqlite3.connect(home / "demo" / "keys.db")) as keys, keys:
            keys.execute("DELETE FROM matter_keys WHERE key_id = 'ledger/1'")
    code, out = said(capsys, "rebuild", "store", "--from-topic")
    assert (code, out.startswith(GONE), out.endswith(RUNBOOK)) == (1, True, True), out
    with closing(sqlite3.connect(home / "demo" / "events.db")) as events:
        assert events.execute("SELECT count(*) FROM events").fetchone() == (0,)
    assert bool(named_keys(home)) == (gone != "keys.db")
