"""A ledger's feed written by hand, and a relay over it: given that this happened, what stands in the topics?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from consumers import wire
from consumers.embedded_broker import EmbeddedBroker
from consumers.log import Read
from consumers.relay import Relay
from domain.directory import Directory, enter
from domain.disclosure.pseudonyms import Pseudonyms
from domain.disclosure.publications import Publication
from domain.epochs import Epochs
from domain.events import DisclosureMade, Erased, Event, LedgerOpened, OrganisationJoined, TaskFrom
from domain.record import Header, Record, digest, read_record
from domain.store import Acknowledged, Parked, SqliteRecorder, migrate_sqlite
from domain.store.tables.recorders import Row

NOW = datetime(2025, 3, 3, 7, 0, tzinfo=UTC)
EVENTS = "kuty.demo.events.v1"
COUNTY = "0000001-9"
TASKS = ("organiser", "employment_authority", "benefit_payment")


@dataclass
class Feed:
    """A ledger whose events are written by hand: the tables are real, only sealing is left out."""

    recorder: SqliteRecorder
    ledger: str = "demo"
    erasures: int = 0
    directory: Directory = field(default_factory=Directory)
    epochs: Epochs = field(default_factory=Epochs)
    contents: dict[int, Event | Erased] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def add(
        self, stream: str, event: Event | Erased, *, number: int | None = None, sender: str = "organiser", size: int = 0
    ) -> None:
        position = len(self.contents) + 1
        version = self.versions[stream] = self.versions.get(stream, 0) + 1
        name = event.name if isinstance(event, Erased) else event.NAME
        body = f"{name} {position}".encode().ljust(size)
        header = Header(
            event_id=f"{position:032x}", type=f"{name}.v1", ledger=self.ledger, stream=stream, stream_version=version,
            matter="ledger", occurred_on=date(2025, 3, 3), recorded_at=NOW, command_id=f"c-{position}", actor_org=COUNTY,
            actor_task=sender, actor_role="system", actor_person="system", purpose="service", ruleset_version="2026-03",
            directory_version="1", key_id="k", section_digests={"A": digest(body)}, previous_hash="", answer_number=number,
            content_hash="0" * 64 if number else None,
        )  # fmt: skip
        record = Record(header, header.to_bytes(), {"A": body}, position)
        writing = self.recorder.begin()
        writing.write([Row(position, stream, version, header.type, record.state, header.matter)], (), {})
        writing.commit(position)
        self.contents[position] = event
        self.directory = enter(self.directory, event, position)

    def records(self, after: int, limit: int, names: Sequence[str] = ()) -> list[Record]:
        rows = self.recorder.rows(after, limit, [f"{name}.v1" for name in names])
        return [read_record(row.state, row.position, 1) for row in rows]

    def stream(self, stream: str, after: int = 0, limit: int | None = None) -> list[Record]:
        return [read_record(row.state, row.position, 1) for row in self.recorder.stream_rows(stream, after, limit)]

    def opened_all(self, records: Sequence[Record]) -> list[Event | Erased]:
        return [self.contents[record.position] for record in records]

    def position_of(self, sender: tuple[str, str], number: int) -> int | None:
        headers = [record.header for record in self.records(0, self.head())]
        numbered = [((one.actor_org, one.actor_task), one.answer_number) for one in headers]
        return numbered.index((sender, number)) + 1 if (sender, number) in numbered else None

    def head(self) -> int:
        return self.recorder.head()

    def now(self) -> datetime:
        return NOW

    def tracking(self, name: str) -> int:
        return self.recorder.tracking(name)

    def acknowledge(self, name: str, position: int, rows: Sequence[Acknowledged]) -> None:
        self.recorder.book.acknowledge(name, position, rows)

    def acknowledgement_before(self, topic: str, offset: int) -> Acknowledged | None:
        return self.recorder.book.before(topic, offset)

    def acknowledged_ends(self) -> Mapping[str, Acknowledged]:
        return self.recorder.book.ends()

    def cut_acknowledged(self, topic: str, offset: int) -> None:
        self.recorder.book.cut(topic, offset)

    def trackings(self, names: Sequence[str]) -> Mapping[str, int]:
        return self.recorder.trackings(names)

    def place(self, places: Mapping[str, int]) -> None:
        self.recorder.place(places)

    def parked(self) -> Mapping[str, Parked]:
        return self.recorder.parked()

    def park(self, parked: Parked) -> None:
        self.recorder.park(parked)

    def unpark(self, topic: str) -> None:
        self.recorder.unpark(topic)

    def join(self, *short_names: str) -> None:
        self.add(
            "organisation/x",
            OrganisationJoined(
                org_id=COUNTY, org_name="Synthetic", agency_kind="wellbeing_services_county", transport="both",
                contact_mailbox="x@example.org",
                tasks=tuple(
                    TaskFrom(task=task, from_on=date(2023, 1, 1), short_name=name)
                    for task, name in zip(TASKS, short_names, strict=False)
                ),
            ),
        )  # fmt: skip

    def tell(self, recipient: str, *, times: int = 1, size: int = 10, epoch: int = 1) -> None:
        for _ in range(times):
            stream = f"recipient/{recipient}/{epoch}"
            told = Publication(
                id=f"{len(self.contents):032x}", type="period.started.v1", kind="fact", source=COUNTY, subject="pseudonym",
                time=NOW, sequence=0, epoch=1, ruleset="", legal_basis="LB-UI-ATT", purpose="service", previous_hash="",
                body={"goal": "x" * size},
            )  # fmt: skip
            self.add(
                stream,
                DisclosureMade(
                    publication_id=told.id, source_event_id="1d" * 16, commitment="00" * 32, commitment_salt="11" * 32,
                    cell="D", field_set_version="1", legal_basis="LB-UI-ATT", previous_publication_hash="22" * 32,
                    publication=told.stored(),
                ),
            )  # fmt: skip


@contextmanager
def fed(folder: Path) -> Iterator[Feed]:
    """A ledger of two recipients, county and kela, to whom nothing was told yet."""
    migrate_sqlite(folder / "ledger.db")
    recorder = SqliteRecorder(folder / "ledger.db")
    feed = Feed(recorder)
    feed.add("ledger", LedgerOpened(organiser_org_id=COUNTY, mode="simulated", ruleset_version="2026-03"))
    feed.join("county", "kela")
    yield feed
    recorder.close()


def relay_of(
    feed: Feed, broker: EmbeddedBroker, window: int = 500, heartbeat_s: float = 60.0, schemas: str = ""
) -> Relay:
    def pseudonyms(name: str) -> Pseudonyms:
        return Pseudonyms(name.encode().ljust(64, b"0"))

    return Relay(feed, broker, pseudonyms, window=window, heartbeat_s=heartbeat_s, schemas=schemas)


def run(relay: Relay) -> int:
    done, steps = 0, 0
    while relay.position < relay._store.head():
        done += relay.step()
        steps += 1
        assert steps < 50
    return done + relay.step()


def topic(broker: EmbeddedBroker, name: str) -> list[Read]:
    return broker.read(name, broker.begin_offsets([name])[name], 10_000)


def sequences(broker: EmbeddedBroker, name: str) -> list[int | None]:
    return [wire.sequence_of(read) for read in topic(broker, name)]


OUT = wire.out_topic("demo", "kela")
