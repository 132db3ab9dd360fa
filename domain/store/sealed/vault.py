"""Who the client is: name, personal identity code, contact. Never in a stream, a topic, a URL or a log line.

Every value is sealed under the vault's own key; a personal identity code is found by a keyed hash of it, so that the
tables alone name nobody. Staff cards, held messages and the use log live here too, because no topic may hold them.
source: domain/events.md 11.3, domain/privacy.md 3.3, 3.6
"""

from __future__ import annotations

import hmac
import logging
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, TypeVar

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict

from domain.dates import Dated
from domain.identifiers import normal_code
from domain.log_ids import Concerning
from domain.record import Damaged
from domain.store.sealed.keys import VAULT, VAULT_INDEX, Keys
from domain.store.sealed.newest_use import NewestUse, VaultWentBack
from domain.store.sealed.opening import NONCE_BYTES, opened
from domain.store.tables.database import Ask, Database, NotUnique, Rows, lost_version, marks
from domain.vocabulary import (
    Actor,
    Contact,
    EmailAddress,
    Identity,
    IdentityCode,
    LanguageTag,
    MunicipalityCode,
    PhoneNumber,
    Postcode,
    Text20,
    Text40,
    Text80,
)

log = logging.getLogger("kuty.vault")

M = TypeVar("M", bound=BaseModel)

TABLES = (
    """
    CREATE TABLE clients (subject_ref text PRIMARY KEY, code_index {bytes} UNIQUE, sealed {bytes} NOT NULL);
    CREATE TABLE staff (
        person text NOT NULL, org text NOT NULL, from_on text NOT NULL, until_on text, sealed {bytes} NOT NULL,
        PRIMARY KEY (person, org, from_on)
    );
    CREATE TABLE held (
        sender_org text NOT NULL, sender_task text NOT NULL, message_id text NOT NULL, held_until_at text NOT NULL,
        sealed {bytes} NOT NULL, PRIMARY KEY (sender_org, sender_task, message_id)
    );
    CREATE TABLE uses (number {number} PRIMARY KEY, subject_ref text NOT NULL, sealed {bytes} NOT NULL);
    CREATE INDEX uses_subject ON uses (subject_ref);
    """,
    """
    ALTER TABLE clients ADD COLUMN temporary_index {bytes};
    ALTER TABLE clients ADD COLUMN changing {bytes};
    CREATE UNIQUE INDEX clients_temporary ON clients (temporary_index);
    """,
)


_KEPT = "SELECT code_index, sealed, changing FROM clients WHERE subject_ref = %s"
_HELD_KEY = "(sender_org, sender_task, message_id)"
_HELD = f"SELECT held_until_at, sealed FROM held WHERE {_HELD_KEY} = (%s, %s, %s)"
_REPLACE = "UPDATE SET held_until_at = excluded.held_until_at, sealed = excluded.sealed"
_HELD_AFTER = (
    "SELECT held_until_at, message_id, sender_org, sender_task FROM held"
    " WHERE (held_until_at, message_id, sender_org, sender_task) > (%s, %s, %s, %s)"
    " ORDER BY held_until_at, message_id, sender_org, sender_task LIMIT %s"
)
HELD_PAGE = 200
"""Names of messages that wait which are read at a time."""


class PostalAddress(Dated):
    """Street, postcode of five digits, town."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    street: Text80
    postcode: Postcode
    town: Text40


class ClientRecord(Dated):
    """What the vault knows of one client; every field may be unknown. source: domain/events.md 11.3"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family_name: Identity[Text80 | None] = None
    given_names: Identity[Text80 | None] = None
    identity_code: Identity[IdentityCode | None] = None
    temporary_identifier: Identity[Text20 | None] = None
    sex: Identity[Literal["female", "male"] | None] = None
    died_on: Identity[date | None] = None
    phone: Contact[PhoneNumber | None] = None
    email: Contact[EmailAddress | None] = None
    postal_address: Contact[PostalAddress | None] = None
    home_municipality: Contact[MunicipalityCode | None] = None
    language: Contact[LanguageTag | None] = None
    interpreter_language: Contact[LanguageTag | None] = None
    emergency_contact_name: Contact[Text80 | None] = None
    emergency_contact_phone: Contact[PhoneNumber | None] = None
    site_allergies: Contact[Text80 | None] = None
    protected: Contact[bool] = False


