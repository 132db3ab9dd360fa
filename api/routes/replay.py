"""Replay: one client's history out of the full feed, as recorded, as it happened, as it was known, and who was told.

For the county's own workers and for auditors. An auditor sees events, people and service dates in clear, and of every
sealed field only that it is there (domain/privacy.md 3.10). Every look is a line of the use log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.caller import SignedIn, SignedInCaller
from api.openapi.answers import described
from api.parameters import ShortName
from api.problems import problem
from api.replayed import CaseAsOf, ClientHistory, Decisions, Disclosures, DisclosuresByThen, Replayed
from api.routes.commands import Client
from api.routing import doors
from domain.catalogue import DISCLOSURES, EVENTS
from domain.dates import LocalDate, Moment
from domain.events import Event
from domain.message_fields import renamed
from domain.record import Record
from domain.store import field_classes, use_of
from projections.audit import Rerun, rerun_decisions
from projections.questions import moment
from projections.tellings import Telling, told_about, told_by
from projections.timeline import TimelineLine, by_occurrence, history, pathway_as_known, plain_fields

WHOLE = frozenset({"own_worker", "social_worker", "data_protection_officer"})
"""Who reads the whole of a client's history."""
IN_TERMS = frozenset({"auditor"})
"""Who reads that something was recorded, by whom and when, and the classes of `CLEAR`."""
CLEAR = frozenset("ADL")
SEALED = "sealed"
HISTORY = {
    "fi": "Mitä kaikkea asiakkaasta on kirjattu, kirjaamis- tai tapahtumisjärjestyksessä?",
    "sv": "Vad har antecknats om klienten, i den ordning det antecknades eller skedde?",
    "en": "What has been recorded of the client, in the order of recording or of occurrence?",
}
TOLD = {
    "fi": "Mitä kullekin on kerrottu asiakkaasta, ja millä perusteella?",
    "sv": "Vad har var och en fått veta om klienten, och på vilken grund?",
    "en": "What has each agency been told of the client, and on what ground?",
}
TOLD_BY = {
    "fi": "Mitä tietylle vastaanottajalle oli kerrottu asiakkaasta tiettyyn hetkeen mennessä?",
    "sv": "Vad hade en viss mottagare fått veta om klienten vid en viss tid?",
    "en": "What had one agency been told of the client by a time?",
}
DECISIONS = {
    "fi": "Minkä sääntöjen mukaan kukin kirjaus hyväksyttiin tai hylättiin, ja olisiko tulos yhä sama?",
    "sv": "Enligt vilka regler godkändes eller avvisades varje anteckning, och skulle resultatet bli detsamma i dag?",
    "en": "By which rules was each decision made, and does it come out the same again?",
}
Order = Annotated[
    Literal["recorded", "occurrence"], Query(description="In the order of recording, or in that of the days spoken of.")
]
KnownAt = Annotated[
    Moment | None,
    Query(description="A moment, or a date, which means the end of that day in Europe/Helsinki. None means now."),
]
On = Annotated[LocalDate | None, Query(description="A local date (Europe/Helsinki). None means the ledger's today.")]


def routes() -> APIRouter:
    """History, the case on a day, tellings and decisions of one client."""
    router = doors("/ledgers/{ledger}/clients/{client}", "replay")
    asked: tuple[tuple[str, str, Callable[..., Awaitable[Response]], dict[str, str], type[Replayed]], ...] = (
        ("DP1", "/history", read_history, HISTORY, ClientHistory),
        ("CW8", "/told", read_told, TOLD, Disclosures),
        ("DP2", "/told/{recipient}", read_told_by, TOLD_BY, DisclosuresByThen),
        ("DP12", "/decisions", read_decisions, DECISIONS, Decisions),
    )
    for question, path, endpoint, title, model in asked:
        router.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            name=question,
            operation_id=f"{question}_organiser".lower(),
            summary=f"{question}: {title['en']}",
            responses={200: described(model, title["en"])},
            response_class=Response,
            openapi_extra={"x-title": title, "x-tasks": ["organiser"]},
        )
    as_known = "The case as it was on a day, as it was known at a time"
    router.add_api_route(
        "/as-of",
        read_case,
        methods=["GET"],
        operation_id="read_case_as_of",
        summary=as_known,
        responses={200: described(CaseAsOf, as_known)},
        response_class=Response,
    )
    return router


