"""For agencies without Kafka: the same envelopes, receipts and sequences over HTTP (integration.md 4)."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from math import ceil
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

import orjson
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.answers import COMMAND_RESPONSES, TOKEN, json_response
from api.bodies import JSON, asking, judged, media_type, raw_body
from api.caller import SignedIn, SignedInCaller
from api.keys import IDEMPOTENCY_KEY, idempotency_key
from api.ledgers import LedgerDoor
from api.openapi.messages import any_message
from api.problems import LONGEST_WAIT_S, Problem, problem, too_often
from api.routing import doors
from api.waiting import TOO_MANY_READERS, Lines
from domain.disclosure.once_more import SentOnceMoreOften
from domain.disclosure.publications import Publication
from domain.envelopes import FORMS, MESSAGE_ID, MESSAGE_TYPE, Incoming, UnreadableEnvelope, read_envelope
from domain.identifiers import is_identity_code, normal_code
from domain.json_gate import escaped, read_json, shortened
from domain.messages import message_types
from domain.receipts import Receipt, receipt_of
from domain.refusals import Reason, Refused, refusal, refuse
from projections.kinds import kinds

PAGE = 500
USUAL = 100
"""Entries of an answer, unless another number is asked for."""
STATUS = {"recorded": 201, "already_recorded": 200, "waiting": 202}
"""HTTP status of a receipt; that of its first code for any other."""
OFTEN = too_often(
    "Three have begun within 24 hours: the newest, `epoch`, holds everything.", "Seconds until another one may begin."
)
"""Of a redelivery in a live ledger."""
MANY = 207
"""HTTP status of a group's message whose entries fared differently, or were refused. source: RFC 4918 11.1"""
LARGEST = 2**63 - 1
"""The highest number that a line can come to."""
OWN_ID = (
    "Your own id of the message, unique for ever: 1 to 80 ASCII characters without a blank. Needed in binary mode; on a"
    " topic the header is `ce_id`, in structured mode the member is `id`."
)
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
DATA = ("data", "data_base64")
DEFINED = frozenset(
    {"id", "type", "source", "specversion", "subject", "time", "datacontenttype", "dataschema", "actorperson"}
)
"""Attributes whose values are texts; any other one is an extension that is not ours."""
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
ShortName = Annotated[str, Path(max_length=40, description="Your recipient's short name.")]


DryRun = Annotated[bool, Query(description="Whether only to say what would be answered: nothing is stored.")]
Limit = Annotated[int, Query(ge=1, le=PAGE, description=f"Entries at most: 1 to {PAGE}, else {USUAL}.")]
Wait = Annotated[
    float,
    Query(
        ge=0,
        le=LONGEST_WAIT_S,
        description=f"Seconds to wait for the first one: 0 to {LONGEST_WAIT_S:.0f}, else {LONGEST_WAIT_S:.0f}.",
    ),
]


class IdentityCode(BaseModel):
    """The body in which a client is named by personal identity code, ahead of the first message."""

    model_config = ConfigDict(extra="forbid")

    identity_code: str = Field(max_length=20)


def routes() -> APIRouter:
    """Messages in, receipts and publications out."""
    router = doors("/ledgers/{ledger}", "agency systems")
    sent = {name: kind for sender in kinds() for name, kind in message_types(sender).items()}
    message, structured = any_message(sent)
    router.add_api_route(
        "/in/{recipient}",
        send_message,
        methods=["POST"],
        summary="Send a message",
        responses={
            **COMMAND_RESPONSES,
            202: {"description": "It waits for something that is not there yet."},
            MANY: {"description": "A group's message: `parts` and `receipts` say what became of each entry."},
        },
        response_class=Response,
        openapi_extra={
            "parameters": [
                _header("ce-id", MESSAGE_ID, OWN_ID),
                _header("ce-type", MESSAGE_TYPE, f"Needed in binary mode. One of your types: {', '.join(sorted(sent))}"),
                _header("ce-specversion", FORMS["ce_specversion"], "1.0. Needed in binary mode."),
            ],
            "requestBody": {
                "required": True,
                "content": {STRUCTURED: {"schema": structured}, JSON: {"schema": message}},
            },
        },
    )
    router.add_api_route("/receipts", read_receipts, methods=["GET"], summary="Receipts since a number")
    router.add_api_route(
        "/out/{recipient}",
        read_publications,
        methods=["GET"],
        summary="Publications after a sequence",
        responses={429: TOO_MANY_READERS},
    )
    router.add_api_route(
        "/client-references",
        client_reference,
        methods=["POST"],
        summary="Your own name for a client, by personal identity code",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": IdentityCode.model_json_schema()}},
            }
        },
    )
    router.add_api_route(
        "/redeliveries",
        redeliver,
        methods=["POST"],
        summary="Everything again, in a fresh epoch",
        status_code=202,
        responses={
            202: {"description": "The fresh epoch has begun."},
            200: {"description": "It had been asked for under this key before; the epoch is the same."},
            409: COMMAND_RESPONSES[409],
            422: COMMAND_RESPONSES[422],
            429: OFTEN,
            503: COMMAND_RESPONSES[503],
        },
        response_class=Response,
        openapi_extra={"parameters": [IDEMPOTENCY_KEY]},
    )
    return router


