"""The AsyncAPI documents as the API serves them and `kuty describe` writes them: the same text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial

import yaml

from api.documents import AgencyDocument
from deploy.describe.asyncapi import RECIPIENT_KINDS, document_of


def agency_documents() -> Sequence[AgencyDocument]:
    """One for each kind of recipient, each made when it is first asked for."""
    return [AgencyDocument(kind.name, kind.task, partial(_text, kind.name)) for kind in RECIPIENT_KINDS]


@cache
def _text(name: str) -> str:
    (kind,) = (kind for kind in RECIPIENT_KINDS if kind.name == name)
    return yaml.dump(document_of(kind), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)


class _Plain(yaml.CSafeDumper):
    """Writes what stands in two places twice: a reader need not know YAML's anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True
