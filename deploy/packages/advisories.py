"""Which advisories are known of a package in the version that is locked, asked of the open database of them.

What was heard is never lost by what was not: an answer that is cut, or that nobody can read, leaves the others as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from deploy.packages.locked import Package

DATABASE = "https://api.osv.dev/v1/querybatch"
"""OSV, which gathers the advisories of PyPA, GitHub and others: its API, `querybatch`."""
PATIENCE_S = 5.0
ROUNDS = 50
"""As often is asked on at most, where an answer says that there is more of it."""
NOT_OUR_FAULT = frozenset({401, 403, 407, 408, 429})
"""Status of a refusal that is no fault in the question: the database is open to everybody, so somebody between does not let
us through, or it is not now that we may ask. Any other of the four hundreds would be the same tomorrow."""

Query = tuple[Package, str]
"""A package, and the token of the page from which on is asked; empty for the first one."""


class NotAsked(Exception):
    """The database could not be asked, or what it says is no answer. The message says why."""


class WronglyAsked(Exception):
    """The database does not take the question: it is wrong, here, and will be tomorrow."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of the packages: `found` has a line of each that has advisories; `missing` says why not all is known,
    empty where it is, and `at_fault` whether by a fault of ours."""

    found: tuple[str, ...]
    missing: str = ""
    at_fault: bool = False


def advisories(asked: Sequence[Package], database: str = DATABASE) -> Heard:
    """The advisories of each package that has some, every page of them."""
    found: dict[str, set[str]] = {}
    missing, at_fault = "", False
    waiting: list[Query] = [(package, "") for package in asked]
    for _ in range(ROUNDS):
        try:
            results = _results(waiting, database)
        except (NotAsked, WronglyAsked) as why:
            missing, at_fault = str(why), isinstance(why, WronglyAsked)
            break
        if len(results) != len(waiting):
            missing = f"{database} has answered for some packages alone"
            # Which result is of which package is not certain any more.
            found.setdefault("one of the packages", set()).update(*(_heard(result)[0] for result in results))
            break
        further: list[Query] = []
        for (package, _), result in zip(waiting, results, strict=True):
            ids, token, whole = _heard(result)
            found.setdefault(str(package), set()).update(ids)
            if token:
                further.append((package, token))
            if not whole:
                missing = f"what {database} says of {package} is no answer"
        waiting = further
        if not waiting:
            break
    else:
        missing = f"{database} does not come to an end"
    lines = tuple(f"{name}: {', '.join(sorted(ids))}" for name, ids in found.items() if ids)
    return Heard(lines, missing, at_fault)


def _results(asked: Sequence[Query], database: str) -> Sequence[Any]:
    """What the database says to each query, in their order. Raises NotAsked and WronglyAsked."""
    queries = [{"package": {"purl": package.purl}, **({"page_token": token} if token else {})} for package, token in asked]
    try:
        request = Request(database, json.dumps({"queries": queries}).encode(), {"Content-Type": "application/json"})
        with urlopen(request, timeout=PATIENCE_S) as answer:
            told = json.load(answer, object_pairs_hook=_each_once)
            results = told["results"] if len(told) == 1 else None
    except HTTPError as refusal:
        refused = f"{database} refuses: {refusal.code} {refusal.reason}"
        if 400 <= refusal.code < 500 and refusal.code not in NOT_OUR_FAULT:
            raise WronglyAsked(refused) from None
        raise NotAsked(refused) from None
    except (OSError, HTTPException) as error:
        raise NotAsked(f"{database} does not answer: {getattr(error, 'reason', error)}") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        results = None
    if not isinstance(results, list):
        raise NotAsked(f"what answers at {database} is no database of advisories")
    return results


def _heard(result: Any) -> tuple[set[str], str, bool]:
    """The advisories that a result names, the token of the page that follows, and whether all of it could be read: what says
    anything else than these two might say that it does not know."""
    if not isinstance(result, Mapping):
        return set(), "", False
    said, token = result.get("vulns", []), result.get("next_page_token", "")
    named = [one for one in said if _is_named(one)] if isinstance(said, list) else []
    whole = named == said and isinstance(token, str) and result.keys() <= {"vulns", "next_page_token"}
    return {one["id"] for one in named}, token if isinstance(token, str) else "", whole


def _is_named(advisory: Any) -> bool:
    return isinstance(advisory, Mapping) and isinstance(advisory.get("id"), str) and bool(advisory["id"])


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of which each member is said once. Raises ValueError: the last would hide the others."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is said twice")
    return found
