"""The vault: who the client is, found by a keyed hash and readable with its key alone."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest
from store.small_ledger import Clock, Ground, kept, put_back, put_of_version

from deploy.halts import VAULT_LOST, advice_on
from domain.identifiers import synthetic_identity_code
from domain.record import Damaged
from domain.store import ClientRecord, CodeTaken, Moved, PostalAddress, StaffCard, Use, Vault, VaultWentBack
from domain.store.sealed.vault import TABLES, HeldMessage

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
    changed = vault.change("a" * 32, phone=None, protected=True).record
    assert (changed.phone, changed.protected, changed.family_name) == (None, True, "Virtanen")
    assert vault.get(["a" * 32])["a" * 32] == changed
    with pytest.raises(CodeTaken):
        vault.change("a" * 32, identity_code=OTHER)
    with pytest.raises(LookupError):
        vault.change("f" * 32, phone="1")


def test_of_two_who_change_one_record_at_a_moment_nobodys_change_is_lost(ground: Ground) -> None:
    """Two processes, each with its own connection. source: domain/pathway.md 4.9 (Client's details)"""
    one, other = ground.vault(), ground.vault()
    one.register("a" * 32, PERSON)
    at_once = threading.Barrier(2)

    def give(vault: Vault, name: str) -> None:
        for number in range(40):
            at_once.wait(10)
            vault.change("a" * 32, changing=[name], **{name: f"04{number}"})

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(give, one, "phone"), pool.submit(give, other, "emergency_contact_phone")]:
            done.result()
    kept = one.look("a" * 32)
    assert kept is not None
    assert (kept.record.phone, kept.record.emergency_contact_phone) == ("0439", "0439")
    # every attempt waits for its fact
    assert (len(kept.untold), kept.changing) == (80, ["emergency_contact_phone", "phone"])


def test_a_record_is_changed_only_where_it_is_still_the_one_that_was_seen(ground: Ground) -> None:
    one, other = ground.vault(), ground.vault()
    one.register("a" * 32, PERSON)
    seen = one.look("a" * 32)
    by_other = other.change("a" * 32, seen=other.look("a" * 32), changing=["contact_changed"], phone="040 2")
    with pytest.raises(Moved):
        one.change("a" * 32, seen=seen, changing=["name_changed"], family_name="Korhonen")
    assert one.look("a" * 32) == by_other


def test_a_fact_tells_of_the_changes_that_were_there_and_of_no_later_one(ground: Ground) -> None:
    one, other = ground.vault(), ground.vault()
    one.register("a" * 32, PERSON)
    first = one.change("a" * 32, changing=["contact_changed"], phone="040 1")
    second = other.change("a" * 32, changing=["contact_changed"], phone="040 2")
    one.told("a" * 32, first.untold)
    kept = one.look("a" * 32)
    assert kept is not None
    assert (kept.changing, kept.untold) == (["contact_changed"], second.untold - first.untold)


def test_a_change_whose_fact_is_refused_is_taken_back_and_nobody_elses_with_it(ground: Ground) -> None:
    vault = ground.vault()
    vault.register("a" * 32, PERSON)
    before = vault.look("a" * 32)
    assert before is not None
    refused = vault.change("a" * 32, seen=before, changing=["identity_code_replaced"], identity_code=OTHER)
    vault.change("a" * 32, changing=["contact_changed"], phone="040 2")
    vault.take_back("a" * 32, before, refused)
    kept = vault.look("a" * 32)
    assert kept is not None
    assert (kept.record, kept.changing) == (PERSON.model_copy(update={"phone": "040 2"}), ["contact_changed"])
    assert (vault.find(CODE), vault.find(OTHER)) == ("a" * 32, None)


def test_a_change_that_somebody_elses_fact_has_told_is_not_taken_back(ground: Ground) -> None:
    vault = ground.vault()
    vault.register("a" * 32, PERSON)
    before = vault.look("a" * 32)
    assert before is not None
    refused = vault.change("a" * 32, seen=before, changing=["contact_changed"], phone="040 2")
    same = vault.change("a" * 32, changing=["contact_changed"], phone="040 2")
    vault.told("a" * 32, same.untold)
    vault.take_back("a" * 32, before, refused)
    kept = vault.look("a" * 32)
    assert kept is not None
    assert (kept.record.phone, kept.untold) == ("040 2", frozenset())


