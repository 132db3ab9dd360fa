"""The answer to a command over HTTP: what was recorded, in the caller's own names, or the problem that stood against it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Literal

import orjson
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.caller import SignedIn
from api.entity_tags import entity_tags, version_in
from api.openapi.answers import Responses, described, problems
from api.openapi.schemas import LeftOut
from api.problems import Problem, problem
from domain.answers import Answer, OwnVersion
from domain.receipts import stated_code, stated_facts
from domain.rulebook import COMMANDS
from domain.store import UnknownToken, told_by_others

TOKEN = "KUTY-Token"
"""Header with an opaque token: given with a write, sent with a reading that is to see it."""

UNTIL, MANY = "until", "many"
"""How a version of an agency says what had been told: all until an answer of its line, or so many things."""

NO_VERSION = -1
"""The version of a client's record that there never is."""


def answered(
    signed: SignedIn, command_id: str, command: str, answer: Answer, *, differing: Sequence[str] | None = None
) -> Response:
    """201 for what was recorded, 200 for a repeat or a wish without effect. Raises Problem for a refusal, a repeated one
    too: then nothing of it is in the ledger but the refusal. `differing` names the details that are known otherwise."""
    if answer.status == "refused" or answer.first == "refused":
        raise Problem(*answer.codes, extra=_beside(signed, command_id, answer))
    recorded = answer.status == "recorded"
    content: dict[str, Any] = {
        "message_id": command_id,
        "type": command,
        "status": answer.status,
        "ledger": signed.door.ledger,
    }
    if (number := own_number(signed, answer)) is not None:
        content["number"] = number
    if answer.events:
        content["facts"] = [name for _, name, _ in answer.events]
    else:
        content["codes"] = [stated_code("IDEMPOTENT")]
    references = own_names(signed, command, answer)
    if references:
        content["references"] = references
    if differing is not None:
        content["differing"] = list(differing)
    if answer.warnings:
        content["warnings"] = [stated_code(code) for code in answer.warnings]
    store = signed.door.store
    place = store.position_token(own_number(signed, answer) or 0, signed.caller.sender)
    headers = {TOKEN: place, "Cache-Control": "no-store"}
    if answer.client is not None:
        headers["ETag"] = f'"{store.version_token(_record_seen(signed, answer, answer.client), answer.own_version)}"'
    return Response(orjson.dumps(content), 201 if recorded else 200, headers, "application/json")


async def answered_beside(
    signed: SignedIn, command_id: str, command: str, answer: Answer, differing: Sequence[str] | None = None
) -> Response:
    """`answered`, beside the loop where the database is asked: nobody else waits for it then."""
    if answer.number is not None and signed.has_names_at_hand:
        return answered(signed, command_id, command, answer, differing=differing)
    return await run_in_threadpool(partial(answered, signed, command_id, command, answer, differing=differing))


def own_names(signed: SignedIn, command: str, answer: Answer) -> dict[str, str]:
    """The parts begun, and a client just registered, in the caller's own names."""
    references = dict(answer.references)
    if answer.client is not None and COMMANDS[command].target == "new_client":
        references["client"] = answer.client
    if signed.recipient is None or not references:
        return {}
    pseudonyms = signed.door.pseudonyms(signed.recipient.short_name)
    return {name: pseudonyms.of(reference) for name, reference in sorted(references.items())}


def own_number(signed: SignedIn, answer: Answer) -> int | None:
    """The answer's number, for those whose line it stands in: a client would count the county's workers by it."""
    return None if signed.caller.role == "client" else answer.number


def _record_seen(signed: SignedIn, answer: Answer, client: str) -> str:
    """What a version that an answer gives is a version of: the caller's own record of a client, as far as he had been told
    when he was answered. It moves with what he is told and with his own commands, with nothing else (design D22).

    That is said by the number of the answer: only a look at the database, which not every command is to cost, says how much
    it was. An answer that has no number has to look.
    """
    own = own_record(signed, client)
    if signed.recipient is None or not _is_agency(signed):
        return own
    if answer.number is not None:
        return f"{own}/{UNTIL}/{answer.number}"
    return f"{own}/{MANY}/{told_by_others(signed.recipient, client, signed.door.store)}"


