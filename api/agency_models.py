"""What agency systems are answered, as it is described: receipts, publications, and where a line stands.

Nothing is made through these models: an answer is written as it is, and a test holds it against them. They are open, for a
field may be added within a version. A field without a value is left out, never null.

source: integration.md 2 and 3
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from api.answers import LedgerNamed
from domain.dates import Dated
from domain.disclosure.publications import Kind
from domain.messages import HeldReason
from domain.receipts import MOST_IN_THE_WAY

Status = Literal["recorded", "already_recorded", "waiting", "refused", "quarantined", "withdrawn"]


def _left_out(schema: dict[str, Any]) -> None:
    """A field without a value is not there: no null is described for it."""
    for name, field in schema.get("properties", {}).items():
        arms = [arm for arm in field.get("anyOf", ()) if arm != {"type": "null"}]
        if len(arms) == 1:
            kept = {word: value for word, value in field.items() if word not in ("anyOf", "default")}
            schema["properties"][name] = {**kept, **arms[0]}


class Stated(Dated):
    """Whatever is stated to an agency's system."""

    model_config = ConfigDict(json_schema_extra=_left_out)


class Texts(Stated):
    """One sentence in three languages."""

    fi: str
    sv: str
    en: str


class ReceiptCode(Stated):
    """A code of the error catalogue: where it points in the message, what is wrong, and what the system's people do then."""

    code: str
    pointer: str = Field(description="A JSON pointer into the message; empty for the message as a whole.")
    text: Texts
    what_to_do: Texts


class FactInTheWay(Stated):
    """A fact that you know of and that would no longer be allowed."""

    code: str
    type: str
    occurred_on: date
    publication_id: str | None = Field(None, description="Your publication that told it last.")


class WithdrawnAnswer(Stated):
    """The answer that holds no longer."""

    status: Status
    epoch: int
    number: int | None = None


class EntryStatus(Stated):
    """How one entry of a group's message was answered."""

    message_id: str
    status: Status


class Receipt(Stated):
    """What became of one message."""

    message_id: str = Field(description="Your own id of the message.")
    type: str = Field(description="The type of the recorded fact, else that of the message.")
    status: Status
    number: int | None = Field(None, ge=1, description="In your line, contiguous from 1; of a repetition the first one's.")
    epoch: int | None = Field(
        None, ge=2, description="The ledger's, from the second on: of two answers under one number the later one's holds."
    )
    first: Status | None = Field(None, description="Of a repetition: how the first one was answered.")
    withdraws: WithdrawnAnswer | None = None
    codes: list[ReceiptCode] | None = None
    facts_in_the_way: list[FactInTheWay] | None = Field(None, max_length=MOST_IN_THE_WAY)
    more: int | None = Field(None, ge=1, description="Codes beside those that are named: fifty are.")
    warnings: list[ReceiptCode] | None = None
    references: dict[str, str] | None = Field(
        None, description="Your own names for the parts that the message began, by field."
    )
    reason: HeldReason | None = Field(None, description="What a waiting message waits for.")
    until: datetime | None = Field(None, description="Until when it waits, UTC.")
    offset: int | None = Field(None, description="Where unreadable bytes stand in the in topic.")
    parts: list[EntryStatus] | None = Field(None, description="Of a group's message: how each entry was answered.")
    receipts: list[Receipt] | None = Field(None, description="In the answer to a group's message: those of its entries.")


class ReceiptPage(Stated):
    """The numbered answers in your line behind a number, as they stand on the receipts topic."""

    ledger: LedgerNamed
    receipts: list[Receipt]
    next: int = Field(description="What `since` is next. Where it has moved there may be more, also behind an empty page.")


class WaitingMessages(Stated):
    """Your messages that wait, each by its receipt, in the order of their ids."""

    ledger: LedgerNamed
    waiting: list[Receipt]
    next: str | None = Field(None, description="What `after` is for the next page; not there on the last one.")


class RepeatedHistory(Stated):
    """What a fresh epoch begins with: the old model answers until the history is repeated."""

    replaces_epoch: int = Field(ge=1, description="The epoch that is over by this one.")
    until_sequence: int = Field(ge=1, description="The sequence in this epoch with which what is repeated ends.")


class PublicationValue(Stated):
    """The value of a publication as it is read."""

    kind: Kind
    client: dict[str, Any] | None = Field(None, description="Who the client is, as far as you may know.")
    body: dict[str, Any] | None = Field(None, description="The fields of the fact, cut to what you may know.")
    replaces: str | None = Field(None, description="Your publication that this one revises or takes back.")
    message_id: str | None = Field(None, description="The id of your own message that this answers or echoes.")
    history: RepeatedHistory | None = Field(None, description="First in a fresh epoch: which one it replaces, up to where.")


class Publication(Stated):
    """One publication. `hash` is over `headers` and the UTF-8 bytes of `text`: a program that reads `value` and writes it
    again may write a number or a letter otherwise."""

    headers: dict[str, str] = Field(description="The attributes of the CloudEvent, by their names on a topic.")
    value: PublicationValue
    text: str = Field(description="The record's value, exactly as it stands on the topic.")
    hash: str = Field(description="SHA-256 in hex: what the next publication of the epoch names as `ce_prevhash`.")


class PublicationPage(Stated):
    """What you were told behind a sequence."""

    ledger: LedgerNamed
    epoch: int = Field(ge=1, description="The present one, in which the sequences count.")
    publications: list[Publication]
    next: int = Field(ge=0, description="What `after` is next: also past what a choice of types left out.")


class Ground(Stated):
    """On what legal basis and for what purpose."""

    legal_basis: str
    purpose: str


class ToldType(Stated):
    """A type of publication that you may be told, and on what grounds."""

    type: str
    grounds: list[Ground]


class History(Stated):
    """How far a redelivery has come: so many publications has its history, so many of them are in the epoch."""

    publications: int
    repeated: int


class OutStatus(Stated):
    """Where your line stands, and what may come on it."""

    ledger: LedgerNamed
    recipient: str
    epoch: int = Field(ge=1, description="The present one.")
    last: int = Field(ge=0, description="Its last sequence, 0 before the first.")
    oldest: int = Field(ge=0, description="The oldest sequence of it that can be read here, 0 before the first.")
    lag: int = Field(ge=0, description="Publications of the epoch that can be read here and are not on your topic yet.")
    history: History | None = Field(None, description="While a redelivery is on its way.")
    types: list[ToldType] = Field(description="Every type that you may be told.")
    sends: list[str] = Field(description="Every type of message that you may send.")


class Redelivery(Stated):
    """The fresh epoch of a redelivery, and how much of its history is in it."""

    message_id: str = Field(description="The key under which it was asked for.")
    status: Status
    number: int | None = None
    epoch: int
    publications: int
    repeated: int
    ledger: LedgerNamed
    recipient: str


class ClientReference(Stated):
    """Your own name for a client."""

    ledger: LedgerNamed
    client: str
