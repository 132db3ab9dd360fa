"""Every cell of 5.3 in scope against what was really published, and the forms against what the domain says they hold.

For the cells all facts are the county's and dated on one day that lies in everybody's window: what is delivered then
depends on the row and its limits alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import pytest
from disclosure.paths import CENTRE, FUND, KELA, OWN_WORKER, Path, correction, moved, sent, whole
from disclosure.told import Everybody

from domain.catalogue import EVENTS, SYSTEM_EVENTS
from domain.disclosure.entitlement import HEADER_FIELDS, classes_of, references_of
from domain.disclosure.policy import policy
from projections.kinds import kinds

DAY = date(2025, 3, 10)
LOAD = {"days_per_week", "hours_per_week"}
STAFF = {"staff_name", "staff_title", "staff_unit", "staff_work_phone"}
KELA_PLAN: dict[str, Any] = {
    "plan_kind": "multi_sectoral_employment_plan",
    "parties": ("client", "organiser", "employment_side", "kela"),
    "kela_services_coordinated": True,
    "eligibility_keys": None,
}

RECIPIENTS = {
    "county": ("county", KELA, {}),
    "EA": ("authority", KELA, {}),
    "KB": ("kela-payment", KELA, {}),
    "FU": ("fund", FUND, {}),
    "KS": ("kela-assistance", None, {}),
    "KM": ("kela-team", KELA, KELA_PLAN),
    "PR": ("centre", KELA, {}),
    "RF": ("authority-referrer", KELA, {}),
    "KEHA": ("keha", KELA, {}),
}
"""Column to (recipient, payer of the benefit, what is special about the plan)."""

LIMITED = {
    ("KB", "benefit_status.changed"): "the payer's time does not end",
    ("FU", "benefit_status.changed"): "the payer's time does not end",
    ("KM", "parallel_service.started"): "the service is on no list of Kela's team",
    ("KM", "parallel_service.stopped"): "the service is on no list of Kela's team",
    ("KEHA", "labour_policy_statement.issued"): "another body issued it",
}
"""Cells that let something through, where nothing comes for another reason."""


def test_every_kind_that_is_told_fact_by_fact_is_in_this_table() -> None:
    assert RECIPIENTS.keys() == {kind.column for kind in kinds() if kind.column and kind.told_one_by_one}


CLIENT_EVENTS = sorted(
    name for name, cls in EVENTS.items() if cls.MATTER in ("case", "client") and name not in SYSTEM_EVENTS
)


@cache
def everybody(column: str) -> Everybody:
    _, payer, plan_but = RECIPIENTS[column]
    path = whole(payer, **plan_but)
    facts = []
    for fact in path.facts:
        by = dict(zip(("actor_org", "actor_task", "actor_role", "actor_person"), OWN_WORKER, strict=True))
        event = fact.event
        if column in ("KB", "FU", "KS") and event.NAME == "notification.sent":
            event = event.model_copy(update={"recipient_org_id": payer or KELA})
        facts.append(moved(fact, occurred_on=DAY, event=event, **by))
    return Path(facts).told()


@pytest.mark.parametrize("column", RECIPIENTS)
@pytest.mark.parametrize("event_name", CLIENT_EVENTS)
def test_a_cell_delivers_what_it_says_and_nothing_else(event_name: str, column: str) -> None:
    recipient = RECIPIENTS[column][0]
    cell = policy(kinds()).cell(event_name, column)
    publications = [p for p in everybody(column).told.get(recipient, []) if p.type == f"{event_name}.v1"]
    if cell.shape not in "DR" or (column, event_name) in LIMITED:
        assert publications == []
        return
    assert publications
    event = EVENTS[event_name]
    profile = policy(kinds()).profiles[column]
    references = references_of(event)
    for publication in publications:
        content = publication.body.keys() - references
        if cell.shape == "R":
            form = policy(kinds()).forms[cell.form]
            assert content <= form.classes.keys() | (STAFF if form.staff_card else set())
            assert all(profile.shows(form.classes[name], name) for name in content - STAFF)
        else:
            letters = classes_of(event) | dict.fromkeys(HEADER_FIELDS, "L") | dict.fromkeys(LOAD, "E")
            assert all(profile.shows(letters[name], name) for name in content - STAFF - profile.never)
            fact = next(f for f in everybody(column).client.view.pathway.facts.values() if f.name == event_name)
            must = {n for n, c in classes_of(event).items() if getattr(fact.event, n) is not None and profile.shows(c, n)}
            assert must - references <= content


@pytest.mark.parametrize("column", [c for c in RECIPIENTS if c != "county"])
def test_no_field_of_a_denied_class_is_in_any_publication(column: str) -> None:
    profile = policy(kinds()).profiles[column]
    for publication in everybody(column).told.get(RECIPIENTS[column][0], []):
        for name, letter in publication.classes.items():
            field = name.removeprefix("body.")
            if name.startswith("body.") and field not in STAFF | LOAD:
                assert profile.shows(letter, field), (publication.type, name, letter)


AGREED_PART = {"kuty_from_on": "2025-03-03", "kuty_until_on": "2025-08-29", "goal": "A rhythm", "support": "A talk"}
JOINT = AGREED_PART | {
    "plan_kind": "activation_plan",
    "plan_version": 1,
    "includes_kuty": True,
    "measures": ["job_offers"],
    "circumstances_affecting_employment": ["housing"],
    "capacity_limits_affecting_employment": ["pace"],
    "parallel_services": ["job_coach_services"],
    "days_per_week": 3,
    "hours_per_week": 15.0,
}
REVISED = AGREED_PART | {
    "plan_kind": "activation_plan",
    "plan_version": 2,
    "includes_kuty": True,
    "days_per_week": 2,
    "hours_per_week": 10.0,
}
GRANTED = {"outcome": "granted", "granted_from_on": "2025-03-03", "granted_until_on": "2025-08-29"}
DATES = {"service_programme": "kuty", "starts_on": "2025-03-03", "planned_end_on": "2025-08-29"}
WEEK = [{"weekday": day, "hours": 5.0} for day in (1, 2, 4)]
CARD = {"staff_name": "Own Worker", "staff_title": "sosionomi", "staff_unit": "Unit", "staff_work_phone": "+358501"}
END = {"starts_on": "2025-03-03", "planned_end_on": "2025-08-29", "ended_on": "2025-08-29", "ended_early": False}
REPORT = {
    "reporting_org_id": CENTRE,
    "from_on": "2025-03-10",
    "until_on": "2025-03-21",
    "absences": [{"day_on": "2025-03-10", "day_status": "absent_other"}],
}


@pytest.mark.parametrize(
    ("recipient", "event_name", "body"),
    [
        ("authority", "case.opened", {"case_state": "open"}),
        ("authority", "case.closed", {"case_state": "closed"}),
        ("authority", "assessment.started", {"step": "started"}),
        ("authority", "assessment.completed", {"step": "completed", "result": "need"}),
        ("authority", "own_worker.assigned", {"effective_on": "2025-02-03"} | CARD),
        ("authority", "plan.drafted", JOINT),
        ("authority", "plan.accepted_by_party", {"party_kind": "client", "plan_version": 1, "answer": "accepted"}),
        ("authority", "plan.agreed", JOINT),
        ("authority", "plan.revised", REVISED),
        ("authority", "decision.issued", GRANTED),
        (
            "authority",
            "placement.confirmed",
            {
                "provider_org_id": CENTRE,
                "placement_form": "group_activity",
                "from_on": "2025-03-03",
                "until_on": "2025-08-29",
            },
        ),
        ("authority", "period.completed", {"ended_on": "2025-08-29", "ended_early": False}),
        ("authority", "period.interrupted", {"ended_on": "2025-08-22", "end_reason": "other", "ended_early": True}),
        ("kela-payment", "period.interrupted", DATES | {"ended_on": "2025-08-22"}),
        ("centre", "period.interrupted", DATES | {"ended_on": "2025-08-22"}),
        ("authority", "parallel_service.started", {"service": "te_services", "from_on": "2025-04-01"}),
        ("authority", "parallel_service.stopped", {"service": "te_services", "until_on": "2025-04-30"}),
        ("authority", "followup.held", {"held": "held", "next_followup_on": "2025-07-01"}),
        ("authority", "exit.recorded", {"exit_kind": "health_related", "from_on": "2025-09-01"}),
        ("authority-referrer", "referral.accepted", {"referral_status": "accepted"}),
        ("kela-payment", "period.started", DATES),
        ("kela-payment", "period.completed", DATES | {"ended_on": "2025-08-29"}),
        ("kela-payment", "attendance.recorded", {"day_status": "absent_other", "account": "provider"}),
        (
            "kela-payment",
            "service_day.not_arranged",
            {"day_status": "not_arranged", "days_on": ["2025-03-17", "2025-03-18", "2025-03-20"]},
        ),
        ("kela-payment", "absence_report.sent", REPORT),
        ("centre", "own_worker.assigned", {"effective_on": "2025-02-03"} | CARD),
        ("centre", "benefit_status.changed", {"payer_org_id": KELA, "from_on": "2023-01-09"}),
        ("centre", "plan.agreed", AGREED_PART | {"schedule": WEEK}),
        ("centre", "decision.issued", GRANTED | {"max_days_per_week": 3, "max_hours_per_day": 5.0}),
        ("centre", "followup.held", {"held": "held", "next_followup_on": "2025-07-01"}),
        ("centre", "period.completed", DATES | {"ended_on": "2025-08-29"}),
        ("county", "labour_policy_statement.issued", {"service_from_on": "2025-03-03", "service_until_on": "2025-08-29"}),
    ],
)
def test_a_form_holds_exactly(recipient: str, event_name: str, body: dict[str, Any]) -> None:
    publication = next(p for p in a_whole_path().told[recipient] if p.type == f"{event_name}.v1")
    assert content(publication.body, event_name) == body


def test_the_two_notices_hold_the_dates_of_what_they_are_about() -> None:
    start, end = [p for p in a_whole_path().told["authority"] if p.type == "notification.sent.v1"]
    planned = {"starts_on": "2025-03-03", "planned_end_on": "2025-08-29"}
    assert content(start.body, "notification.sent") == {"notification_kind": "start"} | planned
    assert content(end.body, "notification.sent") == {"notification_kind": "end"} | END


def test_the_authority_gets_the_load_in_place_of_the_schedule() -> None:
    planned = next(p for p in a_whole_path().told["authority"] if p.type == "period.planned.v1")
    assert (planned.body["days_per_week"], planned.body["hours_per_week"]) == (3, 15.0)
    assert "schedule" not in planned.body


def test_the_social_assistance_office_is_told_of_attending_and_of_an_early_end_and_of_nothing_else() -> None:
    told = whole(None).told().told["kela-assistance"]
    assert [(p.type, content(p.body, p.type[:-3]), p.legal_basis) for p in told] == [
        ("assessment.started.v1", {"client_attended": True}, "LB-SA-PTA"),
        ("assessment.completed.v1", {"client_attended": True}, "LB-SA-PTA"),
        ("plan.agreed.v1", {"took_part": True}, "LB-SA-REFUSAL"),
        ("subject.identifier_changed.v1", {"identifier_change": "name_changed"}, "LB-SA-REFUSAL"),
        ("period.interrupted.v1", {"refused": "discontinued", "valid_reason": "yes"}, "LB-SA-REFUSAL"),
    ]


def test_an_assessment_without_the_client_is_not_told_to_the_assistance_office() -> None:
    path = whole(None)
    path.facts = [
        replace(f, event=f.event.model_copy(update={"client_attended": False})) if f.name == "assessment.started" else f
        for f in path.facts
    ]
    told = [p.type for p in path.told().told["kela-assistance"]]
    assert told == [
        "assessment.completed.v1", "plan.agreed.v1", "subject.identifier_changed.v1", "period.interrupted.v1"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "payer", "recipients"),
    [
        ("name_changed", KELA, {"county", "authority", "kela-payment", "centre"}),
        ("identity_code_replaced", KELA, {"county", "authority", "kela-payment", "centre"}),
        ("identity_code_added", None, {"county", "authority", "kela-assistance", "centre"}),
        ("contact_changed", KELA, {"county", "authority", "centre"}),
        ("contact_changed", None, {"county", "authority", "centre"}),
    ],
)
def test_a_change_of_details_goes_to_who_has_the_details(change: str, payer: str | None, recipients: set[str]) -> None:
    """domain/disclosure.md 5.3, form `identity`: a change of contact only to who gets C."""
    path = whole(payer)
    path.facts = [
        replace(f, event=f.event.model_copy(update={"identifier_change": change}))
        if f.name == "subject.identifier_changed"
        else f
        for f in path.facts
    ]
    told = path.told().told
    found = {name for name, those in told.items() for p in those if p.type == "subject.identifier_changed.v1"}
    assert found == recipients

def test_a_correction_reaches_the_county_whole_and_its_fields_are_sealed_under_the_most_secret_class() -> None:
    path = whole()
    target = next(f for f in path.facts if f.name == "assessment.completed")
    path.add(correction(target, needs=["daily_life_and_life_management"], self_rated_work_ability=4), DAY)
    told = path.told().told["county"]
    completed, corrected = next(p for p in told if p.type == "assessment.completed.v1"), told[-1]
    assert corrected.kind == "fact"
    assert corrected.body["target_event_id"] == completed.id
    assert corrected.body["new_values"] == {"needs": ["daily_life_and_life_management"], "self_rated_work_ability": 4}
    assert corrected.classes["body.new_values"] == "G"


def test_a_notice_that_names_another_is_told_to_nobody_else() -> None:
    path = whole()
    path.add(sent("0000016-6", path.facts[0], "refusal"), DAY)
    assert [p.body.get("notification_kind") for p in path.told().told["authority"] if p.type == "notification.sent.v1"] == [
        "start",
        "end",
    ]
    assert "city" not in path.told().told


def content(body: dict[str, Any], event_name: str) -> dict[str, Any]:
    """The body without references to parts."""
    return {name: value for name, value in body.items() if name not in references_of(EVENTS[event_name])}


@cache
def a_whole_path() -> Everybody:
    return whole().told()


def test_the_authority_that_refers_is_two_recipients() -> None:
    told = a_whole_path().told
    assert {"authority", "authority-referrer"} <= told.keys()
    assert not [p for p in told["authority"] if p.type.startswith("referral.")]
