"""The reference client checks what a follower owes, over Kafka and over HTTP alike, and imports nothing of ours."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import kafka as kafka_python
import orjson
import pytest
from house import House, house
from publications_given import doubled, hidden

from api.caller import Claims
from consumers import wire
from consumers.broker import KafkaBroker
from consumers.broker_settings import Connection
from deploy.agency import client
from deploy.agency.client import Follower, Halt, OverHttp, OverKafka, hash_of
from deploy.cli import main
from deploy.local.parts import Kafka
from deploy.local.ports import free_port
from deploy.serving import app_of, issuer_of, served
from domain.disclosure.publications import Publication


def publication(sequence: int, previous: str, epoch: int = 1) -> Publication:
    return Publication(
        id=f"{sequence:032x}",
        type="period.started.v1",
        kind="fact",
        source="urn:kuty:organisation:0000001-9",
        subject="pseudonym",
        time=datetime(2025, 3, 3, 7, 0, tzinfo=UTC),
        sequence=sequence,
        epoch=epoch,
        ruleset="2026-03",
        legal_basis="LB-UI-ATT",
        purpose="service",
        previous_hash=previous,
        occurred_on=date(2025, 3, 3),
        body={"starts_on": "2025-03-03", "note": "Päivä ”yksi” 5.5", "hours": 5.5, "days": 3},
    )


def line(count: int, epoch: int = 1) -> list[Publication]:
    told: list[Publication] = []
    for sequence in range(1, count + 1):
        told.append(publication(sequence, told[-1].hash if told else "", epoch))
    return told


def take(follower: Follower, told: Publication) -> bool:
    return follower.take({name: value.decode() for name, value in told.headers}, told.value)


def test_the_client_imports_nothing_of_the_product() -> None:
    tree = ast.parse(Path(client.__file__).read_text(encoding="utf-8"))
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    rooms = ("domain", "projections", "consumers", "api", "deploy")
    assert not [module for module in modules if module.split(".")[0] in rooms]


def test_its_hash_is_the_one_that_the_next_record_names() -> None:
    told = publication(1, "")
    headers = {name: value.decode() for name, value in told.headers}
    assert hash_of(headers, told.value) == told.hash


def test_it_takes_each_record_once_and_in_order() -> None:
    follower, told = Follower(), line(4)
    assert [take(follower, one) for one in (*told[:3], told[1], told[2], told[3])] == [True, True, True, False, False, True]
    assert (follower.epoch, follower.sequence, follower.last_hash) == (1, 4, told[3].hash)


def test_it_goes_on_where_it_kept_its_position() -> None:
    told = line(3)
    assert take(Follower(1, 2, told[1].hash), told[2])


def test_it_halts_at_a_gap() -> None:
    follower, told = Follower(), line(3)
    take(follower, told[0])
    with pytest.raises(Halt, match="sequence 2 of epoch 1 is missing, 3 came"):
        take(follower, told[2])


def test_it_halts_where_a_record_does_not_follow_the_one_before() -> None:
    follower, told = Follower(), line(2)
    take(follower, told[0])
    with pytest.raises(Halt, match="does not follow"):
        take(follower, replace(told[1], previous_hash="ab" * 32))


def test_a_fresh_epoch_begins_at_one_and_an_older_one_is_over() -> None:
    follower = Follower()
    for told in (*line(2), *line(3, epoch=2)):
        assert take(follower, told)
    assert not take(follower, line(2)[1])
    with pytest.raises(Halt, match="ask for a redelivery"):
        take(Follower(), line(2)[1])


def test_it_halts_where_an_epoch_goes_on_behind_the_beginning_of_the_next_one() -> None:
    follower, told = Follower(), line(4)
    for one in (*told[:3], *line(1, epoch=5)):
        assert take(follower, one)
    # what comes twice is harmless
    assert not any(take(follower, one) for one in told[:3])
    # what is new says that somebody else began the next one, or goes on with this one
    for new in (told[3], line(1, epoch=2)[0]):
        with pytest.raises(Halt, match=f"epoch {new.epoch} goes on behind the beginning of epoch 5"):
            take(follower, new)
    # and that is known to who goes on where it kept its position
    kept = Follower(follower.epoch, follower.sequence, follower.last_hash, follower.left)
    with pytest.raises(Halt, match="epoch 1 goes on behind"):
        take(kept, told[3])
    assert not take(kept, told[2])


@pytest.mark.parametrize("number", ["", "x", "-1", "0", "9" * 5_000, "²"])
@pytest.mark.parametrize("name", ["ce_epoch", "ce_logsequence"])
def test_it_halts_at_a_number_that_is_none(name: str, number: str) -> None:
    told = line(1)[0]
    headers = {header: value.decode() for header, value in told.headers} | {name: number}
    with pytest.raises(Halt, match="a record has no epoch or sequence"):
        Follower().take(headers, told.value)


@pytest.mark.parametrize("name", ["ce_subject", "ce_occurredon", "ce_type", "ce_logsequence"])
def test_it_halts_where_a_header_stands_within_another(name: str) -> None:
    """The hash would be the same. docs/explanation/proof-of-delivery.md"""
    way = hidden(wire.publication_entry(line(1)[0]), name, "ce_specversion")
    with pytest.raises(Halt, match="a header that is no text of one line"):
        Follower().take({header: value.decode() for header, value in way.headers}, way.value)


def test_it_halts_where_a_header_is_no_text() -> None:
    """Over HTTP it may be anything that JSON has: `["1.0"]` or 1.0 would be hashed as what is written of it."""
    told = line(1)[0]
    headers: dict[str, Any] = {header: value.decode() for header, value in told.headers}
    for other in (1.0, ["1.0"], None):
        with pytest.raises(Halt, match="a header that is no text of one line"):
            Follower().take({**headers, "ce_specversion": other}, told.value)


def test_over_kafka_it_halts_where_a_header_comes_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    way = doubled(wire.publication_entry(line(1)[0]), "ce_type", b"lie")
    topic = kafka_python.TopicPartition("kuty.test.out.kela.v1", 0)
    consumer = MagicMock(**{
        "topics.return_value": {topic.topic}, "end_offsets.return_value": {topic: 1}, "position.return_value": 1,
        "poll.return_value": {topic: [way]},
    })  # fmt: skip
    monkeypatch.setattr(kafka_python, "KafkaConsumer", lambda **_: consumer)
    with pytest.raises(Halt, match="ce_type"):
        next(OverKafka("localhost:9", "test", "kela").records("out", 0.0))


def test_over_http_it_halts_where_a_name_comes_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    told = line(1)[0]
    one = {"headers": {name: value.decode() for name, value in told.headers}, "text": told.value.decode()}
    page = orjson.dumps({"epoch": 1, "next": 1, "publications": [one]})
    for name in (b'"ce_purpose":', b'"text":', b'"epoch":'):
        agency = OverHttp("", "house", "provider-s01", "")
        monkeypatch.setattr(agency, "_ask", lambda _, name=name: page.replace(name, name + b'"lie",' + name, 1))
        with pytest.raises(Halt, match="comes twice"):
            next(agency.records("out", 0.0))


def test_a_heartbeat_is_nothing_new() -> None:
    beat = wire.heartbeat(1, 4, "urn:kuty:organisation:0000001-9", datetime(2025, 3, 3, tzinfo=UTC))
    assert not Follower().take({name: value.decode() for name, value in beat.headers}, beat.value)


def test_what_was_erased_before_it_was_sent_breaks_no_chain() -> None:
    told = line(3)
    follower = Follower()
    take(follower, told[0])
    take(follower, replace(told[1], kind="withdrawn", body={}, previous_hash=wire.ERASED))
    assert take(follower, told[2])
    assert follower.unchecked == 2


def test_what_follows_something_erased_after_it_was_told_is_named_by_the_next_one() -> None:
    told = line(3)
    follower = Follower()
    take(follower, told[0])
    behind = replace(told[1], previous_hash=wire.ERASED)
    assert take(follower, behind)
    with pytest.raises(Halt, match="does not follow"):
        take(follower, told[2])
    assert take(follower, replace(told[2], previous_hash=behind.hash))
    assert follower.unchecked == 1


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as one:
        one.until("12a")
        one.settle()
        yield one


def test_over_http_it_sends_follows_and_reads_receipts(lived: House) -> None:
    port = free_port()
    issuer = issuer_of(lived.wired.settings)
    provider = lived.wired.store.directory.recipients["provider-s01"]
    claims = Claims(ledger="house", org=provider.org, task="provider", role="instructor", person="I-01")
    with served(app_of(lived.wired), "127.0.0.1", port):
        agency = OverHttp(f"http://127.0.0.1:{port}", "house", "provider-s01", issuer.token(claims))
        follower = Follower()
        assert all(follower.take(headers, value) for headers, value in agency.records("out", 0.1))
        assert follower.sequence == lived.wired.store.stream_version("recipient/provider-s01/1") > 0
        period = next(iter(lived.pathway.periods))
        body = {
            "client": lived.name("provider-s01"),
            "period_id": lived.name("provider-s01", period),
            "occurred_on": "2025-03-04",
            "day_status": "present",
            "hours": 5,
        }
        receipt = orjson.loads(agency.send("day-1", "record_attendance.v1", body))
        assert receipt["status"] == "recorded"
        assert [orjson.loads(value)["message_id"] for _, value in agency.records("receipts", 0.1)][-1] == "day-1"


def test_an_empty_page_that_leads_on_is_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/explanation/integration.md 4: whatever a page held may have been destroyed, or be of other types"""
    pages = {0: ([], 100), 100: ([{"message_id": "m-1"}], 101), 101: ([], 101)}
    agency = OverHttp("", "house", "provider-s01", "")

    def ask(path: str) -> bytes:
        receipts, reached = pages[int(path.rpartition("=")[2])]
        return orjson.dumps({"receipts": receipts, "next": reached})

    monkeypatch.setattr(agency, "_ask", ask)
    assert [value for _, value in agency.records("receipts", 0.0)] == [b'{"message_id":"m-1"}']


