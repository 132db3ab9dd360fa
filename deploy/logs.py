"""Log lines of every room, in one shape: JSON on standard error, words where a person reads along at a terminal.

The rooms log with the standard library; here alone it is said what becomes of it. What is bound with
`structlog.contextvars` stands in every line that is logged meanwhile.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from typing import TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from api.request_ids import PRESENT


def write_logs(level: str) -> None:
    """Write what is logged from now on to standard error. Does nothing where somebody has arranged for it already."""
    logging.basicConfig(level=level, handlers=[lines_to(sys.stderr)])


def lines_to(stream: TextIO) -> logging.Handler:
    """What writes log lines there: for people where it is a terminal, else one JSON object a line."""
    shown: Processor = structlog.processors.JSONRenderer()
    if stream.isatty():
        shown = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    writes = logging.StreamHandler(stream)
    writes.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                _of_request,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                _without_values,
            ],
            processors=[ProcessorFormatter.remove_processors_meta, shown],
        )
    )
    return writes


def _of_request(_: object, __: str, line: EventDict) -> EventDict:
    """A line that is logged while a request is answered names it."""
    named = PRESENT.get()
    return {**line, "request_id": named} if named else line


def _without_values(_: object, __: str, line: EventDict) -> EventDict:
    """A failure is told by its type and the lines of code it came through: its text may quote what a client said."""
    if line.get("logger") == "asyncio":
        # Of a task that failed unseen it writes the failure's own words, behind the first line.
        line["event"] = str(line["event"]).partition("\n")[0]
    failure = line.pop("exc_info", None)
    if failure:
        line["exception"] = "\n".join(_told(failure[1]))
    return line


def _told(error: BaseException | None) -> Iterator[str]:
    told: list[BaseException] = []  # two failures may name each other as their cause
    while error is not None and error not in told:
        told.append(error)
        yield type(error).__qualname__
        yield from (f"  {step.filename}:{step.lineno} {step.name}" for step in traceback.extract_tb(error.__traceback__))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
