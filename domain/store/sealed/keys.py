"""The keys, kept apart from the store and wrapped by a master key (design D15).

Each matter has a key; destroying it makes the matter's events unreadable at once. Named keys serve the ledger as a
whole: a recipient's pseudonyms, keyed hashes, opaque tokens. A new key is on the disk before anything sealed with it
can be; a key without events is harmless.

What is made with a matter's key goes with it: whoever remembers content asks here whether keys were destroyed since, by
whichever process, and forgets what it made before.

A key that is not here was destroyed only where that is noted here. One that neither is here nor was destroyed is lost, as
long as an older copy of the keys stands in their place (design D21): nothing is taken for erased then, and nobody goes on.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.store.sealed.opening import opened
from domain.store.tables.database import Ask, Database, Rows, StoreUnavailable, lost_version, marks

MATTER_KEY_BYTES = 32
NAMED_KEY_BYTES = 64
"""Enough for AES-SIV with 256-bit keys, and for any keyed hash."""
KEYS_KEPT = 50_000
LOOK_FOR_DESTROYED_S = 1.0
"""Whether another process has destroyed a key is looked for when the last look is so old, in seconds."""
MOST_ASKED = 500
"""So many names are asked for in one question."""
MOST_NAMED = 5
"""Keys that a refusal names."""
LOST = "lost"
"""Stands where the proof of a destruction does, for a key that no backup had."""
_NONCE_BYTES = 12
PROBE = "master-key-check"
"""The named key that is made before every other one: whether the master key is the right one shows by it."""
CONTENT, TOKEN, VAULT, VAULT_INDEX = "content-mac", "token", "vault", "vault-index"
"""The named keys of a ledger as a whole."""

TABLES = (
    """
    CREATE TABLE matter_keys (key_id text PRIMARY KEY, wrapped {bytes} NOT NULL);
    CREATE TABLE named_keys (name text PRIMARY KEY, wrapped {bytes} NOT NULL);
    CREATE TABLE destroyed_keys (number {number} PRIMARY KEY, key_id text NOT NULL UNIQUE, proof text NOT NULL);
    """,
    # Keys have numbers in the order in which they became visible; those from before have none. A key that was put back is
    # destroyed once more, under a new number.
    """
    ALTER TABLE matter_keys ADD COLUMN number bigint;
    CREATE UNIQUE INDEX matter_keys_by_number ON matter_keys (number);
    CREATE TABLE destructions (number {number} PRIMARY KEY, key_id text NOT NULL, proof text NOT NULL);
    INSERT INTO destructions SELECT number, key_id, proof FROM destroyed_keys;
    DROP TABLE destroyed_keys;
    ALTER TABLE destructions RENAME TO destroyed_keys;
    CREATE INDEX destroyed_keys_by_key ON destroyed_keys (key_id);
    """,
)


class WrongMasterKey(Exception):
    """The master key is not the one that wrapped these keys."""


class KeysLost(WrongMasterKey, StoreUnavailable):
    """Keys with which the record or the vault was made are not there: these are other keys, or what is left of them. Nothing
    is known of what they open, and nothing is answered, told or refused because of it."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(self._said(_some(names)))
        self.names = names

    def _said(self, names: str) -> str:
        return (
            f"what is there was made with keys that are not where the settings say ({names}): name or copy the"
            " keys, vault and master key that belong to it (docs/runbooks/lost-keys-or-vault.md)"
        )


class KeysWentBack(KeysLost):
    """The keys' database has lost what this process has seen in it: a copy from before stands in its place."""

    def _said(self, names: str) -> str:
        return (
            f"the keys went back: what was there a moment ago is not ({names}). Put the newer keys in their place before"
            " anything is written (docs/runbooks/lost-keys-or-vault.md)"
        )


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


class KeyDestroyed(Exception):
    """A key that was destroyed does not come back: nothing new can be sealed in its matter."""


def key_id_of(matter: str) -> str:
    """The stable name of a matter's key."""
    return f"{matter}/1"


