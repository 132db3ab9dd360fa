"""Refusals: a non-empty list of codes, each with a sentence that the reader understands and knows what to do about.

The texts are in `refusals.toml`, in Finnish, Swedish and English. A decision collects what is wrong in the order of
its row and stops once:

    no = Refusals()
    no.when(case is None, "E_STATE")
    no.when(command.on > today, "E_FUTURE", "/on")
    no.stop()

source: domain/pathway.md 4.4
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeVar

TEXTS = Path(__file__).with_name("refusals.toml")
MOST_CODES = 50
"""Codes that a refusal names, at most; of the others it says how many there are. source: domain/pathway.md 4.9"""
WhoMends = Literal["retry", "mend", "human"]


class UnknownRefusal(LookupError):
    """A code that the catalogue does not hold: a mistake in the program, never in what was sent."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One code of the catalogue. `status` is the HTTP status of an answer that it leads."""

    code: str
    status: int
    who_mends: WhoMends
    texts: Mapping[str, str]
    what_to_do: Mapping[str, str]
    for_system: Mapping[str, str]
    """What an agency's system is told to do: the same, where nothing else is said."""

    @property
    def only_warns(self) -> bool:
        """Whether the code is stored beside the event instead of refusing it. E_CAPACITY does, whatever its name."""
        return self.code.startswith("W_") or self.code == "E_CAPACITY"


@cache
def refusals() -> Mapping[str, Refusal]:
    """The whole catalogue by code, in the order of its file."""
    entries = tomllib.loads(TEXTS.read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            code: Refusal(
                code=code,
                status=entry.get("status", 409),
                who_mends=entry["who_mends"],
                texts=MappingProxyType({language: entry[language][0] for language in ("fi", "sv", "en")}),
                what_to_do=MappingProxyType({language: entry[language][1] for language in ("fi", "sv", "en")}),
                for_system=MappingProxyType({language: entry[language][1:][-1] for language in ("fi", "sv", "en")}),
            )
            for code, entry in entries.items()
        }
    )


def refusal(code: str) -> Refusal:
    """The catalogue's entry. Raises UnknownRefusal."""
    try:
        return refusals()[code]
    except KeyError:
        raise UnknownRefusal(code) from None


def refusal_text(code: str, language: str) -> str:
    """What is wrong, in fi, sv or en (English for any other). Raises UnknownRefusal."""
    texts = refusal(code).texts
    return texts.get(language) or texts["en"]


def what_to_do(code: str, language: str) -> str:
    """What mends it, in fi, sv or en (English for any other). Raises UnknownRefusal."""
    texts = refusal(code).what_to_do
    return texts.get(language) or texts["en"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One code and the place in the body that it speaks of, as a JSON pointer; empty for the whole."""

    code: str
    pointer: str = ""

    def __post_init__(self) -> None:
        refusal(self.code)


def explained(reasons: Iterable[Reason]) -> str:
    """What is wrong and what to do in one line of English, each with its code and the place that it speaks of."""
    return "; ".join(
        f"{refusal_text(reason.code, 'en')} {what_to_do(reason.code, 'en')} ({f'{reason.code} {reason.pointer}'.strip()})"
        for reason in reasons
    )


def named(reasons: Sequence[Reason]) -> tuple[tuple[Reason, ...], int]:
    """The reasons that a refusal names, and how many more there are."""
    return tuple(reasons[:MOST_CODES]), max(0, len(reasons) - MOST_CODES)


class Refused(Exception):
    """The command is refused, for these reasons and no others, in the order of its row.

    `facts` are recorded facts that stand in its way, each with its code: (code, event id).
    """

    def __init__(self, *codes: Reason, facts: tuple[tuple[str, str], ...] = ()) -> None:
        if not codes:
            raise ValueError("a refusal has at least one code")
        super().__init__(", ".join(reason.code for reason in codes))
        self.codes: tuple[Reason, ...] = codes
        self.facts = facts

    @property
    def status(self) -> int:
        """HTTP status: that of the first code."""
        return refusal(self.codes[0].code).status


def refuse(code: str, pointer: str = "") -> Refused:
    """A refusal for one reason, to be raised."""
    return Refused(Reason(code, pointer))


X = TypeVar("X")


class Refusals:
    """Collects what is wrong with a command, in the order of its row."""

    __slots__ = ("_reasons", "_warnings")

    def __init__(self) -> None:
        self._reasons: dict[Reason, None] = {}  # each once, in the order in which they were noted
        self._warnings: list[str] = []

    def when(self, wrong: bool, code: str, pointer: str = "") -> bool:
        """Note the code where `wrong`. Returns `wrong`, so that what cannot be judged after it can be left out.

        A code that only warns is kept apart, for the event. The same reason is noted once.
        """
        if not wrong:
            if code not in refusals():
                raise UnknownRefusal(code)
            return wrong
        if refusal(code).only_warns:
            if code not in self._warnings:
                self._warnings.append(code)
        else:
            self._reasons[Reason(code, pointer)] = None
        return wrong

    def __bool__(self) -> bool:
        return bool(self._reasons)

    @property
    def reasons(self) -> list[Reason]:
        """What was noted so far."""
        return list(self._reasons)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Codes that are stored with the event."""
        return tuple(self._warnings)

    def found(self, what: X | None) -> X:
        """What every guard let pass. Raises Refused where something is wrong; what is not there has been refused by then."""
        self.stop()
        if what is None:
            raise LookupError("nothing was found, and nothing was refused for it")
        return what

    def stop(self) -> None:
        """Raises Refused with all that was noted; does nothing where nothing was."""
        if self._reasons:
            raise Refused(*self._reasons)
