"""Who was told what: the disclosures of the full feed, by client and by recipient (domain/questions.md CW8, DP2, DP4).

Pure functions over records, whatever their source. "Told by a date" uses the broker's time of acknowledgement where a
live ledger gives it, else the disclosure's own time, and says which (design D11).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias

from domain.disclosure.kept import recipient_of
from domain.events import DisclosureMade, DisclosureRevised, DisclosureWithdrawn, Erased, PublicationsAcknowledged
from domain.record import Record
from domain.streams import is_client_stream
from projections.labels import labelled
from projections.questions import Coded, coded
from projections.timeline import Open

Acknowledged: TypeAlias = Callable[[str, int, int], datetime | None]
"""(recipient's short name, epoch, sequence) to the broker's time of acknowledgement, none while it is not acknowledged."""
_ZERO, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Telling:
    """One disclosure. `told_at` is the disclosure's own time (UTC), `first_told_at` that of the publication when this one
    repeats it in a fresh epoch. `fields` are the names of what was told, `body` and `client_block` the content.

    `ground` says why it was revised or withdrawn. Once the matter's key is destroyed only place and time are left.
    """

    position: int
    recipient: str
    epoch: int
    sequence: int
    told_at: datetime
    first_told_at: datetime
    erased: bool = False
    client: str | None = None
    publication_id: str | None = None
    kind: Literal["made", "revised", "withdrawn"] = "made"
    fact_id: str | None = None
    fact_name: str | None = None
    fact_label: Coded | None = None
    occurred_on: date | None = None
    cell: str | None = None
    legal_basis: Coded | None = None
    purpose: Coded | None = None
    consent_id: str | None = None
    replaces: str | None = None
    ground: str | None = None
    repeated: bool = False
    fields: tuple[str, ...] = ()
    body: dict[str, Any] | None = None
    client_block: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToldBy:
    """What one recipient held at a time, and whether the broker's acknowledgement or the disclosure's own time was used."""

    recipient: str
    by: datetime
    time_used: Literal["acknowledged", "disclosed"]
    tellings: tuple[Telling, ...]


class _Line(NamedTuple):
    """The facts of one epoch of a recipient: up to which sequence, and when, in milliseconds (UTC) as the broker counts
    them. There may be one a minute for as long as the ledger lives: 16 bytes each."""

    until: array[int]
    times: array[int]


class Recorded:
    """The broker's times of acknowledgement as the record has them: of a publication the last time of the fact that covers
    it, which is less than a minute behind its own. Give it the feed, or its `publications.acknowledged`, in order."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, int], _Line] = {}

    def take(self, records: Iterable[Record], open_record: Open) -> Recorded:
        """Learn from records; others than those facts are passed over."""
        for record in records:
            if record.header.name != PublicationsAcknowledged.NAME:
                continue
            event = open_record(record)
            if isinstance(event, PublicationsAcknowledged):
                line = self._lines.setdefault((event.recipient, event.recipient_epoch), _Line(array("q"), array("q")))
                line.until.append(event.until_sequence)
                line.times.append((event.last_at - _ZERO) // _MILLISECOND)
        return self

    def acknowledged(self, recipient: str, epoch: int, sequence: int) -> datetime | None:
        """As `Acknowledged`."""
        line = self._lines.get((recipient, epoch))
        if line is None or (place := bisect_left(line.until, sequence)) == len(line.until):
            return None
        return _ZERO + line.times[place] * _MILLISECOND


def told_about(records: Iterable[Record], open_record: Open, client: str) -> list[Telling]:
    """CW8: everything that anybody was told of the client, in the order of telling.

    `records` must hold the client's stream and the disclosures of its matters, in feed order; more does no harm.
    """
    return [
        telling for telling in _tellings(records, open_record, client=client) if telling.erased or telling.client == client
    ]


def told_by(
    records: Iterable[Record],
    open_record: Open,
    recipient: str,
    by: datetime,
    *,
    client: str | None = None,
    acknowledged: Acknowledged | None = None,
    else_disclosed: bool = False,
) -> ToldBy:
    """What a recipient had been told by a time (UTC, inclusive) and not yet had revised or withdrawn.

    With `acknowledged` a publication counts from the broker's acknowledgement, without it from the disclosure; so does, with
    `else_disclosed`, one of which it says nothing.
    """
    held: dict[str, Telling] = {}
    unsent: set[str] = set()
    for telling in _tellings(records, open_record, client=client, recipient=recipient):
        if telling.publication_id is None or (client is not None and telling.client != client):
            continue
        at = acknowledged(recipient, telling.epoch, telling.sequence) if acknowledged else telling.told_at
        at = telling.told_at if at is None and else_disclosed else at
        if at is None:
            # What is told in an epoch that a redelivery has left is sent in the next one alone.
            unsent.add(telling.publication_id)
        if at is None or at > by:
            continue
        if telling.replaces:
            held.pop(telling.replaces, None)
        if telling.kind == "withdrawn":
            continue
        if not telling.repeated or telling.publication_id in unsent:
            held[telling.publication_id] = telling
    used: Literal["acknowledged", "disclosed"] = "acknowledged" if acknowledged else "disclosed"
    return ToldBy(recipient, by, used, tuple(held.values()))


def _tellings(
    records: Iterable[Record], open_record: Open, *, client: str | None = None, recipient: str | None = None
) -> Iterable[Telling]:
    """Disclosures in feed order. With a client only those of its matters are opened; the others are passed over."""
    streams: dict[str, str] = {}
    days: dict[str, date] = {}
    matters: set[str] = set()
    seen: set[tuple[str, str]] = set()
    for record in records:
        header = record.header
        found = recipient_of(header.stream)
        if found is None:
            if is_client_stream(header.stream) and client in (None, header.stream):
                streams[header.event_id] = header.stream
                days[header.event_id] = header.occurred_on
                matters.add(header.matter)
            continue
        if (recipient is not None and found[0] != recipient) or (client is not None and header.matter not in matters):
            continue
        telling = _telling(record, open_record, found)
        if telling.fact_id is not None:
            day = telling.occurred_on or days.get(telling.fact_id)
            telling = replace(telling, client=streams.get(telling.fact_id), occurred_on=day)
        if telling.publication_id is not None:
            key = (telling.recipient, telling.publication_id)
            telling = replace(telling, repeated=key in seen)
            seen.add(key)
        yield telling


def _telling(record: Record, open_record: Open, found: tuple[str, int]) -> Telling:
    header = record.header
    event = open_record(record)
    place = Telling(record.position, *found, header.stream_version, header.recorded_at, header.recorded_at)
    if isinstance(event, Erased) or not isinstance(event, DisclosureMade | DisclosureWithdrawn):
        return replace(place, erased=True)
    kept = event.publication
    name = str(kept["type"]).rsplit(".v", 1)[0]
    body = kept.get("body", {})
    telling = replace(
        place,
        publication_id=event.publication_id,
        first_told_at=datetime.fromisoformat(kept["time"]),
        fact_id=event.source_event_id,
        fact_name=name,
        fact_label=labelled("events", name),
        occurred_on=date.fromisoformat(kept["occurred_on"]) if "occurred_on" in kept else None,
        legal_basis=coded("legal_basis", event.legal_basis),
        purpose=coded("purpose", header.purpose),
        fields=tuple(sorted(body)),
        body=body,
        client_block=tuple(sorted(kept.get("client", {}))),
    )
    if isinstance(event, DisclosureWithdrawn):
        ground, replaces = event.withdrawal_ground, event.withdraws_publication_id
        return replace(telling, kind="withdrawn", replaces=replaces or None, ground=ground)
    telling = replace(telling, cell=event.cell, consent_id=event.consent_id)
    if isinstance(event, DisclosureRevised):
        return replace(telling, kind="revised", replaces=event.replaces_publication_id, ground=event.revision_ground)
    return telling
