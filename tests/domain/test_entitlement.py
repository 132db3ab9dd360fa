"""Who may ask is judged before what there is: no refusal tells of a case that the caller is not told of (design D22)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from given import Ask, World, given
from stories import (
    CONTRACTS,
    COUNTY,
    DOCTOR,
    INSTRUCTOR,
    LAST,
    MANAGER,
    OWN_WORKER,
    as_1,
    closed,
    day,
    debts,
    instructor,
    joining,
    meeting,
    registered,
    report,
    welcome,
)

from domain.chapters.cases.decisions import CloseCase
from domain.chapters.parallel_services.decisions import StartParallelService
from domain.context import Caller
from domain.messages import GROUP
from projections.kinds import kinds

TODAY = date(2025, 12, 1)


def dated(ask: Ask, on: date) -> Ask:
    """The same command, said of a day."""
    return lambda p: (ask(p) if callable(ask) else ask).model_copy(update={"occurred_on": on})


PROVIDER: dict[str, tuple[Caller, Callable[[date], Ask]]] = {
    "hold_follow_up": (INSTRUCTOR, lambda on: dated(meeting("client"), on)),
    "accept_placement": (MANAGER, lambda on: dated(welcome, on)),
    "name_instructor": (MANAGER, lambda on: dated(instructor, on)),
    "record_attendance": (INSTRUCTOR, lambda on: dated(day(), on)),
    "record_not_arranged": (INSTRUCTOR, lambda on: closed(on)),
    "send_absence_report": (INSTRUCTOR, lambda on: dated(report(on, on), on)),
}


def answers(world: World, ask: Callable[[date], Ask], by: Caller) -> list[Any]:
    """What a caller is answered, day by day from the day after the placement's end on."""
    outcomes = [given(world).when(ask(LAST + timedelta(days=n)), by=by, on=TODAY) for n in range(1, 40)]
    return [each.refused.codes if each.refused else [draft.event.NAME for draft in each.drafts] for each in outcomes]


@pytest.mark.parametrize("name", PROVIDER)
def test_a_provider_does_not_read_the_closing_of_a_case_after_its_placement(name: str) -> None:
    by, ask = PROVIDER[name]
    # given a case that goes on, one closed three days later, and one closed in a month
    still_open = as_1("23")
    worlds = [still_open]
    for after in (3, 30):
        closing = CloseCase(closing_code="exit")
        worlds.append(given(still_open).but(closing, by=OWN_WORKER, on=LAST + timedelta(days=after)).world)
    # then every day is answered the same in all of them
    said = [answers(world, ask, by) for world in worlds]
    assert said[0] == said[1] == said[2]


def test_every_command_of_a_provider_is_among_them() -> None:
    [provider] = kinds().of_task("provider")
    # of corrections only its own facts are asked, whatever their day
    assert provider.sends - {GROUP, "correct_fact"} == PROVIDER.keys()


def test_a_service_without_a_ground_to_tell_learns_nothing_of_the_case() -> None:
    telling = StartParallelService(service="other", service_note="rowing", told_by="service")
    for world in (registered(), as_1("3"), as_1("24")):
        given(world).when(telling, by=DOCTOR, on=TODAY).then_refused("E_NO_LEGAL_BASIS")


def test_a_provider_is_not_told_of_others_days_by_the_codes_of_its_own() -> None:
    # a day outside its placement is that alone, whatever others have recorded of it (domain/pathway.md 4.4 row 27)
    late = dated(day(), LAST + timedelta(days=2))
    given(as_1("23")).when(late, by=INSTRUCTOR, on=TODAY).then_refused("E_OUTSIDE_PERIOD")


def test_a_placement_is_its_providers_from_the_asking_to_its_end() -> None:
    for ask in (welcome, instructor):
        for on in (date(2025, 2, 19), LAST + timedelta(days=1)):
            given(as_1("10 proposed")).when(dated(ask, on), by=MANAGER, on=TODAY).then_refused("E_NOT_ENTITLED")



def test_the_county_in_another_task_is_an_agency_like_every_other() -> None:
    """domain/privacy.md 3.9, design D8: (organisation, task). Its own hospital refers, and is no social worker."""
    on = date(2025, 4, 1)
    hospital = joining(COUNTY, "health_care", {"referrer": "county-hospital"}, date(2025, 1, 2))
    world = given(as_1("14")).but(hospital, by=CONTRACTS, on=on)
    for role in ("referrer", "own_worker"):
        by = Caller(COUNTY, "referrer", role, "D-72")
        world.when(debts(), by=by, on=on).then_refused("E_NOT_ENTITLED", at="/told_by")
        world.when(meeting("organiser"), by=by, on=on).then_refused("E_NOT_ENTITLED")
    told = world.but(debts(), by=OWN_WORKER, on=on)
    assert told.world.pathway.parallel_services
