"""What the own worker must do next in a case, and by when (domain/questions.md CW1): read from the facts and the rules.

A reminder is no event: it is there as long as the facts call for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from domain.holidays import working_days_after
from domain.months import months_on
from projections.days import DAY_FACTS, days_from, unreported
from projections.labels import labelled
from projections.periods import SeenPeriod, time_in_service
from projections.questions import Answer, Coded, View, coded
from projections.read_models import Row


class Obligation(Answer):
    """One thing to do. `due_on` is its last day, none where only "without delay" holds; `about` the part it concerns."""

    what: Coded
    due_on: date | None
    overdue: bool
    about: str | None
    notice: Coded | None = None


class Facts:
    """One case's facts by name, by the day asked about."""

    def __init__(self, rows: list[Row], on: date) -> None:
        self.on = on
        self._by_name: dict[str, list[Row]] = {}
        for row in rows:
            self._by_name.setdefault(row.name, []).append(row)

    def all(self, *names: str) -> list[Row]:
        """Facts of these names, in order of telling within a name."""
        return [row for name in names for row in self._by_name.get(name, ())]

    def last(self, name: str) -> Row | None:
        """The fact of the name that happened last; of two of one day the one told last."""
        return max(self._by_name.get(name, ()), key=lambda row: (row.occurred_on, row.sequence), default=None)


def obligations(
    view: View, facts: Facts, state: str, case_id: str, periods: list[SeenPeriod], all_periods: list[SeenPeriod]
) -> list[Obligation]:
    """Everything that is open in the case, the most urgent first. Only the months of the review count all periods of the
    client, those of earlier cases too."""
    found = [
        *_unanswered_referrals(view, facts),
        *_next_step_of(view, facts, state, case_id, periods),
        *_unsent_notices(view, facts),
        *_unreported_absences(view, facts, periods),
    ]
    if state in ("active", "between_periods", "placing"):
        found += [*_follow_up(view, facts, periods), *_plan_review(view, facts), *_review_at_24_months(view, all_periods)]
    return sorted(found, key=lambda todo: (todo.due_on or date.max, todo.what.code, todo.about or ""))


def retention_due_on(view: View, closed_on: date) -> date:
    """The day on which the case's content is to be destroyed. source: 703/2023, domain/law.md 2.6 (10 years from closing)"""
    return months_on(closed_on, 12 * view.rules.number("retention.years", closed_on))


def _todo(view: View, what: str, due_on: date | None, about: str | None, notice: Coded | None = None) -> Obligation:
    overdue = due_on is not None and view.on > due_on
    return Obligation(what=labelled("obligations", what), due_on=due_on, overdue=overdue, about=about, notice=notice)


def _unanswered_referrals(view: View, facts: Facts) -> Iterator[Obligation]:
    answered = {
        row.part for row in facts.all("referral.accepted", "referral.merged", "referral.declined", "referral.withdrawn")
    }
    for row in facts.all("referral.submitted"):
        if row.part not in answered:
            days = view.rules.number("referral.first_response_days", row.occurred_on)
            yield _todo(view, "referral_to_answer", working_days_after(row.occurred_on, days), row.part)


def _next_step_of(view: View, facts: Facts, state: str, case_id: str, periods: list[SeenPeriod]) -> Iterator[Obligation]:
    if state not in ("closed", "not_open", "referred") and facts.last("own_worker.assigned") is None:
        yield _todo(view, "own_worker_to_assign", None, case_id)
    if state == "assessing":
        completed = {row.part for row in facts.all("assessment.completed")}
        open_ones = [row for row in facts.all("assessment.started") if row.part not in completed]
        started = max(open_ones, key=lambda row: (row.occurred_on, row.sequence), default=None)
        due_on = None
        if started:
            due_on = started.occurred_on + timedelta(days=view.rules.number("assessment.max_days", started.occurred_on))
        yield _todo(view, "assessment_to_complete", due_on, started.part if started else case_id)
    elif state == "planning":
        yield _todo(view, "plan_to_agree", None, case_id)
    elif state == "placing":
        agreed = facts.last("plan.agreed")
        versions = (row for row in facts.all("plan.drafted", "plan.revised") if agreed and row.part == agreed.part)
        laid = max(versions, key=lambda row: int(row.body["plan_version"]), default=None)
        planned = next((period for period in periods if not period.started), None)
        start = planned.starts_on if planned else laid.day("kuty_from_on") if laid else None
        yield _todo(view, "period_to_start", start, planned.period_id if planned else case_id)
    elif state == "active":
        yield from _period_end(view, facts, periods)
    elif state == "between_periods":
        last = max((period for period in periods if period.started), key=lambda period: period.last_on)
        if not any(row.body.get("period_id") in (None, last.period_id) for row in facts.all("exit.recorded")):
            yield _todo(view, "exit_to_record", last.last_on, last.period_id)
        elif not any(not period.started and period.case_id == case_id for period in periods):
            yield _todo(view, "case_to_close", None, case_id)


