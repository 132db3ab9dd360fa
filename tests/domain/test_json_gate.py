"""The gate: what passes is exactly what was sent, what does not says why."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import json_gate
from domain.json_gate import LARGEST, LIMIT, LONGEST_POINTER, MOST_LEVELS, BadJson, read_json
from domain.refusals import refusal


def verdict(raw: bytes) -> tuple[str, str | None]:
    with pytest.raises(BadJson) as bad:
        read_json(raw)
    refusal(bad.value.code)
    return bad.value.code, bad.value.pointer


def answer_to(raw: bytes) -> dict[str, Any] | str:
    """The object, or the code of the refusal."""
    try:
        return read_json(raw)
    except BadJson as bad:
        return bad.code


def fault_of(raw: bytes) -> BadJson | None:
    try:
        read_json(raw)
    except BadJson as bad:
        return bad
    return None


@pytest.mark.parametrize(
    ("raw", "code", "pointer"),
    [
        (b"", "E_JSON_SYNTAX", None),
        (b"{", "E_JSON_SYNTAX", None),
        (b'{"a":1}x', "E_JSON_SYNTAX", None),
        (b"{'a':1}", "E_JSON_SYNTAX", None),
        (b'{"a":01}', "E_JSON_SYNTAX", None),
        (b'{"a":1,}', "E_JSON_SYNTAX", None),
        (b'{"a":"\n"}', "E_JSON_SYNTAX", None),
        (b"[]", "E_JSON_NOT_OBJECT", None),
        (b'"text"', "E_JSON_NOT_OBJECT", None),
        (b"null", "E_JSON_NOT_OBJECT", None),
        (b'{"a":1,"a":1}', "E_JSON_DUPLICATE_KEY", "/a"),
        (b'{"a" :1,"a":2}', "E_JSON_DUPLICATE_KEY", "/a"),
        (b'{"a"\n:1,"a"\t:2}', "E_JSON_DUPLICATE_KEY", "/a"),
        (b'{"x":[{"t":"9:00","a/b":1,"a/b":2}]}', "E_JSON_DUPLICATE_KEY", "/x/0/a~1b"),
        (b'{"a":1,"\\u0061":2}', "E_JSON_DUPLICATE_KEY", "/a"),
        (b'{"a":' + b"[" * 900 + b"]" * 900 + b',"a":1}', "E_JSON_DUPLICATE_KEY", "/a"),
        ('{"é":1,"e\u0301":2}'.encode(), "E_JSON_DUPLICATE_KEY", "/e\u0301"),
        (b'{"a":NaN}', "E_JSON_NUMBER", None),
        (b'{"a":-Infinity}', "E_JSON_NUMBER", None),
        (b'{"a":1e400}', "E_JSON_NUMBER", None),
        (b'{"a":9007199254740993}', "E_JSON_NUMBER", None),
        (b'{"a":-9007199254740993}', "E_JSON_NUMBER", None),
        (b'{"a":' + b"9" * 5000 + b"}", "E_JSON_NUMBER", None),
        (b'{"a":"\x00"}', "E_JSON_NUL", None),
        (b'{"a":"\\u0000"}', "E_JSON_NUL", "/a"),
        (b'{"\\u0000":1}', "E_JSON_NUL", "/\ufffd"),
        (b'{"a":["\\ud800"]}', "E_JSON_CHARACTER", "/a/0"),
        (b'{"a":"\\udc00\\ud800"}', "E_JSON_CHARACTER", "/a"),
        (b'{"a":"\\uffff"}', "E_JSON_CHARACTER", "/a"),
        ('{"a":"\ufdd0"}'.encode(), "E_JSON_CHARACTER", "/a"),
        ('{"a":"\U0001fffe"}'.encode(), "E_JSON_CHARACTER", "/a"),
        (b'\xef\xbb\xbf{"a":1}', "E_UTF8", None),
        ('{"a":1}'.encode("utf-16"), "E_UTF8", None),
        (b'{"a":"\xff"}', "E_UTF8", None),
        (b'{"a":"\xed\xa0\x80"}', "E_UTF8", None),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "E_JSON_DEPTH", None),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "E_JSON_DEPTH", None),
        (b'{"a":' + b"[" * 100_000, "E_JSON_DEPTH", None),
        (b"x" * (LIMIT + 1), "E_TOO_LARGE", None),
    ],
)
def test_a_bad_body_is_refused_with_its_code_and_place(raw: bytes, code: str, pointer: str | None) -> None:
    assert verdict(raw) == (code, pointer)


def test_everything_that_is_wrong_is_told_at_once_each_with_its_place() -> None:
    deep = b"[" * 40 + b"]" * 40
    raw = b'{"a":1e400,"b":[9007199254740993,{"c":NaN}],"d":"\\u0000","e":1,"e":2,"f":["\\ud800"],"deep":%s}' % deep
    with pytest.raises(BadJson) as bad:
        read_json(raw)
    assert [(fault.code, fault.pointer) for fault in bad.value.faults] == [
        ("E_JSON_NUMBER", "/a"),
        ("E_JSON_NUMBER", "/b/0"),
        ("E_JSON_NUMBER", "/b/1/c"),
        ("E_JSON_NUL", "/d"),
        ("E_JSON_DUPLICATE_KEY", "/e"),
        ("E_JSON_CHARACTER", "/f/0"),
        ("E_JSON_DEPTH", "/deep" + "/0" * 31),
    ]


def test_a_place_is_short_however_long_its_name() -> None:
    for raw in (b'{"%s":1e400}' % (b"x" * 5000), b'{"%s":1,"%s":2}' % (b"x" * 5000, b"x" * 5000)):
        with pytest.raises(BadJson) as bad:
            read_json(raw)
        assert [len(fault.pointer) for fault in bad.value.faults] == [200]


@pytest.mark.parametrize("wrong", [b'"\\u0000"', b"1e400", b'1,"x":1'])
@pytest.mark.parametrize("parts", [b"1," * 65_000 + b"1", b'"",' * 43_000 + b"1", b'{"k":1},' * 16_000 + b"1"])
def test_a_long_name_is_not_written_again_for_each_part_of_what_it_names(
    parts: bytes, wrong: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of 65,000 parts that would be eight gigabytes, on the loop that everybody waits for.
    written: list[int] = []

    def noting(work: Callable[..., Any]) -> Callable[..., Any]:
        def noted(value: Any, pointer: str, *more: Any) -> Any:
            written.append(len(pointer))
            return work(value, pointer, *more)

        return noted

    for name in ("_clean", "_faults"):
        monkeypatch.setattr(json_gate, name, noting(getattr(json_gate, name)))
    raw = b'{"%s":[%s],"x":%s}' % (b"a" * 125_000, parts, wrong)
    assert len(raw) < LIMIT
    assert fault_of(raw) is not None
    assert (len(written) > 10_000, max(written)) == (True, LONGEST_POINTER)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60) | st.text('{}[]":,\\u0ed8aeE+-.1NIfty ', max_size=60).map(str.encode))
def test_what_is_told_begins_with_a_fault_and_never_raises_another_error(raw: bytes) -> None:
    bad = fault_of(raw)
    assert bad is None or bad.code in {fault.code for fault in bad.faults}


def test_the_deepest_and_the_largest_that_pass() -> None:
    deep = b'{"a":' * MOST_LEVELS + b"1" + b"}" * MOST_LEVELS
    assert read_json(deep)
    assert read_json(b'{"a":%d,"b":-%d}' % (LARGEST, LARGEST)) == {"a": LARGEST, "b": -LARGEST}
    full = b'{"a":"' + b"x" * (LIMIT - 8) + b'"}'
    assert len(full) == LIMIT
    assert len(read_json(full)["a"]) == LIMIT - 8


def test_text_comes_out_in_normal_form_keys_included() -> None:
    assert read_json('{"e\u0301":["a\u0308"]}'.encode()) == {"é": ["ä"]}
    assert read_json(b'{"a":"e\\u0301"}') == {"a": "é"}


def test_emoji_and_a_colon_inside_a_text_pass() -> None:
    assert read_json(b'{"a":"\\":","b":"9:00","c":"\\ud83d\\ude00"}') == {"a": '":', "b": "9:00", "c": "\U0001f600"}


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | st.floats(-1e15, 1e15) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def normal(value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, list):
        return [normal(part) for part in value]
    if isinstance(value, dict):
        return {normal(key): normal(part) for key, part in value.items()}
    return value


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=6), st.booleans(), st.sampled_from([None, 2]))
def test_what_passes_is_what_was_sent(sent: dict[str, Any], ascii_only: bool, indent: int | None) -> None:
    raw = json.dumps(sent, ensure_ascii=ascii_only, indent=indent).encode()
    answer = answer_to(raw)
    assert answer in ("E_JSON_CHARACTER", "E_JSON_DUPLICATE_KEY") or answer == normal(sent)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "c:", 'd"', "é"]), min_size=1, max_size=6), st.sampled_from(["", " ", "\n", "\t "])
)
def test_a_repeated_key_never_passes(keys: list[str], space: str) -> None:
    body = ",".join(f'{json.dumps(key, ensure_ascii=False)}{space}:{space}"x:"' for key in keys)
    raw = f'{{"outer":{{{body}}}}}'.encode()
    if len(set(keys)) < len(keys):
        assert verdict(raw)[0] == "E_JSON_DUPLICATE_KEY"
    else:
        assert set(read_json(raw)["outer"]) == set(keys)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text('{}[]":,\\u0ed8aeE+-.1NIfty ', max_size=60).map(str.encode))
def test_any_bytes_get_an_answer_and_never_another_error(raw: bytes) -> None:
    answer = answer_to(raw)
    if isinstance(answer, str):
        assert refusal(answer).status in {400, 413}
    else:
        assert not any(isinstance(part, float) and not math.isfinite(part) for part in answer.values())
        json.dumps(answer, ensure_ascii=False).encode()
