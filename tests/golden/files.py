"""Golden files: what was once written for others to read. They stay for ever; a new one is added, none is changed.

`python tests/golden/files.py` writes those that are missing, from the examples, and touches no other. Where an event has
no example it says so and fails.
"""

from __future__ import annotations

import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path
from typing import Any

import orjson

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent), str(HERE.parent / "domain")]

from golden import examples  # noqa: E402

from consumers import wire  # noqa: E402
from domain.catalogue import EVENTS, event_class, type_of  # noqa: E402
from domain.directory import Recipient  # noqa: E402
from domain.events import Event  # noqa: E402
from domain.messages import GROUP, message_types, of_group, wish_of_message  # noqa: E402
from domain.receipts import Receipt  # noqa: E402
from domain.record import Header, Record, digest, header_bytes, state_bytes  # noqa: E402
from domain.store import Keys, Sealer  # noqa: E402
from domain.store.sealed.field_classes import section_bytes, split  # noqa: E402
from domain.store.tables.packing import FIRST_DICTIONARY, packed  # noqa: E402
from projections.kinds import kinds  # noqa: E402

Golden = dict[str, Any]
SOURCE = "urn:oid:1.2.246.10.19"


def read(part: str) -> dict[str, Golden]:
    """The golden files of a part by their name without `.json`."""
    folder = HERE / part
    return {
        path.relative_to(folder).with_suffix("").as_posix(): orjson.loads(path.read_bytes())
        for path in sorted(folder.rglob("*.json"))
    }


def texts(headers: tuple[tuple[str, bytes], ...]) -> dict[str, str]:
    """Headers as text."""
    return {name: value.decode() for name, value in headers}


def event_golden(event: Event) -> Golden:
    """The header, the clear sections and the headers of the full record. A section's digest is that of its clear bytes."""
    target_type = examples.CORRECTED if event.NAME == "fact.corrected" else None
    contents = split(event, event_class(target_type) if target_type else None, target_type)
    sections = {letter: section_bytes(content) for letter, content in contents.items()}
    header = Header(
        event_id="0f" * 16,
        type=type_of(event),
        ledger="demo",
        stream="9e" * 16,
        stream_version=7,
        matter="3a" * 16,
        occurred_on=examples.ON,
        recorded_at=examples.AT,
        command_id="c-1",
        actor_org="0000001-9",
        actor_task="organiser",
        actor_role="own_worker",
        actor_person="W-01",
        purpose="service",
        ruleset_version="2026-03",
        directory_version="12",
        key_id="k-1",
        section_digests={letter: digest(raw) for letter, raw in sections.items()},
        previous_hash="ab" * 32,
        content_hash="4d" * 32,
        answer_number=3,
        corrects="1d" * 16 if target_type else None,
        flags=("late",),
    )
    record = Record(header, header.to_bytes(), sections, position=41, epoch=1)
    return {
        "header": orjson.loads(header.to_bytes()),
        "sections": {letter: orjson.loads(raw) for letter, raw in sections.items()},
        "cloudevents": texts(wire.full_record(record).headers),
    }


def record_golden() -> Golden:
    """The bytes of a record in the newest form, and what they are made of."""
    sections = {"A": bytes(range(40)), "E": b"sealed\n{schedule}", "decision": b""}
    fields = {**event_golden(examples.events()["subject.registered"])["header"]}
    fields["section_digests"] = {name: digest(sealed) for name, sealed in sections.items()}
    header = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    return {
        "header": header.decode(),
        "sections": {name: b64encode(sealed).decode() for name, sealed in sections.items()},
        "value": b64encode(state_bytes(header, sections)).decode(),
    }


def column_golden() -> Golden:
    """The bytes of a record as the newest tables keep them."""
    value = b64decode(record_golden()["value"])
    kept = b64encode(packed(value)).decode()
    return {"dictionary": digest(FIRST_DICTIONARY.read_bytes()), "kept": kept, "value": b64encode(value).decode()}


