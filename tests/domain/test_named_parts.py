"""Every field that names another part names one of this client, of the kind that it says; else `E_UNKNOWN_REFERENCE`.

source: domain/pathway.md 4.1, domain/events.md 11.1 (`ref X`)
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from stories import OWN_WORKER, as_1

from domain.commands import CommandKind
from domain.context import Context
from domain.message_fields import places
from domain.pathway import Pathway
from domain.refusals import Refused
from domain.rulebook import COMMANDS

SOMEBODY_ELSES = "e" * 32
CONSENT = "consent_id"
"""Rows 1, 21 and 34 have codes of their own, tested with their chapters."""

NAMING = [
    (kind, name)
    for kind in COMMANDS.values()
    if kind.target == "client"
    for name, place in places(kind.command).items()
    if place.kind == "part" and name != CONSENT
]


def of_other_kinds(pathway: Pathway, field: str) -> Iterator[str]:
    """The client, and one part of each kind but the one that the field names."""
    yield pathway.client
    for parts in vars(pathway).values():
        if isinstance(parts, dict):
            yield from (key for key in list(parts)[:1] if isinstance(key, str) and not pathway.has_part(field, key))


@pytest.mark.parametrize(("kind", "field"), NAMING, ids=[f"{kind.name} {field}" for kind, field in NAMING])
def test_a_part_of_another_kind_of_another_client_or_of_nobody_is_unknown(kind: CommandKind, field: str) -> None:
    world = as_1("17a")
    wrong = [SOMEBODY_ELSES, "0" * 32, *of_other_kinds(world.pathway, field)]
    assert len(wrong) > 5
    for reference in wrong:
        command = kind.command.model_construct(**dict.fromkeys(kind.command.model_fields) | {field: reference})
        at = datetime(2025, 5, 16, 9, tzinfo=UTC)
        context = Context("a" * 32, at, OWN_WORKER, world.rules, world.directory)
        with pytest.raises(Refused) as refused:
            kind.decide(world.pathway, command, context)
        assert [(reason.code, reason.pointer) for reason in refused.value.codes] == [("E_UNKNOWN_REFERENCE", f"/{field}")]


def test_the_fields_that_name_parts_are_those_of_the_reference() -> None:
    assert {name for _, name in NAMING} == {
        "assessment_id", "decision_id", "exit_id", "hearing_id", "notification_id", "parallel_service_id", "period_id",
        "placement_id", "plan_id", "referral_id", "replaces_placement_id",
    }  # fmt: skip


def test_a_part_is_known_by_its_own_kind() -> None:
    pathway = as_1("17a").pathway
    period, placement = next(iter(pathway.periods)), next(iter(pathway.placements))
    assert pathway.has_part("period_id", period)
    assert not pathway.has_part("period_id", placement)
    assert pathway.has_part("replaces_placement_id", placement)
    assert not pathway.has_part("consent_id", period)
