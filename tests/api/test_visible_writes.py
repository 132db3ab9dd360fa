"""A reading with the token of a write waits until that write is in the model, in whatever epoch the recipient is told it.

source: design D16, D21, D22
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from forked import Forked
from house import LEDGER, House, furnished, house, house_after
from stories import INSTRUCTOR, OWN_WORKER

from consumers.disclosed import told_up_to
from consumers.disclosure import Disclosure
from deploy.settings import Settings
from domain.disclosure.publish import Line

COUNTY, PROVIDER = "county", "provider-s01"
WINDOW = 5


@pytest.fixture
def home(tmp_path: Path) -> Any:
    with house_after("12", tmp_path) as made:
        made.settle()
        yield made


def writes(home: House, note: str) -> tuple[str, str]:
    """Something that the county records and is told: its name, and the token of the write."""
    body = {"service": "other", "service_note": note, "told_by": "client", "from_on": "2025-03-03"}
    written = home.post(f"/clients/{home.name(COUNTY)}/parallel-services", OWN_WORKER, body)
    assert written.status_code == 201
    return written.json()["references"]["parallel_service_id"], written.headers["kuty-token"]


def reads(home: House, token: str) -> Any:
    path = f"/recipients/{COUNTY}/clients/{home.name(COUNTY)}/parallel-services"
    return home.get(path, OWN_WORKER, headers={"kuty-token": token})


@contextmanager
def reading(home: House, token: str) -> Iterator[Future[Any]]:
    """A reading with the token of a write, once it has asked how far the county was told, and waits for that or for the
    model: its answer. However slow the machine is, it is answered by what becomes visible, and not because time is over."""
    asked = threading.Event()

    def found(*given: Any) -> tuple[int, int] | None:
        try:
            return told_up_to(*given)
        finally:
            asked.set()

    with ThreadPoolExecutor(1) as apart, pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.routes.questions.VISIBLE_WITHIN_S", 60.0)
        patch.setattr("deploy.serving.told_up_to", found)
        answer = apart.submit(reads, home, token)
        assert asked.wait(60)
        yield answer


def in_the_model(home: House) -> tuple[int, int]:
    """The epoch in which the county's model answers, and the last sequence of it that it has."""
    model = home.wired.models.of(COUNTY)
    epoch = model.feed().live_epoch
    return epoch, model.positions()[epoch].sequence


def published(home: House) -> None:
    """What is recorded by now is sent, and taken in; nothing more is told."""
    for role in home.wired.roles(["relay", "projector"]):
        while role.step():
            pass


def in_windows(home: House) -> Disclosure:
    """A follower by which a redelivery to the county has begun, and is not at its end."""
    follower = Disclosure(home.wired.store, home.wired.vault, window=WINDOW)
    assert not follower.begin_redelivery(COUNTY).ended
    return follower


def told(follower: Disclosure) -> None:
    """Everything that happened, and no more of what is repeated."""
    while follower._step():
        pass


def test_what_is_told_beside_a_redelivery_is_visible_when_that_has_come_to_its_end(home: House) -> None:
    # given a write that is told beside a redelivery: the old epoch has it, and it is not sent from there
    follower = in_windows(home)
    service, token = writes(home, "judo")
    told(follower)
    published(home)
    assert in_the_model(home)[0] == 1
    # when it is read while the old epoch answers
    with reading(home, token) as answering:
        # then nobody says at any step of the redelivery where it stands
        assert told_up_to(home.wired.store, COUNTY) is None
        while not follower.repeat(COUNTY).ended:
            published(home)
            assert told_up_to(home.wired.store, COUNTY) is None
        # but at its end; and the answer has it as soon as it is sent and taken in
        stands = told_up_to(home.wired.store, COUNTY)
        assert stands is not None
        assert in_the_model(home) < stands
        published(home)
        assert in_the_model(home) == stands
        answer = answering.result(60)
    assert (answer.status_code, service in answer.text) == (200, True)


def test_what_was_told_before_a_redelivery_is_visible_while_that_is_on_its_way(home: House) -> None:
    # given a write that the model has
    service, token = writes(home, "judo")
    home.settle()
    # when everything is sent once more, and nothing is told beside it
    follower = in_windows(home)
    published(home)
    # then the old epoch answers with it
    answer = reads(home, token)
    assert (answer.status_code, service in answer.text) == (200, True)
    # and so does the fresh one
    while not follower.repeat(COUNTY).ended:
        published(home)
    published(home)
    answer = reads(home, token)
    assert (answer.status_code, service in answer.text) == (200, True)


def test_a_write_is_visible_in_a_line_that_goes_on_in_a_later_epoch_than_the_next_one(
    tmp_path: Path,
) -> None:
    # given a store that went back behind a redelivery of which the topic knows
    ledger = Forked(Settings(home=tmp_path, ledger=LEDGER))
    shutil.copytree(furnished("12"), tmp_path, dirs_exist_ok=True)
    with ledger.house() as home:
        home.settle()
        older = ledger.copy()
        home.wired.disclosure.redeliver(COUNTY)
        home.settle()
    ledger.put_back(older)
    # when the operator chooses the store's history
    assert ledger.new_epoch() == 0
    with ledger.house() as home:
        home.settle()
        # then the county is told in the third epoch, and its second one is none of this store's
        ends = [home.wired.store.stream_version(Line(COUNTY, epoch).stream) for epoch in (1, 2, 3)]
        assert [end > 0 for end in ends] == [True, False, True]
        # and a write is not visible before its publication was taken in there
        service, token = writes(home, "judo")
        told(home.wired.disclosure)
        stands = told_up_to(home.wired.store, COUNTY)
        assert stands is not None
        assert stands[0] == 3
        assert in_the_model(home) < stands
        with reading(home, token) as answering:
            published(home)
            answer = answering.result(60)
        assert in_the_model(home) == stands
        assert (answer.status_code, service in answer.text) == (200, True)


def test_how_far_a_recipient_was_told_is_counted_also_where_the_key_of_what_it_was_told_last_is_lost(
    tmp_path: Path,
) -> None:
    # given a provider, and the key of what it was told last is lost
    with house_after("17", tmp_path) as home:
        last = home.wired.store.stream(Line(PROVIDER, 1).stream)[-1]
        headers = home.headers(INSTRUCTOR)
    with closing(sqlite3.connect(tmp_path / LEDGER / "keys.db")) as keys, keys:
        keys.execute("DELETE FROM matter_keys WHERE key_id = ?", (last.header.key_id,))
    with house(tmp_path) as home:
        # then it is known how far it was told
        assert told_up_to(home.wired.store, PROVIDER) == (1, last.header.stream_version)
        # and who has read all of it is answered that there is no more
        end = {"after": last.header.stream_version, "epoch": 1, "wait": 0}
        answer = home.http.get(f"/ledgers/{LEDGER}/out/{PROVIDER}", params=end, headers=headers)
        assert (answer.status_code, answer.json()["publications"]) == (200, [])
