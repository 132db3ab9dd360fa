"""Who takes part: organisations with their tasks, providers with their sites, contracts; and the ledger's own state.

Facts about organisations stand in streams of their own, never in a client's. A recipient is (organisation, task),
dated, under its short name (design D8).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from domain import events as e
from domain.events import Erased, Event
from domain.rules import Days, RuleSet

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
    """An organisation as it joined, each time with the kind of agency that it was then; a later joining adds tasks."""

    joinings: tuple[e.OrganisationJoined, ...]

    @property
    def joined(self) -> e.OrganisationJoined:
        """Its newest entry."""
        return self.joinings[-1]

    def days(self, task: str, rules: RuleSet) -> tuple[Days, ...]:
        """The days on which it holds the task, in order: from its joining for it on, while a body of its kind may hold it.

        source: domain/vocabulary.md 1.15, 1.17, domain/law.md 2.6
        """
        return tuple(sorted(days for _, days in self._held(task, rules)))

    def kind_in(self, task: str, on: date, rules: RuleSet) -> str | None:
        """As which kind of agency it holds the task on the day; none when it does not."""
        return next((kind for kind, days in self._held(task, rules) if days.first <= on <= days.last), None)

    def _held(self, task: str, rules: RuleSet) -> Iterator[tuple[str, Days]]:
        for joined in self.joinings:
            for entered in joined.tasks:
                for days in rules.task_days(task, joined.agency_kind) if entered.task == task else ():
                    if entered.from_on <= days.last:
                        yield joined.agency_kind, Days(max(days.first, entered.from_on), days.last)


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

    @property
    def rules(self) -> RuleSet:
        """The rules that the ledger follows; one that is not open yet begins with the newest."""
        return RuleSet.load(self.ruleset_version) if self.ruleset_version else RuleSet.current()

    def is_county(self, org: str, task: str) -> bool:
        """Whether somebody of the organisation, in the task, is the county: the ledger's organiser in its own task. In any
        other task the same organisation is an agency like every other."""
        return (org, task) == (self.organiser, "organiser")

    def holds(self, org_id: str | None, task: str, on: date) -> bool:
        """Whether the organisation holds the task on the day. Whoever acts or is named is judged by this alone."""
        return self.kind_in(org_id, task, on) is not None

    def kind_in(self, org_id: str | None, task: str, on: date) -> str | None:
        """As which kind of agency the organisation holds the task on the day; none when it does not."""
        found = self.organisations.get(org_id) if org_id else None
        return found.kind_in(task, on, self.rules) if found else None

    def days(self, org_id: str, task: str) -> tuple[Days, ...]:
        """The days on which the organisation holds the task, in order."""
        found = self.organisations.get(org_id)
        return found.days(task, self.rules) if found else ()

    def organisation(self, org_id: str) -> Organisation | None:
        """The organisation under its id."""
        return self.organisations.get(org_id)

    def recipient(self, org: str, task: str) -> Recipient | None:
        """The recipient that an organisation is in a task."""
        return next((r for r in self.recipients.values() if r.org == org and r.task == task), None)

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
            recipients = {
                name: replace(r, agency_kind=event.agency_kind) if r.org == event.org_id else r
                for name, r in directory.recipients.items()
            }
            for new in event.tasks:
                before = recipients.get(new.short_name)
                since = min(new.from_on, before.from_on) if before else new.from_on
                recipients[new.short_name] = Recipient(new.short_name, event.org_id, new.task, since, event.agency_kind)
            return replace(
                directory,
                version=str(position),
                organisations={
                    **directory.organisations,
                    event.org_id: Organisation((*(known.joinings if known else ()), event)),
                },
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
