"""What stands in a log line, for machines and for people, and what never does."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from deploy.cli import main
from deploy.logs import lines_to

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


def test_every_command_logs_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    assert main(["settings"]) == 0
    logging.getLogger("kuty.test").warning("slow")
    assert json.loads(capsys.readouterr().err)["event"] == "slow"
