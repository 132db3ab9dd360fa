"""What each event becomes on the wire: a function of what stood before it, whoever packs it, when and beside what."""

from __future__ import annotations

import random

import pytest
from feed_by_hand import Feed

from consumers import wire
from consumers.outgoing import Outgoing, Packing
from domain.disclosure.pseudonyms import Pseudonyms
from domain.events import CommandRefused


def packing_of(feed: Feed) -> Packing:
    return Packing(feed, lambda name: Pseudonyms(name.encode().ljust(64, b"0")))  # type: ignore[arg-type]


def packed(packing: Packing, feed: Feed, first: int, last: int) -> list[Outgoing]:
    return packing.pack(feed.records(first - 1, last - first + 1))[0]


def answer(feed: Feed, number: int, sender: str = "organiser") -> None:
    answered = CommandRefused(command="start_period", codes=(), content_mac="0" * 64)
    feed.add("refusals/x", answered, number=number, sender=sender)


class Happening:
    """Redeliveries to two recipients, what is told to them meanwhile, and somebody who joins, chosen by a seed."""

    def __init__(self, feed: Feed, chance: random.Random) -> None:
        self.feed, self.chance = feed, chance
        self.newest = {"kela": 1, "county": 1}
        self.joined = False

    def go_on(self) -> None:
        """One thing more."""
        recipient = self.chance.choice(sorted(self.newest))
        match self.chance.randint(0, 7):
            case 0:
                self.newest[recipient] += 1
                self.feed.tell(recipient, epoch=self.newest[recipient])
            case 1 | 2:
                answer(self.feed, 1, sender="benefit_payment")
            case 3 if not self.joined:
                self.joined = True
                self.feed.join("county", "kela", "fund")
            case _:
                self.feed.tell(recipient, epoch=max(1, self.newest[recipient] - self.chance.randint(0, 2)))


@pytest.mark.parametrize("seed", range(8))
def test_what_becomes_of_an_event_does_not_depend_on_what_was_packed_before(feed: Feed, seed: int) -> None:
    chance = random.Random(seed)
    happening, known = Happening(feed, chance), packing_of(feed)
    for _ in range(60):
        # given a feed that grows, and a packing that comes to parts of it in any order
        for _ in range(chance.randint(0, 3)):
            happening.go_on()
        first = chance.randint(1, feed.head())
        last = min(feed.head(), first + chance.choice((0, 0, 2, 10)))
        # when it packs one, then each of its events becomes what it becomes of one who knows nothing
        fresh = [packed(packing_of(feed), feed, position, position) for position in range(first, last + 1)]
        assert packed(known, feed, first, last) == [out for of_one in fresh for out in of_one]


def test_nothing_of_an_epoch_goes_out_behind_the_first_record_of_the_next_one(feed: Feed) -> None:
    """The next one that has a record: an opening of the ledger may have passed over some."""
    for epoch, later in ((1, 0), (2, 1), (3, 2)):
        feed.tell("kela", times=2, epoch=epoch)
        if later:
            feed.tell("kela", epoch=later)
    for seed in range(20):
        # given every event, packed alone, in any order
        positions = list(range(1, feed.head() + 1))
        random.Random(seed).shuffle(positions)
        known = packing_of(feed)
        sent = [out for at in positions for out in packed(known, feed, at, at) if wire.kind_of(out.topic) == "out"]
        # then of each epoch goes out what stands before the next one begins
        lines = [(out.epoch, out.entry.sequence) for out in sorted(sent)]
        assert lines == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]


def test_the_store_is_not_asked_where_a_line_ends_for_each_of_its_publications(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, asked = packing_of(feed), list[str]()
    stream = Feed.stream
    monkeypatch.setattr(Feed, "stream", lambda feed, name, *more: asked.append(name) or stream(feed, name, *more))  # type: ignore[func-returns-value]
    position = 0
    for epoch in (1, 2):
        for _ in range(20):
            feed.tell("kela", epoch=epoch)
            feed.tell("county")
            packed(known, feed, position + 1, feed.head())
            position = feed.head()
    assert len(asked) == 3  # of county's line once, and of each of kela's


def test_who_joined_in_what_another_relay_has_sent_gets_its_receipts(feed: Feed) -> None:
    # given one that knows who had joined, and a feed that another one has sent for a while
    known = packing_of(feed)
    packed(known, feed, 1, feed.head())
    feed.join("county", "kela", "fund")
    feed.tell("kela")
    # when it goes on behind that
    answer(feed, 1, sender="benefit_payment")
    topics = [out.topic for out in packed(known, feed, feed.head(), feed.head())]
    assert topics == [wire.events_topic("demo"), wire.receipts_topic("demo", "fund")]
