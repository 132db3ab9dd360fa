"""How facts add up, derived from what each event declares: a part begins, or a fact takes its slot in one.

The chapters say what their parts are; nothing here knows a chapter. History is folded, never refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from typing import Any, NamedTuple, Self, get_args, get_type_hints

from domain.event import ClientFact, Event, InPathway
from domain.fact import Fact, Facts

Commands = Mapping[tuple[str, str, bool], tuple[int, tuple[str, str]]]
"""By (organisation, task, whether it is the client): how many commands stand in a stream, and the last one's person and id,
for two persons may use one id (design D13)."""
NO_COMMANDS = (0, ("", ""))


@dataclass(frozen=True)
class ClientStream:
    """What every chapter's part of the pathway stands on. `version` is the stream's version, 0 before the first fact."""

    client: str
    version: int = 0
    facts: Facts = field(default_factory=Facts)
    commands: Commands = field(default_factory=dict, compare=False)

    def version_for(self, task: str, org: str, role: str) -> int:
        """The version of this client's record to somebody. The county's workers are told everything: theirs is the stream's.
        Everybody else's counts the own commands alone, so that it moves with nobody else's doings (design D22)."""
        return version_for(self.commands, self.version, task, org, role)


def version_for(commands: Commands, version: int, task: str, org: str, role: str) -> int:
    """As `ClientStream.version_for`, of the commands and the version of a stream."""
    if task == "organiser" and role != "client":
        return version
    return commands.get((org, task, role == "client"), NO_COMMANDS)[0]


def counted(commands: Commands, task: str, org: str, role: str, person: str, command_id: str) -> Commands:
    """The commands of a stream with those of one more event: what one command records stands together."""
    key = (org, task, role == "client")
    count, last = commands.get(key, NO_COMMANDS)
    return commands if last == (person, command_id) else {**commands, key: (count + 1, (person, command_id))}


@dataclass(frozen=True)
class PartOfPath:
    """A part of a pathway: it begins with one fact, which stands in its first slot; later ones take theirs. Where facts join
    a part in any order (`joins`) its first slot may be empty."""

    @property
    def beginning(self) -> Fact[Any]:
        """The fact that the part begins with."""
        found: Fact[Any] = next(held for slot in fields(self) if (held := getattr(self, slot.name)))
        return found

    def with_fact(self, slot: str, fact: Fact[Any]) -> Self:
        """The part with one more fact in a slot; a slot of many keeps them all."""
        held = getattr(self, slot)
        return replace(self, **{slot: (*held, fact) if isinstance(held, tuple) else fact})

    def with_changed(self, slot: str, old: Fact[Any], new: Fact[Any]) -> Self:
        """The part with the new value of a fact in a slot; as it is where another fact has taken the slot since."""
        return replace(self, **{slot: changed(getattr(self, slot), old, new)})

    def without(self, slot: str, fact: Fact[Any]) -> Self:
        """The part as if the fact in a slot had never been."""
        return replace(self, **{slot: left(getattr(self, slot), fact)})


def changed(held: Any, old: Fact[Any], new: Fact[Any]) -> Any:
    """What a slot holds with the new value of a fact in the place of the old one."""
    if isinstance(held, tuple):
        return tuple(new if fact is old else fact for fact in held)
    return new if held is old else held


def left(held: Any, fact: Fact[Any]) -> Any:
    """What a slot holds without a fact."""
    if isinstance(held, tuple):
        return tuple(other for other in held if other is not fact)
    return None if held is fact else held


Parts = dict[str, Any]
"""A pathway's fields, while facts are being added."""


class Fold(NamedTuple):
    """How one kind of event is folded in, how a new value of it takes the old one's place, and how it is taken out."""

    add: Callable[[Parts, Fact[Any]], None]
    change: Callable[[Parts, Fact[Any], Fact[Any]], None]
    drop: Callable[[Parts, Fact[Any]], None]


class WrongPlace(TypeError):
    """An event declares a place that the pathway does not have."""


def folds(pathway: type[ClientStream], events: Mapping[str, type[Event]]) -> Mapping[type[Event], Fold]:
    """How each event of a client is folded. Raises `WrongPlace` for a place that is not there."""
    declared = {cls: cls.PART for cls in events.values() if issubclass(cls, ClientFact)}
    collections = {found.name: _empty(found) for found in fields(pathway)}
    parts = {name: _part_in(hint) for name, hint in get_type_hints(pathway).items()}
    kept: dict[str, tuple[str, type[ClientFact]]] = {}
    for cls, place in declared.items():
        if place.kept_in and place.kept_in not in collections:
            raise WrongPlace(f"{cls.__name__}: the pathway keeps no {place.kept_in}")
        if place.begun and place.kept_in:
            other = kept.setdefault(place.begun, (place.kept_in, cls))[1]
            if other is not cls and not (place.slot and other.PART.slot):
                raise WrongPlace(f"{cls.__name__}: the part of {place.begun} begins with {other.__name__}")
    found: dict[type[Event], Fold] = {}
    for cls, place in declared.items():
        if place.begun and place.kept_in and place.slot:
            found[cls] = _joining(place, _with_slot(cls, parts[place.kept_in]))
        elif place.begun and place.kept_in:
            found[cls] = _beginning(place, parts[place.kept_in])
        elif place.kept_in:
            found[cls] = _listed(place.kept_in, collections[place.kept_in])
        elif place.key:
            if place.key not in kept:
                raise WrongPlace(f"{cls.__name__}: no part begins under {place.key}")
            collection, _ = kept[place.key]
            _with_slot(cls, parts[collection])
            found[cls] = _belonging(place.key, collection, place.slot)
        else:
            found[cls] = _NOWHERE
    return found


