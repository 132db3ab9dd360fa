"""Replay: one client's history out of the full feed, as recorded, as it happened, as it was known, and who was told.

For the county's own workers and for auditors. An auditor sees events, people and service dates in clear, and of every
sealed field only that it is there (domain/privacy.md 3.10). Every look is a line of the use log.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.caller import SignedIn, SignedInCaller
from api.problems import problem
from api.routes.commands import Client
from api.routes.messages import ShortName
from api.routing import doors
from domain.catalogue import EVENTS
from domain.record import Record
from domain.store import field_classes, use_of
from projections.audit import Rerun, rerun_decisions
from projections.questions import Moment, moment
from projections.tellings import Telling, told_about, told_by
from projections.timeline import TimelineLine, by_occurrence, history, pathway_as_known, plain_fields

WHOLE = frozenset({"own_worker", "social_worker", "data_protection_officer"})
"""Who reads the whole of a client's history."""
IN_TERMS = frozenset({"auditor"})
"""Who reads that something was recorded, by whom and when, and the classes of `CLEAR`."""
CLEAR = frozenset("ADL")
SEALED = "sealed"
TELLINGS = ("disclosure.made", "disclosure.revised", "disclosure.withdrawn")
_RAW = re.compile(r"^[0-9a-f]{32}$")
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
KnownAt = Annotated[
    Moment | None,
    Query(description="A moment, or a date, which means the end of that day in Europe/Helsinki. None means now."),
]
On = Annotated[date | None, Query(description="A local date (Europe/Helsinki). None means the ledger's today.")]


def routes() -> APIRouter:
    """History, the case on a day, tellings and decisions of one client."""
    router = doors("/ledgers/{ledger}/clients/{client}", "replay")
    asked: tuple[tuple[str, str, Callable[..., Awaitable[Response]], dict[str, str]], ...] = (
        ("DP1", "/history", read_history, HISTORY),
        ("CW8", "/told", read_told, TOLD),
        ("DP2", "/told/{recipient}", read_told_by, TOLD_BY),
        ("DP12", "/decisions", read_decisions, DECISIONS),
    )
    for question, path, endpoint, title in asked:
        router.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            name=question,
            operation_id=f"{question}_organiser",
            summary=f"{question}: {title['en']}",
            tags=["questions of organiser"],
            response_class=Response,
            openapi_extra={"x-title": title},
        )
    as_known = "The case as it was on a day, as it was known at a time"
    router.add_api_route("/as-of", read_case, methods=["GET"], summary=as_known, response_class=Response)
    return router


async def read_history(
    client: Client, signed: SignedInCaller, order: Literal["recorded", "occurrence"] = "recorded"
) -> Response:
    """Every fact of the client; a correction says what it changed."""
    reference = _reference(signed, client, "history")
    return await _answer(signed, reference, _history, order)


def _history(signed: SignedIn, reference: str, order: str) -> dict[str, Any]:
    store = signed.door.store
    lines = history(store.stream(reference), store.opened, reference)
    ordered = by_occurrence(lines) if order == "occurrence" else lines
    return {"order": order, "facts": [_line(signed, line) for line in ordered]}


def _line(signed: SignedIn, line: TimelineLine) -> dict[str, Any]:
    stated = asdict(line)
    if signed.caller.role in IN_TERMS:
        stated["fields"] = _in_terms(line.name, line.fields)
        stated["changes"] = [{**change, "before": SEALED, "after": SEALED} for change in stated["changes"]]
    return stated


