"""Where a tool is not to be had it is said what was not done, and nothing passes for done."""

from __future__ import annotations

from pathlib import Path

import pytest
from clients import tools as of_others
from clients.tools import Failed, NotDone, at_hand, kept


def test_without_a_jdk_and_maven_nothing_is_called_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotDone, match=r"not done: no client was generated .* a JDK, 17 or later and Apache Maven"):
        at_hand()


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
