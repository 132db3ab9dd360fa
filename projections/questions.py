"""Questions: what a reader may ask of a recipient's own model, and what comes back.

A question is a pure function over the rows of one consistent look: the same look, day and parameters give the same
answer. Who asks and whether he may is the caller's matter (design D19).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar, overload

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from domain.code_lists import LANGUAGES, code_list
from domain.dates import HELSINKI, Dated, Moment
from domain.rules import RuleSet
from projections.read_models import Feed, Look, Parked, Position, ReadModel, Row, Selection

PAGE = 100
"""How many entries a page holds unless asked otherwise."""
CURSOR = "`next` of the page before; empty for the first page."

class Answer(BaseModel):
    """What a question gives."""

    # Whatever has no value is stated, too.
    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)


class Coded(Answer):
    """A code with its labels in Finnish, Swedish and English."""

    code: str
    fi: str
    sv: str
    en: str


class Parameters(Dated):
    """What every question takes. `on` is a local date (Europe/Helsinki), none means the ledger's today.

    `known_at` asks for what this recipient had been told by then: a moment, or a date, which means the end of that day in
    Europe/Helsinki.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: date | None = Field(
        None, description="A local date (Europe/Helsinki), from 1900 to 2199. None means the ledger's today."
    )
    known_at: Moment | None = Field(
        None, description="What you had been told by then: a moment, or a date for the end of that day. None means now."
    )


ClientPseudonym = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class OfClient(Parameters):
    """A question about one client, under the recipient's own pseudonym."""

    client: ClientPseudonym = Field(description="Your own name for the client: 1 to 80 characters.")


class Paged(Parameters):
    """A question with a long answer: `after` is the cursor of the page before, `limit` the most entries of a page."""

    after: str = Field("", pattern=r"^[^/]*$", description=CURSOR)
    limit: int = Field(PAGE, ge=1, le=1000, description=f"Entries of a page at most: 1 to 1000, else {PAGE}.")

    @property
    def names_in_cursor(self) -> tuple[str, ...]:
        """The recipient's own names that the cursor consists of: who asks has been given each of them."""
        return tuple(filter(None, self.after.split("/")))


P = TypeVar("P", bound=Parameters)
A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, slots=True)
class View:
    """One look with the day and the time that are asked about, and the rules of that day."""

    look: Look
    on: date
    rules: RuleSet
    known_at: datetime | None = None

    def rows(self, *names: str, **limits: Any) -> list[Row]:
        """The rows of these facts, as known then. Limits are those of `Selection`."""
        return self.look.rows(Selection(names, known_at=self.known_at, **limits))

    def clients(self, *names: str, after: str = "", limit: int = PAGE, **limits: Any) -> list[str]:
        """Clients that have such a row, a page of them."""
        return self.look.clients(Selection(names, known_at=self.known_at, **limits), after, limit)

    def blocks(self, clients: list[str]) -> dict[str, dict[str, Any]]:
        """Who the clients are, as known then."""
        return self.look.blocks(clients, self.known_at)

    def rule(self, key: str, on: date | None = None) -> Any:
        """The value of a rule on a day."""
        return self.rules.value(key, on or self.on)


@dataclass(frozen=True, slots=True)
class Question(Generic[P, A]):
    """One question of domain/questions.md. `path` is its address below the recipient's, `who` the roles that ask it."""

    id: str
    path: str
    title: Mapping[str, str]
    who: frozenset[str]
    parameters: type[P]
    answer: type[A]
    function: Callable[[View, P], A]


@dataclass(frozen=True, slots=True)
class Freshness:
    """How new an answer is. `read_at` is the broker's time of the last record seen, a heartbeat included;
    `newest_at` the newest publication's own. `incomplete` names the clients with something that could not be digested."""

    __pydantic_config__ = ConfigDict(json_schema_serialization_defaults_required=True)

    epoch: int
    sequence: int
    newest_at: datetime | None
    read_at: datetime | None
    halted: str = ""
    waiting_for: int = 0
    incomplete: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered(Generic[A]):
    """An answer with how new it is, and the day and time that it speaks of."""

    answer: A
    on: date
    known_at: datetime | None
    freshness: Freshness
    parked: tuple[Parked, ...] = field(default=())

    @property
    def complete(self) -> bool:
        """Whether nothing that the answer could need was set aside or is missing, and the line that tells it does not stand
        still."""
        return not (self.parked or self.freshness.halted or self.freshness.waiting_for)


def ask(
    question: Question[P, A],
    model: ReadModel,
    parameters: P,
    *,
    today: date,
    rules: RuleSet,
    epoch: int | None = None,
) -> Answered[A]:
    """Ask a recipient's live model, or the generation named. Raises `NoSuchGeneration` before its first publication."""
    known_at = moment(parameters.known_at)
    with model.look(epoch) as look:
        view = View(look, parameters.on or today, rules, known_at)
        answer = question.function(view, parameters)
        client = getattr(parameters, "client", None)
        # Facts without a client concern every answer; another client's concern only lists.
        parked = tuple(p for p in look.parked() if client is None or p.client in ("", client))
        return Answered(answer, view.on, known_at, freshness(look.position, look.feed, parked), parked)


def freshness(position: Position, feed: Feed, parked: tuple[Parked, ...] = ()) -> Freshness:
    """How new a model is."""
    return Freshness(
        position.epoch,
        position.sequence,
        position.newest_at,
        feed.read_at,
        feed.halted,
        feed.waiting_for,
        tuple(sorted({p.client for p in parked})),
    )


@overload
def moment(given: datetime | date) -> datetime:
    """A time that is given."""


@overload
def moment(given: datetime | date | None) -> datetime | None:
    """A time that may be left out."""


def moment(given: datetime | date | None) -> datetime | None:
    """A time to ask about, in UTC; a date means the end of that day in Europe/Helsinki."""
    if given is None:
        return None
    if isinstance(given, datetime):
        return given.astimezone(UTC) if given.tzinfo else given.replace(tzinfo=HELSINKI).astimezone(UTC)
    next_day = datetime.combine(given + timedelta(days=1), datetime.min.time(), HELSINKI)
    return next_day.astimezone(UTC) - timedelta(seconds=1)


def coded(list_name: str, code: str | None, on: date | None = None) -> Coded | None:
    """A code with its labels; none stays none. A code that the list does not hold is its own label."""
    if code is None:
        return None
    entry = code_list(list_name).entries.get(code)
    labels = {language: entry.label(language, on) if entry else code for language in LANGUAGES}
    return Coded(code=code, **labels)


def client_name(block: dict[str, str]) -> str | None:
    """Given names and family name, as far as they are told."""
    return " ".join(filter(None, (block.get("given_names"), block.get("family_name")))) or None
