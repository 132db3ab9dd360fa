"""The answer to a command: kept once, in the transaction of its events, and the same again for a repeat (design D13)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson

from domain.context import Caller
from domain.refusals import Reason
from domain.store.tables.recorders import AnswerRow

Status = Literal["recorded", "already_recorded", "waiting", "refused", "quarantined"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command or message.

    `number` counts in the sender's line, none for a command without effect, a dry run and a re-used id. `events` are
    (event id, name, position). `references` name the parts begun, raw: they never leave the ledger as they are.
    `first` is set on a repeat only: the status of the first answer. `client` is the stream that the command spoke of.
    """

    status: Status
    number: int | None = None
    events: tuple[tuple[str, str, int], ...] = ()
    codes: tuple[Reason, ...] = ()
    references: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    position: int = 0
    stream_version: int = 0
    client: str | None = None
    first: Status | None = None

    def repeated(self) -> Answer:
        """The answer to a repeat of the same command."""
        return replace(self, status="already_recorded", first=self.status)

    def kept(self) -> bytes:
        """What the table keeps beside the columns of its own."""
        parts: dict[str, Any] = {
            "events": self.events,
            "codes": [[reason.code, reason.pointer] for reason in self.codes],
            "references": self.references,
            "warnings": self.warnings,
            "version": self.stream_version,
            "client": self.client,
        }
        return orjson.dumps({name: value for name, value in parts.items() if value}, option=orjson.OPT_SORT_KEYS)


def answer_of(row: AnswerRow) -> Answer:
    """The answer that a row keeps."""
    parts = orjson.loads(row.answer)
    events = tuple((event_id, name, position) for event_id, name, position in parts.get("events", ()))
    return Answer(
        status=row.status,  # type: ignore[arg-type]  # written from an Answer
        number=row.number,
        events=events,
        codes=tuple(Reason(code, pointer) for code, pointer in parts.get("codes", ())),
        references=parts.get("references", {}),
        warnings=tuple(parts.get("warnings", ())),
        position=events[-1][2] if events else row.position,
        stream_version=parts.get("version", 0),
        client=parts.get("client"),
    )


def content_hash(key: bytes, name: str, body: dict[str, Any], caller: Caller, client: str | None) -> str:
    """HMAC-SHA256 (hex) over the canonical JSON of a command: same id and same hash is a repeat."""
    speaker = (caller.org, caller.task, caller.role, caller.person, caller.purpose)
    return hmac.digest(key, orjson.dumps((name, body, speaker, client), option=orjson.OPT_SORT_KEYS), "sha256").hex()
