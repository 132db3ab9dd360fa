"""Publications over HTTP: page by page, the bytes that were hashed, a range, some types, and across a redelivery."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clients.verifying import OF_WINDOWS, verdict
from house import House, house_after
from stories import INSTRUCTOR, OWN_WORKER, PAYER, STEPS

from api.routes import publications
from api.waiting import Reader
from deploy.agency.client import Follower, Halt, OverHttp
from domain.context import Caller
from projections.kinds import kinds

WHOLE = STEPS[-1][0]
"""The last row of AS-1."""
DAY, PERIOD = "attendance.recorded.v1", "period.started.v1"


@pytest.fixture(scope="module")
def told_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """All of AS-1, which nobody adds to."""
    with house_after(WHOLE, tmp_path_factory.mktemp("out")) as home:
        yield home


@pytest.fixture
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits all the same is answered with a mistake."""

    async def waits(reader: Reader, until: float) -> bool:
        raise AssertionError("a reader waits")

    monkeypatch.setattr(Reader, "waits", waits)


def out(home: House, **query: Any) -> dict[str, Any]:
    answer: dict[str, Any] = home.get("/out/kela-payment", PAYER, wait=0, **query).json()
    return answer


def sequences(page: dict[str, Any]) -> list[int]:
    return [int(one["headers"]["ce_logsequence"]) for one in page["publications"]]


def refused(home: House, **query: Any) -> tuple[int, str, str]:
    answer = home.get("/out/kela-payment", PAYER, wait=0, **query)
    [code] = answer.json()["codes"]
    return answer.status_code, code["code"], code["pointer"]


def hash_of(publication: dict[str, Any]) -> str:
    """By the words of docs/explanation/proof-of-delivery.md, of what came over HTTP alone."""
    headers = sorted(publication["headers"].items())
    lines = b"".join(name.encode() + b"\0" + value.encode() + b"\n" for name, value in headers)
    return hashlib.sha256(lines + b"\n" + publication["text"].encode()).hexdigest()


# --- the bytes ---


def test_what_comes_over_http_has_the_hash_that_the_next_publication_names(told_all: House) -> None:
    """Of every recipient of AS-1. source: integration.md 3"""
    texts: list[str] = []
    for recipient in told_all.wired.store.directory.recipients.values():
        role = next(role for role in kinds().of(recipient).roles if role != "client")
        by = Caller(recipient.org, recipient.task, role, "p-1")
        page = told_all.get(f"/out/{recipient.short_name}", by, wait=0, limit=500).json()
        before = ""
        for publication in page["publications"]:
            assert hash_of(publication) == publication["hash"]
            assert publication["headers"].get("ce_prevhash", "") == before
            before = publication["hash"]
            texts.append(publication["text"])
    assert len(texts) > 250
    assert any(":5.0" in text for text in texts)  # which a program that knows one kind of number writes as 5


def test_letters_and_escapes_come_as_they_were_hashed(tmp_path: Path) -> None:
    """RFC 8259 7: a text can be written in many ways, and one of them was hashed"""
    note = 'Sanoi "ei\\kyllä" — ää; 10.0 € \U0001f600'
    with house_after("14", tmp_path) as home:
        service = {"service": "other", "service_note": note, "told_by": "client", "from_on": "2025-03-04"}
        assert home.post(f"/clients/{home.name('county')}/parallel-services", OWN_WORKER, service).status_code == 201
        home.settle()
        answer = home.get("/out/county", OWN_WORKER, wait=0, limit=500)
        told = answer.json()["publications"]
        [mine] = [one for one in told if one["value"].get("body", {}).get("service_note") == note]
        assert hash_of(mine) == mine["hash"]
        # whatever letters the terminal has in which that is verified
        said = f"epoch 1 verifies to {len(told)} {told[-1]['hash']}"
        assert verdict("python", "", answer.content, **OF_WINDOWS) == (0, said)
        assert verdict("javascript", "", answer.content, **OF_WINDOWS) == (0, said)
        # and it is the very value of the record on the topic
        records = home.wired.broker.read("kuty.house.out.county.v1", 0, 1000)
        assert mine["text"].encode() in {record.value for record in records}


# --- a range ---


def test_a_range_is_read_up_to_its_end_with_the_same_bytes(told_all: House) -> None:
    """source: integration.md 3"""
    everything = out(told_all, limit=500)["publications"]
    page = out(told_all, after=9, until=14)
    assert page["publications"] == everything[9:14]
    assert page["next"] == 14
    # in pages, too
    first = out(told_all, after=9, until=14, limit=3)
    rest = out(told_all, after=first["next"], until=14, limit=3)
    assert (sequences(first), sequences(rest)) == ([10, 11, 12], [13, 14])


