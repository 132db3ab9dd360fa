"""The client's place at a site of a provider."""

from __future__ import annotations

from datetime import date

from domain.event import FROM_ITS_DAY, CaseEvent, Content, Moves, begins, belongs_to, days, judged_by
from domain.vocabulary import (
    Actor,
    ContractId,
    Health,
    OrgId,
    PersonId,
    PlacementForm,
    ProviderWorkerRole,
    ProvisionRole,
    Ref,
    Routing,
    Service,
    SiteId,
    Text200,
)


class PlaceAsked(Content):
    """The place that a provider is asked for."""

    provider_org_id: Routing[OrgId]
    contract_id: Routing[ContractId]
    site_id: Routing[SiteId]
    provision_role: Service[ProvisionRole]
    placement_form: Service[PlacementForm]
    from_on: Service[date]
    until_on: Service[date]
    outside_commuting_area: Service[bool] = False
    consent_id: Routing[Ref | None] = None
    site_needs: Health[Text200 | None] = None
    replaces_placement_id: Routing[Ref | None] = None


class PlacementProposed(PlaceAsked, CaseEvent):
    """The own worker asked a provider to take the client at a site."""

    NAME = "placement.proposed"
    PART = begins("placement_id", "placements")
    MOVES = Moves.WINDOWS
    CORRECTED = judged_by("judge_placement")
    FOUND = days("from_on", "until_on")
    placement_id: Routing[Ref]
    outside_commuting_area: Service[bool]


class PlacementConfirmed(CaseEvent):
    """The provider takes the client."""

    NAME = "placement.confirmed"
    PART = belongs_to("placement_id", "confirmed")
    MOVES = Moves.WINDOWS
    CORRECTED = judged_by("judge_confirmation")
    FOUND = days("from_on", "until_on")
    placement_id: Routing[Ref]


class NamedInstructor(Content):
    """The client's own instructor in a placement."""

    placement_id: Routing[Ref]
    instructor_id: Actor[PersonId]
    instructor_role: Actor[ProviderWorkerRole]


class InstructorNamed(NamedInstructor, CaseEvent):
    """The provider named the client's own instructor."""

    NAME = "instructor.named"
    PART = belongs_to("placement_id", "instructors")
    MOVES = Moves.NOTHING
    CORRECTED = judged_by("judge_instructor")
    FOUND = FROM_ITS_DAY
