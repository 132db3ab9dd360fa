"""Replay over HTTP: the history twice over, the case on both times, who was told, and every decision run again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from house import House, house_after
from stories import COUNTY, EXPERT, INSTRUCTOR, OWN_WORKER, SICK, SOCIAL_WORKER, TEAM_LEAD

from domain.catalogue import EVENTS
from domain.chapters.agreements.decisions import AcceptPlan
from domain.chapters.plans.decisions import DraftPlan, draft_plan
from domain.context import Caller, Context, Draft
from domain.message_fields import places
from domain.pathway import Pathway
from projections import audit

AUDITOR = Caller(COUNTY, "organiser", "auditor", "A-01", "supervision")


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """AS-1 until 12 May, when everything was told; the first sick day was corrected on the day after."""
    with house_after("17", tmp_path_factory.mktemp("corrected")) as home:
        home.on(date(2025, 5, 13))
        [sick] = [f for f in home.pathway.facts.values() if f.name == "attendance.recorded" and f.occurred_on == SICK[0]]
        told = home.get("/out/provider-s01", INSTRUCTOR, wait=0, limit=500).json()["publications"]
        [its] = [
            p["headers"]["ce_id"]
            for p in told
            if p["headers"]["ce_type"] == "attendance.recorded.v1" and p["headers"]["ce_occurredon"] == SICK[0].isoformat()
        ]
        body = {
            "target_event_id": its,
            "correction_reason": "wrong_entry",
            "new_values": {"day_status": "absent_child_sickness"},
        }
        answer = home.post(f"/clients/{home.name('provider-s01')}/corrections", INSTRUCTOR, body)
        assert answer.status_code == 201, answer.text
        assert sick.event_id not in answer.text
        home.settle()
        yield home


def path(home: House, what: str) -> str:
    return f"/clients/{home.name('county')}/{what}"


def test_the_history_stands_in_order_of_recording_and_of_occurrence(corrected: House) -> None:
    recorded = corrected.get(path(corrected, "history"), OWN_WORKER).json()
    assert [fact["position"] for fact in recorded["facts"]] == sorted(fact["position"] for fact in recorded["facts"])
    assert len(recorded["facts"]) == corrected.pathway.version
    last = recorded["facts"][-1]
    assert last["name"] == "fact.corrected"
    change = {"field": "day_status", "before": "absent_own_sickness", "after": "absent_child_sickness"}
    assert change in last["changes"]
    occurred = corrected.get(path(corrected, "history"), OWN_WORKER, order="occurrence").json()
    assert [fact["day"] for fact in occurred["facts"]] == sorted(fact["day"] for fact in occurred["facts"])
    assert corrected.get(path(corrected, "history"), OWN_WORKER, order="luck").status_code == 422


def day_status(home: House, **query: str) -> set[str]:
    case = home.get(path(home, "as-of"), OWN_WORKER, **query).json()
    return {
        fact["fields"]["day_status"]
        for fact in case["facts"]
        if fact["name"] == "attendance.recorded" and fact["day"] == SICK[0].isoformat()
    }


def test_the_case_is_told_as_it_was_and_as_it_was_known(corrected: House) -> None:
    assert day_status(corrected) == {"absent_child_sickness"}
    assert day_status(corrected, known_at="2025-04-01") == {"absent_own_sickness"}
    assert day_status(corrected, known_at="2025-04-01T12:00:00+03:00") == {"absent_own_sickness"}
    assert day_status(corrected, on="2025-03-17") == set()
    before = corrected.get(path(corrected, "as-of"), OWN_WORKER, on="2025-02-20").json()
    assert [case["state"] for case in before["cases"]] == ["placing"]
    now = corrected.get(path(corrected, "as-of"), OWN_WORKER).json()
    assert [case["state"] for case in now["cases"]] == ["active"]


def test_a_date_means_the_end_of_its_day_in_helsinki(corrected: House) -> None:
    known = corrected.get(path(corrected, "as-of"), OWN_WORKER, known_at="2025-01-20").json()
    assert known["known_at"] == "2025-01-20T21:59:59Z"
    assert {fact["name"] for fact in known["facts"]} == {"subject.registered", "referral.submitted", "referral.received"}


def test_the_county_sees_what_each_agency_was_told_and_why(corrected: House) -> None:
    tellings = corrected.get(path(corrected, "told"), SOCIAL_WORKER).json()["tellings"]
    by_recipient = {telling["recipient"] for telling in tellings}
    assert {"county", "authority", "kela-payment", "provider-s01"} <= by_recipient
    assert "fund" not in by_recipient
    assert all(telling["legal_basis"]["code"] for telling in tellings)
    revised = [telling for telling in tellings if telling["kind"] == "revised"]
    assert {telling["recipient"] for telling in revised} == {"kela-payment"}  # the others were told of the correction
    assert all(telling["ground"] == "corrected" for telling in revised)


def test_what_one_agency_had_been_told_by_a_day(corrected: House) -> None:
    early = corrected.get(path(corrected, "told/kela-payment"), OWN_WORKER, by="2025-05-12").json()
    late = corrected.get(path(corrected, "told/kela-payment"), OWN_WORKER).json()
    assert early["time_used"] == "disclosed"

    def sick(told: dict[str, object]) -> list[str]:
        return [
            telling["body"]["day_status"]  # type: ignore[index]
            for telling in told["tellings"]  # type: ignore[attr-defined]
            if telling["fact_name"] == "attendance.recorded" and telling["occurred_on"] == SICK[0].isoformat()  # type: ignore[index]
        ]

    assert sick(early) == ["absent_own_sickness"]
    assert sick(late) == ["absent_child_sickness"]
    assert corrected.get(path(corrected, "told/nobody"), OWN_WORKER).status_code == 404


def test_every_decision_comes_out_the_same_again(corrected: House) -> None:
    decisions = corrected.get(path(corrected, "decisions"), AUDITOR).json()["decisions"]
    assert len(decisions) > 40
    assert {decision["same"] for decision in decisions} == {True}


def test_an_auditor_learns_what_differs_and_not_what_it_was(corrected: House, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = dict(audit.COMMANDS)

    def otherwise(pathway: Pathway, command: DraftPlan, context: Context) -> list[Draft]:
        return draft_plan(pathway, command.model_copy(update={"goal": "Another goal"}), context)

    kinds["draft_plan"] = replace(kinds["draft_plan"], decide=otherwise)
    monkeypatch.setattr(audit, "COMMANDS", kinds)
    for by, seen in ((OWN_WORKER, "plan.drafted.goal: recorded 'A regular rhythm"), (AUDITOR, "plan.drafted.goal")):
        decisions = corrected.get(path(corrected, "decisions"), by).json()["decisions"]
        [difference] = next(one["differences"] for one in decisions if one["command"] == "draft_plan")
        assert difference.startswith(seen)
        assert by is OWN_WORKER or difference == seen


def test_an_auditor_reads_in_terms(corrected: House) -> None:
    facts = corrected.get(path(corrected, "history"), AUDITOR).json()["facts"]
    attendance = next(fact for fact in facts if fact["name"] == "attendance.recorded")
    assert attendance["fields"]["day_status"] == "sealed"
    assert attendance["fields"]["period_id"] == corrected.name("county", next(iter(corrected.pathway.periods)))
    assert attendance["actor_person"] == INSTRUCTOR.person
    whole = "".join(corrected.get(path(corrected, what), AUDITOR).text for what in ("history", "as-of", "told"))
    for hidden in ("absent_own_sickness", "absent_child_sickness", "regular rhythm", "labour_market_subsidy", "Esimerkki"):
        assert hidden not in whole


@pytest.mark.parametrize("what", ["history", "as-of", "told", "told/kela-payment", "decisions"])
def test_replay_is_the_countys_alone_and_every_look_is_kept(what: str, corrected: House) -> None:
    missing = corrected.get("/clients/nobody/history", OWN_WORKER)
    assert missing.status_code == 404
    for by in (TEAM_LEAD, INSTRUCTOR, Caller(COUNTY, "organiser", "client", corrected.aino)):
        answer = corrected.get(path(corrected, what), by)
        assert answer.status_code == 404
        assert answer.content == missing.content
    before = len(corrected.wired.vault.uses(corrected.aino))
    answer = corrected.get(path(corrected, what), OWN_WORKER)
    assert answer.status_code == 200
    assert corrected.aino not in answer.text
    [use] = corrected.wired.vault.uses(corrected.aino)[before:]
    assert (use.person, use.what.split()[0]) == (OWN_WORKER.person, "replay")


HEX = "deadbeef" * 4
"""A text in the shape of a reference, which it is not."""


@pytest.fixture(scope="module")
def worded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A plan's goal, its draft's own message id and the expert's own number have the shape of references; the goal was
    corrected to another such text."""
    expert = replace(EXPERT, person="e" * 32)
    with house_after("7", tmp_path_factory.mktemp("worded")) as home:
        terms = {
            "plan_id": home.name("authority", next(iter(home.pathway.plans))),
            "includes_kuty": True,
            "kuty_from_on": "2025-03-03",
            "kuty_until_on": "2025-09-02",
            "schedule": [{"weekday": 1, "hours": 5}],
            "goal": HEX,
            "support": "A talk every week",
        }
        answer = home.post(f"/clients/{home.name('authority')}/plan-versions", expert, terms, key="f" * 32)
        assert answer.status_code == 201, answer.text
        home.settle()
        [drafted] = [p for p in published(home, "authority", EXPERT) if p["headers"]["ce_type"] == "plan.drafted.v1"]
        assert drafted["value"]["body"]["goal"] == HEX
        wrong = {
            "target_event_id": drafted["headers"]["ce_id"],
            "correction_reason": "wrong_entry",
            "new_values": {"goal": HEX[::-1]},
        }
        answer = home.post(f"/clients/{home.name('authority')}/corrections", expert, wrong)
        assert answer.status_code == 201, answer.text
        home.send("authority", "a" * 32, "draft_plan.v1", terms | {"client": home.name("authority"), "support": HEX})
        home.settle()
        for by in (Caller(COUNTY, "organiser", "client", home.aino), OWN_WORKER, EXPERT):
            plan_id = next(iter(home.pathway.plans))
            home.execute(AcceptPlan(plan_id=plan_id, plan_version=2), by, client=home.aino)
        home.settle()
        yield home


