"""The verifiers of `docs/examples`, each run on a page of publications as a developer would run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
from clients.tools import NODE, QUICK_JAVA

from domain.disclosure.publications import Publication, publication_hash

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
LANGUAGES: Mapping[str, Callable[[str], list[str]]] = {
    "python": lambda _: [sys.executable, str(EXAMPLES / "verify.py")],
    "javascript": lambda _: [str(NODE), str(EXAMPLES / "verify.mjs")],
    "java": lambda classes: ["java", *QUICK_JAVA.split(), "-cp", classes, "Verify"],
}
OF_WINDOWS = {"PYTHONIOENCODING": "cp1252", "JAVA_TOOL_OPTIONS": "-Dfile.encoding=windows-1252", "LC_ALL": "C"}
"""A terminal whose letters are not those of UTF-8."""


def verdict(language: str, classes: str, answer: Any, *place: str, **environment: str) -> tuple[int, str]:
    """How the verifier ends, and what it says of an answer behind a place: 0 where everything holds. Bytes are given as they
    came, all else as the API writes it. `classes` is where Java finds its own."""
    came = answer if isinstance(answer, bytes) else orjson.dumps(answer)
    command = [*LANGUAGES[language](classes), *place]
    done = subprocess.run(command, input=came, env={**os.environ, **environment}, capture_output=True, timeout=120)
    return done.returncode, (done.stdout or done.stderr).decode().strip()


def entry(told: Publication) -> dict[str, Any]:
    """As `GET /out` answers it."""
    headers = {name: value.decode() for name, value in told.headers}
    return {"headers": headers, "value": json.loads(told.value), "text": told.value.decode(), "hash": told.hash}


def page_of(*entries: dict[str, Any], epoch: int = 1) -> dict[str, Any]:
    """A page of `GET /out` that ends with its last entry."""
    end = int(entries[-1]["headers"]["ce_logsequence"]) if entries else 0
    return {"ledger": {"name": "test", "mode": "simulated"}, "epoch": epoch, "publications": list(entries), "next": end}


def true_for_1(one: dict[str, Any]) -> None:
    """What was hashed of an entry says true, what is read of it 1: the same to who compares numbers."""
    one["text"] = orjson.dumps({**one["value"], "held": True}).decode()
    one["value"]["held"] = 1
    headers = tuple((name, value.encode()) for name, value in sorted(one["headers"].items()))
    one["hash"] = publication_hash(headers, one["text"].encode())
