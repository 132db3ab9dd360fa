"""Other services that run beside this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.chapters.parallel_services.events import ParallelServiceStarted, ParallelServiceStopped
from domain.fact import Fact
from domain.folding import ClientStream, PartOfPath


@dataclass(frozen=True)
class ParallelRun(PartOfPath):
    """Another service beside this one."""

    started: Fact[ParallelServiceStarted]
    stopped: Fact[ParallelServiceStopped] | None = None


@dataclass(frozen=True)
class ParallelServices(ClientStream):
    """The services beside this one."""

    parallel_services: Mapping[str, ParallelRun] = field(default_factory=dict)
