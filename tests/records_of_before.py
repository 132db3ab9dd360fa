"""Records and ledgers as they were kept before: what is read for ever, though nothing of today writes it."""

from __future__ import annotations

import base64
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from deploy.settings import Settings
from domain.record import Header, digest

LEDGERS = Path(__file__).with_name("golden") / "ledgers"
LEDGER = "house"


def two_lines(header: bytes, sections: Mapping[str, bytes]) -> bytes:
    """The first form of a record: its sections an object of base64."""
    texts = {name: base64.b64encode(sealed).decode("ascii") for name, sealed in sections.items()}
    return header + b"\n" + orjson.dumps(texts, option=orjson.OPT_SORT_KEYS)


def header_of(golden: Mapping[str, Any]) -> tuple[bytes, Header]:
    """The header of a golden event, as hashed and as it is read."""
    raw = orjson.dumps(golden["header"], option=orjson.OPT_SORT_KEYS)
    return raw, Header.from_bytes(raw)


def ledger_of_tables_2(folder: Path) -> tuple[Settings, dict[str, Any]]:
    """A whole embedded ledger that was recorded and published when its tables were at version 2 (commit e6beb3a): AS-1 up to
    its row 5, a message refused and one quarantined. With it what was then found in it."""
    with tarfile.open(LEDGERS / "tables-2.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    expected: dict[str, Any] = orjson.loads((LEDGERS / "tables-2.json").read_bytes())
    return Settings(home=folder, ledger=LEDGER), expected


def hash_of_all(parts: Any) -> str:
    """One hash over many byte strings, each with its length before it."""
    return digest(b"".join(len(part).to_bytes(8, "big") + part for part in parts))
