"""Where a tool is not to be had it is said what was not done, and nothing passes for done."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from clients import tools as of_others
from clients.tools import CLI, CLI_NOT_ASKED, HERE, Failed, NotDone, at_hand, cli_is_asked, kept, place


def test_without_a_jdk_and_maven_nothing_is_called_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotDone, match=r"not done: no client was generated .* a JDK, 17 or later and Apache Maven"):
        at_hand()


@pytest.mark.parametrize("said", ["javac 11.0.22", "javac 1.8.0_392", "no version"])
def test_a_jdk_that_is_too_old_is_none(said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, line in (("javac", said), ("mvn", "Apache Maven 3.9.9 (of today)")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{line}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotDone, match=r"there must be a JDK, 17 or later$"):
        at_hand()


def test_what_is_missing_is_said_in_a_sentence_before_anything_is_tried(tmp_path: Path) -> None:
    """`make contracts` and .ci/run begin with it."""
    program = subprocess.run(
        [sys.executable, "-m", "clients.tools"],
        cwd=HERE.parent, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert program.returncode == 1
    assert program.stderr == f"{of_others.NOTHING}: there must be a JDK, 17 or later and Apache Maven, 3.8 or later\n"


def test_where_a_registry_is_not_reached_nothing_is_called_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(of_others, "CACHE", tmp_path / "cache")
    pinned = tmp_path / "pinned.txt"
    pinned.write_text("a-package==1")

    def unreached(folder: Path) -> None:
        (folder / "half").write_text("of it")
        raise Failed("no answer")

    with pytest.raises(NotDone, match=r"what pinned.txt names could not be fetched: no answer"):
        kept("tool", pinned, unreached)
    assert list((tmp_path / "cache").iterdir()) == [], "what came by half is not taken for the whole the next time"


def test_the_command_line_of_asyncapi_is_asked_where_it_is_and_else_it_is_said_that_it_was_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KUTY_TEST_ASYNCAPI_CLI", raising=False)
    monkeypatch.setattr(of_others, "CACHE", tmp_path)
    assert not cli_is_asked()
    around = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "KUTY_TEST_CONTRACTS": "1"}
    collected = [sys.executable, "-m", "pytest", "-q", "--collect-only", "tests/clients"]
    said = subprocess.run(collected, cwd=HERE.parents[1], env=around, capture_output=True, text=True, check=True).stdout
    assert CLI_NOT_ASKED in said.splitlines()
    assert "test_the_cli_of_asyncapi.py" not in said
    place(*CLI).mkdir(parents=True)
    assert cli_is_asked()
