"""Where a ledger is kept and decided: its one door. Whoever needs the store asks here, and nothing else in `domain` does.

Inside: `deciding` (one writer), `receiving` (messages), `sealed` (keys, vault), `tables` (PostgreSQL, SQLite).
"""

from domain.store.checking import WINDOW
from domain.store.checking.amiss import Amiss
from domain.store.checking.beside import Beside
from domain.store.checking.copies import CheckedKeys, CheckedVault
from domain.store.checking.windows import examine, opened_each, said_by
from domain.store.deciding.again import NoSuchCommand
from domain.store.deciding.kept_answers import Content
from domain.store.ended import carry_out, enter, is_ended, let_go, taken_up
from domain.store.event_store import Entries, EventStore
from domain.store.new_epoch import Choice, Given, Ground, NewEpoch
from domain.store.own_keys import check_own_keys
from domain.store.reading import LedgerReading
from domain.store.rebuild import Rebuilding
from domain.store.receiving.answering import HELD_FOR, MOST_WAITING, MOST_WAITING_BYTES
from domain.store.receiving.knowing import known_at_hand, told_by_others
from domain.store.receiving.look_ups import LOOKING, registration
from domain.store.receiving.receiving import Received, Receiving
from domain.store.receiving.sender_names import SenderNames, use_of
from domain.store.sealed.field_classes import field_classes
from domain.store.sealed.keys import KeyDestroyed, Keys, KeysLost, KeysWentBack, WrongMasterKey, key_id_of
from domain.store.sealed.newest_use import VaultWentBack
from domain.store.sealed.sealing import Sealer
from domain.store.sealed.tokens import Token, UnknownToken
from domain.store.sealed.vault import ClientRecord, CodeTaken, Entered, Kept, Moved, PostalAddress, StaffCard, Use, Vault
from domain.store.tables.copying.places import STAGED, Filling, NotEmpty, Place, Snapshot, check_version, one_moment
from domain.store.tables.copying.postgres_place import PostgresPlace
from domain.store.tables.copying.sqlite_place import SqlitePlace
from domain.store.tables.database import (
    LOOK_AGAIN_S,
    LOST,
    POSTGRES_SETTINGS,
    Database,
    NewerTables,
    NoLedger,
    NotMigrated,
    PostgresDatabase,
    SqliteDatabase,
    StoreUnavailable,
    TablesGone,
    lock_number,
    write_ahead,
)
from domain.store.tables.migrations import migrate_postgres, migrate_sqlite, schema_of
from domain.store.tables.postgres_recorder import PostgresRecorder
from domain.store.tables.recorders import AnswerRow, Conflict, Lost
from domain.store.tables.relayed import Acknowledged, Parked
from domain.store.tables.reopening import Reopening, reopening_postgres, reopening_sqlite
from domain.store.tables.seen import EpochMoved, StoreWentBack, hash_of, tables_gone
from domain.store.tables.sqlite_recorder import SqliteRecorder
from domain.store.tables.watchdog import WATCHDOG

__all__ = [
    "HELD_FOR",
    "LOOKING",
    "LOOK_AGAIN_S",
    "LOST",
    "MOST_WAITING",
    "MOST_WAITING_BYTES",
    "POSTGRES_SETTINGS",
    "STAGED",
    "WATCHDOG",
    "WINDOW",
    "Acknowledged",
    "Amiss",
    "AnswerRow",
    "Beside",
    "CheckedKeys",
    "CheckedVault",
    "Choice",
    "ClientRecord",
    "CodeTaken",
    "Conflict",
    "Content",
    "Database",
    "Entered",
    "Entries",
    "EpochMoved",
    "EventStore",
    "Filling",
    "Given",
    "Ground",
    "Kept",
    "KeyDestroyed",
    "Keys",
    "KeysLost",
    "KeysWentBack",
    "LedgerReading",
    "Lost",
    "Moved",
    "NewEpoch",
    "NewerTables",
    "NoLedger",
    "NoSuchCommand",
    "NotEmpty",
    "NotMigrated",
    "Parked",
    "Place",
    "PostalAddress",
    "PostgresDatabase",
    "PostgresPlace",
    "PostgresRecorder",
    "Rebuilding",
    "Received",
    "Receiving",
    "Reopening",
    "Sealer",
    "SenderNames",
    "Snapshot",
    "SqliteDatabase",
    "SqlitePlace",
    "SqliteRecorder",
    "StaffCard",
    "StoreUnavailable",
    "StoreWentBack",
    "TablesGone",
    "Token",
    "UnknownToken",
    "Use",
    "Vault",
    "VaultWentBack",
    "WrongMasterKey",
    "carry_out",
    "check_own_keys",
    "check_version",
    "enter",
    "examine",
    "field_classes",
    "hash_of",
    "is_ended",
    "key_id_of",
    "known_at_hand",
    "let_go",
    "lock_number",
    "migrate_postgres",
    "migrate_sqlite",
    "one_moment",
    "opened_each",
    "registration",
    "reopening_postgres",
    "reopening_sqlite",
    "said_by",
    "schema_of",
    "tables_gone",
    "taken_up",
    "told_by_others",
    "use_of",
    "write_ahead",
]