def published(home: House, recipient: str, by: Caller) -> list[dict[str, Any]]:
    return home.get(f"/out/{recipient}", by, wait=0, limit=500).json()["publications"]  # type: ignore[no-any-return]


def test_a_text_in_the_shape_of_a_reference_comes_back_as_it_was_recorded(worded: House) -> None:
    """source: design D10 (references are the reader's own; nothing else is changed)"""
    facts = worded.get(path(worded, "history"), OWN_WORKER).json()["facts"]
    first, corrected, second = (fact for fact in facts if fact["name"] in ("plan.drafted", "fact.corrected"))
    assert (first["fields"]["goal"], first["command_id"], first["actor_person"]) == (HEX, "f" * 32, "e" * 32)
    assert corrected["fields"]["new_values"] == {"goal": HEX[::-1]}
    [change] = corrected["changes"]
    assert (change["before"], change["after"]) == (HEX, HEX[::-1])
    assert (second["fields"]["support"], second["command_id"]) == (HEX, "a" * 32)
    plan = worded.name("county", next(iter(worded.pathway.plans)))
    assert first["fields"]["plan_id"] == second["fields"]["plan_id"] == plan
    assert corrected["corrects"] == corrected["fields"]["target_event_id"] == first["event_id"]
    assert first["corrected_by"] == [corrected["event_id"]]
    then = worded.get(path(worded, "as-of"), OWN_WORKER).json()["facts"]
    goals = [fact["fields"]["goal"] for fact in then if fact["name"] == "plan.drafted"]
    assert goals == [HEX[::-1], HEX]


