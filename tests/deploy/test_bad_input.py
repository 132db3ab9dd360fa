"""Whatever a command is given that it cannot use, it says so in a sentence and ends with 1: nobody is shown our code."""

from __future__ import annotations

import argparse
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.cli import main, parser
from deploy.commands import ledgers
from deploy.commands.serving import fill
from deploy.describe.list_pages import commands
from deploy.local import folders
from deploy.settings import Settings

SCENARIO = "deploy/scenarios/as-1.yaml"
WITHOUT_FILES = {
    "serve": ("serve",),
    "serve a role": ("serve", "--role", "disclosure"),
    "up": ("up",),
    "migrate": ("migrate",),
    "ledger open": ("ledger", "open", "0000001-9"),
    "ledger adopt": ("ledger", "adopt", "--by", "DP-1", "--second", "DP-2"),
    "ledger new-epoch": ("ledger", "new-epoch", "--by", "DP-1", "--second", "DP-2"),
    "clock advance": ("clock", "advance", "2026-06-01"),
    "topic resume": ("topic", "resume", "nothing"),
    "key destroy": ("key", "destroy", "0" * 32, "--by", "DP-1", "--second", "DP-2"),
    "demo": ("demo", "--clients", "1"),
    "rebuild": ("rebuild", "kela-benefit-payment"),
    "rebuild store": ("rebuild", "store", "--from-topic"),
    "replay client": ("replay", "client", "nobody"),
    "replay told": ("replay", "told", "kela-benefit-payment", "--client", "nobody"),
    "replay asof": ("replay", "asof", "nobody"),
    "audit decisions": ("audit", "decisions"),
    "audit chains": ("audit", "chains"),
    "audit chains of the topic": ("audit", "chains", "--from-topic"),
    "agency follow": ("agency", "follow", "provider-s01"),
    "agency receipts": ("agency", "receipts", "provider-s01"),
}
"""Every command that looks at a ledger, with words that are understood."""
WITHOUT_LEDGER = {
    "scenario", "describe", "settings", "bench", "agency publish", "agency welcome", "backup key", "backup verify",
    "restore", "resubmit", "status", "test-ids",
}  # fmt: skip
"""The others: they are given files, or nothing; `kuty status` shows all the rest."""
ON_KAFKA = ("clock advance", "rebuild", "rebuild store", "audit chains of the topic", "agency follow", "agency receipts")

