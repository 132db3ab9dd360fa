"""Text that looks like a diagnosis, which no code and no free text may hold (`E_HEALTH_CONTENT`).

Found are codes in the shape of ICD-10 (`F32.1`, `F321`, `M54`), ICPC-2 (`P76`) and ICD-11 (`6A70.1`), also in small letters,
with a blank, a hyphen or invisible characters inside; the names of such classifications; and the names of some two hundred
illnesses in Finnish, Swedish and English, with their endings and in compounds. The words stand in `health_words.toml`.

What only shares the shape passes by what stands beside it: a street address or a room (`Mannerheimintie 5 B 12`, `F12
talo`), a line or a road (`bussi H71`, `E75`), a class of driving licence (`C95`, `B96-kortti`), a course (`kurssi M12`,
`T20-moduuli`); and register numbers, dates and sizes (`R-1001`, `2025-W06`, `A4`). Behind a word like `dg` nothing passes.

What it cannot do: a feeling, a symptom or a medicine in plain words, an illness that is not in the list, a wrong spelling
and letters of another alphabet are not found; a person has to see to that. A code that stands behind a street, or a body
named after an illness, is taken for what it seems. In doubt the text is refused: a room can be described otherwise, a
diagnosis that was recorded stays for ten years. Both rates are held by `test_health_content.py`.

Time is linear in the text: every look around a find is of a fixed width.
source: domain/events.md 11.1, domain/vocabulary.md N5
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

WORDS = Path(__file__).with_name("health_words.toml")
_LISTED: Mapping[str, Mapping[str, list[str]]] = tomllib.loads(WORDS.read_text(encoding="utf-8"))
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_BLANKS = re.compile(r"\s+")
NO_TEXT = ("_id", "_ids", "_on", "_at", "_number", "_ref", "_digest", "_hash")
"""Endings of fields that hold references, dates and register numbers: never looked at."""

# --- codes ------------------------------------------------------------------------------------------------------------

_WORTH_A_LOOK = re.compile(r"[A-Za-z][ -]?\d\d|ICD|ICPC|DSM", re.IGNORECASE)
_NAMED = re.compile(r"\b(?: ICD | ICPC ) (?: [\s-]? \d{1,2} )? \b | \b DSM [\s-]? (?: \d | [IV]+ ) \b", re.VERBOSE)
_CODE = re.compile(
    r"""
      (?P<full> (?<![\w.,-]) (?: [A-UW-Za-uw-z]\d\d [.,:·] \d{1,2} | [A-Z]\ \d\d [.,] \d{1,2} (?![.:]) | F-\d\d [.,] \d )
                (?! \d | [.:]\d ) )                                              # F32.1, f32,10, F 32.1; no M 12.5.
    | (?P<bare> (?<![\w.,:/-])
        (?: [A-Z]\d\d (?! -\d ) | [A-UW-Z]\d{3} | F\d{4} | [fgijlmoqrz]\d\d\d? | [Ff][ -]\d\d )
        (?! \w | [.,:]\d ) )                                                     # F20, F321, M54, m545, F 20
    | (?P<newest> (?<![\w.,:/-]) [1-9][A-Z]\d\d (?: \.\w{1,3} )? (?! \w | -\d ) )  # 6A70, 6A70.1
    """,
    re.VERBOSE,
)
_MARKED = re.compile(
    r"\b (?: dg | dgn | diagn\w{0,12} | ICD\S{0,4} | ICPC\S{0,3} | tautiluok\w{0,12} ) [\s.:=(-]{0,4} [A-Za-z]\d\d",
    re.VERBOSE | re.IGNORECASE,
)
_DIAGNOSIS_NEAR = re.compile(r"\b(?: dg | diag | ICD | ICPC | tautil )", re.VERBOSE | re.IGNORECASE)
_BEFORE, _AFTER = 48, 24
"""Characters around a code in which is looked for what else it may be."""
_BESIDE = {name: "|".join(map(re.escape, words)) for name, words in _LISTED["beside"].items()}
_NUMBER = r"(?:\d{1,3} ?[a-z]?[\s,]{0,2})?"
_PLACE_BEFORE = re.compile(
    rf"(?:{_BESIDE['places']}|{_BESIDE['streets']}|(?<![^\W\d])(?:{_BESIDE['alone']}))[\s:]{{0,2}}{_NUMBER}$", re.IGNORECASE
)
_HOUSE_NUMBER = re.compile(r"[A-ZÅÄÖ][^\W\d]{2,} \d{1,3} ?(?:[a-z](?:-[a-z])?)?(?: ?[–—-] ?\d{1,3})?,? ?\(?$")
"""A word that begins large, and a number: a street with its house."""
_STAIR = re.compile(r"\b\d{1,3} $")
_PLACE_AFTER = re.compile(rf"^[ -](?:{_BESIDE['places']}|{_BESIDE['behind']})\b", re.IGNORECASE)
_LICENCE_BEFORE = re.compile(
    rf"(?:{_BESIDE['licences']}|luoka|luokka)[^\W\d]{{0,14}} ?(?:{_BESIDE['classes']})?[ :(-]{{0,2}}$", re.IGNORECASE
)
_LICENCE_AFTER = re.compile(rf"^[ -](?:{_BESIDE['licences']}|luok)", re.IGNORECASE)
_LICENCES = frozenset("ABCDT")
_COURSE_BEFORE = re.compile(
    rf"(?:{_BESIDE['courses']})[^\W\d]{{0,14}} ?(?:{_BESIDE['codes']})?[ :(\"-]{{1,2}}$", re.IGNORECASE
)
_COURSE_AFTER = re.compile(rf"^(?:-(?:{_BESIDE['courses']})| (?:{_BESIDE['numbered']})\b)", re.IGNORECASE)
_UNMISTAKABLE = frozenset(_LISTED["beside"]["unmistakable"])


def _is_code(text: str) -> bool:
    if _WORTH_A_LOOK.search(text) is None:
        return False
    if _NAMED.search(text) or _MARKED.search(text):
        return True
    return any(not _is_something_else(text, found) for found in _CODE.finditer(text))


def _is_something_else(text: str, found: re.Match[str]) -> bool:
    """Whether what stands beside it says that it is no diagnosis."""
    code = found.group()
    before = text[max(0, found.start() - _BEFORE) : found.start()]
    after = text[found.end() : found.end() + _AFTER]
    letter = code[0].upper()
    if _DIAGNOSIS_NEAR.search(before) or _DIAGNOSIS_NEAR.search(after):
        return False
    if _COURSE_AFTER.search(after) or _COURSE_BEFORE.search(before):
        return True
    if found["full"]:
        return False
    if code in _UNMISTAKABLE:
        return True
    if letter in _LICENCES and (_LICENCE_AFTER.search(after) or _LICENCE_BEFORE.search(before)):
        return True
    if _PLACE_AFTER.search(after) or _PLACE_BEFORE.search(before) or _HOUSE_NUMBER.search(before):
        return True
    return letter in "ABCDE" and _STAIR.search(before) is not None


# --- names ------------------------------------------------------------------------------------------------------------


class _Names:
    """The names of illnesses, looked up by their first three letters at every place of a text."""

    def __init__(self, languages: Iterable[Mapping[str, Collection[str]]]) -> None:
        self._by_head: dict[str, list[tuple[str, str]]] = {}
        for listed in languages:
            for how, stems in listed.items():
                for stem in stems:
                    self._by_head.setdefault(stem[:3], []).append((stem, how))

    def found(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a name stands in a text of small letters."""
        by_head = self._by_head
        for place in range(len(text) - 2):
            for stem, how in by_head.get(text[place : place + 3], ()):
                if text.startswith(stem, place) and _fits(text, place, place + len(stem), how):
                    yield place, place + len(stem)


_ENDING = re.compile(r"[^\W\d_]{0,4}(?![^\W_])")


def _fits(text: str, first: int, end: int, how: str) -> bool:
    within = first > 0 and text[first - 1].isalpha()
    if how == "inside":
        return True
    if how == "compounds":
        return within
    return not within and (how == "starts" or _ENDING.match(text, end) is not None)


_NAMES = _Names(_LISTED[language] for language in ("fi", "sv", "en"))
_BODIES, _SERVICES = ("|".join(map(re.escape, _LISTED["spared"][kind])) for kind in ("bodies", "services"))
_SPARED = re.compile(rf"[^\W\d]{{0,12}}[ -]?(?:{_BODIES})|[^\W\d]{{0,2}}(?:{_SERVICES})")


def _is_name(text: str) -> bool:
    small = _BLANKS.sub(" ", text.lower())
    return any(_SPARED.match(small, end) is None for _, end in _NAMES.found(small))


# --- both -------------------------------------------------------------------------------------------------------------


def looks_like_diagnosis(text: str) -> bool:
    """Whether the text holds what looks like the code or the name of a diagnosis."""
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return _is_code(text) or _is_name(text)


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
