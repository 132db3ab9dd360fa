"""What the payer is told of absences."""

from __future__ import annotations

from datetime import date

from given import given
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from stories import (
    ASSOCIATION,
    EXPERT,
    FIRST,
    FUND,
    INSTRUCTOR,
    INTERVIEW,
    KELA,
    OPERATOR,
    OWN_WORKER,
    SICK,
    STRANGER,
    as_1,
    closed,
    last,
    report,
    subsidy,
)

from domain.chapters.attendance.decisions import SendAbsenceReport
from domain.chapters.benefits.decisions import ChangeBenefitStatus
from domain.events import Absence, AbsenceReportSent

FROM, ON = date(2025, 3, 10), date(2025, 3, 21)
ABSENCES = tuple(Absence(day_on=on, day_status="absent_own_sickness") for on in SICK)


def test_a_report_tells_the_payer_of_the_recorded_absences() -> None:
    outcome = given(as_1("13")).when(report(FROM, ON), by=INSTRUCTOR, on=ON)
    outcome.then(AbsenceReportSent, payer_org_id=KELA, reporting_org_id=ASSOCIATION, absences=ABSENCES).flagged()


def test_the_same_report_twice_changes_nothing() -> None:
    given(as_1("14")).when(report(FROM, ON), by=INSTRUCTOR, on=ON).then_nothing_happens()


def test_an_absence_older_than_two_weeks_is_reported_late() -> None:
    given(as_1("13")).when(report(FROM, SICK[1]), by=INSTRUCTOR, on=date(2025, 4, 1)).then(AbsenceReportSent).flagged()
    late = given(as_1("13")).when(report(FROM, SICK[1]), by=INSTRUCTOR, on=date(2025, 4, 2))
    late.then(AbsenceReportSent).flagged("late")


def test_a_client_without_a_payer_is_reported_to_nobody() -> None:
    without = ChangeBenefitStatus(benefit="social_assistance", from_on=date(2025, 3, 1))
    poor = given(as_1("13")).but(without, by=OWN_WORKER, on=ON)
    poor.when(report(FROM, ON), by=INSTRUCTOR, on=ON).then_refused("E_PAYER_UNKNOWN", at="/payer_org_id")


def test_a_report_goes_to_the_payer_of_its_days() -> None:
    given(as_1("13")).when(report(FROM, ON, payer_org_id=FUND), by=INSTRUCTOR, on=ON).then_refused("E_PAYER_UNKNOWN")
    fund = subsidy(benefit="earnings_related_allowance", payer_org_id=FUND, from_on=SICK[1])
    halfway = given(as_1("13")).but(fund, by=EXPERT, on=ON)
    halfway.when(report(FROM, ON), by=INSTRUCTOR, on=ON).then_refused("E_PAYER_UNKNOWN")
    halfway.when(report(SICK[1], ON), by=INSTRUCTOR, on=ON).then(AbsenceReportSent, payer_org_id=FUND)
    before = date(2025, 3, 19)
    halfway.when(report(FROM, before), by=INSTRUCTOR, on=ON).then(AbsenceReportSent, payer_org_id=KELA)


def test_only_the_own_provider_reports_or_the_clock_in_its_name() -> None:
    given(as_1("13")).when(report(FROM, ON), by=STRANGER, on=ON).then_refused("E_NOT_ENTITLED")
    by_clock = given(as_1("13")).when(report(FROM, ON), by=OPERATOR, on=ON)
    by_clock.then(AbsenceReportSent, reporting_org_id=ASSOCIATION)


def test_a_report_holds_absences_of_its_own_range_alone() -> None:
    outside = (Absence(day_on=INTERVIEW, day_status="absent_job_interview"),)
    given(as_1("17")).when(report(FROM, ON, absences=outside), by=INSTRUCTOR, on=INTERVIEW).then_refused(
        "E_OUTSIDE_PERIOD", at="/absences"
    )
    there = (Absence(day_on=SICK[0], day_status="present"),)
    given(as_1("13")).when(report(FROM, ON, absences=there), by=INSTRUCTOR, on=ON).then_refused("E_CODE")
    given(as_1("13")).when(report(FROM, ON, absences=ABSENCES), by=INSTRUCTOR, on=ON).then(AbsenceReportSent)


def test_an_absence_is_not_reported_before_it_happens() -> None:
    ahead = (Absence(day_on=date(2025, 3, 24), day_status="absent_job_interview"),)
    given(as_1("13")).when(report(FROM, date(2025, 3, 24), absences=ahead), by=INSTRUCTOR, on=ON).then_refused("E_FUTURE")
    backwards = report(ON, FROM)
    given(as_1("13")).when(backwards, by=INSTRUCTOR, on=ON).then_refused("E_OUTSIDE_PERIOD")


def test_that_there_were_no_absences_may_be_reported() -> None:
    given(as_1("12a")).when(report(date(2025, 3, 3), date(2025, 3, 7)), by=INSTRUCTOR, on=date(2025, 3, 7)).then(
        AbsenceReportSent, absences=()
    )


