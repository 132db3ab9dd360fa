"""Deciding once more what was decided in a history that was given up: the same command, under the same id, as things
stand now.

It keeps the identity of its first decision, so that the parts that it begins have the names by which their sender, and
whatever hangs on them, knows them already. source: design D21
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.commands import Command
from domain.context import HELSINKI
from domain.decided import Decision
from domain.record import Header
from domain.rulebook import COMMANDS
from domain.store.deciding.jobs import CommandJob, new_future


class NoSuchCommand(Exception):
    """The command cannot be read any more: there is none of its name, or it has another form now."""


def command_of(decision: Decision) -> Command:
    """The command as it was said: without a day of its own it spoke of the day on which it was decided. Raises
    `NoSuchCommand`."""
    kind = COMMANDS.get(decision.command)
    if kind is None:
        raise NoSuchCommand(f"there is no command {decision.command} any more")
    said_on = decision.recorded_at.astimezone(HELSINKI).date().isoformat()
    try:
        return kind.command.model_validate({"occurred_on": said_on, **decision.body})
    except ValueError:
        raise NoSuchCommand(f"{decision.command} has another form now") from None


def job_of(
    decision: Decision, header: Header, command: Command, client: str | None, content_hash: str, look_ups: Mapping[str, Any]
) -> CommandJob:
    """What is put to the writer: a repeat of it is known by the hashes that it had, or by its hash now."""
    known_by = frozenset(filter(None, (content_hash, header.content_hash, header.message_hash)))
    kind = COMMANDS[decision.command]
    body: dict[str, Any] = command.model_dump(mode="json", exclude_none=True)
    return CommandJob(
        command, kind, body, decision.caller, decision.command_id, client, content_hash, None, look_ups, False,
        None, new_future(), lambda: known_by, decision_id=decision.decision_id,
        message_hash=header.message_hash or "",
    )  # fmt: skip
