"""Every text that somebody reads, in its three languages: one word for one thing, and none that is never right.

Which word is kept stands in domain/vocabulary.md 1.13 and in the code lists. Listed here are words that were written for the
same thing and are wrong in every text: calques, words of another law, two words for one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.describe.openapi import openapi_document

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = ("fi", "sv", "en")

NEVER: dict[str, dict[str, str]] = {
    "fi": {
        r"\bhänvisning": "lähete",
        "sijoituspai": "työtoimintapaikka",
        "toimintapäiv": "osallistumispäivä",
        r"omistaj": "vastaava taho",
        "TYP-palvelu": "työllistymistä edistävä monialainen yhteispalvelu (TYP)",
        r"siirtymis?[ään]": "jatkopolku",
        "alentamispäätö": "perusosan alentaminen",
        "simuloi": "harjoitusrekisteri",
        "tuotantokirjanpi": "tuotantorekisteri",
        r"oikea[ns]?[a-zä]* rekisteri": "tuotantorekisteri",
        "käsin tehtäv": "työntekijä tunnistaa",
    },
    "sv": {
        r"\bremiss": "hänvisning",
        "hänvisare": "hänvisande instans",
        "verksamhetsplats": "verksamhetsställe",
        r"\bplacering": "plats för arbetsverksamhet",
        "deltagandedag": "deltagardag",
        "verksamhetsdag": "deltagardag",
        "uppehåll": "paus",
        r"\bavbrott": "avbrytande",
        "vägras": "vägran att delta",
        "giltigt skäl": "giltig orsak",
        "livshantering": "livskompetens",
        "verksamhetspenning": "sysselsättningspenning",
        "reseersättning": "ersättning för resekostnader",
        "sänkt utkomststöd": "sänkning av grunddelen",
        "servicebedömning": "bedömning av servicebehovet",
        r"kontakt till": "kontakt med",
        "upprätt": "utarbeta",
        r"gör[as]* upp": "utarbeta",
        r"\bägare": "ansvarig instans",
        r"\barbetstagare": "medarbetare",
        "verksamhet i grupp": "gruppverksamhet",
        "förvaltningsbeslut": "tjänsteinnehavarbeslut",
        r"utlämning": "utlämnande",
        "behörighet": "åtkomsträttighet",
        r"\b(åter|av)?sänd[ae]?[sr]?\b": "skicka",
        r"\bövergång": "fortsättning efter tjänsten",
        "fortsatt väg": "fortsättning efter tjänsten",
        "bokföring": "register",
        r"verklig[at]* regist": "produktionsregister",
        r"\bförvaltningen": "systemadministratören",
        "pendlingsområde": "pendlingsregion",
        "utredning av yrkesinriktad rehabilitering": "yrkesinriktad rehabiliteringsutredning",
        "missbrukartjänst": "missbruks- och beroendetjänster",
    },
    "en": {
        r"\binterruption": "discontinuation",
        "Licensing and Supervision": "Finnish Supervisory Agency",
        "simulated bookkeeping": "simulated ledger",
    },
}
"""By language: what is never right, as a regular expression without regard to case, and what is said instead."""


def texts() -> Iterator[tuple[str, str, str]]:
    """(where, language, text) of every label, refusal with its advice, word of the pages and title of a question."""
    for path in [*ROOT.glob("domain/codes/*.toml"), ROOT / "domain" / "refusals.toml", ROOT / "projections" / "labels.toml"]:
        yield from _in(path.name, tomllib.loads(path.read_text(encoding="utf-8")))
    source = (ROOT / "api" / "web" / "words.js").read_text(encoding="utf-8")
    for language, block in re.findall(r"^  (fi|sv|en): \{(.*?)^  \},|^  (?:fi|sv|en): \{.*?\},$", source, re.S | re.M):
        yield from (("words.js", language, text) for text in re.findall(r': "((?:[^"\\]|\\.)*)"', block))
    for language, line in re.findall(r"^  (fi|sv|en): \{(.*)\},$", source, re.M):
        yield from (("words.js", language, text) for text in re.findall(r': "(.*?)"', line))
    yield from _in("openapi", openapi_document())


def _in(where: str, found: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(found, list):
        for one in found:
            yield from _in(where, one)
    elif isinstance(found, dict):
        for name, one in found.items():
            if name in LANGUAGES:
                said = one if isinstance(one, list) else [one]
                yield from ((where, name, text) for text in said if isinstance(text, str))
            else:
                yield from _in(f"{where} {name}", one)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_has_a_word_that_is_never_right(language: str) -> None:
    wrong = [
        f"{where}: “{text}” has {found.group(0)!r}; right is {right!r}"
        for where, spoken, text in texts()
        if spoken == language
        for never, right in NEVER[language].items()
        if (found := re.search(never, text, re.IGNORECASE))
    ]
    assert wrong == []


def test_every_place_with_texts_is_looked_at() -> None:
    seen = list(texts())
    places = {where.split()[0] for where, _, _ in seen}
    assert places >= {"refusals.toml", "labels.toml", "words.js", "day_status.toml", "openapi"}
    for language in LANGUAGES:
        said = [text for where, spoken, text in seen if spoken == language and where == "words.js"]
        assert len(said) > 60, language
        assert any("KUTY" not in text for text in said)
    assert ("words.js", "sv", "Tjänsten kan inte nås.") in seen
    assert ("words.js", "fi", "jaksojen välissä") in seen


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("sv", "Remissen är mottagen"),
        ("sv", "Sänd på nytt"),
        ("fi", "Suunnitelman omistaja"),
        ("en", "Interruption of a period"),
    ],
)
def test_a_word_that_is_never_right_is_found_in_whatever_form(language: str, text: str) -> None:
    assert any(re.search(never, text, re.IGNORECASE) for never in NEVER[language])
