"""Whether an advisory is known of a package in the version that is locked, asked of the open database of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from http.client import HTTPException
from urllib.request import Request, urlopen

from deploy.packages.locked import Package

DATABASE = "https://api.osv.dev/v1/querybatch"
"""OSV, which gathers the advisories of PyPA, GitHub and others: its API, `querybatch`."""
PATIENCE_S = 5.0


class NotAsked(Exception):
    """The database could not be asked, or has not answered all: nothing is known of any package. The message says why."""


def advisories(asked: Sequence[Package], database: str = DATABASE) -> list[str]:
    """The advisories of each package that has some, one line a package. Raises NotAsked."""
    queries = json.dumps({"queries": [{"package": {"purl": package.purl}} for package in asked]}).encode()
    try:
        request = Request(database, queries, {"Content-Type": "application/json"})
        with urlopen(request, timeout=PATIENCE_S) as answer:
            results = json.load(answer)["results"]
        found = [[str(one["id"]) for one in result.get("vulns", ())] for result in results]
        cut = any(result.get("next_page_token") for result in results)
    except (OSError, HTTPException) as error:
        raise NotAsked(f"{database} does not answer: {getattr(error, 'reason', error)}") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise NotAsked(f"what answers at {database} is no database of advisories") from None
    if len(found) != len(asked) or cut:
        raise NotAsked(f"{database} has answered for some packages alone")
    return [line for package, ids in zip(asked, found, strict=True) for line in _lines(package, ids)]


def _lines(package: Package, ids: Iterable[str]) -> Iterable[str]:
    named = ", ".join(sorted(ids))
    if named:
        yield f"{package.name} {package.version}: {named}"
