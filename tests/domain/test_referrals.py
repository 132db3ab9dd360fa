"""Referring, receiving, taking on."""

from __future__ import annotations

from datetime import date

from given import given
from stories import AUTHORITY, CLIENT, COUNTY, DOCTOR, HOSPITAL, INTAKE, REFERRER, as_1, last, referral, register, registered

from domain.chapters.clients.decisions import RegisterClient
from domain.chapters.referrals.decisions import AcceptReferral, ReceiveReferral, SubmitReferral
from domain.commands import Command
from domain.context import Caller
from domain.events import CaseOpened, ReferralAccepted, ReferralReceived, ReferralSubmitted
from domain.pathway import Pathway

ON = date(2025, 1, 20)
CONSENT = "b" * 32
BY_CONSENT = {"source": "specialised_health_care", "legal_basis": "LB-HEALTH-CONSENT", "consent_id": CONSENT}


def received(p: Pathway) -> Command:
    return ReceiveReferral(referral_id=last(p.referrals), received_via="electronic")


def accepted(p: Pathway) -> Command:
    return AcceptReferral(referral_id=last(p.referrals))


def test_an_employment_authority_refers_a_client() -> None:
    outcome = given(registered()).when(referral(), by=REFERRER, on=ON)
    outcome.then(ReferralSubmitted, source="employment_authority", sender_org_id=AUTHORITY, legal_basis="LB-189-PLAN")
    assert outcome.drafts[0].matter != registered().pathway.client_matter


def test_each_referral_has_a_matter_of_its_own() -> None:
    once = given(registered()).but(referral(), by=REFERRER, on=ON)
    first, second = once.but(referral(), by=REFERRER, on=ON).world.pathway.referrals.values()
    assert first.submitted.matter != second.submitted.matter


def test_the_spoken_name_of_the_old_office_is_stored_as_its_successor() -> None:
    spoken = given(registered()).when(referral(source="te_services"), by=REFERRER, on=ON)
    spoken.then(ReferralSubmitted, source="employment_authority")


def test_a_source_that_has_ended_is_refused() -> None:
    ended = given(registered()).when(referral(source="municipal_trial"), by=REFERRER, on=ON)
    ended.then_refused("E_SOURCE_CLOSED", at="/source")
    given(registered()).when(referral(source="typ"), by=REFERRER, on=ON).then_refused("E_SOURCE_CLOSED")


def test_an_open_source_needs_its_note_and_another_takes_none() -> None:
    given(registered()).when(referral(source="other"), by=REFERRER, on=ON).then_refused("E_NOTE_REQUIRED", at="/source_note")
    noted = referral(source="other", source_note="A local association")
    given(registered()).when(noted, by=REFERRER, on=ON).then(ReferralSubmitted)
    given(registered()).when(referral(source_note="x"), by=REFERRER, on=ON).then_refused("E_FIELD_NOT_ALLOWED")


def test_without_a_legal_basis_or_consent_nothing_is_told() -> None:
    bare = referral(legal_basis=None)
    given(registered()).when(bare, by=REFERRER, on=ON).then_refused("E_NO_LEGAL_BASIS", at="/legal_basis")
    unasked = referral(**BY_CONSENT | {"consent_id": None})
    given(registered()).when(unasked, by=DOCTOR, on=ON).then_refused("E_NO_LEGAL_BASIS")
    # Nobody has given a consent yet: what names one names nothing (domain/pathway.md 4.9).
    for consent in (CONSENT, registered().pathway.client):
        unproven = referral(**BY_CONSENT | {"consent_id": consent})
        given(registered()).when(unproven, by=DOCTOR, on=ON).then_refused("E_NO_LEGAL_BASIS", at="/legal_basis")
    statutory = referral(source="specialised_health_care", legal_basis="LB-SHL-35")
    given(registered()).when(statutory, by=DOCTOR, on=ON).then(ReferralSubmitted, sender_org_id=HOSPITAL)


def test_a_diagnosis_among_the_needs_or_in_the_note_is_refused() -> None:
    coded = referral(source="specialised_health_care", legal_basis=None, needs=("F32.1",))
    given(registered()).when(coded, by=DOCTOR, on=ON).then_refused("E_NO_LEGAL_BASIS", "E_HEALTH_CONTENT", at="/needs")
    written = referral(source="other", source_note="sent because of F32.1")
    given(registered()).when(written, by=REFERRER, on=ON).then_refused("E_HEALTH_CONTENT", at="/source_note")


def test_only_a_body_of_employment_services_may_call_itself_one() -> None:
    posing = referral(source="employment_authority", legal_basis="LB-SHL-35")
    given(registered()).when(posing, by=DOCTOR, on=ON).then_refused("E_NOT_ENTITLED", at="/source")


def test_a_client_refers_only_the_own_person_and_needs_no_legal_basis() -> None:
    own = SubmitReferral(source="self_referral")
    given(registered()).when(own, by=CLIENT, on=ON).then(ReferralSubmitted, sender_org_id=None, identity_named=None)
    given(registered()).when(referral(), by=CLIENT, on=ON).then_refused("E_NOT_ENTITLED")
    given(registered()).when(own, by=REFERRER, on=ON).then_refused("E_NOT_ENTITLED")


