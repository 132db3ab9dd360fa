"""A correction travels exactly to those who got the original, as a revision where the form changes (rule 6)."""

from __future__ import annotations

from datetime import date

from disclosure.paths import (
    AT_CENTRE,
    CENTRE,
    DOCTOR,
    EXPERT,
    FUND,
    KELA,
    Path,
    attendance,
    benefit,
    closed,
    correction,
    in_service,
    members,
    ref,
    referral,
    report,
    whole,
)
from disclosure.told import Everybody
from stories import HOSPITAL, week

from domain import events as e
from domain.disclosure.publications import Publication
from domain.events import Event
from domain.pathway import Fact

MAY, MAY_5, MAY_6, JUNE_3 = date(2025, 5, 1), date(2025, 5, 5), date(2025, 5, 6), date(2025, 6, 3)


def new(path: Path) -> dict[str, list[Publication]]:
    """What the last fact of the path gives rise to."""
    everybody = Everybody(members())
    everybody.hear(*path.facts[:-1])
    return everybody.hear(path.facts[-1])


def with_day(by: tuple[str, ...] = AT_CENTRE) -> tuple[Path, Fact[Event]]:  # type: ignore[assignment]
    path = in_service()
    return path, path.add(attendance(), MAY_5, by, command="day")


def test_a_corrected_day_is_revised_to_the_payer_and_told_to_the_county_as_the_correction_that_it_is() -> None:
    path, day = with_day()
    path.add(correction(day, day_status="absent_own_sickness", hours=None), JUNE_3, AT_CENTRE, command="mend")
    told = new(path)
    assert sorted(told) == ["centre", "county", "kela-payment"]
    (revised,) = told["kela-payment"]
    assert (revised.kind, revised.type, revised.occurred_on) == ("revised", "attendance.recorded.v1", MAY_5)
    assert {n: v for n, v in revised.body.items() if not n.endswith("_id")} == {
        "day_status": "absent_own_sickness",
        "account": "provider",
        "corrected": True,
    }
    (of_county,) = told["county"]
    assert (of_county.kind, of_county.type) == ("fact", "fact.corrected.v1")


def test_the_author_of_a_correction_gets_it_back_as_its_own_fact() -> None:
    path, day = with_day()
    path.add(correction(day, day_status="absent_other", hours=None), JUNE_3, AT_CENTRE, command="mend")
    everybody = path.told()
    original = next(p for p in everybody.told["centre"] if p.type == "attendance.recorded.v1")
    own = everybody.told["centre"][-1]
    assert (own.type, own.kind, own.message_id) == ("fact.corrected.v1", "fact", "mend")
    assert own.body["target_event_id"] == original.id
    assert own.body["new_values"] == {"day_status": "absent_other", "hours": None}


def test_a_correction_by_the_county_is_revised_to_the_provider_that_stated_the_fact() -> None:
    path, day = with_day()
    path.add(correction(day, day_status="absent_other", hours=None), JUNE_3)
    (revised,) = new(path)["centre"]
    assert (revised.kind, revised.type) == ("revised", "attendance.recorded.v1")
    assert revised.body["day_status"] == "absent_other"
    assert "hours" not in revised.body


def test_a_second_correction_replaces_the_first_revision() -> None:
    path, day = with_day()
    path.add(correction(day, day_status="absent_other", hours=None), JUNE_3)
    path.add(correction(day, day_status="absent_own_sickness"), JUNE_3)
    original, first, second = [p for p in path.told().told["kela-payment"] if p.type.startswith("attendance")]
    assert (first.replaces, second.replaces) == (original.id, first.id)
    assert second.body["day_status"] == "absent_own_sickness"


def test_hours_that_the_payer_never_saw_change_nothing_for_it() -> None:
    path, day = with_day()
    path.add(correction(day, hours=4.5), JUNE_3)
    assert sorted(new(path)) == ["centre", "county"]


def test_a_field_that_a_form_does_not_show_is_corrected_for_the_county_alone() -> None:
    path = whole()
    target = next(fact for fact in path.facts if fact.name == "assessment.completed")
    path.add(correction(target, last_worked_year=2016), JUNE_3)
    assert sorted(new(path)) == ["county"]


def test_a_correction_reaches_who_got_the_original_though_its_time_is_over() -> None:
    path, day = with_day()
    path.add(benefit(FUND, JUNE_3), JUNE_3)
    path.add(correction(day, day_status="absent_other", hours=None), date(2025, 6, 10))
    told = new(path)
    assert [p.kind for p in told["kela-payment"]] == ["revised"]
    assert "fund" not in told


def test_a_day_moved_into_another_payers_time_is_withdrawn_here_and_told_there() -> None:
    path, day = with_day()
    path.add(benefit(FUND, JUNE_3), JUNE_3)
    path.add(correction(day, on=date(2025, 6, 5)), date(2025, 6, 10))
    told = new(path)
    assert [p.kind for p in told["kela-payment"]] == ["withdrawn"]
    assert [(p.kind, p.occurred_on) for p in told["fund"]] == [("fact", date(2025, 6, 5))]
    assert [(p.kind, p.occurred_on) for p in told["centre"]] == [("revised", date(2025, 6, 5))]