class StaffCard(Dated):
    """How a staff member is named and reached, from a local date until another (included; none: for now)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: str
    org: str
    from_on: date
    until_on: date | None = None
    staff_name: Actor[Text80]
    staff_title: Actor[Text80 | None] = None
    staff_unit: Actor[Text80 | None] = None
    staff_work_phone: Actor[PhoneNumber | None] = None


class Use(Dated):
    """One look at a client's record. `used_at` is the ledger's time, UTC. source: domain/privacy.md 3.3"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    used_at: datetime
    subject_ref: str
    org: str
    task: str
    role: str
    person: str
    purpose: str
    what: str


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """An agency's message that waits. `held_until_at` is the ledger's time, UTC; `payload` the bytes as they came."""

    sender_org: str
    sender_task: str
    message_id: str
    held_until_at: datetime
    payload: bytes


class CodeTaken(Exception):
    """The personal identity code belongs to another client already."""


class Moved(Exception):
    """Somebody else has changed the client's record since it was read."""


class Entered(NamedTuple):
    """A client's entry as it stands in the vault's table: sealed, bound to its reference."""

    subject_ref: str
    code: bytes | None
    temporary: bytes | None
    sealed: bytes | None
    changing: bytes | None


def _in_columns(entry: Entered) -> tuple[str, bytes | None, bytes | None, bytes | None, bytes | None]:
    # The order of the table, to which two columns were added later.
    return entry.subject_ref, entry.code, entry.sealed, entry.temporary, entry.changing


class Kept(NamedTuple):
    """A client's record as the vault keeps it. `untold` is what was changed while no fact tells it yet, as `attempt:kind`;
    `row` tells this writing of it from every other one."""

    record: ClientRecord
    untold: frozenset[str]
    row: tuple[bytes | None, bytes]

    @property
    def changing(self) -> list[str]:
        """The kinds of change that no fact tells yet, in alphabetical order."""
        return sorted({entry.rpartition(":")[2] for entry in self.untold})


