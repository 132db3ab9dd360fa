"""The short way tells what the long way tells, whatever the order and the dates of the facts (design D9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from any_fact import any_client_event, any_value
from disclosure.paths import (
    AT_CENTRE,
    CASE,
    CENTRE,
    CITY,
    EXPERT,
    FUND,
    KELA,
    PARISH,
    PERIOD,
    Path,
    attendance,
    benefit,
    closed,
    correction,
    in_service,
    placement,
    plan,
    report,
    statement,
    whole,
    worker,
)
from disclosure.told import Everybody
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.describe.event_schemas import schema_of
from domain import events as e
from domain.catalogue import fixed_in
from domain.disclosure.desired import desired, view_of
from domain.disclosure.policy import policy
from domain.events import Event, FactCorrected, OwnWorkerAssigned, PlacementProposed, PlanDraftingStarted
from domain.pathway import Fact
from projections.kinds import kinds

BEGIN = date(2025, 1, 2)
DAYS = st.integers(0, 270).map(lambda n: BEGIN + timedelta(days=n))
WITH_KELA: dict[str, Any] = {
    "plan_kind": "multi_sectoral_employment_plan",
    "parties": ("client", "organiser", "employment_side", "kela"),
    "kela_services_coordinated": True,
    "eligibility_keys": None,
}
Told = dict[str, list[tuple[str, str, str | None, dict[str, Any], str, str]]]


def told_by(everybody: Everybody) -> Told:
    """What was told, publication by publication. Random ids are counted, so they are equal where the order is."""
    return {
        name: [(p.kind, p.type, p.replaces, p.body, p.legal_basis, str(p.occurred_on)) for p in publications]
        for name, publications in everybody.told.items()
    }


@st.composite
def more(draw: Any) -> tuple[Event, date, tuple[str, ...]]:
    """One more fact, on any day."""
    on, first = draw(DAYS), draw(DAYS)
    kind = draw(st.integers(0, 10))
    county, centre, expert = ("0000001-9", "organiser", "own_worker", "W-01"), AT_CENTRE, EXPERT
    last = first + timedelta(days=draw(st.integers(0, 20)))
    payer = draw(st.sampled_from([KELA, FUND]))
    begun = {"employment_authority_org_id": draw(st.sampled_from([CITY, "0000010-7"]))}
    begun |= draw(st.sampled_from([{}, WITH_KELA]))
    role = {"provision_role": draw(st.sampled_from(["activity", "support_and_guidance"]))}
    account = draw(st.sampled_from(["provider", "client", "payer"]))
    events: list[tuple[Event, Any]] = [
        (attendance(draw(st.sampled_from(["present", "absent_other"])), account), draw(st.sampled_from([county, centre]))),
        (closed(first, last), draw(st.sampled_from([county, centre]))),
        (report(payer, first, last, first), draw(st.sampled_from([county, centre]))),
        (benefit(draw(st.sampled_from([KELA, FUND, None])), first, draw(st.sampled_from([None, last]))), expert),
        (plan(f"plan {first}", **begun), expert),
        (placement(f"place {first}", draw(st.sampled_from([PARISH, CENTRE])), from_on=first, until_on=last, **role), county),
        (worker(f"worker {first}", first), county),
        (statement(payer), expert),
        (attendance("present", "provider", f"place {first}"), county),
        (benefit(KELA, first), county),
        (attendance("present", draw(st.sampled_from(["provider", "county"])), swap_of_on=first), county),
    ]
    return (events[kind][0], on, events[kind][1])


def part_begun(event: Event) -> str | None:
    """The id of the part of the client's stream that the event begins, if it begins one."""
    match event:
        case PlacementProposed(placement_id=part) | PlanDraftingStarted(plan_id=part):
            return part
        case OwnWorkerAssigned(assignment_id=part):
            return part
    return None


def story(
    base: Path, extra: list[tuple[Event, date, tuple[str, ...]]], corrections: list[tuple[int, date | None]]
) -> list[Fact[Event]]:
    begun = {part for fact in base.facts if (part := part_begun(fact.event))}
    for event, on, by in extra:
        part = part_begun(event)
        # A part begins once: decisions give each its own id, and ids here follow from days that may be drawn twice.
        if part is None or part not in begun:
            base.add(event, on, by)
            begun |= {part} if part else set()
    days = [fact for fact in base.facts if fact.name == "attendance.recorded"]
    for index, moved_to in corrections if days else []:
        target = days[index % len(days)]
        base.add(correction(target, moved_to, day_status="absent_own_sickness", hours=None), date(2025, 10, 1))
    return base.facts


