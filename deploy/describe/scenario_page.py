"""`scenarios.md`: the words of a scenario file, from the classes that read one."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from pydantic import BaseModel

from deploy.describe.event_schemas import schema_of
from deploy.describe.pages import anchor, link, page, paragraph, table, type_words
from deploy.scenario import words as scenario_words
from deploy.scenario.description import describe_scenarios
from domain.store import ClientRecord

LEAD = """A scenario is a YAML file: a history of dated steps, each done by somebody, with what has to come of it.
`kuty scenario FILE…` runs each file in a simulated ledger of its own and prints what was asked and what came.
`deploy/scenarios/as-1.yaml` is a whole history to read and to copy.

Commands and their fields: [commands](commands.md). Codes: [code lists](codes.md). Questions: [questions](questions.md).
Refusals: [errors](errors.md)."""


def scenario_page() -> str:
    """The whole page."""
    others = [each for each in _models() if each is not scenario_words.File]
    models: list[type[BaseModel]] = [scenario_words.File, *others, ClientRecord]
    rows = [(link(each.__name__, "", anchor(each.__name__)), paragraph(each.__doc__)) for each in models]
    contents, parts = table(["part", "what it is"], rows), [part for each in models for part in _model(each)]
    return page("Scenario files", LEAD, describe_scenarios().rstrip(), "## Every word", contents, *parts)


def _models() -> list[type[BaseModel]]:
    return [
        each
        for each in vars(scenario_words).values()
        if inspect.isclass(each) and issubclass(each, scenario_words.Words) and each is not scenario_words.Words
    ]


def _model(model: type[BaseModel]) -> Iterator[str]:
    schema = schema_of(model)
    required = schema.get("required", ())
    yield f"## {model.__name__}"
    yield paragraph(model.__doc__)
    yield table(
        ["word", "takes", "there", "meaning"],
        [
            (f"`{name}`", type_words(of), "required" if name in required else "optional", of.get("description", ""))
            for name, of in schema["properties"].items()
        ],
    )
