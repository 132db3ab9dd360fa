"""Whom the law wants told, and that it was done."""

from __future__ import annotations

from datetime import date

from domain.event import FROM_ITS_DAY, CaseEvent, Found, Moves, Never, Tied, begins, belongs_to
from domain.vocabulary import EventRef, NotificationKind, OrgId, Ref, Routing, Service


class NotificationDue(CaseEvent):
    """The law wants somebody told, by a day."""

    NAME = "notification.due"
    # It comes with another fact, which has been judged.
    AFTER_CLOSING = True
    PART = begins("notification_id", "notices")
    MOVES = Moves.NOTHING
    CORRECTED = Never("the fact that it is about is corrected")
    FOUND = Found(None, "due_on")
    notification_id: Routing[Ref]
    notification_kind: Service[NotificationKind]
    recipient_org_id: Routing[OrgId]
    about_event_id: Routing[Tied[EventRef]]
    due_on: Service[date]


class NotificationSent(CaseEvent):
    """The notice went out."""

    NAME = "notification.sent"
    AFTER_CLOSING = True
    PART = belongs_to("notification_id", "sent")
    MOVES = Moves.NOTHING
    CORRECTED = Never("what went out went out; the fact that it is about is corrected")
    FOUND = FROM_ITS_DAY
    notification_id: Routing[Ref]
    notification_kind: Service[NotificationKind]
    recipient_org_id: Routing[OrgId]
    about_event_id: Routing[Tied[EventRef]]
    period_id: Routing[Ref | None] = None
