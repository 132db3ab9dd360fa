"""Publications as one recipient gets them, made by hand: given this was told, what does its model say?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from consumers.embedded_broker import EmbeddedBroker
from consumers.lines import Line
from consumers.log import Entry, Read
from consumers.wire import OUT, out_topic, publication_entry
from domain.disclosure.publications import FIRST_HASH, Publication
from projections.kinds import Kind
from projections.read_models import ReadModel

LEDGER = "test"


def noon(on: date) -> datetime:
    """A time on that day, UTC and whole seconds."""
    return datetime.combine(on, time(12), UTC)


@dataclass
class Told:
    """One epoch of one recipient's stream. Each call adds a publication and gives its id."""

    epoch: int = 1
    until_sequence: int = 0
    client: str = "client-1"
    block: dict[str, Any] = field(default_factory=lambda: {"given_names": "Testi", "family_name": "Henkilö"})
    publications: list[Publication] = field(default_factory=list)

    def fact(
        self, name: str, on: str | date, body: dict[str, Any] | None = None, *, at: datetime | None = None, **more: Any
    ) -> str:
        """Something happened on a day; it is told at noon of that day unless `at` says otherwise."""
        return self._add("fact", name, _date(on), body or {}, at, **more)

    def revised(self, replaces: str, body: dict[str, Any], *, at: datetime, on: str | date | None = None) -> str:
        """What was told is replaced by something new."""
        before = next(p for p in self.publications if p.id == replaces)
        name = before.type.rsplit(".v", 1)[0]
        return self._add(
            "revised", name, _date(on or before.occurred_on), body, at, replaces=replaces, client=before.subject
        )

    def withdrawn(self, replaces: str, *, at: datetime) -> str:
        """What was told is taken back."""
        before = next(p for p in self.publications if p.id == replaces)
        name = before.type.rsplit(".v", 1)[0]
        return self._add("withdrawn", name, before.occurred_on, {}, at, replaces=replaces, client=before.subject, block={})

    def _add(
        self,
        kind: Any,
        name: str,
        on: date | None,
        body: dict[str, Any],
        at: datetime | None,
        *,
        client: str | None = None,
        block: dict[str, Any] | None = None,
        replaces: str | None = None,
        message_id: str | None = None,
        version: int = 1,
    ) -> str:
        number = len(self.publications) + 1
        previous = self.publications[-1].hash if self.publications else FIRST_HASH
        self.publications.append(
            Publication(
                id=hashlib.sha256(f"{self.epoch}/{number}".encode()).hexdigest()[:32],
                type=f"{name}.v{version}",
                kind=kind,
                source="0000001-9",
                subject=self.client if client is None else client,
                time=at or noon(on or date(2025, 1, 1)),
                sequence=number,
                epoch=self.epoch,
                ruleset="2026-03",
                legal_basis="LB-OWN-TASK",
                purpose="service",
                previous_hash=previous,
                occurred_on=on,
                client=self.block if block is None else block,
                body=body,
                replaces=replaces,
                message_id=message_id,
                history={"until_sequence": self.until_sequence} if number == 1 and self.until_sequence else None,
            )
        )
        return self.publications[-1].id

    @property
    def entries(self) -> list[Entry]:
        """The records of the out topic."""
        return [publication_entry(publication) for publication in self.publications]

    def again(self, epoch: int, until_sequence: int) -> Told:
        """The same, repeated in a fresh epoch: a redelivery, with the times of the first telling."""
        repeated = Told(epoch, until_sequence, self.client, self.block)
        ids: dict[str, str] = {}
        for p in self.publications:
            before = ids.get(p.replaces or "")
            body = {name: ids.get(value, value) if isinstance(value, str) else value for name, value in p.body.items()}
            ids[p.id] = repeated._add(
                p.kind, p.type.rsplit(".v", 1)[0], p.occurred_on, body, p.time,
                client=p.subject, block=p.client, replaces=before, message_id=p.message_id,
            )  # fmt: skip
        return repeated


def reads(entries: Iterable[Entry], first_offset: int = 0, topic: str = "t") -> list[Read]:
    """Records as a broker would give them, one a second."""
    return [
        Read(topic, first_offset + number, 1_750_000_000_000 + 1_000 * number, entry.key, entry.value, entry.headers)
        for number, entry in enumerate(entries)
    ]


def in_model(model: ReadModel, kind: Kind, told: Told) -> ReadModel:
    """The model after everything was taken in."""
    line = Line("test", "t", model, kind.facts)
    line.load("incarnation", 0)
    line.take(reads(told.entries))
    assert line.halted == ""
    return model


def topic_with(broker: EmbeddedBroker, short_name: str, entries: Iterable[Entry]) -> str:
    """The recipient's out topic with these records at its end."""
    topic = out_topic(LEDGER, short_name)
    broker.create_topics({topic: OUT})
    written = [(topic, entry) for entry in entries]
    for first in range(0, len(written), 500):
        assert all(outcome.status == "acknowledged" for outcome in broker.append(written[first : first + 500]))
    return topic


def embedded(folder: Path) -> EmbeddedBroker:
    """A broker of this test's own."""
    return EmbeddedBroker(lambda: datetime(2025, 9, 30, 12, tzinfo=UTC), folder / "broker.db")


def weekdays(first: str, last: str, *days: int) -> list[date]:
    """The dates of a time that fall on these weekdays (Monday 1)."""
    day, end, found = date.fromisoformat(first), date.fromisoformat(last), []
    while day <= end:
        if day.isoweekday() in days:
            found.append(day)
        day += timedelta(days=1)
    return found


def damaged(entry: Entry, **changes: bytes) -> Entry:
    """The record with other headers."""
    headers = tuple((name, changes.get(name, value)) for name, value in entry.headers)
    return entry._replace(headers=headers)


def hidden(entry: Entry, name: str, within: str) -> Entry:
    """The record with one header inside another: its hash would be the same, and who reads it finds one less."""
    headers = dict(entry.headers)
    headers[within] += b"\n" + name.encode() + b"\0" + headers.pop(name)
    return entry._replace(headers=tuple(sorted(headers.items())))


def doubled(entry: Entry, name: str, lie: bytes) -> Entry:
    """The record with a header twice, the true one behind."""
    return entry._replace(headers=((name, lie), *entry.headers))


def other_epoch(publication: Publication, epoch: int) -> Publication:
    """The publication as another epoch has it."""
    return replace(publication, epoch=epoch)


def _date(on: str | date | None) -> date | None:
    return date.fromisoformat(on) if isinstance(on, str) else on
