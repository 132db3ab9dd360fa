"""Whatever stops a role has a runbook: named in the log, there, and beginning with what is seen."""

from __future__ import annotations

import ast
import errno
import inspect
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from blocks import ROOT

from consumers import generations, lines, projector
from consumers.lines import runbook_of
from consumers.log import BrokerUnavailable, TopicDamaged, TopicGone
from deploy import halts
from deploy.cli import main
from deploy.halts import ADVICE, FOLDER, HALTS, Advice, advice_on, told_of_line
from deploy.migration import migrate
from deploy.settings import Settings
from domain.store import NewerTables, StoreUnavailable

RUNBOOKS = ROOT / FOLDER
EVERY = {each for each in vars(halts).values() if isinstance(each, Advice)}


@pytest.mark.parametrize("advice", sorted(EVERY), ids=lambda advice: advice.runbook)
def test_each_fault_has_a_runbook_that_says_what_is_seen_what_it_means_and_what_to_do(advice: Advice) -> None:
    text = (RUNBOOKS / f"{advice.runbook}.md").read_text("utf-8")
    title, _, seen = text.partition("\n\n")
    assert re.fullmatch(r"# [A-Z][^\n]{10,90}", title)
    assert seen.startswith("**What you see.** ")
    assert "**What it means.**" in text
    assert re.search(r"\*\*(What to do|First)\.\*\*", text)


def test_no_runbook_is_for_nothing() -> None:
    named = {advice.runbook for advice in EVERY}
    text = "".join(page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.md"))
    alone = {page.stem for page in RUNBOOKS.glob("*.md")} - named
    assert {name for name in alone if f"{name}.md" not in text} == set()


@pytest.mark.parametrize("kind", HALTS, ids=lambda kind: kind.__name__)
def test_every_kind_of_halt_is_answered_by_its_own_advice(kind: type[Exception]) -> None:
    [wanted] = [advice for kinds, advice in ADVICE if kind in kinds]
    assert advice_on(kind.__new__(kind)) == wanted


@pytest.mark.parametrize(
    ("failure", "advice"),
    [
        (StoreUnavailable("connection refused"), halts.DATABASE),
        (psycopg.OperationalError("connection refused"), halts.DATABASE),
        (BrokerUnavailable("no answer within 15 s"), halts.BROKER),
        (TopicGone("kuty.demo.events.v1"), halts.BROKER),
        (TopicDamaged("kuty.demo.events.v1", "the batch at offset 7 fails its checksum"), halts.DAMAGED_TOPIC),
        (KeyError("whatever"), halts.MISTAKE),
        (psycopg.errors.UndefinedTable('relation "keys" does not exist'), halts.TABLES),
        (psycopg.errors.InvalidSchemaName("no schema has been selected"), halts.TABLES),
        (psycopg.errors.InsufficientPrivilege("permission denied for table keys"), halts.TABLES),
        (OSError(errno.ENOSPC, "No space left on device"), halts.DISK),
        (psycopg.errors.DiskFull("could not extend file"), halts.DISK),
        (BrokerUnavailable("[Error 56] KafkaStorageError: No space left on device"), halts.DISK),
    ],
)
def test_what_passes_is_answered_by_what_to_look_after(failure: Exception, advice: Advice) -> None:
    assert advice_on(failure) == advice


@pytest.mark.parametrize(
    ("failure", "why", "advice", "expected"),
    [
        (NewerTables("schema x is at version 9"), "schema x is at version 9", halts.NEWER, True),
        (StoreUnavailable("no such column: halted"), "no such column: halted", halts.MODEL, True),
        (psycopg.errors.InvalidSchemaName("no schema has been selected"), "no schema has been selected", halts.MODEL, True),
        (psycopg.errors.UndefinedColumn('column "halted" does not exist'), "UndefinedColumn", halts.MODEL, True),
        (sqlite3.DatabaseError("file is not a database"), "DatabaseError", halts.MODEL, True),
        (psycopg.errors.InvalidTextRepresentation('invalid input: "Aino"'), "InvalidTextRepresentation", halts.MODEL, False),
        (KeyError("Aino"), "KeyError", halts.MODEL, False),
        (psycopg.errors.DiskFull("could not extend file"), "DiskFull", halts.DISK, True),
    ],
)
def test_what_fails_for_one_recipient_is_told_without_what_stands_in_its_records(
    failure: Exception, why: str, advice: Advice, expected: bool
) -> None:
    assert told_of_line(failure) == (why, advice.told, expected)


def test_a_full_disk_is_known_behind_what_hides_it(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "small.db", isolation_level=None)
    connection.execute("PRAGMA max_page_count = 4")
    connection.execute("CREATE TABLE some (text)")
    try:
        connection.execute("INSERT INTO some VALUES (?)", ("x" * 100_000,))
    except sqlite3.OperationalError as full:
        hidden = StoreUnavailable("the database does not answer")
        hidden.__cause__ = full
    connection.close()
    assert advice_on(hidden) == halts.DISK


def test_a_process_that_cannot_start_says_so_in_one_line_with_its_runbook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(tmp_path))
    migrate(Settings(home=tmp_path))
    with closing(sqlite3.connect(tmp_path / "demo" / "events.db")) as tables, tables:
        tables.execute("INSERT INTO migrations VALUES (99)")
    assert main(["serve", "--role", "relay"]) == 1
    [line] = [record.getMessage() for record in caplog.records if record.name == "kuty.serve"]
    assert line.startswith(f"relay: not started: {tmp_path}/demo/events.db is at version 99, and this program knows ")
    assert line.endswith(halts.NEWER.told)


def test_every_runbook_that_the_code_names_is_there() -> None:
    sources = [path for room in ("domain", "consumers", "deploy") for path in (ROOT / room).rglob("*.py")]
    named = {name for path in sources for name in re.findall(rf"{FOLDER}/([a-z-]+)\.md", path.read_text("utf-8"))}
    assert named
    assert {name for name in named if not (RUNBOOKS / f"{name}.md").exists()} == set()


def test_every_reason_to_stand_still_has_its_runbook() -> None:
    """What is missing is filled or passed by; what is something else than before is not believed."""
    reasons = {
        "".join(part.value if isinstance(part, ast.Constant) else "7" for part in text.values)
        for module in (generations, lines, projector)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Call) and _name(node.func) in ("LineFault", "halt")
        for text in node.args[:1]
        if isinstance(text, ast.JoinedStr)
    } | {str(TopicGone("kuty.demo.out.kela.v1")), "the topic begins at offset 120, 57 was next"}
    gaps = {reason for reason in reasons if runbook_of(reason) == "a-gap-in-a-topic"}
    assert gaps == {
        "gap: sequence 7 of epoch 7 is missing",
        "offset 7 is gone: the topic has 7 to 7",
        "the topic begins at offset 120, 57 was next",
    }
    assert len(reasons - gaps) >= 5


def _name(called: ast.expr) -> str:
    return called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
