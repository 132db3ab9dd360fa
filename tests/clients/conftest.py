"""What the contracts share: other people's tools, the documents as they are written, and one running server.

They are no part of `make test`: they want registries of packages, a JDK and Maven. `make contracts` runs them, and says so
where the command line of AsyncAPI, which is too large for every change, was not asked.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from clients.running import Server, serving
from clients.tools import CLI_NOT_ASKED, HERE, Tools, at_hand, cli_ends, cli_is_asked
from clients.verifying import EXAMPLES

from deploy.describe import describe

WANTED = bool(os.environ.get("KUTY_TEST_CONTRACTS"))
WITHOUT_CLI = WANTED and not cli_is_asked()
collect_ignore_glob = [*(["test_the_cli_of_asyncapi.py"] if WITHOUT_CLI else []), *([] if WANTED else ["test_*.py"])]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if WITHOUT_CLI:
        terminalreporter.write_line(CLI_NOT_ASKED)


@pytest.fixture(scope="session")
def tools() -> Tools:
    return at_hand()


@pytest.fixture(scope="session")
def openapi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The OpenAPI document, as `kuty describe` writes it."""
    [written] = describe("openapi", tmp_path_factory.mktemp("openapi"))
    return written


@pytest.fixture(scope="session")
def asyncapi(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The AsyncAPI document of each kind of recipient."""
    return sorted(describe("asyncapi", tmp_path_factory.mktemp("asyncapi")))


@pytest.fixture(scope="session")
def cli_said(asyncapi: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[dict[str, int]]]:
    """How the command line of AsyncAPI ends for each document and, last, for one with a fault."""
    folder = tmp_path_factory.mktemp("cli")
    document = yaml.load(asyncapi[0].read_text(encoding="utf-8"), yaml.CSafeLoader)
    del document["info"]["version"]
    faulty = folder / "faulty.yaml"
    faulty.write_text(json.dumps(document), encoding="utf-8")
    with ThreadPoolExecutor(1) as beside:
        yield beside.submit(cli_ends, folder, [*asyncapi, faulty])


@pytest.fixture(scope="session", autouse=True)
def _begun_first(request: pytest.FixtureRequest) -> None:
    """What takes a while is asked beside everything else, and looked at behind it."""
    if any("cli_said" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("cli_said")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def named(tools: Tools, asyncapi: list[Path], models: Path) -> dict[str, list[str]]:
    """The names of the Java classes of each AsyncAPI document, which stand in `models`."""
    found: dict[str, list[str]] = tools.checked("models.cjs", models / "src" / "main" / "java", *asyncapi)
    return found


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Maven project for the classes of messages, with the verifier in Java beside them."""
    project = tmp_path_factory.mktemp("models")
    shutil.copyfile(HERE / "models" / "pom.xml", project / "pom.xml")
    programs = project / "src" / "main" / "java"
    programs.mkdir(parents=True)
    shutil.copyfile(EXAMPLES / "Verify.java", programs / "Verify.java")
    return project


@pytest.fixture(scope="session")
def classes(tools: Tools, models: Path, named: dict[str, list[str]]) -> str:
    """The class path of the compiled classes of messages and of the verifier, with what reads JSON."""
    assert named
    return tools.compile_java(models)
