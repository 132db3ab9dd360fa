"""Who may look where: the rooms, their foreign doors, and the words that do not belong in a name (design 3 and 4)."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("domain", "projections", "consumers", "api", "deploy")
MAY_IMPORT = {
    "domain": {"domain"},
    "projections": {"projections", "domain"},
    "consumers": {"consumers", "domain", "projections"},
    "api": {"api", "domain", "projections"},
    "deploy": set(ROOMS),
}
DOORS = {
    "eventsourcing": re.compile(r"domain/store/tables/|deploy/bench/"),
    "psycopg": re.compile(r"domain/store/tables/|projections/read_models|deploy/"),
    "psycopg_pool": re.compile(r"projections/read_models"),
    "sqlite3": re.compile(r"domain/store/tables/|projections/read_models|consumers/embedded_broker|deploy/"),
    "httptools": re.compile(r"deploy/"),
    "msgspec": re.compile(r"domain/record\.py"),
    "kafka": re.compile(r"consumers/broker\.py|consumers/kafka_|deploy/local/|deploy/bench/|deploy/agency/"),
    "fastapi": re.compile(r"api/|deploy/"),
    "starlette": re.compile(r"api/"),
    "uvicorn": re.compile(r"deploy/"),
    "structlog": re.compile(r"deploy/logs\.py"),
    "prometheus_client": re.compile(r"deploy/watching/"),
    "shtab": re.compile(r"deploy/cli\.py"),
}
BANNED_WORDS = {
    "manager", "helper", "helpers", "util", "utils", "handler", "handlers", "processor", "base", "impl", "data", "info",
    "common", "misc",
}  # fmt: skip
BANNED_ENDINGS = ("created", "updated", "deleted", "set")


def sources(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_only_looks_into_the_rooms_it_may(room: str) -> None:
    wrong = {
        (path, name)
        for path, tree in sources(room)
        for name in imports(tree)
        if name in ROOMS and name not in MAY_IMPORT[room]
    }
    assert wrong == set()


@pytest.mark.parametrize("library", DOORS)
def test_a_foreign_library_comes_in_by_its_door_alone(library: str) -> None:
    wrong = {path for path, tree in sources(*ROOMS) if library in imports(tree) and not DOORS[library].match(path)}
    assert wrong == set()


def test_only_one_file_of_the_event_store_reads_the_clock() -> None:
    wrong = {
        (path, node.lineno)
        for path, tree in sources("domain", "projections", "consumers", "api")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr)
        in {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time"), ("time", "time_ns")}
        and path != "domain/store/deciding/circumstances.py"
    }
    assert wrong == set()


def test_only_deploy_reads_the_environment() -> None:
    wrong = {
        (path, node.lineno)
        for path, tree in sources("domain", "projections", "consumers", "api")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
        and node.attr in {"environ", "getenv"}
    }  # fmt: skip
    assert wrong == set()


def test_each_room_is_ours() -> None:
    for room in ROOMS:
        found = importlib.util.find_spec(room)
        assert found
        assert found.origin
        assert Path(found.origin).is_relative_to(ROOT), f"{room} comes from {found.origin}: another package ships that name"


def test_no_test_folder_hides_a_room() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def test_no_name_says_nothing() -> None:
    wrong = set()
    for path, tree in sources(*ROOMS):
        stems = [Path(path).stem, *names(tree)]
        for name in stems:
            # A data class is a word of the domain (design D14), `data_received` one of asyncio's; `data` alone says nothing.
            words = re.findall(r"[A-Z]?[a-z]+", re.sub("[Dd]ata_?[Cc]lass|data_received", "", name))
            if {word.lower() for word in words} & BANNED_WORDS:
                wrong.add((path, name))
    assert wrong == set()


def test_events_are_past_tense_in_a_social_workers_words() -> None:
    from domain.catalogue import EVENTS

    wrong = {name for name in EVENTS if name.rsplit(".", 1)[1].rsplit("_", 1)[-1] in BANNED_ENDINGS}
    assert wrong == set()


def test_every_public_thing_says_what_it_is() -> None:
    missing = {
        (path, node.name)
        for path, tree in sources(*ROOMS)
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    }
    assert missing == set()


def test_every_module_says_what_it_holds() -> None:
    assert {path for path, tree in sources(*ROOMS) if not ast.get_docstring(tree)} == set()


def test_the_standard_library_is_not_shadowed() -> None:
    modules = {path.stem for room in ROOMS for path in (ROOT / room).rglob("*.py")} - {"__init__", "__main__"}
    assert "kafka" not in modules
    assert not {room for room in ROOMS if room in sys.stdlib_module_names}
