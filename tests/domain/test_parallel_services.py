"""What else runs beside the service."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from given import Given, given
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from stories import AUTHORITY, DOCTOR, HOSPITAL, OWN_WORKER, as_1, debts, last

from domain.chapters.corrections.decisions import CorrectFact, FurtherCorrection
from domain.chapters.parallel_services.decisions import StartParallelService, StopParallelService
from domain.events import FactCorrected, ParallelServiceStarted, ParallelServiceStopped
from domain.pathway import Pathway, replay
from domain.receipts import parts_begun

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


# --- An end that is told before its start (domain/pathway.md 4.4 row 34, domain/events.md 11.13) ------------------------

JULY = date(2025, 7, 14)
TE = {"service": "te_services", "service_org_id": HOSPITAL, "told_by": "client"}


def ended(**but: object) -> StopParallelService:
    return StopParallelService(**TE | {"until_on": END} | but)


def begun(**but: object):  # type: ignore[no-untyped-def]
    said = TE | {"told_by": "own_worker", "from_on": ON}
    return lambda p: StartParallelService(**{"parallel_service_id": last(p.parallel_services)} | said | but)


def ended_first() -> Given:
    return given(as_1("14")).but(ended(), by=OWN_WORKER, on=JULY)


def test_an_end_whose_start_is_not_known_begins_the_part_and_names_the_service() -> None:
    outcome = given(as_1("14")).when(ended(), by=OWN_WORKER, on=JULY).then(ParallelServiceStopped, **TE, until_on=END)
    stopped = outcome.drafts[0].event
    assert parts_begun([stopped]) == {"parallel_service_id": last(outcome.world.pathway.parallel_services)}
    bare = given(as_1("14")).when(ended(service_org_id=None), by=OWN_WORKER, on=JULY)
    bare.then(ParallelServiceStopped, service_org_id=None)


def test_an_end_of_a_service_whose_start_is_known_begins_nothing() -> None:
    outcome = given(as_1("18")).when(stop(), by=OWN_WORKER, on=END)
    outcome.then(ParallelServiceStopped, service=None, service_org_id=None, told_by=None)
    assert parts_begun([outcome.drafts[0].event]) == {}


def test_what_names_the_service_is_required_exactly_while_its_start_is_not_known() -> None:
    for name in ("service", "told_by"):
        given(as_1("14")).when(ended(**{name: None}), by=OWN_WORKER, on=JULY).then_refused("E_FIELD_MISSING", at=f"/{name}")
    nothing = StopParallelService(until_on=END)
    given(as_1("14")).when(nothing, by=OWN_WORKER, on=JULY).then_refused("E_FIELD_MISSING", at="/parallel_service_id")
    for name, value in TE.items():
        known = given(as_1("18")).when(stop(**{name: value}), by=OWN_WORKER, on=END)
        known.then_refused("E_FIELD_NOT_ALLOWED", at=f"/{name}")


def test_the_start_that_comes_later_names_that_part() -> None:
    known = ended_first().when(begun(), by=OWN_WORKER, on=JULY).then(ParallelServiceStarted, from_on=ON)
    (run,) = known.world.pathway.parallel_services.values()
    assert (run.started.event.from_on, run.stopped.event.until_on) == (ON, END)  # type: ignore[union-attr]
    Given(known.world).when(begun(), by=OWN_WORKER, on=JULY).then_nothing_happens()
    other = begun(from_on=date(2025, 4, 2))
    Given(known.world).when(other, by=OWN_WORKER, on=JULY).then_refused("E_ORDER", at="/parallel_service_id")
    Given(known.world).when(ended(), by=OWN_WORKER, on=JULY).then_nothing_happens()
    Given(known.world).when(stop(until_on=END), by=OWN_WORKER, on=JULY).then_nothing_happens()


def test_a_start_is_that_of_the_service_that_ended_and_comes_before_its_end() -> None:
    first = ended_first()
    first.when(begun(service="coaching_services"), by=OWN_WORKER, on=JULY).then_refused("E_CONFLICT", at="/service")
    first.when(begun(service_org_id=AUTHORITY), by=OWN_WORKER, on=JULY).then_refused("E_CONFLICT", at="/service_org_id")
    first.when(begun(service_org_id=None), by=OWN_WORKER, on=JULY).then(ParallelServiceStarted)
    first.when(begun(from_on=date(2025, 7, 1)), by=OWN_WORKER, on=JULY).then_refused("E_ORDER", at="/from_on")
    first.when(begun(parallel_service_id="d" * 32), by=OWN_WORKER, on=JULY).then_refused("E_UNKNOWN_REFERENCE")


def test_an_end_is_told_once_and_passes_what_a_start_passes() -> None:
    first = ended_first()
    first.when(ended(), by=OWN_WORKER, on=JULY).then_nothing_happens()
    first.when(ended(told_by="own_worker"), by=OWN_WORKER, on=JULY).then_refused("E_NO_CHANGE", at="/service")
    first.when(stop(until_on=ON), by=OWN_WORKER, on=JULY).then_refused("E_ORDER", at="/parallel_service_id")
    anew = given(as_1("14"))
    anew.when(ended(until_on=date(2025, 7, 15)), by=OWN_WORKER, on=JULY).then_refused("E_FUTURE", at="/until_on")
    anew.when(ended(service="other"), by=OWN_WORKER, on=JULY).then_refused("E_NOTE_REQUIRED", at="/service")
    for by in (OWN_WORKER, DOCTOR):
        anew.when(ended(told_by="service"), by=by, on=JULY).then_refused("E_NO_LEGAL_BASIS", at="/told_by")
    anew.when(ended(), by=DOCTOR, on=JULY).then_refused("E_NOT_ENTITLED", at="/told_by")
    given(as_1("2")).when(ended(), by=OWN_WORKER, on=JULY).then_refused("E_STATE")
    given(as_1()).when(ended(), by=OWN_WORKER, on=date(2025, 9, 8)).then_refused("E_CASE_CLOSED")
    given(as_1()).when(ended(occurred_on=END), by=OWN_WORKER, on=date(2025, 9, 8)).then(ParallelServiceStopped)


def test_the_same_service_does_not_run_twice_whichever_fact_came_first() -> None:
    """A start that does not name the part is another run: not on the last day of one that is known by its end alone."""
    first = ended_first()
    first.when(begun(parallel_service_id=None), by=OWN_WORKER, on=JULY).then_refused("E_NO_CHANGE", at="/service")
    later = begun(parallel_service_id=None, from_on=date(2025, 7, 1))
    first.when(later, by=OWN_WORKER, on=JULY).then(ParallelServiceStarted)
    # An earlier run of its own has an end of its own, which is told first.
    march = first.but(ended(until_on=date(2025, 3, 31)), by=OWN_WORKER, on=JULY)
    march.when(begun(from_on=date(2025, 3, 3)), by=OWN_WORKER, on=JULY).then(ParallelServiceStarted)
    running = given(as_1("14")).but(StartParallelService(**TE, from_on=ON), by=OWN_WORKER, on=JULY)
    running.when(ended(), by=OWN_WORKER, on=JULY).then_refused("E_NO_CHANGE", at="/service")
    running.when(ended(until_on=date(2025, 3, 31)), by=OWN_WORKER, on=JULY).then(ParallelServiceStopped)


def test_corrections_keep_both_ends_of_a_part_together() -> None:
    known = ended_first().but(begun(), by=OWN_WORKER, on=JULY)
    facts = known.world.pathway.facts
    start, end = (key for name in ("started", "stopped") for key, f in facts.items() if f.name == f"parallel_service.{name}")

    def mended(key: str, *further: FurtherCorrection, **values: object) -> CorrectFact:
        said = {"target_event_id": key, "new_values": values}
        return CorrectFact(correction_reason="wrong_entry", further=further or None, **said)

    known.when(mended(end, until_on="2025-03-31"), by=OWN_WORKER, on=JULY).then_refused("E_ORDER", at="/new_values/until_on")
    known.when(mended(start, from_on="2025-07-01"), by=OWN_WORKER, on=JULY).then_refused("E_ORDER", at="/new_values/from_on")
    other = {"service": "coaching_services"}
    known.when(mended(end, **other), by=OWN_WORKER, on=JULY).then_refused("E_CONFLICT", at="/new_values/service")
    both = mended(end, FurtherCorrection(target_event_id=start, new_values=other), **other)
    known.when(both, by=OWN_WORKER, on=JULY).then(FactCorrected, FactCorrected)
    alone = ended_first()
    alone.when(mended(end, service=None), by=OWN_WORKER, on=JULY).then_refused("E_FIELD_MISSING", at="/new_values/service")
    alone.when(mended(end, **other), by=OWN_WORKER, on=JULY).then(FactCorrected)


@settings(max_examples=60, deadline=None, derandomize=True)
@for_all(
    st.integers(0, 120).map(lambda n: ON + timedelta(days=n)),
    st.integers(0, 120).map(lambda n: ON + timedelta(days=n)),
    st.sampled_from(("te_services", "psychiatric_services", "coaching_services")),
    st.sampled_from((None, HOSPITAL)),
)
def test_start_then_stop_and_stop_then_start_end_in_the_same_state(
    first: date, until: date, service: Any, org: str | None
) -> None:
    """domain/pathway.md 4.5 I1"""
    said, world, on = {"service": service, "service_org_id": org, "told_by": "client"}, given(as_1("14")), date(2025, 8, 1)
    one = world.but(StartParallelService(**said, from_on=first), by=OWN_WORKER, on=on)
    one_way = one.when(stop(until_on=until), by=OWN_WORKER, on=on)
    other = world.but(StopParallelService(**said, until_on=until), by=OWN_WORKER, on=on)
    naming = begun(**said, from_on=first)
    other_way = other.when(naming, by=OWN_WORKER, on=on)
    assert [str(outcome.refused) for outcome in (one_way, other_way)].count("None") in (0, 2)
    if one_way.refused is None:
        assert runs(one_way.world.pathway) == runs(other_way.world.pathway) == [(service, org, "client", first, until)]
        # The same facts, folded in either order.
        *before, stopped, started = other_way.world.pathway.facts.values()
        client = other_way.world.pathway.client
        folded = [replay(client, [*before, *order]).parallel_services for order in ((stopped, started), (started, stopped))]
        assert folded[0] == folded[1] == other_way.world.pathway.parallel_services


def runs(pathway: Pathway) -> list[tuple[Any, ...]]:
    known = [(run.named.event, run.started, run.stopped) for run in pathway.parallel_services.values()]
    return [
        (named.service, named.service_org_id, named.told_by, start.event.from_on, end.event.until_on)  # type: ignore[union-attr]
        for named, start, end in known
    ]
