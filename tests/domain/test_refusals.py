"""Every refusal has a code, a sentence and a way out, in three languages."""

from __future__ import annotations

import re

import pytest

from deploy.describe.origins import refused_by
from domain.receipts import Receipt, stated_code
from domain.refusals import Reason, Refusals, Refused, UnknownRefusal, refusal, refusal_text, refusals, refuse, what_to_do
from projections.kinds import kinds

NAMED_IN_THE_ROWS = [
    "E_SOURCE_CLOSED",
    "E_NOTE_REQUIRED",
    "E_NO_LEGAL_BASIS",
    "E_HEALTH_CONTENT",
    "IDEMPOTENT",
    "E_SUBJECT_UNRESOLVED",
    "E_REFERRAL_ENDED",
    "E_OPEN_CASE_EXISTS",
    "E_NOT_RESPONSIBLE",
    "E_REASON_REQUIRED",
    "E_TOO_LATE",
    "E_NOT_PROFESSIONAL",
    "E_SOCIAL_WORKER_REQUIRED",
    "E_OVERLAP",
    "E_GAP",
    "E_NO_CHANGE",
    "E_OWNER_CLOSED",
    "E_NEED_REQUIRED",
    "E_PLAN_KIND_NOT_VALID",
    "E_ELIGIBILITY_KEY_REQUIRED",
    "E_GOAL_SUPPORT_REQUIRED",
    "E_FIELD_NOT_ALLOWED",
    "E_CONSENT_REQUIRED",
    "E_PARTY_MISSING",
    "E_STALE_VERSION",
    "E_CASE_CLOSED",
    "E_HEARING_REQUIRED",
    "E_NOT_ENTITLED",
    "E_NO_CONTRACT",
    "E_COMPANY_ACTIVITY",
    "E_PROVIDER_KIND",
    "E_AREA_CONSENT",
    "E_CAPACITY",
    "E_ORDER",
    "E_STATE",
    "E_PERIOD_LENGTH",
    "E_DAY_HOURS",
    "E_WEEK_DAYS",
    "E_WEEK_HOURS",
    "E_NO_PLAN",
    "W_NO_DUTY",
    "E_OPEN_PERIOD",
    "E_NO_OWN_WORKER",
    "E_NO_PLACEMENT",
    "E_NO_DECISION",
    "E_REVIEW_REQUIRED",
    "E_OUTSIDE_PERIOD",
    "E_FUTURE",
    "W_SHORT_DAY",
    "E_CONFLICT",
    "E_PAYER_UNKNOWN",
    "E_AFTER_END",
    "W_GAP",
    "E_CODE",
    "E_EARLY_END",
    "W_NO_DECISION",
    "E_DUPLICATE_EXIT",
    "E_BENEFIT_CODE",
    "E_NOT_ACCEPTED",
    "E_RECIPIENT",
    "E_TARGET",
    "E_NOT_CORRECTABLE",
    "E_SECOND_PERSON",
    "E_NOT_DUE",
    "E_LEGAL_HOLD",
    "E_CONSENT_SCOPE",
    "E_NOT_PRESENT",
    "E_ORG_ID",
    "W_OPEN_PLACEMENTS",
    "W_LONG_DAY",
    "W_NOT_SCHEDULED",
    "E_NOT_SCHEDULED",
    "W_OPEN_NOTICE",
    "E_IDENTITY_CODE",
    "E_TASK",
]

NAMED_BY_THE_WIRE = [
    "E_STALE_IF_MATCH",
    "E_KEY_REUSED",
    "E_HOST",
    "E_JSON_SYNTAX",
    "E_JSON_NOT_OBJECT",
    "E_JSON_DUPLICATE_KEY",
    "E_JSON_NUL",
    "E_JSON_CHARACTER",
    "E_JSON_DEPTH",
    "E_JSON_NUMBER",
    "E_UTF8",
    "E_TOO_LARGE",
    "E_TOO_MANY_WAITING",
    "E_TOO_MANY_READERS",
    "E_TOO_MANY_REDELIVERIES",
    "E_WITHDRAWN",
    "E_CONTENT_TYPE",
    "E_CONTENT_ENCODING",
    "E_BATCH",
    "E_FIELD_MISSING",
    "E_FIELD_TYPE",
    "E_DATE_RANGE",
    "E_CODE_NOT_VALID_ON_DATE",
    "E_UNKNOWN_COMMAND",
    "E_UNKNOWN_REFERENCE",
    "E_UNAUTHENTICATED",
    "E_NOT_FOUND",
    "E_LIVE_LEDGER",
    "E_IDEMPOTENCY_KEY_MISSING",
    "E_CLOCK_BACKWARDS",
    "E_CLOCK_LIVE",
    "E_NOT_AT_HEAD",
    "E_WAITING_EXPIRED",
    "E_UNAVAILABLE",
    "E_ENVELOPE",
    "E_QUERY",
    "E_PARAMETER",
    "E_NO_SUCH_PLACE",
    "E_ERASED",
    "E_METHOD_NOT_ALLOWED",
    "E_INTERNAL",
]

