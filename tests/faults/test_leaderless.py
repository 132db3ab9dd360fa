"""A topic whose only copy is on a broker that is away: of it nothing is known, and of every other one what is true."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from consumers.broker import KafkaBroker
from consumers.broker_settings import Connection
from consumers.log import Entry, answers_of
from deploy.local.kafka_node import SETTINGS, LocalKafka
from deploy.local.parts import PartsWanted
from deploy.local.ports import free_port

HERE, AWAY = "kuty.leaderless.out.here.v1", "kuty.leaderless.out.away.v1"
AWAY_TOO = "kuty.leaderless.out.away-too.v1"
ALL = (HERE, AWAY, AWAY_TOO)
DEADLINE_S = 60.0
DEADLINE_OF_A_CALL_S = 15.0


@pytest.fixture(scope="module")
def first(parts_folder: Path) -> Iterator[LocalKafka]:
    """A cluster of two, of which this one is the controller, too."""
    with LocalKafka(parts_folder / "kafka-of-two", cache=PartsWanted.from_environment().cache) as running:
        yield running


@pytest.fixture(scope="module")
def second(first: LocalKafka, parts_folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    folder = parts_folder / "kafka-of-two-second"
    folder.mkdir()
    jars, ports, settings = first._jars, first._ports, folder / "server.properties"
    assert jars is not None and ports is not None  # noqa: PT018
    port, cluster = free_port(), re.search(r"cluster\.id=(\S+)", (first.folder / "data" / "meta.properties").read_text())
    assert cluster is not None
    written = SETTINGS.format(broker_port=port, controller_port=ports[1], data=folder / "data")
    for name, value in {
        "process.roles": "broker", "node.id": "2", "listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
    }.items():  # fmt: skip
        written = re.sub(rf"(?m)^{re.escape(name)}=.*$", f"{name}={value}", written)
    settings.write_text(written)
    form = ["kafka.tools.StorageTool", "format", "--no-initial-controllers", "-t", cluster[1], "-c", settings]
    subprocess.run([*first._command(jars, "-Xmx128m"), *form], check=True, capture_output=True, timeout=DEADLINE_S)
    with (folder / "server.log").open("wb") as log:
        node = subprocess.Popen(
            [*first._command(jars, "-Xmx256m"), "kafka.Kafka", settings], stdout=log, stderr=log, start_new_session=True
        )
    yield node
    node.kill()
    node.wait()


def until(true: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < give_up_at
        time.sleep(0.2)


@pytest.mark.campaign
def test_of_a_topic_without_a_leader_nothing_is_known_and_of_the_others_everything(
    first: LocalKafka, second: subprocess.Popen[bytes]
) -> None:
    # given one topic on each of two brokers, of which the second one is killed
    admin = KafkaAdminClient(bootstrap_servers=first.bootstrap)

    def made(topic: str, node: int) -> bool:
        try:
            admin.create_topics({topic: {"assignments": {0: [node]}}})
        except KafkaError:
            return False  # it is not taken into the cluster yet
        return True

    until(lambda: made(HERE, 1))
    until(lambda: made(AWAY, 2) and made(AWAY_TOO, 2))
    broker = KafkaBroker(Connection(first.bootstrap, deadline_s=DEADLINE_OF_A_CALL_S))
    window = [(topic, Entry(None, b"told", ())) for topic in (HERE, AWAY)]
    until(lambda: {outcome.status for outcome in broker.append(window)} == {"acknowledged"})
    reader = broker.reader()
    reader.follow({HERE: 0, AWAY: 0})
    assert (sum(len(reads) for reads in reader.poll(10, 5.0).values()) > 0, reader.silent()) == (True, set())
    second.kill()
    second.wait()

    def leads(topic: str) -> bool:
        [described] = admin.describe_topics([topic])
        return bool(described["partitions"][0]["leader_id"] != -1)

    until(lambda: not leads(AWAY))
    # when a window goes to both, then the one has it and the other one's outcome is not known
    here, away = broker.append(window)
    assert (here.status, away.status) == ("acknowledged", "unknown")
    # and whatever is asked of both is answered of the one
    asked: list[tuple[Callable[[Any], Mapping[str, Any]], dict[str, int], Callable[[Any], Any]]] = [
        (broker.begin_offsets, dict.fromkeys(ALL, 0), lambda begin: begin == 0),
        (broker.end_offsets, dict.fromkeys(ALL, 0), lambda to: to == here.offset + 1),
        (broker.tail, dict.fromkeys(ALL, 1), lambda reads: [one.offset for one in reads] == [here.offset]),
        (broker.at, dict.fromkeys(ALL, 0), lambda read: read.offset == 0),
    ]
    for ask, about, as_it_is in asked:
        times: list[int] = []

        def counted(some: Any, ask: Any = ask, times: list[int] = times) -> Any:
            times.append(len(some))
            return ask(some)

        found, silent = answers_of(counted, about)
        assert (found.keys(), silent.keys()) == ({HERE}, {AWAY, AWAY_TOO})
        assert as_it_is(found[HERE])
        assert f"{AWAY_TOO} has no leader" in str(silent[AWAY])
        assert times == [3, 1]
    # and whoever follows both gets what the one has, and is told of the other
    until(lambda: not reader.poll(10, 0.1) and reader.silent() == {AWAY})
    reader.close()
    broker.close()
    admin.close()
