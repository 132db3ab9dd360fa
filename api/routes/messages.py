"""Messages of agencies without Kafka: the same envelopes, and each is answered with its receipt (integration.md 2)."""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.agency_models import ClientReference
from api.agency_models import Receipt as StatedReceipt
from api.answers import TOKEN, json_response
from api.bodies import JSON, asking, judged, media_type, not_allowed, raw_body
from api.caller import SignedIn, SignedInCaller
from api.documents import linked
from api.openapi.answers import Responses, described, of_problem
from api.openapi.messages import any_message
from api.parameters import ShortName
from api.problems import Problem, problem
from api.routing import doors
from domain.envelopes import FORMS, MESSAGE_ID, MESSAGE_TYPE, Incoming, UnreadableEnvelope, read_envelope
from domain.identifiers import is_identity_code, normal_code
from domain.json_gate import escaped, read_json, shortened
from domain.messages import message_types
from domain.receipts import Receipt
from domain.refusals import Reason, Refused, refusal, refuse
from projections.kinds import kinds

STATUS = {"recorded": 201, "already_recorded": 200, "waiting": 202}
"""HTTP status of a receipt; that of its first code for any other."""
MANY = 207
"""HTTP status of a group's message whose entries fared differently, or were refused. source: RFC 4918 11.1"""
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
DryRun = Annotated[bool, Query(description="Whether only to say what would be answered: nothing is stored.")]


class IdentityCode(BaseModel):
    """The body in which a client is named by personal identity code, ahead of the first message."""

    model_config = ConfigDict(extra="forbid")

    identity_code: str = Field(max_length=20)


def routes() -> APIRouter:
    """Messages in."""
    router = doors("/ledgers/{ledger}", "agency systems")
    sent = {name: kind for sender in kinds() for name, kind in message_types(sender).items()}
    message, structured = any_message(sent)
    router.add_api_route(
        "/in/{recipient}",
        send_message,
        methods=["POST"],
        operation_id="send_message",
        summary="Send a message",
        responses=_answers(),
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
    router.add_api_route(
        "/client-references",
        client_reference,
        methods=["POST"],
        operation_id="client_reference",
        summary="Your own name for a client, by personal identity code",
        responses={200: described(ClientReference, "By this name the client is known to you.")},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": IdentityCode.model_json_schema()}},
            }
        },
    )
    return router


def _answers() -> Responses:
    """What a message is answered, by status: its receipt, or the problem that kept it from being read."""
    said = {
        201: "Recorded; `KUTY-Token` lets a reading wait for it. With `dry_run` it would be, and there is none.",
        200: "The same was recorded before, or nothing had to be.",
        202: "It waits for something that is not there yet.",
        MANY: "A group's message: `parts` and `receipts` say what became of each entry.",
    }
    wrong = {
        400: "The envelope or the body is not readable (its receipt says `quarantined`, where it has an id).",
        409: "A rule says no, or as many messages of yours wait as may.",
        410: "It speaks of what was destroyed at the end of its retention time.",
        413: "More than 256 KiB.",
        422: "Readable, but not what the schema wants; or the id was used for other content.",
        500: "A mistake of ours; the message is refused, and the others are not held up.",
    }
    answers: Responses = {}
    for status, text in said.items():
        answers[status] = described(StatedReceipt, text, TOKEN, "Link")
    for status, text in wrong.items():
        told = of_problem(status, text)
        # The receipt stands first: a generated client reads an answer as what stands there.
        receipt = {JSON: dict[str, Any]()}
        answers[status] = {**told, **described(StatedReceipt, text, TOKEN, "Link"), "content": receipt | told["content"]}
    return answers


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
    status = _status(received.receipt)
    # A group's own number stands behind those of its entries: a reading that waits for it sees them, too.
    place = signed.door.store.position_token(received.receipt.number or 0, (own.org, own.task))
    return json_response(content, status, {**({} if dry_run else {TOKEN: place}), **linked(request, own)})


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
    if receipt.status in STATUS and receipt.first not in ("refused", "quarantined"):
        return STATUS[receipt.status]
    return refusal(receipt.codes[0].code).status if receipt.codes else 409


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
    wrong = not_allowed(name for name in body if name != "identity_code")
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




def _header(name: str, form: re.Pattern[str], description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "schema": {"type": "string", "pattern": f"^{form.pattern}$"},
        "description": description,
    }
