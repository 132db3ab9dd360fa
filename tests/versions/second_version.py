"""A program of a later day, in a process of its own: `followup.held` has a second version there.

Its first version called those who met `parties_present`, did not say how they met, and kept the next step among what the
service needs. In the second one they are `who_met`, `held_as` says how, and the next step is a goal of the client's. This
module has to be imported before anything else of the domain.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import AliasChoices, Field

from domain.chapters.follow_ups import events as chapter
from domain.event import FROM_ITS_DAY, CaseEvent, Content, Moves, begins, judged_by
from domain.vocabulary import FollowupKind, Goals, PartyKind, Ref, Routing, Service, SetOf

HeldAs = Literal["at_site", "remote"]


class Meeting(Content):
    """Who met, how, and what comes next. What is said in the first version's words is understood."""

    period_id: Routing[Ref | None] = None
    followup_kind: Service[FollowupKind]
    who_met: Service[SetOf[PartyKind]] = Field(validation_alias=AliasChoices("who_met", "parties_present"))
    held_as: Service[HeldAs] = "at_site"
    next_step: Goals[chapter.NextStep | None] = None
    next_step_from_on: Service[date | None] = None
    next_followup_on: Service[date | None] = None

    @property
    def parties_present(self) -> tuple[str, ...]:
        """What the guard of today asks for."""
        return self.who_met


class FollowUpHeld(Meeting, CaseEvent):
    """Those around the client met and looked at how it goes."""

    NAME = "followup.held"
    VERSION = 2
    PART = begins("followup_id", "follow_ups")
    MOVES = Moves.NOTHING
    CORRECTED = judged_by("judge_follow_up")
    FOUND = FROM_ITS_DAY
    followup_id: Routing[Ref]


def lifted(fields: dict[str, Any]) -> dict[str, Any]:
    """The first version's fields in the second one's words, as far as they are given."""
    known = {"who_met" if name == "parties_present" else name: value for name, value in fields.items()}
    return {"held_as": "at_site", **known}


for one in (Meeting, FollowUpHeld):
    one.__module__ = chapter.__name__
    setattr(chapter, one.__name__, one)

from domain import catalogue  # noqa: E402 - what is derived from the events is derived from the second version

assert catalogue.EVENTS["followup.held"] is FollowUpHeld
catalogue.UPCASTS = {("followup.held", 1): lifted}
