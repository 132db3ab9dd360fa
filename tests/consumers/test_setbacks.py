"""What fails for one recipient is that recipient's own matter: the others are served, it is shown, and it is said once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from history_as_1 import kela
from logins import login_dsn
from publications_given import LEDGER, damaged
from stage import KELA, Stage

from consumers.embedded_broker import EmbeddedReader
from consumers.generations import Generation
from consumers.lines import NOT_ANSWERED, NOT_OPENED, NOT_READ, NOT_TAKEN, Line
from consumers.log import BrokerUnavailable, Read, TopicDamaged
from consumers.projector import MADE_WITHIN_S, SILENT_FOR_S
from consumers.setbacks import LONGEST_PAUSE_S
from consumers.wire import out_topic
from deploy.halts import told_of_line
from deploy.local.parts import Postgres
from deploy.roles import Running
from deploy.watching.process import fault_of_line
from domain.directory import Recipient
from domain.store import StoreUnavailable
from projections.read_models import NotProvisioned, ReadModels, schema_name
from projections.read_models_postgres import PostgresModels, make_login, provision_recipients
from projections.read_models_sqlite import SqliteModels

FIRST, SECOND, THIRD = RECIPIENTS = [Recipient(name, KELA.org, KELA.task, KELA.from_on) for name in ("a", "b", "c")]
FEW = kela().entries[:5]
MORE = kela().entries[5:10]
DEADLINE_S = 30.0
MODEL_PAGE, TOPIC_PAGE = "docs/runbooks/a-read-model-that-fails.md", "docs/runbooks/a-topic-made-again.md"
BROKER_PAGE = "docs/runbooks/a-broker-that-does-not-answer.md"


@dataclass
class Place:
    """Where the read models are, and how somebody gets at the second recipient's behind everybody's back."""

    models: ReadModels
    change: Callable[[str], Any]
    """Run statements on the second recipient's tables."""
    hold: Callable[[], AbstractContextManager[Any]]
    """Keep the second recipient's tables locked."""

    def spoil(self) -> None:
        self.change("ALTER TABLE feed RENAME COLUMN next_offset TO another")

    def mend(self) -> None:
        self.change("ALTER TABLE feed RENAME COLUMN another TO next_offset")


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        files = SqliteModels(tmp_path / "models", LEDGER)

        def change_file(statement: str) -> None:
            with closing(sqlite3.connect(tmp_path / "models" / LEDGER / "b.db")) as connection, connection:
                connection.execute(statement)

        @contextmanager
        def hold_file() -> Iterator[None]:
            with closing(sqlite3.connect(tmp_path / "models" / LEDGER / "b.db", isolation_level=None)) as connection:
                connection.execute("BEGIN EXCLUSIVE")
                yield

        SqliteModels(tmp_path / "models", LEDGER).of("b").close()  # whose tables are made
        yield Place(files, change_file, hold_file)
        files.close()
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    dsn = postgres.fresh_database()
    make_login(dsn, "kuty_test_projector", "secret")
    provision_recipients(dsn, LEDGER, [one.short_name for one in RECIPIENTS], ["kuty_test_projector"])
    models = PostgresModels(login_dsn(dsn), LEDGER, connections=4)

    def change_schema(statement: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as owner:
            owner.execute(f"SET search_path TO {schema_name(LEDGER, 'b')}".encode())
            owner.execute(statement.encode())

    @contextmanager
    def hold_schema() -> Iterator[None]:
        with psycopg.connect(dsn) as owner:
            owner.execute(f"LOCK TABLE {schema_name(LEDGER, 'b')}.feed IN ACCESS EXCLUSIVE MODE".encode())
            yield

    yield Place(models, change_schema, hold_schema)
    models.close()


@pytest.fixture
def stage(place: Place, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path, *RECIPIENTS, models=place.models, explain=told_of_line)
    for recipient in RECIPIENTS:
        made.put(FEW, recipient)
    yield made
    made.projector.close()
    made.broker.close()


def seconds_go_by(stage: Stage, seconds: int) -> None:
    """One step each second: none of them may fail."""
    for _ in range(seconds):
        stage.projector.step()
        stage.later(1.0)


def offsets(stage: Stage, *recipients: Recipient) -> list[int]:
    return [stage.feed(recipient).next_offset for recipient in recipients]


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line.getMessage() for line in caplog.records if line.name == "consumers.setbacks"]


