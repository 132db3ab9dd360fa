"""Whether a schema may take the place of a committed one: what was valid stays valid, what was there stays there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

WHAT_TO_DO = """A published type is never changed so that somebody who reads or writes it breaks. Give the change a new
version: raise VERSION of the event (or give the command a new name), add the upcast in domain/catalogue.py and a golden
file, and keep the old schema. docs/how-to/add-an-event.md has the steps."""

Schema = Mapping[str, Any]
Whose = Literal["ours", "read", "sent"]
"""Of what a schema is: of what we write and read ourselves, of what others read, of what others send."""


class BreakingChange(Exception):
    """Schemas that would break somebody, each with its place, and what to do instead."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join([*faults, "", WHAT_TO_DO]))
        self.faults = tuple(faults)


def broken(old: Schema, new: Schema, place: str = "", *, whose: Whose = "ours") -> list[str]:
    """What the new schema breaks, each with its place; nothing where it only adds. To those who read it was promised that
    nothing is wider than it says, but for fields and codes of lists; those who send may leave out what they had to say."""
    return list(_broken(old, new, place or "/", whose))


def _broken(old: Schema, new: Schema, place: str, whose: Whose) -> Iterator[str]:
    yield from _arms_broken(old, new, place, whose)
    if ("anyOf" in old or "oneOf" in old) and "properties" not in old:
        return
    in_arms = "anyOf" in new or "oneOf" in new
    if old.get("type") != new.get("type") and (whose == "read" or not in_arms) and not _says_its_type(old, new):
        yield f"{place} was {old.get('type', 'anything')} and becomes {new.get('type', 'anything')}"
        return
    for word in ("format", "const", "pattern", "x-code-list", "x-data-class"):
        if old.get(word) != new.get(word):
            yield f"{place}: {word} was {old.get(word)!r} and becomes {new.get(word)!r}"
    yield from _words_broken(old, new, place, whose)
    yield from _limits_broken(old, new, place, whose)
    if new.get("additionalProperties") is False and old.get("additionalProperties") is not False and "properties" in old:
        yield f"{place} is closed for other fields and was open"
    yield from _fields_broken(old, new, place, whose)
    if isinstance(old.get("items"), Mapping):
        yield from _broken(old["items"], new.get("items", {}), f"{place.rstrip('/')}/*", whose)


def _says_its_type(old: Schema, new: Schema) -> bool:
    """Whether the new schema only says of which type the words are that the old one lists: nothing is otherwise by that."""
    words = [old["const"]] if "const" in old else old.get("enum", ())
    return "type" not in old and new.get("type") == "string" and bool(words) and all(isinstance(word, str) for word in words)


def _words_broken(old: Schema, new: Schema, place: str, whose: Whose) -> Iterator[str]:
    """What is listed stays listed. A reader's list does not grow either, unless it is said to be one of codes: those are
    known ones, and not all."""
    before, after = old.get("enum"), new.get("enum")
    known = new.get("x-known-codes")
    gone = [word for word in before or old.get("x-known-codes", ()) if word not in (after or known or before or ())]
    if gone or (after is not None and before is None):
        yield f"{place} loses {', '.join(map(str, gone)) or 'every other value'}"
    if whose == "read" and before is not None:
        added = [word for word in after or () if word not in before]
        if added or (after is None and known is None):
            yield f"{place} gains {', '.join(map(str, added)) or 'every other value'}, which its readers do not know"


def _limits_broken(old: Schema, new: Schema, place: str, whose: Whose) -> Iterator[str]:
    for limit, tighter in (("maxLength", min), ("maximum", min), ("maxItems", min), ("minLength", max), ("minimum", max)):
        before, after = old.get(limit), new.get(limit)
        if after is not None and after != before and (before is None or tighter(before, after) == after):
            yield f"{place}: {limit} is tighter than before, {after}"
        elif whose == "read" and before != after:
            yield f"{place}: {limit} is wider than before, {after}"


def _fields_broken(old: Schema, new: Schema, place: str, whose: Whose) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before.keys() - after.keys():
        yield f"{place}: field {name} is removed"
    for name in set(new.get("required", ())) - set(old.get("required", ())):
        yield f"{place}: field {name} is required and was not"
    for name in set(old.get("required", ())) - set(new.get("required", ())) if whose != "sent" else ():
        yield f"{place}: field {name} may be absent and was always there"
    for name in sorted(before.keys() & after.keys()):
        yield from _broken(before[name], after[name], f"{place.rstrip('/')}/{name}", whose)


def _arms_broken(old: Schema, new: Schema, place: str, whose: Whose) -> Iterator[str]:
    """Every way in which a value may come has to stay, and none may be changed beyond an addition; to readers it comes in no
    other way. Of fields of which one has to be there, one had to be before."""
    for word in ("anyOf", "oneOf"):
        arms, always = old.get(word, ()), set(old.get("required", ()))
        if not arms:
            wanted = [set(arm["required"]) for arm in new.get(word, ()) if set(arm) == {"required"}]
            if wanted and not any(names <= always for names in wanted):
                yield f"{place}: one of {', '.join(sorted(set.union(*wanted)))} has to be there, and had not"
            continue
        others = new.get(word, (new,))
        for number, arm in enumerate(arms):
            faults = [list(_broken(arm, other, place, whose)) for other in others]
            if all(faults):
                closest = min(faults, key=len)
                yield f"{place}: way {number + 1} of {len(arms)} is gone ({closest[0]})"
        if whose == "read" and any(all(list(_broken(arm, other, place, whose)) for arm in arms) for other in others):
            yield f"{place} comes in a way that its readers do not know"
