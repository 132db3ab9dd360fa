"""Late joiners beside redeliveries, and where nobody knows how far they have come: nothing is lost, nothing told twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from disclosure.ledger import Ledger, follow, ledger_in, opened
from disclosure.test_late_joiners import LATE, NEW, WHAT_IS_LAWFUL, come_once_more, join, placed_there, told_of
from disclosure.test_redelivery import PAYER, Clients
from stories import (
    CONTRACTS,
    COUNTY,
    INSTRUCTOR,
    KELA,
    MEMBERS,
    STEPS,
    contract,
    joining,
    provider,
)

from consumers.redelivery import Repeating
from domain.chapters.corrections.decisions import CorrectFact
from domain.chapters.retention.decisions import DestroyPayloadKey
from domain.context import Caller
from domain.record import Record
from domain.store import Conflict, EventStore
from projections.disclosure_audit import rerun_disclosures


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with ledger_in(tmp_path) as made:
        opened(made)
        made.say(provider(NEW, "registered_association", "S-18"), CONTRACTS)
        made.say(contract(NEW, "K-18", "S-18", date(2026, 12, 31)), CONTRACTS)
        yield made


def test_what_a_late_joiner_is_told_at_the_moment_when_its_redelivery_ends_is_repeated_too(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a late joiner on its way through the clients, to whom somebody else repeats what it was told by now
    clients = placed_there(ledger, 5)
    role = ledger.follower(walk=1)
    follow(role)
    join(ledger)
    for _ in range(3):
        role.step()
    ledger.follower(window=3).begin_redelivery(LATE)
    role._step()
    role._step()
    Clients(ledger, 1)  # and an event that nobody has followed: with what is told meanwhile no position moves
    # when the next client is come to after the end of the old epoch was looked at
    repeating, there = Repeating(ledger.store, LATE), ledger.store.stream_version(f"recipient/{LATE}/1")
    append = EventStore.append

    def raced(store: EventStore, sealed: list[Record], **how: Any) -> int:
        monkeypatch.setattr(EventStore, "append", append)
        assert role._tell_late()
        assert store.stream_version(f"recipient/{LATE}/1") > there
        return append(store, sealed, **how)

    monkeypatch.setattr(EventStore, "append", raced)
    with pytest.raises(Conflict):
        repeating.window(100, role.means)
    # then all of it stands in the fresh epoch
    follow(role)
    follow(ledger.follower())
    assert all([p.type for p in told_of(ledger, client)] == WHAT_IS_LAWFUL for client in clients)


@pytest.mark.parametrize("once_more", [False, True])
def test_who_was_told_of_a_client_is_told_what_changes_also_while_a_walk_goes_once_more(
    tmp_path: Path, once_more: bool
) -> None:
    with ledger_in(tmp_path) as ledger:
        # given a payer that joined behind a client, and was told of its days
        opened(ledger, later=KELA)
        client = ledger.history(())
        follow(ledger.follower())
        ledger.say(joining(*next(member for member in MEMBERS if member[0] == KELA)), CONTRACTS)
        for _, step in STEPS[:60]:
            ledger.reach(step.on)
            ledger.ask(step, client)
        follow(ledger.follower())
        told = len(ledger.told(PAYER))
        # when it comes to every client once more, and a day is corrected before it has come to this one, and one after
        if once_more:
            come_once_more(ledger)
        days = [fact for fact in ledger.store.pathway(client).facts.values() if fact.name == "attendance.recorded"]
        for day in days[:2]:
            new = {"day_status": "absent_other", "hours": None}
            change = CorrectFact(target_event_id=day.event_id, correction_reason="wrong_entry", new_values=new)
            ledger.say(change, INSTRUCTOR, client)
            follow(ledger.follower())
        # then it is told of both
        assert [p.kind for p in ledger.told(PAYER)[told:]] == ["revised", "revised"]
        records = ledger.store.records(0, 1_000_000)
        assert [r for r in rerun_disclosures(records, ledger.store.opened) if r.same is False] == []


def test_of_a_matter_whose_end_is_recorded_nothing_is_told_however_late_it_is_noticed(ledger: Ledger) -> None:
    """Record 0024: nothing is recorded in a matter from the fact on, also where its key has still to go."""
    client = ledger.history(STEPS[:12])
    follow(ledger.follower())
    ledger.ask(STEPS[12][1], client)
    matter = ledger.store.stream(client)[1].header.matter
    officer = Caller(COUNTY, "organiser", "data_protection_officer", "DP-1")
    found = {"of_client": True, "key_id": f"{matter}/1", "digest": "d" * 64, "gone": True}

    def ends_meanwhile() -> str:
        """The end is recorded between the follower's reading and its writing."""
        if not ledger.store.pathway(client).is_destroyed(matter):
            ledger.say(DestroyPayloadKey(destroyed_matter=matter, second_person_id="DP-2"), officer, client, **found)
        return "5a" * 32

    follow(ledger.follower(salt=ends_meanwhile))
    # then nothing of the matter stands behind it, and the follower is through
    records = ledger.store.records(0, 1_000_000)
    [end] = [r.position for r in records if r.header.name == "payload_key.destroyed"]
    assert [r.header.stream for r in records if r.header.matter == matter and r.position > end] == []
    assert ledger.store.keys.get([f"{matter}/1"])
    assert ledger.store.tracking("disclosure") == ledger.store.head()


def test_that_a_key_was_destroyed_is_told_once_where_the_event_is_read_again(ledger: Ledger) -> None:
    """Where a topic is adopted, what followed from its last event may be there in part: it is read again."""
    client = ledger.history(STEPS[:20])
    matter = ledger.store.stream(client)[1].header.matter
    before = ledger.store.head()
    officer = Caller(COUNTY, "organiser", "data_protection_officer", "DP-1")
    found = {"of_client": True, "key_id": f"{matter}/1", "digest": "d" * 64, "gone": True}
    ledger.say(DestroyPayloadKey(destroyed_matter=matter, second_person_id="DP-2"), officer, client, **found)
    follow(ledger.follower())
    come_once_more(ledger)
    ledger.store.place({"disclosure": before})
    follow(ledger.follower())
    assert [p.type for p in ledger.told("county")].count("payload_key.destroyed.v1") == 1
