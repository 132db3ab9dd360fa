"""Schemas, records and messages as others meet them, and the validators of others that read them: Ajv (JavaScript) and
`jsonschema` (Python), both under MIT, set up as docs/how-to/generate-a-client.md says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from clients.running import LEDGER, RECIPIENT, Server
from clients.tools import Tools
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from consumers import wire
from consumers.embedded_broker import EmbeddedBroker
from domain.receipts import RECEIPT

Schemas = Mapping[str, Any]
"""By the address at which each is served."""
Record = Mapping[str, Any]
"""A `value`, and the address of its `schema`."""
SENT = "submit_referral.v1"
MOST = 1_000
TRIES = 60


def served(server: Server) -> dict[str, Any]:
    """Every schema that the server lists."""
    with httpx.Client(base_url=server.url, timeout=60) as client:
        listed = [one["address"] for one in client.get("/schemas").json()["schemas"]]
        return {server.url + path: client.get(path).json() for path in listed}


def told(server: Server) -> list[Record]:
    """What Kela reads over HTTP."""
    return [_named(one["headers"], one["value"]) for one in server.page["publications"]]


def send(server: Server, message_id: str, body: Mapping[str, Any]) -> Any:
    """The receipt of a referral, sent in binary mode by somebody who refers."""
    recipient, token = server.referrer
    envelope = {"ce-specversion": "1.0", "ce-id": message_id, "ce-type": SENT, "authorization": f"Bearer {token}"}
    return httpx.post(f"{server.url}/ledgers/{LEDGER}/in/{recipient}", headers=envelope, json=body, timeout=60).json()


def receipts(server: Server, at_least: int) -> list[Record]:
    """Those of who refers, from the topic and over HTTP, once so many stand on the topic."""
    recipient, token = server.referrer
    of_http = server.ask(f"/ledgers/{LEDGER}/receipts", token).json()["receipts"]
    address = f"{server.url}/schemas/{RECEIPT}.json"
    return [*_on_topic(server, wire.receipts_topic(LEDGER, recipient), RECEIPT, at_least),
            *({"schema": address, "value": one} for one in of_http)]  # fmt: skip


def heartbeats(server: Server) -> list[Record]:
    """Those on Kela's topic, once there is one."""
    return _on_topic(server, wire.out_topic(LEDGER, RECIPIENT), wire.HEARTBEAT, 1)


def _on_topic(server: Server, topic: str, type_name: str, at_least: int) -> list[Record]:
    """The records of a type at the end of a topic."""
    found: list[Record] = []
    for _ in range(TRIES):
        broker = EmbeddedBroker(lambda: datetime.now(UTC), server.home / LEDGER / "broker.db")
        end = broker.end_offsets([topic])[topic]
        reads = broker.read(topic, max(0, end - MOST), MOST)
        broker.close()
        headers = [{name: text.decode() for name, text in read.headers} for read in reads]
        values = [json.loads(read.value) for read in reads]
        found = [_named(of, value) for of, value in zip(headers, values, strict=True) if of["ce_type"] == type_name]
        if len(found) >= at_least:
            return found
        # Nothing comes behind the last one: the answer takes the second that was asked for.
        server.ask(f"/ledgers/{LEDGER}/out/{RECIPIENT}?wait=1&after={len(server.page['publications'])}", server.token)
    raise AssertionError(f"{topic} has {len(found)} of {at_least} {type_name}")


def _named(headers: Mapping[str, str], value: Any) -> Record:
    return {"schema": headers["ce_dataschema"], "value": value}


def by_ajv(tools: Tools, schemas: Schemas, records: Sequence[Record], words: Sequence[str]) -> list[str]:
    """With its strict mode off, and on with these words declared."""
    given = {"schemas": schemas, "records": records, "words": words}
    found: list[str] = tools.checked("schemas.cjs", text=json.dumps(given))
    return found


def by_jsonschema(_: Tools, schemas: Schemas, records: Sequence[Record], words: Sequence[str]) -> list[str]:
    """It passes over words that it does not know."""
    faults, readers = [], {}
    for address, schema in schemas.items():
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as why:
            faults.append(f"{address}: {why.message}")
        else:
            readers[address] = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for record in records:
        address = record["schema"]
        if address in readers:
            found = readers[address].iter_errors(record["value"])
            faults += [f"{address}: {fault.json_path} {fault.message}" for fault in found]
        else:
            faults.append(f"{address}: is not served")
    return faults


Reading = Callable[[Tools, Schemas, Sequence[Record], Sequence[str]], list[str]]
VALIDATORS: Mapping[str, Reading] = {"ajv": by_ajv, "jsonschema": by_jsonschema}
