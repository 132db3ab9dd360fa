"""The clerk: what nobody has sent by the end of its due day is sent, once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from house import House, house_after
from stories import FIRST, OPERATOR, OWN_WORKER, last

from consumers.clerk import Clerk
from domain.chapters.ledgers.decisions import AdvanceClock
from domain.chapters.notices.decisions import SendNotification


@pytest.fixture
def started(tmp_path: Any) -> Iterator[House]:
    """AS-1 on the day on which the period started; the notice to the employment authority is due."""
    with house_after("12 started", tmp_path) as home:
        yield home


def sent(home: House) -> list[Any]:
    return [notice.sent for notice in home.pathway.notices.values() if notice.sent]


def next_day(home: House) -> None:
    home.execute(AdvanceClock(to_at=home.wired.store.now() + timedelta(days=1)), OPERATOR)


def test_nothing_is_sent_on_the_due_day_itself(started: House) -> None:
    clerk = Clerk(started.wired.store, started.wired.vault)
    assert clerk.step() == started.wired.store.head()
    assert clerk.is_at_head
    assert sent(started) == []


def test_what_nobody_sent_goes_out_the_day_after(started: House) -> None:
    clerk = Clerk(started.wired.store, started.wired.vault)
    clerk.step()
    next_day(started)
    assert not clerk.is_at_head
    while clerk.step():
        pass
    assert clerk.is_at_head
    [notice] = sent(started)
    assert notice.event.notification_kind == "start"
    assert notice.occurred_on == FIRST + timedelta(days=1)
    assert (notice.actor_role, notice.actor_person) == ("system", "system")


def test_what_a_worker_has_sent_is_not_sent_again(started: House) -> None:
    started.execute(SendNotification(notification_id=last(started.pathway.notices)), OWN_WORKER, client=started.aino)
    clerk = Clerk(started.wired.store, started.wired.vault)
    next_day(started)
    while clerk.step():
        pass
    [notice] = sent(started)
    assert notice.actor_person == OWN_WORKER.person


def test_two_clerks_send_each_notice_once(started: House) -> None:
    first, second = Clerk(started.wired.store, started.wired.vault), Clerk(started.wired.store, started.wired.vault)
    next_day(started)
    first._read_on()
    second._read_on()
    assert first.step() == 1
    assert second.step() >= 1
    assert len(sent(started)) == 1


def test_a_clerk_that_is_started_again_reads_its_list_from_the_feed(started: House) -> None:
    next_day(started)
    while Clerk(started.wired.store, started.wired.vault, window=3).step() == 0:
        pass
    clerk = Clerk(started.wired.store, started.wired.vault, window=3)
    while clerk.step():
        pass
    head = started.wired.store.head()
    again = Clerk(started.wired.store, started.wired.vault, window=3)
    while again.step():
        pass
    assert started.wired.store.head() == head
    assert len(sent(started)) == 1


def test_a_notice_that_is_refused_is_refused_once(started: House, monkeypatch: pytest.MonkeyPatch) -> None:
    store = started.wired.store
    monkeypatch.setattr(type(store.pathway(started.aino)), "employment_authority", lambda pathway, on: None)
    next_day(started)
    clerk = Clerk(store, started.wired.vault)
    while clerk.step():
        pass
    refused = store.records(0, 10_000, ["command.refused"])
    assert [store.opened(record).codes[0].code for record in refused] == ["E_RECIPIENT"]  # type: ignore[union-attr]
    again = Clerk(store, started.wired.vault)
    while again.step():
        pass
    assert len(store.records(0, 10_000, ["command.refused"])) == 1


def test_the_day_is_that_of_helsinki(started: House) -> None:
    clerk = Clerk(started.wired.store, started.wired.vault)
    clerk.step()
    midnight = started.wired.store.now().replace(hour=21, minute=59)
    started.execute(AdvanceClock(to_at=midnight), OPERATOR)
    assert clerk.is_at_head
    started.execute(AdvanceClock(to_at=midnight + timedelta(minutes=1)), OPERATOR)
    assert started.wired.store.today() == date(2025, 3, 4)
    assert not clerk.is_at_head
