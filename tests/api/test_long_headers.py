"""A header that anybody may send is read in a time that grows with its length alone: everybody waits for that."""

from __future__ import annotations

import time

import pytest
from starlette.requests import Request

from api.bodies import JSON, media_type
from api.problems import language_of

QUICK_S = 0.5
"""Seconds of the processor. What each of these took before was years, or grew with the square of the length."""


def asked_with(name: bytes, value: str) -> Request:
    return Request({"type": "http", "headers": [(name, value.encode())]})


# The short ones come first: read in every way they take seconds, the long ones for ever.
@pytest.mark.parametrize("times", [15, 20_000])
@pytest.mark.parametrize(
    ("before", "piece", "behind", "found"),
    [
        (JSON, ";  ", "(", ""),
        (JSON, ";  ", "", JSON),
        (JSON, "  ", "(", ""),
        (JSON, ";a=b ", "(", ""),
        (JSON, "; a", "(", ""),
        (f'{JSON}; a="', "\\a", "", ""),
        (f'{JSON}; a="', "; ", '"', JSON),
        (JSON, '; charset="utf-8"', "(", ""),
        ("", " ", JSON, JSON),
        ("", "a", "", ""),
    ],
)
def test_a_content_type_is_read_in_no_time(before: str, piece: str, behind: str, found: str, times: int) -> None:
    request = asked_with(b"content-type", before + piece * times + behind)
    began = time.process_time()
    assert media_type(request) == found
    assert time.process_time() - began < QUICK_S


@pytest.mark.parametrize(
    ("before", "piece", "behind", "found"),
    [
        ("fi", " ", "!", "en"),
        ("fi", " ", ";q=0.5", "fi"),
        ("fi ;", " ", "!", "en"),
        ("fi-", "-", "!", "en"),
        ("fi;q=0.5", " ", "!", "en"),
        ("", " ", "fi", "fi"),
        ("", ",", "sv", "sv"),
        ("", "fi ; q = 1 ,", "sv", "sv"),
    ],
)
def test_a_language_is_chosen_in_no_time(before: str, piece: str, behind: str, found: str) -> None:
    request = asked_with(b"accept-language", before + piece * (60_000 // len(piece)) + behind)
    began = time.process_time()
    assert language_of(request) == found
    assert time.process_time() - began < QUICK_S
