"""What a decision is told from outside its stream, as results and never as identities (design D3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.catalogue import CommandKind
from domain.directory import Directory
from domain.identifiers import is_identity_code
from domain.store.vault import ClientRecord, Vault


def look_ups(kind: CommandKind, client: str | None, vault: Vault, directory: Directory) -> dict[str, Any]:
    """The look-ups of a command about a client who is known already.

    `lives_in_area`: whether the home municipality is the organiser's; left out when either is not known.
    """
    if kind.name != "accept_referral" or client is None:
        return {}
    record = vault.get([client]).get(client)
    organiser = directory.organisation(directory.organiser)
    area = organiser.joined.municipalities if organiser else None
    if record is None or record.home_municipality is None or not area:
        return {}
    return {"lives_in_area": record.home_municipality in area}


def registration(record: ClientRecord, reference: str, kept: str) -> Mapping[str, Any]:
    """The look-ups of a registration: whether the code is well formed, and whether the vault knew it already.

    `kept` is the reference under which the vault keeps the person, `reference` the one that was offered.
    """
    found: dict[str, Any] = {"identity_code_valid": is_identity_code(record.identity_code or "")}
    if kept != reference:
        found["known_reference"] = kept
    return found
