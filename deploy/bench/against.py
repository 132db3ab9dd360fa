"""Another checkout of the project, measured in the same run by its own `kuty bench`: what "faster than before" means."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from deploy.bench.figures import Figures, Raw

COMPARED = {"http_against_ratio": ("http_workers_commands_per_s", "http_commands_per_s"),
            "replay_against_ratio": ("replay_events_per_s", "replay_events_per_s")}  # fmt: skip
"""By ratio, our figure and the other checkout's."""


class NotMeasured(Exception):
    """The other checkout did not give its figure; the message says what it said."""


def compare(figures: Figures, folder: Path, quick: bool) -> None:
    """Add the ratios of what was measured to the same in the checkout in a folder. Raises NotMeasured."""
    for ratio, (ours, theirs) in COMPARED.items():
        if ours in figures.values:
            before = figure_of(folder.resolve(), theirs, quick)
            raw: Raw = {theirs: before, "folder": str(folder)}
            figures.keep({ratio: figures.values[ours] / before}, f"against_{theirs}", raw)


def figure_of(folder: Path, key: str, quick: bool) -> float:
    """One figure of the checkout in a folder, on servers of its own, with this Python and its packages. Raises
    NotMeasured."""
    if not (folder / "deploy" / "cli.py").is_file():
        raise NotMeasured(f"{folder} is no checkout of the project: there is no deploy/cli.py in it")
    out = folder / "build" / f"against-{key}.json"
    out.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "bench", "--only", key, "--out", str(out), *(["--quick"] if quick else [])],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    try:
        return float(json.loads(out.read_text())[key])
    except (OSError, ValueError, KeyError):
        said = (done.stderr or done.stdout).strip().splitlines()
        raise NotMeasured(f"{folder} gave no {key}: {said[-1] if said else 'it said nothing'}") from None
