"""Log lines of every room, in one shape: JSON on standard error, words where a person reads along at a terminal.

The rooms log with the standard library; here alone it is said what becomes of it. A line names what it is about by ids
(`domain/log_ids.py`), and holds no personal data: of a failure its types and places are told, and of what a library says the
words that stand in its source, with numbers alone filled in.
"""

from __future__ import annotations

import linecache
import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from deploy.settings import LogForm
from domain.log_ids import NAMES, noted_ids, present_ids

OURS = ("kuty", "domain", "projections", "consumers", "api", "deploy")
"""What the names of our own loggers begin with."""
UNSEEN = frozenset({"Task exception was never retrieved", "Future exception was never retrieved"})
"""First lines of asyncio that say nothing but what happened; the failure's own words stand behind them."""
GIVEN = "positional_args"
"""Where structlog puts what is to be filled in."""
LONGEST_CALL = 12
"""Lines of source that one call which logs may take."""
_SEAMS = re.compile(r"""["'\s\\]""")
"""What stands between the parts of one text in a source."""


def write_logs(level: str, form: LogForm = "", process: str = "") -> None:
    """Write what is logged from now on to standard error, and what ends a thread or the program unexpectedly too.

    `form` is json or text, empty: text at a terminal. `process` is what this one is called in each line, by its roles. Does
    nothing where somebody has arranged for it already.
    """
    if logging.getLogger().handlers:
        return
    logging.basicConfig(level=level, handlers=[lines_to(sys.stderr, form, process)])
    logging.captureWarnings(True)
    if level == "DEBUG":
        # Else it says nothing: whatever fails there comes to whoever asked. What it says at DEBUG is every request's bytes.
        logging.getLogger("kafka").setLevel(logging.INFO)
    # What nobody expected would be printed with its words, and those may quote what a client said.
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _ended
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = lambda end: _log.critical(
            "the thread %s ended", end.thread.name if end.thread else "", exc_info=end.exc_value
        )
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = lambda end: _log.error("what nobody can be told failed", exc_info=end.exc_value)


def lines_to(stream: TextIO, form: LogForm = "", process: str = "") -> logging.Handler:
    """What writes log lines there: for people where it is a terminal, else one JSON object a line; or as `form` says. Where
    `process` is given each line begins with it and its number, as fields in JSON: several may write to one place."""
    shown: Processor = structlog.processors.JSONRenderer()
    as_text = form == "text" or (not form and stream.isatty())
    if as_text:
        shown = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    writes = logging.StreamHandler(stream)
    writes.setFormatter(
        ProcessorFormatter(
            pass_foreign_args=True,
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                _of_libraries,
                structlog.stdlib.ExtraAdder(NAMES),
                _named,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                _without_values,
            ],
            processors=[ProcessorFormatter.remove_processors_meta, *_signed(process, as_text=as_text), shown],
        )
    )
    return writes


def _signed(process: str, *, as_text: bool) -> Iterator[Processor]:
    def in_text(_: object, __: str, line: EventDict) -> EventDict:
        return {**line, "event": f"[{process} {os.getpid()}] {line['event']}"}

    def in_fields(_: object, __: str, line: EventDict) -> EventDict:
        return {"process": process, "pid": os.getpid(), **line}

    if process:
        yield in_text if as_text else in_fields


_log = logging.getLogger("kuty.process")


def _ended(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    _log.critical("the process ends by a mistake of ours", exc_info=(kind, error, trace))


def _of_libraries(_: object, __: str, line: EventDict) -> EventDict:
    """What a library fills into its lines may be anything, a client's words among it: they are told as its source has
    them. Where they do not stand in the source, only their place is told."""
    record: logging.LogRecord = line["_record"]
    given = line.pop(GIVEN, ())
    if record.name.partition(".")[0] in OURS:
        return line
    first = str(record.msg).partition("\n")[0]
    if record.name == "asyncio" and first in UNSEEN:
        return {**line, "event": first}
    place = f"{record.pathname.rsplit('/', 1)[-1]}:{record.lineno}"
    if not isinstance(record.msg, str) or not _stands_in_source(record.msg, record.pathname, record.lineno):
        return {**line, "event": f"a line of {record.name} at {place}"}
    try:
        said = record.msg % tuple(_harmless(one) for one in given) if isinstance(given, tuple) and given else record.msg
    except (TypeError, ValueError):
        said = record.msg
    return {**line, "event": said}


def _stands_in_source(text: str, path: str, number: int) -> bool:
    call = "".join(linecache.getline(path, number + step) for step in range(LONGEST_CALL))
    return bool(text) and _SEAMS.sub("", repr(text)) in _SEAMS.sub("", call)


def _harmless(given: object) -> object:
    if isinstance(given, BaseException):
        return type(given).__qualname__
    return given if given is None or isinstance(given, bool | int | float) else "…"


def _named(_: object, __: str, line: EventDict) -> EventDict:
    """What a line is about: what its thread or task is working on, or what the failure was about that it tells of."""
    failure = line.get("exc_info")
    noted: Mapping[str, Any] = noted_ids(failure[1]) if isinstance(failure, tuple) else {}
    return {**present_ids(), **noted, **line}


def _without_values(_: object, __: str, line: EventDict) -> EventDict:
    """A failure is told by its type and the lines of code it came through: its text may quote what a client said."""
    failure = line.pop("exc_info", None)
    if failure:
        line["exception"] = "\n".join(told_without_values(failure[1]))
    return line


def told_without_values(error: BaseException | None) -> Iterator[str]:
    """The types of a failure and of what caused it, each with the places that it came through."""
    told: list[BaseException] = []  # two failures may name each other as their cause
    while error is not None and error not in told:
        told.append(error)
        yield type(error).__qualname__
        yield from (f"  {step.filename}:{step.lineno} {step.name}" for step in traceback.extract_tb(error.__traceback__))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
