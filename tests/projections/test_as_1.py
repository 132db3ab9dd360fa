"""AS-1 through a real store, the follower and the read models: what every recipient's questions give, and how the auditor
finds it again in the feed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from disclosure.ledger import Ledger, follow, ledger_in, opened
from publications_given import reads

from consumers.lines import Line
from consumers.wire import out_topic, publication_entry
from domain.rules import RuleSet
from projections.comparison import differences
from projections.kinds import kinds
from projections.questions import ask
from projections.read_models_sqlite import SqliteModels


class History:
    """The whole history with every recipient's model."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger = ledger
        self.follower = ledger.follower()
        self.client = opened(ledger).history(then=lambda: follow(self.follower))
        self.models = SqliteModels(folder, "test")
        self._offsets: dict[str, int] = {}
        self._lines: dict[str, Line] = {}
        for name in ("county", "authority", "authority-referrer", "kela-payment", "provider-s01"):
            self.project(name)

    def project(self, name: str, epoch: int | None = None) -> None:
        told = self.ledger.told(name, epoch)
        line = self._lines.get(name)
        if line is None:
            kind = kinds().of(self.ledger.store.directory.recipients[name])
            line = self._lines[name] = Line(name, out_topic("test", name), self.models.of(name), kind.facts)
            line.load("one", 0)
        records = reads((publication_entry(p) for p in told), self._offsets.get(name, 0))
        line.take(records)
        self._offsets[name] = self._offsets.get(name, 0) + len(records)
        assert line.halted == ""

    def name(self, recipient: str) -> str:
        return self.follower.pseudonyms(recipient).of(self.client)

    def asked(self, recipient: str, question_id: str, today: str = "2025-09-05", **asked: Any) -> Any:
        kind = kinds().of(self.ledger.store.directory.recipients[recipient])
        question = kind.question(question_id)
        if "client" in question.parameters.model_fields:
            asked = {"client": self.name(recipient), **asked}
        parameters = question.parameters.model_validate(asked)
        model = self.models.of(recipient)
        return ask(question, model, parameters, today=date.fromisoformat(today), rules=RuleSet.current()).answer


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    with ledger_in(tmp_path_factory.mktemp("ledger")) as ledger:
        made = History(ledger, tmp_path_factory.mktemp("models"))
        yield made
        made.models.close()


def test_the_payer_finds_its_sixty_five_days(history: History) -> None:
    found = history.asked("kela-payment", "KE2")
    assert (found.days, found.amount_eur) == (65, Decimal("585.00"))
    assert [month.days for month in found.months] == [11, 12, 10, 13, 5, 12, 2]
    absent = history.asked("kela-payment", "KE3")
    assert [day.day_status.code for day in absent.days] == [
        "absent_own_sickness", "absent_own_sickness", "absent_job_interview",
    ]  # fmt: skip
    assert (absent.benefit_losing_days, any(day.certificate_needed for day in absent.days)) == (0, False)
    assert history.asked("kela-payment", "KE4").days == 12
    service = history.asked("kela-payment", "KE1").periods[0]
    assert (service.starts_on, service.ended_on) == (date(2025, 3, 3), date(2025, 9, 2))
    assert history.asked("kela-payment", "KE7").in_place
    assert history.asked("kela-payment", "KE6", since="2025-09-04").days == []


def test_the_own_worker_finds_eighty_days_and_the_end_of_retention(history: History) -> None:
    found = history.asked("county", "CW3")
    counts = {count.day_status.code: count.days for count in found.total.by_status}
    assert found.total.scheduled == 80
    assert counts == {"present": 65, "absent_own_sickness": 2, "absent_job_interview": 1, "not_arranged": 12}
    case = history.asked("county", "CW1")
    assert (case.state, case.retention_due_on, case.obligations) == ("closed", date(2035, 9, 5), [])
    assert case.own_worker_id == "W-01"
    assert history.asked("county", "CW1", on="2025-03-04").state == "active"


def test_the_own_worker_finds_the_plan_with_its_three_acceptances(history: History) -> None:
    found = history.asked("county", "CW2")
    assert (found.plan_version, found.plan_kind.code, len(found.accepted)) == (1, "activation_plan", 3)
    assert found.content["goal"]
    services = history.asked("county", "CW6").services
    assert [(s.service.code, s.until_on, s.runs) for s in services] == [
        ("financial_and_debt_counselling", date(2025, 6, 30), False),
    ]  # fmt: skip


def test_the_provider_knows_who_comes_and_what_the_goal_is(history: History) -> None:
    found = history.asked("provider-s01", "PI1", "2025-03-04")
    assert len(found.today) == 1
    assert [len(day.expected) for day in found.week] == [1, 1, 0, 1, 0, 0, 0]
    assert found.today[0].client_name
    assert history.asked("provider-s01", "PI3", "2025-03-12").days == 0
    assert history.asked("provider-s01", "PI4", "2025-09-02").absences == []
    goal = history.asked("provider-s01", "PI6", "2025-06-03")
    assert goal.goal
    assert goal.last_followup_on == date(2025, 6, 2)


def test_the_provider_has_to_report_an_absence_as_long_as_it_is_not_done(history: History) -> None:
    found = history.asked("provider-s01", "PI4", "2025-03-20")
    assert [(a.absent_on.isoformat(), a.due_on.isoformat()) for a in found.absences] == [
        ("2025-03-18", "2025-04-01"), ("2025-03-20", "2025-04-03"),
    ]  # fmt: skip


def test_the_employment_authority_finds_customer_notices_and_referral(history: History) -> None:
    found = history.asked("authority", "EA1", "2025-05-01").customers
    assert [(c.since_on, c.until_on, c.days_per_week) for c in found] == [(date(2025, 3, 3), date(2025, 9, 2), 3)]
    assert found[0].own_worker_name
    notices = history.asked("authority", "EA6").notices
    assert [(n.notification_kind.code, n.sent_on.isoformat()) for n in notices] == [
        ("end", "2025-09-02"), ("start", "2025-03-03"),
    ]  # fmt: skip
    referral = history.asked("authority-referrer", "EA2").referrals[0]
    assert (referral.state, referral.sent_on, referral.answered_on) == ("accepted", date(2025, 1, 20), date(2025, 1, 22))


@pytest.mark.parametrize("recipient", ["county", "authority", "kela-payment", "provider-s01"])
def test_a_redelivery_rebuilds_an_equal_model_beside_the_live_one(history: History, recipient: str) -> None:
    history.follower.redeliver(recipient)
    history.project(recipient)
    model = history.models.of(recipient)
    assert model.feed().live_epoch == 2
    assert differences(model, 1, 2) == []


def test_what_was_known_on_a_day_of_the_history_is_still_answered(history: History) -> None:
    found = history.asked("kela-payment", "KE2", known_at="2025-03-31T20:00:00+03:00")
    assert found.days == 11
