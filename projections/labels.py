"""Labels of events and of what is to be done, in Finnish, Swedish and English, from `labels.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from projections.questions import Coded

LABELS = Path(__file__).with_name("labels.toml")


@cache
def labels(section: str) -> Mapping[str, Mapping[str, str]]:
    """One section of the file: `events` or `obligations`."""
    content: Mapping[str, Mapping[str, Mapping[str, str]]] = tomllib.loads(LABELS.read_text(encoding="utf-8"))
    return content[section]


def labelled(section: str, code: str) -> Coded:
    """A code of the section with its labels; one that is not there is its own label."""
    texts = labels(section).get(code) or dict.fromkeys(("fi", "sv", "en"), code)
    return Coded(code=code, **texts)
