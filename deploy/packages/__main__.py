"""`python -m deploy.packages`: the licence list, the bill of materials, the advisories; run by `make` and by the build."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from deploy.packages.advisories import DATABASE, NotAsked, advisories
from deploy.packages.bill import bill
from deploy.packages.licences import amiss, licence_of
from deploy.packages.locked import NotLocked, Package, packages

NOT_DONE = 3
"""Exit code where nothing could be asked: neither good nor bad is known."""


def main(words: Sequence[str] | None = None) -> int:
    """0: as it should be. 1: not. 2: the words were not understood. 3: it could not be found out."""
    parser = argparse.ArgumentParser(prog="python -m deploy.packages", description=__doc__)
    parser.add_argument("what", choices=("licences", "sbom", "advisories"), help="what to look at")
    parser.add_argument("--root", type=Path, default=Path(), help="the project's folder; this one unless given")
    parser.add_argument("--out", type=Path, default=Path("build/sbom.cdx.json"), help="where the bill of materials goes")
    parser.add_argument("--from", dest="database", default=DATABASE, metavar="URL", help="the database of advisories")
    arguments = parser.parse_args(words)
    try:
        listed = packages(arguments.root)
    except NotLocked as wrong:
        print(f"packages: {wrong}", file=sys.stderr)
        return 1
    if arguments.what == "advisories":
        return _advisories(listed, arguments.database)
    licensed = [(package, licence_of(package.name)) for package in listed]
    if arguments.what == "licences":
        return _licences(licensed)
    project = tomllib.loads((arguments.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(bill(licensed, project["version"]), indent=2) + "\n", encoding="utf-8")
    print(f"sbom: {len(licensed)} packages in {arguments.out}")
    return 0


def _licences(licensed: Sequence[tuple[Package, str]]) -> int:
    for runs, what in ((True, "what runs"), (False, "what builds and tests")):
        print(f"{what}:")
        for package, licence in licensed:
            if package.runs is runs:
                print(f"  {package.name} {package.version}  {licence or 'unknown'}")
    wrong = amiss(licensed)
    for line in wrong:
        print(f"licences: {line}", file=sys.stderr)
    print(f"licences: {len(licensed)} packages, {len(wrong)} amiss")
    return 1 if wrong else 0


def _advisories(listed: Sequence[Package], database: str) -> int:
    try:
        found = advisories(listed, database)
    except NotAsked as reason:
        print(f"advisories: NOT DONE: {reason}")
        return NOT_DONE
    for line in found:
        print(line, file=sys.stderr)
    print(f"advisories: {len(listed)} packages asked about, {len(found)} of them with some")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