async def read_history(
    client: Client, signed: SignedInCaller, order: Order = "recorded"
) -> Response:
    """Every fact of the client; a correction says what it changed, and names a fact by its `event_id`."""
    return await _answer(signed, client, _history, order)


def _history(signed: SignedIn, reference: str, order: str) -> dict[str, Any]:
    store = signed.door.store
    lines = history(store.stream(reference), store.opened, reference)
    ordered = by_occurrence(lines) if order == "occurrence" else lines
    names = {line.event_id: line.name for line in lines}
    return {"order": order, "facts": [_line(signed, line, names) for line in ordered]}


def _line(signed: SignedIn, line: TimelineLine, names: Mapping[str, str]) -> dict[str, Any]:
    """The line in the caller's own words. `names` gives each fact's name: a correction's changes are those of its target."""
    name_of, stated = _name_of(signed), asdict(line)
    for field in ("event_id", "corrects", "causation"):
        stated[field] = name_of(stated[field]) if stated[field] else stated[field]
    stated["corrected_by"] = [name_of(correction) for correction in line.corrected_by]
    if line.actor_role == "client":
        stated["actor_person"] = name_of(line.actor_person)
    stated["fields"] = renamed(line.fields, EVENTS[line.name], name_of)
    if line.changes:
        target = EVENTS[names[line.fields["target_event_id"]]]
        stated["changes"] = [_change(asdict(change), target, name_of) for change in line.changes]
    if signed.caller.role in IN_TERMS:
        stated["fields"] = _in_terms(line.name, stated["fields"])
        stated["changes"] = [{**change, "before": SEALED, "after": SEALED} for change in stated["changes"]]
    return stated


def _change(change: dict[str, Any], target: type[Event], name_of: Callable[[str], str]) -> dict[str, Any]:
    said = {side: renamed({change["field"]: change[side]}, target, name_of)[change["field"]] for side in ("before", "after")}
    return {**change, **said}


