"""What a kind of recipient is: a task of an organisation, and how it differs from every other one. Each is said in a file of
its own, in `projections/recipients/`; here stands what the domain asks of it.

The registry is made once and handed over to whoever needs it: nothing in the domain looks for it.
source: domain/disclosure.md 5.2-5.4
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter
from typing import Generic, TypeAlias, TypeVar

from domain.dates import A_DAY
from domain.directory import Directory, Organisation, Recipient
from domain.events import Event, NotificationSent
from domain.pathway import Fact, Pathway

EVER = date.max


class TwoKinds(ValueError):
    """Two kinds claim the same recipients: one key twice, or one task without saying whose organisations are whose."""


@dataclass(frozen=True, slots=True)
class Span:
    """Days of a window, both ends included. `placement_id` says by which placement, where it is one that gives the days."""

    first: date
    last: date
    placement_id: str = ""

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Standing:
    """One recipient towards one client: its kind and the days of its window."""

    recipient: Recipient
    kind: Kind
    spans: tuple[Span, ...] = ()

    def covers(self, day: date) -> bool:
        """Whether the day lies in the window."""
        return any(span.first <= day <= span.last for span in self.spans)

    def first_days(self) -> Iterator[date]:
        """The first day of each unbroken stretch of the window: there it is a new recipient (rule 7)."""
        last: date | None = None
        for span in sorted(self.spans, key=lambda s: s.first):
            if last is None or (last is not EVER and span.first > last + A_DAY):
                yield span.first
            last = max(last or span.last, span.last)


Window: TypeAlias = Callable[[Pathway], Iterable[tuple[str | None, Span]]]
"""Of one client: whose days, by organisation, none for every organisation in the task; and which days."""
Entitled: TypeAlias = Callable[[Fact[Event], Pathway, Standing], bool]
"""Whether a fact that the policy gives to the kind goes to this recipient."""
MayBegin: TypeAlias = Callable[[Pathway, Organisation, str | None], bool]
"""Whether an organisation may state facts of a client before it was told any: its entry in the register, and the client's
home municipality, none where that is not known. source: domain/pathway.md 4.9"""
Ground: TypeAlias = Callable[[Fact[Event], Pathway, str], tuple[str, str] | None]
"""(legal basis, purpose) of telling a fact in a form, none for the usual ones."""


def in_window(fact: Fact[Event], pathway: Pathway, standing: Standing) -> bool:
    """A fact of the recipient's days; a notice where it is sent to it."""
    if isinstance(fact.event, NotificationSent):
        return fact.event.recipient_org_id == standing.recipient.org
    return standing.covers(fact.occurred_on)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind:
    """One kind of recipient.

    Who it is. `title` is what documents call it. `column` is its column of the policy; none where nothing is told fact by
    fact. Several kinds may share a task: then each but one names the `agency_kinds` of its organisations, and that one has
    all the others. `roles` are the ones that there are in it, and nobody has another one there; an agency's system speaks
    in the first one that may ask for the command. `sends` names the commands that its systems may send and its workers post.
    `may_begin`: of which clients it may do so before it was told of them; none of nobody.

    What it is told. `window` and `entitled` say on which days and which facts; `legal_basis` and `purpose` are the usual
    ones, `ground` says where there are others, `any_legal_basis` that it is answered on one that it named itself.
    `told_one_by_one` is false for a kind to which the follower tells nothing. `replaced`: its recipients follow one another,
    and the new one gets what is in force (rule 7). `moved_by`: whether a fact moves what its recipient may be told, none
    where the window alone says so.

    In which form. `profiles` are its profiles of the policy, where there are more than one or another than its key, and
    `profile_of` says which one holds for a fact. `own_facts_whole`: it gets back whole what it stated itself (rule 9).
    `shielded`: a protected client's places and times are kept from it (rule 5). `staff_cards`: by event, the field that
    names the person whose staff card goes along. `answers`: the id of the sender's message that a fact answers.
    `identity_named` limits the identity in the client block; `files_absence_reports` says where it holds what belongs on
    such a report.
    """

    name: str
    title: str
    task: str
    column: str | None = None
    agency_kinds: frozenset[str] = frozenset()
    roles: tuple[str, ...] = ()
    sends: frozenset[str] = frozenset()
    may_begin: MayBegin | None = None

    told_one_by_one: bool = True
    window: Window | None = None
    entitled: Entitled = in_window
    legal_basis: str = "LB-OWN-TASK"
    purpose: str = ""
    ground: Ground | None = None
    any_legal_basis: bool = False
    replaced: bool = False
    moved_by: Callable[[Fact[Event], Pathway], bool | None] | None = None

    profiles: tuple[str, ...] = ()
    profile_of: Callable[[Fact[Event], Pathway, Standing], str] | None = None
    own_facts_whole: bool = True
    shielded: bool = True
    staff_cards: Mapping[str, str] = field(default_factory=dict)
    answers: Callable[[Fact[Event], Pathway], str | None] | None = None
    identity_named: Callable[[Fact[Event], Pathway, Standing], frozenset[str]] | None = None
    files_absence_reports: Callable[[Fact[Event], Pathway, Standing, Directory], bool] | None = None

    key: str = field(init=False)
    """What there is one of: its column, or its task where it has none."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self.column or self.task)
        object.__setattr__(self, "profiles", self.profiles or ((self.column,) if self.column else ()))


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
        # Kinds that share a task and a window are looked for together.
        sharing: dict[tuple[str, Window], set[Kind]] = {}
        for kind in self:
            if kind.window:
                sharing.setdefault((kind.task, kind.window), set()).add(kind)
        self.windows = tuple((task, window, frozenset(those)) for (task, window), those in sharing.items())
        """Each window with its task and the kinds whose it is."""

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

    def of_columns(self, columns: Iterable[str]) -> tuple[K_co, ...]:
        """The kinds of these columns to which facts are told one by one, in the order of the columns."""
        found = (self._by_key[column] for column in columns)
        return tuple(kind for kind in found if kind.told_one_by_one)

    def sending(self, command: str) -> tuple[K_co, ...]:
        """Every kind whose systems may send the command."""
        return tuple(kind for kind in self if command in kind.sends)

    def tasks_sending(self, command: str) -> list[str]:
        """The tasks in which systems may send the command, each once, in alphabetical order."""
        return sorted({kind.task for kind in self.sending(command)})