class OneKey(Keys):
    """The key of every golden seal, without a database."""

    KEY = bytes(range(32))

    def __init__(self) -> None:
        pass

    def get(self, key_ids: Iterable[str]) -> dict[str, bytes]:
        return dict.fromkeys(key_ids, self.KEY)

    def holds(self, key_id: str) -> bool:
        return False

    def forget_with(self, forget: Callable[[], None]) -> None:
        pass


def seal_golden() -> Golden:
    """The bytes of a record whose sections are sealed as they are today, and what is in them."""
    event = examples.events()["subject.registered"]
    golden = event_golden(event)
    fields = {name: value for name, value in golden["header"].items() if name != "section_digests"}
    sections = Sealer(OneKey()).seal(event, header_bytes(fields), fields["key_id"], OneKey.KEY)
    fields["section_digests"] = {name: digest(sealed) for name, sealed in sections.items()}
    return {"sections": golden["sections"], "value": b64encode(state_bytes(header_bytes(fields), sections)).decode()}


def receipt_golden(receipt: Receipt) -> Golden:
    """What the receipt is made of, and its record."""
    made = {one.name: getattr(receipt, one.name) for one in fields(receipt)}
    made["codes"] = [asdict(reason) for reason in receipt.codes]
    entry = wire.receipt_entry(receipt, SOURCE)
    assert entry.key is not None
    return {"receipt": made, "key": entry.key.decode(), "headers": texts(entry.headers), "value": entry.value.decode()}


def message_golden(type_name: str, task: str, body: Mapping[str, Any]) -> Golden:
    """Envelope and body, and the commands that they become."""
    headers = {"ce_id": "m-1", "ce_source": "urn:kuty:organisation:example", "ce_specversion": "1.0", "ce_type": type_name}
    return {"task": task, "headers": headers, "body": dict(body), "commands": commands_of(type_name, task, body)}


def commands_of(type_name: str, task: str, body: Mapping[str, Any]) -> list[Golden]:
    """What today's code makes of a message: for each command its client and its fields."""
    kind = message_types(kinds().of(Recipient("any", "any", task, date(2025, 1, 1))))[type_name]
    bodies = [entry for _, entry in of_group(body)] if type_name.startswith(GROUP) else [body]
    names = examples.Names()
    wishes = [wish_of_message(kind, each, names) for each in bodies]
    # Whom a referral means is looked up only where it is recorded.
    meant = [wish.client or names.client(wish.identity_code or "") for wish in wishes]
    stated = [wish.command.model_dump(mode="json", exclude_unset=True) for wish in wishes]
    return [{"client": client, **fields} for client, fields in zip(meant, stated, strict=True)]


def missing() -> Iterator[tuple[Path, Golden]]:
    """Every file that is not there yet."""
    wanted: dict[Path, Golden] = {
        HERE / "events" / f"{type_of(event)}.json": event_golden(event) for event in examples.events().values()
    }
    for (column, type_name), publication in examples.publications().items():
        wanted[HERE / "publications" / column / f"{type_name}.json"] = {
            "key": publication.key.decode(),
            "headers": texts(publication.headers),
            "value": publication.value.decode(),
            "hash": publication.hash,
        }
    wanted[HERE / "records" / "lengths.json"] = record_golden()
    wanted[HERE / "columns" / "headers-1.json"] = column_golden()
    wanted[HERE / "seals" / "whole-header.json"] = seal_golden()
    for name, receipt in examples.RECEIPTS.items():
        wanted[HERE / "receipts" / f"{name}.json"] = receipt_golden(receipt)
    for type_name, (task, body) in examples.messages().items():
        wanted[HERE / "messages" / f"{type_name}.json"] = message_golden(type_name, task, body)
    yield from ((path, golden) for path, golden in wanted.items() if not path.exists())


if __name__ == "__main__":
    for path, golden in missing():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(golden, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))
        print(path.relative_to(HERE))
    without = sorted(EVENTS.keys() - examples.events().keys())
    if without:
        sys.exit(f"no example in tests/golden/examples.py: {', '.join(without)}")
