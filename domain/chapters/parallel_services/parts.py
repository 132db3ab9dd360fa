"""Other services that run beside this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.chapters.parallel_services.events import ParallelServiceStarted, ParallelServiceStopped
from domain.fact import Fact
from domain.folding import ClientStream, PartOfPath


@dataclass(frozen=True)
class ParallelRun(PartOfPath):
    """Another service beside this one: its start, its end, or both, whichever was told first."""

    started: Fact[ParallelServiceStarted] | None = None
    stopped: Fact[ParallelServiceStopped] | None = None

    @property
    def named(self) -> Fact[ParallelServiceStarted] | Fact[ParallelServiceStopped]:
        """The fact that names the service: its start, and while that is not known its end."""
        return next(fact for fact in (self.started, self.stopped) if fact)


@dataclass(frozen=True)
class ParallelServices(ClientStream):
    """The services beside this one."""

    parallel_services: Mapping[str, ParallelRun] = field(default_factory=dict)
