"""One example of each thing that is written for others to read: what a golden file is first made from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from disclosure.paths import COUNTY, KELA, attendance, correction, ref, whole
from disclosure.told import Everybody
from stories import as_1, register

from domain import events as e
from domain.disclosure.pseudonyms import Pseudonyms
from domain.disclosure.publications import Publication, schema_address
from domain.events import Event
from domain.identifiers import synthetic_identity_code
from domain.messages import Begun
from domain.receipts import Receipt
from domain.refusals import Reason
from projections.kinds import kinds

AT = datetime(2025, 3, 3, 7, 0, 0, 250, UTC)
ON = date(2025, 3, 3)
CORRECTED = "attendance.recorded.v1"
"""What the example of a correction speaks of."""


@cache
def events() -> dict[str, Event]:
    """An example of every event, by name."""
    found: dict[str, Event] = {fact.event.NAME: fact.event for fact in whole().facts}
    found |= {draft.event.NAME: draft.event for draft in register().recorded}
    found |= {event.NAME: event for event in _of_the_ledger()}
    correcting = correction(whole().add(attendance(), ON), date(2025, 3, 4), day_status="absent_other", hours=None)
    return {**found, correcting.NAME: correcting}


def _of_the_ledger() -> tuple[Event, ...]:
    told = _publication().stored()
    made: dict[str, Any] = {
        "publication_id": ref("publication"),
        "source_event_id": ref("event"),
        "commitment": "5c" * 32,
        "commitment_salt": "a7" * 32,
        "legal_basis": "LB-UI-ATT",
        "previous_publication_hash": "3e" * 32,
        "publication": told,
    }
    form: dict[str, Any] = {"cell": "R:day", "field_set_version": "2026-03/0123456789ab"}
    back = {name: {} if name in ("client", "body", "classes") else value for name, value in told.items()}
    return (
        e.ClockAdvanced(advanced_to_at=AT),
        e.RulesetPublished(
            ruleset_version="2026-03",
            content_kind="rules",
            content_hash="1f" * 32,
            effective_on=date(2026, 1, 1),
            dry_run_differences=0,
        ),
        e.DisclosureMade(**made, **form),
        e.DisclosureRevised(**made, **form, replaces_publication_id=ref("publication before"), revision_ground="corrected"),
        e.DisclosureWithdrawn(
            **{**made, "publication": {**back, "kind": "withdrawn", "replaces": ref("publication before")}},
            withdraws_publication_id=ref("publication before"),
            withdrawal_ground="entitlement_lost",
        ),
        e.CommandRefused(
            command="start_period",
            codes=(e.RefusalCode(code="E_NO_PLACEMENT", pointer="/placement_id"), e.RefusalCode(code="E_NO_DECISION")),
            content_mac="7d" * 32,
            subject_ref=ref("client"),
        ),
        e.RedeliveryRequested(recipient="kela-payment", recipient_epoch=2),
        e.EpochOpened(
            old_epoch=1,
            old_size=1208,
            old_root="5e" * 32,
            epoch_ground="adopted",
            second_person_id="m.tarkastaja",
            lines=(e.RecipientLine(recipient="kela-payment", recipient_epoch=2),),
        ),
        e.AnswerWithdrawn(
            message_id="m-1", message_type="period.started.v1", old_status="recorded", old_number=4, old_epoch=1
        ),
        e.PublicationsAcknowledged(
            recipient="kela-payment", recipient_epoch=1, until_sequence=30, first_at=AT, last_at=AT + timedelta(seconds=2)
        ),
        e.GroupAnswered(
            message_type="record_group_attendance.v1",
            entries=("recorded", "refused"),
            codes=(e.RefusalCode(code="E_OUTSIDE_PERIOD", pointer="/entries/1/occurred_on"),),
        ),
        e.MessageHeld(
            sender_org_id=KELA,
            sender_task="benefit_payment",
            message_id="m-1",
            message_type="record_attendance.v1",
            held_reason="waits_for_reference",
            held_until_at=datetime(2025, 3, 10, 7, tzinfo=UTC),
        ),
        e.MessageSettled(message_type="change_benefit_status.v1"),
        e.MessageQuarantined(
            sender_org_id=KELA,
            topic="kuty.demo.in.kela-payment.v1",
            offset=7,
            code="E_JSON_SYNTAX",
            size=12,
            content_hash="9b" * 32,
        ),
    )


def _publication() -> Publication:
    """A payer's day: what a disclosure event keeps of it."""
    return Publication(
        id=ref("publication"),
        type=CORRECTED,
        kind="fact",
        source=f"urn:kuty:organisation:{COUNTY}",
        subject=PSEUDONYMS.of(ref("client")),
        time=AT.replace(microsecond=0),
        sequence=7,
        epoch=1,
        ruleset="2026-03",
        legal_basis="LB-UI-ATT",
        purpose="benefit_payment",
        previous_hash="3e" * 32,
        occurred_on=ON,
        client={"family_name": "Virtanen", "identity_code": IDENTITY_CODE},
        body={"period_id": PSEUDONYMS.of(ref("period")), "account": "provider", "day_status": "present"},
        classes={
            "client.family_name": "B",
            "client.identity_code": "B",
            "body.period_id": "A",
            "body.account": "E",
            "body.day_status": "E",
        },
    )


