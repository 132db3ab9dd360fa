"""The documents that the API serves and does not make itself: what each kind of recipient sends and gets over Kafka, and the
schemas of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Schemas: TypeAlias = Callable[[], Mapping[str, bytes]]
"""Gives every schema as JSON, by its path below `/schemas/`; it may take a moment the first time."""


@dataclass(frozen=True, slots=True)
class AgencyDocument:
    """The AsyncAPI document of one kind of recipient: its task and, where others have the same task, the kinds of agencies
    whose it is. `text` gives it as YAML; it may take a moment the first time."""

    name: str
    task: str
    agency_kinds: frozenset[str]
    text: Callable[[], str]
