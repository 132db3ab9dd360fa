"""`kuty scenario`, `kuty demo`, `kuty describe`, `kuty bench`, `kuty settings`."""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from deploy.commands.printed import failed, said
from deploy.commands.serving import fill
from deploy.describe import UnknownKind, describe
from deploy.describe.compatibility import BreakingChange
from deploy.scenario.run import run_files
from deploy.settings import Settings, described, described_parts
from deploy.world import embedded_worlds, worlds_on


def scenario(arguments: argparse.Namespace, settings: Settings) -> int:
    """Run scenario files."""
    with ExitStack() as stack:
        worlds = embedded_worlds()
        if arguments.kafka:
            from deploy.local.parts import choose_parts  # brings along what only starting servers needs

            parts = choose_parts()
            print(parts.described)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kuty-parts-")))
            folder.chmod(0o711)
            postgres = stack.enter_context(parts.postgres(folder / "postgres"))
            kafka = stack.enter_context(parts.kafka(folder / "kafka"))
            worlds = worlds_on(kafka.bootstrap, postgres.fresh_database)
        return 0 if run_files(arguments.file, worlds, print, said, brief=arguments.brief) else 1


def demo(arguments: argparse.Namespace, settings: Settings) -> int:
    """Fill the ledger with synthetic clients."""
    fill(settings, arguments.clients, arguments.seed)
    print(f"kuty serve shows them at http://{settings.host}:{settings.port}/")
    return 0


def references(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write the generated references."""
    try:
        for path in describe(arguments.kind, arguments.folder):
            print(path)
    except (UnknownKind, BreakingChange) as error:
        return failed(str(error))
    return 0


def bench(arguments: argparse.Namespace, settings: Settings) -> int:
    """Measure, and say what is missed."""
    from deploy.bench.against import NotMeasured  # nothing else needs what they bring along
    from deploy.bench.run import UnknownFigure, main

    try:
        return main(arguments)
    except (UnknownFigure, NotMeasured) as error:
        return failed(str(error))


def settings_listed(arguments: argparse.Namespace, settings: Settings) -> int:
    """Every setting with its default and its meaning."""
    for variable, default, meaning in described():
        print(f"{variable} (default {default or 'empty'})\n    {meaning}")
    print("\nWhere `kuty up`, `kuty bench` and `kuty scenario --kafka` find the servers that they start:\n")
    for variable, default, meaning in described_parts():
        print(f"{variable} (default {default or 'empty'})\n    {meaning}")
    return 0