def test_nothing_behind_the_end_of_a_range_is_waited_for(told_all: House, nobody_waits: None) -> None:
    end = out(told_all, limit=500)["next"]
    answer = told_all.get("/out/kela-payment", PAYER, after=end, until=end, wait=25)
    assert (answer.status_code, answer.json()["publications"], answer.json()["next"]) == (200, [], end)


def test_a_range_that_ends_before_it_begins_is_refused(told_all: House) -> None:
    assert refused(told_all, after=9, until=8) == (422, "E_QUERY", "/until")
    assert refused(told_all, until=-1) == (422, "E_QUERY", "/until")
    # its end may be still to come, its beginning not
    end = out(told_all, limit=500)["next"]
    assert sequences(out(told_all, after=end - 1, until=end + 100)) == [end]
    assert refused(told_all, after=end + 1, until=end + 2) == (409, "E_NO_SUCH_PLACE", "/after")


def test_a_range_of_an_epoch_that_is_over_is_not_taken_for_one_of_the_next(tmp_path: Path) -> None:
    with house_after("14", tmp_path) as home:
        whole = len(out(home, limit=500)["publications"])
        home.post("/redeliveries", PAYER, {})
        for after, until in ((2, 4), (2, 2), (whole, whole)):
            page = out(home, epoch=1, after=after, until=until, limit=500)
            assert (page["epoch"], sequences(page)) == (2, list(range(1, whole + 1)))
        assert sequences(out(home, epoch=2, after=2, until=4)) == [3, 4]


# --- some types ---


def test_only_the_types_that_were_asked_for_come_and_next_stands_behind_the_others(told_all: House) -> None:
    everything = out(told_all, limit=500)
    wanted = [one for one in everything["publications"] if one["headers"]["ce_type"] in (DAY, PERIOD)]
    assert 0 < len(wanted) < len(everything["publications"])
    page = out(told_all, type=f"{DAY},{PERIOD}", limit=500)
    assert (page["publications"], page["next"]) == (wanted, everything["next"])
    # in pages, until nothing is left
    found: list[Any] = []
    at = 0
    while (page := out(told_all, type=f"{DAY},{PERIOD}", limit=7, after=at))["publications"]:
        found, at = found + page["publications"], page["next"]
    assert (found, page["next"]) == (wanted, everything["next"])


