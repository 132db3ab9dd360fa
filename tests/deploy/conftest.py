"""A ledger of two histories, laid out once in a session and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from forked import Fork, Forked, Ledger, forked
from house import LEDGER, furnished

from deploy.settings import Settings


@pytest.fixture(scope="session")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Fork]:
    folder = tmp_path_factory.mktemp("forked") / "home"
    shutil.copytree(furnished("12"), folder)
    return folder, forked(Ledger(Settings(home=folder, ledger=LEDGER)))


@pytest.fixture
def ledger(laid_out: tuple[Path, Fork], tmp_path: Path) -> Forked:
    folder, fork = laid_out
    shutil.copytree(folder, tmp_path / "home")
    found = Forked(Settings(home=tmp_path / "home", ledger=LEDGER))
    found.fork = fork
    return found
