"""What all windows together say of answers, keys and the vault, and how these compare.

What an audit cannot know is not guessed: a key without events and an entry without a registration are what an attempt leaves
that broke off, and are counted; whoever could make one up has the keys. An older entry of the same client in the place of
the newer one, a look that is gone from the use log and an answer without effect that is gone nothing tells of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.store.checking.amiss import Amiss
from domain.store.checking.answers import made_up_answers
from domain.store.checking.copies import CheckedKeys, CheckedVault
from domain.store.checking.tables import another_epoch, rows_before_the_first, taken_otherwise
from domain.store.checking.windows import Command, Destroyed, Registered, Said, Taken, Unreadable, Waiting
from domain.store.deciding.kept_answers import still_waiting
from domain.store.sealed.keys import CONTENT, LOST, PROBE, TOKEN, VAULT, VAULT_INDEX
from domain.store.sealed.vault import ClientRecord
from domain.store.tables.recorders import Recorder, Sender


@dataclass(slots=True)
class Beside:
    """What the feed says so far. `notes` are filled by the comparison: what is no fault and yet worth a line."""

    answers: dict[Sender, int] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    unreadable: dict[str, Unreadable] = field(default_factory=dict)
    destroyed: dict[str, Destroyed] = field(default_factory=dict)
    registered: dict[str, Registered] = field(default_factory=dict)
    coded: set[str] = field(default_factory=set)
    waiting: dict[Command, Waiting] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    taken: list[Taken] = field(default_factory=list)
    openings: int = 0
    notes: list[str] = field(default_factory=list)

    def take(self, said: Said) -> None:
        """Add what the next window says."""
        for sender, number in said.last_answers.items():
            self.answers[sender] = max(number, self.answers.get(sender, 0))
        self.keys |= said.keys
        for one in said.unreadable:
            known = self.unreadable.get(one.key_id)
            self.unreadable[one.key_id] = known._replace(events=known.events + one.events) if known else one
        self.destroyed |= {one.matter: one for one in said.destroyed if one.matter not in self.destroyed}
        self.registered |= {one.client: one for one in said.registered if one.client not in self.registered}
        self.coded.update(said.coded)
        self.waiting |= {one.command: one for one in said.held}
        for command in said.answered:
            self.waiting.pop(command, None)
        self.told |= said.told
        self.taken += said.taken
        self.openings += said.openings

    def compared(
        self, recorder: Recorder, keys: CheckedKeys, vault: CheckedVault, upto: int, followers: Sequence[str],
        topic_of: Callable[[str], str],
    ) -> Iterator[Amiss]:  # fmt: skip
        """Everything beside the events that is not as they say, the feed being known up to a position. `topic_of` names the
        topic of what a recipient is told."""
        yield from self.of_tables(recorder, upto)
        yield from taken_otherwise(recorder, self.taken, topic_of)
        for name in followers:
            place, head = recorder.tracking(name), recorder.head()
            if place > head:
                yield Amiss(0, name, f"the follower has come to position {place}, and the feed ends at {head}")
        yield from self.strange_keys(keys)
        yield from self._entries(vault, recorder, upto)
        yield from self._rest_of_vault(vault, recorder)

    def of_tables(self, recorder: Recorder, upto: int) -> Iterator[Amiss]:
        """What no event speaks of in the ledger's own tables."""
        yield from rows_before_the_first(recorder)
        yield from another_epoch(recorder, self.openings)
        yield from made_up_answers(recorder, self.answers, upto)

    def named_keys(self) -> list[str]:
        """The named keys without which nothing of what is recorded could have been."""
        names = [PROBE, CONTENT, TOKEN] if self.keys else []
        names += [VAULT, VAULT_INDEX] if self.registered else []
        return names + [f"pseudonym/{recipient}" for recipient in sorted(self.told)]

    def strange_keys(self, keys: CheckedKeys) -> Iterator[Amiss]:
        """Every key that is gone without a destruction, is another one's, or is there again."""
        for name in self.named_keys():
            if keys.found(name) is None:
                yield Amiss(0, name, "the key is gone, or not the one under its name, and what is recorded was made with it")
        there = dict(keys.all())
        proofs = keys.destroyed()
        by_key = {one.key_id: one for one in self.destroyed.values()}
        for key_id, one in sorted(self.unreadable.items(), key=lambda item: item[1].position):
            said = by_key.get(key_id)
            if key_id in there:
                yield Amiss(one.position, one.stream, f"the key of the matter {one.matter} is not the one under its name")
            elif said is None:
                by_store = ""
                if key_id in proofs:
                    by_store = f"; the key store says that it was {_went(proofs[key_id])}"
                yield Amiss(
                    one.position, one.stream,
                    f"the key of the matter {one.matter} is gone and no payload_key.destroyed names it: from here on"
                    f" {one.events} events cannot be read{by_store}",
                )  # fmt: skip
            else:
                self.notes.append(f"the matter {one.matter}: {one.events} events erased by position {said.position}")
        for key_id, own in sorted(there.items()):
            said = by_key.get(key_id)
            if not own and key_id not in self.unreadable:
                yield Amiss(0, key_id, "the key is not the one under its name")
            if said is None:
                if key_id in proofs:
                    what = f"and by the key store it was {_went(proofs[key_id])}"
                    yield Amiss(0, key_id, f"the key is there, no payload_key.destroyed names it, {what}")
                continue
            if key_id in proofs:
                what = f"the key of the matter {said.matter} is there again, and was destroyed"
                yield Amiss(said.position, said.stream, what)
            else:
                self.notes.append(f"the matter {said.matter}: the clerk has to destroy its key (position {said.position})")
        for said in by_key.values():
            if proofs.get(said.key_id, said.digest) != said.digest:
                yield Amiss(said.position, said.stream, "the key store has another proof of the destruction")
        if orphans := len(there.keys() - self.keys):
            self.notes.append(f"{orphans} keys with which no event is sealed")

    def _entries(self, vault: CheckedVault, recorder: Recorder, upto: int) -> Iterator[Amiss]:
        entered, nobody = set[str](), 0
        for entry in vault.entries():
            entered.add(entry.client)
            said = self.registered.get(entry.client)
            nobody += said is None
            at = said.position if said else 0
            if entry.record is None:
                yield Amiss(at, entry.client, "the entry of the vault was not made for this client")
                continue
            if not entry.found_by_its_own:
                yield Amiss(at, entry.client, "the entry of the vault is found by another identity code than its own")
            wrong = list(self._named(said, entry.record, entry.client)) if said and not entry.changing else []
            if wrong and not any(row.position > upto for row in recorder.stream_rows(entry.client)):
                yield from (Amiss(at, entry.client, what) for what in wrong)
        for client, said in sorted(self.registered.items(), key=lambda item: item[1].position):
            # Whose key is lost may be entered anew by now, and be forgotten: of the key it is told already.
            if client not in entered and said.matter not in self.destroyed and said.identity_kind is not None:
                yield Amiss(said.position, client, "the client is registered, and the vault has no entry")
        if nobody:
            self.notes.append(f"{nobody} entries of the vault of persons whom no event registers")

    def _named(self, said: Registered, record: ClientRecord, client: str) -> Iterator[str]:
        """What the entry names the client by is what the events say."""
        if said.identity_kind == "identity_code" and record.identity_code is None:
            yield "the client was registered by an identity code, and the vault has none"
        if said.identity_kind == "temporary_identifier" and record.temporary_identifier is None:
            yield "the client was registered by a temporary identifier, and the vault has none"
        if said.identity_kind not in ("identity_code", None) and record.identity_code and client not in self.coded:
            yield "the vault has an identity code, and no event says that it came"

    def _rest_of_vault(self, vault: CheckedVault, recorder: Recorder) -> Iterator[Amiss]:
        for card in vault.strange_cards():
            yield Amiss(0, "vault", f"the staff card of {card} is not what its row says")
        for client, lines in sorted(Counter(vault.strange_uses()).items()):
            yield Amiss(0, client, f"{lines} lines of the use log were not written for this client")
        held = {one[:3]: one for one in vault.held_each()}
        for said in sorted(self.waiting.values(), key=lambda one: one.position):
            kept, line = held.get(said[:3]), f"{said.sender_org}/{said.sender_task}"
            what = f"the message {said.message_id} waits, and the vault does not have it"
            if kept is None and not still_waiting(recorder.answers_to((said.sender_org, said.sender_task), said.message_id)):
                continue
            if kept is not None and kept.until_at == datetime.fromisoformat(said.until_at):
                continue
            if kept is not None:
                what = f"the message {said.message_id} waits until {said.until_at}, and by the vault until {kept.until_at}"
            yield Amiss(said.position, line, what)
        for kept in held.values():
            if not kept.opens:
                line = f"{kept.sender_org}/{kept.sender_task}"
                yield Amiss(0, line, f"the message {kept.message_id} that waits is not what its row in the vault says")

    # --- put aside, and taken up again ---

    def state(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {
            "answers": [(*sender, number) for sender, number in self.answers.items()],
            "keys": sorted(self.keys),
            "unreadable": [list(one) for one in self.unreadable.values()],
            "destroyed": [list(one) for one in self.destroyed.values()],
            "registered": [list(one) for one in self.registered.values()],
            "coded": sorted(self.coded),
            "waiting": [list(one) for one in self.waiting.values()],
            "told": sorted(self.told),
            "taken": [list(one) for one in self.taken],
            "openings": self.openings,
        }

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Beside:
        """As it was put aside."""
        return cls(
            answers={(org, task): number for org, task, number in state["answers"]},
            keys=set(state["keys"]),
            unreadable={one[0]: Unreadable(*one) for one in state["unreadable"]},
            destroyed={one[0]: Destroyed(*one) for one in state["destroyed"]},
            registered={one[0]: Registered(*one) for one in state["registered"]},
            coded=set(state["coded"]),
            waiting={one.command: one for one in (Waiting(*row) for row in state["waiting"])},
            told=set(state["told"]),
            taken=[Taken(*one) for one in state["taken"]],
            openings=state["openings"],
        )


def _went(proof: str) -> str:
    """What the key store has noted of a key."""
    return "given up as lost" if proof == LOST else "destroyed"