def _period_end(view: View, facts: Facts, periods: list[SeenPeriod]) -> Iterator[Obligation]:
    alert = timedelta(days=view.rules.number("period.end_alert_days", view.on))
    for period in periods:
        if not period.started or period.ended_on:
            continue
        if view.on > period.planned_end_on:
            yield _todo(view, "period_to_complete", period.planned_end_on, period.period_id)
        elif view.on >= period.planned_end_on - alert and not _next_step_known(facts, period, periods):
            yield _todo(view, "period_ends", period.planned_end_on, period.period_id)


def _next_step_known(facts: Facts, period: SeenPeriod, periods: list[SeenPeriod]) -> bool:
    """Whether a follow-up or an exit of this period, or a period after it, says what comes next."""
    agreed = any(
        row.body.get("next_step") and (row.day("next_step_from_on") or period.planned_end_on) >= period.planned_end_on
        for row in facts.all("followup.held")
        if row.occurred_on >= period.starts_on
    )
    left = any(
        row.body.get("period_id", period.period_id) == period.period_id
        for row in facts.all("exit.recorded")
        if row.occurred_on >= period.starts_on
    )
    return agreed or left or any(other.starts_on > period.planned_end_on for other in periods)


def _unsent_notices(view: View, facts: Facts) -> Iterator[Obligation]:
    sent = {row.part for row in facts.all("notification.sent")}
    for row in facts.all("notification.due"):
        if row.part not in sent:
            kind = coded("notification_kind", row.body.get("notification_kind"))
            yield _todo(view, "notice_to_send", row.day("due_on"), row.part, kind)


def _unreported_absences(view: View, facts: Facts, periods: list[SeenPeriod]) -> Iterator[Obligation]:
    days = days_from(facts.all(*DAY_FACTS), periods)
    payers = facts.all("benefit_status.changed")
    for absence in unreported(view, days, facts.all("absence_report.sent"), payers):
        yield _todo(view, "absence_to_report", absence.due_on, absence.period_id)


def _follow_up(view: View, facts: Facts, periods: list[SeenPeriod]) -> Iterator[Obligation]:
    running = next((period for period in periods if period.runs_on(view.on)), None)
    if running is None:
        return
    since, held = last_follow_up(facts.all("followup.held"), running)
    due_on = since + timedelta(days=view.rules.number("followup.interval_days", since))
    agreed = held.day("next_followup_on") if held else None
    due_on = min(due_on, agreed) if agreed else due_on
    # Nobody is reminded of a meeting that would fall after the end of the service.
    if due_on <= running.last_on:
        yield _todo(view, "follow_up_due", due_on, running.period_id)


def last_follow_up(held: list[Row], running: SeenPeriod) -> tuple[date, Row | None]:
    """The day from which the interval of follow-ups counts in a period, and the last one held in it."""
    within = [row for row in held if row.occurred_on >= running.starts_on]
    last = max(within, key=lambda row: (row.occurred_on, row.sequence), default=None)
    return last.occurred_on if last else running.starts_on, last


def _plan_review(view: View, facts: Facts) -> Iterator[Obligation]:
    agreed = facts.last("plan.agreed")
    if agreed is None:
        return
    for row in facts.all("plan.drafted", "plan.revised"):
        if row.part == agreed.part and row.body.get("plan_version") == agreed.body.get("plan_version"):
            due_on = row.day("review_due_on")
            reviewed = any(review.occurred_on >= agreed.occurred_on for review in facts.all("plan.reviewed"))
            if due_on and not reviewed:
                yield _todo(view, "plan_review_due", due_on, row.part)


def _review_at_24_months(view: View, periods: list[SeenPeriod]) -> Iterator[Obligation]:
    """Shown from 21 months on. source: domain/law.md 2.4, domain/pathway.md 4.6"""
    most = view.rules.number("cumulative.review_months", view.on)
    seen = time_in_service(periods, view.on, most)
    if seen.months >= view.rules.number("cumulative.review_alert_months", view.on):
        yield _todo(view, "review_24_months", seen.full_on, None)
