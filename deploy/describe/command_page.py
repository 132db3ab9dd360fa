"""`commands.md`: everything that may be asked for, by whom, what comes of it and what stands against it."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.describe.event_schemas import schema_of
from deploy.describe.origins import origin_of
from deploy.describe.pages import anchor, field_rows, link, page, paragraph, table, words
from domain.catalogue import event_class
from domain.chapters.attendance.decisions import RecordGroupAttendance
from domain.commands import CommandKind
from domain.messages import GROUP, GROUP_OF
from domain.rulebook import COMMANDS
from projections.kinds import kinds

LEAD = """What may be asked for, in the order of a client's path. A worker posts the fields as JSON to the route, an agency's
system sends them as a message of the type, with the client beside them (`client`, the own name for it, or `identity_code`).
A *reference* is the caller's own name for a part, as it was received, or `message:` and the id of the caller's own message
that began it. `occurred_on` is the local day (Europe/Helsinki) on which it happened; none means the ledger's today.

Any command may also be refused because its body cannot be read or its key was used before:
[every code](errors.md)."""


def command_page() -> str:
    """The whole page."""
    commands = COMMANDS.values()
    contents = table(
        ["command", "what it does", "sent as a message by"],
        [(link(f"`{k.name}`", "", anchor(k.name)), paragraph(k.command.__doc__), _senders(k.name)) for k in commands],
    )
    return page("What may be asked for", LEAD, contents, *(part for kind in commands for part in _command(kind)))


def route_of(kind: CommandKind) -> str:
    """Where a worker posts it."""
    if kind.name == "open_ledger":
        return "none: `kuty` opens a ledger"
    place = f"clients/{{client}}/{kind.path}" if kind.target == "client" else kind.path
    return f"`POST /ledgers/{{ledger}}/{place}`"


def _command(kind: CommandKind) -> Iterator[str]:
    origin, senders = origin_of(kind.name), _senders(kind.name)
    yield f"## {kind.name}"
    yield paragraph(kind.command.__doc__)
    facts = ", ".join(link(f"`{name}`", "events.md", anchor(f"{name}.v{_version(name)}")) for name in sorted(origin.events))
    yield "\n".join(
        [
            f"- Route: {route_of(kind)}",
            f"- Roles: {words(sorted(kind.roles))}",
            *([f"- Message: `{kind.name}.v1`, by {senders}"] if senders else []),
            f"- Records: {facts}",
            f"- May be refused or warned: {_codes(origin.codes)}",
        ]
    )
    yield table(["field", "takes", "there"], field_rows(schema_of(kind.command)))
    if kind.name == GROUP_OF:
        yield f"### {GROUP}"
        yield (
            f"{paragraph(RecordGroupAttendance.__doc__)} A message alone: `{GROUP}.v1`, by {_senders(GROUP)}. What is said "
            "beside the entries holds for each of them."
        )
        yield table(["field", "takes", "there"], field_rows(schema_of(RecordGroupAttendance)))


def _senders(command: str) -> str:
    return words(sorted(kind.name for kind in kinds().sending(command)))


def _version(name: str) -> int:
    return event_class(f"{name}.v1").VERSION


def _codes(codes: frozenset[str]) -> str:
    return ", ".join(link(f"`{code}`", "errors.md", anchor(code)) for code in sorted(codes))
