"""What a page gives to be typed can be typed: in which Python, line by line, without a file that somebody might commit, with
the options that are tried, and in the time that it may take."""

from __future__ import annotations

import ast
import codeop
import re
import sys
from pathlib import Path

import pytest
from architecture import imported
from clients import generated, tools
from prose import AGENCIES, FIRST_CLIENT, PROSE, ROOT, code_of, not_ignored


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_the_steps_of_a_page_write_into_the_folder_is_ignored(path: Path) -> None:
    # A folder is ignored with what is in it.
    written = files_written(path.read_text(encoding="utf-8"))
    assert {name for name in written if not_ignored({name}) and not_ignored({f"{name}/file"})} == set()


def files_written(text: str) -> set[str]:
    """Paths that the commands of a page write to and do not remove, wherever they stand."""
    typed = re.sub(r"^\s*> ", "", "\n".join(code_of(text, "console", "sh", "bash", "text", "")), flags=re.MULTILINE)
    into = r"(?<![->])>{1,2} ?|--(?:(?:keys-)?to|into|out|output|given-up) |(?<= )-o |\btee |backup key "
    return set(re.findall(rf"(?:{into})(\w[\w./-]*)", typed)) - set(re.findall(r"\brm ([\w./-]+)", typed))


def test_what_a_command_writes_is_seen_wherever_it_stands() -> None:
    """Behind a block of another language, in a table, in a sentence, and in the ways that there are to say it."""
    page = """
```python
print(1 > two)
```
goes on `make -o in-sentence --from a`

```sh
$ a > shell; b >> more \\
>   | tee further --keys-to apart
$ c > gone; rm gone
```
| `d --out table/file` | `kuty.<name>.v1` |
```
e --output plain
```
"""
    seen = {"in-sentence", "shell", "more", "further", "apart", "table/file", "plain"}
    assert files_written(page) == seen


OF_PYTHON = [path for path in PROSE if any(code_of(path.read_text(encoding="utf-8"), "python"))]
ROOMS = {"domain", "projections", "consumers", "api", "deploy"}


@pytest.mark.parametrize("path", OF_PYTHON, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_page_says_in_which_python_it_is_typed_and_what_that_needs_beside_the_standard_library(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    said = text[: text.index("```python")]
    assert "`.venv/bin/python`" in said
    trees = [ast.parse(block) for block in code_of(text, "python")]
    modules = {name.split(".")[0] for tree in trees for name in imported(tree)} - set(sys.stdlib_module_names) - ROOMS
    assert {name for name in modules if f"`{name}" not in said} == set()


@pytest.mark.parametrize("path", OF_PYTHON, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_python_of_a_page_is_taken_line_by_line(path: Path) -> None:
    """As it is pasted into a session: there an empty line, and nothing else, ends what is indented."""
    for block in code_of(path.read_text(encoding="utf-8"), "python"):
        begun = list[str]()
        for line in block.splitlines():
            begun.append(line)
            if codeop.compile_command("\n".join(begun), path.name, "single") is not None:
                begun.clear()


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_who_is_to_type_python_is_told_which(path: Path) -> None:
    """`python3` for what needs nothing of ours, `.venv/bin/python` for all else: a machine need not have any `python`."""
    assert re.findall(r"(?<![\w/])python \S+\.py\b", path.read_text(encoding="utf-8")) == []


def test_every_client_is_generated_by_the_words_that_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By `make contracts`: no option more, none less, and none on the page that is never tried."""
    came = list[str]()

    def refuse(command: list[str], **_: str) -> str:
        words = [*map(str, command)]
        options = words.index("-g")
        assert words[words.index("generate") : options - 1] == ["generate", "-i", "document", "-o"]
        came.append(" ".join(words[options:]))
        raise tools.Failed

    monkeypatch.setattr(tools, "ran", refuse)
    for generate in generated.CLIENTS.values():
        with pytest.raises(tools.Failed):
            generate(tools.Tools(tmp_path, Path("generator.jar")), Path("document"), Path("folder"), [])
    shown = [one for one in code_of(generated.PAGE.read_text(encoding="utf-8"), "") if one.startswith("-g ")]
    assert sorted(came) == sorted(shown)


WORDS_READ, CHARACTERS_TYPED = 238, 260
"""A minute: silent reading of plain English (Brysbaert 2019), typing by hand at 52 words (Dhakal and others 2018)."""


@pytest.mark.parametrize("agency", AGENCIES)
def test_a_first_client_and_a_first_fact_take_less_than_ten_minutes_of_reading_and_typing(agency: str) -> None:
    begin, *parts = FIRST_CLIENT.read_text(encoding="utf-8").split("\n## ")
    own = [part for part in parts if part.startswith(f"{agency}\n")]
    others = [part for part in parts if part not in own and not part.startswith(AGENCIES)]
    wanted = [begin, *own]
    assert (len(wanted), [part for part in others if "```" in part]) == (2, [])
    read, typed = 0, 0
    for part in wanted:
        for number, block in enumerate(re.split(r"^```(?:python|console)?$", part, flags=re.MULTILINE)):
            lines = [line for line in block.splitlines() if number % 2 and (line.startswith("$ ") or "$ " not in block)]
            typed += sum(len(line.removeprefix("$ ").strip()) + 1 for line in lines if line)
            read += 0 if lines and "$ " not in block else len(block.split())
    minutes = read / WORDS_READ + typed / CHARACTERS_TYPED
    print(f"{agency}: {minutes:.1f} minutes")
    assert minutes < 10
