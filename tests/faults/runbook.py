"""The commands of a runbook, run as they stand on the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from deploy.settings import Settings

ROOT = Path(__file__).parents[2]
DEADLINE_S = 600.0


def commands_of(page: str, heading: str) -> str:
    """The lines of the one block below a heading."""
    text = (ROOT / "docs/runbooks" / page).read_text(encoding="utf-8")
    [section] = [part for part in re.split(r"^## ", text, flags=re.M) if part.startswith(f"{heading}\n")]
    [block] = re.findall(r"^```sh\n(.*?)^```$", section, flags=re.M | re.S)
    return str(block)


def begun(page: str, heading: str, settings: Settings, folder: Path, backup: str = "") -> subprocess.Popen[str]:
    """The commands, started in a folder with these settings; `backup` is what the page calls `BACKUP`, and what it keeps
    stands in the folder."""
    tools = folder / ".bin"
    tools.mkdir(exist_ok=True)
    (tools / "kuty").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m deploy.cli "$@"\n')
    (tools / "kuty").chmod(0o755)
    environment = {
        **os.environ, **settings.environment(), "BACKUP": backup, "PYTHONPATH": str(ROOT),
        "BACKUPS": str(folder / "backups"), "KEYS_APART": str(folder / "keys-apart"),
        "GIVEN_UP": str(folder / "given-up.jsonl"),
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    return subprocess.Popen(
        ["sh", "-e", "-c", commands_of(page, heading)], cwd=folder, env=environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """The exit code, what was said, and what was said to be wrong."""
    said, wrong = process.communicate(timeout=DEADLINE_S)
    return process.returncode, said, wrong
