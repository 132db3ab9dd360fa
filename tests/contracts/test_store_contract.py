"""What both event stores promise, whatever they stand on."""

import asyncio
import gc
import queue
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from typing import Any

import pytest
from store.small_ledger import (
    CASE,
    LEDGER,
    PERIOD,
    PROVIDER,
    SYSTEM,
    WITHIN_S,
    WORKER,
    Clock,
    CorrectHours,
    Ground,
    Join,
    RecordDay,
    Register,
    Stumble,
    kind_of,
)  # fmt: skip

from domain.answers import Answer
from domain.chapters.ledgers.decisions import AdvanceClock, OpenLedger
from domain.commands import ClientCommand
from domain.context import Caller, Draft
from domain.events import (
    AttendanceRecorded,
    CommandRefused,
    DisclosureMade,
    Erased,
    FactCorrected,
    MessageHeld,
    MessageQuarantined,
    MessageSettled,
    NotificationDue,
    SubjectRegistered,
)  # fmt: skip
from domain.fact import Fact
from domain.pathway import Pathway
from domain.receipts import receipt_of, receipt_of_answer
from domain.record import Record
from domain.refusals import Reason
from domain.store import (
    Conflict,
    Content,
    Entries,
    EventStore,
    KeyDestroyed,
    Lost,
    NoLedger,
    PostgresRecorder,
    StoreUnavailable,
    StoreWentBack,
    Token,
    UnknownToken,
)

DEADLINE_S = 60.0


def new_id() -> str:
    return uuid.uuid4().hex


def new_client(store: EventStore) -> str:
    answer = store.execute(Register(), WORKER, new_id())
    assert answer.client
    return answer.client


def day(number: int, **fields: Any) -> RecordDay:
    return RecordDay(on=date(2025, 1, 1) + timedelta(days=number), **fields)


M1, OTHER = Content("record_attendance.v1", b"{}"), Content("record_attendance.v1", b'{"hours":1}')


def held(message_id: str) -> MessageHeld:
    return MessageHeld(
        sender_org_id="s01", sender_task="provider", message_id=message_id, message_type="record_day.v1",
        held_reason="waits_for_reference", held_until_at=datetime(2025, 1, 8, tzinfo=UTC),
    )  # fmt: skip


def whole_feed(store: EventStore) -> list[Record]:
    return store.records(0, 1_000_000)


def test_a_command_is_recorded_with_all_its_events(store: EventStore) -> None:
    # given a client
    client = new_client(store)
    # when a day is recorded that makes a notice due
    answer = store.execute(day(0, notice=True, hours=3.5), PROVIDER, "day-1", client=client)
    # then both facts stand in the client's stream, one behind the other
    assert (answer.status, answer.number, answer.warnings) == ("recorded", 1, ("W_SHORT_DAY",))
    first, second = store.stream(client, after=1)
    assert [(event_id, name) for event_id, name, _ in answer.events] == [
        (first.header.event_id, "attendance.recorded"),
        (second.header.event_id, "notification.due"),
    ]
    assert (second.header.stream_version, second.position) == (answer.stream_version, answer.position) == (3, 3)
    assert second.header.causation == first.header.event_id
    opened, notice = store.opened(first), store.opened(second)
    assert isinstance(opened, AttendanceRecorded)
    assert (opened.hours, opened.case_id) == (3.5, CASE)
    # and the part that began is named
    assert isinstance(notice, NotificationDue)
    assert answer.references == {"notification_id": notice.notification_id}


def test_nothing_of_the_body_stands_in_clear(store: EventStore) -> None:
    client = new_client(store)
    store.execute(day(0), PROVIDER, "day-1", client=client)
    record = store.stream(client)[1]
    assert set(record.sections) == {"A", "E", "decision"}
    for secret in (b"present", PERIOD.encode(), b"hours"):
        assert secret not in record.state


def test_each_event_names_the_hash_of_the_one_before(store: EventStore) -> None:
    client = new_client(store)
    for number in range(5):
        store.execute(day(number, notice=True), PROVIDER, new_id(), client=client)
    previous = ""
    for version, record in enumerate(store.stream(client), 1):
        assert (record.header.stream_version, record.header.previous_hash) == (version, previous)
        assert record.header.to_bytes() == record.header_bytes
        previous = record.hash


def test_a_repeated_command_gets_its_first_answer(store: EventStore) -> None:
    client = new_client(store)
    first = store.execute(day(0), PROVIDER, "day-1", client=client)
    again = store.execute(day(0), PROVIDER, "day-1", client=client)
    assert (again.status, again.first, again.number) == ("already_recorded", "recorded", first.number)
    assert (again.events, again.stream_version) == (first.events, first.stream_version)
    assert store.head() == 2


def test_a_system_repeats_what_it_sent_in_whichever_role_it_speaks_now(store: EventStore) -> None:
    client = new_client(store)
    first = store.execute(day(0), PROVIDER, "day-1", client=client)
    noted = store.refuse([Reason("E_CODE")], PROVIDER, "m1", content=Content("record_day", b"{}")).result(DEADLINE_S)
    renamed = replace(PROVIDER, role="own_worker")
    now = replace(renamed, or_role=(PROVIDER.role,))
    again = store.execute(day(0), now, "day-1", client=client)
    assert (again.status, again.first, again.number) == ("already_recorded", "recorded", first.number)
    refused = store.refuse([Reason("E_CODE")], now, "m1", content=Content("record_day", b"{}")).result(DEADLINE_S)
    assert (refused.status, refused.first, refused.number) == ("already_recorded", "refused", noted.number)
    # Somebody who is asked by name has one role: there another role is another wish.
    assert store.execute(day(0), renamed, "day-1", client=client).codes == (Reason("E_KEY_REUSED"),)
    assert store.execute(day(1), now, "day-1", client=client).codes == (Reason("E_KEY_REUSED"),)


def test_a_used_id_with_other_content_is_refused_and_leaves_no_trace(store: EventStore) -> None:
    client = new_client(store)
    store.execute(day(0), PROVIDER, "day-1", client=client)
    other = store.execute(day(1), PROVIDER, "day-1", client=client)
    assert (other.status, other.codes, other.number) == ("refused", (Reason("E_KEY_REUSED"),), None)
    assert store.head() == 2


def test_two_senders_may_use_the_same_id(store: EventStore) -> None:
    client = new_client(store)
    answers = [store.execute(day(n), caller, "1", client=client) for n, caller in enumerate((PROVIDER, WORKER))]
    assert [answer.status for answer in answers] == ["recorded", "recorded"]


def test_a_refusal_is_an_event_without_the_content(store: EventStore) -> None:
    client = new_client(store)
    store.execute(day(0), PROVIDER, "day-1", client=client)
    # when a rule says no
    answer = store.execute(day(1, at_most=1), PROVIDER, "day-2", client=client)
    # then the codes are kept, numbered in the sender's line
    assert (answer.status, answer.codes, answer.number) == ("refused", (Reason("E_WEEK_DAYS", "/on"),), 2)
    (record,) = store.stream("refusals/s01/provider")
    event = store.opened(record)
    assert isinstance(event, CommandRefused)
    assert (event.command, event.codes[0].pointer, event.subject_ref) == ("record_day", "/on", client)
    assert (record.header.content_hash, record.header.answer_number) == (event.content_mac, 2)
    # and a repeat is refused for the same reason
    again = store.execute(day(1, at_most=1), PROVIDER, "day-2", client=client)
    assert (again.status, again.first, again.codes, again.number) == ("already_recorded", "refused", answer.codes, 2)


def test_who_has_the_wrong_role_is_refused(store: EventStore) -> None:
    stranger = Caller("s01", "provider", "kela_clerk", "x")
    answer = store.execute(day(0), stranger, "1", client=new_client(store))
    assert (answer.status, answer.codes) == ("refused", (Reason("E_NOT_ENTITLED"),))


