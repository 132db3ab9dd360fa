"""Corrections at the door: what stands in the way is named as the caller was told of it; one command unties a knot.

source: domain/pathway.md 4.4 row 45, 4.9
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from house import House, house_after
from stories import COUNTY, INSTRUCTOR, INTAKE, MANAGER, OWN_WORKER

from domain.context import Caller

STAGE = "present 2025-03-10"
DAYS = ["2025-03-03", "2025-03-04", "2025-03-06", "2025-03-10"]
AUDITOR = Caller(COUNTY, "organiser", "auditor", "A-01", "supervision")
PROVIDER, TOLD = "provider-s01", "attendance.recorded.v1"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """AS-1 until four days were recorded and everything was told; the day after."""
    with house_after(STAGE, tmp_path / "house") as found:
        found.on(date(2025, 3, 11))
        yield found


def told(home: House, short_name: str, by: Caller, type_name: str) -> dict[str, str]:
    """By day, the publication that told a recipient of a fact of the type."""
    found = home.get(f"/out/{short_name}", by, wait=0, limit=500).json()["publications"]
    headers = [p["headers"] for p in found if p["headers"]["ce_type"] == type_name]
    return {h["ce_occurredon"]: h["ce_id"] for h in headers}


def correct(home: House, short_name: str, by: Caller, target: str, **but: Any) -> Any:
    body = {"target_event_id": target, "correction_reason": "wrong_entry", **but}
    return home.post(f"/clients/{home.name(short_name)}/corrections", by, body)


def in_the_way(answer: Any) -> list[tuple[str, str, str, str | None]]:
    facts = answer.json()["facts_in_the_way"]
    return [(f["code"], f["type"], f["occurred_on"], f.get("publication_id")) for f in facts]


def test_the_own_worker_is_told_which_days_stand_before_a_later_start(home: House) -> None:
    [start] = told(home, "county", OWN_WORKER, "period.started.v1").values()
    answer = correct(home, "county", OWN_WORKER, start, new_values={"starts_on": "2025-03-11"})
    assert answer.status_code == 409
    codes = [(c["code"], c["pointer"]) for c in answer.json()["codes"]]
    assert ("E_OUTSIDE_PERIOD", "/target_event_id") in codes
    days = told(home, "county", OWN_WORKER, TOLD)
    assert [fact for fact in in_the_way(answer) if fact[1] == TOLD] == [
        ("E_OUTSIDE_PERIOD", TOLD, day, days[day]) for day in DAYS
    ]
    again = correct(home, "county", OWN_WORKER, start, new_values={"starts_on": "2025-03-11"})
    assert in_the_way(again) == in_the_way(answer)


def test_a_repeat_of_a_refused_correction_names_the_same_facts(home: House) -> None:
    [start] = told(home, "county", OWN_WORKER, "period.started.v1").values()
    body = {"target_event_id": start, "correction_reason": "wrong_date", "new_values": {"starts_on": "2025-03-11"}}
    first, repeat = (
        home.post(f"/clients/{home.name('county')}/corrections", OWN_WORKER, body, key="mend-1") for _ in range(2)
    )
    assert repeat.json()["facts_in_the_way"] == first.json()["facts_in_the_way"]


def test_a_provider_is_told_of_nothing_that_it_was_not_told_of(home: House) -> None:
    """The period that hangs on its yes is known to it; the county's obligations and the payer's statement are not."""
    [yes] = told(home, PROVIDER, MANAGER, "placement.confirmed.v1").values()
    answer = correct(home, PROVIDER, MANAGER, yes, corrected_occurred_on="2025-02-24")
    assert answer.status_code == 409
    named = in_the_way(answer)
    known = {**told(home, PROVIDER, MANAGER, "instructor.named.v1"), **told(home, PROVIDER, MANAGER, "period.started.v1")}
    assert {publication for _, _, _, publication in named} <= set(known.values()) | {None}
    assert ("E_ORDER", "instructor.named.v1") in {(code, kind) for code, kind, _, _ in named}


def test_a_message_is_answered_on_both_doors_with_the_facts_in_its_way(home: House) -> None:
    yes = told(home, PROVIDER, MANAGER, "placement.confirmed.v1")["2025-02-20"]
    body = {
        "client": home.name(PROVIDER),
        "target_event_id": yes,
        "correction_reason": "wrong_date",
        "corrected_occurred_on": "2025-02-24",
    }
    headers = {"ce-id": "m-1", "ce-type": "correct_fact.v1", "ce-specversion": "1.0"}
    answer = home.post(f"/in/{PROVIDER}", INSTRUCTOR, body, **headers)
    assert answer.status_code == 409
    home.settle()
    [published] = [r for r in home.receipts(PROVIDER) if r["message_id"] == "m-1"]
    assert published["facts_in_the_way"]
    for name in ("status", "number", "codes", "facts_in_the_way"):
        assert published[name] == answer.json()[name]


def test_a_knot_is_untied_by_one_command_that_corrects_all_its_facts(home: House) -> None:
    """Both days of a swap: neither can move to the other's place alone."""
    days = told(home, PROVIDER, INSTRUCTOR, TOLD)
    one, other = days["2025-03-06"], days["2025-03-10"]
    alone = correct(home, PROVIDER, INSTRUCTOR, one, corrected_occurred_on="2025-03-10")
    assert [c["code"] for c in alone.json()["codes"]] == ["E_CONFLICT"]
    both = correct(
        home,
        PROVIDER,
        INSTRUCTOR,
        one,
        corrected_occurred_on="2025-03-10",
        new_values={"hours": 4},
        further=[{"target_event_id": other, "corrected_occurred_on": "2025-03-06", "new_values": {"hours": 6}}],
    )
    assert both.status_code == 201, both.text
    assert both.json()["facts"] == ["fact.corrected", "fact.corrected"]
    by_day = {on: fact.event.hours for on, accounts in home.pathway.days.items() for fact in accounts.values()}
    assert (by_day[date(2025, 3, 6)], by_day[date(2025, 3, 10)]) == (6, 4)
    decisions = home.get(f"/clients/{home.name('county')}/decisions", AUDITOR).json()["decisions"]
    assert [decision["same"] for decision in decisions if decision["command"] == "correct_fact"] == [True]


