"""Who becomes a party to a plan by a revision is told from its day; who is none any more, until the others have agreed."""

from __future__ import annotations

from datetime import date
from typing import Any

from disclosure.paths import CASE, EXPERT, OWN_WORKER, PLAN, Path, in_service, revision
from disclosure.told import names

from domain import events as e

THREE = ("client", "organiser", "employment_side")
JOINT: dict[str, Any] = {
    "plan_kind": "multi_sectoral_employment_plan",
    "kela_services_coordinated": False,
    "eligibility_keys": None,
}
JUNE, JULY = date(2025, 6, 9), date(2025, 7, 1)
TEAM = "kela-team"
IN_FORCE = ("own_worker.assigned", "plan.agreed", "period.planned", "period.started")
"""What the team is told of the time before its first day. source: domain/disclosure.md 5.3 rule 7"""


def agreed(path: Path, version: int, *parties: str) -> None:
    path.add(e.PlanAgreed(case_id=CASE, plan_id=PLAN, plan_version=version, parties=parties), JUNE, EXPERT)


def held(path: Path, on: date) -> None:
    path.add(
        e.FollowUpHeld(case_id=CASE, followup_id="f" * 32, followup_kind="regular_follow_up", parties_present=THREE), on
    )


def test_kela_that_is_no_party_is_told_nothing() -> None:
    assert TEAM not in in_service(**JOINT, parties=THREE).told().told


def test_a_revision_that_makes_kela_a_party_is_told_to_kela_and_what_follows_too() -> None:
    path = in_service(**JOINT, parties=THREE)
    path.add(revision(parties=(*THREE, "kela"), revision_reason="parties"), JUNE)
    agreed(path, 2, *THREE, "kela")
    told = path.told().told[TEAM]
    assert names(told) == [*IN_FORCE, "plan.revised", "plan.agreed"]
    assert [p.body["plan_version"] for p in told if p.type == "plan.revised.v1"] == [2]
    assert all(publication.legal_basis == "LB-381-JOINT" for publication in told)


def test_kela_is_told_what_another_event_of_the_same_days_says_after_it_became_a_party() -> None:
    path = in_service(**JOINT, parties=THREE)
    path.add(e.PlanAcceptedByParty(case_id=CASE, plan_id=PLAN, plan_version=1, party_kind="client"), JULY, OWN_WORKER)
    before = path.told().told
    path.add(revision(parties=(*THREE, "kela"), revision_reason="parties"), JUNE)
    late = path.told().told[TEAM]
    assert TEAM not in before
    # Dated in its window, and recorded before anybody knew of the window: the first telling brings it along, beside what was
    # in force on its first day (rule 7).
    assert sorted(names(late)) == sorted([*IN_FORCE, "plan.accepted_by_party", "plan.revised"])


def test_kela_that_is_left_out_hears_of_it_until_the_day_on_which_the_others_agree_and_keeps_what_it_was_told() -> None:
    path = in_service(**JOINT, parties=(*THREE, "kela"))
    so_far = names(path.told().told[TEAM])
    path.add(revision(parties=THREE, revision_reason="parties"), JUNE)
    assert names(path.told().told[TEAM]) == [*so_far, "plan.revised"]
    agreed(path, 2, *THREE)
    held(path, JULY)
    after = path.told().told[TEAM]
    assert names(after) == [*so_far, "plan.revised", "plan.agreed"]
    assert {publication.kind for publication in after} == {"fact"}


def test_a_revision_of_the_week_alone_makes_nobody_a_party() -> None:
    path = in_service(**JOINT, parties=THREE)
    path.add(revision(), JUNE)
    assert TEAM not in path.told().told
