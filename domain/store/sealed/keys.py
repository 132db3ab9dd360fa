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
from itertools import islice
from types import MappingProxyType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.store.sealed.opening import opened
from domain.store.tables.database import Ask, Database, StoreUnavailable, marks

MATTER_KEY_BYTES = 32
NAMED_KEY_BYTES = 64
"""Enough for AES-SIV with 256-bit keys, and for any keyed hash."""
KEYS_KEPT = 50_000
LOOK_FOR_DESTROYED_S = 1.0
"""Whether another process has destroyed a key is looked for when the last look is so old, in seconds."""
NEWEST = 100
"""So many of the keys that were learned last are looked for again each second; all of them on a new connection."""
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


def _proof(key_id: str, wrapped: bytes) -> str:
    """By what a destruction is known: SHA-256, in hex, of the key as it was kept."""
    return hashlib.sha256(b"kuty/destroyed|" + key_id.encode() + b"|" + wrapped).hexdigest()


def _standing(ask: Ask, ids: Sequence[str]) -> tuple[set[str], set[str]]:
    """Which of some keys are there, and which were destroyed or given up."""
    found: list[set[str]] = [set(), set()]
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        # In this order: what is destroyed between the two is found in the second.
        for table, names in zip(("matter_keys", "destroyed_keys"), found, strict=True):
            rows = ask(f"SELECT key_id FROM {table} WHERE key_id IN ({marks(len(some))})", some)
            names.update(str(key_id) for (key_id,) in rows)
    return found[0], found[1]


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
        self._destroyed_again: list[str] = []
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
        self._unwrap(PROBE, bytes(rows[0][0]))

    def create(self, matters: Iterable[str]) -> dict[str, bytes]:
        """The keys of the matters by key id, made in one commit where they are missing: whoever asks has looked that nothing
        is recorded in their matters, so that what was lost does not become new. Raises `KeyDestroyed`."""
        self.named(PROBE)
        ids = sorted({key_id_of(matter) for matter in matters})
        fresh = {key_id: os.urandom(MATTER_KEY_BYTES) for key_id in ids}

        def work(ask: Ask) -> list[tuple[str, bytes]]:
            if ask(f"SELECT key_id FROM destroyed_keys WHERE key_id IN ({marks(len(ids))})", ids):
                raise KeyDestroyed(", ".join(ids))
            for key_id, key in fresh.items():
                ask(
                    "INSERT INTO matter_keys VALUES (%s, %s) ON CONFLICT (key_id) DO NOTHING",
                    (key_id, self._wrap(key_id, key)),
                )
            return self._wrapped(ask, ids)

        # Read back: another process may have made the same key a moment earlier.
        before = self.erasures
        made = {key_id: self._unwrap(key_id, wrapped) for key_id, wrapped in self._database.write(work)} if ids else {}
        self._keep(made, before)
        return made

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
        for start in range(0, len(missing), 500):
            some = missing[start : start + 500]
            rows = self._database.read(f"SELECT key_id, wrapped FROM matter_keys WHERE key_id IN ({marks(len(some))})", some)
            read = {key_id: self._unwrap(key_id, bytes(wrapped)) for key_id, wrapped in rows}
            self._keep(read, before)
            found |= read
        return found

    def opening(self, key_ids: Iterable[str]) -> dict[str, bytes]:
        """The keys of what is recorded; one that was destroyed is left out. Raises `KeysLost` for one that was not, and is
        not here: what it opens is not taken for erased."""
        wanted = list(key_ids)
        found = self.get(wanted)
        if len(found) < len(wanted):
            self.check_gone(key_id for key_id in wanted if key_id not in found)
        return found

    def check_gone(self, key_ids: Iterable[str]) -> None:
        """That keys which are not here were destroyed, or given up as lost. Raises `KeysLost`."""
        if not self._lost_count_as_erased and (lost := self.lost(key_ids)):
            raise KeysLost(lost)

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
        return self._unwrap(name, bytes(rows[0][0])) if rows else None

    def _made(self, name: str) -> bytes:
        if name != PROBE:
            self.named(PROBE)
        fresh = self._wrap(name, os.urandom(NAMED_KEY_BYTES))

        def work(ask: Ask) -> bytes:
            ask("INSERT INTO named_keys VALUES (%s, %s) ON CONFLICT (name) DO NOTHING", (name, fresh))
            return bytes(ask("SELECT wrapped FROM named_keys WHERE name = %s", (name,))[0][0])

        return self._unwrap(name, self._database.write(work))

    def destroy(self, matter: str) -> str:
        """Destroy a matter's key and return the proof (SHA-256, hex); the same proof again when already destroyed, and where
        somebody has put the key back it goes once more. Raises `LookupError` for a matter that never had a key."""
        key_id = key_id_of(matter)

        def work(ask: Ask) -> str:
            while True:
                wrapped = self._wrapped(ask, [key_id])
                before = ask("SELECT proof FROM destroyed_keys WHERE key_id = %s", (key_id,))
                if before:
                    ask("DELETE FROM matter_keys WHERE key_id = %s", (key_id,))
                    return str(before[0][0])
                if not wrapped:
                    raise LookupError(f"no key {key_id}")
                proof = _proof(key_id, wrapped[0][1])
                # The number after the highest one: of two at one moment the second waits for the first and tries again,
                # so that numbers become visible in their order, and a look at the newest ones misses none.
                if ask(
                    "INSERT INTO destroyed_keys (number, key_id, proof)"
                    " SELECT coalesce(max(number), 0) + 1, %s, %s FROM destroyed_keys WHERE true"
                    " ON CONFLICT DO NOTHING RETURNING number",
                    (key_id, proof),
                ):
                    ask("DELETE FROM matter_keys WHERE key_id = %s", (key_id,))
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
            return _proof(key_id, bytes(wrapped[0][0])), False
        kept = self._database.read("SELECT proof FROM destroyed_keys WHERE key_id = %s", (key_id,))
        return str(kept[0][0]) if kept and kept[0][0] != LOST else "", True

    def lost(self, key_ids: Iterable[str]) -> list[str]:
        """Those keys that are not here and that nobody destroyed, in alphabetical order."""
        return self._missing(self._database.read, sorted(set(key_ids)))

    @staticmethod
    def _missing(ask: Ask, ids: Sequence[str]) -> list[str]:
        there, destroyed = _standing(ask, ids)
        return [key_id for key_id in ids if key_id not in there and key_id not in destroyed]

    def _look_for_known(self, ask: Ask, new: bool) -> None:
        """Look whether the keys are there that this process has made or read, and the destruction that it has seen last.
        Raises `KeysWentBack`."""
        upto = None if new else NEWEST
        with self._lock:
            known, named = (list(islice(reversed(some), upto)) for some in (self._known, self._named))
            number, key_id = self.erasures, self._destroyed_last
        there, destroyed = _standing(ask, known)
        # What was put back after its destruction is destroyed once more without a new number.
        self._destroyed_again = [key_id for key_id in known if key_id in destroyed and key_id not in there]
        gone = [key_id for key_id in known if key_id not in there and key_id not in destroyed]
        if named:
            found = {name for (name,) in ask(f"SELECT name FROM named_keys WHERE name IN ({marks(len(named))})", named)}
            gone += [name for name in named if name not in found]
        # Numbers are given again in what went back: the same one may be another key's there.
        if number and ask("SELECT key_id FROM destroyed_keys WHERE number = %s", (number,)) != [(key_id,)]:
            gone.append(f"the destruction of {key_id}")
        if gone:
            raise KeysWentBack(gone)

    def give_up(self, key_ids: Iterable[str], proofs: Mapping[str, str] = MappingProxyType({})) -> None:
        """Note that keys are not here and will not be: nothing new is sealed under their names, where it would be taken for
        what was sealed before. One of which the record has the proof was destroyed, any other one counts as lost."""
        for key_id in key_ids:

            def work(ask: Ask, key_id: str = key_id) -> None:
                # Again where another one took the number at the same moment, as `destroy` does.
                while not ask("SELECT 1 FROM destroyed_keys WHERE key_id = %s", (key_id,)):
                    ask(
                        "INSERT INTO destroyed_keys (number, key_id, proof)"
                        " SELECT coalesce(max(number), 0) + 1, %s, %s FROM destroyed_keys WHERE true"
                        " ON CONFLICT DO NOTHING",
                        (key_id, proofs.get(key_id, LOST)),
                    )

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
            gone = [*(str(key_id) for _, key_id in destroyed), *self._destroyed_again]
            had = [self._known.pop(key_id, None) for key_id in gone]
            if destroyed:
                self.erasures, self._destroyed_last = int(destroyed[-1][0]), str(destroyed[-1][1])
            self._looked_at = at
        if self.erasures != before or any(had):
            for forget in self._forgetting:
                forget()

    def _keep(self, keys: dict[str, bytes], erasures: int) -> None:
        with self._lock:
            if self.erasures != erasures:
                return  # one of them may be gone: they are read again when they are needed
            self._known |= keys
            while len(self._known) > KEYS_KEPT:
                del self._known[next(iter(self._known))]

    @staticmethod
    def _wrapped(ask: Ask, ids: list[str]) -> list[tuple[str, bytes]]:
        rows = ask(f"SELECT key_id, wrapped FROM matter_keys WHERE key_id IN ({marks(len(ids))})", ids)
        return [(key_id, bytes(wrapped)) for key_id, wrapped in rows]

    def _wrap(self, name: str, key: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._master.encrypt(nonce, key, name.encode())

    def _unwrap(self, name: str, wrapped: bytes) -> bytes:
        try:
            return opened(self._master, wrapped, name.encode())
        except InvalidTag as error:
            raise WrongMasterKey(f"key {name} was wrapped by another master key") from error