def test_the_same_as_a_message(home: House) -> None:
    days, on_the_6th = told(home, PROVIDER, INSTRUCTOR, TOLD), {"corrected_occurred_on": "2025-03-06"}
    body = {
        "client": home.name(PROVIDER),
        "target_event_id": days["2025-03-06"],
        "correction_reason": "wrong_date",
        "corrected_occurred_on": "2025-03-10",
        "further": [{"target_event_id": days["2025-03-10"], "correction_reason": "known_later"} | on_the_6th],
    }
    home.send(PROVIDER, "m-2", "correct_fact.v1", body)
    home.settle()
    [receipt] = [r for r in home.receipts(PROVIDER) if r["message_id"] == "m-2"]
    assert (receipt["status"], receipt["type"]) == ("recorded", "fact.corrected.v1")
    reasons = [f.event.correction_reason for f in home.pathway.facts.values() if f.name == "fact.corrected"]
    assert reasons == ["wrong_date", "known_later"]


def test_a_further_target_that_the_sender_was_not_told_of_is_unknown_at_its_place(home: House) -> None:
    one = told(home, PROVIDER, INSTRUCTOR, TOLD)["2025-03-06"]
    further = [{"target_event_id": "f" * 32, "new_values": {"hours": 4}}]
    answer = correct(home, PROVIDER, INSTRUCTOR, one, new_values={"hours": 4}, further=further)
    assert [(c["code"], c["pointer"]) for c in answer.json()["codes"]] == [
        ("E_TARGET", "/further/0/target_event_id")
    ]


def test_a_command_corrects_400_further_facts_at_most(home: House) -> None:
    one = told(home, PROVIDER, INSTRUCTOR, TOLD)["2025-03-06"]
    answer = correct(home, PROVIDER, INSTRUCTOR, one, further=[{"target_event_id": one}] * 401)
    # domain/pathway.md 4.9: it is refused once, as every list that is too long
    assert answer.status_code == 413
    assert [(c["code"], c["pointer"]) for c in answer.json()["codes"]] == [("E_TOO_LARGE", "/further")]


# --- by what is read in the history ---


def history(home: House, by: Caller) -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = home.get(f"/clients/{home.name('county')}/history", by).json()["facts"]
    return facts


def test_who_reads_the_history_corrects_by_what_he_reads_there(home: House) -> None:
    # given a day of the history, and the same day as it was published
    [day] = [fact for fact in history(home, OWN_WORKER) if (fact["name"], fact["day"]) == ("attendance.recorded", DAYS[1])]
    published = told(home, "county", OWN_WORKER, TOLD)[DAYS[1]]
    # when the own worker corrects it by the name that he reads
    answer = correct(home, "county", OWN_WORKER, day["event_id"], new_values={"hours": 4})
    assert answer.status_code == 201, answer.text
    # then the history says what was corrected
    facts = history(home, OWN_WORKER)
    [mended] = [fact for fact in facts if fact["event_id"] == day["event_id"]]
    [correction] = [fact for fact in facts if fact["name"] == "fact.corrected"]
    assert mended["corrected_by"] == [correction["event_id"]]
    assert correction["fields"]["target_event_id"] == correction["corrects"] == day["event_id"]
    assert [(one["field"], one["after"]) for one in correction["changes"]] == [("hours", 4)]
    # and both names mean the same fact, at every place that takes one
    for one, other in ((day["event_id"], published), (published, day["event_id"])):
        both = correct(home, "county", OWN_WORKER, one, further=[{"target_event_id": other, "new_values": {"hours": 5}}])
        assert [(c["code"], c["pointer"]) for c in both.json()["codes"]] == [("E_CONFLICT", "/further/0/target_event_id")]


