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
from projections.lookups import Lookup, lookups
from projections.questions import Question


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind(told.Kind):
    """One kind of recipient with its read model: what may be asked, and by what facts are found for it. Without questions it
    has no model here. `document` names its AsyncAPI document, where that is called otherwise than the kind.

    Facts are found as the events declare; `finds_by` names, by event, the field by which this kind searches besides, and
    `part_of` the part under which it looks for an event instead of the event's own. `to_come` says it of events that this
    software does not record yet, and a later one may tell.
    """

    document: str = ""
    questions: tuple[Question[Any, Any], ...] = ()
    finds_by: Mapping[str, str] = field(default_factory=dict)
    part_of: Mapping[str, str] = field(default_factory=dict)
    to_come: Mapping[str, Lookup] = field(default_factory=dict)
    facts: Mapping[str, Lookup] = field(init=False)

    def __post_init__(self) -> None:
        told.Kind.__post_init__(self)
        object.__setattr__(self, "facts", lookups(self.finds_by, self.part_of, self.to_come))

    @property
    def has_model(self) -> bool:
        """Whether a read model is kept for its recipients."""
        return bool(self.questions)

    def question(self, question_id: str) -> Question[Any, Any]:
        """The question of this id. Raises `KeyError`."""
        for question in self.questions:
            if question.id == question_id:
                return question
        raise KeyError(question_id)


@cache
def kinds() -> Kinds[Kind]:
    """Every kind of recipient, one file each. Raises `TwoKinds`, `LookupError` for a file without one."""
    from projections import recipients

    files = [
        importlib.import_module(f"{recipients.__name__}.{file.name}") for file in pkgutil.iter_modules(recipients.__path__)
    ]
    for file in files:
        if not hasattr(file, "KIND"):
            raise LookupError(f"{file.__name__} has no KIND")
    return Kinds(file.KIND for file in files)


def model_of(recipient: Recipient) -> Kind | None:
    """The kind of a recipient for which a read model is kept; none for every other one."""
    kind = kinds().of(recipient)
    return kind if kind.has_model else None