class Vault:
    """The vault of one ledger. What it wrote is on the disk when a method returns; raises `StoreUnavailable`, and
    `VaultWentBack` where it lacks what was seen in it. `clock` gives seconds that only grow."""

    def __init__(self, database: Database, keys: Keys, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises `NewerTables`, and `KeysLost` where something was sealed in it with keys that are gone."""
        database.check(TABLES)
        self._database = database
        self._newest = NewestUse()
        self._spoilt: set[tuple[str, str, str]] = set()
        database.guard(self._look, clock)
        self._cipher = AESGCM(keys.named(VAULT, self._has_entries)[:32])
        self._index_key = keys.named(VAULT_INDEX, self._has_entries)

    def _look(self, ask: Ask, new: bool) -> None:
        if new and (lost := lost_version(ask, TABLES)):
            raise VaultWentBack(f"{lost}, which was there, is not")
        self._newest.look(ask)

    def _has_entries(self) -> bool:
        return any(self._database.read(f"SELECT 1 FROM {table} LIMIT 1") for table in ("clients", "staff", "held", "uses"))

    @staticmethod
    def migrate(database: Database) -> None:
        """Make or upgrade the tables."""
        database.migrate(TABLES)

    def check(self) -> None:
        """The keys are those under which the vault was sealed, and it has what was seen in it. Raises `Damaged`,
        `VaultWentBack`."""
        for ref, sealed in self._database.read("SELECT subject_ref, sealed FROM clients LIMIT 1"):
            self._open(f"client|{ref}", sealed, ClientRecord)
        for ref, sealed in self._database.read("SELECT subject_ref, sealed FROM uses LIMIT 1"):
            self._open(f"use|{ref}", sealed, Use)

    def register(self, subject_ref: str, record: ClientRecord) -> str:
        """Enter a person under a random reference, before the event that makes it a client is committed.

        Returns the reference to use: the known one when the code or the temporary identifier is known already, and nothing
        is changed then. An entry whose event was never committed is harmless.
        """
        index, temporary = self._index(record.identity_code), self._temporary_index(record.temporary_identifier)

        def work(ask: Ask) -> str:
            ask(
                "INSERT INTO clients (subject_ref, code_index, temporary_index, sealed) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                (subject_ref, index, temporary, self._seal(f"client|{subject_ref}", record)),
            )
            for column, wanted in (("code_index", index), ("temporary_index", temporary)):
                if wanted is not None:
                    known = ask(f"SELECT subject_ref FROM clients WHERE {column} = %s", (wanted,))
                    if known:
                        return str(known[0][0])
            return subject_ref

        return self._database.write(work)

    def give_up(self, subject_ref: str) -> None:
        """Note that nobody knows any more who a client is whom the record registers: what is told of it names nobody."""
        sealed = self._seal(f"client|{subject_ref}", ClientRecord())
        self._database.write(
            lambda ask: ask("INSERT INTO clients (subject_ref, sealed) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                            (subject_ref, sealed))
        )  # fmt: skip

    def find(self, identity_code: str) -> str | None:
        """The reference of the client with this personal identity code."""
        index = self._index(identity_code)
        rows = self._database.read("SELECT subject_ref FROM clients WHERE code_index = %s", (index,)) if index else []
        return str(rows[0][0]) if rows else None

    def mark(self, identity_code: str) -> str:
        """A keyed hash (hex) of a personal identity code: equal codes have equal ones, and it names nobody."""
        return hmac.digest(self._index_key, b"mark|" + normal_code(identity_code).encode(), "sha256").hex()

    def mark_of(self, record: ClientRecord, names: Collection[str]) -> str:
        """A keyed hash (hex) of some details: by it a repeat is known that states the same."""
        stated = record.model_dump_json(include=set(names))
        return hmac.digest(self._index_key, b"details|" + stated.encode(), "sha256").hex()

    def get(self, subject_refs: Iterable[str]) -> dict[str, ClientRecord]:
        """The records of the clients that the vault knows."""
        found: dict[str, ClientRecord] = {}
        for some in _portions(list(subject_refs)):
            for ref, sealed in self._database.read(
                f"SELECT subject_ref, sealed FROM clients WHERE subject_ref IN ({marks(len(some))})", some
            ):
                found[ref] = self._open(f"client|{ref}", sealed, ClientRecord)
        return found

    def look(self, subject_ref: str) -> Kept | None:
        """The record of a client and what of it no fact tells yet; none for whom the vault does not know."""
        return self._kept(subject_ref, self._database.read(_KEPT, (subject_ref,)))

    def change(self, subject_ref: str, *, seen: Kept | None = None, changing: Iterable[str] = (), **fields: Any) -> Kept:
        """Give some fields new values; what others change meanwhile stays. Raises `LookupError` for an unknown client,
        `CodeTaken`, pydantic's `ValidationError`, `Moved` where the record is another one than was `seen`.

        `changing` says what changes by it: kept until `told`, so that nothing is lost where the fact is never recorded.
        """
        attempt = os.urandom(8).hex()
        mine = {f"{attempt}:{kind}" for kind in changing}

        def work(ask: Ask) -> Kept:
            while True:
                known = self._kept(subject_ref, ask(_KEPT, (subject_ref,)))
                if known is None:
                    raise LookupError(f"no client {subject_ref} in the vault")
                if seen is not None and known.row != seen.row:
                    raise Moved
                record = ClientRecord.model_validate({**dict(known.record), **fields})
                index = self._index(record.identity_code)
                if ask("SELECT 1 FROM clients WHERE code_index = %s AND subject_ref <> %s", (index, subject_ref)):
                    raise CodeTaken
                row = (index, self._seal(f"client|{subject_ref}", record))
                new = Kept(record, known.untold | mine, row)
                if self._put(ask, subject_ref, known, new):
                    return new

        try:
            return self._database.write(work)
        except NotUnique as error:
            raise CodeTaken from error

    def take_up(self, subject_ref: str, *, anew: bool) -> tuple[bytes, bytes]:
        """Seal an entry anew, so that who saw it before does not let go of it; how it was sealed and how it is now. Without
        `anew` it stays as it is, for the same work: how long it takes tells nobody who is known. Raises `LookupError` where
        it is gone, `Damaged`."""

        def work(ask: Ask) -> tuple[bytes, bytes]:
            while (known := self._kept(subject_ref, ask(_KEPT, (subject_ref,)))) is not None:
                sealed = self._seal(f"client|{subject_ref}", known.record)
                row = (known.row[0], sealed if anew else known.row[1])
                if self._put(ask, subject_ref, known, known._replace(row=row)):
                    return known.row[1], row[1]
            raise LookupError(f"no client {subject_ref} in the vault")

        return self._database.write(work)

    def take_back(self, subject_ref: str, before: Kept, changed: Kept) -> None:
        """Undo a change whose fact was refused. What others have written since stays; where a fact of theirs has told of the
        change meanwhile, it stays as a whole, for they were answered by it."""
        mine = changed.untold - before.untold
        old, new = dict(before.record), dict(changed.record)

        def work(ask: Ask) -> None:
            while (known := self._kept(subject_ref, ask(_KEPT, (subject_ref,)))) and mine <= known.untold:
                now = dict(known.record)
                undone = {name: old[name] for name in now if old[name] != new[name] == now[name]}
                record = ClientRecord.model_validate({**now, **undone})
                row = (self._index(record.identity_code), self._seal(f"client|{subject_ref}", record))
                if self._put(ask, subject_ref, known, Kept(record, known.untold - mine, row)):
                    return

        with suppress(NotUnique):  # somebody else has the code that it had
            self._database.write(work)

    def told(self, subject_ref: str, entries: Collection[str]) -> None:
        """Note that a fact tells of these changes; what others changed meanwhile waits for theirs."""

        def work(ask: Ask) -> None:
            while known := self._kept(subject_ref, ask(_KEPT, (subject_ref,))):
                if self._put(ask, subject_ref, known, known._replace(untold=known.untold - set(entries))):
                    return

        self._database.write(work)

    def _kept(self, subject_ref: str, rows: Rows) -> Kept | None:
        if not rows:
            return None
        [(index, sealed, changing)] = rows
        row = (index, sealed)
        untold = frozenset(changing.decode().split(",")) if changing else frozenset[str]()
        return Kept(self._open(f"client|{subject_ref}", row[1], ClientRecord), untold, row)

    def _put(self, ask: Ask, subject_ref: str, known: Kept, new: Kept) -> bool:
        """Write a client's row in the place of the one that is known; whether it was that still."""
        before, after = (",".join(sorted(kept.untold)).encode() for kept in (known, new))
        index, sealed = new.row
        return bool(
            ask(
                "UPDATE clients SET code_index = %s, sealed = %s, changing = %s"
                " WHERE subject_ref = %s AND sealed = %s AND coalesce(changing, %s) = %s RETURNING 1",
                (index, sealed, after or None, subject_ref, known.row[1], b"", before),
            )
        )

    def copied(self, subject_refs: Sequence[str]) -> list[Entered]:
        """The entries of clients as the vault keeps them, sealed; of whom it does not know none."""
        found: list[Entered] = []
        for some in _portions(list(subject_refs)):
            for ref, *columns in self._database.read(
                f"SELECT subject_ref, code_index, temporary_index, sealed, changing FROM clients"
                f" WHERE subject_ref IN ({marks(len(some))})",
                some,
            ):
                found.append(Entered(ref, *columns))
        return found

    def enter_again(self, entry: Entered) -> str:
        """Put an entry back that was taken out. The reference to use: another one where the person has been entered under
        that meanwhile, and nothing is changed then."""

        def work(ask: Ask) -> str:
            ask("INSERT INTO clients VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING", _in_columns(entry))
            for column, wanted in (("code_index", entry.code), ("temporary_index", entry.temporary)):
                known = ask(f"SELECT subject_ref FROM clients WHERE {column} = %s", (wanted,)) if wanted else []
                if known:
                    return str(known[0][0])
            return entry.subject_ref

        return self._database.write(work)

    def forget(self, subject_ref: str) -> None:
        """Delete the link between person and reference, once the client's last matter is destroyed."""
        self._database.write(lambda ask: ask("DELETE FROM clients WHERE subject_ref = %s", (subject_ref,)))

    def let_go(self, subject_ref: str, sealed: bytes) -> bool:
        """Delete an entry as long as it is sealed as it was: one that somebody has taken up since stays. Whether it went."""
        statement = "DELETE FROM clients WHERE subject_ref = %s AND sealed = %s RETURNING 1"
        return bool(self._database.write(lambda ask: ask(statement, (subject_ref, sealed))))

    def keep_staff_card(self, card: StaffCard) -> None:
        """Write a card; one of the same person, organisation and first day is replaced."""
        until_on = card.until_on.isoformat() if card.until_on else None
        place = f"staff|{card.person}|{card.org}|{card.from_on}"
        self._database.write(
            lambda ask: ask(
                "INSERT INTO staff VALUES (%s, %s, %s, %s, %s) ON CONFLICT (person, org, from_on)"
                " DO UPDATE SET until_on = excluded.until_on, sealed = excluded.sealed",
                (card.person, card.org, card.from_on.isoformat(), until_on, self._seal(place, card)),
            )
        )

    def staff_cards(self, persons: Iterable[str], on: date) -> dict[str, StaffCard]:
        """The card of each person that holds on the local date; the latest begun wins."""
        found: dict[str, StaffCard] = {}
        day = on.isoformat()
        for some in _portions(list(persons)):
            for person, org, from_on, sealed in self._database.read(
                f"SELECT person, org, from_on, sealed FROM staff WHERE person IN ({marks(len(some))})"
                " AND from_on <= %s AND (until_on IS NULL OR until_on >= %s) ORDER BY from_on",
                (*some, day, day),
            ):
                found[person] = self._open(f"staff|{person}|{org}|{from_on}", sealed, StaffCard)
        return found

    def keep_held(self, message: HeldMessage, *, over: bool = False) -> HeldMessage:
        """Keep a message that waits; what stands under its id then. That is another one where one is kept already, for it is
        about to be promised its answer: with `over` it is replaced, and so is one that does not open."""
        named = (message.sender_org, message.sender_task, message.message_id)
        row = (*named, message.held_until_at.isoformat(), self._sealed(f"held|{'|'.join(named)}", message.payload))

        def work(ask: Ask) -> HeldMessage:
            for do in (_REPLACE if over else "NOTHING", _REPLACE):
                ask(f"INSERT INTO held VALUES (%s, %s, %s, %s, %s) ON CONFLICT {_HELD_KEY} DO {do}", row)
                for until_at, sealed in ask(_HELD, named):
                    if (stands := self._held(*named, until_at, sealed)) is not None:
                        return stands
            return message

        return self._database.write(work)

    def each_held(self) -> Iterator[HeldMessage]:
        """The messages that wait, the first to run out first. Each is read when it is asked for: a sender may let many wait,
        and large ones. What is let go of meanwhile is left out; what comes meanwhile may be. One that is not what its
        row says is passed over, and said once: the others have nothing to do with it."""
        after: tuple[str, ...] = ("", "", "", "")
        while page := self._database.read(_HELD_AFTER, (*after, HELD_PAGE)):
            for until_at, message_id, org, task in page:
                for _, sealed in self._database.read(_HELD, (org, task, message_id)):
                    if (held := self._held(org, task, message_id, until_at, sealed)) is not None:
                        yield held
            after = page[-1]

    def held(self) -> list[HeldMessage]:
        """All the messages that wait, the first to run out first: for who looks at a few."""
        return list(self.each_held())

    def _held(self, org: str, task: str, message_id: str, until_at: str, sealed: bytes) -> HeldMessage | None:
        try:
            payload = self._opened(f"held|{org}|{task}|{message_id}", sealed)
            until = datetime.fromisoformat(until_at)
            if until.tzinfo is None:
                raise ValueError("a time of no zone is none")
            return HeldMessage(org, task, message_id, until, payload)
        except (Damaged, ValueError):
            if (row := (org, task, message_id)) not in self._spoilt:
                self._spoilt.add(row)
                with Concerning({"message_id": message_id}):
                    log.critical(
                        "a message of %s/%s that waits is not what its row in the vault says, and is passed over;"
                        " `kuty audit chains` names it: docs/runbooks/a-damaged-record.md", org, task,
                    )  # fmt: skip
            return None

    def held_under(self, sender_org: str, sender_task: str, after: str, limit: int) -> list[str]:
        """The ids under which messages of a sender wait, in their order behind one; nothing of them is opened."""
        rows = self._database.read(
            "SELECT message_id FROM held WHERE sender_org = %s AND sender_task = %s AND message_id > %s"
            " ORDER BY message_id LIMIT %s",
            (sender_org, sender_task, after, limit),
        )
        return [message_id for (message_id,) in rows]

    def holds(self, sender_org: str, sender_task: str, message_id: str) -> bool:
        """Whether a message waits under the id."""
        return bool(self._database.read(_HELD, (sender_org, sender_task, message_id)))

    def held_count(self) -> int:
        """How many messages wait."""
        return int(self._database.read("SELECT count(*) FROM held")[0][0])

    def held_beside(self, sender_org: str, sender_task: str, message_id: str) -> tuple[int, int]:
        """How many messages of a sender wait, this one not counted, and how many bytes they are as they are kept."""
        [(count, size)] = self._database.read(
            "SELECT count(*), coalesce(sum(length(sealed)), 0) FROM held"
            " WHERE sender_org = %s AND sender_task = %s AND message_id <> %s",
            (sender_org, sender_task, message_id),
        )
        return int(count), int(size)

    def drop_held(self, sender_org: str, sender_task: str, message_id: str, payload: bytes | None = None) -> None:
        """Let go of a message that has got its final answer; with a `payload` only where it is that which is kept."""
        named = (sender_org, sender_task, message_id)

        def work(ask: Ask) -> None:
            for until_at, sealed in ask(_HELD, named):
                stands = self._held(*named, until_at, sealed) if payload is not None else None
                if payload is None or (stands is not None and stands.payload == payload):
                    ask(f"DELETE FROM held WHERE {_HELD_KEY} = (%s, %s, %s) AND sealed = %s", (*named, sealed))

        self._database.write(work)

    def log_use(self, uses: Sequence[Use]) -> None:
        """Write looks at clients' records to the use log."""

        def work(ask: Ask) -> list[tuple[int, bytes]]:
            written: list[tuple[int, bytes]] = []
            for use in uses:
                sealed = self._seal(f"use|{use.subject_ref}", use)
                [(number,)] = ask(
                    "INSERT INTO uses (subject_ref, sealed) VALUES (%s, %s) RETURNING number", (use.subject_ref, sealed)
                )
                written.append((int(number), sealed))
            return written

        for number, sealed in self._database.write(work)[-1:]:
            self._newest.note(number, sealed)

    def log_nobody(self, uses: Sequence[Use]) -> None:
        """The work of `log_use` where nobody was found, and nothing of it kept: what it takes does not tell that."""

        def work(ask: Ask) -> None:
            # Undone, not deleted: nobody may delete from the use log. And committed, for that is what takes its time.
            ask("SAVEPOINT nobody", ())
            for use in uses:
                ref = use.subject_ref
                ask("INSERT INTO uses (subject_ref, sealed) VALUES (%s, %s)", (ref, self._seal(f"use|{ref}", use)))
            ask("ROLLBACK TO SAVEPOINT nobody", ())

        self._database.write(work)

    def uses(self, subject_ref: str) -> list[Use]:
        """Every look at a client's record, the first one first."""
        rows = self._database.read("SELECT sealed FROM uses WHERE subject_ref = %s ORDER BY number", (subject_ref,))
        return [self._open(f"use|{subject_ref}", sealed, Use) for (sealed,) in rows]

    def _index(self, identity_code: str | None) -> bytes | None:
        if not identity_code:
            return None
        return hmac.digest(self._index_key, normal_code(identity_code).encode(), "sha256")

    def _temporary_index(self, identifier: str | None) -> bytes | None:
        if not identifier:
            return None
        return hmac.digest(self._index_key, f"temporary|{normal_code(identifier)}".encode(), "sha256")

    def _seal(self, place: str, model: BaseModel) -> bytes:
        return self._sealed(place, orjson.dumps(model.model_dump(mode="json", exclude_none=True)))

    def _open(self, place: str, sealed: bytes, model: type[M]) -> M:
        return model.model_validate_json(self._opened(place, sealed))

    def _sealed(self, place: str, plain: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, place.encode())

    def _opened(self, place: str, sealed: bytes) -> bytes:
        try:
            return opened(self._cipher, sealed, place.encode())
        except InvalidTag as error:
            raise Damaged(f"{place.split('|')[0]}: an entry of the vault was not sealed so") from error


def _portions(items: list[str]) -> list[list[str]]:
    return [items[start : start + 500] for start in range(0, len(items), 500)]
