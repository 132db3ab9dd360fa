"""The follower over a real store: what it tells, where it goes on, and what a redelivery repeats."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from disclosure.ledger import Ledger, follow, ledger_in, opened
from stories import CONTRACTS, INSTRUCTOR, OWN_WORKER, STEPS, contract, joining, place, provider

from domain.chapters.corrections.decisions import CorrectFact
from domain.disclosure.publications import publication_hash
from domain.events import DisclosureMade

COUNTS = {"county": 107, "authority": 23, "authority-referrer": 2, "kela-payment": 77, "provider-s01": 86}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with ledger_in(tmp_path) as made:
        yield opened(made)


def about_clients(ledger: Ledger, recipient: str) -> int:
    return sum(1 for publication in ledger.told(recipient) if publication.subject)


def test_as_1_is_told_in_full_whether_step_by_step_or_all_at_once(ledger: Ledger, tmp_path: Path) -> None:
    follower = ledger.follower()
    ledger.history(then=lambda: follow(follower))
    assert {name: about_clients(ledger, name) for name in COUNTS} == COUNTS
    with ledger_in(tmp_path / "other") as other:
        opened(other).history()
        follow(other.follower())
        assert {name: about_clients(other, name) for name in COUNTS} == COUNTS


def test_facts_on_organisations_go_to_the_county_and_to_the_organisation(ledger: Ledger) -> None:
    follow(ledger.follower())
    assert [p.type for p in ledger.told("fund")] == ["organisation.joined.v1"]
    assert [p.type for p in ledger.told("provider-s01")] == [
        "organisation.joined.v1",
        "provider.registered.v1",
        "provider.contracted.v1",
    ]
    joined = [p for p in ledger.told("county") if p.type == "organisation.joined.v1"]
    assert len(joined) == 8
    assert {(p.legal_basis, p.purpose, p.subject) for p in joined} == {("LB-OWN-TASK", "administration", "")}
    assert not [p for p in joined if p.client]


def test_the_position_reaches_the_head_and_then_nothing_is_left_to_do(ledger: Ledger) -> None:
    follower = ledger.follower()
    ledger.history(STEPS[:4])
    follow(follower)
    assert ledger.store.tracking("disclosure") == ledger.store.head()
    assert follower.step() == 0


def test_a_follower_that_was_started_anew_at_every_step_tells_the_same(ledger: Ledger, tmp_path: Path) -> None:
    ledger.history(then=lambda: follow(ledger.follower(batch=3)))
    with ledger_in(tmp_path / "other") as other:
        opened(other).history()
        follow(other.follower())
        assert stripped(ledger) == stripped(other)


def test_two_followers_at_once_tell_nothing_twice(ledger: Ledger) -> None:
    one, other = ledger.follower(batch=5), ledger.follower(batch=7)
    one.step()
    other.step()
    ledger.history()
    while one.step() + other.step():
        pass
    assert {name: about_clients(ledger, name) for name in COUNTS} == COUNTS


def test_the_stored_line_has_one_chain_and_one_sequence(ledger: Ledger) -> None:
    ledger.history()
    follow(ledger.follower(batch=9))
    for recipient in ("county", "authority", "kela-payment", "provider-s01"):
        before, told = "", ledger.told(recipient)
        assert told
        for number, publication in enumerate(told, 1):
            assert (publication.sequence, publication.previous_hash) == (number, before), recipient
            before = publication_hash(publication.headers, publication.value)


def test_a_commitment_proves_the_source_to_who_has_the_salt(ledger: Ledger) -> None:
    client = ledger.history(STEPS[:6])
    follow(ledger.follower())
    hashes = {record.header.event_id: record.hash for record in ledger.store.stream(client)}
    events = [
        e for e in ledger.store.opened_all(ledger.store.stream("recipient/authority/1")) if isinstance(e, DisclosureMade)
    ]
    of_client = [event for event in events if event.source_event_id in hashes]
    assert of_client
    for event in of_client:
        text = event.commitment_salt + hashes[event.source_event_id]
        assert event.commitment == hashlib.sha256(text.encode()).hexdigest()
    assert len({event.commitment_salt for event in of_client}) == len(of_client)


def test_a_redelivery_repeats_everything_in_a_fresh_epoch_and_says_where_history_ends(ledger: Ledger) -> None:
    ledger.history()
    follow(ledger.follower())
    first = ledger.told("kela-payment", 1)
    done = ledger.follower().redeliver("kela-payment")
    again = ledger.told("kela-payment", 2)
    assert (done.epoch, done.publications) == (2, len(first))
    assert [(p.id, p.time, p.body, p.client) for p in again] == [(p.id, p.time, p.body, p.client) for p in first]
    assert again[0].history == {"replaces_epoch": 1, "until_sequence": len(first)}
    assert [p.history for p in again[1:]] == [None] * (len(first) - 1)
    assert again[0].previous_hash == ""
    assert again[1].previous_hash == publication_hash(again[0].headers, again[0].value)


def test_after_a_redelivery_elsewhere_the_follower_goes_on_in_the_fresh_epoch(ledger: Ledger) -> None:
    running = ledger.follower()
    steps = list(STEPS)
    ledger.history(steps[:40], then=lambda: follow(running))
    client = next(r.header.stream for r in ledger.store.records(0, 1, ("subject.registered",)))
    told = len(ledger.told("provider-s01", 1))
    ledger.follower().redeliver("provider-s01")
    for _, step in steps[40:]:
        ledger.reach(step.on)
        ledger.ask(step, client)
        follow(running)
    assert len(ledger.told("provider-s01", 1)) == told
    assert about_clients(ledger, "provider-s01") == COUNTS["provider-s01"]
    assert about_clients(ledger, "county") == COUNTS["county"]


def test_a_redelivery_between_a_correction_and_the_next_event_tells_the_correction_once(ledger: Ledger) -> None:
    follower = ledger.follower()
    client = ledger.history(STEPS[:25], then=lambda: follow(follower))
    day = next(fact for fact in ledger.store.pathway(client).facts.values() if fact.name == "attendance.recorded")
    mended = CorrectFact(
        target_event_id=day.event_id,
        correction_reason="wrong_entry",
        new_values={"day_status": "absent_other", "hours": None},
    )
    ledger.say(mended, INSTRUCTOR, client)
    follower.step()
    assert ledger.store.tracking("disclosure") == ledger.store.head()
    ledger.follower().redeliver("kela-payment")
    follow(follower)
    assert [p.kind for p in ledger.told("kela-payment")].count("revised") == 1
    assert [p.type for p in ledger.told("county")].count("fact.corrected.v1") == 1


def test_nothing_can_be_redelivered_to_who_was_told_nothing(ledger: Ledger) -> None:
    with pytest.raises(LookupError):
        ledger.follower().redeliver("fund")


def test_what_was_erased_before_it_was_told_is_passed_over_and_the_others_are_told(ledger: Ledger) -> None:
    client = ledger.history(STEPS[:8])
    case_matter = ledger.store.stream(client)[1].header.matter
    ledger.store.keys.destroy(case_matter)
    follow(ledger.follower())
    assert [p.type for p in ledger.told("county") if p.subject] == ["subject.registered.v1", "benefit_status.changed.v1"]
    assert ledger.store.tracking("disclosure") == ledger.store.head()


def test_an_organisation_that_joins_late_is_told_of_the_clients_that_name_it(ledger: Ledger) -> None:
    follower = ledger.follower()
    new = "0000018-2"
    ledger.say(provider(new, "registered_association", "S-18"), CONTRACTS)
    ledger.say(contract(new, "K-18", "S-18", date(2026, 12, 31)), CONTRACTS)
    client = ledger.history(STEPS[:13])
    ledger.reach(date(2025, 2, 20))
    ledger.say(place(provider_org_id=new, contract_id="K-18", site_id="S-18"), OWN_WORKER, client)
    follow(follower)
    ledger.say(joining(new, "provider", {"provider": "late"}, date(2025, 1, 1)), CONTRACTS)
    follow(follower)
    assert [p.type for p in ledger.told("late")] == [
        "organisation.joined.v1",
        "own_worker.assigned.v1",
        "benefit_status.changed.v1",
        "plan.agreed.v1",
        "decision.issued.v1",
        "placement.proposed.v1",
    ]
    assert "provider.registered.v1" not in [p.type for p in ledger.told("late")]


def stripped(ledger: Ledger) -> dict[str, list[tuple[str, str, dict[str, object]]]]:
    """What was told, references and ids left out: they differ from ledger to ledger."""
    return {
        name: [(kind, type_name, {n: v for n, v in body.items() if not n.endswith("_id")}) for kind, type_name, body in told]
        for name, told in ledger.everything_told().items()
    }
