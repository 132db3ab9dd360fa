"""Messages that are accepted come over Kafka while intake is killed again and again: single days, a group's days,
corrections, some of them before what they correct, and many of these a second time. Each has its effect once and its receipt
once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import orjson
import pytest
from faults.crew import Member, until
from faults.doors import Distributed
from faults.history import History
from faults.killing import Deaths
from faults.ledgers import at_head, running
from faults.likeness import all_reads
from faults.machine.ill import IllMachine
from faults.proof import check_answers, check_events_topic, check_out_topics, check_receipts, check_store
from logins import login_dsn

from consumers import wire
from consumers.log import Entry
from deploy.local.parts import Kafka, Postgres
from deploy.local.ports import free_port
from deploy.roles import Running
from deploy.scenario.story import Action
from deploy.settings import Settings
from deploy.wiring import ROLES, Wired, opened
from domain.messages import BY_MESSAGE, CLIENT

CLIENTS = 4
DEMO_SEED = 2
"""Two of the clients are at one provider, in periods that last for months."""
TOGETHER = ("C1", "C4")
DAYS = 37
"""Until both periods run."""
KILLS, KILLS_OF_THE_CAMPAIGN = 5, 40
FIRST_CALL, LAST_CALL = 20, 900
"""Between these calls of its life intake is killed: while it starts, before its first message, and behind many."""
REST_DEADLINE_S = 240.0
GROUP = "record_group_attendance"


class Message(NamedTuple):
    """One that will be accepted."""

    id: str
    kind: str
    body: Mapping[str, Any]


@pytest.fixture
def settings(postgres: Postgres, kafka: Kafka, home: Path) -> Settings:
    named = home.name[5:].replace("_", "x").replace("-", "x").lower()
    owner = postgres.fresh_database()
    return Settings(
        ledger=f"accepted-{named}", home=home, owner_dsn=owner, store_dsn=login_dsn(owner, f"accepted_store_{named}"),
        models_dsn=login_dsn(owner, f"accepted_models_{named}"), kafka=kafka.bootstrap, kafka_deadline_s=5.0,
        port=free_port(),
    )  # fmt: skip


def messages_of(history: History, random: Random) -> list[Message]:
    """The days to come of both clients, some of them told for both at once, and corrections of some, in an order in which
    some corrections come before what they correct."""
    days = [deed for client in TOGETHER for deed in history.to_come(client) if deed.kind.name == "record_attendance"]
    on_a_day: dict[str, list[Action]] = {}
    for deed in {(deed.client, deed.fields["occurred_on"]): deed for deed in days}.values():
        on_a_day.setdefault(deed.fields["occurred_on"], []).append(deed)
    messages: list[Message] = []
    for on, deeds in on_a_day.items():
        said = [history.said(deed) for deed in deeds]
        if len(said) == 2 or random.random() < 0.3:
            entries = [{CLIENT: client, **{k: v for k, v in body.items() if k != "occurred_on"}} for client, body in said]
            messages.append(Message(f"group-{on}", GROUP, {"occurred_on": on, "entries": entries}))
            continue
        [(client, body)] = said
        day = Message(f"{deeds[0].client}-{on}", deeds[0].kind.name, {**body, CLIENT: client})
        parts = [day]
        if body["day_status"] == "present" and random.random() < 0.5:
            new = {"day_status": "absent_own_sickness", "hours": None}
            corrected = {"target_event_id": BY_MESSAGE + day.id, "correction_reason": "wrong_entry", "new_values": new}
            parts.insert(random.randrange(2), Message(f"{day.id}-corrected", "correct_fact", {**corrected, CLIENT: client}))
        messages += parts
    return messages


@contextmanager
def all_but_intake(settings: Settings) -> Iterator[Wired]:
    """The other roles, and the parts of whoever looks."""
    with opened(settings) as line, opened(settings) as own:
        roles = Running(line.roles([role for role in ROLES if role != "intake"]), line.wait).start()
        try:
            yield own
        finally:
            roles.stop()
        assert roles.halted == {}


def test_accepted_messages_have_one_effect_and_one_receipt_however_often_intake_is_killed(
    settings: Settings, machine: IllMachine, fault_seed: str, campaign: bool, tmp_path: Path
) -> None:
    random = Random(f"{fault_seed}/intake")
    # given two clients of one provider in the middle of their periods, and a clock that stands behind their ends
    with running(settings) as wired:
        doors = Distributed(wired, (settings.host, settings.port))
        history = History(doors, CLIENTS, DEMO_SEED)
        history.give()
        doors.begin()
        history.run(DAYS)
        messages = messages_of(history, random)
        history.advance(history.left[-1] + timedelta(days=1))
        doors.close()
    provider = next(deed for deed in history.to_come(TOGETHER[0]) if deed.kind.name == "record_attendance")
    sender, recipient = history.sender_of(provider), provider.recipient
    with all_but_intake(settings) as wired:
        # when their provider sends what happened, many of it twice, and intake is killed while it answers
        often = [*messages, *random.sample(messages, len(messages) // 2)]
        send(wired, recipient, sender[0], often)
        deaths = Deaths(machine, random, KILLS_OF_THE_CAMPAIGN if campaign else KILLS, range(FIRST_CALL, LAST_CALL))
        environment = {**os.environ, **settings.of_roles(("intake",)).environment()}
        with Member("intake", environment, tmp_path / "intake.log", deaths.next) as intake:
            # Nothing waits any more before it is asked whether all of that has gone out.
            until(lambda: nothing_waits(wired, sender, messages) and at_head(wired), "rest", REST_DEADLINE_S)
            killed = intake.killed
            assert intake.ended_by_itself == []
        print(f"{len(messages)} messages, {len(often) - len(messages)} of them twice; intake was killed {killed} times")
        # then each was accepted, and is there once
        assert killed > 0
        assert {GROUP, "record_attendance", "correct_fact"} == {message.kind for message in messages}
        check_store(wired)
        check_events_topic(wired)
        check_out_topics(wired)
        check_answers(wired, {message.id: sender for message in messages})
        check_effects(wired, sender, messages)
        # and each has its receipt: one that is numbered, two where it waited; what was said twice was answered twice, which
        # may be what it waits for and then how that has ended
        check_receipts(wired, [message.id for message in messages])
        answered = receipts_by_message(wired, recipient)
        assert {one for one, times in Counter(message.id for message in often).items() if answered[one] < times} == set()


def receipts_by_message(wired: Wired, recipient: str) -> Counter[str]:
    """How many receipts each message has in its sender's topic, the numbered ones once."""
    reads = all_reads(wired.broker, wire.receipts_topic(wired.store.ledger, recipient))
    numbered = {wire.sequence_of(read): read for read in reads if wire.sequence_of(read) is not None}
    others = [read for read in reads if wire.sequence_of(read) is None]
    return Counter(orjson.loads(read.value)["message_id"] for read in [*numbered.values(), *others])


