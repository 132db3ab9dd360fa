"""The answer to a message: always one, numbered in its sender's line, and the same over Kafka and over HTTP.

Read back from the first event of the decision alone, so that the receipts topic, `GET /receipts` and the answer to
`POST /in` cannot differ. source: integration.md 2, design D13
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import orjson

from domain import events as e
from domain.answers import Answer, Status
from domain.catalogue import ANSWERS, EVENTS, PARTS_BEGUN, type_of
from domain.context import Caller
from domain.disclosure.pseudonyms import Pseudonyms
from domain.envelopes import entry_id
from domain.epochs import FIRST
from domain.event import ClientFact
from domain.events import Erased, Event
from domain.pathway import Pathway
from domain.record import Header, Record
from domain.refusals import Reason, named, refusal

RECEIPT = "receipt.v1"
"""The type of a receipt; its schema has that name, too."""


def parts_begun(events: Iterable[Event]) -> dict[str, str]:
    """The references of the parts that the events begin, by field name; the first of a name wins."""
    begun: dict[str, str] = {}
    for event in events:
        name = event.PART.begun_by(event) if isinstance(event, ClientFact) else ""
        if name:
            begun.setdefault(name, getattr(event, name))
    return begun


def answer_of_refusal(event: e.CommandRefused) -> Answer:
    """The answer that a recorded refusal stands for: bounded, though there are older ones that name every code."""
    codes, more = named([Reason(refused.code, refused.pointer) for refused in event.codes])
    return Answer(
        "refused", codes=codes, client=event.subject_ref, facts=event.facts or (), more=more + (event.more or 0)
    )


def answer_of_group(event: e.GroupAnswered) -> Answer:
    """The answer that the record of a group's message stands for: its entries' where all fared alike, else `recorded`."""
    one = event.entries[0] if len(set(event.entries)) == 1 else "recorded"
    codes = tuple(Reason(wrong.code, wrong.pointer) for wrong in event.codes or ())
    status: Status = "recorded" if one == "already_recorded" else one
    return Answer(status, codes=codes, more=event.more or 0, entries=event.entries)


def group_answered(message_type: str, answers: Iterable[Answer]) -> e.GroupAnswered:
    """What is recorded of a group's message when its entries have been answered."""
    told = list(answers)
    refused = [(place, one) for place, one in enumerate(told) if "refused" in (one.status, one.first)]
    wrong = [Reason(code.code, f"/entries/{place}{code.pointer}") for place, one in refused for code in one.codes]
    codes, more = named(wrong)
    return e.GroupAnswered(
        message_type=message_type,
        entries=tuple(one.first or one.status for one in told),
        codes=tuple(e.RefusalCode(code=one.code, pointer=one.pointer[:200]) for one in codes) or None,
        more=more + sum(one.more for _, one in refused) or None,
    )


