"""What the page about generated clients says, the programs of the contracts do; who runs everything reads what it wants."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from blocks import ROOT
from clients.tools import NEEDED

from api.problems import LONGEST_ANSWER_S, LONGEST_WAIT_S

PAGE = (ROOT / "docs" / "how-to" / "generate-a-client.md").read_text(encoding="utf-8")
GENERATED = (ROOT / "tests" / "clients" / "generated.py").read_text(encoding="utf-8")
DIFFERS = PAGE.partition("## What differs by language\n")[2].partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The rows of the tables in a text, by their cells, without the lines below the heads."""
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if not set(line) <= set("|- ")]


PROGRAMS = {cells[0]: cells[2].strip("`") for cells in rows(PAGE.partition("## Over Kafka")[0])[1:]}
"""The program of each language, as the first table of the page names it."""


def said() -> Iterator[tuple[str, str]]:
    """Each language with a piece of code that the page says of it."""
    (_, *languages), *told = rows(DIFFERS)
    assert languages == list(PROGRAMS)
    for _, *cells in told:
        for language, cell in zip(languages, cells, strict=True):
            for code in re.findall("`([^`]+)`", cell):
                yield language, code


def test_the_page_says_several_things_of_each_language() -> None:
    assert all(len([code for of, code in said() if of == language]) >= 4 for language in PROGRAMS)


@pytest.mark.parametrize(("language", "code"), [*said()])
def test_what_differs_by_language_is_what_its_program_does(language: str, code: str) -> None:
    assert code in (ROOT / PROGRAMS[language]).read_text(encoding="utf-8")


@pytest.mark.parametrize("language", PROGRAMS)
def test_a_program_has_more_patience_than_an_answer_may_take(language: str) -> None:
    """design 5: what is waited for, and what an answer may take beyond it"""
    program = (ROOT / PROGRAMS[language]).read_text(encoding="utf-8")
    patience = re.search(r"\bPATIENCE\w* = (?:Duration\.ofSeconds\()?(45)(?:_000|\.0)?\b", program)
    assert patience
    assert int(patience[1]) > LONGEST_WAIT_S + LONGEST_ANSWER_S
    [sentence] = re.findall(r"- \*\*Patience\.\*\*.*?(?=\n- )", DIFFERS, re.DOTALL)
    assert re.findall(r"\d+", sentence) == [f"{LONGEST_WAIT_S:.0f}", f"{LONGEST_ANSWER_S:.0f}", patience[1], "10"]


def test_how_a_program_is_compiled_and_started_is_said() -> None:
    tools = (ROOT / "tests" / "clients" / "tools.py").read_text(encoding="utf-8")
    for option, where in (("noPropertyAccessFromIndexSignature", tools), ("-Dfile.encoding=UTF-8", GENERATED)):
        assert f"`{option}`" in DIFFERS
        assert option in where


def test_who_runs_everything_reads_first_what_has_to_be_there() -> None:
    """Where it is not, twenty minutes of tests would come before somebody says so."""
    ci, make, readme = ((ROOT / name).read_text(encoding="utf-8") for name in (".ci/run", "Makefile", "README.md"))
    rules = dict(re.findall(r"^([a-z]+): +([^#\n]*)", make, re.MULTILINE))
    assert "tools" in rules["contracts"].split()
    assert ci.index("make tools") < ci.index("make test") < ci.index("make contracts")
    [row] = [line for line in readme.splitlines() if line.startswith("| `make contracts` |")]
    for what, least in NEEDED.values():
        name = what.partition(", ")[0].split()[-1]
        wanted = re.compile(rf"{name}[ ,(]+{'.'.join(map(str, least))} or later")
        page = PAGE.partition("`make contracts` wants\n")[2]
        for text in (ci.partition("set -")[0], make.partition("\n\n")[0], row, page):
            assert wanted.search(" ".join(text.replace("\n# ", " ").split())), (name, text)