def publications() -> dict[tuple[str, str], Publication]:
    """The first publication of each type that each column gets in AS-1, and what follows when a fact is corrected: all of
    before a schema had an address; and one that names it (`addressed`)."""
    found: dict[tuple[str, str], Publication] = {}
    everybody = Everybody(as_1().directory)
    everybody.hear(*as_1().pathway.facts.values())
    path = whole()
    day = path.add(attendance(), date(2025, 3, 11))
    path.add(correction(day, None, day_status="absent_other", hours=None), date(2025, 3, 14))
    for told in (everybody, path.told()):
        for short_name, publications_told in told.told.items():
            column = kinds().of(told.directory.recipients[short_name]).key
            for publication in publications_told:
                if told is everybody or publication.kind == "revised":
                    kind = "" if publication.kind == "fact" else f".{publication.kind}"
                    found.setdefault((str(column), publication.type + kind), publication)
    addressed = _publication()
    schema = schema_address("https://kuty.example", "KB", addressed.type)
    return {**found, ("addressed", addressed.type): replace(addressed, schema=schema)}


RECEIPTS: dict[str, Receipt] = {
    "recorded": Receipt(
        "m-1",
        "absence_report.sent.v1",
        "recorded",
        4,
        references={"report_id": "VY6mCmXW-V1Kk5nuLc0ZW5pYJfIlvPjcSyYxJQoVvXg"},
        warnings=("W_SHORT_DAY",),
    ),
    "already_recorded": Receipt("m-1", "absence_report.sent.v1", "already_recorded", 4, first="recorded"),
    "waiting": Receipt(
        "m-2",
        "record_attendance.v1",
        "waiting",
        5,
        reason="waits_for_reference",
        until=datetime(2025, 3, 10, 7, tzinfo=UTC),
    ),
    "refused": Receipt(
        "m-3",
        "record_attendance.v1",
        "refused",
        6,
        codes=(Reason("E_OUTSIDE_PERIOD", "/occurred_on"), Reason("E_WEEK_DAYS", "/day_status")),
    ),
    "quarantined": Receipt("7@ab", "unreadable", "quarantined", 7, codes=(Reason("E_JSON_SYNTAX"),), offset=7),
    "withdrawn": Receipt(
        "m-1",
        "period.started.v1",
        "withdrawn",
        9,
        codes=(Reason("E_WITHDRAWN"),),
        epoch=2,
        withdraws={"status": "recorded", "number": 4, "epoch": 1},
    ),
    "group": Receipt("m-4", "record_group_attendance.v1", "recorded", parts=(("m-4/1", "recorded"), ("m-4/2", "refused"))),
}

PSEUDONYMS = Pseudonyms(bytes(range(64)))
"""A sender's own names under a fixed key."""
IDENTITY_CODE = synthetic_identity_code(date(1998, 5, 14), 903)


class Names:
    """What the sender of the golden messages knows."""

    def part(self, pseudonym: str) -> str | None:
        return PSEUDONYMS.reference(pseudonym)

    def event(self, publication_id: str, client: str | None) -> str | None:
        return publication_id

    def begun_by(self, message_id: str) -> Begun | None:
        return Begun({"plan_id": ref("plan"), "parallel_service_id": ref("service")}, ref("event"))

    def client(self, identity_code: str) -> str | None:
        return ref("client") if identity_code == IDENTITY_CODE else None


