"""The parts of README.md that are made from the code: each stands between two markers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opskit import errors
from opskit.blame.report import DEFINITIONS
from opskit.cli.app import app
from opskit.cli.exits import EXITS
from opskit.errors import OpskitError
from tests.docs import runbooks

if TYPE_CHECKING:
    from collections.abc import Iterable

README = Path(__file__).parents[2] / "README.md"


def commands() -> str:
    """Give the table of commands with their arguments, in the order of `opskit --help`."""
    rows = [
        (f"`{_call(command, path)}`", command.get_short_help_str(200))
        for path, command in _all_commands()
    ]
    return table(("command", "what it does"), rows)


def options() -> str:
    """Give the table of the options that more than one command has."""
    found: dict[tuple[str, str], list[str]] = {}
    for path, command in _all_commands():
        for option in (p for p in command.params if isinstance(p, click.Option)):
            found.setdefault((_flags(option), option.help or ""), []).append(path)
    rows = [(f"`{flags}`", text) for (flags, text), names in found.items() if len(names) > 1]
    return table(("option", "what it means"), rows)


def exit_codes() -> str:
    """Give the table of exit codes, with the kinds of errors that end with each."""
    rows = [
        (str(code), exit_.status, exit_.meaning, ", ".join(f"`{kind}`" for kind in _kinds(code)))
        for code, exit_ in EXITS.items()
    ]
    return table(("code", "status", "what it means", "error kinds"), rows)


def front_matter() -> str:
    """Give the table of a runbook's front matter."""
    return table(("in front matter", "what it says"), runbooks.front_matter())


def words() -> str:
    """Give the table of the words that begin a paragraph of a runbook."""
    return table(("paragraph", "what it asks"), runbooks.words())


def comments() -> str:
    """Give the table of what the comment before a command of a runbook may say."""
    return table(("in the comment", "what it means"), runbooks.comments())


def figures() -> str:
    """Give the table of what the figures of `opskit report` mean."""
    return table(("figure", "what it is made of"), DEFINITIONS.items())


BLOCKS = {
    "commands": commands,
    "options": options,
    "exit codes": exit_codes,
    "figures": figures,
    "runbook front matter": front_matter,
    "runbook words": words,
    "runbook comments": comments,
}


def renewed(text: str) -> str:
    """Give the README's text with every block as the code has it now."""
    for name, block in BLOCKS.items():
        begin, end = f"<!-- made from the code: {name} -->", f"<!-- end: {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        whole = f"{begin}\n{block()}\n{end}"
        text, count = pattern.subn(lambda _, whole=whole: whole, text)
        assert count == 1, f"README.md must have the block {name!r} once"
    return text


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Give a Markdown table."""
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def _all_commands() -> Iterable[tuple[str, click.Command]]:
    """Give every command with what is typed for it; of a group with commands of its own, those."""
    for command in app.commands.values():
        inner = command.commands if isinstance(command, click.Group) else {}
        if not inner:
            yield f"opskit {command.name}", command
        for name, one in inner.items():
            yield f"opskit {command.name} {name}", one


def _call(command: click.Command, path: str) -> str:
    context = click.Context(command)
    options = [p for p in command.params if isinstance(p, click.Option) and p.required]
    words = [f"{option.opts[0]} {option.make_metavar(context)}" for option in options]
    words += [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
    if isinstance(command, click.Group):
        words.append(command.subcommand_metavar)
    return " ".join([path, *words])


def _flags(option: click.Option) -> str:
    metavar = (
        "" if option.is_flag else f" {option.make_metavar(click.Context(click.Command('x')))}"
    )
    return ", ".join(sorted(option.opts, key=len)) + metavar


def _kinds(code: int) -> list[str]:
    classes = [cls for cls in vars(errors).values() if isinstance(cls, type)]
    return [cls.kind for cls in classes if issubclass(cls, OpskitError) and cls.exit_code == code]
