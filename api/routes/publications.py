"""What an agency is told, over HTTP: page by page, how far it has come, and everything once more (integration.md 3)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.agency_models import OutStatus, PublicationPage, Redelivery
from api.answers import json_response
from api.bodies import judged, not_allowed, raw_body
from api.caller import SignedIn, SignedInCaller
from api.documents import document_for, linked
from api.keys import IDEMPOTENCY_KEY, idempotency_key
from api.ledgers import LedgerDoor
from api.limits import REDELIVERIES, WAITING_READERS
from api.links import next_page
from api.openapi.answers import described, of_problem, problems
from api.parameters import LARGEST, PAGE, USUAL, Limit, ShortName, Wait
from api.problems import LONGEST_WAIT_S, Problem, problem
from api.routing import doors
from api.waiting import MOST_READERS, Lines
from domain.directory import Recipient
from domain.disclosure.once_more import SentOnceMoreOften
from domain.disclosure.publications import Publication, publication_hash
from domain.json_gate import read_json
from domain.messages import message_types
from projections.kinds import kinds

LOOKED_THROUGH = 2_000
"""Publications that one answer looks through for the types that were asked for."""
LONGEST_CHOICE = 4_000
LIMITED = ("RateLimit-Policy", "RateLimit")
"""The headers of answers that a limit concerns."""


def routes() -> APIRouter:
    """Publications out."""
    router = doors("/ledgers/{ledger}", "agency systems")
    router.add_api_route(
        "/out/{recipient}",
        read_publications,
        methods=["GET"],
        operation_id="read_publications",
        summary="Publications after a sequence",
        responses={
            200: described(
                PublicationPage, "In the order of their sequences; none where none came in time.", "Link", always=LIMITED
            ),
            409: of_problem(409, "There is no such epoch, or the epoch has not come to this sequence."),
            429: of_problem(
                429,
                f"There is nothing to tell yet, and {MOST_READERS} readers of this recipient wait already.",
                always=LIMITED,
            ),
        },
    )
    router.add_api_route(
        "/out/{recipient}/status",
        read_out_status,
        methods=["GET"],
        operation_id="read_out_status",
        summary="Where your line stands, and what may come on it",
        responses={200: described(OutStatus, "The present epoch.", "Link")},
    )
    again = "It had been asked for under this key before; the epoch is the same."
    often = "Three have begun within 24 hours: the newest, `epoch`, holds everything."
    router.add_api_route(
        "/redeliveries",
        redeliver,
        methods=["POST"],
        operation_id="redeliver",
        summary="Everything again, in a fresh epoch",
        status_code=202,
        responses={
            202: described(Redelivery, "The fresh epoch has begun.", "Link", *LIMITED),
            200: described(Redelivery, again, "Link", *LIMITED),
            **problems(413, 415, 422),
            429: of_problem(429, often, always=LIMITED),
        },
        response_class=Response,
        openapi_extra={"parameters": [IDEMPOTENCY_KEY]},
    )
    return router


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader wants: of `types`, all where none are named, behind `after` and up to `until` of `epoch`, at most so
    many. Where the epoch is another one by now, that one from its beginning, without an end."""

    epoch: int | None
    after: int
    until: int | None
    types: frozenset[str] | None
    limit: int


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of it: in the present `epoch`, looked through up to `reached`, and of that all that is wanted. `until`:
    where it ends, none where it was to end in another epoch. `more`: whether something that may be wanted stands behind."""

    epoch: int
    told: tuple[Publication, ...]
    reached: int
    until: int | None
    more: bool

    @property
    def answers(self) -> bool:
        """Whether the reader is answered with it: something was found, may be found elsewhere, or is wanted no more."""
        return bool(self.told) or self.more or self.reached == self.until


async def read_publications(
    request: Request,
    recipient: ShortName,
    signed: SignedInCaller,
    after: Annotated[
        int, Query(ge=0, le=LARGEST, description="Publications behind this sequence: 0, then `next` of the last answer.")
    ] = 0,
    until: Annotated[
        int | None,
        Query(ge=0, le=LARGEST, description="Publications up to this sequence, from 0 on: nothing behind it is waited for."),
    ] = None,
    epoch: Annotated[
        int | None, Query(ge=1, le=LARGEST, description="The epoch in which `after` counts, as it was named last; from 1.")
    ] = None,
    types: Annotated[
        str | None,
        Query(
            alias="type",
            max_length=LONGEST_CHOICE,
            description="Publications of these types alone, and the one that begins a fresh epoch, of whichever type;"
            f" at most {LONGEST_CHOICE} characters with commas between, of those that `/out/{{recipient}}/status` names.",
        ),
    ] = None,
    limit: Limit = USUAL,
    wait: Wait = LONGEST_WAIT_S,
) -> Response:
    """What the recipient is told, after a sequence of the present epoch; waits up to `wait` seconds for the first one.

    After a redelivery there is a new epoch: a reader that names the epoch it knows gets the new one from its beginning, and
    `until` does not count there. An epoch that there is none of, and a sequence behind the end of its epoch, are refused
    (`E_NO_SUCH_PLACE`). Whoever would wait where enough readers of the recipient do is refused, too (`E_TOO_MANY_READERS`,
    `Retry-After`).

    With `type` there are holes in the sequence, and `next` stands behind what was left out. The first publication of a fresh
    epoch comes whatever its type is: its `history` says where what is repeated ends. One answer looks through so many
    publications; where none of them is of these types it is empty, and says where to go on. A type that the recipient is
    never told is refused (`E_QUERY`).
    """
    own = signed.on_the_line(recipient)
    give_up_at = time.monotonic() + wait
    door = signed.door
    wanted = Wanted(epoch, after, until, await _types(request, own, types), limit)
    if until is not None and until < after:
        raise problem("E_QUERY", "/until")
    lines: Lines = request.app.state.waits.setdefault(door.name, Lines(door.store, request.app.state.closing))
    if not wait:
        found = await run_in_threadpool(_first_look, door, own, wanted)
    else:
        async with lines.reader(own.short_name, request.receive) as reader:
            found = await run_in_threadpool(_first_look, door, own, wanted)
            while not found.answers and await reader.waits(give_up_at):
                there = replace(wanted, epoch=found.epoch, after=found.reached, until=found.until)
                found = await run_in_threadpool(_look, door, own, there)
    content = {
        "ledger": door.ledger,
        "epoch": found.epoch,
        "publications": [_stated(one) for one in found.told],
        "next": found.reached,
    }
    place: dict[str, Any] = {"after": found.reached, "epoch": found.epoch, "until": found.until}
    if wanted.types is not None:
        place["type"] = ",".join(sorted(wanted.types))
    further = next_page(request, **place) if found.more else ""
    left = WAITING_READERS.quota - len(lines.waiting(own.short_name))
    return json_response(content, headers={**linked(request, own, further), **WAITING_READERS.headers(left)})


async def _types(request: Request, own: Recipient, asked: str | None) -> frozenset[str] | None:
    """The types that were asked for. Raises Problem (`E_QUERY`) for one that the recipient is never told."""
    if asked is None:
        return None
    document, named = document_for(request, own), frozenset(asked.split(","))
    known = await run_in_threadpool(document.told) if document else {}
    if not named <= known.keys():
        raise problem("E_QUERY", "/type")
    return named


def _first_look(door: LedgerDoor, own: Recipient, wanted: Wanted) -> Found:
    """What there is for a reader who has just come. Raises Problem (`E_NO_SUCH_PLACE`) for a place that the recipient's line
    never had."""
    found = _look(door, own, wanted)
    if not found.told or wanted.epoch not in (None, found.epoch):
        known = found.epoch if wanted.epoch is None else wanted.epoch
        if known > found.epoch:
            raise problem("E_NO_SUCH_PLACE", "/epoch")
        if wanted.after > door.store.stream_version(f"recipient/{own.short_name}/{known}"):
            raise problem("E_NO_SUCH_PLACE", "/after")
    return found


def _look(door: LedgerDoor, own: Recipient, wanted: Wanted) -> Found:
    """What there is: a page of it, or of some types as much as one answer looks through."""
    epoch, after, until = wanted.epoch, wanted.after, wanted.until
    told: list[Publication] = []
    looked_at = 0
    while True:
        most = wanted.limit if wanted.types is None else PAGE
        size = most if until is None else min(most, until - after)
        present, page = door.publications(own.short_name, epoch, after, size)
        if epoch not in (None, present):
            # What was found so far is of an epoch that is over, and so is the end that was asked for: the page may be
            # shorter for that.
            after, told = 0, []
            if until is not None:
                epoch, until = present, None
                continue
        epoch = present
        for publication in page:
            after = publication.sequence
            # Where the history of an epoch ends stands in its first publication: who reads some types has to know, too.
            if wanted.types is None or publication.type in wanted.types or publication.history:
                told.append(publication)
                if len(told) == wanted.limit:
                    break
        looked_at += len(page)
        more = after != until and (len(page) == size or bool(page and after < page[-1].sequence))
        if not more or wanted.types is None or len(told) == wanted.limit or looked_at >= LOOKED_THROUGH:
            return Found(present, tuple(told), after, until, more)


def _stated(publication: Publication) -> dict[str, Any]:
    """One publication: its attributes and the bytes of its value, over which its hash is; and the value as it is read."""
    headers, value = publication.headers, publication.value
    return {
        "headers": {name: attribute.decode() for name, attribute in headers},
        "value": orjson.loads(value),
        "text": value.decode(),
        "hash": publication_hash(headers, value),
    }


async def read_out_status(request: Request, recipient: ShortName, signed: SignedInCaller) -> Response:
    """Where the recipient's line stands: its present epoch, the last sequence of it, and how many of its publications are
    not on the topic yet. Over HTTP everything of the epoch can be read, from the oldest on; a topic keeps 90 days.

    And what it may be told: every type of publication, with the legal bases and purposes on which that may be, none where it
    was told before and may only be taken back; and what it may send. Nothing here counts what is recorded of others.
    """
    own = signed.on_the_line(recipient)
    document = document_for(request, own)
    line = await run_in_threadpool(signed.door.line, own.short_name)
    told = await run_in_threadpool(document.told) if document else {}
    content: dict[str, Any] = {
        "ledger": signed.door.ledger,
        "recipient": own.short_name,
        "epoch": line.epoch,
        "last": line.last,
        "oldest": min(1, line.last),
        "lag": line.last - line.on_topic,
        "types": [{"type": name, "grounds": _grounds(told[name])} for name in sorted(told)],
        "sends": sorted(message_types(kinds().of(own))),
    }
    if line.coming is not None:
        content["history"] = {"publications": line.coming.publications, "repeated": line.coming.repeated}
    return json_response(content, headers=linked(request, own))


def _grounds(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"legal_basis": legal_basis, "purpose": purpose} for legal_basis, purpose in pairs]


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
        if wrong := await judged(signed.caller.sender, len(raw), lambda: not_allowed(read_json(raw))):
            raise Problem(*wrong)
    return await run_in_threadpool(_redelivered, request, signed, own, key)


def _redelivered(request: Request, signed: SignedIn, own: Recipient, key: str) -> Response:
    door = signed.door
    try:
        answer, begun = door.redeliver(own.short_name, signed.caller, key)
    except LookupError as error:
        raise problem("E_NO_CHANGE") from error  # nothing was ever told: there is nothing to repeat
    except SentOnceMoreOften as often:
        wait = {"Retry-After": str(ceil(often.wait.total_seconds()))}
        limited = REDELIVERIES.headers(0, often.wait)
        raise Problem(*often.codes, extra={"epoch": often.epoch}, headers={**wait, **limited}) from often
    if begun is None:
        raise Problem(*answer.codes)
    allowed = door.redeliveries_left(own.short_name)
    limited = REDELIVERIES.headers(*allowed) if allowed is not None else {}
    headers = {**linked(request, own), **limited}
    stated = {"message_id": key, "status": answer.status, "number": answer.number, "epoch": begun.epoch}
    come = {"publications": begun.publications, "repeated": begun.repeated}
    content = {**stated, **come, "ledger": door.ledger, "recipient": own.short_name}
    return json_response(content, 202 if answer.first is None else 200, headers)
