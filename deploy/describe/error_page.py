"""`errors.md`: every code with which something is refused, warned about or answered without effect."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from deploy.describe.origins import refused_by
from deploy.describe.pages import anchor, cell, link, page, table
from domain.code_lists import LANGUAGES
from domain.refusals import Refusal, refusals

EXAMPLES = Path(__file__).with_name("examples.toml")
MENDS = {
    "retry": "the same again later",
    "mend": "put it right and send again",
    "human": "somebody must look into it",
}
LEAD = """Every code that an answer can hold: over HTTP in `application/problem+json`, for a message in its receipt. The
texts are the ones that the caller gets. *Status* is the HTTP status of an answer that the code leads. A code that begins
with `W_`, and `E_CAPACITY`, warns: what was asked for is recorded, and the code stands beside it. The pointer that comes
with a code names the place in the body.

*Given by* names the commands whose decision may give it; a code without any comes from reading the request, from the store,
or waits for a command that is not in this version."""


def error_page() -> str:
    """The whole page."""
    catalogue = refusals()
    contents = table(
        ["code", "what is wrong", "status", "who mends"],
        [
            (link(f"`{code}`", "", anchor(code)), entry.texts["en"], str(entry.status), MENDS[entry.who_mends])
            for code, entry in catalogue.items()
        ],
    )
    return page("Refusals and warnings", LEAD, contents, *(part for entry in catalogue.values() for part in _code(entry)))


@cache
def examples() -> Mapping[str, str]:
    """For each code what provokes it. Raises KeyError in `error_page` where one is missing."""
    read: Mapping[str, str] = tomllib.loads(EXAMPLES.read_text(encoding="utf-8"))
    return read


def _code(entry: Refusal) -> Iterator[str]:
    yield f"## {entry.code}"
    commands = ", ".join(link(f"`{name}`", "commands.md", name) for name in refused_by()[entry.code])
    effect = "warns" if entry.only_warns else "nothing happens" if entry.code == "IDEMPOTENT" else "refuses"
    yield "\n".join(
        [
            f"- Status {entry.status}; {effect}; {MENDS[entry.who_mends]}.",
            *([f"- Given by: {commands}"] if commands else []),
            f"- Example: {cell(examples()[entry.code])}",
        ]
    )
    to_system = ["what a system does"] if entry.for_system != entry.what_to_do else []
    yield table(
        ["", "what is wrong", "what to do", *to_system],
        [
            (language, entry.texts[language], entry.what_to_do[language], *[entry.for_system[language] for _ in to_system])
            for language in LANGUAGES
        ],
    )
