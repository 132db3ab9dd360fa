"""Who takes part: organisations with their tasks, providers with their sites, contracts; and the ledger's own state.

Facts about organisations stand in streams of their own, never in a client's. A recipient is (organisation, task),
dated, under its short name (design D8).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from domain import events as e
from domain.events import Erased, Event

Mode = Literal["live", "simulated", ""]
"""What a ledger is for life; empty before it is opened (design D5)."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One task of one organisation: what a topic, a role and a read model are made for. `agency_kind` is that of its
    organisation (list `agency_kind`): where kinds of recipients share a task, it tells them apart."""

    short_name: str
    org: str
    task: str
    from_on: date
    agency_kind: str = ""

    @property
    def stream_prefix(self) -> str:
        """What the names of its streams begin with; the epoch follows."""
        return f"recipient/{self.short_name}/"


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation as it joined; a later joining adds tasks."""

    joined: e.OrganisationJoined
    tasks: tuple[e.TaskFrom, ...]

    def holds(self, task: str, on: date) -> bool:
        """Whether it holds the task on the day."""
        return any(held.task == task and held.from_on <= on for held in self.tasks)


@dataclass(frozen=True, slots=True)
class Directory:
    """The register of organisations. `version` is the position of the last fact folded in, as text."""

    version: str = "0"
    organiser: str = ""
    mode: Mode = ""
    ruleset_version: str = ""
    clock_at: datetime | None = None
    organisations: Mapping[str, Organisation] = field(default_factory=dict)
    providers: Mapping[str, e.ProviderRegistered] = field(default_factory=dict)
    contracts: Mapping[str, e.ProviderContracted] = field(default_factory=dict)
    recipients: Mapping[str, Recipient] = field(default_factory=dict)
    rulesets: tuple[e.RulesetPublished, ...] = ()

    def organisation(self, org_id: str) -> Organisation | None:
        """The organisation under its id."""
        return self.organisations.get(org_id)

    def recipient(self, org: str, task: str) -> Recipient | None:
        """The recipient that an organisation is in a task."""
        return next((r for r in self.recipients.values() if r.org == org and r.task == task), None)

    def of_task(self, task: str, on: date) -> list[Recipient]:
        """Every recipient that holds the task on the day."""
        return [r for r in self.recipients.values() if r.task == task and r.from_on <= on]

    def contract_on(self, contract_id: str, first: date, last: date) -> e.ProviderContracted | None:
        """The contract when it covers the whole time."""
        contract = self.contracts.get(contract_id)
        return contract if contract and contract.from_on <= first and last <= contract.until_on else None

    def site(self, site_id: str) -> tuple[e.ProviderRegistered, e.Site] | None:
        """A site with its provider."""
        return next(
            ((p, s) for p in self.providers.values() for s in p.sites if s.site_id == site_id),
            None,
        )


def enter(directory: Directory, event: Event | Erased, position: int) -> Directory:
    """The register with one more fact; facts of other kinds leave it as it is."""
    match event:
        case e.LedgerOpened():
            return replace(
                directory,
                version=str(position),
                organiser=event.organiser_org_id,
                mode=event.mode,
                ruleset_version=event.ruleset_version,
            )
        case e.ClockAdvanced():
            # Time passing changes no entry: the version of the register stays.
            return replace(directory, clock_at=event.advanced_to_at)
        case e.OrganisationJoined():
            known = directory.organisations.get(event.org_id)
            tasks = (*(known.tasks if known else ()), *event.tasks)
            recipients = {
                name: replace(r, agency_kind=event.agency_kind) if r.org == event.org_id else r
                for name, r in directory.recipients.items()
            }
            for new in event.tasks:
                recipients[new.short_name] = Recipient(
                    new.short_name, event.org_id, new.task, new.from_on, event.agency_kind
                )
            return replace(
                directory,
                version=str(position),
                organisations={**directory.organisations, event.org_id: Organisation(event, tasks)},
                recipients=recipients,
            )
        case e.ProviderRegistered():
            return replace(directory, version=str(position), providers={**directory.providers, event.org_id: event})
        case e.ProviderContracted():
            return replace(directory, version=str(position), contracts={**directory.contracts, event.contract_id: event})
        case e.RulesetPublished():
            version = event.ruleset_version if event.content_kind == "rules" else directory.ruleset_version
            return replace(
                directory,
                version=str(position),
                rulesets=(*directory.rulesets, event),
                ruleset_version=version,
            )
        case _:
            return directory
