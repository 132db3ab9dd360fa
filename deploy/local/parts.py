"""Which real PostgreSQL and Kafka to use here: the ones named in the environment, Docker's, or pip's."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from deploy.local.kafka_node import LocalKafka
from deploy.local.ports import PartFailed
from deploy.local.postgres import LocalPostgres, fresh_database

KINDS = ("settings", "docker", "pip")


class Part(Protocol):
    """A server that can be started, stopped, and hurt on purpose. Raises PartFailed."""

    def start(self) -> None: ...
    def runs(self) -> bool: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Postgres(Part, Protocol):
    """A PostgreSQL server: `dsn` is a superuser's, `fresh_database()` makes an empty database and names it."""

    @property
    def dsn(self) -> str: ...
    def fresh_database(self) -> str: ...


class Kafka(Part, Protocol):
    """A Kafka broker: `bootstrap` is `host:port` for any client."""

    @property
    def bootstrap(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PartsWanted:
    """What the choice is made from. `kind` of None takes the first that works: settings, docker, pip."""

    kind: str | None = None
    postgres_dsn: str | None = None
    kafka_bootstrap: str | None = None
    postgres_image: str = "postgres:18"
    kafka_image: str = "apache/kafka:4.3.1"
    postgres_binaries: Path | None = None
    java: Path | None = None
    jars: Path | None = None
    cache: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """`KUTY_TEST_PARTS`, `KUTY_TEST_POSTGRES_DSN`, `KUTY_TEST_KAFKA_BOOTSTRAP`, `…_POSTGRES_IMAGE`,
        `…_KAFKA_IMAGE`, `…_POSTGRES_BINARIES`, `…_JAVA`, `…_JARS`, `…_CACHE`. Raises ValueError."""
        values = os.environ if environment is None else environment

        def text(name: str) -> str | None:
            return values.get(f"KUTY_TEST_{name}") or None

        def path(name: str) -> Path | None:
            value = text(name)
            return Path(value) if value else None

        kind = text("PARTS")
        if kind is not None and kind not in KINDS:
            raise ValueError(f"KUTY_TEST_PARTS is {kind} and should be one of {', '.join(KINDS)}")
        return cls(
            kind=kind,
            postgres_dsn=text("POSTGRES_DSN"),
            kafka_bootstrap=text("KAFKA_BOOTSTRAP"),
            postgres_image=text("POSTGRES_IMAGE") or "postgres:18",
            kafka_image=text("KAFKA_IMAGE") or "apache/kafka:4.3.1",
            postgres_binaries=path("POSTGRES_BINARIES"),
            java=path("JAVA"),
            jars=path("JARS"),
            cache=path("CACHE"),
        )


class Parts:
    """The choice: `described` in one sentence, and the two makers. Nothing is started by choosing."""

    def __init__(self, wanted: PartsWanted, postgres_from: str, kafka_from: str) -> None:
        self._wanted, self._postgres_from, self._kafka_from = wanted, postgres_from, kafka_from

    @property
    def described(self) -> str:
        words = {
            "settings": "at the address in the settings",
            "docker": "in Docker ({})",
            "pip": "started here from packages of pip",
        }
        postgres = words[self._postgres_from].format(self._wanted.postgres_image)
        kafka = words[self._kafka_from].format(self._wanted.kafka_image)
        return f"PostgreSQL {postgres}, Apache Kafka {kafka}."

    def postgres(self, folder: Path) -> Postgres:
        """A PostgreSQL that keeps what it keeps in `folder`; not started."""
        if self._postgres_from == "settings":
            return GivenPostgres(self._wanted.postgres_dsn or "")
        if self._postgres_from == "docker":
            from deploy.local.containers import ContainerPostgres

            return ContainerPostgres(self._wanted.postgres_image)
        return LocalPostgres(folder, binaries=self._wanted.postgres_binaries)

    def kafka(self, folder: Path) -> Kafka:
        """A Kafka that keeps what it keeps in `folder`; not started."""
        if self._kafka_from == "settings":
            return GivenKafka(self._wanted.kafka_bootstrap or "")
        if self._kafka_from == "docker":
            from deploy.local.containers import ContainerKafka

            return ContainerKafka(self._wanted.kafka_image)
        return LocalKafka(folder, cache=self._wanted.cache, jars=self._wanted.jars, java=self._wanted.java)


def choose_parts(wanted: PartsWanted | None = None) -> Parts:
    """Each part by itself: its address where one is given, else Docker where an engine answers and has or can
    fetch both images, else pip. A `kind` that was asked for and cannot be had raises PartFailed."""
    wanted = wanted or PartsWanted.from_environment()
    if wanted.kind == "settings" and not (wanted.postgres_dsn and wanted.kafka_bootstrap):
        raise PartFailed("KUTY_TEST_PARTS=settings needs KUTY_TEST_POSTGRES_DSN and KUTY_TEST_KAFKA_BOOTSTRAP")
    given = wanted.kind in (None, "settings")
    by_address = bool(given and wanted.postgres_dsn), bool(given and wanted.kafka_bootstrap)
    if all(by_address):
        return Parts(wanted, "settings", "settings")
    rest = "pip"
    if wanted.kind in (None, "docker"):
        from deploy.local.containers import why_not_docker

        refusal = why_not_docker(wanted.postgres_image, wanted.kafka_image)
        if refusal is None:
            rest = "docker"
        elif wanted.kind == "docker":
            raise PartFailed(refusal)
    postgres_from, kafka_from = ("settings" if addressed else rest for addressed in by_address)
    return Parts(wanted, postgres_from, kafka_from)


class GivenPart:
    """A server that is not ours: it is there already, and it is not ours to stop or hurt."""

    def start(self) -> None:
        """It runs already."""

    def runs(self) -> bool:
        """Whether it does is its owner's to see to."""
        return True

    def stop(self) -> None:
        """It goes on running."""

    def kill(self) -> None:
        raise PartFailed("this server belongs to somebody else")

    freeze = thaw = kill

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class GivenPostgres(GivenPart):
    """The PostgreSQL at an address; its user must be allowed to make databases."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def fresh_database(self) -> str:
        return fresh_database(self.dsn)


class GivenKafka(GivenPart):
    """The Kafka at an address; reached from this machine without TLS."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
