"""Two runs of one history side by side: every event, publication, answer and read model in decrypted content.

What two runs may differ in is left out: ids become the number of their first appearance within a client, hashes, salts and
keyed digests go, and so do positions. The clock of a simulated ledger is part of the history, so its times stay.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel

from consumers import wire
from consumers.log import Broker, Read
from deploy.wiring import Wired
from domain.disclosure.publications import Publication
from domain.record import Record
from domain.streams import is_client_stream
from projections.kinds import model_of

PAGE = 1_000
READ_WAIT_S = 2.0
ID = re.compile(r"\b[0-9a-f]{32}\b|(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
"""References, event ids and publication ids (32 hexadecimal digits) and pseudonyms (43 characters)."""
HASH = re.compile(r"\b[0-9a-f]{64}\b")
OF_THE_RUN = frozenset(
    {"event_id", "ledger", "stream", "stream_version", "key_id", "section_digests", "previous_hash", "directory_version",
     "content_hash", "answer_number"}
)  # fmt: skip
"""Fields of a header that tell of the run rather than of the history; the numbers of streams and answers are checked
where they belong."""
LINKS = frozenset({"previous_publication_hash", "commitment", "commitment_salt"})

Lines = Mapping[tuple[str, str], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Likeness:
    """What has to be the same. Keys are (stream or recipient, client), lines are in order."""

    events: Lines
    publications: Lines
    models: Lines
    answers: Lines


def likeness_of(wired: Wired, clients: Mapping[str, str]) -> Likeness:
    """What a ledger that has come to rest adds up to. `clients` are the references by the history's own names."""
    names = {reference: name for name, reference in clients.items()}
    return Likeness(
        _numbered(_events(wired, names)),
        _numbered(_publications(wired, names)),
        _numbered(_models(wired, names)),
        _numbered(_answers(wired)),
    )


def differences(one: Likeness, other: Likeness, most: int = 20) -> list[str]:
    """The first lines that are not the same in both, each with where it stands."""
    found: list[str] = []
    for part in fields(Likeness):
        ours, theirs = getattr(one, part.name), getattr(other, part.name)
        for key in sorted(ours.keys() | theirs.keys()):
            mine, yours = ours.get(key, ()), theirs.get(key, ())
            if len(mine) != len(yours):
                found.append(f"{part.name} of {key}: {len(mine)} against {len(yours)}")
            for n, (left, right) in enumerate(zip(mine, yours, strict=False), 1):
                if left != right:
                    found.append(f"{part.name} of {key}, {n}: {left}\n  against {right}")
                    break
    return found[:most]


def all_records(wired: Wired) -> list[Record]:
    """The whole feed as the store has it."""
    records: list[Record] = []
    while some := wired.store.records(len(records), PAGE):
        records += some
    return records


def all_reads(broker: Broker, topic: str) -> list[Read]:
    """Everything that a topic has, in the order of its offsets."""
    reads: list[Read] = []
    end = broker.end_offsets([topic])[topic]
    while len(reads) < end:
        reads += broker.read(topic, len(reads), PAGE, READ_WAIT_S)
    return reads


def first_publications(reads: Sequence[Read]) -> list[Publication]:
    """The publications in a topic by their sequence: repetitions and heartbeats left out."""
    found: dict[int, Publication] = {}
    for read in reads:
        publication = wire.read_publication(read)
        if publication is not None:
            found.setdefault(publication.sequence, publication)
    return [found[sequence] for sequence in sorted(found)]


Entries = Iterator[tuple[tuple[str, str], Any]]


def _events(wired: Wired, names: Mapping[str, str]) -> Entries:
    records = all_records(wired)
    for record, event in zip(records, wired.store.opened_all(records), strict=True):
        header = record.header
        told_to = header.stream.split("/")[1] if header.stream.startswith("recipient/") else ""
        stated = event.model_dump(mode="json") if isinstance(event, BaseModel) else {}
        about = ""
        if told_to:
            stated.get("publication", {}).pop("schema", None)  # where this run serves its schemas
            subject = stated.get("publication", {}).get("subject", "")
            about = _client(wired, names, told_to, subject)
        kept = {name: getattr(header, name) for name in header.__slots__ if name not in OF_THE_RUN}
        decision = wired.store.decision(record)
        asked = (decision.command, decision.body, decision.caller, decision.look_ups) if decision else None
        stream = names.get(header.stream, header.stream) if is_client_stream(header.stream) else header.stream
        yield (stream, about), (header.event_id, kept, stated, asked)


def _publications(wired: Wired, names: Mapping[str, str]) -> Entries:
    for recipient in wired.recipients():
        topic = wire.out_topic(wired.store.ledger, recipient.short_name)
        for told in first_publications(all_reads(wired.broker, topic)):
            about = _client(wired, names, recipient.short_name, told.subject)
            yield (recipient.short_name, about), (
                told.id, told.type, told.kind, told.subject, told.time, told.ruleset, told.legal_basis, told.purpose,
                told.occurred_on, told.client, told.body, told.replaces, told.message_id, told.history,
            )  # fmt: skip


def _models(wired: Wired, names: Mapping[str, str]) -> Entries:
    for recipient in wired.recipients():
        if not model_of(recipient):
            continue
        with wired.models.of(recipient.short_name).look() as look:
            rows, blocks = look.everything(), look.blocks({row.client for row in look.everything()})
        for row in rows:
            about = _client(wired, names, recipient.short_name, row.client)
            yield (recipient.short_name, about), row._replace(sequence=0)._asdict()
        for client, block in blocks.items():
            yield (f"{recipient.short_name} block", _client(wired, names, recipient.short_name, client)), block


def _answers(wired: Wired) -> Entries:
    for sender in sorted({(r.header.actor_org, r.header.actor_task) for r in all_records(wired)}):
        given = [
            # Setting up and the clerk make ids of their own.
            ("" if ID.search(command_id) else command_id, answer.status, [name for _, name, _ in answer.events],
             [str(reason) for reason in answer.codes], answer.warnings, sorted(answer.references))
            for command_id, answer in wired.store.answers(sender, 0, 1_000_000)
        ]  # fmt: skip
        yield from (((" ".join(sender), ""), each) for each in sorted(given))


def _client(wired: Wired, names: Mapping[str, str], short_name: str, pseudonym: str) -> str:
    if not pseudonym:
        return ""
    return names[wired.pseudonyms(short_name).reference(pseudonym)]


def _numbered(entries: Entries) -> Lines:
    """By key, with numbers in place of ids: each key begins anew, as clients come in between each other."""
    found: dict[tuple[str, str], list[Any]] = defaultdict(list)
    numbers: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for key, value in entries:
        found[key].append(_plain(value, numbers[key]))
    return dict(found)


def _plain(value: Any, numbers: dict[str, str]) -> Any:
    match value:
        case str():
            bare = HASH.sub("(hash)", value)
            return ID.sub(lambda id_: numbers.setdefault(id_.group(), f"#{len(numbers) + 1}"), bare)
        case Mapping():
            return {name: _plain(value[name], numbers) for name in sorted(value) if name not in LINKS}
        case list() | tuple():
            return [_plain(each, numbers) for each in value]
        case date() | datetime():
            return value.isoformat()
        case _:
            return value
