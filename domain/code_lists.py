"""The code lists of the vocabulary, read once from `codes/*.toml` (design D7).

A list holds, for each code, its labels in Finnish, Swedish and English, its first and last valid day (both
inclusive), its successor and its broader code. Whether a code was valid on a fact's own date is for the
decision to judge, never for the reader of an old event: history must load for ever (design D3).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

CODES = Path(__file__).with_name("codes")
LANGUAGES = ("fi", "sv", "en")


class UnknownCode(LookupError):
    """A list or a code that the vocabulary does not hold."""


@dataclass(frozen=True, slots=True)
class DatedLabel:
    """A label that takes over on a date (a body was renamed, the code stayed)."""

    from_on: date
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Code:
    """One code of a list. Dates are inclusive, None is without end. `marks` holds all else the list says."""

    code: str
    texts: Mapping[str, str]
    valid_from: date | None = None
    valid_to: date | None = None
    successor: str | None = None
    broader: str | None = None
    item: str | None = None
    spoken_afterwards: bool = False
    needs_note: bool = False
    synonyms: tuple[str, ...] = ()
    later_labels: tuple[DatedLabel, ...] = ()
    marks: Mapping[str, Any] = field(default_factory=dict)

    def valid_on(self, on: date) -> bool:
        """Whether the code may be used of a fact dated `on` (local date)."""
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on <= self.valid_to)

    def label(self, language: str, on: date | None = None) -> str:
        """The label in fi, sv or en, else in English. `on` (local date) picks a dated label."""
        texts = self.texts
        for later in self.later_labels:
            if on is not None and later.from_on <= on:
                texts = later.texts
        return texts.get(language) or texts["en"]


@dataclass(frozen=True, slots=True)
class CodeList:
    """One list of the vocabulary, in its own order."""

    name: str
    title: Mapping[str, str]
    source: str
    entries: Mapping[str, Code]

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code, the ended ones too."""
        return tuple(self.entries)

    def __iter__(self) -> Iterator[Code]:
        return iter(self.entries.values())

    def __contains__(self, code: object) -> bool:
        return code in self.entries

    def __getitem__(self, code: str) -> Code:
        try:
            return self.entries[code]
        except KeyError:
            raise UnknownCode(f"{code!r} is not in the list {self.name}") from None

    def label(self, code: str, language: str, on: date | None = None) -> str:
        """The code's label in fi, sv or en. Raises UnknownCode."""
        return self[code].label(language, on)

    def valid_on(self, code: str, on: date) -> bool:
        """Whether `code` is in the list and valid on the local date `on`."""
        return code in self.entries and self.entries[code].valid_on(on)

    def stored_code(self, code: str, on: date) -> str:
        """What a fact dated `on` keeps: a name that lives on in speech is kept as its successor.

        Every other code is kept as it is, valid or not. source: domain/vocabulary.md 1.16
        """
        entry = self[code]
        ended = entry.valid_to is not None and on > entry.valid_to
        return entry.successor if ended and entry.spoken_afterwards and entry.successor else code

    def marked(self, mark: str, value: Any = True) -> frozenset[str]:
        """The codes whose mark has this value, e.g. `code_list("exit_kind").marked("health_related")`."""
        return frozenset(entry.code for entry in self if entry.marks.get(mark) == value)


@cache
def code_list(name: str) -> CodeList:
    """The list of this name. Raises UnknownCode for a list that is not there."""
    path = CODES / f"{name}.toml"
    if not path.is_file():
        raise UnknownCode(f"no code list {name!r}")
    return read_code_list(name, tomllib.loads(path.read_text(encoding="utf-8")))


@cache
def code_list_names() -> tuple[str, ...]:
    """Names of all lists, in alphabetical order."""
    return tuple(sorted(path.stem for path in CODES.glob("*.toml")))


def read_code_list(name: str, content: Mapping[str, Any]) -> CodeList:
    """A list from its parsed file. Raises ValueError where the file contradicts itself."""
    entries: dict[str, Code] = {}
    for row in content["code"]:
        entry = _read_code(dict(row))
        if entry.code in entries:
            raise ValueError(f"{name}: code {entry.code} stands twice")
        entries[entry.code] = entry
    for entry in entries.values():
        if entry.broader is not None and entry.broader not in entries:
            raise ValueError(f"{name}: {entry.code} names a broader code that is not there")
        if entry.successor is not None and entry.successor not in entries:
            raise ValueError(f"{name}: {entry.code} names a successor that is not there")
        if entry.valid_from and entry.valid_to and entry.valid_from > entry.valid_to:
            raise ValueError(f"{name}: {entry.code} ends before it begins")
    return CodeList(name, _texts(content), content["source"], MappingProxyType(entries))


def _read_code(row: dict[str, Any]) -> Code:
    texts = _texts(row)
    for language in LANGUAGES:
        row.pop(language)
    later = tuple(DatedLabel(label["from_on"], _texts(label)) for label in row.pop("later_label", ()))
    return Code(
        code=row.pop("code"),
        texts=texts,
        valid_from=row.pop("valid_from", None),
        valid_to=row.pop("valid_to", None),
        successor=row.pop("successor", None),
        broader=row.pop("broader", None),
        item=row.pop("item", None),
        spoken_afterwards=row.pop("spoken_afterwards", False),
        needs_note=row.pop("needs_note", False),
        synonyms=tuple(row.pop("synonyms", ())),
        later_labels=later,
        marks=MappingProxyType(row),
    )


def _texts(row: Mapping[str, Any]) -> Mapping[str, str]:
    missing = [language for language in LANGUAGES if not row.get(language)]
    if missing:
        raise ValueError(f"{row.get('code', 'title')}: no label in {', '.join(missing)}")
    return MappingProxyType({language: row[language] for language in LANGUAGES})