RECORDED_BY_OLDER_VERSIONS = ["W_OPEN_PERIOD"]
"""Given no more, but kept with facts that were recorded before."""


def test_the_catalogue_is_exactly_what_the_rows_and_the_wire_name() -> None:
    assert set(refusals()) == {*NAMED_IN_THE_ROWS, *NAMED_BY_THE_WIRE, *RECORDED_BY_OLDER_VERSIONS}


@pytest.mark.parametrize("code", list(refusals()))
def test_every_code_says_what_is_wrong_and_what_to_do_in_three_languages(code: str) -> None:
    entry = refusal(code)
    assert entry.who_mends in {"retry", "mend", "human"}
    sentences = [*entry.texts.values(), *entry.what_to_do.values()]
    assert len(sentences) == 6
    assert all(sentence.endswith((".", "}.")) and len(sentence) > 10 for sentence in sentences)
    assert len(set(entry.texts.values())) == 3


OF_A_PERSON = re.compile("sign in|log in|ask the client|kirjaudu|asiakkaalta|logga in|(be|med) klienten", re.IGNORECASE)
"""What a person does and no system."""
SENT = {name for kind in kinds() for name in kind.sends} | {"record_attendance"}
TO_SYSTEMS = [code for code in refusals() if not refused_by()[code] or SENT & {*refused_by()[code]}]
"""Codes that a receipt may hold: those of commands that systems send, and of the wire."""


@pytest.mark.parametrize("code", TO_SYSTEMS)
def test_a_system_is_not_told_what_a_person_does(code: str) -> None:
    assert not [text for text in refusal(code).for_system.values() if OF_A_PERSON.search(text)]


@pytest.mark.parametrize(
    "code",
    ["E_FIELD_MISSING", "E_FIELD_TYPE", "E_FIELD_NOT_ALLOWED", "E_CODE", "E_UNKNOWN_REFERENCE", "E_HEALTH_CONTENT",
     "E_IDENTITY_CODE", "E_STATE", "E_ORDER", "E_TARGET", "E_INTERNAL"],
)  # fmt: skip
def test_a_system_is_told_that_what_it_mended_needs_a_new_id(code: str) -> None:
    # the first answer is kept for ever (design D13): the same id would be answered the same again
    assert all("ce_id" in text for text in refusal(code).for_system.values())
    receipt = Receipt("m-1", "record_attendance.v1", "refused", 1, codes=(Reason(code, "/x"),)).content()
    assert receipt["codes"][0]["what_to_do"] == refusal(code).for_system
    assert stated_code(code)["what_to_do"] == refusal(code).what_to_do


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("E_STATE", 409),
        ("E_FIELD_NOT_ALLOWED", 422),
        ("E_KEY_REUSED", 422),
        ("E_STALE_IF_MATCH", 412),
        ("E_JSON_SYNTAX", 400),
        ("E_TOO_LARGE", 413),
        ("E_NOT_FOUND", 404),
        ("E_UNAUTHENTICATED", 401),
        ("E_UNAVAILABLE", 503),
    ],
)
def test_the_http_status_follows_from_the_code(code: str, status: int) -> None:
    assert refuse(code).status == status


def test_codes_are_collected_in_order_and_raised_once() -> None:
    no = Refusals()
    assert no.when(True, "E_NO_LEGAL_BASIS", "/legal_basis") is True
    assert no.when(False, "E_SOURCE_CLOSED", "/source") is False
    no.when(True, "E_HEALTH_CONTENT", "/source_note")
    no.when(True, "E_HEALTH_CONTENT", "/source_note")
    with pytest.raises(Refused) as refused:
        no.stop()
    assert refused.value.codes == (
        Reason("E_NO_LEGAL_BASIS", "/legal_basis"),
        Reason("E_HEALTH_CONTENT", "/source_note"),
    )


def test_nothing_wrong_refuses_nothing() -> None:
    no = Refusals()
    no.when(False, "E_STATE")
    assert not no
    no.stop()


def test_a_code_that_only_warns_is_kept_for_the_event() -> None:
    no = Refusals()
    no.when(True, "E_CAPACITY", "/site_id")
    no.when(True, "W_SHORT_DAY", "/hours")
    no.stop()
    assert no.warnings == ("E_CAPACITY", "W_SHORT_DAY")


def test_a_code_that_nobody_wrote_down_is_an_error_at_once() -> None:
    with pytest.raises(UnknownRefusal):
        Refusals().when(False, "E_TYPO")
    with pytest.raises(UnknownRefusal):
        Reason("E_TYPO")
    with pytest.raises(ValueError, match="at least one"):
        Refused()


def test_a_language_that_we_do_not_speak_gets_english() -> None:
    assert refusal_text("E_WEEK_DAYS", "de") == refusal_text("E_WEEK_DAYS", "en")
    assert "viikko" in refusal_text("E_WEEK_DAYS", "fi").lower()
    assert "måndag" in what_to_do("E_WEEK_DAYS", "sv")
