"""Whether the keys are those of the record: what was lost is not made anew, where it would be taken for the old one."""

from __future__ import annotations

from domain.store.sealed.keys import CONTENT, PROBE, TOKEN, Keys, KeysLost, key_id_of
from domain.store.tables.recorders import Recorder
from domain.streams import LEDGER_MATTER


def check_keys(recorder: Recorder, keys: Keys) -> None:
    """A store in which something is recorded is opened with its own keys only. Raises `KeysLost`."""
    if recorder.head():
        check_own_keys(keys, of_ledger=recorder.inquiry.is_begun(LEDGER_MATTER))


def check_own_keys(keys: Keys, *, of_ledger: bool = True) -> None:
    """The keys are there without which nothing could have been recorded, and with `of_ledger` nothing of the ledger itself.
    Raises `KeysLost`."""
    gone = [name for name in (PROBE, CONTENT, TOKEN) if keys.found(name) is None]
    gone += keys.lost([key_id_of(LEDGER_MATTER)]) if of_ledger else []
    if gone:
        raise KeysLost(gone)
