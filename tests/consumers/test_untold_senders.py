"""Intake: a sender whose receipts cannot be published waits by itself, and nobody else takes notice of it.

source: integration.md 2, design D11, D18
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from house import LEDGER, UNKNOWN_CODE, House
from provider_days import BENEFIT, SENDER, attendance, week_after

from consumers import wire
from consumers.intake import EACH_TOPIC, LONGEST_PAUSE_S, NOT_TOLD, Intake
from consumers.log import UNKNOWN, BrokerUnavailable, Entry, Outcome
from deploy.halts import told_of_line
from deploy.watching.process import Watched
from domain.store import StoreUnavailable

OTHER = "authority"
IN = wire.in_topic(LEDGER, SENDER)
MINUTE = 60


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with week_after(tmp_path) as at:
        yield at


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def intake(home: House, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Intake]:
    """The ledger's own. Its steps have time for all that waits, and for a look at the topics."""
    monkeypatch.setattr("consumers.intake.RETRY_S", 1e9)
    monkeypatch.setattr("consumers.intake.LOOK_AGAIN_S", 0.0)
    wired = home.wired
    made = Intake(wired.store, wired.broker, wired.receiving, wait=0, explain=told_of_line, monotonic=clock)
    monkeypatch.setattr(wired, "intake", made)
    yield made
    made.close()


