"""`kuty key`: the keys of matters."""

from __future__ import annotations

import argparse
import re
import uuid
from contextlib import closing

from deploy.commands.printed import failed
from deploy.commands.references import wrong_persons
from deploy.settings import Settings
from deploy.wiring import Wired, open_ledger_parts
from domain.chapters.retention.decisions import DestroyPayloadKey
from domain.context import Caller
from domain.refusals import explained
from domain.rulebook import kind_of
from domain.store import carry_out
from domain.streams import is_client_stream

MATTER = re.compile(r"[0-9a-f]{32}")


def destroy(arguments: argparse.Namespace, settings: Settings) -> int:
    """Record that a matter's key is destroyed, and destroy it. What was recorded is carried out by the clerk too, so that
    nothing is left half done where this breaks off."""
    if wrong := wrong_persons(arguments.by, arguments.second):
        return failed(wrong)
    if not MATTER.fullmatch(arguments.matter):
        return failed(f"{arguments.matter} is no matter: `kuty audit chains` names each by 32 hexadecimal digits")
    with closing(open_ledger_parts(settings)) as wired:
        client = _client_of(wired, arguments.matter)
        if client is None:
            return failed(f"no event of a client stands in the matter {arguments.matter}")
        command = DestroyPayloadKey(destroyed_matter=arguments.matter, second_person_id=arguments.second)
        found = wired.receiving.look_ups.of(kind_of(DestroyPayloadKey), command, client)
        caller = Caller(wired.store.organiser_org, "organiser", "data_protection_officer", arguments.by)
        answer = wired.store.execute(command, caller, uuid.uuid4().hex, client=client, look_ups=found)
        if "refused" in (answer.status, answer.first):
            return failed(f"nothing was destroyed: {explained(answer.codes)}")
        carry_out(wired.store, wired.vault, client, arguments.matter)
        persons = f"{arguments.by} and {arguments.second}"
        print(f"the key of the matter {arguments.matter} is destroyed, by {persons}, and the record says so")
        return 0


def _client_of(wired: Wired, matter: str) -> str | None:
    streams = (record.header.stream for record in wired.store.of_matter([matter]))
    return next((stream for stream in streams if is_client_stream(stream)), None)
