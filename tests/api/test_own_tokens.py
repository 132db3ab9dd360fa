"""What a caller holds (token, ETag, number, cursor) depends only on what it was told and did itself (design D22).

Two copies of a ledger differ in what others did: to whoever was not told of it, every token is the same byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from house import AINO, House, house
from stories import CLIENT, EXPERT, INSTRUCTOR, KELA, OWN_WORKER, PAYER, REFERRER, SOCIAL_WORKER, STRANGER, last
from two_houses import BEA, act, two_houses

from domain.chapters.assessments.decisions import CompleteAssessment
from domain.chapters.parallel_services.decisions import StartParallelService, StopParallelService
from domain.context import Caller

ROW = "14"
AFTER = {"source": "employment_authority", "legal_basis": "LB-189-PLAN"}


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, House]]:
    with two_houses(ROW, tmp_path_factory.mktemp("houses")) as both:
        others_act(both[1])
        for home in both:
            home.settle()
        yield both


def others_act(home: House) -> None:
    """What nobody but the county is told: of another client, of this one, and what is refused."""
    assessment = last(home.wired.store.pathway(BEA).assessments)
    result = {"result": "no_need", "client_attended": True, "special_support_need": False}
    act(home, CompleteAssessment(assessment_id=assessment, **result), SOCIAL_WORKER)
    beside = StartParallelService(service="other", service_note="rowing", told_by="client")
    home.execute(beside, OWN_WORKER, client=AINO)
    stopped = StopParallelService(parallel_service_id=last(home.pathway.parallel_services))
    home.execute(stopped, OWN_WORKER, client=AINO)
    for n in range(3):
        home.wired.store.execute(stopped, STRANGER, f"stranger-{n}", client=AINO)


def attendance(home: House, hours: float = 5) -> dict[str, Any]:
    period = home.name("provider-s01", last(home.pathway.periods))
    return {"period_id": period, "occurred_on": "2025-03-21", "day_status": "present", "hours": hours}


def benefit(from_on: str) -> dict[str, Any]:
    return {"benefit": "labour_market_subsidy", "payer_org_id": KELA, "from_on": from_on}


def client_of(home: House) -> Caller:
    return Caller(CLIENT.org, CLIENT.task, "client", home.aino)


DOINGS = [
    ("provider-s01", INSTRUCTOR, "attendance", attendance),
    ("authority", EXPERT, "benefit-statuses", lambda home: benefit("2025-03-05")),
    ("kela-payment", PAYER, "benefit-statuses", lambda home: benefit("2025-03-06")),
    ("authority-referrer", REFERRER, "referrals", lambda home: AFTER),
]


@pytest.mark.parametrize(("short_name", "by", "path", "body"), DOINGS, ids=[short_name for short_name, *_ in DOINGS])
def test_others_doings_move_nothing_that_a_caller_holds(
    short_name: str, by: Caller, path: str, body: Any, houses: tuple[House, House]
) -> None:
    held: list[list[Any]] = [[], []]
    for place, home in enumerate(houses):
        address = f"/clients/{home.name(short_name)}/{path}"
        # when it posts, posts the same once more, and wants what is there already
        for key in ("first", "first", "no effect" if path != "referrals" else "first"):
            answer = home.post(address, by, body(home), f"{short_name} {key}".replace(" ", "-"))
            assert answer.status_code in (200, 201), answer.text
            tokens = (answer.headers["etag"], answer.headers["kuty-token"])
            held[place].append((answer.status_code, answer.json().get("number"), *tokens))
        # and when it sends a message
        wrong = home.post(f"/in/{short_name}", by, {"client": "x"}, **{"ce-id": "m-1", "ce-type": "correct_fact.v1"})
        held[place].append((wrong.content, wrong.headers))
        receipts = home.get("/receipts", by, limit=500).json()
        held[place].append((receipts["next"], [receipt["number"] for receipt in receipts["receipts"]]))
        out = home.get(f"/out/{short_name}", by, wait=0, limit=500).json()
        held[place].append((out["epoch"], out["next"], [p["headers"].get("ce_logsequence") for p in out["publications"]]))
        held[place].append(home.get("/health", by).content)
    # then all that it holds is the same
    assert held[0] == held[1]


def test_a_version_goes_on_holding_while_others_act_and_no_longer_once_something_was_told(tmp_path: Path) -> None:
    with two_houses(ROW, tmp_path) as (home, _):
        address = f"/clients/{home.name('authority')}/benefit-statuses"
        first = home.post(address, EXPERT, benefit("2025-03-05"))
        # given others' doings of which nothing is told, and the echo of its own
        others_act(home)
        home.settle()
        second = home.post(address, EXPERT, benefit("2025-03-06"), key="second", **{"if-match": first.headers["etag"]})
        assert second.status_code == 201, second.text
        # when a colleague writes, what was read before is stale
        stale = home.post(address, EXPERT, benefit("2025-03-07"), **{"if-match": first.headers["etag"]})
        assert (stale.status_code, stale.json()["codes"][0]["code"]) == (412, "E_STALE_IF_MATCH")
        # and when it is told of something
        told = StartParallelService(service="coaching_services", told_by="client")
        home.execute(told, OWN_WORKER, client=AINO)
        home.settle()
        late = home.post(address, EXPERT, benefit("2025-03-08"), **{"if-match": second.headers["etag"]})
        assert late.status_code == 412
        # but what was recorded is answered as the first time, and what is wrong for another reason says so
        again = home.post(address, EXPERT, benefit("2025-03-06"), key="second", **{"if-match": first.headers["etag"]})
        assert (again.status_code, again.json()["number"]) == (200, second.json()["number"])
        # whose version is still that of what had been told then
        assert again.headers["etag"] == second.headers["etag"]
        # a wish without effect has no number: its version holds as well, until something is told
        idle = [home.post(address, EXPERT, benefit("2025-03-06"), key) for key in ("idle-1", "idle-2")]
        assert {(answer.status_code, answer.json().get("number")) for answer in idle} == {(200, None)}
        assert idle[0].headers["etag"] == idle[1].headers["etag"] != second.headers["etag"]
        fresh = home.post(address, EXPERT, benefit("2025-03-10"), **{"if-match": idle[0].headers["etag"]})
        assert fresh.status_code == 201, fresh.text
        assert home.post(address, EXPERT, benefit("x"), **{"if-match": '"x"'}).status_code == 422
        # one recipient's version is nobody else's
        other = home.post(
            f"/clients/{home.name('kela-payment')}/benefit-statuses", PAYER, benefit("2025-03-09"),
            **{"if-match": second.headers["etag"]},
        )  # fmt: skip
        assert other.status_code == 412


def test_a_version_moves_with_a_colleagues_command_under_the_same_key(tmp_path: Path) -> None:
    """design D13: a key is a person's own, and two of one organisation may use the same one."""
    with two_houses(ROW, tmp_path) as (home, _):
        address = f"/clients/{home.name('provider-s01')}/attendance"
        colleague = Caller(INSTRUCTOR.org, INSTRUCTOR.task, INSTRUCTOR.role, "I-02")
        days = [attendance(home) | {"occurred_on": on} for on in ("2025-03-05", "2025-03-12", "2025-03-19")]
        first = home.post(address, INSTRUCTOR, days[0], key="k-1")
        second = home.post(address, colleague, days[1], key="k-1", **{"if-match": first.headers["etag"]})
        assert (first.status_code, second.status_code) == (201, 201)
        # when who wrote first goes by what was then, it is stale
        stale = home.post(address, INSTRUCTOR, days[2], key="k-2", **{"if-match": first.headers["etag"]})
        assert (stale.status_code, stale.json()["codes"][0]["code"]) == (412, "E_STALE_IF_MATCH")
        fresh = home.post(address, INSTRUCTOR, days[2], key="k-2", **{"if-match": second.headers["etag"]})
        assert fresh.status_code == 201, fresh.text