def test_a_stale_version_is_refused(store: EventStore) -> None:
    client = new_client(store)
    store.execute(day(0), PROVIDER, "1", client=client, expected_version=1)
    stale = store.execute(day(1), PROVIDER, "2", client=client, expected_version=1)
    assert (stale.status, stale.codes) == ("refused", (Reason("E_STALE_IF_MATCH"),))
    # Nothing was judged: nothing is recorded of it, and the id may be used once the record has been read again.
    assert (stale.number, store.head()) == (None, 2)
    fresh = store.execute(day(1), PROVIDER, "2", client=client, expected_version=2)
    assert (fresh.status, fresh.number) == ("recorded", 2)
    again = store.execute(day(1), PROVIDER, "2", client=client, expected_version=2)
    assert (again.status, again.first) == ("already_recorded", "recorded")


def test_a_command_without_effect_takes_no_number(store: EventStore) -> None:
    client = new_client(store)
    store.execute(day(0), PROVIDER, "1", client=client)
    idle = store.execute(day(0), PROVIDER, "2", client=client)
    assert (idle.status, idle.number, idle.events) == ("already_recorded", None, ())
    assert store.execute(day(1), PROVIDER, "3", client=client).number == 2


def test_the_last_answer_to_what_waited_is_recorded_and_numbered_where_nothing_is_left_to_record(store: EventStore) -> None:
    client = new_client(store)
    store.note(held("m1"), PROVIDER, "m1", content=M1).result(DEADLINE_S)
    store.execute(day(0), PROVIDER, "told meanwhile", client=client)
    head = store.head()
    # when what it says has no effect by now, asked dry first
    dry = store.execute(day(0), PROVIDER, "m1", client=client, content=M1, dry_run=True)
    assert (dry.status, dry.number, store.head()) == ("already_recorded", None, head)
    # or by somebody else, whose key it is: he has waited for nothing
    other = store.execute(day(0), replace(PROVIDER, person="i2"), "m1", client=client, content=M1)
    assert (other.status, other.number, store.head()) == ("already_recorded", None, head)
    last = store.execute(day(0), PROVIDER, "m1", client=client, content=M1, input_position=("in", 9))
    # then that is an event, the next in its sender's line
    assert (last.status, last.first, last.number, store.head()) == ("already_recorded", None, 3, head + 1)
    assert store.tracking("in") == 9
    [record] = store.records(head, 10)
    event = store.opened(record)
    assert event == MessageSettled(message_type=M1.type)
    receipt = receipt_of(record, event)
    assert receipt is not None
    assert receipt == receipt_of_answer("m1", M1.type, last)
    assert (receipt.numbered, receipt.codes) == (True, (Reason("IDEMPOTENT"),))
    # and a repeat names it, and records nothing
    again = store.execute(day(0), PROVIDER, "m1", client=client, content=M1)
    assert (again.status, again.first, again.number) == ("already_recorded", "already_recorded", 3)
    repeated = receipt_of_answer("m1", M1.type, again)
    assert (repeated.numbered, repeated.number, repeated.codes) == (False, 3, receipt.codes)
    assert store.head() == head + 1
    assert not store.waits(PROVIDER.sender, "m1")
    assert list(store.amiss(lambda header: None)) == []


def test_a_command_without_effect_keeps_its_id(store: EventStore) -> None:
    """Design D13: its id, a hash of its content and its answer."""
    client = new_client(store)
    store.execute(day(0), PROVIDER, "1", client=client)
    idle = store.execute(day(0), PROVIDER, "2", client=client)
    later = store.execute(day(1), PROVIDER, "3", client=client)
    assert store.execute(day(0), PROVIDER, "2", client=client) == idle
    other = store.execute(day(2), PROVIDER, "2", client=client)
    assert (other.status, other.codes) == ("refused", (Reason("E_KEY_REUSED"),))
    assert [answer.number for _, answer in store.answers(PROVIDER.sender)] == [1, later.number]
    assert store.head() == 3


def test_two_people_of_one_sender_may_use_the_same_id(store: EventStore) -> None:
    """A key belongs to (organisation, task, person); a system's message id to (organisation, task), whoever it names."""
    client = new_client(store)
    other = replace(PROVIDER, person="p-other")
    mine, theirs = (store.execute(day(n), by, "1", client=client) for n, by in enumerate((PROVIDER, other)))
    assert [(mine.status, mine.number), (theirs.status, theirs.number)] == [("recorded", 1), ("recorded", 2)]
    for number, by, first in ((0, PROVIDER, mine), (1, other, theirs)):
        again = store.execute(day(number), by, "1", client=client)
        assert (again.first, again.events) == ("recorded", first.events)
        assert store.execute(day(7), by, "1", client=client).codes == (Reason("E_KEY_REUSED"),)
        kept = store.answer(by.sender, "1", by.person)
        assert kept
        assert kept.events == first.events
    system = replace(PROVIDER, person="p-third", any_person=True)
    assert store.execute(day(3), system, "1", client=client).codes == (Reason("E_KEY_REUSED"),)
    assert store.execute(day(3), system, "m1", client=client).status == "recorded"
    named = replace(system, person="p-fourth")
    assert store.execute(day(3), named, "m1", client=client).codes == (Reason("E_KEY_REUSED"),)


def test_a_dry_run_decides_and_records_nothing(store: EventStore) -> None:
    client = new_client(store)
    tried = store.execute(day(0), PROVIDER, "1", client=client, dry_run=True)
    refused = store.execute(day(0, at_most=0), PROVIDER, "2", client=client, dry_run=True)
    assert (tried.status, tried.number, refused.status, refused.number) == ("recorded", None, "refused", None)
    assert store.head() == 1
    assert store.execute(day(0), PROVIDER, "1", client=client).status == "recorded"


def test_a_mistake_in_one_decision_spares_the_others_of_its_batch(store: EventStore) -> None:
    client = new_client(store)
    pending: list[Future[Answer]] = []
    for number in range(20):
        command = Stumble() if number % 5 == 0 else day(number)
        pending.append(store.submit(command, PROVIDER, new_id(), client=client))
    errors = [future for future in pending if future.exception(DEADLINE_S) is not None]
    assert len(errors) == 4
    assert store.stream_version(client) == 17


def test_answers_are_numbered_without_a_gap_in_each_senders_line(store: EventStore) -> None:
    client = new_client(store)
    for number in range(6):
        caller = PROVIDER if number % 2 else WORKER
        store.execute(day(number, at_most=4), caller, f"m{number}", client=client)
    listed = store.answers(PROVIDER.sender)
    assert [(command_id, answer.number, answer.status) for command_id, answer in listed] == [
        ("m1", 1, "recorded"),
        ("m3", 2, "recorded"),
        ("m5", 3, "refused"),
    ]
    assert store.answers(PROVIDER.sender, after=2)[0][0] == "m5"


def test_a_held_message_waits_and_gets_a_final_answer(store: EventStore) -> None:
    client = new_client(store)
    # given a message that had to wait
    waiting = store.note(held("m1"), PROVIDER, "m1", content=M1, input_position=("in", 7)).result(DEADLINE_S)
    assert (waiting.status, waiting.number, store.tracking("in")) == ("waiting", 1, 7)
    kept = store.answer(PROVIDER.sender, "m1")
    assert kept
    assert kept.status == "waiting"
    # when it comes again, then it waits still
    assert store.note(held("m1"), PROVIDER, "m1", content=M1).result(DEADLINE_S).first == "waiting"
    # when something else comes under its id, then that is refused: the id is taken
    assert store.execute(day(1), PROVIDER, "m1", client=client, content=OTHER).codes == (Reason("E_KEY_REUSED"),)
    # when it can be decided, then it gets a number of its own
    final = store.execute(day(0), PROVIDER, "m1", client=client, content=M1)
    assert (final.status, final.number) == ("recorded", 2)
    kept = store.answer(PROVIDER.sender, "m1")
    assert kept
    assert kept.status == "recorded"


def newest(store: EventStore, command_id: str, by: Caller = PROVIDER) -> tuple[Answer, str] | None:
    return store.newest_answer(by.sender, command_id, by.person)


