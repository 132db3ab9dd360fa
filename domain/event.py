"""What a fact is, and what it says of itself once: its part, what it moves, how it may be corrected, where it is found.

Every list of events that the product needs is derived from these declarations (design D23). An event of a client that
leaves one out is no event: its class cannot be made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum, Flag
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from domain.dates import Dated
from domain.vocabulary import Ref, Routing, Unclassified, data_class_of

Matter = Literal["case", "client", "target", "ledger", "fact"]
T = TypeVar("T")


# --- What an event declares -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InPathway:
    """Where a client's pathway keeps the fact.

    `key` is the field that names its part, `kept_in` the collection of the pathway, `slot` the place in the part; `begun` is
    the field that names the part which begins with the fact, empty where none does. `begun_with` is a field that only a fact
    has with which its part begins, where others of its kind belong to a part that is there.
    """

    key: str = ""
    kept_in: str = ""
    slot: str = ""
    begun: str = ""
    begun_with: str = ""

    @property
    def part(self) -> str:
        """The field by which the fact is told from others: the part that it begins, else the one that it belongs to."""
        return self.begun or self.key

    def begun_by(self, event: BaseModel) -> str:
        """The field that names the part which begins with this event, empty where none does."""
        told = not self.begun_with or getattr(event, self.begun_with) is not None
        return self.begun if told else ""

    def leads(self, name: str) -> bool:
        """Whether the field names the fact's case or part: a reader is shown those first."""
        return name in ("case_id", self.key, self.begun)


def begins(key: str, kept_in: str) -> InPathway:
    """A part of the pathway begins with the fact, under the reference in the field `key`."""
    return InPathway(key, kept_in, begun=key)


def belongs_to(key: str, slot: str, *, begun: str = "") -> InPathway:
    """The fact stands in the slot of the part that the field `key` names; nothing is kept where there is no such part."""
    return InPathway(key, slot=slot, begun=begun)


def joins(key: str, kept_in: str, slot: str, *, begun_with: str = "") -> InPathway:
    """The fact stands in the slot of the part that the field `key` names. The part begins with whichever of its facts comes
    first: with any of this kind, or with one that has the field `begun_with`."""
    return InPathway(key, kept_in, slot, begun=key, begun_with=begun_with)


def listed_in(kept_in: str, *, key: str = "") -> InPathway:
    """The fact stands in a collection of its own kind, beside the parts."""
    return InPathway(key, kept_in)


NO_PART = InPathway()
"""The fact speaks of another fact, not of a part."""


class Moves(Flag):
    """What a fact may change beside its own part, and whether its own telling changes with the recipient's window."""

    NOTHING = 0
    WINDOWS = 1
    """It may begin, end or move the days on which somebody is a recipient (domain/disclosure.md 5.3)."""
    IN_FORCE = 2
    """It goes on being in force after its day: who becomes a recipient later is told it then (rule 7)."""
    CUT = 4
    """Its days are cut to those of the recipient's window."""
    FOLLOWS = 8
    """What is told of it follows from the recipient's window, as a payer's last day does."""
    DAYS = 16
    """It may say that another day was replaced than before: days not arranged are then told anew (domain/pathway.md 4.4 row
    27)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A corrected value has to pass the guard of the first one: the function of this name among the chapter's decisions."""

    guard: str


def judged_by(guard: str) -> Judged:
    """Corrections are judged by the guard of this name in the chapter's `decisions`."""
    return Judged(guard)


@dataclass(frozen=True, slots=True)
class Never:
    """The fact is never corrected. `why` says what is done instead."""

    why: str


Corrected = Judged | Never

OPEN = "*"
"""In `Found`: the fact holds until further notice."""


class Counts(Enum):
    """From which day on a fact counts for somebody who asks how things are on a day."""

    ITS_DAY = "the day on which it happened"
    FIRST_DAY = "its first day, whenever it was said: it says itself from when on something holds"
    EITHER = "whichever of the two comes first: it speaks of days to come"


@dataclass(frozen=True, slots=True)
class Found:
    """The days under which a reader finds the fact: the fields with its first and its last one.

    Without `from_on` it is found by its own day. Without `until_on` it holds for its first day alone; `OPEN`, or a named
    field that is not there, means until further notice. `part` is the field by which it is found, where not its own part's.
    """

    from_on: str | None = None
    until_on: str | None = None
    part: str = ""
    counts: Counts = Counts.ITS_DAY

    @property
    def is_range(self) -> bool:
        """Whether fields say both the first and the last day."""
        return self.from_on is not None and self.until_on not in (None, OPEN)

    @property
    def ends(self) -> tuple[str, str]:
        """The fields with the first and the last day. Raises `TypeError` where not both are declared."""
        if not self.is_range:
            raise TypeError("only a range from one field to another can be cut to days")
        return str(self.from_on), str(self.until_on)

    def days_of(self, event: BaseModel, occurred_on: date) -> tuple[date, date | None]:
        """First and last day of the fact; none means until further notice."""
        first: date = (getattr(event, self.from_on, None) if self.from_on else None) or occurred_on
        if self.until_on is None:
            return first, first
        return first, getattr(event, self.until_on, None)

    def counts_from(self, occurred_on: date, first_on: date) -> date:
        """The day from which a fact counts that happened on a day, and is found from a first day on."""
        match self.counts:
            case Counts.FIRST_DAY:
                return first_on
            case Counts.EITHER:
                return min(occurred_on, first_on)
            case _:
                return occurred_on


