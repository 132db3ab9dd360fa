"""Two generations of one read model side by side: what a rebuild must not change (design D16).

What was told, of whom, when, and until when it held must be the same in both, whatever ids the publications bear. What
was withdrawn for good is left out: a redelivery does not repeat it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from domain.disclosure.publish import names_event
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
    first: dict[str, str] = {}
    for row in rows:
        first[row.publication] = first.get(row.replaces or "", row.replaces or row.publication)
    lawful = {first[row.publication] for row in rows if row.known_until is None}
    # A reference to another publication becomes that publication's content without references.
    plain = {row.publication: f"{row.name}/{row.client}/{row.occurred_on}" for row in rows}
    found: Counter[tuple[str, str, str, str]] = Counter()
    for row in rows:
        if first[row.publication] in lawful:
            body = {name: plain.get(said, said) if names_event(name) else said for name, said in row.body.items()}
            when = f"{row.known_from} {row.known_until}"
            content = f"{sorted(body.items(), key=str)} {when} {row.message_id} {row.legal_basis}"
            found[row.name, row.client, row.occurred_on.isoformat(), content] += 1
    return found
