"""The verifiers that the page about generated clients shows, in Python and JavaScript, hash what stands on the topic:
numbers and letters that another program would write otherwise, and records whose key was destroyed. Behind a redelivery they
go on."""

from __future__ import annotations

import re
from typing import Any

import pytest
from blocks import ROOT
from clients.verifying import AMISS, NO_PLACE, NO_PLACES, OF_WINDOWS, PAGE, entry, page_of, true_for_1, verdict
from publications_given import Told

from domain.disclosure.publications import publication_hash

IN_EACH_LANGUAGE = pytest.mark.parametrize("language", ["python", "javascript"])
NOTE = 'Ähtäri, "Ö" \\ / \u2028 \u00e9 e\u0301 😀 \x7f'
OTHERWISE_WRITTEN = {"held": True, "hours": 4.0, "share": 1e21, "small": 1e-7, "number": 2**53 + 1, "note": NOTE}
"""JavaScript writes 4.0 as 4, 1e-7 and 1e21 with other signs, and a number behind 2^53 as another one."""


def three(epoch: int = 1) -> list[dict[str, Any]]:
    told = Told(epoch)
    for day in ("2025-03-03", "2025-03-04", "2025-03-05"):
        told.fact("attendance.recorded", day, OTHERWISE_WRITTEN)
    return [entry(one) for one in told.publications]


@IN_EACH_LANGUAGE
@pytest.mark.parametrize("terminal", [{}, OF_WINDOWS], ids=["here", "windows"])
def test_what_another_program_would_write_otherwise_verifies(terminal: dict[str, str], language: str) -> None:
    entries = three()
    said = f"epoch 1 verifies to 3 {entries[-1]['hash']}"
    assert verdict(language, "", page_of(*entries), **terminal) == (0, said)


@IN_EACH_LANGUAGE
def test_what_reads_as_another_value_than_was_hashed_does_not_verify(language: str) -> None:
    """Also where a language calls the two equal."""
    entries = three()
    true_for_1(entries[1])
    assert verdict(language, "", page_of(*entries)) == (1, "2 is not what its hash is over")


@IN_EACH_LANGUAGE
def test_a_record_whose_key_was_destroyed_ends_the_chain_and_not_the_sequence(language: str) -> None:
    """As docs/explanation/proof-of-delivery.md says it of keys destroyed before sending."""
    first, second, third = three()
    headers, text = {**second["headers"], "ce_prevhash": "erased"}, '{"kind":"withdrawn"}'
    made = publication_hash(tuple(sorted((name, value.encode()) for name, value in headers.items())), text.encode())
    erased = {"headers": headers, "value": {"kind": "withdrawn"}, "text": text, "hash": made}
    said = f"joins not checked: 2\nepoch 1 verifies to 3 {third['hash']}"
    assert verdict(language, "", page_of(first, erased, third)) == (0, said)
    # and content whose chain is broken otherwise is not taken for it
    assert verdict(language, "", page_of(first, third)) == (1, "2 of epoch 1 is missing")
    forged = {**third, "headers": {**third["headers"], "ce_logsequence": "2"}}
    assert verdict(language, "", page_of(first, forged))[0] == 1


def test_the_place_that_a_follower_keeps_is_what_was_said_last_and_what_it_asks_for() -> None:
    """Whoever asks without the epoch gets the middle of another one."""
    page = (ROOT / "docs/how-to/generate-a-client.md").read_text(encoding="utf-8")
    [(epoch, after, verifier, place)] = re.findall(r"/out/[\w-]+\?epoch=(\d+)&after=(\d+)\" \| \S+ (\S+) (.+)", page)
    assert (ROOT / verifier).is_file()
    assert re.fullmatch(rf"{epoch} {after} [0-9a-f]{{4}}…", place)


@IN_EACH_LANGUAGE
def test_behind_an_epoch_that_is_over_the_next_one_verifies_from_its_beginning(language: str) -> None:
    """Whether it has more than the place that is kept, or less; and in the middle of the next one."""
    kept = ("1", "2", three()[1]["hash"])
    again = three(epoch=2)
    assert verdict(language, "", page_of(*again, epoch=2), *kept) == (0, f"epoch 2 verifies to 3 {again[2]['hash']}")
    assert verdict(language, "", page_of(again[0], epoch=2), *kept) == (0, f"epoch 2 verifies to 1 {again[0]['hash']}")
    rest, place = page_of(*again[1:], epoch=2), ("2", "1", again[0]["hash"])
    assert verdict(language, "", rest, *place) == (0, f"epoch 2 verifies to 3 {again[2]['hash']}")
    # the beginning of the next one is not left out, and none is gone back to
    assert verdict(language, "", rest, *kept) == (1, "1 of epoch 2 is missing")
    assert verdict(language, "", page_of(*three()), *place) == (1, "epoch 1 comes behind epoch 2")


@IN_EACH_LANGUAGE
@pytest.mark.parametrize("answer", [b'{"status": 409, "title": "No such place."}', b"<html>502</html>", b"", b"[]", b"null"])
def test_an_answer_without_publications_is_said_as_it_came(answer: bytes, language: str) -> None:
    said = f"no publications came, but: {answer.decode()}".strip()
    assert verdict(language, "", answer) == (1, said)
    assert verdict(language, "", answer, "1", "2", "0" * 64) == (1, said)


@IN_EACH_LANGUAGE
@pytest.mark.parametrize("amiss", AMISS)
def test_what_could_be_read_otherwise_than_it_was_hashed_does_not_verify(amiss: str, language: str) -> None:
    answer, said = AMISS[amiss]
    done, words = verdict(language, "", answer)
    assert (done, words[: len(said)]) == (1, said)


@IN_EACH_LANGUAGE
def test_a_place_is_named_whole_or_not_at_all(language: str) -> None:
    for place in NO_PLACES:
        assert verdict(language, "", PAGE, *place) == (1, NO_PLACE), place


@IN_EACH_LANGUAGE
def test_a_place_of_which_nothing_was_told_yet_is_named_too(language: str) -> None:
    assert verdict(language, "", page_of(epoch=2), "1", "7", "0" * 64) == (0, "epoch 2 verifies to 0 -")
    assert verdict(language, "", PAGE, "2", "0", "-") == (1, "epoch 1 comes behind epoch 2")
    assert verdict(language, "", PAGE, "1", "0", "-")[0] == 0
