"""The disclosure policy as data: who gets which form of which event, read from `policy/*.toml` and checked at start.

Nobody is told a fact unless a row and a cell say so. The files are changed by a recorded `ruleset.published` that names
`Policy.hash`, never by deployment alone (design D7, D9). source: domain/disclosure.md 5.2-5.5
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from domain.catalogue import EVENTS, SYSTEM_EVENTS
from domain.disclosure.kinds import Kind, Kinds
from domain.vocabulary import DataClass

POLICY = Path(__file__).with_name("policy")
FILES = ("matrix", "fields", "forms", "clients")

Shape = Literal["–", "D", "R", "C", "S"]
_CELL = re.compile(r"^(?:(?P<plain>[–DS])|(?P<reduced>[RC]):(?P<form>[a-z_]+))$")


class BrokenPolicy(ValueError):
    """The policy files contradict themselves or the catalogue. Nothing starts with such a policy."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the matrix: what one kind of recipient gets of one kind of event."""

    shape: Shape
    form: str = ""

    def __str__(self) -> str:
        return f"{self.shape}:{self.form}" if self.form else self.shape


DENIED = Cell("–")


@dataclass(frozen=True, slots=True)
class Form:
    """A reduced form: the fields that it may hold with their class, and nothing else."""

    name: str
    fields: Mapping[str, str]
    derived: Mapping[str, str]
    staff_card: bool
    client_block: bool
    limit: str

    @property
    def classes(self) -> Mapping[str, str]:
        """Every field of the form, derived ones too, with its class."""
        return {**self.fields, **self.derived}


@dataclass(frozen=True, slots=True)
class Profile:
    """What one kind of agency may see of each data class: all, some fields, or nothing."""

    name: str
    all_of: frozenset[str]
    some_of: Mapping[str, frozenset[str]]
    codes: frozenset[str]
    staff_card: bool
    never: frozenset[str]

    def shows(self, data_class: str, field: str) -> bool:
        """Whether the field, which has this class, may be delivered: N always wins, P leaves the listed fields."""
        if field in self.never:
            return False
        return data_class in self.all_of or field in self.some_of.get(data_class, ())


@dataclass(frozen=True, slots=True)
class Block:
    """The fields of the vault record that go along with a publication, in two classes."""

    identity: tuple[str, ...]
    contact: tuple[str, ...]
    with_absence_reports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """Rows, profiles, forms and client blocks of one version, and the kinds of recipients that it speaks of.

    `hash` is SHA-256 over the files, in hex."""

    version: str
    hash: str
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, Cell]]
    profiles: Mapping[str, Profile]
    forms: Mapping[str, Form]
    blocks: Mapping[str, Block]
    staff_card: tuple[str, ...]
    kinds: Kinds[Kind]

    def cell(self, event_name: str, column: str) -> Cell:
        """The cell; an event without a row and a kind without a column are denied."""
        return self.rows.get(event_name, {}).get(column, DENIED)

    @property
    def field_set_version(self) -> str:
        """The version of the fields that forms and classes stand for, with the first digits of their hash."""
        return f"{self.version}/{self.hash[:12]}"


@cache
def policy(kinds: Kinds[Kind]) -> Policy:
    """The policy that ships with this version, for these kinds of recipients. Raises `BrokenPolicy`."""
    raw = {name: (POLICY / f"{name}.toml").read_bytes() for name in FILES}
    digest = hashlib.sha256(b"\0".join(raw[name] for name in FILES)).hexdigest()
    return read_policy({name: tomllib.loads(content.decode()) for name, content in raw.items()}, digest, kinds)


