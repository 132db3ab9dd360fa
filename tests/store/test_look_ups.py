"""What decisions are told from outside their stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from types import SimpleNamespace
from typing import Any

from domain import events as e
from domain.rulebook import COMMANDS
from domain.store.receiving.look_ups import LookUps, SitePlaces

ANOTHER, CLIENT = "a" * 32, "c" * 32


@dataclass
class Feed:
    """A feed of placements, each proposed and confirmed."""

    rows: list[tuple[int, str, Any]] = field(default_factory=list)
    erasures: int = 0
    forget: Any = None

    @property
    def keys(self) -> Any:
        return SimpleNamespace(erasures=self.erasures, forget_with=lambda forget: setattr(self, "forget", forget))

    def erase(self, client: str) -> None:
        """As when the key of the client's matter was destroyed: nothing of it can be opened any more."""
        self.rows = [(p, c, event if c != client else e.Erased(event.NAME)) for p, c, event in self.rows]
        self.erasures += 1
        self.forget()

    def placed(self, client: str, placement: str, first: date, last: date, *, confirmed: bool = True) -> None:
        proposed = e.PlacementProposed(
            case_id="d" * 32, placement_id=placement, provider_org_id="0000008-6", contract_id="K-01", site_id="S-01",
            provision_role="activity", placement_form="group_activity", from_on=first, until_on=last,
            outside_commuting_area=False,
        )  # fmt: skip
        self.rows.append((len(self.rows) + 1, client, proposed))
        if confirmed:
            self.rows.append((len(self.rows) + 1, client, e.PlacementConfirmed(case_id="d" * 32, placement_id=placement)))

    def records(self, after: int, limit: int, names: Sequence[str] = ()) -> list[Any]:
        found = [row for row in self.rows if row[0] > after and getattr(row[2], "NAME", "erased") in (*names, "erased")]
        return [SimpleNamespace(position=p, header=SimpleNamespace(stream=c), event=event) for p, c, event in found[:limit]]

    def opened_all(self, records: Sequence[Any]) -> list[e.Event]:
        return [record.event for record in records]


def taken(feed: Feed, first: date, last: date) -> int:
    return SitePlaces(feed).taken("S-01", first, last, CLIENT)  # type: ignore[arg-type]


def test_only_other_clients_whose_confirmed_days_meet_take_a_place() -> None:
    feed = Feed()
    feed.placed(ANOTHER, "1" * 32, date(2025, 3, 3), date(2025, 9, 2))
    feed.placed(CLIENT, "2" * 32, date(2025, 3, 3), date(2025, 9, 2))
    feed.placed("e" * 32, "3" * 32, date(2025, 3, 3), date(2025, 9, 2), confirmed=False)
    assert taken(feed, date(2025, 9, 2), date(2025, 12, 1)) == 1
    assert taken(feed, date(2025, 9, 3), date(2025, 12, 1)) == 0


def test_a_client_with_two_placements_takes_one_place() -> None:
    feed = Feed()
    feed.placed(ANOTHER, "1" * 32, date(2025, 3, 3), date(2025, 5, 31))
    feed.placed(ANOTHER, "2" * 32, date(2025, 6, 1), date(2025, 9, 2))
    assert taken(feed, date(2025, 3, 3), date(2025, 9, 2)) == 1


def test_what_is_confirmed_later_is_seen_later() -> None:
    feed = Feed()
    places = SitePlaces(feed)  # type: ignore[arg-type]
    assert places.taken("S-01", date(2025, 3, 3), date(2025, 9, 2), CLIENT) == 0
    feed.placed(ANOTHER, "1" * 32, date(2025, 3, 3), date(2025, 9, 2))
    assert places.taken("S-01", date(2025, 3, 3), date(2025, 9, 2), CLIENT) == 1


def test_whose_key_was_destroyed_has_no_place_and_is_not_remembered() -> None:
    """domain/privacy.md 3.4, design D15"""
    feed = Feed()
    places = SitePlaces(feed)  # type: ignore[arg-type]
    feed.placed(ANOTHER, "1" * 32, date(2025, 3, 3), date(2025, 9, 2))
    feed.placed("e" * 32, "2" * 32, date(2025, 3, 3), date(2025, 9, 2))
    assert places.taken("S-01", date(2025, 3, 3), date(2025, 9, 2), CLIENT) == 2
    feed.erase(ANOTHER)
    assert places._places is None
    assert places.taken("S-01", date(2025, 3, 3), date(2025, 9, 2), CLIENT) == 1
    assert places._places is not None
    assert ANOTHER not in repr(places._places)


def test_what_is_decided_again_is_told_what_is_so_now_and_what_is_never_looked_up_as_it_was_then() -> None:
    look_ups = LookUps(Feed(), None)  # type: ignore[arg-type]
    rules: Any = SimpleNamespace(content_kind="policy", ruleset_version="2026-03")
    then = {"rows_overlap": True}
    assert look_ups.again(COMMANDS["publish_rules"], rules, None, then) == {}
    registered = {"identity_code_valid": True}
    assert look_ups.again(COMMANDS["register_client"], rules, CLIENT, registered) == registered