def test_a_model_that_cannot_be_opened_keeps_nobody_behind_it_from_being_served(
    stage: Stage, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.spoil()
    # when the projector runs for a minute
    seconds_go_by(stage, 60)
    # then the others are served, before and behind it
    assert offsets(stage, FIRST, THIRD) == [5, 5]
    # and it is shown as standing still, with what to do, and as behind by all that came
    failing = stage.standing(SECOND)
    assert failing.halted.startswith(f"{NOT_OPENED}: ")
    assert failing.to_do.endswith(MODEL_PAGE)
    assert (failing.offset, failing.end) == (0, 5)
    assert (stage.standing(FIRST).halted, stage.standing(THIRD).halted) == ("", "")
    # and it was said at once and seldom after that
    assert 1 <= len(said(caplog)) <= 3
    assert all(line.startswith(f"b stands still, and is tried again: {NOT_OPENED}: ") for line in said(caplog))
    # when the tables are as they were, then it goes on by itself
    place.mend()
    stage.later(LONGEST_PAUSE_S)
    stage.drain()
    assert (offsets(stage, SECOND), stage.standing(SECOND).halted) == ([5], "")
    assert said(caplog)[-1].startswith("b goes on, after ")


def test_a_topic_that_does_not_answer_keeps_nobody_else_from_being_served(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a recipient that is told more, and whose topic has no leader when the projector starts again
    stage.drain()
    for recipient in RECIPIENTS:
        stage.put(MORE, recipient)
    silent = without_leader(stage, monkeypatch)
    stage.restart()
    seconds_go_by(stage, 60)
    # then the others are served, it is shown with its reason and where its model stands, and was said seldom
    assert offsets(stage, FIRST, THIRD) == [10, 10]
    why = f"{NOT_ANSWERED}: a partition has no leader"
    failing = stage.standing(SECOND)
    assert (failing.halted, failing.offset, failing.to_do.rpartition(": ")[2]) == (why, 5, BROKER_PAGE)
    assert 1 <= len(said(caplog)) <= 3
    # and whoever asks it is told that it is not all
    answered = stage.asked(recipient=SECOND)
    assert (answered.complete, answered.freshness.halted) == (False, why)
    assert stage.asked(recipient=FIRST).complete
    # and it goes on by itself when it has one
    silent.clear()
    stage.later(LONGEST_PAUSE_S)
    stage.drain()
    assert (offsets(stage, SECOND), stage.standing(SECOND).halted) == ([10], "")
    assert stage.asked(recipient=SECOND).complete


def test_a_topic_that_loses_its_leader_while_it_is_followed_is_read_by_nobody_and_answers_say_so(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.drain()
    silent = without_leader(stage, monkeypatch)
    monkeypatch.setattr(EmbeddedReader, "silent", lambda reader: silent & reader.positions().keys())
    # when nobody leads it for a moment, as while another broker takes it over
    seconds_go_by(stage, int(SILENT_FOR_S) - 2)
    assert (said(caplog), stage.asked(recipient=SECOND).complete) == ([], True)
    # and when that lasts
    for recipient in (FIRST, THIRD):
        stage.put(MORE, recipient)
    seconds_go_by(stage, 60)
    # then the others are served, and it is said of the one, and told to whoever asks it
    assert offsets(stage, FIRST, THIRD) == [10, 10]
    failing, answered = stage.standing(SECOND), stage.asked(recipient=SECOND)
    assert failing.halted.startswith(f"{NOT_ANSWERED}: ")
    assert (failing.offset, failing.to_do.rpartition(": ")[2]) == (5, BROKER_PAGE)
    assert (answered.complete, answered.freshness.halted) == (False, failing.halted)
    # by its model alone, too, where no projector runs
    assert fault_of_line("b", answered.freshness.halted).to_do == failing.to_do
    assert 1 <= len(said(caplog)) <= 4
    # and when it is led again, then it goes on by itself
    silent.clear()
    stage.put(MORE, SECOND)
    stage.later(LONGEST_PAUSE_S)
    stage.drain()
    assert (offsets(stage, SECOND), stage.standing(SECOND).halted) == ([10], "")
    assert stage.asked(recipient=SECOND).complete


@pytest.mark.parametrize("restart", [False, True])
def test_a_topic_that_is_led_again_is_said_to_answer_though_nothing_comes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, restart: bool
) -> None:
    # given a topic that nobody led for a minute, and of which everything had been read
    stage.drain()
    silent = without_leader(stage, monkeypatch)
    monkeypatch.setattr(EmbeddedReader, "silent", lambda reader: silent & reader.positions().keys())
    seconds_go_by(stage, 60)
    assert not stage.asked(recipient=SECOND).complete
    # when it is led again
    silent.clear()
    if restart:
        stage.restart()
    stage.later(LONGEST_PAUSE_S)
    seconds_go_by(stage, 2)
    # then nothing stands still, and whoever asks is told so
    assert (stage.standing(SECOND).halted, stage.asked(recipient=SECOND).freshness.halted) == ("", "")
    assert stage.asked(recipient=SECOND).complete


def test_a_topic_of_which_only_where_it_begins_is_known_is_not_said_to_answer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.drain()
    silent = without_leader(stage, monkeypatch)
    with monkeypatch.context() as away:
        away.setattr(EmbeddedReader, "silent", lambda reader: silent & reader.positions().keys())
        seconds_go_by(stage, 60)
    silent.clear()
    # when it has said where it begins, and the reader knows no leader, or not yet where the topic ends
    stage.later(LONGEST_PAUSE_S)
    topic, ends = out_topic(LEDGER, SECOND.short_name), EmbeddedReader.ends
    for name, instead in (
        ("silent", lambda reader: {topic}),
        ("ends", lambda reader: {one: end for one, end in ends(reader).items() if one != topic}),
    ):
        with monkeypatch.context() as away:
            away.setattr(EmbeddedReader, name, instead)
            seconds_go_by(stage, 2)
            assert (stage.standing(SECOND).halted != "", stage.asked(recipient=SECOND).complete) == (True, False)
    # then it goes on when both are known
    stage.projector.step()
    assert (stage.standing(SECOND).halted, stage.asked(recipient=SECOND).complete) == ("", True)


def test_a_model_that_cannot_be_opened_and_whose_topic_does_not_say_where_it_ends_keeps_nobody_else_waiting(
    stage: Stage, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.spoil()
    silent = without_leader(stage, monkeypatch, "end_offsets")
    seconds_go_by(stage, 5)
    assert offsets(stage, FIRST, THIRD) == [5, 5]
    assert stage.standing(SECOND).halted.startswith(f"{NOT_OPENED}: ")
    silent.clear()
    place.mend()
    stage.later(LONGEST_PAUSE_S)
    stage.drain()
    assert (offsets(stage, SECOND), stage.standing(SECOND).halted) == ([5], "")


def without_leader(stage: Stage, monkeypatch: pytest.MonkeyPatch, name: str = "begin_offsets") -> set[str]:
    """The topics that do not say where they begin, or end: the second recipient's."""
    ask, silent = getattr(stage.broker, name), {out_topic(LEDGER, SECOND.short_name)}

    def asked(topics: Iterable[str]) -> dict[str, int]:
        topics = list(topics)
        if silent.intersection(topics):
            raise BrokerUnavailable("a partition has no leader")
        found: dict[str, int] = ask(topics)
        return found

    monkeypatch.setattr(stage.broker, name, asked)
    return silent


def test_a_model_of_a_newer_program_stops_nobody_else(stage: Stage, place: Place) -> None:
    place.change("INSERT INTO migrations VALUES (999)")
    seconds_go_by(stage, 5)
    # then the others are served, and it says which program is missing
    assert offsets(stage, FIRST, THIRD) == [5, 5]
    failing = stage.standing(SECOND)
    assert "is at version 999, and this program knows versions up to 2" in failing.halted
    assert failing.to_do.endswith("docs/runbooks/newer-tables.md")


def test_tables_that_are_changed_under_a_running_projector_stop_nobody_else(
    stage: Stage, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    stage.drain()
    assert offsets(stage, *RECIPIENTS) == [5, 5, 5]
    # when the tables change, and more is told
    place.spoil()
    for recipient in RECIPIENTS:
        stage.put(MORE, recipient)
    seconds_go_by(stage, 60)
    # then the others have it
    assert offsets(stage, FIRST, THIRD) == [10, 10]
    assert stage.standing(SECOND).halted
    assert (stage.standing(SECOND).offset, stage.standing(SECOND).end) == (5, 10)
    assert 1 <= len(said(caplog)) <= 6  # what fails first is the writing, and then the opening
    place.mend()
    stage.later(LONGEST_PAUSE_S)
    stage.drain()
    assert (offsets(stage, SECOND), stage.standing(SECOND).halted) == ([10], "")


def test_a_model_that_nobody_makes_is_shown_after_a_minute(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    of, made = type(stage.models).of, False

    def not_made(models: ReadModels, short_name: str) -> Any:
        if short_name == "b" and not made:
            raise NotProvisioned('b: role "kuty_test_b" does not exist')
        return of(models, short_name)

    monkeypatch.setattr(type(stage.models), "of", not_made)
    # a recipient that joined just now is nothing to look after
    seconds_go_by(stage, int(MADE_WITHIN_S) - 2)
    assert ([one.short_name for one in stage.projector.standings()], said(caplog)) == (["a", "c"], [])
    # but after that it is
    seconds_go_by(stage, 10)
    assert stage.standing(SECOND).halted == f'{NOT_OPENED}: b: role "kuty_test_b" does not exist'
    assert (stage.standing(SECOND).offset, stage.standing(SECOND).end) == (0, 5)
    assert stage.standing(SECOND).to_do.endswith(MODEL_PAGE)
    assert len(said(caplog)) == 1
    assert offsets(stage, FIRST, THIRD) == [5, 5]
    # and once it is made, it is served
    made = True
    seconds_go_by(stage, int(LONGEST_PAUSE_S) + 1)
    assert (offsets(stage, *RECIPIENTS), stage.standing(SECOND).halted) == ([5, 5, 5], "")


@pytest.mark.parametrize("held_from", ["the start", "then on"])
def test_tables_that_somebody_holds_locked_keep_nobody_else_waiting_for_long(
    stage: Stage, place: Place, held_from: str
) -> None:
    if held_from == "then on":
        stage.drain()
    for recipient in RECIPIENTS:
        stage.put(MORE, recipient)
    # given somebody whose transaction on one recipient's tables stays open
    with place.hold():
        # when the projector runs for as long as it tries that one twice
        seconds_go_by(stage, 2)
        # then the others are served, and that one is shown as standing still, with what to do
        assert offsets(stage, FIRST, THIRD) == [10, 10]
        failing = stage.standing(SECOND)
        assert "lock" in failing.halted
        assert failing.to_do.endswith(MODEL_PAGE)
    # and when he lets go of them, it has all that came
    seconds_go_by(stage, int(LONGEST_PAUSE_S) + 1)
    assert offsets(stage, *RECIPIENTS) == [10, 10, 10]
    assert stage.standing(SECOND).halted == ""


def test_a_record_that_cannot_be_taken_in_slows_nobody_else_and_answers_say_so(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.drain()
    offer = Generation.offer

    def offers(generation: Generation, sequence: int, read: Read, *more: Any) -> None:
        if ("ce_type", b"unheard.of.v1") in read.headers:
            raise RuntimeError("what nobody thought of")
        offer(generation, sequence, read, *more)

    monkeypatch.setattr(Generation, "offer", offers)
    # when something stands in the topic at which this program fails
    stage.put([damaged(MORE[0], ce_type=b"unheard.of.v1")], SECOND)
    for number in range(60):
        if number % 12 == 0:
            stage.put([MORE[number // 12]], FIRST)
            # then the others have what came in the same second
            stage.projector.step()
            stage.projector.step()
            assert offsets(stage, FIRST, THIRD) == [6 + number // 12, 5]
        seconds_go_by(stage, 1)
    # and whoever asks the one is told that it is not all
    assert stage.standing(SECOND).halted.startswith(f"{NOT_TAKEN}: ")
    answered = stage.asked(recipient=SECOND)
    assert (answered.complete, answered.freshness.halted) == (False, stage.standing(SECOND).halted)
    assert stage.asked(recipient=FIRST).complete
    # and the operator where it came from, once in a while
    lines = [line for line in caplog.records if line.name == "consumers.setbacks"]
    assert 1 <= len(lines) <= 3
    assert lines[0].exc_info
    assert MODEL_PAGE in lines[0].getMessage()


def test_a_topic_that_is_damaged_holds_up_nobody_else_and_answers_say_so(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.drain()
    topic, poll = out_topic(LEDGER, SECOND.short_name), EmbeddedReader.poll

    def damaged_poll(reader: EmbeddedReader, limit: int, timeout: float) -> dict[str, list[Read]]:
        if topic in reader.positions():
            raise TopicDamaged(topic, "the batch at offset 5 fails its checksum")
        return poll(reader, limit, timeout)

    # when a disk of the broker gives back other bytes of one recipient's topic, and all are told more
    with monkeypatch.context() as damage:
        damage.setattr(EmbeddedReader, "poll", damaged_poll)
        for recipient in RECIPIENTS:
            stage.put(MORE, recipient)
        seconds_go_by(stage, 60)
        # then the others have it
        assert offsets(stage, *RECIPIENTS) == [10, 5, 10]
        assert stage.asked(recipient=FIRST).complete
        # and whoever asks the one is told that it is not all, and the operator what to do
        why = f"{NOT_READ}: topic {topic} is damaged: the batch at offset 5 fails its checksum"
        failing = stage.standing(SECOND)
        assert (failing.halted, failing.offset, failing.to_do.rpartition(": ")[2]) == (why, 5, TOPIC_PAGE)
        answered = stage.asked(recipient=SECOND)
        assert (answered.complete, answered.freshness.halted) == (False, why)
        assert fault_of_line("b", why).to_do == failing.to_do
        assert 1 <= len(said(caplog)) <= 3
        # also after a new start
        stage.restart()
        seconds_go_by(stage, 3)
        assert (stage.standing(SECOND).halted, stage.asked(recipient=SECOND).complete) == (why, False)
    # when a copy leads that is whole, then it goes on by itself
    stage.later(LONGEST_PAUSE_S)
    stage.drain()
    assert (offsets(stage, SECOND), stage.standing(SECOND).halted) == ([10], "")
    assert stage.asked(recipient=SECOND).complete


def test_a_topic_that_is_damaged_is_said_to_be_at_every_moment_until_it_is_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a damaged topic of which each try asks twice before its bytes come
    stage.drain()
    topic, poll, polls = out_topic(LEDGER, SECOND.short_name), EmbeddedReader.poll, iter(range(1_000))

    def damaged_poll(reader: EmbeddedReader, limit: int, timeout: float) -> dict[str, list[Read]]:
        if topic not in reader.positions():
            return poll(reader, limit, timeout)
        if next(polls) % 3 == 2:
            raise TopicDamaged(topic, "the batch at offset 5 fails its checksum")
        return {}

    with monkeypatch.context() as damage:
        damage.setattr(EmbeddedReader, "poll", damaged_poll)
        stage.put(MORE, SECOND)
        seconds_go_by(stage, 3)
        for _ in range(60):
            seconds_go_by(stage, 1)
            # then it is never said, not between two tries either, that all is well
            assert stage.standing(SECOND).halted.startswith(f"{NOT_READ}: ")
            assert stage.feed(SECOND).halted.startswith(f"{NOT_READ}: ")
    # and not either when the copy that leads now lacks what could not be read
    stage.broker.lose_end(topic, 5)
    stage.later(LONGEST_PAUSE_S)
    seconds_go_by(stage, 3)
    assert (stage.standing(SECOND).halted != "", stage.asked(recipient=SECOND).complete) == (True, False)
    # until it is told again
    stage.put(MORE, SECOND)
    stage.drain()
    assert (stage.standing(SECOND).halted, stage.asked(recipient=SECOND).complete) == ("", True)


def test_what_was_taken_in_although_it_failed_is_over_though_nothing_comes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a model that has what came, and whose database did not answer to that
    stage.drain()
    take = Line.take

    def takes(line: Line, reads: Any) -> int:
        take(line, reads)
        raise RuntimeError("no answer to the commit")

    stage.put(MORE, SECOND)
    with monkeypatch.context() as failing:
        failing.setattr(Line, "take", takes)
        stage.projector.step()
    assert (offsets(stage, SECOND), stage.asked(recipient=SECOND).complete) == ([10], False)
    # then it stands still no longer than until the next try
    stage.later(LONGEST_PAUSE_S)
    seconds_go_by(stage, 2)
    assert (stage.standing(SECOND).halted, stage.asked(recipient=SECOND).complete) == ("", True)


def test_while_a_model_cannot_be_opened_its_answers_say_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.drain()
    load = Line.load

    def loads(line: Line, *given: Any) -> None:
        if line.short_name == "b":
            raise RuntimeError("what nobody thought of")
        load(line, *given)

    # when more is told, and the program cannot open a model that can be asked
    with monkeypatch.context() as failing:
        failing.setattr(Line, "load", loads)
        stage.restart()
        stage.put(MORE, SECOND)
        seconds_go_by(stage, 3)
        answered = stage.asked(recipient=SECOND)
        assert (answered.complete, answered.freshness.halted) == (False, stage.standing(SECOND).halted)
        assert answered.freshness.halted.startswith(f"{NOT_OPENED}: ")
        assert fault_of_line("b", answered.freshness.halted).to_do.endswith(MODEL_PAGE)
        assert stage.asked(recipient=FIRST).complete
    # and when it can, then it has what came
    stage.later(LONGEST_PAUSE_S)
    stage.drain()
    assert (offsets(stage, SECOND), stage.asked(recipient=SECOND).complete) == ([10], True)


def test_a_model_that_can_be_opened_again_says_so_though_nothing_comes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.restart(look_ahead=20)
    stage.put(MORE[1:], SECOND)
    stage.drain()
    assert (stage.feed(SECOND).halted, stage.feed(SECOND).waiting_for) == ("", 6)
    with monkeypatch.context() as failing:
        failing.setattr(Line, "load", lambda *_: 1 / 0)
        stage.restart()
        seconds_go_by(stage, 3)
        assert stage.feed(SECOND).halted.startswith(NOT_OPENED)
    stage.later(LONGEST_PAUSE_S)
    stage.projector.step()
    # then what the topic itself lacks is all that is said
    assert (stage.feed(SECOND).halted, stage.feed(SECOND).waiting_for, stage.feed(FIRST).halted) == ("", 6, "")


def test_a_model_of_one_who_was_told_nothing_that_is_still_there_can_be_opened_again_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.broker.delete_before({out_topic(LEDGER, SECOND.short_name): 5})
    with monkeypatch.context() as failing:
        failing.setattr(Line, "load", lambda *_: 1 / 0)
        seconds_go_by(stage, 3)
        assert stage.feed(SECOND).halted.startswith(NOT_OPENED)
    stage.later(LONGEST_PAUSE_S)
    seconds_go_by(stage, 2)
    assert (stage.standing(SECOND).halted, stage.feed(SECOND).halted) == ("", "")


@pytest.mark.parametrize("why", ["", "gap: sequence 6 of epoch 1 is missing"])
def test_a_failure_while_a_fresh_epoch_is_built_hides_no_gap_and_leaves_none(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    # given a fresh epoch beside the one that answers, which lacks something or nothing
    again = kela().again(2, until_sequence=77).entries
    stage.restart(look_ahead=3)
    stage.put([*(MORE[1:] if why else ()), *again[:20]], SECOND)
    stage.drain()
    assert stage.standing(SECOND).halted == why
    # when something fails for a while, also over a restart
    with monkeypatch.context() as failing:
        failing.setattr(Generation, "offer", lambda *_: 1 / 0)
        stage.put(again[20:30], SECOND)
        seconds_go_by(stage, 3)
        assert stage.feed(SECOND).halted.startswith(why or NOT_TAKEN)
    stage.restart()
    # then what is lacking is still said, and nothing else
    stage.put(again[30:40], SECOND)
    stage.drain()
    assert (stage.standing(SECOND).halted, stage.feed(SECOND).halted) == (why, why)


def test_a_database_that_answers_nobody_is_the_roles_matter(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.drain()

    def away(*_: Any) -> None:
        raise StoreUnavailable("connection refused")

    with monkeypatch.context() as broken:
        broken.setattr(type(stage.models), "check", away)
        for name in ("write", "_writing", "_looking"):
            broken.setattr(type(stage.models.of("b")), name, away)
        stage.put(MORE, SECOND)
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="connection refused"):
                stage.projector.step()
        # and nobody is said to stand still for it
        assert [one.halted for one in stage.projector.standings()] == [""] * len(stage.projector.standings())
    stage.drain()
    assert offsets(stage, *RECIPIENTS) == [5, 10, 5]


def test_a_running_projector_with_one_spoilt_model_is_no_failing_role(
    stage: Stage, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.spoil()
    running, give_up_at = Running([stage.projector], lambda: None).start(), time.monotonic() + DEADLINE_S
    try:
        while offsets(stage, FIRST, THIRD) != [5, 5] or not said(caplog):
            assert time.monotonic() < give_up_at
    finally:
        running.stop()
    assert running.roles[0].failures == 0
    assert [line for line in caplog.records if line.name == "kuty.roles"] == []
