"""What stands in the fresh epoch of a redelivery, for somebody who follows it: neither more nor less than what holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from disclosure.ledger import Ledger, follow, ledger_in, opened, transactions
from disclosure.test_redelivery import PAYER, first_told, newest_told
from disclosure.told import held_by_an_agency
from stories import EXPERT, FUND, INSTRUCTOR, STEPS, subsidy

from consumers import disclosed
from consumers.disclosed import line_of, live_line_of
from consumers.disclosure import Disclosure
from domain.chapters.corrections.decisions import CorrectFact
from domain.disclosure.kept import Held
from domain.disclosure.publications import Publication
from domain.events import DisclosureRevised
from domain.pathway import Fact
from domain.store import EventStore
from projections.disclosure_audit import rerun_disclosures


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with ledger_in(tmp_path) as made:
        yield opened(made)


def days_of(ledger: Ledger, client: str) -> list[Fact]:
    return [fact for fact in ledger.store.pathway(client).facts.values() if fact.name == "attendance.recorded"]


def told_of(ledger: Ledger, follower: Disclosure) -> str:
    """A client of whom days were told."""
    client = ledger.history(STEPS[:60])
    follow(follower)
    return client


def correct(ledger: Ledger, client: str, day: Fact, status: str = "absent_other", hours: float | None = None) -> None:
    new = {"day_status": status, "hours": hours}
    ledger.say(
        CorrectFact(target_event_id=day.event_id, correction_reason="wrong_entry", new_values=new), INSTRUCTOR, client
    )


def replace_the_payer(ledger: Ledger, client: str, day: Fact) -> None:
    """Somebody else pays, from that day on."""
    ask = subsidy(benefit="earnings_related_allowance", payer_org_id=FUND, from_on=day.occurred_on)
    ledger.say(ask, EXPERT, client)


def facts_held(ledger: Ledger, recipient: str, told: list[Publication]) -> list[str]:
    """The facts that stand in a line for whoever follows it; one that stands twice is there twice."""
    facts = {publication.id: fact for fact, publication in first_told(ledger, recipient)}
    return sorted(facts[id] for id, publication in held_by_an_agency(told).items() if publication.subject)


def lawful_facts(ledger: Ledger, recipient: str) -> list[str]:
    return sorted(newest_told(first_told(ledger, recipient)))


def audited(ledger: Ledger) -> list[tuple[str, ...]]:
    records = ledger.store.records(0, 1_000_000)
    return [one.differences for one in rerun_disclosures(records, ledger.store.opened) if one.same is False]


# --- What was revised or withdrawn meanwhile ------------------------------------------------------------------------------


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("repeated", [5, 1_000])
def test_what_was_revised_and_is_withdrawn_during_a_redelivery_does_not_stand_in_the_fresh_epoch(
    ledger: Ledger, restarted: bool, repeated: int
) -> None:
    # given a payer that was told a day, and that it was another one
    follower = ledger.follower(window=5)
    client = told_of(ledger, follower)
    day = days_of(ledger, client)[0]
    correct(ledger, client, day)
    follow(follower)
    # when it is replaced from that day on while the first telling of it was repeated and its revision was not
    progress = follower.begin_redelivery(PAYER)
    while progress.repeated < min(repeated, progress.publications - 1):
        progress = follower.repeat(PAYER)
    replace_the_payer(ledger, client, day)
    follower._step()
    follow(ledger.follower(window=5) if restarted else follower)
    # then nothing of the days stands in the fresh epoch
    assert facts_held(ledger, PAYER, ledger.told(PAYER, 2)) == lawful_facts(ledger, PAYER)
    assert day.event_id not in lawful_facts(ledger, PAYER)
    assert audited(ledger) == []


def test_what_was_told_again_meanwhile_takes_the_place_of_what_stands(ledger: Ledger) -> None:
    # given a redelivery that has repeated a day and skipped its revision, because it was withdrawn by then
    follower = ledger.follower(window=1)
    client = told_of(ledger, follower)
    first, *_ = days_of(ledger, client)
    correct(ledger, client, first)
    correct(ledger, client, first, "present", 4.5)
    follow(follower)
    follower.begin_redelivery(PAYER)
    whole = ledger.store.opened_all(ledger.store.stream(f"recipient/{PAYER}/1"))
    revised = [number for number, event in enumerate(whole, 1) if isinstance(event, DisclosureRevised)]
    while len(ledger.told(PAYER, 2)) < revised[0] - 1:
        follower.repeat(PAYER)
    replace_the_payer(ledger, client, first)
    follower._step()
    follower.repeat(PAYER)
    # when it is paid by it again before the second revision was come to
    ledger.say(subsidy(from_on=first.occurred_on), EXPERT, client)
    follow(follower)
    # then each day stands once
    assert facts_held(ledger, PAYER, ledger.told(PAYER, 2)) == lawful_facts(ledger, PAYER)
    assert first.event_id in lawful_facts(ledger, PAYER)
    assert audited(ledger) == []


def test_what_is_corrected_during_a_redelivery_takes_the_place_of_the_newest_and_not_of_what_was_repeated(
    ledger: Ledger,
) -> None:
    # given a redelivery that has come behind the first telling of a day, and not to its revision
    follower = ledger.follower(window=5)
    client = told_of(ledger, follower)
    day = days_of(ledger, client)[0]
    correct(ledger, client, day)
    follow(follower)
    told = ledger.told(PAYER, 1)
    revised = next(p for p in told if p.kind == "revised")
    first = next(p for p in told if p.id == revised.replaces)
    follower.begin_redelivery(PAYER)
    while len(ledger.told(PAYER, 2)) < first.sequence:
        follower.step()
    assert len(ledger.told(PAYER, 2)) < revised.sequence
    # when the day is corrected once more, after a restart
    follower = ledger.follower(window=5)
    correct(ledger, client, day, "present", 4.5)
    follow(follower)
    # then one telling of it stands
    newest = [p for p in ledger.told(PAYER, 2) if p.kind == "revised"][-1]
    assert newest.replaces == revised.id
    assert facts_held(ledger, PAYER, ledger.told(PAYER, 2)) == lawful_facts(ledger, PAYER)
    assert audited(ledger) == []


def test_a_sender_is_told_the_newest_telling_of_a_fact_also_during_a_redelivery(ledger: Ledger) -> None:
    follower = ledger.follower(window=5)
    client = told_of(ledger, follower)
    day = days_of(ledger, client)[0]
    correct(ledger, client, day)
    follow(follower)
    newest = next(p for p in ledger.told(PAYER, 1) if p.kind == "revised")
    follower.begin_redelivery(PAYER)
    while not any(p.id == newest.replaces for p in ledger.told(PAYER, 2)):
        follower.repeat(PAYER)
    recipient = ledger.store.directory.recipients[PAYER]
    told = ledger.store._known.told([day.event_id], ledger.store.pathway(client), recipient)
    assert told == {day.event_id: newest.id}


def test_the_audit_finds_what_stands_beside_what_should_have_taken_its_place(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a redelivery that withdraws by the name that was told first, whatever stands
    monkeypatch.setattr("consumers.lawful._in_place_of", lambda stands, event: event)
    test_what_happens = test_what_was_revised_and_is_withdrawn_during_a_redelivery_does_not_stand_in_the_fresh_epoch
    with pytest.raises(AssertionError):
        test_what_happens(ledger, False, 5)
    (found,) = audited(ledger)
    assert "stands beside it" in found[0]


def test_a_redelivery_puts_right_what_an_older_version_had_revise_the_wrong_telling(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a day of which two tellings stand, because the second correction replaced what a redelivery had repeated
    follower = ledger.follower(window=5)
    client = told_of(ledger, follower)
    day = days_of(ledger, client)[0]
    correct(ledger, client, day)
    follow(follower)
    first = next(p for p in ledger.told(PAYER, 1) if p.kind == "revised").replaces
    correct(ledger, client, day, "present", 4.5)
    with monkeypatch.context() as older:
        held = disclosed.held_of

        def as_before(told: Any) -> dict[str, dict[str, Held]]:
            found = held(told)
            if one := found.get(PAYER, {}).get(day.event_id):
                event = one.event.model_copy(update={"publication_id": first})
                found[PAYER][day.event_id] = one._replace(event=event)
            return found

        older.setattr(disclosed, "held_of", as_before)
        follow(ledger.follower())
    assert facts_held(ledger, PAYER, ledger.told(PAYER, 1)).count(day.event_id) == 2
    assert len(audited(ledger)) == 1
    # when everything is repeated
    ledger.follower().redeliver(PAYER)
    # then one stands, and the audit names what was told first alone
    assert facts_held(ledger, PAYER, ledger.told(PAYER, 2)) == lawful_facts(ledger, PAYER)
    assert len(audited(ledger)) == 1


# --- How much is done at once ---------------------------------------------------------------------------------------------


def test_to_begin_opens_a_window_and_what_was_told_where_something_was_withdrawn(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.history()
    follow(ledger.follower())
    follower = ledger.follower(window=10)
    told = len(ledger.told("county", 1))
    read: list[int] = []
    opened_all = EventStore.opened_all

    def counted(store: EventStore, records: list[object]) -> list[object]:
        read.append(len(records))
        return opened_all(store, records)  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(EventStore, "opened_all", counted)
    begun = follower.begin_redelivery("county")
    assert begun.publications == told
    assert sum(read) < 30 < told


def test_what_stands_for_the_erased_goes_out_in_windows_too(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a redelivery after whose first window the case's key is destroyed
    client = ledger.history(STEPS[:60])
    follow(ledger.follower())
    follower = ledger.follower(window=4)
    begun = follower.begin_redelivery(PAYER)
    ledger.store.keys.destroy(ledger.store.stream(client)[1].header.matter)
    # when another process goes on with it
    sizes = transactions(monkeypatch)
    follow(ledger.follower(window=4))
    # then history comes to its end, though nobody can read any more where that is, and no window was larger than another
    assert max(sizes) <= 4
    assert live_line_of(ledger.store, PAYER).epoch == 2
    assert line_of(ledger.store, PAYER).sequence == begun.publications
    assert ledger.follower().progress_of(PAYER) == (PAYER, 2, begun.publications, begun.publications, True)
