"""Recipients that join when clients are known: one walk for all who wait, in windows, while life goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from disclosure.ledger import Ledger, follow, ledger_in, opened, transactions
from disclosure.test_redelivery import Clients, content
from stories import CONTRACTS, OWN_WORKER, STEPS, contract, joining, place, provider

from consumers.disclosed import Memory
from consumers.late import AFTER, ONCE_MORE, UPTO, WALKED
from domain.disclosure.publications import Publication
from domain.disclosure.reconcile import Client
from projections.disclosure_audit import rerun_disclosures

NEW = "0000018-2"
LATE = "late"
STRANGERS = ("0000020-3", "0000021-1", "0000023-8", "0000024-6")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with ledger_in(tmp_path) as made:
        opened(made)
        made.say(provider(NEW, "registered_association", "S-18"), CONTRACTS)
        made.say(contract(NEW, "K-18", "S-18", date(2026, 12, 31)), CONTRACTS)
        yield made


def join(ledger: Ledger, org: str = NEW, name: str = LATE) -> None:
    ledger.say(joining(org, "provider", {"provider": name}, date(2025, 1, 1)), CONTRACTS)


def placed_there(ledger: Ledger, count: int) -> list[str]:
    """Clients for whom the organisation is proposed that has not joined."""
    clients = Clients(ledger, count, place=13)
    ledger.reach(date(2025, 2, 20))
    for client in clients.references:
        ledger.say(place(provider_org_id=NEW, contract_id="K-18", site_id="S-18"), OWN_WORKER, client)
    return clients.references


def told_of(ledger: Ledger, client: str, recipient: str = LATE) -> list[Publication]:
    name = ledger.follower().pseudonyms(recipient).of(client)
    return [publication for publication in ledger.told(recipient) if publication.subject == name]


def come_once_more(ledger: Ledger) -> None:
    """A store that was rebuilt from its topic, or brought in line with it, keeps nothing of a walk."""
    with closing(sqlite3.connect(ledger.folder / "ledger.db", isolation_level=None)) as tables:
        tables.execute("DELETE FROM tracking WHERE application_name LIKE 'disclosure/late/%'")
        tables.executemany("INSERT INTO tracking VALUES (?, ?)", ONCE_MORE.items())


WHAT_IS_LAWFUL = [
    "own_worker.assigned.v1",
    "benefit_status.changed.v1",
    "plan.agreed.v1",
    "decision.issued.v1",
    "placement.proposed.v1",
]


@pytest.mark.parametrize("walk", [1, 2, 100])
def test_whoever_joins_late_is_told_of_every_client_that_names_it(ledger: Ledger, walk: int) -> None:
    clients = placed_there(ledger, 5)
    follower = ledger.follower(walk=walk)
    follow(follower)
    join(ledger)
    follow(follower)
    assert all([p.type for p in told_of(ledger, client)] == WHAT_IS_LAWFUL for client in clients)
    assert [ledger.store.tracking(name) for name in (AFTER, UPTO, WALKED)] == [0, 0, 0]


def test_one_walk_goes_through_the_clients_for_all_who_wait(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = placed_there(ledger, 4)
    follower = ledger.follower(walk=2)
    follow(follower)
    # when four organisations of which no client has ever heard join with one that all of them name
    for org in STRANGERS:
        join(ledger, org, f"stranger-{org}")
    join(ledger)
    read: list[str] = []
    reconciled = 0
    looked_at, reconcile = Memory.looked_at, Client.reconcile

    def noted(memory: Memory, reference: str) -> object:
        read.append(reference)
        return looked_at(memory, reference)

    def counted(client: Client, *about: object) -> object:
        nonlocal reconciled
        reconciled += 1
        return reconcile(client, *about)  # type: ignore[arg-type]

    monkeypatch.setattr(Memory, "looked_at", noted)
    monkeypatch.setattr(Client, "reconcile", counted)
    follow(follower)
    # then each client is come to once, for the one alone
    assert reconciled == len(clients)
    assert sorted(set(read)) == sorted(clients)
    assert all(len(told_of(ledger, client)) == len(WHAT_IS_LAWFUL) for client in clients)
    assert all([p.type for p in ledger.told(f"stranger-{org}")] == ["organisation.joined.v1"] for org in STRANGERS)
    # and who joins after them costs no more looks at clients to whom nothing has happened
    read.clear()
    ledger.say(joining("0000025-4", "provider", {"provider": "stranger-more"}, date(2025, 1, 1)), CONTRACTS)
    follow(follower)
    assert read == []


def test_no_transaction_holds_more_than_a_window_and_one_client_more(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed_there(ledger, 6)
    follower = ledger.follower(window=6)
    follow(follower)
    join(ledger)
    sizes = transactions(monkeypatch)
    follow(follower)
    assert max(sizes) < 6 + len(WHAT_IS_LAWFUL)
    assert len(ledger.told(LATE)) == 1 + 6 * len(WHAT_IS_LAWFUL)


def test_a_walk_goes_on_where_a_process_was_killed(ledger: Ledger) -> None:
    clients = placed_there(ledger, 5)
    follow(ledger.follower())
    join(ledger)
    steps = 0
    while ledger.follower(walk=1).step():
        steps += 1
    assert steps >= len(clients)
    assert all([p.type for p in told_of(ledger, client)] == WHAT_IS_LAWFUL for client in clients)


def test_what_happens_to_a_client_while_the_walk_is_on_is_told_once_and_in_its_order(ledger: Ledger) -> None:
    # given six clients, each of whom names who joins
    clients = placed_there(ledger, 6)
    follower = ledger.follower(walk=1, batch=3)
    follow(follower)
    join(ledger)
    steps = [step for _, step in STEPS[13:16]]
    # when something happens to the last and to the first of them between the windows
    for number in range(12):
        client = clients[-1] if number % 2 else clients[0]
        if number < 6:
            step = steps[number // 2]
            ledger.reach(step.on)
            command = step.ask(ledger.store.pathway(client)) if callable(step.ask) else step.ask
            ledger.store.execute(command, step.by, f"{number}", client=client, look_ups=dict(step.look_ups))
        follower.step()
        if number == 5:
            follower = ledger.follower(walk=1)
    follow(follower)
    # then both were told the same, each fact once, as it was recorded
    for client in (clients[0], clients[-1]):
        recorded = {record.header.event_id: record.position for record in ledger.store.stream(client)}
        told = ledger.store.opened_all(ledger.store.stream(f"recipient/{LATE}/1"))
        places = [recorded[one.source_event_id] for one in told if getattr(one, "source_event_id", "") in recorded]  # type: ignore[union-attr]
        assert places == sorted(set(places))
    assert {p.type for p in told_of(ledger, clients[0])} == {p.type for p in told_of(ledger, clients[-1])}
    records = ledger.store.records(0, 1_000_000)
    assert [r for r in rerun_disclosures(records, ledger.store.opened) if r.same is not True] == []


def test_who_joins_while_a_walk_is_on_is_told_by_the_next_one(ledger: Ledger) -> None:
    clients = placed_there(ledger, 5)
    follower = ledger.follower(walk=1)
    follow(follower)
    join(ledger, STRANGERS[0], "stranger")
    follower.step()
    follower.step()
    assert ledger.store.tracking(WALKED) > 0
    join(ledger)
    follow(ledger.follower(walk=1))
    assert all([p.type for p in told_of(ledger, client)] == WHAT_IS_LAWFUL for client in clients)


@pytest.mark.parametrize("come_to", [2, 100])
def test_where_nobody_knows_how_far_a_walk_has_come_it_goes_once_more_and_tells_nothing_twice(
    ledger: Ledger, come_to: int
) -> None:
    clients = placed_there(ledger, 5)
    follower = ledger.follower(walk=1)
    follow(follower)
    join(ledger)
    for _ in range(come_to):
        follower.step()
    come_once_more(ledger)
    follow(ledger.follower(walk=1))
    assert all([p.type for p in told_of(ledger, client)] == WHAT_IS_LAWFUL for client in clients)
    assert [ledger.store.tracking(name) for name in (AFTER, UPTO, WALKED)] == [0, 0, 0]


def test_two_followers_walk_at_once_and_tell_nothing_twice(ledger: Ledger) -> None:
    clients = placed_there(ledger, 5)
    one, other = ledger.follower(walk=1), ledger.follower(walk=2)
    follow(one)
    join(ledger)
    while one.step() + other.step():
        pass
    assert all([p.type for p in told_of(ledger, client)] == WHAT_IS_LAWFUL for client in clients)


def test_a_client_registered_after_the_joining_is_told_at_once(ledger: Ledger) -> None:
    placed_there(ledger, 2)
    follower = ledger.follower(walk=1)
    follow(follower)
    join(ledger)
    follower.step()
    (new,) = Clients(ledger, 1).references
    follow(follower)
    assert [p.type for p in told_of(ledger, new, "county")] == ["subject.registered.v1"]
    assert content(ledger.told(LATE))[0] is not None


@pytest.mark.parametrize(("passed_over", "nobody_waits"), [(0, False), (2, True)])
def test_the_audit_finds_a_late_joiner_who_was_passed_over(
    ledger: Ledger, passed_over: int, nobody_waits: bool
) -> None:
    # given a late joiner who was never told of the first client, or, though nobody waits any more, of the last
    clients = placed_there(ledger, 3)
    follower = ledger.follower()
    follow(follower)
    join(ledger)
    follow(follower)
    records = ledger.store.records(0, 1_000_000)
    lost = {p.id for p in told_of(ledger, clients[passed_over])}
    left = [r for r in records if getattr(ledger.store.opened(r), "publication_id", "") not in lost]
    again = rerun_disclosures(left, ledger.store.opened, waits=(lambda *_: False) if nobody_waits else None)
    wrong = [one for one in again if one.same is False]
    assert {one.recipient for one in wrong} == {LATE}
    # then each telling that is missing is named, but for what follows from where the follower has come just now
    assert len(wrong) == len(WHAT_IS_LAWFUL)
