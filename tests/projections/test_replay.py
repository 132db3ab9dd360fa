"""Replay of the full feed: the timeline, what was known and told when, and the audit that names what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from disclosure.ledger import Ledger, follow, ledger_in, opened
from forging import rechained, rewritten

from domain import rulebook
from domain.chapters.periods import decisions as periods
from domain.commands import CommandKind
from domain.context import Context, Draft
from domain.disclosure.policy import Cell, policy
from domain.events import Erased, Event
from domain.pathway import Pathway
from domain.record import Damaged, Record, read_record
from projections import audit
from projections.audit import rerun_decisions, verify_chains
from projections.disclosure_audit import rerun_disclosures
from projections.kinds import kinds
from projections.tellings import told_about, told_by
from projections.timeline import by_occurrence, history, pathway_as_known


class Feed:
    """The whole feed of AS-1 as the events topic has it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.client = opened(ledger).history()
        follower = ledger.follower()
        follow(follower)
        follower.redeliver("kela-payment")
        stored = ledger.store.records(0, 10_000)
        self.records = [read_record(record.state, record.position, record.epoch) for record in stored]
        self.open = ledger.store.opened
        self.decision = ledger.store.decision


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Feed]:
    with ledger_in(tmp_path_factory.mktemp("ledger")) as ledger:
        yield Feed(ledger)


def test_a_history_has_every_fact_in_recorded_order(feed: Feed) -> None:
    lines = history(feed.records, feed.open, feed.client)
    assert len(lines) == 107
    assert [line.position for line in lines] == sorted(line.position for line in lines)
    assert lines[1].label.en == "Referral submitted"
    assert lines[1].label.fi == "Lähete lähetetty"
    assert all(line.label.sv != line.name for line in lines)
    assert lines[1].fields["source"] == "employment_authority"


def test_the_same_history_in_order_of_occurrence(feed: Feed) -> None:
    lines = by_occurrence(history(feed.records, feed.open, feed.client))
    assert [line.day for line in lines] == sorted(line.day for line in lines)


def test_the_case_is_known_as_it_was_at_a_time_and_on_a_day(feed: Feed) -> None:
    at = datetime(2025, 2, 28, 20, 0, tzinfo=UTC)
    known = pathway_as_known(feed.records, feed.open, feed.client, known_at=at)
    (case_id,) = known.cases
    assert known.case_state(case_id, date(2025, 2, 28)) == "placing"
    now = pathway_as_known(feed.records, feed.open, feed.client)
    assert now.case_state(case_id, date(2025, 2, 28)) == "placing"
    assert now.on(date(2025, 2, 6)).case_state(case_id, date(2025, 2, 6)) == "planning"
    position = next(r.position for r in feed.records if r.header.name == "plan.agreed")
    before = pathway_as_known(feed.records, feed.open, feed.client, position=position - 1)
    assert before.agreed_plans(case_id) == []


def test_the_worker_sees_what_each_agency_has_been_told_and_on_what_ground(feed: Feed) -> None:
    told = [t for t in told_about(feed.records, feed.open, feed.client) if not t.repeated]
    assert Counter(t.recipient for t in told) == {
        "county": 107, "authority": 23, "authority-referrer": 2, "kela-payment": 77, "provider-s01": 86,
    }  # fmt: skip
    day = next(t for t in told if t.recipient == "kela-payment" and t.fact_name == "attendance.recorded")
    assert (day.legal_basis.code, day.cell, day.fields) == (
        "LB-UI-ATT",
        "R:day",
        ("account", "case_id", "day_status", "period_id", "placement_id"),
    )
    assert day.told_at.date() >= day.occurred_on
    repeated = [t for t in told_about(feed.records, feed.open, feed.client) if t.repeated]
    assert {(t.recipient, t.epoch) for t in repeated} == {("kela-payment", 2)}
    assert len(repeated) == 77


def test_what_a_recipient_had_been_told_by_a_date(feed: Feed) -> None:
    by = datetime(2030, 1, 1, tzinfo=UTC)
    everything = told_by(feed.records, feed.open, "kela-payment", by, client=feed.client)
    assert (everything.time_used, len(everything.tellings)) == ("disclosed", 77)
    early = min(t.told_at for t in everything.tellings)
    assert told_by(feed.records, feed.open, "kela-payment", early.replace(year=2024)).tellings == ()


