"""What a decision is told from outside its stream, as results and never as identities (design D3)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from domain import events as e
from domain.commands import Command, CommandKind
from domain.identifiers import is_identity_code
from domain.rules import Overlap, RuleSet, UnknownRuleSet
from domain.store.event_store import EventStore
from domain.store.sealed.keys import key_id_of
from domain.store.sealed.vault import ClientRecord, Vault

BEGINNING = frozenset({"start_plan", "change_benefit_status"})
"""Commands with which an employment authority may begin."""
LOOKING = frozenset({"accept_referral", "accept_placement", "publish_rules", "destroy_payload_key"}) | BEGINNING
"""The commands whose decision is told something from outside its stream."""
PAGE = 5_000


class Stay(NamedTuple):
    """A confirmed placement's client, site and days."""

    client: str
    site_id: str
    first: date
    last: date


@dataclass(slots=True)
class Places:
    """The placements of the feed up to a position: those proposed, by id, and those confirmed, by site and id."""

    position: int = 0
    proposed: dict[str, Stay] = field(default_factory=dict)
    confirmed: dict[str, dict[str, Stay]] = field(default_factory=dict)


class SitePlaces:
    """Who has a place at which site, and when: followed in the feed, so that a count costs no search in it.

    Forgotten whole when a key was destroyed: whose matter that was has no place any more (design D15).
    """

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._turn = threading.Lock()
        self._keep = threading.Lock()
        self._places: Places | None = None
        store.keys.forget_with(self._forget)

    def taken(self, site_id: str, first: date, last: date, client: str) -> int:
        """How many other clients have a place at the site on some day between two, both included."""
        with self._turn:
            erasures = self._store.erasures
            places = self._places or Places()
            self._follow(places)
            with self._keep:
                self._places = places if self._store.keys.erasures == erasures else None
            stays = places.confirmed.get(site_id, {}).values()
            return len({s.client for s in stays if s.client != client and s.first <= last and first <= s.last})

    def _follow(self, places: Places) -> None:
        names = (e.PlacementProposed.NAME, e.PlacementConfirmed.NAME)
        while records := self._store.records(places.position, PAGE, names):
            for record, event in zip(records, self._store.opened_all(records), strict=True):
                if isinstance(event, e.PlacementProposed):
                    client = record.header.stream
                    places.proposed[event.placement_id] = Stay(client, event.site_id, event.from_on, event.until_on)
                elif isinstance(event, e.PlacementConfirmed) and event.placement_id in places.proposed:
                    stay = places.proposed.pop(event.placement_id)
                    places.confirmed.setdefault(stay.site_id, {})[event.placement_id] = stay
            places.position = records[-1].position

    def _forget(self) -> None:
        with self._keep:
            self._places = None


class LookUps:
    """The look-ups of one ledger."""

    def __init__(self, store: EventStore, vault: Vault) -> None:
        self._store = store
        self._vault = vault
        self._places = SitePlaces(store)

    def of(self, kind: CommandKind, command: Command, client: str | None) -> dict[str, Any]:
        """What the decision of a command is told.

        `lives_in_area`: whether the home municipality is the organiser's, left out when either is not known;
        `answered_for_by`: which organisations say that they answer for the home municipality, left out when it is not known;
        `places_taken`: how many other clients the site has in the placement's time; `rows_overlap`: whether two rows of the
        rule set to be published hold on one day; of a matter whose key is to be destroyed, whether it is one of the client's
        (`of_client`), its `key_id`, the key store's proof (`digest`) and whether it is `gone` already.
        """
        if kind.name == "publish_rules":
            return _rules(getattr(command, "content_kind", ""), getattr(command, "ruleset_version", ""))
        if client is None or kind.name not in LOOKING:
            return {}
        if kind.name in BEGINNING:
            return self._answering(client)
        if kind.name == "destroy_payload_key":
            return self._key(getattr(command, "destroyed_matter", ""), client)
        return self._area(client) if kind.name == "accept_referral" else self._room(command, client)

    def again(
        self, kind: CommandKind, command: Command, client: str | None, then: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """What the decision of a command that is decided again is told: as it is now, but what is never looked up here as it
        was told `then`."""
        return self.of(kind, command, client) if kind.name in LOOKING else then

    def _key(self, matter: str, client: str) -> dict[str, Any]:
        of_client = any(record.header.stream == client for record in self._store.of_matter([matter]))
        digest, gone = self._store.keys.proof(matter)
        return {"of_client": of_client, "key_id": key_id_of(matter), "digest": digest, "gone": gone}

    def _answering(self, client: str) -> dict[str, Any]:
        record = self._vault.get([client]).get(client)
        if record is None or record.home_municipality is None:
            return {}
        known = self._store.directory.organisations
        there = [org for org, one in known.items() if record.home_municipality in (one.joined.municipalities or ())]
        return {"answered_for_by": sorted(there)}

    def _area(self, client: str) -> dict[str, Any]:
        record = self._vault.get([client]).get(client)
        directory = self._store.directory
        organiser = directory.organisation(directory.organiser)
        area = organiser.joined.municipalities if organiser else None
        if record is None or record.home_municipality is None or not area:
            return {}
        return {"lives_in_area": record.home_municipality in area}

    def _room(self, command: Command, client: str) -> dict[str, Any]:
        placement = self._store.pathway(client).placements.get(getattr(command, "placement_id", ""))
        if placement is None:
            return {}
        asked = placement.proposed.event
        return {"places_taken": self._places.taken(asked.site_id, asked.from_on, asked.until_on, client)}


def registration(record: ClientRecord, reference: str, kept: str) -> Mapping[str, Any]:
    """The look-ups of a registration: whether the code is well formed, and whether the vault knew it already.

    `kept` is the reference under which the vault keeps the person, `reference` the one that was offered.
    """
    found: dict[str, Any] = {"identity_code_valid": is_identity_code(record.identity_code or "")}
    if kept != reference:
        found["known_reference"] = kept
    return found


def _rules(content_kind: str, version: str) -> dict[str, Any]:
    try:
        if content_kind == "rules":
            RuleSet.load(version)
    except Overlap:
        return {"rows_overlap": True}
    except UnknownRuleSet:
        # The rows of a version that is not among the files here cannot be judged; its hash is recorded all the same.
        return {}
    return {}
