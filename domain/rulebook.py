"""Every command with its decision and those who may ask for it, and every guard: the chapters as one book.

What a chapter leaves out or says twice is found here, when the book is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

from domain.catalogue import CLIENT_FACTS
from domain.chapters.agreements import decisions as agreements
from domain.chapters.assessments import decisions as assessments
from domain.chapters.attendance import decisions as attendance
from domain.chapters.benefits import decisions as benefits
from domain.chapters.cases import decisions as cases
from domain.chapters.clients import decisions as clients
from domain.chapters.corrections import decisions as corrections
from domain.chapters.decisions import decisions as issued
from domain.chapters.exits import decisions as exits
from domain.chapters.follow_ups import decisions as follow_ups
from domain.chapters.guards import by_right, no_diagnosis, parts_there
from domain.chapters.judging import guard_of
from domain.chapters.ledgers import decisions as ledgers
from domain.chapters.notices import decisions as notices
from domain.chapters.organisations import decisions as organisations
from domain.chapters.own_workers import decisions as own_workers
from domain.chapters.parallel_services import decisions as parallel_services
from domain.chapters.periods import decisions as periods
from domain.chapters.placements import decisions as placements
from domain.chapters.plans import decisions as plans
from domain.chapters.referrals import decisions as referrals
from domain.chapters.retention import decisions as retention
from domain.code_lists import code_list
from domain.commands import Command, CommandKind
from domain.context import Context, Draft
from domain.message_fields import texts_of

CHAPTERS = (
    ledgers,
    organisations,
    clients,
    referrals,
    assessments,
    own_workers,
    benefits,
    plans,
    agreements,
    issued,
    placements,
    periods,
    attendance,
    parallel_services,
    follow_ups,
    notices,
    exits,
    cases,
    corrections,
    retention,
)
"""In the order of a client's path."""


def commands_by_name(kinds: Sequence[CommandKind]) -> Mapping[str, CommandKind]:
    """The commands by their names. Raises `ValueError` for two of one name, and for a role that there is none of."""
    by_name = {kind.name: kind for kind in kinds}
    if len(by_name) != len(kinds):
        raise ValueError("two commands have one name")
    for kind in kinds:
        for role in sorted(kind.roles - set(code_list("actor_role").codes)):
            raise ValueError(
                f"{kind.name} may be asked in the role {role}: there is no such role (domain/codes/actor_role.toml)"
            )
    return by_name


def _judged(kind: CommandKind) -> CommandKind:
    """The command with what is judged of every one before its own decision."""

    judge, has_texts, has_parts = kind.decide, kind.of_client and bool(texts_of(kind.command)), kind.target == "client"

    @wraps(judge)
    def decide(state: Any, command: Command, context: Context) -> list[Draft]:
        by_right(command, context)
        if has_texts:
            no_diagnosis(command)
        if has_parts:
            parts_there(state, command)
        return judge(state, command, context)

    return replace(kind, decide=decide)


COMMANDS = commands_by_name([_judged(kind) for chapter in CHAPTERS for kind in chapter.COMMANDS])
"""Every command by its permanent name."""

GUARDS = {cls: guard for cls in CLIENT_FACTS.values() if (guard := guard_of(cls)) is not None}
"""What a fact of each kind had to pass, and its corrected value has to pass again."""


def kind_of(command: type[Command]) -> CommandKind:
    """The kind of a command class."""
    return COMMANDS[command.NAME]
