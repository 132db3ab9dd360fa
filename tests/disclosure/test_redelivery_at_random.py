"""Redeliveries beside whatever else may happen: who follows the fresh epoch holds in the end what the law says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from disclosure.ledger import Ledger, follow, ledger_in, opened
from disclosure.test_redelivery import Clients, corrected, first_told, newest_told
from disclosure.test_redelivery_beside_openings import open_an_epoch
from disclosure.test_repeated_as_held import facts_held
from disclosure.told import held_by_an_agency
from stories import CONTRACTS, EXPERT, FUND, INSTRUCTOR, KELA, MEMBERS, joining, subsidy

from consumers.disclosed import is_coming, is_told, line_of
from consumers.wire import publication_of
from domain.disclosure.desired import view_of
from domain.disclosure.publications import Publication, publication_hash
from domain.disclosure.reconcile import Client
from domain.events import Erased
from projections.audit import verify_chains
from projections.disclosure_audit import rerun_disclosures

RECIPIENTS = ("kela-payment", "kela-payment", "fund", "county", "provider-s01", "authority")


class World:
    """Some clients, and what happens to them and to whoever tells of them, chosen by a seed."""

    def __init__(self, ledger: Ledger, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.chance = random.Random(seed)
        self.ledger, self._monkeypatch = ledger, monkeypatch
        self.recipient = self.chance.choice(RECIPIENTS)
        self.late = self.chance.random() < 0.4
        opened(ledger, later=KELA if self.late else "")
        self.clients = Clients(ledger, 2, place=self.chance.randint(40, 60))
        self.erased = ""
        self.follower = ledger.follower(batch=self.chance.randint(1, 9))
        if self.chance.random() < 0.7:
            follow(self.follower)

    def go_on(self) -> None:
        """One thing more."""
        chance, ledger = self.chance, self.ledger
        client = chance.choice(self.clients.references)
        match chance.randint(0, 15):
            case 0 | 1:
                self.clients.go_on()
            case 2 | 3 | 4:
                if client != self.erased and (mended := corrected(ledger, client, chance, among=3)):
                    ledger.store.execute(mended, INSTRUCTOR, f"mended-{chance.random()}", client=client)
            case 5 | 6:
                if client != self.erased:
                    self._change_payer(client)
            case 7:
                self.follower = ledger.follower(window=chance.randint(1, 9), walk=1)
            case 8:
                ledger.follower(window=3, walk=1).step()
            case 9 if chance.random() < 0.1 and not self.erased:
                self.erased = client
                ledger.store.keys.destroy(ledger.store.stream(client)[1].header.matter)
                self.clients.erased(client)
            case 10 if chance.random() < 0.3:
                if line_of(ledger.store, self.recipient).sequence:
                    open_an_epoch(ledger, self._monkeypatch, recipient=self.recipient)
                    self.follower = ledger.follower(window=chance.randint(1, 9), walk=1)
            case 11:
                self.repeat()
            case 12 if self.late:
                self.join()
            case _:
                self.follower.step()

    def join(self) -> None:
        """Who pays joins behind the clients."""
        if self.late:
            self.late = False
            self.ledger.say(joining(*next(member for member in MEMBERS if member[0] == KELA)), CONTRACTS)

    def repeat(self) -> None:
        """Everything is asked for once more, and begins when the follower has told what stands in the feed."""
        store = self.ledger.store
        if line_of(store, self.recipient).sequence:
            while not is_told(store, store.head()):
                self.follower.step()
            self.ledger.follower(window=self.chance.randint(1, 9)).begin_redelivery(self.recipient)

    def _change_payer(self, client: str) -> None:
        days = [f.occurred_on for f in self.ledger.store.pathway(client).facts.values() if f.name == "attendance.recorded"]
        if not days:
            return
        fund = {"benefit": "earnings_related_allowance", "payer_org_id": FUND}
        ask = subsidy(from_on=self.chance.choice(days[:5]), **(fund if self.chance.random() < 0.5 else {}))
        self.ledger.store.execute(ask, EXPERT, f"payer-{self.chance.random()}", client=client)

    def lawful(self) -> list[str]:
        """The facts that the recipient may know of those clients of whom everything can be read."""
        store, policy = self.ledger.store, self.follower.policy
        directory, found = store.directory, list[str]()
        for client in self.clients.references:
            if client != self.erased:
                view = view_of(store.pathway(client), directory, policy.kinds)
                changes = Client(view).reconcile(directory, policy, {self.recipient}, "")
                found += [change.fact.event_id for change in changes]
        return sorted(found)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_who_follows_the_fresh_epoch_holds_what_is_lawful_and_each_fact_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    with ledger_in(tmp_path) as ledger:
        # given clients whose histories stand at some place, and a redelivery
        world = World(ledger, seed, monkeypatch)
        world.repeat()
        # when windows, facts, corrections, withdrawals, late joiners, restarts, openings and others come in any order
        for _ in range(60):
            world.go_on()
        world.join()
        follow(world.follower)
        world.repeat()
        for _ in range(12):
            world.go_on()
        follow(ledger.follower())

        # then who follows the newest epoch alone holds each lawful fact once, as it was told last
        recipient, newest = world.recipient, line_of(ledger.store, world.recipient)
        assert not is_coming(ledger.store, newest)
        told = ledger.told(recipient, newest.epoch)
        held = facts_held(ledger, recipient, told)
        newest_of = newest_told(first_told(ledger, recipient))
        assert held == sorted(newest_of)
        of_the_erased = {
            record.header.event_id for record in (ledger.store.stream(world.erased) if world.erased else [])
        }
        assert [fact for fact in held if fact not in of_the_erased] == world.lawful()
        seen = {id: publication for id, publication in held_by_an_agency(told).items() if publication.subject}
        expected = {publication.id: publication for publication in newest_of.values()}
        assert seen.keys() == expected.keys()
        assert [content_of(seen[id]) for id in sorted(seen)] == [content_of(expected[id]) for id in sorted(seen)]
        # and each publication stands there once, those of one client in the order in which they were told first
        rank = {publication.id: number for number, (_, publication) in enumerate(first_told(ledger, recipient))}
        about = [publication for publication in told if publication.subject]
        assert len({publication.id for publication in about}) == len(about)
        for subject in {publication.subject for publication in about}:
            ranks = [rank[publication.id] for publication in about if publication.subject == subject]
            assert ranks == sorted(ranks)
        # and sequence, chain, feed and policy agree
        chain_holds(ledger, newest.stream)
        records = ledger.store.records(0, 1_000_000)
        assert verify_chains(records, ledger.store.opened) == []
        if not world.erased:
            assert [r for r in rerun_disclosures(records, ledger.store.opened) if r.same is False] == []


def content_of(publication: Publication) -> tuple[object, ...]:
    return publication.body, publication.client, publication.time, publication.occurred_on


def chain_holds(ledger: Ledger, stream: str) -> None:
    """Whether each publication of an epoch names the one before, as far as they can be read."""
    before = ""
    records = ledger.store.stream(stream)
    for number, (record, event) in enumerate(zip(records, ledger.store.opened_all(records), strict=True), 1):
        assert record.header.stream_version == number
        if isinstance(event, Erased):
            before = ""
            continue
        publication = publication_of(record, event)
        assert before in ("", publication.previous_hash)
        before = publication_hash(publication.headers, publication.value)
