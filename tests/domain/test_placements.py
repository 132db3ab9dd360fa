"""A place at a provider's site."""

from __future__ import annotations

from datetime import date

from given import Given, given
from stories import (
    ASSOCIATION,
    CONTRACTS,
    FOUNDATION,
    MANAGER,
    OWN_WORKER,
    READY,
    STRANGER,
    as_1,
    contract,
    instructor,
    last,
    place,
    provider,
    welcome,
)

from domain.chapters.placements.decisions import AcceptPlacement, NameInstructor
from domain.commands import Command
from domain.events import InstructorNamed, PlacementConfirmed, PlacementProposed
from domain.pathway import Pathway

ON = date(2025, 2, 20)
COMPANY, VILLAGE = "0000009-4", "0000012-3"


def other_instructor(p: Pathway) -> Command:
    return NameInstructor(placement_id=last(p.placements), instructor_id="I-02", instructor_role="client_coordinator")


def with_provider(org: str, kind: str, **but: object) -> Given:
    """AS-1 before its placement, with one more provider under contract for support and guidance."""
    support = {"provision_roles": ("support_and_guidance",)}
    listed = given(as_1("9")).but(provider(org, kind, "S-07", **support | but), by=CONTRACTS, on=READY)
    return listed.but(contract(org, "K-07", "S-07", date(2026, 12, 31), **support), by=CONTRACTS, on=READY)


def test_the_own_worker_asks_a_provider_under_contract() -> None:
    outcome = given(as_1("9")).when(place(), by=OWN_WORKER, on=ON)
    outcome.then(PlacementProposed, provider_org_id=ASSOCIATION, contract_id="K-01", site_id="S-01")


def test_the_contract_covers_the_whole_time() -> None:
    too_long = place(provider_org_id=FOUNDATION, contract_id="K-02", site_id="S-02", until_on=date(2025, 7, 1))
    given(as_1("9")).when(too_long, by=OWN_WORKER, on=ON).then_refused("E_NO_CONTRACT", at="/contract_id")
    exactly = place(provider_org_id=FOUNDATION, contract_id="K-02", site_id="S-02", until_on=date(2025, 6, 30))
    given(as_1("9")).when(exactly, by=OWN_WORKER, on=ON).then(PlacementProposed)


def test_contract_and_site_are_the_providers_own() -> None:
    given(as_1("9")).when(place(contract_id="K-02"), by=OWN_WORKER, on=ON).then_refused("E_NO_CONTRACT")
    given(as_1("9")).when(place(site_id="S-02"), by=OWN_WORKER, on=ON).then_refused("E_NO_CONTRACT", at="/site_id")
    given(as_1("9")).when(place(provider_org_id="0000013-1"), by=OWN_WORKER, on=ON).then_refused("E_NO_CONTRACT")


def test_a_company_gives_support_but_never_the_activity() -> None:
    company = with_provider(COMPANY, "private_service_provider", company=True)
    there = {"provider_org_id": COMPANY, "contract_id": "K-07", "site_id": "S-07"}
    company.when(place(**there), by=OWN_WORKER, on=ON).then_refused("E_COMPANY_ACTIVITY", at="/provision_role")
    company.when(place(**there, provision_role="support_and_guidance"), by=OWN_WORKER, on=ON).then(PlacementProposed)


def test_a_kind_off_the_list_gives_no_activity() -> None:
    village = with_provider(VILLAGE, "other", provider_kind_note="A village committee")
    there = {"provider_org_id": VILLAGE, "contract_id": "K-07", "site_id": "S-07"}
    village.when(place(**there), by=OWN_WORKER, on=ON).then_refused("E_PROVIDER_KIND")


def test_a_role_that_the_contract_lacks_is_not_contracted() -> None:
    support = place(provision_role="support_and_guidance")
    given(as_1("9")).when(support, by=OWN_WORKER, on=ON).then_refused("E_NO_CONTRACT", at="/provision_role")


def test_outside_the_commuting_area_only_with_consent() -> None:
    given(as_1("9")).when(place(outside_commuting_area=True), by=OWN_WORKER, on=ON).then_refused("E_AREA_CONSENT")
    agreed = place(outside_commuting_area=True, consent_id="b" * 32)
    given(as_1("9")).when(agreed, by=OWN_WORKER, on=ON).then_refused("E_AREA_CONSENT", at="/consent_id")
    given(as_1("9")).when(place(consent_id="b" * 32), by=OWN_WORKER, on=ON).then_refused("E_FIELD_NOT_ALLOWED")


def test_what_the_client_needs_at_the_site_is_no_diagnosis() -> None:
    given(as_1("9")).when(place(site_needs="Has M54.5"), by=OWN_WORKER, on=ON).then_refused("E_HEALTH_CONTENT")
    given(as_1("9")).when(place(site_needs="A chair with a back"), by=OWN_WORKER, on=ON).then(PlacementProposed)


def test_a_placement_is_asked_for_in_an_open_case_and_today() -> None:
    given(as_1("2")).when(place(), by=OWN_WORKER, on=ON).then_refused("E_STATE")
    given(as_1("9")).when(place(occurred_on=date(2025, 2, 21)), by=OWN_WORKER, on=ON).then_refused("E_FUTURE")
    given(as_1("9")).when(place(replaces_placement_id="d" * 32), by=OWN_WORKER, on=ON).then_refused("E_UNKNOWN_REFERENCE")


def test_the_provider_confirms_its_own_placement_once() -> None:
    given(as_1("10 proposed")).when(welcome, by=MANAGER, on=ON).then(PlacementConfirmed).warned()
    given(as_1("10 confirmed")).when(welcome, by=MANAGER, on=ON).then_nothing_happens()
    given(as_1("10 proposed")).when(welcome, by=STRANGER, on=ON).then_refused("E_NOT_ENTITLED")
    unknown = AcceptPlacement(placement_id="d" * 32)
    given(as_1("10 proposed")).when(unknown, by=MANAGER, on=ON).then_refused("E_UNKNOWN_REFERENCE")


def test_a_full_site_warns_and_refuses_nothing() -> None:
    asked = given(as_1("10 proposed"))
    asked.when(welcome, by=MANAGER, on=ON, places_taken=11).then(PlacementConfirmed).warned()
    asked.when(welcome, by=MANAGER, on=ON, places_taken=12).then(PlacementConfirmed).warned("E_CAPACITY")


def test_the_provider_names_the_own_instructor() -> None:
    given(as_1("10 confirmed")).when(instructor, by=MANAGER, on=ON).then(InstructorNamed, instructor_id="I-01")
    given(as_1("10")).when(instructor, by=MANAGER, on=ON).then_nothing_happens()
    given(as_1("10")).when(other_instructor, by=MANAGER, on=ON).then(InstructorNamed, instructor_id="I-02")


def test_no_instructor_before_the_placement_is_confirmed_nor_by_another_provider() -> None:
    given(as_1("10 proposed")).when(instructor, by=MANAGER, on=ON).then_refused("E_ORDER")
    given(as_1("10 confirmed")).when(instructor, by=STRANGER, on=ON).then_refused("E_NOT_ENTITLED")
