"""History AS-1: who is told how much, and what never leaves (domain/scenarios.md)."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest
from disclosure.told import SUBJECT, Everybody, everybody_told, names, pseudonyms_of
from stories import as_1

from domain.disclosure.publications import Publication, publication_hash


@cache
def told() -> Everybody:
    return everybody_told(as_1())


def of(recipient: str) -> list[Publication]:
    """What the recipient got from row 1 on: the registration stands before it."""
    return [p for p in told().told.get(recipient, []) if not p.type.startswith("subject.registered")]


@pytest.mark.parametrize(
    ("recipient", "count"),
    [
        ("county", 106),
        ("authority", 23),
        ("authority-referrer", 2),
        ("kela-payment", 77),
        ("provider-s01", 86),
        ("kela-assistance", 0),
        ("kela-team", 0),
        ("keha", 0),
        ("fund", 0),
        ("hospital", 0),
        ("provider-s02", 0),
    ],
)
def test_everybody_gets_as_much_as_the_history_says(recipient: str, count: int) -> None:
    assert len(of(recipient)) == count


def test_the_employment_authority_gets_its_twenty_three() -> None:
    assert Counter(names(of("authority"))) == {
        "case.opened": 1,
        "case.closed": 1,
        "assessment.started": 1,
        "assessment.completed": 1,
        "own_worker.assigned": 1,
        "benefit_status.changed": 1,
        "plan.drafting_started": 1,
        "plan.drafted": 1,
        "plan.accepted_by_party": 3,
        "plan.agreed": 1,
        "decision.issued": 1,
        "placement.confirmed": 1,
        "period.planned": 1,
        "period.started": 1,
        "period.completed": 1,
        "notification.sent": 2,
        "labour_policy_statement.issued": 1,
        "followup.held": 2,
        "exit.recorded": 1,
    }


def test_the_payer_gets_eighty_day_statuses_and_no_word_of_the_plan() -> None:
    days = Counter[str]()
    for publication in of("kela-payment"):
        if publication.type == "attendance.recorded.v1":
            days[publication.body["day_status"]] += 1
        elif publication.type == "service_day.not_arranged.v1":
            days["not_arranged"] += len(publication.body["days_on"])
    assert days == {"present": 65, "absent_own_sickness": 2, "absent_job_interview": 1, "not_arranged": 12}
    assert not [p for p in of("kela-payment") if p.type.startswith(("plan", "parallel", "followup", "exit", "case"))]


def test_the_provider_gets_four_facts_in_force_before_its_placement() -> None:
    assert names(of("provider-s01"))[:5] == [
        "own_worker.assigned",
        "benefit_status.changed",
        "plan.agreed",
        "decision.issued",
        "placement.proposed",
    ]


@pytest.mark.parametrize("recipient", ["authority", "authority-referrer", "kela-payment", "provider-s01"])
def test_nobody_but_the_county_hears_of_the_debt_counselling(recipient: str) -> None:
    assert not [p for p in of(recipient) if "parallel_service" in p.type or b"debt" in p.value]


def test_the_employment_authority_gets_no_day_status() -> None:
    assert not [p for p in of("authority") if {"day_status", "days_on", "absences", "hours"} & p.body.keys()]


def test_the_county_sees_of_the_statement_only_that_it_exists_and_its_dates() -> None:
    (statement,) = [p for p in of("county") if p.type.startswith("labour_policy")]
    references = {"case_id", "period_id", "labour_statement_id"}
    assert statement.body.keys() == references | {"service_from_on", "service_until_on"}


def test_the_referral_comes_back_with_the_senders_own_message_id() -> None:
    referral, status = of("authority-referrer")
    assert (referral.message_id, status.message_id) == ("m-2", "m-2")
    assert status.body == {"referral_id": referral.body["referral_id"], "referral_status": "accepted"}


def test_recipients_cannot_join_their_records() -> None:
    seen: dict[str, set[str]] = {}
    for recipient, publications in told().told.items():
        seen[recipient] = {v for p in publications for n, v in p.body.items() if n.endswith("_id") and len(str(v)) == 43}
        seen[recipient] |= {p.subject for p in publications} | {p.id for p in publications}
    for one, names_of_one in seen.items():
        for other, names_of_other in seen.items():
            assert one == other or not names_of_one & names_of_other, (one, other)


def test_a_pseudonym_leads_back_to_its_reference_with_the_recipients_key_alone() -> None:
    (opened,) = [p for p in of("authority") if p.type == "case.opened.v1"]
    assert pseudonyms_of("authority").reference(opened.subject) == SUBJECT
    assert pseudonyms_of("authority").reference(opened.body["case_id"]) in as_1().pathway.cases


def test_no_raw_reference_of_the_stream_leaves() -> None:
    p = as_1().pathway
    raw = [SUBJECT, *p.facts, *p.cases, *p.periods, *p.placements, *p.plans, *p.referrals, *p.decisions]
    for publications in told().told.values():
        for publication in publications:
            assert not [name for name in raw if name.encode() in publication.value]


def test_each_recipients_sequence_and_chain_have_no_gap() -> None:
    for publications in told().told.values():
        before = ""
        for number, publication in enumerate(publications, 1):
            assert (publication.sequence, publication.previous_hash) == (number, before)
            before = publication_hash(publication.headers, publication.value)


def test_every_field_of_every_publication_has_a_data_class() -> None:
    for publications in told().told.values():
        for p in publications:
            assert p.classes.keys() == {f"body.{name}" for name in p.body} | {f"client.{name}" for name in p.client}


def test_a_notice_names_the_authoritys_own_publication_of_what_it_is_about() -> None:
    started, notice = [p for p in of("authority") if p.type in ("period.started.v1", "notification.sent.v1")][:2]
    assert notice.body["about_event_id"] == started.id
