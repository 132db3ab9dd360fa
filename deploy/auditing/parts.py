"""What an audit reads a ledger with, in this process or in one that works for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from deploy.migration import keys_database, master_key, vault_database
from deploy.settings import Settings
from deploy.wiring import open_recorder
from domain.store import CheckedKeys, CheckedVault, Database, LedgerReading, PostgresRecorder, Sealer, SqliteRecorder


@dataclass(eq=False)
class Audited:
    """A ledger, to be looked at: nothing is written, and nothing that is wrong with one part hides another one."""

    settings: Settings
    recorder: PostgresRecorder | SqliteRecorder
    keys_at: Database
    vault_at: Database
    keys: CheckedKeys

    @cached_property
    def store(self) -> LedgerReading:
        """The feed, streams and matters."""
        return LedgerReading(self.recorder, self.keys)

    @cached_property
    def sealer(self) -> Sealer:
        """What opens the events."""
        return Sealer(self.keys)

    @cached_property
    def vault(self) -> CheckedVault:
        """Who the clients are."""
        return CheckedVault(self.vault_at, self.keys)

    def close(self) -> None:
        """Let go of the databases."""
        for part in (self.recorder, self.keys_at, self.vault_at):
            part.close()


def audited(settings: Settings) -> Audited:
    """The parts of a ledger as audits read them. Raises NotMigrated, WrongSetting, StoreUnavailable, psycopg's errors."""
    recorder = open_recorder(settings)
    keys_at = keys_database(settings)
    return Audited(settings, recorder, keys_at, vault_database(settings), CheckedKeys(keys_at, master_key(settings)))
