"""`kuty agency welcome`: what the county and others do in a simulated ledger until a new agency has its first client.

Every request is one that anybody could make by hand; it is shown before it is made. Made again, it changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import yaml

DEADLINE_S = 60.0
FILE = Path(__file__).with_name("welcome.yaml")
KEYS = "welcome"
"""What the ids of the requests begin with."""


class NotWelcome(Exception):
    """A request was refused; the message says which, and why."""


def agencies() -> Mapping[str, Any]:
    """By kind, the agency that is welcomed: its `short_name`, and `steps`."""
    found: Mapping[str, Any] = _file()["agencies"]
    return found


def organisations() -> set[str]:
    """The business ids that are used here."""
    bodies = (step["body"] for agency in agencies().values() for step in agency["steps"])
    return {body["org_id"] for body in bodies if "org_id" in body}


def _file() -> Mapping[str, Any]:
    read: Mapping[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return read


def welcome(kind: str, url: str, ledger: str, out: Callable[[str], None]) -> str:
    """Let an agency of the kind join and get its first client; its short name. Raises NotWelcome, and OSError where nothing
    answers."""
    people, agency = _file()["people"], agencies()[kind]
    named = dict[str, str]()
    for number, step in enumerate(agency["steps"], 1):
        who, path = _filled(people[step["who"]], named), _filled(step["post"], named)
        body = _filled(step["body"], named)
        out(f"{step['who']}: POST /ledgers/{ledger}/{path} {json.dumps(body, ensure_ascii=False)}")
        token = _asked(f"{url}/dev/tokens", {"ledger": ledger, **who}, {})["token"]
        headers = {"authorization": f"Bearer {token}", **_headers(step, f"{KEYS}-{kind}-{number}")}
        answer = _asked(f"{url}/ledgers/{ledger}/{path}", body, headers)
        if answer["status"] not in ("recorded", "already_recorded"):
            raise NotWelcome(f"{path}: {answer['status']}")
        named |= answer.get("references", {})
    return str(agency["short_name"])


def _headers(step: Mapping[str, Any], key: str) -> dict[str, str]:
    """A message has an envelope, a command a key."""
    if "send" in step:
        return {"ce-specversion": "1.0", "ce-id": key, "ce-type": step["send"]}
    return {"idempotency-key": key}


def _filled(content: Any, named: Mapping[str, str]) -> Any:
    """The content with the names that answers gave."""
    if isinstance(content, str):
        return content.format_map(named)
    if isinstance(content, list):
        return [_filled(part, named) for part in content]
    if isinstance(content, dict):
        return {key: _filled(value, named) for key, value in content.items()}
    return content


def _asked(address: str, body: Any, headers: Mapping[str, str]) -> Any:
    sent = {"content-type": "application/json", **headers}
    try:
        with urlopen(Request(address, json.dumps(body).encode(), sent), timeout=DEADLINE_S) as answer:
            return json.load(answer)
    except HTTPError as refused:
        raise NotWelcome(f"{address}: {refused.code} {refused.read().decode(errors='replace')[:500]}") from None
