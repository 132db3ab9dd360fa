"""Synthetic clients for demonstrations: invented people on a path like AS-1, each with dates, week and days of their own.

The same seed gives the same people and the same deeds. Identity codes have the numbers 900 to 999.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from random import Random
from typing import Any

from deploy.scenario.cast import Cast
from deploy.scenario.story import Action
from domain.holidays import is_public_holiday, is_working_day, working_days_after
from domain.identifiers import MOST_SYNTHETIC, synthetic_business_id, synthetic_identity_code
from domain.months import months_on
from domain.rulebook import COMMANDS
from domain.store import ClientRecord

FIRST_REFERRAL = date(2025, 1, 7)
REFERRALS_WITHIN_DAYS = 120
LAST_DAY = date(2025, 10, 10)
"""What would come later has not happened yet: some clients are in the middle of their path."""
BREAK = (date(2025, 7, 7), date(2025, 7, 27))
A_DAY = timedelta(days=1)

GIVEN_NAMES = (
    "Aino",
    "Eero",
    "Helmi",
    "Ilmari",
    "Kerttu",
    "Lauri",
    "Meri",
    "Niilo",
    "Pihla",
    "Roope",
    "Saga",
    "Toivo",
    "Venla",
)
SURNAMES = ("Halla", "Kaisla", "Lumi", "Pilvi", "Sammal", "Suvi", "Tuuli", "Usva")
YOUNG_FROM, YOUNG_DAYS = date(2004, 1, 1), 1_000
"""When those are born whom nobody has met: later than everybody of a demonstration."""
SURNAME_ENDS = ("harju", "järvi", "koski", "lahti", "niemi", "ranta", "salmi")
NEEDS = (
    "daily_life_and_life_management",
    "work_ability_and_functional_capacity_evaluation",
    "support_for_functional_capacity",
    "working_life_rules",
)
GOALS = ("A regular rhythm of days", "Trust in one's own skill", "Working with others again", "A step towards training")
SUPPORTS = ("A weekly talk with the own worker", "A pair to work with at the site", "Written instructions for each task")
SERVICES = ("financial_and_debt_counselling", "social_guidance", "job_coach_services", "adult_social_work")
EXITS = ("pay_subsidised_work", "education", "open_labour_market", "return_to_jobseeker")
ABSENCES = ("absent_own_sickness", "absent_own_sickness", "absent_own_sickness", "absent_child_sickness",
            "absent_job_interview", "absent_other")  # fmt: skip


def synthetic_clients(count: int, seed: int) -> dict[str, ClientRecord]:
    """So many invented people, by the names C1, C2 …"""
    found: dict[str, ClientRecord] = {}
    taken: set[str] = set()
    for number in range(1, count + 1):
        random = Random(f"{seed}/person/{number}")
        code = ""
        while not code or code in taken:
            born_on = date(1965, 1, 1) + timedelta(days=random.randrange(14_000))
            code = synthetic_identity_code(born_on, random.randrange(900, 1000))
        taken.add(code)
        found[f"C{number}"] = ClientRecord(
            given_names=f"{random.choice(GIVEN_NAMES)} {random.choice(GIVEN_NAMES)}",
            family_name=random.choice(SURNAMES) + random.choice(SURNAME_ENDS),
            identity_code=code,
            home_municipality="837",
            language=random.choice(("fi", "fi", "fi", "sv")),
            phone=f"04000{random.randrange(100_000):05d}",
        )
    return found


def fresh_identity_codes(count: int, seed: int) -> list[str]:
    """So many codes of the test range for people of one's own: of nobody in a demonstration, who are all older."""
    random, found = Random(f"{seed}/codes"), dict[str, None]()
    while len(found) < count:
        born_on = YOUNG_FROM + timedelta(days=random.randrange(YOUNG_DAYS))
        found[synthetic_identity_code(born_on, random.randrange(900, 1000))] = None
    return list(found)


