"""What every payer of an unemployment benefit (Kela or a fund) is told, and what its clerks ask (domain/questions.md 6.4).

It sees period dates, the status of each day of its own payees, absence reports and labour policy statements: no plan, no
site, no hours, no other service.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from domain.code_lists import code_list
from projections.day_changes import Changes, Since, changes_since
from projections.days import DAY_FACTS, SeenDay, days_from
from projections.periods import PERIOD_ENDS, PERIOD_FACTS, periods_from
from projections.questions import Answer, Coded, OfClient, Question, View, coded

FINDS_BY = {
    "attendance.recorded": "day_status",
    "absence_report.sent": "reporting_org_id",
    "notification.sent": "notification_kind",
}


class PaymentPeriod(OfClient):
    """A client and the days that are paid for, both included; none means from the beginning, or until further notice."""

    from_on: date | None = None
    until_on: date | None = None


class ServicePeriod(Answer):
    """One period of the service. `ended_on` is its real last day, none while it runs."""

    period_id: str
    service_programme: Coded | None
    starts_on: date
    planned_end_on: date
    ended_on: date | None


class ServiceExisted(Answer):
    """KE1: whether the service existed for the person in the payment period, with its dates."""

    client: str
    existed: bool
    periods: list[ServicePeriod]


class MonthOfDays(Answer):
    """Allowance days of one calendar month, `2025-03`."""

    month: str
    days: int
    amount_eur: Decimal


class AllowanceDays(Answer):
    """KE2: the days on which the person was present, and what compensation for expenses they make.

    source: domain/law.md 2.6, 2.8 (9.00 euro a day of presence)
    """

    client: str
    days: int
    amount_eur: Decimal
    months: list[MonthOfDays]
    present_on: list[date]


class AbsentDay(Answer):
    """One day of absence. `benefit_lost` says whether the benefit is lost for the day."""

    absent_on: date
    day_status: Coded
    consecutive_day: int
    certificate_needed: bool
    benefit_lost: bool
    accounts_differ: bool


class Absences(Answer):
    """KE3: days of absence with their reason class; `benefit_losing_days` counts those without benefit."""

    client: str
    days: list[AbsentDay]
    benefit_losing_days: int


class NotArrangedDays(Answer):
    """KE4: days on which the service was not arranged; no absence, no allowance."""

    client: str
    days: int
    not_arranged_on: list[date]


class Statement(Answer):
    """One labour policy statement of the employment authority or the KEHA Centre."""

    labour_statement_kind: str
    service_from_on: date
    service_until_on: date
    conditions_met: bool
    issued_on: date


class StatementInPlace(Answer):
    """KE7: the labour policy statements, and the started periods that none of them covers."""

    client: str
    in_place: bool
    statements: list[Statement]
    periods_without: list[str]


def service_existed(view: View, asked: PaymentPeriod) -> ServiceExisted:
    """Periods that touch the payment period."""
    rows = view.rows("period.started", *PERIOD_ENDS, client=asked.client)
    programme = {row.part: row.body.get("service_programme") for row in rows}
    found = [
        ServicePeriod(
            period_id=period.period_id,
            service_programme=coded("service_programme", programme.get(period.period_id)),
            starts_on=period.starts_on,
            planned_end_on=period.planned_end_on,
            ended_on=period.ended_on,
        )
        for period in periods_from(rows)
        if (asked.until_on is None or period.starts_on <= asked.until_on)
        and (asked.from_on is None or asked.from_on <= period.last_on)
    ]
    return ServiceExisted(client=asked.client, existed=bool(found), periods=found)


def allowance_days(view: View, asked: PaymentPeriod) -> AllowanceDays:
    """Days of presence with their money, by calendar month."""
    present = [day.on for day in _days(view, asked) if day.status in code_list("day_status").marked("allowance", "yes")]
    rates = {day: Decimal(str(view.rules.value("allowance.kulukorvaus_eur_day", day))) for day in present}
    by_month: dict[str, list[date]] = {}
    for day in present:
        by_month.setdefault(day.strftime("%Y-%m"), []).append(day)
    months = [
        MonthOfDays(month=month, days=len(days), amount_eur=_euros(rates[day] for day in days))
        for month, days in by_month.items()
    ]
    return AllowanceDays(
        client=asked.client, days=len(present), amount_eur=_euros(rates.values()), months=months, present_on=present
    )


def absences(view: View, asked: PaymentPeriod) -> Absences:
    """Days of absence; how many days in a row is counted from the first day of the spell, days between included.

    source: domain/law.md 2.7 (own sickness: certificate from the 4th day; a child's: benefit lost from the 5th)
    """
    spell: tuple[str, date] | None = None
    found = []
    for day in _days(view, PaymentPeriod(client=asked.client, until_on=asked.until_on)):
        if not day.absent:
            spell = None if day.status == "present" else spell
            continue
        if spell is None or spell[0] != day.status:
            spell = (day.status, day.on)
        number = (day.on - spell[1]).days + 1
        if asked.from_on is None or asked.from_on <= day.on:
            found.append(_absent(view, day, number))
    return Absences(client=asked.client, days=found, benefit_losing_days=sum(day.benefit_lost for day in found))


def _absent(view: View, day: SeenDay, number: int) -> AbsentDay:
    status = coded("day_status", day.status)
    sick = day.status == "absent_own_sickness" and number > view.rules.number("sickness.self_notice_max_days", day.on)
    child = day.status == "absent_child_sickness" and number > view.rules.number("child_sickness.max_days", day.on)
    return AbsentDay(
        absent_on=day.on,
        day_status=status,
        consecutive_day=number,
        certificate_needed=sick,
        benefit_lost=child or day.status in code_list("day_status").marked("keeps_benefit", "no"),
        accounts_differ=day.accounts_differ,
    )


def not_arranged(view: View, asked: PaymentPeriod) -> NotArrangedDays:
    """Days not arranged, one by one."""
    days = [day.on for day in _days(view, asked) if day.status == "not_arranged"]
    return NotArrangedDays(client=asked.client, days=len(days), not_arranged_on=days)


def statement_in_place(view: View, asked: PaymentPeriod) -> StatementInPlace:
    """Labour policy statements, and started periods of which no statement says anything."""
    rows = view.rows("labour_policy_statement.issued", client=asked.client)
    statements = [
        Statement(
            labour_statement_kind=row.body["labour_statement_kind"],
            service_from_on=date.fromisoformat(row.body["service_from_on"]),
            service_until_on=date.fromisoformat(row.body["service_until_on"]),
            conditions_met=row.body["conditions_met"],
            issued_on=row.occurred_on,
        )
        for row in rows
    ]
    covered = Counter(row.part for row in rows if row.body["conditions_met"])
    periods = periods_from(view.rows(*PERIOD_FACTS, client=asked.client))
    without = [period.period_id for period in periods if not covered[period.period_id]]
    return StatementInPlace(
        client=asked.client, in_place=bool(statements) and not without, statements=statements, periods_without=without
    )


def _days(view: View, asked: PaymentPeriod) -> list[SeenDay]:
    window = {"from_on": asked.from_on, "until_on": asked.until_on}
    days = days_from(view.rows(*DAY_FACTS, client=asked.client, **window))
    return [
        day
        for day in days
        if (asked.from_on is None or asked.from_on <= day.on) and (asked.until_on is None or day.on <= asked.until_on)
    ]


def _euros(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal("0.00")).quantize(Decimal("0.01"))


def questions_of_payer(clerks: frozenset[str]) -> tuple[Question[Any, Any], ...]:
    """What the clerks of a payer ask, in whichever roles they are."""

    def question(question_id: str, path: str, fi: str, sv: str, en: str, *rest: Any) -> Question[Any, Any]:
        return Question(question_id, f"clients/{{client}}/{path}", {"fi": fi, "sv": sv, "en": en}, clerks, *rest)

    return (
        question(
            "KE1", "service",
            "Oliko henkilöllä palvelu maksujaksolla, ja milloin se alkoi ja päättyi?",
            "Hade personen tjänsten under utbetalningsperioden, och när började och slutade den?",
            "Did the service exist in the payment period, when did it start and end?",
            PaymentPeriod, ServiceExisted, service_existed,
        ),
        question(
            "KE2", "allowance-days",
            "Minä päivinä henkilö oli läsnä (kulukorvaukseen oikeuttavat päivät)?",
            "Vilka dagar var personen närvarande (dagar som berättigar till kostnadsersättning)?",
            "On which days was the person present (allowance days)?",
            PaymentPeriod, AllowanceDays, allowance_days,
        ),
        question(
            "KE3", "absences",
            "Minä päivinä henkilö oli poissa ja mistä syystä, ja tarvitaanko todistus?",
            "Vilka dagar var personen frånvarande och av vilken orsak, och behövs intyg?",
            "On which days was the person absent, for which reason, is a certificate needed?",
            PaymentPeriod, Absences, absences,
        ),
        question(
            "KE4", "not-arranged-days",
            "Minä päivinä palvelua ei järjestetty?",
            "Vilka dagar ordnades inte tjänsten?",
            "Which days were not arranged?",
            PaymentPeriod, NotArrangedDays, not_arranged,
        ),
        question(
            "KE6", "changes",
            "Mikä on muuttunut edellisen maksun jälkeen?",
            "Vad har ändrats efter den senaste utbetalningen?",
            "What changed after the last payment?",
            Since, Changes, changes_since,
        ),
        question(
            "KE7", "labour-policy-statement",
            "Onko työvoimapoliittinen lausunto annettu, ja mille ajalle?",
            "Har ett arbetskraftspolitiskt utlåtande getts, och för vilken tid?",
            "Is the labour policy statement in place, for which dates?",
            PaymentPeriod, StatementInPlace, statement_in_place,
        ),
    )  # fmt: skip