async def send_message(
    request: Request, recipient: ShortName, signed: SignedInCaller, dry_run: DryRun = False
) -> Response:
    """Take in one message, as on the recipient's topic; answers with its receipt. `dry_run=true` stores nothing.

    A CloudEvent in binary or in structured mode (CloudEvents HTTP binding 1.0.2); a batch is not taken. A group's message is
    answered with a summary that holds the receipt of each entry, with 207 where they fared differently or were refused.
    """
    own = signed.on_the_line(recipient)
    given = media_type(request)
    if given == BATCH:
        raise problem("E_BATCH", Accept=f"{JSON}, {STRUCTURED}")
    raw = await raw_body(request, taken=(JSON, STRUCTURED))
    faults: list[Reason] = []
    if given == STRUCTURED:
        headers, raw, faults = await judged(signed.caller.sender, len(raw), _unwrapped, raw)
    else:
        headers = _attributes(request)
    try:
        message = read_envelope(own, headers, raw, None, "" if given == STRUCTURED else "ce-")
    except UnreadableEnvelope as error:
        raise Problem(*faults, *error.reasons) from error
    if faults:
        raise Problem(*faults)
    spoken = Incoming(own, message.message_id, message.type, raw, signed.caller.person)
    received = await asking(signed.caller.sender, len(raw), partial(signed.door.receiving.receive, spoken, dry_run=dry_run))
    content = received.receipt.content()
    if received.entries:
        content["receipts"] = [receipt.content() for receipt in received.entries]
    # A group's own number stands behind those of its entries: a reading that waits for it sees them, too.
    place = signed.door.store.position_token(received.receipt.number or 0, (own.org, own.task))
    return json_response(content, _status(received.receipt), {TOKEN: place})


def _attributes(request: Request) -> dict[str, bytes]:
    """The attributes of a CloudEvent in binary mode (its HTTP binding 1.0.2, 3.1.3), read out of their headers. Raises
    Problem (`E_ENVELOPE`) for one that stands twice: which was meant is not for us to choose."""
    given = [(name, value) for name, value in request.headers.items() if name.startswith("ce-")]
    names = Counter(name for name, _ in given)
    twice = tuple(Reason("E_ENVELOPE", f"/{name[:80]}") for name, times in names.items() if times > 1)
    if twice:
        raise Problem(*twice)
    return {name.replace("-", "_"): _written(value) for name, value in given}


def _written(value: str) -> bytes:
    """The text of an attribute whose header is percent-encoded, and perhaps quoted (there, 3.1.3.2)."""
    quoted = _QUOTED.fullmatch(value)
    return unquote_to_bytes(re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value)


def _unwrapped(structured: bytes) -> tuple[dict[str, bytes], bytes, list[Reason]]:
    """The attributes and the data of a CloudEvent in structured mode (its JSON format 1.0.2), as in binary mode: a null is
    no attribute, an extension may be a boolean or a whole number; and what is wrong with it (`E_ENVELOPE`,
    `E_CONTENT_TYPE`), but for the attributes that every mode has. Raises BadJson."""
    event = read_json(structured)
    attributes = {name: value for name, value in event.items() if name not in DATA and value is not None}
    wrong = [name for name, value in attributes.items() if not isinstance(value, str if name in DEFINED else str | int)]
    texts = {f"ce_{name}": b"" if name in wrong else str(value).encode() for name, value in attributes.items()}
    wrong += ["data"] if "data" not in event else []
    wrong += ["data_base64"] if "data_base64" in event else []
    faults = [Reason("E_ENVELOPE", shortened(f"/{escaped(name)}")) for name in wrong if f"ce_{name}" not in FORMS]
    told_as = texts.get("ce_datacontenttype", JSON.encode())
    if "datacontenttype" not in wrong and told_as.partition(b";")[0].strip().lower() != JSON.encode():
        faults.append(Reason("E_CONTENT_TYPE", "/datacontenttype"))
    return texts, orjson.dumps(event.get("data")), faults


