"""The messages of an AsyncAPI document, with their schemas and examples: sent, told, answers and signs of life.

Every schema that becomes a class of a typed client stands in `components/schemas` or has a title of its own
(`deploy/describe/models.py`). Examples are invented and fit their schemas (`deploy/describe/samples.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from consumers import wire
from deploy.describe.grounds import grounds_of
from deploy.describe.models import class_name, merged, model
from deploy.describe.publication_schemas import WITHDRAWAL, tellings, withdrawal_schema
from deploy.describe.readers import KNOWN_CODES
from deploy.describe.samples import NAMED, id_of, sample
from deploy.describe.schemas import (
    heartbeat_schema,
    message_schemas,
    older_schema,
    receipt_schema,
    told_before,
    told_schema,
)
from domain.catalogue import types_of
from domain.json_gate import LIMIT
from domain.message_fields import NEW_VALUES
from domain.messages import CLIENT, GROUP, IDENTITY_CODE
from domain.receipts import RECEIPT, Receipt
from domain.refusals import Reason
from projections.kinds import Kind

Part = dict[str, Any]
JSON = "application/json"
SENT_BY_YOU, ANSWERED = "messageId", "answeredMessageId"
CORRELATIONS: Mapping[str, Part] = {
    SENT_BY_YOU: {
        "location": "$message.header#/ce_id",
        "description": "Your own id of the message: its receipts name it, and so does the fact that it became.",
    },
    ANSWERED: {
        "location": "$message.payload#/message_id",
        "description": "The `ce_id` of your message that this answers.",
    },
}
ADDRESS = "https://kuty.example"
"""Where examples say that schemas are served."""
_MEANS: Mapping[str, tuple[str, ...]] = {
    "correct_fact.v1": ("new_values",),
    "draft_plan.v1": ("kuty_from_on", "kuty_until_on", "goal"),
    "hold_follow_up.v1": ("period_id",),
    "record_attendance.v1": ("hours",),
    "revise_plan.v1": ("kuty_from_on", "kuty_until_on", "goal"),
    "start_plan.v1": ("eligibility_keys",),
    "stop_parallel_service.v1": ("parallel_service_id",),
    "submit_referral.v1": ("legal_basis", "identity_named"),
}
"""What a message usually says beside what it has to."""


@dataclass(slots=True)
class Messages:
    """The messages of one document, each by its type, and the schemas that they name."""

    kind: Kind
    schemas: dict[str, Part] = field(default_factory=dict)

    def sent(self) -> dict[str, Part]:
        """What the recipient's system may send."""
        always = {
            "ce_id": "Your own id of the message, unique for ever among yours: sent again, it changes nothing.",
            "ce_specversion": "1.0",
        }
        person = {"ce_actorperson": "Your own id of the member of staff who stated it; none means your system."}
        return {
            type_name: {
                **self._message(
                    type_name,
                    self._with_new_values_shared(schema),
                    _headers(type_name, always, person),
                    [_sent_example(type_name, schema)],
                ),
                "correlationId": {"$ref": f"#/components/correlationIds/{SENT_BY_YOU}"},
                "bindings": _key(
                    f"Your own name for the client where you know it, else the message id. At most {LIMIT} bytes."
                ),
            }
            for type_name, schema in message_schemas(self.kind).items()
        }

    def told(self) -> dict[str, Part]:
        """What it is told; of older versions, and what a policy told before, too: they stand on the topic for as long as it
        keeps them, and come again in a redelivery."""
        column, found = self.kind.key, dict[str, Part]()
        for told in tellings()[column]:
            for type_name in types_of([told.event.NAME]):
                schema = told_schema(told) if type_name == told.type else older_schema(column, type_name)
                found[type_name] = self._publication(type_name, schema, grounds_of(told))
        for type_name in told_before(column):
            if type_name not in found:
                found[type_name] = self._publication(type_name, older_schema(column, type_name), [])
        withdrawal = self._with_shared(withdrawal_schema(self.kind.key))
        headers = _headers(WITHDRAWAL, _ALWAYS_TOLD, {"ce_prevhash": "`erased`, or as of any other publication."})
        found[WITHDRAWAL] = {
            **self._message(WITHDRAWAL, withdrawal, headers, [self._example("withdrawn", {"kind": "withdrawn"}, headers)]),
            "bindings": _key("The publication's id."),
        }
        return found

    def receipt(self) -> Part:
        """How a message was answered."""
        always = {"ce_id": "Message id, status and number.", "ce_source": "The organiser.", "ce_specversion": "1.0"}
        sometimes = {
            "ce_dataschema": "Address of the schema of the value; none on one that was sent before there was one.",
            "ce_logsequence": "The answer's own number; none on a repetition.",
            "ce_epoch": "The ledger's, from its second on; none on a repetition.",
        }
        headers = _headers(RECEIPT, always, sometimes)
        recorded = Receipt("m-1", "attendance.recorded.v1", "recorded", 7)
        refused = Receipt("m-2", "record_attendance.v1", "refused", 8, codes=(Reason("E_OUTSIDE_PERIOD", "/occurred_on"),))
        examples = [
            {**self._example(one.status, one.content(), headers), "headers": _texts(one)} for one in (recorded, refused)
        ]
        return {
            **self._message(RECEIPT, receipt_schema(), headers, examples),
            "correlationId": {"$ref": f"#/components/correlationIds/{ANSWERED}"},
            "bindings": _key("The message id."),
        }

    def heartbeat(self) -> Part:
        """A sign of life."""
        always = {
            "ce_id": "The heartbeat's own.",
            "ce_source": "The organiser.",
            "ce_specversion": "1.0",
            "ce_time": "When it was sent, UTC.",
            "ce_epoch": "Your epoch by now.",
        }
        headers = _headers(wire.HEARTBEAT, always, {"ce_dataschema": "Address of the schema of the value."})
        value = {"kind": "heartbeat", "epoch": 1, "last_sequence": 7}
        return {
            **self._message(wire.HEARTBEAT, heartbeat_schema(), headers, [self._example("quiet", value, headers)]),
            "bindings": _key("`heartbeat`"),
        }

    def _publication(self, type_name: str, schema: Part, grounds: Sequence[tuple[str, str]]) -> Part:
        """Without grounds it is told no more: what was told keeps the one on which it was."""
        headers = _headers(type_name, _ALWAYS_TOLD, _SOMETIMES_TOLD)
        if grounds:
            headers["properties"]["ce_legalbasis"] |= _known("legal_basis", {basis for basis, _ in grounds})
            headers["properties"]["ce_purpose"] |= _known("purpose", {purpose for _, purpose in grounds})
        payload = self._with_shared(merged(schema))
        fact = {name: sample(of, name) for name, of in merged(schema)["properties"].items() if name in ("client", "body")}
        withdrawn = {"kind": "withdrawn", "replaces": id_of("replaces")}
        of_nobody = () if "client" in fact else ("ce_subject",)
        examples = [
            self._example("fact", {"kind": "fact", **fact}, headers, without=of_nobody),
            self._example("withdrawn", withdrawn, headers, without=(*of_nobody, "ce_occurredon")),
        ]
        return {
            **self._message(type_name, payload, headers, examples),
            "bindings": _key("Your own name for the client; the publication's id for a fact without one."),
            "x-legal-bases": [{"legal_basis": basis, "purpose": purpose} for basis, purpose in grounds],
        }

    def _with_shared(self, schema: Part) -> Part:
        """The schema with what every publication has in the same way named once."""
        fields = dict(schema["properties"])
        for name, title in _SHARED.items():
            if name in fields and (made := model(fields[name], title)) == self.schemas.setdefault(title, made):
                fields[name] = {"$ref": f"#/components/schemas/{title}"}
        return {**schema, "properties": fields}

    def _with_new_values_shared(self, schema: Any) -> Any:
        """The schema with the new values of a correction named once: of the fact and of further ones the same is said."""
        if isinstance(schema, list):
            return [self._with_new_values_shared(one) for one in schema]
        if not isinstance(schema, Mapping):
            return schema
        fields = schema.get("properties", {})
        if NEW_VALUES in fields:
            title = class_name(NEW_VALUES)
            self.schemas[title] = model(fields[NEW_VALUES], title)
            schema = {**schema, "properties": {**fields, NEW_VALUES: {"$ref": f"#/components/schemas/{title}"}}}
        return {word: self._with_new_values_shared(value) for word, value in schema.items()}

    def _message(self, type_name: str, schema: Mapping[str, Any], headers: Part, examples: list[Part]) -> Part:
        name = class_name(type_name)
        about = str(schema.get("description", ""))
        summary = " ".join(about.partition("\n\n")[0].split())
        self.schemas[name] = model(schema, name)
        self.schemas[f"{name}Headers"] = model(headers, f"{name}Headers")
        return {
            "name": type_name,
            "title": type_name,
            "summary": summary,
            **({"description": about} if summary != about else {}),
            "contentType": JSON,
            "headers": {"$ref": f"#/components/schemas/{name}Headers"},
            "payload": {"$ref": f"#/components/schemas/{name}"},
            "examples": examples,
        }

    def _example(self, name: str, value: Part, headers: Part, *, without: tuple[str, ...] = ()) -> Part:
        type_name = headers["properties"]["ce_type"]["const"]
        folder = "" if type_name in (RECEIPT, wire.HEARTBEAT) else f"publications/{self.kind.key}/"
        given = {**sample(headers, but=without), "ce_dataschema": f"{ADDRESS}/schemas/{folder}{type_name}.json"}
        return {"name": name, "headers": dict(sorted(given.items())), "payload": value}


