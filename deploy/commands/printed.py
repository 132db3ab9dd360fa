"""How commands say what came out."""

from __future__ import annotations

import sys
from typing import Any

import orjson


def failed(reason: str) -> int:
    """Say on standard error why nothing was done; the exit code."""
    print(f"kuty: {reason}", file=sys.stderr)
    return 1


def as_json(content: Any) -> str:
    """JSON on one line."""
    return orjson.dumps(content, default=_plain, option=orjson.OPT_SORT_KEYS).decode()


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"no JSON for {type(value).__name__}")
