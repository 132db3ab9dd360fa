"""Notices: whom the law wants told, by when, and that they were."""

from __future__ import annotations

from datetime import date, timedelta

from domain import events as e
from domain.chapters.guards import day_of, holds, known, not_ahead, recorded
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.pathway import Pathway
from domain.refusals import Refusals
from domain.vocabulary import OrgId, Ref


class SendNotification(ClientCommand):
    """Tell the body that has to know. `recipient_org_id`: none is the client's employment authority of the day."""

    NAME = "send_notification"
    notification_id: Ref
    recipient_org_id: OrgId | None = None


def notice_due(pathway: Pathway, kind: str, about: Draft, case_id: str, on: date, context: Context) -> list[Draft]:
    """The notice that a fact makes due to the client's employment authority; none while the client has no such authority.

    Due at the end of its day, which is the target of the rule. source: 189/2001 s. 15, domain/law.md 2.7
    """
    recipient = _body_told(pathway, kind, on, context)
    if recipient is None:
        return []
    event = e.NotificationDue(
        case_id=case_id,
        notification_id=context.new_id("notification"),
        notification_kind=kind,
        recipient_org_id=recipient,
        about_event_id=about.event_id,
        due_on=on + timedelta(days=context.rules.number("notification.target_days", on, notification_kind=kind)),
    )
    return [recorded(pathway, event, on, context, causation=about.event_id)]


def _body_told(pathway: Pathway, kind: str, on: date, context: Context) -> str | None:
    """The body that a notice goes to on the day: the client's employment authority, while it holds the task that the law
    wants told; none where nobody does. source: 189/2001 s. 15, domain/law.md 2.7"""
    named = pathway.employment_authority(on)
    task = context.rules.value("notification.recipient_task", on, notification_kind=kind)
    return named if holds(context, named, task, on) else None


def send_notification(pathway: Pathway, command: SendNotification, context: Context) -> list[Draft]:
    """The notice goes out, once, to the employment authority of the day. source: domain/pathway.md 4.4 row 44"""
    notice = known(pathway.notices, command.notification_id, "/notification_id")
    no, on = Refusals(), day_of(command, context)
    due = notice.due.event
    body = _body_told(pathway, due.notification_kind, on, context)
    recipient = command.recipient_org_id or body or due.recipient_org_id
    no.when(recipient != body, "E_RECIPIENT", "/recipient_org_id")
    no.when(notice.sent is not None, "E_NO_CHANGE", "/notification_id")
    no.when(on < notice.due.occurred_on, "E_ORDER", "/occurred_on")
    not_ahead(no, on, context)
    no.stop()
    about = pathway.facts.get(due.about_event_id)
    event = e.NotificationSent(
        case_id=due.case_id,
        notification_id=command.notification_id,
        notification_kind=due.notification_kind,
        recipient_org_id=recipient,
        about_event_id=due.about_event_id,
        period_id=getattr(about.event, "period_id", None) if about else None,
    )
    return [recorded(pathway, event, on, context, causation=notice.due.event_id)]


COMMANDS = (
    CommandKind(
        SendNotification,
        send_notification,
        "client",
        path="sent-notifications",
        roles=frozenset({"system", "own_worker"}),
    ),
)
