"""The rules below the matrix of 5.3, one by one (domain/disclosure.md)."""

from __future__ import annotations

from datetime import date

import pytest
from disclosure.paths import (
    AT_CENTRE,
    AUTHORITY,
    CASE,
    DOCTOR,
    EXPERT,
    FUND,
    ISSUER,
    KELA,
    PARISH,
    PLACE,
    Path,
    attendance,
    benefit,
    closed,
    correction,
    due,
    in_service,
    placement,
    ref,
    referral,
    report,
    sent,
    statement,
    whole,
    worker,
)
from disclosure.told import RECORD, days_told, of
from stories import HOSPITAL

from domain import events as e

MAY, MAY_5, JUNE_3 = date(2025, 5, 1), date(2025, 5, 5), date(2025, 6, 3)


def test_rule_1_an_exit_that_reveals_health_is_told_as_health_related_alone() -> None:
    everybody = whole().told()
    (exit_told,) = of(everybody, "authority", "exit.recorded")
    assert exit_told.body["exit_kind"] == "health_related"
    assert not [
        p for told in (everybody.told["authority"], everybody.told["centre"]) for p in told if b"health_exit" in p.value
    ]
    assert of(everybody, "county", "exit.recorded")[0].body["health_exit_kind"]


def test_rule_2_accounts_of_client_payer_and_county_go_to_payer_and_county_not_to_the_provider() -> None:
    path = in_service()
    for account in ("client", "payer", "county", "provider"):
        path.add(attendance("absent_other", account), MAY_5)
    everybody = path.told()
    assert [p.body["account"] for p in of(everybody, "centre", "attendance.recorded")] == ["provider"]
    assert [p.body["account"] for p in of(everybody, "kela-payment", "attendance.recorded")] == [
        "client",
        "payer",
        "county",
        "provider",
    ]


def test_rule_3_the_provider_never_learns_of_other_services() -> None:
    told = whole().told().told["centre"]
    assert not [
        p for p in told if p.type.startswith("parallel") or b"services" in p.value.replace(b"parallel_services", b"services")
    ]


@pytest.mark.parametrize("service", ["psychiatric_services", "financial_and_debt_counselling", "substance_abuse_services"])
def test_a_service_that_is_not_on_the_whitelist_is_not_told(service: str) -> None:
    path = in_service()
    begun = {"case_id": CASE, "parallel_service_id": ref("service")}
    path.add(e.ParallelServiceStarted(service=service, told_by="client", from_on=MAY, **begun), MAY)
    path.add(e.ParallelServiceStopped(until_on=JUNE_3, **begun), JUNE_3)
    everybody = path.told()
    assert [name for name, told in everybody.told.items() if any(p.type.startswith("parallel") for p in told)] == ["county"]


def test_a_swapped_day_counts_where_it_moved_among_the_days_not_arranged() -> None:
    """domain/pathway.md 4.4 row 27, 4.5 I6; form `day` of domain/disclosure.md 5.3. The week: Monday, Tuesday, Thursday."""
    path = in_service()
    monday, tuesday, wednesday, friday = (date(2025, 5, day) for day in (5, 6, 7, 9))
    out = path.add(attendance("present", swap_of_on=tuesday), date(2025, 5, 2))
    into = path.add(attendance("absent_other", swap_of_on=date(2025, 5, 1)), wednesday)
    path.add(closed(monday, friday), monday)
    # What comes later is refused for days that were not arranged: recorded all the same, it changes nothing that was told.
    path.add(attendance("present", swap_of_on=date(2025, 5, 8)), date(2025, 5, 16))
    path.add(correction(out, swap_of_on="2025-04-29"), date(2025, 5, 19))
    path.add(correction(into, swap_of_on=None), date(2025, 5, 20))
    for always_whole in (False, True):
        told = path.told(always_whole=always_whole)
        ranges = of(told, "kela-payment", "service_day.not_arranged")
        days = [(p.kind, [int(day[-2:]) for day in p.body["days_on"]]) for p in ranges]
        assert days == [("fact", [5, 7, 8]), ("revised", [5, 6, 7, 8]), ("revised", [5, 6, 8])]


