"""How an answer is kept in its row, and by which hash a repeat is known (design D13)."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

from domain.answers import Answer
from domain.context import Caller
from domain.events import CommandRefused, FactInTheWay, RefusalCode
from domain.json_gate import BadJson, read_json
from domain.refusals import Reason, named
from domain.store.tables.recorders import AnswerRow


def kept(answer: Answer, message_hash: str = "", type_name: str = "") -> bytes:
    """What the table keeps of an answer beside the columns of its own. `type_name` is that of the message or the command,
    where no event says it."""
    parts: dict[str, Any] = {
        "events": answer.events,
        "codes": [[reason.code, reason.pointer] for reason in answer.codes],
        "facts": [fact.model_dump(mode="json", exclude_none=True) for fact in answer.facts],
        "references": answer.references,
        "warnings": answer.warnings,
        "version": answer.stream_version,
        "client": answer.client,
        "more": answer.more,
        "own": answer.own_version,
        "entries": answer.entries,
        "message": message_hash,
        "type": type_name,
    }
    return orjson.dumps({name: value for name, value in parts.items() if value}, option=orjson.OPT_SORT_KEYS)


def hashes_of(row: AnswerRow) -> Iterator[str]:
    """What the answer was given to: the command, or the message as it came; of a decided message both."""
    yield row.content_hash
    if message_hash := orjson.loads(row.answer).get("message"):
        yield message_hash


def type_in(row: AnswerRow) -> str:
    """The type of what was answered, where no event says it; empty where that was not kept."""
    type_name: str = orjson.loads(row.answer).get("type", "")
    return type_name


def still_waiting(rows: Sequence[AnswerRow]) -> list[AnswerRow]:
    """Of what was told under one id that which waits for its last answer: what another person used as a key is none."""
    answered = {row.person for row in rows if row.final}
    return [row for row in rows if not (row.final or answered & {row.person, ""})]


def answer_of(row: AnswerRow) -> Answer:
    """The answer that a row keeps."""
    parts = orjson.loads(row.answer)
    events = tuple((event_id, name, position) for event_id, name, position in parts.get("events", ()))
    codes, more = named([Reason(code, pointer) for code, pointer in parts.get("codes", ())])
    return Answer(
        status=row.status,
        number=row.number,
        events=events,
        codes=codes,
        facts=tuple(FactInTheWay.model_validate(fact) for fact in parts.get("facts", ())),
        references=parts.get("references", {}),
        warnings=tuple(parts.get("warnings", ())),
        position=events[-1][2] if events else row.position,
        stream_version=parts.get("version", 0),
        client=parts.get("client"),
        more=more + parts.get("more", 0),
        own_version=parts.get("own", 0),
        entries=tuple(parts.get("entries", ())),
    )


def refusal_event(
    command: str, reasons: Sequence[Reason], content_mac: str, client: str | None, facts: tuple[FactInTheWay, ...] = ()
) -> CommandRefused:
    """What is recorded of a refusal: bounded, whatever was sent (domain/pathway.md 4.9)."""
    codes, more = named(reasons)
    return CommandRefused(
        command=command,
        codes=tuple(RefusalCode(code=reason.code, pointer=reason.pointer[:200]) for reason in codes),
        content_mac=content_mac,
        subject_ref=client,
        facts=facts or None,
        more=more or None,
    )


@dataclass(frozen=True)
class Content:
    """A message, or a body before it became a command: its type, its bytes as they came, whom it speaks of where the bytes
    do not say so, and what they hold where they were read already."""

    type: str
    raw: bytes
    about: str | None = None
    read: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def said(self) -> dict[str, Any]:
        """What it says, the same however its JSON was written."""
        try:
            read = read_json(self.raw) if self.read is None else self.read
            normal = orjson.dumps(read, option=orjson.OPT_SORT_KEYS)
        except BadJson:
            normal = self.raw
        return {"type": self.type, "content": normal.hex(), "about": self.about}


def content_hash(key: bytes, name: str, body: dict[str, Any], caller: Caller, client: str | None) -> str:
    """HMAC-SHA256 (hex) over the canonical JSON of a command: same id and same hash is a repeat."""
    return _hashed(key, name, body, caller, caller.role, client)


def every_hash(key: bytes, name: str, body: dict[str, Any], caller: Caller, client: str | None) -> frozenset[str]:
    """The hashes of the same content from the same sender, in whichever role its system spoke then."""
    return frozenset(_hashed(key, name, body, caller, role, client) for role in (caller.role, *caller.or_role))


def _hashed(key: bytes, name: str, body: dict[str, Any], caller: Caller, role: str, client: str | None) -> str:
    speaker = (caller.org, caller.task, role, caller.person, caller.purpose)
    return hmac.digest(key, orjson.dumps((name, body, speaker, client), option=orjson.OPT_SORT_KEYS), "sha256").hex()
