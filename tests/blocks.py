"""Runs the blocks of a page as a reader would type them, and compares what comes with what the page shows.

- A block fenced as `console`: lines that begin with `$ ` are typed into one shell for the whole page, in order; a line that
  ends with a backslash goes on in the next. What stands below a command is its output: `…` stands for any text in a line,
  and alone in a line for any lines. Ids, pseudonyms, times, durations and ports may differ. Nothing below a command: its
  output is not compared. A command has to end with 0, or with N where it ends with `# exit N`.
- A block fenced as `python` is run in one interpreter for the whole page.
- A command that starts a server (`make run`, `kuty serve`, `kuty up`) or ends with `&` runs on: the next one waits until
  what is shown below it has come. `kill %1` ends the first of them. Everything is stopped at the end.
- `git clone …` gives a copy of the project as it stands. A page without it begins inside such a copy.

A port of a page, 8000 or 8010, is a free one in the run.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PORT = re.compile(r"\b80[01]0\b")
DEADLINE_S = 300.0
ANY = "…"
JOB = re.compile(r"(?<=\s)%(\d)\b")
SERVER = re.compile(r"^(?:[A-Z]+=\S+ )*(?:make (?:[A-Z]+=\S+ )*run(?:-kafka)?\b|kuty (?:serve|up)\b)")
LEFT_BEHIND = ("var", "build", ".venv", ".git", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", "__pycache__")
ALIKE = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<hash>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<id>"),
    (re.compile(r"(?<![\w-])[A-Za-z0-9_-]{43}(?![\w-])"), "<name>"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+"), "<token>"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+|(?<=localhost:)\d+"), "<port>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+\d\d:\d\d)"), "<time>"),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|s|seconds|minutes)\b"), "<duration>"),
)
"""What may differ from one run to the next."""


@dataclass(frozen=True)
class Typed:
    """One thing that a reader types, with what the page shows below it."""

    line: int
    language: str
    text: str
    shown: tuple[str, ...] = ()


class Differs(AssertionError):
    """The page says something else than what happens."""


@dataclass
class Page:
    """The blocks of a page, in order."""

    path: Path
    typed: list[Typed] = field(default_factory=list)

    @property
    def clones(self) -> bool:
        """Whether the reader is told to fetch the project first."""
        return any(one.language == "console" and one.text.startswith("git clone") for one in self.typed)


def read_page(path: Path) -> Page:
    """The page's blocks that are run."""
    page, language, start, lines = Page(path), "", 0, list[str]()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fence = re.match(r"^\s*```\s*(\w*)", line)
        if fence and not language:
            language, start, lines = fence.group(1) or "text", number, []
        elif fence:
            page.typed += _console(start, lines) if language == "console" else _whole(start, language, lines)
            language = ""
        elif language:
            lines.append(line)
    return page


def _console(start: int, lines: list[str]) -> Iterator[Typed]:
    number = 0
    while number < len(lines):
        if not lines[number].startswith("$ "):
            raise Differs(f"line {start + number + 1}: a console block begins with `$ `")
        first, text = number, lines[number][2:]
        while text.endswith("\\") and number + 1 < len(lines):
            number += 1
            text += "\n" + lines[number].removeprefix("> ")
        number += 1
        shown: list[str] = []
        while number < len(lines) and not lines[number].startswith("$ "):
            shown.append(lines[number])
            number += 1
        while shown and not shown[-1].strip():
            shown.pop()
        yield Typed(start + first + 1, "console", text, tuple(shown))


def _whole(start: int, language: str, lines: list[str]) -> Iterator[Typed]:
    if language == "python":
        yield Typed(start, language, "\n".join(lines) + "\n")


def alike(text: str) -> str:
    """The text with everything that may differ named instead."""
    for pattern, name in ALIKE:
        text = pattern.sub(name, text)
    return text.rstrip()


def differs(shown: tuple[str, ...], came: str) -> str | None:
    """Why what came is not what is shown; none where it is."""
    patterns = [alike(line) for line in shown]
    lines = [alike(line) for line in re.sub(r"[^\n]*\r(?!\n)", "", came).splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return None if _fits(patterns, lines) else "\n".join(["shown:", *shown, "came:", *came.splitlines()])


def _fits(patterns: list[str], lines: list[str]) -> bool:
    if not patterns:
        return not lines
    if patterns[0].strip() == ANY:
        return any(_fits(patterns[1:], lines[skipped:]) for skipped in range(len(lines) + 1))
    return bool(lines) and _line_fits(patterns[0], lines[0]) and _fits(patterns[1:], lines[1:])


def _line_fits(pattern: str, line: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split(ANY))), line) is not None


# --- running ----------------------------------------------------------------------------------------------------------


def copy_of_project(folder: Path) -> Path:
    """The project as it stands, with an environment of its own that stands for the one in use."""
    copy = folder / "kuty"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    environment = Path(sys.prefix)
    (copy / ".venv").mkdir()
    for part in environment.iterdir():
        if part.name != ".ready":
            (copy / ".venv" / part.name).symlink_to(part)
    (copy / ".venv/.ready").touch()
    return copy


