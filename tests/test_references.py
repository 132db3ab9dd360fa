"""What code and pages name as their source is there: each place in the domain reference, each decision, each act."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_links import DEFINITION, leads_somewhere
from references import DOMAIN, ROOT, dead_ends, sections

ROOMS = ("domain", "projections", "consumers", "api", "deploy", "tests", "docs")
KINDS = {".py", ".toml", ".yaml", ".md", ".js", ".html", ".sh", ".css"}
FILES = [
    path
    for path in sorted([*ROOT.glob("*.md"), ROOT / "Makefile", *(p for room in ROOMS for p in (ROOT / room).rglob("*"))])
    if (path.suffix in KINDS or path.name == "Makefile") and path.name not in ("references.py", "test_references.py")
]


@pytest.mark.parametrize("room", ["", *ROOMS])
def test_every_reference_leads_somewhere(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {fault}"
        for path in FILES
        if (path.relative_to(ROOT).parts[0] == room if room else path.parent == ROOT)
        for line, fault in faults(path)
    ]
    assert wrong == [], "\n" + "\n".join(wrong)


def faults(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    joined, places = unwrapped(spoken(text) if path.suffix == ".py" else text)
    for at, fault in dead_ends(joined, labelled=path.suffix in (".py", ".toml"), of_the_domain=path.parent == DOMAIN):
        yield text.count("\n", 0, places[at]) + 1, fault
    if path.parent.name in ("codes", "rules"):
        for each in re.finditer(r"^source = \"(.*)\"", text, re.MULTILINE):
            for _, fault in dead_ends(f"source: {each[1]}", labelled=True):
                yield text.count("\n", 0, each.start()) + 1, fault


def spoken(program: str) -> str:
    """A program's comments and strings, its code blanked out: `source: str` is a field, no reference."""
    whole = program.splitlines(keepends=True)
    lines = [re.sub(r"\S", "\1", line) for line in whole]
    for token in tokenize.generate_tokens(io.StringIO(program).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING) or tokenize.tok_name[token.type] == "FSTRING_MIDDLE":
            (first, start), (last, end) = token.start, token.end
            for number in range(first - 1, last):
                begin, stop = (start if number == first - 1 else 0), (end if number == last - 1 else len(whole[number]))
                lines[number] = lines[number][:begin] + whole[number][begin:stop] + lines[number][stop:]
    return "".join(lines)


def unwrapped(text: str) -> tuple[str, list[int]]:
    """The text with wrapped lines joined, since a reference may go on in the next line; and where each sign stood."""
    joined: list[str] = []
    places: list[int] = []
    for each in re.finditer(r"\n[ \t]*(?:(?:#|//) ?)?(?=[^\s|#-])|(.)", text, re.DOTALL):
        if each[1] is None and joined and joined[-1] == " ":
            continue
        joined.append(" " if each[1] is None else each[1])
        places.append(each.start())
    return "".join(joined), places


@pytest.mark.parametrize(
    "text",
    [
        "domain/pathway.md 4.4 row 25",
        "domain/pathway.md 4.4 rows 25, 26, domain/law.md 2.6",
        "domain/pathway.md 4.5 I12",
        "domain/pathway.md 4.6 `followup.interval_days`",
        "domain/disclosure.md 5.2-5.5",
        "domain/disclosure.md 5.3 (rules 1-12a), 5.5",
        "domain/disclosure.md 5.3, column EA",
        "domain/law.md 2.11 row 16",
        "domain/law.md 2.4 (24 months)",
        "domain/questions.md CW8, DP2",
        "domain/README.md fact 4",
        "domain/scenarios.md AS-1",
        "design D11, D12; 189/2001 s. 13",
        "design 3 and 4",
        "integration.md 2, design D13",
        "RFC 9110 13.1.1",
    ],
)
def test_a_place_that_is_there_is_found(text: str) -> None:
    assert [*dead_ends(f"source: {text}", labelled=True)] == []


@pytest.mark.parametrize(
    "text",
    [
        "domain/paths.md 4.4",
        "domain/pathway.md 4.44",
        "domain/pathway.md 4.4 row 99",
        "domain/pathway.md 4.4, 25",
        "domain/pathway.md 4.5 I99",
        "domain/pathway.md 4.6 `followup.interval_weeks`",
        "domain/disclosure.md 5.2-5.9",
        "domain/disclosure.md 5.3 rule 99",
        "domain/disclosure.md 5.3, column XX",
        "domain/disclosure.md 5.3 (rule 99)",
        "domain/law.md 2.6, 2.99",
        "domain/questions.md CW8, DP99",
        "domain/README.md fact 99",
        "design D99",
        "design D11, D99",
        "design 9",
        "integration.md 9",
        "189/1901 s. 13, 188/2001 s. 13",
        "pathway.md 4.4",
        "row 15",
    ],
)
def test_a_place_that_is_not_there_is_told(text: str) -> None:
    assert [*dead_ends(f"source: {text}", labelled=True)]


def test_code_is_no_reference_and_a_wrapped_line_goes_on() -> None:
    program = 'def rule(\n    source: str,\n) -> None:\n    """A rule. source: domain/pathway.md 4.4\n    row 99"""\n'
    joined, places = unwrapped(spoken(program))
    ((at, fault),) = dead_ends(joined, labelled=True)
    assert "row 99" in fault
    assert program.count("\n", 0, places[at]) + 1 == 4


# --- the marks of the domain reference --------------------------------------------------------------------------------

LABEL = r"\[(seed|own|design|computed|S\d+[a-z]?|[Dd]esign (?:D\d+|\d)|(?:integration|faults)\.md \d)\]"
FOUND = re.compile(r"\[found((?:: |, |; )\[S\d+[a-z]?\])+\]")
MARK = re.compile(r"\[(?:seed|found|own|design|computed)\b[^\]]*")


@pytest.mark.parametrize("page", sorted(DOMAIN.glob("*.md")), ids=lambda page: page.name)
def test_every_mark_leads_to_its_explanation_and_every_source_to_its_entry(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    defined = dict(DEFINITION.findall(text))
    shown = re.sub(r"`[^`\n]*`", "", DEFINITION.sub("", text))
    assert set(re.findall(LABEL, shown)) == set(defined), "each is defined at the end of its page, and nothing else is"
    for label, target in defined.items():
        assert leads_somewhere(page, target), (label, target)
        assert fits(label, target), (label, target)
    assert MARK.findall(re.sub(LABEL, "", FOUND.sub("", shown))) == [], "[own], or [found: [S4], [S8]]"


def fits(label: str, target: str) -> bool:
    """Whether a link goes where its label says."""
    place = label.split()[-1]
    if " " in label:
        page = "design.md" if "esign" in label else label.split()[0]
        return re.search(rf"/{page}#{place.lower()}(?:-|$)", target) is not None
    return target.endswith(f"#{label.lower()}" if label.startswith("S") else "#provenance-marks")


def test_every_mark_of_a_rule_is_explained() -> None:
    explained = set(re.findall(r"^\| `\[(\w+)", sections(DOMAIN / "README.md")[""].text, re.MULTILINE))
    assert explained == {"seed", "found", "own", "design", "computed"}
    for path in sorted((ROOT / "domain/rules").glob("*.toml")):
        assert set(re.findall(r"^mark = \"(\w+)\"", path.read_text(encoding="utf-8"), re.MULTILINE)) <= explained
