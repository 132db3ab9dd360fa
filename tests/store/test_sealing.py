"""Bodies sealed by data class: what is written comes back, and nothing that was touched does."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from store.small_ledger import Ground

from domain import catalogue
from domain import events as e
from domain.record import Damaged, Header, Record, bound_bytes, digest, read_record, state_bytes
from domain.store import Keys, Sealer, field_classes
from domain.store.sealed.field_classes import section_bytes, split
from domain.store.sealed.sealing import _bound_before
from domain.vocabulary import Ref, Routing, Unclassified

REF = "ab" * 16
PLAN = e.PlanDrafted(
    case_id=REF, plan_id=REF, plan_version=1, includes_kuty=True, kuty_from_on=date(2025, 1, 7), goal="A rhythm of days",
    schedule=(e.ScheduleEntry(weekday=1, hours=4.5, start_time="09:00"), e.ScheduleEntry(weekday=3, hours=4)),
)  # fmt: skip


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    ground = Ground("sqlite", str(tmp_path))
    ground.migrate()
    return ground.keys()


@pytest.fixture
def sealer(keys: Keys) -> Sealer:
    return Sealer(keys)


def sealed(sealer: Sealer, keys: Keys, event: e.Event, target_type: str | None = None, stream: str = REF) -> Record:
    """A record of the event as first of its stream, in the matter `m`."""
    key = keys.create(["m"])["m/1"]
    header = Header(
        event_id=REF, type=catalogue.type_of(event), ledger="l", stream=stream, stream_version=1, matter="m",
        occurred_on=date(2025, 1, 7), recorded_at=datetime(2025, 1, 7, tzinfo=UTC),
        command_id="c", actor_org="o", actor_task="t", actor_role="r", actor_person="p", purpose="service",
        ruleset_version="1", directory_version="0", key_id="m/1", section_digests={}, previous_hash="",
    )  # fmt: skip
    sections = sealer.seal(event, bound_bytes(header.to_bytes()), "m/1", key, target_type=target_type)
    header = msgspec.structs.replace(header, section_digests={name: digest(text) for name, text in sections.items()})
    return read_record(Record(header, header.to_bytes(), sections).state, 1, 1)


def test_every_field_is_sealed_under_its_class_and_comes_back(sealer: Sealer, keys: Keys) -> None:
    record = sealed(sealer, keys, PLAN)
    assert set(record.sections) == {"A", "D", "E", "J"}
    assert sealer.open(record) == PLAN


def test_every_field_of_every_event_has_one_class() -> None:
    for cls in catalogue.EVENTS.values():
        plan = field_classes(cls)
        assert set(plan.letters) | ({plan.carried} - {None}) == set(cls.model_fields)


def test_a_publication_is_sealed_by_the_classes_that_it_names(sealer: Sealer, keys: Keys) -> None:
    publication = {
        "type": "attendance.recorded.v1", "kind": "revised", "source": "county", "subject": "x", "replaces": "y",
        "client": {"family_name": "Virtanen", "phone": "040 1234567"},
        "body": {"day_status": "present", "period_id": "z", "hours": None},
        "classes": {"client.family_name": "B", "client.phone": "C", "body.day_status": "E", "body.period_id": "A",
                    "body.hours": "E"},
    }  # fmt: skip
    event = e.DisclosureWithdrawn(
        publication_id=REF, source_event_id=REF, commitment="c", commitment_salt="s", legal_basis="LB-189-PLAN",
        previous_publication_hash="h", withdraws_publication_id=REF, withdrawal_ground="annulled", publication=publication,
    )  # fmt: skip
    record = sealed(sealer, keys, event)
    assert set(record.sections) == {"A", "B", "C", "E"}
    assert sealer.open(record) == event


def test_a_field_of_a_publication_without_a_class_is_not_sealed(sealer: Sealer, keys: Keys) -> None:
    publication = {"client": {}, "body": {"day_status": "present"}, "classes": {}}
    event = e.DisclosureWithdrawn(
        publication_id=REF, source_event_id=REF, commitment="c", commitment_salt="s", legal_basis="LB-189-PLAN",
        previous_publication_hash="h", withdraws_publication_id=REF, withdrawal_ground="annulled", publication=publication,
    )  # fmt: skip
    with pytest.raises(Unclassified):
        sealed(sealer, keys, event)


def test_new_values_keep_the_classes_of_the_fact_they_correct(sealer: Sealer, keys: Keys) -> None:
    event = e.FactCorrected(
        target_event_id=REF,
        correction_reason="wrong_entry",
        new_values={"goal": None, "includes_kuty": True, "plan_id": REF},
    )
    record = sealed(sealer, keys, event, "plan.drafted.v1")
    assert set(record.sections) == {"A", "D", "J"}
    assert sealer.open(record) == event
    nothing_new = e.FactCorrected(target_event_id=REF, correction_reason="wrong_entry", new_values={})
    assert sealer.open(sealed(sealer, keys, nothing_new, "plan.drafted.v1")) == nothing_new
    with pytest.raises(Unclassified):
        sealed(sealer, keys, e.FactCorrected(target_event_id=REF, correction_reason="wrong_entry", new_values={"x": 1}),
               "plan.drafted.v1")  # fmt: skip
    with pytest.raises(Unclassified):
        sealed(sealer, keys, event)


def test_a_section_with_one_bit_changed_is_damaged(sealer: Sealer, keys: Keys) -> None:
    record = sealed(sealer, keys, PLAN)
    text = record.sections["J"]
    bent = dataclasses.replace(record, sections={**record.sections, "J": text[:-1] + bytes([text[-1] ^ 1])})
    with pytest.raises(Damaged, match="J"):
        sealer.open(bent)
    with pytest.raises(Damaged, match="digest"):
        read_record(state_bytes(bent.header_bytes, bent.sections), 1, 1)


@pytest.mark.parametrize(
    "bent",
    [
        lambda lengths, content: (b"", b""),
        lambda lengths, content: (lengths, content + b"x"),
        lambda lengths, content: (lengths, content[:-1]),
        lambda lengths, content: (lengths.replace(b",", b", "), content),
        lambda lengths, content: (lengths.replace(b"[", b"[0"), content),
        lambda lengths, content: (lengths.replace(b"]", b",0]"), content),
        lambda lengths, content: (b"[%d]" % len(content), content),
        lambda lengths, content: (b"[-1,1,1,%d]" % (len(content) - 1), content),
        lambda lengths, content: (b"[true,true,1,%d]" % (len(content) - 3), content),
        lambda lengths, content: (b"[[],[],[],[]]", content),
        lambda lengths, content: (b'"four"', content),
        lambda lengths, content: (b"7", content),
    ],
)
def test_a_record_has_one_form(sealer: Sealer, keys: Keys, bent: Any) -> None:
    """Whoever writes its lengths otherwise, or something behind its sections, has another record, which is none."""
    header, lengths, content = sealed(sealer, keys, PLAN).state.split(b"\n", 2)
    assert read_record(b"\n".join((header, lengths, content)), 1, 1)
    with pytest.raises(Damaged):
        read_record(b"\n".join((header, *bent(lengths, content))), 1, 1)


UNKNOWN_AT = b'"recorded_at":"2025-01-07T00:00:00"'


@pytest.mark.parametrize(
    "bent",
    [
        lambda raw: raw[:-1],
        lambda raw: raw + b"}",
        lambda raw: b"[" + raw + b"]",
        lambda raw: b"null",
        lambda raw: b"",
        lambda raw: raw.replace(b'"stream_version":1', b'"stream_version":"1"'),
        lambda raw: raw.replace(b'"stream_version":1', b'"stream_version":true'),
        lambda raw: raw.replace(b'"stream_version":1', b'"stream_version":1.5'),
        lambda raw: raw.replace(b'"stream_version":1,', b""),
        lambda raw: raw.replace(b'"stream_version":1', b'"stream_version":1,"position":1'),
        lambda raw: raw.replace(b'"purpose":"service"', b'"purpose":null'),
        lambda raw: raw.replace(b'"purpose":"service"', b'"purpose":"serv\xffce"'),
        lambda raw: raw.replace(b'"purpose":"service"', b'"purpose":"service","valid_from_on":null'),
        lambda raw: raw.replace(b'"purpose":"service"', b'"purpose":"service","corrects":null'),
        lambda raw: raw.replace(b'"purpose":"service"', b'"purpose":"service","flags":"late"'),
        lambda raw: raw.replace(b'"occurred_on":"2025-01-07"', b'"occurred_on":"2025-01-32"'),
        lambda raw: raw.replace(b'"occurred_on":"2025-01-07"', b'"occurred_on":"7.1.2025"'),
        lambda raw: raw.replace(b'"recorded_at":"2025-01-07T00:00:00Z"', UNKNOWN_AT),
        lambda raw: raw.replace(b'"recorded_at":"2025-01-07T00:00:00Z"', b'"recorded_at":1736208000'),
        lambda raw: raw.replace(b'"section_digests":{', b'"section_digests":{"Z":7,'),
    ],
)
def test_a_header_that_is_not_one_is_damaged(sealer: Sealer, keys: Keys, bent: Any) -> None:
    raw = sealed(sealer, keys, PLAN).header_bytes
    assert Header.from_bytes(raw).to_bytes() == raw
    assert bent(raw) != raw
    with pytest.raises(Damaged):
        Header.from_bytes(bent(raw))


def test_a_section_cannot_be_moved_to_another_event_or_class(sealer: Sealer, keys: Keys) -> None:
    here, there = sealed(sealer, keys, PLAN), sealed(sealer, keys, PLAN, stream="cd" * 16)
    with pytest.raises(Damaged):
        sealer.open(dataclasses.replace(here, sections={**here.sections, "J": there.sections["J"]}))
    with pytest.raises(Damaged):
        sealer.open(dataclasses.replace(here, sections={**here.sections, "J": here.sections["D"]}))


def test_content_that_is_no_such_event_is_damaged(sealer: Sealer, keys: Keys) -> None:
    wrong = e.PlanDrafted.model_construct(**{**dict(PLAN), "plan_version": "many"})
    with pytest.raises(Damaged, match=r"plan\.drafted"):
        sealer.open(sealed(sealer, keys, wrong))


def test_a_type_that_is_not_known_halts(sealer: Sealer, keys: Keys) -> None:
    record = sealed(sealer, keys, PLAN)
    newer = dataclasses.replace(record, header=msgspec.structs.replace(record.header, type="plan.drafted.v9"))
    with pytest.raises(catalogue.UnknownEvent):
        sealer.open(newer)


def test_an_older_version_is_lifted_when_it_is_read(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a type at version 2, whose first version called a field otherwise
    class Lifted(e.Event):
        """A plan was lifted, told in new words."""

        NAME = "plan.lifted"
        VERSION = 2
        MATTER = "case"
        plan_id: Routing[Ref]

    class Old(e.Event):
        """A plan was lifted, told in old words."""

        NAME = "plan.lifted"
        MATTER = "case"
        plan: Routing[Ref]

    monkeypatch.setitem(catalogue.EVENTS, "plan.lifted", Lifted)  # type: ignore[arg-type]
    monkeypatch.setitem(catalogue.UPCASTS, ("plan.lifted", 1), lambda fields: {"plan_id": fields["plan"]})  # type: ignore[arg-type]
    sealer = Sealer(keys)
    assert sealer.open(sealed(sealer, keys, Old(plan=REF))) == Lifted(plan_id=REF)


@pytest.mark.parametrize(
    "forged",
    [
        *({name: "another"} for name in (
            "event_id", "ledger", "stream", "matter", "command_id", "actor_org", "actor_task", "actor_role", "actor_person",
            "purpose", "ruleset_version", "directory_version", "policy_version", "previous_hash", "content_hash",
            "message_hash", "corrects", "annuls", "causation",
        )),
        {"type": "plan.drafted.v9"},
        {"stream_version": 2},
        {"answer_number": 7},
        {"recorded_at": datetime(2025, 1, 8, tzinfo=UTC)},
        *({name: date(2025, 1, 6)} for name in ("occurred_on", "valid_from_on", "valid_until_on")),
        *({name: ("late",)} for name in ("flags", "warnings")),
    ],
    ids=lambda forged: next(iter(forged)),
)  # fmt: skip
def test_a_header_that_says_otherwise_does_not_open(
    sealer: Sealer, keys: Keys, monkeypatch: pytest.MonkeyPatch, forged: dict[str, object]
) -> None:
    """Whatever it says otherwise: only its key is known by another name, and its digests by its sections."""
    monkeypatch.setattr("domain.store.sealed.sealing.event_class", lambda type_name, load=catalogue.event_class: load(
        type_name.replace(".v9", ".v1")
    ))  # fmt: skip
    record = sealed(sealer, keys, PLAN)
    header = msgspec.structs.replace(record.header, **forged)
    with pytest.raises(Damaged):
        sealer.open(read_record(Record(header, header.to_bytes(), record.sections).state, 1, 1))


def test_every_field_of_a_header_is_bound_but_the_digests() -> None:
    """A new field is bound without anybody having to think of it; here it is only looked whether all were tried."""
    [mark] = [
        mark for mark in test_a_header_that_says_otherwise_does_not_open.pytestmark  # type: ignore[attr-defined]
        if mark.name == "parametrize"
    ]  # fmt: skip
    tried = {name for forged in mark.args[1] for name in forged}
    assert tried == set(Header.__struct_fields__) - {"section_digests", "key_id"}


def test_a_section_cannot_be_left_out(sealer: Sealer, keys: Keys) -> None:
    """Its digest in the header is bound to nothing: the others are, to its name."""
    record = sealed(sealer, keys, PLAN)
    digests = {name: text for name, text in record.header.section_digests.items() if name != "J"}
    header = msgspec.structs.replace(record.header, section_digests=digests)
    sections = {name: text for name, text in record.sections.items() if name != "J"}
    with pytest.raises(Damaged):
        sealer.open(read_record(Record(header, header.to_bytes(), sections).state, 1, 1))


def test_what_was_sealed_when_only_its_place_was_bound_opens(sealer: Sealer, keys: Keys) -> None:
    record = sealed(sealer, keys, PLAN)
    before, behind = _bound_before(record)
    key = keys.get(["m/1"])["m/1"]
    sections = {
        name: bytes(12) + sealer._cipher("m/1", key, name).encrypt(
            bytes(12), section_bytes(content), before + name.encode() + behind
        )
        for name, content in split(PLAN, None, None).items()
    }  # fmt: skip
    header = msgspec.structs.replace(record.header, section_digests={name: digest(text) for name, text in sections.items()})
    assert sealer.open(read_record(Record(header, header.to_bytes(), sections).state, 1, 1)) == PLAN
