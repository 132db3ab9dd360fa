"""YAML with the line of every value, so that a mistake in a scenario can be shown where it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)

MOST_CHARACTERS = 1_000_000
MOST_VALUES = 100_000
"""In a whole file, each counted as often as a `*name` repeats it."""
DEEPEST = 50
SHOWN_CHARACTERS = 40
"""Of a value that cannot be read."""


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
    """A value read from YAML, the line where it begins, and its parts by key or number."""

    value: Any
    line: int
    parts: dict[Any, Marked]

    def line_of(self, *path: int | str) -> int:
        """The line of the innermost part of a path that is there."""
        here = self
        for step in path:
            inner = here.parts.get(step)
            if inner is None:
                break
            here = inner
        return here.line


class _Plain(yaml.SafeLoader):
    """YAML in which a word is a word: `on`, `yes` and `9:00` are texts; numbers, dates, true, false and null are not."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - so the base class has it; emptied, so that only the ones below hold
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """As YAML has it, but no deeper than we ourselves can follow."""
        self.depth += 1
        if self.depth > DEEPEST and parent is not None:
            raise yaml.MarkedYAMLError(problem=TOO_DEEP, problem_mark=parent.start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


TOO_DEEP = f"values stand within values more than {DEEPEST} deep"


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("float", r"^[-+]?(?:0|[1-9][0-9]*)\.[0-9]+$", "-+0123456789"),
    ("timestamp", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "0123456789"),
):
    _Plain.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def read_yaml(path: Path) -> Marked:
    """The file's content with its lines. Raises MistakesInFile for anything that is not plain YAML without repeated keys,
    and for what is larger than anybody writes."""
    try:
        with path.open(encoding="utf-8") as opened:
            text = opened.read(MOST_CHARACTERS + 1)
        if len(text) > MOST_CHARACTERS:
            raise MistakesInFile(Mistake(path.name, 1, f"the file has more than {MOST_CHARACTERS:,} characters"))
        loader = _Plain(text)
        node = loader.get_single_node()
        if node is None:
            raise MistakesInFile(Mistake(path.name, 1, "the file is empty"))
        return _Marking(loader, path.name).marked(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise MistakesInFile(Mistake(path.name, line, error.problem or "this is not YAML")) from None
    except (UnicodeDecodeError, yaml.reader.ReaderError):
        raise MistakesInFile(Mistake(path.name, 1, "the file is not text in UTF-8")) from None
    except OSError as error:
        raise MistakesInFile(Mistake(str(path), 1, error.strerror or "the file cannot be read")) from None


class _Marking:
    """The nodes of one file, made values with lines. What a `*name` repeats is another value each time."""

    def __init__(self, loader: _Plain, file: str) -> None:
        self._loader = loader
        self._file = file
        self._values = 0

    def marked(self, node: yaml.Node, depth: int = 1) -> Marked:
        """A value with its parts. Raises MistakesInFile."""
        line = node.start_mark.line + 1
        self._values += 1
        if self._values > MOST_VALUES:
            raise self._wrong(line, f"with all that is repeated here the file has more than {MOST_VALUES:,} values")
        if depth > DEEPEST:
            raise self._wrong(line, TOO_DEEP)
        if isinstance(node, yaml.MappingNode):
            parts: dict[Any, Marked] = {}
            for key_node, value_node in node.value:
                key_line = key_node.start_mark.line + 1
                if not isinstance(key_node, yaml.ScalarNode):
                    raise self._wrong(key_line, "a name is one word, no list and no mapping")
                name = str(key_node.value)
                if name in parts:
                    raise self._wrong(key_line, f"{name} stands here twice")
                parts[name] = self.marked(value_node, depth + 1)._replace(line=key_line)
            return Marked({name: part.value for name, part in parts.items()}, line, parts)
        if isinstance(node, yaml.SequenceNode):
            inner = [self.marked(one, depth + 1) for one in node.value]
            return Marked([one.value for one in inner], line, dict(enumerate(inner)))
        try:
            return Marked(self._loader.construct_object(node, deep=True), line, {})
        except ValueError as error:
            raise self._wrong(line, f"{str(node.value)[:SHOWN_CHARACTERS]}: {error}") from None

    def _wrong(self, line: int, reason: str) -> MistakesInFile:
        return MistakesInFile(Mistake(self._file, line, reason))


def fitted(model: type[M], marked: Marked, file: str) -> M:
    """The content as a model of it. Raises MistakesInFile with the line and reason of everything that does not fit."""
    try:
        return model.model_validate(marked.value)
    except ValidationError as error:
        found = [
            Mistake(file, marked.line_of(*one["loc"]), f"{named(one['loc'])}{sentence(one['type'], one['msg'])}")
            for one in error.errors(include_url=False)
        ]
        raise MistakesInFile(*sorted(dict.fromkeys(found), key=lambda mistake: mistake.line)) from None


def named(path: tuple[int | str, ...]) -> str:
    """The last word of a path, as the beginning of a reason."""
    words = [str(step) for step in path if isinstance(step, str) and "[" not in step]
    return f"{words[-1]}: " if words else ""


def sentence(kind: str, message: str) -> str:
    """What the types say, in plain words."""
    plain = {
        "extra_forbidden": "nothing of this name belongs here",
        "missing": "this is needed here and is not there",
    }
    return plain.get(kind, message[:1].lower() + message[1:])