def test_of_two_clients_one_gets_a_code_that_both_are_given_at_a_moment(ground: Ground) -> None:
    vaults = [ground.vault(), ground.vault()]
    for number, vault in enumerate(vaults):
        vault.register(str(number) * 32, ClientRecord(family_name="Virtanen"))
    at_once = threading.Barrier(2)

    def give(number: int) -> str:
        at_once.wait(10)
        try:
            vaults[number].change(str(number) * 32, identity_code=CODE)
        except CodeTaken:
            return "taken"
        return "given"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(give, range(2))) == ["given", "taken"]


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
    assert vault.held() == [soon, late, other]
    vault.drop_held("s01", "provider", "m1")
    assert vault.held() == [soon, other]


def test_the_ids_of_a_senders_held_messages_are_read_in_pages(ground: Ground) -> None:
    vault = ground.vault()
    for number, message_id in enumerate(("m3", "m1", "g 1", "m2")):
        until_at = datetime(2025, 2, 4 - number, tzinfo=UTC)
        vault.keep_held(HeldMessage("s01", "provider", message_id, until_at, b"{}"))
    vault.keep_held(HeldMessage("s02", "provider", "m0", datetime(2025, 1, 1, tzinfo=UTC), b"{}"))
    found, after = list[str](), ""
    while page := vault.held_under("s01", "provider", after, 3):
        found, after = found + page, page[-1]
    assert sorted(found) == ["g 1", "m1", "m2", "m3"]
    assert vault.held_under("s01", "referrer", "", 3) == []


