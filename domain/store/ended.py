"""The end of a client: the key of a matter goes when the record says so, and with that of the client's own matter the link
between person and reference. source: domain/privacy.md 3.4"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

from domain.record import Damaged
from domain.store.reading import LedgerReading
from domain.store.sealed.keys import key_id_of
from domain.store.sealed.vault import ClientRecord, Vault


def carry_out(store: LedgerReading, vault: Vault, client: str, matter: str) -> None:
    """Do what the record says of a matter of the client: destroy its key, and forget who the client is where it was the
    client's own. Safe to repeat. Raises `StoreUnavailable`."""
    with suppress(LookupError):  # it is not there, and nobody has destroyed it here: a copy without it
        store.keys.destroy(matter)
    if matter == own_matter(store, client) and vault.copied([client]):
        vault.forget(client)


def own_matter(store: LedgerReading, client: str) -> str | None:
    """The matter of what concerns the client as such, also once it is erased; none for who is no client."""
    first = store.stream(client, 0, 1)
    return first[0].header.matter if first else None


def is_ended(store: LedgerReading, client: str) -> bool:
    """Whether nothing is recorded of the client any more: the key of the client's own matter was destroyed, or given up as
    lost, or the record says that it will be."""
    matter, pathway = own_matter(store, client), store.pathway(client)  # as much is asked of the feed where there is nobody
    if matter is None:
        return False
    key_id = key_id_of(matter)
    gone = not store.keys.get((key_id,)) and bool(store.keys.noted((key_id,)))  # one that is only missing may come back
    return gone or pathway.is_destroyed(matter)


def enter(store: LedgerReading, vault: Vault, offered: str, record: ClientRecord) -> str:
    """Enter a person in the vault, under the reference offered, before the event that makes it a client is committed.

    Returns the reference to use: the known one where the person is known. One of whom nothing is recorded any more is
    forgotten: the person is entered anew, and nothing leads from one reference to the other.
    """

    def entered() -> str:
        while is_ended(store, kept := vault.register(offered, record)):
            vault.forget(kept)
        return kept

    return taken_up(store, vault, entered).reference


class TakenUp(NamedTuple):
    """An entry that was taken up: how it was sealed, and how it is now. That is the same where the person is a client; both
    are empty where it cannot be read."""

    reference: str
    was: bytes
    sealed: bytes


def taken_up(store: LedgerReading, vault: Vault, entered: Callable[[], str]) -> TakenUp:
    """Take up the entry of who is about to become a client, under the reference that `entered` gives. It is sealed anew: who
    lets go of entries of which nobody became a client leaves this one. Of who is a client it stays as it is."""
    while True:
        kept = entered()
        try:
            return TakenUp(kept, *vault.take_up(kept, anew=not store.stream_version(kept)))
        except LookupError:
            continue  # somebody has let go of it at this moment
        except Damaged:
            return TakenUp(kept, b"", b"")  # what it says is not needed here; who reads it finds that it cannot be read


def let_go(stream_version: Callable[[str], int], vault: Vault, sealed: Mapping[str, bytes]) -> int:
    """Take those out of the vault of whom nothing is recorded, as long as their entries are sealed so: how many that were.
    Nobody names a seal that is somebody else's: by it who is about to register the person holds the entry."""
    return sum(not stream_version(client) and vault.let_go(client, seal) for client, seal in sealed.items())