def test_a_version_is_its_callers_alone_and_holds_over_a_restart(tmp_path: Path) -> None:
    with two_houses(ROW, tmp_path) as (home, _):
        given = {}
        for short_name, by, path, body in DOINGS:
            answer = home.post(f"/clients/{home.name(short_name)}/{path}", by, body(home), f"first-{short_name}")
            given[short_name] = answer.headers["etag"]
        given["county"] = home.get(f"/clients/{home.name('county')}/history", OWN_WORKER).headers["etag"]
        assert len(set(given.values())) == len(given)
    with house(tmp_path / "one") as home:
        home.aino = AINO
        for short_name, by, path, body in DOINGS[:3]:
            address = f"/clients/{home.name(short_name)}/{path}"
            # when everybody wants what is there already, by everybody's version in turn
            answers = {of: home.post(address, by, body(home), **{"if-match": tag}) for of, tag in given.items()}
            # then it is taken by the own one, and by no other
            assert {of: answer.status_code for of, answer in answers.items()} == {
                of: 200 if of == short_name else 412 for of in given
            }
            again = home.post(address, by, body(home), f"first-{short_name}")
            assert (again.status_code, again.headers["etag"]) == (200, given[short_name])


def test_a_client_counts_nothing_that_the_county_does(houses: tuple[House, House]) -> None:
    held = []
    for home in houses:
        body = {"period_id": home.name("county", last(home.pathway.periods)), "occurred_on": "2025-03-18"}
        body |= {"day_status": "present", "hours": 5}
        answer = home.post(f"/clients/{home.name('county')}/attendance", client_of(home), body, "own")
        assert answer.status_code == 201, answer.text
        held.append((answer.json().get("number"), answer.headers["etag"], answer.headers["kuty-token"]))
    assert held[0] == held[1]
    assert held[0][0] is None


@pytest.mark.parametrize("short_name", ["provider-s01", "authority-referrer"])
def test_a_reading_waits_for_the_own_message(short_name: str, tmp_path: Path) -> None:
    with two_houses(ROW, tmp_path) as (home, _):
        by, type_name = {
            "provider-s01": (INSTRUCTOR, "record_attendance.v1"),
            "authority-referrer": (REFERRER, "submit_referral.v1"),
        }[short_name]
        body = attendance(home) if by is INSTRUCTOR else AFTER
        said = {**body, "client": home.name(short_name)}
        sent = home.post(f"/in/{short_name}", by, said, **{"ce-id": "m-1", "ce-type": type_name})
        assert sent.status_code == 201, sent.text
        recipient = home.wired.store.directory.recipients[short_name]
        token = home.wired.store.read_token(sent.headers["kuty-token"])
        answer = home.wired.store.answer((recipient.org, recipient.task), "m-1")
        assert answer is not None
        assert home.wired.store.position_meant(token) == answer.position