class Silence:
    """Receipts topics that take nothing; `leads` says whether they have a leader, which tells where they end. `asked` counts
    the appends to each."""

    def __init__(self, home: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self.topics: set[str] = set()
        self.leads = False
        self.asked: Counter[str] = Counter()
        broker = home.wired.broker
        append, end_offsets = broker.append, broker.end_offsets

        def appended(entries: Sequence[tuple[str, Entry]]) -> list[Outcome]:
            names = {name for name, _ in entries}
            self.asked.update(names & self.topics)
            return [UNKNOWN for _ in entries] if names & self.topics else append(entries)

        def ended(topics: Iterable[str]) -> dict[str, int]:
            topics = list(topics)
            if not self.leads and self.topics.intersection(topics):
                raise BrokerUnavailable("a partition has no leader")
            return end_offsets(topics)

        monkeypatch.setattr(broker, "append", appended)
        monkeypatch.setattr(broker, "end_offsets", ended)

    def of(self, sender: str) -> str:
        topic = wire.receipts_topic(LEDGER, sender)
        self.topics.add(topic)
        return topic


@pytest.fixture
def silence(home: House, monkeypatch: pytest.MonkeyPatch) -> Silence:
    return Silence(home, monkeypatch)


def repeated(home: House, sender: str = OTHER, message_id: str = "a-1") -> None:
    """A message that had its answer, and comes again."""
    home.send(sender, message_id, "start_plan.v1", {})
    home.settle()
    home.send(sender, message_id, "start_plan.v1", {})


def seconds_go_by(intake: Intake, clock: Clock, seconds: int) -> None:
    """One step each second: none of them may fail."""
    for _ in range(seconds):
        intake.step()
        clock.seconds += 1


def test_whoever_else_sends_is_answered_at_every_step_while_one_sender_cannot_be_told(
    home: House, intake: Intake, silence: Silence
) -> None:
    # given a repeat of one sender whose receipts topic has no leader, and the backlog of another one
    repeated(home)
    topic = silence.of(OTHER)
    for number in range(3 * EACH_TOPIC):
        home.send(SENDER, f"m-{number}", "record_attendance.v1", b"{}")
    # then each step answers as much of the backlog as if the other one were not there
    for turn in range(1, 4):
        assert intake.step() >= EACH_TOPIC
        assert home.wired.store.tracking(IN) == turn * EACH_TOPIC
    # and the silent topic was waited for once
    assert silence.asked == {topic: 1}


@pytest.mark.parametrize("leads", [False, True], ids=["no leader", "too few copies"])
def test_who_cannot_be_told_is_tried_again_after_pauses_that_grow(
    home: House, intake: Intake, silence: Silence, clock: Clock, leads: bool, caplog: pytest.LogCaptureFixture
) -> None:
    repeated(home)
    topic, silence.leads = silence.of(OTHER), leads
    # when twenty minutes go by
    seconds_go_by(intake, clock, 20 * MINUTE)
    # then a topic without a leader has been waited for once, and another one after 1, 2, 4, … and then 300 seconds each
    assert silence.asked == {topic: 1 if not leads else 12}
    # and it was said seldom, with what to do
    said = [line.getMessage() for line in caplog.records if line.name == "consumers.setbacks"]
    assert 1 <= len(said) <= 8
    assert all(line.startswith(f"{OTHER} stands still, and is tried again: {NOT_TOLD}: ") for line in said)
    assert all("docs/runbooks/a-broker-that-does-not-answer.md" in line for line in said)


def test_of_who_cannot_be_told_nothing_is_passed_over_and_nothing_is_done_twice(
    home: House, intake: Intake, silence: Silence, clock: Clock
) -> None:
    # given a repeat between messages that are new
    before = len(home.receipts(SENDER))
    home.send(SENDER, "m-1", "record_attendance.v1", attendance(home))
    home.settle()
    silence.of(SENDER)
    for name in ("m-2", "m-1", "m-3", "m-4"):
        home.send(SENDER, name, "record_attendance.v1", b"{}" if name != "m-1" else attendance(home))
    # when its receipts topic is silent for a minute
    place = home.wired.store.tracking(IN)
    seconds_go_by(intake, clock, MINUTE)
    # then it stands at the repeat, and that is shown
    assert home.wired.store.tracking(IN) == place + 1
    assert intake.behind() == 3
    assert intake.waiting() == {SENDER: (place + 1, place + 4)}
    [fault] = [one for one in Watched(home.wired, ["intake"], []).faults() if SENDER in one.what]
    assert fault.why == f"{NOT_TOLD}: a partition has no leader"
    assert fault.to_do.endswith("docs/runbooks/a-broker-that-does-not-answer.md")
    # and when it answers, everything is answered once, in its order
    silence.topics.clear()
    seconds_go_by(intake, clock, int(LONGEST_PAUSE_S) + 1)
    assert (intake.behind(), intake.waiting(), intake.set_back) == (0, {}, {})
    home.settle()
    told = [(one["message_id"], one["status"]) for one in home.receipts(SENDER)[before:]]
    assert [one for one in told if one[1] == "already_recorded"] == [("m-1", "already_recorded")]
    assert [name for name, status in told if status != "already_recorded"] == ["m-1", "m-2", "m-3", "m-4"]


def test_an_intake_that_is_started_while_a_sender_cannot_be_told_goes_on_where_it_was(
    home: House, intake: Intake, silence: Silence
) -> None:
    repeated(home)
    silence.of(OTHER)
    intake.step()
    silence.topics.clear()
    again = Intake(home.wired.store, home.wired.broker, home.wired.receiving, wait=0)
    assert (again.behind(), again.step(), again.behind()) == (1, 1, 0)
    again.close()
    assert home.receipts(OTHER)[-1]["status"] == "already_recorded"


# --- what waits ---


def waits_for_nobody(home: House, *names: str) -> None:
    """Messages of the provider that wait for one that nobody sends."""
    for name in names:
        home.send(SENDER, name, "record_attendance.v1", attendance(home, period_id="message:nobody's"))
    home.settle()


def test_what_one_sender_has_waiting_is_decided_though_a_repeat_of_another_cannot_be_answered(
    home: House, intake: Intake, silence: Silence, clock: Clock
) -> None:
    # given a message that waits, and a repeat of another sender, whose receipts topic has no leader
    waits_for_nobody(home, "w-0")
    repeated(home)
    silence.of(OTHER)
    # when what it waits for comes
    home.send(SENDER, "nobody's", "record_attendance.v1", {})
    intake.step()
    # then it is decided
    assert home.wired.vault.held() == []
    silence.topics.clear()
    seconds_go_by(intake, clock, int(LONGEST_PAUSE_S) + 1)
    assert home.receipts(OTHER)[-1]["status"] == "already_recorded"


def _raising(*_: object) -> None:
    raise StoreUnavailable


@pytest.fixture
def untold(home: House, intake: Intake, silence: Silence, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> str:
    """A message that waited and was decided when intake was killed, before it let go of it; its sender's receipts topic has
    no leader then. Its id."""
    home.send(OTHER, "b-1", "change_benefit_status.v1", {"identity_code": UNKNOWN_CODE, **BENEFIT})
    home.settle()
    referral = {"identity_code": UNKNOWN_CODE, "source": "employment_authority", "legal_basis": "LB-189-PLAN"}
    home.send("authority-referrer", "r-1", "submit_referral.v1", referral)
    with monkeypatch.context() as killed:
        killed.setattr(home.wired.vault, "drop_held", _raising)
        with pytest.raises(StoreUnavailable):
            seconds_go_by(intake, clock, 2)
    silence.of(OTHER)
    return "b-1"


def kept(home: House) -> list[str]:
    return [held.message_id for held in home.wired.vault.held()]


def test_what_one_sender_has_waiting_is_decided_though_another_cannot_be_told_its_last_answer(
    home: House, intake: Intake, silence: Silence, clock: Clock, untold: str
) -> None:
    # given a message of another sender that waits
    home.send(SENDER, "w-0", "record_attendance.v1", attendance(home, period_id="message:nobody's"))
    intake.step()
    assert kept(home) == [untold, "w-0"]
    # when what it waits for comes
    home.send(SENDER, "nobody's", "record_attendance.v1", {})
    intake.step()
    # then it is decided, and what could not be told is kept
    assert kept(home) == [untold]
    # until it can be
    silence.topics.clear()
    seconds_go_by(intake, clock, int(LONGEST_PAUSE_S) + 1)
    assert kept(home) == []
    home.settle()
    told = [one["status"] for one in home.receipts(OTHER) if one["message_id"] == untold]
    assert {"recorded", "already_recorded"} <= set(told)


def test_not_all_that_waits_is_tried_at_each_step_for_the_sake_of_one_who_cannot_be_told(
    home: House, intake: Intake, silence: Silence, clock: Clock, untold: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, rounds = home.wired.vault, list[int]()
    each_held = vault.each_held

    def counted() -> Iterator[Any]:
        rounds.append(1)
        return each_held()

    monkeypatch.setattr(vault, "each_held", counted)
    # when five minutes go by in which nothing is recorded
    seconds_go_by(intake, clock, 5 * MINUTE)
    # then all of it was tried when that sender was, and its topic was waited for once
    assert kept(home) == [untold]
    assert len(rounds) <= 15
    assert silence.asked == {wire.receipts_topic(LEDGER, OTHER): 1}
    # and there is nothing more to do for now
    assert intake.step() == 0
