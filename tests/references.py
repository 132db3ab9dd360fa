"""The notations in which code and pages name a place in the domain reference, the design or the law, and where each leads.

- `domain/pathway.md 4.4 row 25`: a page of `docs/domain`, a section, and in it a row, rule, column, key or id. More places
  of the same page follow after a comma: `domain/law.md 2.6, 2.8`; `-` spans: `domain/disclosure.md 5.2-5.5`.
- `design D9`, `design 5`: a decision or a section of `docs/decisions/design.md`; `design D11, D12`.
- `integration.md 2`, `faults.md 3`: a section of a page of `docs/explanation`.
- `189/2001 s. 13`, `HE 109/2025`: an act or a bill that `docs/domain/law.md` names.
- `(rule 7)`: a rule of `domain/disclosure.md 5.3`. `§2.6` on a page of `docs/domain`: a section of any of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOMAIN = ROOT / "docs/domain"
DESIGN = ROOT / "docs/decisions/design.md"
EXPLANATION = ROOT / "docs/explanation"

NUMBER = r"\d{1,2}[a-z]?(?![\w./])"
NUMBERS = rf"{NUMBER}(?:(?:, | and |[-–]){NUMBER})*"
ITEM = re.compile(
    rf"(?P<section>\d{{1,2}}\.\d{{1,2}}(?![\d]))|(?P<kind>rows?|rules?|facts?) (?P<rows>{NUMBERS})"
    r"|column (?P<column>county|[A-Z]{2,4})|(?P<id>[A-Z]{1,2}\d{1,2}\b|AS-\d)|`(?P<key>[^`]+)`|(?P<chapter>\d{1,2}(?![\w/]))"
)
BETWEEN = re.compile(r"\)?, | and | \((?=r)|[-–]| ")
DOMAIN_PAGE = re.compile(r"(?<![\w/])(?:docs/)?domain/([A-Za-z-]+)\.md(?![\w`)#])")
DESIGN_PLACES = re.compile(r"(?<![\w/])\[?[Dd]esign ((?:D\d+|[1-9])(?:(?:, | and )(?:D\d+|[1-9])(?![\w.]))*)(?![\w.]\w)")
PAGE_PLACES = re.compile(rf"(?<![\w/])\[?(integration|faults)\.md ({NUMBERS})")
ANY_PAGE = re.compile(r"(?<![\w/.])([a-z-]+)\.md (?:\d{1,2}(?:\.\d+)?|[A-Z]\d+)\b")
RULES = re.compile(rf"\(rules? ({NUMBERS})\)")
ACT = re.compile(r"(?<![\w./-])(?:HE )?\d{2,4}/(?:19|20)\d{2}(?![\w/-])")
PARAGRAPH = re.compile(r"§(\d{1,2}(?:\.\d{1,2})?)")
LABEL = re.compile(r"(?<![\w`])source: (?=(\S+))")
KNOWN = re.compile(
    r"domain/[A-Za-z-]+\.md (?:\d|[A-Z]|fact)|design [D\d]|(?:integration|faults)\.md \d|RFC \d|(?:HE )?\d{2,4}/\d{4}"
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page, headings below it included."""

    text: str

    @property
    def first_cells(self) -> set[str]:
        """The first cell of every table row, without marks around it."""
        return {cell.strip(" `*●") for cell in re.findall(r"^\| ?((?:[^|\\]|\\.)*?) ?\|", self.text, re.MULTILINE)}

    def has_row(self, number: str) -> bool:
        """A row of this number, or an item of a list in one line: `15 labels · 16 public holidays`."""
        return number in self.first_cells or bool(re.search(rf"(?:^|· ){number} ", self.text, re.MULTILINE))

    def has_column(self, name: str) -> bool:
        """A column or a line of this name in one of its tables."""
        return bool(re.search(rf"^\|.*(?<=\|) ?{name} ?\|", self.text, re.MULTILINE))

    def has(self, item: re.Match[str]) -> bool:
        """Whether the place is in this section: rows, a column, an id (first cell or heading), a key (first cell)."""
        if item["rows"]:
            return all(self.has_row(number) for number in _listed(item["rows"]))
        if item["column"]:
            return self.has_column(item["column"])
        if item["id"]:
            return item["id"] in self.first_cells or bool(re.search(rf"^#+ {item['id']} ", self.text, re.MULTILINE))
        return any(item["key"] in cell for cell in self.first_cells)