def nothing_waits(wired: Wired, sender: tuple[str, str], messages: Sequence[Message]) -> bool:
    """Whether each has its last answer: intake may have been killed between what a correction waits for and its next try."""
    answers = [wired.store.answer(sender, message.id) for message in messages]
    return all(answer is not None and answer.status != "waiting" for answer in answers)


def send(wired: Wired, recipient: str, org: str, messages: Sequence[Message]) -> None:
    """Append them to the recipient's own topic."""
    topic = wire.in_topic(wired.store.ledger, recipient)
    entries = []
    for message in messages:
        headers = (
            ("ce_id", message.id.encode()), ("ce_source", org.encode()), ("ce_specversion", b"1.0"),
            ("ce_type", f"{message.kind}.v1".encode()),
        )  # fmt: skip
        entries.append((topic, Entry(message.id.encode(), orjson.dumps(message.body), headers)))
    assert {outcome.status for outcome in wired.broker.append(entries)} == {"acknowledged"}


def check_effects(wired: Wired, sender: tuple[str, str], messages: Sequence[Message]) -> None:
    """Every message, and every entry of a group's, was recorded, with one fact in its client's record."""
    said = Counter(
        record.header.command_id
        for record in check_store(wired)
        if record.header.name in ("attendance.recorded", "fact.corrected")
        and (record.header.actor_org, record.header.actor_task) == sender
    )
    for message in messages:
        answer = wired.store.answer(sender, message.id)
        assert answer is not None
        assert answer.status == "recorded", f"{message.id}: {answer.codes}"
        several = message.kind == GROUP
        ids = [f"{message.id} {n + 1}" for n in range(len(message.body["entries"]))] if several else [message.id]
        assert [said[one] for one in ids] == [1] * len(ids), message.id
