"""A chapter can be read alone: its events, its part of the pathway and its decisions; nothing of it is left out."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from architecture import ROOT, imported

from domain.catalogue import CLIENT_FACTS, EVENTS
from domain.chapters.attendance.decisions import RecordGroupAttendance
from domain.commands import Command
from domain.event import Content, Event
from domain.folding import ClientStream, PartOfPath
from domain.pathway import Pathway
from domain.rulebook import CHAPTERS, COMMANDS

CHAPTER_FOLDERS = sorted(
    path for path in (ROOT / "domain" / "chapters").iterdir() if path.is_dir() and path.name != "__pycache__"
)
each_chapter = pytest.mark.parametrize("folder", CHAPTER_FOLDERS, ids=lambda folder: folder.name)
BESIDE = {"domain.chapters.guards", "domain.chapters.judging"}
"""What several chapters ask in the same words."""


def module(folder: Path, file: str) -> str:
    return f"domain.chapters.{folder.name}.{file}"


def every(cls: type) -> Iterator[type]:
    for below in cls.__subclasses__():
        yield below
        yield from every(below)


@each_chapter
def test_a_chapter_holds_its_events_its_parts_and_its_decisions_and_nothing_else(folder: Path) -> None:
    files = {path.name for path in folder.glob("*.py")}
    assert {"__init__.py", "events.py"} <= files <= {"__init__.py", "events.py", "parts.py", "decisions.py"}


@each_chapter
def test_a_chapters_events_know_neither_parts_nor_decisions(folder: Path) -> None:
    tree = ast.parse((folder / "events.py").read_text(encoding="utf-8"))
    wrong = {
        name
        for name in imported(tree)
        if name.endswith((".parts", ".decisions")) or name in BESIDE or name == "domain.pathway"
    }
    assert wrong == set()


@each_chapter
def test_a_chapters_parts_know_no_decision_and_no_pathway(folder: Path) -> None:
    path = folder / "parts.py"
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.exists() else ast.Module([], [])
    assert {name for name in imported(tree) if name.endswith(".decisions") or name in (*BESIDE, "domain.pathway")} == set()


@each_chapter
def test_every_event_of_a_chapter_is_in_the_catalogue(folder: Path) -> None:
    found = importlib.import_module(module(folder, "events"))
    own = {cls for cls in vars(found).values() if isinstance(cls, type) and cls.__module__ == found.__name__}
    assert {cls for cls in own if issubclass(cls, Event)} <= set(EVENTS.values())


def test_every_chapter_with_decisions_is_in_the_rulebook() -> None:
    assert {chapter.__name__ for chapter in CHAPTERS} == {
        module(folder, "decisions") for folder in CHAPTER_FOLDERS if (folder / "decisions.py").exists()
    }


def test_every_command_is_in_the_rulebook() -> None:
    named = {cls for cls in every(Command) if "NAME" in vars(cls) and cls.__module__.startswith("domain.")}
    # A group's day becomes one command for each client.
    assert named - {RecordGroupAttendance} == {kind.command for kind in COMMANDS.values()}


def test_every_chapters_part_is_in_the_pathway() -> None:
    ours = {cls for cls in every(ClientStream) if cls.__module__.startswith("domain.chapters.")}
    assert ours <= set(Pathway.__mro__)


def test_every_part_begins_with_an_event_of_its_chapter() -> None:
    kept = {cls.PART.kept_in: cls for cls in CLIENT_FACTS.values() if cls.PART.begun and cls.PART.kept_in}
    for name, hint in get_type_hints(Pathway).items():
        for part in get_args(hint):
            if isinstance(part, type) and issubclass(part, PartOfPath):
                assert part.__module__.rsplit(".", 1)[0] == kept[name].__module__.rsplit(".", 1)[0]


def test_no_two_chapters_call_two_things_by_one_name() -> None:
    """`domain/events.py` lists them all: one would hide the other there."""
    named: dict[str, set[str]] = {}
    for folder in CHAPTER_FOLDERS:
        tree = ast.parse((folder / "events.py").read_text(encoding="utf-8"))
        for node in tree.body:
            names = [node.name] if isinstance(node, ast.ClassDef) else []
            if isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            for name in names:
                named.setdefault(name, set()).add(folder.name)
    assert {name: folders for name, folders in named.items() if len(folders) > 1} == {}


def test_content_that_a_wish_and_its_fact_share_is_one_model() -> None:
    """Two fields or more that a command and an event of its chapter say alike stand in a model that both have."""
    twice = set()
    for kind in COMMANDS.values():
        chapter = kind.decide.__module__.removesuffix(".decisions") + ".events"
        shared = {name for base in every(Content) if issubclass(kind.command, base) for name in base.model_fields}
        for event in (cls for cls in EVENTS.values() if cls.__module__ == chapter):
            alike = {
                name
                for name, found in kind.command.model_fields.items()
                if name not in shared
                and name in event.model_fields
                and (found.annotation, found.is_required(), found.default)
                == (
                    event.model_fields[name].annotation,
                    event.model_fields[name].is_required(),
                    event.model_fields[name].default,
                )
            }
            if len(alike) > 1:
                twice.add((kind.name, event.__name__, *sorted(alike)))
    assert twice == set()
