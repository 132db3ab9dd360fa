"""What the API is given about each kind of recipient, and does not make itself: what it sends and gets over Kafka, and on
what grounds, and the schemas of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from starlette.requests import Request

from api.links import described_by, links
from domain.directory import Recipient
from projections.kinds import kinds

Schemas: TypeAlias = Callable[[], Mapping[str, bytes]]
"""Gives every schema as JSON, by its path below `/schemas/`; it may take a moment the first time."""

YAML = "application/yaml"
"""RFC 9512."""


@dataclass(frozen=True, slots=True)
class AgencyDocument:
    """The AsyncAPI document of one kind of recipient: its task and, where others have the same task, the kinds of agencies
    whose it is. `text` gives it as YAML; `told` names the types of which the kind may be told, each with the legal bases and
    purposes on which that may be. Both may take a moment the first time. `key` is that of the kind."""

    name: str
    task: str
    agency_kinds: frozenset[str]
    text: Callable[[], str]
    key: str
    told: Callable[[], Mapping[str, Sequence[tuple[str, str]]]]

    @property
    def address(self) -> str:
        """Where it is served."""
        return f"/asyncapi/{self.name}.yaml"


def linked(request: Request, recipient: Recipient, further: str = "") -> dict[str, str]:
    """The `Link` header of what a recipient is answered: to the next page, where there is one, and to the document of its
    kind."""
    document = document_for(request, recipient)
    return links(further, described_by(request, document.address, YAML) if document else "")


def document_for(request: Request, recipient: Recipient) -> AgencyDocument | None:
    """The document of a recipient's kind; none for a kind to which nothing is told fact by fact."""
    documents: Sequence[AgencyDocument] = request.app.state.documents
    key = kinds().of(recipient).key
    return next((one for one in documents if one.key == key), None)
