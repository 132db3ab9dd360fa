"""What the county's own worker asks of the case (domain/questions.md 6.1): the state and what to do next, the plan, the time
in service, the services beside it. The county is told every fact of its clients."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from domain.catalogue import CLIENT_FACTS
from domain.disclosure.kinds import Standing
from domain.events import Event
from domain.pathway import Fact, Pathway
from projections.cases import ClientCase, OfCase, case_asked, seen_by
from projections.days import benefit_on
from projections.kinds import Kind
from projections.obligations import Facts, Obligation, obligations, retention_due_on
from projections.participation import Participation, participation
from projections.periods import SeenPeriod, periods_from
from projections.plans import PlanInForce, plan_in_force
from projections.questions import A, Answer, Coded, Question, View, client_name, coded

OWN_WORKER = frozenset({"own_worker", "social_worker", "team_lead"})

FINDS_BY = {
    "referral.submitted": "source",
    "own_worker.assigned": "worker_id",
    "benefit_status.changed": "payer_org_id",
    "plan.drafting_started": "plan_kind",
    "plan.accepted_by_party": "party_kind",
    "placement.proposed": "provider_org_id",
    "attendance.recorded": "placement_id",
    "parallel_service.started": "service",
    "notification.due": "notification_kind",
    "notification.sent": "notification_kind",
}


class RunningPeriod(Answer):
    """The period that runs on the day, or the next planned one."""

    period_id: str
    starts_on: date
    planned_end_on: date
    started: bool
    days_per_week: int
    hours_per_week: float


class CaseToday(Answer):
    """CW1: the state of the client's case on the day, and what is to be done, by when.

    The case is the one asked for, else the open one, else the last; `cases` are all of them up to the day. `state` is one of
    domain/pathway.md 4.3. `retention_due_on` is known once the case is closed.
    """

    client: str
    client_name: str | None
    case_id: str | None
    cases: list[ClientCase]
    state: str
    opened_on: date | None
    closed_on: date | None
    own_worker_id: str | None
    own_worker_name: str | None
    benefit: Coded | None
    payer_org_id: str | None
    period: RunningPeriod | None
    obligations: list[Obligation]
    retention_due_on: date | None


class ParallelServiceRun(Answer):
    """One other service. `from_on` is none where its end was told before its start; `until_on` is its last day, none while
    it runs; `told_by` says who told us."""

    parallel_service_id: str
    service: Coded
    from_on: date | None
    until_on: date | None
    told_by: str | None
    service_org_id: str | None
    runs: bool


class ParallelServices(Answer):
    """CW6: which services run beside this one on the day, and which have ended: in the case asked for, else in the open one,
    else in the last."""

    client: str
    case_id: str | None
    cases: list[ClientCase]
    running: int
    services: list[ParallelServiceRun]


def case_today(view: View, asked: OfCase) -> CaseToday:
    """The case with everything that is open in it; a referral that nobody has answered stands in the newest one."""
    seen = seen_by(view, asked, *CLIENT_FACTS.keys() - {"case.opened", "case.closed"})
    case, rows = seen.case, seen.rows
    if case is not None and case != case_asked(seen.cases, None, view.on):
        rows = [row for row in rows if not row.name.startswith("referral.")]
    facts = Facts(rows, view.on)
    periods = periods_from(rows)
    state = case_state(facts, periods, case)
    worker = max(facts.all("own_worker.assigned"), key=lambda row: (row.from_on, row.sequence), default=None)
    benefit = benefit_on(facts.all("benefit_status.changed"), view.on)
    case_id = case.case_id if case else ""
    closed_on = case.closed_on if case else None
    open_things = obligations(view, facts, state, case_id, periods, periods_from(seen.of_all))
    coming = () if closed_on else (p for p in periods if not p.started)
    shown = next((p for p in periods if p.runs_on(view.on)), None) or next(iter(coming), None)
    return CaseToday(
        client=asked.client,
        client_name=client_name(view.blocks([asked.client]).get(asked.client, {})),
        case_id=case_id or None,
        cases=seen.cases,
        state=state,
        opened_on=case.opened_on if case else None,
        closed_on=closed_on,
        own_worker_id=worker.body.get("worker_id") if worker else None,
        own_worker_name=worker.body.get("staff_name") if worker else None,
        benefit=coded("benefit_status", benefit.body.get("benefit"), view.on) if benefit else None,
        payer_org_id=benefit.body.get("payer_org_id") if benefit else None,
        period=_shown(shown) if shown else None,
        obligations=open_things,
        retention_due_on=retention_due_on(view, closed_on) if closed_on else None,
    )


def case_state(facts: Facts, periods: list[SeenPeriod], case: ClientCase | None) -> str:
    """What the dated facts add up to on the day. source: domain/pathway.md 4.3"""
    if case is None:
        answered = {row.part for row in facts.all("referral.accepted", "referral.declined", "referral.withdrawn")}
        waiting = any(row.part not in answered for row in facts.all("referral.submitted"))
        return "referred" if waiting else "not_open"
    if case.closed_on is not None:
        return "closed"
    started = [period for period in periods if period.started]
    if any(period.ended_on is None or facts.on < period.ended_on for period in started):
        return "active"
    if started:
        return "between_periods"
    if facts.last("plan.agreed"):
        return "placing"
    needed = any(row.body.get("result") == "need" for row in facts.all("assessment.completed"))
    return "planning" if needed else "assessing"


def parallel_services(view: View, asked: OfCase) -> ParallelServices:
    """Services by their first day; one that is stopped runs up to and including its last day. One whose start is not known
    comes by its last day, on which alone it is known to have run."""
    seen = seen_by(view, asked, "parallel_service.started", "parallel_service.stopped")
    facts = Facts(seen.rows, view.on)
    stopped = {row.part: row.day("until_on") for row in facts.all("parallel_service.stopped")}
    started = facts.all("parallel_service.started")
    parts = {row.part for row in started}
    ended_alone = [row for row in facts.all("parallel_service.stopped") if row.part not in parts]
    found = []
    for row in sorted([*started, *ended_alone], key=lambda row: (row.from_on, row.sequence)):
        service = coded("parallel_service", row.body.get("service"))
        until_on = stopped.get(row.part)
        if service:
            found.append(
                ParallelServiceRun(
                    parallel_service_id=row.part or "",
                    service=service,
                    from_on=row.day("from_on"),
                    until_on=until_on,
                    told_by=row.body.get("told_by"),
                    service_org_id=row.body.get("service_org_id"),
                    runs=until_on is None or view.on <= until_on,
                )
            )
    return ParallelServices(
        client=asked.client,
        case_id=seen.case_id,
        cases=seen.cases,
        running=sum(each.runs for each in found),
        services=found,
    )


def _shown(period: SeenPeriod) -> RunningPeriod:
    days, hours = period.week or (0, 0.0)
    return RunningPeriod(
        period_id=period.period_id, starts_on=period.starts_on, planned_end_on=period.planned_end_on,
        started=period.started, days_per_week=days, hours_per_week=hours,
    )  # fmt: skip


def _question(
    question_id: str, path: str, fi: str, sv: str, en: str, gives: type[A], function: Callable[[View, OfCase], A]
) -> Question[OfCase, A]:
    titles = {"fi": fi, "sv": sv, "en": en}
    return Question(question_id, f"clients/{{client}}/{path}", titles, OWN_WORKER, OfCase, gives, function)


def every_fact(fact: Fact[Event], pathway: Pathway, standing: Standing) -> bool:
    """The county is told everything, whatever the day."""
    return True


KIND = Kind(
    name="social_work",
    title="county",
    document="county",
    task="organiser",
    column="county",
    roles=(
        "own_worker", "social_worker", "team_lead", "intake", "contract_manager",
        "rule_keeper", "data_protection_officer", "auditor", "system", "client",
    ),
    entitled=every_fact,
    purpose="service",
    own_facts_whole=False,
    shielded=False,
    finds_by=FINDS_BY,
    part_of={"own_worker.assigned": "case_id"},
    questions=(
        _question(
            "CW1", "case",
            "Missä vaiheessa asiakkaan asia on tänään, ja mitä minun on tehtävä seuraavaksi ja mihin mennessä?",
            "I vilket skede är klientens ärende i dag, och vad ska jag göra härnäst och senast när?",
            "What is the state of this client's case today, and what must I do next, by when?",
            CaseToday, case_today,
        ),
        _question(
            "CW2", "plan",
            "Mikä suunnitelman versio on voimassa, ketkä sen hyväksyivät ja mikä muuttui edellisestä?",
            "Vilken planversion gäller, vilka har godkänt den och vad har ändrats sedan den förra?",
            "Which plan version is in force, who accepted it, what changed since the last version?",
            PlanInForce, plan_in_force,
        ),
        _question(
            "CW3", "participation",
            "Montako päivää ja tuntia on kertynyt tällä viikolla, jaksolla ja yhteensä, ja milloin 24 kuukautta täyttyy?",
            "Hur många dagar och timmar har samlats den här veckan, under perioden och totalt, och när uppnås 24 månader?",
            "How many days and hours were used this week, this period and in total, and when do 24 months fall?",
            Participation, participation,
        ),
        _question(
            "CW6", "parallel-services",
            "Mitkä rinnakkaiset palvelut ovat käynnissä, mistä alkaen, ja keneltä tieto saatiin?",
            "Vilka parallella tjänster pågår, sedan när, och vem lämnade uppgiften?",
            "Which parallel services run now, since when, who told us?",
            ParallelServices, parallel_services,
        ),
    ),
)  # fmt: skip
