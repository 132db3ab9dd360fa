"""What has to hold of one ledger by itself, whatever was done to it: lines without holes, chains that verify, one answer
for each command."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

import orjson
from faults.likeness import all_reads, all_records, first_publications

from consumers import wire
from consumers.log import Read
from deploy.wiring import Wired
from domain.disclosure.publications import FIRST_HASH
from domain.record import Record
from projections.kinds import model_of


def check_store(wired: Wired) -> list[Record]:
    """Positions and stream versions are contiguous, and every event names the hash of the one before it. Every section
    was compared with its digest on reading."""
    records = all_records(wired)
    assert [record.position for record in records] == list(range(1, len(records) + 1))
    streams: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        streams[record.header.stream].append(record)
    for stream, line in streams.items():
        assert [record.header.stream_version for record in line] == list(range(1, len(line) + 1)), stream
        assert line[0].header.previous_hash == "", stream
        for before, after in pairwise(line):
            assert after.header.previous_hash == before.hash, f"{stream} {after.header.stream_version}"
    assert len({record.header.event_id for record in records}) == len(records)
    return records


def check_events_topic(wired: Wired) -> int:
    """The events topic has the bytes of the store, all of them; how many records were there twice."""
    topic = wire.events_topic(wired.store.ledger)
    reads = all_reads(wired.broker, topic)
    by_position = _without_repetitions(reads, wire.sequence_of)
    records = check_store(wired)
    assert sorted(by_position) == [record.position for record in records]
    for record in records:
        assert by_position[record.position].value == record.state
    return len(reads) - len(records)


def check_out_topics(wired: Wired) -> int:
    """Each recipient's topic has a contiguous line in which every publication names the hash of the one before it: the
    line that stands in its stream. How many publications were there twice."""
    repeated = 0
    for recipient in wired.recipients():
        reads = [read for read in all_reads(wired.broker, wire.out_topic(wired.store.ledger, recipient.short_name))]
        told = first_publications(reads)
        by_sequence = _without_repetitions(reads, wire.sequence_of)
        records = wired.store.stream(f"recipient/{recipient.short_name}/1")
        assert [publication.sequence for publication in told] == list(range(1, len(records) + 1)), recipient.short_name
        before = FIRST_HASH
        for record, event, publication in zip(records, wired.store.opened_all(records), told, strict=True):
            assert publication.previous_hash == before, f"{recipient.short_name} {publication.sequence}"
            before = publication.hash
            entry = wire.publication_entry(wire.publication_of(record, event))  # type: ignore[arg-type]
            read = by_sequence[publication.sequence]
            assert (read.key, read.value, read.headers) == (entry.key, entry.value, entry.headers)
        if model_of(recipient):
            with wired.models.of(recipient.short_name).look() as look:
                assert (look.position.sequence, look.position.chain_hash) == (len(told), before), recipient.short_name
                assert look.parked() == []
                assert look.feed.halted == ""
        repeated += sum(wire.sequence_of(read) is not None for read in reads) - len(told)
    return repeated


def check_answers(wired: Wired, asked: Mapping[str, tuple[str, str]]) -> None:
    """Each sender's answers are numbered without a hole, and each command that was asked has its one final answer, first
    of its events included. `asked` are the senders by command id."""
    records = all_records(wired)
    numbered: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for record in records:
        if record.header.answer_number is not None:
            sender = (record.header.actor_org, record.header.actor_task)
            numbered[sender].append((record.header.answer_number, record.header.command_id))
    for sender, line in numbered.items():
        assert [number for number, _ in line] == list(range(1, len(line) + 1)), sender
        answers = wired.store.answers(sender, 0, 1_000_000)
        assert [(answer.number, command_id) for command_id, answer in answers] == line
    for command_id, sender in asked.items():
        answer = wired.store.answer(sender, command_id)
        assert answer is not None, f"{command_id} is lost"
        assert answer.status in ("recorded", "refused"), f"{command_id}: {answer.status}"
        given = [answer for own, answer in wired.store.answers(sender, 0, 1_000_000) if own == command_id]
        assert len(given) == (2 if given[0].status == "waiting" else 1), f"{command_id} is doubled"
        for event_id, name, position in answer.events:
            header = records[position - 1].header
            assert (header.event_id, header.name, header.command_id) == (event_id, name, command_id)


def check_receipts(wired: Wired, told: Iterable[str]) -> int:
    """The receipts of each recipient are the numbered answers in its line, every message has one, and what is there beside
    them repeats one of these. How many repeat."""
    missing = set(told)
    repeated = 0
    for recipient in wired.recipients():
        reads = all_reads(wired.broker, wire.receipts_topic(wired.store.ledger, recipient.short_name))
        numbered = _without_repetitions(reads, wire.sequence_of)
        answers = dict(enumerate(wired.store.answers((recipient.org, recipient.task), 0, 1_000_000), 1))
        # What an organisation was answered before it joined went to nobody.
        assert sorted(numbered) == sorted(answers)[len(answers) - len(numbered) :], recipient.short_name
        for number, read in numbered.items():
            receipt = orjson.loads(read.value)
            command_id, answer = answers[number]
            assert (receipt["message_id"], receipt["status"], receipt["number"]) == (command_id, answer.status, number)
            missing.discard(command_id)
        others = [orjson.loads(read.value) for read in reads if wire.sequence_of(read) is None]
        assert all(receipt["status"] == "already_recorded" for receipt in others), recipient.short_name
        repeated += len(others)
    assert missing == set()
    return repeated


def _without_repetitions(reads: Sequence[Read], sequence_of: Callable[[Read], int | None]) -> dict[int, Read]:
    """By sequence, from 1 without a hole; what came twice has to be the same bytes."""
    found: dict[int, Read] = {}
    for read in reads:
        sequence = sequence_of(read)
        if sequence is not None:
            first = found.setdefault(sequence, read)
            same = (first.key, first.value, first.headers) == (read.key, read.value, read.headers)
            assert same, f"sequence {sequence} of {read.topic} came twice with different bytes"
    return found