BY_DAY = Found()
"""Found by its own day alone."""
FROM_ITS_DAY = Found(None, OPEN)
"""Found from its own day on."""


def days(from_on: str, until_on: str = OPEN, *, part: str = "", counts: Counts = Counts.ITS_DAY) -> Found:
    """Found from the day in one field to the day in the other, both included."""
    return Found(from_on, until_on, part, counts)


class _Tie:
    """Marks a field that ties the fact to its part or its author: a fact of another part is another fact."""


TIE = _Tie()
Tied = Annotated[T, TIE]
"""A field that no correction changes, beside those that name parts."""


CARRIED = frozenset({"new_values", "publication"})
"""Fields that carry those of other facts: each of them keeps the data class that it has in its own fact."""


# --- The kinds of facts -----------------------------------------------------------------------------------------------


class Part(Dated):
    """A group of values inside a fact."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Content(Dated):
    """What a wish says and its fact repeats: written once, in both."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Event(Dated):
    """A fact, without who and when: those stand in the header.

    Raises `TypeError` where a class with a name leaves out what its kind of fact has to declare.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    NAME: ClassVar[str]
    VERSION: ClassVar[int] = 1
    MATTER: ClassVar[Matter]
    FOUND: ClassVar[Found] = BY_DAY
    DECLARES: ClassVar[tuple[str, ...]] = ("MATTER",)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """An event says all of it, itself: nothing but its matter is inherited."""
        super().__pydantic_init_subclass__(**kwargs)
        if "NAME" in vars(cls):
            missing = [name for name in cls.DECLARES if not (name in vars(cls) or (name == "MATTER" and hasattr(cls, name)))]
            if missing:
                raise TypeError(f"{cls.__name__} does not declare {', '.join(missing)} (domain/event.py)")
            if not cls.__doc__:
                raise TypeError(f"{cls.__name__} does not say in a docstring what happened")
            for name in cls.model_fields.keys() - CARRIED:
                try:
                    data_class_of(cls.model_fields[name])
                except Unclassified as fault:
                    raise TypeError(f"{cls.__name__}.{name} has no data class of its own (domain/vocabulary.py)") from fault


class ClientFact(Event):
    """A fact of a client's pathway.

    `OWN_DAY` names the field that its own day follows, where one does (domain/events.md 11.2): corrected, it moves both.
    """

    DECLARES = ("MATTER", "PART", "MOVES", "CORRECTED", "FOUND")

    PART: ClassVar[InPathway]
    MOVES: ClassVar[Moves]
    CORRECTED: ClassVar[Corrected]
    OWN_DAY: ClassVar[str] = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if "NAME" in vars(cls):
            for name in sorted({cls.PART.key, cls.PART.begun} - {"", *cls.model_fields}):
                raise TypeError(f"{cls.__name__} says that the field {name} names its part, and has no such field")
            if Moves.CUT in cls.MOVES and not cls.FOUND.is_range:
                raise TypeError(f"{cls.__name__}: only a range from one field to another can be cut to days")


class CaseEvent(ClientFact):
    """A fact of one case.

    `AFTER_CLOSING` says that it may also be dated after its case was closed (domain/pathway.md 4.4 row 40).
    """

    MATTER = "case"
    AFTER_CLOSING: ClassVar[bool] = False
    case_id: Routing[Ref]


class RegisterFact(Event):
    """A fact on organisations, contracts or rules: without client data, told for administration.

    `STREAM` is where it stands, the fields of the event that name it in braces.
    """

    MATTER = "ledger"
    DECLARES = ("STREAM",)
    STREAM: ClassVar[str]


class SystemEvent(Event):
    """A fact about the ledger itself: nobody is told of it (domain/pathway.md 4.7)."""


class LedgerEvent(SystemEvent):
    """The ledger's own beginning and time."""

    MATTER = "ledger"
    STREAM: ClassVar[str] = "ledger"


class AnswerEvent(SystemEvent):
    """It answers a message without recording what it said."""

    MATTER = "ledger"


@dataclass(frozen=True, slots=True)
class Erased:
    """A fact whose matter's key was destroyed: its header remains, its content cannot be read by anyone (design D15)."""

    name: str
