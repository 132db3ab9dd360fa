"""What an event declares, and that nothing of it can be forgotten (domain/event.py, design D23)."""

from __future__ import annotations

import ast
import re
from dataclasses import is_dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from given import given
from stories import AUTHORITY, INSTRUCTOR, as_1, register

import domain
from domain import events as e
from domain.catalogue import CLIENT_FACTS, DIRECTORY_EVENTS, EVENTS, by_name, fixed_in, moving
from domain.chapters.corrections.decisions import CorrectFact
from domain.chapters.judging import NoGuard, guard_of
from domain.directory import Directory, enter
from domain.event import (
    BY_DAY,
    OPEN,
    CaseEvent,
    ClientFact,
    Judged,
    Moves,
    Never,
    RegisterFact,
    Tied,
    begins,
    belongs_to,
    days,
    judged_by,
    listed_in,
)
from domain.fact import Fact
from domain.folding import PartOfPath, WrongPlace, folds
from domain.pathway import Pathway
from domain.refusals import refusals
from domain.rulebook import CHAPTERS, COMMANDS, GUARDS, commands_by_name
from domain.streams import stream_of
from domain.vocabulary import Ref, Routing, Service


def declaring(**but: Any) -> type[ClientFact]:
    """An event of a case that declares what is given, and nothing else."""
    fields = {"plan_id": Routing[Ref], "lift_id": Routing[Ref]}
    said = {"__module__": __name__, "__doc__": "A plan was lifted.", "__annotations__": fields}
    body = {**said, "NAME": "plan.lifted", **but}
    return type("PlanLifted", (CaseEvent,), body)


CLOCK = e.ClockAdvanced(advanced_to_at=datetime(2025, 3, 3, tzinfo=UTC))
RULES = e.RulesetPublished(
    ruleset_version="2026-03",
    content_kind="rules",
    content_hash="1f" * 32,
    effective_on=date(2026, 1, 1),
    dry_run_differences=0,
)
LIFTED = {"PART": belongs_to("plan_id", "versions"), "MOVES": Moves.NOTHING}
WHOLE = {**LIFTED, "CORRECTED": judged_by("judge_lift"), "FOUND": BY_DAY}


@pytest.mark.parametrize("left_out", [name for name in ClientFact.DECLARES if name != "MATTER"])
def test_an_event_that_leaves_a_declaration_out_cannot_be_made(left_out: str) -> None:
    with pytest.raises(TypeError, match=left_out):
        declaring(**{name: value for name, value in WHOLE.items() if name != left_out})


@pytest.mark.parametrize(
    ("but", "what"),
    [
        ({"PART": belongs_to("other_id", "versions")}, "other_id names its part, and has no such field"),
        ({"PART": begins("other_id", "plans")}, "other_id names its part, and has no such field"),
        ({"MOVES": Moves.CUT}, "only a range from one field to another can be cut to days"),
        ({"MOVES": Moves.CUT, "FOUND": days("until_on")}, "only a range from one field to another can be cut to days"),
        ({"__doc__": None}, "does not say in a docstring what happened"),
        ({"__annotations__": {"plan_id": Routing[Ref], "note": str}}, "PlanLifted.note has no data class of its own"),
        ({"__annotations__": {"plan_id": Routing[Service[Ref]]}}, "PlanLifted.plan_id has no data class of its own"),
    ],
)
def test_an_event_whose_declarations_do_not_fit_its_fields_cannot_be_made(but: dict[str, Any], what: str) -> None:
    with pytest.raises(TypeError, match=what):
        declaring(**{**WHOLE, **but})


def test_two_events_cannot_have_one_name() -> None:
    with pytest.raises(TypeError, match=r"two events are called period\.started: PeriodStarted and Other"):
        by_name([e.PeriodStarted, type("Other", (e.PeriodStarted,), {"__module__": __name__})])


def test_a_command_that_nobody_could_ask_for_is_found_when_the_rulebook_is_opened() -> None:
    kind = replace(COMMANDS["start_period"], roles=frozenset({"own_worker", "clerk"}))
    with pytest.raises(ValueError, match="start_period may be asked in the role clerk: there is no such role"):
        commands_by_name([kind])


