"""Identity codes and business ids: only numbers that no living person can have, and unassigned low business ids, are used.

The second half compares them with the package `python-stdnum`.
"""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.fi import hetu, ytunnus

from domain.identifiers import (
    CENTURIES,
    CHECK_CHARACTERS,
    is_business_id,
    is_identity_code,
    is_test_code,
    synthetic_business_id,
    synthetic_identity_code,
)

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


@given(st.integers(1, 999))
def test_a_made_up_organisation_has_a_business_id_where_its_number_has_a_check_digit(number: int) -> None:
    digits = f"{number:07d}"
    wanted = [f"{digits}-{check}" for check in range(10) if ytunnus.is_valid(f"{digits}-{check}")]
    try:
        assert [synthetic_business_id(number)] == wanted
    except ValueError:
        assert wanted == []


@pytest.mark.parametrize("number", [-1, 0, 1000, 2085212])
def test_no_business_id_is_made_that_somebody_may_have(number: int) -> None:
    with pytest.raises(ValueError, match=str(number)):
        synthetic_business_id(number)


# --- against the package `python-stdnum` ------------------------------------------------------------------------------

NOT_LIVING = st.one_of(st.dates(date(1800, 1, 1), date(1899, 12, 31)), st.dates(date(2060, 1, 1), date(2099, 12, 31)))
UNUSUAL_DIGITS = "٣３"
"""Three, in Arabic and in full width: digits to Python, none to the authority."""
TYPED = st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcxyz+-_./ \n")


@st.composite
def well_formed(draw: st.DrawFn) -> str:
    """A well-formed code with any separator of its century: of the test range, or of nobody who lives."""
    born_on = draw(st.dates(date(1800, 1, 1), date(2099, 12, 31)))
    number = draw(st.integers(900, 999))
    if draw(st.booleans()):
        born_on, number = draw(NOT_LIVING), draw(st.integers(0, 999))
    separator = draw(st.sampled_from([sign for sign, century in CENTURIES.items() if century == born_on.year // 100 * 100]))
    digits = f"{born_on:%d%m}{born_on.year % 100:02d}{number:03d}"
    return f"{digits[:6]}{separator}{digits[6:]}{CHECK_CHARACTERS[int(digits) % 31]}"


@st.composite
def broken(draw: st.DrawFn, text: st.SearchStrategy[str]) -> str:
    """A text with some characters changed, added or left out."""
    characters = list(draw(text))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(characters) - 1))
        characters[at : at + draw(st.integers(0, 2))] = draw(st.lists(TYPED, max_size=2))
        characters = characters or ["0"]
    return "".join(characters)


def read_by_others(code: str, *, also_temporary: bool) -> bool:
    """What python-stdnum says of the code as it is: it would take small letters and spaces too, which the vault does not."""
    return hetu.is_valid(code, allow_temporary=also_temporary) and hetu.compact(code) == code


@given(st.one_of(well_formed(), broken(well_formed())))
def test_an_identity_code_is_one_to_others_too(code: str) -> None:
    assert is_identity_code(code) is read_by_others(code, also_temporary=True)
    assert is_test_code(code) is (is_identity_code(code) and not read_by_others(code, also_temporary=False))


@pytest.mark.parametrize("separator", CENTURIES)
@pytest.mark.parametrize("day", ["290200", "290299", "310400", "010100", "311299", "000100", "011300"])
def test_every_separator_stands_for_the_same_century_to_others(separator: str, day: str) -> None:
    code = f"{day}{separator}900{CHECK_CHARACTERS[int(day + '900') % 31]}"
    assert is_identity_code(code) is read_by_others(code, also_temporary=True)


@pytest.mark.parametrize("number", ["000", "001", "002", "899", "900", "999"])
def test_the_edges_of_the_number_are_the_same_to_others(number: str) -> None:
    code = f"010150+{number}{CHECK_CHARACTERS[int('010150' + number) % 31]}"
    assert is_identity_code(code) is read_by_others(code, also_temporary=True)
    assert is_test_code(code) is (number >= "900")


@pytest.mark.parametrize("digit", UNUSUAL_DIGITS)
def test_only_the_ten_digits_of_ascii_are_digits(digit: str) -> None:
    assert not is_identity_code(f"140598-90{digit}F")
    assert not is_business_id(f"000000{digit}-5")


@given(st.integers(0, 99_999), st.sampled_from("0123456789"))
def test_a_business_id_is_one_to_others_too(number: int, check: str) -> None:
    business_id = f"{number:07d}-{check}"
    assert is_business_id(business_id) is ytunnus.is_valid(business_id)


@given(broken(st.sampled_from(SYNTHETIC_BUSINESS_IDS)))
def test_a_business_id_is_taken_in_its_one_written_form_alone(text: str) -> None:
    # Others take it without its hyphen, or as a VAT number, too.
    assert is_business_id(text) is (ytunnus.is_valid(text) and ytunnus.format(text) == text)