def _proof(key_id: str, wrapped: object) -> str:
    """By what a destruction is known: SHA-256, in hex, of the key as it was kept, also where that is no key."""
    kept = wrapped if isinstance(wrapped, bytes) else str(wrapped).encode()
    return hashlib.sha256(b"kuty/destroyed|" + key_id.encode() + b"|" + kept).hexdigest()


def _in_parts(ask: Ask, statement: str, names: Sequence[str]) -> Rows:
    """The rows of a query that ends in an IN list of names, however many there are."""
    rows: Rows = []
    for start in range(0, len(names), MOST_ASKED):
        some = names[start : start + MOST_ASKED]
        rows += ask(f"{statement} ({marks(len(some))})", some)
    return rows


def _found(ask: Ask, table: str, column: str, names: Sequence[str]) -> set[str]:
    """Which of some names stand in a table."""
    return {str(name) for (name,) in _in_parts(ask, f"SELECT {column} FROM {table} WHERE {column} IN", names)}


def _missing(ask: Ask, ids: Sequence[str]) -> list[str]:
    """Those of some keys that are not there and that nobody destroyed or gave up."""
    there = _found(ask, "matter_keys", "key_id", ids)
    gone = [key_id for key_id in ids if key_id not in there]
    noted = _found(ask, "destroyed_keys", "key_id", gone)
    return [key_id for key_id in gone if key_id not in noted]


def _rows_of(ask: Ask, ids: Sequence[str]) -> Rows:
    """The keys of some names that are there: name, key as it is kept, and number, if it has one."""
    return _in_parts(ask, "SELECT key_id, wrapped, number FROM matter_keys WHERE key_id IN", ids)


def _proof_noted(ask: Ask, key_id: str) -> str | None:
    """The proof of a key's destruction, none where none is noted. What was noted last holds."""
    rows = ask("SELECT proof FROM destroyed_keys WHERE key_id = %s ORDER BY number DESC LIMIT 1", (key_id,))
    return str(rows[0][0]) if rows else None


def _next_number(ask: Ask) -> int:
    return int(ask("SELECT coalesce(max(number), 0) + 1 FROM destroyed_keys", ())[0][0])


def _note(ask: Ask, number: int, key_id: str, proof: str) -> bool:
    """Note a destruction under the number after the highest one. Of two at one moment the second waits for the first and
    tries again, so that numbers become visible in their order, and a look at the newest ones misses none."""
    statement = "INSERT INTO destroyed_keys VALUES (%s, %s, %s) ON CONFLICT (number) DO NOTHING RETURNING number"
    return bool(ask(statement, (number, key_id, proof)))


