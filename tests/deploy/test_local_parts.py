"""The real servers that come with pip: started, killed, started again; and how the choice is made."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from consumers.broker import KafkaBroker
from consumers.broker_settings import Connection
from consumers.log import FOREVER, Entry, TopicSettings
from deploy.local import jars
from deploy.local.kafka_node import LocalKafka
from deploy.local.parts import GivenKafka, GivenPostgres, PartsWanted, choose_parts
from deploy.local.ports import PartFailed
from deploy.local.postgres import LocalPostgres


@pytest.fixture
def local_postgres(parts_folder: Path) -> Iterator[LocalPostgres]:
    with LocalPostgres(parts_folder / "postgres-to-kill") as running:
        yield running


def test_postgres_keeps_what_was_committed_when_it_is_killed(local_postgres: LocalPostgres) -> None:
    dsn = local_postgres.fresh_database()
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE kept (number int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    unfinished = psycopg.connect(dsn)
    unfinished.execute("INSERT INTO kept VALUES (2)")

    local_postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn, connect_timeout=2)
    local_postgres.start()

    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    unfinished.close()


def test_a_postgres_whose_first_start_was_broken_off_is_made_again(
    parts_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_off(command: list[Any], **_: Any) -> None:
        (Path(command[command.index("-D") + 1]) / "PG_VERSION").write_text("18")
        raise KeyboardInterrupt

    folder = parts_folder / "postgres-broken-off"
    # given that somebody lost patience, or was killed, while initdb had begun
    with monkeypatch.context() as within:
        within.setattr("deploy.local.postgres.subprocess.run", broken_off)
        with pytest.raises(KeyboardInterrupt):
            LocalPostgres(folder).start()
    # then the next start makes it
    with LocalPostgres(folder) as running, psycopg.connect(running.dsn) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert (folder / "password").stat().st_mode & 0o077 == 0
    assert not list(folder.glob("*.unfinished"))


def test_a_kafka_whose_first_start_was_broken_off_is_made_again(
    parts_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []

    def broken_off(command: list[Any], **_: Any) -> None:
        given.append(Path(command[-1]).read_text())
        raise KeyboardInterrupt

    monkeypatch.setattr("deploy.local.kafka_node.subprocess.run", broken_off)
    folder = parts_folder / "kafka-broken-off"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            LocalKafka(folder, jars=tmp_path, java=tmp_path).start()
        (folder / "data.unfinished").mkdir(exist_ok=True)
        (folder / "data.unfinished" / "meta.properties").touch()
    assert [f"log.dirs={folder}/data.unfinished\n" in settings for settings in given] == [True, True]
    assert not (folder / "data").exists()


def test_postgres_lets_nobody_in_without_the_password(local_postgres: LocalPostgres) -> None:
    wrong = psycopg.conninfo.make_conninfo(local_postgres.dsn, password="guess")

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(wrong)


def test_each_fresh_database_is_empty_and_its_own(local_postgres: LocalPostgres) -> None:
    first, second = local_postgres.fresh_database(), local_postgres.fresh_database()

    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE here (number int)")
    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT to_regclass('here')").fetchone() == (None,)


def test_servers_come_back_to_their_folder_with_the_same_data_and_address(parts_folder: Path) -> None:
    folder, cache = parts_folder / "kafka-again", PartsWanted.from_environment().cache
    with LocalKafka(folder, cache=cache) as first:
        broker = KafkaBroker(Connection(first.bootstrap))
        broker.create_topics({"kuty.again.v1": TopicSettings(FOREVER)})
        broker.append([("kuty.again.v1", Entry(b"k", b"v", ()))])
        broker.close()

    with LocalKafka(folder, cache=cache) as second:
        broker = KafkaBroker(Connection(second.bootstrap))
        assert second.bootstrap == first.bootstrap
        assert broker.end_offsets(["kuty.again.v1"]) == {"kuty.again.v1": 1}
        broker.close()


def test_a_server_that_cannot_start_says_why(parts_folder: Path) -> None:
    broken = parts_folder / "broken-jars"
    broken.mkdir()

    with pytest.raises(PartFailed, match="StorageTool"):
        LocalKafka(parts_folder / "kafka-broken", jars=broken).start()


def test_jars_asked_for_twice_at_once_are_put_in_place_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=30)

    def resolve(workplace: Path) -> Path:
        gathered = workplace / "gathered"
        gathered.mkdir()
        (gathered / "kafka.jar").write_bytes(b"jar")
        both.wait()
        return gathered

    monkeypatch.setattr(jars, "_resolve", resolve)
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(jars.kafka_jars(tmp_path / "cache"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert found == [tmp_path / "cache" / "kafka-4.3.1"] * 2
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["kafka-4.3.1"]
    assert (found[0] / "kafka.jar").read_bytes() == b"jar"


# -- the choice --------------------------------------------------------------------------------------------


def test_addresses_in_the_settings_come_first() -> None:
    parts = choose_parts(PartsWanted(postgres_dsn="postgresql://db/kuty", kafka_bootstrap="localhost:9092"))

    assert isinstance(parts.postgres(Path("unused")), GivenPostgres)
    assert isinstance(parts.kafka(Path("unused")), GivenKafka)
    assert parts.described.count("at the address in the settings") == 2


def test_a_part_without_an_address_is_started_here(tmp_path: Path) -> None:
    parts = choose_parts(PartsWanted(kind="pip", kafka_bootstrap="localhost:9092"))

    assert isinstance(parts.postgres(tmp_path), LocalPostgres)
    assert isinstance(parts.kafka(tmp_path), LocalKafka)
    assert parts.described.count("packages of pip") == 2


def test_docker_asked_for_with_an_image_that_nobody_has_is_an_error() -> None:
    with pytest.raises(PartFailed, match="Docker"):
        choose_parts(PartsWanted(kind="docker", kafka_image="localhost:1/kuty/no-such-image:0"))


def test_settings_asked_for_without_addresses_are_an_error() -> None:
    with pytest.raises(PartFailed, match="KUTY_TEST_KAFKA_BOOTSTRAP"):
        choose_parts(PartsWanted(kind="settings"))


def test_an_unknown_kind_of_parts_is_an_error() -> None:
    with pytest.raises(ValueError, match="KUTY_TEST_PARTS"):
        PartsWanted.from_environment({"KUTY_TEST_PARTS": "magic"})


def test_a_server_that_is_not_ours_is_not_ours_to_kill() -> None:
    with pytest.raises(PartFailed):
        GivenKafka("localhost:9092").kill()
