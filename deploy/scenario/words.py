"""The words of a scenario file. `docs/reference/scenarios.md` is made from these classes.

A history is a list of dated steps, each of which somebody does. Expectations stand among the steps, where they are asked at
that moment, and at the end. Clients, people, organisations and parts go by the names that the file gives them.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from domain.dates import Dated
from domain.store import ClientRecord
from domain.vocabulary import (
    ActorRole,
    AgencyKind,
    ContractId,
    MunicipalityCode,
    OrganisationTask,
    OrgId,
    PlacementForm,
    ProviderKind,
    ProvisionRole,
    ShortName,
)

MORNING = time(9, 0)
AFTERNOON = time(15, 0)
EVENING = time(20, 0)
SAME_DAY = "same day"
"""In a field: the date of the step."""


class Words(Dated):
    """A part of a file: a word that is not listed is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _texted(value: Any) -> Any:
    return str(value) if isinstance(value, int) else value


Days = Annotated[list[date], BeforeValidator(_listed), Field(min_length=1)]
Codes = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]
RowName = Annotated[str, BeforeValidator(_texted)]


class Organisation(Words):
    """An organisation that takes part. Each of its tasks is a recipient of its own, under a short name."""

    id: OrgId = Field(description="Its id in the directory: the business id where it has one.")
    called: str = Field(description="Its name.")
    kind: AgencyKind = Field(description="A code of the list agency_kind.")
    joined_on: date
    tasks: dict[OrganisationTask, ShortName] = Field(description="Each task that it holds, with the recipient's short name.")
    municipalities: list[MunicipalityCode] | None = Field(None, description="The municipalities that it answers for.")


class Site(Words):
    """A place of activity."""

    called: str
    street: str
    municipality: MunicipalityCode
    forms: list[PlacementForm] = Field(description="Codes of the list placement_form.")
    places: int = Field(description="How many clients the contract gives it at one time.")


class Contract(Words):
    """The organiser's contract with a provider."""

    id: ContractId
    from_: date = Field(alias="from")
    until: date
    files_absence_reports: bool = Field(description="Whether the provider tells the payer of absences.")


class Provider(Words):
    """An organisation that gives the service, with its sites and its contract. It joins in the task provider."""

    id: OrgId
    called: str
    kind: ProviderKind = Field(description="A code of the list provider_kind.")
    company: bool = False
    roles: list[ProvisionRole] = Field(["activity"], description="Codes of the list provision_role.")
    joined_on: date
    recipient: ShortName = Field(description="Its short name as a recipient.")
    sites: dict[str, Site]
    contract: Contract


class Person(Words):
    """Somebody who works for an organisation, in a role. The last four are the staff card, which others may be shown."""

    works_for: str = Field(description="The organisation or provider, by the name that the file gives it.")
    role: ActorRole = Field(description="A code of the list actor_role: own_worker, social_worker, instructor …")
    task: OrganisationTask | None = Field(None, description="For which task of the organisation, where it holds several.")
    name: str | None = None
    title: str | None = None
    unit: str | None = None
    phone: str | None = None


class Given(Words):
    """What stands before the first row. A file of its own may hold it for several histories."""

    organisations: dict[str, Organisation] = Field({})
    providers: dict[str, Provider] = Field({})
    staff: dict[str, Person] = Field({})
    clients: dict[str, ClientRecord] = Field(
        {}, description="Who they are; identity codes with the numbers 900 to 999 only."
    )


