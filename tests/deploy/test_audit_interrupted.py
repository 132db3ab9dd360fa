"""Ctrl-C comes anywhere, and one spoilt row stands anywhere: neither changes what an audit finds of all the rest."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from house import house

from deploy.auditing import chains, decisions
from deploy.auditing.chains import Found
from deploy.auditing.decisions import Outcome
from deploy.auditing.parts import audited
from deploy.settings import Settings
from domain.store import Beside
from projections.chains import ChainFault, Chains, Link

WINDOW = 17


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a ledger in which something was told, and a message waits."""
    home = tmp_path_factory.mktemp("told")
    with house(home) as one:
        one.until("8")
        one.settle()
        draft = {"plan_id": "message:p-1", "includes_kuty": False, "measures": ["social_services"]}
        one.send("authority", "p-2", "draft_plan.v1", {"client": one.name("authority"), **draft})
        one.settle()
        assert one.receipts("authority")[-1]["status"] == "waiting"
    return home


@pytest.fixture
def home(told: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoilt."""
    shutil.copytree(told, tmp_path, dirs_exist_ok=True)
    return tmp_path


def of_chains(home: Path, bar: Callable[[int], Any] = lambda _: None, **options: Any) -> Found:
    with closing(audited(Settings(home=home, ledger="house"))) as parts:
        return chains.audit_store(parts, bar, window=WINDOW, **options)


def of_decisions(home: Path, **options: Any) -> Outcome:
    with closing(audited(Settings(home=home, ledger="house"))) as parts:
        return decisions.audit_store(parts, lambda _: None, **options)


class BrokenOff(KeyboardInterrupt):
    """Ctrl-C."""


def at(call: int, work: Callable[..., Any]) -> Callable[..., Any]:
    """The work, broken off when it has been begun so many times: after it was done."""
    left = [call]

    def once(*arguments: Any) -> Any:
        result = work(*arguments)
        left[0] -= 1
        if not left[0]:
            raise BrokenOff
        return result

    return once


@pytest.mark.parametrize("kept_each_time", [False, True], ids=["never put aside", "put aside before"])
@pytest.mark.parametrize("event", [3, 20, 34, 60])
def test_an_audit_that_was_broken_off_within_a_window_goes_on_behind_the_last_whole_one(
    home: Path, monkeypatch: pytest.MonkeyPatch, event: int, kept_each_time: bool
) -> None:
    whole = of_chains(home)
    assert whole.faults == []
    monkeypatch.setattr("deploy.auditing.put_aside.EVERY_S", 0.0 if kept_each_time else 1e9)
    left = [event]

    def take(chains: Chains, link: Link, given: Callable[..., Iterator[ChainFault]] = Chains.take) -> Iterator[ChainFault]:
        yield from given(chains, link)
        left[0] -= 1
        if not left[0]:
            raise BrokenOff

    with monkeypatch.context() as patched:
        patched.setattr(Chains, "take", take)
        with pytest.raises(BrokenOff):
            of_chains(home)
    seen: list[int] = []
    assert of_chains(home, seen.append, resume=True) == whole
    assert seen[0] == (event - 1) // WINDOW * WINDOW


def test_an_audit_that_was_broken_off_when_half_of_what_is_said_was_taken_goes_on(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = of_chains(home)
    with monkeypatch.context() as patched:
        patched.setattr(Beside, "take", at(2, Beside.take))
        with pytest.raises(BrokenOff):
            of_chains(home)
    seen: list[int] = []
    assert of_chains(home, seen.append, resume=True) == whole
    assert seen[0] == WINDOW


def test_an_audit_that_was_broken_off_while_it_compares_goes_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = of_chains(home)
    with monkeypatch.context() as patched:
        patched.setattr(Beside, "strange_keys", at(1, Beside.strange_keys))
        with pytest.raises(BrokenOff):
            of_chains(home)
    seen: list[int] = []
    assert of_chains(home, seen.append, resume=True) == whole
    assert seen[0] == whole.events


@pytest.mark.parametrize("call", [1, 2, 3])
def test_decisions_that_were_broken_off_anywhere_are_not_counted_twice(
    home: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    whole = of_decisions(home)
    with monkeypatch.context() as patched:
        patched.setattr(Outcome, "add", at(call, Outcome.add))
        with pytest.raises(BrokenOff):
            of_decisions(home)
    assert of_decisions(home, resume=True) == whole


HELD = {
    "another payload": (
        "UPDATE held SET sealed = x'00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'",
        "the message p-2 that waits is not what its row in the vault says",
    ),
    "a later end": ("UPDATE held SET held_until_at = '2031-01-01T00:00:00+00:00'", "the message p-2 waits until 2025-"),
    "an earlier end": ("UPDATE held SET held_until_at = '2025-01-01T00:00:00+00:00'", "the message p-2 waits until 2025-"),
    "no end": ("UPDATE held SET held_until_at = 'soon'", "the message p-2 waits until 2025-"),
    "an end of no zone": ("UPDATE held SET held_until_at = '2025-09-12T09:00:00'", "the message p-2 waits until 2025-"),
    **{
        f"a payload that is {name}": (
            f"UPDATE held SET sealed = {cell}", "the message p-2 that waits is not what its row in the vault says"
        )
        for name, cell in (("empty", "x''"), ("a byte", "x'00'"), ("a text", "'x'"), ("no text", "CAST(x'ff' AS TEXT)"))
    },
}


@pytest.mark.parametrize("name", HELD)
def test_a_message_that_waits_is_looked_at_by_itself(home: Path, name: str) -> None:
    statement, said = HELD[name]
    with closing(sqlite3.connect(home / "house" / "vault.db")) as vault, vault:
        vault.execute(statement)
    with closing(sqlite3.connect(home / "house" / "events.db")) as events, events:
        events.execute("DELETE FROM answers WHERE answer_number = 3")
    faults = [fault.what for fault in of_chains(home).faults]
    [of_it] = [what for what in faults if what.startswith("the message p-2")]
    assert of_it.startswith(said)
    assert "answer 3 is missing" in faults
