"""A line about a failure names what was being worked on: a message by its place, an event by its id and position."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from house import LEDGER, House, house_after
from stories import OWN_WORKER

from consumers import wire
from domain.log_ids import noted_ids, present_ids


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house_after("14", tmp_path) as at:
        yield at


def failing(*_: Any, **__: Any) -> Any:
    raise RuntimeError("140598-903F Kaisa Virtanen")


def record_something(home: House) -> int:
    """A fact that others are told; its position."""
    service = {"service": "other", "service_note": "kurssi", "told_by": "client", "from_on": "2025-03-04"}
    answer = home.post(f"/clients/{home.name('county')}/parallel-services", OWN_WORKER, service)
    assert answer.status_code == 201, answer.text
    return home.wired.store.head()


def test_what_disclosure_stumbles_over_is_named(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    position = record_something(home)
    monkeypatch.setattr("domain.disclosure.reconcile.Client.take", failing)
    with pytest.raises(RuntimeError) as failure:
        home.wired.disclosure.step()
    [record] = home.wired.store.records(position - 1, 1)
    assert noted_ids(failure.value) == {"event_id": record.header.event_id, "position": position}


def test_what_the_relay_stumbles_over_is_named(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    record_something(home)
    home.wired.disclosure.step()
    monkeypatch.setattr("consumers.wire.publication_entry", failing)
    with pytest.raises(RuntimeError) as failure:
        home.wired.relay.step()
    noted = noted_ids(failure.value)
    [record] = home.wired.store.records(int(noted["position"]) - 1, 1)
    assert (noted["event_id"], record.header.name) == (record.header.event_id, "disclosure.made")


@pytest.mark.parametrize(
    ("given", "named"), [("0f8fad5b-d9cb-469f-a165-70867728950e", {"message_id": "0f8fad5b-d9cb-469f-a165-70867728950e"}),
                         ("140598-903F", {})],
)  # fmt: skip
def test_what_intake_stumbles_over_is_named(
    given: str, named: dict[str, str], home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.send("provider-s01", given, "record_attendance.v1", {"client": "nobody"})
    monkeypatch.setattr(home.wired.receiving, "receive", failing)
    with pytest.raises(RuntimeError) as failure:
        list(iter(home.wired.intake.step, -1))  # a message comes when the broker likes
    place = {"recipient": "provider-s01", "topic": wire.in_topic(LEDGER, "provider-s01"), "offset": 0}
    assert noted_ids(failure.value) == {**place, **named}
    assert present_ids() == {}


def test_what_a_request_stumbles_over_in_another_thread_is_named(
    home: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The writer works for many at once: a line about one of them names the request that it came with."""
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr("domain.store.deciding.batch.Batch.decide", failing)
    monkeypatch.setattr("domain.store.deciding.writer.log.exception", lambda *_: seen.append(dict(present_ids())))
    service = {"service": "other", "told_by": "client", "from_on": "2025-03-04"}
    path = f"/clients/{home.name('county')}/parallel-services"
    answer = home.post(path, OWN_WORKER, service, **{"x-request-id": "of-this-test-1"})
    assert answer.status_code == 500
    assert [ids.get("request_id") for ids in seen] == ["of-this-test-1"]
    assert seen[0]["recipient"] == "county"
