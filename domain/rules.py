"""The law as dated rows (design D7): limits, plan kinds and their parties, agency kinds, payers, deadlines.

A rule is judged on the date of the fact, never on the day it is recorded. Every version of the rule set is one file
of `rules/`, kept for ever, so that a decision can be run again under the rules it was made by. source: domain/law.md
2.3, 2.6, 2.11, domain/pathway.md 4.6, domain/vocabulary.md 1.17
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from domain.code_lists import code_list
from domain.dates import A_DAY

RULES = Path(__file__).with_name("rules")
Qualifiers = frozenset[tuple[str, str]]
ALWAYS: Qualifiers = frozenset()
_TASK_KEYS = frozenset({"organiser_kind", "employment_side_kind", "task.agency_kinds"})
"""The rules that say which kind of agency may hold a task."""




class Days(NamedTuple):
    """Local dates from the first to the last, both included."""

    first: date
    last: date


class NoRule(LookupError):
    """No row of the key is valid on the date. Names both, and the qualifiers asked for."""

    def __init__(self, key: str, on: date, qualifiers: Mapping[str, str]) -> None:
        asked = "".join(f", {name} {value}" for name, value in sorted(qualifiers.items()))
        super().__init__(f"no rule {key}{asked} on {on.isoformat()}")
        self.key = key
        self.on = on


class UnknownRuleSet(LookupError):
    """A version of the rule set that is not among the files."""


class Overlap(ValueError):
    """Two rows of one key are valid on one day. A rule set like that is never published (`E_OVERLAP`)."""

    code = "E_OVERLAP"


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One dated row. Dates are inclusive local dates, None is without end. `mark` is found, own or design.

    `information` says why no decision reads the row: it is there to be read by people. Empty: a decision or an answer does.
    """

    key: str
    value: Any
    valid_from: date | None = None
    valid_to: date | None = None
    when: Qualifiers = frozenset()
    unit: str = ""
    mark: str = ""
    source: str = ""
    disabled: bool = False
    information: str = ""

    def valid_on(self, on: date) -> bool:
        """Whether the row holds on the local date `on`. A disabled row never does."""
        return (
            not self.disabled
            and (self.valid_from is None or self.valid_from <= on)
            and (self.valid_to is None or on <= self.valid_to)
        )

    def meets(self, other: RuleRow) -> bool:
        """Whether there is a day on which both rows hold."""
        return (
            not (self.disabled or other.disabled)
            and (self.valid_from is None or other.valid_to is None or self.valid_from <= other.valid_to)
            and (other.valid_from is None or self.valid_to is None or other.valid_from <= self.valid_to)
        )


