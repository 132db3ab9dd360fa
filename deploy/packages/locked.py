"""The packages of the lock files: what runs a ledger, what builds and tests it, the jars of a local Kafka, and what the
contracts fetch from other registries (`tests/clients`).

What those jars and OpenAPI Generator's bring along is named by their makers, and what a generated client asks for by the
generator; what the command line of AsyncAPI brings is in no lock. None of it is a part of the product.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from deploy.local.jars import COORDINATES

RUN, ALL = "requirements-run.lock", "requirements.lock"
OF_CONTRACTS = {
    "pip": "tests/clients/requirements.txt",
    "maven": "tests/clients/models/pom.xml",
    "npm": "tests/clients/package-lock.json",
    "cli": "tests/clients/cli/package.json",
}
"""What pins the tools of others."""
PRODUCT = "kuty"
_VERSION = re.compile(r"[0-9][A-Za-z0-9.!+_-]*")
"""One version: no range, no variable, no address."""
_PINNED = re.compile(rf"([A-Za-z0-9][A-Za-z0-9._-]*)==({_VERSION.pattern})(?: ; (.+?))? \\")
_HASH = re.compile(r"\s+--hash=sha256:([0-9a-f]{64})(?: \\)?")
_ASKED_BY = re.compile(r"\s+#(?: via|  ) (\S+)")
_SAYS_NOTHING = re.compile(r"\s*(#.*)?")
_OF_NPM = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
"""Under which words npm is asked for packages."""
_HASHES = {"sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
_PLUGINS = "org.apache.maven.plugins"
"""The group of a plugin that names none (Maven's POM reference, plugins)."""


class NotLocked(Exception):
    """The lock files are not there, or do not belong together; the message says why."""


@dataclass(frozen=True, slots=True)
class Package:
    """One pinned package. `kind` is the registry, as a package URL names it; of a jar the name is group/artifact, of npm
    @scope/name where it has one. `hashes` are pairs of algorithm and hexadecimal digits. `asked_by` are the package URLs of
    those that need it, the product's own name among them; `marker` says on which systems it is installed, empty for all;
    `runs` whether a ledger needs it, or only who builds and tests. `licence` is what the lock says of it, in free words."""

    kind: str
    name: str
    version: str
    asked_by: tuple[str, ...]
    hashes: tuple[tuple[str, str], ...] = ()
    marker: str = ""
    runs: bool = False
    licence: str = ""

    def __str__(self) -> str:
        return f"{self.kind}/{self.name} {self.version}"

    @property
    def purl(self) -> str:
        """Its package URL (purl specification, types pypi, maven and npm)."""
        return f"pkg:{self.kind}/{quote(self.name)}@{self.version}"


def packages(root: Path) -> list[Package]:
    """Every package of the project at `root`: by name those of the two locks, then the jars, then the contracts' tools.
    Raises NotLocked."""
    try:
        runs = {package.name: package for package in _read(root / RUN)}
        found = {package.name: package for package in _read(root / ALL)}
        tools = list(_tools(root))
    except OSError as error:
        raise NotLocked(f"{error.filename}: {error.strerror}") from None
    if not runs or not found:
        raise NotLocked(f"no package in {RUN if not runs else ALL}")
    for name, package in runs.items():
        other = found.get(name)
        if other is None or other.version != package.version:
            there = f"{other.version} in {ALL}" if other else f"not in {ALL}"
            raise NotLocked(f"{name} is {package.version} in {RUN} and {there}")
    places = {PRODUCT: PRODUCT, **{name: package.purl for name, package in found.items()}}
    of_python = (
        replace(found[name], runs=name in runs, asked_by=tuple(places[asking] for asking in found[name].asked_by))
        for name in sorted(found)
    )
    return [*of_python, *_jars(), *tools]


def _jars() -> Iterator[Package]:
    for coordinates in COORDINATES.split("+"):
        group, artifact, version = coordinates.split(":")
        yield Package("maven", f"{group}/{artifact}", version, (PRODUCT,))


def _tools(root: Path) -> Iterator[Package]:
    """What the contracts fetch. Raises NotLocked and OSError."""
    for which, read in (("pip", _read), ("maven", _maven), ("npm", _npm), ("cli", _wanted)):
        file = root / OF_CONTRACTS[which]
        try:
            found = list(read(file))
        except (ValueError, KeyError, TypeError, AttributeError, ElementTree.ParseError) as wrong:
            raise NotLocked(f"{OF_CONTRACTS[which]} is not to be understood: {wrong!r}") from None
        if not found:
            raise NotLocked(f"no package in {OF_CONTRACTS[which]}")
        yield from (replace(package, asked_by=package.asked_by or (PRODUCT,)) for package in found)


def _read(file: Path) -> Iterator[Package]:
    """The packages of a lock of pip, each asked for by names. Raises NotLocked at whatever is no pin with its hashes: pip
    may well install what we do not understand."""
    found: dict[str, Package] = {}
    name = ""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if (pinned := _PINNED.fullmatch(line)) and _normal(pinned[1]) not in found:
            name = _normal(pinned[1])
            found[name] = Package("pypi", name, pinned[2], (), marker=pinned[3] or "")
        elif name and (hashed := _HASH.fullmatch(line)):
            found[name] = replace(found[name], hashes=(*found[name].hashes, ("SHA-256", hashed[1])))
        elif name and (asking := _ASKED_BY.match(line)):
            found[name] = replace(found[name], asked_by=(*found[name].asked_by, _normal(asking[1])))
        elif not _SAYS_NOTHING.fullmatch(line):
            raise NotLocked(f"{file}, line {number}, is not to be understood, or comes again: {line}")
    for package in found.values():
        if not package.hashes:
            raise NotLocked(f"{file}: {package.name} has no hash")
        yield package


def _normal(name: str) -> str:
    """A package's name in its one spelling (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _one_version(version: str) -> str:
    """The version. Raises ValueError where it may be several, or stands elsewhere."""
    if not _VERSION.fullmatch(version):
        raise ValueError(f"{version} is not one version")
    return version


def _maven(file: Path) -> Iterator[Package]:
    """What a project of Maven asks for by itself, under whatever word: libraries, plugins, a parent. Raises ValueError where
    it has modules, which ask in files of their own."""
    project = ElementTree.parse(file).getroot()
    for part in project.iter():
        said = {_word(field): (field.text or "").strip() for field in part}
        if _word(part) == "module":
            raise ValueError(f"a module: {part.text}")
        if part is not project and "artifactId" in said and _word(part) != "exclusion":
            group = said.get("groupId", _PLUGINS) if _word(part) == "plugin" else said["groupId"]
            yield Package("maven", f"{group}/{said['artifactId']}", _one_version(said["version"]), (PRODUCT,))


def _word(part: ElementTree.Element) -> str:
    return part.tag.rpartition("}")[2]


def _wanted(file: Path) -> Iterator[Package]:
    """What npm is asked for where nothing locks what that brings."""
    asked = json.loads(file.read_text(encoding="utf-8"))
    for word in _OF_NPM:
        for name, version in asked.get(word, {}).items():
            yield Package("npm", name, _one_version(version), (PRODUCT,))


def _npm(file: Path) -> Iterator[Package]:
    """The packages of a lock of npm, each version once, however often it stands in the folders (package-lock.json,
    lockfileVersion 3). Raises ValueError where one comes without a hash."""
    places: Mapping[str, Mapping[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["packages"]
    there = {place: _of_npm(place, entry) for place, entry in places.items() if place}
    asked_by: dict[str, set[str]] = {}
    for place, entry in places.items():
        for words in _OF_NPM:
            for name in entry.get(words, ()):
                if found := there.get(_place_of(name, place, there)):
                    asked_by.setdefault(found.purl, set()).add(there[place].purl if place else PRODUCT)
    once = {package.purl: package for package in there.values()}
    for purl, package in sorted(once.items()):
        yield replace(package, asked_by=tuple(sorted(asked_by.get(purl, ()))))


def _of_npm(place: str, entry: Mapping[str, Any]) -> Package:
    """One entry of the lock; it has a name of its own where its folder has another."""
    name = entry.get("name", place.rpartition("node_modules/")[2])
    hashes = [part.partition("?")[0].partition("-") for part in entry.get("integrity", "").split()]
    if not hashes:
        raise ValueError(f"{place} has no hash")
    said = entry.get("license")
    return Package(
        "npm",
        name,
        _one_version(entry["version"]),
        (),
        tuple((_HASHES[how], b64decode(content).hex()) for how, _, content in hashes),
        licence=said if isinstance(said, str) else "",
    )


def _place_of(name: str, asking: str, there: Mapping[str, Package]) -> str:
    """Where a package finds another one: in its own folder, or in the next one above that has it; empty where nowhere."""
    while (place := f"{asking}/node_modules/{name}".removeprefix("/")) not in there:
        if not asking:
            return ""
        asking = asking.rpartition("node_modules/")[0].removesuffix("/")
    return place
