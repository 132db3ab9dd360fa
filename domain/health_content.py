"""Text that looks like a diagnosis, which no code and no free text may hold (`E_HEALTH_CONTENT`).

Found are codes in the shape of ICD-10 (`F32.1`, `M54`), ICPC-2 (`P76`) and ICD-11 (`6A70.1`), also in small letters,
with a space or with invisible characters inside, and the names of such classifications. A sentence about an illness
in plain words is not found: a person has to see to that.

What only shares the shape passes: register numbers and ids (`K-01`, `R-1001`, `2025-W06`), sizes (`A4`), roads and
house numbers (`E 75`, `Kirkkokatu 5 A12`), and a bare letter with two digits after a word for a place or a line
(`huone B21`, `bussi H71`). In doubt the text is refused: a room can be described otherwise, a diagnosis that was
recorded stays for ten years. source: domain/events.md 11.1, domain/vocabulary.md N5
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from typing import Any

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_WORTH_A_LOOK = re.compile(r"[A-Za-z] ?\d\d|ICD|ICPC|DSM")
_CERTAIN = re.compile(
    r"""
      (?<![\w.,-]) [A-Za-z]\d\d [.,] \d{1,2} (?!\d)        # F32.1, f32,10
    | (?<![\w.,-]) [A-Z]\ \d\d [.,] \d{1,2} (?![\d.:])     # F 32.1, but no date like M 12.5.
    | \b (?: ICD | ICPC ) (?: [\s-]? \d{1,2} )? \b
    | \b DSM [\s-]? (?: \d | [IV]+ ) \b
    """,
    re.VERBOSE,
)
_LIKELY = re.compile(
    r"""
      (?<![\w.,:/-]) (?: [A-Z] | f ) \d\d (?! \w | -\d | [.,:]\d )         # F20, M54, P76, F20-sairaus
    | (?<![\w.,:/-]) [1-9][A-Z]\d\d (?: \.\w+ )? (?! \w | -\d )            # 6A70, 6A70.1
    """,
    re.VERBOSE,
)
_PLACE_BEFORE = re.compile(
    r"""(?:
      \b (?: huone | luok | sali | halli | ovi | ove | porra | rapp | rapu | kerro | talo | rakennu | linja | bussi | juna
           | raitiovaunu | tie | valtatie | moottoritie | paikka | pöytä | kaappi
           | rum | sal | hall | dörr | trapp | våning | hus | byggnad | linje | buss | tåg | spårvagn | väg | plats | skåp
           | room | door | stair | floor | building | house | line | bus | train | tram | road | route | seat | locker
         ) [^\W\d]*
      | [^\W\d]+ (?: katu | kadun | tie | tien | kuja | polku | raitti | gatan | vägen | gränden | stigen )
    ) [\s:]* (?: \d+ \s* )? $""",
    re.VERBOSE | re.IGNORECASE,
)
_STAIR_AFTER_NUMBER = re.compile(r"\b\d{1,3}\s+$")
_STAIRS = "ABCDE"
NO_TEXT = ("_id", "_ids", "_on", "_at", "_number", "_ref", "_digest", "_hash")
"""Endings of fields that hold references, dates and register numbers: never looked at."""


def looks_like_diagnosis(text: str) -> bool:
    """Whether the text holds what looks like the code of a diagnosis."""
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    if _WORTH_A_LOOK.search(text) is None:
        return False
    if _CERTAIN.search(text):
        return True
    return any(not _names_a_place(text, found) for found in _LIKELY.finditer(text))


def _names_a_place(text: str, found: re.Match[str]) -> bool:
    before = text[max(0, found.start() - 60) : found.start()]
    if _PLACE_BEFORE.search(before):
        return True
    return found.group()[0] in _STAIRS and _STAIR_AFTER_NUMBER.search(before) is not None


def health_content(body: Mapping[str, Any], skip: Collection[str] = ()) -> tuple[str, ...]:
    """JSON pointers of all strings in a body that look like a diagnosis, in the order of the body.

    Left out: fields named in `skip`, at any level, and fields that hold no text by their name (`_id`, `_on`, …).
    """
    return tuple(_pointers(body, "", frozenset(skip)))


def _pointers(value: Any, pointer: str, skip: frozenset[str]) -> Iterator[str]:
    if isinstance(value, str):
        if looks_like_diagnosis(value):
            yield pointer
    elif isinstance(value, Mapping):
        for key, part in value.items():
            if key not in skip and not key.endswith(NO_TEXT):
                yield from _pointers(part, f"{pointer}/{key}", skip)
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            yield from _pointers(part, f"{pointer}/{place}", skip)
