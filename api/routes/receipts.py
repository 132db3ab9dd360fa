"""What became of an agency's messages: its line of receipts, the one of a message, and what waits (integration.md 2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.agency_models import Receipt as StatedReceipt
from api.agency_models import ReceiptPage, WaitingMessages
from api.answers import json_response
from api.caller import SignedIn, SignedInCaller
from api.documents import linked
from api.ledgers import LedgerDoor
from api.links import next_page
from api.openapi.answers import described, of_problem
from api.parameters import LARGEST, USUAL, Limit
from api.problems import problem
from api.routing import doors
from domain.answers import Answer
from domain.directory import Recipient
from domain.receipts import Receipt, receipt_of, receipt_of_answer

OWN_ID = r"[!-~]{1,80}( [0-9]{1,3})?"
LONGEST_ID = 84
MessageId = Annotated[
    str,
    Path(
        pattern=f"^{OWN_ID}$",
        max_length=LONGEST_ID,
        description="Your own id of the message, percent-encoded (`/` as `%2F`); of an entry of a group's message `g-1 1`.",
    ),
]


def routes() -> APIRouter:
    """The answers to messages."""
    router = doors("/ledgers/{ledger}", "agency systems")
    router.add_api_route(
        "/receipts",
        read_receipts,
        methods=["GET"],
        operation_id="read_receipts",
        summary="Receipts since a number",
        responses={
            200: described(ReceiptPage, "In the order of their numbers.", "Link"),
            409: of_problem(409, "Your line has not come to this number."),
        },
    )
    router.add_api_route(
        "/receipts/{message_id:path}",
        read_receipt,
        methods=["GET"],
        operation_id="read_receipt",
        summary="The receipt of a message",
        responses={
            200: described(StatedReceipt, "The newest receipt of the message.", "Link"),
            410: of_problem(410, "What it says was destroyed at the end of its retention time."),
        },
    )
    router.add_api_route(
        "/waiting",
        read_waiting,
        methods=["GET"],
        operation_id="read_waiting",
        summary="Messages that wait",
        responses={200: described(WaitingMessages, "In the order of their ids.", "Link")},
    )
    return router


async def read_receipts(
    request: Request,
    signed: SignedInCaller,
    since: Annotated[
        int, Query(ge=0, le=LARGEST, description="Receipts behind this number: 0 for all, then `next` of the last answer.")
    ] = 0,
    limit: Limit = USUAL,
) -> Response:
    """The numbered answers in the caller's line, those after `since`, as they stand on the receipts topic.

    A number that the line has not come to is refused (`E_NO_SUCH_PLACE`).
    """
    own = signed.on_the_line()
    answers, receipts = await run_in_threadpool(_behind, signed.door, own, since, limit)
    reached = answers[-1].number if answers else since
    content = {"ledger": signed.door.ledger, "receipts": receipts, "next": reached}
    further = next_page(request, since=reached) if len(answers) == limit else ""
    return json_response(content, headers=linked(request, own, further))


def _behind(door: LedgerDoor, own: Recipient, since: int, limit: int) -> tuple[list[Answer], list[dict[str, Any]]]:
    sender = (own.org, own.task)
    answers = [answer for _, answer in door.store.answers(sender, since, limit)]
    if since and not answers and not door.store.answers(sender, since - 1, 1):
        raise problem("E_NO_SUCH_PLACE", "/since")
    return answers, _stated(door, own, answers)


async def read_receipt(request: Request, message_id: MessageId, signed: SignedInCaller) -> Response:
    """The newest receipt of one of the caller's own messages, by its id: the last one of a message that has waited. Where
    another person of the caller's has used the id, too, the caller's own comes first.

    Under an id that stands for nothing there is none (`E_NOT_FOUND`): then the message has not come, its answer holds no
    longer, or its bytes could not be read and took no id. The receipts of these stand in the line alone, and so does that of
    a message whose id is `.` or `..`, which no client leaves in a path (RFC 3986 5.2.4).
    """
    own = signed.on_the_line()
    stated = await run_in_threadpool(_newest, signed, own, message_id)
    return json_response(stated, headers=linked(request, own))


def _newest(signed: SignedIn, own: Recipient, message_id: str) -> dict[str, Any]:
    found = signed.door.store.newest_answer((own.org, own.task), message_id, signed.caller.person)
    if found is None:
        raise problem("E_NOT_FOUND")
    answer, type_name = found
    if answer.events:
        stated = _stated(signed.door, own, [answer])
        if not stated:
            raise problem("E_ERASED")
        return stated[0]
    if not type_name:  # kept by a version that did not keep what it was: the same, sent again, is answered
        raise problem("E_NOT_FOUND")
    return receipt_of_answer(message_id, type_name, answer).content()


async def read_waiting(
    request: Request,
    signed: SignedInCaller,
    after: Annotated[
        str,
        Query(
            pattern=f"^({OWN_ID})?$",
            max_length=LONGEST_ID,
            description=f"Messages behind this id of at most {LONGEST_ID} characters; then `next` of the last answer.",
        ),
    ] = "",
    limit: Limit = USUAL,
) -> Response:
    """The caller's own messages that wait for something that is not there yet: for what, and until when.

    Each gets a receipt of its own when it is decided, or when its time is over; then it is not here any more.
    """
    own = signed.on_the_line()
    ids, receipts = await run_in_threadpool(_waiting, signed.door, own, after, limit)
    content: dict[str, Any] = {"ledger": signed.door.ledger, "waiting": receipts}
    further = ""
    if len(ids) == limit:
        content["next"] = ids[-1]
        further = next_page(request, after=ids[-1])
    return json_response(content, headers=linked(request, own, further))


def _waiting(door: LedgerDoor, own: Recipient, after: str, limit: int) -> tuple[list[str], list[dict[str, Any]]]:
    """The ids that stand in the vault, and the receipts of those that the record says to wait."""
    sender = (own.org, own.task)
    ids = door.vault.held_under(*sender, after, limit)
    return ids, _stated(door, own, door.store.waiting(sender, ids))


def _stated(door: LedgerDoor, own: Recipient, answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """The receipts of answers, as they stand on the topic; what was erased is left out."""
    records = door.store.records_at([answer.events[0][2] for answer in answers])
    pseudonyms = door.pseudonyms(own.short_name)
    told = [receipt_of(record, event) for record, event in zip(records, door.store.opened_all(records), strict=True)]
    receipts: list[Receipt] = [receipt.named(pseudonyms) for receipt in told if receipt is not None]
    return [receipt.content() for receipt in receipts]
