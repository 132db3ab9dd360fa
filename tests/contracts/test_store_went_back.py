"""A store that goes back under connections that stay open, on both databases (design D21)."""

import time
from datetime import date, timedelta

import pytest
from store.small_ledger import PROVIDER, WORKER, Ground, RecordDay, Register

from deploy.beside import Abiding
from domain.store import LOOK_AGAIN_S, EpochMoved, EventStore, StoreWentBack


def new_client(store: EventStore) -> str:
    answer = store.execute(Register(), WORKER, "client")
    assert answer.client
    return answer.client


def day(number: int) -> RecordDay:
    return RecordDay(on=date(2025, 1, 1) + timedelta(days=number))


def test_who_wrote_nothing_of_late_takes_nothing_into_tables_that_went_back_under_it(ground: Ground) -> None:
    """Of two processes one stands idle, and no connection of it ends."""
    asked: list[None] = []
    idle, busy = ground.open(patience=5.0), ground.open()
    idle.ask_first(lambda: asked.append(None))
    client = new_client(idle)
    older = ground.kept()
    for n in range(5):
        busy.execute(day(n), PROVIDER, str(n), client=client)
    head = busy.head()
    Abiding(idle).step()
    # when a backup is restored that ends where the idle one was the last to write, then it takes nothing
    ground.restore(older, cut=False)
    for n in range(2):
        with pytest.raises(StoreWentBack, match=f"position {head} was seen, and the database ends at"):
            idle.execute(day(9), PROVIDER, f"idle {n}", client=client)
    assert ground.kept() == older
    # and what was published is asked anew behind a refusal, for what follows begins on a new connection
    assert len(asked) == 2
    idle.close()
    busy.close()


def test_a_fork_that_grows_longer_under_open_connections_is_seen_within_a_second(ground: Ground) -> None:
    store = ground.open()
    store.ask_first(lambda: None)
    client = new_client(store)
    older = ground.kept()
    store.execute(day(0), PROVIDER, "1", client=client)
    moment = time.monotonic() + LOOK_AGAIN_S
    store._recorder.seen.clock = lambda: moment  # type: ignore[attr-defined]
    seen = store.head()
    # given a backup, restored while all connections stay, into which another process has written since, beyond what was seen
    ground.restore(older, cut=False)
    other = ground.open()
    for n in range(3):
        other.execute(day(n), PROVIDER, f"other {n}", client=client)
    other.close()
    # when some of that is read before anybody looks again
    assert [record.position for record in store.records(seen, 10)] == [seen + 1, seen + 2]
    # then nothing is read any more, nor written, after the next look
    moment += LOOK_AGAIN_S + 0.1
    another = f"position {seen} was seen, and the database has another event there"
    for attempt in (
        lambda: store.records(seen, 10), lambda: store.execute(day(5), PROVIDER, "2", client=client), store.check,
        store.check_writing,
    ):  # fmt: skip
        with pytest.raises(StoreWentBack, match=another):
            attempt()
    store.close()


def test_an_epoch_that_is_over_comes_again_in_a_database_that_went_back_alone(ground: Ground) -> None:
    first = ground.open()
    client = new_client(first)
    first.close()
    with ground.asked() as ask:
        ask("UPDATE ledger SET epoch = 2")
    store = ground.open()
    store.execute(day(0), PROVIDER, "1", client=client)
    # when a backup of the epoch before is restored, then the process does not end, and forget what it has seen
    with ground.asked() as ask:
        ask("UPDATE ledger SET epoch = 1")
    back = "this process began in epoch 2, and the database is in epoch 1: a backup was restored"
    with pytest.raises(StoreWentBack, match=back) as refused:
        store.execute(day(1), PROVIDER, "2", client=client)
    assert not isinstance(refused.value, EpochMoved)
    Abiding(store).step()
    # when the right one is back, then it goes on
    with ground.asked() as ask:
        ask("UPDATE ledger SET epoch = 2")
    assert store.execute(day(1), PROVIDER, "2", client=client).status == "recorded"
    store.close()
