"""What each reduced form holds: fields of the event or of the part it names, derived values, and limits.

A form reads only what comes before its fact (the part's beginning), so that a later fact changes no earlier form; a
correction does. It returns more than a recipient may see: the policy's profile cuts it down afterwards.
source: domain/disclosure.md 5.3, reduced forms
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest
from typing import Any, TypeAlias

from domain import events as e
from domain.dates import A_DAY
from domain.disclosure.kinds import Standing
from domain.disclosure.policy import Profile
from domain.disclosure.windows import benefit_spans
from domain.events import Event
from domain.pathway import Fact, Pathway, Period

Fields: TypeAlias = dict[str, Any]
"""Field name to value, as the event's model holds it."""


@dataclass(frozen=True, slots=True)
class Telling:
    """One fact on its way to one recipient: what a form may look at. `contact` are the details in its client block by which
    the client is reached."""

    fact: Fact[Event]
    pathway: Pathway
    standing: Standing
    profile: Profile
    contact: frozenset[str] = frozenset()


def form_fields(form: str, telling: Telling) -> Fields | None:
    """The fields of the form, none where its limit says that nothing is delivered. Raises `KeyError` for a form whose
    events do not exist yet."""
    return FORMS[form](telling)


def picked(event: Event, *names: str) -> Fields:
    """The named fields of an event that have a value."""
    return {name: value for name in names if (value := getattr(event, name, None)) is not None}


def week_load(schedule: Iterable[e.ScheduleEntry]) -> Fields:
    """Days and hours a week, computed from a schedule, in its place."""
    entries = tuple(schedule)
    return {"days_per_week": len(entries), "hours_per_week": sum(entry.hours for entry in entries)}


def arranged_days(fact: Fact[Event], pathway: Pathway, standing: Standing) -> list[date]:
    """The scheduled dates of the range that lie in the recipient's window, a swapped day counted where it moved. A swap that
    is recorded later moves no day that was not arranged (domain/pathway.md 4.4 row 27), but it may give one back: the county
    says that another day was replaced. A correction may do both."""
    event: Any = fact.event
    period = pathway.periods.get(event.period_id)
    if period is None:
        return []
    begun = (period.started or period.planned).event.starts_on
    first, last = max(event.from_on, begun), min(event.until_on, period.last_on)
    corrected = (known.version for key in fact.corrected_by if (known := pathway.facts.get(key)))
    said_at = max((fact.version, *corrected))
    days = (first + n * A_DAY for n in range((last - first).days + 1))
    own = (day for day in days if standing.covers(day))
    return [day for day in own if any(pathway.is_scheduled(period, day, before) for before in (said_at, None))]


def cut_range(event: Event, standing: Standing) -> tuple[date, date] | None:
    """The days of a fact that declares both ends, cut to the recipient's; none when no day of it is the recipient's."""
    begins, ends = (getattr(event, name) for name in event.FOUND.ends)
    parts = [
        (max(span.first, begins), min(span.last, ends))
        for span in standing.spans
        if span.first <= ends and begins <= span.last
    ]
    return (min(first for first, _ in parts), max(last for _, last in parts)) if parts else None


def last_day_paid(fact: Fact[Event], pathway: Pathway, org: str) -> date | None:
    """The last day of the payer whose time this fact ends, as known now; none when it ends no time of this payer."""
    spans = list(benefit_spans(pathway))
    for (span, held), following in zip_longest(spans, spans[1:]):
        if held.event.payer_org_id != org or span.last == date.max:
            continue
        successor = following[1] if following and following[0].first == span.last + A_DAY else None
        if successor and successor.event.payer_org_id == org:
            continue
        # Without a successor the status ends by its own last day: it ends the time itself.
        if (successor or held).event_id == fact.event_id:
            return span.last
    return None




def _accepted(t: Telling) -> Fields | None:
    return {**picked(t.fact.event, "party_kind", "plan_version"), "answer": "accepted"}


def _assessed(t: Telling) -> Fields | None:
    return {"client_attended": True} if getattr(t.fact.event, "client_attended", False) else None


def _attended(t: Telling) -> Fields | None:
    event = t.fact.event
    return {"took_part": True} if isinstance(event, e.PlanAgreed) and "client" in event.parties else None


def _case_state(t: Telling) -> Fields | None:
    return {"case_state": "closed" if isinstance(t.fact.event, e.CaseClosed) else "open"}


def _codes(t: Telling) -> Fields | None:
    event: Any = t.fact.event
    run = t.pathway.parallel_services.get(event.parallel_service_id)
    # An end that came before its start names the service itself; a start that comes later changes nothing of it.
    started = run.started if run and run.started and run.started.version < t.fact.version else None
    service = event.service or (started.event.service if started else None)
    return {"service": service, **picked(event, "from_on", "until_on")} if service in t.profile.codes else None


def _dates(t: Telling) -> Fields | None:
    event: Any = t.fact.event
    period, case = t.pathway.periods[event.period_id], t.pathway.cases.get(event.case_id)
    programme = {"service_programme": case.opened.event.service_programme} if case else {}
    return {**programme, **_planned_dates(period), **picked(event, "ended_on")}


def _planned_dates(period: Period) -> Fields:
    return picked((period.started or period.planned).event, "starts_on", "planned_end_on")


def _day(t: Telling) -> Fields | None:
    event: Any = t.fact.event
    corrected = {"corrected": True} if _day_corrected(t) else {}
    if isinstance(event, e.ServiceDayNotArranged):
        days = arranged_days(t.fact, t.pathway, t.standing)
        return {"day_status": "not_arranged", "days_on": days, **corrected} if days else None
    return {**picked(event, "day_status", "account"), **corrected}


