"""Connection strings of logins that are no owners."""

from __future__ import annotations

import psycopg


def login_dsn(owner_dsn: str, login: str = "kuty_test_projector", password: str = "secret") -> str:
    """The same database under another login."""
    return psycopg.conninfo.make_conninfo(owner_dsn, user=login, password=password)


def dsns_of(owner_dsn: str, ledger: str) -> dict[str, str]:
    """The settings that name a ledger's database, each role's login its own as in a real installation."""
    name = ledger.replace("-", "_")
    store, models = (login_dsn(owner_dsn, f"{of}_{name}") for of in ("store", "models"))
    return {"owner_dsn": owner_dsn, "store_dsn": store, "models_dsn": models}
