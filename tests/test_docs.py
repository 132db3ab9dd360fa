"""The pages say what the code does: references are regenerated and compared, what is typed is run, what is named exists."""

from __future__ import annotations

import argparse
import ast
import codeop
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from architecture import imported
from blocks import ROOT, Page, code_of, read_page, run_pages
from clients import generated, tools
from page_links import headings, leads_somewhere, links

from deploy.cli import REFERENCES, parser
from deploy.describe import BUILT, KINDS, WRITERS, UnknownKind, describe
from deploy.describe.error_page import examples
from deploy.describe.event_schemas import in_order
from deploy.describe.list_pages import commands, help_of
from deploy.describe.schemas import is_of_older_version
from deploy.settings import described
from domain.catalogue import type_of
from domain.code_lists import code_list, code_list_names
from domain.messages import message_types
from domain.refusals import refusals
from domain.rulebook import COMMANDS
from projections.kinds import kinds

DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
README, TUTORIAL, FIRST_CLIENT = "README.md", "docs/tutorial.md", "docs/how-to/first-client.md"
AGENCIES = ("A referrer", "A provider", "A fund")
"""Each has a part of the page of the first client."""
ALONE = (TUTORIAL, "docs/explanation/proof-of-delivery.md", "docs/explanation/test-identities.md")
"""Pages whose blocks are run in a copy of the project, beside nothing else."""
DECISIONS = DOCS / "decisions"
"""A record is never edited: what it names may have moved since. The list of them and the design are kept as they stand."""
BIG = 100_000
"""Bytes of a file above which somebody has to say why it is kept."""
PROSE = [
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    *(
        page
        for page in sorted(DOCS.rglob("*.md"))
        if REFERENCE not in page.parents and (page.parent != DECISIONS or not page.stem[0].isdigit())
    ),
]


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
    kept = {path for path in there if path.parts[0] == "schemas" and is_of_older_version(Path(*path.parts[1:]).as_posix())}
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
    page, parts, part = read_page(ROOT / FIRST_CLIENT), dict[int, str](), ""
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


def strangers(files: set[str]) -> set[str]:
    """Of files in a copy of the project those that are neither part of it nor ignored: what a reader might commit."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    known = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return not_ignored(files - set(known))


def not_ignored(names: set[str]) -> set[str]:
    """Of paths in the project those that `.gitignore` does not name."""
    asked = "".join(f"{name}\0" for name in sorted(names))
    command = ["git", "check-ignore", "--no-index", "-z", "--stdin"]
    done = subprocess.run(command, cwd=ROOT, input=asked, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return names - set(done.stdout.split("\0"))


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_the_steps_of_a_page_write_into_the_folder_is_ignored(path: Path) -> None:
    # A folder is ignored with what is in it.
    written = files_written(path.read_text(encoding="utf-8"))
    assert {name for name in written if not_ignored({name}) and not_ignored({f"{name}/file"})} == set()


def files_written(text: str) -> set[str]:
    """Paths that the commands of a page write to and do not remove, wherever they stand."""
    typed = re.sub(r"^\s*> ", "", "\n".join(code_of(text, "console", "sh", "bash", "text", "")), flags=re.MULTILINE)
    into = r"(?<![->])>{1,2} ?|--(?:(?:keys-)?to|into|out|output|given-up) |(?<= )-o |\btee |backup key "
    return set(re.findall(rf"(?:{into})(\w[\w./-]*)", typed)) - set(re.findall(r"\brm ([\w./-]+)", typed))


def test_what_a_command_writes_is_seen_wherever_it_stands() -> None:
    """Behind a block of another language, in a table, in a sentence, and in the ways that there are to say it."""
    page = """
```python
print(1 > two)
```
goes on `make -o in-sentence --from a`

