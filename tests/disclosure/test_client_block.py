"""What of the vault record goes along with a publication (domain/disclosure.md 5.4)."""

from __future__ import annotations

from datetime import date

import pytest
from disclosure.paths import CITY_EXPERT, KELA, PARISH, attendance, benefit, in_service, placement, whole
from disclosure.told import RECORD, of

MAY, MAY_5, JUNE_3 = date(2025, 5, 1), date(2025, 5, 5), date(2025, 6, 3)


IDENTITY = {"family_name", "given_names", "identity_code"}
HELP = {"emergency_contact_name", "emergency_contact_phone", "site_allergies"}
CONTACT = {"phone", "language", "protected"}


@pytest.mark.parametrize(
    ("recipient", "fields"),
    [
        ("county", IDENTITY | HELP | CONTACT | {"email", "postal_address"}),
        ("authority", IDENTITY | CONTACT | {"email", "postal_address"}),
        ("authority-referrer", {"family_name", "identity_code"}),
        ("kela-payment", IDENTITY | {"protected"}),
        ("centre", {"family_name", "given_names"} | HELP | CONTACT),
    ],
)
def test_the_client_block_has_the_fields_of_5_4(recipient: str, fields: set[str]) -> None:
    told = whole().told().told[recipient]
    assert {frozenset(p.client) for p in told if p.type != "payload_key.destroyed.v1"} == {frozenset(fields)}


def test_who_is_told_that_a_key_was_destroyed_is_not_told_whose_name_it_was() -> None:
    """domain/disclosure.md 5.4: the block is left out of the form `destroyed`."""
    (told,) = of(whole().told(), "county", "payload_key.destroyed")
    assert told.client == {}


def test_a_provider_that_files_absence_reports_gets_the_identity_code() -> None:
    path = in_service()
    path.add(placement("second", "0000008-6", contract_id="K-01"), MAY)
    told = path.told().told["provider-s01"]
    assert {p.client.get("identity_code") for p in told} == {RECORD["identity_code"]}


def test_a_provider_of_support_alone_gets_less() -> None:
    path = in_service(provider=PARISH, role="support_and_guidance")
    path.add(attendance("absent_other"), MAY_5)
    everybody = path.told()
    assert everybody.told["parish"][0].client.keys() == {"family_name", "given_names", "phone", "protected"}
    assert not of(everybody, "parish", "benefit_status.changed")
    (granted,) = of(everybody, "parish", "decision.issued")
    assert {"max_days_per_week", "max_hours_per_day"}.isdisjoint(granted.body)


def test_a_client_whom_the_vault_does_not_know_is_told_of_without_a_name() -> None:
    assert whole().told(record={}).told["authority"][0].client == {}


def test_a_second_authority_acts_and_is_told_of_its_own_facts_though_nobody_named_it() -> None:
    path = in_service()
    path.add(benefit(KELA, MAY), MAY, CITY_EXPERT, command="b-1")
    told = path.told().told["city"]
    assert [(p.type, p.message_id) for p in told] == [("benefit_status.changed.v1", "b-1")]
