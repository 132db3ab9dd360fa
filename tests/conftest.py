"""The real parts, each started at most once in a session and only when a test asks for it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from deploy.describe import BUILT, describe
from deploy.local.parts import Kafka, Parts, Postgres, choose_parts

# How long an example takes says how busy the machine is, nothing else.
settings.register_profile("kuty", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kuty")


@pytest.fixture(scope="session")
def parts(request: pytest.FixtureRequest) -> Parts:
    chosen = choose_parts()
    request.config.stash[USED] = chosen.described
    return chosen


@pytest.fixture(scope="session")
def parts_folder() -> Iterator[Path]:
    """A folder that an unprivileged PostgreSQL may enter, which pytest's own temporary folders are not."""
    folder = Path(tempfile.mkdtemp(prefix="kuty-parts-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(parts: Parts, parts_folder: Path) -> Iterator[Postgres]:
    """`.dsn` of a superuser, and `.fresh_database()` for a new empty database."""
    with parts.postgres(parts_folder / "postgres") as running:
        yield running


@pytest.fixture(scope="session")
def kafka(parts: Parts, parts_folder: Path) -> Iterator[Kafka]:
    """`.bootstrap` of a broker that is shared by the whole session: give topics names of your own."""
    with parts.kafka(parts_folder / "kafka") as running:
        yield running


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The big generated documents, which are never kept: their bytes by their path, as `kuty describe` writes them."""
    folder = tmp_path_factory.mktemp("built")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for kind in BUILT for path in describe(kind, folder)}


USED = pytest.StashKey[str]()
SLOWEST_FIRST = ("faults", "journeys", "test_docs", "deploy", "watching", "contracts")
"""Rooms and files that take longest: what is begun last should be short, since nobody shares a file."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, places.get(item.path.parent.name, len(places))))


def pytest_sessionfinish(session: pytest.Session) -> None:
    # A process of several tells the one that writes the summary.
    output = getattr(session.config, "workeroutput", None)
    if output is not None and USED in session.config.stash:
        output["real parts"] = session.config.stash[USED]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    said = getattr(node, "workeroutput", {}).get("real parts")
    if said:
        node.config.stash[USED] = said


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if USED in config.stash:
        terminalreporter.write_line(f"real parts: {config.stash[USED]}")
