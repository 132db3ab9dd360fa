"""What taking in messages asks of the event store; `domain.store.event_store.EventStore` has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from domain.answers import Answer
from domain.commands import Command
from domain.context import Caller
from domain.events import Event
from domain.refusals import Reason
from domain.store.receiving.look_ups import LookStore
from domain.store.receiving.sender_names import NamesStore


class ReceivingStore(NamesStore, LookStore, Protocol):
    """What taking in messages asks of the event store."""

    def submit(
        self,
        command: Command,
        caller: Caller,
        command_id: str,
        *,
        client: str | None = None,
        look_ups: Mapping[str, Any] | None = None,
        dry_run: bool = False,
        input_position: tuple[str, int] | None = None,
    ) -> Future[Answer]:
        """Decide and record a command, once per sender and id."""

    def refuse(
        self,
        command: str,
        reasons: Sequence[Reason],
        caller: Caller,
        command_id: str,
        *,
        content: bytes,
        input_position: tuple[str, int] | None = None,
    ) -> Future[Answer]:
        """Record that something was refused which never became a command."""

    def note(
        self,
        event: Event,
        caller: Caller,
        command_id: str,
        *,
        content: bytes = b"",
        input_position: tuple[str, int] | None = None,
    ) -> Future[Answer]:
        """Record that a message waits or cannot be read."""
