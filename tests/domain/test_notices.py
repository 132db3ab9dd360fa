"""Whom the law wants told, and that they were."""

from __future__ import annotations

from datetime import date

from given import given
from stories import AUTHORITY, FIRST, KELA, OPERATOR, OWN_WORKER, as_1, last, notice

from domain.chapters.notices.decisions import SendNotification
from domain.events import NotificationSent

DAY_AFTER = date(2025, 3, 4)


def test_the_own_worker_tells_the_authority() -> None:
    outcome = given(as_1("12 started")).when(notice, by=OWN_WORKER, on=FIRST)
    outcome.then(NotificationSent, notification_kind="start", recipient_org_id=AUTHORITY)
    assert outcome.drafts[0].event.period_id == last(as_1("12").pathway.periods)  # type: ignore[attr-defined]


def test_after_the_due_day_the_clock_sends_what_nobody_sent() -> None:
    given(as_1("12 started")).when(notice, by=OPERATOR, on=DAY_AFTER).then(NotificationSent)


def test_a_notice_goes_out_once() -> None:
    given(as_1("12")).when(notice, by=OPERATOR, on=DAY_AFTER).then_refused("E_NO_CHANGE", at="/notification_id")


def test_a_notice_goes_to_the_employment_authority_of_the_day_alone() -> None:
    to_kela = lambda p: SendNotification(notification_id=last(p.notices), recipient_org_id=KELA)  # noqa: E731
    given(as_1("12 started")).when(to_kela, by=OWN_WORKER, on=FIRST).then_refused("E_RECIPIENT", at="/recipient_org_id")


def test_an_unknown_notice_is_not_sent_and_none_is_sent_tomorrow() -> None:
    unknown = SendNotification(notification_id="d" * 32)
    given(as_1("12 started")).when(unknown, by=OWN_WORKER, on=FIRST).then_refused("E_UNKNOWN_REFERENCE")
    ahead = lambda p: SendNotification(notification_id=last(p.notices), occurred_on=DAY_AFTER)  # noqa: E731
    given(as_1("12 started")).when(ahead, by=OWN_WORKER, on=FIRST).then_refused("E_FUTURE")
