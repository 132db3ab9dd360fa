"""Checks of personal identity codes and business ids.

A personal identity code is never a key, never part of a URL or a log line, and nothing is derived from it: it goes
to the vault as it is. source: domain/privacy.md 3.6, 3.7
"""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from typing import Any

IDENTITY_CODE = re.compile(r"(\d{2})(\d{2})(\d{2})([-+YXWVUABCDEF])(\d{3})([0-9A-FHJ-NPR-Y])", re.ASCII)
BUSINESS_ID = re.compile(r"\d{7}-\d", re.ASCII)
CENTURIES = {"+": 1800, **dict.fromkeys("-YXWVU", 1900), **dict.fromkeys("ABCDEF", 2000)}
CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
WEIGHTS = (7, 9, 10, 5, 8, 4, 2)
SMALLEST_NUMBER = 2
FIRST_TEST_NUMBER = 900
MOST_SYNTHETIC = 999
"""The highest number of a synthetic organisation: business ids with four zeros in front."""


def normal_code(text: Any) -> Any:
    """A code in its one spelling: capital letters, no blank around it. What is no text is left as it is."""
    return text.strip().upper() if isinstance(text, str) else text


def is_identity_code(code: str) -> bool:
    """Whether the text is a well-formed personal identity code: real date, right check character.

    Codes of the test range (900 to 999) are well-formed too. source: domain/privacy.md 3.6
    """
    match = IDENTITY_CODE.fullmatch(code)
    if match is None:
        return False
    day, month, year, separator, number, check = match.groups()
    try:
        date(CENTURIES[separator] + int(year), int(month), int(day))
    except ValueError:
        return False
    if int(number) < SMALLEST_NUMBER:
        return False
    return CHECK_CHARACTERS[int(day + month + year + number) % 31] == check


def is_test_code(code: str) -> bool:
    """Whether a well-formed code is temporary or made for tests: its number is 900 to 999."""
    return is_identity_code(code) and int(code[7:10]) >= FIRST_TEST_NUMBER


def synthetic_identity_code(born_on: date, number: int, separator: str | None = None) -> str:
    """A code of the test range for synthetic clients. `number` is 900 to 999.

    Raises ValueError outside the range, or where the separator does not belong to the century.
    """
    if not FIRST_TEST_NUMBER <= number <= 999:
        raise ValueError("synthetic clients have numbers 900 to 999")
    century = born_on.year // 100 * 100
    separator = separator or {1800: "+", 1900: "-", 2000: "A"}[century]
    if CENTURIES[separator] != century:
        raise ValueError(f"{separator} does not stand for the year {born_on.year}")
    digits = f"{born_on:%d%m}{born_on.year % 100:02d}{number:03d}"
    return f"{digits[:6]}{separator}{digits[6:]}{CHECK_CHARACTERS[int(digits) % 31]}"


def is_business_id(text: str) -> bool:
    """Whether the text is a business id (Y-tunnus): seven digits, a hyphen and the right check digit.

    source: domain/privacy.md 3.7
    """
    return BUSINESS_ID.fullmatch(text) is not None and text[8] == _check_digit(text[:7])


def _check_digit(digits: str) -> str | None:
    """The check digit of seven digits; none where they can be no business id."""
    rest = sum(int(digit) * weight for digit, weight in zip(digits, WEIGHTS, strict=True)) % 11
    return None if rest == 1 else str(-rest % 11)


def synthetic_business_id(number: int) -> str:
    """A business id for a synthetic organisation. `number` is 1 to 999.

    Raises ValueError outside the range, or where the number has no check digit. source: domain/privacy.md 3.7
    """
    digits = f"{number:07d}"
    check = _check_digit(digits) if 1 <= number <= MOST_SYNTHETIC else None
    if check is None:
        raise ValueError(f"{number} makes no business id of a synthetic organisation")
    return f"{digits}-{check}"


@cache
def organisation_source(org_id: str) -> str:
    """CloudEvents `source` of an organisation: by its OID, which follows from its business id, else by its directory id.

    source: domain/privacy.md 3.7, domain/standards.md 7.2
    """
    if is_business_id(org_id):
        return f"urn:oid:1.2.246.10.{int(org_id[:-2] + org_id[-1])}"
    return f"urn:kuty:organisation:{org_id}"