def fresh_business_ids(count: int, seed: int, taken: Container[str]) -> list[str]:
    """So many business ids for organisations of one's own, none of those taken; all that there are where there are fewer."""
    free = list[str]()
    for number in range(1, MOST_SYNTHETIC + 1):
        with suppress(ValueError):  # one number in eleven has no check digit
            free.append(synthetic_business_id(number))
    free = [one for one in free if one not in taken]
    return Random(f"{seed}/organisations").sample(free, min(count, len(free)))


@dataclass
class Path:
    """One client's deeds, in the order of their days. `client` is the name in the cast; parts are named after it."""

    client: str
    cast: Cast
    random: Random
    deeds: list[Action] = field(default_factory=list)

    def all(self) -> list[Action]:
        """Everything that has happened by the last day."""
        random = self.random
        on = working_days_after(FIRST_REFERRAL - A_DAY, 1) + timedelta(days=random.randrange(REFERRALS_WITHIN_DAYS))
        on = on if is_working_day(on) else working_days_after(on, 1)
        agreed_on = self._until_the_plan(on)
        starts = agreed_on + timedelta(days=14 - agreed_on.weekday())
        starts = starts if starts.day <= 28 else starts + timedelta(days=7)
        ends = months_on(starts, random.randint(3, 5)) - A_DAY
        week = {day: random.choice((4, 5, 6)) for day in sorted(random.sample(range(1, 6), random.randint(2, 3)))}
        self._plan_and_place(agreed_on, starts, ends, week)
        self._days(starts, ends, week)
        self._beside(starts, ends)
        self._end(ends)
        return sorted((deed for deed in self.deeds if deed.on <= LAST_DAY), key=lambda deed: deed.moment)

    # --- before the period ---

    def _until_the_plan(self, on: date) -> date:
        random, worker = self.random, self._own("own_worker")
        referral = {
            "source": "employment_authority",
            "legal_basis": "LB-189-PLAN",
            "identity_named": ["family_name", "given_names", "identity_code"],
        }
        self._do(on, "employment-authority-referrer", "submit_referral", referral, {"referral_id": "referral"}, coded=True)
        self._do(on, "N-01", "receive_referral", {"referral_id": self._name("referral"), "received_via": "electronic"})
        on = working_days_after(on, random.randint(1, 5))
        self._do(on, "N-01", "accept_referral", {"referral_id": self._name("referral")})
        on = working_days_after(on, random.randint(1, 5))
        assessed = {"owner": "adult_social_work", "client_attended": True}
        self._do(on, "W-21", "start_assessment", assessed, {"assessment_id": "assessment"})
        on = working_days_after(on, random.randint(2, 10))
        needs = sorted(random.sample(NEEDS, random.randint(1, 3)))
        result = {"result": "need", "needs": needs, "client_attended": True, "special_support_need": False}
        self._do(on, "W-21", "complete_assessment", {"assessment_id": self._name("assessment"), **result})
        registered = {"profession": "bachelor_of_social_services", "registration_number": f"R-10{worker[-2:]}"}
        dates = {"registration_from_on": "2018-06-01", "registration_checked_on": on.isoformat()}
        self._do(on, "T-01", "assign_own_worker",
                 {"worker_id": worker, "effective_on": on.isoformat(), **registered, **dates})  # fmt: skip
        benefit = random.choice(("labour_market_subsidy", "labour_market_subsidy", "earnings_related_allowance"))
        payer = self.cast.organisations["the fund" if benefit == "earnings_related_allowance" else "Kela"]
        self._do(on, "employment-authority", "change_benefit_status",
                 {"benefit": benefit, "payer_org_id": payer, "from_on": "2024-01-08"})  # fmt: skip
        on = working_days_after(on, random.randint(1, 4))
        drafted = {"plan_kind": "activation_plan", "initiator": "employment_side",
                   "parties": ["client", "employment_side", "organiser"], "eligibility_keys": ["EL-O25-LMS500"]}  # fmt: skip
        self._do(on, "employment-authority", "start_plan", drafted, {"plan_id": "plan"})
        return working_days_after(on, random.randint(2, 6))

    def _plan_and_place(self, on: date, starts: date, ends: date, week: Mapping[int, int]) -> None:
        worker, provider = self._own("own_worker"), self._provider()
        schedule = [{"weekday": day, "hours": hours, "start_time": "09:00"} for day, hours in week.items()]
        dates = {"kuty_from_on": starts.isoformat(), "kuty_until_on": ends.isoformat()}
        texts = {"goal": self.random.choice(GOALS), "support": self.random.choice(SUPPORTS)}
        plan, version = self._name("plan"), {"plan_id": self._name("plan"), "plan_version": 1}
        self._do(on, worker, "draft_plan", {"plan_id": plan, "includes_kuty": True, **dates, **texts, "schedule": schedule})
        self._do(on, worker, "accept_plan", {**version, "party_kind": "client"})
        self._do(on, "employment-authority", "accept_plan", version)
        self._do(on, worker, "accept_plan", version)
        on = working_days_after(on, 1)
        granted = {"outcome": "granted", "granted_from_on": starts.isoformat(), "granted_until_on": ends.isoformat()}
        most = {"max_days_per_week": len(week), "max_hours_per_day": max(week.values())}
        self._do(on, "W-21", "issue_decision", {**granted, **most, "appeal_instructions": True})
        given = self.cast.given.providers[provider]
        place = {"provider_org_id": given.id, "contract_id": given.contract.id, "site_id": next(iter(given.sites)),
                 "provision_role": "activity", "placement_form": "group_activity",
                 "from_on": starts.isoformat(), "until_on": ends.isoformat()}  # fmt: skip
        self._do(on, worker, "propose_placement", place, {"placement_id": "placement"})
        on = working_days_after(on, 1)
        placement = {"placement_id": self._name("placement")}
        self._do(on, given.recipient, "accept_placement", placement)
        named = {"instructor_id": self._own("instructor"), "instructor_role": "own_instructor"}
        self._do(on, given.recipient, "name_instructor", {**placement, **named})
        period = {"starts_on": starts.isoformat(), "planned_end_on": ends.isoformat(), "schedule": schedule}
        self._do(on, worker, "plan_period", period, {"period_id": "period"})
        self._do(starts, worker, "start_period", self._period(), {"notification_id": "start notice"})
        if self.random.random() < 0.9:  # the clerk sends what nobody has sent
            self._do(starts, worker, "send_notification", {"notification_id": self._name("start notice")})
        statement = {"labour_statement_kind": "start", "service_from_on": starts.isoformat(),
                     "service_until_on": ends.isoformat(), "conditions_met": True}  # fmt: skip
        self._do(working_days_after(starts, 1), "employment-authority", "issue_labour_policy_statement",
                 {**self._period(), **statement})  # fmt: skip

    # --- during the period ---

    def _days(self, starts: date, ends: date, week: Mapping[int, int]) -> None:
        system = self.cast.given.providers[self._provider()].recipient
        present: list[date] = []
        if starts <= BREAK[0] and BREAK[1] <= ends:
            closed = {"from_on": BREAK[0].isoformat(), "until_on": BREAK[1].isoformat(), "not_arranged_reason": "break"}
            self._do(BREAK[0], system, "record_not_arranged", {**self._period(), **closed})
        for on in self._scheduled(starts, ends, week):
            if is_public_holiday(on):
                closed = {"from_on": on.isoformat(), "not_arranged_reason": "public_holiday"}
                self._do(on, system, "record_not_arranged", {**self._period(), **closed})
            elif self.random.random() < 0.06:
                self._absence(on, system)
            else:
                self._record(on, system, "present", week[on.isoweekday()])
                present.append(on)
        if present and self.random.random() < 0.25:
            self._correct(self.random.choice(present), system)

    def _scheduled(self, starts: date, ends: date, week: Mapping[int, int]) -> Iterator[date]:
        in_break = starts <= BREAK[0] and BREAK[1] <= ends
        for on in (starts + timedelta(days=n) for n in range((ends - starts).days + 1)):
            if on.isoweekday() in week and not (in_break and BREAK[0] <= on <= BREAK[1]):
                yield on

    def _record(self, on: date, system: str, status: str, hours: int | None = None) -> None:
        said = {"day_status": status, "occurred_on": on.isoformat()} | ({"hours": hours} if hours else {})
        self._do(on, system, "record_attendance", {**self._period(), **said}, {"fact": f"day {on}"}, at=time(15))

    def _absence(self, on: date, system: str) -> None:
        self._record(on, system, self.random.choice(ABSENCES))
        self._report(working_days_after(on, self.random.randint(1, 6)), on, system)

    def _report(self, on: date, absent_on: date, system: str) -> None:
        dates = {"from_on": absent_on.isoformat(), "until_on": absent_on.isoformat()}
        self._do(on, system, "send_absence_report", {**self._period(), **dates}, at=time(16))

    def _correct(self, day: date, system: str) -> None:
        """The day was ticked by mistake; the provider says so some days later."""
        on = working_days_after(day, self.random.randint(1, 8))
        new = {"day_status": "absent_own_sickness", "hours": None}
        said = {"target_event_id": self._name(f"day {day}"), "correction_reason": "wrong_entry", "new_values": new}
        self._do(on, system, "correct_fact", said, at=time(16))
        self._report(on, day, system)

    def _beside(self, starts: date, ends: date) -> None:
        worker, random = self._own("own_worker"), self.random
        if random.random() < 0.5:
            begun = working_days_after(starts, random.randint(1, 30))
            service = {"service": random.choice(SERVICES), "told_by": "client"}
            self._do(begun, worker, "start_parallel_service", service, {"parallel_service_id": "service"})
            stopped = working_days_after(begun, random.randint(10, 50))
            if stopped < ends:
                self._do(stopped, worker, "stop_parallel_service", {"parallel_service_id": self._name("service")})
        held = working_days_after(starts, random.randint(30, 50))
        while held < ends:
            said = {"followup_kind": "regular_follow_up", "parties_present": ["client", "instructor", "organiser"]}
            self._do(held, worker, "hold_follow_up", {**self._period(), **said})
            held = working_days_after(held, random.randint(40, 60))

    def _end(self, ends: date) -> None:
        worker, kind = self._own("own_worker"), self.random.choice(EXITS)
        on = ends if is_working_day(ends) else working_days_after(ends, 1)
        self._do(on, worker, "complete_period", self._period(), at=time(16))
        self._do(
            on, worker, "record_exit", {**self._period(), "exit_kind": kind}, {"notification_id": "end notice"}, at=time(16)
        )
        self._do(on, worker, "send_notification", {"notification_id": self._name("end notice")}, at=time(16))
        self._do(working_days_after(on, self.random.randint(1, 5)), worker, "close_case", {"closing_code": "exit"})

    # --- words ---

    def _do(
        self, on: date, who: str, command: str, fields: Mapping[str, Any], names: Mapping[str, str] | None = None,
        *, at: time = time(9), coded: bool = False,
    ) -> None:  # fmt: skip
        system = who if who in self.cast.recipients else ""
        own = {part: self._name(name) for part, name in (names or {}).items()}
        self.deeds.append(
            Action(
                line=0,
                row="",
                on=on,
                at=at,
                kind=COMMANDS[command],
                person=None if system else self.cast.person(who),
                recipient=system,
                client=self.client,
                by_identity_code=coded,
                fields=fields,
                names=own,
            )
        )

    def _name(self, part: str) -> str:
        return f"{self.client} {part}"

    def _period(self) -> dict[str, str]:
        return {"period_id": self._name("period")}

    def _provider(self) -> str:
        names = list(self.cast.given.providers)
        return names[int(self.client[1:]) % len(names)]

    def _own(self, role: str) -> str:
        """The client's own worker, or the instructor at the client's site."""
        works_for = self._provider() if role == "instructor" else "county"
        names = [name for name, one in self.cast.given.staff.items() if (one.role, one.works_for) == (role, works_for)]
        return names[int(self.client[1:]) // 3 % len(names)]


def deeds_of(client: str, cast: Cast, seed: int) -> list[Action]:
    """One client's deeds."""
    return Path(client, cast, Random(f"{seed}/path/{client}")).all()