@pytest.mark.parametrize("always_whole", [False, True])
def test_a_day_swapped_away_is_not_arranged_again_when_the_county_says_that_another_one_was(always_whole: bool) -> None:
    """domain/pathway.md 4.4 row 27, 4.5 I6: of several accounts of one day the county's holds. The week: Monday, Tuesday,
    Thursday."""
    path = in_service()
    monday, tuesday, thursday = (date(2025, 5, day) for day in (5, 6, 8))
    # given a Friday in Tuesday's place by the provider's account, and a week without service from Monday to Wednesday
    path.add(attendance("present", swap_of_on=tuesday), date(2025, 5, 2))
    path.add(closed(monday, date(2025, 5, 7)), monday)
    path.add(benefit(FUND, date(2025, 6, 1)), date(2025, 6, 1))
    # when the county says that it was in the next Thursday's place, and then that it was in Tuesday's all the same
    said = path.add(attendance("present", "county", swap_of_on=thursday), date(2025, 5, 2))
    path.add(correction(said, swap_of_on=str(tuesday)), date(2025, 5, 20))
    # then the payer is told each time which days were not arranged
    ranges = of(path.told(always_whole=always_whole), "kela-payment", "service_day.not_arranged")
    days = [(p.kind, [int(day[-2:]) for day in p.body["days_on"]]) for p in ranges]
    assert days == [("fact", [5]), ("revised", [5, 6]), ("revised", [5])]


@pytest.mark.parametrize(("service", "to_authority"), [("coaching_services", True), ("psychiatric_services", False)])
def test_an_end_whose_start_comes_later_is_told_by_its_own_code(service: str, to_authority: bool) -> None:
    """domain/events.md 11.13, form `codes` of domain/disclosure.md 5.3"""
    path = in_service()
    begun = {"case_id": CASE, "parallel_service_id": ref("service"), "service": service, "told_by": "client"}
    path.add(e.ParallelServiceStopped(until_on=MAY, **begun), JUNE_3)
    path.add(e.ParallelServiceStarted(from_on=date(2025, 4, 1), **begun), JUNE_3)
    for told in (path.told(), path.told(always_whole=True)):
        ended, started = (p.body for p in told.told["county"] if p.type.startswith("parallel"))
        assert (ended["service"], ended["told_by"], ended["until_on"]) == (service, "client", str(MAY))
        assert ended["parallel_service_id"] == started["parallel_service_id"]
        bodies = [p.body for p in told.told["authority"] if p.type.startswith("parallel")]
        shown = [{name: body[name] for name in body.keys() & {"service", "from_on", "until_on"}} for body in bodies]
        both = [{"service": service, "until_on": str(MAY)}, {"service": service, "from_on": "2025-04-01"}]
        assert shown == (both if to_authority else [])


def test_rule_5_of_a_protected_client_place_and_time_stay_with_county_and_provider() -> None:
    everybody = whole().told(record=RECORD | {"protected": True})
    assert everybody.told["authority"][0].client.keys() == {"family_name", "given_names", "identity_code", "protected"}
    (confirmed,) = of(everybody, "authority", "placement.confirmed")
    assert "provider_org_id" not in confirmed.body
    (planned,) = of(everybody, "authority", "period.planned")
    assert {"days_per_week", "hours_per_week"}.isdisjoint(planned.body)
    (day,), (sent_report,) = (of(everybody, "kela-payment", n) for n in ("attendance.recorded", "absence_report.sent"))
    assert day.body["day_status"] == "absent_other"
    assert "reporting_org_id" not in sent_report.body
    assert sent_report.body["absences"]
    assert everybody.told["centre"][0].client["phone"]
    assert of(everybody, "centre", "placement.proposed")[0].body["site_id"] == "S-14"


def test_rule_7_what_is_older_than_the_facts_in_force_is_not_told() -> None:
    path = in_service()
    path.facts = [fact for fact in path.facts if fact.occurred_on < date(2025, 2, 20)]
    path.add(worker("second", date(2025, 2, 18)), date(2025, 2, 18))
    path.add(placement(), date(2025, 2, 20))
    everybody = path.told()
    assignments = of(everybody, "centre", "own_worker.assigned")
    assert [p.occurred_on for p in assignments] == [date(2025, 2, 18)]
    assert not of(everybody, "centre", "assessment.completed")


