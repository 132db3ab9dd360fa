"""Real PostgreSQL and Kafka in Docker, through testcontainers; image names are the caller's."""

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg.conninfo import make_conninfo

from consumers.broker import broker_answers
from deploy.local.ports import PartFailed, free_port
from deploy.local.postgres import SUPERUSER, fresh_database

ENGINE_DEADLINE_S = 3
START_DEADLINE_S = 90.0


def why_not_docker(*images: str) -> str | None:
    """None when an engine answers and has, or can fetch, every image; else the reason in one sentence."""
    try:
        import docker
    except ImportError:
        return "the package docker is not installed"
    try:
        engine = docker.from_env(timeout=ENGINE_DEADLINE_S)
        engine.ping()
    except Exception:  # the package raises many kinds, and any of them means no
        return "no Docker engine answers"
    for image in images:
        try:
            engine.images.get(image)
        except docker.errors.DockerException:
            try:
                docker.from_env().images.pull(image)
            except docker.errors.DockerException:
                return f"Docker has no image {image} and cannot fetch it"
    return None


class Container(ABC):
    """One container on a fixed loopback port, so that it comes back at the same address after a kill."""

    def __init__(self, image: str, inside: int, settings: dict[str, str], command: str = "") -> None:
        self.port = free_port()
        self._image, self._inside, self._settings, self._command = image, inside, settings, command
        self._container: Any = None

    def start(self) -> None:
        """Start, or start again on the same data; return when a client is answered."""
        if self._container is None:
            from testcontainers.core.container import DockerContainer

            self._container = DockerContainer(self._image).with_bind_ports(self._inside, self.port)
            for name, value in self._settings.items():
                self._container.with_env(name, value)
            if self._command:
                self._container.with_command(self._command)
            self._container.start()
        else:
            self._container.get_wrapped_container().start()
        _wait(self._image, self.answers)

    def runs(self) -> bool:
        """Whether the container is there and has not ended."""
        if self._container is None:
            return False
        inside = self._container.get_wrapped_container()
        inside.reload()
        return str(inside.status) not in ("exited", "dead")

    def stop(self) -> None:
        """Stop and remove the container with its data."""
        if self._container is not None:
            self._container.stop()
            self._container = None

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()
        self._container.get_wrapped_container().wait()

    def freeze(self) -> None:
        self._container.get_wrapped_container().pause()

    def thaw(self) -> None:
        self._container.get_wrapped_container().unpause()

    @abstractmethod
    def answers(self) -> bool:
        """Whether a client is answered now."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


class ContainerPostgres(Container):
    """PostgreSQL from an image with the interface of the official one."""

    def __init__(self, image: str) -> None:
        password = secrets.token_urlsafe(24)
        login = {"POSTGRES_USER": SUPERUSER, "POSTGRES_PASSWORD": password}
        super().__init__(image, 5432, login, "postgres -c max_connections=200")  # as many as one that is started here
        self.dsn = make_conninfo(host="127.0.0.1", port=self.port, user=SUPERUSER, password=password, dbname="postgres")

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.dsn, connect_timeout=2) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    def fresh_database(self) -> str:
        return fresh_database(self.dsn)


class ContainerKafka(Container):
    """Kafka, one KRaft node, from an image with the interface of the official one."""

    def __init__(self, image: str) -> None:
        super().__init__(image, 9092, {})
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._settings = {
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_LISTENERS": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://localhost:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{self.bootstrap}",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
            "KAFKA_LOG_MESSAGE_TIMESTAMP_TYPE": "LogAppendTime",
        }

    def answers(self) -> bool:
        return broker_answers(self.bootstrap)


def _wait(name: str, answers: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + START_DEADLINE_S
    while not answers():
        if time.monotonic() > give_up_at:
            raise PartFailed(f"{name} did not answer within {START_DEADLINE_S:.0f} s")
        time.sleep(0.1)