def _in_terms(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of the classes that an auditor sees; of the others that they are there."""
    letters = field_classes(EVENTS[name]).letters
    return {field: value if letters.get(field) in CLEAR else SEALED for field, value in fields.items()}


async def read_case(client: Client, signed: SignedInCaller, on: On = None, known_at: KnownAt = None) -> Response:
    """The state of the client's cases and every fact in force on the day, as it was known at the time."""
    return await _answer(signed, client, _case, on, known_at)


def _case(signed: SignedIn, reference: str, on: date | None, known_at: datetime | date | None) -> dict[str, Any]:
    store = signed.door.store
    day, at = on or store.today(), moment(known_at)
    known = pathway_as_known(store.stream(reference), store.opened, reference, known_at=at)
    then = known.on(day)
    facts, name_of = [], _name_of(signed)
    for fact in then.facts.values():
        fields = renamed(plain_fields(fact.event), type(fact.event), name_of)
        facts.append(
            {
                "event_id": name_of(fact.event_id),
                "name": fact.name,
                "day": fact.occurred_on,
                "recorded_at": fact.recorded_at,
                "corrected_by": [name_of(correction) for correction in fact.corrected_by],
                "fields": _in_terms(fact.name, fields) if signed.caller.role in IN_TERMS else fields,
            }
        )
    cases = [{"case_id": name_of(case_id), "state": then.case_state(case_id, day)} for case_id in then.cases]
    return {"on": day, "known_at": at, "cases": cases, "facts": facts}


async def read_told(client: Client, signed: SignedInCaller) -> Response:
    """Every disclosure about the client, in the order of telling."""
    return await _answer(signed, client, _told)


def _told(signed: SignedIn, reference: str) -> dict[str, Any]:
    store = signed.door.store
    tellings = told_about(_told_records(signed, reference), store.opened, reference)
    return {"tellings": [_telling(signed, telling) for telling in tellings]}


async def read_told_by(client: Client, recipient: ShortName, signed: SignedInCaller, by: KnownAt = None) -> Response:
    """What one recipient had been told by a time, and not otherwise since. `time_used` says which time counts."""
    return await _answer(signed, client, _told_by, recipient, by)


def _told_by(signed: SignedIn, reference: str, recipient: str, by: datetime | date | None) -> dict[str, Any]:
    store = signed.door.store
    if recipient not in store.directory.recipients:
        raise problem("E_NOT_FOUND")
    at = moment(by) or store.now()
    records = _told_records(signed, reference)
    told = told_by(records, store.opened, recipient, at, client=reference, acknowledged=signed.door.acknowledged)
    return {
        "recipient": recipient,
        "by": told.by,
        "time_used": told.time_used,
        "tellings": [_telling(signed, telling) for telling in told.tellings],
    }


def _telling(signed: SignedIn, telling: Telling) -> dict[str, Any]:
    """The telling; what the recipient was told, and its own publication ids, stand as they went out."""
    name_of, stated = _name_of(signed), asdict(telling)
    del stated["client"]
    for field in ("fact_id", "consent_id"):
        stated[field] = name_of(stated[field]) if stated[field] else None
    if signed.caller.role in IN_TERMS and stated["body"] is not None:
        stated["body"] = dict.fromkeys(stated["body"], SEALED)
    return stated


def _told_records(signed: SignedIn, reference: str) -> list[Record]:
    """The client's stream and the disclosures of its matters, in feed order."""
    store = signed.door.store
    own = store.stream(reference)
    told = store.of_matter(sorted({record.header.matter for record in own}), DISCLOSURES)
    return sorted([*own, *told], key=lambda record: record.position)


async def read_decisions(client: Client, signed: SignedInCaller) -> Response:
    """Every decision about the client, run again. `same` is none where it cannot be run, and `not_run` says why."""
    return await _answer(signed, client, _decisions)


def _decisions(signed: SignedIn, reference: str) -> dict[str, Any]:
    store = signed.door.store
    directory = store.stream("ledger")
    organisations = {f"organisation/{org}" for org in store.directory.organisations} | {"rulesets"}
    records = [*directory, *(r for stream in sorted(organisations) for r in store.stream(stream)), *store.stream(reference)]
    ordered = sorted(records, key=lambda record: record.position)
    reruns = rerun_decisions(ordered, store.opened, store.decision, name_of=_name_of(signed))
    return {"decisions": [_rerun(signed, rerun) for rerun in reruns if rerun.client == reference]}


def _rerun(signed: SignedIn, rerun: Rerun) -> dict[str, Any]:
    name_of, stated = _name_of(signed), asdict(rerun)
    stated["client"] = name_of(rerun.client) if rerun.client else None
    stated["event_ids"] = [name_of(event_id) for event_id in rerun.event_ids]
    if signed.caller.role in IN_TERMS:
        # What differs is named; what was recorded and what would be now is content like any other.
        stated["differences"] = [difference.partition(": recorded ")[0] for difference in rerun.differences]
    return stated


def _reference(signed: SignedIn, client: str) -> str:
    """The client's reference, for those who may replay. Raises Problem (`E_NOT_FOUND`)."""
    own = signed.own
    if own.task != "organiser" or signed.caller.role not in WHOLE | IN_TERMS:
        raise problem("E_NOT_FOUND")
    return signed.client(client)


async def _answer(signed: SignedIn, client: str, function: Callable[..., dict[str, Any]], *given: Any) -> Response:
    # From the first question on: whether the caller may know the client is asked of the database, too.
    return await run_in_threadpool(_answered, signed, client, function, *given)


def _answered(signed: SignedIn, client: str, function: Callable[..., dict[str, Any]], *given: Any) -> Response:
    door, reference = signed.door, _reference(signed, client)
    version = door.store.stream_version(reference)  # before the reading: a later fact makes `If-Match` stale
    if version == 0:
        raise problem("E_NOT_FOUND")
    content = function(signed, reference, *given)
    door.vault.log_use([use_of(signed.caller, reference, door.store.now(), f"replay {function.__name__.strip('_')}")])
    stated = {"ledger": door.ledger, "client": _name_of(signed)(reference), "head": door.store.head(), **content}
    body = orjson.dumps(stated, default=lambda model: model.model_dump(), option=orjson.OPT_UTC_Z)
    headers = {"Cache-Control": "no-store", "ETag": f'"{door.store.version_token(reference, version)}"'}
    return Response(body, 200, headers, "application/json")


def _name_of(signed: SignedIn) -> Callable[[str], str]:
    """The caller's own name for a raw reference, by which nobody is ever told of it."""
    return signed.door.pseudonyms(signed.own.short_name).of
