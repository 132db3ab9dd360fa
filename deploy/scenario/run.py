"""`kuty scenario FILE…`: runs files, each in a fresh simulated ledger of its own."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

from deploy.scenario.given import NotGiven
from deploy.scenario.lines import MistakesInFile
from deploy.scenario.printing import Printing
from deploy.scenario.reader import read_scenario
from deploy.scenario.results import Result
from deploy.scenario.runner import Runner
from deploy.scenario.story import Story
from deploy.scenario.world import OpenWorld

NAME_LENGTH = 24


def run_files(
    paths: Iterable[Path],
    open_world: OpenWorld,
    out: Callable[[str], None],
    wrong: Callable[[str], None] | None = None,
    *,
    brief: bool = False,
) -> bool:
    """Run the files one after the other; whether everything came as it was expected. Mistakes in a file go to `wrong` with
    line and reason (to `out` unless given), and nothing of any file is run then."""
    wrong = wrong or out
    stories: list[Story] = []
    mistakes = 0
    for path in paths:
        try:
            stories.append(read_scenario(path))
        except MistakesInFile as found:
            mistakes += len(found.mistakes)
            for mistake in found.mistakes:
                wrong(str(mistake))
    if mistakes:
        wrong(f"nothing was run: {mistakes} mistake{'s' if mistakes > 1 else ''} in what was to be run")
        return False
    well = 0
    for story in stories:
        try:
            well += run_story(story, open_world, out, brief=brief).ok
        except NotGiven as refused:
            wrong(f"{story.file}: what is given was refused: {refused}")
    out(f"{well} of {len(stories)} as expected")
    return well == len(stories)


def run_story(story: Story, open_world: OpenWorld, out: Callable[[str], None], *, brief: bool = False) -> Result:
    """Run one history in a fresh ledger named after its file. Raises NotGiven."""
    stem = re.sub(r"[^a-z0-9]+", "-", Path(story.file).stem.lower()).strip("-")[:NAME_LENGTH]
    with open_world(f"{stem}-{uuid.uuid4().hex[:6]}") as world:
        return Runner(story, world, Printing(out, brief=brief)).run()
