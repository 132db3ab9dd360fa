"""Intake: what waits for something."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from house import CODE, LEDGER, UNKNOWN_CODE, House
from provider_days import BENEFIT, DAYS, SENDER, attendance, statuses, week_after
from stories import CONTRACTS, EXPERT, INTAKE, OPERATOR, REFERRER, joining, last

from consumers import wire
from consumers.embedded_broker import EmbeddedReader
from consumers.intake import EACH_TOPIC, Intake
from consumers.log import BrokerUnavailable, Outcome, TopicDamaged
from domain.chapters.ledgers.decisions import AdvanceClock
from domain.chapters.referrals.decisions import SubmitReferral
from domain.context import Caller
from domain.envelopes import Incoming
from domain.store import StoreUnavailable
from domain.store.receiving.answering import Answering
from domain.streams import LEDGER_STREAM
from projections.audit import verify_chains


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with week_after(tmp_path) as at:
        yield at


# --- what waits ---


def test_what_refers_to_a_message_not_yet_there_waits_for_it(home: House) -> None:
    sender = "authority"
    drafting = {
        "client": home.name(sender),
        "plan_id": "message:p-1",
        "includes_kuty": False,
        "measures": ["social_services"],
    }
    home.send(sender, "p-2", "draft_plan.v1", drafting)
    home.settle()
    waiting = home.receipts(sender)[-1]
    assert (waiting["message_id"], waiting["status"], waiting["reason"]) == ("p-2", "waiting", "waits_for_reference")
    assert waiting["until"].startswith("2025-04-03T")
    home.send(sender, "p-3", "accept_plan.v1", {"client": home.name(sender), "plan_id": "message:p-2", "plan_version": 1})
    home.settle()
    assert home.receipts(sender)[-1]["reason"] == "waits_for_earlier"
    plan = {
        "client": home.name(sender),
        "plan_kind": "activation_plan",
        "initiator": "employment_side",
        "parties": ["client", "employment_side", "organiser"],
        "eligibility_keys": ["EL-O25-LMS500"],
    }
    home.send(sender, "p-1", "start_plan.v1", plan)
    home.settle()
    final = {r["message_id"]: r for r in home.receipts(sender) if r["message_id"] in ("p-1", "p-2", "p-3")}
    assert {name: receipt["status"] for name, receipt in final.items()} == {
        "p-1": "recorded",
        "p-2": "recorded",
        "p-3": "refused",
    }
    assert final["p-3"]["codes"][0]["code"] == "E_UNKNOWN_REFERENCE"  # a draft begins no part of its own
    assert home.pathway.plans[last(home.pathway.plans)].latest == 1
    assert home.wired.vault.held() == []


def test_what_waits_waits_until_the_time_it_was_told_at_first_also_where_the_vault_had_lost_it(home: House) -> None:
    """Its sender sends it again, as docs/runbooks/lost-keys-or-vault.md says, and the record has the first time."""
    body = {"identity_code": UNKNOWN_CODE, **BENEFIT}
    home.send("authority", "b-1", "change_benefit_status.v1", body)
    home.settle()
    [held] = home.wired.vault.held()
    until = home.receipts("authority")[-1]["until"]
    # when it is gone from the vault, and comes again two days later
    home.wired.vault.drop_held(held.sender_org, held.sender_task, held.message_id)
    home.wired.store.execute(AdvanceClock(to_at=home.wired.store.now() + timedelta(days=2)), OPERATOR, "later")
    home.send("authority", "b-1", "change_benefit_status.v1", body)
    home.settle()
    # then it is kept as it was, and nothing tells the vault from the record
    assert home.wired.vault.held() == [held]
    assert home.receipts("authority")[-1].get("until", until) == until


def test_the_clock_waits_for_what_waited_and_may_be_decided_now(home: House) -> None:
    """Else it would be dated by a later day than the fact that it waited for, where intake was killed between the two."""
    # given a correction that came before the day that it corrects, and waits for it
    wrong = {"target_event_id": "message:a-1", "correction_reason": "wrong_entry", "new_values": {"hours": 4}}
    home.send(SENDER, "a-2", "correct_fact.v1", {"client": home.name(SENDER), **wrong})
    home.settle()
    assert (statuses(home)[-1], home.wired.lagging()) == ("waiting", [])
    # when the day is recorded, and nobody tries yet what waits
    own = home.wired.store.directory.recipients[SENDER]
    day = Incoming(own, "a-1", "record_attendance.v1", orjson.dumps(attendance(home)))
    assert home.wired.receiving.receive(day).receipt.status == "recorded"
    # then the clock stands, also where everything that was recorded is told
    while any([role.step() for role in (home.wired.disclosure, home.wired.relay)]):
        pass
    assert home.wired.lagging() == ["intake"]
    home.settle()
    assert (home.receipts(SENDER)[-1]["message_id"], statuses(home)[-1]) == ("a-2", "recorded")
    assert home.wired.lagging() == []


def test_what_cannot_be_decided_yet_does_not_hold_the_clock(home: House) -> None:
    # given a message that waits for somebody of whom nobody has heard
    home.send("authority", "b-1", "change_benefit_status.v1", {"identity_code": UNKNOWN_CODE, **BENEFIT})
    home.settle()
    # when something else is recorded, of which it learns nothing, and a day goes on
    for day in (1, 2):
        home.wired.store.execute(AdvanceClock(to_at=home.wired.store.now() + timedelta(days=1)), OPERATOR, f"day-{day}")
        home.settle()
        # then it waits on, and the clock may go on
        assert (statuses(home, "authority")[-1], home.wired.lagging()) == ("waiting", [])


REFERRAL = {"source": "employment_authority", "legal_basis": "LB-189-PLAN"}


def test_a_message_about_somebody_unknown_waits_until_its_sender_may_know_him(home: House) -> None:
    # given a message about somebody of whom nobody has heard (domain/pathway.md 4.9)
    body = {"identity_code": UNKNOWN_CODE, **BENEFIT}
    home.send("authority", "b-1", "change_benefit_status.v1", body)
    home.settle()
    waiting = home.receipts("authority")[-1]
    assert (waiting["status"], waiting["reason"]) == ("waiting", "subject_unresolved")
    home.send("authority", "b-1", "change_benefit_status.v1", body)
    home.settle()
    assert home.receipts("authority")[-1]["first"] == "waiting"
    held = b"".join(r.state for r in home.wired.store.records(0, 10_000))
    assert UNKNOWN_CODE.encode() not in held
    # when he becomes a client, of whom the sender may not know
    new = {"identity_kind": "identity_code", "registered_from": "own_contact", "identity_code": UNKNOWN_CODE}
    answer = home.post("/clients", INTAKE, new)
    assert answer.status_code == 201
    home.settle()
    # then it waits on
    assert home.receipts("authority")[-1]["first"] == "waiting"
    client = home.wired.pseudonyms("county").reference(answer.json()["references"]["client"])
    assert home.wired.vault.uses(client) == []
    # and when its own referral makes him known to it, then it is decided
    home.send("authority-referrer", "r-1", "submit_referral.v1", {"identity_code": UNKNOWN_CODE, **REFERRAL})
    home.settle()
    final = home.receipts("authority")[-1]
    assert (final["message_id"], final["status"]) == ("b-1", "recorded"), final
    assert home.wired.vault.held() == []
    assert len(home.wired.store.pathway(client).benefits) == 1
    assert [(use.what, use.org) for use in home.wired.vault.uses(client)] == [("search", EXPERT.org)] * 2


def test_a_referral_of_somebody_unknown_makes_him_a_client_and_is_answered_like_any_other(home: House) -> None:
    # when two persons are referred, the one a client already (domain/pathway.md 4.9)
    for message_id, code in (("r-1", CODE), ("r-2", UNKNOWN_CODE)):
        home.send("authority-referrer", message_id, "submit_referral.v1", {"identity_code": code, **REFERRAL})
    home.settle()
    # then nothing tells them apart, neither at once nor when the message is repeated
    known, unknown = home.receipts("authority-referrer")[-2:]
    assert unknown.keys() == known.keys()
    assert (known["status"], unknown["status"], unknown["type"]) == ("recorded", "recorded", known["type"])
    home.send("authority-referrer", "r-2", "submit_referral.v1", {"identity_code": UNKNOWN_CODE, **REFERRAL})
    home.settle()
    assert home.receipts("authority-referrer")[-1]["status"] == "already_recorded"
    client = home.wired.vault.find(UNKNOWN_CODE)
    assert client is not None
    # also when it names him by the name that came back with the referral
    named = {"client": home.name("authority-referrer", client), **REFERRAL}
    home.send("authority-referrer", "r-2", "submit_referral.v1", named)
    home.settle()
    assert home.receipts("authority-referrer")[-1]["status"] == "already_recorded"
    pathway = home.wired.store.pathway(client)
    assert pathway.registered is not None
    assert len(pathway.referrals) == 1
    # and intake finds him under his code
    new = {"identity_kind": "identity_code", "registered_from": "referral", "identity_code": UNKNOWN_CODE}
    found = home.post("/clients", INTAKE, new)
    assert (found.status_code, found.json()["references"]["client"]) == (200, home.name("county", client))


def test_of_a_person_whose_referral_is_refused_nothing_is_kept(home: House) -> None:
    wrong = {"identity_code": UNKNOWN_CODE, "source": "municipal_trial", "legal_basis": "LB-189-PLAN"}
    for _ in range(2):
        home.send("authority-referrer", "r-1", "submit_referral.v1", wrong)
        home.settle()
    refused, again = home.receipts("authority-referrer")[-2:]
    assert (refused["status"], refused["codes"][0]["code"]) == ("refused", "E_SOURCE_CLOSED")
    assert (again["status"], again["first"], again["number"]) == ("already_recorded", "refused", refused["number"])
    assert home.wired.vault.find(UNKNOWN_CODE) is None


def test_what_waits_too_long_is_refused(home: House) -> None:
    home.send(SENDER, "m-1", "record_attendance.v1", attendance(home, period_id="message:m-0"))
    home.settle()
    assert statuses(home)[-1] == "waiting"
    home.execute(AdvanceClock(to_at=home.wired.store.now() + timedelta(days=6, hours=23)), OPERATOR)
    home.settle()
    assert statuses(home)[-1] == "waiting"
    home.execute(AdvanceClock(to_at=home.wired.store.now() + timedelta(hours=1)), OPERATOR)
    home.settle()
    final = home.receipts(SENDER)[-1]
    assert (final["message_id"], final["status"], final["codes"][0]["code"]) == ("m-1", "refused", "E_WAITING_EXPIRED")
    home.send(SENDER, "m-1", "record_attendance.v1", attendance(home, period_id="message:m-0"))
    home.settle()
    again = home.receipts(SENDER)[-1]
    assert (again["status"], again["first"], again["number"]) == ("already_recorded", "refused", final["number"])


@pytest.mark.parametrize(
    "spoiling",
    [
        "DELETE FROM held",
        "UPDATE held SET sealed = 'x'",
        "UPDATE held SET held_until_at = '2025-03-27T00:00:00+00:00'",
        "UPDATE held SET held_until_at = '2031-01-01T00:00:00+00:00'",
        "UPDATE held SET held_until_at = '2025-03-27T00:00:00'",
        "UPDATE held SET held_until_at = 'soon'",
    ],
    ids=["gone", "another's bytes", "an earlier time", "a later time", "a time of no zone", "no time"],
)
def test_what_waits_is_refused_when_the_time_is_over_that_was_promised_whatever_the_vault_says(
    home: House, spoiling: str
) -> None:
    """The record says until when, and its sender was told so (design D18)."""
    home.send(SENDER, "m-1", "record_attendance.v1", attendance(home, period_id="message:m-0"))
    home.settle()
    home.wired.vault._database.write(lambda ask: ask(spoiling, ()))
    # when a step before the time is tried, then it waits on
    home.execute(AdvanceClock(to_at=home.wired.store.now() + timedelta(days=6, hours=23)), OPERATOR)
    home.settle()
    assert statuses(home)[-1] == "waiting"
    # and when its time is over, then it has its last answer, and nothing of it is left
    home.execute(AdvanceClock(to_at=home.wired.store.now() + timedelta(hours=1)), OPERATOR)
    home.settle()
    final = home.receipts(SENDER)[-1]
    assert (final["message_id"], final["status"], final["codes"][0]["code"]) == ("m-1", "refused", "E_WAITING_EXPIRED")
    assert final["type"] == "record_attendance.v1"
    assert home.wired.vault.held_count() == 0
    # once
    home.execute(AdvanceClock(to_at=home.wired.store.now() + timedelta(hours=1)), OPERATOR)
    other_intake(home).step()
    home.settle()
    assert home.receipts(SENDER)[-1] == final
    # and who sends it once more is told the same
    home.send(SENDER, "m-1", "record_attendance.v1", attendance(home, period_id="message:m-0"))
    home.settle()
    again = home.receipts(SENDER)[-1]
    assert (again["status"], again["first"], again["number"]) == ("already_recorded", "refused", final["number"])


def test_what_waits_is_refused_in_time_also_where_another_history_was_gone_through_before(home: House) -> None:
    """A store that is brought in line with its topic has other events in the place of its own."""
    home.send(SENDER, "m-1", "record_attendance.v1", attendance(home, period_id="message:m-0"))
    home.settle()
    home.wired.vault._database.write(lambda ask: ask("DELETE FROM held", ()))
    # given that it was noted up to where another history had nothing that waits
    home.wired.store.place({"intake/expired": home.wired.store.stream_version(LEDGER_STREAM), "intake/expired/of": 1})
    home.execute(AdvanceClock(to_at=home.wired.store.now() + timedelta(days=7)), OPERATOR)
    other_intake(home).step()
    home.settle()
    final = home.receipts(SENDER)[-1]
    assert (final["message_id"], final["codes"][0]["code"]) == ("m-1", "E_WAITING_EXPIRED")


def test_who_waits_too_long_takes_away_nothing_that_another_was_promised_under_the_same_id(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """design D13: an id belonged to the person who used it, in ledgers where a system's was not its own yet."""
    began = home.wired.store.now()
    first = changed(home, "b-1")
    # given another person's message that waits under its id since two days later, and is what the vault has under it
    home.execute(AdvanceClock(to_at=began + timedelta(days=2)), OPERATOR)
    home.wired.vault.drop_held(*SYSTEM.sender, "b-1")
    with monkeypatch.context() as before:
        before.setattr("domain.store.receiving.answering.caller_of", lambda *_: replace(SYSTEM, person="P-2"))
        second = changed(home, "b-1", person="P-2", **OTHERWISE)
    assert (first.status, second.status) == ("waiting", "waiting")
    [kept] = home.wired.vault.held()
    # when the first one's time is over, then the other one waits on
    home.execute(AdvanceClock(to_at=first.until), OPERATOR)
    home.settle()
    final = home.receipts("authority")[-1]
    assert (final["message_id"], final["codes"][0]["code"]) == ("b-1", "E_WAITING_EXPIRED")
    assert home.wired.vault.held() == [kept]
    # until its own is
    home.execute(AdvanceClock(to_at=second.until), OPERATOR)
    home.settle()
    final = home.receipts("authority")[-1]
    assert (final["message_id"], final["codes"][0]["code"]) == ("b-1", "E_WAITING_EXPIRED")
    assert final["number"] > second.number
    assert home.wired.vault.held() == []