def _with_slot(cls: type[ClientFact], part: type[Any] | None) -> type[Any]:
    """The part, which has the slot of the event. Raises `WrongPlace` where it does not."""
    if part is None or cls.PART.slot not in {slot.name for slot in fields(part)}:
        raise WrongPlace(f"{cls.__name__}: the part of {cls.PART.key} has no slot {cls.PART.slot}")
    return part


def _beginning(place: InPathway, part: type[Any] | None) -> Fold:
    key, collection = place.key, place.kept_in
    first = fields(part)[0].name if part else ""

    def add(parts: Parts, fact: Fact[Any]) -> None:
        begun = part(fact) if part else fact
        parts[collection] = {**parts[collection], getattr(fact.event, key): begun}

    def change(parts: Parts, old: Fact[Any], new: Fact[Any]) -> None:
        known = parts[collection]
        held = known[getattr(old.event, key)]
        now = held.with_changed(first, old, new) if part else changed(held, old, new)
        parts[collection] = {**known, getattr(old.event, key): now}

    def drop(parts: Parts, fact: Fact[Any]) -> None:
        gone = getattr(fact.event, key)
        parts[collection] = {name: held for name, held in parts[collection].items() if name != gone}

    return Fold(add, change, drop)


def _belonging(key: str, collection: str, slot: str) -> Fold:
    def add(parts: Parts, fact: Fact[Any]) -> None:
        known = parts[collection]
        part = known.get(getattr(fact.event, key))
        # The part may lie outside what is folded, for example before the day asked about.
        if part is not None:
            parts[collection] = {**known, getattr(fact.event, key): part.with_fact(slot, fact)}

    def change(parts: Parts, old: Fact[Any], new: Fact[Any]) -> None:
        known = parts[collection]
        part = known.get(getattr(old.event, key))
        if part is not None:
            parts[collection] = {**known, getattr(old.event, key): part.with_changed(slot, old, new)}

    def drop(parts: Parts, fact: Fact[Any]) -> None:
        known = parts[collection]
        part = known.get(getattr(fact.event, key))
        if part is not None:
            parts[collection] = {**known, getattr(fact.event, key): part.without(slot, fact)}

    return Fold(add, change, drop)


def _joining(place: InPathway, part: type[Any]) -> Fold:
    """As a fact that belongs to a part; the first one of a part begins it, and with the last one it is gone."""
    key, collection, slot = place.key, place.kept_in, place.slot
    belonging = _belonging(key, collection, slot)

    def add(parts: Parts, fact: Fact[Any]) -> None:
        name = getattr(fact.event, key)
        if name in parts[collection]:
            belonging.add(parts, fact)
        elif place.begun_by(fact.event):
            parts[collection] = {**parts[collection], name: part(**{slot: fact})}

    def drop(parts: Parts, fact: Fact[Any]) -> None:
        belonging.drop(parts, fact)
        name = getattr(fact.event, key)
        held = parts[collection].get(name)
        if held is not None and not any(getattr(held, each.name) for each in fields(held)):
            parts[collection] = {other: kept for other, kept in parts[collection].items() if other != name}

    return Fold(add, belonging.change, drop)


def _part_in(hint: Any) -> type[Any] | None:
    """What a collection's type says it keeps: parts, or facts as they are."""
    kept = get_args(hint)[-1:]
    return next((part for part in kept if isinstance(part, type) and issubclass(part, PartOfPath)), None)


def _empty(found: Field[Any]) -> Any:
    return found.default if found.default_factory is MISSING else found.default_factory()


def _listed(collection: str, empty: Any) -> Fold:
    """A collection is a tuple, or keeps an order of its own, or is one fact."""
    own_order = hasattr(empty, "with_fact")

    def add(parts: Parts, fact: Fact[Any]) -> None:
        held = parts[collection]
        parts[collection] = held.with_fact(fact) if own_order else (*held, fact) if isinstance(held, tuple) else fact

    def change(parts: Parts, old: Fact[Any], new: Fact[Any]) -> None:
        held = parts[collection]
        parts[collection] = held.with_changed(old, new) if own_order else changed(held, old, new)

    def drop(parts: Parts, fact: Fact[Any]) -> None:
        held = parts[collection]
        parts[collection] = held.without(fact) if own_order else left(held, fact)

    return Fold(add, change, drop)


def _leave(parts: Parts, *facts: Fact[Any]) -> None:
    """Nothing adds up."""


_NOWHERE = Fold(_leave, _leave, _leave)
