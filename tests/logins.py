"""The connection string of a login that is no owner."""

from __future__ import annotations

import psycopg


def login_dsn(owner_dsn: str, login: str = "kuty_test_projector", password: str = "secret") -> str:
    """The same database under another login."""
    return psycopg.conninfo.make_conninfo(owner_dsn, user=login, password=password)
