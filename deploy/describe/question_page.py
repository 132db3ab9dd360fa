"""`questions.md`: what each kind of recipient may ask of its own read model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from deploy.describe.event_schemas import schema_of
from deploy.describe.pages import anchor, field_rows, link, page, paragraph, table, words
from domain.code_lists import LANGUAGES
from projections.kinds import Kind, kinds
from projections.questions import Parameters, Question

LEAD = """Each recipient asks its own read model, fed from its own topic alone: no answer holds what it was never told.
Every answer says of which day it speaks (`on`), as known when (`known_at`), how new it is (`freshness`) and whether
nothing that it could need was set aside or is missing (`complete`).

The address is `GET /ledgers/{ledger}/recipients/{recipient}/` and the path; all else is a query parameter."""


def question_page() -> str:
    """The whole page."""
    ordered = list(kinds())
    contents = table(
        ["question", "asked by", "what it asks"],
        [(link(q.id, "", anchor(_title(q, kind))), kind.name.replace("_", " "), q.title["en"]) for kind, q in _all(ordered)],
    )
    common = table(["parameter", "takes", "there"], field_rows(schema_of(Parameters)))
    parts = [part for kind, question in _all(ordered) for part in _question(kind, question)]
    return page("Questions", LEAD, contents, "## Parameters of every question", _told_of(Parameters), common, *parts)


def _all(ordered: list[Kind]) -> Iterator[tuple[Kind, Question[Any, Any]]]:
    for kind in ordered:
        for question in kind.questions:
            yield kind, question


def _title(question: Question[Any, Any], kind: Kind) -> str:
    return f"{question.id} {kind.name.replace('_', ' ')}"


def _question(kind: Kind, question: Question[Any, Any]) -> Iterator[str]:
    yield f"## {_title(question, kind)}"
    yield "\n".join(f"- {language}: {question.title[language]}" for language in LANGUAGES)
    yield "\n".join(
        [
            f"- Path: `{question.path}`",
            f"- Recipients: task `{kind.task}`; roles {words(sorted(question.who))}",
            f"- Answer: {_told_of(question.answer) or paragraph(question.function.__doc__)}",
        ]
    )
    common = Parameters.model_fields
    asked = [row for row in field_rows(schema_of(question.parameters)) if row[0].strip("`") not in common]
    yield table(["parameter", "takes", "there"], asked)
    yield table(["answer field", "holds", "there"], field_rows(schema_of(question.answer)))


def _told_of(model: type[BaseModel]) -> str:
    return paragraph(model.__doc__)