def test_a_corrected_start_of_the_benefit_is_told_to_who_gains_and_loses_days() -> None:
    path, _ = with_day()
    change = path.add(benefit(FUND, JUNE_3), MAY)
    path.add(correction(change, from_on="2025-05-02"), JUNE_3)
    told = new(path)
    assert sorted((p.kind, p.type) for p in told["kela-payment"]) == [
        ("revised", "benefit_status.changed.v1"),
        ("withdrawn", "attendance.recorded.v1"),
    ]
    assert "attendance.recorded.v1" in [p.type for p in told["fund"]]


def test_a_corrected_draft_is_revised_in_every_form_that_shows_it() -> None:
    path = in_service()
    target = next(fact for fact in path.facts if fact.name == "plan.drafted")
    schedule = [{"weekday": entry.weekday, "hours": entry.hours} for entry in week(1, 2, hours=6)]
    path.add(correction(target, schedule=schedule), MAY)
    told = new(path)
    assert sorted(p.type for p in told["authority"]) == ["plan.agreed.v1", "plan.drafted.v1"]
    assert {(p.kind, p.body["days_per_week"], p.body["hours_per_week"]) for p in told["authority"]} == {("revised", 2, 12.0)}
    assert [(p.kind, p.type) for p in told["centre"]] == [("revised", "plan.agreed.v1")]


def test_a_referrer_never_learns_a_value_that_others_put_in_the_place_of_its_own() -> None:
    path = Path()
    sent_by = {"source": "specialised_health_care", "sender_org_id": HOSPITAL, "legal_basis": "LB-SHL-35"}
    target = path.add(referral(needs=("working_life_rules",), **sent_by), MAY, DOCTOR)
    path.add(e.ReferralAccepted(referral_id=ref("referral")), MAY_5)
    path.add(correction(target, needs=["daily_life_and_life_management"]), JUNE_3)
    assert sorted(new(path)) == ["county"]


def test_an_authors_own_fact_is_revised_in_what_its_row_would_show_it() -> None:
    path = in_service()
    change = path.add(benefit(KELA, MAY), MAY, EXPERT)
    path.add(correction(change, from_on="2025-05-02"), JUNE_3)
    (revised,) = new(path)["authority"]
    assert (revised.kind, revised.body["from_on"]) == ("revised", "2025-05-02")


def test_a_corrected_range_and_report_are_revised_to_the_payer() -> None:
    path = in_service()
    days = path.add(closed(date(2025, 5, 5), date(2025, 5, 6)), MAY_5)
    path.add(correction(days, until_on="2025-05-08"), JUNE_3)
    (revised,) = new(path)["kela-payment"]
    assert revised.body["days_on"] == ["2025-05-05", "2025-05-06", "2025-05-08"]
    sent = path.add(report(KELA, MAY, MAY_5, MAY_5, by=CENTRE), MAY_5)
    path.add(correction(sent, absences=[]), JUNE_3)
    (revised,) = new(path)["kela-payment"]
    assert revised.body["absences"] == []


def test_several_corrections_of_one_command_are_each_told_and_end_where_single_ones_would() -> None:
    """Two days change places in one command: both authors' facts, both revised (domain/pathway.md 4.4 row 45)."""
    path, one = with_day()
    other = path.add(attendance("absent_own_sickness"), MAY_6, AT_CENTRE, command="other day")
    for target, on in ((one, MAY_6), (other, MAY_5)):
        path.add(correction(target, on), JUNE_3, AT_CENTRE, command="mend")
    everybody = path.told()
    own = [p for p in everybody.told["centre"] if p.type == "fact.corrected.v1"]
    assert [(p.kind, p.message_id) for p in own] == [("fact", "mend"), ("fact", "mend")]
    assert [p.kind for p in everybody.told["county"] if p.type == "fact.corrected.v1"] == ["fact", "fact"]
    replaced = {p.replaces for p in everybody.told["kela-payment"]}
    days = [p for p in everybody.told["kela-payment"] if p.type == "attendance.recorded.v1"]
    left = {p.occurred_on: p.body["day_status"] for p in days if p.id not in replaced}
    assert left == {MAY_6: "present", MAY_5: "absent_own_sickness"}
    assert [p.kind for p in days] == ["fact", "fact", "revised", "revised"]


def test_a_knot_of_start_and_days_leaves_everybody_with_what_holds_in_the_end() -> None:
    """The start moves past a day, and the day with it: what was taken back between the two is told again."""
    path = in_service()
    start = next(fact for fact in path.facts if fact.name == "period.started")
    day = path.add(attendance(), date(2025, 3, 4), AT_CENTRE, command="day")
    path.add(correction(start, date(2025, 3, 10), starts_on=date(2025, 3, 10)), JUNE_3, command="mend")
    path.add(correction(day, date(2025, 3, 11)), JUNE_3, command="mend")
    told = path.told().told["kela-payment"]
    gone = {p.replaces for p in told}
    days = [p for p in told if p.type == "attendance.recorded.v1" and p.id not in gone and p.kind != "withdrawn"]
    assert [p.occurred_on for p in days] == [date(2025, 3, 11)]
