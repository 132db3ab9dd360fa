"""`kuty audit`: whether a ledger adds up, from its store or from the events topic and the keys alone."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any

from deploy.auditing import chains as of_chains
from deploy.auditing import decisions as of_decisions
from deploy.auditing.chains import Found
from deploy.auditing.decisions import Outcome
from deploy.auditing.parts import Audited, audited
from deploy.commands.printed import as_json, progress, said
from deploy.feed import feed_of_topic
from deploy.migration import keys_database, master_key
from deploy.settings import Settings
from domain.store import CheckedKeys
from projections.disclosure_audit import DisclosureRerun

STORE = "the store"


def chains(arguments: argparse.Namespace, settings: Settings) -> int:
    """Every hash, digest, version and position; of a store its columns and answers, the keys and the vault besides."""
    if arguments.from_topic:
        with feed_of_topic(settings) as feed, closing(keys_database(settings)) as kept, progress("events") as bar:
            keys = CheckedKeys(kept, master_key(settings))
            origin, found = feed.origin, of_chains.audit_topic(feed.records(), keys, bar.update)
    else:
        with _store(settings, "chains") as (parts, bar):
            origin, found = STORE, of_chains.audit_store(parts, bar.update, resume=arguments.resume)
    if arguments.json:
        _as_lines(_chain_findings(found))
    else:
        for one in found.faults:
            print(f"position {one.position} of {one.stream}: {one.what}" if one.position else f"{one.stream}: {one.what}")
        for note in found.notes:
            print(note)
        verdict = "every chain verifies" if not found.faults else f"{len(found.faults)} faults"
        print(f"{found.events} events of {origin}: {verdict}")
    return 1 if found.faults else 0


def decisions(arguments: argparse.Namespace, settings: Settings) -> int:
    """Every stored decision run again, and every telling compared with what the policy gives."""
    if arguments.from_topic:
        with feed_of_topic(settings) as feed, progress("events, each of them twice") as bar:
            origin, outcome = feed.origin, of_decisions.audit_topic(feed, bar.update)
    else:
        with _store(settings, "decisions") as (parts, bar):
            origin, outcome = STORE, of_decisions.audit_store(parts, bar.update, resume=arguments.resume)
    if arguments.json:
        _as_lines(_decision_findings(outcome))
    else:
        _print_outcome(outcome, origin)
    return 1 if outcome.other or outcome.wrong or outcome.broken else 0


@contextmanager
def _store(settings: Settings, kind: str) -> Iterator[tuple[Audited, Any]]:
    """The store to be audited, and the bar; whoever breaks it off is told how it goes on."""
    with closing(audited(settings)) as parts, progress("events", parts.recorder.head()) as bar:
        try:
            yield parts, bar
        except KeyboardInterrupt:
            said(f"kuty: broken off after {bar.n:.0f} events; `kuty audit {kind} --resume` goes on from there")
            raise


def _print_outcome(outcome: Outcome, origin: str) -> None:
    for rerun in outcome.other:
        print(f"position {rerun.position}: {rerun.command} {rerun.command_id} decides otherwise now")
        for difference in rerun.differences:
            print(f"  {difference}")
    for telling in outcome.wrong:
        of = f"{_told(telling)}, of the decision {telling.command_id}"
        print(f"position {telling.position}: {of}: the policy gives otherwise now")
        for difference in telling.differences:
            print(f"  {difference}")
    for why in outcome.broken:
        print(f"not all could be read: {why}")
    print(f"{outcome.same} decisions of {origin} give the same again, {len(outcome.other)} do not")
    print(f"{outcome.refused} refused and {outcome.erased} erased ones cannot be run again")
    print(f"{outcome.told} tellings follow from the policy, {len(outcome.wrong)} do not")
    if outcome.unjudged:
        print(f"{outcome.unjudged} tellings cannot be judged any more")


def _told(telling: DisclosureRerun) -> str:
    return f"told to {telling.recipient} as {telling.sequence}" if telling.sequence else f"for {telling.recipient}"


def _as_lines(findings: Iterator[Mapping[str, Any]]) -> None:
    for one in findings:
        print(as_json(one))


def _chain_findings(found: Found) -> Iterator[Mapping[str, Any]]:
    yield from ({"fault": fault.what, "position": fault.position, "of": fault.stream} for fault in found.faults)
    yield from ({"note": note} for note in found.notes)
    yield {"events": found.events, "faults": len(found.faults)}


def _decision_findings(outcome: Outcome) -> Iterator[Mapping[str, Any]]:
    yield from ({"decision": asdict(rerun)} for rerun in outcome.other)
    yield from ({"telling": asdict(telling)} for telling in outcome.wrong)
    yield from ({"not_read": why} for why in outcome.broken)
    yield {
        "same": outcome.same, "other": len(outcome.other), "refused": outcome.refused, "erased": outcome.erased,
        "told": outcome.told, "told_otherwise": len(outcome.wrong),
        "unjudged": outcome.unjudged,
    }  # fmt: skip
