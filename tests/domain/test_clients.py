"""Becoming known to the organiser."""

from __future__ import annotations

from datetime import date

from given import Outcome, given
from stories import EXPERT, INTAKE, OWN_WORKER, register, registered

from domain.chapters.clients.decisions import ChangeClientDetails, RegisterClient
from domain.events import SubjectIdentifierChanged, SubjectRegistered

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


# --- details of a known client: domain/pathway.md 4.4 row 49, 4.9 ---


def details(**found: object) -> Outcome:
    return given(registered()).when(ChangeClientDetails(), by=OWN_WORKER, on=ON, **found)


def test_each_kind_of_change_is_a_fact_of_its_own_without_values() -> None:
    both = details(changed=["contact", "name"])
    both.then(SubjectIdentifierChanged, SubjectIdentifierChanged, identifier_change="name_changed")
    assert both.world.pathway.identifier_changes[-1].event.identifier_change == "contact_changed"
    assert {draft.matter for draft in both.drafts} == {registered().pathway.client_matter}


def test_details_that_are_known_change_nothing() -> None:
    details().then_nothing_happens()
    details(changed=[]).then_nothing_happens()


def test_a_code_is_added_corrected_or_replaced() -> None:
    added = details(changed=["identity_code"], identity_code_valid=True)
    added.then(SubjectIdentifierChanged, identifier_change="identity_code_added")
    known = {"changed": ["identity_code"], "identity_code_valid": True, "had_code": True}
    details(**known).then_refused("E_FIELD_MISSING", at="/identity_code_change")
    for why in ("corrected", "replaced"):
        command = ChangeClientDetails(identity_code_change=why)
        changed = given(registered()).when(command, by=INTAKE, on=ON, **known)
        changed.then(SubjectIdentifierChanged, identifier_change=f"identity_code_{why}")
    details(**known | {"identity_code_valid": False}).then_refused("E_IDENTITY_CODE", "E_FIELD_MISSING")
    taken = given(registered()).when(
        ChangeClientDetails(identity_code_change="corrected"), by=INTAKE, on=ON, code_taken=True, **known
    )
    taken.then_refused("E_CONFLICT", at="/identity_code")


def test_what_an_attempt_that_broke_off_has_changed_is_told_by_the_next_one() -> None:
    details(changing=["name_changed"]).then(SubjectIdentifierChanged, identifier_change="name_changed")


def test_only_the_county_changes_details_of_somebody_who_is_registered() -> None:
    outsider = given(registered()).when(ChangeClientDetails(), by=EXPERT, on=ON, changed=["name"])
    outsider.then_refused("E_NOT_ENTITLED")
    nobody = given(register()).when(ChangeClientDetails(), by=INTAKE, on=ON, changed=["name"])
    nobody.then_refused("E_SUBJECT_UNRESOLVED")
    early = given(registered()).when(
        ChangeClientDetails(occurred_on=date(2025, 1, 14)), by=INTAKE, on=ON, changed=["name"]
    )
    early.then_refused("E_ORDER", at="/occurred_on")
