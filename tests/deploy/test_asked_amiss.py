"""What a command was not meant for, it leaves alone, and says what is."""

from __future__ import annotations

import re
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from house import LEDGER, furnished

from deploy.cli import main, parser
from deploy.describe.list_pages import commands, help_of
from deploy.settings import Settings
from deploy.wiring import open_ledger_parts
from domain.streams import is_client_stream


def test_help_speaks_of_no_default_where_there_is_none() -> None:
    page = "\n".join(help_of(command) for _, command in commands(parser()))
    assert not re.search(r"\(default:\s+(None|False)\)", page)
    assert re.search(r"\(default:\s+simulated\)", page)


@pytest.mark.parametrize("word", ["--from-topic", "--into=elsewhere"])
def test_a_recipient_is_told_nothing_again_under_words_that_are_for_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(tmp_path))
    assert main(["rebuild", "kela-benefit-payment", word]) == 1
    assert capsys.readouterr().err.startswith("kuty: --into and --from-topic are for `kuty rebuild store`")
    assert not list(tmp_path.iterdir())


def test_a_key_that_is_not_due_is_not_destroyed_and_the_sentence_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(furnished("12"), tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("KUTY_HOME", str(tmp_path))
    monkeypatch.setenv("KUTY_LEDGER", LEDGER)
    with closing(open_ledger_parts(Settings.from_environment())) as wired:
        headers = [record.header for record in wired.store.records(0, 1000)]
    matter = next(header.matter for header in headers if is_client_stream(header.stream))
    assert main(["key", "destroy", matter, "--by", "DP-1", "--second", "DP-2"]) == 1
    assert capsys.readouterr().err == (
        "kuty: nothing was destroyed: The retention time has not ended. Nothing is destroyed before it has. (E_NOT_DUE)\n"
    )
