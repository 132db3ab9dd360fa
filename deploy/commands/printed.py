"""How commands say what came out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import orjson
from tqdm import tqdm

MOST_NAMED = 5


def failed(reason: str) -> int:
    """Say on standard error why nothing was done; the exit code."""
    print(f"kuty: {reason}", file=sys.stderr)
    return 1


def said(line: str) -> None:
    """Say something on standard error that is no result."""
    print(line, file=sys.stderr)


def many(count: int, one: str, more: str) -> str:
    """So many of something, as one says it: `1 event was`, `2 events were`."""
    return f"{count} {one if count == 1 else more}"


def some(names: Sequence[str]) -> str:
    """The first few of them, and how many there are more."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def progress(what: str, total: int | None = None) -> tqdm[Any]:
    """A bar on standard error while something is counted; none where that is no terminal."""
    return tqdm(total=total, unit=f" {what}", leave=False, disable=None)


def as_json(content: Any) -> str:
    """JSON on one line."""
    return orjson.dumps(content, default=_plain, option=orjson.OPT_SORT_KEYS).decode()


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"no JSON for {type(value).__name__}")