def _status(receipt: Receipt) -> int:
    outcomes = {status for _, status in receipt.parts}
    if not outcomes <= {"recorded", "already_recorded"} and outcomes != {"waiting"}:
        return MANY
    if outcomes == {"already_recorded"}:
        return STATUS["already_recorded"]
    if receipt.status in STATUS and receipt.first != "refused":
        return STATUS[receipt.status]
    return refusal(receipt.codes[0].code).status if receipt.codes else 409


async def read_receipts(
    signed: SignedInCaller,
    since: Annotated[
        int, Query(ge=0, le=LARGEST, description="Receipts behind this number: 0 for all, then `next` of the last answer.")
    ] = 0,
    limit: Limit = USUAL,
) -> Response:
    """The numbered answers in the caller's line, those after `since`, as they stand on the receipts topic.

    A number that the line has not come to is refused (`E_NO_SUCH_PLACE`).
    """
    return json_response(await run_in_threadpool(_receipts, signed, since, limit))


def _receipts(signed: SignedIn, since: int, limit: int) -> dict[str, Any]:
    door, own = signed.door, signed.on_the_line()
    answers = door.store.answers((own.org, own.task), since, limit)
    if since and not answers and not door.store.answers((own.org, own.task), since - 1, 1):
        raise problem("E_NO_SUCH_PLACE", "/since")
    records = [record for _, answer in answers for record in door.store.records(answer.events[0][2] - 1, 1)]
    pseudonyms = door.pseudonyms(own.short_name)
    receipts = [receipt_of(record, event) for record, event in zip(records, door.store.opened_all(records), strict=True)]
    return {
        "ledger": door.ledger,
        "receipts": [receipt.named(pseudonyms).content() for receipt in receipts if receipt is not None],
        "next": answers[-1][1].number if answers else since,
    }


async def read_publications(
    request: Request,
    recipient: ShortName,
    signed: SignedInCaller,
    after: Annotated[
        int, Query(ge=0, le=LARGEST, description="Publications behind this sequence: 0, then `next` of the last answer.")
    ] = 0,
    epoch: Annotated[
        int | None, Query(ge=1, le=LARGEST, description="The epoch in which `after` counts, as it was named last; from 1.")
    ] = None,
    limit: Limit = USUAL,
    wait: Wait = LONGEST_WAIT_S,
) -> Response:
    """What the recipient is told, after a sequence of the present epoch; waits up to `wait` seconds for the first one.

    After a redelivery there is a new epoch: a reader that names the epoch it knows gets the new one from its beginning. An
    epoch that there is none of, and a sequence behind the end of its epoch, are refused (`E_NO_SUCH_PLACE`). Whoever would
    wait where enough readers of the recipient do is refused, too (`E_TOO_MANY_READERS`, `Retry-After`).
    """
    own = signed.on_the_line(recipient)
    give_up_at = time.monotonic() + wait
    door = signed.door
    lines: Lines = request.app.state.waits.setdefault(door.name, Lines(door.store, request.app.state.closing))

    async def look() -> tuple[int, Sequence[Publication]]:
        present, told = await run_in_threadpool(door.publications, own.short_name, epoch, after, limit)
        if not told or epoch not in (None, present):
            await run_in_threadpool(_check_place, door, own.short_name, epoch, present, after)
        return present, told

    if not wait:
        present, told = await look()
    else:
        async with lines.reader(own.short_name, request.receive) as reader:
            present, told = await look()
            while not told and await reader.waits(give_up_at):
                present, told = await look()
    entries = [_stated(publication) for publication in told]
    reached = told[-1].sequence if told else after if epoch in (None, present) else 0
    return json_response({"ledger": door.ledger, "epoch": present, "publications": entries, "next": reached})