def test_what_was_told_and_answered_holds_the_text_as_it_was_recorded(worded: House) -> None:
    tellings = worded.get(path(worded, "told"), OWN_WORKER).json()["tellings"]
    told = {(t["recipient"], t["body"]["goal"]) for t in tellings if t["fact_name"] == "plan.drafted"}
    assert told >= {("county", HEX), ("authority", HEX)}
    mine = {p["headers"]["ce_id"] for p in published(worded, "authority", EXPERT)}
    assert {t["publication_id"] for t in tellings if t["recipient"] == "authority"} <= mine
    goals = [p["value"]["body"].get("goal") for p in published(worded, "county", OWN_WORKER)]
    assert HEX in goals
    plan = worded.get(f"/recipients/county/{path(worded, 'plan').removeprefix('/')}", OWN_WORKER).json()["answer"]
    assert (plan["plan_version"], plan["content"]["goal"], plan["content"]["support"]) == (2, HEX, HEX)
    receipts = {receipt["message_id"]: receipt["status"] for receipt in worded.receipts("authority")}
    assert receipts["a" * 32] == "recorded"
    decisions = worded.get(path(worded, "decisions"), OWN_WORKER).json()["decisions"]
    assert "a" * 32 in {decision["command_id"] for decision in decisions}


def test_no_answer_of_replay_holds_a_raw_reference(worded: House) -> None:
    facts = list(worded.pathway.facts.values())
    parts = {*worded.pathway.referrals, *worded.pathway.cases, *worded.pathway.plans}
    raw = {worded.aino, *parts, *(fact.event_id for fact in facts), *(fact.matter for fact in facts)}
    for what in ("history", "as-of", "told", "decisions"):
        text = worded.get(path(worded, what), OWN_WORKER).text
        assert [reference for reference in raw if reference in text] == []


def test_a_name_that_is_a_reference_in_one_event_is_one_in_every_event() -> None:
    """So the new values of a correction can be read by their names alone."""
    for name in {name for cls in EVENTS.values() for name in places(cls)} - {"new_values"}:
        having = [cls for cls in EVENTS.values() if name in cls.model_fields]
        assert all(name in places(cls) for cls in having), name
