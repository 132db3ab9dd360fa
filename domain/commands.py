"""What someone may ask for, and who decides it. A command is a wish; only its decision makes it a fact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from domain.context import Context, Draft
from domain.dates import Dated


class Command(Dated):
    """A wish, as it arrives from a worker, an agency or the clock. Identity of the caller is never in it (design D19).

    `occurred_on` is the day on which it happened, was decided or was said (Europe/Helsinki); none means the ledger's today.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    NAME: ClassVar[str]
    """The permanent name, snake_case, as in domain/pathway.md 4.8: `start_period`."""
    OF_RECORDED: ClassVar[bool] = False
    """It speaks of facts that are recorded already: whether the caller may is judged by them, not by its own day."""

    occurred_on: date | None = None


class ClientCommand(Command):
    """A wish about one client. Which client comes from the route or the message's envelope, not from these fields."""


Target = Literal["client", "new_client", "directory", "ledger"]
Decide = Callable[[Any, Any, Context], list[Draft]]
"""(state, command, context) to drafts; raises `Refused`. State: Pathway for client and new_client, else Directory."""


@dataclass(frozen=True, slots=True)
class CommandKind:
    """One command: what it is asked of, who decides it, who may ask.

    `roles` may ask it over HTTP; whose systems may send it as a message, each kind of recipient says
    (domain/pathway.md 4.8). `path` is the noun under which workers post it, relative to the client or the ledger.
    `of_anybody`: a message may name a person of whom its sender may not know whether he is a client, and need not be told.
    """

    command: type[Command]
    decide: Decide
    target: Target
    path: str
    roles: frozenset[str]
    of_anybody: bool = False

    @property
    def of_client(self) -> bool:
        """Whether it speaks of a client, known or new."""
        return self.target in ("client", "new_client")

    @property
    def name(self) -> str:
        """The command's permanent name."""
        return self.command.NAME
