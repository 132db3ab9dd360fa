"""What a scenario file may hold. `docs/reference/scenarios.md` is made from these classes.

A history is a list of dated steps, each of which somebody does; expectations stand among the steps, where they are asked at
that moment, and at the end. Clients and parts go by the names that the file gives them.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag


class Strict(BaseModel):
    """A part of a file: unknown words are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _texted(value: Any) -> Any:
    return str(value) if isinstance(value, int) else value


Days = Annotated[list[date], BeforeValidator(_listed)]
Codes = Annotated[list[str], BeforeValidator(_listed)]
RowName = Annotated[str, BeforeValidator(_texted)]

MORNING = time(9, 0)
AFTERNOON = time(15, 0)


class Worker(Strict):
    """Somebody who does things: a member of staff of an organisation, in a role."""

    organisation: str = Field(description="The organisation, by the name that the file gives it.")
    role: str = Field(description="A code of the list actor_role: own_worker, social_worker, instructor …")
    task: str | None = Field(None, description="In which task of the organisation; needed where it holds several.")
    name: str | None = Field(None, description="What pages show.")


class Organisation(Strict):
    """An organisation that takes part, and when it joined. Its tasks are the recipients of what it is told."""

    id: str = Field(description="Its directory id, the business id where it has one.")
    named: str = Field(description="Its name.")
    kind: str = Field(description="A code of the list agency_kind.")
    joined_on: date
    tasks: dict[str, str] = Field(description="Each task that it holds, with the short name of the recipient.")
    transport: Literal["kafka", "http", "both", "hosted"] = "both"
    municipalities: list[str] | None = None


class Provider(Strict):
    """An organisation that gives the service, with its sites and its contract."""

    organisation: str
    kind: str = Field(description="A code of the list provider_kind.")
    company: bool = False
    roles: list[str] = Field(["activity"], description="Codes of the list provision_role.")
    sites: list[dict[str, Any]] = Field(description="Each with site_id, site_name, street, municipality, placement_forms.")
    registered_on: date
    contract: str = Field(description="The contract's id.")
    contract_from: date
    contract_until: date
    places: dict[str, int] = Field(description="How many clients each site takes.")
    files_absence_reports: bool


class Client(Strict):
    """A person under a name of the file. Identity codes from the test range (900 to 999) only."""

    identity_code: str
    family_name: str
    given_names: str
    contact: dict[str, Any] = Field({}, description="phone, email, home_municipality, language … of the vault's record.")
    registered_on: date
    registered_by: str = Field(description="The worker who registers the client.")


class Step(Strict):
    """Somebody does something on a day. Several days in `on` are several steps."""

    row: RowName | None = Field(None, description="The row of the history that it stands for; only shown.")
    on: Days
    at: time = Field(MORNING, description="Local time of day (Europe/Helsinki).")
    by: str = Field(description="A worker (over HTTP), or a recipient whose system sends a message.")
    does: str = Field(description="A command: submit_referral, start_period …")
    about: str | None = Field(None, description="The client, by the name that the file gives it.")
    client_by: Literal["pseudonym", "identity_code"] = Field("pseudonym", description="How a message names the client.")
    with_: dict[str, Any] = Field({}, alias="with", description="The command's fields; parts by the file's names.")
    as_: str | dict[str, str] | None = Field(
        None,
        alias="as",
        description="A name for the part that it begins or, where it begins none, for the fact. Several: field: name.",
    )
    refused: Codes | None = Field(None, description="The codes of the refusal that is expected, all of them, in order.")
    warned: Codes | None = Field(None, description="The codes of the warnings that are expected.")
    notes: str | None = None


class Filler(Strict):
    """The same on every scheduled day of a period that no step mentions."""

    by: str
    about: str
    period: str = Field(description="The name of the period; its dates and week are those that it was planned with.")
    does: str = "record_attendance"
    with_: dict[str, Any] = Field({}, alias="with")
    until: date | None = Field(None, description="The last day, where the period ended early.")
    at: time = AFTERNOON


class EveryDay(Strict):
    """A step that stands for many: see Filler."""

    row: RowName | None = None
    every_scheduled_day_not_mentioned: Filler


class Asked(Strict):
    """A question of a read model and what has to come."""

    ask: str = Field(description="The question: CW1, KE2 …")
    by: str = Field(description="The worker who asks.")
    about: str | None = None
    with_: dict[str, Any] = Field({}, alias="with", description="The question's parameters.")
    on: date | None = Field(None, description="As it was on this day.")
    known_at: date | datetime | None = Field(None, description="As it was known by the end of this day, or at this moment.")
    answer: Any = Field(
        description="What has to be in the answer: named values alone are compared. "
        "`{count: 3}` for a list counts its entries; `{absent: true}` wants nothing there."
    )


class Told(Strict):
    """What a recipient has been told, from the first step on: facts, revisions and withdrawals."""

    told: str = Field(description="The recipient's short name.")
    about: str | None = Field(None, description="Of one client alone.")
    count: int = Field(description="How many publications.")
    of: dict[str, int] | None = Field(None, description="How many of each fact; each that is not named must not be there.")
    never: list[str] = Field([], description="Facts and fields that must not have been told.")


def _kind_of_expectation(value: Any) -> str:
    return "told" if isinstance(value, dict) and "told" in value else "asked"


Expectation = Annotated[Annotated[Asked, Tag("asked")] | Annotated[Told, Tag("told")], Discriminator(_kind_of_expectation)]


class Check(Strict):
    """Expectations at a moment of the history."""

    row: RowName | None = None
    on: date
    at: time = time(20, 0)
    expect: list[Expectation]


class Given(Strict):
    """What stands before the first row. Several files may share one."""

    opened_on: date | None = None
    organiser: str | None = None
    organisations: dict[str, Organisation] = {}
    providers: dict[str, Provider] = {}
    workers: dict[str, Worker] = {}
    clients: dict[str, Client] = {}


def _kind_of_entry(value: Any) -> str:
    named = value if isinstance(value, dict) else {}
    return "check" if "expect" in named else "every_day" if "every_scheduled_day_not_mentioned" in named else "step"


Entry = Annotated[
    Annotated[Check, Tag("check")] | Annotated[EveryDay, Tag("every_day")] | Annotated[Step, Tag("step")],
    Discriminator(_kind_of_entry),
]


class Scenario(Strict):
    """One history in a fresh simulated ledger."""

    scenario: str = Field(description="Its title.")
    notes: str | None = None
    given_in: str | None = Field(None, description="A file with a common `given`, beside this one.")
    given: Given = Given()
    history: list[Entry]
    expect: list[Expectation] = []