def test_what_stands_in_the_case_of_a_day_and_among_the_tellings_names_the_same_facts(home: House) -> None:
    path = f"/clients/{home.name('county')}"
    named = {fact["event_id"] for fact in history(home, OWN_WORKER)}
    as_of = home.get(f"{path}/as-of", OWN_WORKER).json()["facts"]
    tellings = home.get(f"{path}/told", OWN_WORKER).json()["tellings"]
    decisions = home.get(f"{path}/decisions", OWN_WORKER).json()["decisions"]
    assert {fact["event_id"] for fact in as_of} <= named
    assert {telling["fact_id"] for telling in tellings} <= named
    assert {event_id for decision in decisions for event_id in decision["event_ids"]} <= named


def test_nobody_else_names_a_fact_as_the_history_does(home: House) -> None:
    """Design D22, decision 0003: names are each recipient's own, and an agency knows a fact by what told it alone."""
    [day] = [key for key, fact in home.pathway.facts.items() if fact.name == TOLD.removesuffix(".v1")][:1]
    unknown = [("E_TARGET", "/target_event_id")]
    for target in (home.name("county", day), home.name(PROVIDER, day), day):
        answer = correct(home, PROVIDER, INSTRUCTOR, target, new_values={"hours": 4})
        assert [(c["code"], c["pointer"]) for c in answer.json()["codes"]] == unknown, target
    own = correct(home, "county", Caller(COUNTY, "organiser", "client", home.aino), home.name("county", day))
    assert "E_TARGET" in [c["code"] for c in own.json()["codes"]]
    # nor the county by the raw reference, or by what is no fact of this client
    for target in (day, home.name("county"), home.name("county", "f" * 32)):
        answer = correct(home, "county", OWN_WORKER, target, new_values={"hours": 4})
        assert [(c["code"], c["pointer"]) for c in answer.json()["codes"]] == unknown, target


def test_a_fact_of_another_client_is_answered_as_one_that_there_is_none_of(home: House) -> None:
    """domain/pathway.md 4.4 row 45, 4.9: however it is named, and by whichever door"""
    # given another client, of whom the county was told and whose registration has its message's name
    person = {"identity_kind": "none", "registered_from": "own_contact", "family_name": "Malli"}
    assert home.post("/clients", INTAKE, person, key="malli").status_code == 201
    home.settle()
    others = list(told(home, "county", OWN_WORKER, "subject.registered.v1").values())[-1]
    malli = home.wired.store.answer(INTAKE.sender, "malli")
    assert malli is not None
    fact = home.name("county", malli.events[0][0])
    ours = told(home, PROVIDER, MANAGER, TOLD)[DAYS[0]]
    # when a fact of this client is corrected by the name of a fact of hers, or of none
    answers = []
    for target in (others, "message:malli", fact, ours, "f" * 32, home.name("county", "f" * 32), "nothing"):
        answer = correct(home, "county", OWN_WORKER, target, new_values={"hours": 4})
        answers.append((answer.status_code, [(c["code"], c["pointer"]) for c in answer.json()["codes"]]))
    # then all are answered the same
    assert set(map(repr, answers)) == {repr((409, [("E_TARGET", "/target_event_id")]))}
    # and so is a message, on both doors
    body = {"client": home.name(PROVIDER), "target_event_id": others, "correction_reason": "wrong_entry"}
    system = Caller(INSTRUCTOR.org, "provider", "system", "system")
    posted = home.post(f"/in/{PROVIDER}", system, body, **{"ce-id": "t-1", "ce-type": "correct_fact.v1"})
    home.send(PROVIDER, "t-2", "correct_fact.v1", body)
    home.settle()
    for told_by in (posted.json(), home.receipts(PROVIDER)[-1]):
        assert [(c["code"], c["pointer"]) for c in told_by["codes"]] == [("E_TARGET", "/target_event_id")]
        assert "ce_id" in told_by["codes"][0]["what_to_do"]["en"]