def test_a_live_ledger_counts_from_the_brokers_acknowledgement(feed: Feed) -> None:
    first = datetime(2025, 10, 1, tzinfo=UTC)

    def acknowledged(recipient: str, epoch: int, sequence: int) -> datetime | None:
        return first if (epoch, sequence) < (1, 11) else None

    found = told_by(feed.records, feed.open, "kela-payment", first, acknowledged=acknowledged)
    assert (found.time_used, len(found.tellings)) == ("acknowledged", 10)


def test_every_chain_closes(feed: Feed) -> None:
    assert verify_chains(feed.records, feed.open) == []


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda rs: [*rs[:50], *rs[51:]], "position 52 follows 50"),
        (lambda rs: [*rs[:50], replace(rs[50], sections={**rs[50].sections, "A": b"x"}), *rs[51:]], "section A is not"),
        (lambda rs: [*rs[:50], forged(rs[50]), *rs[51:]], "previous hash"),
    ],
)
def test_a_damaged_feed_names_the_position(feed: Feed, damage: object, what: str) -> None:
    faults = verify_chains(damage(feed.records))  # type: ignore[operator]
    assert faults
    assert any(what in fault.what and fault.position >= 51 for fault in faults)


def forged(record: Record) -> Record:
    return rewritten(record, actor_person="somebody-else")


def test_a_rewritten_stream_does_not_fit_what_was_told_of_it(feed: Feed) -> None:
    place = next(n for n, r in enumerate(feed.records) if r.header.name == "decision.issued")
    tampered = [*feed.records[:place], forged(feed.records[place]), *feed.records[place + 1 :]]
    faults = verify_chains(rechained(tampered), feed.open)
    assert {fault.what for fault in faults} >= {"the fact that was told is another one than it was then"}
    # and neither what was rewritten opens, nor anything behind it in its stream: each is sealed behind the one before it
    client = feed.records[place].header.stream
    behind = [r.position for r in feed.records[place:] if r.header.stream == client]
    elsewhere = [fault for fault in faults if not fault.stream.startswith("recipient/")]
    assert [fault.position for fault in elsewhere] == behind
    assert all("was not sealed so" in fault.what for fault in elsewhere)


@pytest.mark.parametrize(
    ("told", "fields"),
    [
        (True, {"policy_version": "1"}),
        (True, {"purpose": "statistics"}),
        (True, {"ruleset_version": "1999-01"}),
        (True, {"causation": None}),
        (False, {"content_hash": "ab" * 32}),
        (False, {"message_hash": "ab" * 32}),
        (False, {"flags": ("late",)}),
    ],
)
def test_no_field_of_the_last_header_of_a_stream_can_be_rewritten(feed: Feed, told: bool, fields: dict[str, object]) -> None:
    """The last of its stream: no hash of another one is of it."""
    last = next(r for r in feed.records[::-1] if r.header.stream.startswith("recipient/" if told else feed.client))
    tampered = [rewritten(r, **fields) if r is last else r for r in feed.records]
    assert any("was not sealed so" in fault.what for fault in verify_chains(tampered, feed.open))


def test_a_stream_taken_out_leaves_holes(feed: Feed) -> None:
    rest = rechained([record for record in feed.records if record.header.stream != feed.client])
    found = {fault.what for fault in verify_chains(rest, feed.open)}
    assert "the fact that was told is not in the feed before it" in found
    # With all that was told of it gone as well, the senders' answers have holes; that needs no key to see.
    gone = [r for r in feed.records if r.header.stream != feed.client and not r.header.stream.startswith("recipient/")]
    assert any(fault.what.startswith("answer ") for fault in verify_chains(rechained(gone)))
    cut = rechained([r for r in feed.records if r.header.answer_number != 3])
    assert any("answer 4" in fault.what and "follows 2" in fault.what for fault in verify_chains(cut))


def test_a_command_is_answered_once(feed: Feed) -> None:
    first = next(r for r in feed.records if r.header.answer_number == 1)
    faults = verify_chains(rechained([*feed.records, first]))
    assert any("is answered twice" in fault.what for fault in faults)
    assert any("a second time" in fault.what for fault in faults)


