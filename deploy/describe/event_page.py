"""`events.md`: every fact there is, what it holds, who records it, who is told what of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deploy.describe.event_schemas import event_schema, in_order
from deploy.describe.grounds import grounds_of
from deploy.describe.origins import recorded_by
from deploy.describe.pages import anchor, field_rows, link, page, paragraph, table, words
from deploy.describe.publication_schemas import COLUMNS, POLICY, Telling, telling
from domain.catalogue import type_of
from domain.event import NO_PART, ClientFact, Event
from domain.vocabulary import DataClass

LEAD = """Every fact that a ledger can record, in the order of a client's path. A fact is never changed: it is corrected by
another one. Each field is sealed under its data class, and the class decides who may see it. A field without a data class
holds fields of another fact, each under the class that it has there.

*Told to* names, for each kind of recipient, the form in which it is told: `D` every field that its profile shows, `R:…` a
reduced form, `own_fact` whole, because it stated the fact itself. Who is not named is told nothing."""
MATTERS = {
    "case": "that of the referral, which becomes the case's",
    "client": "the client's own",
    "target": "that of the fact it speaks of",
    "ledger": "the ledger's own",
    "fact": "that of the fact that was told",
}
MANY = 6


def event_page() -> str:
    """The whole page."""
    contents = table(
        ["fact", "what it says"],
        [(link(f"`{type_of(cls)}`", "", anchor(type_of(cls))), paragraph(cls.__doc__)) for cls in in_order()],
    )
    classes = table(["class", "word"], [(f"`{each.value}`", each.word) for each in DataClass])
    told = table(
        ["column", "kind of recipient", "task"],
        [(f"`{kind.key}`", kind.title, f"`{kind.task}`") for kind in POLICY.kinds.of_columns(COLUMNS)],
    )
    return page(
        "What can happen", LEAD, contents, "## Data classes", classes, "## Kinds of recipients", told,
        *(part for cls in in_order() for part in _event(cls)),
    )  # fmt: skip


def _event(cls: type[Event]) -> Iterator[str]:
    schema: dict[str, Any] = event_schema(cls)
    # What names the fact's case and part comes first, whatever model the field stands in.
    place = cls.PART if issubclass(cls, ClientFact) else NO_PART
    rows = sorted(field_rows(schema), key=lambda row: not place.leads(row[0].strip("`")))
    commands = recorded_by()[cls.NAME]
    yield f"## {type_of(cls)}"
    yield paragraph(cls.__doc__)
    recorded = ", ".join(link(f"`{name}`", "commands.md", name) for name in commands) or "the ledger itself"
    yield f"Recorded by {recorded}. Its matter: {MATTERS[cls.MATTER]}."
    yield table(
        ["field", "takes", "there", "data class"],
        [
            (name, takes, there, schema["properties"][name.strip("`")]["x-data-class"])
            for name, takes, there in rows
        ],
    )
    tellings = [told for column in COLUMNS if (told := telling(column, cls))]
    yield table(["told to", "form", "fields", "legal basis (purpose)"], [_told(told) for told in tellings]) or (
        "Nobody is told of it."
    )


def _told(told: Telling) -> tuple[str, str, str, str]:
    found = grounds_of(told)
    purposes = sorted({purpose for _, purpose in found})
    grounds = ", ".join(f"`{basis}` ({purpose})" for basis, purpose in found)
    if len(found) > MANY:
        grounds = f"that of the recipient's own referral ({', '.join(purposes)})"
    limits = [POLICY.forms[form[2:]].limit for form in told.forms if form[:2] in ("R:", "C:")]
    limit = f" ({limits[0]})" if limits and limits[0] else ""
    return POLICY.kinds[told.column].title, words(told.forms) + limit, words(told.fields), grounds
