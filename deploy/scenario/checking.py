"""Expectations against what there is to ask: questions, recipients, facts and fields by their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from pydantic import ValidationError

from deploy.scenario.cast import Cast, Unknown, similar
from deploy.scenario.lines import Marked, sentence
from deploy.scenario.paths import WrongPath, read_path
from deploy.scenario.replays import REPLAYS, TO_TASK
from deploy.scenario.story import Expectation
from deploy.scenario.words import Ask, Deliveries, NeverTold
from domain.catalogue import EVENTS
from domain.directory import Recipient
from domain.disclosure.policy import policy
from domain.store import ClientRecord, StaffCard
from projections.kinds import kinds
from projections.questions import OfClient, Question

OTHERS = "others"
COUNTED = ("total", "revised", "withdrawn")
"""What is counted beside facts by name."""
OF_VIEW = frozenset({"on", "known_at", "client"})
"""Parameters of a question that have words of their own."""

Wrong = Callable[[int, str], None]


def checked(wanted: Ask | Deliveries | NeverTold, marked: Marked, cast: Cast, wrong: Wrong) -> Expectation:
    """An expectation whose words all mean something. Raises Unknown; other mistakes are told to `wrong`."""
    match wanted:
        case Ask():
            for path in wanted.answer:
                try:
                    read_path(path)
                except WrongPath as bad:
                    wrong(marked.line_of("answer", path), str(bad))
            return (_replayed if wanted.ask in REPLAYS else _asked)(wanted, marked, cast, wrong)
        case Deliveries():
            for name, counts in wanted.deliveries.items():
                if name != OTHERS:
                    cast.recipient(name)
                for fact in counts if isinstance(counts, dict) else ():
                    if fact not in EVENTS and fact not in COUNTED:
                        line = marked.line_of("deliveries", name, fact)
                        wrong(line, f"there is no fact {fact}{similar(fact, list(EVENTS))}")
        case NeverTold():
            for name, words in wanted.never_told.items():
                cast.recipient(name)
                for word in words:
                    if word not in EVENTS and word not in field_names():
                        known = [*EVENTS, *field_names()]
                        wrong(marked.line_of("never_told", name), f"no fact or field is called {word}{similar(word, known)}")
    return Expectation(marked.line, wanted, cast.client(wanted.client))


def question_of(recipient: Recipient, question_id: str) -> Question[Any, Any]:
    """The question that the recipient answers. Raises Unknown."""
    kind, task = kinds().of(recipient), recipient.task
    known = {question.id: question for question in kind.questions}
    if question_id not in known:
        raise Unknown(f"a recipient in the task {task} answers no question {question_id}{similar(question_id, list(known))}")
    return known[question_id]


def _replayed(wanted: Ask, marked: Marked, cast: Cast, wrong: Wrong) -> Expectation:
    recipient, replay = cast.recipient(wanted.to), REPLAYS[wanted.ask]
    if recipient.task != TO_TASK:
        raise Unknown(f"{wanted.ask} is answered by the recipient in the task {TO_TASK} alone")
    for name in wanted.with_:
        if name not in replay.parameters:
            wrong(marked.line_of("with", name), f"{replay.id} takes no {name}{similar(name, list(replay.parameters))}")
    for name in replay.required:
        if name not in wanted.with_:
            wrong(marked.line_of("with"), f"{replay.id}: with: {name} is needed here and is not there")
    _figures(wanted, replay.figures, marked, wrong)
    for word in ("on", "known_at"):
        if getattr(wanted, word) is not None:
            wrong(marked.line_of(word), f"{replay.id} takes no {word}")
    person = cast.person(wanted.by) if wanted.by else cast.asker(recipient, replay.who)
    return Expectation(marked.line, wanted, cast.client(wanted.client), person)


def _asked(wanted: Ask, marked: Marked, cast: Cast, wrong: Wrong) -> Expectation:
    recipient = cast.recipient(wanted.to)
    question = question_of(recipient, wanted.ask)
    person = cast.person(wanted.by) if wanted.by else cast.asker(recipient, question.who)
    _figures(wanted, list(question.answer.model_fields), marked, wrong)
    about = issubclass(question.parameters, OfClient)
    client = cast.client(wanted.client) if about or wanted.client else ""
    stated = {"client": "c"} if about else {}
    try:
        question.parameters.model_validate({**wanted.with_, **stated})
    except ValidationError as error:
        for one in error.errors(include_url=False):
            name = str(one["loc"][0]) if one["loc"] else ""
            known = sorted(set(question.parameters.model_fields) - OF_VIEW)
            hint = similar(name, known) if one["type"] == "extra_forbidden" else ""
            wrong(marked.line_of("with", name), f"{wanted.ask}: {name}: {sentence(one['type'], one['msg'])}{hint}")
    return Expectation(marked.line, wanted, client, person)


def _figures(wanted: Ask, known: Sequence[str], marked: Marked, wrong: Wrong) -> None:
    """The first step of a figure's path is a field of the answer."""
    for path in wanted.answer:
        name = path.partition(".")[0].partition("[")[0]
        if name and name not in known:
            wrong(marked.line_of("answer", path), f"{wanted.ask} answers no figure {name}{similar(name, list(known))}")


@cache
def field_names() -> frozenset[str]:
    """Every field that a publication could hold: of facts, of what is known of clients, and derived ones."""
    own = {name for event in EVENTS.values() for name in event.model_fields}
    derived = {name for form in policy(kinds()).forms.values() for name in form.classes}
    return frozenset(
        own | derived | set(ClientRecord.model_fields) | {name for name in StaffCard.model_fields if "_" in name}
    )