class Doing(Words):
    """Somebody does something: one command, and how it has to be answered."""

    by: str | None = Field(None, description="A person of `staff`, or a client: the command goes over HTTP.")
    from_: str | None = Field(
        None,
        alias="from",
        description="A recipient, by its short name: its system sends a message, over Kafka where there is one.",
    )
    do: str | None = Field(None, description="The command: submit_referral, start_period …")
    client: str | None = Field(None, description="About whom; may be left out where the file has one client.")
    client_by: Literal["pseudonym", "identity_code"] = Field("pseudonym", description="How a message names the client.")
    with_: dict[str, Any] = Field(
        {},
        alias="with",
        description="The command's fields. Parts by the file's names; `_id`, `_on` and `_org_id` may be left off a field's "
        "name; a week as `{mon: 5, thu: 4.5}`; the step's own date as `same day`.",
    )
    send: str | None = Field(None, description="Instead of `with`: the bytes that are sent, as text, good or bad.")
    names: dict[str, str] = Field(
        {},
        description="Names for what begins with it: `period: P1`. `fact: …` names the fact itself, for a later correction.",
    )
    expect: Literal["recorded", "already_recorded", "waiting", "quarantined"] = Field(
        "recorded", description="How it has to be answered, unless it is refused."
    )
    refused: Codes | None = Field(None, description="The codes with which it has to be refused: all of them, in order.")
    problem: int | None = Field(None, description="The HTTP status of the refusal, where it matters: 400, 409, 413, 422 …")
    warned: Codes | None = Field(None, description="The codes of the warnings that have to come with it.")
    again: bool = Field(False, description="Under the id of the step before: the same again, or with `with` something else.")
    stale: bool = Field(False, description="By a person, with `If-Match` for the client's record one step earlier.")


class Step(Doing):
    """A row of the history. Several days in `on` are several steps."""

    row: RowName | None = Field(None, description="The row of the history that it stands for; only shown.")
    says: str | None = Field(None, description="A remark for the reader.")
    on: Days
    at: time = Field(MORNING, description="Local time of day (Europe/Helsinki).")
    and_: list[Doing] = Field([], alias="and", description="More that is done on the same row, in order.")


class EveryDay(Words):
    """The same on every scheduled day of a period that no row mentions. Dates and week are those of its planning."""

    row: RowName | None = None
    says: str | None = None
    every_scheduled_day_of: str = Field(description="The name of the period.")
    from_: str | None = Field(None, alias="from")
    by: str | None = None
    do: Literal["record_attendance"] = "record_attendance"
    with_: dict[str, Any] = Field(alias="with")
    until: date | None = Field(None, description="The last such day, where the period ended early.")
    at: time = Field(AFTERNOON, description="Local time of day (Europe/Helsinki).")


class Ask(Words):
    """A question of a recipient's read model, and the figures that have to come."""

    ask: str = Field(description="The question: CW1, KE2 …")
    to: str = Field(description="The recipient that answers, by its short name.")
    by: str | None = Field(None, description="The person who asks; none is the first of that organisation who may.")
    client: str | None = Field(None, description="About whom; may be left out where the file has one client.")
    on: date | None = Field(None, description="As it was on this day.")
    known_at: date | datetime | None = Field(None, description="As known by the end of this day, or at this moment.")
    with_: dict[str, Any] = Field({}, alias="with", description="The question's other parameters.")
    answer: dict[str, Any] = Field(
        description="Figures by their path: `days.count: 11`, `months[month=2025-03].days: 11`, `goal: null` (not there).",
        min_length=1,
    )


class Deliveries(Words):
    """How much each recipient was told about a client since the first row; facts on organisations are not counted."""

    deliveries: dict[str, int | dict[str, int]] = Field(
        description="By recipient: a number, or numbers by fact with `total`, `revised`, `withdrawn`. `others`: all else.",
        min_length=1,
    )
    client: str | None = None


class NeverTold(Words):
    """What a recipient was never told: facts by name, fields by name."""

    never_told: dict[str, list[str]] = Field(min_length=1)
    client: str | None = None


class Check(Words):
    """Expectations at a moment of the history."""

    row: RowName | None = None
    says: str | None = None
    on: date
    at: time = Field(EVENING, description="Local time of day (Europe/Helsinki).")
    expect: list[Any] = Field(description="Questions, deliveries, things never told.", min_length=1)


class File(Words):
    """One history, run in a fresh simulated ledger of its own."""

    history: str = Field(description="Its title.")
    says: str | None = None
    given: Annotated[list[str], BeforeValidator(_listed)] = Field(
        [], description="Files beside this one with what is given."
    )
    organisations: dict[str, Any] = Field({}, description="Added to what is given.")
    providers: dict[str, Any] = Field({}, description="Added to what is given.")
    staff: dict[str, Any] = Field({}, description="Added to what is given.")
    clients: dict[str, Any] = Field({}, description="Added to what is given.")
    steps: list[Any] = Field(description="What happens: steps, days and checks in the order of their dates.", min_length=1)
    expect: list[Any] = Field([], description="What has to hold at the end.")
