"""`kuty status`: one screen, whoever runs and whatever does not answer."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from house import LEDGER, House, house_after

from consumers import wire
from consumers.lines import NOT_ANSWERED
from consumers.lost_ends import note_of
from consumers.relay import TRACKING
from deploy.cli import main
from deploy.halts import BROKER, DATABASE
from deploy.migration import ledger_file
from deploy.roles import Running
from deploy.settings import Settings
from deploy.watching.asking import got
from deploy.watching.metrics import Shown, Together
from deploy.watching.port import FOLDER, UP, watched_at
from deploy.watching.process import API, Watched
from deploy.watching.report import Report, RoleSeen
from deploy.watching.screen import lines_of
from deploy.wiring import ROLES
from domain.counts import Total
from domain.store import EventStore, Parked

EVERYTHING = (API, *ROLES)
RESTARTS = Total("some_restarts", "Some.", ["what"])
GONE = 2**22 + 1
"""A process id beyond what any system gives."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("KUTY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KUTY_LEDGER", LEDGER)
    with house_after("12", tmp_path / "home") as at:
        at.settle()
        yield at


def status(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main(["status", *words])
    out, error = capsys.readouterr()
    assert error == ""
    return code, out


def in_full(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    content: dict[str, object] = json.loads(status(capsys, "--json")[1])
    return content


def test_while_a_server_has_the_ledger_everything_is_shown_and_all_is_well(
    home: House, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, running = home.wired.settings, Running(home.wired.roles(), home.wired.wait)
    with watched_at(settings, EVERYTHING, Shown(Watched(home.wired, EVERYTHING, [running]))) as address:
        code, shown = status(capsys)
        report = in_full(capsys)
    assert code == 0
    assert shown.startswith(f"house: simulated ledger of {home.wired.store.organiser_org}, it is 2025-")
    assert f"position {home.wired.store.head()} in epoch 1" in shown
    for role in ROLES:
        assert re.search(rf"^{role} +runs at {address} +0$", shown, re.MULTILINE), role
    assert re.search(rf"^api +runs at {address} +-$", shown, re.MULTILINE)
    assert shown.endswith("all is well\n")
    assert re.search(r"^recipients    (\d+) joined, 8 with a read model here, 3 keep their own", shown, re.MULTILINE)
    assert "\x1b" not in shown
    assert (report["well"], report["head"], report["faults"]) == (True, home.wired.store.head(), [])
    assert isinstance(report["answers"], dict)
    assert report["answers"]["recorded"] > 10


def test_while_none_runs_it_is_said_and_the_rest_is_shown(home: House, capsys: pytest.CaptureFixture[str]) -> None:
    head = home.wired.store.head()
    home.wired.close()
    code, shown = status(capsys)
    assert code == 1
    assert f"position {head} in epoch 1" in shown
    assert "api, intake, clerk, disclosure, relay, projector: not seen to run" in shown
    assert re.search(r"^intake +not seen +0$", shown, re.MULTILINE)
    assert re.search(r"^projector +not seen +0$", shown, re.MULTILINE)
    assert "\nnot well: 1\n" in shown


def left_behind(home: Path, roles: str, pid: int) -> str:
    """The file of a process that was killed; its address."""
    with socket.socket() as gone:
        gone.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    labels = {"ledger": LEDGER, "roles": roles, "machine": socket.gethostname(), "pid": str(pid)}
    folder = home / LEDGER / FOLDER
    folder.mkdir(exist_ok=True)
    name = f"{roles}-{address.replace(':', '-')}.json"
    (folder / name).write_text(json.dumps([{"targets": [address], "labels": labels}]))
    return address


def test_a_process_that_was_killed_is_missed_where_it_was(home: House, capsys: pytest.CaptureFixture[str]) -> None:
    settings = home.wired.settings
    others = tuple(name for name in EVERYTHING if name != "clerk")
    address = left_behind(settings.home, "clerk", GONE)
    hangs = left_behind(settings.home, "relay", os.getpid())  # its process is there, and does not answer
    with watched_at(settings, others, Shown(Watched(home.wired, others, []))):
        code, shown = status(capsys)
    assert code == 1
    assert re.search(r"^clerk +does not answer +-$", shown, re.MULTILINE)
    assert re.search(r"^relay +runs at ", shown, re.MULTILINE)  # another one serves it
    assert f"clerk: was at {address} (pid {GONE}), does not answer any more\n    start it again" in shown
    assert f"relay: was at {hangs} (pid {os.getpid()}), does not answer any more\n" in shown
    assert "not seen" not in shown
    # and once the file that it names is removed it is not missed any more
    named = re.search(rf"remove (\S+clerk-{address.replace(':', '-')}.json)", shown)
    assert named
    Path(named[1]).unlink()
    assert "clerk: was at" not in status(capsys)[1]


def test_that_nobody_watches_over_the_processes_any_more_is_not_well(
    home: House, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = home.wired.settings
    with watched_at(settings, EVERYTHING, Shown(Watched(home.wired, EVERYTHING, []))):
        with watched_at(settings, (UP,), Together(list, RESTARTS)) as address:
            code, shown = status(capsys)
            assert (code, shown.splitlines()[-1]) == (0, "all is well")
            assert re.search(rf"^up +runs at {address} +-$", shown, re.MULTILINE)
        left_behind(settings.home, UP, GONE)
        code, shown = status(capsys)
    assert code == 1
    assert f"up (pid {GONE}): has ended without a word: nothing is started again\n    start `kuty up` again" in shown
    assert re.search(r"^up +does not answer +-$", shown, re.MULTILINE)


def test_a_relay_whose_topics_are_gone_has_everything_before_it(home: House, capsys: pytest.CaptureFixture[str]) -> None:
    head = home.wired.store.head()
    home.wired.broker.delete_topics([wire.events_topic(LEDGER)])
    home.wired.close()
    assert re.search(rf"^relay +not seen +{head}$", status(capsys)[1], re.MULTILINE)


def test_that_time_stands_because_a_clock_was_ahead_is_shown_with_what_to_do(
    home: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EventStore, "time_stands_for", lambda store: 7200.0)
    shown = status(capsys)[1]
    assert "time: the last event is dated 7200 s ahead of the clock\n" in shown
    assert "docs/runbooks/a-clock-that-was-ahead.md" in shown
    with watched_at(home.wired.settings, EVERYTHING, Shown(Watched(home.wired, EVERYTHING, []))) as address:
        assert b"kuty_time_stands_seconds 7200.0" in got(address, "/metrics")


def test_what_halted_is_parked_or_stands_still_is_shown_with_what_to_do(
    home: House, capsys: pytest.CaptureFixture[str]
) -> None:
    parked = wire.out_topic(LEDGER, "te-office")
    home.wired.store.park(Parked(parked, 3, "too_large"))
    home.wired.broker.delete_topics([wire.out_topic(LEDGER, "kela-payment")])
    while not any(standing.halted for standing in home.wired.projector.standings()):
        home.wired.projector.step()
    running = Running(home.wired.roles(), home.wired.wait)
    running.roles[1].halted, running.roles[1].to_do = "bytes do not add up", "find out: docs/runbooks/a-damaged-record.md"
    with watched_at(home.wired.settings, EVERYTHING, Shown(Watched(home.wired, EVERYTHING, [running]))):
        code, shown = status(capsys)
    assert code == 1
    assert re.search(r"^clerk +halted +\d+$", shown, re.MULTILINE)
    for said, page in (
        ("clerk: halted: bytes do not add up", "a-damaged-record"),
        (f"topic {parked}: parked: too_large", "a-parked-topic"),
        ("recipient kela-payment: stands still: topic", "a-topic-made-again"),
    ):
        place = shown.index(said)
        assert f"docs/runbooks/{page}.md" in shown[place:].splitlines()[1], said
    assert shown.count(f"topic {parked}") == 1  # though the process and the store both say it
    assert "1 stand still" in shown


@pytest.mark.parametrize("runs", [True, False])
def test_a_topic_that_is_left_out_is_shown_with_what_to_do_and_its_recipient_is_behind(
    home: House, capsys: pytest.CaptureFixture[str], runs: bool
) -> None:
    topic = wire.out_topic(LEDGER, "county")
    home.wired.store.place({note_of(TRACKING, topic): 3 + 1})
    if runs:
        running = Running(home.wired.roles(), home.wired.wait)
        with watched_at(home.wired.settings, EVERYTHING, Shown(Watched(home.wired, EVERYTHING, [running]))):
            code, shown = status(capsys)
    else:
        code, shown = status(capsys)
    assert code == 1
    said = f"topic {topic}: does not answer, or is being filled: it has what was told up to position 3"
    assert "docs/runbooks/a-broker-that-does-not-answer.md" in shown[shown.index(said) :].splitlines()[1]
    assert shown.count(f"topic {topic}") == 1
    assert re.search(rf"county\D+{home.wired.store.head() - 3}\b", shown)


def test_without_a_projector_the_models_say_who_stands_still(home: House, capsys: pytest.CaptureFixture[str]) -> None:
    home.wired.broker.delete_topics([wire.out_topic(LEDGER, "kela-payment")])
    while not any(standing.halted for standing in home.wired.projector.standings()):
        home.wired.projector.step()
    home.wired.close()
    assert "recipient kela-payment: stands still: topic" in status(capsys)[1]


def test_without_a_projector_it_is_shown_whose_model_fails_and_who_waits(
    home: House, capsys: pytest.CaptureFixture[str]
) -> None:
    model = home.wired.models.of("authority")
    model.write([], replace(model.feed(), waiting_for=6))
    unread = home.wired.models.of("kela-payment")
    silent = f"{NOT_ANSWERED}: {wire.out_topic(LEDGER, 'kela-payment')} has no leader"
    unread.write([], replace(unread.feed(), halted=silent))
    home.wired.close()
    folder = home.wired.settings.home / LEDGER / "models" / LEDGER
    for left in folder.glob("county.db*"):
        left.write_bytes(b"no database " * 500)
    code, shown = status(capsys)
    assert code == 1
    for said, page in (
        ("recipient county: stands still: its read model cannot be opened: DatabaseError", "a-read-model-that-fails"),
        ("recipient authority: waits for sequence 6, which is missing", "a-gap-in-a-topic"),
        (f"recipient kela-payment: stands still: {silent}", "a-broker-that-does-not-answer"),
    ):
        place = shown.index(said)
        assert f"docs/runbooks/{page}.md" in shown[place:].splitlines()[1], said
    assert "2 stand still" in shown


def test_an_empty_place_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUTY_HOME", str(tmp_path))
    code, shown = status(capsys)
    assert code == 1
    assert shown.startswith("demo: no ledger here yet\n")
    assert f"store: no ledger in {ledger_file(Settings(home=tmp_path))}\n    `kuty serve --demo 3` makes one" in shown
    assert "`kuty migrate`, then `kuty ledger open` an empty one\n" in shown
    assert not ledger_file(Settings(home=tmp_path)).exists()  # looking makes nothing


@pytest.mark.parametrize("place", ["a file", "below a file", "nowhere to write", "garbage"])
def test_a_home_that_cannot_be_used_is_shown_as_such(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "garbage" / "demo").mkdir(parents=True)
    (tmp_path / "garbage" / "demo" / "events.db").write_bytes(bytes(range(256)) * 20)
    homes = {"a file": tmp_path / "file", "below a file": tmp_path / "file" / "var", "nowhere to write": Path("/proc/kuty")}
    monkeypatch.setenv("KUTY_HOME", str(homes.get(place, tmp_path / "garbage")))
    code, shown = status(capsys)
    assert code == 1
    assert "\nstore: " in shown
    assert "not seen to run" in shown


def test_a_dead_database_and_a_dead_broker_are_one_sentence_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as held:  # bound and not listening: nobody else gets the port meanwhile
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        monkeypatch.setenv("KUTY_HOME", str(tmp_path))
        monkeypatch.setenv("KUTY_STORE_DSN", f"postgresql://kuty:Secret-of-the-store@127.0.0.1:{port}/kuty")
        monkeypatch.setenv("KUTY_KAFKA", f"127.0.0.1:{port}")
        monkeypatch.setenv("KUTY_KAFKA_DEADLINE_S", "2")
        code, shown = status(capsys)
    lines = shown.splitlines()
    assert code == 1
    [store] = [place for place, line in enumerate(lines) if line.startswith("store: ")]
    [broker] = [place for place, line in enumerate(lines) if line.startswith("broker: ")]
    assert lines[store + 1].strip() == DATABASE.told
    assert lines[broker + 1].strip() == BROKER.told
    assert "Secret-of-the-store" not in shown
    assert "GB free" in shown


def test_a_process_elsewhere_is_asked_where_it_is_named(
    home: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    running = Running(home.wired.roles(["relay"]), home.wired.wait)
    elsewhere = Settings(home=tmp_path / "elsewhere", ledger=LEDGER)
    with watched_at(elsewhere, ("relay",), Shown(Watched(home.wired, ("relay",), [running]))) as address:
        monkeypatch.setenv("KUTY_WATCHED", address)
        assert re.search(rf"^relay +runs at {address} +0$", status(capsys)[1], re.MULTILINE)


def test_colours_are_for_a_terminal_alone() -> None:
    report = Report("demo", roles=[RoleSeen("relay", "127.0.0.1:9464", 0), RoleSeen("clerk")])
    assert "\x1b" not in "\n".join(lines_of(report, coloured=False))
    assert "\x1b[32mruns at 127.0.0.1:9464" in "\n".join(lines_of(report, coloured=True))


@pytest.mark.parametrize(("tty", "no_color", "coloured"), [(True, "", True), (True, "1", False), (False, "", False)])
def test_whether_it_is_a_terminal_is_looked_at(
    tty: bool, no_color: str, coloured: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("KUTY_HOME", str(tmp_path))
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr("sys.stdout.isatty", lambda: tty)
    assert ("\x1b" in status(capsys)[1]) == coloured
    assert os.environ["NO_COLOR"] == no_color
