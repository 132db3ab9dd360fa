"""`docs/reference/scenarios.md`, the part that explains: every construct with an example out of a scenario that ships, and
lists of what a file can use. The examples are read from the files, so none can say what no longer runs."""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy.scenario.checking import OF_VIEW
from deploy.scenario.doing import GIVEN_ALREADY, PART_WORDS
from deploy.scenario.lines import Marked, read_yaml
from deploy.scenario.replays import REPLAYS, TO_TASK
from domain.rulebook import COMMANDS
from projections.kinds import kinds

SCENARIOS = Path(__file__).parent.with_name("scenarios")

CONSTRUCTS = tomllib.loads(Path(__file__).with_name("constructs.toml").read_text(encoding="utf-8"))


def describe_scenarios() -> str:
    """The explaining part of the reference, as Markdown below a title."""
    return "\n\n".join(_parts()) + "\n"


def _parts() -> Iterator[str]:
    yield "## How a file is run"
    yield CONSTRUCTS["how_a_file_is_run"]
    for construct in CONSTRUCTS["construct"]:
        yield f"## {construct['title']}"
        yield construct["text"]
        yield f"```yaml\n{excerpt(construct['file'], construct['rows'])}\n```"
    yield "## Figures by their path"
    yield CONSTRUCTS["figures_by_their_path"]
    yield "## What can be named"
    yield ", ".join(f"`{word}`" for word in sorted({*PART_WORDS, "fact"}))
    yield "## Commands that a file can use"
    yield "\n".join(_commands())
    yield "## Questions that a file can ask"
    yield "\n".join(_questions())


def _commands() -> Iterator[str]:
    yield "| command | by (role) | from (task of the recipient) | fields |"
    yield "| --- | --- | --- | --- |"
    for name, kind in COMMANDS.items():
        if name in GIVEN_ALREADY:
            continue
        fields = ", ".join(
            f"`{field}`" if described.is_required() else f"`{field}`?"
            for field, described in kind.command.model_fields.items()
        )
        roles, tasks = ", ".join(sorted(kind.roles)), ", ".join(kinds().tasks_sending(name))
        yield f"| `{name}` | {roles} | {tasks} | {fields} |"


def _questions() -> Iterator[str]:
    yield "| ask | to a recipient in the task | with | what it asks | figures |"
    yield "| --- | --- | --- | --- | --- |"
    for kind in sorted(kinds(), key=lambda kind: (kind.task, kind.name)):
        for question in kind.questions:
            parameters = [f"`{name}`" for name in question.parameters.model_fields if name not in OF_VIEW]
            figures = ", ".join(f"`{name}`" for name in question.answer.model_fields)
            yield f"| `{question.id}` | {kind.task} | {', '.join(parameters)} | {question.title['en']} | {figures} |"
    for replay in REPLAYS.values():
        parameters = [f"`{name}`" for name in replay.parameters]
        figures = ", ".join(f"`{name}`" for name in replay.figures)
        yield f"| `{replay.id}` | {TO_TASK} | {', '.join(parameters)} | {replay.title} | {figures} |"


def excerpt(file: str, rows: Sequence[str]) -> str:
    """The steps of some rows, as they stand in a file that ships. Raises LookupError for a row that is not there."""
    lines = (SCENARIOS / file).read_text(encoding="utf-8").splitlines()
    steps = list(read_yaml(SCENARIOS / file).parts["steps"].parts.values())
    found = [_text(lines, step, steps) for step in steps if str(step.value.get("row")) in rows]
    if len(found) < len(rows):
        raise LookupError(f"{file} has no row {' or '.join(rows)}")
    return "\n\n".join(found)


def _text(lines: list[str], step: Marked, steps: list[Marked]) -> str:
    behind = [other.line for other in steps if other.line > step.line]
    last = min(behind) - 1 if behind else next((n for n, line in enumerate(lines) if line.startswith("expect:")), len(lines))
    return textwrap.dedent("\n".join(lines[step.line - 1 : last])).rstrip()
