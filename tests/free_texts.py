"""Which fields are free text."""

from __future__ import annotations

from typing import get_args

from pydantic.fields import FieldInfo

from domain.vocabulary import Form, FreeText


def is_free_text(found: FieldInfo) -> bool:
    """Whether a model's field, optional or not, is free text (domain/events.md 11.21)."""
    inner = [mark for part in get_args(found.annotation) for mark in getattr(part, "__metadata__", ())]
    marks = (*found.metadata, *inner)
    return any(isinstance(mark, FreeText) for mark in marks) and not any(isinstance(mark, Form) for mark in marks)
