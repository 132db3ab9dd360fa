"""In which stream a fact stands: a client's, an organisation's, or one of the ledger's own."""

from __future__ import annotations

from domain.context import Caller
from domain.events import (
    ClockAdvanced,
    Event,
    LedgerOpened,
    OrganisationJoined,
    ProviderContracted,
    ProviderRegistered,
    RulesetPublished,
)

LEDGER_STREAM = "ledger"
LEDGER_MATTER = "ledger"
"""The matter of what concerns no client."""
RULESETS_STREAM = "rulesets"


def stream_of(event: Event) -> str:
    """The stream of a fact about organisations, contracts, rules or the ledger. Raises `LookupError` for any other."""
    match event:
        case OrganisationJoined() | ProviderRegistered() | ProviderContracted():
            return f"organisation/{event.org_id}"
        case RulesetPublished():
            return RULESETS_STREAM
        case LedgerOpened() | ClockAdvanced():
            return LEDGER_STREAM
        case _:
            raise LookupError(f"{event.NAME} has no stream outside a client's")


def refusals_of(caller: Caller) -> str:
    """The stream in which the refusals of a sender stand."""
    return f"refusals/{caller.org}/{caller.task}"


def is_client_stream(stream: str) -> bool:
    """Whether the stream is a client's: its name is the client's reference, and nothing else."""
    return len(stream) == 32 and "/" not in stream