def test_rule_7_a_decision_that_grants_nothing_any_more_is_not_in_force() -> None:
    path = in_service()
    path.add(placement("second", PARISH, from_on=date(2025, 9, 1), until_on=date(2025, 12, 31)), date(2025, 9, 1))
    everybody = path.told()
    assert not of(everybody, "parish", "decision.issued")
    assert of(everybody, "parish", "plan.agreed")


def test_rule_7_a_fact_recorded_before_its_window_was_known_is_told_with_the_window() -> None:
    path = in_service()
    early = path.add(attendance(), date(2025, 3, 10))
    path.facts.remove(early)
    start = next(i for i, fact in enumerate(path.facts) if fact.name == "period.started")
    path.facts.insert(start, early)
    assert days_told(path.told(), "kela-payment") == [date(2025, 3, 10)]


def test_rule_9_an_author_gets_its_own_fact_back_in_the_fields_it_sent() -> None:
    path = in_service()
    path.add(attendance(), MAY_5, AT_CENTRE, command="day-1")
    everybody = path.told()
    (own,) = of(everybody, "centre", "attendance.recorded")
    assert (own.legal_basis, own.message_id, own.body["hours"]) == ("LB-OWN-TASK", "day-1", 5.0)
    assert everybody.changes[-1].told is not None
    assert {c.told.cell for c in everybody.changes if c.told and c.standing.recipient.short_name == "centre"} >= {"own_fact"}


def test_rule_9_what_else_the_decision_recorded_goes_by_its_row() -> None:
    path = in_service()
    party = e.PlanAcceptedByParty(case_id=CASE, plan_id=ref("plan"), plan_version=1, party_kind="employment_side")
    agreed = next(fact.event for fact in path.facts if fact.name == "plan.agreed")
    path.add(party, MAY, EXPERT, command="yes")
    path.add(agreed, MAY, EXPERT, command="yes")
    *_, accepted, joint = path.told().told["authority"]
    assert (accepted.legal_basis, accepted.message_id) == ("LB-OWN-TASK", "yes")
    assert (joint.legal_basis, joint.message_id) == ("LB-189-PLAN", None)


def test_rule_9_the_referral_comes_back_to_the_task_that_sent_it_though_its_row_says_no() -> None:
    path = Path()
    path.add(referral(source="specialised_health_care", sender_org_id=HOSPITAL, legal_basis="LB-SHL-35"), MAY, DOCTOR, "r-7")
    path.add(e.ReferralAccepted(referral_id=ref("referral")), MAY_5)
    own, status = path.told().told["hospital"]
    assert (own.kind, own.message_id, own.body["source"]) == ("fact", "r-7", "specialised_health_care")
    assert (status.body["referral_status"], status.message_id, status.legal_basis) == ("accepted", "r-7", "LB-SHL-35")
    # 4.9: the referral itself may name anybody, and gets no name back before the county has taken it on
    assert own.client.keys() == {"identity_code"}
    assert status.client.keys() == {"family_name", "identity_code"}


def test_rule_9_a_body_that_issues_statements_gets_its_own_and_nothing_else() -> None:
    path = in_service()
    path.add(statement(), MAY, ISSUER)
    path.add(statement(), MAY_5)
    everybody = path.told()
    assert [(p.type, p.legal_basis, p.purpose) for p in everybody.told["keha"]] == [
        ("labour_policy_statement.issued.v1", "LB-OWN-TASK", "labour_policy_statement")
    ]


def test_rule_10_a_statement_goes_to_the_payer_that_is_valid_on_its_date() -> None:
    path = in_service()
    path.add(statement(KELA), date(2025, 3, 4))
    path.add(statement(FUND), date(2025, 3, 4))
    everybody = path.told()
    (told,) = of(everybody, "kela-payment", "labour_policy_statement.issued")
    assert (told.legal_basis, told.purpose, told.body["payer_org_id"]) == ("LB-UI-STATEMENT", "benefit_payment", KELA)
    assert "fund" not in everybody.told


