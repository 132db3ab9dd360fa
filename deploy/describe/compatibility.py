"""Whether a schema may take the place of a committed one: what was valid stays valid, what was there stays there.

Whatever word differs breaks somebody, unless it is said here how it may differ: a word that nobody thought of is found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

WHAT_TO_DO = """A published type is never changed so that somebody who reads or writes it breaks. Give the change a new
version: raise VERSION of the event (or give the command a new name), add the upcast in domain/catalogue.py and a golden
file, and keep the old schema. docs/how-to/add-an-event.md has the steps. Where the policy tells somebody less, a copy of the
committed schema keeps what was published: deploy/describe/older/README.md."""

Schema = Mapping[str, Any]
Whose = Literal["ours", "read", "sent"]
"""Of what a schema is: of what we write and read ourselves, of what others read, of what others send."""

TELLS_NOTHING = ("description", "title", "default", "examples", "deprecated")
"""Words that may differ as they like: no value fits more or less by them."""
LIMITS: Mapping[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties"), lambda old, new: new >= old),
    **dict.fromkeys(("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties"), lambda old, new: new <= old),
    "multipleOf": lambda old, new: old % new == 0,
}
"""Words that may be dropped, and differ so that all stays valid: whether a new limit takes all that the old one took. None
may differ for those who read."""
ARMS = ("anyOf", "oneOf")
TOGETHER = (
    ("properties", "patternProperties", "additionalProperties"),
    ("prefixItems", "items"),
    ("contains", "minContains", "maxContains"),
    ("if", "then", "else"),
)
"""Words that say something of each other, where they stand in one schema (JSON Schema 2020-12, core 10.2 and 10.3)."""
COMPARED = ("type", "enum", "x-known-codes", "x-forms", "properties", "required", "items", "additionalProperties", *ARMS)
"""Words with rules of their own."""


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
    if _alike(old, new):
        return
    if any(arms in schema for arms in ARMS for schema in (old, new)):
        yield from _ways_broken(old, new, place, whose)
        return
    if old.get("type") != new.get("type") and not _says_its_type(old, new):
        yield f"{place} was {old.get('type', 'anything')} and becomes {new.get('type', 'anything')}"
        return
    for word in sorted((old.keys() | new.keys()) - {*TELLS_NOTHING, *LIMITS, *COMPARED}):
        if (word in old) != (word in new) or not _alike(old.get(word), new.get(word)):
            yield f"{place}: {word} was {old.get(word)!r} and becomes {new.get(word)!r}"
    yield from _words_broken(old, new, place, whose)
    yield from _limits_broken(old, new, place, whose)
    yield from _fields_broken(old, new, place, whose)
    yield from _others_broken(old, new, place, whose)
    if "items" in old or "items" in new:
        yield from _inner_broken(old.get("items", True), new.get("items", True), f"{place.rstrip('/')}/*", whose)


def _says_its_type(old: Schema, new: Schema) -> bool:
    """Whether the new schema only says of which type the words are that the old one lists: nothing is otherwise by that."""
    words = [old["const"]] if "const" in old else old.get("enum", ())
    return "type" not in old and new.get("type") == "string" and bool(words) and all(isinstance(word, str) for word in words)


def _words_broken(old: Schema, new: Schema, place: str, whose: Whose) -> Iterator[str]:
    """What is listed stays listed. A reader's list does not grow either, unless it is said to be one of codes: those are
    known ones of a list that is named, and not all."""
    before, after, known = old.get("enum"), new.get("enum"), new.get("x-known-codes")
    words = before if before is not None else old.get("x-known-codes", ())
    listed = after if after is not None else known
    if known is not None and "x-code-list" not in new:
        yield f"{place} has known codes, and no list is named of which they are"
    if "x-known-codes" in old and known is None:
        yield f"{place} no longer says which codes are known"
    if after is not None and before is None:
        yield f"{place} loses every value but {', '.join(map(str, after))}"
    elif listed is not None and (gone := _missing(words, listed)):
        yield f"{place} loses {', '.join(map(str, gone))}"
    if whose == "read" and before is not None:
        added = _missing(after or (), before)
        if added or (after is None and known is None):
            yield f"{place} gains {', '.join(map(str, added)) or 'every other value'}, which its readers do not know"
    told = new.get("x-forms", ())
    if gone := [form for form in old.get("x-forms", ()) if form not in told]:
        yield f"{place} no longer comes as {', '.join(gone)}"


def _limits_broken(old: Schema, new: Schema, place: str, whose: Whose) -> Iterator[str]:
    for limit, takes_all in LIMITS.items():
        before, after = old.get(limit), new.get(limit)
        if after is not None and after != before and (before is None or not takes_all(before, after)):
            yield f"{place}: {limit} is tighter than before, {after}"
        elif whose == "read" and before != after:
            yield f"{place}: {limit} is wider than before, {after}"


def _fields_broken(old: Schema, new: Schema, place: str, whose: Whose) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in sorted(before.keys() - after.keys()):
        yield f"{place}: field {name} is removed"
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield f"{place}: field {name} is required and was not"
    for name in sorted(set(old.get("required", ())) - set(new.get("required", ()))) if whose != "sent" else ():
        yield f"{place}: field {name} may be absent and was always there"
    others, patterns = old.get("additionalProperties", True), old.get("patternProperties", {})
    for name in sorted(after):
        inside = f"{place.rstrip('/')}/{name}"
        named = [before[name]] if name in before else [of for pattern, of in patterns.items() if re.search(pattern, name)]
        if named:  # what fitted all of these has to fit: it is enough where it does by one
            yield from min((list(_inner_broken(of, after[name], inside, whose)) for of in named), key=len)
        # To readers a field may be added; who writes what is open may have said anything under its name.
        elif isinstance(others, Mapping) or (others is True and whose != "read"):
            yield from _inner_broken(others, after[name], inside, whose)


def _others_broken(old: Schema, new: Schema, place: str, whose: Whose) -> Iterator[str]:
    """Fields without a description of their own: what was closed for them may be opened, and never the other way round."""
    before, after = old.get("additionalProperties", True), new.get("additionalProperties", True)
    if after is False and before is not False:
        yield f"{place} is closed for other fields and was open"
    elif before is not False:
        yield from _inner_broken(before, after, f"{place.rstrip('/')}/(other fields)", whose)


def _inner_broken(old: Schema | bool, new: Schema | bool, place: str, whose: Whose) -> Iterator[str]:
    """Of what may stand in a value; true and no word both say that anything may."""
    before, after = ({} if one is True else one for one in (old, new))
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        if new is not True or whose == "read":
            yield from _broken(before, after, place, whose)
    elif before != after:
        yield f"{place} was {before} and becomes {after}"


def _ways_broken(old: Schema, new: Schema, place: str, whose: Whose) -> Iterator[str]:
    """Every way in which a value may come has to stay, and none may be changed beyond an addition. To readers it comes in no
    other way. By `oneOf` nothing comes in two ways at once: another one may appear only where nothing that came before can
    come in it, too."""
    if ("oneOf" in new and "oneOf" not in old) or (whose == "read" and "oneOf" in old and "oneOf" not in new):
        yield f"{place}: whether it may come in several ways at once is not as it was"
    ways, others = _ways(old), _ways(new)
    faults = [[list(_broken(way.whole, other.whole, place, whose)) for other in others] for way in ways]
    for number, (way, found) in enumerate(zip(ways, faults, strict=True), 1):
        takes = [other for other, lost in zip(others, found, strict=True) if not lost]
        if not takes:
            yield f"{place}: way {number} of {len(ways)} is gone ({min(found, key=len, default=['none is left'])[0]})"
        elif not any(_stays_one(way, old, taken_by, new) for taken_by in takes):
            yield f"{place}: what comes in way {number} of {len(ways)} may come in two by now, and oneOf takes it in one"
    for number, other in enumerate(others) if whose == "read" else ():
        known = [way for way, found in zip(ways, faults, strict=True) if not found[number]]
        if not any(_stays_one(other, new, way, old) for way in known):
            yield f"{place} comes in a way that its readers do not know"


@dataclass(frozen=True, slots=True)
class _Way:
    """One way in which a value may come, with what is said of all of them; `arm` is the number of its arm of `oneOf`."""

    whole: Schema
    arm: int | None


def _ways(schema: Schema) -> list[_Way]:
    """The ways in which a value may come; one where no arms are named."""
    of_all = _of_all_ways(schema)
    any_of = _arms(schema, "anyOf") if "anyOf" in schema else [{}]
    if "oneOf" not in schema:
        return [_Way(_both(of_all, one), None) for one in any_of]
    one_of = enumerate(_arms(schema, "oneOf"))
    return [_Way(_both(_both(of_all, one), other), number) for one, (number, other) in product(any_of, one_of)]


def _of_all_ways(schema: Schema) -> Schema:
    return {word: value for word, value in schema.items() if word not in ARMS}


def _arms(schema: Schema, word: str) -> list[Schema]:
    """The arms as schemas: true is one that takes anything, and false is no way at all."""
    return [{} if arm is True else arm for arm in schema.get(word, ()) if arm is not False]


def _stays_one(way: _Way, old: Schema, taken_by: _Way, new: Schema) -> bool:
    """Whether what came in the way, and in no other, comes in the new way alone.

    Each other arm has to be no wider than one in which it did not come before, or to take nothing of what comes in the way.
    """
    if way.arm is None or taken_by.arm is None:
        return True
    before, after = _arms(old, "oneOf"), _arms(new, "oneOf")
    not_its_own = [arm for number, arm in enumerate(before) if number != way.arm]
    return all(
        any(not broken(arm, known, whose="sent") for known in not_its_own) or _never_both(way.whole, _of_all_ways(new), arm)
        for number, arm in enumerate(after)
        if number != taken_by.arm
    )


def _never_both(*schemas: Schema) -> bool:
    """Whether it can be seen that no value fits all of them: by its type, its words, or a field that it must have."""
    said = [one for schema in schemas for one in (schema, *schema.get("allOf", ()))]
    if any(one is False for one in said):
        return True
    said = [one for one in said if one is not True]
    types = [_types(one) for one in said if "type" in one]
    if types and not frozenset.intersection(*types):
        return True
    listed = [one["enum"] if "enum" in one else [one["const"]] for one in said if "enum" in one or "const" in one]
    if listed and len(_missing(listed[0], *listed[1:])) == len(listed[0]):
        return True
    if frozenset({"object"}) not in types:
        return False
    return any(_cannot_be_there(name, said) for one in said for name in one.get("required", ()))


def _cannot_be_there(name: str, said: Sequence[Schema]) -> bool:
    """Whether no object that fits all of the schemas has the field."""
    fields = [
        one["properties"][name] if name in one.get("properties", {}) else one.get("additionalProperties", True)
        for one in said
        if "patternProperties" not in one
    ]
    return any(field is False for field in fields) or _never_both(*(field for field in fields if field is not True))


def _types(schema: Schema) -> frozenset[str]:
    """The types that a schema names; every integer is a number, too."""
    named = schema["type"]
    types = {named} if isinstance(named, str) else {*named}
    return frozenset(types | ({"integer"} if "number" in types else set()))


def _both(one: Schema, other: Schema) -> dict[str, Any]:
    """One schema of what two say of the same value. What both say and not alike stands apart, and stays as it is, with the
    words without which it says something else: all of it where a word speaks of what no other one has spoken of."""
    if any(word.startswith("unevaluated") for word in (*one, *other)):
        return {"allOf": [one, other]}
    found = dict(one)
    for words in (*TOGETHER, *((word,) for word in other if not any(word in words for words in TOGETHER))):
        said = {word: other[word] for word in words if word in other}
        if words == ("required",):
            found["required"] = sorted({*found.get("required", ()), *said["required"]})
        elif words[0] in TELLS_NOTHING or not any(word in found for word in words):
            found |= said
        elif said and not _alike({word: found[word] for word in words if word in found}, said):
            found["allOf"] = [*found.get("allOf", ()), said]
    return found


def _missing(words: Iterable[Any], *listed: Iterable[Any]) -> list[Any]:
    """Those of the words that are not in each of the lists."""
    return [word for word in words if not all(any(_alike(word, other) for other in one) for one in listed)]


def _alike(one: Any, other: Any) -> bool:
    """Whether two values are the same in JSON, where true is not 1 as it is in Python."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(value, other[word]) for word, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)
