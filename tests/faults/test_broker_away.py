"""Kafka is away for long: whoever needs it tries again, and turns in no circles; whoever does not, goes on."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from faults.asked import Asked, check_everything
from faults.crew import Crew, until
from faults.ledgers import at_head
from faults.place import begun
from faults.processes import BUSY, share_of_a_processor
from logins import dsns_of

from deploy.local.kafka_node import LocalKafka
from deploy.local.parts import PartsWanted, Postgres
from deploy.local.ports import free_port
from deploy.settings import Settings
from deploy.wiring import opened

REST_DEADLINE_S = 240.0
TICKS = 300
"""Three seconds of the machine's processors, for each role."""


@pytest.mark.campaign
def test_nobody_turns_in_circles_while_kafka_is_away_and_everybody_goes_on_when_it_is_back(
    postgres: Postgres, parts_folder: Path, home: Path, tmp_path: Path
) -> None:
    wanted = PartsWanted.from_environment()
    folder = parts_folder / "kafka-that-goes-away"
    with LocalKafka(folder, cache=wanted.cache, jars=wanted.jars, java=wanted.java) as own:
        dsns = dsns_of(postgres.fresh_database(), "away")
        settings = Settings(ledger="away", home=home, kafka=own.bootstrap, port=free_port(), kafka_deadline_s=5.0, **dsns)
        with begun(settings) as (_, place):
            pass
        asked = Asked(place)
        with opened(settings) as wired, Crew(settings, tmp_path) as crew:
            assert [asked.one().status for _ in range(2)] == [201, 201]
            until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
            own.kill()
            # what is written has to be told, and cannot be
            assert [asked.one().status for _ in range(2)] == [201, 201]
            log = crew.members["relay"].log
            until(lambda: "a-broker-that-does-not-answer.md" in log.read_text(), "the relay says so")
            shares = {role: share_of_a_processor(psutil.Process(crew.members[role].pid), TICKS) for role in crew.members}
            assert {role: share for role, share in shares.items() if share >= BUSY} == {}
            # and when it is back, everybody goes on by himself
            own.start()
            until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
            assert asked.one().status == 201
            until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
            assert {role: member.ended_by_itself for role, member in crew.members.items() if member.ended_by_itself} == {}
            check_everything(wired, asked)
