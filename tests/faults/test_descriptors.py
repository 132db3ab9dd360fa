"""A process that may open nothing more: the API takes no new caller and answers those it has, roles try again, nothing turns
in circles, and when something can be opened again everything goes on by itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import psutil
import psycopg
import pytest
from faults.asked import Asked, check_everything
from faults.crew import Crew, until, whole
from faults.ledgers import at_head
from faults.place import UNAVAILABLE, Place, begun
from faults.processes import BUSY, nothing_more_opens, share_of_a_processor
from logins import dsns_of

from deploy.local.parts import Kafka, Postgres
from deploy.local.ports import free_port
from deploy.settings import Settings
from deploy.wiring import opened

REST_DEADLINE_S = 240.0
def test_an_api_that_can_open_nothing_more_goes_on_with_those_it_has_and_with_all_when_it_can(
    home: Path, tmp_path: Path
) -> None:
    settings = Settings(ledger="narrow", home=home, port=free_port())
    with begun(settings) as (_, place):
        pass
    asked = Asked(place)
    with whole(settings, tmp_path / "serve.log") as serving, ExitStack() as callers:
        process = psutil.Process(serving.pid)
        assert [asked.one().status for _ in range(2)] == [201, 201]
        until(place.is_at_rest, "rest", REST_DEADLINE_S)
        kept = callers.enter_context(kept_connection(place))
        with nothing_more_opens(process, spare=8):
            # when many connect who say nothing
            silent = [callers.enter_context(socket.create_connection(address(settings))) for _ in range(40)]
            until(lambda: process.num_fds() >= process.rlimit(psutil.RLIMIT_NOFILE)[0], "nothing more opens")
            # then whoever is connected is answered, and nothing turns in circles
            assert kept.ask() == 200
            assert share_of_a_processor(process, 200) < BUSY
        # and when they are gone, everybody is
        for one in silent:
            one.close()
        until(lambda: asked.one().status == 201, "a new caller is answered")
        until(place.is_at_rest, "rest", REST_DEADLINE_S)
        assert serving.ended_by_itself == []
        # and it was said, and not once for everybody who waited
        said = serving.log.read_text()
        assert "nobody new is heard" in said
        assert len(said.splitlines()) < 60
    with opened(settings) as wired:
        check_everything(wired, asked)


def address(settings: Settings) -> tuple[str, int]:
    return settings.host, settings.port


class Caller:
    """A connection that stays."""

    def __init__(self, connection: HTTPConnection, place: Place) -> None:
        self._connection = connection
        self._place = place

    def ask(self) -> int:
        """Ask for the line of the county's publications; the status."""
        path, headers = self._place.line()
        self._connection.request("GET", path, None, headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status


@contextmanager
def kept_connection(place: Place) -> Iterator[Caller]:
    connection = HTTPConnection(*address(place.settings), timeout=60.0)
    try:
        caller = Caller(connection, place)
        assert caller.ask() == 200
        yield caller
    finally:
        connection.close()


@pytest.fixture
def settings(postgres: Postgres, kafka: Kafka, home: Path) -> Settings:
    """Of a ledger on servers, with logins that own nothing."""
    ledger = f"narrow-{home.name[5:].replace('_', 'x').lower()}"
    dsns = dsns_of(postgres.fresh_database(), ledger)
    return Settings(ledger=ledger, home=home, kafka=kafka.bootstrap, port=free_port(), kafka_deadline_s=5.0, **dsns)


def lose_connections(postgres: Postgres, settings: Settings) -> None:
    """Everybody's to the ledger's database."""
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database_of(settings),)
        )


def check_crew(crew: Crew) -> None:
    """Nobody has ended by himself, or said anything that nobody expected."""
    for member in crew.members.values():
        assert "Traceback" not in member.log.read_text(), member.tail()
    assert {role: member.ended_by_itself for role, member in crew.members.items() if member.ended_by_itself} == {}


@pytest.mark.campaign
@pytest.mark.parametrize("roles", [("intake", "projector"), ("relay", "disclosure"), ("clerk",)], ids=" ".join)
def test_roles_that_can_open_nothing_more_try_again_and_go_on_when_they_can(
    roles: tuple[str, ...], postgres: Postgres, settings: Settings, tmp_path: Path
) -> None:
    with begun(settings) as (_, place):
        pass
    asked = Asked(place)
    with opened(settings) as wired, Crew(settings, tmp_path) as crew, ExitStack() as narrow:
        assert [asked.one().status for _ in range(4)] == [201] * 4
        until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
        processes = [psutil.Process(crew.members[role].pid) for role in roles]
        # when roles can open nothing more, and lose the connections that they have
        for process in processes:
            narrow.enter_context(nothing_more_opens(process))
        lose_connections(postgres, settings)
        asked.again()
        # then commands are taken by those who can, and nothing turns in circles
        until(lambda: asked.one().status == 201, "a command is taken")
        for process in processes:
            assert share_of_a_processor(process, 200) < BUSY
        # and when something can be opened, everything goes on
        narrow.close()
        asked.again()
        until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
        check_crew(crew)
        check_everything(wired, asked)


@pytest.mark.campaign
def test_an_api_that_has_lost_its_connections_and_can_open_none_says_so_and_goes_on_when_it_can(
    postgres: Postgres, settings: Settings, tmp_path: Path
) -> None:
    with begun(settings) as (_, place):
        pass
    asked = Asked(place)
    with opened(settings) as wired, Crew(settings, tmp_path) as crew, ExitStack() as callers:
        assert [asked.one().status for _ in range(4)] == [201] * 4
        until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
        process = psutil.Process(crew.members["api"].pid)
        kept = callers.enter_context(kept_connection(place))
        with nothing_more_opens(process):
            lose_connections(postgres, settings)
            # then who is connected is told so, and nothing turns in circles
            until(lambda: kept.ask() == UNAVAILABLE, "the API says that the store does not answer")
            assert share_of_a_processor(process, 200) < BUSY
            assert kept.ask() == UNAVAILABLE
        # and when something can be opened, everybody is answered
        until(lambda: kept.ask() == 200, "who is connected is answered")
        until(lambda: asked.one().status == 201, "a new caller is answered")
        asked.again()
        until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
        check_crew(crew)
        check_everything(wired, asked)


def database_of(settings: Settings) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(settings.store_dsn)["dbname"])
