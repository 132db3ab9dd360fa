"""`codes.md`, `settings.md` and `cli.md`: code lists with their labels and dates, settings, the command line."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

from deploy.describe.pages import anchor, link, page, table, words
from deploy.settings import described, described_parts
from domain.code_lists import LANGUAGES, Code, CodeList, code_list, code_list_names

CODES_LEAD = """Every code list. A code is used of a fact whose own date lies between *from* and *until*, both included;
history keeps its codes for ever. *Instead* names the code that took over."""
SETTINGS_LEAD = """Every setting of a process, read from its environment when it starts."""
PARTS_LEAD = """Where tests, `kuty up`, `kuty bench` and `kuty scenario --kafka` find the servers that they start:"""
CLI_LEAD = """Everything that the command `kuty` does, as `--help` says it."""
HELP_WIDTH = 100


def code_page() -> str:
    """The whole page of code lists."""
    lists = [code_list(name) for name in code_list_names()]
    contents = table(
        ["list", "what it names", "codes"],
        [(link(f"`{each.name}`", "", anchor(each.name)), each.title["en"], str(len(each.codes))) for each in lists],
    )
    return page("Code lists", CODES_LEAD, contents, *(part for each in lists for part in _list(each)))


def _list(listed: CodeList) -> Iterator[str]:
    yield f"## {listed.name}"
    yield f"{' · '.join(listed.title[language] for language in LANGUAGES)}. Source: {listed.source}."
    rows = [(f"`{each.code}`", *_labels(each), *_days(each), words(filter(None, [each.successor]))) for each in listed]
    yield table(["code", *LANGUAGES, "from", "until", "instead"], rows)


def _labels(code: Code) -> list[str]:
    """The label in each language; a later one stands after its first day."""
    return [
        "; ".join([code.texts[language], *(f"{later.from_on}: {later.texts[language]}" for later in code.later_labels)])
        for language in LANGUAGES
    ]


def _days(code: Code) -> tuple[str, str]:
    return (code.valid_from.isoformat() if code.valid_from else "", code.valid_to.isoformat() if code.valid_to else "")


def settings_page() -> str:
    """The whole page of settings."""
    return page("Settings", SETTINGS_LEAD, _variables(described()), PARTS_LEAD, _variables(described_parts()))


def _variables(listed: Iterable[tuple[str, str, str]]) -> str:
    rows = [(f"`{variable}`", f"`{default}`" if default else "empty", meaning) for variable, default, meaning in listed]
    return table(["variable", "default", "meaning"], rows)


def cli_page() -> str:
    """The whole page of the command line."""
    from deploy.cli import parser  # the command line describes with this module

    return page("The command line", CLI_LEAD, *(part for name, each in commands(parser()) for part in _command(name, each)))


def commands(root: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command with its parser, the root first, in the order in which they were added."""
    yield root.prog, root
    for action in root._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from commands(each)


def help_of(parser: argparse.ArgumentParser) -> str:
    """What `--help` says, in lines of one width whatever the terminal."""
    shape = parser.formatter_class
    if not (isinstance(shape, type) and issubclass(shape, argparse.HelpFormatter)):
        raise TypeError(f"{parser.prog} writes its help in a way of its own")
    formatter = shape(parser.prog, width=HELP_WIDTH)
    formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups)
    formatter.add_text(parser.description)
    for group in parser._action_groups:
        formatter.start_section(group.title)
        formatter.add_text(group.description)
        formatter.add_arguments(group._group_actions)
        formatter.end_section()
    formatter.add_text(parser.epilog)
    return formatter.format_help().rstrip()


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"## {name}"
    yield f"```text\n{help_of(parser)}\n```"