EXTRA = st.lists(more(), max_size=8)
CORRECTIONS = st.lists(st.tuples(st.integers(0, 9), st.one_of(st.none(), DAYS)), max_size=2)


@settings(max_examples=80, deadline=None)
@given(closes=st.booleans(), extra=EXTRA, corrections=CORRECTIONS, payer=st.sampled_from([KELA, None]))
def test_both_ways_tell_the_same(closes: bool, extra: Any, corrections: Any, payer: str | None) -> None:
    facts = story(whole(payer) if closes else in_service(payer), extra, corrections)
    short, long = Path(facts).told(), Path(facts).told(always_whole=True)
    assert told_by(short) == told_by(long)


@settings(max_examples=60, deadline=None)
@given(extra=EXTRA, order=st.randoms(use_true_random=False))
def test_both_ways_tell_the_same_of_facts_recorded_in_any_order(extra: Any, order: Any) -> None:
    facts = [f for f in story(whole(), extra, []) if not isinstance(f.event, FactCorrected)]
    late = [f for f in facts if f.name in ("attendance.recorded", "own_worker.assigned", "benefit_status.changed")]
    kept = [f for f in facts if f not in late]
    for fact in late:
        kept.insert(order.randint(8, len(kept)), fact)
    numbered = [replace(fact, position=n, version=n) for n, fact in enumerate(kept, 1)]
    short, long = Path(numbered).told(), Path(numbered).told(always_whole=True)
    assert told_by(short) == told_by(long)


@settings(max_examples=60, deadline=None)
@given(closes=st.booleans(), extra=EXTRA, corrections=CORRECTIONS)
def test_everybody_holds_in_the_end_exactly_what_may_be_told_as_known_in_the_end(
    closes: bool, extra: Any, corrections: Any
) -> None:
    facts = story(whole() if closes else in_service(), extra, corrections)
    everybody = Path(facts).told()
    client = everybody.client
    view = view_of(client.view.pathway, everybody.directory, kinds())
    for name, standing in view.standings.items():
        assert desired(view, standing, policy(kinds())).keys() == client.disclosed.get(name, {}).keys(), name
    assert {name for name, held in client.disclosed.items() if held} <= view.standings.keys()
    newest = {(c.standing.recipient.short_name, c.fact.event_id): c.told for c in everybody.changes}
    for name, standing in view.standings.items():
        for key, told in desired(view, standing, policy(kinds())).items():
            assert getattr(newest[name, key], "profile", None) == told.profile, (name, view.pathway.facts[key].name)
            if view.pathway.facts[key].name == "service_day.not_arranged":
                assert getattr(newest[name, key], "fields", None) == told.fields, name


def test_a_placement_recorded_after_a_fact_that_names_it_shows_whose_the_fact_is() -> None:
    path, county = whole(), ("0000001-9", "organiser", "own_worker", "W-01")
    named = path.add(attendance("present", "provider", "late place"), BEGIN, county)
    late = placement("late place", CENTRE, from_on=date(2025, 1, 3), until_on=date(2025, 1, 3))
    path.add(late, date(2025, 1, 4), county)
    told = path.told().told
    assert told_by(path.told()) == told_by(path.told(always_whole=True))
    assert named.occurred_on in [publication.occurred_on for publication in told["centre"]]


AUTHORS = st.sampled_from([("0000001-9", "organiser", "own_worker", "W-01"), AT_CENTRE, EXPERT])


@st.composite
def any_history(draw: st.DrawFn) -> list[Fact[Event]]:
    """A client's path, on which more happens: interruptions and closings on any day, other facts of any content, and
    corrections of any of them, to any value or date, by anybody. Two starts of one period are all that is never recorded."""
    path = draw(st.sampled_from([in_service, whole]))(draw(st.sampled_from([KELA, FUND, None])))
    for kind in draw(st.lists(st.sampled_from(["interrupted", "closed", "corrected", "corrected", "other"]), max_size=8)):
        on, by = draw(DAYS), draw(AUTHORS)
        match kind:
            case "interrupted":
                ended = {"ended_on": draw(DAYS), "end_reason": "other", "health_end": False, "valid_reason": "no"}
                path.add(e.PeriodInterrupted(case_id=CASE, period_id=PERIOD, **ended), on, by)
            case "closed":
                path.add(e.CaseClosed(case_id=CASE, closing_code="moved_away"), on, by)
            case "other":
                path.add(draw(any_client_event("fact.corrected", "period.started")), on, by)
            case _:
                target = draw(st.sampled_from([f for f in path.facts if not isinstance(f.event, FactCorrected)]))
                path.add(correction(target, draw(st.none() | DAYS), **draw(new_values(target))), date(2025, 10, 1), by)
    return path.facts