_SHARED: Mapping[str, str] = {"kind": "PublicationKind", "client": "Client", "history": "History"}
"""What every publication of a document has in the same way, and the name of its class."""
_ALWAYS_TOLD: Mapping[str, str] = {
    "ce_id": "The publication's own id.",
    "ce_source": "The organiser of the ledger.",
    "ce_specversion": "1.0",
    "ce_time": "When it was published, UTC, in whole seconds.",
    "ce_dataschema": "Address of the schema of the value, fixed when it was told; of what was told before that, a URN.",
    "ce_logsequence": "Your own sequence, contiguous from 1 in the epoch.",
    "ce_epoch": "Counts your redeliveries, from 1.",
    "ce_ruleset": "The version of the rules in force.",
    "ce_legalbasis": "On what ground you are told.",
    "ce_purpose": "For what purpose you are told.",
}
_SOMETIMES_TOLD: Mapping[str, str] = {
    "ce_subject": "Your own name for the client; none for a fact without one.",
    "ce_occurredon": "The fact's own day, Europe/Helsinki; none of what is withdrawn.",
    "ce_prevhash": "SHA-256 of your publication before; none for the first of an epoch.",
}


def _sent_example(type_name: str, schema: Mapping[str, Any]) -> Part:
    """A message as it is usually sent: what it has to say, the client, the day, and what goes with it."""
    if type_name.startswith(f"{GROUP}.v"):
        entry = _said(schema["properties"]["entries"]["items"], (CLIENT, "period_id", "hours"))
        value = {**_said(schema, ("occurred_on", "day_status")), "entries": [entry]}
    else:
        who = IDENTITY_CODE if type_name == "submit_referral.v1" else CLIENT
        value = _said(schema, (who, "occurred_on", *schema.get("required", ()), *_MEANS.get(type_name, ())))
    headers = {"ce_id": "m-1", "ce_specversion": "1.0", "ce_type": type_name, "content-type": JSON}
    return {"name": "usual", "headers": headers, "payload": value}


