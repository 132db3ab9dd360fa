"""Becoming known to the organiser."""

from __future__ import annotations

from datetime import date

from given import given
from stories import INTAKE, register, registered

from domain.chapters.clients.decisions import RegisterClient
from domain.events import SubjectRegistered

ON = date(2025, 1, 15)
NEW = RegisterClient(identity_kind="identity_code", registered_from="referral")


def test_a_person_becomes_known_under_a_matter_of_the_own() -> None:
    outcome = given(register()).when(NEW, by=INTAKE, on=ON, identity_code_valid=True)
    outcome.then(SubjectRegistered, identity_kind="identity_code", registered_from="referral")
    assert len(outcome.drafts[0].matter) == 32


def test_an_identity_code_that_fails_its_check_is_refused() -> None:
    wrong = given(register()).when(NEW, by=INTAKE, on=ON, identity_code_valid=False)
    wrong.then_refused("E_IDENTITY_CODE", at="/identity_code")
    given(register()).when(NEW, by=INTAKE, on=ON).then_refused("E_IDENTITY_CODE")


def test_a_person_without_an_identity_code_can_be_registered() -> None:
    unnamed = RegisterClient(identity_kind="temporary_identifier", registered_from="own_contact")
    given(register()).when(unnamed, by=INTAKE, on=ON).then(SubjectRegistered)


def test_a_code_that_is_known_already_changes_nothing() -> None:
    known = given(register()).when(NEW, by=INTAKE, on=ON, identity_code_valid=True, known_reference="a" * 32)
    known.then_nothing_happens()


def test_registering_the_same_client_twice_changes_nothing() -> None:
    given(registered()).when(NEW, by=INTAKE, on=ON, identity_code_valid=True).then_nothing_happens()


def test_nobody_is_registered_in_the_future() -> None:
    ahead = NEW.model_copy(update={"occurred_on": date(2025, 1, 16)})
    given(register()).when(ahead, by=INTAKE, on=ON, identity_code_valid=True).then_refused("E_FUTURE")
