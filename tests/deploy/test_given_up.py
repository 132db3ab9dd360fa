"""The file of a history that was given up: decided again as it was written, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from forked import Forked

ADOPT = ("ledger", "adopt", "--by", "T-01", "--second", "C-01")
Lines = list[bytes]


def place(lines: Lines, what: str) -> int:
    return max(number for number, line in enumerate(lines) if orjson.loads(line)["what"] == what)


def without(what: str) -> Callable[[Lines], Lines]:
    return lambda lines: [line for number, line in enumerate(lines) if number != place(lines, what)]


def of_another_person(lines: Lines) -> Lines:
    number = place(lines, "answer")
    answer = orjson.loads(lines[number]) | {"person": "X-99"}
    return [*lines[:number], orjson.dumps(answer) + b"\n", *lines[number + 1 :]]


def said(ledger: Forked, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = ledger.kuty(*words)
    out, error = capsys.readouterr()
    return code, out, error


@pytest.mark.parametrize(
    "change",
    [
        without("event"), without("answer"), without("client"), without("end"), of_another_person,
        lambda lines: lines[:-2],
        lambda lines: lines[: len(lines) // 2] + lines[len(lines) // 2 + 1 :],
        lambda lines: [*lines[:-1], lines[-1][: len(lines[-1]) // 2]],
        lambda lines: [*lines[: len(lines) // 2], lines[len(lines) // 2][:20]],
        lambda lines: lines[:1],
        lambda lines: [],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [*lines[:-1], b"[]\n", lines[-1]],
    ],
    ids=["an event is missing", "an answer is missing", "a client is missing", "its end is missing", "an answer was changed",
         "the last lines were cut", "a line in the middle was cut", "half of the last line", "half a line", "one line",
         "nothing", "it goes on", "another line"],
)  # fmt: skip
def test_a_file_that_is_not_as_it_was_written_is_not_decided(
    ledger: Forked, capsys: pytest.CaptureFixture[str], change: Callable[[Lines], Lines]
) -> None:
    assert ledger.adopt() == 0
    lines = ledger.kept.read_bytes().splitlines(keepends=True)
    ledger.kept.write_bytes(b"".join(change(lines)))
    code, out, error = said(ledger, capsys, "resubmit", str(ledger.kept))
    assert (code, out) == (1, "")
    assert error == (
        f"kuty: {ledger.kept} was cut off, or lines of it are missing or changed: put it back as it was written\n"
    )


@pytest.mark.parametrize("content", ["# A page\n", "7\n", "[]\n", "{}\n", '{"what": "event"}\n'])
def test_what_is_no_such_file_is_said_to_be_none(
    ledger: Forked, capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str
) -> None:
    file = tmp_path / "page"
    file.write_text(content)
    assert said(ledger, capsys, "resubmit", str(file)) == (1, "", f"kuty: {file} holds no history that was given up\n")


def test_a_file_in_no_folder_stops_the_choice_before_anything_is_done(
    ledger: Forked, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before, nowhere = ledger.records(), tmp_path / "nowhere"
    for command in ("adopt", "new-epoch"):
        words = ("ledger", command, *ADOPT[2:], "--given-up", str(nowhere / "file"))
        code, out, error = said(ledger, capsys, *words)
        assert (code, out) == (1, "")
        assert error == f"kuty: there is no folder {nowhere}: make it, or name another file with --given-up\n"
    assert not nowhere.exists()
    assert ledger.records() == before


def test_who_chose_is_named_and_where_nothing_was_given_up_that_is_said(
    ledger: Forked, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.put_back("copy_1")  # the backup as it was restored, before it took anything
    code, out, _ = said(ledger, capsys, *ADOPT)
    assert code == 0
    assert "is in epoch 2 (adopted), as T-01 and C-01 chose." in out
    assert "Nothing was given up: there is no file, and nothing to resubmit." in out
