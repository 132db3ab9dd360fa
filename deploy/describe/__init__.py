"""References written from the code, so that none can say anything else than the code does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import orjson
import yaml

Written = list[Path]


class UnknownKind(ValueError):
    """There is no reference of this kind."""


def describe(kind: str, folder: Path) -> Written:
    """Write the references of a kind below `folder`; the paths written. The same code gives the same bytes.

    Raises UnknownKind, and `deploy.describe.compatibility.BreakingChange` when a committed schema would lose something.
    """
    if kind == "all":
        return [path for name in WRITERS for path in WRITERS[name](folder)]
    if kind not in WRITERS:
        raise UnknownKind(f"{kind}: one of {', '.join(KINDS)}")
    folder.mkdir(parents=True, exist_ok=True)
    return WRITERS[kind](folder)


def _page(path: Path, content: str) -> Written:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return [path]


def _events(folder: Path) -> Written:
    from deploy.describe.event_page import event_page

    return _page(folder / "events.md", event_page())


def _commands(folder: Path) -> Written:
    from deploy.describe.command_page import command_page

    return _page(folder / "commands.md", command_page())


def _errors(folder: Path) -> Written:
    from deploy.describe.error_page import error_page

    return _page(folder / "errors.md", error_page())


def _questions(folder: Path) -> Written:
    from deploy.describe.question_page import question_page

    return _page(folder / "questions.md", question_page())


def _codes(folder: Path) -> Written:
    from deploy.describe.list_pages import code_page

    return _page(folder / "codes.md", code_page())


def _settings(folder: Path) -> Written:
    from deploy.describe.list_pages import settings_page

    return _page(folder / "settings.md", settings_page())


def _cli(folder: Path) -> Written:
    from deploy.describe.list_pages import cli_page

    return _page(folder / "cli.md", cli_page())


def _scenarios(folder: Path) -> Written:
    from deploy.describe.scenario_page import scenario_page

    return _page(folder / "scenarios.md", scenario_page())


def _schemas(folder: Path) -> Written:
    from deploy.describe.schemas import write_schemas

    return write_schemas(folder / "schemas")


def _asyncapi(folder: Path) -> Written:
    from deploy.describe.asyncapi import document_of, documented, name_of

    def text(document: object) -> str:
        return yaml.dump(document, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)

    return [
        path
        for kind in documented()
        for path in _page(folder / "asyncapi" / f"{name_of(kind)}.yaml", text(document_of(kind)))
    ]


def _openapi(folder: Path) -> Written:
    from deploy.describe.openapi import openapi_document

    document = orjson.dumps(openapi_document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return _page(folder / "openapi.json", document.decode())


class _Plain(yaml.CSafeDumper):
    """Writes what stands in two places twice: a reader need not know YAML's anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


WRITERS: Mapping[str, Callable[[Path], Written]] = {
    "events": _events,
    "commands": _commands,
    "errors": _errors,
    "questions": _questions,
    "codes": _codes,
    "settings": _settings,
    "cli": _cli,
    "scenarios": _scenarios,
    "schemas": _schemas,
    "asyncapi": _asyncapi,
    "openapi": _openapi,
}
"""Imports stand inside: the command line itself imports this module."""
KINDS = (*WRITERS, "all")
