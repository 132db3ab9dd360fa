"""Every process, the broker and the database are killed five times each while a demonstration runs: nothing is lost,
nothing is doubled, and what comes of it is what comes of an undisturbed run.

`KUTY_FAULT_SEED` chooses where they are killed.
"""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

import pytest
from faults.crew import PROCESSES, Crew, until
from faults.doors import Distributed
from faults.history import History, Progress
from faults.ledgers import at_head, undisturbed
from faults.likeness import Likeness, differences, likeness_of
from faults.proof import check_answers, check_events_topic, check_out_topics, check_receipts, check_store
from logins import login_dsn

from deploy.commands.distributed import MODELS_LOGIN, STORE_LOGIN
from deploy.local.kafka_node import LocalKafka
from deploy.local.parts import PartsWanted
from deploy.local.ports import free_port
from deploy.local.postgres import LocalPostgres
from deploy.settings import Settings
from deploy.wiring import Wired, opened

CLIENTS = 4
DEMO_SEED = 7
"""Gives clients with corrections, absences, closed days and ends."""
ROUNDS = 5
SERVERS = ("broker", "database")
VICTIMS = (*PROCESSES, *SERVERS)
KAFKA_DEADLINE_S = 5.0
REST_DEADLINE_S = 240.0

TOGETHER = (1, 1, 1, 1, 2, 3)
"""How many die at one moment: in each round four alone, two together, and three."""

Moment = Literal["sent", "answered"]
MOMENTS: tuple[Moment, ...] = ("sent", "answered")


class Kill(NamedTuple):
    """The victims die when the command of this number is on its way, or when it has just been answered."""

    at: int
    moment: Moment
    victims: tuple[str, ...]


def plan(commands: int, seed: str) -> list[Kill]:
    """Five rounds, each of which kills everything once, in an order of its own, alone or together, at points of its own."""
    random = Random(seed)
    kills: list[Kill] = []
    for number in range(ROUNDS):
        victims = random.sample(VICTIMS, len(VICTIMS))
        together = random.sample(TOGETHER, len(TOGETHER))
        points = range(1 + commands * number // ROUNDS, 1 + commands * (number + 1) // ROUNDS)
        for at, count in zip(random.sample(points, len(together)), together, strict=True):
            kills.append(Kill(at, random.choice(MOMENTS), tuple(victims[:count])))
            del victims[:count]
        assert victims == []
    return sorted(kills)


class Killer(Progress):
    """Carries out the plan as the history goes on."""

    def __init__(self, kills: list[Kill], crew: Crew, servers: dict[str, LocalKafka | LocalPostgres]) -> None:
        self._left = {(kill.at, kill.moment): kill.victims for kill in kills}
        self._crew = crew
        self._servers = servers
        self._lock = threading.Lock()
        self._mending: list[threading.Thread] = []
        self.killed: Counter[str] = Counter()
        self.failed: list[BaseException] = []

    def sent(self, number: int) -> None:
        self._reach(number, "sent")

    def answered(self, number: int) -> None:
        # A command that was answered before it could be seen on its way: its kill comes now.
        self._reach(number, "sent")
        self._reach(number, "answered")

    def _reach(self, number: int, moment: Moment) -> None:
        with self._lock:
            victims = self._left.pop((number, moment), ())
            # Each of them serves when it dies: what is still starting is waited for, while everything else is there.
            for role in sorted(set(victims) & set(PROCESSES)):
                self._crew.members[role].wait_until_ready()
            for victim in victims:
                self._kill(victim)

    def _kill(self, victim: str) -> None:
        self.killed[victim] += 1
        if victim in PROCESSES:
            self._crew.members[victim].kill()
            return
        self._servers[victim].kill()
        thread = threading.Thread(target=self._mend, args=(victim,))
        self._mending.append(thread)
        thread.start()

    def _mend(self, victim: str) -> None:
        try:
            self._servers[victim].start()
        except BaseException as error:
            self.failed.append(error)

    def join(self) -> None:
        """Return when everything that was killed runs again."""
        for thread in self._mending:
            thread.join()
        assert self.failed == []


@dataclass
class Run:
    """A history that has come to its end, with the ledger it is in."""

    wired: Wired
    history: History
    killed: Counter[str] = field(default_factory=Counter)
    ended_by_themselves: dict[str, list[int]] = field(default_factory=dict)
    answers_lost: int = 0

    @property
    def likeness(self) -> Likeness:
        return likeness_of(self.wired, self.history.references)


@pytest.fixture(scope="module")
def own_servers(parts_folder: Path) -> Iterator[dict[str, LocalKafka | LocalPostgres]]:
    """Servers of these tests alone, because they are killed."""
    wanted = PartsWanted.from_environment()
    kafka = LocalKafka(parts_folder / "kafka-to-kill", cache=wanted.cache, jars=wanted.jars, java=wanted.java)
    with kafka, LocalPostgres(parts_folder / "postgres-to-kill", binaries=wanted.postgres_binaries) as postgres:
        yield {"broker": kafka, "database": postgres}


@pytest.fixture(scope="module")
def disturbed(own_servers: dict[str, LocalKafka | LocalPostgres], fault_seed: str) -> Iterator[Run]:
    kafka, postgres = own_servers["broker"], own_servers["database"]
    assert isinstance(kafka, LocalKafka)
    assert isinstance(postgres, LocalPostgres)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="kuty-") as folder:
        owner = postgres.fresh_database()
        # Logins that own nothing, as in a real installation.
        settings = Settings(
            ledger="killed", home=Path(folder), owner_dsn=owner, store_dsn=login_dsn(owner, STORE_LOGIN),
            models_dsn=login_dsn(owner, MODELS_LOGIN), kafka=kafka.bootstrap, kafka_deadline_s=KAFKA_DEADLINE_S, port=port,
        )  # fmt: skip
        with opened(settings) as wired:
            doors = Distributed(wired, ("127.0.0.1", port))
            history = History(doors, CLIENTS, DEMO_SEED)
            history.give()
            with Crew(settings, Path(folder)) as crew:
                killer = history.progress = Killer(plan(history.commands, fault_seed), crew, own_servers)
                try:
                    doors.begin()
                    history.run()
                    killer.join()
                    until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
                except BaseException:
                    print(*(f"--- {role}\n{member.tail()}" for role, member in crew.members.items()), sep="\n")
                    raise
                finally:
                    doors.close()
            ended = {role: member.ended_by_itself for role, member in crew.members.items() if member.ended_by_itself}
            yield Run(wired, history, killer.killed, ended, doors.lost)