def test_held_messages_are_read_when_their_turn_comes(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.store.sealed.vault.HELD_PAGE", 2)
    vault = ground.vault()
    times = (datetime(2025, 1, 1 + n // 3, tzinfo=UTC) for n in range(6))
    messages = [HeldMessage(f"s{n % 2}", "provider", f"m{n}", at, b"x" * n) for n, at in enumerate(times)]
    for message in reversed(messages):
        vault.keep_held(message)
    assert vault.held() == messages
    read = vault.each_held()
    assert next(read) == messages[0]
    # what is let go of meanwhile is not given any more, in this page of names or in another one
    for gone in (messages[0], messages[1], messages[4]):
        vault.drop_held(gone.sender_org, gone.sender_task, gone.message_id)
    assert list(read) == [messages[2], messages[3], messages[5]]
    assert vault.held_beside("s1", "provider", "m3") == (1, len(messages[5].payload) + 28)  # sealing adds 28 bytes
    assert vault.held_beside("s2", "provider", "m3") == (0, 0)


def test_a_message_that_waits_is_replaced_and_let_go_of_by_no_other_one_under_its_id(ground: Ground) -> None:
    vault = ground.vault()
    first, second = (HeldMessage("s01", "provider", "m1", datetime(2025, 2, n, tzinfo=UTC), b"%d" % n) for n in (1, 2))
    # when two are kept under one id, then each is told which of them is
    assert vault.keep_held(first) == first
    assert vault.keep_held(second) == first
    vault.drop_held("s01", "provider", "m1", second.payload)
    assert vault.held() == [first]
    # and it gives way to who was promised an answer
    assert vault.keep_held(second, over=True) == second
    assert vault.held() == [second]
    vault.drop_held("s01", "provider", "m1", second.payload)
    assert vault.held() == []


def test_a_message_that_does_not_open_is_replaced_by_the_one_that_comes_under_its_id(ground: Ground) -> None:
    vault = ground.vault()
    spoilt, fresh = (HeldMessage("s01", "provider", "m1", datetime(2025, 2, n, tzinfo=UTC), b"{}") for n in (1, 2))
    vault.keep_held(spoilt)
    ground.owned("vault").write(lambda ask: ask("UPDATE held SET sealed = %s", (b"spoilt" * 10,)))
    assert vault.keep_held(fresh) == fresh
    assert vault.held() == [fresh]


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


def test_a_look_for_nobody_leaves_nothing_in_the_use_log_and_needs_no_right_to_take_out_of_it(ground: Ground) -> None:
    vault = ground.vault()
    use = Use(
        used_at=datetime(2025, 1, 2, tzinfo=UTC), subject_ref="0" * 32, org="s01", task="provider", role="system",
        person="system", purpose="service", what="search",
    )  # fmt: skip
    vault.log_nobody([use, use])
    assert vault.uses("0" * 32) == []
    # and the next look of anybody is written as ever
    vault.log_use([use])
    assert vault.uses("0" * 32) == [use]


# --- a vault that went back (design D21) ---


def use(client: str) -> Use:
    return Use(used_at=datetime(2025, 1, 2, tzinfo=UTC), subject_ref=client, org="county", task="organiser", role="intake",
               person="w1", purpose="service", what="search")  # fmt: skip


def test_a_vault_that_went_back_is_missed_by_who_has_written_or_read_it(ground: Ground) -> None:
    clock = Clock()
    ours, theirs = (Vault(ground.database("vault"), ground.keys(clock), clock=clock) for _ in range(2))
    ours.log_use([use("a" * 32)])
    older = kept(ground, "vault")
    ours.register("b" * 32, PERSON)
    ours.log_use([use("b" * 32)])
    clock.seconds += 1
    assert theirs.get(["b" * 32])
    newer = kept(ground, "vault")
    # when a copy from before stands in its place, in which others are looked at by now
    put_back(ground, "vault", older)
    ground.vault().log_use([use("c" * 32)])
    clock.seconds += 1
    for vault in (ours, theirs):
        for ask in (vault.check, lambda vault=vault: vault.find(CODE), lambda vault=vault: vault.register("d" * 32, PERSON)):
            with pytest.raises(VaultWentBack, match="line 2 of the use log, which was there, is not"):
                ask()
    # then the person is not entered a second time, and all go on when the right one is there again
    put_back(ground, "vault", newer)
    assert ours.find(CODE) == theirs.find(CODE) == "b" * 32


def test_a_vault_from_before_an_upgrade_under_a_running_process_is_one_that_went_back(ground: Ground) -> None:
    """design D21: nothing mends itself there, and it is no mistake in the program."""
    clock = Clock()
    ours = Vault(ground.database("vault"), ground.keys(clock), clock=clock)
    ours.register("a" * 32, PERSON)
    newer = kept(ground, "vault")
    # when a copy stands in its place that an older program made, and which lacks no look at anybody
    put_of_version(ground, "vault", TABLES[:1])
    for ask in (ours.check, lambda: ours.find(CODE), lambda: ours.register("b" * 32, PERSON)):
        clock.seconds += 1
        with pytest.raises(VaultWentBack, match="version 2 of its tables, which was there, is not") as back:
            ask()
        assert advice_on(back.value) == VAULT_LOST
    # and when the right one is there again, it goes on
    put_of_version(ground, "vault", TABLES)
    put_back(ground, "vault", newer)
    clock.seconds += 1
    assert ours.find(CODE) == "a" * 32


@pytest.mark.parametrize("until_at", ["no time", "2025-01-09T00:00:00"], ids=["no time", "a time of no zone"])
def test_a_message_that_waits_and_was_spoilt_stops_nobody_elses(
    ground: Ground, caplog: pytest.LogCaptureFixture, until_at: str
) -> None:
    vault = ground.vault()
    until = datetime(2025, 1, 9, tzinfo=UTC)
    for number in range(3):
        vault.keep_held(HeldMessage("s01", "provider", f"message-2025-{number}", until, b"{}"))
    ground.owned("vault").write(
        lambda ask: [
            ask("UPDATE held SET sealed = %s WHERE message_id = %s", (b"spoilt" * 10, "message-2025-0")),
            ask("UPDATE held SET held_until_at = %s WHERE message_id = %s", (until_at, "message-2025-1")),
        ]
    )
    with caplog.at_level(logging.CRITICAL, "kuty.vault"):
        for _ in range(2):
            assert [held.message_id for held in vault.held()] == ["message-2025-2"]
    # each is said once, with what to do
    assert len(caplog.records) == 2
    assert all("docs/runbooks/a-damaged-record.md" in record.getMessage() for record in caplog.records)


def test_who_was_given_up_has_an_entry_that_names_nobody_and_no_entry_is_overwritten(ground: Ground) -> None:
    vault = ground.vault()
    vault.register("a" * 32, PERSON)
    for client in ("a" * 32, "b" * 32):
        vault.give_up(client)
    assert vault.get(["a" * 32, "b" * 32]) == {"a" * 32: PERSON, "b" * 32: ClientRecord()}
    assert vault.register("c" * 32, ClientRecord(identity_code=OTHER)) == "c" * 32