def test_a_statement_dated_after_the_periods_end_still_reaches_the_payer_it_names() -> None:
    path = whole()
    path.add(benefit(FUND, date(2025, 9, 3)), date(2025, 9, 3))
    path.add(statement(), date(2025, 9, 10))
    assert of(path.told(), "kela-payment", "labour_policy_statement.issued")[-1].occurred_on == date(2025, 9, 10)


def test_a_notice_sent_after_the_case_was_closed_still_reaches_the_authority_it_names() -> None:
    path = whole()
    completed = next(fact for fact in path.facts if fact.name == "period.completed")
    path.add(due(AUTHORITY, completed, "refusal"), date(2025, 9, 8))
    path.add(sent(AUTHORITY, completed, "refusal"), date(2025, 9, 8))
    (*_, last) = of(path.told(), "authority", "notification.sent")
    assert (last.occurred_on, last.legal_basis, last.purpose) == (date(2025, 9, 8), "LB-189-NOTICE", "notice")


def test_a_notice_to_kela_reaches_the_task_that_is_concerned() -> None:
    path = in_service()
    path.add(sent(KELA, path.facts[-1]), MAY)
    everybody = path.told()
    (notice,) = of(everybody, "kela-payment", "notification.sent")
    assert {n: v for n, v in notice.body.items() if not n.endswith("_id")} == {
        "notification_kind": "start",
        "starts_on": "2025-03-03",
        "planned_end_on": "2025-08-29",
    }
    assert "kela-assistance" not in everybody.told


def test_a_report_goes_to_the_payer_it_names_and_to_the_provider_that_sent_it() -> None:
    path = in_service()
    path.add(report(FUND, date(2025, 3, 10), date(2025, 3, 21), date(2025, 3, 10)), date(2025, 3, 21))
    path.add(report(KELA, date(2025, 3, 24), date(2025, 4, 4), by=PARISH), date(2025, 4, 4))
    everybody = path.told()
    assert [p.body["from_on"] for p in of(everybody, "kela-payment", "absence_report.sent")] == ["2025-03-24"]
    assert [p.body["from_on"] for p in of(everybody, "centre", "absence_report.sent")] == ["2025-03-10"]
    assert "fund" not in everybody.told


def test_rule_12a_every_recipient_is_told_on_its_own_ground_for_its_own_purpose() -> None:
    told = whole().told().told
    grounds = {name: {(p.legal_basis, p.purpose) for p in publications} for name, publications in told.items()}
    assert grounds == {
        "county": {("LB-OWN-TASK", "service")},
        "authority": {
            ("LB-189-PLAN", "plan_making"),
            ("LB-189-NOTICE", "notice"),
            ("LB-UI-STATEMENT", "labour_policy_statement"),
        },
        "authority-referrer": {("LB-OWN-TASK", "referral_answer"), ("LB-189-PLAN", "referral_answer")},
        "kela-payment": {("LB-UI-ATT", "benefit_payment"), ("LB-UI-STATEMENT", "benefit_payment")},
        "centre": {
            ("LB-OUTSOURCE", "provision"),
            ("LB-UI-STATEMENT", "provision"),
            ("LB-OWN-TASK", "provision"),
        },
    }


@pytest.mark.parametrize("always_whole", [False, True])
def test_what_two_persons_of_an_organisation_state_under_one_id_is_each_ones_own(always_whole: bool) -> None:
    """Rule 9; a key is a person's own (design D13)."""
    path = in_service()
    org, task, role, _ = AT_CENTRE
    path.add(attendance(), date(2025, 3, 3), (org, task, role, "I-01"), command="k-1")
    named = e.InstructorNamed(case_id=CASE, placement_id=PLACE, instructor_id="I-02", instructor_role="own_instructor")
    path.add(named, date(2025, 3, 3), (org, task, role, "I-02"), command="k-1")
    told = path.told(always_whole=always_whole).told["centre"]
    assert [p.message_id for p in told[-2:]] == ["k-1", "k-1"]
