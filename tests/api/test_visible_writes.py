"""A reading with the token of a write waits until that write is in the model, in whatever epoch the recipient is told it.

source: design D16, D21, D22
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from forked import Forked
from house import LEDGER, House, furnished, house_after
from stories import OWN_WORKER

from consumers.disclosure import Disclosure
from deploy.settings import Settings
from domain.disclosure.publish import Line

COUNTY = "county"
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


def test_what_is_told_beside_a_redelivery_is_visible_when_that_has_come_to_its_end(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a write that is told beside a redelivery: the old epoch has it, and it is not sent from there
    follower = in_windows(home)
    service, token = writes(home, "judo")
    told(follower)
    published(home)
    # when it is read while the old epoch answers, and at every step of the redelivery
    monkeypatch.setattr("api.routes.questions.VISIBLE_WITHIN_S", 0.2)
    assert reads(home, token).status_code == 503
    while not follower.repeat(COUNTY).ended:
        published(home)
        assert reads(home, token).status_code == 503
    # then the answer has it as soon as it is sent and taken in
    assert reads(home, token).status_code == 503
    published(home)
    monkeypatch.undo()
    answer = reads(home, token)
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
        with monkeypatch.context() as patched:
            patched.setattr("api.routes.questions.VISIBLE_WITHIN_S", 0.2)
            assert reads(home, token).status_code == 503
        published(home)
        answer = reads(home, token)
        assert (answer.status_code, service in answer.text) == (200, True)
