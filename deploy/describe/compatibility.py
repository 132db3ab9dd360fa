"""Whether a schema may take the place of a committed one: what was valid stays valid, what was there stays there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

WHAT_TO_DO = """A published type is never changed so that somebody who reads or writes it breaks. Give the change a new
version: raise VERSION of the event (or give the command a new name), add the upcast in domain/catalogue.py and a golden
file, and keep the old schema. docs/how-to/add-an-event.md has the steps."""

Schema = Mapping[str, Any]


class BreakingChange(Exception):
    """Schemas that would break somebody, each with its place, and what to do instead."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join([*faults, "", WHAT_TO_DO]))
        self.faults = tuple(faults)


def broken(old: Schema, new: Schema, place: str = "") -> list[str]:
    """What the new schema breaks, each with its place; nothing where it only adds."""
    return list(_broken(old, new, place or "/"))


def _broken(old: Schema, new: Schema, place: str) -> Iterator[str]:
    yield from _arms_broken(old, new, place)
    if "anyOf" in old or "oneOf" in old:
        return
    if old.get("type") != new.get("type") and "anyOf" not in new and "oneOf" not in new:
        yield f"{place} was {old.get('type', 'anything')} and becomes {new.get('type', 'anything')}"
        return
    for word in ("format", "const", "pattern", "x-code-list", "x-data-class"):
        if old.get(word) != new.get(word):
            yield f"{place}: {word} was {old.get(word)!r} and becomes {new.get(word)!r}"
    gone = [member for member in old.get("enum", ()) if member not in new.get("enum", old.get("enum", ()))]
    if gone or ("enum" in new and "enum" not in old):
        yield f"{place} loses {', '.join(map(str, gone)) or 'every other value'}"
    for limit, tighter in (("maxLength", min), ("maximum", min), ("minLength", max), ("minimum", max)):
        before, after = old.get(limit), new.get(limit)
        if after is not None and after != before and (before is None or tighter(before, after) == after):
            yield f"{place}: {limit} is tighter than before, {after}"
    yield from _fields_broken(old, new, place)
    if isinstance(old.get("items"), Mapping):
        yield from _broken(old["items"], new.get("items", {}), f"{place.rstrip('/')}/*")


def _fields_broken(old: Schema, new: Schema, place: str) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before.keys() - after.keys():
        yield f"{place}: field {name} is removed"
    for name in set(new.get("required", ())) - set(old.get("required", ())):
        yield f"{place}: field {name} is required and was not"
    for name in set(old.get("required", ())) - set(new.get("required", ())):
        yield f"{place}: field {name} may be absent and was always there"
    for name in sorted(before.keys() & after.keys()):
        yield from _broken(before[name], after[name], f"{place.rstrip('/')}/{name}")


def _arms_broken(old: Schema, new: Schema, place: str) -> Iterator[str]:
    """Every way in which a value may come has to stay, and none may be changed beyond an addition."""
    for word in ("anyOf", "oneOf"):
        arms = old.get(word, ())
        if not arms:
            continue
        others = new.get(word, (new,))
        for number, arm in enumerate(arms):
            faults = [list(_broken(arm, other, place)) for other in others]
            if all(faults):
                closest = min(faults, key=len)
                yield f"{place}: way {number + 1} of {len(arms)} is gone ({closest[0]})"
