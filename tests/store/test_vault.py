"""The vault: who the client is, found by a keyed hash and readable with its key alone."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from store.small_ledger import Ground

from domain.identifiers import synthetic_identity_code
from domain.record import Damaged
from domain.store import ClientRecord, CodeTaken, PostalAddress, StaffCard, Use
from domain.store.sealed.vault import HeldMessage

CODE = synthetic_identity_code(date(1990, 5, 17), 901)
OTHER = synthetic_identity_code(date(1985, 2, 3), 955)
PERSON = ClientRecord(
    family_name="Virtanen", given_names="Aino", identity_code=CODE, language="fi", phone="040 1234567",
    postal_address=PostalAddress(street="Koulukatu 1", postcode="33100", town="Tampere"),
)  # fmt: skip


def test_a_client_is_found_by_the_code_and_nothing_stands_in_clear(ground: Ground) -> None:
    vault = ground.vault()
    assert vault.register("a" * 32, PERSON) == "a" * 32
    assert vault.find(CODE.lower()) == "a" * 32
    assert vault.find(OTHER) is None
    assert ground.vault().get(["a" * 32, "b" * 32]) == {"a" * 32: PERSON}
    ((index, sealed),) = ground.database("vault").read("SELECT code_index, sealed FROM clients")
    for secret in (CODE, "Virtanen", "Koulukatu"):
        assert secret.encode() not in bytes(sealed) + bytes(index)


def test_a_code_that_is_known_gives_the_known_reference(ground: Ground) -> None:
    vault = ground.vault()
    vault.register("a" * 32, PERSON)
    assert vault.register("b" * 32, ClientRecord(identity_code=CODE, family_name="Korhonen")) == "a" * 32
    assert vault.get(["a" * 32, "b" * 32]) == {"a" * 32: PERSON}
    # somebody without a code is always new
    assert vault.register("c" * 32, ClientRecord(family_name="Korhonen")) == "c" * 32


def test_what_changed_is_changed_and_a_code_has_one_client(ground: Ground) -> None:
    vault = ground.vault()
    vault.register("a" * 32, PERSON)
    vault.register("b" * 32, ClientRecord(identity_code=OTHER))
    changed = vault.change("a" * 32, phone=None, protected=True)
    assert (changed.phone, changed.protected, changed.family_name) == (None, True, "Virtanen")
    assert vault.get(["a" * 32])["a" * 32] == changed
    with pytest.raises(CodeTaken):
        vault.change("a" * 32, identity_code=OTHER)
    with pytest.raises(LookupError):
        vault.change("f" * 32, phone="1")


def test_a_forgotten_client_is_nobody(ground: Ground) -> None:
    vault = ground.vault()
    vault.register("a" * 32, PERSON)
    vault.forget("a" * 32)
    assert (vault.find(CODE), vault.get(["a" * 32])) == (None, {})


def test_an_entry_moved_to_another_client_is_damaged(ground: Ground) -> None:
    vault = ground.vault()
    vault.register("a" * 32, PERSON)
    ground.database("vault").write(lambda ask: ask("UPDATE clients SET subject_ref = %s", ("b" * 32,)))
    with pytest.raises(Damaged):
        vault.get(["b" * 32])


def test_the_card_of_the_day_is_shown(ground: Ground) -> None:
    vault = ground.vault()
    first = StaffCard(person="w1", org="c", from_on=date(2025, 1, 1), until_on=date(2025, 3, 31), staff_name="Eeva Laine")
    second = StaffCard(person="w1", org="c", from_on=date(2025, 4, 1), staff_name="Eeva Mäki", staff_title="social worker")
    for card in (second, first, first):
        vault.keep_staff_card(card)
    assert vault.staff_cards(["w1", "w2"], date(2025, 3, 31)) == {"w1": first}
    assert vault.staff_cards(["w1"], date(2025, 4, 1)) == {"w1": second}
    assert vault.staff_cards(["w1"], date(2024, 12, 31)) == {}


def test_held_messages_wait_in_the_order_in_which_they_run_out(ground: Ground) -> None:
    vault = ground.vault()
    late = HeldMessage("s01", "provider", "m1", datetime(2025, 2, 1, tzinfo=UTC), b"\x00{}")
    soon = HeldMessage("s01", "provider", "m2", datetime(2025, 1, 1, tzinfo=UTC), b"[]")
    other = HeldMessage("s02", "provider", "m1", datetime(2025, 3, 1, tzinfo=UTC), b"{}")
    for message in (late, soon, other, late):
        vault.keep_held(message)
    assert vault.held(("s01", "provider")) == [soon, late]
    vault.drop_held("s01", "provider", "m1")
    assert vault.held() == [soon, other]


def test_every_look_at_a_client_is_logged(ground: Ground) -> None:
    vault = ground.vault()
    uses = [
        Use(used_at=datetime(2025, 1, n, tzinfo=UTC), subject_ref="a" * 32, org="c", task="organiser", role="own_worker",
            person="w1", purpose="service", what=f"question {n}")
        for n in (1, 2)
    ]  # fmt: skip
    vault.log_use(uses)
    assert vault.uses("a" * 32) == uses
    assert vault.uses("b" * 32) == []
