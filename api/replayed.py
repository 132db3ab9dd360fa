"""What replay answers, as the description of the API has it: everything is in the caller's own names.

What an auditor does not see stands as `sealed`, with the name of its field.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from api.answers import LedgerNamed
from domain.dates import Dated
from domain.pathway import CaseState
from projections.audit import Rerun
from projections.questions import Coded


class StatedWhole(Dated):
    """What is stated whole: a field without a value is there, as null."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class Replayed(StatedWhole):
    """Whose history it is, and where the full record ended when it was read."""

    ledger: LedgerNamed
    client: str = Field(description="The caller's own name for the client.")
    head: int = Field(description="The last position of the full record.")


class ChangedField(StatedWhole):
    """What a correction made of one field; null stands for no value."""

    field: str
    before: Any
    after: Any


class RecordedFact(StatedWhole):
    """One recorded fact. `occurred_on` is the day that was recorded with it, `day` the one that holds after corrections."""

    position: int = Field(description="In the full record.")
    event_id: str
    name: str
    label: Coded
    occurred_on: date
    day: date
    recorded_at: datetime = Field(description="UTC.")
    actor_org: str
    actor_task: str
    actor_role: str
    actor_person: str
    purpose: str
    command_id: str
    ruleset_version: str
    corrects: str | None
    causation: str | None
    flags: list[str]
    warnings: list[str]
    erased: bool = Field(description="Whether its key was destroyed: then it has no fields.")
    fields: dict[str, Any] = Field(description="As docs/reference/events.md has them; those without a value are left out.")
    changes: list[ChangedField] = Field(description="Of a correction.")
    corrected_by: list[str]


class ClientHistory(Replayed):
    """Every fact of one client."""

    order: Literal["recorded", "occurrence"]
    facts: list[RecordedFact]


class CaseThen(StatedWhole):
    """How far a case was on the day."""

    case_id: str
    state: CaseState


class FactThen(StatedWhole):
    """A fact that was in force on the day."""

    event_id: str
    name: str
    day: date
    recorded_at: datetime = Field(description="UTC.")
    corrected_by: list[str]
    fields: dict[str, Any] = Field(description="As docs/reference/events.md has them; those without a value are left out.")


class CaseAsOf(Replayed):
    """The client's cases and facts on a day, as they were known at a time."""

    on: date
    known_at: datetime | None = Field(description="UTC; null means now.")
    cases: list[CaseThen]
    facts: list[FactThen]


class Disclosure(StatedWhole):
    """One thing that one recipient was told. Once its key is destroyed only place and time are left."""

    position: int = Field(description="In the full record.")
    recipient: str
    epoch: int
    sequence: int
    told_at: datetime = Field(description="UTC.")
    first_told_at: datetime = Field(description="UTC; in a fresh epoch, when it was told first.")
    erased: bool
    publication_id: str | None
    kind: Literal["made", "revised", "withdrawn"]
    fact_id: str | None
    fact_name: str | None
    fact_label: Coded | None
    occurred_on: date | None
    cell: str | None = Field(description="The cell of the matrix by which it was told.")
    legal_basis: Coded | None
    purpose: Coded | None
    consent_id: str | None
    replaces: str | None = Field(description="The publication that this replaces or takes back.")
    ground: str | None = Field(description="Why it was revised or withdrawn.")
    repeated: bool = Field(description="Whether a fresh epoch repeats it.")
    fields: list[str] = Field(description="The names of what was told.")
    body: dict[str, Any] | None = Field(description="What was told, as it went out.")
    client_block: list[str] = Field(description="What was told of who the client is, by name.")


class Disclosures(Replayed):
    """Everything that anybody was told of one client, in the order of telling."""

    tellings: list[Disclosure]


class DisclosuresByThen(Replayed):
    """What one recipient held at a time."""

    recipient: str
    by: datetime = Field(description="UTC.")
    time_used: Literal["acknowledged", "disclosed"] = Field(
        description="Whether the broker's acknowledgement counts, or the disclosure's own time."
    )
    tellings: list[Disclosure]


class Decisions(Replayed):
    """Every decision about one client, made again."""

    decisions: list[Rerun]
