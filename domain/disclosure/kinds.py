"""What a kind of recipient is: a task of an organisation, and how it differs from every other one. Each is said in a file of
its own, in `projections/recipients/`; here stands what the domain asks of it.

The registry is made once and handed over to whoever needs it: nothing in the domain looks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Generic, TypeVar

from domain.directory import Recipient


class TwoKinds(ValueError):
    """Two kinds claim the same recipients: one key twice, or one task without saying whose organisations are whose."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind:
    """One kind of recipient.

    `column` is its column of the policy; none where nothing is told fact by fact. Several kinds may share a task: then each
    but one names the `agency_kinds` of its organisations, and that one has all the others. `roles` are the ones that there
    are in it, and nobody has another one there; an agency's system speaks in the first one that may ask for the command.
    `sends` names the commands that its systems may send and its workers may post.
    """

    name: str
    task: str
    column: str | None = None
    agency_kinds: frozenset[str] = frozenset()
    roles: tuple[str, ...] = ()
    sends: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """What there is one of: its column, or its task where it has none."""
        return self.column or self.task


K_co = TypeVar("K_co", bound=Kind, covariant=True)


class Kinds(Generic[K_co]):
    """Every kind of recipient, in the order of their names."""

    def __init__(self, kinds: Iterable[K_co]) -> None:
        """Raises `TwoKinds` where a recipient could be of either of two."""
        self._by_key: dict[str, K_co] = {}
        self._by_agency: dict[tuple[str, str], K_co] = {}
        for kind in sorted(kinds, key=attrgetter("name")):
            if kind.key in self._by_key:
                raise TwoKinds(f"{kind.name} and {self._by_key[kind.key].name} both have the key {kind.key}")
            self._by_key[kind.key] = kind
            for agency_kind in kind.agency_kinds or ("",):
                other = self._by_agency.setdefault((kind.task, agency_kind), kind)
                if other is not kind:
                    raise TwoKinds(f"{kind.name} and {other.name} both have {agency_kind or 'all others'} in {kind.task}")

    def __iter__(self) -> Iterator[K_co]:
        return iter(self._by_key.values())

    def __getitem__(self, key: str) -> K_co:
        """The kind of this key. Raises `KeyError`."""
        return self._by_key[key]

    def of(self, recipient: Recipient) -> K_co:
        """The kind that a recipient is of: every task has one. Raises `KeyError`."""
        own = self._by_agency.get((recipient.task, recipient.agency_kind))
        return own or self._by_agency[recipient.task, ""]

    def of_task(self, task: str) -> tuple[K_co, ...]:
        """Every kind of one task."""
        return tuple(kind for kind in self if kind.task == task)

    def sending(self, command: str) -> tuple[K_co, ...]:
        """Every kind whose systems may send the command."""
        return tuple(kind for kind in self if command in kind.sends)

    def tasks_sending(self, command: str) -> list[str]:
        """The tasks in which systems may send the command, each once, in alphabetical order."""
        return sorted({kind.task for kind in self.sending(command)})
