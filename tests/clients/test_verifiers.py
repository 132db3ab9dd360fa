"""What arrives over HTTP is verified in three languages: hash, sequence and chain, and nothing that was changed passes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from clients.running import LEDGER, RECIPIENT, Server
from clients.verifying import (
    AMISS,
    LANGUAGES,
    NO_PLACE,
    NO_PLACES,
    OF_WINDOWS,
    PAGE,
    entry,
    page_of,
    true_for_1,
    verdict,
)
from publications_given import Told

IN_EACH_LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)
Page = dict[str, Any]


@IN_EACH_LANGUAGE
def test_every_publication_of_a_recipient_verifies(language: str, classes: str, server: Server) -> None:
    """source: integration.md 3"""
    told = server.page["publications"]
    assert len(told) > 10
    assert verdict(language, classes, server.answer) == (0, f"epoch 1 verifies to {len(told)} {told[-1]['hash']}")


@IN_EACH_LANGUAGE
def test_letters_verify_whatever_those_of_the_terminal_are(language: str, classes: str) -> None:
    told = Told(block={"family_name": "Mäkelä-Öhman"})
    told.fact("attendance.recorded", "2025-03-03")
    said = (0, f"epoch 1 verifies to 1 {told.publications[0].hash}")
    assert verdict(language, classes, page_of(*map(entry, told.publications)), **OF_WINDOWS) == said


@IN_EACH_LANGUAGE
def test_a_later_page_verifies_behind_the_one_before(language: str, classes: str, server: Server) -> None:
    told = server.page["publications"]
    rest = server.ask(f"/ledgers/{LEDGER}/out/{RECIPIENT}?wait=0&limit=500&epoch=1&after=7", server.token).content
    said = f"epoch 1 verifies to {len(told)} {told[-1]['hash']}"
    assert verdict(language, classes, rest, "1", "7", told[6]["hash"]) == (0, said)
    assert verdict(language, classes, rest, "1", "7", told[5]["hash"]) == (1, "8 does not follow the one before")


@IN_EACH_LANGUAGE
def test_behind_an_epoch_that_is_over_the_next_one_verifies_from_its_beginning(language: str, classes: str) -> None:
    told = Told(epoch=2)
    told.fact("attendance.recorded", "2025-03-03")
    again = page_of(*map(entry, told.publications), epoch=2)
    said = f"epoch 2 verifies to 1 {told.publications[0].hash}"
    assert verdict(language, classes, again, "1", "7", "0" * 64) == (0, said)
    assert verdict(language, classes, again, "3", "7", "0" * 64) == (1, "epoch 2 comes behind epoch 3")


@IN_EACH_LANGUAGE
def test_an_answer_without_publications_is_said_as_it_came(language: str, classes: str, server: Server) -> None:
    refused = server.ask(f"/ledgers/{LEDGER}/out/{RECIPIENT}?wait=0&epoch=7", server.token)
    assert refused.status_code == 409
    assert verdict(language, classes, refused.content) == (1, f"no publications came, but: {refused.text}")
    assert verdict(language, classes, b"", "1", "7", "0" * 64) == (1, "no publications came, but:")


def _hash(page: Page) -> None:
    page["publications"][4]["hash"] = "0" * 64


def _text(page: Page) -> None:
    one = page["publications"][4]
    one["text"] = one["text"].replace(":", ": ", 1)


def _value(page: Page) -> None:
    page["publications"][4]["value"]["kind"] = "another"


def _true_for_1(page: Page) -> None:
    true_for_1(page["publications"][4])


def _header(page: Page) -> None:
    page["publications"][4]["headers"]["ce_purpose"] = "another"


def _left_out(page: Page) -> None:
    del page["publications"][4]


def _another_epoch(page: Page) -> None:
    page["epoch"] = 2


CHANGES: dict[str, tuple[Callable[[Page], None], str]] = {
    "its hash": (_hash, "5 is not what its hash is over"),
    "its text": (_text, "5 is not what its hash is over"),
    "its value": (_value, "5 is not what its hash is over"),
    "true for 1": (_true_for_1, "5 is not what its hash is over"),
    "a header": (_header, "5 is not what its hash is over"),
    "left out": (_left_out, "5 of epoch 1 is missing"),
    "epoch": (_another_epoch, "1 of epoch 2 is missing"),
}


@IN_EACH_LANGUAGE
@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_on_the_way_does_not_verify(change: str, language: str, classes: str, server: Server) -> None:
    page = copy.deepcopy(server.page)
    made, said = CHANGES[change]
    made(page)
    assert verdict(language, classes, page) == (1, said)


@IN_EACH_LANGUAGE
@pytest.mark.parametrize("amiss", AMISS)
def test_what_could_be_read_otherwise_than_it_was_hashed_does_not_verify(amiss: str, language: str, classes: str) -> None:
    answer, said = AMISS[amiss]
    done, words = verdict(language, classes, answer)
    assert (done, words[: len(said)]) == (1, said)


@IN_EACH_LANGUAGE
def test_a_place_is_named_whole_or_not_at_all(language: str, classes: str) -> None:
    for place in NO_PLACES:
        assert verdict(language, classes, PAGE, *place) == (1, NO_PLACE), place


@IN_EACH_LANGUAGE
def test_a_place_of_which_nothing_was_told_yet_is_named_too(language: str, classes: str) -> None:
    assert verdict(language, classes, page_of(epoch=2), "1", "7", "0" * 64) == (0, "epoch 2 verifies to 0 -")
    assert verdict(language, classes, PAGE, "2", "0", "-") == (1, "epoch 1 comes behind epoch 2")
    assert verdict(language, classes, PAGE, "1", "0", "-")[0] == 0