@cache
def sections(page: Path) -> dict[str, Section]:
    """The parts of a page by their numbers; the whole of it under the empty one."""
    text = page.read_text(encoding="utf-8")
    found = {"": Section(text)}
    for each in re.finditer(r"^(#+) (?:(D\d+)|(\d+(?:\.\d+)?)\.?) ", text, re.MULTILINE):
        deeper = re.compile(rf"^#{{1,{len(each[1])}}} ", re.MULTILINE).search(text, each.end())
        found[each[2] or each[3]] = Section(text[each.start() : deeper.start() if deeper else None])
    return found


def dead_ends(text: str, *, labelled: bool = False, of_the_domain: bool = False) -> Iterator[tuple[int, str]]:
    """Every reference in a text that leads nowhere: where it stands, and what is wrong. `labelled`: each `source:` has to
    be one of the notations. `of_the_domain`: the text is a page of `docs/domain`."""
    for each in DOMAIN_PAGE.finditer(text):
        yield from ((each.start(), wrong) for wrong in _of_a_domain_page(each[1], text, each.end()))
    for each in DESIGN_PLACES.finditer(text):
        yield from _missing(each.start(), DESIGN, _listed(each[1]))
    for each in PAGE_PLACES.finditer(text):
        yield from _missing(each.start(), EXPLANATION / f"{each[1]}.md", _listed(each[2]))
    for each in ANY_PAGE.finditer(text):
        if not ((EXPLANATION / f"{each[1]}.md").exists() or (of_the_domain and (DOMAIN / f"{each[1]}.md").exists())):
            yield each.start(), f"{each[1]}.md: which? say domain/{each[1]}.md"
    for each in RULES.finditer(text):
        rules = sections(DOMAIN / "disclosure.md")["5.3"]
        yield from ((each.start(), f"no rule {number} in 5.3") for number in _listed(each[1]) if not rules.has_row(number))
    for each in ACT.finditer(text):
        if not of_the_domain and each[0] not in sections(DOMAIN / "law.md")[""].text:
            yield each.start(), f"{each[0]} is not in domain/law.md"
    if of_the_domain:
        known = {number for page in DOMAIN.glob("*.md") for number in sections(page)}
        yield from ((each.start(), f"no {each[0]}") for each in PARAGRAPH.finditer(text) if each[1] not in known)
    if labelled:
        for each in LABEL.finditer(text):
            if not KNOWN.match(text, each.end()):
                yield each.start(), f"source: {each[1]}… is none of the notations"


def _listed(places: str) -> list[str]:
    return re.findall(r"\w+", places.replace(" and ", ", "))


def _missing(at: int, page: Path, numbers: list[str]) -> Iterator[tuple[int, str]]:
    yield from ((at, f"no {number} in {page.name}") for number in numbers if number not in sections(page))


def _of_a_domain_page(name: str, text: str, at: int) -> Iterator[str]:
    page = DOMAIN / f"{name}.md"
    if not page.exists():
        yield f"there is no domain/{name}.md"
        return
    here = sections(page)[""]
    for item in _items(text, at):
        if number := item["section"] or item["chapter"]:
            # What follows a section and has no dot is taken for a row: `4.4 row 34`, not `4.4, 34`.
            if number not in sections(page) or (item["chapter"] and here is not sections(page)[""]):
                yield f"no section {number} in domain/{name}.md"
                return
            here = sections(page)[number]
        elif not here.has(item):
            yield f"no {item[0]} there in domain/{name}.md"


def _items(text: str, at: int) -> Iterator[re.Match[str]]:
    while between := BETWEEN.match(text, at):
        item = ITEM.match(text, between.end())
        if item is None:
            return
        yield item
        at = item.end()
