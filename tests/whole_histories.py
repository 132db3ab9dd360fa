"""Everything that everybody is told in whole histories, each publication with the column of whom it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from disclosure.paths import whole
from disclosure.told import Everybody, everybody_told
from stories import as_1

from domain.disclosure.publications import Publication
from projections.kinds import kinds


@cache
def histories() -> tuple[Everybody, ...]:
    return everybody_told(as_1()), whole().told(), whole(None).told()


def published() -> Iterator[tuple[str, Publication]]:
    for everybody in histories():
        for short_name, told in everybody.told.items():
            column = kinds().of(everybody.directory.recipients[short_name]).key
            yield from ((column, publication) for publication in told)
