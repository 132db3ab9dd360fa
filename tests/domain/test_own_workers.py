"""One named own worker, a registered professional."""

from __future__ import annotations

from datetime import date

from given import given
from stories import SOCIAL_WORKER, TEAM_LEAD, as_1, own_worker, result

from domain.events import OwnWorkerAssigned

ON = date(2025, 2, 7)


def test_the_client_gets_a_named_own_worker() -> None:
    outcome = given(as_1("5")).when(own_worker(), by=TEAM_LEAD, on=ON)
    outcome.then(OwnWorkerAssigned, worker_id="W-01", effective_on=ON, registration_number="R-1001")


def test_naming_the_same_own_worker_twice_changes_nothing() -> None:
    given(as_1("6")).when(own_worker(), by=TEAM_LEAD, on=date(2025, 2, 10)).then_nothing_happens()


def test_a_licence_that_ended_makes_no_own_worker() -> None:
    ended = own_worker(registration_until_on=date(2025, 2, 6))
    given(as_1("5")).when(ended, by=TEAM_LEAD, on=ON).then_refused("E_NOT_PROFESSIONAL")
    last_day = own_worker(registration_until_on=ON)
    given(as_1("5")).when(last_day, by=TEAM_LEAD, on=ON).then(OwnWorkerAssigned)
    not_yet = own_worker(registration_from_on=date(2025, 2, 8))
    given(as_1("5")).when(not_yet, by=TEAM_LEAD, on=ON).then_refused("E_NOT_PROFESSIONAL")


def test_a_client_with_special_support_needs_a_social_worker() -> None:
    special = given(as_1("4")).but(result(special_support_need=True), by=SOCIAL_WORKER, on=date(2025, 2, 6))
    special.when(own_worker(), by=TEAM_LEAD, on=ON).then_refused("E_SOCIAL_WORKER_REQUIRED", at="/profession")
    special.when(own_worker(profession="social_worker"), by=TEAM_LEAD, on=ON).then(OwnWorkerAssigned)


def test_two_own_workers_at_one_time_are_refused() -> None:
    second = own_worker(worker_id="W-02", effective_on=date(2025, 3, 1))
    given(as_1("6")).when(second, by=TEAM_LEAD, on=date(2025, 2, 20)).then_refused("E_OVERLAP", at="/effective_on")


def test_an_own_worker_may_be_named_ahead_but_the_naming_itself_is_done() -> None:
    ahead = own_worker(effective_on=date(2025, 2, 20))
    given(as_1("5")).when(ahead, by=TEAM_LEAD, on=ON).then(OwnWorkerAssigned)
    given(as_1("5")).when(own_worker(occurred_on=date(2025, 2, 8)), by=TEAM_LEAD, on=ON).then_refused("E_FUTURE")


def test_without_a_case_there_is_nobody_to_name() -> None:
    given(as_1("2")).when(own_worker(), by=TEAM_LEAD, on=ON).then_refused("E_STATE")
