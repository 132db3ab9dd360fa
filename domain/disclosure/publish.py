"""A publication made of a change: the recipient's pseudonyms, the client block, the chain, the commitment (design D10)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel

from domain import events as e
from domain.catalogue import type_of
from domain.directory import Directory
from domain.disclosure.desired import View
from domain.disclosure.entitlement import Told, references_of
from domain.disclosure.grounds import ADMINISTRATION
from domain.disclosure.kinds import Standing
from domain.disclosure.policy import Policy
from domain.disclosure.pseudonyms import Pseudonyms
from domain.disclosure.publications import FIRST_HASH, Publication, schema_address
from domain.disclosure.reconcile import Change, Disclosed
from domain.events import Event
from domain.identifiers import organisation_source

EVENT_REFERENCE = "_event_id"
"""What the name of a reference to an event ends with; every other reference names a part."""


def names_event(field: str) -> bool:
    """Whether a field of a publication holds one of the recipient's own publication ids, by its name."""
    return field.endswith(EVENT_REFERENCE)


@dataclass(slots=True)
class Line:
    """Where a recipient's line has come to: `sequence` 0 and empty hashes before the first. `previous_hash` is that of the
    last publication, `record_hash` that of the event which keeps it, `at` when that was recorded, or the
    publication's own time where that is later (UTC)."""

    recipient: str
    epoch: int
    sequence: int = 0
    previous_hash: str = FIRST_HASH
    record_hash: str = ""
    at: datetime | None = None

    @property
    def stream(self) -> str:
        """The stream of the epoch."""
        return f"recipient/{self.recipient}/{self.epoch}"

    def time(self, now: datetime) -> datetime:
        """When the next one is told: not before the last one, though the clock went back or is another process's."""
        return max(now, self.at) if self.at is not None else now


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What publications of one batch have in common. `now` is the ledger's time, UTC, in whole seconds; `schemas` the
    address under which schemas are served, empty where there is none."""

    now: datetime
    directory: Directory
    ruleset: str
    policy: Policy
    pseudonyms: Callable[[str], Pseudonyms]
    random_id: Callable[[], str]
    salt: Callable[[], str]
    schemas: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """The client of a change: what is known of it, its vault record as far as there is one, staff cards by person."""

    view: View
    record: Mapping[str, Any]
    cards: Callable[[str], Mapping[str, Any]]


def source_of(directory: Directory) -> str:
    """CloudEvents `source`: the organiser, by its OID where it has one."""
    organiser = directory.organisation(directory.organiser)
    oid = organiser.joined.organisation_oid if organiser else None
    return f"urn:oid:{oid}" if oid else organisation_source(directory.organiser)


def publication_of(
    change: Change, line: Line, about: About | None, known: Mapping[str, Disclosed], at: Circumstances
) -> Publication:
    """The next publication of the line. `about` is none for a fact without a client."""
    fact, told, standing = change.fact, change.told, change.standing
    pseudonyms, type_name = at.pseudonyms(line.recipient), type_of(fact.event)
    before = known.get(fact.event_id)
    client: dict[str, Any] = {}
    body: dict[str, Any] = {}
    classes: dict[str, str] = {}
    if told is not None:
        shielded = _shielded(about, standing)
        body = body_of(fact.event, told, pseudonyms, known, about, shielded)
        classes = {f"body.{name}": told.classes.get(name, "L") for name in body}
        if about is not None:
            for letter, name, value in client_block(told, change, about, at, shielded):
                client[name] = value
                classes[f"client.{name}"] = letter
    return Publication(
        id=at.random_id(),
        type=type_name,
        kind=change.kind,
        source=source_of(at.directory),
        subject=pseudonyms.of(about.view.pathway.client) if about is not None else "",
        time=line.time(at.now).replace(microsecond=0),
        sequence=line.sequence + 1,
        epoch=line.epoch,
        ruleset=at.ruleset,
        legal_basis=told.legal_basis if told is not None else before.legal_basis if before else "LB-OWN-TASK",
        purpose=told.purpose if told is not None else standing.kind.purpose,
        previous_hash=line.previous_hash,
        occurred_on=fact.occurred_on if told is not None else None,
        client=client,
        body=body,
        replaces=before.publication_id if before is not None and change.kind != "fact" else None,
        message_id=told.message_id if told is not None else None,
        classes=classes,
        schema=schema_address(at.schemas, standing.kind.key, type_name),
    )


def event_of(publication: Publication, change: Change, source_hash: str, at: Circumstances) -> Event:
    """The disclosure event that keeps the publication."""
    salt = at.salt()
    fields: dict[str, Any] = {
        "publication_id": publication.id,
        "source_event_id": change.fact.event_id,
        "commitment": commitment(salt, source_hash),
        "commitment_salt": salt,
        "legal_basis": publication.legal_basis,
        "previous_publication_hash": publication.previous_hash,
        "publication": publication.stored(),
    }
    if change.told is None:
        return e.DisclosureWithdrawn(
            **fields, withdraws_publication_id=publication.replaces or "", withdrawal_ground="entitlement_lost"
        )
    fields |= {"cell": change.told.cell, "field_set_version": at.policy.field_set_version}
    if change.kind == "revised":
        return e.DisclosureRevised(**fields, replaces_publication_id=publication.replaces or "", revision_ground="corrected")
    return e.DisclosureMade(**fields)


def empty_publication(publication_id: str, directory: Directory, now: datetime) -> Publication:
    """What stands in the history of a redelivery for a publication that was erased or withdrawn before it was repeated: of
    nobody, and without content, as one that was erased before it was sent."""
    return Publication(
        id=publication_id,
        type=type_of(e.DisclosureWithdrawn),
        kind="withdrawn",
        source=source_of(directory),
        subject="",
        time=now.replace(microsecond=0),
        sequence=0,
        epoch=0,
        ruleset="",
        legal_basis="LB-OWN-TASK",
        purpose=ADMINISTRATION,
        previous_hash=FIRST_HASH,
    )


def empty_event(publication: Publication, source_id: str, source_hash: str, salt: str) -> e.DisclosureWithdrawn:
    """The disclosure event that keeps an empty publication: it withdraws nothing but itself, and follows from the ledger's
    first event, as every one follows from something."""
    return e.DisclosureWithdrawn(
        publication_id=publication.id,
        source_event_id=source_id,
        commitment=commitment(salt, source_hash),
        commitment_salt=salt,
        legal_basis=publication.legal_basis,
        previous_publication_hash=publication.previous_hash,
        withdraws_publication_id=publication.id,
        withdrawal_ground="key_destroyed",
        publication=publication.stored(),
    )


def is_empty(event: e.DisclosureMade | e.DisclosureWithdrawn) -> bool:
    """Whether a disclosure keeps an empty publication."""
    return isinstance(event, e.DisclosureWithdrawn) and event.withdraws_publication_id == event.publication_id


def commitment(salt: str, source_hash: str) -> str:
    """SHA-256 in hex over the salt and the source event's hash, both as hex text: proves the source to who has both."""
    return hashlib.sha256((salt + source_hash).encode()).hexdigest()


