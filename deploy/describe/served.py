"""The AsyncAPI documents as the API serves them and `kuty describe` writes them: the same text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial

import yaml

from api.documents import AgencyDocument
from deploy.describe.asyncapi import document_of, documented, name_of
from deploy.describe.grounds import grounds_by_type


def agency_documents() -> Sequence[AgencyDocument]:
    """One for each kind of recipient, each made when it is first asked for."""
    return [
        AgencyDocument(
            name_of(kind), kind.task, kind.agency_kinds, partial(_text, name_of(kind)), kind.key,
            partial(grounds_by_type, kind.key),
        )
        for kind in documented()
    ]


@cache
def _text(name: str) -> str:
    (kind,) = (kind for kind in documented() if name_of(kind) == name)
    return yaml.dump(document_of(kind), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)


class _Plain(yaml.CSafeDumper):
    """Writes what stands in two places twice: a reader need not know YAML's anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True
