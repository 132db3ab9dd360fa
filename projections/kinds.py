"""Every kind of recipient, found by its file: what the domain asks of it, by what its facts are found, what it may be asked.

Adding one is one file in `projections/recipients/` with its `KIND`; nothing else names it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from domain.directory import Recipient
from domain.disclosure import kinds as told
from domain.disclosure.kinds import Kinds
from projections.questions import Lookup, Question


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind(told.Kind):
    """One kind of recipient with its read model: by what its facts are found, and what may be asked. Without `facts` it has
    no model here. `document` names its AsyncAPI document, where that is called otherwise than the kind."""

    document: str = ""
    facts: Mapping[str, Lookup] = field(default_factory=dict)
    questions: tuple[Question[Any, Any], ...] = ()

    @property
    def has_model(self) -> bool:
        """Whether a read model is kept for its recipients."""
        return bool(self.facts)

    def question(self, question_id: str) -> Question[Any, Any]:
        """The question of this id. Raises `KeyError`."""
        for question in self.questions:
            if question.id == question_id:
                return question
        raise KeyError(question_id)


@cache
def kinds() -> Kinds[Kind]:
    """Every kind of recipient, one file each. Raises `TwoKinds`."""
    from projections import recipients

    return Kinds(
        importlib.import_module(f"{recipients.__name__}.{file.name}").KIND
        for file in pkgutil.iter_modules(recipients.__path__)
    )


def model_of(recipient: Recipient) -> Kind | None:
    """The kind of a recipient for which a read model is kept; none for every other one."""
    kind = kinds().of(recipient)
    return kind if kind.has_model else None
