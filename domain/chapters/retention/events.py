"""The end of what is kept: a matter's key is destroyed, and the record says so for ever."""

from __future__ import annotations

from datetime import datetime

from domain.event import BY_DAY, ClientFact, Moves, Never, listed_in
from domain.vocabulary import Ref, Routing, Text60, Text64


class PayloadKeyDestroyed(ClientFact):
    """The key of a matter was destroyed: nobody reads its content any more, what remains is when it was recorded and where.

    `destruction_digest` is the key store's proof, SHA-256 in hex, of the key as it was kept.
    """

    NAME = "payload_key.destroyed"
    MATTER = "ledger"
    PART = listed_in("destructions")
    MOVES = Moves.NOTHING
    CORRECTED = Never("a key that was destroyed does not come back")
    FOUND = BY_DAY
    destroyed_matter: Routing[Ref]
    destroyed_key_id: Routing[Text60]
    destroyed_at: Routing[datetime]
    destruction_digest: Routing[Text64]
