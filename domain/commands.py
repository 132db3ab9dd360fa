"""What someone may ask for. A command is a wish; only its decision makes it a fact."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Command(BaseModel):
    """A wish, as it arrives from a worker, an agency or the clock. Identity of the caller is never in it (design D19).

    `occurred_on` is the day on which it happened, was decided or was said (Europe/Helsinki); none means the ledger's today.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    NAME: ClassVar[str]
    """The permanent name, snake_case, as in domain/pathway.md 4.8: `start_period`."""

    occurred_on: date | None = None


class ClientCommand(Command):
    """A wish about one client. Which client comes from the route or the message's envelope, not from these fields."""
