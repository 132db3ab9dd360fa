"""The pages say what the code does: references are regenerated and compared, what is typed is run, what is named exists."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from blocks import ROOT, Page, read_page, run_pages
from page_links import headings, leads_somewhere, links
from prose import AGENCIES, DOCS, FIRST_CLIENT, PROSE, REFERENCE, strangers

from deploy.cli import REFERENCES, parser
from deploy.describe import BUILT, KINDS, WRITERS, UnknownKind, describe
from deploy.describe.error_page import examples
from deploy.describe.event_schemas import in_order
from deploy.describe.list_pages import commands, help_of
from deploy.describe.schemas import OLDER
from deploy.settings import described
from domain.catalogue import type_of
from domain.code_lists import code_list, code_list_names
from domain.messages import message_types
from domain.refusals import refusals
from domain.rulebook import COMMANDS
from projections.kinds import kinds

README, TUTORIAL = "README.md", "docs/tutorial.md"
ALONE = (TUTORIAL, "docs/explanation/proof-of-delivery.md", "docs/explanation/test-identities.md")
"""Pages whose blocks are run in a copy of the project, beside nothing else."""
BIG = 100_000
"""Bytes of a file above which somebody has to say why it is kept."""


def text_of(page: str) -> str:
    return (REFERENCE / page).read_text(encoding="utf-8")


# --- references -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in WRITERS if kind not in BUILT])
def test_a_reference_is_what_the_code_says(kind: str, tmp_path: Path) -> None:
    written = describe(kind, tmp_path)
    assert written
    differs = [
        path.relative_to(tmp_path).as_posix()
        for path in written
        if not (committed := REFERENCE / path.relative_to(tmp_path)).exists() or committed.read_bytes() != path.read_bytes()
    ]
    assert differs == [], "make docs, and commit what it changes"


def test_nothing_lies_in_the_reference_that_the_code_does_not_write(tmp_path: Path) -> None:
    written = {path.relative_to(tmp_path) for kind in WRITERS if kind not in BUILT for path in describe(kind, tmp_path)}
    there = {path.relative_to(REFERENCE) for path in REFERENCE.rglob("*") if path.is_file()}
    kept = {path for path in there if path.parts[0] == "schemas" and (OLDER / Path(*path.parts[1:])).exists()}
    assert there - written - kept == set(), "take it away, or let deploy/describe write it"


def test_what_is_built_is_the_same_from_any_process(tmp_path: Path, built: dict[str, bytes]) -> None:
    for kind in BUILT:
        command = [sys.executable, "-m", "deploy.cli", "describe", kind, "--folder", str(tmp_path)]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "7"}, check=True, capture_output=True)
    assert {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*.*")} == built


def test_only_pages_that_a_person_reads_and_schemas_are_kept_in_the_reference() -> None:
    kept = [path.relative_to(REFERENCE) for path in REFERENCE.rglob("*") if path.is_file()]
    built = [path for path in kept if not (path.parts[0] == "schemas" or (len(path.parts) == 1 and path.suffix == ".md"))]
    assert built == [], "build what nobody reads line by line: BUILT in deploy/describe"


def test_nothing_big_comes_into_the_project() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    kept = [ROOT / name for name in listed.split("\0") if name and not name.startswith("docs/reference/")]
    big = {path.relative_to(ROOT).as_posix() for path in kept if path.is_file() and path.stat().st_size > BIG}
    assert big == {"requirements.lock", "tests/clients/package-lock.json"}, "what can be built is built, not kept"


def test_a_kind_of_reference_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownKind, match="events"):
        describe("nothing", tmp_path)
    assert KINDS == REFERENCES, "what `kuty describe` offers and what deploy/describe writes"


def test_every_event_is_in_the_reference() -> None:
    assert {type_of(cls) for cls in in_order()} <= headings(text_of("events.md"))


def test_every_code_of_a_refusal_is_in_the_reference_with_its_example() -> None:
    text = text_of("errors.md")
    assert set(refusals()) <= headings(text)
    assert examples().keys() == refusals().keys(), "deploy/describe/examples.toml: one example for each code"
    for code in refusals():
        for language in ("fi", "sv", "en"):
            assert refusals()[code].texts[language] in text


def test_every_question_is_in_the_reference_in_three_languages() -> None:
    text = text_of("questions.md")
    for kind in kinds():
        for question in kind.questions:
            assert f"{question.id} {kind.name.replace('_', ' ')}" in headings(text)
            assert all(question.title[language] in text for language in ("fi", "sv", "en"))


def test_every_command_and_every_message_is_in_the_reference() -> None:
    text = text_of("commands.md")
    assert set(COMMANDS) <= headings(text)
    for kind in kinds():
        assert all(f"`{name}`" in text for name in message_types(kind))


def test_every_code_list_and_every_setting_is_in_the_reference() -> None:
    assert set(code_list_names()) <= headings(text_of("codes.md"))
    assert all(f"`{code}`" in text_of("codes.md") for name in code_list_names() for code in code_list(name).codes)
    assert all(f"`{variable}`" in text_of("settings.md") for variable, _, _ in described())


def test_every_command_of_the_command_line_is_in_the_reference_with_its_help() -> None:
    text = text_of("cli.md")
    for name, each in commands(parser()):
        assert name in headings(text)
        assert help_of(each) in text


def test_every_command_of_the_command_line_says_what_it_does() -> None:
    silent = [
        (name, action.dest)
        for name, each in commands(parser())
        for action in each._actions
        if action.help is None and not isinstance(action, argparse._SubParsersAction)
    ]
    assert silent == []
    assert [name for name, each in commands(parser()) if not each.description] == []


# --- what is named exists ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_file_and_every_link_of_a_page_leads_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    missing = [name for name in files_named(text) if not (ROOT / name).exists()]
    missing += [target for target in links(text) if not leads_somewhere(path, target)]
    assert missing == []


@pytest.mark.parametrize("page", sorted(REFERENCE.glob("*.md")), ids=lambda path: path.name)
def test_every_link_within_the_reference_leads_somewhere(page: Path) -> None:
    assert [target for target in links(page.read_text(encoding="utf-8")) if not leads_somewhere(page, target)] == []


def test_each_step_of_a_how_to_names_a_file() -> None:
    for path in sorted((DOCS / "how-to").glob("*.md")):
        steps = re.split(r"^\d+\. ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
        assert steps, path.name
        silent = [step.splitlines()[0] for step in steps if not (files_named(step) or "make docs" in step)]
        assert len(silent) <= 1, (path.name, silent)


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_that_a_page_names_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    known = {name for name, _ in commands(parser())}
    named = {" ".join(found) for found in re.findall(r"(?:^\$ |`)(kuty) ([a-z][a-z-]*)", text, re.MULTILINE)}
    assert named - known == set()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    asked = set(re.findall(r"(?:^\$ |`)make ([a-z][a-z-]*)", text, re.MULTILINE))
    assert asked - targets == set()


@pytest.mark.parametrize("page", ["operate.md", "join-an-agency.md"])
def test_who_begins_a_live_ledger_reads_that_the_address_of_schemas_is_set_before_it_tells_anything(page: str) -> None:
    """What was told keeps the address that it had: afterwards is too late."""
    text = (DOCS / "how-to" / page).read_text(encoding="utf-8")
    [said] = [part for part in re.split(r"\n\n|\n(?=\d+\. )", text) if "KUTY_SCHEMAS_ADDRESS" in part]
    assert re.search(r"before\b.*\blive\b", said, re.DOTALL)
    assert "KUTY_SCHEMAS_ADDRESS" in {variable for variable, _, _ in described()}


def files_named(text: str) -> list[str]:
    """Paths of the project in a text, as code."""
    rooms = "domain|projections|consumers|api|deploy|tests|docs"
    return re.findall(rf"`((?:(?:{rooms})/[\w./-]+|(?:README|CHANGELOG)\.md|LICENSE|Makefile|pyproject\.toml))`", text)


# --- what is typed is run ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALONE)
def test_a_page_does_what_it_shows_and_what_it_writes_is_ignored(name: str, tmp_path: Path) -> None:
    page = read_page(ROOT / name)
    assert page.typed, f"{name} has nothing to type"
    assert strangers(run_pages([page], tmp_path)) == set()


def test_each_agency_comes_to_the_end_of_its_part_beside_the_readme_and_the_tutorial_holds_with_one_client(
    tmp_path: Path,
) -> None:
    """Each reads its own part alone, in terminals of its own."""
    pages = [read_page(ROOT / README), *map(of_agency, AGENCIES), with_clients(1)]
    assert strangers(run_pages(pages, tmp_path)) == set()


def of_agency(agency: str) -> Page:
    """The page of the first client without the parts of the others."""
    page, parts, part = read_page(FIRST_CLIENT), dict[int, str](), ""
    for number, line in enumerate(page.path.read_text(encoding="utf-8").splitlines(), 1):
        part = parts[number] = line.removeprefix("## ") if line.startswith("## ") else part
    assert {parts[one.line] for one in page.typed} >= set(AGENCIES)
    page.typed = [one for one in page.typed if parts[one.line] not in set(AGENCIES) - {agency}]
    return page


def with_clients(number: int) -> Page:
    """The tutorial, begun with so many clients."""
    page = read_page(ROOT / TUTORIAL)
    begun = [one for one in page.typed if "kuty demo --clients 3" in one.text]
    assert len(begun) == 1
    place = page.typed.index(begun[0])
    shown = tuple(re.sub(r"^3 ", f"{number} ", line) for line in begun[0].shown)
    page.typed[place] = replace(begun[0], text=begun[0].text.replace("--clients 3", f"--clients {number}"), shown=shown)
    return page
