"""The one gate that every JSON body passes, over HTTP and over Kafka: strict, and with the same verdict everywhere.

Refused: more than 256 KiB, anything but UTF-8 without a byte order mark, a key twice in one object, NaN and
Infinity, numbers beyond ±2^53, more than 32 levels, U+0000, lone surrogates and noncharacters, anything but an
object at the top. Strings come out in normal form NFC. Bodies are read by a fast parser; a second, slower reading
happens only where the first one leaves a doubt. source: design D18
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from domain.refusals import Reason

LIMIT = 262_144
"""Bytes of one body, at most."""
MOST_LEVELS = 32
LONGEST_POINTER = 200
"""Characters of a pointer that are told and recorded: a name that we do not know may be of any length."""
TOLD_TOGETHER = frozenset({"E_JSON_NUMBER", "E_JSON_CHARACTER", "E_JSON_NUL", "E_JSON_DUPLICATE_KEY", "E_JSON_DEPTH"})
"""What may be wrong with bytes that are JSON: all of it is told at once."""
LARGEST = 2**53
BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_NONCHARACTERS = "".join(chr(plane * 0x10000 + end) for plane in range(17) for end in (0xFFFE, 0xFFFF))
_FORBIDDEN = re.compile(f"[\x00\ud800-\udfff\ufdd0-\ufdef{_NONCHARACTERS}]")
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


class BadJson(ValueError):
    """A body that does not pass. `code` is a refusal code; `pointer` a JSON pointer where a place can be named.

    `faults` are all that are wrong with a body that is JSON, each with its place; else the one.
    """

    def __init__(self, code: str, pointer: str | None = None) -> None:
        pointer = None if pointer is None else shortened(pointer)
        super().__init__(code if pointer is None else f"{code} at {pointer or '/'}")
        self.code = code
        self.pointer = pointer
        self.faults: tuple[Reason, ...] = (Reason(code, pointer or ""),)


def read_json(raw: bytes, limit: int = LIMIT) -> dict[str, Any]:
    """The object that the bytes hold, its strings in NFC. Raises BadJson with everything that is wrong."""
    try:
        return _read(raw, limit)
    except BadJson as bad:
        if bad.code in TOLD_TOGETHER:
            bad.faults = _every_fault(raw) or bad.faults
        raise


def _read(raw: bytes, limit: int) -> dict[str, Any]:
    if len(raw) > limit:
        raise BadJson("E_TOO_LARGE")
    if raw.startswith(BYTE_ORDER_MARKS):
        raise BadJson("E_UTF8")
    try:
        value = orjson.loads(raw)
    except ValueError:
        raise _why(raw) from None
    if type(value) is not dict:
        raise BadJson("E_JSON_NOT_OBJECT")
    keys = _count_keys(value, 1)
    if raw.count(b'":') != keys or b" :" in raw or b"\t:" in raw or b"\n:" in raw or b"\r:" in raw:
        _look_for_repeated_keys(raw)  # a key written without space has its `":`; elsewhere only strings can hold one
    return value if _is_clean(raw) else _clean(value, "")


def _count_keys(value: dict[str, Any] | list[Any], level: int) -> int:
    """Number of keys at all levels; levels and numbers are checked on the way."""
    if level > MOST_LEVELS:
        raise BadJson("E_JSON_DEPTH")
    keys = 0
    parts: Iterable[Any] = value
    if isinstance(value, dict):
        keys, parts = len(value), value.values()
    for part in parts:
        kind = type(part)
        if kind is dict or kind is list:
            keys += _count_keys(part, level + 1)
        elif (kind is int or kind is float) and not -LARGEST <= part <= LARGEST:
            raise BadJson("E_JSON_NUMBER")
    return keys


class _Pairs(list[tuple[str, Any]]):
    """An object as it was written, repeated keys included."""


def _look_for_repeated_keys(raw: bytes) -> None:
    try:
        written = json.loads(raw, object_pairs_hook=_Pairs, parse_int=float, parse_float=float)
        repeated = next((fault for fault in _faults(written, "", 1) if fault.code == "E_JSON_DUPLICATE_KEY"), None)
    except RecursionError:  # the fast parser saw few levels: the deep ones stood under a key that was written twice
        raise BadJson("E_JSON_DUPLICATE_KEY") from None
    if repeated is not None:
        raise BadJson(repeated.code, repeated.pointer)


def _whole(digits: str) -> float:
    return int(digits) if len(digits) < 20 else float(digits)


def _every_fault(raw: bytes) -> tuple[Reason, ...]:
    """All that is wrong with bytes that are JSON all the same, in the order of the body; nothing where they are not."""
    try:
        written = json.loads(raw, object_pairs_hook=_Pairs, parse_int=_whole, parse_constant=float, parse_float=float)
        return tuple(dict.fromkeys(_faults(written, "", 1)))
    except (ValueError, RecursionError):
        return ()


def _faults(value: Any, pointer: str, level: int) -> Iterator[Reason]:
    if isinstance(value, str):
        found = _FORBIDDEN.search(value)
        if found is not None:
            yield _fault("E_JSON_NUL" if found.group() == "\x00" else "E_JSON_CHARACTER", pointer)
    elif isinstance(value, int | float):
        if not -LARGEST <= value <= LARGEST:
            yield _fault("E_JSON_NUMBER", pointer)
    elif isinstance(value, list) and level > MOST_LEVELS:
        yield _fault("E_JSON_DEPTH", pointer)
    elif isinstance(value, _Pairs):
        seen: set[str] = set()
        for key, part in value:
            here = below(pointer, key)
            yield from _faults(key, here, level)
            name = unicodedata.normalize("NFC", key)
            if name in seen:
                yield _fault("E_JSON_DUPLICATE_KEY", here)
            seen.add(name)
            yield from _faults(part, here, level + 1)
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _faults(part, below(pointer, place), level + 1)


def _fault(code: str, pointer: str) -> Reason:
    return Reason(code, shortened(_printable(pointer)))


def _is_clean(raw: bytes) -> bool:
    """Whether every string is in NFC and without forbidden characters, judged from the text as a whole.

    A part of a text in NFC is in NFC; no JSON punctuation composes with what follows it.
    """
    if b"\\u" in raw:
        return False
    if raw.isascii():
        return True
    if b"\xbf\xbe" in raw or b"\xbf\xbf" in raw or b"\xef\xb7" in raw:  # how noncharacters look; others may too
        return False
    return unicodedata.is_normalized("NFC", raw.decode())


def _clean(value: Any, pointer: str) -> Any:
    """The value with every string, keys included, checked and in NFC."""
    kind = type(value)
    if kind is str:
        return _text(value, pointer)
    if kind is list:
        return [_clean(part, below(pointer, place)) for place, part in enumerate(value)]
    if kind is not dict:
        return value
    cleaned: dict[str, Any] = {}
    for key, part in value.items():
        here = below(pointer, key)
        name = _text(key, here)
        if name in cleaned:
            raise BadJson("E_JSON_DUPLICATE_KEY", here)
        cleaned[name] = _clean(part, here)
    return cleaned


def _text(text: str, pointer: str) -> str:
    if text.isascii() and "\x00" not in text:
        return text
    found = _FORBIDDEN.search(text)
    if found is not None:
        raise BadJson("E_JSON_NUL" if found.group() == "\x00" else "E_JSON_CHARACTER", _printable(pointer))
    return unicodedata.normalize("NFC", text)


def below(pointer: str, step: str | int) -> str:
    """The pointer to a part, as far as it is told: a long name is not written again for each part of what it names."""
    return shortened(f"{pointer}/{step if isinstance(step, int) else escaped(step)}")


def escaped(key: str) -> str:
    """A key as a step of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def shortened(pointer: str) -> str:
    """A pointer as far as it is told and recorded."""
    return pointer if len(pointer) <= LONGEST_POINTER else pointer[: LONGEST_POINTER - 1] + "…"


def _printable(pointer: str) -> str:
    return _FORBIDDEN.sub("\ufffd", pointer)


def _why(raw: bytes) -> BadJson:
    """The code for bytes that the parser would not take."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return BadJson("E_UTF8")
    if _levels(raw) > MOST_LEVELS:
        return BadJson("E_JSON_DEPTH")
    if b"\x00" in raw:
        return BadJson("E_JSON_NUL")
    try:
        value = json.loads(raw, parse_constant=_no_number, parse_float=_number, parse_int=_number)
        _clean(value, "")
    except BadJson as bad:
        return bad
    except ValueError:
        return BadJson("E_JSON_SYNTAX")
    return BadJson("E_JSON_SYNTAX")


def _no_number(word: str) -> Any:
    raise BadJson("E_JSON_NUMBER")


def _number(digits: str) -> float:
    number = float(digits)
    if not -LARGEST <= number <= LARGEST:
        raise BadJson("E_JSON_NUMBER")
    return number


def _levels(raw: bytes) -> int:
    """The deepest nesting of brackets outside strings."""
    level = deepest = 0
    for found in _BRACKETS.finditer(raw):
        token = found.group()
        if token in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif token in b"]}":
            level -= 1
    return deepest
