"""In which stream a fact stands: a client's, an organisation's, or one of the ledger's own."""

from __future__ import annotations

from domain.context import Caller
from domain.event import Event, LedgerEvent, RegisterFact

LEDGER_STREAM = LedgerEvent.STREAM
LEDGER_MATTER = "ledger"
"""The matter of what concerns no client."""


def stream_of(event: Event) -> str:
    """The stream of a fact about organisations, contracts, rules or the ledger. Raises `LookupError` for any other."""
    if not isinstance(event, RegisterFact | LedgerEvent):
        raise LookupError(f"{event.NAME} has no stream outside a client's")
    return event.STREAM.format_map(vars(event))


def refusals_of(caller: Caller) -> str:
    """The stream in which the refusals of a sender stand."""
    return f"refusals/{caller.org}/{caller.task}"


def is_client_stream(stream: str) -> bool:
    """Whether the stream is a client's: its name is the client's reference, and nothing else."""
    return len(stream) == 32 and "/" not in stream
