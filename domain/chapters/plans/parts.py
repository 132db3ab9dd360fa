"""Plans and their versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Self, TypeAlias

from domain.chapters.plans.events import (
    PlanAcceptedByParty,
    PlanAgreed,
    PlanDrafted,
    PlanDraftingStarted,
    PlanRevised,
    PlanTerms,
)
from domain.fact import Fact
from domain.folding import ClientStream, PartOfPath, changed

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
class Plan(PartOfPath, begun_by=PlanDraftingStarted):
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
        """The parties to a version: as the newest revision up to it says, else as when the plan began."""
        said = (revision.parties for revision in self._revisions(number))
        return next((parties for parties in said if parties is not None), self.started.event.parties)

    def kela_coordinates(self, number: int) -> bool:
        """Whether Kela's services are coordinated in a version, said as the parties are."""
        said = (revision.kela_services_coordinated for revision in self._revisions(number))
        return bool(next((given for given in said if given is not None), self.started.event.kela_services_coordinated))

    def _revisions(self, number: int) -> Iterator[PlanRevised]:
        for each in sorted(self.versions, reverse=True):
            event = self.versions[each].drafted.event
            if each <= number and isinstance(event, PlanRevised):
                yield event

    def days_of(self, party: str) -> Iterator[tuple[date, date | None]]:
        """The days on which somebody is a party to the plan, both ends included; none means until further notice.

        Who is to become a party takes part from the day on which that is laid before the others; who is to be none any more,
        until the version without it is agreed.
        """
        since = self.started.occurred_on if party in self.started.event.parties else None
        for number, version in sorted(self.versions.items()):
            if party in self.parties(number):
                since = since or version.drafted.occurred_on
            elif since and version.agreed:
                yield since, version.agreed.occurred_on - timedelta(days=1)
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