def codes_of(event: e.MessageQuarantined) -> tuple[Reason, ...]:
    """Why bytes were set aside, each fault with its place where one was named."""
    return tuple(Reason(fault.code, fault.pointer) for fault in event.faults or ()) or (Reason(event.code),)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one message.

    `type` is the recorded fact's type, or for everything else the message's own. `number` stands in the sender's line,
    contiguous from 1; a repeat (`already_recorded`) names that of the first answer, whose status is `first`. `until` is UTC.
    `references` name the parts begun: raw until `named` gives them the recipient's own pseudonyms. `more` counts the codes
    beyond those that are named. `epoch` is the ledger's: where one number was given twice, the answer of the later epoch
    holds. `withdraws` names an answer that holds no longer.
    """

    message_id: str
    type: str
    status: Status
    number: int | None = None
    first: Status | None = None
    codes: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None
    until: datetime | None = None
    offset: int | None = None
    parts: tuple[tuple[str, Status], ...] = ()
    facts: tuple[e.FactInTheWay, ...] = ()
    more: int = 0
    epoch: int = FIRST
    withdraws: Mapping[str, str | int] = field(default_factory=dict)

    def named(self, pseudonyms: Pseudonyms) -> Receipt:
        """The receipt with the recipient's own names for the parts."""
        return replace(self, references={name: pseudonyms.of(raw) for name, raw in self.references.items()})

    def content(self) -> dict[str, Any]:
        """The receipt as JSON: absent fields left out, each code with its texts in three languages."""
        stated: dict[str, Any] = {"message_id": self.message_id, "type": self.type, "status": self.status}
        if self.number is not None:
            stated["number"] = self.number
        if self.epoch != FIRST:
            stated["epoch"] = self.epoch
        if self.first is not None:
            stated["first"] = self.first
        if self.withdraws:
            stated["withdraws"] = dict(self.withdraws)
        if self.codes:
            stated["codes"] = [stated_code(reason.code, reason.pointer, to_system=True) for reason in self.codes]
        if self.facts:
            stated["facts_in_the_way"] = stated_facts(self.facts)
        if self.more:
            stated["more"] = self.more
        if self.warnings:
            stated["warnings"] = [stated_code(code, to_system=True) for code in self.warnings]
        if self.references:
            stated["references"] = dict(sorted(self.references.items()))
        if self.reason is not None:
            stated["reason"] = self.reason
        if self.until is not None:
            stated["until"] = self.until.isoformat()
        if self.offset is not None:
            stated["offset"] = self.offset
        if self.parts:
            stated["parts"] = [{"message_id": message_id, "status": status} for message_id, status in self.parts]
        return stated

    @property
    def numbered(self) -> bool:
        """Whether the number is this receipt's own, and not that of the first answer which it repeats."""
        return self.number is not None and self.first is None

    @property
    def value(self) -> bytes:
        """The record's value on the receipts topic: JSON with sorted keys."""
        return orjson.dumps(self.content(), option=orjson.OPT_SORT_KEYS)

    @property
    def key(self) -> bytes:
        """The record's key: the message id, so that the receipts of one message lie together."""
        return self.message_id.encode()

    def headers(self, source: str, schemas: str = "") -> tuple[tuple[str, bytes], ...]:
        """CloudEvents headers, sorted; `logsequence` only where the number is this receipt's own, `dataschema` only where
        there is an address under which schemas are served."""
        later = self.epoch != FIRST
        named = {
            "ce_specversion": "1.0",
            "ce_id": f"{self.message_id}:{self.status}:{self.number or 0}" + (f":{self.epoch}" if later else ""),
            "ce_type": RECEIPT,
            "ce_source": source,
            "content-type": "application/json",
        }
        if schemas:
            named["ce_dataschema"] = f"{schemas}/schemas/{RECEIPT}.json"
        if self.numbered:
            named["ce_logsequence"] = str(self.number)
            if later:
                named["ce_epoch"] = str(self.epoch)
        return tuple(sorted((name, value.encode()) for name, value in named.items()))


def stated_code(code: str, pointer: str = "", *, to_system: bool = False) -> dict[str, Any]:
    """One code as it is stated: where it points, what is wrong, and what a person or a system does then; in fi, sv, en."""
    entry = refusal(code)
    advice = entry.for_system if to_system else entry.what_to_do
    return {"code": code, "pointer": pointer, "text": dict(entry.texts), "what_to_do": dict(advice)}


def stated_facts(facts: Iterable[e.FactInTheWay]) -> list[dict[str, Any]]:
    """Facts that stand in the way of a correction, as a receipt states them."""
    return [fact.model_dump(mode="json", exclude_none=True) for fact in facts]


MOST_IN_THE_WAY = 20
"""Facts that one refusal names. source: domain/pathway.md 4.4 row 45"""


