"""After a matter's key is destroyed, by whichever process, nothing of its content is left in any role (design D15)."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from house import House, house_after

from deploy.migration import keys_database, master_key
from domain.events import DisclosureMade, Erased, Event
from domain.store import Keys
from domain.store.sealed import keys as key_store


@pytest.fixture
def others() -> list[Event]:
    """What examples of other tests keep, of ledgers of their own."""
    return [thing for thing in gc.get_objects() if isinstance(thing, Event)]


@pytest.fixture
def home(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """AS-1 on the day on which the period started; the notice to the employment authority is due."""
    monkeypatch.setattr(key_store, "LOOK_FOR_DESTROYED_S", 0.0)
    with house_after("12 started", tmp_path) as home:
        yield home


def destroy(home: House, *matters: str) -> None:
    """As another process does it."""
    database = keys_database(home.wired.settings)
    elsewhere = Keys(database, master_key(home.wired.settings))
    for matter in matters:
        elsewhere.destroy(matter)
    database.close()


def said_of(case: str, *others: Event) -> list[Event]:
    """Whatever is in this process's memory that names the case or keeps a publication, but for what others left there."""
    gc.collect()
    left = {id(event) for event in others}
    return [
        thing
        for thing in gc.get_objects()
        if isinstance(thing, Event)
        and id(thing) not in left
        and (isinstance(thing, DisclosureMade) or getattr(thing, "case_id", "") == case)
    ]


def step_all(home: House) -> None:
    """Every role takes a step, and the one that forgets with them, as in a process that nobody asks for anything."""
    home.wired.forgetting.step()
    for role in home.wired.roles():
        role.step()


def test_a_process_that_nobody_asks_forgets_what_every_role_remembered(others: list[Event], home: House) -> None:
    # given roles that have worked, and are at the head
    home.settle()
    home.wired.clerk.step()
    pathway = home.wired.store.pathway(home.aino)
    case, matters = next(iter(pathway.cases)), {fact.matter for fact in pathway.facts.values()}
    del pathway
    assert said_of(case, *others)
    # when every key of the client's matters is destroyed elsewhere
    destroy(home, *matters)
    step_all(home)
    # then nothing is left
    assert said_of(case, *others) == []


def test_the_disclosure_follower_goes_on_as_one_that_starts_after_the_erasure(home: House) -> None:
    home.settle()
    matter = next(iter(home.pathway.cases.values())).opened.matter
    running, told = home.wired.disclosure, home.wired.store.head()
    destroy(home, matter)
    # when the register changes, for which the whole client is looked through again
    assert running._memory is not None
    before = running._memory
    running.step()
    # then it has read the client anew, and nobody is told anything for it
    assert running._memory is not before
    view = running._memory.client(home.aino).client.view
    assert not view.pathway.cases
    assert home.wired.store.head() == told


def test_the_clerk_sends_no_notice_of_an_erased_case(home: House) -> None:
    clerk = home.wired.clerk
    clerk.step()
    assert clerk._open
    destroy(home, next(iter(home.pathway.cases.values())).opened.matter)
    clerk.step()
    assert clerk._open == {}
    assert clerk.is_at_head


def test_what_is_read_over_the_door_is_erased_too(home: House) -> None:
    """domain/privacy.md 3.4: the timeline keeps its lines, without content."""
    matter = next(iter(home.pathway.cases.values())).opened.matter
    destroy(home, matter)
    records = [record for record in home.wired.store.stream(home.aino) if record.header.matter == matter]
    assert records
    assert {type(event) for event in home.wired.store.opened_all(records)} == {Erased}
    assert home.pathway.cases == {}