@pytest.fixture(scope="module")
def without_kills() -> Iterator[Run]:
    with undisturbed(CLIENTS, DEMO_SEED) as history:
        yield Run(history.doors.wired, history)


def test_everything_was_killed_five_times_and_nothing_ended_by_itself(disturbed: Run) -> None:
    assert disturbed.killed == dict.fromkeys(VICTIMS, ROUNDS)
    assert disturbed.ended_by_themselves == {}
    assert disturbed.answers_lost > 0


def test_the_history_has_what_can_go_wrong_in_it(without_kills: Run) -> None:
    asked = Counter(answer.get("status") for answer in without_kills.history.answers.values())
    facts = Counter(record.header.name for record in check_store(without_kills.wired))
    assert asked["waiting"] == CLIENTS
    for name in ("fact.corrected", "service_day.not_arranged", "absence_report.sent", "command.refused", "message.held",
                 "disclosure.revised", "exit.recorded", "case.closed"):  # fmt: skip
        assert facts[name] > 0, name
    by_the_clerk = [r for r in check_store(without_kills.wired) if r.header.actor_task == "clerk"]
    assert [record.header.name for record in by_the_clerk] == ["notification.sent"]


def test_every_event_publication_answer_and_model_equals_an_undisturbed_run(disturbed: Run, without_kills: Run) -> None:
    assert differences(disturbed.likeness, without_kills.likeness) == []


def test_every_chain_of_the_store_verifies_and_the_topic_has_its_bytes(disturbed: Run) -> None:
    check_store(disturbed.wired)
    repeated = check_events_topic(disturbed.wired)
    print(f"{repeated} events stand twice in the topic")


def test_every_recipients_line_is_whole_and_its_model_is_at_its_end(disturbed: Run) -> None:
    repeated = check_out_topics(disturbed.wired)
    print(f"{repeated} publications stand twice in their topics")


def test_no_command_is_lost_or_doubled(disturbed: Run) -> None:
    history = disturbed.history
    assert len(history.answers) - len(history.with_effect) == CLIENTS
    check_answers(disturbed.wired, history.with_effect)


def test_every_message_has_its_receipt(disturbed: Run) -> None:
    assert len(disturbed.history.told) > 100
    repeated = check_receipts(disturbed.wired, disturbed.history.told)
    print(f"{repeated} receipts repeat another one")