def _in_terms(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of the classes that an auditor sees; of the others that they are there."""
    letters = field_classes(EVENTS[name]).letters
    return {field: value if letters.get(field) in CLEAR else SEALED for field, value in fields.items()}


async def read_case(client: Client, signed: SignedInCaller, on: On = None, known_at: KnownAt = None) -> Response:
    """The state of the client's cases and every fact in force on the day, as it was known at the time."""
    reference = _reference(signed, client, "as-of")
    return await _answer(signed, reference, _case, on, known_at)


def _case(signed: SignedIn, reference: str, on: date | None, known_at: datetime | date | None) -> dict[str, Any]:
    store = signed.door.store
    day, at = on or store.today(), moment(known_at)
    known = pathway_as_known(store.stream(reference), store.opened, reference, known_at=at)
    then = known.on(day)
    facts = []
    for fact in then.facts.values():
        fields = plain_fields(fact.event)
        facts.append(
            {
                "event_id": fact.event_id,
                "name": fact.name,
                "day": fact.occurred_on,
                "recorded_at": fact.recorded_at,
                "corrected_by": fact.corrected_by,
                "fields": _in_terms(fact.name, fields) if signed.caller.role in IN_TERMS else fields,
            }
        )
    cases = [{"case_id": case_id, "state": then.case_state(case_id, day)} for case_id in then.cases]
    return {"on": day, "known_at": at, "cases": cases, "facts": facts}


async def read_told(client: Client, signed: SignedInCaller) -> Response:
    """Every disclosure about the client, in the order of telling."""
    reference = _reference(signed, client, "told")
    return await _answer(signed, reference, _told)


def _told(signed: SignedIn, reference: str) -> dict[str, Any]:
    store = signed.door.store
    tellings = told_about(_told_records(signed, reference), store.opened, reference)
    return {"tellings": [_telling(signed, telling) for telling in tellings]}


async def read_told_by(client: Client, recipient: ShortName, signed: SignedInCaller, by: KnownAt = None) -> Response:
    """What one recipient had been told by a time, and not otherwise since. `time_used` says which time counts."""
    reference = _reference(signed, client, "told")
    if recipient not in signed.door.store.directory.recipients:
        raise problem("E_NOT_FOUND")
    return await _answer(signed, reference, _told_by, recipient, by)


def _told_by(signed: SignedIn, reference: str, recipient: str, by: datetime | date | None) -> dict[str, Any]:
    store = signed.door.store
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
    stated = asdict(telling)
    del stated["client"]
    if signed.caller.role in IN_TERMS and stated["body"] is not None:
        stated["body"] = dict.fromkeys(stated["body"], SEALED)
    return stated


def _told_records(signed: SignedIn, reference: str) -> list[Record]:
    """The client's stream and the disclosures of its matters, in feed order."""
    store = signed.door.store
    own = store.stream(reference)
    told = store.of_matter(sorted({record.header.matter for record in own}), TELLINGS)
    return sorted([*own, *told], key=lambda record: record.position)


async def read_decisions(client: Client, signed: SignedInCaller) -> Response:
    """Every decision about the client, run again. `same` is none where it cannot be run, and `not_run` says why."""
    reference = _reference(signed, client, "decisions")
    return await _answer(signed, reference, _decisions)


def _decisions(signed: SignedIn, reference: str) -> dict[str, Any]:
    store = signed.door.store
    directory = store.stream("ledger")
    organisations = {f"organisation/{org}" for org in store.directory.organisations} | {"rulesets"}
    records = [*directory, *(r for stream in sorted(organisations) for r in store.stream(stream)), *store.stream(reference)]
    ordered = sorted(records, key=lambda record: record.position)
    reruns = rerun_decisions(ordered, store.opened, store.decision)
    return {"decisions": [_rerun(signed, rerun) for rerun in reruns if rerun.client == reference]}


def _rerun(signed: SignedIn, rerun: Rerun) -> dict[str, Any]:
    stated = asdict(rerun)
    if signed.caller.role in IN_TERMS:
        # What differs is named; what was recorded and what would be now is content like any other.
        stated["differences"] = [difference.partition(": recorded ")[0] for difference in rerun.differences]
    return stated


def _reference(signed: SignedIn, client: str, what: str) -> str:
    """The client's reference, for those who may replay. Raises Problem (`E_NOT_FOUND`)."""
    own = signed.own
    if own.task != "organiser" or signed.caller.role not in WHOLE | IN_TERMS:
        raise problem("E_NOT_FOUND")
    return signed.client(client)


async def _answer(signed: SignedIn, reference: str, function: Callable[..., dict[str, Any]], *given: Any) -> Response:
    return await run_in_threadpool(_answered, signed, reference, function, *given)


def _answered(signed: SignedIn, reference: str, function: Callable[..., dict[str, Any]], *given: Any) -> Response:
    door = signed.door
    version = door.store.stream_version(reference)  # before the reading: a later fact makes `If-Match` stale
    if version == 0:
        raise problem("E_NOT_FOUND")
    content = function(signed, reference, *given)
    door.vault.log_use([use_of(signed.caller, reference, door.store.now(), f"replay {function.__name__.strip('_')}")])
    pseudonyms = door.pseudonyms(signed.own.short_name)
    stated = {"ledger": door.ledger, "client": reference, "head": door.store.head(), **content}
    plain = orjson.dumps(stated, default=lambda model: model.model_dump(), option=orjson.OPT_UTC_Z)
    named = _named(orjson.loads(plain), pseudonyms.of)
    headers = {"Cache-Control": "no-store", "ETag": f'"{door.store.version_token(reference, version)}"'}
    return Response(orjson.dumps(named), 200, headers, "application/json")


def _named(content: Any, name_of: Callable[[str], str]) -> Any:
    """The content with every raw reference in the caller's own words."""
    if isinstance(content, dict):
        return {key: _named(value, name_of) for key, value in content.items()}
    if isinstance(content, list):
        return [_named(part, name_of) for part in content]
    if isinstance(content, str) and _RAW.match(content):
        return name_of(content)
    return content
