"""What else runs beside the service."""

from __future__ import annotations

from datetime import date

from given import given
from stories import DOCTOR, HOSPITAL, OWN_WORKER, as_1, debts, last

from domain.chapters.parallel_services.decisions import StopParallelService
from domain.events import ParallelServiceStarted, ParallelServiceStopped

BEFORE, ON, END = date(2025, 1, 15), date(2025, 4, 1), date(2025, 6, 30)
BY_SERVICE = {"service": "psychiatric_services", "told_by": "service", "consent_id": "b" * 32}


def stop(**but: object):  # type: ignore[no-untyped-def]
    return lambda p: StopParallelService(**{"parallel_service_id": last(p.parallel_services)} | but)


def test_another_service_begins_with_its_code_and_date_alone() -> None:
    outcome = given(as_1("14")).when(debts(), by=OWN_WORKER, on=ON)
    outcome.then(ParallelServiceStarted, service="financial_and_debt_counselling", told_by="client", from_on=ON)


def test_a_service_off_the_list_needs_its_note_and_no_diagnosis_in_it() -> None:
    given(as_1("14")).when(debts(service="other"), by=OWN_WORKER, on=ON).then_refused("E_NOTE_REQUIRED")
    noted = debts(service="other", service_note="A village choir")
    given(as_1("14")).when(noted, by=OWN_WORKER, on=ON).then(ParallelServiceStarted)
    ill = debts(service="other", service_note="Therapy for F32.1")
    given(as_1("14")).when(ill, by=OWN_WORKER, on=ON).then_refused("E_HEALTH_CONTENT", at="/service_note")
    given(as_1("14")).when(debts(service_note="x"), by=OWN_WORKER, on=ON).then_refused("E_FIELD_NOT_ALLOWED")


def test_the_service_itself_tells_only_with_consent() -> None:
    """domain/pathway.md 4.4 row 34, 4.9: and there are none yet, whatever part of the client is named as one."""
    client = as_1("14").pathway.client
    for consent in (None, "b" * 32, client, last(as_1("14").pathway.periods)):
        told = debts(**BY_SERVICE | {"consent_id": consent})
        given(as_1("14")).when(told, by=DOCTOR, on=ON).then_refused("E_NO_LEGAL_BASIS", at="/consent_id")
        # and whether there was a case on the day is not told by the code (design D22)
        given(as_1("14")).when(told, by=DOCTOR, on=BEFORE).then_refused("E_NO_LEGAL_BASIS", at="/consent_id")
    given(as_1("14")).when(debts(), by=DOCTOR, on=ON).then_refused("E_NOT_ENTITLED")
    given(as_1("14")).when(debts(consent_id="b" * 32), by=OWN_WORKER, on=ON).then_refused("E_FIELD_NOT_ALLOWED")


def test_a_service_reads_no_case_from_the_answer_to_a_consent_of_its_own_making() -> None:
    """design D22: before the case opened, while it was open and after it closed, the answer is the same."""
    for row in ("2", "14", "24"):
        pathway = as_1(row).pathway
        for consent in (pathway.client, last(pathway.referrals), "b" * 32):
            for on in (date(2025, 1, 20), ON, date(2025, 9, 8)):
                told = debts(**BY_SERVICE | {"consent_id": consent, "occurred_on": on})
                asked = given(as_1(row)).when(told, by=DOCTOR, on=date(2025, 9, 8))
                asked.then_refused("E_NO_LEGAL_BASIS", at="/consent_id")


def test_a_service_begins_in_an_open_case_and_not_tomorrow() -> None:
    given(as_1("2")).when(debts(), by=OWN_WORKER, on=ON).then_refused("E_STATE")
    given(as_1("14")).when(debts(from_on=date(2025, 4, 2)), by=OWN_WORKER, on=ON).then_refused("E_FUTURE", at="/from_on")
    earlier = debts(from_on=date(2024, 11, 1))
    given(as_1("14")).when(earlier, by=OWN_WORKER, on=ON).then(ParallelServiceStarted, from_on=date(2024, 11, 1))


def test_a_service_stops_once() -> None:
    given(as_1("18")).when(stop(), by=OWN_WORKER, on=END).then(ParallelServiceStopped, until_on=END)
    given(as_1("19")).when(stop(), by=OWN_WORKER, on=END).then_nothing_happens()
    given(as_1("19")).when(stop(), by=OWN_WORKER, on=date(2025, 7, 1)).then_refused("E_ORDER", at="/parallel_service_id")


def test_a_service_stops_after_it_began_and_not_tomorrow() -> None:
    given(as_1("18")).when(stop(until_on=date(2025, 3, 31)), by=OWN_WORKER, on=END).then_refused("E_ORDER", at="/until_on")
    given(as_1("18")).when(stop(until_on=ON), by=OWN_WORKER, on=END).then(ParallelServiceStopped)
    given(as_1("18")).when(stop(until_on=date(2025, 7, 1)), by=OWN_WORKER, on=END).then_refused("E_FUTURE")
    given(as_1("18")).when(stop(parallel_service_id="d" * 32), by=OWN_WORKER, on=END).then_refused("E_UNKNOWN_REFERENCE")


def test_only_the_county_or_the_service_itself_stops_it() -> None:
    given(as_1("18")).when(stop(), by=DOCTOR, on=END).then_refused("E_NOT_ENTITLED")
    own = debts(service="psychiatric_services", service_org_id=HOSPITAL)
    theirs = given(as_1("18")).but(own, by=OWN_WORKER, on=END)
    theirs.when(stop(), by=DOCTOR, on=END).then(ParallelServiceStopped)


def test_the_same_service_of_the_same_organisation_runs_once() -> None:
    """domain/pathway.md 4.4 row 34"""
    running = given(as_1("15"))
    again = debts()
    for _ in range(3):
        running.when(again, by=OWN_WORKER, on=date(2025, 4, 2)).then_refused("E_NO_CHANGE", at="/service")
    earlier = debts(from_on=date(2025, 3, 1))
    running.when(earlier, by=OWN_WORKER, on=date(2025, 4, 2)).then_refused("E_NO_CHANGE")
    other_body = debts(service_org_id=HOSPITAL)
    running.when(other_body, by=OWN_WORKER, on=date(2025, 4, 2)).then(ParallelServiceStarted)
    # It ended on 30 June: on its last day it still runs, on the next one it may begin again, as it may have run before.
    ended = given(as_1("19"))
    ended.when(debts(), by=OWN_WORKER, on=END).then_refused("E_NO_CHANGE")
    ended.when(debts(), by=OWN_WORKER, on=date(2025, 7, 1)).then(ParallelServiceStarted)
    ended.when(earlier, by=OWN_WORKER, on=date(2025, 7, 1)).then(ParallelServiceStarted)


def test_services_off_the_list_are_told_apart_by_their_notes() -> None:
    choir = debts(service="other", service_note="A village choir")
    singing = given(as_1("14")).but(choir, by=OWN_WORKER, on=ON)
    singing.when(choir, by=OWN_WORKER, on=ON).then_refused("E_NO_CHANGE")
    chess = debts(service="other", service_note="A chess club")
    singing.when(chess, by=OWN_WORKER, on=ON).then(ParallelServiceStarted)
