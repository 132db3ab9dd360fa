"""A backup is restored under running roles, and commands are taken into it: both ways back, by the commands of the
runbook, on real PostgreSQL and Kafka, every role a process of its own that nobody starts again by hand."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import orjson
import pytest
from faults.crew import Crew, kuty, until
from faults.doors import Distributed, Http
from faults.history import History
from faults.ledgers import at_head
from faults.likeness import all_reads, all_records
from faults.runbook import begun, ended
from forked import Ledger
from logins import login_dsn
from stories import COUNTY

from api.caller import Claims
from consumers import wire
from consumers.log import BrokerError
from deploy.commands.distributed import MODELS_LOGIN, STORE_LOGIN
from deploy.feed import records_of
from deploy.local.parts import Kafka, Postgres
from deploy.local.ports import free_port
from deploy.serving import app_of, served
from deploy.settings import Settings
from deploy.wiring import Wired, opened
from domain.identifiers import synthetic_identity_code
from domain.store import StoreUnavailable
from projections.kinds import model_of

CLIENTS, SEED = 3, 7
BEFORE, BETWEEN, FORKED = 200, 50, 40
"""Commands before the backup, commands that it has lost, and commands that were taken into it."""
DEADLINE_S = 240.0
PAGE = "a-store-that-went-back.md"


@dataclass
class Running:
    """A ledger whose processes run, and a history in it."""

    settings: Settings
    history: History
    ledger: Ledger

    @contextmanager
    def outside(self) -> Iterator[Wired]:
        """The parts of who looks from outside, and the doors of the history."""
        with opened(self.settings) as wired:
            self.history.doors = doors = Distributed(wired, (self.settings.host, self.settings.port))
            doors.begin()
            try:
                yield wired
            finally:
                doors.close()

    def go_on(self, commands: int) -> None:
        """So many more commands of the history, whole days, until nobody is behind."""
        with self.outside() as wired:
            wanted = len(self.history.answers) + commands
            while len(self.history.answers) < wanted:
                assert self.history.left, "the history is at its end"
                self.history.run(1)
            until(lambda: at_head(wired), "rest", DEADLINE_S)

    def command(self, *words: str) -> str:
        """What a command says. It has to do well."""
        process = kuty(self.settings, *words)
        said, error = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, (words, said, error)
        return said

    def runbook(self, heading: str) -> str:
        """What its commands say, given one after the other as they stand on the page. They have to do well."""
        folder = Path(tempfile.mkdtemp(dir=self.settings.home))
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("BY", "T-01")
            patched.setenv("SECOND", "C-01")
            code, said, error = ended(begun(PAGE, heading, self.settings, folder))
        assert code == 0, (said, error)
        return said

    def serves(self) -> bool:
        """Whether the API, a process of its own, takes commands."""
        with opened(self.settings) as wired:
            door = Http(wired, (self.settings.host, self.settings.port))
            headers = {"idempotency-key": "looked", "content-type": "application/json",
                       "authorization": f"Bearer {door._issuer.token(clerk(self.settings.ledger))}"}  # fmt: skip
            try:
                return door._once(f"/ledgers/{self.settings.ledger}/clients", headers, b"{}", lambda: None)[0] != 503
            except OSError:
                return False


def clerk(ledger: str) -> Claims:
    return Claims(ledger=ledger, org=COUNTY, task="organiser", role="intake", person="N-01")


@pytest.fixture
def running(postgres: Postgres, kafka: Kafka) -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="kuty-") as folder:
        owner = postgres.fresh_database()
        ledger = f"back-{Path(folder).name[5:].replace('_', 'x').lower()}"
        settings = Settings(
            ledger=ledger, home=Path(folder), owner_dsn=owner, store_dsn=login_dsn(owner, STORE_LOGIN),
            models_dsn=login_dsn(owner, MODELS_LOGIN), kafka=kafka.bootstrap, port=free_port(),
        )  # fmt: skip
        with opened(settings) as wired:
            history = History(Distributed(wired, (settings.host, settings.port)), CLIENTS, SEED)
            history.give()
        with Crew(settings, Path(folder)) as crew:
            try:
                yield Running(settings, history, Ledger(settings))
            except BaseException:
                print(*(f"--- {role}\n{member.tail()}" for role, member in crew.members.items()), sep="\n")
                raise


def fork(one: Running, number: int) -> list[str]:
    """Commands that somebody takes who started an API on the restored store without its broker: new clients, and details
    of theirs. Their ids."""
    home = one.settings.home / f"fork-{number}"
    home.mkdir()
    for key in ("master.key", "token.key"):
        shutil.copy(one.settings.home / key, home / key)
    settings = replace(one.settings, home=home, kafka="", port=free_port())
    ids: list[str] = []
    with opened(settings) as wired, served(app_of(wired), settings.host, settings.port):
        door = Http(wired, (settings.host, settings.port))

        def post(path: str, key: str, body: dict[str, str]) -> dict[str, str]:
            ids.append(key)
            answer = door.post(path, clerk(settings.ledger), {"idempotency-key": key}, body, lambda: None)
            assert answer["http"] == 201, answer
            references: dict[str, str] = answer.get("references", {})
            return references

        for n in range(FORKED // 2):
            code = synthetic_identity_code(date(1970, 1, 1 + n), 910 + number)
            body = {"identity_kind": "identity_code", "registered_from": "own_contact", "identity_code": code}
            client = post("clients", f"fork-{number}-client-{n}", {**body, "family_name": "Uusi"})["client"]
            post(f"clients/{client}/details", f"fork-{number}-details-{n}", {"phone": f"040 00000{n:02}"})
        wired.disclosure.step()
    return ids


def went_back(one: Running, number: int) -> list[str]:
    """A backup is restored that lacks the newest commands, and others are taken into it."""
    backup = one.ledger.copy()
    one.go_on(BETWEEN)
    one.ledger.put_back(backup)
    # The processes take nothing, whoever starts them again.
    until(lambda: not one.serves(), "the API refuses", DEADLINE_S)
    return fork(one, number)


def proved(one: Running) -> None:
    """The store is what the topic holds, and every audit of both says so."""
    with opened(one.settings) as wired:
        until(lambda: quiet(wired), "rest", DEADLINE_S)
        stored = [(record.state, record.epoch) for record in all_records(wired)]
        topic = wire.events_topic(one.settings.ledger)
        assert [(record.state, record.epoch) for record in records_of(wired.broker, topic)] == stored
        for recipient in wired.recipients():
            if model_of(recipient):
                assert wired.models.of(recipient.short_name).feed().halted == "", recipient.short_name
    for words in (("chains",), ("decisions",), ("chains", "--from-topic")):
        one.command("audit", *words)


def quiet(wired: Wired) -> bool:
    try:
        return not any(wired.lag().values())
    except (BrokerError, StoreUnavailable, OSError):
        return False


def brought_back(one: Running, ids: list[str], said: str) -> None:
    """Every command that was given up is decided again, and its sender was told of both."""
    came = {line.split(" ", 1)[0]: line for line in said.splitlines()}
    assert {name for name in ids if ": recorded, as answer" in came[name]} == set(ids), said
    with opened(one.settings) as wired:
        until(lambda: quiet(wired), "rest", DEADLINE_S)
        told = Counter(
            (receipt["message_id"], receipt["status"])
            for read in all_reads(wired.broker, wire.receipts_topic(one.settings.ledger, "county"))
            if (receipt := orjson.loads(read.value))["message_id"] in ids
        )
    for name in ids:
        assert told[name, "withdrawn"] == 1, name
        assert told[name, "recorded"] >= 1, name


def test_both_ways_back_under_running_roles(running: Running) -> None:
    one = running
    one.go_on(BEFORE)
    # --- the topic is right
    ids = went_back(one, 1)
    said = one.runbook("The topic is right")
    assert "is in epoch 2 (adopted)" in said
    until(one.serves, "the API serves again", DEADLINE_S)
    proved(one)
    brought_back(one, ids, said)
    one.go_on(1)
    # --- the store is right
    backup_lacks = set(one.history.answers)
    taken = went_back(one, 2)
    lost = set(one.history.answers) - backup_lacks
    said = one.runbook("The store is right")
    assert "is in epoch 3 (forked)" in said
    until(one.serves, "the API serves again", DEADLINE_S)
    proved(one)
    # what only the topic had was decided again, and the history goes on behind it
    assert ": recorded, as answer" in said
    one.go_on(1)
    with opened(one.settings) as wired:
        for command_id in lost & set(one.history.with_effect):
            assert wired.store.answer(one.history.senders[command_id], command_id) is not None, command_id
        for command_id in taken:
            answer = wired.store.answer((COUNTY, "organiser"), command_id, "N-01")
            assert answer is not None
            assert answer.status == "recorded"
    proved(one)
