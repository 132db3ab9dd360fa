"""Expectations asked of a world: questions over HTTP, and what the topics of recipients hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from consumers import wire
from deploy.scenario.cast import Cast
from deploy.scenario.checking import OTHERS, question_of
from deploy.scenario.naming import Naming
from deploy.scenario.paths import at_path, equal
from deploy.scenario.replays import REPLAYS
from deploy.scenario.results import Canonical, Figure, Told
from deploy.scenario.sending import Sending
from deploy.scenario.story import Expectation, Person
from deploy.scenario.words import Ask, Deliveries, NeverTold
from deploy.scenario.world import World
from domain.disclosure.publications import Publication

READ_LIMIT = 1000
MANY = 1000
OF_THE_MOMENT = frozenset({"freshness", "ledger", "newest_at", "read_at"})
"""Parts of an answer that tell of the run rather than of the history."""


class Asking:
    """Asks one world. `answers` keeps every whole answer, for a comparison of two runs."""

    def __init__(self, world: World, cast: Cast, naming: Naming, sending: Sending) -> None:
        self._world = world
        self._cast = cast
        self._naming = naming
        self._sending = sending
        self._before: dict[str, int] = {}
        self.answers: list[tuple[str, Any]] = []

    def begin(self) -> None:
        """Deliveries are counted from here."""
        self._before = {name: len(list(self._publications(name))) for name in self._cast.recipients}

    def figures(self, expectation: Expectation) -> Iterator[Figure]:
        """What was wanted and what came, figure by figure."""
        match expectation.wanted:
            case Ask():
                yield from self._asked(expectation, expectation.wanted)
            case Deliveries():
                yield from self._delivered(expectation, expectation.wanted)
            case NeverTold():
                yield from self._never(expectation, expectation.wanted)

    def told(self) -> dict[str, tuple[Told, ...]]:
        """What every recipient was told about clients since the beginning, comparable between runs."""
        found: dict[str, tuple[Told, ...]] = {}
        for short_name in sorted(self._cast.recipients):
            canonical = Canonical()
            found[short_name] = tuple(
                Told(
                    publication.type,
                    publication.kind,
                    publication.occurred_on.isoformat() if publication.occurred_on else "",
                    publication.legal_basis,
                    canonical.of(
                        {
                            "id": publication.id,
                            "client": publication.client,
                            "body": publication.body,
                            "replaces": publication.replaces or "",
                        }
                    ),
                )
                for publication in self._since_the_beginning(short_name)
                if publication.subject
            )
        return found

    # --- questions ---

    def _asked(self, expectation: Expectation, wanted: Ask) -> Iterator[Figure]:
        if expectation.person is None:
            raise ValueError(f"line {expectation.line}: a question comes with the person who asks it")
        status, answer = self._ask(expectation.person, expectation.client, wanted)
        of = f"{wanted.ask} of {wanted.to}"
        shown = "".join(f" {word} {value}" for word, value in (("on", wanted.on), ("known at", wanted.known_at)) if value)
        if status != 200:
            yield Figure(expectation.line, of + shown, "HTTP status", 200, f"{status} {_problem(answer)}".rstrip(), False)
            return
        content = answer.get("answer", answer)
        if wanted.ask not in REPLAYS:  # those hold positions and times of the run
            self.answers.append((of + shown, Canonical().of({k: v for k, v in content.items() if k not in OF_THE_MOMENT})))
        for path, figure in wanted.answer.items():
            found = at_path(content, path)
            yield Figure(expectation.line, of + shown, path, figure, found, equal(figure, found))

    def _ask(self, person: Person, asked_about: str, wanted: Ask) -> tuple[int, dict[str, Any]]:
        client = self._naming.client(asked_about, wanted.to) if asked_about else ""
        query = {name: _text(value) for name, value in wanted.with_.items()}
        query |= {name: _text(value) for name, value in (("on", wanted.on), ("known_at", wanted.known_at)) if value}
        path = f"/ledgers/{self._world.ledger}/"
        if wanted.ask in REPLAYS:
            path += "clients/{client}/" + REPLAYS[wanted.ask].path
        else:
            path += f"recipients/{wanted.to}/{question_of(self._cast.recipient(wanted.to), wanted.ask).path}"
        if "{recipient}" in path:
            path = path.replace("{recipient}", query.pop("recipient"))
        if "{client}" in path:
            path = path.replace("{client}", client)
        elif client:
            query["client"] = client
        headers = {"authorization": f"Bearer {self._sending.token(person)}", "accept-language": "en"}
        answer = self._world.request("GET", path + (f"?{urlencode(query)}" if query else ""), headers)
        try:
            content = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            content = {}
        return answer.status, content

    # --- what was told ---

    def _delivered(self, expectation: Expectation, wanted: Deliveries) -> Iterator[Figure]:
        named = [name for name in wanted.deliveries if name != OTHERS]
        for name, counts in wanted.deliveries.items():
            if name == OTHERS:
                for other in sorted(set(self._cast.recipients) - set(named)):
                    came = self._counts(other, expectation.client)["total"]
                    yield Figure(expectation.line, f"told to {other}", "total", counts, came, counts == came)
                continue
            came_by = self._counts(name, expectation.client)
            by = counts if isinstance(counts, dict) else {"total": counts}
            for what, count in by.items():
                yield Figure(expectation.line, f"told to {name}", what, count, came_by[what], came_by[what] == count)

    def _counts(self, short_name: str, client: str) -> Mapping[str, int]:
        """Facts by name; revisions and withdrawals apart; all of them together."""
        counts: Counter[str] = Counter()
        for publication in self._about(short_name, client):
            counts["total"] += 1
            if publication.kind == "fact":
                counts[publication.type.rpartition(".v")[0]] += 1
            else:
                counts[publication.kind] += 1
        return counts

    def _never(self, expectation: Expectation, wanted: NeverTold) -> Iterator[Figure]:
        for name, words in wanted.never_told.items():
            seen: set[str] = set()
            for publication in self._about(name, expectation.client):
                seen.add(publication.type.rpartition(".v")[0])
                seen |= set(_fields(publication.body)) | set(_fields(publication.client))
            for word in words:
                came = "told" if word in seen else "never"
                yield Figure(expectation.line, f"told to {name}", word, "never", came, word not in seen)

    def _about(self, short_name: str, client: str) -> Iterator[Publication]:
        own = self._naming.client(client, short_name)
        return (publication for publication in self._since_the_beginning(short_name) if publication.subject == own)

    def _since_the_beginning(self, short_name: str) -> list[Publication]:
        return list(self._publications(short_name))[self._before.get(short_name, 0) :]

    def _publications(self, short_name: str) -> Iterator[Publication]:
        """Everything on the recipient's out topic, heartbeats left out."""
        topic = wire.out_topic(self._world.ledger, short_name)
        if topic not in self._world.broker.topics():
            return
        offset, end = 0, self._world.broker.end_offsets([topic])[topic]
        while offset < end:
            for read in self._world.broker.read(topic, offset, READ_LIMIT, 1.0):
                offset = read.offset + 1
                publication = wire.read_publication(read)
                if publication is not None:
                    yield publication


def _fields(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            yield from _fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _fields(inner)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _problem(answer: Mapping[str, Any]) -> str:
    return " ".join(str(entry.get("code")) for entry in answer.get("codes", ()) if isinstance(entry, Mapping))