def _said(schema: Mapping[str, Any], names: tuple[str, ...]) -> Part:
    return {name: sample(schema["properties"][name], name) for name in dict.fromkeys(names)}


def _texts(receipt: Receipt) -> dict[str, str]:
    return {name: value.decode() for name, value in receipt.headers(str(NAMED["ce_source"]), ADDRESS)}


def _headers(type_name: str, always: Mapping[str, str], sometimes: Mapping[str, str]) -> Part:
    """The schema of a record's headers: CloudEvents attributes in binary mode."""
    named = {**always, "ce_type": "", "content-type": "", **sometimes}
    fixed = {"ce_type": type_name, "ce_specversion": "1.0", "content-type": JSON}
    properties: Part = {}
    for name, text in sorted(named.items()):
        properties[name] = {"type": "string"} | ({"const": fixed[name]} if name in fixed else {"description": text})
    return {"type": "object", "properties": properties, "required": sorted({*always, "ce_type"})}


def _known(name: str, codes: Collection[str]) -> Part:
    """Of a header that is a code of a list: those that there are by now, to which others may come (as `readers.py` says)."""
    return {"x-code-list": name, KNOWN_CODES: sorted(codes)}


def _key(about: str) -> Part:
    return {"kafka": {"key": {"type": "string", "description": about}, "bindingVersion": "0.5.0"}}
