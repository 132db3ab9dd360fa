"""The pages that people write, what stands in them as code, and which files of the project's folder are no part of it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
DECISIONS = DOCS / "decisions"
"""A record is never edited: what it names may have moved since. The list of them and the design are kept as they stand."""
PROSE = [
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    *(
        page
        for page in sorted(DOCS.rglob("*.md"))
        if REFERENCE not in page.parents and (page.parent != DECISIONS or not page.stem[0].isdigit())
    ),
]
FIRST_CLIENT = DOCS / "how-to/first-client.md"
AGENCIES = ("A referrer", "A provider", "A fund")
"""Each has a part of the page of the first client."""


def code_of(text: str, *languages: str) -> Iterator[str]:
    """What a page has in blocks of some languages; of none also what stands as code in a sentence or a table."""
    prose, lines, language = list[str](), list[str](), None
    for line in text.splitlines():
        fence = re.match(r"^\s*```\s*(\w*)", line)
        if not fence:
            (prose if language is None else lines).append(line)
        elif language is None:
            language, lines = fence[1], []
        else:
            if language in languages:
                yield "\n".join(lines)
            language = None
    if "" in languages:
        yield from re.findall(r"`([^`]+)`", "\n".join(prose))


def strangers(files: set[str]) -> set[str]:
    """Of files in a copy of the project those that are neither part of it nor ignored: what a reader might commit."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    known = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return not_ignored(files - set(known))


def not_ignored(names: set[str]) -> set[str]:
    """Of paths in the project those that `.gitignore` does not name."""
    asked = "".join(f"{name}\0" for name in sorted(names))
    command = ["git", "check-ignore", "--no-index", "-z", "--stdin"]
    done = subprocess.run(command, cwd=ROOT, input=asked, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return names - set(done.stdout.split("\0"))