def test_the_days_of_a_fact_are_its_own_fields_or_are_told_along_with_it() -> None:
    told_along = {e.PlanAgreed: set(e.PlanDrafted.model_fields), e.PlacementConfirmed: set(e.PlacementProposed.model_fields)}
    for cls in EVENTS.values():
        named = {cls.FOUND.from_on, cls.FOUND.until_on, cls.FOUND.part} - {None, "", OPEN}
        assert named <= cls.model_fields.keys() | told_along.get(cls, set()), cls


def test_a_slot_is_of_the_facts_that_are_kept_in_it() -> None:
    hints = get_type_hints(Pathway, include_extras=True)
    parts = {cls.PART.key: cls.PART.kept_in for cls in CLIENT_FACTS.values() if cls.PART.begun and cls.PART.kept_in}
    for cls in CLIENT_FACTS.values():
        if cls.PART.slot:
            (part,) = part_types(hints[parts[cls.PART.key]])
            kept = facts_in(get_type_hints(part)[cls.PART.slot])
            assert cls in kept, f"{part.__name__}.{cls.PART.slot} is of {kept}, and {cls.__name__} is kept there"


def part_types(hint: Any) -> set[type[PartOfPath]]:
    inner = get_args(hint)
    own = {hint} if isinstance(hint, type) and issubclass(hint, PartOfPath) else set()
    return own.union(*(part_types(each) for each in inner))


def facts_in(hint: Any) -> set[type[ClientFact]]:
    """Every event that a slot's type names; those of its own class where it is one."""
    own = {hint} if isinstance(hint, type) and issubclass(hint, ClientFact) else set()
    of_class = get_type_hints(hint).values() if isinstance(hint, type) and is_dataclass(hint) and hint is not Fact else ()
    return own.union(*(facts_in(each) for each in (*get_args(hint), *of_class)))


def test_every_code_that_a_decision_refuses_with_is_explained() -> None:
    said = {
        node.value
        for path in sorted(Path(domain.__path__[0]).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch("[EW]_[A-Z_]+", node.value)
    }
    assert said - refusals().keys() == set()


def test_an_event_does_not_inherit_what_it_declares() -> None:
    with pytest.raises(TypeError, match="FOUND"):
        type("PeriodResumed", (e.PeriodStarted,), {"__module__": __name__, "NAME": "period.resumed"})


@pytest.mark.parametrize(
    ("place", "what"),
    [
        (belongs_to("plan_id", "lifted"), "no slot lifted"),
        (belongs_to("lift_id", "versions"), "no part begins under lift_id"),
        (begins("plan_id", "lifts"), "no lifts"),
        (listed_in("lifts"), "no lifts"),
    ],
)
def test_an_event_whose_place_is_not_there_cannot_be_folded(place: Any, what: str) -> None:
    with pytest.raises(WrongPlace, match=what):
        folds(Pathway, {**EVENTS, "plan.lifted": declaring(**{**WHOLE, "PART": place})})


def test_two_events_cannot_begin_the_same_part_in_two_collections() -> None:
    with pytest.raises(WrongPlace, match="the part of plan_id begins with"):
        folds(Pathway, {**EVENTS, "plan.lifted": declaring(**{**WHOLE, "PART": begins("plan_id", "decisions")})})


def test_a_guard_that_is_not_there_or_judges_something_else_is_found_when_the_rulebook_is_opened() -> None:
    for name in ("judge_lift", "judge_start"):
        cls = declaring(**{**WHOLE, "CORRECTED": judged_by(name)})
        cls.__module__ = "domain.chapters.periods.events"
        with pytest.raises(NoGuard, match=name):
            guard_of(cls)


def test_every_event_of_a_client_that_says_so_is_judged_by_a_guard_of_its_own_chapter() -> None:
    assert GUARDS.keys() == {cls for cls in CLIENT_FACTS.values() if isinstance(cls.CORRECTED, Judged)}
    for cls, guard in GUARDS.items():
        assert guard.__module__ == cls.__module__.replace(".events", ".decisions")


def test_what_names_a_part_or_the_author_is_never_corrected() -> None:
    # source: domain/pathway.md 4.4 row 45
    for cls in CLIENT_FACTS.values():
        assert {cls.PART.key, cls.PART.begun} - {""} <= fixed_in(cls)
    assert "account" in fixed_in(e.AttendanceRecorded)
    assert "party_kind" in fixed_in(e.PlanAcceptedByParty)
    assert "sender_org_id" in fixed_in(e.ReferralSubmitted)
    assert "previous_case_id" in fixed_in(e.CaseOpened)
    assert "about_event_id" in fixed_in(e.NotificationDue) & fixed_in(e.NotificationSent)
    versions = (e.PlanDrafted, e.PlanRevised, e.PlanAcceptedByParty, e.PlanAgreed, e.PeriodPlanned)
    assert all("plan_version" in fixed_in(cls) for cls in versions)


def test_a_tie_holds_in_its_own_event_alone() -> None:
    lifted = declaring(**WHOLE, __annotations__={"plan_id": Routing[Ref], "effective_on": Routing[Tied[date]]})
    assert "effective_on" in fixed_in(lifted)
    assert "effective_on" not in fixed_in(e.OwnWorkerAssigned)


def test_what_is_never_corrected_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e.AttendanceRecorded, "CORRECTED", Never("for the test"))
    (key, *_) = [key for key, fact in as_1().pathway.facts.items() if isinstance(fact.event, e.AttendanceRecorded)]
    wrong = CorrectFact(target_event_id=key, correction_reason="wrong_entry", new_values={"hours": 4.0})
    given(as_1()).when(wrong, by=INSTRUCTOR, on=date(2025, 9, 8)).then_refused("E_NOT_CORRECTABLE", at="/target_event_id")


