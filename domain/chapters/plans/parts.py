"""Plans and their versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Self, TypeAlias

from domain.chapters.agreements.events import PlanAcceptedByParty, PlanAgreed
from domain.chapters.plans.events import PlanDrafted, PlanDraftingStarted, PlanRevised, PlanTerms
from domain.fact import Fact
from domain.folding import ClientStream, PartOfPath, changed, left

VersionLaid: TypeAlias = PlanDrafted | PlanRevised
"""What lays a version before the parties."""


@dataclass(frozen=True)
class PlanVersion:
    """One version of a plan; immutable, replaced by the next one."""

    drafted: Fact[VersionLaid]
    accepted: tuple[Fact[PlanAcceptedByParty], ...] = ()
    agreed: Fact[PlanAgreed] | None = None

    def with_fact(self, fact: Fact[Any]) -> PlanVersion:
        """The version with one more acceptance, or agreed."""
        if isinstance(fact.event, PlanAgreed):
            return replace(self, agreed=fact)
        return replace(self, accepted=(*self.accepted, fact))


@dataclass(frozen=True)
class Plan(PartOfPath):
    """A plan with its versions, numbered from 1."""

    started: Fact[PlanDraftingStarted]
    versions: Mapping[int, PlanVersion] = field(default_factory=dict)

    @property
    def latest(self) -> int:
        """Number of the newest version, 0 before the first draft."""
        return max(self.versions, default=0)

    @property
    def agreed(self) -> int:
        """Number of the newest version that was agreed, 0 before the first."""
        return max((number for number, version in self.versions.items() if version.agreed), default=0)

    def parties(self, number: int) -> tuple[str, ...]:
        """The parties to a version: as it says itself, else as the version that it follows, else as when the plan began."""
        event = self.versions[number].drafted.event if number in self.versions else None
        said = event.parties if isinstance(event, PlanRevised) else None
        if said is not None:
            return said
        return self.parties(self._followed(number)) if event else self.started.event.parties

    def kela_coordinates(self, number: int) -> bool:
        """Whether Kela's services are coordinated in a version; said as its parties are."""
        event = self.versions[number].drafted.event if number in self.versions else None
        said = event.kela_services_coordinated if isinstance(event, PlanRevised) else None
        if said is not None:
            return said
        return self.kela_coordinates(self._followed(number)) if event else bool(self.started.event.kela_services_coordinated)

    def _followed(self, number: int) -> int:
        """The version in force when this one was laid: the one that it revises, else the newest agreed before it."""
        event = self.versions[number].drafted.event
        if isinstance(event, PlanRevised):
            return min(event.revises_version, number - 1)
        return max((each for each, version in self.versions.items() if each < number and version.agreed), default=0)

    def days_of(self, party: str) -> Iterator[tuple[date, date | None]]:
        """The days on which somebody is a party to the plan, both ends included; none means until further notice.

        Who is to become a party takes part from the day on which that is laid before the others; who is to be none any more,
        until the day on which the version without it is agreed.
        """
        since = self.started.occurred_on if party in self.started.event.parties else None
        for number, version in sorted(self.versions.items()):
            if party in self.parties(number):
                since = since or version.drafted.occurred_on
            elif since and version.agreed:
                yield since, version.agreed.occurred_on
                since = None
        if since:
            yield since, None

    def with_fact(self, slot: str, fact: Fact[Any]) -> Self:
        """The plan with a new version, where the fact says what a plan says, or with something that happened to the version
        that it names."""
        number = fact.event.plan_version
        if isinstance(fact.event, PlanTerms):
            return replace(self, versions={**self.versions, number: PlanVersion(fact)})
        version = self.versions.get(number)
        return replace(self, versions={**self.versions, number: version.with_fact(fact)}) if version else self

    def with_changed(self, slot: str, old: Fact[Any], new: Fact[Any]) -> Self:
        """The plan with the new value of a fact, its own beginning or one of a version."""
        if slot != "versions":
            return super().with_changed(slot, old, new)
        version = self.versions.get(old.event.plan_version)
        if version is None:
            return self
        now = PlanVersion(*(changed(held, old, new) for held in (version.drafted, version.accepted, version.agreed)))
        return replace(self, versions={**self.versions, old.event.plan_version: now})

    def without(self, slot: str, fact: Fact[Any]) -> Self:
        """The plan without a version, or without what happened to one."""
        number, versions = fact.event.plan_version, dict(self.versions)
        version = versions.get(number)
        if version is not None and version.drafted is fact:
            del versions[number]
        elif version is not None:
            versions[number] = replace(version, accepted=left(version.accepted, fact), agreed=left(version.agreed, fact))
        return replace(self, versions=versions)


@dataclass(frozen=True)
class Plans(ClientStream):
    """The client's plans."""

    plans: Mapping[str, Plan] = field(default_factory=dict)

    def agreed_plans(self, case_id: str) -> list[Fact[PlanAgreed]]:
        """Every agreement of a plan version of the case, in order of recording."""
        return [
            version.agreed
            for plan in self.plans.values()
            if plan.started.event.case_id == case_id
            for version in plan.versions.values()
            if version.agreed
        ]

    def agreed_version(self, plan_id: str, version: int) -> PlanVersion | None:
        """The version when it has been agreed."""
        plan = self.plans.get(plan_id)
        found = plan.versions.get(version) if plan else None
        return found if found and found.agreed else None