def facts_told(
    facts: Iterable[tuple[str, str]], pathway: Pathway, caller: Caller, told: Mapping[str, str], of_county: bool
) -> tuple[e.FactInTheWay, ...]:
    """Of facts, each with the code under which it stands in the way, those that the caller knows, in the order of days.

    A worker of the county (`of_county`) knows all; a client the own ones; everybody else the own ones, and those of which
    `told` has the newest publication. source: design D22, domain/pathway.md 4.9
    """
    client = caller.role == "client"
    found: list[tuple[date, e.FactInTheWay]] = []
    for code, key in facts:
        fact = pathway.facts[key]
        own = fact.actor_person == caller.person if client else (fact.actor_org, fact.actor_task) == caller.sender
        if own or (not client and (of_county or key in told)):
            named = e.FactInTheWay(
                code=code, type=type_of(fact.event), occurred_on=fact.occurred_on, publication_id=told.get(key)
            )
            found.append((fact.occurred_on, named))
    return tuple(named for _, named in sorted(found, key=lambda dated: dated[0])[:MOST_IN_THE_WAY])


def receipt_of(record: Record, event: Event | Erased) -> Receipt | None:
    """The receipt that an event of the feed stands for; none unless it is the numbered first one of an answer.

    Whether the sender is a recipient at all is the directory's to say: `record.header.actor_org` and `actor_task`.
    """
    header = record.header
    if header.answer_number is None or isinstance(event, Erased):
        return None
    return replace(receipt_of_event(header, event), epoch=record.epoch)


def receipt_of_event(header: Header, event: Event) -> Receipt:
    """The receipt of an answer whose first event this is."""
    number, message_id = header.answer_number, header.command_id
    match event:
        case e.CommandRefused():
            told = answer_of_refusal(event)
            return Receipt(
                message_id, event.command, "refused", number, codes=told.codes, facts=told.facts, more=told.more
            )
        case e.MessageHeld():
            return Receipt(
                event.message_id,
                event.message_type,
                "waiting",
                number,
                reason=event.held_reason,
                until=event.held_until_at,
            )
        case e.GroupAnswered():
            told = answer_of_group(event)
            parts = _parts(message_id, told)
            return Receipt(
                message_id, event.message_type, told.status, number, codes=told.codes, more=told.more, parts=parts
            )
        case e.MessageSettled():
            return _without_effect(message_id, event.message_type, number)
        case e.MessageQuarantined():
            codes = codes_of(event)
            own = event.message_id or message_id
            return Receipt(own, "unreadable", "quarantined", number, codes=codes, offset=event.offset)
        case e.AnswerWithdrawn():
            named = {"status": event.old_status, "number": event.old_number, "epoch": event.old_epoch}
            withdraws = {name: value for name, value in named.items() if value is not None}
            codes = (Reason("E_WITHDRAWN"),)
            return Receipt(
                event.message_id, event.message_type, "withdrawn", number, codes=codes, withdraws=withdraws
            )  # fmt: skip
        case _:
            begun = parts_begun([event])
            return Receipt(message_id, header.type, "recorded", number, warnings=header.warnings, references=begun)


def _without_effect(message_id: str, message_type: str, number: int | None, first: Status | None = None) -> Receipt:
    """Of what was recorded already by something else (`IDEMPOTENT`)."""
    return Receipt(message_id, message_type, "already_recorded", number, first=first, codes=(Reason("IDEMPOTENT"),))


def _parts(message_id: str, answer: Answer) -> tuple[tuple[str, Status], ...]:
    return tuple((entry_id(message_id, number), status) for number, status in enumerate(answer.entries, start=1))


def receipt_of_answer(message_id: str, message_type: str, answer: Answer) -> Receipt:
    """The receipt of an answer just given: the same that its first event stands for, or that of a repeat.

    A command without effect is answered as already recorded (`IDEMPOTENT`), with a number only where it waited.
    """
    if (answer.first or answer.status) == "already_recorded":
        return _without_effect(message_id, message_type, answer.number, answer.first)
    first_name = answer.events[0][1] if answer.events else ""
    is_fact = first_name in EVENTS and first_name not in ANSWERS
    own = PARTS_BEGUN.get(first_name)
    return Receipt(
        message_id,
        type_of(EVENTS[first_name]) if is_fact else message_type,
        answer.status,
        answer.number,
        first=answer.first,
        codes=answer.codes,
        facts=answer.facts,
        more=answer.more,
        warnings=answer.warnings,
        references={name: raw for name, raw in answer.references.items() if name == own},
        parts=_parts(message_id, answer),
    )
