"""Bodies and messages become commands; what is wrong with them is told at once, each with its place."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from free_texts import is_free_text
from json_schema import faults
from pydantic import AliasChoices, Field

from domain import message_fields
from domain.chapters.attendance.decisions import RecordAttendance
from domain.chapters.guards import no_diagnosis
from domain.directory import Recipient
from domain.disclosure.kinds import Kind
from domain.disclosure.pseudonyms import Pseudonyms, UnknownPseudonym
from domain.envelopes import Incoming
from domain.events import CommandRefused, RefusalCode
from domain.identifiers import synthetic_identity_code
from domain.json_gate import LONGEST_POINTER
from domain.message_schemas import body_schema, message_schema
from domain.messages import GROUP, Begun, HeldReason, NoNames, Waits, message_types, of_group, wish_of_body, wish_of_message
from domain.receipts import answer_of_refusal
from domain.refusals import Reason, Refused
from domain.rulebook import COMMANDS
from domain.store.deciding.kept_answers import answer_of, kept
from domain.store.receiving.asked import Refusal, asked_by
from domain.store.tables.recorders import AnswerRow
from projections.kinds import kinds

PATHWAY = Path(__file__).resolve().parents[2] / "docs/domain/pathway.md"
CLIENT = "a" * 32
PERIOD = "b" * 32
PLACEMENT = "c" * 32
FACT = "d" * 32
KNOWN_CODE = synthetic_identity_code(date(1998, 5, 14), 903)
UNKNOWN_CODE = synthetic_identity_code(date(1990, 1, 1), 904)


class Names:
    """The names of one provider."""

    def __init__(self) -> None:
        self.pseudonyms = Pseudonyms(b"k" * 64)
        self.begun: dict[str, Begun | HeldReason | None] = {}

    def part(self, pseudonym: str) -> str | None:
        try:
            return self.pseudonyms.reference(pseudonym)
        except UnknownPseudonym:
            return None

    def event(self, publication_id: str, client: str | None) -> str | None:
        return FACT if (publication_id, client) == ("e" * 32, CLIENT) else None

    def begun_by(self, message_id: str) -> Begun | HeldReason | None:
        return self.begun.get(message_id)

    def client(self, identity_code: str) -> str | None:
        return CLIENT if identity_code == KNOWN_CODE else None


@pytest.fixture
def names() -> Names:
    return Names()


def attendance(names: Names, **changes: Any) -> dict[str, Any]:
    body = {
        "client": names.pseudonyms.of(CLIENT),
        "occurred_on": "2025-03-18",
        "period_id": names.pseudonyms.of(PERIOD),
        "account": "provider",
        "day_status": "present",
        "hours": 5,
    }
    return {name: value for name, value in (body | changes).items() if value is not ...}


def refusals(kind: str, body: dict[str, Any], names: Names) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as refused:
        wish_of_message(COMMANDS[kind], body, names)
    return [(reason.code, reason.pointer) for reason in refused.value.codes]


def test_a_message_becomes_a_command_with_raw_references(names: Names) -> None:
    wish = wish_of_message(COMMANDS["record_attendance"], attendance(names), names)
    assert wish.client == CLIENT
    assert wish.command.period_id == PERIOD  # type: ignore[attr-defined]
    assert wish.command.occurred_on == date(2025, 3, 18)


def test_a_client_may_be_named_by_identity_code(names: Names) -> None:
    body = attendance(names, client=..., identity_code=KNOWN_CODE)
    assert wish_of_message(COMMANDS["record_attendance"], body, names).client == CLIENT


def test_a_message_about_somebody_unknown_waits(names: Names) -> None:
    with pytest.raises(Waits) as waits:
        wish_of_message(COMMANDS["record_attendance"], attendance(names, client=..., identity_code=UNKNOWN_CODE), names)
    assert waits.value.reason == "subject_unresolved"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"client": ...}, [("E_FIELD_MISSING", "/client")]),
        ({"identity_code": KNOWN_CODE}, [("E_FIELD_NOT_ALLOWED", "/identity_code")]),
        ({"client": ..., "identity_code": "140598-903X"}, [("E_IDENTITY_CODE", "/identity_code")]),
        ({"client": "someone"}, [("E_UNKNOWN_REFERENCE", "/client")]),
        ({"client": 7}, [("E_FIELD_TYPE", "/client")]),
        ({"period_id": PERIOD}, [("E_UNKNOWN_REFERENCE", "/period_id")]),
        ({"period_id": 7}, [("E_FIELD_TYPE", "/period_id")]),
        ({"diagnosis": "F32"}, [("E_FIELD_NOT_ALLOWED", "/diagnosis")]),
        ({"day_status": "ill"}, [("E_CODE", "/day_status")]),
        ({"day_status": "F32.1"}, [("E_HEALTH_CONTENT", "/day_status")]),
        ({"day_status": ...}, [("E_FIELD_MISSING", "/day_status")]),
        ({"hours": "five"}, [("E_FIELD_TYPE", "/hours")]),
        ({"hours": 25}, [("E_FIELD_TYPE", "/hours")]),
        ({"occurred_on": 20250318}, [("E_FIELD_TYPE", "/occurred_on")]),
        ({"occurred_on": "2025-02-30"}, [("E_FIELD_TYPE", "/occurred_on")]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    changes: dict[str, Any], expected: list[tuple[str, str]], names: Names
) -> None:
    assert refusals("record_attendance", attendance(names, **changes), names) == expected


def test_everything_wrong_with_a_body_is_told_at_once(names: Names) -> None:
    body = attendance(names, day_status="ill", hours="five", period_id="nothing", more=1)
    assert sorted(refusals("record_attendance", body, names)) == [
        ("E_CODE", "/day_status"),
        ("E_FIELD_NOT_ALLOWED", "/more"),
        ("E_FIELD_TYPE", "/hours"),
        ("E_UNKNOWN_REFERENCE", "/period_id"),
    ]


def test_places_inside_lists_are_right(names: Names) -> None:
    body = {
        "client": names.pseudonyms.of(CLIENT),
        "plan_id": names.pseudonyms.of(PERIOD),
        "includes_kuty": True,
        "schedule": [{"weekday": 1, "hours": 5}, {"weekday": 9, "hours": 5, "room": "2"}],
        "measures": ["social_services", "gardening"],
    }
    assert sorted(refusals("draft_plan", body, names)) == [
        ("E_CODE", "/measures/1"),
        ("E_FIELD_NOT_ALLOWED", "/schedule/1/room"),
        ("E_FIELD_TYPE", "/schedule/1/weekday"),
    ]


def test_a_strange_name_is_a_short_pointer(names: Names) -> None:
    found = refusals("record_attendance", attendance(names, **{"a/b~" + "x" * 500: 1}), names)
    assert found[0][0] == "E_FIELD_NOT_ALLOWED"
    assert found[0][1].startswith("/a~1b~0xx")
    assert len(found[0][1]) == 200


def test_an_event_is_named_by_the_senders_own_publication(names: Names) -> None:
    body = {
        "client": names.pseudonyms.of(CLIENT),
        "target_event_id": "e" * 32,
        "correction_reason": "wrong_entry",
        "new_values": {"day_status": "absent_own_sickness", "hours": None},
    }
    wish = wish_of_message(COMMANDS["correct_fact"], body, names)
    assert wish.command.target_event_id == FACT  # type: ignore[attr-defined]
    assert refusals("correct_fact", body | {"target_event_id": "f" * 32}, names) == [
        ("E_TARGET", "/target_event_id")
    ]


def test_references_in_new_values_are_names_too(names: Names) -> None:
    body = {
        "client": names.pseudonyms.of(CLIENT),
        "target_event_id": "e" * 32,
        "correction_reason": "wrong_entry",
        "new_values": {"placement_id": names.pseudonyms.of(PLACEMENT)},
    }
    wish = wish_of_message(COMMANDS["correct_fact"], body, names)
    assert wish.command.new_values == {"placement_id": PLACEMENT}  # type: ignore[attr-defined]
    body["new_values"] = {"placement_id": PLACEMENT}
    assert refusals("correct_fact", body, names) == [("E_UNKNOWN_REFERENCE", "/new_values/placement_id")]


def test_a_part_may_be_named_by_the_message_that_began_it(names: Names) -> None:
    names.begun["m-1"] = Begun({"period_id": PERIOD, "case_id": "f" * 32}, FACT)
    body = attendance(names, period_id="message:m-1")
    assert wish_of_message(COMMANDS["record_attendance"], body, names).command.period_id == PERIOD  # type: ignore[attr-defined]


@pytest.mark.parametrize("reason", ["waits_for_reference", "waits_for_earlier"])
def test_a_message_waits_for_the_one_it_names(reason: HeldReason, names: Names) -> None:
    names.begun["m-1"] = reason
    with pytest.raises(Waits) as waits:
        wish_of_message(COMMANDS["record_attendance"], attendance(names, period_id="message:m-1"), names)
    assert waits.value.reason == reason


@pytest.mark.parametrize("message_id", ["", "x" * 81, "a b", "ä", "g-1 0", "g-1 1 1"])
def test_nobody_waits_for_a_message_that_cannot_come(message_id: str, names: Names) -> None:
    # integration.md 2: an id has 1 to 80 ASCII characters without a blank; an entry's ends with its number
    names.begun[message_id] = "waits_for_reference"
    body = attendance(names, period_id=f"message:{message_id}")
    assert refusals("record_attendance", body, names) == [("E_UNKNOWN_REFERENCE", "/period_id")]


def test_an_entry_of_a_groups_message_is_waited_for(names: Names) -> None:
    names.begun["g-1 12"] = "waits_for_reference"
    with pytest.raises(Waits):
        wish_of_message(COMMANDS["record_attendance"], attendance(names, period_id="message:g-1 12"), names)


def test_a_wrong_message_does_not_wait(names: Names) -> None:
    names.begun["m-1"] = "waits_for_reference"
    body = attendance(names, period_id="message:m-1", day_status="ill")
    assert refusals("record_attendance", body, names) == [("E_CODE", "/day_status")]


def test_a_message_that_was_refused_began_nothing(names: Names) -> None:
    assert refusals("record_attendance", attendance(names, period_id="message:m-2"), names) == [
        ("E_UNKNOWN_REFERENCE", "/period_id")
    ]


def test_the_route_names_the_client_of_a_workers_body(names: Names) -> None:
    body = attendance(names)
    with pytest.raises(Refused, match="E_FIELD_NOT_ALLOWED"):
        wish_of_body(COMMANDS["record_attendance"], body, CLIENT, names)
    del body["client"]
    assert wish_of_body(COMMANDS["record_attendance"], body, CLIENT, names).client == CLIENT


@pytest.mark.parametrize("reason", ["waits_for_reference", "waits_for_earlier", None])
def test_a_worker_who_names_a_message_that_is_not_there_is_told_where(reason: HeldReason | None, names: Names) -> None:
    # 4.9, row 45: every name never given is answered at its place, with whatever else is wrong
    names.begun["m-1"] = reason
    body = {"period_id": "message:m-1", "day_status": "ill"}
    with pytest.raises(Refused) as refused:
        wish_of_body(COMMANDS["record_attendance"], body, CLIENT, names)
    told = {(reason.code, reason.pointer) for reason in refused.value.codes}
    assert told == {("E_UNKNOWN_REFERENCE", "/period_id"), ("E_CODE", "/day_status")}
    body = {"target_event_id": "message:m-1", "correction_reason": "wrong_entry", "new_values": {"hours": 4}}
    with pytest.raises(Refused) as refused:
        wish_of_body(COMMANDS["correct_fact"], body, CLIENT, names)
    assert [(reason.code, reason.pointer) for reason in refused.value.codes] == [("E_TARGET", "/target_event_id")]


def test_of_a_body_with_too_long_a_list_nobody_is_asked_what_it_names(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(names, "begun_by", asked.append)
    body = {"target_event_id": "message:m-1", "further": [{"target_event_id": "message:m-1"}] * 401}
    told = refusals("correct_fact", {"client": attendance(names)["client"], **body}, names)
    assert (told, asked) == ([("E_TOO_LARGE", "/further")], [])


def test_what_a_message_began_is_asked_once_for_a_body(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(names, "begun_by", asked.append)
    body = {"target_event_id": "message:m-1", "further": [{"target_event_id": f"message:m-{n % 2}"} for n in range(400)]}
    with pytest.raises(Refused):
        wish_of_body(COMMANDS["correct_fact"], body, CLIENT, names)
    assert asked == ["m-1", "m-0"]


def test_what_a_group_says_once_need_not_be_in_its_entries_though_the_field_had_another_name_before() -> None:
    """source: integration.md 2"""

    class Renamed(RecordAttendance):
        day_status: str = Field(validation_alias=AliasChoices("day_status", "status_of_day"))  # type: ignore[assignment]

    kind = replace(COMMANDS["record_attendance"], command=Renamed)
    names = ("day_status", "status_of_day")
    assert message_schema("record_attendance.v1", kind)["anyOf"] == [{"required": [name]} for name in names]
    group = message_schema(f"{GROUP}.v1", kind)
    for name in names:
        value = {"occurred_on": "2025-03-18", name: "present", "entries": [{"client": "x", "hours": 4}]}
        assert faults(value, group) == []


@pytest.mark.parametrize("name", ["client", "identity_code"])
@pytest.mark.parametrize("beside", ["", "name", "period_id day_status", "name period_id day_status hours"])
def test_whatever_of_a_group_is_said_once_fits_the_schema_as_each_of_its_days_does(name: str, beside: str) -> None:
    """source: integration.md 2"""
    single, group = (message_schema(f"{one}.v1", COMMANDS["record_attendance"]) for one in ("record_attendance", GROUP))
    day = {name: "x", "period_id": "p", "day_status": "present", "hours": 4}
    once = {field: value for field, value in day.items() if field in beside.replace("name", name).split()}
    own = {field: value for field, value in day.items() if field not in once}
    body = {**once, "entries": [{"occurred_on": f"2025-03-{n}", **own} for n in (24, 25)]}
    assert [faults(entry, single) for _, entry in of_group(body)] == [[], []]
    assert faults(body, group) == []
    assert faults({**body, "entries": [*body["entries"], {**day, "hours": 5}]}, group) == []  # said again, or otherwise


@pytest.mark.parametrize("entries", [[], [{}] * 101])
def test_as_many_entries_as_the_ledger_takes_fit_the_schema_of_a_group(entries: list[dict[str, Any]]) -> None:
    assert faults({"entries": entries}, message_schema(f"{GROUP}.v1", COMMANDS["record_attendance"])) != []
    with pytest.raises(Refused):
        of_group({"entries": entries})


def test_a_group_has_at_most_a_hundred_entries() -> None:
    assert len(of_group({"entries": [{}] * 100})) == 100
    with pytest.raises(Refused) as refused:
        of_group({"entries": [{}] * 101})
    assert [(reason.code, reason.pointer) for reason in refused.value.codes] == [("E_TOO_LARGE", "/entries")]


def test_a_group_is_many_single_days() -> None:
    body = {"occurred_on": "2025-03-18", "account": "provider", "entries": [{"client": "x"}, {"client": "y", "hours": 4}]}
    assert of_group(body) == [
        (1, {"occurred_on": "2025-03-18", "account": "provider", "client": "x"}),
        (2, {"occurred_on": "2025-03-18", "account": "provider", "client": "y", "hours": 4}),
    ]


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "E_FIELD_MISSING", "/entries"),
        ({"entries": []}, "E_FIELD_TYPE", "/entries"),
        ({"entries": [{}, 1]}, "E_FIELD_TYPE", "/entries/1"),
        ({"entries": [{}], "note/book": "for all"}, "E_FIELD_NOT_ALLOWED", "/note~1book"),
    ],
)
def test_a_group_needs_its_entries(body: dict[str, Any], code: str, pointer: str) -> None:
    with pytest.raises(Refused) as refused:
        of_group(body)
    assert [(reason.code, reason.pointer) for reason in refused.value.codes] == [(code, pointer)]


def test_each_kind_of_recipient_sends_its_own_types() -> None:
    provider, payer = message_types(kinds()["PR"]), message_types(kinds()["KB"])
    assert {"record_attendance.v1", "record_group_attendance.v1", "accept_placement.v1"} <= provider.keys()
    assert "record_group_attendance.v1" not in payer
    assert "start_plan.v1" not in provider
    assert "submit_referral.v1" in message_types(kinds()["RF"])
    assert "submit_referral.v1" not in message_types(kinds()["EA"])


FREE_TEXTS = [
    (kind.name, name)
    for kind in COMMANDS.values()
    if kind.target == "client"
    for name, found in kind.command.model_fields.items()
    if is_free_text(found) and name != "needs"
]


@pytest.mark.parametrize(("command", "name"), FREE_TEXTS)
@pytest.mark.parametrize("text", ["todettu F32.1", "Masennuksen takia", "has schizophrenia"])
def test_every_free_text_of_a_command_is_looked_at_along_with_what_else_is_wrong(
    command: str, name: str, text: str, names: Names
) -> None:
    # domain/vocabulary.md 1.7 N5, domain/events.md 11.21
    with pytest.raises(Refused) as refused:
        wish_of_body(COMMANDS[command], {name: text, "more": 1}, CLIENT, names)
    told = [(reason.code, reason.pointer) for reason in refused.value.codes]
    assert ("E_HEALTH_CONTENT", f"/{name}") in told
    assert ("E_FIELD_NOT_ALLOWED", "/more") in told


@pytest.mark.parametrize(("command", "name"), FREE_TEXTS)
def test_a_decision_looks_at_the_same_texts_whichever_way_a_command_comes(command: str, name: str) -> None:
    with pytest.raises(Refused) as refused:
        no_diagnosis(COMMANDS[command].command.model_construct(**{name: "todettu F32.1"}))
    assert [(reason.code, reason.pointer) for reason in refused.value.codes] == [("E_HEALTH_CONTENT", f"/{name}")]


def test_there_is_free_text_in_commands() -> None:
    assert {name for _, name in FREE_TEXTS} == {"goal", "support", "reasons", "site_needs", "source_note", "service_note"}


@pytest.mark.parametrize("name", ["goal", "support", "reasons", "site_needs", "source_note", "service_note"])
def test_the_new_value_of_a_text_is_looked_at_too(name: str, names: Names) -> None:
    body = {
        "client": names.pseudonyms.of(CLIENT),
        "target_event_id": "e" * 32,
        "correction_reason": "wrong_entry",
        "new_values": {name: "F32.1 huomioitava"},
    }
    assert refusals("correct_fact", body, names) == [("E_HEALTH_CONTENT", f"/new_values/{name}")]


def types_of_the_reference() -> dict[str, frozenset[str]]:
    """By message type, the tasks that may send it, as the table of domain/pathway.md 4.8 names them."""
    chapter = PATHWAY.read_text(encoding="utf-8").split("### 4.8 Inbound message types")[1].split("\n### ")[0]
    every = {kind.task for kind in kinds()}
    found: dict[str, frozenset[str]] = {}
    for line in chapter.splitlines():
        if line.startswith("| `"):
            named, rows, who = (cell.strip() for cell in line.strip("|").split("|"))
            types = re.findall(r"`(\w+\.v1)`", named)
            of_row = dict(zip(types, rows.split(", "), strict=False))
            whose, *also = who.split("; ")
            for type_name in types:
                spoken = " ".join([whose, *(more for more in also if more.split()[0] == of_row.get(type_name))])
                # "27 for the client's account": that is an account of one client, never of a group.
                found[type_name] = frozenset(
                    task for task in every if whose.startswith("any") or re.search(rf"\b{task}\b", spoken)
                )
    return found


@pytest.mark.parametrize("sender", list(kinds()), ids=lambda sender: sender.name)
def test_a_type_of_another_task_is_not_entitled_and_one_that_nobody_has_is_not_known(sender: Kind) -> None:
    reference = types_of_the_reference()
    built = {name: tasks for name, tasks in reference.items() if name.removesuffix(".v1") in {*COMMANDS, GROUP}}
    sent = {name for kind in kinds() for name in message_types(kind)}
    assert sent == built.keys()
    recipient = Recipient("short", "org", sender.task, date(2025, 1, 1))
    not_types = {"issue_decision.v1", "close_case.v1", "record_attendance.v2", "record_attendance", "nothing.v1"}
    for type_name in [*reference, *not_types]:
        [asked] = asked_by(Incoming(recipient, "m-1", type_name, b"{}"), sender, sent, lambda _: NoNames())
        assert isinstance(asked.what, Refusal)
        said = {reason.code for reason in asked.what.reasons} & {"E_NOT_ENTITLED", "E_UNKNOWN_COMMAND"}
        if type_name not in built:
            assert said == {"E_UNKNOWN_COMMAND"}, type_name
        else:
            assert said == (set() if sender.task in built[type_name] and sender.sends else {"E_NOT_ENTITLED"}), type_name


def test_every_command_has_a_schema_in_the_callers_words() -> None:
    for kind in COMMANDS.values():
        assert "[0-9a-f]{32}" not in str(body_schema(kind))
        assert "$ref" not in str(body_schema(kind))
    for type_name, kind in message_types(kinds()["PR"]).items():
        assert "client" in str(message_schema(type_name, kind))


@pytest.mark.parametrize(
    ("command", "body", "told"),
    [
        ("record_attendance", {"account": "x", "day_status": "x"}, ["/period_id", "/account", "/day_status"]),
        ("record_exit", {"exit_kind": "F32.1", "from_on": "x"}, ["/exit_kind", "/from_on"]),
        (
            "issue_decision",
            {"max_days_per_week": 9, "less_than_asked": "x"},
            ["/outcome", "/less_than_asked", "/max_days_per_week"],
        ),
        (
            "submit_referral",
            {"needs": 1, "identity_named": 1, "consent_id": 1},
            ["/source", "/identity_named", "/consent_id", "/needs"],
        ),
    ],
)
def test_what_is_wrong_is_told_in_the_order_of_the_commands_own_fields(
    names: Names, command: str, body: dict[str, Any], told: list[str]
) -> None:
    with pytest.raises(Refused) as refused:
        wish_of_body(COMMANDS[command], body, CLIENT, names)
    pointers = [reason.pointer for reason in refused.value.codes]
    assert [pointer for pointer in pointers if pointer in told] == told


def test_a_refusal_that_was_recorded_with_more_codes_is_read_and_answered_with_fifty() -> None:
    # What was recorded before there was a bound still loads; its answer is bounded (domain/pathway.md 4.9).
    codes = tuple(RefusalCode(code="E_FIELD_NOT_ALLOWED", pointer=f"/k{n}") for n in range(26_003))
    recorded = CommandRefused(command="record_attendance.v1", codes=codes, content_mac="f" * 64)
    assert CommandRefused.model_validate_json(recorded.model_dump_json()) == recorded
    answer = answer_of_refusal(recorded)
    assert (len(answer.codes), answer.more) == (50, 25_953)
    whole = kept(replace(answer, codes=tuple(map(reason, codes)), more=0))
    many = AnswerRow("o", "t", "m", True, "f" * 64, 1, "refused", 1, whole, "")
    assert (len(answer_of(many).codes), answer_of(many).more) == (50, 25_953)


def test_a_long_name_is_not_written_again_for_each_list_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    written, look = [], message_fields._too_long

    def noted(value: Any, pointer: str) -> Any:
        written.append(len(pointer))
        return look(value, pointer)

    monkeypatch.setattr(message_fields, "_too_long", noted)
    [told] = message_fields.too_long_lists({"a" * 125_000: [[[]] * 400] * 100 + [[0] * 401]})
    assert (told.code, len(told.pointer)) == ("E_TOO_LARGE", LONGEST_POINTER)
    assert (len(written) > 40_000, max(written)) == (True, LONGEST_POINTER)


def reason(code: RefusalCode) -> Reason:
    return Reason(code.code, code.pointer)
