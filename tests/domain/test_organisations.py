"""Organisations, providers, contracts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from given import given
from stories import (
    ASSOCIATION,
    CONTRACTS,
    COUNTY,
    HOSPITAL,
    MEMBERS,
    PROVIDERS,
    READY,
    contract,
    joining,
    provider,
    register,
)

from domain.chapters.organisations.decisions import COMMANDS, ContractProvider
from domain.commands import Command
from domain.directory import enter
from domain.event import Part
from domain.events import Capacity, OrganisationJoined, ProviderContracted, ProviderRegistered, PublicKey, TaskFrom

PARISH = "0000009-4"
NEW = joining(PARISH, "provider", {"provider": "provider-s03"}, date(2025, 7, 1))
UNTIL = date(2027, 6, 30)


def test_an_organisation_joins_with_its_tasks() -> None:
    outcome = given(register()).when(NEW, by=CONTRACTS, on=READY).then(OrganisationJoined, org_id=PARISH)
    assert outcome.drafts[0].valid_from_on == date(2025, 7, 1)
    assert outcome.world.directory.recipients["provider-s03"].org == PARISH


def test_joining_twice_for_the_same_task_changes_nothing() -> None:
    for member in MEMBERS:
        given(register()).when(joining(*member), by=CONTRACTS, on=READY).then_nothing_happens()


def test_a_member_takes_on_one_more_task() -> None:
    more = joining(HOSPITAL, "health_care", {"referrer": "hospital"}, date(2023, 1, 1))
    given(register()).when(more, by=CONTRACTS, on=READY).then_nothing_happens()
    kela = joining("0000005-1", "kela", {"social_assistance": "kela-assistance", "referrer": "kela-referrer"}, READY)
    outcome = given(register()).when(kela, by=CONTRACTS, on=READY).then(OrganisationJoined)
    assert [task.task for task in outcome.drafts[0].event.tasks] == ["referrer"]  # type: ignore[attr-defined]


def test_a_task_that_this_kind_of_organisation_may_not_hold_is_refused() -> None:
    for kind, task in (("provider", "benefit_payment"), ("kela", "employment_authority"), ("health_care", "organiser")):
        wrong = joining(PARISH, kind, {task: "other-name"}, READY)
        given(register()).when(wrong, by=CONTRACTS, on=READY).then_refused("E_TASK", at="/tasks/0/task")


def test_a_task_is_judged_on_the_day_that_it_begins() -> None:
    early = joining(PARISH, "employment_authority", {"employment_authority": "other-authority"}, date(2024, 12, 31))
    given(register()).when(early, by=CONTRACTS, on=READY).then_refused("E_TASK")


def test_a_business_id_that_fails_its_check_is_refused() -> None:
    wrong = NEW.model_copy(update={"business_id": "0000009-5"})
    given(register()).when(wrong, by=CONTRACTS, on=READY).then_refused("E_ORG_ID", at="/business_id")
    bad = provider(PARISH, "religious_community", "S-03", business_id="0000009-5")
    given(register()).when(bad, by=CONTRACTS, on=READY).then_refused("E_ORG_ID")


def test_a_short_name_belongs_to_one_recipient() -> None:
    taken = joining(PARISH, "provider", {"provider": "provider-s01"}, READY)
    given(register()).when(taken, by=CONTRACTS, on=READY).then_refused("E_CONFLICT", at="/tasks/0/short_name")


def test_an_organisation_is_one_recipient_in_a_task_under_one_short_name() -> None:
    """docs/decisions/design.md D8"""
    earlier = joining(HOSPITAL, "health_care", {"referrer": "hospital-2"}, date(2022, 1, 1))
    given(register()).when(earlier, by=CONTRACTS, on=READY).then_refused("E_CONFLICT", at="/tasks/0/short_name")
    same_name = joining(HOSPITAL, "health_care", {"referrer": "hospital"}, date(2022, 1, 1))
    given(register()).when(same_name, by=CONTRACTS, on=READY).then(OrganisationJoined, org_id=HOSPITAL)


def test_a_provider_is_registered_once() -> None:
    new = provider(PARISH, "religious_community", "S-03")
    given(register()).when(new, by=CONTRACTS, on=READY).then(ProviderRegistered, org_id=PARISH)
    org, kind, site, _, _ = PROVIDERS[0]
    given(register()).when(provider(org, kind, site), by=CONTRACTS, on=READY).then_nothing_happens()
    changed = provider(org, "association", site)
    given(register()).when(changed, by=CONTRACTS, on=READY).then_refused("E_CONFLICT", at="/org_id")
    squatting = provider(PARISH, "religious_community", "S-01")
    given(register()).when(squatting, by=CONTRACTS, on=READY).then_refused("E_CONFLICT", at="/sites/0/site_id")


def test_another_kind_of_provider_needs_its_note() -> None:
    given(register()).when(provider(PARISH, "other", "S-03"), by=CONTRACTS, on=READY).then_refused("E_NOTE_REQUIRED")
    noted = provider(PARISH, "other", "S-03", provider_kind_note="A village committee")
    given(register()).when(noted, by=CONTRACTS, on=READY).then(ProviderRegistered)


def test_a_provider_is_contracted_for_a_time() -> None:
    registered = given(register()).but(provider(PARISH, "religious_community", "S-03"), by=CONTRACTS, on=READY)
    wanted = contract(PARISH, "K-03", "S-03", UNTIL)
    outcome = registered.when(wanted, by=CONTRACTS, on=READY).then(ProviderContracted, organiser_org_id=COUNTY)
    assert (outcome.drafts[0].valid_from_on, outcome.drafts[0].valid_until_on) == (date(2024, 1, 1), UNTIL)
    given(outcome.world).when(wanted, by=CONTRACTS, on=READY).then_nothing_happens()
    longer = contract(PARISH, "K-03", "S-03", date(2028, 6, 30))
    given(outcome.world).when(longer, by=CONTRACTS, on=READY).then_refused("E_CONFLICT")


def test_nobody_is_contracted_before_being_registered() -> None:
    given(register()).when(contract(PARISH, "K-03", "S-03", UNTIL), by=CONTRACTS, on=READY).then_refused("E_ORDER")
    foreign = contract(ASSOCIATION, "K-03", "S-02", UNTIL)
    given(register()).when(foreign, by=CONTRACTS, on=READY).then_refused("E_ORDER", at="/capacity/0/site_id")


def test_only_the_organiser_of_the_day_makes_contracts() -> None:
    before = contract(ASSOCIATION, "K-04", "S-01", UNTIL, from_on=date(2022, 12, 31))
    given(register()).when(before, by=CONTRACTS, on=READY).then_refused("E_NOT_RESPONSIBLE")
    other = contract(ASSOCIATION, "K-04", "S-01", UNTIL, organiser_org_id=HOSPITAL)
    given(register()).when(other, by=CONTRACTS, on=READY).then_refused("E_NOT_RESPONSIBLE")


def test_the_activity_is_never_bought_from_a_company() -> None:
    company = provider(PARISH, "private_service_provider", "S-03", company=True, provision_roles=("support_and_guidance",))
    listed = given(register()).but(company, by=CONTRACTS, on=READY)
    activity = contract(PARISH, "K-03", "S-03", UNTIL)
    listed.when(activity, by=CONTRACTS, on=READY).then_refused("E_COMPANY_ACTIVITY", at="/provision_roles")
    support: ContractProvider = activity.model_copy(update={"provision_roles": ("support_and_guidance",)})
    listed.when(support, by=CONTRACTS, on=READY).then(ProviderContracted)


def test_a_kind_off_the_list_provides_no_activity() -> None:
    odd = provider(PARISH, "other", "S-03", provider_kind_note="A village committee")
    listed = given(register()).but(odd, by=CONTRACTS, on=READY)
    activity = contract(PARISH, "K-03", "S-03", UNTIL)
    listed.when(activity, by=CONTRACTS, on=READY).then_refused("E_PROVIDER_KIND", at="/provision_roles")


def test_a_contract_does_not_end_before_it_begins() -> None:
    rooms = (Capacity(site_id="S-01", places=1),)
    backwards = contract(ASSOCIATION, "K-04", "S-01", date(2023, 12, 31), capacity=rooms)
    given(register()).when(backwards, by=CONTRACTS, on=READY).then_refused("E_PERIOD_LENGTH")


def test_nobody_joins_or_is_registered_tomorrow() -> None:
    ahead = {"occurred_on": date(2025, 1, 3)}
    given(register()).when(NEW.model_copy(update=ahead), by=CONTRACTS, on=READY).then_refused("E_FUTURE")
    given(register()).when(provider(PARISH, "religious_community", "S-03", **ahead), by=CONTRACTS, on=READY).then_refused(
        "E_FUTURE"
    )


def test_an_organisation_takes_the_place_of_another_one_that_has_joined() -> None:
    """domain/events.md 11.19"""
    unknown = NEW.model_copy(update={"succeeds_org_id": "0000013-1"})
    given(register()).when(unknown, by=CONTRACTS, on=READY).then_refused("E_UNKNOWN_REFERENCE", at="/succeeds_org_id")
    itself = NEW.model_copy(update={"succeeds_org_id": NEW.org_id})
    given(register()).when(itself, by=CONTRACTS, on=READY).then_refused("E_CONFLICT", at="/succeeds_org_id")
    after_hospital = NEW.model_copy(update={"succeeds_org_id": HOSPITAL})
    joined = given(register()).when(after_hospital, by=CONTRACTS, on=READY).then(OrganisationJoined)
    more = joining(HOSPITAL, "health_care", {"referrer": "hospital"}, date(2022, 1, 1), succeeds_org_id=NEW.org_id)
    given(joined.world).when(more, by=CONTRACTS, on=READY).then_refused("E_CONFLICT", at="/succeeds_org_id")


# --- every list of a fact about organisations is judged: domain/events.md 11.19 ------------------------------------------


KEY = PublicKey(key_id="key-1", algorithm="Ed25519", key="A")
WISHES: tuple[Command, ...] = (
    NEW.model_copy(update={"public_keys": (KEY,)}),
    provider(PARISH, "religious_community", "S-03"),
    contract(ASSOCIATION, "K-04", "S-01", UNTIL),
)
"""One of each command of the chapter, with an entry in each of its lists but the municipalities, and taken as it stands."""


def lists_of(fields: Any) -> list[str]:
    """The fields that are sets or lists."""
    return [name for name, value in fields if isinstance(value, tuple)]


REQUIRED = [(wish, name) for wish in WISHES for name in lists_of(wish) if type(wish).model_fields[name].is_required()]
ENTRIES = [(wish, name) for wish in WISHES for name in lists_of(wish) if isinstance(getattr(wish, name)[0], Part)]
INNER = [(wish, name, inner) for wish, name in ENTRIES for inner in lists_of(getattr(wish, name)[0])]


def named(wish: Command, *names: str) -> str:
    return " ".join((wish.NAME, *names))


def test_every_command_of_the_chapter_is_tried_and_taken_as_it_stands() -> None:
    assert {type(wish) for wish in WISHES} == {kind.command for kind in COMMANDS}
    for wish in WISHES:
        assert given(register()).when(wish, by=CONTRACTS, on=READY).refused is None
        for name, field in type(wish).model_fields.items():
            of_many = "tuple" in str(field.annotation)
            assert not of_many or getattr(wish, name) or name == "municipalities", named(wish, name)


@pytest.mark.parametrize(("wish", "name"), REQUIRED, ids=[named(*each) for each in REQUIRED])
def test_a_required_list_has_something_in_it(wish: Command, name: str) -> None:
    empty = wish.model_copy(update={name: ()})
    given(register()).when(empty, by=CONTRACTS, on=READY).then_refused("E_FIELD_MISSING", at=f"/{name}")


@pytest.mark.parametrize(("wish", "name", "inner"), INNER, ids=[named(*each) for each in INNER])
def test_a_required_list_of_an_entry_has_something_in_it(wish: Command, name: str, inner: str) -> None:
    entry = getattr(wish, name)[0].model_copy(update={inner: ()})
    empty = wish.model_copy(update={name: (entry,)})
    given(register()).when(empty, by=CONTRACTS, on=READY).then_refused("E_FIELD_MISSING", at=f"/{name}/0/{inner}")


@pytest.mark.parametrize(("wish", "name"), ENTRIES, ids=[named(*each) for each in ENTRIES])
def test_no_two_entries_of_a_list_have_one_id(wish: Command, name: str) -> None:
    entry = getattr(wish, name)[0]
    entry_id = next(iter(type(entry).model_fields))
    twice = wish.model_copy(update={name: (entry, entry)})
    given(register()).when(twice, by=CONTRACTS, on=READY).then_refused("E_CONFLICT", at=f"/{name}/1/{entry_id}")


def test_what_differs_beside_the_id_makes_no_second_entry_of_it() -> None:
    tasks = tuple(TaskFrom(task="provider", from_on=READY, short_name=name) for name in ("provider-s03", "provider-s04"))
    two_names = NEW.model_copy(update={"tasks": tasks})
    given(register()).when(two_names, by=CONTRACTS, on=READY).then_refused("E_CONFLICT", at="/tasks/1/task")
    keys = NEW.model_copy(update={"public_keys": (KEY, KEY.model_copy(update={"key": "B"}))})
    given(register()).when(keys, by=CONTRACTS, on=READY).then_refused("E_CONFLICT", at="/public_keys/1/key_id")
    rooms = (Capacity(site_id="S-01", places=3), Capacity(site_id="S-01", places=5))
    two_rooms = contract(ASSOCIATION, "K-04", "S-01", UNTIL, capacity=rooms)
    given(register()).when(two_rooms, by=CONTRACTS, on=READY).then_refused("E_CONFLICT", at="/capacity/1/site_id")


@pytest.mark.parametrize("places", [0, -1])
def test_a_site_under_contract_takes_somebody(places: int) -> None:
    """domain/pathway.md 4.4 row 61"""
    nobody = contract(ASSOCIATION, "K-04", "S-01", UNTIL, capacity=(Capacity(site_id="S-01", places=places),))
    given(register()).when(nobody, by=CONTRACTS, on=READY).then_refused("E_FIELD_TYPE", at="/capacity/0/places")


def test_a_provider_is_contracted_for_what_it_is_registered_for() -> None:
    """domain/pathway.md 4.4 row 61"""
    both = ("activity", "support_and_guidance")
    wanted = contract(ASSOCIATION, "K-04", "S-01", UNTIL, provision_roles=both)
    given(register()).when(wanted, by=CONTRACTS, on=READY).then_refused("E_ORDER", at="/provision_roles")
    able = provider(PARISH, "religious_community", "S-03", provision_roles=both)
    registered = given(register()).but(able, by=CONTRACTS, on=READY)
    for roles in (both, both[:1], both[1:]):
        fitting = contract(PARISH, "K-03", "S-03", UNTIL, provision_roles=roles)
        registered.when(fitting, by=CONTRACTS, on=READY).then(ProviderContracted)


def test_what_an_older_version_took_without_entries_is_still_read_and_leads_on() -> None:
    fields = dict(provider(PARISH, "religious_community", "S-03", provision_roles=()))
    del fields["occurred_on"]
    world = register()
    older = replace(world, directory=enter(world.directory, ProviderRegistered(**fields), 99))
    given(older).when(contract(PARISH, "K-03", "S-03", UNTIL), by=CONTRACTS, on=READY).then(ProviderContracted)
    nobody = dict(contract(PARISH, "K-03", "S-03", UNTIL, organiser_org_id=COUNTY, capacity=()))
    del nobody["occurred_on"]
    directory = enter(older.directory, ProviderContracted(**nobody), 100)
    assert directory.contracts["K-03"].capacity == ()
