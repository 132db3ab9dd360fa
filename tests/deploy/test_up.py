"""Every role as a process of its own: watched over, and stopped in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import orjson
import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api.caller import Claims
from deploy.cli import ROLES, main
from deploy.commands.distributed import Watched
from deploy.local.folders import parts_folder
from deploy.local.parts import Kafka, Postgres
from deploy.local.ports import free_port
from deploy.local.postgres import unprivileged_user
from deploy.migration import migrate
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


def test_a_role_that_was_killed_is_started_again(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, ledger="watched")
    migrate(settings)
    with Watched("clerk", settings) as clerk:
        before = clerk.described
        os.kill(int(before.split("(")[1].rstrip(")")), signal.SIGKILL)

        def started_again() -> bool:
            clerk.look()
            return clerk.described not in (before, "clerk (waits)")

        comes("another process", started_again)
        after = psutil.Process(int(clerk.described.split("(")[1].rstrip(")")))
        assert "clerk" in after.cmdline()
    assert not after.is_running()


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
