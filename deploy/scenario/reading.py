"""YAML with the line of every value, so that a mistake in a scenario can be shown where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


class Mistake(NamedTuple):
    """One thing wrong in a file: `line` counts from 1."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class MistakesInFile(Exception):
    """A scenario that cannot be run: every mistake that was found, each with its line and reason."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes


class Marked(NamedTuple):
    """A value read from YAML, and where it and its parts stand."""

    value: Any
    line: int
    parts: dict[Any, Marked]

    def line_of(self, path: tuple[int | str, ...]) -> int:
        """The line of the innermost part of a path that is there."""
        here = self
        for step in path:
            here = here.parts.get(step, here)  # what is not there, or only names one of several shapes, is skipped
        return here.line


def read_yaml(path: Path) -> Marked:
    """The file's content with its lines. Raises MistakesInFile for anything that is not plain YAML without repeated keys."""
    try:
        with path.open(encoding="utf-8") as text:
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            if node is None:
                raise MistakesInFile(Mistake(path.name, 1, "the file is empty"))
            return _marked(node, loader, path.name)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise MistakesInFile(Mistake(path.name, line, error.problem or "this is not YAML")) from None
    except UnicodeDecodeError:
        raise MistakesInFile(Mistake(path.name, 1, "the file is not UTF-8")) from None
    except OSError as error:
        raise MistakesInFile(Mistake(str(path), 1, error.strerror or "the file cannot be read")) from None


def _marked(node: yaml.Node, loader: yaml.SafeLoader, file: str) -> Marked:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        parts: dict[Any, Marked] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            # YAML reads a bare `on:` as true; here it is a word like any other.
            name = key_node.value if key is True else key
            if name in parts:
                raise MistakesInFile(Mistake(file, key_node.start_mark.line + 1, f"{name} stands here twice"))
            parts[name] = _marked(value_node, loader, file)._replace(line=key_node.start_mark.line + 1)
        return Marked({name: part.value for name, part in parts.items()}, line, parts)
    if isinstance(node, yaml.SequenceNode):
        inner = [_marked(one, loader, file) for one in node.value]
        return Marked([one.value for one in inner], line, dict(enumerate(inner)))
    try:
        return Marked(loader.construct_object(node, deep=True), line, {})
    except ValueError as error:
        raise MistakesInFile(Mistake(file, line, f"{node.value}: this date does not exist ({error})")) from None


def fitted(model: type[M], marked: Marked, file: str) -> M:
    """The content as a model of it. Raises MistakesInFile with the line and reason of everything that does not fit."""
    try:
        return model.model_validate(marked.value)
    except ValidationError as error:
        mistakes = [
            Mistake(file, marked.line_of(one["loc"]), f"{_named(one['loc'])}{_sentence(one['type'], one['msg'])}")
            for one in error.errors(include_url=False)
        ]
        raise MistakesInFile(*sorted(mistakes, key=lambda mistake: mistake.line)) from None


def _named(path: tuple[int | str, ...]) -> str:
    words = [str(step) for step in path if isinstance(step, str) and "[" not in step]
    return f"{words[-1]}: " if words else ""


def _sentence(kind: str, message: str) -> str:
    plain = {
        "extra_forbidden": "nothing of this name belongs here",
        "missing": "this is needed here and is not there",
    }
    return plain.get(kind, message)
