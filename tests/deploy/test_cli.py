"""The command `kuty` on a small demonstration: what it prints, and with what exit code."""

from __future__ import annotations

import argparse
import io
import json
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest
import shtab
from blocks import ROOT
from publications_given import Told

from consumers.disclosed import is_told
from consumers.wire import heartbeat, out_topic
from deploy.cli import main, parser
from deploy.commands.distributed import kept_for_others
from deploy.commands.printed import progress
from deploy.commands.rebuilding import target_of
from deploy.describe.list_pages import commands, help_of
from deploy.settings import Settings
from deploy.wiring import open_ledger_parts, owned_by_us
from domain.chapters.corrections.decisions import CorrectFact
from domain.context import Caller


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ledger of three synthetic clients."""
    home = tmp_path_factory.mktemp("shown")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("KUTY_HOME", str(home))
        assert main(["demo", "--clients", "3"]) == 0
    return home


@pytest.fixture
def home(shown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy that a test may change."""
    shutil.copytree(shown, tmp_path / "var")
    monkeypatch.setenv("KUTY_HOME", str(tmp_path / "var"))
    return tmp_path / "var"


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What a command says, on standard output where it does well, else on standard error."""
    capsys.readouterr()
    assert main(words) == code
    out, error = capsys.readouterr()
    return out if code == 0 else out + error


def test_every_command_says_what_one_needs() -> None:
    for name, command in commands(parser()):
        assert command.description, name
        assert name in help_of(command)
        for action in command._actions:
            assert action.help or isinstance(action, argparse._SubParsersAction), f"{name} {action.dest}"


def test_a_command_says_which_version_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--version"])
    assert capsys.readouterr().out == f"kuty {version('kuty')}\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_shown_on_a_terminal_alone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with progress("events") as bar:
        bar.update(3)
    assert capsys.readouterr() == ("", "")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with progress("events") as bar:
        bar.update(3)
    assert "events" in terminal.getvalue()


@pytest.mark.parametrize("kind", ["chains", "decisions"])
@pytest.mark.parametrize("origin", [(), ("--from-topic",)], ids=["store", "topic"])
def test_an_audit_shows_how_far_it_is(
    kind: str, origin: tuple[str, ...], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    assert main(["audit", kind, *origin]) == 0
    assert "events" in terminal.getvalue()


def test_no_command_counts_in_another_way() -> None:
    made = [path.name for path in (ROOT / "deploy").rglob("*.py") if "tqdm(" in path.read_text(encoding="utf-8")]
    assert made == ["printed.py"]


def test_what_is_wrong_stands_on_standard_error_and_what_comes_out_alone_on_standard_output(
    home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "wrong.yaml").write_text("history: nothing\n", encoding="utf-8")
    assert main(["scenario", str(tmp_path / "wrong.yaml")]) == 1
    out, said = capsys.readouterr()
    assert out == ""
    assert said.startswith("wrong.yaml:1: ")
    assert main(["replay", "told", "kela-benefit-payment", "--json"]) == 0
    out, said = capsys.readouterr()
    assert all(json.loads(line) for line in out.splitlines())
    assert said == ""


def test_every_variable_that_is_read_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Those of the settings, of compose, and of the servers that are started."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "deploy").rglob("*.py")]
    named = set(re.findall(r"KUTY_TEST_[A-Z_]+[A-Z]", "".join(sources))) | {
        f"KUTY_TEST_{name}"
        for name in re.findall(r"""(?:text|path)\("([A-Z_]+)"\)""", (ROOT / "deploy/local/parts.py").read_text("utf-8"))
    }
    listed = told(capsys, "settings")
    assert [name for name in sorted(named) if f"{name} (default" not in listed] == []


def test_cleaning_leaves_the_packages_where_they_are() -> None:
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "rm -rf var build\n" in make
    said = subprocess.run(["make", "help"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "make clean-env" in said
    assert "not .venv" in said


def test_one_process_has_an_embedded_ledger(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with owned_by_us(home / "demo" / "broker.lock"):
        for role in ("disclosure", "clerk", "projector", "provisioner"):
            assert "another process has the ledger" in told(capsys, "serve", "--role", role, code=1)


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_what_completes_words_is_printed_whatever_the_settings(
    shell: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUTY_PORT", "none")
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--print-completion", shell])
    printed = capsys.readouterr().out
    missing = [name for name, _ in commands(parser()) if not set(name.split()) <= set(re.findall(r"[\w-]+", printed))]
    assert missing == []


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        (["re"], ["resubmit", "rebuild", "restore", "replay"]),
        (["replay", ""], ["client", "told", "asof"]),
        (["serve", "--role", "in"], ["intake"]),
        (["agency", "follow", "--a"], ["--all"]),
        (["scenario", "deploy/scenarios/as-"], ["deploy/scenarios/as-1.yaml"]),
        (["describe", "--folder", "docs/refer"], ["docs/reference"]),
    ],
)
def test_bash_completes_what_one_types(typed: list[str], completed: list[str]) -> None:
    words = " ".join(shlex.quote(word) for word in ("kuty", *typed))
    asked = f'COMP_WORDS=({words}); COMP_CWORD={len(typed)}; _shtab_kuty; printf "%s\\n" "${{COMPREPLY[@]}}"'
    script = f"{shtab.complete(parser(), 'bash')}\n{asked}"
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout.split() == completed


@pytest.mark.parametrize(
    "words",
    [["nothing"], [], ["demo", "--clients", "-1"], ["demo", "--clients", "1000000"],
     ["agency", "follow", "x", "--wait", "nan"], ["clock", "advance", "tomorrow"], ["serve", "--role", "cook"]],
)
def test_words_that_are_not_understood_end_with_two(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    assert "usage: kuty" in capsys.readouterr().err


def test_a_wrong_setting_is_said_plainly(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUTY_PORT", "high")
    assert told(capsys, "settings", code=1) == "kuty: KUTY_PORT is 'high' and should be like 8000\n"


def test_a_folder_that_cannot_be_used_is_said_plainly(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KUTY_HOME", str(tmp_path / "file"))
    assert told(capsys, "demo", code=1) == f"kuty: {tmp_path / 'file' / 'demo'}: Not a directory\n"


def test_a_taken_port_is_said_before_demo_data_are_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("KUTY_PORT", str(taken.getsockname()[1]))
        assert "cannot listen on 127.0.0.1:" in told(capsys, "serve", "--demo", "1000", code=1)
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("KUTY_PORT")
        assert told(capsys, "audit", "chains").startswith("0 events")


def test_a_rebuild_beside_a_running_server_changes_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = told(capsys, "audit", "chains")
    with owned_by_us(home / "demo" / "broker.lock"):
        assert "another process has the ledger" in told(capsys, "rebuild", "kela-benefit-payment", code=1)
    assert told(capsys, "audit", "chains") == before


def test_another_terminal_gets_the_settings_while_the_servers_run(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, store_dsn="user=kuty_store password='a b'", kafka="127.0.0.1:9092", port=9000)
    with kept_for_others(settings) as file:
        assert file.stat().st_mode & 0o077 == 0
        shown = subprocess.run(["/bin/sh", "-c", f". '{file}'; env"], capture_output=True, text=True, check=True).stdout
        lines = dict(line.partition("=")[::2] for line in shown.splitlines())
        assert Settings.from_environment({name: lines[name] for name in lines if name.startswith("KUTY_")}) == settings
    assert not file.exists()


def test_nobody_was_told_who_never_joined(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "replay", "told", "nobody", code=1) == "kuty: nobody has joined as nobody\n"


@pytest.mark.parametrize(
    "words", [("publish", "provider-s01", "/dev/null"), ("follow", "provider-s01"), ("receipts", "provider-s01")]
)
def test_an_agency_hears_plainly_that_nobody_answers(
    home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...]
) -> None:
    messages = tmp_path / "messages"
    messages.write_text('{"type": "record_attendance.v1", "body": {}}\n')
    named = [str(messages) if word == "/dev/null" else word for word in words]
    assert "http://127.0.0.1:9 does not answer" in told(capsys, "agency", *named, "--http", "http://127.0.0.1:9", code=1)
    with pytest.raises(SystemExit):
        main(["agency", *named, "--http", "nowhere"])
    assert "nowhere is no address like http://" in capsys.readouterr().err


def test_a_place_without_a_ledger_is_said_plainly(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(tmp_path))
    assert told(capsys, "audit", "chains", code=1).startswith("kuty: no ledger in")


def test_demo_data_is_added_to_an_empty_ledger_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "has data already" in told(capsys, "demo", "--clients", "2")


@pytest.mark.parametrize("origin", [(), ("--from-topic",)])
def test_chains_and_decisions_hold_from_the_store_and_from_the_topic(
    home: Path, capsys: pytest.CaptureFixture[str], origin: tuple[str, ...]
) -> None:
    assert "every chain verifies" in told(capsys, "audit", "chains", *origin)
    assert "give the same again, 0 do not" in told(capsys, "audit", "decisions", *origin)


def client_of(home: Path) -> str:
    wired = open_ledger_parts(Settings(home=home))
    try:
        [first, *_] = wired.store.records(0, 1, ("subject.registered",))
        return wired.pseudonyms("county").of(first.header.stream)
    finally:
        wired.close()


def test_a_clients_history_is_replayed_in_both_orders(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = client_of(home)
    recorded = told(capsys, "replay", "client", client).splitlines()
    happened = told(capsys, "replay", "client", client, "--order", "occurrence", "--from-topic").splitlines()
    assert sorted(recorded) == sorted(happened)
    assert [line[:10] for line in happened] == sorted(line[:10] for line in happened)
    assert recorded[0].endswith("subject.registered")


def test_history_comes_as_json_where_a_program_reads_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.loads(line) for line in told(capsys, "replay", "client", client_of(home), "--json").splitlines()]
    assert {"position", "name", "occurred_on", "recorded_at", "fields"} <= lines[0].keys()


def test_a_case_is_as_it_was_known_then(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = client_of(home)
    now = told(capsys, "replay", "asof", client)
    assert "case 1 on" in now
    then = told(capsys, "replay", "asof", client, "--known-at", "2024-12-31")
    assert "case" not in then


def test_what_a_recipient_had_been_told_grows_with_time(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    early = told(capsys, "replay", "told", "kela-benefit-payment", "--by", "2025-04-30", "--from-topic").splitlines()
    late = told(capsys, "replay", "told", "kela-benefit-payment").splitlines()
    assert 1 < len(early) < len(late)
    assert early[-1].endswith("by the time of disclosure, not of the broker's acknowledgement")


def test_a_name_that_is_no_clients_is_said_plainly(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is not the organiser's name of a client" in told(capsys, "replay", "client", "somebody", code=1)


def test_a_recipients_model_is_rebuilt_compared_and_switched(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "the same as epoch 1; epoch 2 answers now" in told(capsys, "rebuild", "kela-benefit-payment")
    assert "the same as epoch 2; epoch 3 answers now" in told(capsys, "rebuild", "kela-benefit-payment")
    assert "every chain verifies" in told(capsys, "audit", "chains")


def test_a_recipients_model_is_rebuilt_once_everything_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a corrected day of which nobody has been told, for no server runs
    wired = open_ledger_parts(Settings(home=home))
    try:
        days = wired.store.records(0, 100, ("attendance.recorded",))
        said_of = zip(days, wired.store.opened_all(days), strict=True)
        h = next(day.header for day, event in said_of if getattr(event, "day_status", "") == "present")
        new = {"day_status": "absent_other", "hours": None}
        ask = CorrectFact(target_event_id=h.event_id, correction_reason="wrong_entry", new_values=new)
        by = Caller(h.actor_org, h.actor_task, h.actor_role, h.actor_person)
        answer = wired.store.execute(ask, by, "corrected", client=h.stream)
        assert answer.status == "recorded", answer
    finally:
        wired.close()
    # when others are to tell it, and do not, then nothing begins
    with monkeypatch.context() as behind:
        behind.setattr("deploy.commands.rebuilding.is_told", lambda *_: True)
        behind.setattr("consumers.redelivery.TOLD_WITHIN_S", 0.0)
        said = told(capsys, "rebuild", "kela-benefit-payment", code=1)
        assert f"disclosure has come to position {answer.position - 1} of {answer.position}" in said
    # when this is to tell it, and does nothing, then that is not waited for
    with monkeypatch.context() as idle:
        idle.setattr("consumers.disclosure.Disclosure.step", lambda _: 0)
        idle.setattr("consumers.redelivery.TOLD_WITHIN_S", 0.0)
        assert told(capsys, "rebuild", "kela-benefit-payment", code=1) == said
    # else it is told first
    assert "the same as epoch 1; epoch 2 answers now" in told(capsys, "rebuild", "kela-benefit-payment")
    wired = open_ledger_parts(Settings(home=home))
    assert is_told(wired.store, answer.position)
    wired.close()


def test_a_recipient_that_lost_its_model_gets_another_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost = list((home / "demo" / "models" / "demo").glob("kela-benefit-payment.db*"))
    assert lost
    for file in lost:
        file.unlink()
    assert "no model answered before; epoch 2 answers now" in told(capsys, "rebuild", "kela-benefit-payment")
    # and what answers is all that there was
    assert "the same as epoch 2; epoch 3 answers now" in told(capsys, "rebuild", "kela-benefit-payment")


@pytest.mark.parametrize("is_known", [True, False], ids=["and is known for it", "and nobody knows"])
@pytest.mark.parametrize("epoch", [2, 7])
def test_a_model_that_somebody_else_began_is_rebuilt(
    home: Path, capsys: pytest.CaptureFixture[str], epoch: int, is_known: bool
) -> None:
    forged = Told(epoch, until_sequence=1)
    forged.fact("referral.received", "2025-01-01")
    wired = open_ledger_parts(Settings(home=home), wait_s=0.0)
    try:
        written = [*forged.entries, *([heartbeat(1, 10**6, "urn:x", datetime(2025, 9, 1, tzinfo=UTC))] if is_known else [])]
        wired.broker.append([(out_topic("demo", "kela-benefit-payment"), entry) for entry in written])
        while wired.projector.step():
            pass
        feed = wired.models.of("kela-benefit-payment").feed()
        assert (feed.live_epoch, bool(feed.halted)) == (epoch, is_known)
    finally:
        wired.close()
    # then what answered is what it is compared with, unless it is gone
    differs = epoch == 2 and not is_known
    said = told(capsys, "rebuild", "kela-benefit-payment", code=int(differs))
    assert ("differences to epoch 2" if differs else "the same as epoch") in said
    assert "epoch 3 answers now" in said
    assert "the same as epoch 3; epoch 4 answers now" in told(capsys, "rebuild", "kela-benefit-payment")


def test_nobody_is_rebuilt_who_has_not_joined(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "rebuild", "nobody", code=1) == "kuty: nobody has joined as nobody\n"


@pytest.mark.parametrize("dsn", ["postgresql://kuty:x@127.0.0.1/kuty", "user=kuty password=x dbname=kuty host=127.0.0.1"])
def test_a_connection_string_is_no_folder(dsn: str) -> None:
    assert target_of(Settings(), dsn).store_dsn == dsn
    assert target_of(Settings(store_dsn=dsn), "elsewhere").home == Path("elsewhere")
    assert target_of(Settings(store_dsn=dsn), "elsewhere").store_dsn == ""


def test_a_store_is_rebuilt_elsewhere_and_compared(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(capsys, "rebuild", "store", "--from-topic", "--into", str(home.parent / "elsewhere"))
    assert "equal to the present store" in said


def test_a_lost_store_comes_back_from_its_topic_and_goes_on(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in (home / "demo").glob("events.db*"):
        file.unlink()
    assert "events from kuty.demo.events.v1" in told(capsys, "rebuild", "store", "--from-topic")
    assert "every chain verifies" in told(capsys, "audit", "chains")
    assert "it is 2026-06-01" in told(capsys, "clock", "advance", "2026-06-01")
    assert "every chain verifies" in told(capsys, "audit", "chains", "--from-topic")


def test_a_store_that_holds_something_is_not_rebuilt_over(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "the store is not empty: `kuty ledger adopt`" in told(capsys, "rebuild", "store", "--from-topic", code=1)


def test_a_clock_never_goes_back(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(capsys, "clock", "advance", "2025-01-01", code=1)
    asked = r"it is 2025-\S+ in demo, and 2025-01-01T09:00\+02:00 was asked for"
    assert re.fullmatch(rf"kuty: {asked}: The clock .+ \(E_CLOCK_BACKWARDS /to_at\)\n", said)


def test_a_ledger_in_use_is_left_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with owned_by_us(home / "demo" / "broker.lock"):
        assert "another process has the ledger" in told(capsys, "clock", "advance", "2026-06-01", code=1)
        assert "every chain verifies" in told(capsys, "audit", "chains", "--from-topic")


def test_a_live_ledger_is_opened_only_where_a_setting_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(tmp_path))
    assert "KUTY_ALLOW_LIVE" in told(capsys, "ledger", "open", "0000001-9", "--mode", "live", code=1)
    monkeypatch.setenv("KUTY_ALLOW_LIVE", "yes")
    assert "KUTY_SCHEMAS_ADDRESS" in told(capsys, "ledger", "open", "0000001-9", "--mode", "live", code=1)
    monkeypatch.setenv("KUTY_SCHEMAS_ADDRESS", "https://kuty.example")
    assert "live for life" in told(capsys, "ledger", "open", "0000001-9", "--mode", "live")
    assert "E_CONFLICT" in told(capsys, "ledger", "open", "0000001-9", code=1)


def test_a_file_of_messages_with_a_mistake_is_named_with_its_line(
    home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "messages.jsonl"
    file.write_text('{"type": "record_attendance.v1", "body": {}}\n{"type": "x"}\n', encoding="utf-8")
    said = told(capsys, "agency", "publish", "provider-s01", str(file), code=1)
    assert said == f"kuty: {file}:2: a message has type and body, and may have an id\n"


@pytest.mark.parametrize(
    "name", ["-GDoFvXIkL6Z556aYJV4TCw5tHoSMVu0_YR4UO-g8sI", "--" + "a" * 41, "-h" + "_" * 41, "-" * 43]
)
def test_an_agencys_name_for_somebody_is_a_word_also_where_it_begins_with_a_hyphen(name: str) -> None:
    assert parser().parse_args(["replay", "client", name, "--json"]).client == name
    with pytest.raises(SystemExit):
        parser().parse_args(["replay", "client", name[:-1]])
