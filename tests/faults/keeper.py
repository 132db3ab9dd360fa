"""What starts a server again whenever it ends, as an operating system's supervisor does."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from deploy.local.parts import Part
from deploy.local.ports import PartFailed

LOOK_AGAIN_S = 0.2


class Kept:
    """A server that is started again, on the same data and the same port, for as long as the block lasts. `ended` is how
    often it has ended meanwhile, or did not even start."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.ended = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._stopping.wait(LOOK_AGAIN_S):
            if not self.part.runs():
                self.ended += 1
                try:
                    self.part.start()
                except PartFailed:
                    continue  # there is no room to start in yet