def test_an_answer_is_that_to_who_asks_for_it_and_only_else_somebody_elses(store: EventStore) -> None:
    client, other = new_client(store), replace(PROVIDER, person="i2")
    store.note(held("m1"), PROVIDER, "m1", content=M1).result(DEADLINE_S)
    recorded = store.execute(day(0), other, "m1", client=client, content=M1)
    assert recorded.status == "recorded"
    told = [newest(store, "m1", by) for by in (PROVIDER, other, replace(PROVIDER, person="i3"))]
    assert [one[0].status for one in told if one is not None] == ["waiting", "recorded", "recorded"]


def test_the_newest_answer_under_an_id_is_the_last_one_of_what_has_waited(store: EventStore) -> None:
    client = new_client(store)
    assert newest(store, "m1") is None
    waiting = store.note(held("m1"), PROVIDER, "m1", content=M1).result(DEADLINE_S)
    assert newest(store, "m1") == (waiting, "")
    assert store.waiting(PROVIDER.sender, ["m0", "m1"]) == [waiting]
    # what somebody else uses for a key, without effect, is no answer to it
    store.execute(day(0), PROVIDER, "told meanwhile", client=client)
    store.execute(day(0), replace(PROVIDER, person="i2"), "m1", client=client, content=M1)
    assert newest(store, "m1") == (waiting, "")
    assert store.waiting(PROVIDER.sender, ["m1"]) == [waiting]
    # and when it has its last one, it is that, and nothing waits any more
    last = store.execute(day(0), PROVIDER, "m1", client=client, content=M1)
    found = newest(store, "m1")
    assert found is not None
    assert (found[0].status, found[0].number) == (last.status, last.number)
    assert store.waiting(PROVIDER.sender, ["m1"]) == []


def test_of_what_had_no_effect_its_type_is_kept(store: EventStore) -> None:
    client = new_client(store)
    store.execute(day(0), PROVIDER, "1", client=client)
    store.execute(day(0), PROVIDER, "2", client=client, content=M1)
    store.execute(day(0), PROVIDER, "3", client=client)
    kept = [newest(store, key) for key in ("1", "2", "3")]
    assert [(one[0].status, one[1]) for one in kept if one is not None] == [
        ("recorded", ""), ("already_recorded", M1.type), ("already_recorded", "record_day")
    ]  # fmt: skip
    assert list(store.amiss(lambda header: None)) == []


def test_answers_are_counted_by_what_became_of_them(store: EventStore) -> None:
    assert store.answer_counts() == {}
    client = new_client(store)
    for name in ("m1", "m2"):
        store.note(held(name), PROVIDER, name, content=M1).result(DEADLINE_S)
    store.execute(day(0), PROVIDER, "m1", client=client, content=M1)
    store.execute(day(0, at_most=0), PROVIDER, "m3", client=client)
    # then one is recorded beside the client, one refused, and of those that waited one waits still
    assert store.answer_counts() == {"recorded": 2, "refused": 1, "waiting": 1}


def test_the_tables_are_looked_at_and_weighed(store: EventStore) -> None:
    before = store.size()
    client = new_client(store)
    for number in range(50):
        store.execute(day(number), WORKER, new_id(), client=client)
    store.check()
    assert store.size() > before > 0


def group(store: EventStore, client: str, days: list[ClientCommand], place: int = 1, content: Content = M1) -> list[Answer]:
    """The answer to a group's message of these days, then the entries'."""
    jobs: Entries = []
    told = [
        store.submit(one, PROVIDER, f"g {n}", client=client, content=replace(content, about=str(n)), group=jobs)
        for n, one in enumerate(days, 1)
    ]
    whole = store.submit_group(jobs, PROVIDER, "g", content=content, input_position=("in", place))
    return [future.result(DEADLINE_S) for future in (whole, *told)]


def test_a_group_is_recorded_whole_and_answered_once(store: EventStore) -> None:
    client = new_client(store)
    # when a group's message tells one day, and one that is refused
    whole, one, other = group(store, client, [day(0), day(1, at_most=0)], place=7)
    # then its own answer stands behind those of its entries, and its place was stored with it
    assert (whole.status, whole.entries, whole.number) == ("recorded", ("recorded", "refused"), 3)
    assert [(code.code, code.pointer) for code in whole.codes] == [("E_WEEK_DAYS", "/entries/1/on")]
    assert (one.status, one.number, other.status, other.number) == ("recorded", 1, "refused", 2)
    assert store.tracking("in") == 7
    head = store.head()
    # when it comes again, then nothing is decided
    again, *entries = group(store, client, [day(0), day(1, at_most=0)])
    assert (again.status, again.first, again.number, again.entries) == ("already_recorded", "recorded", 3, whole.entries)
    assert [entry.first for entry in entries] == ["recorded", "refused"]
    # when other content comes under its id, then none of it is decided
    reused, *_ = group(store, client, [day(5), day(6), day(7)], content=OTHER)
    assert (reused.codes, reused.number) == ((Reason("E_KEY_REUSED"),), None)
    assert store.execute(day(5), PROVIDER, "g", client=client, content=OTHER).codes == (Reason("E_KEY_REUSED"),)
    assert store.head() == head


def test_an_entry_that_cannot_be_carried_out_is_refused_and_the_others_are_recorded(store: EventStore) -> None:
    client = new_client(store)
    whole, one, other, third = group(store, client, [day(0), Stumble(), day(2)])
    assert whole.entries == ("recorded", "refused", "recorded")
    assert other.codes == (Reason("E_INTERNAL"),)
    assert [fact.occurred_on for fact in store.pathway(client).facts.values()][1:] == [day(0).on, day(2).on]
    assert (one.number, other.number, third.number, whole.number) == (1, 2, 3, 4)


def test_an_entry_is_known_by_the_id_that_it_had_before_groups_had_answers(store: EventStore) -> None:
    client = new_client(store)
    first = store.execute(day(0), PROVIDER, "g/1", client=client)
    store.execute(day(1), PROVIDER, "g/2", client=client)
    whole, one, other = group(store, client, [day(0), day(2)])
    assert (one.status, one.first, one.number) == ("already_recorded", "recorded", first.number)
    # What only has the id of a former entry is a message of its own.
    assert (other.status, other.first) == ("recorded", None)
    assert whole.entries == ("recorded", "recorded")


def test_a_body_that_never_became_a_command_is_refused_in_its_senders_line(store: EventStore) -> None:
    reasons = (Reason("E_FIELD_NOT_ALLOWED", "/diagnosis"),)
    first, again = (
        store.refuse(reasons, PROVIDER, "m1", content=M1, input_position=("in", 3)).result(DEADLINE_S) for _ in range(2)
    )
    assert (first.status, first.number, first.codes) == ("refused", 1, reasons)
    assert (again.status, again.first, again.codes, store.tracking("in")) == ("already_recorded", "refused", reasons, 3)
    assert [record.header.name for record in store.stream("refusals/s01/provider")] == ["command.refused"]
    other = store.refuse(reasons, PROVIDER, "m1", content=OTHER).result(DEADLINE_S)
    assert other.codes == (Reason("E_KEY_REUSED"),)


def test_unreadable_bytes_are_noted_once(store: EventStore) -> None:
    event = MessageQuarantined(topic="in", offset=4, code="E_JSON", size=3, content_hash="0" * 64)
    first, again = (
        store.note(event, PROVIDER, "in@4", content=M1, input_position=("in", 5)).result(DEADLINE_S) for _ in range(2)
    )
    assert (first.status, again.status, again.number, store.head()) == ("quarantined", "already_recorded", 1, 1)


def test_positions_are_contiguous_and_no_reader_skips_one(ground: Ground, store: EventStore) -> None:
    """Eight writers in two processes, and a reader that follows."""
    clients = [new_client(store) for _ in range(8)]
    each = 40
    spawn = get_context("spawn")
    others = [spawn.Process(target=write_days, args=(ground, clients[4 * n : 4 * n + 4], each)) for n in range(2)]
    seen: list[int] = []
    wanted = len(clients) * (each + 1)
    reader = threading.Thread(target=follow, args=(ground, seen, wanted), daemon=True)
    reader.start()
    for process in others:
        process.start()
    for process in others:
        process.join(DEADLINE_S)
        assert process.exitcode == 0
    reader.join(DEADLINE_S)
    assert seen == list(range(1, wanted + 1))
    assert [store.stream_version(client) for client in clients] == [each + 1] * len(clients)


