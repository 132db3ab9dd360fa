"""Tables of keys or vault that are gone, or may not be used: nobody is refused for it, and all go on when they are back.

What an agency sends meanwhile is asked for again, as where the database does not answer (design D18).
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from store.small_ledger import LOGIN, Clock, Ground

from deploy.halts import TABLES, advice_on
from domain.store import StoreUnavailable
from domain.store.sealed.vault import HeldMessage

WAITS = HeldMessage("s01", "provider", "m1", datetime(2025, 2, 1, tzinfo=UTC), b"{}")
TAKEN = {
    "tables": ("ALTER TABLE {table} RENAME TO {table}_away", "ALTER TABLE {table}_away RENAME TO {table}"),
    "rights": (f"REVOKE ALL ON {{table}} FROM {LOGIN}", f"GRANT SELECT, INSERT, UPDATE, DELETE ON {{table}} TO {LOGIN}"),
    "schema": ("ALTER SCHEMA kuty_{part} RENAME TO kuty_away", "ALTER SCHEMA kuty_away RENAME TO kuty_{part}"),
}


@pytest.mark.parametrize(("part", "table"), [("vault", "held"), ("keys", "destroyed_keys")])
@pytest.mark.parametrize(
    ("ground", "what"),
    [("sqlite", "tables"), *(("postgresql", what) for what in TAKEN)],  # a file has neither rights nor schemas
    indirect=["ground"],
)
def test_where_tables_are_gone_nothing_is_known_of_what_is_asked(ground: Ground, what: str, part: str, table: str) -> None:
    clock = Clock()
    keys, vault = ground.keys(clock), ground.vault()
    made = keys.create(["a"])
    clock.seconds += 10
    # given that somebody has taken them away
    away, back = (statement.format(part=part, table=table) for statement in TAKEN[what])
    owner = ground.owned(part)
    owner.write(lambda ask: ask(away, ()))
    # then it is as where the database does not answer, and a person is told what to do
    asked = (lambda: vault.keep_held(WAITS), vault.held) if part == "vault" else (lambda: keys.get(["a/1"]), keys.look)
    for ask in asked:
        with pytest.raises(StoreUnavailable) as gone:
            ask()
        assert advice_on(gone.value) == TABLES
    # and when they are there again, then everybody goes on
    owner.write(lambda ask: ask(back, ()))
    assert vault.keep_held(WAITS) == WAITS
    assert keys.get(["a/1"]) == made