def _is_present(signed: SignedIn, client: str, record: str) -> bool:
    """Whether a record that a version speaks of is the caller's own, and nothing was told to him since."""
    own, recipient, store = own_record(signed, client), signed.recipient, signed.door.store
    if recipient is None or not _is_agency(signed):
        return record == own
    theirs, _, seen = record.rpartition("/")
    if theirs == f"{own}/{MANY}":
        return told_by_others(recipient, client, store) == int(seen)
    if theirs != f"{own}/{UNTIL}":
        return False
    position = store.position_of(signed.caller.sender, int(seen))
    return position is not None and not told_by_others(recipient, client, store, position)


def _is_agency(signed: SignedIn) -> bool:
    """Whether the caller is told of a part: the county is told of everything, and a client of himself."""
    return signed.caller.role != "client" and signed.caller.task != "organiser"


def own_record(signed: SignedIn, client: str) -> str:
    """The caller's own record of a client, whatever stands in it by now."""
    if signed.caller.role == "client":
        return f"{client}/client"
    return f"{client}/{signed.recipient.short_name}" if signed.recipient and _is_agency(signed) else client


def expected_version(signed: SignedIn, client: str | None, request: Request) -> OwnVersion | None:
    """The version that the lines of `If-Match` name; none without one, and none for `*` on a client that is there.

    A weak tag names none. Where nothing is named it is a version that no record has: who repeats a command is answered as
    the first time, though he was told of something since (design D13). Raises Problem (`E_STALE_IF_MATCH`) where
    nobody's record is spoken of. source: RFC 9110 13.1.1
    """
    if_match = request.headers.getlist("if-match")
    if not if_match:
        return None
    tags = entity_tags(if_match)
    if tags == "*" and client is not None and signed.door.store.stream_version(client):
        return None
    if client is None:
        raise problem("E_STALE_IF_MATCH")
    versions: list[int] = []
    for tag in tags if tags != "*" else ():
        with suppress(UnknownToken):
            read = signed.door.store.read_token(version_in(tag.text))
            if read.kind == "version" and not tag.weak and _is_present(signed, client, read.stream):
                versions.append(read.number)
    # Versions only rise: of several given out only the newest can be the present one.
    return OwnVersion(max(versions, default=NO_VERSION))


def _beside(signed: SignedIn, command_id: str, answer: Answer) -> dict[str, Any]:
    stated: dict[str, Any] = {"message_id": command_id, "status_word": answer.status}
    if (number := own_number(signed, answer)) is not None:
        stated["number"] = number
    if answer.facts:
        stated["facts_in_the_way"] = stated_facts(answer.facts)
    if answer.more:
        stated["more"] = answer.more
    return stated


class LedgerNamed(BaseModel):
    """Of which ledger an answer is; a simulated one says so."""

    name: str
    mode: str


class InThreeLanguages(BaseModel):
    """A text in Finnish, Swedish and English."""

    fi: str
    sv: str
    en: str


class CommandCode(BaseModel):
    """A code that stands beside what was recorded, and where it points."""

    code: str
    pointer: str
    text: InThreeLanguages
    what_to_do: InThreeLanguages


class CommandAnswer(BaseModel):
    """What became of a command."""

    message_id: str = Field(description="The caller's own key.")
    type: str = Field(description="The command.")
    status: Literal["recorded", "already_recorded"]
    ledger: LedgerNamed
    number: int | LeftOut = Field(None, description="In the caller's line; none of a client, and none without effect.")
    facts: list[str] | LeftOut = Field(None, description="The kinds of facts that were recorded, in their order.")
    codes: list[CommandCode] | LeftOut = Field(None, description="Why nothing had to be recorded (`IDEMPOTENT`).")
    references: dict[str, str] | LeftOut = Field(
        None, description="The caller's own names for the parts begun, and for a client just registered."
    )
    differing: list[str] | LeftOut = Field(
        None, description="Of somebody who was a client already, the stated details that his record has otherwise."
    )
    warnings: list[CommandCode] | LeftOut = None


def command_responses(*, of_client: bool) -> Responses:
    """What a command is answered; one about a client, with the version of his record."""
    always = (TOKEN, "ETag") if of_client else (TOKEN,)
    version = "`ETag` is your version of the client's record, " if of_client else ""
    return {
        201: described(CommandAnswer, f"Recorded; {version}`KUTY-Token` lets a reading wait.", always=always),
        200: described(CommandAnswer, "The same was recorded before, or nothing had to be.", always=always),
        **problems(400, 401, 404, 409, 412, 413, 415, 422, 503),
    }


def json_response(content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer that nobody keeps a copy of."""
    return Response(orjson.dumps(content), status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")
