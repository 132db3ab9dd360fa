"""How the house hangs together: one door to the store, no circle, no interface for one, no assertion that steers.

Each list of exceptions may only shrink: an entry that is no longer needed fails, too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

import pytest
from architecture import ROOMS, ROOT, circles, imported, imports_within, is_self, members_of, shapes, sources

STORE = "domain.store"
KAFKA_INSIDE = "consumers/kafka_inside.py"
KAFKA_PUBLIC = {"kafka", "kafka.admin", "kafka.errors"}

INSIDES_OF_THE_STORE = {
    "tests/api/test_foreign_clients.py": "what is remembered is left out of what an answer takes",
    "tests/consumers/test_erasure.py": "how old a look for destroyed keys may be",
    "tests/feed_by_hand.py": "writes rows that no relay has seen",
    "tests/domain/test_messages.py": "a message read without a ledger",
    "tests/golden/files.py": "golden bytes are those of sealed sections",
    "tests/golden/test_canonical_json.py": "golden bytes are those of sealed sections",
    "tests/golden/test_cloudevents.py": "golden bytes are those of sealed sections",
    "tests/golden/test_golden.py": "golden bytes are those of sealed sections",
    "tests/faults/test_killed_migration.py": "tables of the first version",
    "tests/contracts/test_audit_contract.py": "a row in the table as the store packs it",
    "tests/store/test_keys.py": "how many keys a process misses where they went back",
    "tests/store/test_look_ups.py": "places counted in a feed of its own",
    "tests/store/test_acknowledged.py": "how many rows the acknowledgements take",
    "tests/store/test_packing.py": "what a column may hold that no store writes",
    "tests/store/test_sealing.py": "what a section is bound to",
    "tests/store/test_vault.py": "messages that wait",
    "tests/store/test_watchdog.py": "the moment at which its thread ends",
    "tests/test_bounds.py": "the bytes of the largest record are those of sealed sections",
    "tests/consumers/test_intake_waiting.py": "what comes between the moment a message is kept and the one it is promised",
    "tests/deploy/test_logs.py": "a message that waits, and its row in the vault",
    "tests/store/test_tables_gone.py": "a message that waits, and the table that is gone",
}
"""The tests that look behind the store's door, and for what."""

KEPT_BY_ONE = {
    "deploy/scenario/world.py World": "the scenarios read it, and none of them knows how a ledger is wired",
    "projections/read_models.py Look": "every question is read against it, and none against its SQL",
}
"""Interfaces with one class behind them, and why they stay."""

IGNORED: Mapping[str, tuple[int, str]] = {
    "consumers/kafka_inside.py": (3, "the client has no types: its classes cannot be based upon"),
}
"""Lines that the type checker is told to pass over, by file."""


def behind_the_door(tree: ast.Module) -> bool:
    return any(name.startswith(f"{STORE}.") for name in imported(tree))


def test_nothing_else_in_the_domain_imports_the_store() -> None:
    wrong = {
        path
        for path, tree in sources("domain")
        if not path.startswith("domain/store/") and (STORE in imported(tree, {STORE}) or behind_the_door(tree))
    }
    assert wrong == set()


def test_the_store_is_entered_by_its_door() -> None:
    wrong = {path for path, tree in sources(*ROOMS) if not path.startswith("domain/store/") and behind_the_door(tree)}
    assert wrong == set()


def test_few_tests_look_behind_the_door() -> None:
    assert {path for path, tree in sources("tests") if behind_the_door(tree)} == INSIDES_OF_THE_STORE.keys()


def test_the_door_hands_out_nothing_that_nobody_asks_for() -> None:
    (door,) = (tree for path, tree in sources("domain/store") if path == "domain/store/__init__.py")
    given = {alias.asname or alias.name for node in door.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    asked = {
        alias.name
        for _, tree in sources("projections", "consumers", "api", "deploy", "tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == STORE
        for alias in node.names
    }
    assert given == asked


@pytest.mark.parametrize("room", ROOMS)
def test_no_modules_of_a_room_import_each_other_in_a_circle(room: str) -> None:
    assert list(circles(imports_within(room))) == []


def test_an_interface_is_kept_by_two_at_least() -> None:
    everything = shapes(*ROOMS)
    members = [(shape, members_of(shape, everything)) for shape in everything]
    alone = set()
    for interface, wanted in ((shape, wanted) for shape, wanted in members if shape.is_interface):
        if sum(wanted <= kept for shape, kept in members if not shape.is_interface) < 2:
            alone.add(f"{interface.path} {interface.name}")
    assert alone == KEPT_BY_ONE.keys()


def test_nothing_is_steered_by_an_assertion() -> None:
    found = {path for path, tree in sources(*ROOMS) for node in ast.walk(tree) if isinstance(node, ast.Assert)}
    assert found == set()


def test_the_type_checker_passes_over_no_more_lines_than_before() -> None:
    found = {path: len(re.findall(r"# type: ignore", (ROOT / path).read_text("utf-8"))) for path, _ in sources(*ROOMS)}
    assert {path: number for path, number in found.items() if number} == {
        path: number for path, (number, _) in IGNORED.items()
    }


def test_the_inside_of_the_kafka_client_is_known_to_one_file() -> None:
    speaking = {
        path: tree
        for path, tree in sources(*ROOMS)
        if path != KAFKA_INSIDE and any(name.split(".")[0] == "kafka" or ".kafka_" in name for name in imported(tree))
    }
    modules = {
        (path, name)
        for path, tree in speaking.items()
        for name in imported(tree)
        if name.split(".")[0] == "kafka" and name not in KAFKA_PUBLIC
    }
    members = {
        (path, node.lineno, node.attr)
        for path, tree in speaking.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr) and not is_self(node.value)
    }
    assert (modules, members) == (set(), set())
