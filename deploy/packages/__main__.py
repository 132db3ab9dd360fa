"""`python -m deploy.packages`: the licence list, the bill of materials, the advisories; run by `make` and by the build."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from deploy.packages.advisories import DATABASE, advisories
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
    licensed = [(package, licence_of(package)) for package in listed]
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
                print(f"  {package}  {licence or 'unknown'}")
    wrong = amiss(licensed)
    for line in wrong:
        print(f"licences: {line}", file=sys.stderr)
    print(f"licences: {len(licensed)} packages, {len(wrong)} amiss")
    return 1 if wrong else 0


def _advisories(listed: Sequence[Package], database: str) -> int:
    """What was found counts, also where not all could be asked."""
    heard = advisories(listed, database)
    for line in heard.found:
        print(line, file=sys.stderr)
    if heard.at_fault:
        print(f"advisories: ASKED WRONGLY: {heard.missing}")
    elif heard.missing:
        print(f"advisories: NOT DONE{', but for what was found' if heard.found else ''}: {heard.missing}")
    else:
        print(f"advisories: {len(listed)} packages asked about, {len(heard.found)} of them with some")
    return 1 if heard.found or heard.at_fault else NOT_DONE if heard.missing else 0


if __name__ == "__main__":
    sys.exit(main())
