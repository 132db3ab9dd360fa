"""`kuty status`: how a ledger is, on one screen."""

from __future__ import annotations

import argparse
import os
import sys

from deploy.commands.printed import as_json
from deploy.settings import Settings
from deploy.watching.report import as_json as in_full
from deploy.watching.report import report_of
from deploy.watching.screen import lines_of


def status(arguments: argparse.Namespace, settings: Settings) -> int:
    """Look at everything, and say it. The exit code is 0 when all is well."""
    report = report_of(settings)
    if arguments.json:
        print(as_json(in_full(report)))
    else:
        coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print("\n".join(lines_of(report, coloured=coloured)))
    return 0 if report.well else 1
