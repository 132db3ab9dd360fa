"""The clock of the machine jumps under a live ledger: an hour ahead and back, ten years ahead, back to 1970, and to what is
right. Nothing is recorded before what was recorded already, tokens are believed by the clock alone, what follows in time
follows, and nothing is lost or doubled."""

from __future__ import annotations

import base64
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from faults.asked import Asked, check_everything
from faults.crew import Crew, until, whole
from faults.history import Doors, History
from faults.ledgers import at_head
from faults.likeness import all_reads
from faults.machine.ill import IllMachine
from faults.place import Place
from faults.proof import check_store
from logins import login_dsn

from api.caller import ALGORITHM, AUDIENCE, Claims
from consumers import wire
from deploy.local.kafka_node import LocalKafka
from deploy.local.parts import PartsWanted
from deploy.local.ports import free_port
from deploy.local.postgres import LocalPostgres
from deploy.scenario.given import keep_cards, lay_out, register
from deploy.settings import Settings
from deploy.wiring import Wired, opened
from domain.disclosure.pseudonyms import Pseudonyms
from domain.events import PublicationsAcknowledged
from domain.record import Record

ISSUER = "issuer-of-the-test"
REST_DEADLINE_S = 240.0
YEAR = timedelta(days=365)
JUMPS = (timedelta(hours=1), timedelta(hours=-1), 10 * YEAR, datetime(1970, 1, 2, tzinfo=UTC) - datetime.now(UTC))
"""By how much the clock is wrong then."""
SEALED_BEFORE_ITS_TURN = (PublicationsAcknowledged.NAME,)
"""Dated by whoever seals it: a command of that moment may stand before it with a later time."""


