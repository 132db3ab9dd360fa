"""The reader of pages: it runs what is shown, and says where a page is wrong."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from blocks import Differs, Shell, differs, read_page


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def run(shell: Shell, folder: Path, text: str) -> int:
    path = folder / "page.md"
    path.write_text(text, encoding="utf-8")
    page = read_page(path)
    try:
        for typed in page.typed:
            shell.run(typed)
    finally:
        shell.close()
    return len(page.typed)


def test_commands_share_their_folder_and_their_variables(shell: Shell, tmp_path: Path) -> None:
    page = """
```console
$ mkdir inner && cd inner
$ export NAME=value
$ echo $NAME; basename $PWD
value
inner
```
and then
```console
$ basename $PWD
inner
```
"""
    assert run(shell, tmp_path, page) == 4


def test_another_output_is_told_with_its_line(shell: Shell, tmp_path: Path) -> None:
    with pytest.raises(Differs, match=r"line 3: `echo two`"):
        run(shell, tmp_path, "\n```console\n$ echo two\none\n```\n")


def test_a_command_that_fails_is_told(shell: Shell, tmp_path: Path) -> None:
    with pytest.raises(Differs, match="ended with 3"):
        run(shell, tmp_path, "```console\n$ (exit 3)\n```\n")


def test_a_command_may_be_meant_to_fail(shell: Shell, tmp_path: Path) -> None:
    assert run(shell, tmp_path, "```console\n$ (exit 3)  # exit 3\n```\n") == 1


def test_other_languages_are_left_alone(shell: Shell, tmp_path: Path) -> None:
    assert run(shell, tmp_path, "```sh\n$ exit 1\n```\n```\nnothing\n```\n") == 0


def test_python_is_run_with_the_names_of_the_block_before(shell: Shell, tmp_path: Path) -> None:
    assert run(shell, tmp_path, "```python\nkept = 1\n```\n```python\nassert kept == 1\n```\n") == 2
    with pytest.raises(AssertionError):
        run(shell, tmp_path, "```python\nassert False\n```\n")


def test_what_is_started_runs_on_until_the_end_and_no_longer(shell: Shell, tmp_path: Path) -> None:
    page = """
```console
$ echo ready on 127.0.0.1:8000; echo $$ > number; exec sleep 600 &
ready on 127.0.0.1:8000
$ kill -0 $(cat number)
```
"""
    run(shell, tmp_path, page)
    number = int((tmp_path / "number").read_text())
    until = time.monotonic() + 10
    while time.monotonic() < until and Path(f"/proc/{number}").exists():
        time.sleep(0.01)
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_what_is_started_is_ended_by_its_number_as_a_job_of_a_terminal(shell: Shell, tmp_path: Path) -> None:
    page = """
```console
$ echo ready; sleep 600; echo not reached &
ready
$ kill -9 %1
```
```python
wait_until_it_has_ended()
```
"""

    def wait() -> None:
        [(started, _)] = shell._started
        assert started.wait(10) == -signal.SIGKILL

    shell._names["wait_until_it_has_ended"] = wait
    assert run(shell, tmp_path, page) == 3


def test_what_is_started_changes_nothing_for_what_is_typed_after_it(shell: Shell, tmp_path: Path) -> None:
    """As in a terminal: when a server ends, however late, the variables and the folder are those that were typed since."""
    page = """
```console
$ mkdir inner && mkfifo pipe
$ echo ready; export OF_WHAT_RUNS=1; read line < pipe &
ready
$ export NAME=value && cd inner
$ echo > ../pipe
```
```python
wait_until_it_has_ended()
```
```console
$ echo $NAME $OF_WHAT_RUNS; basename $PWD
value
inner
```
"""

    def wait() -> None:
        [(started, _)] = shell._started
        assert started.wait(10) == 0

    shell._names["wait_until_it_has_ended"] = wait
    assert run(shell, tmp_path, page) == 6


def test_a_long_command_goes_on_in_the_next_line(shell: Shell, tmp_path: Path) -> None:
    assert run(shell, tmp_path, "```console\n$ echo one \\\n>   two\none two\n```\n") == 1


@pytest.mark.parametrize(
    ("shown", "came"),
    [
        ("id 0123456789abcdef0123456789abcdef", "id fedcba9876543210fedcba9876543210"),
        ("http://127.0.0.1:8000/docs", "http://127.0.0.1:43121/docs"),
        ("at 2025-03-03T07:00:00Z", "at 2026-01-01T10:11:12.5Z"),
        ("took 1.5 s", "took 12 s"),
        ("recorded … facts", "recorded 1 of 2 facts"),
        ("first\n…\nlast", "first\nsecond\nthird\nlast"),
        ("first\n…", "first"),
        ("done", " 10%\r 50%\rdone\n\n"),
    ],
)
def test_what_may_differ_does_not_count(shown: str, came: str) -> None:
    assert differs(tuple(shown.splitlines()), came) is None


@pytest.mark.parametrize(("shown", "came"), [("11 days", "12 days"), ("a\nb", "a"), ("a", "a\nb"), ("a … c", "a b d")])
def test_all_else_does(shown: str, came: str) -> None:
    assert differs(tuple(shown.splitlines()), came) is not None
