"""Whether what is kept beside the events is as the events say: columns and answers, keys, and who stands in the vault.

A chain is of what stands in the records; whoever changes a column, an answer, a key or an entry of the vault leaves every
chain whole. Nothing is repaired. The feed is looked at in windows (`examine`), by whichever process; what all of them say
together (`Beside`) is compared with the tables at the end.
"""

from __future__ import annotations

from collections.abc import Iterator

from domain.store.checking.amiss import Amiss
from domain.store.checking.beside import Beside
from domain.store.checking.windows import examine
from domain.store.rebuild import FollowerOf
from domain.store.sealed.sealing import Sealer
from domain.store.tables.recorders import Recorder

WINDOW = 2_000


def amiss(recorder: Recorder, sealer: Sealer, follower_of: FollowerOf) -> Iterator[Amiss]:
    """Everything in the store's own tables that differs from what the events say, columns and answers."""
    beside, upto, after = Beside(), recorder.head(), 0
    while after < upto:
        window = examine(recorder, sealer, follower_of, after, min(after + WINDOW, upto))
        beside.take(window.said)
        yield from window.amiss
        after += WINDOW
    yield from beside.of_tables(recorder, upto)