class RuleSet:
    """One version of the rules. Compare versions by `content_hash`: comments and layout do not count."""

    def __init__(self, version: str, rows: Iterable[RuleRow]) -> None:
        """Raises `Overlap` where two rows of one key and the same qualifiers hold on one day."""
        self.version = version
        self.rows = tuple(rows)
        by_key: dict[tuple[str, Qualifiers], tuple[RuleRow, ...]] = {}
        for row in self.rows:
            earlier = by_key.get((row.key, row.when), ())
            if any(row.meets(other) for other in earlier):
                raise Overlap(f"{row.key}: two rows are valid on one day")
            by_key[row.key, row.when] = (*earlier, row)
        self._by_key = by_key
        self._task_days: dict[tuple[str, str], tuple[Days, ...]] = {}
        self.content_hash = hashlib.sha256(_canonical(self.rows)).hexdigest()

    @staticmethod
    def versions() -> tuple[str, ...]:
        """Every version there is, the oldest first."""
        return tuple(sorted(path.stem for path in RULES.glob("*.toml")))

    @staticmethod
    @cache
    def load(version: str) -> RuleSet:
        """A version by its name, e.g. `2026-03`. Raises UnknownRuleSet."""
        if version not in RuleSet.versions():
            raise UnknownRuleSet(version)
        return read_rules(version, (RULES / f"{version}.toml").read_text(encoding="utf-8"))

    @staticmethod
    def current() -> RuleSet:
        """The newest version: what a new ledger begins with. A running ledger says itself which one it follows."""
        return RuleSet.load(RuleSet.versions()[-1])

    def row(self, key: str, on: date, **qualifiers: str) -> RuleRow:
        """The row of the key that holds on the local date. Raises NoRule."""
        for row in self._by_key.get((key, frozenset(qualifiers.items()) if qualifiers else ALWAYS), ()):
            if row.valid_on(on):
                return row
        raise NoRule(key, on, qualifiers)

    def value(self, key: str, on: date, **qualifiers: str) -> Any:
        """The value on the local date: a number, a truth value, a text, a frozenset of codes or a mapping.

        Raises NoRule, naming key and date.
        """
        return self.row(key, on, **qualifiers).value

    def number(self, key: str, on: date, **qualifiers: str) -> int:
        """The value of a rule whose rows are whole numbers. Raises NoRule."""
        return int(self.value(key, on, **qualifiers))

    def codes(self, key: str, on: date, **qualifiers: str) -> frozenset[str]:
        """The value of a rule whose rows are sets of codes. Raises NoRule."""
        return frozenset(self.value(key, on, **qualifiers))

    def mandatory_parties(self, plan_kind: str, on: date, *, kela_services_coordinated: bool = False) -> frozenset[str]:
        """The party kinds that must accept a plan of this kind. Raises NoRule. source: domain/law.md 2.6"""
        parties = self.codes("plan.mandatory_parties", on, plan_kind=plan_kind)
        if kela_services_coordinated and plan_kind == "multi_sectoral_employment_plan":
            parties |= self.codes("plan.mandatory_parties_when_kela_coordinated", on, plan_kind=plan_kind)
        return parties

    def plan_kinds(self, benefit: str, on: date) -> frozenset[str]:
        """The plan kinds that open the service to a client on this benefit. Raises NoRule. source: domain/law.md 2.6"""
        unemployment = benefit in code_list("benefit_status").marked("unemployment_benefit")
        return self.codes("plan.kinds_for_benefit_client" if unemployment else "plan.kinds_for_social_assistance_client", on)

    def eligibility_key_valid(self, key: str, on: date, plan_kind: str | None = None) -> bool:
        """Whether the ground may be relied on, on the date and for the plan kind. source: domain/law.md 2.3"""
        try:
            self.row("eligibility", on, eligibility_key=key)
        except NoRule:
            return False
        grounds = code_list("eligibility_key")[key].marks["plan_kind"]
        return plan_kind is None or grounds in (plan_kind, "any")

    def task_days(self, task: str, agency_kind: str) -> tuple[Days, ...]:
        """The days on which an organisation of this kind may hold the task, in order and not touching one another."""
        known = self._task_days.get((task, agency_kind))
        if known is None:
            known = self._task_days[task, agency_kind] = tuple(self._stretches(task, agency_kind))
        return known

    def _stretches(self, task: str, agency_kind: str) -> Iterator[Days]:
        """Between two days on which a row or the kind itself begins or ends nothing changes: one day stands for all."""
        kinds = code_list("agency_kind")
        dated = [row for row in self.rows if row.key in _TASK_KEYS]
        begins = {row.valid_from for row in (*dated, *kinds)} | {
            row.valid_to + A_DAY for row in (*dated, *kinds) if row.valid_to and row.valid_to < date.max
        }
        edges = sorted({date.min, *(day for day in begins if day)})
        since: date | None = None
        for edge in edges:
            allowed = self.task_allowed(task, agency_kind, edge)
            if allowed and since is None:
                since = edge
            elif not allowed and since is not None:
                yield Days(since, edge - A_DAY)
                since = None
        if since is not None:
            yield Days(since, date.max)

    def of_employment_side(self, source: str, on: date) -> bool:
        """Whether a referral of this source comes from the body of employment services: every legal body behind the name
        then is of the employment side. A name without a row is a body by itself.

        source: domain/vocabulary.md 1.12, 1.16, domain/law.md 2.6
        """
        try:
            side = self.codes("employment_side_kind", on)
        except NoRule:
            return False
        try:
            bodies = self.codes("legal_body", on, name=source)
        except NoRule:
            bodies = frozenset({source})
        return bodies <= side

    def task_allowed(self, task: str, agency_kind: str, on: date) -> bool:
        """Whether an organisation of this kind may hold the task on the date. source: domain/vocabulary.md 1.17"""
        if not code_list("agency_kind").valid_on(agency_kind, on):
            return False
        try:
            if task == "organiser":
                return agency_kind in self.codes("organiser_kind", on)
            if task == "employment_authority":
                return agency_kind in self.codes("employment_side_kind", on)
            if task == "referrer":
                return agency_kind not in self.codes("organiser_kind", on)
            return agency_kind in self.codes("task.agency_kinds", on, task=task)
        except NoRule:
            return False


def read_rules(version: str, text: str) -> RuleSet:
    """A rule set from the text of its file. Raises `Overlap`, ValueError where a row cannot be read."""
    content = tomllib.loads(text, parse_float=Decimal)
    return RuleSet(version, [_read_row(entry) for entry in content["rule"]])


def _read_row(entry: dict[str, Any]) -> RuleRow:
    value = entry["value"]
    if isinstance(value, list):
        value = frozenset(value)
    elif isinstance(value, dict):
        value = MappingProxyType(value)
    row = RuleRow(**{**entry, "value": value, "when": frozenset(entry.get("when", {}).items())})
    if row.valid_from and row.valid_to and row.valid_from > row.valid_to:
        raise ValueError(f"{row.key}: ends before it begins")
    return row


def _canonical(rows: tuple[RuleRow, ...]) -> bytes:
    def plain(value: Any) -> Any:
        if isinstance(value, frozenset):
            return sorted(value)
        return dict(value) if isinstance(value, Mapping) else str(value)

    lines = sorted(
        json.dumps(
            [row.key, sorted(row.when), plain(row.value), str(row.valid_from), str(row.valid_to), row.disabled],
            sort_keys=True,
            default=str,
        )
        for row in rows
    )
    return "\n".join(lines).encode()
