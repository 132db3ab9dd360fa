"""How `--help` is written."""

from __future__ import annotations

import argparse


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Names the defaults that there are: of a word that has to be given, or of a switch, there is none to speak of."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        spoken_of = not action.required and action.default not in (None, False)
        return super()._get_help_string(action) if spoken_of else action.help
