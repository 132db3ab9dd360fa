"""Meetings that look at how it goes."""

from __future__ import annotations

from datetime import date
from typing import Literal

from domain.event import FROM_ITS_DAY, CaseEvent, Content, Moves, begins, judged_by
from domain.vocabulary import FollowupKind, PartyKind, Ref, Routing, Service, SetOf

NextStep = Literal[
    "continue",
    "new_period",
    "education",
    "open_labour_market",
    "pay_subsidised_work",
    "return_to_jobseeker",
    "other",
]


class Meeting(Content):
    """Who met, and what comes next."""

    period_id: Routing[Ref | None] = None
    followup_kind: Service[FollowupKind]
    parties_present: Service[SetOf[PartyKind]]
    next_step: Service[NextStep | None] = None
    next_step_from_on: Service[date | None] = None
    next_followup_on: Service[date | None] = None


class FollowUpHeld(Meeting, CaseEvent):
    """Those around the client met and looked at how it goes."""

    NAME = "followup.held"
    PART = begins("followup_id", "follow_ups")
    MOVES = Moves.NOTHING
    CORRECTED = judged_by("judge_follow_up")
    FOUND = FROM_ITS_DAY
    followup_id: Routing[Ref]