def _check_place(door: LedgerDoor, short_name: str, epoch: int | None, present: int, after: int) -> None:
    """The reader was there: raises Problem (`E_NO_SUCH_PLACE`) for a place that the recipient's line never had."""
    known = present if epoch is None else epoch
    if known > present:
        raise problem("E_NO_SUCH_PLACE", "/epoch")
    if after > door.store.stream_version(f"recipient/{short_name}/{known}"):
        raise problem("E_NO_SUCH_PLACE", "/after")


def _stated(publication: Publication) -> dict[str, Any]:
    """One publication: its attributes and its body, which a follower hashes as they stand."""
    attributes = {name: value.decode() for name, value in publication.headers}
    value: Mapping[str, Any] = orjson.loads(publication.value)
    return {"headers": attributes, "value": value, "hash": publication.hash}


async def client_reference(request: Request, signed: SignedInCaller) -> Response:
    """The caller's own name for a client whom it may know. The search is logged as use, and answers the same about everybody
    else, whether he is a client or not (domain/pathway.md 4.9)."""
    signed.on_the_line()
    raw = await raw_body(request)
    code = await judged(signed.caller.sender, len(raw), _code_in, raw)
    name = await run_in_threadpool(_name_under, signed, code)
    if name is None:
        raise problem("E_NOT_FOUND")
    return json_response({"ledger": signed.door.ledger, "client": name})


def _code_in(raw: bytes) -> str:
    """The personal identity code that a body asks about. Raises BadJson, Refused."""
    body = read_json(raw)
    code = body.get("identity_code")
    wrong = _not_allowed(name for name in body if name != "identity_code")
    if not isinstance(code, str):
        wrong.append(Reason("E_FIELD_TYPE" if "identity_code" in body else "E_FIELD_MISSING", "/identity_code"))
    if wrong:
        raise Refused(*wrong)
    normal: str = normal_code(code)
    if not is_identity_code(normal):
        raise refuse("E_IDENTITY_CODE", "/identity_code")
    return normal


def _name_under(signed: SignedIn, code: str) -> str | None:
    """The caller's own name for the client of a personal identity code, where it may know him."""
    client = signed.names().client(code)
    return signed.door.pseudonyms(signed.own.short_name).of(client) if client is not None else None


def _not_allowed(names: Iterable[str]) -> list[Reason]:
    return [Reason("E_FIELD_NOT_ALLOWED", shortened(f"/{escaped(name)}")) for name in names]


async def redeliver(request: Request, signed: SignedInCaller) -> Response:
    """Begin a fresh epoch that repeats every publication that is still lawful; the old model answers until it is done.

    There is nothing to say about it: a body is left out, or an object without fields. Asked again under the same key, it is
    answered with the epoch that was begun then, and under any key while that one is on its way: `repeated` of `publications`
    are in it. In a live ledger another one begins when the oldest of the last three is 24 hours old (429, `Retry-After`):
    until then the newest, `epoch` of the problem, is read from its beginning. None begins before what was recorded when it
    was asked for has been told (`E_NOT_AT_HEAD`, 503): it might take back what would be sent again.
    """
    own = signed.on_the_line()
    key = idempotency_key(request)
    if request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers:
        raw = await raw_body(request)
        if wrong := await judged(signed.caller.sender, len(raw), lambda: _not_allowed(read_json(raw))):
            raise Problem(*wrong)
    try:
        answer, begun = await run_in_threadpool(signed.door.redeliver, own.short_name, signed.caller, key)
    except LookupError as error:
        raise problem("E_NO_CHANGE") from error  # nothing was ever told: there is nothing to repeat
    except SentOnceMoreOften as often:
        wait = {"Retry-After": str(ceil(often.wait.total_seconds()))}
        raise Problem(*often.codes, extra={"epoch": often.epoch}, headers=wait) from often
    if begun is None:
        raise Problem(*answer.codes)
    stated = {"message_id": key, "status": answer.status, "number": answer.number, "epoch": begun.epoch}
    come = {"publications": begun.publications, "repeated": begun.repeated}
    content = {**stated, **come, "ledger": signed.door.ledger, "recipient": own.short_name}
    return json_response(content, 202 if answer.first is None else 200)


def _header(name: str, form: re.Pattern[str], description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "schema": {"type": "string", "pattern": f"^{form.pattern}$"},
        "description": description,
    }