class Keys:
    """Keys in a database of their own, each wrapped by AES-256-GCM under the master key (32 bytes) and bound to its name.

    Safe for several threads. Whatever asks for a key asks here, so that they can be kept in another way. `clock` gives
    seconds that only grow.
    """

    def __init__(self, database: Database, master_key: bytes, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises `WrongMasterKey`, `NewerTables`."""
        database.check(TABLES)
        self._database = database
        self._master = AESGCM(master_key)
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._looks = 0
        self._silent: StoreUnavailable | None = None
        self._known: dict[str, bytes] = {}
        self._named: dict[str, bytes] = {}
        self.clock = clock
        self._forgetting: list[Callable[[], None]] = []
        self._looked_at = clock()
        self._lost_count_as_erased = 0
        self._newest = (0, "")  # the key that was made last, as far as this process has looked
        if (probe := self.found(PROBE)) is not None:
            self._named[PROBE] = probe
        newest = database.read("SELECT number, key_id FROM destroyed_keys ORDER BY number DESC LIMIT 1")
        self.erasures, self._destroyed_last = (int(newest[0][0]), str(newest[0][1])) if newest else (0, "")
        """How many keys were destroyed, as far as this process has looked. What was made with keys while it was another
        number is not to be believed, nor kept."""
        database.guard(self._look_for_known, clock)

    @staticmethod
    def migrate(database: Database) -> None:
        """Make or upgrade the tables."""
        database.migrate(TABLES)

    def check(self) -> None:
        """The keys are there, in tables that this program knows, under this master key. Raises `NewerTables`,
        `StoreUnavailable`, `WrongMasterKey`, `KeysWentBack`."""
        self._database.check(TABLES)
        rows = self._database.read("SELECT wrapped FROM named_keys WHERE name = %s", (PROBE,))
        if not rows:
            raise WrongMasterKey("these are other keys than at the start: the one that is looked for is not among them")
        self._unwrap(PROBE, rows[0][0])

    def create(self, matters: Iterable[str]) -> dict[str, bytes]:
        """The keys of the matters by key id, made in one commit where they are missing: whoever asks has looked that nothing
        is recorded in their matters, so that what was lost does not become new. Raises `KeyDestroyed`."""
        self.named(PROBE)
        ids = sorted({key_id_of(matter) for matter in matters})
        fresh = {key_id: self._wrap(key_id, os.urandom(MATTER_KEY_BYTES)) for key_id in ids}

        def work(ask: Ask) -> Rows:
            if _found(ask, "destroyed_keys", "key_id", ids):
                raise KeyDestroyed(", ".join(ids))
            for key in fresh.items():
                # The number after the highest one: of two at one moment the second waits for the first and tries again, so
                # that whoever has the newest key has all that were made before.
                while not (
                    ask(
                        "INSERT INTO matter_keys (key_id, wrapped, number)"
                        " VALUES (%s, %s, (SELECT coalesce(max(number), 0) + 1 FROM matter_keys))"
                        " ON CONFLICT DO NOTHING RETURNING number",
                        key,
                    )
                    or _found(ask, "matter_keys", "key_id", key[:1])
                ):
                    continue
            return _rows_of(ask, ids)

        # Read back: another process may have made the same key a moment earlier.
        before = self.erasures
        return self._learned(self._database.write(work), before) if ids else {}

    def get(self, key_ids: Iterable[str]) -> dict[str, bytes]:
        """The keys that exist; one that was destroyed, or never made, is left out."""
        self.look()
        known, before = self._known, self.erasures
        found: dict[str, bytes] = {}
        missing: list[str] = []
        for key_id in key_ids:
            key = known.get(key_id)
            if key is None:
                missing.append(key_id)
            else:
                found[key_id] = key
        return found | self._learned(_rows_of(self._database.read, missing), before) if missing else found

    def opening(self, key_ids: Iterable[str]) -> dict[str, bytes]:
        """The keys of what is recorded; one that was destroyed is left out. Raises `KeysLost` for one that was not, and is
        not here: what it opens is not taken for erased."""
        wanted = list(key_ids)
        found = self.get(wanted)
        if len(found) < len(wanted):
            self.check_gone(key_id for key_id in wanted if key_id not in found)
        return found

    def check_gone(self, key_ids: Iterable[str]) -> None:
        """That keys which were not here were destroyed, or given up as lost. Raises `KeysLost` for any other one, also where
        it has come back meanwhile: then it opens what it is asked for next time."""
        wanted = sorted(set(key_ids))
        if not self._lost_count_as_erased and (lost := {*wanted} - self.noted(wanted)):
            raise KeysLost(sorted(lost))

    def noted(self, key_ids: Sequence[str]) -> set[str]:
        """Those keys that were destroyed, or given up as lost, wherever they are now."""
        return _found(self._database.read, "destroyed_keys", "key_id", key_ids)

    @contextmanager
    def lost_count_as_erased(self) -> Iterator[None]:
        """What was sealed with keys that are lost counts as erased meanwhile: for an operator's command that tells which."""
        self._lost_count_as_erased += 1
        try:
            yield
        finally:
            self._lost_count_as_erased -= 1

    def named(self, name: str, is_used: Callable[[], bool] = bool) -> bytes:
        """A key of 64 bytes under a name such as `pseudonym/kela-benefit-payment`, made when first asked for. Raises
        `KeysLost` where it is not there and `is_used` says that it was: what was lost does not become new."""
        known = self._named.get(name)
        if known is None:
            known = self.found(name)
            if known is None and is_used():
                raise KeysLost([name])
            known = self._named[name] = known or self._made(name)
        return known

    def found(self, name: str) -> bytes | None:
        """The key under a name, none where there is none: nothing is made."""
        rows = self._database.read("SELECT wrapped FROM named_keys WHERE name = %s", (name,))
        return self._unwrap(name, rows[0][0]) if rows else None

    def _made(self, name: str) -> bytes:
        if name != PROBE:
            self.named(PROBE)
        fresh = self._wrap(name, os.urandom(NAMED_KEY_BYTES))

        def work(ask: Ask) -> object:
            ask("INSERT INTO named_keys VALUES (%s, %s) ON CONFLICT (name) DO NOTHING", (name, fresh))
            return ask("SELECT wrapped FROM named_keys WHERE name = %s", (name,))[0][0]

        return self._unwrap(name, self._database.write(work))

    def destroy(self, matter: str) -> str:
        """Destroy a matter's key and return the proof (SHA-256, hex); the same proof again when already destroyed. Where
        somebody has put the key back it goes once more, under a new number, so that every look finds it. Raises
        `LookupError` for a matter that never had a key."""
        key_id = key_id_of(matter)

        def work(ask: Ask) -> str:
            gone = ask("DELETE FROM matter_keys WHERE key_id = %s RETURNING wrapped", (key_id,))
            noted = _proof_noted(ask, key_id)
            if not gone:
                if noted is None:
                    raise LookupError(f"no key {key_id}")
                return noted
            proof = _proof(key_id, gone[0][0]) if noted in (None, LOST) else noted
            while not _note(ask, _next_number(ask), key_id, proof):
                continue
            return proof

        proof = self._database.write(work)
        with self._looking:
            self._forget_destroyed()
        return proof

    def proof(self, matter: str) -> tuple[str, bool]:
        """What `destroy` gives, or gave, for the matter, and whether its key is gone already; no proof for a key that is not
        there and was not destroyed here, or was given up as lost. One that is there is not gone, whatever is noted of it."""
        key_id = key_id_of(matter)
        wrapped = self._database.read("SELECT wrapped FROM matter_keys WHERE key_id = %s", (key_id,))
        if wrapped:
            return _proof(key_id, wrapped[0][0]), False
        noted = _proof_noted(self._database.read, key_id)
        return "" if noted in (None, LOST) else noted, True

    def lost(self, key_ids: Iterable[str]) -> list[str]:
        """Those keys that are not here and that nobody destroyed, in alphabetical order."""
        return _missing(self._database.read, sorted(set(key_ids)))

    def _look_for_known(self, ask: Ask, new: bool) -> None:
        """Look whether the newest key is there that this process has seen, which no copy from before has; the named keys;
        the destruction that it has seen last; and with `new` the tables and every key that it knows. Raises
        `KeysWentBack`."""
        if new and (lost := lost_version(ask, TABLES)):
            raise KeysWentBack([lost])
        newest = ask("SELECT number, key_id FROM matter_keys WHERE number = (SELECT max(number) FROM matter_keys)", ())
        with self._lock:
            seen, named = self._newest, list(self._named)
            known = dict.fromkeys([*([seen[1]] if seen[0] else []), *(self._known if new else ())])
            number, key_id = self.erasures, self._destroyed_last
        gone = _missing(ask, list(known))
        found = _found(ask, "named_keys", "name", named)
        gone += [name for name in named if name not in found]
        # Numbers are given again in what went back: the same one may be another key's there.
        if number and ask("SELECT key_id FROM destroyed_keys WHERE number = %s", (number,)) != [(key_id,)]:
            gone.append(f"the destruction of {key_id}")
        if gone:
            raise KeysWentBack(gone)
        with self._lock:
            if self._newest == seen:  # else there is one that was not looked for
                self._newest = (int(newest[0][0]), str(newest[0][1])) if newest else (0, "")

    def give_up(self, key_ids: Iterable[str], proofs: Mapping[str, str] = MappingProxyType({})) -> None:
        """Note that keys are not here and will not be: nothing new is sealed under their names, where it would be taken for
        what was sealed before. One of which the record has the proof was destroyed, any other one counts as lost."""
        for key_id in key_ids:

            def work(ask: Ask, key_id: str = key_id) -> None:
                while True:
                    number = _next_number(ask)  # first: whoever notes the same key meanwhile takes it
                    if _proof_noted(ask, key_id) or _note(ask, number, key_id, proofs.get(key_id, LOST)):
                        return

            self._database.write(work)

    def holds(self, key_id: str) -> bool:
        """Whether the key is in this process's memory."""
        return key_id in self._known

    @property
    def looked_lately(self) -> bool:
        """Whether what is remembered may be believed without a look at the database."""
        return self.clock() - self._looked_at < LOOK_FOR_DESTROYED_S

    def look(self) -> None:
        """See whether keys were destroyed, by whichever process, unless that was done a moment ago; then they are forgotten
        here, and with them everything that was made with any key. Raises `KeysWentBack`, `StoreUnavailable`: nothing is
        believed then."""
        if self.looked_lately:
            return
        before = self._looks
        with self._looking:
            if self._looks == before:
                self._forget_destroyed()
            elif self._silent is not None:
                # Who waited for somebody else's look has its outcome: behind each other they would wait for minutes.
                if isinstance(self._silent, KeysLost):
                    raise type(self._silent)(self._silent.names) from self._silent
                raise StoreUnavailable(str(self._silent)) from self._silent

    def forget_with(self, forget: Callable[[], None]) -> None:
        """Have `forget` called, in any thread, whenever keys turn out to be destroyed. Something that was made before and is
        to be kept after may still be on its way: it is compared with `erasures`."""
        self._forgetting.append(forget)

    def _forget_destroyed(self) -> None:
        at, before, self._silent = self.clock(), self.erasures, None
        try:
            # With the last one that is known: a copy of the keys may have had it again, and somebody destroyed it once more.
            destroyed = self._database.read(
                "SELECT number, key_id FROM destroyed_keys WHERE number >= %s ORDER BY number", (before,)
            )
        except StoreUnavailable as error:
            self._silent = error
            raise
        finally:
            self._looks += 1
        with self._lock:
            had = [self._known.pop(str(key_id), None) for _, key_id in destroyed]
            if destroyed:
                self.erasures, self._destroyed_last = int(destroyed[-1][0]), str(destroyed[-1][1])
            self._looked_at = at
        if self.erasures != before or any(had):
            for forget in self._forgetting:
                forget()

    def _learned(self, rows: Rows, erasures: int) -> dict[str, bytes]:
        """Keys that were read or made just now, which are remembered unless keys were destroyed meanwhile."""
        keys = {str(key_id): self._unwrap(key_id, wrapped) for key_id, wrapped, _ in rows}
        with self._lock:
            self._newest = max([self._newest, *((int(number), str(key_id)) for key_id, _, number in rows if number)])
            if self.erasures == erasures:  # else one of them may be gone: they are read again when they are needed
                self._known |= keys
                while len(self._known) > KEYS_KEPT:
                    del self._known[next(iter(self._known))]
        return keys

    def _wrap(self, name: str, key: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._master.encrypt(nonce, key, name.encode())

    def _unwrap(self, name: str, wrapped: object) -> bytes:
        try:
            return opened(self._master, wrapped, name.encode())
        except InvalidTag as error:
            raise WrongMasterKey(f"key {name} was wrapped by another master key") from error