class Issuer:
    """Signs tokens that live for some minutes, by a clock of its own."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.wrong_by = timedelta()

    @property
    def public(self) -> str:
        """As the settings name it."""
        return base64.b64encode(self.key.public_key().public_bytes_raw()).decode()

    def sign(self, claims: Claims) -> str:
        at = datetime.now(UTC) + self.wrong_by
        # Another one each time: the same one is believed for some seconds without being looked at again.
        named = {"iss": ISSUER, "aud": AUDIENCE, "jti": uuid.uuid4().hex, "iat": at,
                 "exp": at + timedelta(minutes=10), **claims.model_dump()}  # fmt: skip
        return jwt.encode(named, self.key, ALGORITHM, headers={"typ": "at+jwt"})


class NoDoors(Doors):
    """A history whose people are known, and which nobody gives."""

    def __init__(self, wired: Wired) -> None:
        self.wired = wired


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(autouse=True)
def _well_again(machine: IllMachine) -> Iterator[None]:
    yield
    machine.be_well()


class Live(NamedTuple):
    """A live ledger that everybody has joined, and one client is registered in."""

    place: Place
    authority: Pseudonyms
    county: Pseudonyms

    def begin_case(self) -> int:
        """A referral comes and is accepted; the status of the last answer."""
        receipt = orjson.loads(self.place.send("referral").body)
        [referral] = receipt["references"].values()
        own = self.county.of(self.authority.reference(referral))
        path, clerk = f"clients/{self.place.own_name}/accepted-referrals", self.place.history.cast.person("N-01")
        return self.place.request("POST", path, clerk, {"referral_id": own}, "accepted").status


def live(settings: Settings, issuer: Issuer) -> Live:
    """Made, and not served yet."""
    with opened(settings) as wired:
        history = History(NoDoors(wired), 1, 1)
        lay_out(wired.store, history.cast.given, None, mode="live")
        keep_cards(wired.vault, history.cast.given)
        history.references = register(wired.store, wired.vault, history.cast.given, history.people)
        names = (wired.pseudonyms(name) for name in ("employment-authority-referrer", "county"))
        return Live(Place.of(history, wired, issuer.sign), *names)


def jumped(place: Place, issuer: Issuer, machine: IllMachine, asked: Asked, jumps: list[timedelta]) -> None:
    """After each jump: whose token is of another time is not believed, whose clock jumped along is, and what is asked for is
    recorded."""
    for wrong_by in [*jumps, timedelta()]:
        before = issuer.wrong_by
        machine.clock_is_wrong_by(wrong_by)
        if abs(wrong_by - before) > timedelta(minutes=12):
            assert place.health().status == 401, f"{before} to {wrong_by}"
        issuer.wrong_by = wrong_by
        until(lambda: place.health().status == 200, "health")
        for _ in range(2):
            assert asked.one().status == 201
        until(place.is_at_rest, "rest", REST_DEADLINE_S)
        assert place.read().status == 200


def check_times(wired: Wired, most: timedelta) -> None:
    """As record 0028 promises: nothing is decided before what was decided already, nobody is told of anything before it was
    recorded, no stream goes back in time; and nothing is later than the clock ever was."""
    records = check_store(wired)
    recorded_at = {record.header.event_id: record.header.recorded_at for record in records}
    decided: list[Record] = []
    streams = defaultdict(list)
    for record in records:
        streams[record.header.stream].append(record)
        if record.header.stream.startswith("recipient/"):
            assert recorded_at[record.header.causation or ""] <= record.header.recorded_at, record.header
        elif record.header.name not in SEALED_BEFORE_ITS_TURN:
            decided.append(record)
    for line in (decided, *streams.values()):
        for before, after in pairwise(line):
            assert before.header.recorded_at <= after.header.recorded_at, f"{before.header.name}, then {after.header.name}"
    latest = max(recorded_at.values())
    assert abs(latest - (datetime.now(UTC) + most)) < timedelta(minutes=10)


def settings_of(issuer: Issuer, **given: object) -> Settings:
    return Settings(
        allow_live=True, issuer=ISSUER, issuer_key=issuer.public, schemas_address="https://kuty.example", heartbeat_s=1.0,
        port=free_port(), **given,  # type: ignore[arg-type]
    )  # fmt: skip


def test_an_embedded_live_ledger_goes_on_through_every_jump(
    issuer: Issuer, machine: IllMachine, home: Path, tmp_path: Path, fault_seed: str
) -> None:
    settings = settings_of(issuer, ledger="jumps", home=home)
    begun = live(settings, issuer)
    place = begun.place
    asked = Asked(place)
    jumps = Random(fault_seed).sample(JUMPS, len(JUMPS))
    with whole(settings, tmp_path / "serve.log", machine.environment()) as serving:
        assert begun.begin_case() == 201
        until(place.is_at_rest, "rest", REST_DEADLINE_S)
        jumped(place, issuer, machine, asked, jumps)
        assert serving.ended_by_itself == []
        assert "Traceback" not in serving.log.read_text()
    with opened(settings) as wired:
        check_everything(wired, asked)
        check_times(wired, 10 * YEAR)


@pytest.mark.campaign
def test_a_live_ledger_its_database_and_its_broker_go_on_through_every_jump(
    issuer: Issuer, machine: IllMachine, parts_folder: Path, home: Path, tmp_path: Path, fault_seed: str
) -> None:
    wanted = PartsWanted.from_environment()
    kafka = LocalKafka(parts_folder / "kafka-of-another-time", cache=wanted.cache, jars=wanted.jars, java=wanted.java)
    postgres = LocalPostgres(parts_folder / "postgres-of-another-time", binaries=wanted.postgres_binaries)
    with ExitStack() as running:
        with machine.felt_by_what_starts():
            running.enter_context(kafka)
            running.enter_context(postgres)
        owner = postgres.fresh_database()
        settings = settings_of(
            issuer, ledger="jumps", home=home, owner_dsn=owner, store_dsn=login_dsn(owner, "jumps_store"),
            models_dsn=login_dsn(owner, "jumps_models"), kafka=kafka.bootstrap, kafka_deadline_s=5.0,
        )  # fmt: skip
        begun = live(settings, issuer)
        place = begun.place
        asked = Asked(place)
        with Crew(settings, tmp_path, machine.environment()) as crew:
            assert begun.begin_case() == 201
            until(place.is_at_rest, "rest", REST_DEADLINE_S)
            jumped(place, issuer, machine, asked, Random(fault_seed).sample(JUMPS, len(JUMPS)))
            with opened(settings) as wired:
                beats = heartbeats(wired)
                until(lambda: heartbeats(wired) > beats, "a heartbeat after all that")
            assert {role: member.ended_by_itself for role, member in crew.members.items() if member.ended_by_itself} == {}
        with opened(settings) as wired:
            until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
            check_everything(wired, asked)
            check_times(wired, 10 * YEAR)


def heartbeats(wired: Wired) -> int:
    """How many signs of life the county's topic has."""
    reads = all_reads(wired.broker, wire.out_topic(wired.store.ledger, "county"))
    return sum(wire.sequence_of(read) is None for read in reads)