def test_over_http_a_refusal_and_a_problem_are_told_in_a_line(
    lived: House, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, settings = free_port(), lived.wired.settings
    issuer, provider = issuer_of(settings), lived.wired.store.directory.recipients["provider-s01"]
    claims = Claims(ledger="house", org=provider.org, task="provider", role="instructor", person="I-01")
    monkeypatch.setenv("KUTY_HOME", str(settings.home))
    monkeypatch.setenv("KUTY_LEDGER", "house")
    file = tmp_path / "messages"
    file.write_text('{"id": "m-1", "type": "record_attendance.v1", "body": {}}', encoding="utf-8")
    with served(app_of(lived.wired), "127.0.0.1", port):
        over = ("--http", f"http://127.0.0.1:{port}", "--token")
        assert main(["agency", "publish", "provider-s01", str(file), *over, issuer.token(claims)]) == 1
        refused = capsys.readouterr().err
        assert main(["agency", "follow", "provider-s01", *over, "none"]) == 1
        problem = capsys.readouterr().err
    assert re.fullmatch(r"m-1 record_attendance\.v1: refused: E_FIELD_MISSING /\w+(, E_\w+ /\w+)*\n", refused)
    assert re.fullmatch(r"kuty: [A-Z][^{}\n]+\. [A-Z][^{}\n]+\. \(E_\w+, request [\w-]+\)\n", problem)


def test_over_kafka_everything_is_read_before_silence_is_counted(
    kafka: Kafka, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of a topic in which nothing stands nothing is said but that."""
    ledger = f"unhurried-{os.getpid()}"
    broker = KafkaBroker(Connection(kafka.bootstrap))
    broker.create_topics({**wire.recipient_topics(ledger, "kela"), **wire.recipient_topics(ledger, "none")})
    broker.append([(wire.out_topic(ledger, "kela"), wire.publication_entry(told)) for told in line(5)])
    broker.close()
    monkeypatch.setenv("KUTY_KAFKA", kafka.bootstrap)
    monkeypatch.setenv("KUTY_LEDGER", ledger)
    assert main(["agency", "follow", "kela", "--wait", "0"]) == 0
    assert capsys.readouterr().out.endswith("sequence 5 of epoch 1: every record follows the one before\n")
    assert main(["agency", "follow", "none", "--wait", "0"]) == 0
    assert capsys.readouterr().out == "nothing came: none was told nothing yet\n"
    assert main(["agency", "receipts", "none", "--wait", "0"]) == 0
    assert capsys.readouterr() == ("", "nothing came: no message of none was answered yet\n")


def test_over_kafka_it_sends_and_follows(kafka: Kafka) -> None:
    ledger = f"client-{os.getpid()}"
    broker = KafkaBroker(Connection(kafka.bootstrap))
    broker.create_topics(wire.recipient_topics(ledger, "kela"))
    out = wire.out_topic(ledger, "kela")
    broker.append([(out, wire.publication_entry(told)) for told in line(5)])
    agency, follower = OverKafka(kafka.bootstrap, ledger, "kela"), Follower()
    assert [follower.take(headers, value) for headers, value in agency.records("out", 2.0)] == [True] * 5
    assert agency.send("m-1", "change_benefit_status.v1", {"client": "x"}) == f"{wire.in_topic(ledger, 'kela')} offset 0"
    [sent] = broker.read(wire.in_topic(ledger, "kela"), 0, 10, 5.0)
    assert (sent.key, dict(sent.headers)["ce_id"]) == (b"x", b"m-1")
    broker.close()


def test_over_kafka_nothing_is_made_up_about_who_never_joined(
    kafka: Kafka, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a gap, nor an empty line of records, nor a topic."""
    monkeypatch.setenv("KUTY_KAFKA", kafka.bootstrap)
    monkeypatch.setenv("KUTY_LEDGER", f"nobody-{os.getpid()}")
    (tmp_path / "messages").write_text('{"type": "record_attendance.v1", "body": {}}', encoding="utf-8")
    for part, words in (("out", ("follow",)), ("receipts", ("receipts",)), ("in", ("publish", str(tmp_path / "messages")))):
        assert main(["agency", words[0], "nosuch", *words[1:]]) == 1
        out, said = capsys.readouterr()
        topic = f"kuty.nobody-{os.getpid()}.{part}.nosuch.v1"
        assert out == ""
        assert said == f"kuty: there is no topic {topic}: nobody has joined under this name, or its topics are not made\n"
    broker = KafkaBroker(Connection(kafka.bootstrap))
    assert not [topic for topic in broker.topics() if "nosuch" in topic]
    broker.close()