def test_a_reader_of_some_types_gets_on_where_none_of_them_is(
    told_all: House, monkeypatch: pytest.MonkeyPatch, nobody_waits: None
) -> None:
    """However long the line, one answer looks through a part of it, and says where to go on, without waiting."""
    monkeypatch.setattr(publications, "LOOKED_THROUGH", 10)
    monkeypatch.setattr(publications, "PAGE", 5)
    end, at, answers = out(told_all, limit=500)["next"], 0, 0
    while at < end:
        left = end - at
        wait = 25 if left > 10 else 0
        answer = told_all.get("/out/kela-payment", PAYER, after=at, type="disclosure.withdrawn.v1", wait=wait)
        assert answer.json()["publications"] == []
        assert answer.json()["next"] == at + min(10, left)
        at, answers = answer.json()["next"], answers + 1
    assert answers == -(-end // 10)


@pytest.mark.parametrize(
    "types", ["", "nothing.v1", f"{DAY},", f"{DAY},plan.accepted_by_party.v1", DAY.upper(), "attendance.recorded"]
)
def test_a_type_that_the_recipient_is_never_told_is_refused(types: str, told_all: House) -> None:
    """Who pays benefits is told of no plan. source: domain/disclosure.md 5.2"""
    assert refused(told_all, type=types) == (422, "E_QUERY", "/type")


def test_a_range_and_a_choice_of_types_hold_together(told_all: House) -> None:
    days = sequences(out(told_all, type=DAY, limit=500))
    for end in range(days[1], days[8]):
        page = out(told_all, type=DAY, after=days[1], until=end)
        assert (sequences(page), page["next"]) == ([day for day in days if days[1] < day <= end], end)


# --- across a redelivery ---


def test_a_reader_that_names_its_epoch_misses_nothing_of_the_next_one(tmp_path: Path) -> None:
    with house_after("14", tmp_path) as home:
        first = out(home, limit=500)
        assert (first["epoch"], first["next"]) == (1, len(first["publications"]))
        assert out(home, epoch=1, after=first["next"])["publications"] == []
        assert home.post("/redeliveries", PAYER, {}).json()["epoch"] == 2
        again = out(home, epoch=1, after=first["next"], limit=5)
        assert (again["epoch"], again["next"]) == (2, 5)
        assert again["publications"][0]["headers"]["ce_logsequence"] == "1"
        rest = out(home, epoch=2, after=5, limit=500)
        assert rest["publications"][0]["headers"]["ce_logsequence"] == "6"
        assert len(rest["publications"]) == len(first["publications"]) - 5
        # who wants some types has been looked for them in the new one
        days = out(home, epoch=1, after=first["next"], type=PERIOD)
        assert (days["epoch"], days["next"]) == (2, first["next"])
        # and is told where the history ends, whatever type says so: until then the old model answers
        begins, *others = days["publications"]
        assert begins["value"]["history"]["until_sequence"] == first["next"]
        assert {one["headers"]["ce_type"] for one in others} <= {PERIOD}


def test_the_reference_client_follows_into_a_fresh_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with house_after("14", tmp_path) as home:
        client = OverHttp("", "house", "kela-payment", "")
        page = "/ledgers/house{}&limit=3"
        ask = lambda path: home.http.get(page.format(path), headers=home.headers(PAYER)).content  # noqa: E731
        monkeypatch.setattr(client, "_ask", ask)
        follower, seen = Follower(), 0
        for headers, value in client.records("out", 0.0):
            assert follower.take(headers, value)
            seen += 1
            if seen == 3:
                home.post("/redeliveries", PAYER, {})
        whole = len(out(home, limit=500)["publications"])
        assert (follower.epoch, follower.sequence, seen) == (2, whole, whole + 3)


def test_the_verifiers_go_on_into_a_fresh_epoch(tmp_path: Path) -> None:
    """With the three that they said last, of a line that has fewer publications by then, and of one that has more."""
    with house_after("14", tmp_path) as home:

        def verified(language: str, *place: str, limit: int) -> list[str]:
            asked = dict(zip(("epoch", "after"), place, strict=False))
            answer = home.get("/out/kela-payment", PAYER, wait=0, limit=limit, **asked)
            ended, said = verdict(language, "", answer.content, *place)
            assert ended == 0, said
            return said.removeprefix("epoch ").replace("verifies to ", "").split()

        whole = out(home, limit=500)["next"]
        some = verified("python", limit=3)
        most = verified("javascript", limit=whole - 1)
        assert home.post("/redeliveries", PAYER, {}).json()["epoch"] == 2
        assert verified("python", *some, limit=2)[:2] == ["2", "2"]
        again = verified("javascript", *most, limit=2)
        assert again[:2] == ["2", "2"]
        assert verified("javascript", *again, limit=500)[:2] == ["2", str(whole)]


def test_a_reader_that_skips_a_record_halts(told_all: House) -> None:
    told = out(told_all, limit=500)["publications"]
    follower = Follower()
    follower.take(told[0]["headers"], told[0]["text"].encode())
    with pytest.raises(Halt):
        follower.take(told[2]["headers"], told[2]["text"].encode())


def test_a_search_that_meets_a_fresh_epoch_begins_anew(told_all: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of two epochs stands in one answer, also where the fresh one begins between two looks."""
    monkeypatch.setattr(publications, "PAGE", 5)
    door = told_all.http.app.state.ledgers.door("house")  # type: ignore[attr-defined]
    own = door.store.directory.recipients["kela-payment"]
    calls = 0

    def moved(short_name: str, epoch: int | None, after: int, limit: int) -> Any:
        nonlocal calls
        calls += 1
        _, page = door.publications(short_name, None, 0 if calls == 3 else after, limit)
        return (1 if calls < 3 else 2), page

    wanted = publications.Wanted(1, 0, None, frozenset({DAY}), 500)
    found = publications._look(replace(door, publications=moved), own, wanted)
    everything = out(told_all, limit=500)["publications"]
    days = [one["headers"]["ce_id"] for one in everything if one["headers"]["ce_type"] == DAY]
    assert [one.id for one in found.told] == days
    assert found.epoch == 2


# --- who may ---


def test_nobody_else_learns_of_a_line(told_all: House) -> None:
    """source: integration.md 3"""
    client = Caller(OWN_WORKER.org, "organiser", "client", told_all.aino)
    auditor = Caller(OWN_WORKER.org, "organiser", "auditor", "a-1")
    for by, name in ((INSTRUCTOR, "kela-payment"), (PAYER, "nobody"), (client, "county"), (auditor, "county")):
        for path in (f"/out/{name}", f"/out/{name}/status"):
            answer = told_all.get(path, by, **({} if path.endswith("status") else {"wait": 0, "type": DAY}))
            assert (answer.status_code, answer.json()["codes"][0]["code"]) == (404, "E_NOT_FOUND")
    assert told_all.get("/out/kela-payment/status", None).status_code == 401