LOOKING_EVERYWHERE = (
    *(WITHOUT_FILES[name] for name in ("migrate", "clock advance", "replay told", "audit chains of the topic")),
    ("agency", "follow", "provider-s01", "--http", "http://127.0.0.1:9"),
)
"""Together they open every file of a ledger."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("filled")
    fill(Settings(home=home), 1, 7)
    return home


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is waited for that does not come, and servers would come from pip."""
    monkeypatch.setenv("KUTY_KAFKA_DEADLINE_S", "1")
    monkeypatch.setenv("KUTY_TEST_PARTS", "pip")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        # Whatever would begin to serve in spite of what it was given ends here.
        monkeypatch.setenv("KUTY_PORT", str(taken.getsockname()[1]))
        signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
        yield
        for number, does in signals.items():
            signal.signal(number, does)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The sentence that a command ends with; what it prints before are results."""
    capsys.readouterr()
    try:
        code = main(words)
    except SystemExit as left:
        code = int(left.code or 0)
    out, said = capsys.readouterr()
    assert code == 1, (words, out, said)
    assert "Traceback" not in said + out
    lines = [line for line in said.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, (words, said)
    assert lines[0].startswith("kuty: "), lines
    return lines[0]


def test_every_command_is_walked() -> None:
    leaves = {
        name.removeprefix("kuty ").strip()
        for name, each in commands(parser())
        if not any(isinstance(action, argparse._SubParsersAction) for action in each._actions)
    }
    assert {" ".join(words[:2]) if words[0] in ("ledger", "clock", "topic", "key", "replay", "audit", "agency") else words[0]
            for words in WITHOUT_FILES.values()} | WITHOUT_LEDGER == leaves  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ("key", "destroy", "0" * 32, "--by", "Maija Esimerkki", "--second", "DP-2"),
        ("key", "destroy", "0" * 32, "--by", "DP-1", "--second", "Maija Esimerkki"),
        ("ledger", "adopt", "--by", "Maija Esimerkki", "--second", "DP-2"),
        ("ledger", "new-epoch", "--by", "DP-1", "--second", "Maija Esimerkki"),
        ("ledger", "open", "Maija Esimerkki"),
    ],
)
def test_a_name_is_no_reference_and_comes_into_no_record(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(tmp_path))
    assert "Maija Esimerkki is no " in refused(capsys, *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words", [("key", "destroy", "0" * 32), ("ledger", "adopt"), ("ledger", "new-epoch")], ids=" ".join
)  # fmt: skip
def test_one_person_in_two_ways_of_writing_is_no_second_person(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(tmp_path))
    assert "T-01 cannot be the second person too" in refused(capsys, *words, "--by", "T-01", "--second", "t-01")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("matter", ["00", "0" * 33, "A" * 32, "kuty"])
def test_what_is_no_matter_is_looked_for_nowhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, matter: str
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(tmp_path))
    said = refused(capsys, "key", "destroy", matter, "--by", "DP-1", "--second", "DP-2")
    assert f"{matter} is no matter: `kuty audit chains` names each by 32 hexadecimal digits" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", WITHOUT_FILES)
@pytest.mark.parametrize("place", ["a file", "below a file", "nowhere to write"])
def test_a_home_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, place: str
) -> None:
    (tmp_path / "file").touch()
    homes = {"a file": tmp_path / "file", "below a file": tmp_path / "file" / "var", "nowhere to write": Path("/proc/kuty")}
    monkeypatch.setenv("KUTY_HOME", str(homes[place]))
    refused(capsys, *WITHOUT_FILES[name])


@pytest.mark.parametrize("name", sorted(WITHOUT_FILES.keys() - {"up"}))
@pytest.mark.parametrize(
    ("dsn", "reason"),
    [
        ("postgresql://127.0.0.1:9/x", "KUTY_STORE_DSN names no user"),
        ("host=127.0.0.1 port=9 dbname=x", "KUTY_STORE_DSN names no user"),
        ("postgresql://", "KUTY_STORE_DSN names no user"),
        ("postgresql://kuty:s3cr3t@127.0.0.1:9/x", "Connection refused"),
        ("postgresql://kuty:s3cr3t@nowhere.invalid/x?sslmode=verify-full", "failed to resolve host"),
        ("s3cr3t", "KUTY_STORE_DSN is no connection string"),
    ],
)
def test_a_database_that_is_not_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, dsn: str, reason: str
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(tmp_path))
    monkeypatch.setenv("KUTY_STORE_DSN", dsn)
    if name == "serve":
        monkeypatch.setenv("KUTY_PORT", "8000")
    said = refused(capsys, *WITHOUT_FILES[name])
    assert reason in said
    assert "s3cr3t" not in said


@pytest.mark.parametrize("dsn", ["postgresql://127.0.0.1/x", "postgresql://kuty:x@127.0.0.1:9/x"])
def test_a_store_is_rebuilt_into_no_database_that_is_not_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, filled: Path, dsn: str
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(filled))
    refused(capsys, "rebuild", "store", "--from-topic", "--into", dsn)


@pytest.mark.parametrize("name", ON_KAFKA)
def test_a_broker_that_is_not_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, filled: Path, tmp_path: Path, name: str
) -> None:
    shutil.copytree(filled, tmp_path / "var")
    monkeypatch.setenv("KUTY_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("KUTY_KAFKA", "127.0.0.1:9")
    refused(capsys, *WITHOUT_FILES[name])


@pytest.mark.parametrize("kind", ["garbage", "a folder", "empty"])
@pytest.mark.parametrize("file", ["demo/events.db", "demo/keys.db", "demo/vault.db", "demo/broker.db", "demo/models",
                                  "master.key", "token.key"])  # fmt: skip
def test_a_home_with_something_odd_in_the_place_of_a_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, filled: Path, tmp_path: Path, file: str, kind: str
) -> None:
    """A command that needs the file says so; one that does not goes on. None shows our code."""
    if file == "demo/models":
        # Without models nothing comes to rest: how long that is waited for is not what is asked here.
        monkeypatch.setattr(ledgers, "SETTLE_DEADLINE_S", 2.0)
    for words in LOOKING_EVERYWHERE:
        home = tmp_path / words[0]
        shutil.copytree(filled, home)
        for old in (home / file).parent.glob(f"{(home / file).name}*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        if kind == "a folder":
            (home / file).mkdir()
        else:
            (home / file).write_bytes(bytes(range(256)) * 20 if kind == "garbage" else b"")
        monkeypatch.setenv("KUTY_HOME", str(home))
        capsys.readouterr()
        try:
            code = main(words)
        except SystemExit as left:
            code = int(left.code or 0)
        out, said = capsys.readouterr()
        assert code in (0, 1)
        assert "Traceback" not in out + said
        assert bool(said) == (code == 1), (words, out, said)


@pytest.mark.parametrize("kind", ["missing", "a folder", "binary", "empty name"])
@pytest.mark.parametrize("words", [("scenario",), ("agency", "publish", "provider-s01")])
def test_a_file_that_cannot_be_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, filled: Path, tmp_path: Path,
    words: tuple[str, ...], kind: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("KUTY_HOME", str(filled))
    file = {"missing": "nowhere", "a folder": "folder", "binary": "binary", "empty name": ""}[kind]
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    capsys.readouterr()
    assert main([*words, str(tmp_path / file)]) == 1
    out, said = capsys.readouterr()
    assert out == ""
    assert len(said.splitlines()) <= 2
    assert str(tmp_path) in said or file in said


@pytest.mark.parametrize(
    "line",
    ["[" * 100_000, "9" * 5_000, '{"type": 5, "body": {}}', '{"type": "x", "body": []}', '{"type": "x\\ny", "body": {}}',
     '{"type": "x", "body": {}, "id": ""}', '{"type": "\u00e4", "body": {}}', "null", '"\u2028"', "{}"],
)  # fmt: skip
def test_a_message_that_is_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, filled: Path, tmp_path: Path, line: str
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(filled))
    file = tmp_path / "messages"
    file.write_text(f"\n{line}\n", encoding="utf-8")
    assert f"{file}:2: " in refused(capsys, "agency", "publish", "provider-s01", str(file))


def test_a_file_without_a_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, filled: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(filled))
    file = tmp_path / "messages"
    file.write_text("\n", encoding="utf-8")
    assert refused(capsys, "agency", "publish", "provider-s01", str(file)) == f"kuty: no message in {file}"


@pytest.mark.parametrize("address", ["http://", "http://[::1", "http://127.0.0.1:x", "http://127.0.0.1:99999",
                                     "ftp://x", "x", "http://nowhere.invalid", "http://127.0.0.1:9"])  # fmt: skip
def test_an_address_that_is_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, filled: Path, address: str
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(filled))
    refused(capsys, "agency", "follow", "provider-s01", "--http", address)


@pytest.mark.parametrize("words", [("describe", "codes", "--folder"), ("bench", "--only", "fold_ratio", "--out")])
def test_a_place_that_cannot_be_written_to(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    refused(capsys, *words, str(tmp_path / ("folder" if words[0] == "bench" else "file")))
    refused(capsys, *words, str(tmp_path / "file" / "below"))


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUTY_HOME", str(tmp_path))
    monkeypatch.setattr(folders.tempfile, "gettempdir", lambda: str(tmp_path))
    for words in (("serve",), ("serve", "--role", "api"), ("up",)):
        assert "cannot listen on 127.0.0.1:" in refused(capsys, *words)
