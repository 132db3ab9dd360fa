"""A redelivery in windows, beside whatever happens meanwhile: what the fresh epoch holds in the end."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from disclosure.ledger import Ledger, follow, ledger_in, opened, transactions
from stories import STEPS

from consumers.disclosed import line_of, live_line_of
from consumers.disclosure import Disclosure
from consumers.wire import publication_of
from domain.chapters.corrections.decisions import CorrectFact
from domain.disclosure.publications import Publication
from domain.events import DisclosureMade, DisclosureWithdrawn
from domain.store import EventStore, SqliteRecorder

PAYER = "kela-payment"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with ledger_in(tmp_path) as made:
        yield opened(made)


def content(told: list[Publication]) -> list[object]:
    return [(p.id, p.kind, p.type, p.time, p.subject, p.body, p.client, p.replaces) for p in told]


def history(told: list[Publication]) -> int:
    assert told[0].history is not None
    assert all(p.history is None for p in told[1:])
    until: int = told[0].history["until_sequence"]
    return until


def first_told(ledger: Ledger, recipient: str) -> list[tuple[str, Publication]]:
    """Every publication that can still be read, with the fact that it speaks of, in the order of the first telling."""
    seen: dict[str, tuple[str, Publication]] = {}
    for record in ledger.store.records(0, 1_000_000):
        event = ledger.store.opened(record)
        of_recipient = record.header.stream.startswith(f"recipient/{recipient}/")
        if of_recipient and isinstance(event, DisclosureMade | DisclosureWithdrawn):
            publication = publication_of(record, event)
            if publication.subject:
                seen.setdefault(publication.id, (event.source_event_id, publication))
    return list(seen.values())


def newest_told(told: list[tuple[str, Publication]]) -> dict[str, Publication]:
    """By fact, the newest that was told of it and not taken back."""
    newest: dict[str, Publication] = {}
    for fact, publication in told:
        newest.pop(fact, None)
        if publication.kind != "withdrawn":
            newest[fact] = publication
    return newest


def corrected(ledger: Ledger, client: str, random_: random.Random, among: int = 1_000) -> CorrectFact | None:
    days = [f for f in ledger.store.pathway(client).facts.values() if f.name == "attendance.recorded"][:among]
    if not days:
        return None
    new = random_.choice([{"day_status": "absent_other", "hours": None}, {"day_status": "present", "hours": 4.5}])
    return CorrectFact(target_event_id=random_.choice(days).event_id, correction_reason="wrong_entry", new_values=new)


class Clients:
    """Several clients who come along AS-1 together, each step on its day."""

    def __init__(self, ledger: Ledger, count: int, place: int = 0) -> None:
        self.ledger = ledger
        self.references = [ledger.history(()) for _ in range(count)]
        self._waiting = ((client, step) for _, step in STEPS for client in list(self.references))
        for _ in range(place * count):
            self.go_on()

    def erased(self, client: str) -> None:
        """Nothing happens to a client any more."""
        self._waiting = (waiting for waiting in list(self._waiting) if waiting[0] != client)

    def go_on(self) -> bool:
        """The next step of the one whose turn it is; whether there was one left."""
        client, step = next(self._waiting, ("", None))
        if step is None:
            return False
        self.ledger.reach(step.on)
        command = step.ask(self.ledger.store.pathway(client)) if callable(step.ask) else step.ask
        key = f"{client}-{self.ledger.store.head()}"
        self.ledger.store.execute(command, step.by, key, client=client, look_ups=dict(step.look_ups))
        return True


# --- One redelivery alone ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [1, 7, 1_000])
def test_in_windows_it_repeats_what_one_transaction_repeats(ledger: Ledger, window: int) -> None:
    ledger.history()
    follow(ledger.follower())
    first = ledger.told(PAYER, 1)
    done = ledger.follower(window=window).redeliver(PAYER)
    assert (done.epoch, done.publications, done.repeated, done.ended) == (2, len(first), len(first), True)
    assert content(ledger.told(PAYER, 2)) == content(first)
    assert history(ledger.told(PAYER, 2)) == len(first)


def test_no_transaction_holds_more_than_a_window(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.history()
    follow(ledger.follower())
    sizes = transactions(monkeypatch)
    done = ledger.follower(window=10).redeliver("county")
    assert sum(sizes) == done.publications > 100
    assert max(sizes) <= 10


def test_it_says_how_far_it_has_come_and_another_that_is_asked_for_meanwhile_is_the_same(ledger: Ledger) -> None:
    ledger.history()
    follow(ledger.follower())
    follower = ledger.follower(window=10)
    begun = follower.begin_redelivery(PAYER)
    whole = len(ledger.told(PAYER, 1))
    assert (begun.epoch, begun.publications, begun.repeated, begun.ended) == (2, whole, 10, False)
    assert follower.repeat(PAYER).repeated == 20
    # when somebody else asks for everything once more
    again = ledger.follower(window=10).begin_redelivery(PAYER)
    assert again == (PAYER, 2, whole, 20, False)
    assert line_of(ledger.store, PAYER).epoch == 2


@pytest.mark.parametrize("window", [1, 25])
def test_the_follower_goes_on_with_a_redelivery_whose_process_was_killed_at_any_window(
    ledger: Ledger, window: int
) -> None:
    ledger.history()
    follow(ledger.follower())
    first = ledger.told(PAYER, 1)
    ledger.follower(window=window).begin_redelivery(PAYER)
    steps = 0
    while live_line_of(ledger.store, PAYER).epoch == 1:
        assert ledger.follower(window=window).step() > 0, "each a process of its own"
        steps += 1
    assert steps >= (len(first) - window) // window
    assert content(ledger.told(PAYER, 2)) == content(first)
    follow(ledger.follower())
    assert ledger.store.tracking("disclosure") == ledger.store.head()


# --- Beside live commands ---------------------------------------------------------------------------------------------


def test_beside_commands_without_end_each_step_tells_what_happened_and_one_window_more(ledger: Ledger) -> None:
    # given two clients, and a redelivery of all that the county was told of them
    clients = Clients(ledger, 2, place=50)
    follower = ledger.follower(window=5)
    follow(follower)
    progress = follower.begin_redelivery("county")
    position = ledger.store.tracking("disclosure")
    # when something is recorded before every window
    while not progress.ended:
        assert clients.go_on()
        before = progress
        assert follower.step() > 0
        # then it was told, and a window was repeated
        progress = follower.progress_of("county")
        assert ledger.store.tracking("disclosure") > position
        assert progress.repeated > before.repeated or progress.repeated == progress.publications
        position = ledger.store.tracking("disclosure")
    follow(follower)
    assert content(ledger.told("county", 2)) == content(ledger.told("county", 1))


def test_what_happens_meanwhile_follows_behind_the_history_and_is_then_told_in_the_fresh_epoch(ledger: Ledger) -> None:
    follower = ledger.follower(window=5)
    client = ledger.history(STEPS[:40], then=lambda: follow(follower))
    before = ledger.told("provider-s01", 1)
    begun = follower.begin_redelivery("provider-s01")
    for _, step in STEPS[40:]:
        ledger.reach(step.on)
        ledger.ask(step, client)
        follower.step()
    follow(follower)
    told, old = ledger.told("provider-s01", 2), ledger.told("provider-s01", 1)
    assert begun.publications == history(told) == len(before)
    assert content(told[: len(before)]) == content(before)
    assert len(old) > len(before), "what happened before the line went over"
    assert content(told[: len(old)]) == content(old)
    assert len(told) > len(old), "what happened after"
    assert [p.sequence for p in told] == list(range(1, len(told) + 1))


def test_what_is_withdrawn_meanwhile_is_not_repeated_after_it_and_history_has_its_end(ledger: Ledger) -> None:
    # given a payer that was told of the days
    follower = ledger.follower(window=5)
    client = ledger.history(STEPS[:60], then=lambda: follow(follower))
    told_before = len(ledger.told(PAYER, 1))
    begun = follower.begin_redelivery(PAYER)
    case_matter = ledger.store.stream(client)[1].header.matter
    # when the case's key is destroyed before most of it was repeated
    ledger.store.keys.destroy(case_matter)
    follow(follower)
    # then nothing of it went out any more, what was promised is there, and the line goes on
    records = ledger.store.stream(f"recipient/{PAYER}/2")
    assert len(records) == begun.publications == told_before
    assert case_matter not in {record.header.matter for record in records[begun.repeated :]}
    assert live_line_of(ledger.store, PAYER).epoch == 2


# --- One at a time ----------------------------------------------------------------------------------------------------


def test_two_who_repeat_the_same_at_once_repeat_nothing_twice(ledger: Ledger) -> None:
    ledger.history()
    one, other = ledger.follower(window=4), ledger.follower(window=6)
    follow(one)
    first = ledger.told(PAYER, 1)
    one.begin_redelivery(PAYER)
    while one.step() + other.step():
        pass
    assert content(ledger.told(PAYER, 2)) == content(first)


def test_redeliveries_to_several_recipients_take_turns(ledger: Ledger) -> None:
    ledger.history()
    follower = ledger.follower(window=10)
    follow(follower)
    for recipient in (PAYER, "county"):
        follower.begin_redelivery(recipient)
    follower.step()
    follower.step()
    assert [ledger.follower().begin_redelivery(name).repeated for name in (PAYER, "county")] == [20, 20]
    follow(follower)
    assert [live_line_of(ledger.store, name).epoch for name in (PAYER, "county")] == [2, 2]


@pytest.mark.parametrize("kept", ["nothing", "what was true before"])
def test_where_the_tables_do_not_agree_the_events_say_how_far_it_has_come(
    ledger: Ledger, tmp_path: Path, kept: str
) -> None:
    """Tables were made anew from the topic, or came from a backup and the events behind it from the topic."""
    follower = ledger.follower(window=5)
    client = ledger.history(STEPS[:60], then=lambda: follow(follower))
    follower.begin_redelivery(PAYER)
    before = ledger.store.tracking(f"disclosure/repeated/{PAYER}")
    for _, step in STEPS[60:64]:
        follower.step()
        ledger.reach(step.on)
        ledger.ask(step, client)
    follower.step()
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as tables:
        if kept == "nothing":
            tables.execute("DELETE FROM tracking WHERE application_name LIKE 'disclosure/%'")
        else:
            tables.execute("UPDATE tracking SET notification_id = ? WHERE application_name LIKE '%/repeated/%'", (before,))
    fresh = EventStore(SqliteRecorder(tmp_path / "ledger.db"), ledger.store.keys, ledger="test")
    try:
        follow(Disclosure(fresh, ledger.vault, window=5))
        assert live_line_of(fresh, PAYER).epoch == 2
    finally:
        fresh.close()
    assert content(ledger.told(PAYER, 2)) == content(ledger.told(PAYER, 1))


def test_a_redelivery_of_a_ledger_written_by_an_older_version_is_a_complete_one(ledger: Ledger, tmp_path: Path) -> None:
    """An older version wrote a fresh epoch at once, and kept nothing of how far it had come."""
    ledger.history()
    follower = ledger.follower()
    follow(follower)
    follower.redeliver(PAYER)
    follow(follower)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as tables:
        tables.execute("DELETE FROM tracking WHERE application_name LIKE 'disclosure/%'")
    fresh = EventStore(SqliteRecorder(tmp_path / "ledger.db"), ledger.store.keys, ledger="test")
    try:
        head = fresh.head()
        follow(Disclosure(fresh, ledger.vault))
        assert live_line_of(fresh, PAYER).epoch == 2
        assert fresh.head() == head, "nothing is told or repeated"
    finally:
        fresh.close()
