"""Where the parts of a ledger are kept that no topic holds, by the settings."""

from __future__ import annotations

from deploy.migration import Part, ledger_file, login_of, owner_of
from deploy.settings import Settings
from domain.store import Place, PostgresPlace, SqlitePlace, schema_of

PARTS: tuple[Part, ...] = ("keys", "vault", "store")
"""In the order in which they are made again: what opens the events before the events."""


def place_of(settings: Settings, part: Part) -> Place:
    """Where a part is."""
    if not settings.store_dsn:
        file = ledger_file(settings)
        return SqlitePlace(part, file if part == "store" else file.with_name(f"{part}.db"))
    schema = schema_of(settings.ledger)
    named = schema if part == "store" else f"{schema}_{part}"
    lock = f"ledger/{schema}" if part == "store" else ""
    return PostgresPlace(part, login_of(settings, part), owner_of(settings, part), named, lock)