```sh
$ a > shell; b >> more \\
>   | tee further --keys-to apart
$ c > gone; rm gone
```
| `d --out table/file` | `kuty.<name>.v1` |
```
e --output plain
```
"""
    seen = {"in-sentence", "shell", "more", "further", "apart", "table/file", "plain"}
    assert files_written(page) == seen


OF_PYTHON = [path for path in PROSE if any(code_of(path.read_text(encoding="utf-8"), "python"))]
ROOMS = {"domain", "projections", "consumers", "api", "deploy"}


@pytest.mark.parametrize("path", OF_PYTHON, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_page_says_in_which_python_it_is_typed_and_what_that_needs_beside_the_standard_library(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    said = text[: text.index("```python")]
    assert "`.venv/bin/python`" in said
    trees = [ast.parse(block) for block in code_of(text, "python")]
    modules = {name.split(".")[0] for tree in trees for name in imported(tree)} - set(sys.stdlib_module_names) - ROOMS
    assert {name for name in modules if f"`{name}" not in said} == set()


@pytest.mark.parametrize("path", OF_PYTHON, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_python_of_a_page_is_taken_line_by_line(path: Path) -> None:
    """As it is pasted into a session: there an empty line, and nothing else, ends what is indented."""
    for block in code_of(path.read_text(encoding="utf-8"), "python"):
        begun = list[str]()
        for line in block.splitlines():
            begun.append(line)
            if codeop.compile_command("\n".join(begun), path.name, "single") is not None:
                begun.clear()


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_who_is_to_type_python_is_told_which(path: Path) -> None:
    """`python3` for what needs nothing of ours, `.venv/bin/python` for all else: a machine need not have any `python`."""
    assert re.findall(r"(?<![\w/])python \S+\.py\b", path.read_text(encoding="utf-8")) == []


def test_every_client_is_generated_by_the_words_that_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By `make contracts`: no option more, none less, and none on the page that is never tried."""
    came = list[str]()

    def refuse(command: list[str], **_: str) -> str:
        words = [*map(str, command)]
        options = words.index("-g")
        assert words[words.index("generate") : options - 1] == ["generate", "-i", "document", "-o"]
        came.append(" ".join(words[options:]))
        raise tools.Failed

    monkeypatch.setattr(tools, "ran", refuse)
    for generate in generated.CLIENTS.values():
        with pytest.raises(tools.Failed):
            generate(tools.Tools(tmp_path, Path("generator.jar")), Path("document"), Path("folder"), [])
    shown = [one for one in code_of(generated.PAGE.read_text(encoding="utf-8"), "") if one.startswith("-g ")]
    assert sorted(came) == sorted(shown)


WORDS_READ, CHARACTERS_TYPED = 238, 260
"""A minute: silent reading of plain English (Brysbaert 2019), typing by hand at 52 words (Dhakal and others 2018)."""


@pytest.mark.parametrize("agency", AGENCIES)
def test_a_first_client_and_a_first_fact_take_less_than_ten_minutes_of_reading_and_typing(agency: str) -> None:
    begin, *parts = (ROOT / FIRST_CLIENT).read_text(encoding="utf-8").split("\n## ")
    own = [part for part in parts if part.startswith(f"{agency}\n")]
    others = [part for part in parts if part not in own and not part.startswith(AGENCIES)]
    wanted = [begin, *own]
    assert (len(wanted), [part for part in others if "```" in part]) == (2, [])
    read, typed = 0, 0
    for part in wanted:
        for number, block in enumerate(re.split(r"^```(?:python|console)?$", part, flags=re.MULTILINE)):
            lines = [line for line in block.splitlines() if number % 2 and (line.startswith("$ ") or "$ " not in block)]
            typed += sum(len(line.removeprefix("$ ").strip()) + 1 for line in lines if line)
            read += 0 if lines and "$ " not in block else len(block.split())
    minutes = read / WORDS_READ + typed / CHARACTERS_TYPED
    print(f"{agency}: {minutes:.1f} minutes")
    assert minutes < 10
