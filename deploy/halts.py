"""What a person has to know of or to mend: for each fault what to do, and the runbook that says it step by step."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

import psycopg

from consumers.doubts import StoreBehindTopic
from consumers.lines import MODEL_RUNBOOK
from consumers.log import BrokerError, BrokerUnavailable, TopicDamaged, TopicRefused, TopicSettingsDiffer
from consumers.relay import FeedRefused
from consumers.setbacks import Told
from domain.catalogue import UnknownEvent
from domain.record import Damaged
from domain.store import (
    EpochMoved,
    KeysLost,
    NewerTables,
    NotMigrated,
    StoreUnavailable,
    StoreWentBack,
    TablesGone,
    VaultWentBack,
    WrongMasterKey,
)
from projections.read_models import NotProvisioned, PositionMoved
from projections.read_models_postgres import NotMade

FOLDER = "docs/runbooks"


class Advice(NamedTuple):
    """The runbook's file name without its ending, and what to do in a few words."""

    runbook: str
    to_do: str

    @property
    def told(self) -> str:
        """For the end of a log line."""
        return f"{self.to_do}: {FOLDER}/{self.runbook}.md"


WENT_BACK = Advice("a-store-that-went-back", "find out which database is the right one before anything writes")
REFUSED = Advice("a-parked-topic", "let the broker take the record, then start the relay again")
PARKED = Advice("a-parked-topic", "let the broker take the record, then `kuty topic resume`")
DIFFERENT = Advice("a-topic-with-other-settings", "give the topic its settings back, then start the role again")
NEWER = Advice("newer-tables", "run the program that made the tables, or a newer one")
OLDER = Advice("newer-tables", "run `kuty migrate` of this program")
KEYS_LOST = Advice("lost-keys-or-vault", "put the keys in their place that belong to the record, then start the role again")
VAULT_LOST = Advice("lost-keys-or-vault", "put the newer vault in its place, or restore it, then start the role again")
WRONG_KEY = Advice("a-wrong-master-key", "put the right master key back")
TABLES = Advice(
    "a-store-that-went-back",
    "restore what is gone and give the rights back; only where nothing was ever recorded run `kuty migrate`",
)
DAMAGED = Advice("a-damaged-record", "find out with `kuty audit chains` what does not add up")
DATABASE = Advice("a-database-that-does-not-answer", "look after the database; whatever waits goes on by itself")
BROKER = Advice("a-broker-that-does-not-answer", "look after the broker; whatever waits goes on by itself")
LEFT_OUT = Advice("a-broker-that-does-not-answer", "look after the topic's copies; it gets what it lacks by itself")
DISK = Advice("a-disk-that-is-full", "make room; whatever waits goes on by itself")
GAP = Advice("a-gap-in-a-topic", "let the recipient's topic be delivered again")
MADE_AGAIN = Advice("a-topic-made-again", "let the recipient's topic be delivered again")
DAMAGED_TOPIC = Advice("a-topic-made-again", "have another copy of the topic lead, or the topic made again")
MODEL = Advice(MODEL_RUNBOOK, "mend or replace the recipient's read model; others are served meanwhile")
PARKED_CLIENT = Advice("a-parked-client", "take a version that can digest the record, and start the projector again")
AHEAD = Advice("a-clock-that-was-ahead", "set the machine's clock right, and see what was recorded meanwhile")
BEHIND = Advice("a-role-that-is-behind", "see whether the role runs, and what it waits for")
MISTAKE = Advice("a-mistake-of-ours", "report the type and the places in the log line")

MOVED = Advice("a-store-that-went-back", "the process ends; start it again where nobody watches over it")

ADVICE: tuple[tuple[tuple[type[Exception], ...], Advice], ...] = (
    ((EpochMoved,), MOVED),
    ((StoreBehindTopic, StoreWentBack), WENT_BACK),
    ((FeedRefused, TopicRefused), REFUSED),
    ((TopicSettingsDiffer,), DIFFERENT),
    ((NewerTables, UnknownEvent), NEWER),
    ((NotMigrated,), OLDER),
    ((KeysLost,), KEYS_LOST),
    ((VaultWentBack,), VAULT_LOST),
    ((WrongMasterKey,), WRONG_KEY),
    ((Damaged,), DAMAGED),
)
"""What only a person can mend: the role stops, the others go on."""
HALTS = tuple(kind for kinds, _ in ADVICE for kind in kinds)
NO_TABLES = (
    TablesGone, psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.InsufficientPrivilege,
)  # fmt: skip
"""Of keys and vault, or of read models, with the database's own words; the store says it as `StoreWentBack` or
`NotMigrated`."""
PASSING: tuple[type[Exception], ...] = (BrokerUnavailable, StoreUnavailable, ConnectionError)
"""What mends itself: the step is taken again."""
NO_MODEL = (NotMade, NotProvisioned)
WORDED = (*PASSING, *NO_TABLES, *NO_MODEL)
"""What says nothing of any record, so that its own words are told."""


def advice_on(error: BaseException) -> Advice:
    """What to do about a failure, whatever it is."""
    if _is_disk_full(error):
        return DISK
    for kinds, advice in ADVICE:
        if isinstance(error, kinds):
            return advice
    if isinstance(error.__cause__, BrokerError):
        return BROKER  # nothing is written before it has said what was published
    if isinstance(error, NO_TABLES):
        return TABLES
    if isinstance(error, NO_MODEL):
        return MODEL
    if isinstance(error, StoreUnavailable | psycopg.OperationalError | psycopg.InterfaceError | sqlite3.OperationalError):
        return DATABASE
    if isinstance(error, TopicDamaged):
        return DAMAGED_TOPIC
    if isinstance(error, BrokerError | ConnectionError):
        return BROKER
    return MISTAKE


def told_of_line(error: Exception) -> Told:
    """What is told of a failure of one recipient's line, which holds up nobody else: in its own words only where these quote
    no record."""
    advice = advice_on(error)
    if advice in (TABLES, DATABASE, MISTAKE):
        advice = MODEL  # the database answers the others
    worded = isinstance(error, (*WORDED, *HALTS, PositionMoved))
    return Told(first_line(error) if worded else type(error).__qualname__, advice.told, worded or _is_of_tables(error))


def _is_of_tables(error: Exception) -> bool:
    """Whether a database says that a model's tables are not as they were made: no place in the code is to blame."""
    of_postgres = isinstance(error, psycopg.ProgrammingError | psycopg.InternalError | psycopg.OperationalError)
    return of_postgres or type(error) in (sqlite3.DatabaseError, sqlite3.OperationalError)


def first_line(error: Exception) -> str:
    """What a failure says of itself, in one line."""
    return str(error).partition("\n")[0]


def _is_disk_full(error: BaseException) -> bool:
    return any(
        (isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT))
        or isinstance(one, psycopg.errors.DiskFull)
        or (isinstance(one, sqlite3.Error) and getattr(one, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL)
        or "No space left on device" in str(one)
        for one in _with_causes(error)
    )


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__ or error.__context__
