"""A message's id stands for its content, at both doors: the same again is answered the same, anything else is refused.

source: integration.md 2, design D13, domain/pathway.md 4.4 row 27
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from house import CODE, UNKNOWN_CODE, House
from provider_days import DAYS, SENDER, attendance, week_after
from stories import INSTRUCTOR, INTAKE

from consumers.intake import Intake
from domain.context import Caller
from domain.messages import message_types
from projections.kinds import kinds

SYSTEM = Caller(INSTRUCTOR.org, INSTRUCTOR.task, "system", "system")
GROUP, SINGLE = "record_group_attendance.v1", "record_attendance.v1"
STRUCTURED = "application/cloudevents+json"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with week_after(tmp_path) as at:
        yield at


def post(home: House, message_id: str, type_name: str, body: Any) -> Any:
    return home.post(f"/in/{SENDER}", SYSTEM, body, **{"ce-id": message_id, "ce-type": type_name})


def send(home: House, message_id: str, type_name: str, body: Any) -> dict[str, Any]:
    """The receipt of a message that came over the topic."""
    home.send(SENDER, message_id, type_name, body)
    home.settle()
    return [receipt for receipt in home.receipts(SENDER) if receipt["message_id"] == message_id][-1]


def line(home: House) -> list[dict[str, Any]]:
    """What a sender finds again who missed its answers."""
    receipts: list[dict[str, Any]] = home.get("/receipts", SYSTEM, limit=500).json()["receipts"]
    return receipts


def group(home: House, *changes: dict[str, Any]) -> dict[str, Any]:
    return {"entries": [attendance(home, **change) for change in changes]}


def code_of(answer: dict[str, Any]) -> str:
    return str(answer["codes"][0]["code"])


# --- a whole group ---


def test_a_groups_day_is_decided_client_by_client(home: House) -> None:
    entry = {name: attendance(home)[name] for name in ("client", "period_id", "day_status", "hours")}
    by_code = {**entry, "identity_code": CODE, "day_status": "absent_other", "hours": None}
    del by_code["client"]
    body = {
        "occurred_on": DAYS[1].isoformat(),
        "entries": [entry, {**entry, "day_status": "late"}, {**entry, "client": "stranger"}],
    }
    home.send(SENDER, "g-1", GROUP, body)
    home.settle()
    told = {receipt["message_id"]: receipt for receipt in home.receipts(SENDER) if receipt["message_id"][:3] == "g-1"}
    assert {name: receipt["status"] for name, receipt in told.items()} == {
        "g-1 1": "recorded",
        "g-1 2": "refused",
        "g-1 3": "refused",
        "g-1": "recorded",
    }
    assert told["g-1 2"]["codes"][0]["pointer"] == "/day_status"
    assert [part["status"] for part in told["g-1"]["parts"]] == ["recorded", "refused", "refused"]
    assert [code["pointer"] for code in told["g-1"]["codes"]] == ["/entries/1/day_status", "/entries/2/client"]
    assert told["g-1"]["number"] == told["g-1 3"]["number"] + 1
    head = home.wired.store.head()
    home.send(SENDER, "g-1", GROUP, body)
    home.wired.intake.step()
    assert home.wired.store.head() == head
    home.send(SENDER, "g-2", GROUP, {"occurred_on": "2025-03-27", "entries": [by_code]})
    home.send(SENDER, "g-3", GROUP, {"occurred_on": "2025-03-27"})
    home.settle()
    told = {receipt["message_id"]: receipt for receipt in home.receipts(SENDER)}
    assert told["g-2 1"]["status"] == "recorded"
    assert (told["g-3"]["status"], told["g-3"]["codes"][0]["pointer"]) == ("refused", "/entries")


def test_the_answer_to_a_group_is_found_again_and_is_the_same_at_every_door(home: House) -> None:
    posted = post(home, "g-1", GROUP, group(home, {}, {"hours": "x"}, {"client": ..., "identity_code": UNKNOWN_CODE})).json()
    entries = posted.pop("receipts")
    home.settle()
    assert [part["status"] for part in posted["parts"]] == ["recorded", "refused", "waiting"]
    on_topic = home.receipts(SENDER)[-4:]
    assert on_topic == [*entries, posted]
    assert line(home)[-4:] == on_topic


def test_a_group_sent_again_is_answered_the_same_by_whichever_way(home: House) -> None:
    body = group(home, {}, {"hours": "x"})
    first = post(home, "g-1", GROUP, body).json()
    home.settle()
    head = home.wired.store.head()
    again = post(home, "g-1", GROUP, orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
    event = {"specversion": "1.0", "id": "g-1", "type": GROUP, "data": body}
    other_mode = home.post(f"/in/{SENDER}", SYSTEM, event, **{"content-type": STRUCTURED}).json()
    on_topic = send(home, "g-1", GROUP, body)
    for answer in (again.json(), other_mode, on_topic):
        assert (answer["status"], answer["first"]) == ("already_recorded", "recorded")
        assert {name: answer[name] for name in ("number", "parts", "codes")}.items() <= first.items()
    assert again.status_code == 207
    assert home.wired.store.head() == head


@pytest.mark.parametrize("over", ["http", "kafka"])
def test_the_id_of_a_group_stands_for_its_content(over: str, home: House) -> None:
    def answered(message_id: str, type_name: str, body: Any) -> dict[str, Any]:
        if over == "kafka":
            return send(home, message_id, type_name, body)
        answer: dict[str, Any] = post(home, message_id, type_name, body).json()
        return answer

    assert answered("g-1", GROUP, group(home, {}))["status"] == "recorded"
    assert answered("s-1", SINGLE, attendance(home, hours="x"))["status"] == "refused"
    head = home.wired.store.head()
    later = {"occurred_on": DAYS[1].isoformat()}
    for message_id, type_name, body in (
        ("g-1", GROUP, group(home, later)),
        ("g-1", GROUP, group(home, {}, later)),
        ("g-1", GROUP, group(home, {"client": ..., "identity_code": UNKNOWN_CODE})),
        ("g-1", GROUP, {"entries": []}),
        ("g-1", SINGLE, attendance(home, **later)),
        ("g-1", "start_plan.v1", {}),
        ("s-1", GROUP, group(home, later)),
        ("s-1", GROUP, {"entries": []}),
    ):
        answer = answered(message_id, type_name, body)
        assert (answer["status"], code_of(answer)) == ("refused", "E_KEY_REUSED"), (message_id, type_name)
        assert "parts" not in answer
    assert home.wired.store.head() == head
    assert home.wired.vault.held() == []


def test_a_dry_run_says_of_a_used_id_what_it_would_be_answered(home: House) -> None:
    body = group(home, {}, {"hours": "x"})
    headers = {"ce-id": "g-1", "ce-type": GROUP}
    head = home.wired.store.head()
    dry = home.post(f"/in/{SENDER}?dry_run=true", SYSTEM, body, **headers)
    assert home.wired.store.head() == head
    real = home.post(f"/in/{SENDER}", SYSTEM, body, **headers)
    assert dry.status_code == real.status_code == 207
    for name in ("status", "parts", "codes"):
        assert dry.json()[name] == real.json()[name]
    assert home.post(f"/in/{SENDER}?dry_run=true", SYSTEM, body, **headers).json()["first"] == "recorded"
    other = home.post(f"/in/{SENDER}?dry_run=true", SYSTEM, group(home, {}), **headers).json()
    refused = home.post(f"/in/{SENDER}?dry_run=true", SYSTEM, {"entries": []}, **headers).json()
    assert [code_of(one) for one in (other, refused)] == ["E_KEY_REUSED"] * 2


def test_an_entry_has_an_id_that_no_message_can_have(home: House) -> None:
    assert send(home, "g-1", GROUP, group(home, {}))["status"] == "recorded"
    days = iter([{"occurred_on": day.isoformat()} for day in DAYS[1:]])
    # a single message, and a group's, whose ids look like that of an entry
    assert send(home, "g-1/1", SINGLE, attendance(home, **next(days)))["status"] == "recorded"
    assert send(home, "g-1/2", GROUP, group(home, next(days)))["status"] == "recorded"
    [entry] = [receipt for receipt in line(home) if receipt["message_id"] == "g-1/2 1"]
    assert entry["status"] == "recorded"
    home.send(SENDER, "g-1 1", SINGLE, attendance(home))
    home.settle()
    assert (home.receipts(SENDER)[-1]["status"], code_of(home.receipts(SENDER)[-1])) == ("quarantined", "E_ENVELOPE")


def test_the_longest_id_may_be_a_groups_too(home: House) -> None:
    longest = "g" * 80
    body = group(home, {}, {"client": ..., "identity_code": UNKNOWN_CODE})
    assert [part["status"] for part in send(home, longest, GROUP, body)["parts"]] == ["recorded", "waiting"]
    assert [held.message_id for held in home.wired.vault.held()] == [f"{longest} 2"]


def test_an_entry_that_waits_waits_once_however_often_its_group_comes(home: House) -> None:
    body = group(home, {}, {"client": ..., "identity_code": UNKNOWN_CODE, "occurred_on": DAYS[1].isoformat()})
    first = send(home, "g-1", GROUP, body)
    assert [part["status"] for part in first["parts"]] == ["recorded", "waiting"]
    again = send(home, "g-1", GROUP, body)
    assert [again[name] for name in ("parts", "number", "first")] == [first["parts"], first["number"], "recorded"]
    assert [held.message_id for held in home.wired.vault.held()] == ["g-1 2"]


def test_an_intake_that_dies_behind_a_group_does_not_decide_it_again(home: House) -> None:
    home.send(SENDER, "g-1", GROUP, group(home, {}, {"hours": "x"}))
    home.wired.intake.step()
    head = home.wired.store.head()
    another = Intake(home.wired.store, home.wired.broker, home.wired.receiving, wait=0)
    assert (another.step(), another.behind(), home.wired.store.head()) == (0, 0, head)
    another.close()


def test_a_mistake_of_ours_refuses_the_whole_group_and_the_line_goes_on(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("domain.store.deciding.batch.group_answered", lambda *_: 1 // 0)
        refused = send(home, "g-1", GROUP, group(home, {}, {"client": ..., "identity_code": UNKNOWN_CODE}))
    assert (refused["status"], code_of(refused), "parts" in refused) == ("refused", "E_INTERNAL", False)
    assert home.wired.vault.held() == []
    assert send(home, "g-2", GROUP, group(home, {}))["status"] == "recorded"
    assert [receipt["message_id"] for receipt in line(home)][-3:] == ["g-1", "g-2 1", "g-2"]


def test_a_group_whose_entries_an_older_version_recorded_is_not_recorded_again(home: House) -> None:
    """An entry's id was the group's with its number behind a slash, and the group had no answer of its own."""
    first = [send(home, f"g-1/{n}", SINGLE, attendance(home, day)) for n, day in enumerate(DAYS[:2], start=1)]
    facts = len(home.pathway.facts)
    answer = post(home, "g-1", GROUP, group(home, *({"occurred_on": day.isoformat()} for day in DAYS[:2]))).json()
    assert [part["status"] for part in answer["parts"]] == ["recorded", "recorded"]
    assert [entry["number"] for entry in answer["receipts"]] == [receipt["number"] for receipt in first]
    assert len(home.pathway.facts) == facts


def test_a_group_whose_entry_an_older_version_let_wait_does_not_let_it_wait_twice(home: House) -> None:
    waiting = attendance(home, client=..., identity_code=UNKNOWN_CODE)
    first = send(home, "g-1/1", SINGLE, waiting)
    assert first["status"] == "waiting"
    answer = post(home, "g-1", GROUP, {"entries": [waiting]}).json()
    [entry] = answer["receipts"]
    assert (entry["status"], entry["first"], entry["number"]) == ("already_recorded", "waiting", first["number"])
    assert [part["status"] for part in answer["parts"]] == ["waiting"]
    assert [held.message_id for held in home.wired.vault.held()] == ["g-1/1"]


# --- every message ---


def test_of_every_type_the_same_is_answered_the_same_and_anything_else_is_refused(home: House) -> None:
    asked = set()
    for recipient in list(home.wired.store.directory.recipients.values()):
        system = Caller(recipient.org, recipient.task, "system", "system")

        def answered(name: str, type_name: str, body: Any, by: Caller = system, to: str = recipient.short_name) -> Any:
            return home.post(f"/in/{to}", by, body, **{"ce-id": name, "ce-type": type_name}).json()

        types = sorted(message_types(kinds().of(recipient)))
        for n, type_name in enumerate(types):
            name, other_type = f"t-{n}", types[n - 1] if len(types) > 1 else "other.v1"
            body = {"client": home.name(recipient.short_name), "unknown": n}
            first = answered(name, type_name, body)
            head = home.wired.store.head()
            assert answered(name, type_name, body)["first"] == first["status"] == "refused"
            assert code_of(answered(name, type_name, {**body, "unknown": "x"})) == "E_KEY_REUSED", type_name
            assert code_of(answered(name, other_type, body)) == "E_KEY_REUSED", type_name
            assert home.wired.store.head() == head
            asked.add(type_name)
    assert asked == {name for kind in kinds() for name in message_types(kind)}


def test_what_was_refused_is_answered_the_same_when_it_could_be_recorded_by_now(home: House) -> None:
    later = attendance(home, DAYS[1])
    early = {
        "client": home.name(SENDER),
        "target_event_id": "message:later",
        "correction_reason": "wrong_entry",
        "new_values": {"hours": 4},
    }
    path, body = f"/clients/{home.name(SENDER)}/corrections", {name: early[name] for name in early if name != "client"}
    refused = home.post(path, INSTRUCTOR, body, key="early")
    assert (refused.status_code, code_of(refused.json())) == (409, "E_TARGET")  # domain/pathway.md 4.4 row 45
    assert send(home, "later", SINGLE, later)["status"] == "recorded"
    again = home.post(path, INSTRUCTOR, body, key="early")
    assert (again.status_code, again.json()["number"]) == (refused.status_code, refused.json()["number"])
    assert home.post(path, INSTRUCTOR, body, key="now").status_code == 201


def test_what_was_recorded_is_answered_the_same_when_it_could_not_be_read_any_more(home: House) -> None:
    # given messages that were recorded and refused, by the client's identity code and by names
    by_code = attendance(home, client=..., identity_code=CODE)
    wrong = attendance(home, DAYS[1], client=..., identity_code=CODE, hours=30)
    messages = {"m-1": by_code, "m-2": wrong, "m-3": attendance(home, DAYS[1])}
    first = {name: post(home, name, SINGLE, body).json() for name, body in messages.items()}
    whole = post(home, "g-1", GROUP, {"entries": [{**by_code, "occurred_on": DAYS[2].isoformat()}]}).json()
    assert [one["status"] for one in (*first.values(), whole)] == ["recorded", "refused", "recorded", "recorded"]
    # when his code has changed, and his matter is destroyed
    changed = {"identity_code": UNKNOWN_CODE, "identity_code_change": "corrected"}
    answer = home.post(f"/clients/{home.name('county')}/details", INTAKE, changed)
    assert answer.status_code == 201, answer.text
    home.wired.keys.destroy(next(iter(home.pathway.cases.values())).opened.matter)
    home.settle()
    head = home.wired.store.head()
    # then the same is answered the same, at both doors
    for name, body in messages.items():
        for again in (post(home, name, SINGLE, body).json(), send(home, name, SINGLE, body)):
            assert (again["status"], again["first"]) == ("already_recorded", first[name]["status"]), name
            assert again["number"] == first[name]["number"]
    again = post(home, "g-1", GROUP, {"entries": [{**by_code, "occurred_on": DAYS[2].isoformat()}]}).json()
    assert [again[name] for name in ("first", "number", "parts")] == ["recorded", whole["number"], whole["parts"]]
    # and anything else is refused
    assert code_of(post(home, "m-1", SINGLE, {**by_code, "hours": 4}).json()) == "E_KEY_REUSED"
    assert home.wired.store.head() == head
    assert home.wired.vault.held() == []


def test_the_key_of_a_refused_command_stands_for_its_client_too(home: House) -> None:
    bea = home.post("/clients", INTAKE, {"identity_kind": "none", "registered_from": "own_contact", "family_name": "Malli"})
    home.settle()
    paths = [f"/clients/{name}/received-referrals" for name in (home.name("county"), bea.json()["references"]["client"])]
    first, other = (home.post(path, INTAKE, {"received_via": "pigeon"}, key="one-key") for path in paths)
    assert "E_KEY_REUSED" not in first.text
    assert code_of(other.json()) == "E_KEY_REUSED"


def test_nothing_else_comes_under_the_id_of_what_waits(home: House) -> None:
    waiting = attendance(home, client=..., identity_code=UNKNOWN_CODE)
    assert send(home, "w-1", SINGLE, waiting)["status"] == "waiting"
    head = home.wired.store.head()
    for body in (attendance(home), attendance(home, hours="x"), {**waiting, "hours": 4}):
        answer = send(home, "w-1", SINGLE, body)
        assert (answer["status"], code_of(answer)) == ("refused", "E_KEY_REUSED")
    assert home.wired.store.head() == head
    assert [held.message_id for held in home.wired.vault.held()] == ["w-1"]
    assert send(home, "w-1", SINGLE, waiting)["first"] == "waiting"


def test_what_waits_is_not_lost_where_a_person_uses_its_id_as_a_key(home: House) -> None:
    """design D13: a key belongs to the person who uses it, a message's id to the sender."""
    waiting = attendance(home, client=..., identity_code=UNKNOWN_CODE)
    assert send(home, "w-1", SINGLE, waiting)["status"] == "waiting"
    own = attendance(home, client=...)
    assert home.post(f"/clients/{home.name(SENDER)}/attendance", INSTRUCTOR, own, key="w-1").status_code == 201
    home.settle()
    # then what is the same waits, anything else is refused, and neither takes what waits away
    assert send(home, "w-1", SINGLE, waiting)["first"] == "waiting"
    assert code_of(send(home, "w-1", SINGLE, {**waiting, "hours": 4})) == "E_KEY_REUSED"
    assert [held.message_id for held in home.wired.vault.held()] == ["w-1"]
    # and it gets its own last answer
    home.on(DAYS[-1] + timedelta(days=8))
    home.settle()
    final = [receipt for receipt in line(home) if receipt["message_id"] == "w-1"][-1]
    assert (final["status"], code_of(final)) == ("refused", "E_WAITING_EXPIRED")
