"""From an event with its place to the bytes that are kept: sealed sections, header, and the hash of the one before."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from domain.context import Caller, Draft
from domain.record import LARGEST_RECORD, digest, header_bytes, state_bytes
from domain.store.deciding.batch import Batch, Staged
from domain.store.deciding.jobs import JobFailed, TooLarge
from domain.store.deciding.known import End
from domain.store.sealed.keys import KeyDestroyed, Keys, key_id_of
from domain.store.sealed.sealing import Sealer
from domain.store.tables.recorders import Row


class Place(NamedTuple):
    """Where an event will stand. `recorded_at` is UTC."""

    ledger: str
    stream: str
    version: int
    previous_hash: str
    type: str
    recorded_at: datetime


class Composed(NamedTuple):
    """The bytes of an event."""

    header: bytes
    sections: dict[str, bytes]

    @property
    def hash(self) -> str:
        """What the next event of the stream names as its previous hash."""
        return hashlib.sha256(self.header).hexdigest()


def compose(
    sealer: Sealer,
    matter_key: bytes,
    place: Place,
    draft: Draft,
    caller: Caller,
    command_id: str,
    stated: Mapping[str, Any],
    *,
    target_type: str | None = None,
    decision: Mapping[str, Any] | None = None,
) -> Composed:
    """Seal a draft and write its header. `stated` are the header's remaining fields; those without a value are left out.

    Raises `domain.vocabulary.Unclassified`.
    """
    ledger, stream, version, previous_hash, type_name, recorded_at = place
    key_id = key_id_of(draft.matter)
    fields: dict[str, Any] = {
        "event_id": draft.event_id,
        "type": type_name,
        "ledger": ledger,
        "stream": stream,
        "stream_version": version,
        "matter": draft.matter,
        "occurred_on": draft.occurred_on,
        "recorded_at": recorded_at,
        "command_id": command_id,
        "actor_org": caller.org,
        "actor_task": caller.task,
        "actor_role": caller.role,
        "actor_person": caller.person,
        "purpose": caller.purpose,
        "key_id": key_id,
        "previous_hash": previous_hash,
    }
    for name, value in stated.items():
        if value is not None:
            fields[name] = value
    for name in ("flags", "warnings", "causation", "corrects", "annuls", "valid_from_on", "valid_until_on"):
        value = getattr(draft, name)
        if value:
            fields[name] = value
    sections = sealer.seal(
        draft.event, header_bytes(fields), key_id, matter_key, target_type=target_type, decision=decision
    )  # fmt: skip
    fields["section_digests"] = {name: digest(sealed) for name, sealed in sections.items()}
    return Composed(header_bytes(fields), sections)


def chain(batch: Batch, sealer: Sealer, keys: Keys, ledger: str, is_begun: Callable[[str], bool]) -> list[Row]:
    """Seal what the batch has decided, each event naming the hash of the one before; sets the batch's `ends`.

    Makes the keys of new matters first, in one commit: of those in which nothing is recorded, as `is_begun` says. Raises
    `JobFailed`, `StoreUnavailable`, `KeysLost`.
    """
    staged = [entry for entry in batch.order if isinstance(entry, Staged)]
    matter_keys = _matter_keys(staged, keys, is_begun)
    hashes: dict[str, str] = {}
    rows: list[Row] = []
    for entry in batch.order:
        if isinstance(entry, Row):
            rows.append(entry)
            continue
        previous = hashes.get(entry.stream)
        if previous is None:
            previous = batch.remembered_end(entry.stream).hash
        draft = entry.draft
        try:
            composed = compose(
                sealer,
                matter_keys[key_id_of(draft.matter)],
                Place(ledger, entry.stream, entry.version, previous, entry.type, entry.recorded_at),
                draft,
                entry.job.caller,
                entry.job.command_id,
                {
                    "ruleset_version": entry.ruleset,
                    "directory_version": entry.directory,
                    "content_hash": entry.content_hash,
                    "message_hash": entry.message_hash or None,
                    "answer_number": entry.number,
                },
                target_type=entry.target_type,
                decision=entry.decision,
            )
        except Exception as error:
            raise JobFailed(entry.job, error) from error
        hashes[entry.stream] = composed.hash
        batch.ends[entry.stream] = End(entry.version, hashes[entry.stream])
        state = state_bytes(composed.header, composed.sections)
        if len(state) > LARGEST_RECORD:
            raise JobFailed(entry.job, TooLarge(f"a {entry.type} of {len(state)} bytes"))
        rows.append(Row(entry.position, entry.stream, entry.version, entry.type, state, draft.matter))
    return rows


def _matter_keys(staged: Sequence[Staged], keys: Keys, is_begun: Callable[[str], bool]) -> dict[str, bytes]:
    for entry in staged:
        if not entry.draft.matter:
            # The client's own matter is named by its registration, and that was erased.
            raise JobFailed(entry.job, KeyDestroyed(entry.stream))
    wanted: Iterable[str] = {key_id_of(entry.draft.matter) for entry in staged}
    found = keys.get(wanted)
    missing = {entry.draft.matter: entry.job for entry in staged if key_id_of(entry.draft.matter) not in found}
    for matter, job in missing.items():
        if is_begun(matter):
            # Under a new one of its name nothing recorded before would open, and nobody could tell why.
            keys.check_gone((key_id_of(matter),))
            raise JobFailed(job, KeyDestroyed(key_id_of(matter)))
    if missing:
        try:
            found |= keys.create(missing)
        except KeyDestroyed as error:
            if len(missing) == 1:
                raise JobFailed(next(iter(missing.values())), error) from error
            # Which one it is shows when they are made one by one.
            for matter, job in missing.items():
                try:
                    found |= keys.create((matter,))
                except KeyDestroyed as gone:
                    raise JobFailed(job, gone) from gone
    return found