class Shell:
    """One shell for a page. What its commands print, and what they start, ends with it."""

    def __init__(self, folder: Path, ports: dict[str, str] | None = None) -> None:
        self.folder, self.ports = folder, {} if ports is None else ports
        port = self.ports.setdefault("8000", free_port())
        self._environment = {
            **os.environ,
            "PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ.get('PATH', '')}",
            "PORT": port,
            "KUTY_PORT": port,
            "COLUMNS": "120",
            "PYTHONUNBUFFERED": "1",
        }
        self._started: list[tuple[subprocess.Popen[bytes], Path]] = []
        self._own = Path(tempfile.mkdtemp(prefix="kuty-shell-"))
        self._state = self._own / "state"
        self._state.write_text(f"cd {folder}\n")
        self._names: dict[str, Any] = {"__name__": "__page__"}

    def run(self, typed: Typed) -> None:
        """Run one thing. Raises Differs."""
        if typed.language == "python":
            self._run_python(typed)
        elif SERVER.match(typed.text) or typed.text.rstrip().endswith("&"):
            self._start(typed)
        else:
            self._run(typed)

    def _with_free_ports(self, text: str) -> str:
        for named in PORT.findall(text):
            self.ports.setdefault(named, free_port())
        return PORT.sub(lambda named: self.ports[named[0]], text)

    def _with_jobs(self, text: str) -> str:
        # A terminal ends all processes of a job.
        return JOB.sub(lambda named: f"-{self._started[int(named[1]) - 1][0].pid}", text)

    def _script(self, text: str) -> str:
        return f"set -a\nsource {self._state}\n{self._with_jobs(self._with_free_ports(text))}\n"

    def _kept_script(self, text: str) -> str:
        """Folder and variables of one command hold for the next, as in one terminal. Not those of what runs on: it ends
        while others read them, and would write them as they were when it began."""
        keep = f'{{ echo "cd $(printf %q "$PWD")"; export -p; }} > {self._state}'
        return f"{self._script(text)}__ended=$?\n{keep}\nexit $__ended\n"

    def _run(self, typed: Typed) -> None:
        if typed.text.startswith("git clone"):
            copy_of_project(self.folder)
            return
        wanted = int(found.group(1)) if (found := re.search(r"#\s*exit (\d+)\s*$", typed.text)) else 0
        done = subprocess.run(
            ["bash", "-c", self._kept_script(typed.text)],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=DEADLINE_S,
            check=False,
        )
        came = done.stdout.decode(errors="replace")
        if done.returncode != wanted:
            raise Differs(f"line {typed.line}: `{typed.text}` ended with {done.returncode}\n{came}")
        self._compare(typed, came)

    def _start(self, typed: Typed) -> None:
        output = self._own / f"started-{len(self._started)}"
        with output.open("wb") as stream:
            started = subprocess.Popen(
                ["bash", "-c", self._script(typed.text.rstrip().removesuffix("&"))],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append((started, output))
        until = time.monotonic() + DEADLINE_S
        while (why := differs((*typed.shown, ANY), output.read_text(errors="replace"))) is not None:
            if started.poll() is not None or time.monotonic() > until:
                raise Differs(f"line {typed.line}: `{typed.text}`\n{why}")
            time.sleep(0.05)

    def _run_python(self, typed: Typed) -> None:
        with contextlib.chdir(self.folder):
            exec(compile("\n" * typed.line + self._with_free_ports(typed.text), str(typed.line), "exec"), self._names)

    def _compare(self, typed: Typed, came: str) -> None:
        if typed.shown and (why := differs(typed.shown, came)) is not None:
            raise Differs(f"line {typed.line}: `{typed.text}`\n{why}")

    def close(self) -> None:
        """Stop what was started."""
        for started, _ in reversed(self._started):
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(started.pid, number)
                try:
                    started.wait(10)
                except subprocess.TimeoutExpired:
                    continue
                break
        shutil.rmtree(self._own, ignore_errors=True)


def run_pages(pages: Sequence[Page], folder: Path) -> set[str]:
    """Run pages in an empty folder, each in a shell of its own while what those before it have started goes on; the files
    that lie in the project's folder then. Raises Differs at the first difference."""
    project, ports = folder / "kuty" if pages[0].clones else copy_of_project(folder), dict[str, str]()
    with contextlib.ExitStack() as running:
        for page in pages:
            shell = Shell(folder if page.clones else project, ports)
            running.callback(shell.close)
            for typed in page.typed:
                try:
                    shell.run(typed)
                except Exception as error:
                    error.add_note(f"{page.path.name}, line {typed.line}")
                    raise
        inside = (path.relative_to(project) for path in project.rglob("*") if path.is_file())
        return {path.as_posix() for path in inside if path.parts[0] != ".venv"}


def free_port() -> str:
    """A port that nobody uses just now."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return str(asked.getsockname()[1])
