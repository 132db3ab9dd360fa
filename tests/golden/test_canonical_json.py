"""How far the bytes that are hashed are RFC 8785: in all but one thing, which an integrator has to know."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import rfc8785
from golden.files import read

from domain.record import Header
from domain.store.sealed.field_classes import section_bytes

HASHED = {
    **{f"header {name}": Header.from_bytes(orjson.dumps(g["header"])).to_bytes() for name, g in read("events").items()},
    **{
        f"section {letter} {name}": section_bytes(content)
        for name, golden in read("events").items()
        for letter, content in golden["sections"].items()
    },
    **{f"{part} {name}": g["value"].encode() for part in ("publications", "receipts") for name, g in read(part).items()},
}


def whole_hours_without_fraction(value: Any) -> Any:
    """What RFC 8785 makes of a number with nothing behind the point: 5.0 is 5."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: whole_hours_without_fraction(each) for name, each in value.items()}
        case list():
            return [whole_hours_without_fraction(each) for each in value]
        case _:
            return value


@pytest.mark.parametrize("name", HASHED)
def test_hashed_bytes_are_rfc_8785_but_for_whole_hours_with_a_fraction(name: str) -> None:
    content = orjson.loads(HASHED[name])
    assert orjson.dumps(content, option=orjson.OPT_SORT_KEYS) == HASHED[name]
    simpler = whole_hours_without_fraction(content)
    assert orjson.dumps(simpler, option=orjson.OPT_SORT_KEYS) == rfc8785.dumps(content)


def test_whole_hours_are_hashed_with_their_fraction() -> None:
    assert section_bytes({"hours": 5.0}) == b'{"hours":5.0}'
    assert rfc8785.dumps({"hours": 5.0}) == b'{"hours":5}'