@st.composite
def new_values(draw: st.DrawFn, target: Fact[Event]) -> dict[str, Any]:
    """New values of up to two of the fields that a correction may change."""
    kind = type(target.event)
    free = {name: found for name, found in schema_of(kind)["properties"].items() if name not in fixed_in(kind)}
    names = draw(st.lists(st.sampled_from(sorted(free)), max_size=2, unique=True)) if free else []
    return {name: draw(any_value(name, free[name])) for name in names}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(any_history())
def test_both_ways_tell_the_same_whatever_ends_closes_or_is_corrected(facts: list[Fact[Event]]) -> None:
    assert told_by(Path(facts).told()) == told_by(Path(facts).told(always_whole=True))


def test_who_states_something_first_is_told_what_was_addressed_to_it_before() -> None:
    # given a notice to somebody who is nobody's authority yet
    path = Path()
    sent = e.NotificationSent(
        case_id=CASE, notification_id="6d" * 16, notification_kind="start", recipient_org_id=EXPERT[0],
        about_event_id="15" * 16, period_id=PERIOD,
    )  # fmt: skip
    path.add(sent, date(2025, 3, 3))
    # when it states something itself, of an earlier day
    own = e.AssessmentStarted(
        case_id=CASE, owner="adult_social_work", assessment_id="9a" * 16, client_attended=False
    )  # fmt: skip
    path.add(own, BEGIN, EXPERT)
    told = told_by(path.told())
    assert told == told_by(path.told(always_whole=True))
    assert [kind for _, kind, *_ in told["authority"]] == ["notification.sent.v1", "assessment.started.v1"]


TWO_WEEKS = st.integers(0, 11).map(lambda n: date(2025, 5, 5) + timedelta(days=n))


@st.composite
def swaps_and_closures(draw: st.DrawFn) -> Path:
    """Days moved and days without service in the same two weeks, by both official accounts, some of it corrected."""
    path = in_service(KELA)
    county = ("0000001-9", "organiser", "own_worker", "W-01")
    for kind in draw(st.lists(st.sampled_from(["swapped", "swapped", "closed", "corrected"]), min_size=2, max_size=8)):
        on, first = draw(TWO_WEEKS), draw(TWO_WEEKS)
        said = [fact for fact in path.facts if fact.name in ("attendance.recorded", "service_day.not_arranged")]
        if kind == "closed":
            path.add(closed(first, first + timedelta(days=draw(st.integers(0, 6)))), first, AT_CENTRE)
        elif kind == "corrected" and said:
            target = draw(st.sampled_from(said))
            name = "swap_of_on" if target.name == "attendance.recorded" else "until_on"
            path.add(correction(target, None, **{name: str(first)}), date(2025, 10, 1), county)
        else:
            account = draw(st.sampled_from(["provider", "county"]))
            swap = draw(st.one_of(st.none(), st.just(first)))
            by = AT_CENTRE if account == "provider" else county
            path.add(attendance("present", account, swap_of_on=swap), on, by)
    return path


@settings(max_examples=200, deadline=None)
@given(swaps_and_closures())
def test_both_ways_tell_the_same_of_days_that_move_and_of_days_without_service(path: Path) -> None:
    """domain/pathway.md 4.4 rows 27, 28: what a payer holds is what one who asked afresh would be given."""
    short, long = path.told(), path.told(always_whole=True)
    assert told_by(short) == told_by(long)
    view = view_of(short.client.view.pathway, short.directory, kinds())
    newest = {(c.standing.recipient.short_name, c.fact.event_id): c.told for c in short.changes}
    for key, told in desired(view, view.standings["kela-payment"], policy(kinds())).items():
        assert getattr(newest["kela-payment", key], "fields", None) == told.fields
