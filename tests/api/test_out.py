"""Publications over HTTP: page by page, and across a redelivery without a hole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from house import House, house_after
from stories import PAYER

from deploy.agency.client import Follower, Halt, OverHttp


def out(home: House, **query: Any) -> dict[str, Any]:
    answer: dict[str, Any] = home.get("/out/kela-payment", PAYER, wait=0, **query).json()
    return answer


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


def test_a_reader_that_skips_a_record_halts(tmp_path: Path) -> None:
    with house_after("14", tmp_path) as home:
        told = out(home, limit=500)["publications"]
        follower = Follower()
        follower.take(told[0]["headers"], told[0]["text"].encode())
        with pytest.raises(Halt):
            follower.take(told[2]["headers"], told[2]["text"].encode())
