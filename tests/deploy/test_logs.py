"""What stands in a log line, for machines and for people, and what never does."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from blocks import ROOT

from deploy.cli import main
from deploy.logs import lines_to
from deploy.settings import LogForm
from domain.log_ids import Concerning, also_concerning, note_ids, sane_id
from domain.store import Keys, SqliteDatabase, Vault
from domain.store.sealed.vault import HeldMessage

SECRET = "140598-903F Kaisa Virtanen"


class Terminal(io.StringIO):
    """A stream with a person before it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    logger = logging.getLogger("kuty.test")
    logger.propagate = False
    yield logger
    logger.handlers.clear()
    logger.propagate = True


def logged(log: logging.Logger, stream: io.StringIO) -> None:
    """One line about a failure that quotes a client, and that another one caused."""
    log.addHandler(lines_to(stream))
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as cause:
            raise ValueError(f"no such client: {SECRET}") from cause
    except ValueError:
        log.exception("%s tries again in %.1f s", "relay", 0.1)


def line(stream: io.StringIO) -> dict[str, Any]:
    (one,) = stream.getvalue().splitlines()
    read: dict[str, Any] = json.loads(one)
    return read


def test_a_line_is_one_json_object_with_time_level_and_logger(log: logging.Logger) -> None:
    stream = io.StringIO()
    logged(log, stream)
    said = line(stream)
    assert (said["event"], said["level"], said["logger"]) == ("relay tries again in 0.1 s", "error", "kuty.test")
    assert said["timestamp"].endswith("Z")


def test_a_failure_is_told_by_its_types_and_places(log: logging.Logger) -> None:
    stream = io.StringIO()
    logged(log, stream)
    steps = line(stream)["exception"].splitlines()
    assert [step for step in steps if not step.startswith(" ")] == ["ValueError", "KeyError"]
    assert all(f"{__file__}:" in step and step.endswith(" logged") for step in steps if step.startswith(" "))


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_the_text_of_a_failure_is_never_logged(log: logging.Logger, stream: io.StringIO) -> None:
    logged(log, stream)
    assert "ValueError" in stream.getvalue()
    assert not [word for word in SECRET.split() if word in stream.getvalue()]


def test_the_words_of_a_task_that_failed_unseen_are_never_logged() -> None:
    stream, asyncs = io.StringIO(), logging.getLogger("asyncio")
    handler = lines_to(stream)
    asyncs.addHandler(handler)
    try:
        asyncs.error(f"Task exception was never retrieved\nfuture: <Task finished exception=ValueError('{SECRET}')>")
    finally:
        asyncs.removeHandler(handler)
    assert SECRET not in stream.getvalue()
    assert line(stream)["event"] == "Task exception was never retrieved"


def test_at_a_terminal_a_line_reads_as_words(log: logging.Logger) -> None:
    log.addHandler(lines_to(terminal := Terminal()))
    log.warning("topic %s is parked", "kuty.demo.out.kela.v1")
    assert "topic kuty.demo.out.kela.v1 is parked" in terminal.getvalue()
    assert "warning" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


def test_what_is_bound_stands_in_every_line(log: logging.Logger) -> None:
    log.addHandler(lines_to(stream := io.StringIO()))
    with structlog.contextvars.bound_contextvars(request="r-1"):
        log.warning("slow")
    assert line(stream)["request"] == "r-1"


def test_a_line_says_which_process_it_is_from(log: logging.Logger) -> None:
    log.addHandler(lines_to(stream := io.StringIO(), "json", "api,relay"))
    log.addHandler(lines_to(text := io.StringIO(), "text", "relay"))
    log.warning("slow")
    said = line(stream)
    assert (said["process"], said["pid"], said["event"]) == ("api,relay", os.getpid(), "slow")
    assert f"[relay {os.getpid()}] slow" in text.getvalue()


@pytest.mark.parametrize(("words", "called"), [(["settings"], "settings_listed"), (["serve", "--role", "relay"], "relay")])
def test_a_process_is_called_by_its_roles_or_else_by_what_it_does(
    words: list[str], called: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(tmp_path))
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    main(words)
    capsys.readouterr()
    logging.getLogger("kuty.test").warning("slow")
    assert json.loads(capsys.readouterr().err)["process"] == called


def test_every_command_logs_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    assert main(["settings"]) == 0
    logging.getLogger("kuty.test").warning("slow")
    assert json.loads(capsys.readouterr().err)["event"] == "slow"


# --- what libraries say -----------------------------------------------------------------------------------------------


@pytest.fixture
def library() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    logger, stream = logging.getLogger("library.of.others"), io.StringIO()
    writes = lines_to(stream)
    logger.addHandler(writes)
    yield logger, stream
    logger.removeHandler(writes)


