"""By what each kind of recipient finds a fact: part, first day, last day, and what it searches by besides.

The cells are written out here, as when each kind kept a list of its own. An event that is not named is found as it declares.
"""

from __future__ import annotations

import pytest

from projections.kinds import kinds

OPEN = "*"
Cell = tuple[str | None, str | None, str | None, str | None]

CELLS: dict[str, dict[str, Cell]] = {
    "employment_authority": {
        "case.opened": ("case_id", None, OPEN, None),
        "case.closed": ("case_id", None, None, None),
        "assessment.started": ("assessment_id", None, None, None),
        "assessment.completed": ("assessment_id", None, None, None),
        "own_worker.assigned": ("assignment_id", "effective_on", OPEN, None),
        "benefit_status.changed": (None, "from_on", "until_on", None),
        "plan.drafting_started": ("plan_id", None, OPEN, "plan_kind"),
        "plan.drafted": ("plan_id", "kuty_from_on", "kuty_until_on", None),
        "plan.accepted_by_party": ("plan_id", None, None, None),
        "plan.agreed": ("plan_id", "kuty_from_on", "kuty_until_on", None),
        "decision.issued": ("decision_id", "granted_from_on", "granted_until_on", None),
        "placement.confirmed": ("placement_id", "from_on", "until_on", "provider_org_id"),
        "period.planned": ("period_id", "starts_on", "planned_end_on", None),
        "period.started": ("period_id", "starts_on", "planned_end_on", None),
        "period.completed": ("period_id", "ended_on", "ended_on", None),
        "labour_policy_statement.issued": ("period_id", "service_from_on", "service_until_on", None),
        "parallel_service.started": ("parallel_service_id", "from_on", OPEN, None),
        "parallel_service.stopped": ("parallel_service_id", "until_on", "until_on", None),
        "followup.held": ("followup_id", None, OPEN, None),
        "exit.recorded": ("exit_id", None, None, None),
        "notification.sent": ("notification_id", None, OPEN, "notification_kind"),
        "notification.acknowledged": ("notification_id", None, None, None),
    },
    "kela_benefits": {
        "period.started": ("period_id", "starts_on", "planned_end_on", None),
        "period.completed": ("period_id", "ended_on", "ended_on", None),
        "attendance.recorded": ("period_id", None, None, "day_status"),
        "service_day.not_arranged": ("period_id", "from_on", "until_on", None),
        "absence_report.sent": ("period_id", "from_on", "until_on", "reporting_org_id"),
        "labour_policy_statement.issued": ("period_id", "service_from_on", "service_until_on", None),
        "benefit_status.changed": (None, "from_on", "until_on", None),
        "notification.sent": ("notification_id", None, OPEN, "notification_kind"),
    },
    "provider": {
        "placement.proposed": ("placement_id", "from_on", "until_on", "site_id"),
        "placement.confirmed": ("placement_id", "from_on", "until_on", None),
        "instructor.named": ("placement_id", None, OPEN, "instructor_id"),
        "own_worker.assigned": ("assignment_id", "effective_on", OPEN, None),
        "plan.agreed": ("plan_id", "kuty_from_on", "kuty_until_on", None),
        "decision.issued": ("decision_id", "granted_from_on", "granted_until_on", None),
        "benefit_status.changed": (None, "from_on", "until_on", "payer_org_id"),
        "period.planned": ("period_id", "starts_on", "planned_end_on", None),
        "period.started": ("period_id", "starts_on", "planned_end_on", None),
        "period.completed": ("period_id", "ended_on", "ended_on", None),
        "attendance.recorded": ("period_id", None, None, "placement_id"),
        "service_day.not_arranged": ("period_id", "from_on", "until_on", "placement_id"),
        "absence_report.sent": ("period_id", "from_on", "until_on", "payer_org_id"),
        "followup.held": ("followup_id", None, OPEN, None),
        "provider.registered": ("org_id", None, OPEN, None),
        "provider.contracted": ("contract_id", "from_on", "until_on", None),
    },
    "referrer": {
        "referral.submitted": ("referral_id", None, OPEN, "source"),
        "referral.accepted": ("referral_id", None, None, None),
        "referral.merged": ("referral_id", None, None, None),
        "referral.declined": ("referral_id", None, None, None),
        "referral.withdrawn": ("referral_id", None, None, None),
        "case.closed": ("case_id", None, None, None),
        "own_worker.assigned": ("assignment_id", "effective_on", OPEN, None),
    },
    "social_work": {
        "referral.submitted": ("referral_id", None, OPEN, "source"),
        "referral.received": ("referral_id", None, None, None),
        "referral.accepted": ("referral_id", None, None, None),
        "case.opened": ("case_id", None, OPEN, None),
        "case.closed": ("case_id", None, None, None),
        "assessment.started": ("assessment_id", None, None, None),
        "assessment.completed": ("assessment_id", None, None, None),
        "own_worker.assigned": ("case_id", "effective_on", OPEN, "worker_id"),
        "benefit_status.changed": (None, "from_on", "until_on", "payer_org_id"),
        "plan.drafting_started": ("plan_id", None, OPEN, "plan_kind"),
        "plan.drafted": ("plan_id", "kuty_from_on", "kuty_until_on", None),
        "plan.accepted_by_party": ("plan_id", None, None, "party_kind"),
        "plan.agreed": ("plan_id", "kuty_from_on", "kuty_until_on", None),
        "decision.issued": ("decision_id", "granted_from_on", "granted_until_on", None),
        "placement.proposed": ("placement_id", "from_on", "until_on", "provider_org_id"),
        "placement.confirmed": ("placement_id", "from_on", "until_on", None),
        "instructor.named": ("placement_id", None, OPEN, None),
        "period.planned": ("period_id", "starts_on", "planned_end_on", None),
        "period.started": ("period_id", "starts_on", "planned_end_on", None),
        "period.completed": ("period_id", "ended_on", "ended_on", None),
        "attendance.recorded": ("period_id", None, None, "placement_id"),
        "service_day.not_arranged": ("period_id", "from_on", "until_on", None),
        "absence_report.sent": ("period_id", "from_on", "until_on", None),
        "labour_policy_statement.issued": ("period_id", "service_from_on", "service_until_on", None),
        "parallel_service.started": ("parallel_service_id", "from_on", OPEN, "service"),
        "parallel_service.stopped": ("parallel_service_id", "until_on", "until_on", None),
        "followup.held": ("followup_id", None, OPEN, None),
        "exit.recorded": ("exit_id", None, None, None),
        "notification.due": ("notification_id", None, "due_on", "notification_kind"),
        "notification.sent": ("notification_id", None, OPEN, "notification_kind"),
        "fact.corrected": ("target_event_id", None, None, None),
    },
}  # fmt: skip
PAYERS = ("kela_benefits", "unemployment_fund")


@pytest.mark.parametrize("name", sorted({*CELLS, *PAYERS}))
def test_a_kind_finds_its_facts_by_these(name: str) -> None:
    (kind,) = (kind for kind in kinds() if kind.name == name)
    wanted = CELLS["kela_benefits" if name in PAYERS else name]
    found = {event: kind.facts[event] for event in wanted}
    cells = {event: (look.part, look.from_on, look.until_on, look.lookup) for event, look in found.items()}
    assert cells == wanted
