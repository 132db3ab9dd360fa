"""The clerk: when a notice's due day has ended and nobody has sent it, it is sent; when a minute has ended, what the broker
took in it is recorded; a key that the record says is destroyed is destroyed, also one that a copy of the keys brought back,
and with that of the client's own matter the link between person and reference.

A reminder on the way there is a line of a question, never an event. Its list is no memory of its own: it is read from the
feed at every start. source: domain/pathway.md 4.4 row 44
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from consumers.acknowledging import LOOK_S, Acknowledging
from domain.chapters.notices.decisions import SendNotification
from domain.context import HELSINKI, Caller
from domain.events import NotificationDue, NotificationSent, PayloadKeyDestroyed, PublicationsAcknowledged
from domain.record import Record
from domain.store import EventStore, Vault, carry_out

FOLLOWED = (
    NotificationDue.NAME, NotificationSent.NAME, PayloadKeyDestroyed.NAME, PublicationsAcknowledged.NAME,
)  # fmt: skip
SENDING = uuid.uuid5(uuid.NAMESPACE_URL, "urn:kuty:clerk:send")


class Due(NamedTuple):
    """A notice that nobody has sent yet."""

    client: str
    due_on: date


class Clerk:
    """Sends what is overdue. Two of them running send each notice once: the command's id is made from the notice."""

    name = "clerk"

    def __init__(self, store: EventStore, vault: Vault, *, window: int = 1000, look_s: float = LOOK_S) -> None:
        self._store = store
        self._vault = vault
        self._window = window
        self._position = 0
        self._erasures = 0
        self._open: dict[str, Due] = {}
        self._acknowledging = Acknowledging(store, look_s)
        self._lock = threading.Lock()

    @property
    def position(self) -> int:
        """The position up to which the feed has been read."""
        return self._position

    @property
    def is_at_head(self) -> bool:
        """Whether nothing overdue is left to send. Any process can ask: the feed is read on the way, nothing is sent."""
        with self._lock:
            while not self._read_on()[1]:
                pass
            return not self._overdue()

    def step(self) -> int:
        """Read what is new, send what is overdue, record what was acknowledged; the number of events read, notices sent and
        facts recorded."""
        with self._lock:
            read, to_the_end = self._read_on()
            if not to_the_end:
                return read  # nothing is sent before all is read: a notice further on may have been sent already
            overdue = self._overdue()
        sent = self._send(overdue) if overdue else 0
        return read + sent + self._acknowledging.step()

    def _read_on(self) -> tuple[int, bool]:
        """How many events were passed, and whether it was all that there is."""
        if self._erasures != self._store.erasures:
            # Read again: what was erased is not on the list then.
            self._erasures, self._position, self._open = self._store.erasures, 0, {}
        head = self._store.head()
        if head <= self._position:
            return 0, True
        records = self._store.records(self._position, self._window, FOLLOWED)
        self._read(records)
        last, more = records[-1].position if records else 0, len(records) == self._window
        before, self._position = self._position, last if more else max(head, last)
        return self._position - before, not more

    def _read(self, records: Sequence[Record]) -> None:
        for record, event in zip(records, self._store.opened_all(records), strict=True):
            match event:
                case NotificationDue():
                    self._open[event.notification_id] = Due(record.header.stream, event.due_on)
                case NotificationSent():
                    self._open.pop(event.notification_id, None)
                case PublicationsAcknowledged():
                    self._acknowledging.note(event)
                case PayloadKeyDestroyed():
                    carry_out(self._store, self._vault, record.header.stream, event.destroyed_matter)
                case _:
                    pass  # erased: nobody can be told any more

    def _overdue(self) -> dict[str, Due]:
        if not self._open:
            return {}
        today = self._store.now().astimezone(HELSINKI).date()
        return {notification_id: due for notification_id, due in self._open.items() if due.due_on < today}

    def _send(self, overdue: Mapping[str, Due]) -> int:
        caller = Caller(self._store.directory.organiser, "clerk", "system", "system", "notice")
        sending = [
            self._store.submit(
                SendNotification(notification_id=notification_id),
                caller,
                uuid.uuid5(SENDING, f"{self._store.ledger}/{notification_id}").hex,
                client=due.client,
            )
            for notification_id, due in overdue.items()
        ]
        for notification_id, answer in zip(overdue, sending, strict=True):
            answer.result()
            with self._lock:
                # Sent, or refused for good with its refusal in the feed: the next attempt would change nothing.
                self._open.pop(notification_id, None)
        return len(overdue)
