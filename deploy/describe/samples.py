"""A value that fits a schema, as an example in a document: invented, and the same every time.

Names and numbers are of the ranges for tests: personal identity codes of 900 to 999, telephone numbers that nobody has,
addresses of example.org.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping
from typing import Any

ON, AT = "2025-03-03", "2025-03-03T07:00:00Z"
AGENCY = "0000005-1"
NAMED: Mapping[str, Any] = {
    "account": "provider",
    "actor_org": "0000001-9",
    "actor_person": "W-01",
    "actor_role": "own_worker",
    "actor_task": "organiser",
    "association_number": "123.456",
    "business_id": AGENCY,
    "contract_id": "C-2025-1",
    "day_status": "present",
    "emergency_contact_name": "Ville Esimerkki",
    "family_name": "Esimerkki",
    "given_names": "Aino",
    "goal": "A rhythm for the week",
    "new_values": {"day_status": "absent_other"},
    "identity_code": "140598-903F",
    "instructor_id": "I-01",
    "municipality": "091",
    "municipalities": "091",
    "org_name": "Esimerkkiorganisaatio",
    "organisation_oid": "1.2.246.10.51",
    "ruleset_version": "2026-03",
    "short_name": "kela-payment",
    "site_id": "S-01",
    "staff_name": "Oma Työntekijä",
    "staff_title": "sosiaaliohjaaja",
    "staff_unit": "Työtoiminta",
    "street": "Esimerkkikatu 1",
    "temporary_identifier": "140598-9000",
    "town": "Helsinki",
    "worker_id": "W-01",
    "source": "employment_authority",
    "eligibility_keys": "EL-O25-LMS500",
    "plan_kind": "activation_plan",
    "ce_epoch": "1",
    "ce_logsequence": "7",
    "ce_occurredon": ON,
    "ce_ruleset": "2026-03",
    "ce_prevhash": "3e" * 32,
    "ce_source": "urn:oid:1.2.246.10.19",
    "ce_time": AT,
}
"""By the field's name."""
FORMED: Mapping[str, str] = {
    "telephone number": "+358401234567",
    "e-mail address": "aino@example.org",
    "postcode, five digits": "00100",
    "local time, HH:MM": "09:00",
    "language tag of BCP 47 that begins with the two or three letters of ISO 639": "fi",
}
"""By the form that the schema names."""
NO = frozenset({"protected", "health_end", "less_than_asked", "no_duty_overridden", "outside_commuting_area"})
"""What is seldom so."""
USUAL = 4
"""Hours of a day, and a number like any other."""
OWN_NAME, PUBLICATION = "^[A-Za-z0-9_-]{43}$", "^[0-9a-f]{32}$"
"""Patterns of a recipient's own name for something, and of the id of a publication."""


def own_name(of: str) -> str:
    """A pseudonym: 43 characters of base64url."""
    return base64.urlsafe_b64encode(hashlib.sha256(of.encode()).digest())[:43].decode()


def id_of(name: str) -> str:
    """32 hexadecimal digits."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def sample(schema: Mapping[str, Any], name: str = "", *, but: Collection[str] = ()) -> Any:
    """A value of the field of this name, with every field that there may be, `but` these."""
    if "const" in schema:
        return schema["const"]
    if "anyOf" in schema:
        return sample(schema["anyOf"][0], name, but=but)
    words = schema.get("enum") or schema.get("x-known-codes")
    if isinstance(words, list):
        return NAMED[name] if NAMED.get(name) in words else words[0]
    match schema.get("type"):
        case "object" if isinstance(NAMED.get(name), dict):
            return dict(NAMED[name])
        case "object":
            return {one: sample(of, one, but=but) for one, of in schema.get("properties", {}).items() if one not in but}
        case "array":
            return [sample(schema["items"], name, but=but)]
        case "boolean":
            return name not in NO
        case "integer" | "number":
            return min(schema.get("maximum", USUAL), max(schema.get("minimum", USUAL), USUAL))
        case _:
            return _text(schema, name)


def _text(schema: Mapping[str, Any], name: str) -> str:
    pattern, longest = schema.get("pattern", ""), schema.get("maxLength", 80)
    if "format" in schema:
        return {"date": ON, "date-time": AT}[schema["format"]]
    if name in NAMED:
        return str(NAMED[name])
    if schema.get("x-form") in FORMED:
        return FORMED[schema["x-form"]]
    if name.endswith("org_id"):
        return AGENCY
    if pattern == PUBLICATION or name == "ce_id" or name.endswith("_event_id"):
        return id_of(name)
    if pattern == OWN_NAME or (name.endswith(("_id", "client", "ce_subject")) and not pattern):
        return own_name(name)
    return id_of(name)[:longest] if name.endswith(("_id", "_hash", "_digest")) else "An example"[:longest]
