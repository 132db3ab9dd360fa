"""A ledger's parts: how far roles are behind, who owns the embedded broker, what another process sees."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from house import House, house
from stories import COUNTY, OPERATOR

from consumers import wire
from consumers.disclosed import LINES
from consumers.late import AFTER, UPTO, WALKED
from consumers.lost_ends import note_of
from consumers.projector import place_of
from consumers.relay import TRACKING
from deploy.commands.rebuilding import take_over_positions
from deploy.feed import feed_of_store, feed_of_topic, follower_of, records_of
from deploy.migration import ledger_file, migrate
from deploy.roles import HALTS
from deploy.settings import Settings, WrongSetting
from deploy.wiring import BEFORE_THE_CLOCK, InUse, open_ledger_parts, open_recorder, opened
from domain.chapters.ledgers.decisions import OpenLedger
from domain.record import Damaged
from domain.store import NoLedger, NotMigrated, StoreWentBack
from projections.audit import rerun_decisions, verify_chains


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def lived(home: Path) -> Iterator[House]:
    with house(home) as one:
        one.until("12")
        yield one


def settings(home: Path) -> Settings:
    return Settings(home=home, ledger="house")


def test_nothing_lags_once_all_has_settled(lived: House) -> None:
    lived.settle()
    assert lived.wired.lag() == dict.fromkeys((*BEFORE_THE_CLOCK, "projector"), 0)
    assert lived.wired.lagging() == []


def test_the_clock_waits_for_what_was_recorded_and_not_yet_published(lived: House) -> None:
    assert set(lived.wired.lagging()) == {"disclosure", "relay"}
    assert lived.wired.lag()["relay"] == lived.wired.store.head()


def test_the_clock_waits_for_a_message_that_has_come_and_not_been_answered(lived: House) -> None:
    lived.settle()
    lived.send("provider-s01", "m-1", "record_attendance.v1", {"client": "nobody"})
    assert lived.wired.lagging() == ["intake"]


def test_the_clock_waits_for_what_is_answered_while_it_is_asked_who_is_behind(
    lived: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given that intake answers the last message just before it is asked
    lived.settle()
    behind = lived.wired.intake.behind

    def answering() -> int:
        while behind():
            lived.wired.intake.step()
        return 0

    lived.send("provider-s01", "m-9", "record_attendance.v1", {})
    monkeypatch.setattr(lived.wired.intake, "behind", answering)
    lagging = lived.wired.lagging()
    # then it is behind no more, and whoever has to tell of it is
    assert "intake" not in lagging
    assert {"disclosure", "relay"} <= set(lagging)


def test_a_live_ledger_tells_nothing_before_it_is_known_where_its_schemas_are(home: Path) -> None:
    with opened(settings(home), wait_s=0) as wired:
        opening = OpenLedger(organiser_org_id=COUNTY, mode="live", occurred_on=date(2025, 1, 2))
        assert wired.store.execute(opening, OPERATOR, "open").status == "recorded"
        for role in ("disclosure", "relay", "intake"):
            with pytest.raises(WrongSetting, match="KUTY_SCHEMAS_ADDRESS is not set"):
                wired.role(role)
    with opened(replace(settings(home), schemas_address="https://kuty.example"), wait_s=0) as wired:
        assert wired.disclosure.step() > 0


def test_who_sends_beyond_this_machine_says_where_schemas_are_in_a_simulated_ledger_too(home: Path) -> None:
    """What stands in a publication for good led each agency to its own machine."""
    kafka = {"kafka": "kafka.example:9094", "kafka_security": "SSL"}
    with opened(settings(home), wait_s=0) as wired:
        for role in ("disclosure", "relay", "intake"):
            with pytest.raises(WrongSetting, match="KUTY_SCHEMAS_ADDRESS is not set"):
                replace(wired, settings=replace(wired.settings, **kafka)).role(role)
        # and who only counts how far it is needs no address
        assert wired.lag()["intake"] == 0


def test_the_clock_waits_for_a_notice_that_is_overdue(home: Path) -> None:
    with house(home) as one:
        # given a period that started, whose notice to the employment authority nobody has sent
        one.until("12 started").settle()
        # when its due day is over
        one.on(date(2025, 3, 4))
        # then the clerk has to send it first
        assert "clerk" in one.wired.lagging()
        one.settle()
        assert one.wired.lagging() == []


def test_the_projector_lags_by_what_the_broker_has_taken(lived: House) -> None:
    wired = lived.wired
    while wired.disclosure.step() or wired.relay.step():
        pass
    assert wired.lag()["projector"] > 0
    lived.settle()
    assert wired.lag()["projector"] == 0


def test_a_recipient_whose_topic_is_left_out_lags_by_what_was_told_since(lived: House) -> None:
    lived.settle()
    wired, topic = lived.wired, wire.out_topic("house", "county")
    wired.store.place({note_of(TRACKING, topic): 5 + 1})
    lags = wired.lags.of_models(wired.recipients())
    assert {name: records for name, records in lags.items() if records} == {"county": wired.store.head() - 5}
    wired.store.place({note_of(TRACKING, topic): 0})
    assert not any(wired.lag().values())


def test_a_model_of_which_was_noted_too_little_is_asked_itself(lived: House) -> None:
    lived.settle()
    wired = lived.wired
    topic = wire.out_topic("house", "county")
    # when what was noted is older than what the model has
    wired.store.place({place_of(topic): 1})
    # then nobody seems behind who is not
    assert wired.lag()["projector"] == 0
    assert wired.store.trackings([place_of(topic)]) == {place_of(topic): 1}


def test_a_recipient_more_is_no_question_more(lived: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumers.projector.NOTE_S", 0.0)
    lived.settle()
    wired, asked = lived.wired, Counter[str]()

    def counted(part: object, name: str) -> None:
        method = getattr(part, name)
        monkeypatch.setattr(part, name, lambda *given: asked.update([name]) or method(*given))

    for name in ("tracking", "trackings", "acknowledged_ends", "head"):
        counted(wired.store, name)
    for name in ("end_offsets", "topics"):
        counted(wired.broker, name)
    counted(wired.models, "of")
    # when it is asked how far everybody is behind
    assert not any(wired.lag().values())
    # then of all models and of all topics at once
    assert len(wired.recipients()) > 5
    assert asked == {"head": 3, "tracking": 2, "trackings": 2, "acknowledged_ends": 1, "end_offsets": 1}


def test_the_embedded_broker_has_one_owner(lived: House, home: Path) -> None:
    lived.settle()
    other = open_ledger_parts(settings(home))
    assert other.store.head() == lived.wired.store.head()
    with pytest.raises(InUse, match="another process has the ledger"):
        _ = other.broker
    other.close()


def test_the_owner_gives_the_broker_back(home: Path) -> None:
    for _ in ("once", "again"):
        with opened(settings(home)) as wired:
            assert wired.broker.topics() == {}


def test_a_ledger_without_tables_is_not_opened(home: Path) -> None:
    with pytest.raises(NotMigrated):
        open_ledger_parts(settings(home))
    migrate(settings(home))
    migrate(settings(home))
    open_ledger_parts(settings(home)).close()


def test_the_feed_is_the_same_from_the_store_and_from_the_topic_alone(lived: House, home: Path) -> None:
    lived.settle()
    stored = feed_of_store(lived.wired)
    with feed_of_topic(settings(home)) as published:
        assert list(published.records()) == list(stored.records())
        assert [r.state for r in published.records()] == [r.state for r in stored.records()]
        assert verify_chains(published.records(), published.opened) == []
        assert list(stored.amiss()) == []
        reruns = rerun_decisions(published.records(), published.opened, published.decision)
    assert {rerun.same for rerun in reruns} == {True}


def test_a_topic_with_a_hole_is_not_a_feed(lived: House) -> None:
    lived.settle()
    broker, topic = lived.wired.broker, wire.events_topic("house")
    reads = broker.read(topic, 0, 10_000)
    assert len(list(records_of(broker, topic))) == len(reads)
    broker.append_again(topic, 3)
    assert len(list(records_of(broker, topic))) == len(reads)
    broker.delete_before({topic: 5})
    with pytest.raises(Damaged, match=r"position 1 of .* is missing, 6 is there"):
        list(records_of(broker, topic))


def test_a_restored_store_goes_on_where_it_is_and_finds_out_what_no_table_knows(lived: House) -> None:
    lived.settle()
    store, topic = lived.wired.store, wire.in_topic("house", "kela-payment")
    store.place({LINES: 4, UPTO: 7, WALKED: 5, topic: 3})
    take_over_positions(lived.wired)
    assert [store.tracking(name) for name in (LINES, AFTER, UPTO, WALKED, topic)] == [0, 1, 0, 0, 3]


def test_a_store_rebuilt_from_its_topic_is_equal_and_goes_on(lived: House, home: Path, tmp_path: Path) -> None:
    lived.settle()
    place = Settings(home=tmp_path / "rebuilt", ledger="house")
    migrate(place)
    fresh = open_ledger_parts(place, apart=settings(home), broker=lived.wired.broker)
    with feed_of_topic(settings(home)) as published:
        count = fresh.store.append_raw(published.records(), follower_of)
    present = lived.wired.store
    assert count == present.head()
    assert [r.state for r in fresh.store.records(0, count)] == [r.state for r in present.records(0, count)]
    assert fresh.store.tracking("disclosure") > 0
    assert fresh.store.directory.organiser == COUNTY
    assert fresh.disclosure.step() >= 0
    assert fresh.store.head() == present.head(), "nobody is told anything twice"
    fresh.close()


def test_a_ledger_whose_file_is_older_than_its_topic_takes_nothing(home: Path) -> None:
    """Design D21: also after everything was started again."""
    ledger = ledger_file(settings(home))
    with house(home) as one:
        one.until("12").settle()
        older = ledger_copy(ledger, home / "older.db")
        head = one.wired.store.head()
        one.on(date(2025, 3, 20))
        one.settle()
        waits = {"client": "nobody", "period_id": "p", "day_status": "present", "hours": 4}
        one.send("provider-s01", "m-waits", "record_attendance.v1", waits)
    # when an older file is put in its place and everything is started again
    newer = ledger_copy(ledger, home / "newer.db")
    clock = {"to_at": "2025-04-01T09:00:00Z"}
    ledger_copy(older, ledger)
    with house(home) as again:
        assert again.wired.store.head() == head
        answer = again.post("/clock", OPERATOR, clock)
        assert (answer.status_code, answer.json()["codes"][0]["code"]) == (503, "E_UNAVAILABLE")
        # Intake, too: what has come waits in its topic.
        for role in ("intake", "clerk", "disclosure", "relay"):
            with pytest.raises(HALTS):
                again.wired.role(role).step()
    # when the right one is there again, then it goes on
    ledger_copy(newer, ledger)
    with house(home) as again:
        again.settle()
        assert again.post("/clock", OPERATOR, clock).status_code == 201


def ledger_copy(source: Path, target: Path) -> Path:
    """The whole of one file in another one."""
    for rest in ("", "-wal", "-shm"):
        target.with_name(target.name + rest).unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as given, closing(sqlite3.connect(target)) as taken:
        given.backup(taken)
    return target


@pytest.mark.parametrize("offset", [7, 0])
def test_a_store_without_tables_whose_topic_has_records_is_restored_and_not_begun_anew(
    offset: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Topics:
        def __init__(self, *_: object) -> None: ...

        def end_offsets(self, topics: list[str]) -> dict[str, int]:
            return dict.fromkeys(topics, offset)

        def close(self) -> None: ...

    monkeypatch.setattr("deploy.wiring.KafkaBroker", Topics)
    kind, said = (StoreWentBack, "has records, and the tables of .* restore them") if offset else (NoLedger, "no ledger in")
    with pytest.raises(kind, match=said):
        open_recorder(replace(settings(home), kafka="127.0.0.1:9"))