def test_a_day_that_turned_out_to_be_closed_is_no_absence_to_tell_of() -> None:
    """domain/pathway.md 4.4 row 27, domain/law.md 2.7"""
    shut = given(as_1("13")).but(closed(SICK[1]), by=INSTRUCTOR, on=SICK[1])
    told = shut.when(report(SICK[0], SICK[1]), by=INSTRUCTOR, on=SICK[1])
    told.then(AbsenceReportSent, absences=(Absence(day_on=SICK[0], day_status="absent_own_sickness"),))


def test_a_report_names_a_day_once() -> None:
    told = Absence(day_on=SICK[0], day_status="absent_own_sickness")
    for again in (told, told.model_copy(update={"day_status": "absent_other"})):
        twice = report(FROM, ON, absences=(told, again))
        given(as_1("13")).when(twice, by=INSTRUCTOR, on=ON).then_refused("E_CONFLICT", at="/absences")


def test_a_report_is_of_days_that_are_over() -> None:
    """Else an absence that comes would count as told."""
    for until in (date(2025, 3, 22), date(2025, 8, 31)):
        ahead = report(FROM, until, absences=ABSENCES)
        given(as_1("13")).when(ahead, by=INSTRUCTOR, on=ON).then_refused("E_FUTURE", at="/until_on")


def test_absences_are_told_again_to_another_payer_and_to_the_same_one_in_a_longer_report() -> None:
    """domain/pathway.md 4.4 rows 29, 42: who pays may be said late."""
    longer = given(as_1("14")).when(report(date(2025, 3, 3), ON), by=INSTRUCTOR, on=ON)
    longer.then(AbsenceReportSent, payer_org_id=KELA, absences=ABSENCES)
    fund = subsidy(benefit="earnings_related_allowance", payer_org_id=FUND, from_on=date(2025, 3, 1))
    changed = given(as_1("14")).but(fund, by=EXPERT, on=date(2025, 3, 24))
    changed.when(report(FROM, ON), by=INSTRUCTOR, on=date(2025, 3, 24)).then(AbsenceReportSent, payer_org_id=FUND)


def test_of_a_period_that_has_not_begun_or_has_no_day_in_the_range_nothing_is_reported() -> None:
    before = report(date(2025, 2, 3), date(2025, 2, 24))
    given(as_1("11")).when(before, by=INSTRUCTOR, on=date(2025, 2, 24)).then_refused("E_OUTSIDE_PERIOD")
    given(as_1("13")).when(before, by=INSTRUCTOR, on=ON).then_refused("E_OUTSIDE_PERIOD")
    unknown = SendAbsenceReport(period_id="d" * 32, from_on=FROM, until_on=ON)
    given(as_1("13")).when(unknown, by=INSTRUCTOR, on=ON).then_refused("E_UNKNOWN_REFERENCE", at="/period_id")


def test_behind_its_placement_a_provider_learns_nothing_of_payers() -> None:
    """domain/disclosure.md 5.3, column PR: the days of its placement are its own, and who pays on others is not told."""
    ended = given(as_1("22"))
    changed = ended
    for benefit in ({}, {"benefit": "earnings_related_allowance", "payer_org_id": FUND}):
        changed = changed.but(subsidy(from_on=date(2025, 9, 4), **benefit), by=EXPERT, on=date(2025, 9, 10))
    for world in (ended, changed):
        for on in (date(2025, 3, 2), date(2025, 9, 3), date(2025, 9, 5)):
            for payer in (KELA, FUND, None):
                asked = report(on, on, payer_org_id=payer, absences=())
                told = world.when(asked, by=INSTRUCTOR, on=date(2025, 9, 10))
                told.then_refused("E_OUTSIDE_PERIOD", at="/absences")


WORLD = as_1("present 2025-06-02")
DAYS = st.dates(date(2025, 2, 20), date(2025, 6, 20))
ODD = st.builds(
    lambda on, status: Absence(day_on=on, day_status=status),
    DAYS,
    st.sampled_from(["absent_own_sickness", "absent_other", "present", "not_arranged"]),
)


@settings(max_examples=200, deadline=None)
@for_all(
    first=DAYS,
    until=DAYS,
    absences=st.none() | st.lists(ODD, max_size=4).map(tuple),
    sent_on=st.dates(FIRST, date(2025, 6, 11)),
    payer=st.sampled_from([None, KELA, FUND]),
)
def test_whatever_is_reported_is_of_days_of_the_period_that_are_over_and_goes_to_their_payer(
    first: date, until: date, absences: tuple[Absence, ...] | None, sent_on: date, payer: str | None
) -> None:
    """domain/pathway.md 4.4 row 29"""
    asked = report(first, until, absences=absences, payer_org_id=payer, occurred_on=sent_on)
    outcome = given(WORLD).when(asked, by=INSTRUCTOR, on=date(2025, 6, 11))
    period = WORLD.pathway.periods[last(WORLD.pathway.periods)]
    for draft in outcome.drafts:
        sent = draft.event
        assert isinstance(sent, AbsenceReportSent)
        days = [absence.day_on for absence in sent.absences]
        assert sent.from_on <= sent.until_on <= sent_on
        assert sorted(days) == sorted({day for day in days if sent.from_on <= day <= sent.until_on and period.covers(day)})
        assert {WORLD.pathway.payer(day) for day in days} <= {sent.payer_org_id}
        assert all(absence.day_status.startswith("absent_") for absence in sent.absences)