def own(name: str) -> str:
    """The sender's own name for a part."""
    return PSEUDONYMS.of(ref(name))


def messages() -> dict[str, tuple[str, dict[str, Any]]]:
    """Of each message type a task that may send it, and a body."""
    about: dict[str, Any] = {"client": own("client"), "occurred_on": "2025-03-03"}
    by_code: dict[str, Any] = {"identity_code": IDENTITY_CODE, "occurred_on": "2025-01-20"}
    plan, period, placement = {"plan_id": own("plan")}, {"period_id": own("period")}, {"placement_id": own("placement")}
    week = [{"weekday": day, "hours": 5} for day in (1, 2, 4)]
    named = ["family_name", "given_names", "identity_code"]
    joint = {"plan_kind": "activation_plan", "initiator": "employment_side", "parties": ["client", "organiser"]}
    version = {
        **{"includes_kuty": True, "kuty_from_on": "2025-03-03", "kuty_until_on": "2025-09-02", "schedule": week},
        **{"goal": "A rhythm of the week", "support": "A talk every week"},
    }
    stated = {"labour_statement_kind": "start", "service_from_on": "2025-03-03", "service_until_on": "2025-09-02"}
    absent = [{"day_on": "2025-03-18", "day_status": "absent_own_sickness"}]
    return {
        "submit_referral.v1": (
            "referrer",
            {**by_code, "source": "employment_authority", "legal_basis": "LB-189-PLAN", "identity_named": named},
        ),
        "start_parallel_service.v1": (
            "referrer",
            {**about, "service": "kela_rehabilitation", "told_by": "service", "consent_id": own("consent")},
        ),
        "stop_parallel_service.v1": ("referrer", {**about, "parallel_service_id": "message:m-7"}),
        "change_benefit_status.v1": (
            "employment_authority",
            {**about, "benefit": "labour_market_subsidy", "payer_org_id": KELA, "from_on": "2023-01-09"},
        ),
        "issue_labour_policy_statement.v1": (
            "employment_authority",
            {**about, **period, **stated, "payer_org_id": KELA, "conditions_met": True},
        ),
        "start_plan.v1": ("employment_authority", {**about, **joint, "eligibility_keys": ["EL-O25-LMS500"]}),
        "draft_plan.v1": ("employment_authority", {**about, **version, "plan_id": "message:m-6"}),
        "revise_plan.v1": ("employment_authority", {**about, **version, **plan, "revision_reason": "schedule"}),
        "accept_plan.v1": ("employment_authority", {**about, **plan, "plan_version": 1}),
        "agree_plan.v1": ("multi_sectoral_team", {**about, **plan, "plan_version": 1}),
        "hold_follow_up.v1": (
            "provider",
            {**about, "followup_kind": "regular_follow_up", "parties_present": ["client", "instructor"]},
        ),
        "accept_placement.v1": ("provider", {**about, **placement}),
        "name_instructor.v1": (
            "provider",
            {**about, **placement, "instructor_id": "I-01", "instructor_role": "own_instructor"},
        ),
        "record_attendance.v1": ("provider", {**about, **period, "day_status": "present", "hours": 5}),
        "record_group_attendance.v1": (
            "provider",
            {
                "occurred_on": "2025-03-03",
                "day_status": "present",
                "entries": [{"client": own("client"), **period, "hours": 4.5}],
            },
        ),
        "record_not_arranged.v1": (
            "provider",
            {
                **{"client": own("client"), **period, "from_on": "2025-07-07", "until_on": "2025-07-27"},
                "not_arranged_reason": "break",
            },
        ),
        "send_absence_report.v1": (
            "provider",
            {**about, **period, "from_on": "2025-03-10", "until_on": "2025-03-21", "absences": absent},
        ),
        "correct_fact.v1": (
            "provider",
            {
                **{"client": own("client"), "target_event_id": ref("publication"), "correction_reason": "wrong_entry"},
                "new_values": {"day_status": "absent_other", "hours": None},
            },
        ),
    }
