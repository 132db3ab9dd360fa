"""Duties to tell somebody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.chapters.notices.events import NotificationDue, NotificationSent
from domain.fact import Fact
from domain.folding import ClientStream, PartOfPath


@dataclass(frozen=True)
class Notice(PartOfPath):
    """A duty to tell somebody, and whether it was done."""

    due: Fact[NotificationDue]
    sent: Fact[NotificationSent] | None = None


@dataclass(frozen=True)
class Notices(ClientStream):
    """The notices about the client."""

    notices: Mapping[str, Notice] = field(default_factory=dict)
