"""No diagnosis gets in, and what only looks like one is let through."""

from __future__ import annotations

import pytest

from domain.health_content import health_content, looks_like_diagnosis


@pytest.mark.parametrize(
    "text",
    [
        "F32.1",
        "F32,1",
        "f32.1",
        "F 32.1",
        "M54",
        "M54.5",
        "F20",
        "F20.",
        "dg F20",
        "todettu F32-F39",
        "F20-diagnoosi",
        "f20",
        "ICPC P76",
        "P76 todettu keväällä",
        "6A70",
        "6A70.1 aiemmin",
        "ICD-10 mukaan",
        "DSM-5",
        "F\u200b32.1",
        "Ｆ３２.１",
        "(F43.2)",
        "Z73,0",
        "kaksi diagnoosia: F10.2, F41",
        "pultti M12",
    ],
)
def test_a_code_of_a_diagnosis_is_found(text: str) -> None:
    assert looks_like_diagnosis(text)


@pytest.mark.parametrize(
    "text",
    [
        "K-01",
        "S-01",
        "R-1001",
        "R1001",
        "W-21",
        "0000001-9",
        "2025-W06",
        "2025-03-03T12:00:00Z",
        "A4",
        "A3-paperille",
        "E 75",
        "valtatie E75",
        "Kirkkokatu 5 A12",
        "Kirkkokatu 5 A 12",
        "Kyrkogatan 5 B21",
        "huone B21",
        "tapaaminen huoneessa B21",
        "bussi H71",
        "room C12",
        "ma 12.5. klo 9.30",
        "klo10.30",
        "M 12.5. palaveri",
        "säännöllinen rytmi arkeen",
        "weekly talk, 5 h a day",
        "LB-189-PLAN",
        "EL-O25-LMS500",
        "EL-U25-SA4M",
        "EL-2026-MSP",
        "X5",
        "pay_subsidised_work",
        "140598-903F",
        "puh. 040 1234567",
        "3 päivää viikossa, 20.5 tuntia",
        "",
    ],
)
def test_what_only_shares_the_shape_passes(text: str) -> None:
    assert not looks_like_diagnosis(text)


def test_the_places_in_a_body_are_named_and_references_are_left_alone() -> None:
    body = {
        "goal": "rytmi",
        "support": "F32.1 huomioitava",
        "needs": ["working_life_rules", "F20"],
        "capacity_statement_id": "M54",
        "registration_number": "F20",
        "parts": [{"text": "6A70"}],
        "street": "Kuja 1 F20",
    }
    assert health_content(body, skip={"street"}) == ("/support", "/needs/1", "/parts/0/text")


def test_no_code_of_the_vocabulary_looks_like_a_diagnosis() -> None:
    from domain.vocabulary import code_list, code_list_names

    for name in code_list_names():
        for entry in code_list(name):
            assert not looks_like_diagnosis(entry.code)
            assert not any(looks_like_diagnosis(text) for text in entry.texts.values())
