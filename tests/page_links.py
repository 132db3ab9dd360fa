"""Where the links of a page lead: to a file, and in it to a heading or a place that was given a name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from deploy.describe.pages import anchor

DEFINITION = re.compile(r"^\[([^\]]+)\]: (\S+)$", re.MULTILINE)
"""`[S10]: open-questions.md#s10`: where `[S10]` leads, wherever it stands on the page."""


def headings(text: str) -> set[str]:
    return set(re.findall(r"^#+ (.+)$", text, re.MULTILINE))


def links(text: str) -> Iterator[str]:
    """Every target within the project."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    targets = [*re.findall(r"\]\(([^)\s]+)\)", outside), *(target for _, target in DEFINITION.findall(outside))]
    yield from (target for target in targets if "://" not in target)


def leads_somewhere(path: Path, target: str) -> bool:
    name, _, place = target.partition("#")
    file = path if not name else path.parent / name
    if not file.exists():
        return False
    if not place:
        return True
    text = file.read_text(encoding="utf-8")
    return place in {anchor(title) for title in headings(text)} | set(re.findall(r'<a id="([^"]+)">', text))
