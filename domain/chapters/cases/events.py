"""The case: from the accepted referral to its closing."""

from __future__ import annotations

from domain.event import (
    BY_DAY,
    BY_TYPES_ALONE,
    FROM_ITS_DAY,
    CaseEvent,
    Content,
    Moves,
    Tied,
    begins,
    belongs_to,
    judged_by,
)
from domain.vocabulary import (
    ClosingCode,
    OrgId,
    Ref,
    Routing,
    Service,
    ServiceProgramme,
)


class CaseOpened(CaseEvent):
    """A case began. A client has at most one open case with one organiser."""

    NAME = "case.opened"
    PART = begins("case_id", "cases")
    MOVES = Moves.WINDOWS
    CORRECTED = BY_TYPES_ALONE
    FOUND = FROM_ITS_DAY
    referral_id: Routing[Ref | None] = None
    previous_case_id: Routing[Tied[Ref | None]] = None
    moved_from_org_id: Routing[OrgId | None] = None
    service_programme: Service[ServiceProgramme]


class Closing(Content):
    """Why a case is closed."""

    closing_code: Service[ClosingCode]
    exit_id: Routing[Ref | None] = None


class CaseClosed(Closing, CaseEvent):
    """The case ended; its retention time begins."""

    NAME = "case.closed"
    PART = belongs_to("case_id", "closed")
    MOVES = Moves.WINDOWS
    CORRECTED = judged_by("judge_closing")
    FOUND = BY_DAY