def read_policy(files: Mapping[str, Mapping[str, Any]], digest: str, kinds: Kinds[Kind]) -> Policy:
    """A policy from its parsed files, checked for completeness and against the kinds of recipients.

    Raises `BrokenPolicy` with every fault found.
    """
    versions = {files[name]["version"] for name in FILES}
    forms = {name: _form(name, row) for name, row in files["forms"].items() if isinstance(row, dict)}
    never = frozenset(files["fields"]["never"])
    profiles = {name: _profile(name, row, never) for name, row in files["fields"].items() if isinstance(row, dict)}
    blocks = {name: _block(row) for name, row in files["clients"].items() if isinstance(row, dict)}
    columns = tuple(files["matrix"]["columns"])
    rows = {name: _row(name, row, columns) for name, row in files["matrix"]["rows"].items()}
    faults = [
        *([f"versions differ: {sorted(versions)}"] if len(versions) > 1 else []),
        *_faults_of_rows(rows, forms),
        *_faults_of_columns(columns, profiles, kinds),
        *(f"profile {name} has no client block" for name in profiles if name not in blocks),
        *_faults_of_classes(forms, profiles),
    ]
    if faults:
        raise BrokenPolicy("; ".join(faults))
    return Policy(
        version=versions.pop(),
        hash=digest,
        columns=columns,
        rows=MappingProxyType(rows),
        profiles=MappingProxyType(profiles),
        forms=MappingProxyType(forms),
        blocks=MappingProxyType(blocks),
        staff_card=tuple(files["fields"]["staff_card"]),
        kinds=kinds,
    )


def _cell(text: str) -> Cell:
    match = _CELL.match(text)
    if match is None:
        raise BrokenPolicy(f"{text!r} is no cell: one of –, D, R:form, C:form, S")
    shape: Any = match["plain"] or match["reduced"]
    return Cell(shape, match["form"] or "")


def _row(name: str, row: list[str], columns: tuple[str, ...]) -> Mapping[str, Cell]:
    if len(row) != len(columns):
        raise BrokenPolicy(f"row {name} has {len(row)} cells for {len(columns)} columns")
    return MappingProxyType(dict(zip(columns, map(_cell, row), strict=True)))


def _form(name: str, row: Mapping[str, Any]) -> Form:
    return Form(
        name=name,
        fields=row["fields"],
        derived=row["derived"],
        staff_card=row.get("staff_card", False),
        client_block=row.get("client_block", True),
        limit=row["limit"],
    )


def _profile(name: str, row: Mapping[str, Any], never: frozenset[str]) -> Profile:
    classes = {key: value for key, value in row.items() if key in DataClass.__members__}
    missing = set(DataClass.__members__) - classes.keys()
    wrong = [key for key, value in classes.items() if isinstance(value, str) and value not in ("Y", "N")]
    if missing or wrong:
        raise BrokenPolicy(f"profile {name}: classes missing {sorted(missing)}, neither Y, N nor a list {wrong}")
    return Profile(
        name=name,
        all_of=frozenset(key for key, value in classes.items() if value == "Y"),
        some_of={key: frozenset(value) for key, value in classes.items() if isinstance(value, list)},
        codes=frozenset(row.get("codes", ())),
        staff_card=row.get("staff_card", False) or classes["L"] == "Y",
        never=never,
    )


def _block(row: Mapping[str, Any]) -> Block:
    return Block(tuple(row["B"]), tuple(row["C"]), tuple(row.get("when_files_absence_reports", ())))


def _faults_of_rows(rows: Mapping[str, Mapping[str, Cell]], forms: Mapping[str, Form]) -> Iterable[str]:
    for name in EVENTS.keys() - SYSTEM_EVENTS - rows.keys():
        yield f"event {name} has no row"
    for name in SYSTEM_EVENTS & rows.keys():
        yield f"system event {name} has a row"
    for name, row in rows.items():
        for column, cell in row.items():
            if cell.form and cell.form not in forms:
                yield f"row {name}, column {column}: no form {cell.form}"


def _faults_of_columns(
    columns: Iterable[str], profiles: Mapping[str, Profile], kinds: Kinds[Kind]
) -> Iterable[str]:
    of_kinds = {kind.column: kind for kind in kinds if kind.column}
    for column in columns:
        if column not in profiles:
            yield f"column {column} has no profile"
        if column not in of_kinds:
            yield f"column {column} is that of no kind of recipient"
    for column, kind in of_kinds.items():
        if column not in columns:
            yield f"kind {kind.name}: there is no column {column}"
        for name in kind.profiles:
            if name not in profiles and name != column:
                yield f"kind {kind.name}: there is no profile {name}"


def _faults_of_classes(forms: Mapping[str, Form], profiles: Mapping[str, Profile]) -> Iterable[str]:
    for form in forms.values():
        for field, data_class in form.classes.items():
            if data_class not in DataClass.__members__:
                yield f"form {form.name}: {field} has no data class"
    for profile in profiles.values():
        for data_class in profile.all_of | profile.some_of.keys():
            if data_class not in DataClass.__members__:
                yield f"profile {profile.name}: no data class {data_class}"