def changed(home: House, message_id: str, person: str = "system", **fields: Any) -> Any:
    """What intake answers to a message about somebody of whom its sender may not know."""
    recipient = home.wired.store.directory.recipients["authority"]
    body = orjson.dumps({"identity_code": UNKNOWN_CODE, **BENEFIT, **fields})
    return home.wired.receiving.receive(Incoming(recipient, message_id, "change_benefit_status.v1", body, person)).receipt


OTHERWISE = {"from_on": "2025-02-01"}


def test_of_two_messages_that_come_under_one_id_at_one_moment_the_one_that_was_kept_first_is_answered(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    note, second = Answering._note, []

    def meanwhile(answering: Answering, message: Incoming, event: Any) -> Any:
        if not second:
            second.append(None)
            second.append(changed(home, "b-1", **OTHERWISE))
        return note(answering, message, event)

    # when another one comes after the first was kept, and before that is recorded
    with monkeypatch.context() as at_once:
        at_once.setattr(Answering, "_note", meanwhile)
        first = changed(home, "b-1")
    # then the first waits, and the other one is told why it does not
    assert (first.status, second[1].status) == ("waiting", "refused")
    assert ([code.code for code in second[1].codes], second[1].number) == (["E_KEY_REUSED"], None)
    # and the first gets its last answer
    home.send("authority-referrer", "r-1", "submit_referral.v1", {"identity_code": UNKNOWN_CODE, **REFERRAL})
    home.settle()
    final = home.receipts("authority")[-1]
    assert (final["message_id"], final["status"]) == ("b-1", "recorded")
    assert home.wired.vault.held() == []
    again = changed(home, "b-1")
    assert (again.status, again.first) == ("already_recorded", "recorded")


def is_kept_by_who_dies(home: House, monkeypatch: pytest.MonkeyPatch, message_id: str) -> None:
    """A message is kept, and never recorded."""
    with monkeypatch.context() as dying:
        dying.setattr(home.wired.store, "note", lambda *_, **__: 1 // 0)
        dying.setattr(home.wired.receiving, "_refused", lambda message, error, dry_run: (_ for _ in ()).throw(error))
        with pytest.raises(ZeroDivisionError):
            changed(home, message_id)


def test_each_that_waits_has_its_last_answer_when_its_time_is_over_whichever_was_kept_first(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = home.wired.store.now()

    def comes(days: int) -> None:
        home.wired.store.execute(AdvanceClock(to_at=began + timedelta(days=days)), OPERATOR, f"day {days}")
        home.settle()

    # given one that was kept by who died before it promised anything, and comes again after another one
    is_kept_by_who_dies(home, monkeypatch, "b-1")
    comes(5)
    promised = {"b-2": changed(home, "b-2").until}
    comes(6)
    promised["b-1"] = changed(home, "b-1").until
    # then it waits for a week from then on, and so is it kept
    assert promised == {name: began + timedelta(days=days) for name, days in (("b-2", 12), ("b-1", 13))}
    assert {held.message_id: held.held_until_at for held in home.wired.vault.held()} == promised
    # and each is refused on its day
    for day, name in ((12, "b-2"), (13, "b-1")):
        comes(day)
        final = home.receipts("authority")[-1]
        assert (final["message_id"], final["status"]) == (name, "refused")
        assert final["codes"][0]["code"] == "E_WAITING_EXPIRED"
    assert home.wired.vault.held() == []


@pytest.mark.parametrize("days", [0, 3, 8])
def test_what_was_kept_by_who_died_before_it_promised_anything_waits_a_week_when_it_comes_again(
    home: House, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    is_kept_by_who_dies(home, monkeypatch, "b-1")
    now = home.wired.store.now() + timedelta(days=days)
    if days:
        home.wired.store.execute(AdvanceClock(to_at=now), OPERATOR, "later")
    # when another one comes under its id, then that is not taken for it
    assert changed(home, "b-1", **OTHERWISE).status == "refused"
    # and when it comes again, then it waits for as long as any other
    again = changed(home, "b-1")
    assert (again.status, again.number is not None) == ("waiting", True)
    assert again.until >= now + timedelta(days=6, hours=23)
    [held] = home.wired.vault.held()
    assert held.held_until_at == again.until


def test_an_intake_that_dies_while_a_message_waits_still_answers_it(home: House) -> None:
    home.send("authority", "m-2", "change_benefit_status.v1", {"identity_code": UNKNOWN_CODE, **BENEFIT})
    home.settle()
    another = Intake(home.wired.store, home.wired.broker, home.wired.receiving, wait=0)
    new = {"identity_kind": "identity_code", "registered_from": "referral", "identity_code": UNKNOWN_CODE}
    home.post("/clients", INTAKE, new)
    home.execute(SubmitReferral(**REFERRAL), REFERRER, client=home.wired.vault.find(UNKNOWN_CODE))
    assert another.step() == 1
    another.close()
    home.settle()
    final = home.receipts("authority")[-1]
    assert (final["message_id"], final["status"]) == ("m-2", "recorded")


SYSTEM = Caller(EXPERT.org, EXPERT.task, "system", "system")


@pytest.mark.parametrize("sent_again", [False, True], ids=["tried again", "sent again"])
def test_the_last_answer_to_what_waited_is_not_lost_where_nothing_was_left_to_record(
    home: House, monkeypatch: pytest.MonkeyPatch, sent_again: bool
) -> None:
    # given two messages that say the same of somebody of whom their sender may not know
    body = {"identity_code": UNKNOWN_CODE, **BENEFIT}
    for message_id in ("b-1", "b-2"):
        home.send("authority", message_id, "change_benefit_status.v1", body)
    home.settle()
    waiting = home.receipts("authority")[-1]
    assert (waiting["message_id"], waiting["status"]) == ("b-2", "waiting")
    # when it may, and the broker takes nothing that intake publishes itself
    home.send("authority-referrer", "r-1", "submit_referral.v1", {"identity_code": UNKNOWN_CODE, **REFERRAL})

    def away(_: Intake, recipient: object, receipts: Sequence[object]) -> None:
        if receipts:
            raise BrokerUnavailable

    with monkeypatch.context() as broken:
        broken.setattr("consumers.setbacks.FIRST_PAUSE_S", 0.0)
        broken.setattr(Intake, "_publish", away)
        if sent_again:
            broken.setattr(Intake, "_retry", lambda _: 0)
        for _ in range(3):
            with suppress(BrokerUnavailable):
                home.wired.intake.step()
        if sent_again:
            for message_id in ("b-1", "b-2"):
                home.send("authority", message_id, "change_benefit_status.v1", body)
            with suppress(BrokerUnavailable):
                home.wired.intake.step()
    home.settle()
    # then both are answered, in its line and over both ways alike
    numbered = [one for one in home.receipts("authority") if "first" not in one]
    first, last = numbered[-2:]
    assert (first["message_id"], first["status"], first["number"]) == ("b-1", "recorded", waiting["number"] + 1)
    assert (last["message_id"], last["status"], last["number"]) == ("b-2", "already_recorded", waiting["number"] + 2)
    assert (last["type"], last["codes"][0]["code"]) == ("change_benefit_status.v1", "IDEMPOTENT")
    assert home.get("/receipts", SYSTEM, since=waiting["number"]).json()["receipts"] == [first, last]
    assert home.wired.vault.held() == []
    # and who sends it once more is told the same
    home.send("authority", "b-2", "change_benefit_status.v1", body)
    home.settle()
    again = home.receipts("authority")[-1]
    assert (again["status"], again["first"], again["number"]) == ("already_recorded", "already_recorded", last["number"])
    assert again["codes"] == last["codes"]
    store = home.wired.store
    assert verify_chains(store.records(0, store.head()), store.opened) == []


def test_what_waited_is_let_go_of_when_its_answer_was_passed_on(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a message whose last answer was recorded by an intake that was killed then
    home.send("authority", "b-1", "change_benefit_status.v1", {"identity_code": UNKNOWN_CODE, **BENEFIT})
    home.settle()
    home.send("authority-referrer", "r-1", "submit_referral.v1", {"identity_code": UNKNOWN_CODE, **REFERRAL})
    with monkeypatch.context() as killed:
        killed.setattr(home.wired.vault, "drop_held", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            steps(home.wired.intake)
    assert not home.wired.store.waits(SYSTEM.sender, "b-1")
    # when the broker does not take what the next one says of it
    with monkeypatch.context() as broken:
        broken.setattr("consumers.setbacks.FIRST_PAUSE_S", 0.0)
        broken.setattr(home.wired.broker, "append", lambda entries: [Outcome("unknown") for _ in entries])
        steps(home.wired.intake)
    # then it is said once more
    assert [one.message_id for one in home.wired.vault.held()] == ["b-1"]
    home.settle()
    said = [(one["status"], one.get("first")) for one in home.receipts("authority") if one["message_id"] == "b-1"]
    assert sorted(said, key=str) == [("already_recorded", "recorded"), ("recorded", None), ("waiting", None)]
    assert home.wired.vault.held() == []


def test_a_message_that_waited_in_a_vault_that_was_lost_is_decided_when_its_sender_sends_it_again(home: House) -> None:
    waiting = {"identity_code": UNKNOWN_CODE, **BENEFIT}
    home.send("authority", "m-2", "change_benefit_status.v1", waiting)
    home.settle()
    home.wired.vault.drop_held(EXPERT.org, EXPERT.task, "m-2")
    home.send("authority-referrer", "r-1", "submit_referral.v1", {"identity_code": UNKNOWN_CODE, **REFERRAL})
    home.settle()
    assert home.receipts("authority")[-1]["status"] == "waiting"
    home.send("authority", "m-2", "change_benefit_status.v1", waiting)
    home.settle()
    final = home.receipts("authority")[-1]
    assert (final["message_id"], final["status"]) == ("m-2", "recorded"), final


def test_an_id_that_had_its_last_answer_does_not_wait_for_another(home: House) -> None:
    home.send(SENDER, "m-3", "record_attendance.v1", attendance(home, period_id="nobody's"))
    home.settle()
    assert statuses(home)[-1] == "refused"
    home.send(SENDER, "m-3", "record_attendance.v1", attendance(home, period_id="message:m-0"))
    home.settle()
    assert home.receipts(SENDER)[-1]["codes"][0]["code"] == "E_KEY_REUSED"
    assert home.wired.vault.held() == []


def waits_for_nobody(home: House, *names: str) -> None:
    """Messages of the provider that wait for one that nobody sends."""
    for name in names:
        home.send(SENDER, name, "record_attendance.v1", attendance(home, period_id="message:nobody's"))
    home.settle()


def test_what_waits_is_tried_a_little_at_each_step_and_what_comes_is_answered_meanwhile(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"w-{n}" for n in range(4)]
    waits_for_nobody(home, *names)
    # given steps that have time for one message that waits
    monkeypatch.setattr("consumers.intake.RETRY_S", 0.0)
    tried: list[str] = []
    vault, each_held = home.wired.vault, home.wired.vault.each_held

    def noted() -> Iterator[Any]:
        for held in each_held():
            tried.append(held.message_id)
            yield held

    monkeypatch.setattr(vault, "each_held", noted)
    topic = wire.in_topic(LEDGER, SENDER)
    for number in range(3):
        home.send(SENDER, f"n-{number}", "record_attendance.v1", b"{}")
        end = home.wired.broker.end_offsets([topic])[topic]
        # then a step answers what came, tries one that waits, and says that there is more to do
        assert home.wired.intake.step() >= 1
        assert home.wired.store.tracking(topic) == end
        assert tried == names[: number + 1]
    home.settle()
    # and what was recorded meanwhile is known to all of them in the end: the last round began behind it
    assert tried[-4:] == names
    assert home.wired.intake.step() == 0


def test_what_waits_is_decided_in_the_order_in_which_it_came_however_little_time_there_is(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumers.intake.RETRY_S", 0.0)
    for number, day in enumerate(DAYS):
        home.send(SENDER, f"w-{9 - number}", "record_attendance.v1", attendance(home, day, period_id="message:p-1"))
        home.settle()
        home.execute(AdvanceClock(to_at=home.wired.store.now() + timedelta(minutes=1)), OPERATOR)
    period = {**attendance(home), "period_id": "nobody's"}
    home.send(SENDER, "p-1", "record_attendance.v1", period)
    home.settle()
    answers = [one for one in home.receipts(SENDER) if one["message_id"].startswith("w-") and one["status"] != "waiting"]
    assert [one["message_id"] for one in answers] == ["w-9", "w-8", "w-7"]
    assert home.wired.vault.held() == []


def test_a_round_that_broke_off_is_begun_again(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    waits_for_nobody(home, "w-0", "w-1")
    each_held = home.wired.vault.each_held

    def broken_off() -> Iterator[Any]:
        yield next(each_held())
        raise StoreUnavailable

    home.send(SENDER, "n-0", "record_attendance.v1", b"{}")
    with monkeypatch.context() as broken:
        broken.setattr(home.wired.vault, "each_held", broken_off)
        with pytest.raises(StoreUnavailable):
            home.wired.intake.step()
    tried = []
    monkeypatch.setattr(home.wired.vault, "each_held", lambda: (tried.append(one.message_id) or one for one in each_held()))
    home.wired.intake.step()
    assert tried == ["w-0", "w-1"]


# --- many messages of one sender ---


def test_the_backlog_of_one_sender_is_answered_between_what_others_send(home: House) -> None:
    for number in range(3 * EACH_TOPIC):
        home.send(SENDER, f"many-{number}", "record_attendance.v1", b"{}")
    home.send("authority", "a-1", "start_plan.v1", {})
    home.wired.intake.step()
    assert home.wired.store.tracking(wire.in_topic(LEDGER, SENDER)) == EACH_TOPIC
    assert home.wired.store.tracking(wire.in_topic(LEDGER, "authority")) == 1
    home.settle()
    assert home.wired.intake.behind() == 0


# --- a topic that is not as it must be ---


def test_a_topic_that_is_damaged_stands_still_and_the_others_go_on(
    home: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    topic, other = wire.in_topic(LEDGER, SENDER), wire.in_topic(LEDGER, "authority")
    poll = EmbeddedReader.poll

    def damaged(reader: EmbeddedReader, limit: int, timeout: float) -> Any:
        if topic in reader.positions():
            raise TopicDamaged(topic, "the batch at offset 0 fails its checksum")
        return poll(reader, limit, timeout)

    monkeypatch.setattr(EmbeddedReader, "poll", damaged)
    home.send(SENDER, "m-1", "record_attendance.v1", {})
    home.send("authority", "a-1", "start_plan.v1", {})
    steps(home.wired.intake)
    assert (home.wired.store.tracking(topic), home.wired.store.tracking(other)) == (0, 1)
    assert home.wired.intake.standing_still == {topic}
    [said] = [line.getMessage() for line in caplog.records if "stands still" in line.getMessage()]
    assert f"topic {topic} is damaged: the batch at offset 0 fails its checksum" in said
    assert "docs/runbooks/" in said


def test_a_topic_that_lost_its_beginning_does_not_stop_the_others(home: House) -> None:
    topic, other = wire.in_topic(LEDGER, SENDER), wire.in_topic(LEDGER, "authority")
    for number in range(3):
        home.send(SENDER, f"lost-{number}", "record_attendance.v1", {})
    home.wired.broker.delete_before({topic: 2})
    home.send("authority", "a-1", "start_plan.v1", {})
    for _ in range(3):
        home.wired.intake.step()
    assert (home.wired.store.tracking(topic), home.wired.store.tracking(other)) == (0, 1)
    assert home.wired.intake.behind() == 3
    assert home.wired.lagging()[0] == "intake"


def other_intake(home: House) -> Intake:
    """As after a new start."""
    return Intake(home.wired.store, home.wired.broker, home.wired.receiving, wait=0)


def steps(intake: Intake, times: int = 4) -> None:
    for _ in range(times):
        intake.step()


@pytest.mark.parametrize("restart", [True, False], ids=["while it was down", "while it ran"])
@pytest.mark.parametrize("longer", [True, False])
def test_a_topic_that_was_made_again_is_read_from_its_beginning(home: House, restart: bool, longer: bool) -> None:
    topic, broker = wire.in_topic(LEDGER, SENDER), home.wired.broker
    for number in range(3):
        home.send(SENDER, f"old-{number}", "record_attendance.v1", {})
    home.settle()
    before = home.receipts(SENDER)
    # given a topic of the same name, as long as the one before or not, in which something is sent once more
    broker.make_again(topic)  # type: ignore[attr-defined]
    home.send(SENDER, "old-1", "record_attendance.v1", {})
    for number in range(4 if longer else 1):
        home.send(SENDER, f"new-{number}", "record_attendance.v1", {})
    intake = other_intake(home) if restart else home.wired.intake
    steps(intake)
    home.settle()
    # then nothing in it is passed over, and nothing is decided twice
    answered = home.receipts(SENDER)[len(before) :]
    assert [(one["message_id"], one["status"]) for one in answered if one["status"] == "already_recorded"] == [
        ("old-1", "already_recorded")
    ]
    numbered = [one["message_id"] for one in answered if one["status"] != "already_recorded"]
    assert numbered == [f"new-{number}" for number in range(4 if longer else 1)]
    assert (intake.behind(), intake.standing_still) == (0, frozenset())
    intake.close()


def test_a_topic_made_again_that_does_not_say_where_it_begins_holds_up_nobody_else(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumers.intake.LOOK_AGAIN_S", 0.0)
    topic, broker = wire.in_topic(LEDGER, SENDER), home.wired.broker
    home.send(SENDER, "old-1", "record_attendance.v1", {})
    home.settle()
    begin_offsets = broker.begin_offsets

    def leaderless(topics: Iterable[str]) -> dict[str, int]:
        if topic in (topics := list(topics)):
            raise BrokerUnavailable(f"{topic} has no leader")
        return begin_offsets(topics)

    # given a topic that was made again and has no leader
    broker.make_again(topic)  # type: ignore[attr-defined]
    with monkeypatch.context() as broken:
        broken.setattr(broker, "begin_offsets", leaderless)
        home.send(SENDER, "new-1", "record_attendance.v1", {})
        home.send("authority", "a-1", "start_plan.v1", {})
        steps(home.wired.intake)
        # then the others are answered, and it is when it has one
        assert home.wired.store.tracking(wire.in_topic(LEDGER, "authority")) == 1
    home.settle()
    assert home.receipts(SENDER)[-1]["message_id"] == "new-1"


def test_a_topic_that_lost_its_end_is_read_from_its_beginning(home: House) -> None:
    topic, broker = wire.in_topic(LEDGER, SENDER), home.wired.broker
    for number in range(3):
        home.send(SENDER, f"old-{number}", "record_attendance.v1", {})
    home.settle()
    broker.lose_end(topic, 2)  # type: ignore[attr-defined]
    assert home.wired.intake.behind() == 0
    steps(home.wired.intake)
    home.send(SENDER, "new", "record_attendance.v1", {})
    home.settle()
    assert home.receipts(SENDER)[-1]["message_id"] == "new"
    assert home.wired.store.tracking(topic) == 2


def test_while_many_join_the_broker_is_asked_for_all_topics_when_some_were_made(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumers.intake.LOOK_AGAIN_S", 3600.0)
    intake, broker, looks = home.wired.intake, home.wired.broker, list[int]()
    topics = broker.topics
    monkeypatch.setattr(broker, "topics", lambda: looks.append(1) or topics())
    # given some who have joined, and a relay that has not come to them
    for number, org in enumerate(("0000031-8", "0000032-6", "0000033-4")):
        since = home.wired.store.today()
        home.execute(joining(org, "provider", {"provider": f"late-{number}"}, since, occurred_on=since), CONTRACTS)
        for _ in range(20):
            intake.step()
    # then the broker is asked once, and others are answered meanwhile
    home.send(SENDER, "m-1", "record_attendance.v1", {})
    intake.step()
    assert (len(looks), home.wired.store.tracking(wire.in_topic(LEDGER, SENDER))) == (1, 1)
    # when their topics are made, then they are followed at the next step
    home.wired.relay.step()
    home.send("late-2", "m-2", "record_attendance.v1", {})
    assert intake.step() == 1


def test_while_one_topic_is_not_there_the_broker_is_not_asked_for_all_of_them_whenever_something_is_published(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a topic that was deleted while intake was down
    monkeypatch.setattr("consumers.intake.LOOK_AGAIN_S", 3600.0)
    broker, looks = home.wired.broker, list[int]()
    broker.delete_topics([wire.in_topic(LEDGER, SENDER)])
    intake = other_intake(home)
    intake.step()
    topics = broker.topics
    monkeypatch.setattr(broker, "topics", lambda: looks.append(1) or topics())
    # when others are answered and told
    for number in range(5):
        home.send("authority", f"a-{number}", "start_plan.v1", {})
        steps(intake)
        home.wired.relay.step()
    # then the broker was asked when intake began, and not again
    assert looks == []
    assert intake.behind() == 0
    intake.close()


def test_a_topic_that_is_gone_stands_still_until_it_is_there_again(
    home: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("consumers.intake.LOOK_AGAIN_S", 0.0)
    topic, broker, intake = wire.in_topic(LEDGER, SENDER), home.wired.broker, home.wired.intake
    home.send(SENDER, "old", "record_attendance.v1", {})
    home.settle()
    broker.delete_topics([topic])
    home.send("authority", "a-1", "start_plan.v1", {})
    steps(intake)
    # then the others go on, and it is said once what is wrong
    assert home.wired.store.tracking(wire.in_topic(LEDGER, "authority")) == 1
    assert intake.standing_still == {topic}
    [said] = [line.getMessage() for line in caplog.records if "stands still" in line.getMessage()]
    assert f"topic {topic} is not there" in said
    # when it is made again
    broker.create_topics({topic: wire.IN})
    home.send(SENDER, "new", "record_attendance.v1", {})
    steps(intake)
    home.settle()
    assert home.receipts(SENDER)[-1]["message_id"] == "new"
    assert intake.standing_still == frozenset()
