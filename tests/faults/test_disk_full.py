"""Every disk that something is kept on is filled in the middle of work: what cannot be kept is answered 503, what needs no
room goes on, and once there is room again everything goes on by itself, with nothing lost and nothing doubled."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest
from faults.asked import Asked, check_everything
from faults.crew import until, whole
from faults.machine.small_disk import small_disk
from faults.place import UNAVAILABLE, begun, said_in

from deploy.commands.distributed import WatchedRole
from deploy.local.ports import PartFailed, free_port
from deploy.settings import Settings
from deploy.wiring import opened

REST_DEADLINE_S = 60.0


def test_an_embedded_ledger_whose_disk_is_full_takes_nothing_and_goes_on_when_there_is_room(
    parts_folder: Path, tmp_path: Path, fault_seed: str, campaign: bool
) -> None:
    random = Random(fault_seed)
    rooms = [0, *(random.randrange(400_000) for _ in range(12 if campaign else 1))]
    with small_disk(parts_folder / "embedded-disk", 48) as disk:
        settings = Settings(ledger="filled", home=disk.folder / "home", port=free_port())
        with begun(settings) as (_, place):
            pass
        # given one that serves, in a process of its own
        asked = Asked(place)
        with whole(settings, tmp_path / "serve.log") as serving:
            assert [asked.one().status for _ in range(2)] == [201, 201]
            until(place.is_at_rest, "rest", REST_DEADLINE_S)
            for leave in rooms:
                # when nothing more goes onto its disk, with store, vault, keys, broker and read models on it
                disk.fill(leave)
                answer = asked.until_unavailable()
                # then it says so
                assert answer.headers["retry-after"] == "1"
                assert "Nothing was recorded, or the same id will tell." in said_in(answer)
                # and what was told is told, but nobody looks at a client unseen
                assert place.follow().status == 200
                assert place.health().status == 200
                assert place.read().status == UNAVAILABLE
                # and when there is room, it goes on
                disk.empty()
                asked.again()
                assert [asked.one().status for _ in range(2)] == [201, 201]
                until(place.is_at_rest, "rest", REST_DEADLINE_S)
                assert place.read().status == 200
            assert serving.ended_by_itself == []
            assert "Traceback" not in serving.log.read_text()
        with opened(settings) as wired:
            check_everything(wired, asked)


TAKEN_WITHOUT = 4
"""So many commands are given while one of the files has no room."""


@pytest.mark.parametrize("kept", ["broker.db", "models", "vault.db", "keys.db"])
def test_a_full_disk_under_one_of_the_files_holds_up_what_needs_it_alone(
    kept: str, parts_folder: Path, home: Path, tmp_path: Path
) -> None:
    with small_disk(parts_folder / f"disk-under-{kept}", 32) as disk:
        settings = Settings(ledger="filled", home=home, port=free_port())
        with begun(settings) as (_, place):
            pass
        # given a ledger one of whose files is on a disk of its own
        there = home / settings.ledger / kept
        shutil.move(there, disk.folder / kept)
        there.symlink_to(disk.folder / kept)
        asked = Asked(place)
        with whole(settings, tmp_path / "serve.log") as serving:
            assert [asked.one().status for _ in range(2)] == [201, 201]
            until(place.is_at_rest, "rest", REST_DEADLINE_S)
            # when that one is full
            disk.fill()
            for _ in range(TAKEN_WITHOUT):
                asked.one()
            # then the store takes what it can keep, and what is kept is shown
            if kept in ("broker.db", "models"):
                assert asked.unknown == []
                until(lambda: not place.is_at_rest(), "nobody can go on")
            assert place.follow().status == 200
            assert place.read().status == (UNAVAILABLE if kept == "vault.db" else 200)
            # and when there is room, everybody goes on
            disk.empty()
            asked.again()
            until(place.is_at_rest, "rest", REST_DEADLINE_S)
            assert place.read().status == 200
            assert serving.ended_by_itself == []
            assert "Traceback" not in serving.log.read_text()
        with opened(settings) as wired:
            check_everything(wired, asked)


def test_a_role_that_nobody_would_know_again_does_not_run(parts_folder: Path, home: Path) -> None:
    """`kuty up` keeps what it knows its processes again by; it stays, and tries again, where there is no room for that."""
    with small_disk(parts_folder / "disk-of-records", 1) as disk:
        (disk.folder / "relay").mkdir()
        disk.fill()
        role = WatchedRole("relay", Settings(home=home), disk.folder)
        with pytest.raises(PartFailed, match=r"relay cannot start: .*: No space left on device"), role:
            pass
        assert role.described == "relay (waits)"
