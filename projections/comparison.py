"""Two generations of one read model side by side: what a rebuild must not change (design D16).

Ids of publications differ between epochs, for each telling has its own; what they say, of whom, when it was told and
until when it held must not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from projections.read_models import ReadModel


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that one generation has and the other has not. `only_in` is the epoch that has it."""

    only_in: int
    name: str
    client: str
    occurred_on: str
    content: str


def differences(model: ReadModel, one: int, other: int) -> list[Difference]:
    """What is not the same in both, in order of name, client and day. Empty means equal.

    Raises `NoSuchGeneration`.
    """
    left, right = _contents(model, one), _contents(model, other)
    found = [
        Difference(epoch, name, client, on, content)
        for epoch, rows in ((one, left - right), (other, right - left))
        for (name, client, on, content) in rows.elements()
    ]
    return sorted(found, key=lambda d: (d.name, d.client, d.occurred_on, d.only_in))


def _contents(model: ReadModel, epoch: int) -> Counter[tuple[str, str, str, str]]:
    with model.look(epoch) as look:
        rows = look.everything()
    # A reference to another publication becomes that publication's content without references.
    plain = {row.publication: f"{row.name}/{row.client}/{row.occurred_on}" for row in rows}
    found: Counter[tuple[str, str, str, str]] = Counter()
    for row in rows:
        body = {name: _resolved(value, plain) for name, value in row.body.items()}
        content = f"{sorted(body.items(), key=str)} {row.known_from} {row.known_until} {row.message_id} {row.legal_basis}"
        found[row.name, row.client, row.occurred_on.isoformat(), content] += 1
    return found


def _resolved(value: Any, plain: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_resolved(each, plain) for each in value]
    return plain.get(value, value) if isinstance(value, str) else value