def test_a_part_begins_with_one_event_or_with_whichever_that_joins_it_comes_first() -> None:
    begun = [cls.PART.begun for cls in CLIENT_FACTS.values() if cls.PART.begun and cls.PART.kept_in and not cls.PART.slot]
    joined = {cls.PART.begun for cls in CLIENT_FACTS.values() if cls.PART.begun and cls.PART.kept_in and cls.PART.slot}
    assert len(begun) == len(set(begun))
    assert joined == {"parallel_service_id"}
    assert not joined & set(begun)


def test_what_is_in_force_after_its_day_says_until_when() -> None:
    for name in moving(Moves.IN_FORCE):
        assert CLIENT_FACTS[name].FOUND != BY_DAY, name


def test_what_is_cut_to_days_has_days_to_cut() -> None:
    for name in moving(Moves.CUT):
        found = CLIENT_FACTS[name].FOUND
        assert (found.from_on, found.until_on) == ("from_on", "until_on"), name


def test_every_chapter_is_in_the_book() -> None:
    assert {chapter.__name__ for chapter in CHAPTERS} == {kind.decide.__module__ for kind in COMMANDS.values()}


def test_a_fact_of_a_case_that_is_not_there_yet_is_kept_under_the_matter_of_its_part() -> None:
    """A matter begins with a referral and becomes the case. source: domain/events.md 11.4"""
    before_a_case = {cls for cls in CLIENT_FACTS.values() if cls.MATTER == "case" and not issubclass(cls, CaseEvent)}
    pathway = as_1("2").pathway
    (referral,) = pathway.referrals.values()
    assert before_a_case >= {e.ReferralReceived, e.ReferralAccepted}
    for cls in before_a_case:
        event = cls.model_construct(referral_id=referral.submitted.event.referral_id)
        assert pathway.matter_of(event) == referral.submitted.matter != pathway.client_matter, cls


def test_a_fact_on_the_register_says_in_which_stream_it_stands() -> None:
    with pytest.raises(TypeError, match="STREAM"):
        type("SiteClosed", (RegisterFact,), {"__module__": __name__, "NAME": "site.closed"})
    assert {stream_of(draft.event) for draft in as_1("1").recorded if draft.event.NAME in DIRECTORY_EVENTS} >= {
        "ledger",
        f"organisation/{AUTHORITY}",
    }


def test_every_fact_that_the_register_is_made_of_enters_it() -> None:
    facts = {draft.event.NAME: draft.event for draft in register().recorded} | {
        event.NAME: event for event in (CLOCK, RULES)
    }
    assert facts.keys() >= DIRECTORY_EVENTS
    for name in DIRECTORY_EVENTS:
        assert enter(Directory(), facts[name], 1) != Directory(), name
