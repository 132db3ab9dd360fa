"""Identity codes and business ids: only the test range and unassigned low numbers are used here."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identifiers import CHECK_CHARACTERS, is_business_id, is_identity_code, is_test_code, synthetic_identity_code

SYNTHETIC_BUSINESS_IDS = [
    "0000001-9", "0000002-7", "0000003-5", "0000004-3", "0000005-1", "0000007-8", "0000008-6", "0000009-4", "0000010-7",
    "0000011-5", "0000012-3", "0000013-1",
]  # fmt: skip


def test_the_client_of_the_first_history_has_a_well_formed_test_code() -> None:
    assert is_identity_code("140598-903F")
    assert is_test_code("140598-903F")


@pytest.mark.parametrize(
    "code",
    [
        "140598-903G",
        "140598-9033",
        "310298-903F",
        "140598_903F",
        "140598-903f",
        " 140598-903F",
        "140598-903F\n",
        "",
        "14059890 3F",
    ],
)
def test_a_code_with_a_fault_is_refused(code: str) -> None:
    assert not is_identity_code(code)


def test_the_date_is_read_in_the_century_of_the_separator() -> None:
    leap_day_2000 = synthetic_identity_code(date(2000, 2, 29), 900)
    assert leap_day_2000[6] == "A"
    assert is_identity_code(leap_day_2000)
    assert not is_identity_code(leap_day_2000.replace("A", "-", 1))


@given(
    st.dates(date(1800, 1, 1), date(2099, 12, 31)),
    st.integers(900, 999),
)
def test_a_synthetic_code_is_a_test_code_and_one_wrong_check_character_breaks_it(born_on: date, number: int) -> None:
    code = synthetic_identity_code(born_on, number)
    assert is_test_code(code)
    for character in CHECK_CHARACTERS:
        assert is_identity_code(code[:10] + character) is (character == code[10])


@pytest.mark.parametrize("separator", "-YXWVU")
def test_new_separators_do_not_change_the_check_character(separator: str) -> None:
    code = synthetic_identity_code(date(1998, 5, 14), 903, separator)
    assert code == f"140598{separator}903F"
    assert is_identity_code(code)


def test_real_numbers_are_never_made() -> None:
    with pytest.raises(ValueError, match="900"):
        synthetic_identity_code(date(1998, 5, 14), 123)
    with pytest.raises(ValueError, match="1998"):
        synthetic_identity_code(date(1998, 5, 14), 903, "A")


@pytest.mark.parametrize("business_id", SYNTHETIC_BUSINESS_IDS)
def test_synthetic_business_ids_are_well_formed(business_id: str) -> None:
    assert is_business_id(business_id)


@pytest.mark.parametrize(
    "business_id", ["0000001-8", "0000006-0", "0000006-1", "00000019", "000001-9", "0000001-9 ", "a000001-9"]
)
def test_a_business_id_with_a_fault_is_refused(business_id: str) -> None:
    assert not is_business_id(business_id)
