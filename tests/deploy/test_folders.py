"""Where local servers keep what they keep: beside the data that are theirs, and nothing that somebody else put there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.local import folders
from deploy.local.folders import own_folder, parts_folder
from deploy.local.ports import PartFailed

NOBODY = 65534


def test_the_servers_of_a_home_keep_to_it(tmp_path: Path) -> None:
    folder = parts_folder(tmp_path / "var", None)
    assert folder == tmp_path / "var" / "parts"
    assert parts_folder(tmp_path / "var", None) == folder
    assert folder.stat().st_mode & 0o777 == 0o711


def test_where_the_servers_user_cannot_enter_a_home_it_has_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two checkouts, each with a ledger of the same name, share nothing."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(folders.tempfile, "gettempdir", lambda: str(temporary))
    homes = [tmp_path / name / "var" for name in ("one", "other")]
    for home in homes:
        home.mkdir(parents=True)
        home.parent.chmod(0o700)
    chosen = [parts_folder(home, NOBODY) for home in homes]
    assert [folder.parent for folder in chosen] == [temporary, temporary]
    assert len(set(chosen)) == 2
    assert [parts_folder(home, NOBODY) for home in homes] == chosen


def test_where_the_servers_user_may_enter_a_home_nothing_is_put_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "reachable", lambda path, user: True)
    assert parts_folder(tmp_path / "var", NOBODY) == tmp_path / "var" / "parts"


def test_a_folder_of_somebody_else_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "planted").mkdir(mode=0o711)
    monkeypatch.setattr(folders.os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(PartFailed, match="belongs to the user with the number"):
        own_folder(tmp_path / "planted")


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777, 0o733, 0o702])
def test_a_folder_that_others_may_write_into_is_not_trusted(tmp_path: Path, mode: int) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(mode)
    with pytest.raises(PartFailed, match="others may write into"):
        own_folder(tmp_path / "open")


def test_a_link_or_a_file_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir(mode=0o711)
    (tmp_path / "link").symlink_to(tmp_path / "ours")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    for name, kind in (("link", "a link"), ("dangling", "a link"), ("file", "a file")):
        with pytest.raises(PartFailed, match=f"{name} is no folder of its own but {kind}: remove it"):
            own_folder(tmp_path / name)
    assert not (tmp_path / "nowhere").exists()
