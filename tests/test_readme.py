"""The README is true: its tables are made from the code, and what it names exists."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from opskit.cli.app import app
from tests.docs.readme import README, renewed

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = README.parent
TEXT = README.read_text(encoding="utf-8")
PAGES = [
    README,
    *sorted((ROOT / "opskit").rglob("*.md")),
    *sorted((ROOT / "runbooks").rglob("*.md")),
]
CODE = re.compile(r"^```\w*\n(?P<block>.*?)^```|`(?P<span>[^`\n]+)`", re.MULTILINE | re.DOTALL)


def code_lines(text: str) -> list[str]:
    """Give every line of code of a page, in blocks and in sentences."""
    found = [match["block"] or match["span"] for match in CODE.finditer(text)]
    return [line.strip().removeprefix("$ ") for code in found for line in code.splitlines()]


def calls(page: Path) -> list[list[str]]:
    """Give the words of every call of opskit on a page."""
    lines = code_lines(page.read_text(encoding="utf-8"))
    commands = itertools.chain.from_iterable(map(commands_of, lines))
    return [words[1:] for words in commands if Path(words[0]).name == "opskit" and words[1:]]


def commands_of(line: str) -> Iterator[list[str]]:
    """Give the words of each command of a shell line; none of a line that is not one."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    try:
        for operator, group in itertools.groupby(
            words, lambda word: word in ("&&", "||", ";", "|")
        ):
            if not operator:
                yield list(group)
    except ValueError:
        return


ALL_CALLS = {
    f"{page.relative_to(ROOT)}: {' '.join(call)}": call for page in PAGES for call in calls(page)
}


def test_the_tables_are_those_of_the_code() -> None:
    assert renewed(TEXT) == TEXT, "run: python -m tests.docs"


@pytest.mark.parametrize("call", ALL_CALLS.values(), ids=ALL_CALLS)
def test_every_call_names_a_command_and_options_that_exist(call: list[str]) -> None:
    if call[0].startswith("-") or call == ["COMMAND", "--help"]:
        assert call[-1] in {"--help", "--version", "-h"}
        return
    command = app.commands.get(call[0])
    assert command is not None, f"no such command: {call[0]}"
    inner = command.commands if isinstance(command, click.Group) else {}
    if inner and len(call) > 1 and not call[1].startswith("-"):
        assert call[1] in inner, f"no such command: {' '.join(call[:2])}"
        command = inner[call[1]]
    flags = {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)}
    ours = call[1 : call.index("--")] if "--" in call else call[1:]
    used = {word.partition("=")[0] for word in ours if re.match(r"--?[a-zA-Z]", word)}
    assert used <= flags | {"--help", "-h"} or call[0] == "run"


def test_every_command_is_in_the_readme() -> None:
    assert set(app.commands) <= {call[0] for call in calls(README)}


def test_every_link_to_a_file_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", TEXT)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_two_commands_set_everything_up() -> None:
    part = TEXT.partition("\n## Try it\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("python3 -m venv ")]
    assert len(lines) == 2
    assert lines[0].endswith("opskit demo")
    assert "pytest" in lines[1]


def test_ci_runs_the_readmes_own_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    pattern = re.search(r"grep -E '(?P<pattern>[^']+)' README\.md", script)
    assert pattern is not None
    ran = subprocess.run(
        ["grep", "-E", pattern["pattern"], str(README)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines() == [
        line for line in TEXT.splitlines() if "pytest" in line and line.startswith("python3")
    ]