def body_of(
    event: Event,
    told: Told,
    pseudonyms: Pseudonyms,
    known: Mapping[str, Disclosed],
    about: About | None,
    shielded: bool,
) -> dict[str, Any]:
    """The fields as they stand in a publication: references as the recipient's own, dates as text."""
    references = references_of(type(event))
    body: dict[str, Any] = {}
    for name, value in told.fields.items():
        if name in references:
            if not names_event(name):
                body[name] = pseudonyms.of(value)
            elif value in known:
                body[name] = known[value].publication_id
        elif shielded and _names_place_or_time(name, told):
            continue
        elif about is not None and name == "actor_person" and value == about.view.pathway.client:
            body[name] = pseudonyms.of(value)
        elif name == "new_values":
            body[name] = _new_values(event, value, pseudonyms, about)
        else:
            body[name] = plain(value)
    if told.staff and about is not None:
        body |= about.cards(told.staff)
    return body


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, BaseModel):
        return {name: plain(item) for name, item in value if item is not None}
    return value


def _new_values(event: Event, values: Mapping[str, Any], pseudonyms: Pseudonyms, about: About | None) -> dict[str, Any]:
    target = about.view.pathway.facts.get(getattr(event, "target_event_id", "")) if about else None
    references = references_of(type(target.event)) if target else frozenset()
    return {name: pseudonyms.of(v) if name in references and v else plain(v) for name, v in values.items()}


# --- The client block -------------------------------------------------------------------------------------------------


def client_block(
    told: Told, change: Change, about: About, at: Circumstances, shielded: bool
) -> Iterator[tuple[str, str, Any]]:
    """(class, field, value) of the vault record that this recipient gets. source: domain/disclosure.md 5.4"""
    if isinstance(change.fact.event, e.PayloadKeyDestroyed):
        return
    block = at.policy.blocks[told.profile]
    identity: tuple[str, ...] = block.identity
    fact, pathway, standing = change.fact, about.view.pathway, change.standing
    named, files = standing.kind.identity_named, standing.kind.files_absence_reports
    if named:
        identity = tuple(name for name in identity if name in named(fact, pathway, standing))
    if files and block.with_absence_reports and files(fact, pathway, standing, at.directory):
        identity += block.with_absence_reports
    contact = ("protected",) if shielded and "protected" in block.contact else () if shielded else block.contact
    for letter, names in (("B", identity), ("C", contact)):
        for name in names:
            value = about.record.get(name)
            if value is not None:
                yield letter, name, value


# --- Protected clients (rule 5) ---------------------------------------------------------------------------------------

_PLACES = frozenset({"site_id", "provider_org_id", "reporting_org_id"})
_TRAVELS_ALL_THE_SAME = frozenset({"R:day", "R:report"})


def _shielded(about: About | None, standing: Standing) -> bool:
    """Whether the client is protected from what this recipient would be told of place and time."""
    protected = about is not None and about.record.get("protected") is True
    return protected and standing.kind.shielded


def _names_place_or_time(name: str, told: Told) -> bool:
    return name in _PLACES or (told.classes.get(name) == "E" and told.cell not in _TRAVELS_ALL_THE_SAME)
