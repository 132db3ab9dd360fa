"""What every payer of an unemployment benefit (Kela or a fund) is told, and what its clerks ask (domain/questions.md 6.4).

It sees period dates, the status of each day of its own payees, absence reports and labour policy statements: no plan, no
site, no hours, no other service.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from pydantic import Field

from domain.code_lists import code_list
from domain.dates import A_DAY
from projections.cases import by_the_day
from projections.day_changes import Changes, Since, changes_since
from projections.days import DAY_FACTS, SeenDay, days_from
from projections.periods import PERIOD_FACTS, SeenPeriod, periods_from
from projections.questions import Answer, Coded, OfClient, Question, View, coded
from projections.read_models import Row

A_WEEK = timedelta(days=7)
"""Between the last day of one period and the first of the next one an absence goes on over so many days, no longer."""

FINDS_BY = {
    "attendance.recorded": "day_status",
    "absence_report.sent": "reporting_org_id",
    "notification.sent": "notification_kind",
}


class PaymentPeriod(OfClient):
    """A client and the days that are paid for, both included; none means from the beginning, or until further notice."""

    from_on: date | None = Field(None, description="The first day, from 1900 to 2199. None means from the beginning.")
    until_on: date | None = Field(None, description="The last day, from 1900 to 2199. None means until further notice.")

    def touches(self, first: date, last: date) -> bool:
        """Whether some of the days, both ends included, lie in the time."""
        return (self.until_on is None or first <= self.until_on) and (self.from_on is None or self.from_on <= last)


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
    """KE2: the days on which the person was present, and what compensation for expenses they make. `accounts_differ_on` are
    the days of the time of which the accounts say different things, present or not: KE5 says what.

    source: domain/law.md 2.6, 2.8 (9.00 euro a day of presence)
    """

    client: str
    days: int
    amount_eur: Decimal
    months: list[MonthOfDays]
    present_on: list[date]
    accounts_differ_on: list[date]


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


class AccountGiven(Answer):
    """What one account says of a day."""

    account: Coded
    day_status: Coded


class DifferingDay(Answer):
    """One day of which the accounts say different things, the one that counts first."""

    day_on: date
    accounts: list[AccountGiven]


class AccountsCompared(Answer):
    """KE5: whether the accounts of the days agree, and if not, where.

    source: domain/law.md 2.8 (two independent accounts of one day)
    """

    client: str
    agree: bool
    days: list[DifferingDay]


class Statement(Answer):
    """One labour policy statement of the employment authority or the KEHA Centre."""

    labour_statement_kind: str
    service_from_on: date
    service_until_on: date
    conditions_met: bool
    issued_on: date


class CoveredDays(Answer):
    """Days in a row, both ends included."""

    from_on: date
    until_on: date


class StatementInPlace(Answer):
    """KE7: the labour policy statements that speak of the payment period, and whether they cover the service in it.

    `in_place` says that the service ran in the time, and that of each of its days the last statement which speaks of it says
    that the conditions are met. `in_place_on` are the days of which that holds; `periods_without` name the periods with a
    day of which it does not.
    """

    client: str
    in_place: bool
    in_place_on: list[CoveredDays]
    statements: list[Statement]
    periods_without: list[str]


def service_existed(view: View, asked: PaymentPeriod) -> ServiceExisted:
    """Periods that touch the payment period, as they were dated by the day."""
    rows = by_the_day(view.rows(*PERIOD_FACTS, client=asked.client), view.on)
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
        if asked.touches(period.starts_on, period.last_on)
    ]
    return ServiceExisted(client=asked.client, existed=bool(found), periods=found)


def allowance_days(view: View, asked: PaymentPeriod) -> AllowanceDays:
    """Days of presence with their money, by calendar month."""
    days = _days(view, asked)
    present = sorted({day.on for day in days if day.status in code_list("day_status").marked("allowance", "yes")})
    rates = {day: Decimal(str(view.rules.value("allowance.kulukorvaus_eur_day", day))) for day in present}
    by_month: dict[str, list[date]] = {}
    for day in present:
        by_month.setdefault(day.strftime("%Y-%m"), []).append(day)
    months = [
        MonthOfDays(month=month, days=len(days), amount_eur=_euros(rates[day] for day in days))
        for month, days in by_month.items()
    ]
    return AllowanceDays(
        client=asked.client,
        days=len(present),
        amount_eur=_euros(rates.values()),
        months=months,
        present_on=present,
        accounts_differ_on=sorted({day.on for day in days if day.accounts_differ}),
    )


def accounts_compared(view: View, asked: PaymentPeriod) -> AccountsCompared:
    """The days of the time of which not all accounts say the same."""
    found = [
        DifferingDay(
            day_on=day.on,
            accounts=[
                AccountGiven(account=coded("account", account), day_status=coded("day_status", status))
                for account, status in day.accounts.items()
            ],
        )
        for day in _days(view, asked)
        if day.accounts_differ
    ]
    return AccountsCompared(client=asked.client, agree=not found, days=found)


def absences(view: View, asked: PaymentPeriod) -> Absences:
    """Days of absence; how many days in a row is counted from the first day of the spell, days between included.

    source: domain/law.md 2.7 (own sickness: certificate from the 4th day; a child's: benefit lost from the 5th)
    """
    spell: tuple[str, date] | None = None
    last: SeenDay | None = None
    found = []
    for day in _days(view, PaymentPeriod(client=asked.client, until_on=asked.until_on)):
        if last is not None and day.period_id != last.period_id and day.on - last.on > A_WEEK:
            spell = None  # between two periods nobody was absent
        last = day
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
    """Each day of the started periods in the payment period, by the last statement that speaks of it.

    source: domain/law.md 2.7 (the statement speaks of the service's dates; one about its end, of every day after it too)
    """
    stated = by_the_day(view.rows("labour_policy_statement.issued", client=asked.client), view.on)
    stated.sort(key=lambda row: (row.occurred_on, row.sequence))
    periods = periods_from(by_the_day(view.rows(*PERIOD_FACTS, client=asked.client), view.on))
    days = days_from(view.rows(*DAY_FACTS, client=asked.client))
    ended = [day for row in view.rows("benefit_status.changed", client=asked.client) if (day := row.day("last_day_on"))]
    covered: set[date] = set()
    without = []
    for period in periods:
        of_period = [row for row in stated if row.part == period.period_id]
        missing = False
        for first_own, last_own in _own_days(period, days, ended, of_period):
            day = max(filter(None, (period.starts_on, asked.from_on, first_own)))
            last = min(filter(None, (period.last_on, asked.until_on, last_own)))
            while day <= last:
                met = next((met for row in reversed(of_period) if (met := _says(row, day)) is not None), False)
                covered |= {day} if met else set()
                missing, day = missing or not met, day + A_DAY
        if missing:
            without.append(period.period_id)
    return StatementInPlace(
        client=asked.client,
        in_place=bool(covered) and not without,
        in_place_on=_in_a_row(covered),
        statements=[each for each in map(_statement, stated) if asked.touches(each.service_from_on, each.service_until_on)],
        periods_without=without,
    )


def _says(row: Row, day: date) -> bool | None:
    """Whether the statement says that the conditions are met on the day, none where it does not speak of it."""
    first, last = row.day("service_from_on"), row.day("service_until_on")
    if first and last and first <= day <= last:
        return bool(row.body["conditions_met"])
    return False if row.body["labour_statement_kind"] == "end" and last and last < day else None


def _own_days(
    period: SeenPeriod, days: list[SeenDay], ended: list[date], stated: list[Row]
) -> list[tuple[date | None, date | None]]:
    """The stretches of the period that this payer is known to pay for, none where nothing says how far: a payer that took
    over is told no day from before; one whose time ends is told its last day, and where it began anew days after it, or a
    statement, which goes to the payer of its day (domain/disclosure.md 5.3, rule 10)."""
    told = [day.on for day in days if day.period_id == period.period_id]
    ends = sorted({day for day in ended if period.starts_on <= day <= period.last_on})
    stretches: list[tuple[date | None, date | None]] = []
    for before, end in zip([date.min, *ends], [*ends, None], strict=True):
        own = [day for day in told if before < day and (end is None or day <= end)]
        if stretches:
            issued = [row for row in stated if before < row.occurred_on and (end is None or row.occurred_on <= end)]
            own += [_speaks_from(row, before) for row in issued]
        if own or not stretches:
            stretches.append((min(own, default=None), end))
    return stretches


def _speaks_from(row: Row, before: date) -> date:
    """The first day of a statement that is the payer's own: its day, or the one from which it speaks where that is earlier
    and lies after the payer's time before."""
    first = row.day("service_from_on")
    return first if first and before < first < row.occurred_on else row.occurred_on


def _statement(row: Row) -> Statement:
    return Statement(
        labour_statement_kind=row.body["labour_statement_kind"],
        service_from_on=date.fromisoformat(row.body["service_from_on"]),
        service_until_on=date.fromisoformat(row.body["service_until_on"]),
        conditions_met=row.body["conditions_met"],
        issued_on=row.occurred_on,
    )


def _in_a_row(days: set[date]) -> list[CoveredDays]:
    found: list[CoveredDays] = []
    for day in sorted(days):
        if found and day - found[-1].until_on == A_DAY:
            found[-1] = CoveredDays(from_on=found[-1].from_on, until_on=day)
        else:
            found.append(CoveredDays(from_on=day, until_on=day))
    return found


def _days(view: View, asked: PaymentPeriod) -> list[SeenDay]:
    """The days of the payment period, as they stood on the day asked about: those that had come, and those not arranged that
    had been said to come. A range is looked for by its days, whenever it was stated."""
    return [
        day
        for day in days_from(view.rows(*DAY_FACTS, client=asked.client))
        if asked.touches(day.on, day.on)
        and (day.on <= view.on or day.row.occurred_on <= view.on)
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
            "KE5", "accounts",
            "Ovatko asiakkaan ja palveluntuottajan ilmoitukset yhtäpitävät, ja jos eivät, minkä päivien osalta?",
            "Stämmer klientens och serviceproducentens uppgifter överens, och om inte, för vilka dagar?",
            "Do the client's and the provider's accounts agree; if not, where?",
            PaymentPeriod, AccountsCompared, accounts_compared,
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
