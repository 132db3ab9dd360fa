"""A projector on a stage of its own: given what stands in recipients' topics, what do their models say?"""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import Any

from publications_given import LEDGER, embedded, topic_with

from consumers.embedded_broker import EmbeddedBroker
from consumers.log import Entry
from consumers.projector import Projector, Standing
from domain.directory import Recipient
from domain.rules import RuleSet
from projections.kinds import kinds
from projections.questions import Answered, ask
from projections.read_models import ReadModels
from projections.read_models_sqlite import SqliteModels

KELA = Recipient("kela", "0000005-1", "benefit_payment", date(2023, 1, 1))
COUNTY = Recipient("county", "0000001-9", "organiser", date(2023, 1, 1))


class Stage:
    """A broker, a folder of models unless others are given, and a projector that can be killed and started again."""

    def __init__(self, folder: Path, *recipients: Recipient, models: ReadModels | None = None, **settings: Any) -> None:
        self.broker: EmbeddedBroker = embedded(folder)
        self.models: ReadModels = models or SqliteModels(folder / "models", LEDGER)
        self._ahead_s = 0.0
        self.recipients = list(recipients or (KELA,))
        self._settings = settings
        self.start()

    def start(self) -> None:
        self.projector = Projector(
            self.broker, LEDGER, self.models, lambda: self.recipients, wait=0.0,
            monotonic=lambda: time.monotonic() + self._ahead_s, **self._settings,
        )  # fmt: skip

    def later(self, seconds: float) -> None:
        """So much time goes by."""
        self._ahead_s += seconds

    def restart(self, **settings: Any) -> None:
        self.projector.close()
        self._settings |= settings
        self.start()

    def drain(self) -> None:
        while self.projector.step():
            pass

    def standing(self, recipient: Recipient = KELA) -> Standing:
        return next(one for one in self.projector.standings() if one.short_name == recipient.short_name)

    def put(self, entries: list[Entry], recipient: Recipient = KELA) -> None:
        topic_with(self.broker, recipient.short_name, entries)

    def feed(self, recipient: Recipient = KELA) -> Any:
        return self.models.of(recipient.short_name).feed()

    def asked(self, question_id: str = "KE2", recipient: Recipient = KELA, **asked: Any) -> Answered[Any]:
        question = kinds().of(recipient).question(question_id)
        parameters = question.parameters.model_validate({"client": "client-1", **asked})
        model = self.models.of(recipient.short_name)
        return ask(question, model, parameters, today=date(2025, 9, 30), rules=RuleSet.current())