def test_a_record_under_a_forged_author_does_not_open(feed: Feed) -> None:
    place = next(n for n, r in enumerate(feed.records) if r.header.name == "decision.issued")
    tampered = [*feed.records[:place], forged(feed.records[place]), *feed.records[place + 1 :]]
    with pytest.raises(Damaged, match="was not sealed so"):
        rerun_decisions(tampered, feed.open, feed.decision)
    assert any("was not sealed so" in fault.what for fault in verify_chains(tampered, feed.open))


def test_a_fact_without_a_decision_is_named(feed: Feed) -> None:
    place = next(n for n, r in enumerate(feed.records) if r.header.name == "decision.issued")
    record = feed.records[place]
    bare = replace(record, sections={name: sealed for name, sealed in record.sections.items() if name != "decision"})
    tampered = [*feed.records[:place], bare, *feed.records[place + 1 :]]
    # whoever has no keys cannot leave it out
    with pytest.raises(Damaged):
        feed.open(bare)

    def sealed_so(each: Record) -> Event | Erased:
        return feed.open(record if each is bare else each)

    (differing,) = [r for r in rerun_decisions(tampered, sealed_so, feed.decision) if r.same is False]
    assert differing.differences == ("decision.issued: no decision is kept for it",)


def test_every_stored_decision_comes_out_the_same(feed: Feed) -> None:
    reruns = rerun_decisions(feed.records, feed.open, feed.decision)
    assert [rerun for rerun in reruns if rerun.same is not True] == []
    recorded = [r for r in feed.records if not r.header.stream.startswith("recipient/")]
    assert sum(len(rerun.event_ids) for rerun in reruns) == len(recorded)


def test_a_rule_broken_on_purpose_makes_the_audit_name_the_decision(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = dict(rulebook.COMMANDS)

    def forgets_the_notice(pathway: Pathway, command: periods.StartPeriod, context: Context) -> list[Draft]:
        return periods.start_period(pathway, command, context)[:1]

    kind: CommandKind = kinds["start_period"]
    kinds["start_period"] = replace(kind, decide=forgets_the_notice)
    monkeypatch.setattr(audit, "COMMANDS", kinds)
    (differing,) = [r for r in rerun_decisions(feed.records, feed.open, feed.decision) if r.same is False]
    assert (differing.command, differing.client) == ("start_period", feed.client)
    assert differing.differences == ("2 events were recorded, 1 are decided now",)


def test_a_limit_tightened_in_the_rules_names_the_decisions_that_it_would_refuse(feed: Feed) -> None:
    from domain.rules import RuleSet

    def tightened(version: str) -> RuleSet:
        rows = RuleSet.load(version).rows
        return RuleSet(version, [replace(row, value=2) if row.key == "week.max_days" else row for row in rows])

    differing = [r for r in rerun_decisions(feed.records, feed.open, feed.decision, rules=tightened) if r.same is False]
    assert "plan_period" in {r.command for r in differing}
    assert any("E_WEEK_DAYS" in difference for r in differing for difference in r.differences)


def test_every_telling_follows_from_the_policy(feed: Feed) -> None:
    reruns = rerun_disclosures(feed.records, feed.open)
    assert [r for r in reruns if r.same is not True] == []
    assert len(reruns) == sum(1 for r in feed.records if r.header.stream.startswith("recipient/"))


def test_a_policy_that_was_changed_names_the_tellings_that_it_would_not_give(feed: Feed) -> None:
    rules = policy(kinds())
    row = {**rules.rows["absence_report.sent"], "KB": Cell("–", "")}
    stricter = replace(rules, rows={**rules.rows, "absence_report.sent": row})
    differing = [r for r in rerun_disclosures(feed.records, feed.open, stricter) if r.same is False]
    assert [(r.recipient, r.epoch) for r in differing] == [("kela-payment", 1)] * 2
    assert differing[0].differences == ("told as fact, the policy gives nothing",)
    assert differing[0].command_id in {record.header.command_id for record in feed.records}


def test_a_recipients_stream_that_was_taken_out_shows_as_what_should_have_been_told(feed: Feed) -> None:
    left = [r for r in feed.records if not r.header.stream.startswith("recipient/kela-payment/")]
    missing = [r for r in rerun_disclosures(left, feed.open) if r.same is False]
    first_told = sum(r.header.stream == "recipient/kela-payment/1" for r in feed.records)
    assert {r.recipient for r in missing} == {"kela-payment"}
    assert first_told - 2 <= len(missing) <= first_told, "what follows from the last event may not have been told yet"
    assert all("should have been told" in r.differences[0] for r in missing)
