"""Every role as a process of its own: watched over, and stopped in order."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import orjson
import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api.caller import Claims
from deploy.cli import ROLES, main
from deploy.commands.distributed import NEXT_EPOCH, RESTARTS, WatchedRole, password_in, records_of
from deploy.local import left
from deploy.local.folders import parts_folder
from deploy.local.left import remember, stop_left
from deploy.local.parts import Kafka, Postgres
from deploy.local.ports import free_port
from deploy.local.postgres import unprivileged_user
from deploy.migration import migrate
from deploy.roles import MOVED_ON
from deploy.serving import issuer_of
from deploy.settings import Settings
from deploy.wiring import PROVISIONER, owned_by_us

DEADLINE_S = 180.0
ROOT = Path(__file__).resolve().parents[2]


def comes(what: str, found: Callable[[], object]) -> object:
    """What is found once it is there."""
    give_up_at = time.monotonic() + DEADLINE_S
    while time.monotonic() < give_up_at:
        result = found()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come within {DEADLINE_S:.0f} s")


def has_ended(process: psutil.Process) -> bool:
    """Whether it has, though nobody may have collected it yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_role_that_was_killed_is_started_again(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, ledger="watched")
    migrate(settings)
    with WatchedRole("clerk", settings, tmp_path) as clerk:
        before = clerk.described
        os.kill(int(before.split("(")[1].rstrip(")")), signal.SIGKILL)

        def started_again() -> bool:
            clerk.look()
            return clerk.described not in (before, "clerk (waits)")

        started = RESTARTS.counted().get(("clerk",), 0)
        comes("that it is missed", lambda: clerk.look() or clerk.fault)
        assert clerk.fault
        assert clerk.fault.why == "ended with -9"
        comes("another process", started_again)
        assert (clerk.fault, RESTARTS.counted()[("clerk",)]) == (None, started + 1)
        after = psutil.Process(int(clerk.described.split("(")[1].rstrip(")")))
        comes("its words", lambda: "clerk" in after.cmdline())
    assert not after.is_running()


@pytest.mark.parametrize(("code", "level", "said"), [(MOVED_ON, "WARNING", NEXT_EPOCH), (1, "ERROR", "ended with 1")])
def test_a_role_that_ends_for_the_next_epoch_is_no_error(
    code: int, level: str, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clerk = WatchedRole("clerk", Settings(home=tmp_path), tmp_path)
    clerk._process = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"])
    clerk._process.wait()
    caplog.set_level("WARNING")
    clerk.look()
    assert [(line.levelname, line.getMessage()) for line in caplog.records] == [(level, f"clerk {said}; again in 0.5 s")]
    assert clerk.fault
    assert clerk.fault.why == said


def test_a_password_is_kept_whole_or_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "logins"

    def broken_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as within:
        within.setattr(Path, "write_text", broken_off)
        with pytest.raises(KeyboardInterrupt):
            password_in(file)
    made = password_in(file)
    assert (len(made), password_in(file), file.stat().st_mode & 0o077) == (32, made, 0)
    file.write_text("")
    assert len(password_in(file)) == 32


def test_only_what_was_recorded_with_its_start_is_stopped(tmp_path: Path) -> None:
    """A number that somebody else's process has by now says nothing."""
    waits = [sys.executable, "-c", "import signal; signal.pause()"]
    ours, foreign = subprocess.Popen(waits), subprocess.Popen(waits)
    records = [tmp_path / name / "process" for name in ("foreign", "ours", "gone", "nonsense", "nothing")]
    for record in records[:-1]:
        record.parent.mkdir()
    remember(records[1], ours.pid)
    number, started, stops_by = records[1].read_text().split()
    records[0].write_text(f"{foreign.pid} {float(started) - 10} {stops_by}")
    records[2].write_text(f"{2**22 + 1} {started} {stops_by}")
    records[3].write_text("who knows")
    try:
        assert stop_left(records) == [f"ours ({number})"]
        assert ours.wait(DEADLINE_S) == -signal.SIGTERM
        assert foreign.poll() is None
        assert stop_left(records) == []
    finally:
        for process in (ours, foreign):
            process.kill()
            process.wait()


def test_what_does_not_stop_when_it_is_asked_is_ended_with_all_that_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(left, "STOP_DEADLINE_S", 1.0)
    deaf = "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)\n"
    parent = deaf + "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
    parent += "print(child.pid, flush=True); signal.pause()"
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    child = psutil.Process(int(process.stdout.readline()))
    remember(tmp_path / "process", process.pid)
    assert len(stop_left([tmp_path / "process"])) == 1
    assert process.wait(DEADLINE_S) == -signal.SIGKILL
    assert has_ended(child)
    process.stdout.close()


@pytest.fixture
def up_alone(tmp_path: Path) -> Iterator[tuple[Settings, Callable[[], subprocess.Popen[bytes]], Path]]:
    """`kuty up` on servers of its own, from pip; its log. Whatever it leaves is stopped at the end."""
    settings = Settings(ledger=f"left-{os.getpid()}", home=tmp_path / "var", port=free_port())
    environment = {**os.environ, **settings.environment(), "KUTY_TEST_PARTS": "pip"}
    for name in ("KUTY_TEST_POSTGRES_DSN", "KUTY_TEST_KAFKA_BOOTSTRAP"):
        environment.pop(name, None)
    log = tmp_path / "up.log"
    started: list[subprocess.Popen[bytes]] = []

    def up() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            command = [sys.executable, "-m", "deploy.cli", "up", "--demo", "1"]
            started.append(subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=ROOT))
        return started[-1]

    folder = parts_folder(settings.home, unprivileged_user())
    yield settings, up, log
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE_S)
    stop_left(records_of(folder))
    shutil.rmtree(folder)