def test_the_county_refers_without_a_legal_basis() -> None:
    own_unit = Caller(COUNTY, "organiser", "referrer", "W-90")
    inside = referral(source="adult_social_work", legal_basis=None)
    given(registered()).when(inside, by=own_unit, on=ON).then(ReferralSubmitted, sender_org_id=COUNTY)


def test_nobody_is_referred_in_the_future_or_before_being_known() -> None:
    ahead = referral(occurred_on=date(2025, 1, 21))
    given(registered()).when(ahead, by=REFERRER, on=ON).then_refused("E_FUTURE", at="/occurred_on")
    given(register()).when(referral(), by=REFERRER, on=ON).then_refused("E_SUBJECT_UNRESOLVED")


def test_a_referral_told_late_is_taken_and_says_so() -> None:
    late = referral(occurred_on=date(2025, 1, 6))
    given(registered()).when(late, by=REFERRER, on=date(2025, 1, 20)).then(ReferralSubmitted).flagged()
    given(registered()).when(late, by=REFERRER, on=date(2025, 1, 21)).then(ReferralSubmitted).flagged("late_recorded")


def test_intake_receives_a_referral_once() -> None:
    sent = given(as_1("1"))
    sent.when(received, by=INTAKE, on=ON).then(ReferralReceived, received_via="electronic")
    given(as_1("2")).when(received, by=INTAKE, on=ON).then_nothing_happens()


def test_a_client_whom_nobody_can_name_goes_to_the_manual_queue() -> None:
    nameless = RegisterClient(identity_kind="none", registered_from="referral")
    sent = given(register()).but(nameless, by=INTAKE, on=ON).but(referral(identity_named=()), by=REFERRER, on=ON)
    sent.when(received, by=INTAKE, on=ON).then_refused("E_SUBJECT_UNRESOLVED")


def test_an_unknown_referral_is_neither_received_nor_accepted() -> None:
    unknown = "d" * 32
    strange = ReceiveReferral(referral_id=unknown, received_via="paper")
    given(as_1("1")).when(strange, by=INTAKE, on=ON).then_refused("E_UNKNOWN_REFERENCE", at="/referral_id")
    given(as_1("1")).when(AcceptReferral(referral_id=unknown), by=INTAKE, on=ON).then_refused("E_UNKNOWN_REFERENCE")


def test_an_accepted_referral_begins_a_case_under_its_matter() -> None:
    outcome = given(as_1("2")).when(accepted, by=INTAKE, on=date(2025, 1, 22))
    outcome.then(ReferralAccepted, CaseOpened)
    matters = {draft.matter for draft in outcome.drafts}
    assert matters == {as_1("2").pathway.referrals[last(as_1("2").pathway.referrals)].submitted.matter}


def test_accepting_the_same_referral_twice_changes_nothing() -> None:
    given(as_1("3")).when(accepted, by=INTAKE, on=date(2025, 1, 23)).then_nothing_happens()


def test_a_client_has_one_open_case() -> None:
    again = given(as_1("3")).but(referral(), by=REFERRER, on=date(2025, 1, 23))
    again.when(accepted, by=INTAKE, on=date(2025, 1, 23)).then_refused("E_OPEN_CASE_EXISTS")


def test_a_later_referral_of_a_former_client_opens_another_case() -> None:
    back = given(as_1()).but(referral(), by=REFERRER, on=date(2025, 11, 3))
    outcome = back.when(accepted, by=INTAKE, on=date(2025, 11, 4)).then(ReferralAccepted, CaseOpened)
    opened = outcome.drafts[1].event
    assert isinstance(opened, CaseOpened)
    assert opened.previous_case_id == last(as_1().pathway.cases)
    before = back.world.pathway.cases[last(as_1().pathway.cases)].opened.matter
    assert outcome.drafts[1].matter != before


def test_a_client_who_lives_elsewhere_is_another_organisers() -> None:
    sent = given(as_1("2"))
    sent.when(accepted, by=INTAKE, on=ON, lives_in_area=False).then_refused("E_NOT_RESPONSIBLE")
    sent.when(accepted, by=INTAKE, on=ON, lives_in_area=True).then(ReferralAccepted, CaseOpened)


def test_a_referral_neither_arrives_nor_is_taken_on_before_it_was_sent() -> None:
    day_before = date(2025, 1, 19)
    arrived = lambda p: ReceiveReferral(  # noqa: E731
        referral_id=last(p.referrals), received_via="paper", occurred_on=day_before
    )
    given(as_1("1")).when(arrived, by=INTAKE, on=ON).then_refused("E_ORDER", at="/occurred_on")
    taken = lambda p: AcceptReferral(referral_id=last(p.referrals), occurred_on=day_before)  # noqa: E731
    given(as_1("2")).when(taken, by=INTAKE, on=ON).then_refused("E_ORDER", at="/occurred_on")


def test_a_county_takes_nobody_on_before_it_was_the_organiser() -> None:
    before = lambda p: AcceptReferral(referral_id=last(p.referrals), occurred_on=date(2022, 12, 31))  # noqa: E731
    given(as_1("2")).when(before, by=INTAKE, on=ON).then_refused("E_NOT_RESPONSIBLE")
