"""Clients generated from the OpenAPI document, as a vendor's developer would, and the program that calls each.

What is typed is read from the page docs/how-to/generate-a-client.md, which says what differs by language, too.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from clients.tools import HERE, Tools, ran

PROGRAMS = HERE / "programs"
PAGE = HERE.parents[1] / "docs" / "how-to" / "generate-a-client.md"

IN_UTF_8 = ("-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8")
"""Before Java 18 the library `native` reads an answer in the machine's own encoding."""
LONG_S, SHORT_S = "12", "0.1"
"""How long a program waits for what does not come: of the default library of Java longer than it has patience by itself
(10 s); the others have enough of it, whatever is waited for."""

Calling = Callable[[Tools, Path, Path, Sequence[str]], list[str]]


def shown(program: str) -> list[str]:
    """The command of the page for one of `programs/`: what is typed for all, and its own options behind it."""
    text = PAGE.read_text(encoding="utf-8")
    [for_all] = re.findall(r"`(openapi-generator-cli generate [^`]+)`", text)
    [options] = re.findall(rf"`(-g [^`]+)` \| `tests/clients/programs/{re.escape(program)}` \|", text)
    return shlex.split(f"{for_all} {options}")


def java(tools: Tools, document: Path, folder: Path, words: Sequence[str]) -> list[str]:
    """Of the default library."""
    return _java(tools, document, folder, [*words, LONG_S], "java/Call.java")


def java_native(tools: Tools, document: Path, folder: Path, words: Sequence[str]) -> list[str]:
    """Of the library `native`, which needs no other client of HTTP than the one of Java."""
    return _java(tools, document, folder, [*words, SHORT_S], "java-native/Call.java")


def _java(tools: Tools, document: Path, folder: Path, words: Sequence[str], program: str) -> list[str]:
    tools.generate(shown(program), document, folder)
    shutil.copyfile(PROGRAMS / program, folder / "src" / "main" / "java" / "Call.java")
    called = ["java", *IN_UTF_8, "-cp", tools.compile_java(folder), "Call", *words]
    return ran(called, LC_ALL="C").splitlines()


def typescript(tools: Tools, document: Path, folder: Path, words: Sequence[str]) -> list[str]:
    """By `fetch`."""
    tools.generate(shown("call.ts"), document, folder / "client")
    for name in ("call.ts", "misspelt.ts"):
        shutil.copyfile(PROGRAMS / name, folder / name)
    tools.typescript(folder, "call.ts", "misspelt.ts")
    return tools.node(folder / "js" / "call.js", *words, SHORT_S).splitlines()


def python(tools: Tools, document: Path, folder: Path, words: Sequence[str]) -> list[str]:
    """With types that mypy takes."""
    said = python_untyped(tools, document, folder, words)
    quietly = ["--config-file", os.devnull, "--follow-imports", "silent", "--cache-dir", str(folder / "mypy")]
    ran([sys.executable, "-m", "mypy", "--strict", *quietly, PROGRAMS / "call.py"], MYPYPATH=str(folder))
    return said


def python_untyped(tools: Tools, document: Path, folder: Path, words: Sequence[str]) -> list[str]:
    """The client holds every answer against the document itself, whether or not somebody looks at the types."""
    tools.generate(shown("call.py"), document, folder)
    called = [sys.executable, PROGRAMS / "call.py", *words, SHORT_S]
    return ran(called, PYTHONPATH=str(folder), PYTHONUTF8="1").splitlines()


CLIENTS: dict[str, Calling] = {
    "java": java,
    "java native": java_native,
    "typescript": typescript,
    "python": python,
}