def test_what_a_killed_one_left_is_stopped_by_the_next_and_a_server_that_dies_comes_back(
    up_alone: tuple[Settings, Callable[[], subprocess.Popen[bytes]], Path],
) -> None:
    settings, start, log = up_alone

    def at_rest(up: subprocess.Popen[bytes]) -> bool:
        assert up.poll() is None, log.read_text()
        found = health(settings)
        return bool(found and found["at_head"])

    first = start()
    comes("rest", lambda: at_rest(first))
    orphans = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.wait()
    assert [one.name() for one in orphans if one.is_running()]

    second = start()
    comes("the next one", lambda: second.poll() is not None or log.read_text().count("shows what to try") == 2)
    comes("rest", lambda: at_rest(second))
    assert [one for one in orphans if not has_ended(one)] == []
    assert "Stopped what a `kuty up` that was killed had left: api (" in log.read_text()
    assert "has data already" in log.read_text()

    for name, line in (("postgres", "PostgreSQL ended; again in 0.5 s"), ("java", "Kafka ended; again in 0.5 s")):
        [server] = [one for one in psutil.Process(second.pid).children() if one.name() == name]
        server.kill()
        comes("the log line", lambda line=line: log.read_text().count(line) == 1)
        comes("another server", lambda name=name: [
            one for one in psutil.Process(second.pid).children() if one.name() == name and one.is_running()
        ])  # fmt: skip
        comes("rest", lambda: at_rest(second))
    second.send_signal(signal.SIGTERM)
    assert second.wait(DEADLINE_S) == 0


def test_a_second_one_on_the_same_ledger_says_in_one_sentence_that_it_runs_already(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, ledger=f"twice-{os.getpid()}")
    for name in ("home", "ledger"):
        monkeypatch.setenv(f"KUTY_{name.upper()}", str(getattr(settings, name)))
    with owned_by_us(parts_folder(settings.home, unprivileged_user()) / "up.lock"):
        assert main(["up"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"kuty: `kuty up` runs already on the ledger {settings.ledger}: ")


def health(settings: Settings) -> dict[str, object] | None:
    claims = Claims(ledger=settings.ledger, org="0000001-9", task="organiser", role="own_worker", person="W-01")
    token = issuer_of(settings).token(claims)
    connection = HTTPConnection(settings.host, settings.port, timeout=10)
    try:
        connection.request("GET", f"/ledgers/{settings.ledger}/health", headers={"authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        content: dict[str, object] = orjson.loads(answer.read())
        return content if answer.status == 200 else None
    except OSError:
        return None
    finally:
        connection.close()


def test_everything_runs_on_real_parts_under_logins_that_own_nothing(
    postgres: Postgres, kafka: Kafka, tmp_path: Path
) -> None:
    owner = postgres.fresh_database()
    settings = Settings(
        ledger=f"up-{os.getpid()}",
        home=tmp_path,
        kafka=kafka.bootstrap,
        owner_dsn=owner,
        store_dsn=make_conninfo(owner, user="kuty_up_store", password="up"),
        keys_owner_dsn=owner,
        keys_dsn=make_conninfo(owner, user="kuty_up_keys", password="up"),
        vault_owner_dsn=owner,
        vault_dsn=make_conninfo(owner, user="kuty_up_vault", password="up"),
        models_dsn=make_conninfo(owner, user="kuty_up_models", password="up"),
        port=free_port(),
    )
    environment = {**os.environ, **settings.environment(), "KUTY_OWNER_DSN": owner}
    log = (tmp_path / "up.log").open("wb")
    up = subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "up", "--demo", "1"], env=environment, stdout=log, stderr=log, cwd=ROOT
    )
    try:
        comes("the API", lambda: up.poll() is not None or health(settings))
        assert up.poll() is None, (tmp_path / "up.log").read_text()
        state = comes("rest", lambda: (found := health(settings)) and found["at_head"] and found)
        assert isinstance(state, dict)
        assert set(state["lag"]) == set(ROLES) - {"api", PROVISIONER}
        children = psutil.Process(up.pid).children()
        assert sorted(child.cmdline()[-1] for child in children) == sorted(ROLES)
        # and the rights of the owner are in none but the one who provisions
        secret = psycopg.conninfo.conninfo_to_dict(owner)["password"]
        holding = {
            child.cmdline()[-1]
            for child in children
            if any(str(secret) in text for text in (*child.environ().values(), *child.cmdline()))
        }
        assert holding == {PROVISIONER}
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(DEADLINE_S)
        log.close()
    assert not [child for child in children if child.is_running()]
