"""The verifiers of `docs/examples`, each run on a page of publications as a developer would run it."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
from clients.tools import NODE, QUICK_JAVA
from publications_given import Told

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


def three() -> list[dict[str, Any]]:
    """Entries with what stands for what cannot be read: a careless program writes it for half a letter, or a broken one."""
    told = Told()
    for day in ("2025-03-03", "2025-03-04", "2025-03-05"):
        told.fact("attendance.recorded", day, {"note": "where? \ufffd", "number": 2**53 + 1, "hours": 4.0})
    return [entry(one) for one in told.publications]


def _with(place: tuple[str, ...], value: Any) -> bytes:
    """The page of three, where something else stands in the second entry."""
    entries = three()
    changed: Any = entries[1]
    for name in place[:-1]:
        changed = changed[name]
    changed[place[-1]] = value
    return json.dumps(page_of(*entries)).encode()


def _within(name: str, other: str) -> bytes:
    headers = copy.deepcopy(three()[1]["headers"])
    headers[other] += f"\n{name}\0{headers.pop(name)}"
    return _with(("headers",), headers)


def _read_as(letter: str, other: str) -> bytes:
    return json.dumps(page_of(*three())).encode().replace(json.dumps(letter)[1:-1].encode(), other.encode())


def _twice(name: str, lie: str = '"lie"', behind: str = "") -> bytes:
    page, true = json.dumps(page_of(*three())), f'"{name}": '
    at = page.index(true, page.index(behind))
    return f"{page[:at]}{true}{lie}, {page[at:]}".encode()


def _page(**changes: Any) -> bytes:
    return json.dumps({**page_of(*three()), **changes}).encode()


HASH, NO_PAGE = "2 is not what its hash is over", "no publications came, but:"
PAGE = _page()
AMISS: Mapping[str, tuple[bytes, str]] = {
    "a client within another header": (_within("ce_subject", "ce_specversion"), HASH),
    "a legal basis within another header": (_within("ce_legalbasis", "ce_id"), HASH),
    "an epoch within another header": (_within("ce_epoch", "ce_dataschema"), HASH),
    "half a letter for a question mark": (_read_as("?", "\\ud800"), "1 is not what its hash is over"),
    "half a letter for one that is none": (_read_as("\ufffd", "\\udfff"), "1 is not what its hash is over"),
    "a broken letter for one that is none": (PAGE.replace(b"\\ufffd", b"\xff"), NO_PAGE),
    "half a letter in three bytes": (PAGE.replace(b"?", b"\xed\xa0\x80"), NO_PAGE),
    "something behind it": (PAGE + b" lie", NO_PAGE),
    "a second page behind it": (PAGE + PAGE, NO_PAGE),
    "a mark before it": (b"\xef\xbb\xbf" + PAGE, NO_PAGE),
    "other letters than those of UTF-8": (PAGE.decode().encode("utf-16"), NO_PAGE),
    "an epoch that is a fraction": (_page(epoch=1.9), NO_PAGE),
    "an epoch that is written as one": (_page(epoch=1.0), NO_PAGE),
    "an epoch that is true": (_page(epoch=True), NO_PAGE),
    "an epoch that is a text": (_page(epoch="1"), NO_PAGE),
    "an epoch that is nothing": (_page(epoch=None), NO_PAGE),
    "no epoch": (b'{"publications": []}', NO_PAGE),
    "publications that are no list": (_page(publications={}), NO_PAGE),
    "publications that are nothing": (_page(publications=None), NO_PAGE),
    "a header in a list": (_with(("headers", "ce_purpose"), ["service"]), HASH),
    "a header that is a number": (_with(("headers", "ce_specversion"), 1.0), HASH),
    "a number that is one": (_with(("headers", "ce_logsequence"), 2), HASH),
    "a text in a list": (_with(("text",), [three()[1]["text"]]), HASH),
    "another number behind 2^53": (_with(("value", "body", "number"), 2**53), HASH),
    "a number that was a fraction": (_with(("value", "body", "hours"), 4), HASH),
    "publications twice": (_twice("publications", "[]"), NO_PAGE),
    "an epoch twice": (_twice("epoch", "2"), NO_PAGE),
    "a text twice": (_twice("text"), NO_PAGE),
    "a value twice": (_twice("value"), NO_PAGE),
    "a hash twice": (_twice("hash"), NO_PAGE),
    "a header twice": (_twice("ce_purpose"), NO_PAGE),
    "a field twice": (_twice("note", behind='"value"'), NO_PAGE),
}
"""Answers that do not verify, and how what is said of them begins (docs/explanation/proof-of-delivery.md)."""
NO_PLACE = "name no place, or epoch, sequence and hash, - where there is none yet"
NO_PLACES = (("1",), ("2", "0"), ("1", "2", ""), ("x", "y", "z"), ("1.0", "2", "-"), ("1", "-2", "-"), ("1", "2", "-", "-"))
"""What is no place of a follower: each was once taken for none, and an older epoch passed."""


def true_for_1(one: dict[str, Any]) -> None:
    """What was hashed of an entry says true, what is read of it 1: the same to who compares numbers."""
    one["text"] = orjson.dumps({**one["value"], "held": True}).decode()
    one["value"]["held"] = 1
    headers = tuple((name, value.encode()) for name, value in sorted(one["headers"].items()))
    one["hash"] = publication_hash(headers, one["text"].encode())
