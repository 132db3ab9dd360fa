"""What is described as the API serves it: the AsyncAPI documents, the same text that `kuty describe` writes, and the
schemas, each named by its address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial

import orjson
import yaml

from api.documents import AgencyDocument, Schemas
from deploy.describe.asyncapi import document_of, documented, name_of
from deploy.describe.grounds import grounds_by_type
from deploy.describe.schemas import served_schemas


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


def published_schemas(address: str) -> Schemas:
    """Every schema under the address at which agencies reach `/schemas`. What is committed is of no address, and is named by
    a URN; a validator looks for a schema where its `$id` says (JSON Schema 2020-12, 8.2.1)."""
    return partial(_schemas_at, address)


@cache
def _schemas_at(address: str) -> Mapping[str, bytes]:
    return {
        path: orjson.dumps({**schema, "$id": f"{address}/schemas/{path}"})
        for path, schema in served_schemas().items()
    }


class _Plain(yaml.CSafeDumper):
    """Writes what stands in two places twice: a reader need not know YAML's anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True
