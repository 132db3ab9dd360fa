"""A process that may open nothing more: the API takes no new caller and answers those it has, roles try again, nothing turns
in circles, and when something can be opened again everything goes on by itself."""

from __future__ import annotations

import os
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
from faults.place import Place, begun
from logins import login_dsn

from deploy.local.parts import Kafka, Postgres
from deploy.local.ports import free_port
from deploy.settings import Settings
from deploy.wiring import opened

REST_DEADLINE_S = 120.0
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
BUSY = 0.5
"""Of one processor: who uses more while there is nothing that can be done turns in circles."""


@contextmanager
def nothing_more_opens(process: psutil.Process, spare: int = 0) -> Iterator[None]:
    """As many descriptors as the process has open now, and no more but the spare ones."""
    before = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + spare, before[1]))
    try:
        yield
    finally:
        process.rlimit(psutil.RLIMIT_NOFILE, before)


def share_of_a_processor(process: psutil.Process, ticks: int) -> float:
    """What the process uses of one while so many ticks of the machine's idle or busy time go by."""
    machine, own = _ticks_of_machine(), _own_s(process)
    until(lambda: _ticks_of_machine() - machine >= ticks, "time goes by")
    passed = (_ticks_of_machine() - machine) / (os.cpu_count() or 1) * TICK_S
    return (_own_s(process) - own) / passed


def _ticks_of_machine() -> int:
    return sum(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]))


def _own_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


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


@pytest.mark.campaign
@pytest.mark.parametrize("roles", [("intake", "projector")])
def test_roles_that_can_open_nothing_more_try_again_and_go_on_when_they_can(
    roles: tuple[str, ...], postgres: Postgres, kafka: Kafka, home: Path, tmp_path: Path
) -> None:
    ledger = f"narrow-{home.name[5:].replace('_', 'x').lower()}"
    owner = postgres.fresh_database()
    settings = Settings(
        ledger=ledger, home=home, owner_dsn=owner, store_dsn=login_dsn(owner, f"store_{ledger.replace('-', '_')}"),
        models_dsn=login_dsn(owner, f"models_{ledger.replace('-', '_')}"), kafka=kafka.bootstrap, port=free_port(),
        kafka_deadline_s=5.0,
    )  # fmt: skip
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
        with psycopg.connect(postgres.dsn, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database_of(settings),)
            )
        asked.again()
        # then commands are taken by those who can, and nothing turns in circles
        until(lambda: asked.one().status == 201, "a command is taken")
        for process in processes:
            assert share_of_a_processor(process, 200) < BUSY
        # and when something can be opened, everything goes on
        narrow.close()
        asked.again()
        until(lambda: at_head(wired), "rest", REST_DEADLINE_S)
        for member in crew.members.values():
            assert "Traceback" not in member.log.read_text(), member.tail()
        assert {role: member.ended_by_itself for role, member in crew.members.items() if member.ended_by_itself} == {}
        check_everything(wired, asked)


def database_of(settings: Settings) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(settings.store_dsn)["dbname"])
