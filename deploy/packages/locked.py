"""The packages of the two lock files, what runs a ledger and what builds and tests it, and the jars of a local Kafka.

What those jars bring along is named by the distribution of Apache Kafka itself, and is no part of the product.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.local.jars import COORDINATES

RUN, ALL = "requirements-run.lock", "requirements.lock"
PRODUCT = "kuty"
_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)(?: ; (.+?))? \\")
_HASH = re.compile(r"\s+--hash=sha256:([0-9a-f]{64})")
_ASKED_BY = re.compile(r"\s+#(?: via|  ) (\S+)")


class NotLocked(Exception):
    """The lock files are not there, or do not belong together; the message says why."""


@dataclass(frozen=True, slots=True)
class Package:
    """One pinned package; of a jar the name is group/artifact. `asked_by` are the packages that need it, the product's own
    name among them; `marker` says on which systems it is installed, empty for all; `runs` whether a ledger needs it, or only
    who builds and tests."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    asked_by: tuple[str, ...]
    runs: bool = False

    @property
    def purl(self) -> str:
        """Its package URL (purl specification, types pypi and maven)."""
        return f"pkg:{'maven' if '/' in self.name else 'pypi'}/{self.name}@{self.version}"


def packages(root: Path) -> list[Package]:
    """Every package of the project at `root`, by name. Raises NotLocked."""
    try:
        runs = {package.name: package for package in _read(root / RUN)}
        found = {package.name: package for package in _read(root / ALL)}
    except OSError as error:
        raise NotLocked(f"{error.filename}: {error.strerror}") from None
    if not runs or not found:
        raise NotLocked(f"no package in {RUN if not runs else ALL}")
    for name, package in runs.items():
        other = found.get(name)
        if other is None or other.version != package.version:
            there = f"{other.version} in {ALL}" if other else f"not in {ALL}"
            raise NotLocked(f"{name} is {package.version} in {RUN} and {there}")
    return [*(replace(found[name], runs=name in runs) for name in sorted(found)), *_jars()]


def _jars() -> Iterator[Package]:
    for coordinates in COORDINATES.split("+"):
        group, artifact, version = coordinates.split(":")
        yield Package(f"{group}/{artifact}", version, "", (), (PRODUCT,))


def _read(file: Path) -> Iterator[Package]:
    name = version = marker = ""
    hashes: list[str] = []
    asked_by: list[str] = []
    for line in [*file.read_text(encoding="utf-8").splitlines(), "end==0 \\"]:
        if pinned := _PINNED.fullmatch(line):
            if name:
                yield Package(name, version, marker, tuple(hashes), tuple(asked_by))
            name, version, marker = _normal(pinned[1]), pinned[2], pinned[3] or ""
            hashes, asked_by = [], []
        elif found := _HASH.match(line):
            hashes.append(found[1])
        elif found := _ASKED_BY.match(line):
            asked_by.append(_normal(found[1]))


def _normal(name: str) -> str:
    """A package's name in its one spelling (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
