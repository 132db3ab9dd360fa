"""What the tests of faults share: a machine that can be made ill, and the seed of what is chosen by chance."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from random import Random

import pytest
from faults.killing import Killing
from faults.machine.ill import IllMachine

KILLS, KILLS_OF_THE_CAMPAIGN = 3, 15
"""How often a command is killed before it is run to its end."""


@pytest.fixture(scope="session")
def machine(parts_folder: Path) -> IllMachine:
    """What starts in its environment feels what it is told to feel."""
    return IllMachine(parts_folder)


@pytest.fixture(scope="session")
def fault_seed() -> str:
    """By it every choice of chance is made; `KUTY_FAULT_SEED` gives another one."""
    return os.environ.get("KUTY_FAULT_SEED", "1")


@pytest.fixture(scope="session")
def campaign() -> bool:
    """Whether everything is tried (`make faults`), or a sample of it (`make test`). Of the environment's
    `KUTY_FAULT_CAMPAIGN`, `seeded` leaves out what every seed tries alike."""
    return bool(os.environ.get("KUTY_FAULT_CAMPAIGN"))


@pytest.fixture
def killing(request: pytest.FixtureRequest, machine: IllMachine, fault_seed: str, campaign: bool, tmp_path: Path) -> Killing:
    """Kills commands at moments chosen by the seed, and otherwise in each test."""
    random = Random(f"{fault_seed}/{request.node.name}")
    return Killing(machine, random, KILLS_OF_THE_CAMPAIGN if campaign else KILLS, tmp_path)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long is a part of the campaign alone, and what no seed changes need not be run by each."""
    wanted = os.environ.get("KUTY_FAULT_CAMPAIGN")
    left_out = [
        item for item in items
        if (not wanted and item.get_closest_marker("campaign"))
        or (wanted == "seeded" and "fault_seed" not in getattr(item, "fixturenames", ()))
    ]  # fmt: skip
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """At a failure: the one command that repeats it."""
    report = yield
    if report.failed:
        named = {name: value for name, value in os.environ.items() if name.startswith("KUTY_FAULT_")}
        chosen = " ".join(f"{name}={value}" for name, value in {"KUTY_FAULT_SEED": "1", **named}.items())
        report.sections.append(("to repeat it", f"{chosen} .venv/bin/python -m pytest '{item.nodeid}'"))
    return report


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for one ledger."""
    with tempfile.TemporaryDirectory(prefix="kuty-") as folder:
        yield Path(folder)