def _day_corrected(t: Telling) -> bool:
    """Whether a correction changed what the form shows of the day; one of the hours alone does not."""
    corrections = [known.event for key in t.fact.corrected_by if (known := t.pathway.facts.get(key))]
    shown = {"day_status", "account", "from_on", "until_on"}
    return any(
        isinstance(c, e.FactCorrected) and (c.corrected_occurred_on is not None or shown & (c.new_values or {}).keys())
        for c in corrections
    )


def _destroyed(t: Telling) -> Fields | None:
    return picked(t.fact.event, "destroyed_matter")


def _done(t: Telling) -> Fields | None:
    started = isinstance(t.fact.event, e.AssessmentStarted)
    return {"step": "started"} if started else {"step": "completed", **picked(t.fact.event, "result")}


def _ended(t: Telling) -> Fields | None:
    event: Any = t.fact.event
    period = t.pathway.periods[event.period_id]
    return {**picked(event, "ended_on", "end_reason"), "ended_early": _early(period, event.ended_on)}


def _early(period: Period, ended_on: date) -> bool:
    return bool(ended_on < (period.started or period.planned).event.planned_end_on)


def _exit(t: Telling) -> Fields | None:
    return picked(t.fact.event, "exit_kind", "from_on")


def _granted(t: Telling) -> Fields | None:
    return picked(t.fact.event, "outcome", "granted_from_on", "granted_until_on", "ends_on")


def _granted_hours(t: Telling) -> Fields | None:
    return {**(_granted(t) or {}), **picked(t.fact.event, "max_days_per_week", "max_hours_per_day")}


def _held(t: Telling) -> Fields | None:
    return {"held": "held", **picked(t.fact.event, "next_followup_on")}


_JOINT = (
    "plan_version",
    "includes_kuty",
    "kuty_from_on",
    "kuty_until_on",
    "review_due_on",
    "measures",
    "goal",
    "support",
    "circumstances_affecting_employment",
    "capacity_limits_affecting_employment",
)


def _identity(t: Telling) -> Fields | None:
    event: Any = t.fact.event
    if event.identifier_change == "contact_changed" and not t.contact - {"protected"}:
        return None
    return picked(event, "identifier_change")


def _joint(t: Telling) -> Fields | None:
    event: Any = t.fact.event
    plan = t.pathway.plans.get(event.plan_id)
    version = plan.versions.get(event.plan_version) if plan else None
    if plan is None or version is None:
        return None
    draft = version.drafted.event
    codes = tuple(code for code in draft.parallel_services or () if code in t.profile.codes)
    return {
        "plan_kind": plan.started.event.plan_kind,
        **picked(draft, *_JOINT),
        **({"parallel_services": codes} if codes else {}),
        **(week_load(draft.schedule) if draft.schedule else {}),
    }


def _notice(t: Telling) -> Fields | None:
    event: Any = t.fact.event
    fields = picked(event, "notification_kind")
    period = t.pathway.periods.get(event.period_id or "")
    if period:
        fields |= _planned_dates(period)
        if event.notification_kind == "end" and period.ended:
            end = period.ended.event
            fields |= {**picked(end, "ended_on", "end_reason", "valid_reason"), "ended_early": _early(period, end.ended_on)}
    return fields


def _payer(t: Telling) -> Fields | None:
    event: Any = t.fact.event
    return picked(event, "payer_org_id", "from_on") if event.payer_org_id else None


def _payer_end(t: Telling) -> Fields | None:
    fact: Any = t.fact
    last = last_day_paid(fact, t.pathway, t.standing.recipient.org)
    return {"last_day_on": last} if last else None


def _provider_org(t: Telling) -> Fields | None:
    event: Any = t.fact.event
    placement = t.pathway.placements.get(event.placement_id)
    if placement is None:
        return None
    return picked(placement.proposed.event, "provider_org_id", "placement_form", "from_on", "until_on")


def _refused(t: Telling) -> Fields | None:
    return {"refused": "discontinued", **picked(t.fact.event, "valid_reason")}


def _report(t: Telling) -> Fields | None:
    event: Any = t.fact.event
    days = cut_range(event, t.standing)
    if days is None:
        return None
    absences = tuple(absence for absence in event.absences if t.standing.covers(absence.day_on))
    return {"reporting_org_id": event.reporting_org_id, "from_on": days[0], "until_on": days[1], "absences": absences}


def _site(t: Telling) -> Fields | None:
    event: Any = t.fact.event
    version = t.pathway.agreed_version(event.plan_id, event.plan_version)
    if version is None:
        return None
    names = ("placement_form", "kuty_from_on", "kuty_until_on", "schedule", "goal", "support")
    return picked(version.drafted.event, *names)


def _statement(t: Telling) -> Fields | None:
    return picked(t.fact.event, "service_from_on", "service_until_on")


def _status(t: Telling) -> Fields | None:
    return {"referral_status": "accepted"}


def _worker(t: Telling) -> Fields | None:
    return picked(t.fact.event, "effective_on")


FORMS: Mapping[str, Callable[[Telling], Fields | None]] = {
    "accepted": _accepted,
    "assessed": _assessed,
    "attended": _attended,
    "case_state": _case_state,
    "codes": _codes,
    "dates": _dates,
    "day": _day,
    "destroyed": _destroyed,
    "done": _done,
    "ended": _ended,
    "exit": _exit,
    "granted": _granted,
    "granted_hours": _granted_hours,
    "held": _held,
    "identity": _identity,
    "joint": _joint,
    "notice": _notice,
    "payer": _payer,
    "payer_end": _payer_end,
    "provider_org": _provider_org,
    "refused": _refused,
    "report": _report,
    "site": _site,
    "statement": _statement,
    "status": _status,
    "worker": _worker,
}
"""Every form that an event of today can take. A form of an event to come is added with that event."""
