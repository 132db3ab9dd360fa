"""`kuty replay`: what happened, and who knew it; from the store or the topic alone."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from deploy.commands.printed import as_json, failed
from deploy.feed import Feed, feed
from deploy.migration import keys_database, master_key
from deploy.settings import Settings
from domain.context import HELSINKI
from domain.disclosure.pseudonyms import Pseudonyms, UnknownPseudonym
from domain.events import LedgerOpened, OrganisationJoined
from domain.store import Keys
from domain.streams import is_client_stream
from projections.questions import moment
from projections.tellings import Recorded, Telling, ToldBy, told_by
from projections.timeline import TimelineLine, by_occurrence, history, pathway_as_known

Doing = Callable[[Feed, argparse.Namespace, Settings], int]


def on_feed(do: Doing) -> Callable[[argparse.Namespace, Settings], int]:
    """A command that reads the feed, from wherever it was asked for."""

    def command(arguments: argparse.Namespace, settings: Settings) -> int:
        with feed(settings, from_topic=arguments.from_topic) as found:
            return do(found, arguments, settings)

    return command


class NoSuchClient(Exception):
    """A name that the organiser never gave to a client."""


def replay_client(found: Feed, arguments: argparse.Namespace, settings: Settings) -> int:
    """One client's facts, in order of recording or of occurrence."""
    try:
        client = _client(found, arguments.client, settings)
    except NoSuchClient as unknown:
        return failed(str(unknown))
    lines = history(found.records(), found.opened, client)
    ordered = by_occurrence(lines) if arguments.order == "occurrence" else lines
    _print(arguments, (_line(line) for line in ordered), [asdict(line) for line in lines])
    return 0 if lines else failed("nothing is recorded about this client")


def replay_as_of(found: Feed, arguments: argparse.Namespace, settings: Settings) -> int:
    """The case as it was on a day, as it was known at a time."""
    try:
        client = _client(found, arguments.client, settings)
    except NoSuchClient as unknown:
        return failed(str(unknown))
    pathway = pathway_as_known(found.records(), found.opened, client, known_at=moment(arguments.known_at))
    on = arguments.on or max((fact.occurred_on for fact in pathway.facts.values()), default=date.min)
    then = pathway.on(on)
    facts = [
        {"occurred_on": fact.occurred_on, "fact": fact.name, **fact.event.model_dump(mode="json", exclude_none=True)}
        for fact in then.facts.values()
    ]
    states = {case_id: then.case_state(case_id, on) for case_id in then.cases}
    if arguments.json:
        print(as_json({"on": on, "known_at": arguments.known_at, "cases": states, "facts": facts}))
        return 0
    for number, state in enumerate(states.values(), 1):
        print(f"case {number} on {on}: {state}")
    for line in facts:
        print(f"  {line['occurred_on']}  {line['fact']}")
    return 0


def replay_told(found: Feed, arguments: argparse.Namespace, settings: Settings) -> int:
    """What a recipient had been told by a time: in a live ledger by the broker's acknowledgement as it is recorded, in a
    simulated one by the disclosure's own time."""
    by = moment(arguments.by) or datetime.max.replace(tzinfo=UTC)
    try:
        client = _client(found, arguments.client, settings) if arguments.client else None
    except NoSuchClient as unknown:
        return failed(str(unknown))
    if arguments.recipient not in _joined(found):
        return failed(f"nobody has joined as {arguments.recipient}")
    recorded = Recorded().take(found.records(), found.opened) if _is_live(found) else None
    told = told_by(
        found.records(), found.opened, arguments.recipient, by, client=client,
        acknowledged=recorded.acknowledged if recorded else None, else_disclosed=True,
    )  # fmt: skip
    _print(arguments, (_telling(one) for one in told.tellings), [asdict(one) for one in told.tellings])
    if not arguments.json:
        print(f"{len(told.tellings)} facts from {found.origin}, {_of_which_time(told, recorded)}")
    return 0


def _is_live(found: Feed) -> bool:
    first = next(iter(found.records()), None)
    opened = found.opened(first) if first else None
    return isinstance(opened, LedgerOpened) and opened.mode == "live"


def _of_which_time(told: ToldBy, recorded: Recorded | None) -> str:
    if recorded is None:
        return "by the time of disclosure, not of the broker's acknowledgement"
    without = sum(recorded.acknowledged(told.recipient, one.epoch, one.sequence) is None for one in told.tellings)
    said = "by the broker's acknowledgement, recorded to the minute"
    return f"{said}; {without} of them by the time of disclosure, as none is recorded yet" if without else said


def _client(found: Feed, name: str, settings: Settings) -> str:
    """The reference behind a name: the organiser's own name for the client, as pages and answers show it.

    Raises NoSuchClient.
    """
    if is_client_stream(name):
        return name
    database = keys_database(settings)
    keys = Keys(database, master_key(settings))
    try:
        key = keys.found(f"pseudonym/{_organiser(found)}")
        if key is None:
            raise NoSuchClient("the organiser has no names for clients: the keys are not those of this ledger")
        return Pseudonyms(key).reference(name)
    except UnknownPseudonym:
        raise NoSuchClient(f"{name} is not the organiser's name of a client") from None
    finally:
        database.close()


def _joined(found: Feed) -> dict[str, str]:
    """The task of every recipient by its short name, read from the feed."""
    joined: dict[str, str] = {}
    for record in found.records():
        if record.header.name == OrganisationJoined.NAME:
            event = found.opened(record)
            for task in event.tasks if isinstance(event, OrganisationJoined) else ():
                joined[task.short_name] = task.task
    return joined


def _organiser(found: Feed) -> str:
    """The organiser's short name."""
    for short_name, task in _joined(found).items():
        if task == "organiser":
            return short_name
    raise NoSuchClient("no organiser has joined this ledger")


def _line(line: TimelineLine) -> str:
    recorded_on = line.recorded_at.astimezone(HELSINKI).date()
    late = "" if recorded_on == line.occurred_on else f", recorded {recorded_on}"
    changed = "".join(f" {change.field}: {change.before} → {change.after}" for change in line.changes)
    return f"{line.day}  {line.name}{late}{changed}"


def _telling(telling: Telling) -> str:
    basis = telling.legal_basis.code if telling.legal_basis else ""
    told_on = telling.told_at.astimezone(HELSINKI).date()
    return f"{told_on}  {telling.fact_name} of {telling.occurred_on}: {', '.join(telling.fields)} ({basis})"


def _print(arguments: argparse.Namespace, lines: Iterable[str], content: list[Mapping[str, Any]]) -> None:
    if arguments.json:
        for one in content:
            print(as_json(one))
        return
    for line in lines:
        print(line)


client, told, as_of = on_feed(replay_client), on_feed(replay_told), on_feed(replay_as_of)
