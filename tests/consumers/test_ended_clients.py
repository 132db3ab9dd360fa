"""Whose own matter has ended is forgotten, and becomes a client anew like anybody else. source: domain/privacy.md 3.4"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from house import UNKNOWN_CODE, House, house_after
from provider_days import DAYS, SENDER, attendance, week_after
from stories import COUNTY, OWN_WORKER

from deploy.migration import keys_database
from deploy.wiring import opened
from domain.catalogue import types_of
from domain.chapters.retention.decisions import DestroyPayloadKey
from domain.context import Caller
from domain.store import is_ended, key_id_of

OFFICER = Caller(COUNTY, "organiser", "data_protection_officer", "T-01")
REGISTRATION = {
    "registered_from": "own_contact", "identity_kind": "identity_code", "identity_code": UNKNOWN_CODE,
    "family_name": "Toinen",
}  # fmt: skip
REFERRAL = {"identity_code": UNKNOWN_CODE, "source": "employment_authority", "legal_basis": "LB-189-PLAN"}


@pytest.fixture
def home(tmp_path: Any) -> Iterator[House]:
    with house_after("12 started", tmp_path) as home:
        yield home


def registered(home: House) -> str:
    """The reference of somebody who is registered over the door."""
    answer = home.post("/clients", OWN_WORKER, REGISTRATION)
    assert answer.status_code == 201, answer.text
    return home.wired.pseudonyms("county").reference(answer.json()["references"]["client"])


def end(home: House, client: str, matter: str) -> None:
    """The key of a matter is destroyed, and the record says so; what the clerk does then is left to it."""
    digest, _ = home.wired.keys.proof(matter)
    home.wired.keys.destroy(matter)
    found = {"of_client": True, "gone": True, "digest": digest, "key_id": key_id_of(matter)}
    command = DestroyPayloadKey(destroyed_matter=matter, second_person_id="C-01")
    home.execute(command, OFFICER, client=client, look_ups=found)


def own_matter(home: House, client: str) -> str:
    return home.wired.store.stream(client)[0].header.matter


def lose(home: House, matter: str, *, given_up: bool) -> None:
    """As in a copy of the keys that is older than the matter."""
    database = keys_database(home.wired.settings)
    database.write(lambda ask: ask("DELETE FROM matter_keys WHERE key_id = %s", (key_id_of(matter),)))
    database.close()
    if given_up:
        home.wired.keys.give_up([key_id_of(matter)])
    home.wired.keys._known.clear()


def test_the_clerk_forgets_whose_own_matter_has_ended(home: House) -> None:
    client = registered(home)
    home.settle()
    end(home, client, own_matter(home, client))
    assert home.wired.vault.get([client])
    home.settle()
    assert (home.wired.vault.get([client]), home.wired.vault.find(UNKNOWN_CODE)) == ({}, None)
    # and whose case alone has ended stays known
    end(home, home.aino, next(iter(home.pathway.cases.values())).opened.matter)
    home.settle()
    assert home.wired.vault.get([home.aino])


def test_who_tells_asks_for_ended_matters_where_others_have_ended_one_and_never_else(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tell(day: date) -> None:
        home.send(SENDER, f"m-{day}", "record_attendance.v1", attendance(home, day))
        home.wired.intake.step()
        assert elsewhere.disclosure.step()

    with week_after(tmp_path) as home, opened(home.wired.settings) as elsewhere:
        # given a process that tells and knows of every end, while another one decides
        tell(DAYS[0])
        asked: list[Any] = []
        rows = elsewhere.store._recorder.matter_rows

        def look(matters: Any, topics: Any, *rest: Any, **named: Any) -> Any:
            asked.extend([matters] if topics == types_of(["payload_key.destroyed"]) else [])
            return rows(matters, topics, *rest, **named)

        monkeypatch.setattr(elsewhere.store._recorder, "matter_rows", look)
        # when what is recorded ends nothing, then nothing is asked, whoever recorded it
        for day in DAYS[1:]:
            tell(day)
        assert asked == []
        # and when a matter ends, it is known before anything more is told
        matter = next(iter(home.pathway.cases.values())).opened.matter
        end(home, home.aino, matter)
        elsewhere.disclosure.step()
        assert asked
        assert matter in elsewhere.store._known.ended
        # and who decided it knows it as well
        assert matter in home.wired.store._known.ended


def test_who_tells_copies_no_list_of_all_the_matters_that_have_ever_ended(home: House) -> None:
    class Ended(set[str]):
        def __or__(self, _: Any) -> Any:
            raise AssertionError("as much work for every event as matters have ended")

        union = copy = __or__

    known = home.wired.store._known
    known.ended = Ended(known.ended)
    # when a matter ends, and is told of
    matter = next(iter(home.pathway.cases.values())).opened.matter
    end(home, home.aino, matter)
    home.settle()
    # then it is among them, and none was copied
    assert matter in known.ended


@pytest.mark.parametrize("forgotten", [True, False])
def test_who_was_forgotten_or_is_about_to_be_is_registered_anew_like_anybody(home: House, forgotten: bool) -> None:
    before = registered(home)
    end(home, before, own_matter(home, before))
    if forgotten:
        home.settle()
    after = registered(home)
    assert after != before
    assert home.wired.vault.find(UNKNOWN_CODE) == after
    assert home.wired.vault.get([before]) == {}
    home.settle()
    assert home.wired.vault.find(UNKNOWN_CODE) == after


def test_a_referral_makes_a_client_anew_of_whom_nothing_is_recorded_any_more(home: House) -> None:
    before = registered(home)
    end(home, before, own_matter(home, before))
    home.send("authority-referrer", "r-1", "submit_referral.v1", REFERRAL)
    home.settle()
    [receipt] = [one for one in home.receipts("authority-referrer") if one["message_id"] == "r-1"]
    assert receipt["status"] == "recorded", receipt
    after = home.wired.vault.find(UNKNOWN_CODE)
    assert after not in (None, before)
    assert home.wired.store.pathway(after or "").registered


def test_whose_key_is_lost_for_good_is_registered_anew(home: House) -> None:
    before = registered(home)
    lose(home, own_matter(home, before), given_up=True)
    assert registered(home) != before


def test_whose_key_is_only_not_there_is_not_forgotten(home: House) -> None:
    """A copy of the keys without it may stand there by mistake: nobody is forgotten for that."""
    before = registered(home)
    lose(home, own_matter(home, before), given_up=False)
    home.post("/clients", OWN_WORKER, REGISTRATION)
    assert home.wired.vault.find(UNKNOWN_CODE) == before


def test_whose_key_comes_back_between_two_questions_is_not_forgotten(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    client = registered(home)
    asked_for, get = (key_id_of(own_matter(home, client)),), home.wired.keys.get
    # given that an older copy stood there when its key was asked for, and no longer
    monkeypatch.setattr(home.wired.keys, "get", lambda key_ids: {} if key_ids == asked_for else get(key_ids))
    assert not is_ended(home.wired.store, client)