def test_of_a_librarys_line_the_words_of_its_source_are_told_and_numbers_alone_filled_in(
    library: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, stream = library
    logger.warning("batch %d of %s " "failed after %.1f s: %s", 7, SECRET, 0.25, ValueError(SECRET))  # fmt: skip
    assert line(stream)["event"] == "batch 7 of … failed after 0.2 s: ValueError"


@pytest.mark.parametrize("said", [f"no such client: {SECRET}", f"{SECRET}: %s"])
def test_a_line_that_a_library_put_together_itself_is_told_by_its_place(
    said: str, library: tuple[logging.Logger, io.StringIO]
) -> None:
    logger, stream = library
    logger.warning(said, SECRET) if "%s" in said else logger.warning(said)
    assert SECRET not in stream.getvalue()
    assert line(stream)["event"].startswith("a line of library.of.others at test_logs.py:")


def test_what_a_callback_was_given_is_not_told_when_it_fails() -> None:
    """asyncio puts the callback with its arguments into the line."""
    stream, asyncs = io.StringIO(), logging.getLogger("asyncio")
    writes = lines_to(stream)
    asyncs.addHandler(writes)
    try:
        asyncs.error(f"Exception in callback print('{SECRET}')")
    finally:
        asyncs.removeHandler(writes)
    assert SECRET not in stream.getvalue()


# --- what a line is about ---------------------------------------------------------------------------------------------


def test_a_failure_names_what_was_being_worked_on_and_the_nearest_holds(log: logging.Logger) -> None:
    log.addHandler(lines_to(stream := io.StringIO()))
    try:
        with Concerning({"recipient": "kela", "position": 1}):
            log.warning("inside")
            failure = ValueError(SECRET)
            note_ids(failure, {"event_id": "e" * 32, "position": 7})
            raise RuntimeError from failure
    except RuntimeError:
        log.exception("outside")
    inside, outside = (json.loads(one) for one in stream.getvalue().splitlines())
    assert (inside["recipient"], inside["position"]) == ("kela", 1)
    assert (outside["recipient"], outside["position"], outside["event_id"]) == ("kela", 1, "e" * 32)


@pytest.mark.parametrize(
    ("given", "stands"),
    [
        ("0f8fad5b-d9cb-469f-a165-70867728950e", True),
        ("tampere-2025-03-03.0001", True),
        ("140598-903F", False),
        ("140598903F", False),
        ("140598_903f", False),
        ("140598.903F", False),
        ("x140598Z903Fx", False),
        ("140598903G", True),
        ("320598903F", True),
        ("0401234567", False),
        ("+358401234567", False),
        ("358-40-1234567", False),
        ("Virtanen-Kaisa", False),
        ("Kaisa Virtanen 1", False),
        ("short-1", False),
        ("x1" * 33, False),
    ],
)
def test_an_id_that_others_chose_stands_in_a_log_only_where_it_names_nobody(given: str, stands: bool) -> None:
    assert sane_id(given) == (given if stands else "")


@pytest.mark.parametrize("name", ["message_id", "request_id"])
def test_an_id_that_others_chose_is_looked_at_wherever_it_is_named(log: logging.Logger, name: str) -> None:
    log.addHandler(lines_to(stream := io.StringIO()))
    # given the three ways in which a line is told what it is about
    try:
        with Concerning({name: "140598-903F", "position": 1}):
            log.warning("inside")
            also_concerning({name: "140598-903F"})
            log.warning("further inside")
            note_ids(failure := ValueError(), {name: "140598-903F"})
            raise failure
    except ValueError:
        log.exception("outside")
    with Concerning({name: "tampere-2025-03-03.0001"}):
        log.warning("sane")
    # then none says an id that may name somebody, and all the rest stays
    assert "140598" not in stream.getvalue()
    *about, sane = (json.loads(one) for one in stream.getvalue().splitlines())
    assert [one["position"] for one in about] == [1, 1, 1]
    assert sane[name] == "tampere-2025-03-03.0001"


def test_a_message_that_waits_and_was_spoilt_is_said_without_an_id_that_names_its_client(tmp_path: Path) -> None:
    keys, vaults = (SqliteDatabase(tmp_path / f"{name}.db") for name in ("keys", "vault"))
    Keys.migrate(keys)
    Vault.migrate(vaults)
    vault = Vault(vaults, Keys(keys, b"m" * 32))
    # given messages that wait, of which one has a personal identity code in its id
    for message_id in ("140598-903F", "tampere-2025-03-03.0001"):
        vault.keep_held(HeldMessage("0000005-1", "provider", message_id, datetime(2025, 3, 10, tzinfo=UTC), b"{}"))
    vaults.write(lambda ask: ask("UPDATE held SET sealed = %s", (b"spoilt" * 10,)))
    stream, logger = io.StringIO(), logging.getLogger("kuty.vault")
    logger.addHandler(writes := lines_to(stream))
    try:
        assert vault.held() == []
    finally:
        logger.removeHandler(writes)
    # then both are told of, the one by its sender alone
    said = [json.loads(one) for one in stream.getvalue().splitlines()]
    assert [one.get("message_id") for one in said] == [None, "tampere-2025-03-03.0001"]
    assert "140598" not in stream.getvalue()


def test_a_command_that_fails_in_a_way_nobody_foresaw_says_where_and_quotes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object) -> int:
        raise KeyError(SECRET)

    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr("deploy.commands.measuring.settings_listed", failing)
    assert main(["settings"]) == 1
    logged_line, said = capsys.readouterr().err.splitlines()
    assert json.loads(logged_line)["exception"].startswith("KeyError\n")
    assert said == "kuty: a mistake of ours ended this (KeyError): the log line before says where"


def test_what_ends_a_thread_or_the_program_is_logged_without_its_words() -> None:
    script = (
        "import threading\nfrom deploy.logs import write_logs\nwrite_logs('WARNING')\n"
        f"def fail():\n    raise ValueError('{SECRET}')\n"
        "one = threading.Thread(target=fail, name='kuty-relay')\none.start()\none.join()\nfail()\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    thread, program = (json.loads(one) for one in ended.stderr.splitlines())
    assert ended.returncode == 1
    assert (thread["event"], program["event"]) == ("the thread kuty-relay ended", "the process ends by a mistake of ours")
    assert SECRET not in ended.stderr


@pytest.mark.parametrize(("form", "first"), [("json", "{"), ("text", "2"), ("", "{")])
def test_how_it_is_logged_is_a_setting(form: LogForm, first: str, log: logging.Logger) -> None:
    log.addHandler(lines_to(stream := io.StringIO(), form))
    log.warning("slow")
    assert stream.getvalue()[0] == first
