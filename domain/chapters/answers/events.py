"""What became of a wish or a message that recorded no fact."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import StringConstraints

from domain.event import AnswerEvent, Part
from domain.vocabulary import OrganisationTask, OrgId, Ref, Routing, Text40, Text60, Text64, Text80, Text120


class RefusalCode(Part):
    """One rule that said no, and where in the body it points."""

    code: Text60
    pointer: Annotated[str, StringConstraints(max_length=200)] = ""
    """Empty: the body as a whole."""


class FactInTheWay(Part):
    """A recorded fact that would no longer be allowed, as who asked was told of it: by the publication that told it last."""

    code: Text60
    type: Text60
    occurred_on: date
    publication_id: Ref | None = None
    """None: it has not been told yet to whose own it is, or who may know all."""


class CommandRefused(AnswerEvent):
    """A wish was refused: its codes are kept, its content is not."""

    NAME = "command.refused"
    command: Routing[Text60]
    codes: Routing[tuple[RefusalCode, ...]]
    content_mac: Routing[Text64]
    subject_ref: Routing[Ref | None] = None
    facts: Routing[tuple[FactInTheWay, ...] | None] = None
    """Facts that hang on what was to be corrected, at most 20."""
    more: Routing[int | None] = None
    """Codes beyond those that are named: a refusal names fifty."""


class GroupAnswered(AnswerEvent):
    """A group's message was decided entry by entry: the one answer that names them all."""

    NAME = "group.answered"
    message_type: Routing[Text60]
    entries: Routing[tuple[Literal["recorded", "already_recorded", "waiting", "refused"], ...]]
    """What became of each, in the order of the message: at most 100."""
    codes: Routing[tuple[RefusalCode, ...] | None] = None
    """What was wrong with entries, each pointing into the message."""
    more: Routing[int | None] = None
    """Codes beyond those that are named: an answer names fifty."""


class MessageHeld(AnswerEvent):
    """An agency's message waits for something that has not come yet."""

    NAME = "message.held"
    sender_org_id: Routing[OrgId]
    sender_task: Routing[OrganisationTask]
    message_id: Routing[Text120]
    message_type: Routing[Text60]
    held_reason: Routing[Literal["waits_for_reference", "waits_for_earlier", "subject_unresolved"]]
    held_until_at: Routing[datetime]


class MessageSettled(AnswerEvent):
    """What an agency's message waited to say was recorded already: that is its last answer."""

    NAME = "message.settled"
    message_type: Routing[Text60]


class MessageQuarantined(AnswerEvent):
    """Bytes that cannot be read were set aside by their place and hash."""

    NAME = "message.quarantined"
    sender_org_id: Routing[OrgId | None] = None
    topic: Routing[Text120]
    offset: Routing[int]
    code: Routing[Text40]
    size: Routing[int]
    content_hash: Routing[Text64]
    message_id: Routing[Text80 | None] = None
    faults: Routing[tuple[RefusalCode, ...] | None] = None
    """Everything that made the bytes unreadable, where a place can be named: of an envelope its attributes."""


class AnswerWithdrawn(AnswerEvent):
    """An answer holds no longer: it was given in a history that is void."""

    NAME = "answer.withdrawn"
    message_id: Routing[Text120]
    message_type: Routing[Text60]
    old_status: Routing[Literal["recorded", "already_recorded", "waiting", "refused", "quarantined", "withdrawn"]]
    """What the answer was."""
    old_number: Routing[int | None] = None
    """Its number in the sender's line; none where it had no effect."""
    old_epoch: Routing[int]
