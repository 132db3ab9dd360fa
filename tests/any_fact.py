"""Any event, made from its own types: what a test feeds in that must hold for events nobody has thought of yet.

References to parts are such as the pathway has, but for the part that begins; organisations are members; one year of dates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

from disclosure.paths import AUTHORITY, CASE, CENTRE, CITY, COUNTY, FUND, KELA, PARISH, PERIOD, PLACE, PLAN, ref
from hypothesis import strategies as st
from stories import KEHA

from deploy.describe.event_schemas import schema_of
from domain.catalogue import CLIENT_FACTS, PARTS_BEGUN
from domain.event import ClientFact
from domain.events import PlanTerms

BEGIN = date(2025, 1, 2)
DAYS = st.integers(0, 270).map(lambda n: BEGIN + timedelta(days=n))
ORGANISATIONS = (AUTHORITY, CITY, KELA, FUND, CENTRE, PARISH, KEHA, COUNTY)
KNOWN: Mapping[str, Sequence[str]] = {
    "referral_id": (ref("referral"),),
    "case_id": (CASE,),
    "assessment_id": (ref("assessment"),),
    "assignment_id": (ref("assignment"),),
    "plan_id": (PLAN,),
    "decision_id": (ref("decision"),),
    "placement_id": (PLACE,),
    "period_id": (PERIOD,),
    "followup_id": (ref("followup"),),
    "exit_id": (ref("exit"),),
    "parallel_service_id": (ref("service"),),
}
"""By the field, the parts that the histories of `disclosure.paths` have."""
JOINED = {cls.PART.key for cls in CLIENT_FACTS.values() if cls.PART.begun_with}
FRESH = {name: ref(f"another {name}") for name in {*KNOWN, *PARTS_BEGUN.values()}}


@cache
def any_event(cls: type[ClientFact]) -> st.SearchStrategy[ClientFact]:
    """An event of the class, of any content that its types allow. A part or version that begins with it is a new one."""
    schema = schema_of(cls)
    fields = {
        name: _field(name, found, cls.PART.begun == name and not cls.PART.begun_with, name in schema.get("required", ()))
        for name, found in schema["properties"].items()
    }
    if issubclass(cls, PlanTerms):
        fields["plan_version"] = st.integers(3, 9)
    return st.fixed_dictionaries(fields).filter(_in_order).map(lambda body: cls.model_validate(body, strict=False))


def any_client_event(*without: str) -> st.SearchStrategy[ClientFact]:
    """An event of any class that may stand in a client's stream, but for those named."""
    return st.one_of([any_event(cls) for name, cls in sorted(CLIENT_FACTS.items()) if name not in without])


def any_value(name: str, schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """A value of a field of an event, of any content that its schema allows, null too where it need not be there."""
    nullable = any(arm.get("type") == "null" for arm in schema.get("anyOf", ()))
    return _field(name, schema, False, not nullable)


def _field(name: str, schema: Mapping[str, Any], begun: bool, required: bool) -> st.SearchStrategy[Any]:
    if name in FRESH:
        known = () if begun else KNOWN.get(name, ())
        # A part that may be joined from either side: the one that is there, or another one.
        joined = (FRESH[name],) if name in JOINED and not begun else ()
        found: st.SearchStrategy[Any] = st.sampled_from((*known, *joined) or (FRESH[name],))
    elif name == "schedule":
        found = st.sampled_from([1, 2, 4]).map(lambda day: [{"weekday": day, "hours": 5}])
    else:
        found = _value(name, schema)
    return found if required else st.one_of(found, st.none())


def _value(name: str, schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "anyOf" in schema:
        return st.one_of([_value(name, arm) for arm in schema["anyOf"] if arm.get("type") != "null"])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(1, 2)
        case "number":
            return st.sampled_from([4.0, 5.0])
        case "array":
            codes = schema["items"].get("enum")
            if codes:  # each code is in every second list, so that one that matters is not missed
                return st.lists(st.booleans(), min_size=len(codes), max_size=len(codes)).map(
                    lambda taken: [code for code, one in zip(codes, taken, strict=True) if one] or codes[:1]
                )
            return st.lists(_value(name, schema["items"]), min_size=1, max_size=3)
        case "object":
            inner = schema.get("properties", {})
            return st.fixed_dictionaries({key: _value(key, found) for key, found in inner.items()})
    if schema.get("format") == "date":
        return DAYS
    if schema.get("format") == "date-time":
        return DAYS.map(lambda day: f"{day}T07:00:00Z")
    if name.endswith("org_id"):
        return st.sampled_from(ORGANISATIONS)
    if re.fullmatch(schema.get("pattern", "."), "f" * 32):
        return st.just("f" * 32)
    return st.just("x")


def _in_order(body: Mapping[str, Any]) -> bool:
    """Decisions let no range end before it begins."""
    pairs = (("from_on", "until_on"), ("starts_on", "planned_end_on"), ("service_from_on", "service_until_on"))
    return all(not body.get(last) or not body.get(first) or body[first] <= body[last] for first, last in pairs)
