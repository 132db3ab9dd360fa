"""What arrives over HTTP is verified in three languages: hash, sequence and chain, and nothing that was changed passes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from clients.running import Server
from clients.verifying import LANGUAGES, verdict

IN_EACH_LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)
Page = dict[str, Any]


@IN_EACH_LANGUAGE
def test_every_publication_of_a_recipient_verifies(language: str, classes: str, server: Server) -> None:
    """source: integration.md 3"""
    told = server.page["publications"]
    assert len(told) > 10
    assert verdict(language, classes, server.page) == (0, f"epoch 1 verifies to {len(told)} {told[-1]['hash']}")


@IN_EACH_LANGUAGE
def test_a_later_page_verifies_behind_the_one_before(language: str, classes: str, server: Server) -> None:
    told = server.page["publications"]
    rest = {**server.page, "publications": told[7:]}
    said = f"epoch 1 verifies to {len(told)} {told[-1]['hash']}"
    assert verdict(language, classes, rest, "7", told[6]["hash"]) == (0, said)
    assert verdict(language, classes, rest, "7", told[5]["hash"])[0] == 1


def _hash(page: Page) -> None:
    page["publications"][4]["hash"] = "0" * 64


def _text(page: Page) -> None:
    one = page["publications"][4]
    one["text"] = one["text"].replace(":", ": ", 1)


def _value(page: Page) -> None:
    page["publications"][4]["value"]["kind"] = "another"


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
