"""Steps to commands: who does what, whether he may, whether its fields fit, and the days that no row mentions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from itertools import chain
from typing import Any

from deploy.scenario.bodies import body_of, parts_named, wrong_fields
from deploy.scenario.cast import Cast, Unknown, similar
from deploy.scenario.lines import Marked
from deploy.scenario.story import Action, Checking, Expected
from deploy.scenario.words import Doing, EveryDay, Step
from domain.catalogue import PARTS_BEGUN
from domain.commands import CommandKind
from domain.directory import Recipient
from domain.messages import CLIENT, GROUP, GROUP_OF
from domain.refusals import refusals
from domain.rulebook import COMMANDS
from projections.kinds import kinds

FACT = "fact"
ENTRIES = "entries"
"""The list of a group's day."""
PART_WORDS = {name.removesuffix("_id"): name for name in PARTS_BEGUN.values()}
"""What a step can give a name to: `period` for the part under `period_id`."""
GIVEN_ALREADY = frozenset({"register_client", "open_ledger", "advance_clock"})
"""Commands that a scenario gives by other words: `clients`, and the dates of its steps."""
A_DAY = timedelta(days=1)


class Doings:
    """The commands of one file, and what has to be known of all of them."""

    def __init__(self, cast: Cast, wrong: Callable[[int, str], None]) -> None:
        self._cast = cast
        self._wrong = wrong
        self._actions: list[Action] = []
        self._every: list[tuple[EveryDay, Marked]] = []

    def actions(self, step: Step, marked: Marked) -> Iterator[Action]:
        """Every command of a row, on each of its days."""
        more = marked.parts.get("and")
        doings = [(step, marked), *zip(step.and_, more.parts.values() if more else (), strict=True)]
        for on in step.on:
            for doing, place in doings:
                action = self._action(doing, place, step, on)
                if action is not None:
                    self._actions.append(action)
                    yield action

    def remember(self, every: EveryDay, marked: Marked) -> None:
        """Days of a period, for when all rows are known."""
        self._every.append((every, marked))

    def _action(self, doing: Doing, marked: Marked, step: Step, on: date) -> Action | None:
        by, from_ = (doing.by, doing.from_) if doing.by or doing.from_ else (step.by, step.from_)
        do = doing.do or (self._actions[-1].kind.name if doing.again and self._actions else None)
        kind = COMMANDS.get(GROUP_OF if do == GROUP else do or "")
        if do is None or kind is None or do in GIVEN_ALREADY:
            known = sorted({*COMMANDS, GROUP} - GIVEN_ALREADY)
            reason = f"there is no command {do}{similar(do, known)}" if do else "do: say what is done"
            self._wrong(marked.line_of("do"), reason)
            return None
        if bool(by) == bool(from_):
            self._wrong(marked.line, "say either by whom (a person) or from whom (a recipient's system)")
            return None
        try:
            person = self._cast.person(by) if by else None
            recipient = self._cast.recipient(from_) if from_ else None
            about = kind.target == "client" and do != GROUP
            client = self._cast.client(doing.client or step.client) if about else ""
            entries = tuple(self._entries(doing, kind, on)) if do == GROUP else ()
        except Unknown as unknown:
            self._wrong(marked.line, str(unknown))
            return None
        said = {name: value for name, value in doing.with_.items() if do != GROUP or name != ENTRIES}
        body = body_of(kind, said, self._cast, on)
        refused = doing.refused is not None or doing.problem is not None
        status = "refused" if refused else doing.expect
        action = Action(
            line=marked.line,
            row=step.row or "",
            on=on,
            at=step.at,
            kind=kind,
            person=person,
            recipient=recipient.short_name if recipient else "",
            client=client,
            by_identity_code=doing.client_by == "identity_code",
            fields=body,
            entries=entries,
            raw=doing.send,
            names={PART_WORDS.get(word, word): name for word, name in doing.names.items()},
            again=doing.again,
            stale=doing.stale,
            expected=Expected(
                status, tuple(doing.refused or ()), doing.problem, None if doing.warned is None else tuple(doing.warned)
            ),
        )
        if doing.send is None and not refused and not doing.again:
            self._check(action, marked, recipient)
        self._check_words(doing, marked)
        return action

    def _entries(self, doing: Doing, kind: CommandKind, on: date) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each client of a group's day. Raises Unknown."""
        listed = doing.with_.get(ENTRIES)
        if not isinstance(listed, list) or not listed or not all(isinstance(one, dict) for one in listed):
            raise Unknown(f"{GROUP} names its clients: `entries: [{{client: …, period: …}}, …]`")
        if doing.names:
            raise Unknown("a group's day begins nothing that could have a name")
        for one in listed:
            said = {name: value for name, value in one.items() if name != CLIENT}
            yield self._cast.client(one.get(CLIENT)), body_of(kind, said, self._cast, on)

    def _check(self, action: Action, marked: Marked, recipient: Recipient | None) -> None:
        """What is expected to be recorded has to be asked by somebody who may, with fields that fit."""
        kind = action.kind
        if action.person and action.person.role not in kind.roles:
            allowed = ", ".join(sorted(kind.roles))
            self._wrong(marked.line, f"{action.person.role} may not {kind.name}: {allowed} may; or say how it is refused")
        if recipient and kinds().of(recipient) not in kinds().sending(kind.name):
            allowed = ", ".join(kinds().tasks_sending(kind.name)) or "none"
            reason = f"the system of a {recipient.task} may not send {kind.name}; systems that may: {allowed}"
            self._wrong(marked.line, reason)
        said = marked.parts.get("with", Marked({}, marked.line, {}))
        for fields in _said(action):
            for line, reason in wrong_fields(kind, fields, said):
                self._wrong(line, reason)

    def _check_words(self, doing: Doing, marked: Marked) -> None:
        for place, codes in (("refused", doing.refused), ("warned", doing.warned)):
            for code in codes or ():
                if code not in refusals():
                    self._wrong(marked.line_of(place), f"there is no code {code}{similar(code, list(refusals()))}")
        for word in doing.names:
            if word not in PART_WORDS and word != FACT:
                self._wrong(marked.line_of("names", word), f"nothing begins as {word}{similar(word, [*PART_WORDS, FACT])}")
        if doing.names and (doing.refused or doing.problem):
            self._wrong(marked.line_of("names"), "what is refused begins nothing that could have a name")

    def scheduled_days(self) -> list[Action]:
        """The days of a period that no row mentions, as its planning has them."""
        found: list[Action] = []
        for every, marked in self._every:
            planned = [a for a in self._actions if a.names.get("period_id") == every.every_scheduled_day_of]
            if not planned or planned[0].kind.name != "plan_period":
                name = every.every_scheduled_day_of
                self._wrong(marked.line, f"no step plans a period and names it {name}")
                continue
            if not {"starts_on", "planned_end_on", "schedule"} <= set(planned[0].fields):
                continue  # what its planning lacks has been said where it stands
            days = list(_scheduled(planned[0].fields, every.until))
            if not days:
                self._wrong(marked.line, "the period has no scheduled day")
                continue
            pattern = Step.model_validate(
                {
                    **every.model_dump(by_alias=True, include={"row", "from_", "by", "do", "at"}),
                    "with": {**every.with_, "period_id": every.every_scheduled_day_of},
                    "client": planned[0].client,
                    "on": days[0],
                }
            )
            first = self._action(pattern, marked, pattern, days[0])
            mentioned = set(self._mentioned(every.every_scheduled_day_of))
            if first is not None:
                found += [self._on(first, day) for day in days if day not in mentioned]
        return found

    def _on(self, action: Action, day: date) -> Action:
        return replace(action, on=day, fields={**action.fields, "occurred_on": day.isoformat()})

    def _mentioned(self, period: str) -> Iterator[date]:
        """Days of the period that a row speaks of, whoever says what of them."""
        for action in self._actions:
            if action.expected.status == "refused":
                continue
            for fields in _said(action):
                if fields.get("period_id") == period and action.kind.name == "record_attendance":
                    yield date.fromisoformat(fields.get("occurred_on", action.on.isoformat()))
                elif fields.get("period_id") == period and action.kind.name == "record_not_arranged":
                    yield from _days(fields["from_on"], fields.get("until_on") or fields["from_on"])

    def check_names(self, moments: Iterable[Action | Checking]) -> None:
        """Parts are named before they are referred to."""
        known: set[str] = set()
        for action in moments:
            if not isinstance(action, Action):
                continue
            if action.raw is None:
                for name in chain.from_iterable(parts_named(action.kind, fields) for fields in _said(action)):
                    if name not in known:
                        self._wrong(action.line, f"nothing is called {name} by {action.on}{similar(name, sorted(known))}")
            known |= set(action.names.values())


def _said(action: Action) -> list[Mapping[str, Any]]:
    """The fields of a command; of a group's day those of each client."""
    return [{**action.fields, **own} for _, own in action.entries] or [action.fields]


def _scheduled(planned: Mapping[str, Any], until: date | None) -> Iterator[date]:
    weekdays = {entry["weekday"] for entry in planned["schedule"]}
    last = until.isoformat() if until else planned["planned_end_on"]
    return (day for day in _days(planned["starts_on"], last) if day.isoweekday() in weekdays)


def _days(first: str, last: str) -> Iterator[date]:
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    while day <= end:
        yield day
        day += A_DAY