def write_days(ground: Ground, clients: list[str], each: int) -> None:
    store = ground.open()

    def write(client: str) -> None:
        for number in range(each):
            assert store.execute(day(number), PROVIDER, new_id(), client=client).status == "recorded"

    threads = [threading.Thread(target=write, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()


def follow(ground: Ground, seen: list[int], wanted: int) -> None:
    store = ground.open()
    while len(seen) < wanted:
        records = store.records(seen[-1] if seen else 0, 50)
        seen.extend(record.position for record in records)
        if not records:
            store.wait_for_commit(1.0, after=seen[-1] if seen else 0)
    store.close()


def test_two_stores_on_one_client_decide_on_what_the_other_recorded(ground: Ground, store: EventStore) -> None:
    other = ground.open()
    client = new_client(store)
    answers: list[Answer] = []

    def write(own: EventStore, numbers: range) -> None:
        answers.extend(own.execute(day(n, at_most=30), PROVIDER, new_id(), client=client) for n in numbers)

    threads = [
        threading.Thread(target=write, args=arguments) for arguments in ((store, range(40)), (other, range(100, 140)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    # then exactly as many days were recorded as the rule allows
    assert sorted(answer.status for answer in answers) == ["recorded"] * 30 + ["refused"] * 50
    assert sorted(answer.number or 0 for answer in answers) == list(range(1, 81))
    assert len(store.pathway(client).days) == len(other.pathway(client).days) == 30
    previous = ""
    for record in store.stream(client):
        assert record.header.previous_hash == previous
        previous = record.hash
    other.close()


def test_tasks_of_an_event_loop_are_answered_too(store: EventStore) -> None:
    client = new_client(store)

    async def all_days() -> list[Answer]:
        return await asyncio.gather(
            *(store.execute_async(day(number), PROVIDER, new_id(), client=client) for number in range(50))
        )

    assert {answer.status for answer in asyncio.run(all_days())} == {"recorded"}
    assert store.stream_version(client) == 51


@pytest.mark.parametrize("done", [True, False], ids=["commit done, answer lost", "commit lost"])
def test_a_commit_of_unknown_outcome_is_never_doubled_and_never_a_conflict(
    store: EventStore, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    # given a connection that breaks at the next commit
    client = new_client(store)
    recorder: Any = store._recorder
    begin = recorder.begin
    broken: list[int] = []

    def breaking(*arguments: Any) -> Any:
        writing = begin(*arguments)
        commit: Callable[[int], None] = writing.commit

        def break_off(head: int) -> None:
            if not broken:
                broken.append(head)
                if done:
                    commit(head)
                else:
                    writing.rollback()
                raise Lost("connection reset")
            commit(head)

        writing.commit = break_off
        return writing

    monkeypatch.setattr(recorder, "begin", breaking)
    # when a day is recorded
    answer = store.execute(day(0), PROVIDER, "day-1", client=client)
    # then it is recorded once, and the answer is the first one
    assert (answer.status, answer.number, len(broken)) == ("recorded", 1, 1)
    assert store.stream_version(client) == 2
    # and a follower's position survives the same
    broken.clear()
    record = disclosure(store, client, "")
    store.append([record], tracking=("disclosure", 0, 2))
    assert (store.tracking("disclosure"), store.stream_version("recipient/provider-s01/1"), len(broken)) == (2, 1, 1)


def test_a_database_that_stays_away_is_reported(store: EventStore, monkeypatch: pytest.MonkeyPatch, ground: Ground) -> None:
    impatient = ground.open(patience=0.0)

    def gone(*_: Any) -> Any:
        raise Lost("no answer")

    monkeypatch.setattr(impatient._recorder, "begin", gone)
    with pytest.raises(StoreUnavailable):
        impatient.execute(Register(), WORKER, "1")
    impatient.close()


def disclosure(store: EventStore, client: str, previous_hash: str, version: int = 1) -> Record:
    publication = {
        "type": "attendance.recorded.v1", "kind": "fact", "client": {"phone": "040 1234567"},
        "body": {"day_status": "present", "period_id": "p"}, "classes": {
            "client.phone": "C", "body.day_status": "E", "body.period_id": "A"},
    }  # fmt: skip
    event = DisclosureMade(
        publication_id=new_id(), source_event_id=new_id(), commitment="c", commitment_salt="s", cell="F",
        field_set_version="1", legal_basis="LB-OUTSOURCE", previous_publication_hash="-", publication=publication,
    )  # fmt: skip
    matter = store.stream(client)[0].header.matter
    draft = Draft(event, new_id(), date(2025, 1, 1), matter)
    return store.build(
        "recipient/provider-s01/1",
        version,
        previous_hash,
        draft,
        SYSTEM,
        "d",
        directory=store.directory,
        policy_version="p1",
    )


@pytest.mark.parametrize("cut", [True, False], ids=["connections cut", "connections kept"])
def test_a_database_that_went_back_is_not_written_into(
    ground: Ground, cut: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Design D21."""
    store = ground.open(patience=5.0)
    client = new_client(store)
    store.execute(day(0), PROVIDER, "1", client=client)
    older = ground.kept()
    store.execute(day(1), PROVIDER, "2", client=client)
    newer, head = ground.kept(), store.head()
    # when a backup is restored under a running store, then it takes nothing, and says why
    ground.restore(older, cut=cut)
    for _ in range(2):
        with pytest.raises(StoreWentBack, match=f"position {head} was seen, and the database ends at {head - 1}"):
            store.execute(day(2), PROVIDER, "3", client=client)
    assert ground.kept() == older
    if cut:
        with pytest.raises(StoreWentBack):
            store.records(0, 10)
    # when what it has seen is there again, it goes on
    ground.restore(newer, cut=cut)
    assert [store.execute(day(n), PROVIDER, str(n + 1), client=client).status for n in (1, 2)] == [
        "already_recorded", "recorded",
    ]  # fmt: skip
    # and each time that it goes back is one line
    ground.restore(older, cut=cut)
    for _ in range(2):
        with pytest.raises(StoreWentBack):
            store.execute(day(3), PROVIDER, "4", client=client)
    assert [record.levelname for record in caplog.records].count("CRITICAL") == 2
    store.close()


def test_a_fork_that_has_grown_longer_is_seen_on_the_next_connection(ground: Ground) -> None:
    store = ground.open()
    client = new_client(store)
    older = ground.kept()
    store.execute(day(0), PROVIDER, "1", client=client)
    seen = store.head()
    # given a backup into which another process has written since, beyond what was seen
    ground.restore(older)
    other = ground.open()
    for n in range(3):
        other.execute(day(n), PROVIDER, f"other {n}", client=client)
    other.close()
    # then nothing goes into it, nor is anything read from it, by whoever has seen the other history
    with pytest.raises(StoreWentBack, match=f"position {seen} was seen, and the database has another event there"):
        store.execute(day(5), PROVIDER, "2", client=client)
    with pytest.raises(StoreWentBack):
        store.records(seen, 10)
    store.close()


def test_what_was_published_is_asked_once_before_anything_is_written(ground: Ground) -> None:
    store = ground.open()
    client = new_client(store)
    end = store.records(store.head() - 1, 1)[0]
    store.close()
    # given a process that was started again, and a broker that says nothing at first
    told: list[Any] = [StoreUnavailable("the broker does not answer"), (end.position, end.hash)]

    def published() -> tuple[int, str]:
        said = told.pop(0)
        if isinstance(said, Exception):
            raise said
        return said  # type: ignore[no-any-return]

    again = ground.open(patience=0.0)
    again.ask_first(published)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        again.execute(day(0), PROVIDER, "1", client=client)
    assert [again.execute(day(n), PROVIDER, str(n + 1), client=client).status for n in range(2)] == ["recorded"] * 2
    assert told == []
    again.close()


@pytest.mark.parametrize("put_there", [Ground.restore, Ground.restore_over], ids=["on new connections", "tables made anew"])
def test_who_did_not_see_what_others_wrote_asks_again_what_was_published(
    ground: Ground, put_there: Callable[[Ground, list[list[Any]]], None]
) -> None:
    """Design D21: of two processes one stands idle while the other writes on."""
    told: list[tuple[int, str]] = []
    idle, busy = ground.open(patience=5.0), ground.open()
    idle.ask_first(lambda: told[-1] if told else None)
    client = new_client(idle)
    older = ground.kept()
    busy.execute(day(0), PROVIDER, "1", client=client)
    [last] = busy.records(busy.head() - 1, 1)
    told.append((last.position, last.hash))
    newer = ground.kept()
    # when a backup is restored that is as old as what the idle one has seen, then it takes nothing either
    put_there(ground, older)
    with pytest.raises(StoreWentBack, match=f"position {last.position} was published"):
        idle.execute(day(1), PROVIDER, "2", client=client)
    assert ground.kept() == older
    # when the right one is back, then it goes on
    put_there(ground, newer)
    assert idle.execute(day(1), PROVIDER, "2", client=client).status == "recorded"
    idle.close()
    busy.close()


@pytest.mark.parametrize("published", [(99, "ab" * 32), (1, "ab" * 32)], ids=["beyond the end", "another event"])
def test_a_store_behind_what_was_published_is_not_written_into(ground: Ground, published: tuple[int, str]) -> None:
    store = ground.open()
    client = new_client(store)
    store.close()
    again = ground.open()
    again.ask_first(lambda: published)
    assert again.records(0, 1)  # a connection that was looked at before anything was known
    with pytest.raises(StoreWentBack, match=f"position {published[0]} was published"):
        again.execute(day(0), PROVIDER, "1", client=client)
    with pytest.raises(StoreWentBack):
        again.records(0, 1)
    again.close()


def test_that_writing_is_refused_is_known_without_writing_and_until_it_is_right_again(ground: Ground) -> None:
    store = ground.open(patience=0.0)
    client = new_client(store)
    end = store.records(store.head() - 1, 1)[0]
    store.ask_first(lambda: (end.position, end.hash))
    store.check_writing()
    # given a database that went back under connections that stay, as far as this process can tell
    store._recorder.seen.clock = lambda: 0.0  # type: ignore[attr-defined]  # the second until the next look does not pass
    here = store._recorder.seen._seen  # type: ignore[attr-defined]
    store._recorder.seen.note(end.position + 1, "ab" * 32)  # type: ignore[attr-defined]
    store.check()
    with pytest.raises(StoreWentBack):
        store.execute(day(0), PROVIDER, "1", client=client)
    # then it is known from then on
    with pytest.raises(StoreWentBack, match=f"position {end.position + 1} was seen"):
        store.check_writing()
    # and no longer once it is right again, though nobody has written since
    store._recorder.seen._seen = here  # type: ignore[attr-defined]
    store.check_writing()
    assert store.execute(day(0), PROVIDER, "1", client=client).status == "recorded"
    store.close()


def test_tables_that_are_gone_are_to_be_restored_where_something_was_seen_in_them(ground: Ground) -> None:
    store, stranger = ground.open(patience=0.0), ground.recorder()
    client = new_client(store)
    ground.rename_table("events", "elsewhere")
    gone = "was seen, and the tables of .* are gone .*: restore them, do not migrate"
    for ask in (store.head, lambda: store.execute(day(0), PROVIDER, "1", client=client)):
        with pytest.raises(StoreWentBack, match=gone):
            ask()
    with pytest.raises(NoLedger, match="no ledger in"):
        stranger.head()
    # when they are back, then it goes on
    ground.rename_table("elsewhere", "events")
    assert store.execute(day(0), PROVIDER, "1", client=client).status == "recorded"
    stranger.close()
    store.close()


def test_a_question_that_fails_while_a_batch_begins_hurts_no_later_one(ground: Ground) -> None:
    store = ground.open(patience=0.1)
    client = new_client(store)
    # given a table that is not there when the writer begins
    ground.rename_table("answers", "elsewhere")
    with pytest.raises(Exception, match="answers"):
        store.execute(day(0), PROVIDER, "1", client=client)
    # when it is back, then the same store records again, and the same command once
    ground.rename_table("elsewhere", "answers")
    assert [store.execute(day(0), PROVIDER, "1", client=client).status for _ in range(2)] == ["recorded", "already_recorded"]
    store.close()


def test_nobody_waits_for_a_store_that_closes(ground: Ground) -> None:
    store = ground.open()
    client = new_client(store)
    closing: list[threading.Thread] = []

    class Closing(queue.SimpleQueue):  # type: ignore[type-arg]
        """Somebody closes the store in the very moment in which a job is put."""

        def put(self, job: Any, *_: Any) -> None:
            if job is not None and not closing:
                closing.append(threading.Thread(target=store.close))
                closing[0].start()
                closing[0].join(0.5)  # as far as it gets
            super().put(job)

    store._writer.close()
    store._writer._closed, store._writer._waiting = False, Closing()
    # then who came before the end is answered, and who comes after it is told so
    assert store.submit(day(0), PROVIDER, new_id(), client=client).result(DEADLINE_S).status == "recorded"
    closing[0].join(DEADLINE_S)
    with pytest.raises(StoreUnavailable):
        store.submit(day(1), PROVIDER, new_id(), client=client)


def test_a_followers_records_are_appended_once_by_compare_and_set(store: EventStore) -> None:
    client = new_client(store)
    first = disclosure(store, client, "")
    store.append([first], tracking=("disclosure", 0, 1))
    # a second follower with the same idea is too late, and so is one with an old end of the stream
    with pytest.raises(Conflict):
        store.append([disclosure(store, client, "")], tracking=("disclosure", 0, 1))
    with pytest.raises(Conflict):
        store.append([disclosure(store, client, "")], tracking=("disclosure", 1, 2))
    second = disclosure(store, client, first.hash, version=2)
    store.append([second], tracking=("disclosure", 1, 2))
    assert store.stream_end("recipient/provider-s01/1") == (2, second.hash)
    kept = store.stream("recipient/provider-s01/1")
    assert [record.state for record in kept] == [first.state, second.state]
    assert kept[0].header.policy_version == "p1"
    opened = store.opened(kept[0])
    assert isinstance(opened, DisclosureMade)
    assert opened == store.opened(first)
    assert opened.publication["client"] == {"phone": "040 1234567"}
    assert set(kept[0].sections) == {"A", "C", "E"}


def test_a_followers_position_alone_can_move(store: EventStore) -> None:
    store.append([], tracking=("disclosure", 0, 5))
    with pytest.raises(Conflict):
        store.append([], tracking=("disclosure", 4, 6))
    store.track("relay", 9)
    store.track("relay", 3)
    assert (store.tracking("disclosure"), store.tracking("relay"), store.tracking("nobody")) == (5, 9, 0)


def test_the_whole_feed_comes_page_by_page(store: EventStore) -> None:
    for _ in range(7):
        new_client(store)
    head = store.head()
    pages = list(store.pages(3))
    assert [record.position for page in pages for record in page] == list(range(1, head + 1))
    assert {len(page) for page in pages[:-1]} == {3}
    assert [record.position for page in store.pages(100, head - 2) for record in page] == [head - 1, head]
    assert list(store.pages(3, head)) == []


def test_what_stands_at_some_positions_comes_in_the_order_in_which_they_are_given(store: EventStore) -> None:
    for _ in range(12):
        new_client(store)
    head = store.head()
    asked = [7, 2, head, 3]
    assert [record.position for record in store.records_at(asked)] == asked
    assert store.records_at([2]) == store.records(1, 1)
    assert store.records_at([head + 1, 5, *range(head + 2, head + 900)]) == store.records(4, 1)
    assert store.records_at([]) == []


def test_of_many_ids_those_that_wait_are_found_together(store: EventStore) -> None:
    for number, name in enumerate(("w-1", "w-2", "w-3")):
        store.note(held(name), PROVIDER, name, content=M1, input_position=("in", number + 1)).result(DEADLINE_S)
    store.refuse([Reason("E_CODE")], PROVIDER, "w-2", content=M1).result(DEADLINE_S)
    told = store.waiting(PROVIDER.sender, ["w-3", "nobody's", "w-2", "w-1"])
    assert [answer.number for answer in told] == [3, 1]
    assert store.waiting(PROVIDER.sender, []) == []
    assert store.waiting(WORKER.sender, ["w-1"]) == []


def test_positions_of_many_are_asked_together_and_may_be_set_back(store: EventStore) -> None:
    many = {f"projector/{number}": number for number in range(1_200)}
    store.place(many)
    assert store.trackings([*many, "nobody"]) == many
    store.place({"projector/7": 3, "projector/8": 9})
    assert store.trackings(["projector/7", "projector/8", "projector/9"]) == {
        "projector/7": 3, "projector/8": 9, "projector/9": 9,
    }  # fmt: skip
    assert store.trackings([]) == {}


def test_a_correction_is_sealed_under_the_classes_of_its_fact(store: EventStore) -> None:
    client = new_client(store)
    recorded = store.execute(day(0), PROVIDER, "1", client=client)
    target = recorded.events[0][0]
    store.execute(CorrectHours(target=target, hours=2.5), PROVIDER, "2", client=client)
    record = store.stream(client)[-1]
    assert set(record.sections) == {"A", "E", "decision"}
    opened = store.opened(record)
    assert isinstance(opened, FactCorrected)
    assert opened.new_values == {"hours": 2.5}
    corrected = store.pathway(client).facts[target].event
    assert isinstance(corrected, AttendanceRecorded)
    assert corrected.hours == 2.5


def test_a_destroyed_matter_opens_as_erased_and_takes_nothing_new(ground: Ground, store: EventStore) -> None:
    client = new_client(store)
    store.execute(day(0), PROVIDER, "1", client=client)
    matter = store.stream(client)[0].header.matter
    # when its key is destroyed
    proof = store.keys.destroy(matter)
    # then its events cannot be read, by no process, while their chain still stands
    records = store.stream(client)
    assert store.opened_all(records) == [Erased("subject.registered"), Erased("attendance.recorded")]
    assert store.decision(records[0]) is None
    assert records[1].header.previous_hash == records[0].hash
    other = ground.open()
    assert other.pathway(client).facts == {}
    assert other.pathway(client).version == 2
    # and nothing new can be sealed there
    assert (len(proof), store.keys.destroy(matter)) == (64, proof)
    with pytest.raises(KeyDestroyed):
        store.execute(day(1), PROVIDER, "2", client=client)
    other.close()


def left_of(matter: str) -> list[Fact[Any]]:
    """The facts of a matter that are anywhere in this process's memory, with what they say."""
    gc.collect()
    return [
        fact
        for fact in gc.get_objects()
        if type(fact) is Fact and fact.matter == matter and not isinstance(fact.event, Erased)
    ]


@pytest.mark.parametrize("destroyed_by", ["this store", "another process"])
@pytest.mark.parametrize("asked", [True, False])
def test_what_a_destroyed_key_opened_leaves_the_memory_of_every_store(
    ground: Ground, destroyed_by: str, asked: bool
) -> None:
    """Design D15, domain/privacy.md 3.4: within ten seconds, whether somebody asks the store or not."""
    # given a store that has decided on a client and read another one, and one whose key stays
    clock = Clock()
    store, other = ground.open(clock=clock), ground.open(clock=clock)
    decided, read, kept = new_client(store), new_client(other), new_client(store)
    for client in (decided, read, kept):
        other.execute(day(0), PROVIDER, new_id(), client=client)
    store.execute(day(1), PROVIDER, new_id(), client=decided)
    for client in (decided, read, kept):
        assert store.pathway(client).days
    matters = {client: store.stream(client)[0].header.matter for client in (decided, read, kept)}
    gone = [store.keys.get([store.stream(client)[0].header.key_id]) for client in (decided, read)]
    # when the keys are destroyed
    for client in (decided, read):
        (store if destroyed_by == "this store" else other).keys.destroy(matters[client])
    clock.seconds += WITHIN_S
    # then the same store serves nothing of them, and goes on with the rest
    for one in (store, other):
        if not asked:
            one.keys.look()
            continue
        assert one.opened_all(one.stream(read)) == [Erased("subject.registered"), Erased("attendance.recorded")]
        for client in (decided, read):
            assert (one.pathway(client).facts, one.pathway(client).days) == ({}, {})
            assert one.pathway(client).version == len(one.stream(client))
        assert one.pathway(kept).days
        assert one.execute(day(1), PROVIDER, new_id(), client=kept).status in ("recorded", "already_recorded")
    # and nothing is left, of facts, of keys and of what is derived from them
    assert [fact for client in (decided, read) for fact in left_of(matters[client])] == []
    for one in (store, other):
        held = {key for key, _ in one._sealer._ciphers}
        assert not held & {key for keys in gone for key in keys.values()}
        assert not any(one.keys.holds(key_id) for keys in gone for key_id in keys)
    store.close()
    other.close()


def test_what_is_at_hand_is_as_old_as_a_second_and_asks_no_database(ground: Ground) -> None:
    clock = Clock()
    store, other = ground.open(clock=clock), ground.open(clock=clock)
    client, kept = new_client(store), new_client(store)
    # given what one's own commit left
    assert [len(known.days) for known in at_hand(store, client, kept)] == [0, 0]
    assert other.pathway_at_hand(client) is None
    # when another store records something, it is not seen at once, but for as long as a second at most
    other.execute(day(0), PROVIDER, new_id(), client=client)
    clock.seconds += 0.9
    assert [len(known.days) for known in at_hand(store, client, kept)] == [0, 0]
    clock.seconds += 0.2
    store.keys.look()
    assert store.pathway_at_hand(client) is None
    # a look makes it the present one for another second
    assert len(store.pathway(client).days) == 1
    assert [len(known.days) for known in at_hand(store, client)] == [1]
    # and without a look at the keys, or with one that finds some destroyed, nothing is at hand
    clock.seconds += 0.95
    assert len(store.pathway(kept).days) == 0
    other.keys.destroy(store.stream(client)[0].header.matter)
    clock.seconds += 0.1
    assert store.pathway_at_hand(kept) is None
    store.keys.look()
    assert store.pathway_at_hand(kept) is None
    store.close()
    other.close()


def test_what_the_writer_has_compared_with_others_writings_stays_at_hand(ground: Ground) -> None:
    clock = Clock()
    store, other = ground.open(clock=clock), ground.open(clock=clock)
    mine, theirs, busy = new_client(store), new_client(store), new_client(store)
    # given a store whose remembered clients nobody has looked at for long, one of them written to by another store
    clock.seconds += 60
    other.execute(day(0), PROVIDER, new_id(), client=theirs)
    assert [store.pathway_at_hand(client) for client in (mine, theirs)] == [None, None]
    # when it records something about a third
    store.execute(day(0), PROVIDER, new_id(), client=busy)
    # then the one that is still as it was is at hand for a second, and the other is not
    assert [pathway.client for pathway in at_hand(store, mine, theirs)] == [mine]
    # and what was read before such a look and is remembered after it does not count as compared
    late = ground.open(clock=clock)
    asked_at, rows = clock.seconds, late._recorder.stream_rows(theirs)[:-1]
    clock.seconds += 0.5
    late.execute(day(1), PROVIDER, new_id(), client=busy)
    late._known.fold(theirs, rows, None, asked_at)
    clock.seconds += 0.6
    late.keys.look()
    assert late.pathway_at_hand(theirs) is None
    assert [pathway.client for pathway in at_hand(late, busy)] == [busy]
    late.close()
    # and whatever is remembered, what is decided is decided with the present one
    assert store.execute(day(0), PROVIDER, new_id(), client=theirs).status == "already_recorded"
    store.close()
    other.close()


def test_how_long_time_stands_is_known_where_the_clock_was_ahead(ground: Ground) -> None:
    # given a live ledger whose machine's clock is two hours ahead when an event is recorded
    at = [datetime(2026, 3, 2, 12, tzinfo=UTC)]
    store = ground.open(wall_clock=lambda: at[0])
    store.execute(OpenLedger(organiser_org_id="county", mode="live", occurred_on=date(2026, 3, 2)), SYSTEM, new_id())
    assert store.time_stands_for() == 0
    at[0] += timedelta(hours=2)
    client = new_client(store)
    # when the clock is right again, time stands for as long, and nothing is dated before what stands before it
    at[0] -= timedelta(hours=2)
    assert store.time_stands_for() == 7200
    store.execute(day(0), PROVIDER, new_id(), client=client)
    assert len({record.header.recorded_at for record in store.stream(client)}) == 1
    at[0] += timedelta(hours=3)
    assert store.time_stands_for() == 0
    store.close()


def at_hand(store: EventStore, *clients: str) -> list[Pathway]:
    """What is at hand of the clients, found while every question to the database fails."""
    recorder, store._known._recorder = store._known._recorder, None  # type: ignore[assignment]
    try:
        found = [store.pathway_at_hand(client) for client in clients]
    finally:
        store._known._recorder = recorder
    return [pathway for pathway in found if pathway is not None]


def test_a_pathway_that_was_being_folded_while_its_key_was_destroyed_is_not_kept(ground: Ground) -> None:
    clock = Clock()
    store, other = ground.open(clock=clock), ground.open(clock=clock)
    client = new_client(other)
    opened = store._sealer.open_all

    def destroyed_meanwhile(records: Any) -> Any:
        events = opened(records)
        other.keys.destroy(records[0].header.matter)
        clock.seconds += WITHIN_S
        store.keys.look()
        return events

    store._sealer.open_all = destroyed_meanwhile  # type: ignore[method-assign]
    store.pathway(client)
    store._sealer.open_all = opened  # type: ignore[method-assign]
    assert store.pathway(client).facts == {}
    store.close()
    other.close()


def test_those_of_whom_nothing_is_recorded_are_remembered_within_the_bound(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # design D24: of such as are asked about, and become no clients, there is no end
    monkeypatch.setattr("domain.store.deciding.known.FACTS_KEPT", 5)
    for _ in range(10):
        assert store.pathway(new_id()).version == 0
        assert store.execute(Register(), WORKER, new_id(), client=new_id(), dry_run=True).status == "recorded"
    assert len(store._known._pathways) == 5


def test_of_a_pathway_that_is_forgotten_nothing_is_kept(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    store, other = ground.open(), ground.open()
    clients = [new_client(store), new_client(store)]
    # given a pathway that others have written to
    other.execute(day(0), PROVIDER, "1", client=clients[0])
    store.execute(Register(), WORKER, new_id(), dry_run=True)
    assert store._known._stale == {clients[0]}
    # when there is room for one of a registration and two days
    monkeypatch.setattr("domain.store.deciding.known.FACTS_KEPT", 3)
    store.execute(day(1), PROVIDER, "2", client=clients[1])
    # then neither it nor a word about it is kept
    assert (store._known._pathways.keys(), store._known._stale) == ({clients[1]}, set())
    store.close()
    other.close()


def test_a_stored_decision_tells_what_was_asked_and_by_whom(store: EventStore) -> None:
    client = new_client(store)
    store.execute(day(0), PROVIDER, "1", client=client, look_ups={"lives_in_area": True})
    decision = store.decision(store.stream(client)[1])
    assert decision
    assert (decision.command, decision.client, decision.caller) == ("record_day", client, PROVIDER)
    assert RecordDay.model_validate(decision.body) == day(0)
    assert (decision.look_ups, decision.version) == ({"lives_in_area": True}, 2)


def test_nobody_sees_half_a_register_while_it_is_read_again(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who calls is told from it without a lock: with half of it a worker of the county would be nobody, for an instant."""
    store.execute(OpenLedger(organiser_org_id="county", mode="simulated", occurred_on=date(2025, 1, 7)), SYSTEM, "1")
    store.execute(Join(org_id="s01"), SYSTEM, "2")
    # given somebody who asked for the time before the last commit of this process, and is answered after it
    before, last = store.directory, store._recorder.last
    commit = iter([lambda: store.execute(Join(org_id="s02"), SYSTEM, "3")])

    def overtaken() -> Any:
        found = last()
        for run in commit:
            run()
        return found

    monkeypatch.setattr(store._recorder, "last", overtaken)
    seen, opened = list[Any](), store._known.opened

    def while_it_is_read(rows: Any) -> Any:
        for read in opened(rows):
            seen.append(store.register_at_hand)
            yield read
            seen.append(store.register_at_hand)

    monkeypatch.setattr(store._known, "opened", while_it_is_read)
    # when the register is read
    store.now()
    # then all the while nobody is shown less than all that had joined
    assert seen
    assert {one.organiser for one in seen if one is not None} <= {"county"}
    assert all(before.organisations.keys() <= one.organisations.keys() for one in seen if one is not None)


def test_an_organisation_that_joined_is_seen_at_once_by_every_store(ground: Ground, store: EventStore) -> None:
    other = ground.open()
    assert other.directory.recipients == {}
    joined = store.execute(Join(org_id="s01"), SYSTEM, "1")
    assert store.stream("organisation/s01")[0].position == joined.position
    assert set(other.directory.recipients) == set(store.directory.recipients) == {"provider-s01"}
    # and what is recorded later names the register's version
    later = store.execute(Register(), WORKER, "2")
    assert store.stream(later.client or "")[0].header.directory_version == str(joined.position)
    assert other.execute(Join(org_id="s01"), SYSTEM, "3").status == "already_recorded"
    other.close()


def test_a_simulated_ledger_has_a_clock_of_its_own(store: EventStore) -> None:
    store.execute(OpenLedger(organiser_org_id="county", mode="simulated", occurred_on=date(2025, 1, 7)), SYSTEM, "1")
    assert (store.mode, store.organiser_org, store.today()) == ("simulated", "county", date(2025, 1, 7))
    noon = datetime(2025, 3, 1, 12, tzinfo=UTC)
    store.execute(AdvanceClock(to_at=noon), SYSTEM, "2")
    assert store.now() == noon
    client = new_client(store)
    assert store.stream(client)[0].header.recorded_at == noon
    back = store.execute(AdvanceClock(to_at=noon - timedelta(days=1)), SYSTEM, "3")
    assert back.status == "refused"


def test_recorded_time_never_runs_back(ground: Ground) -> None:
    times = iter([datetime(2025, 1, 1, 12, tzinfo=UTC), datetime(2025, 1, 1, 11, tzinfo=UTC)])
    store = ground.open(wall_clock=lambda: next(times))
    client = new_client(store)
    store.execute(day(0), PROVIDER, "1", client=client)
    first, second = store.stream(client)
    assert first.header.recorded_at == second.header.recorded_at == datetime(2025, 1, 1, 12, tzinfo=UTC)
    store.close()


@pytest.mark.parametrize("who", ["knew what was before", "has seen nothing yet", "was left far behind"])
def test_nothing_is_decided_before_what_was_decided_elsewhere_though_what_was_told_stands_between(
    ground: Ground, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Record 0028: what is told is dated when it was sealed, and then the last event is not the latest one."""
    if who == "was left far behind":
        monkeypatch.setattr("domain.store.deciding.known.MANY", 1)
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    ahead = ground.open(wall_clock=lambda: noon + timedelta(seconds=1))
    right, teller = ground.open(wall_clock=lambda: noon), ground.open(wall_clock=lambda: noon)
    # given a client, and what is sealed to be told of it
    client = new_client(right)
    told = disclosure(right, client, "")
    # when a process whose clock is ahead decides before that is committed, and another one behind it
    ahead.execute(day(0), PROVIDER, new_id(), client=client)
    teller.append([told], tracking=("disclosure", 0, 1))
    last = ground.open(wall_clock=lambda: noon) if who == "has seen nothing yet" else right
    last.execute(day(1), PROVIDER, new_id(), client=client)
    # then the times of what was decided only rise
    decided = [one.header.recorded_at for one in ahead.records(0, 100) if not one.header.stream.startswith("recipient/")]
    assert decided == [noon, noon + timedelta(seconds=1), noon + timedelta(seconds=1)]
    for store in {ahead, right, teller, last}:
        store.close()


def test_a_pathway_can_be_seen_as_it_was_known_at_a_position(store: EventStore) -> None:
    client = new_client(store)
    for number in range(3):
        store.execute(day(number), PROVIDER, new_id(), client=client)
    assert [len(store.pathway(client, upto=position).days) for position in (1, 2, 3, 4)] == [0, 1, 2, 3]


def test_the_feed_can_be_read_by_name_and_by_matter(store: EventStore) -> None:
    client = new_client(store)
    store.execute(day(0, notice=True), PROVIDER, "1", client=client)
    matter = store.stream(client)[0].header.matter
    assert [r.position for r in store.records(0, 10, ["notification.due"])] == [3]
    assert [r.position for r in store.of_matter([matter], ["subject.registered", "attendance.recorded"])] == [1, 2]
    assert [r.position for r in store.of_matter([matter])] == [1, 2, 3]
    assert [r.position for r in store._recorder.matter_rows([matter], (), streams=client[:8])] == [1, 2, 3]
    assert store._recorder.matter_rows([matter], (), streams="recipient/") == []


def test_a_store_rebuilt_from_its_records_is_equal(ground: Ground, store: EventStore, tmp_path: Any) -> None:
    # given a ledger with answers of every kind
    client = new_client(store)
    store.note(held("m1"), PROVIDER, "m1", content=M1).result(DEADLINE_S)
    store.execute(day(0, notice=True, hours=3.0), PROVIDER, "m1", client=client, content=M1)
    store.execute(day(2), replace(PROVIDER, person="i2"), "m1", client=client)
    store.execute(day(1, at_most=0), PROVIDER, "m2", client=client)
    group(store, client, [day(4), day(1, at_most=0)])
    store.note(held("m3"), PROVIDER, "m3", content=OTHER).result(DEADLINE_S)
    store.execute(day(4), PROVIDER, "m3", client=client, content=OTHER)
    fact = store.stream(client)[1].header.event_id
    record = disclosure(store, client, "")
    told = store.build(
        record.header.stream, 1, "", Draft(store.opened(record), new_id(), date(2025, 1, 1), record.header.matter,
        causation=fact), SYSTEM, "d",
    )  # type: ignore[arg-type]  # fmt: skip
    store.append([told], tracking=("disclosure", 0, 3))
    # when its records are taken over by an empty store with the same keys
    fresh = Ground("sqlite", str(tmp_path / "fresh"))
    fresh.migrate()
    rebuilt = EventStore(fresh.recorder(), store.keys, ledger=LEDGER, kind_of=kind_of)
    follower_of = {"recipient/provider-s01/1": "disclosure"}.get
    count = rebuilt.append_raw(whole_feed(store), lambda header: follower_of(header.stream))
    # then bytes, positions, answers and followers' positions are the same
    assert count == store.head()
    assert [(r.position, r.state) for r in whole_feed(rebuilt)] == [(r.position, r.state) for r in whole_feed(store)]
    for sender in (PROVIDER.sender, WORKER.sender):
        assert rebuilt._recorder.answer_rows(sender, 0, 100) == store._recorder.answer_rows(sender, 0, 100)
    assert rebuilt.tracking("disclosure") == 3
    assert rebuilt.execute(day(0, notice=True, hours=3.0), PROVIDER, "m1", client=client).first == "recorded"
    with pytest.raises(Conflict):
        rebuilt.append_raw(whole_feed(store), lambda header: None)
    rebuilt.close()


TAMPERED: dict[str, tuple[str, str]] = {
    "another type": (
        "UPDATE events SET topic = 'case.closed.v1' WHERE notification_id = 2",
        "the column of its type says case.closed.v1, the event attendance.recorded.v1",
    ),
    "another matter": (
        "UPDATE events SET matter = 'm' WHERE notification_id = 2", "the column of its matter says m, the event"
    ),
    "another stream": (
        "UPDATE events SET originator_id = 's' WHERE notification_id = 2", "the column of its stream says s, the event"
    ),
    "another version": (
        "UPDATE events SET originator_version = 9 WHERE notification_id = 2",
        "the column of its version says 9, the event 2",
    ),
    "an answer is gone": ("DELETE FROM answers WHERE command_id = 'm1'", "answer 1 is missing"),
    "all answers of somebody are gone": ("DELETE FROM answers WHERE sender_org = 's01'", "answer 2 is missing"),
    "another answer": (
        "UPDATE answers SET status = 'refused' WHERE command_id = 'm1'", "answer 1 is not what its event says: status"
    ),
    "to another command": (
        "UPDATE answers SET command_id = 'm9' WHERE command_id = 'm1'", "answer 1 is not what its event says: command_id"
    ),
    "to other content": (
        "UPDATE answers SET content_hash = 'h' WHERE command_id = 'm1'", "answer 1 is not what its event says: content_hash"
    ),
    "an answer is made up": (
        "UPDATE answers SET answer_number = 70 WHERE command_id = 'm2'", "answer 70 is of no event"
    ),
    "a line is made up": ("UPDATE answers SET sender_org = 'nobody' WHERE command_id = 'm2'", "answer 2 is of no event"),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_what_stands_beside_the_events_is_not_believed(ground: Ground, store: EventStore, name: str) -> None:
    """Every chain stays whole where a column or an answer is changed: that is found by itself."""
    client = new_client(store)
    for n in range(3):
        store.execute(day(n), PROVIDER, f"m{n + 1}", client=client)
    store.execute(day(1), PROVIDER, "without effect", client=client)
    store.execute(day(3, at_most=0), replace(PROVIDER, person="i2"), "m1", client=client)
    group(store, client, [day(4), day(1, at_most=0)])
    store.note(held("m5"), PROVIDER, "m5", content=M1).result(DEADLINE_S)
    assert list(store.amiss(lambda header: None)) == []
    # when somebody who may write to the tables changes something
    statement, said = TAMPERED[name]
    with ground.asked() as ask:
        guards = ground.guards_off(ask)
        ask(statement)
        for guard in guards:
            ask(guard)
    found = list(store.amiss(lambda header: None))
    assert any(said in one.what for one in found), found


def test_tokens_are_opaque_and_only_our_own_are_read(store: EventStore) -> None:
    client = new_client(store)
    version, position = store.version_token(client, 7), store.position_token(42)
    assert client not in version
    assert store.read_token(version) == Token("version", client, 7)
    assert store.read_token(position) == Token("position", "", 42)
    for wrong in ("", "abc", version[:-2] + "AA", "å", "!" * 40):
        with pytest.raises(UnknownToken):
            store.read_token(wrong)


def test_a_follower_is_woken_by_a_commit(store: EventStore) -> None:
    woken = threading.Event()

    def wait() -> None:
        while store.head() == 0:
            store.wait_for_commit(1.0, after=0)
        woken.set()

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    client = new_client(store)
    assert woken.wait(DEADLINE_S)
    assert isinstance(store.opened(store.stream(client)[0]), SubjectRegistered)


def test_a_follower_who_is_not_woken_looks_by_itself(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process has committed may be signalled while nobody listens."""
    monkeypatch.setattr(PostgresRecorder, "_listen", lambda _: None)
    store, other = ground.open(), ground.open()
    looking, found = threading.Event(), threading.Event()

    def wait() -> None:
        while store.head() == 0:
            looking.set()
            store._recorder.signalled(DEADLINE_S, 0)
        found.set()

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    assert looking.wait(DEADLINE_S)
    new_client(other)
    began = time.monotonic()
    assert found.wait(DEADLINE_S)
    assert time.monotonic() - began < DEADLINE_S / 2
    for each in (store, other):
        each.close()
