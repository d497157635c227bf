"""Every command keeps the house's manners."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click_type_test import check_param_annotations

import opskit.cli
from opskit.cli import options
from opskit.cli.app import SECTIONS, app

if TYPE_CHECKING:
    from tests.support.cli import Opskit

FRAME = {
    "app",
    "bisecting",
    "blaming",
    "boundary",
    "choice",
    "complete",
    "crash",
    "doing",
    "exits",
    "folding",
    "freezing",
    "grading",
    "hiding",
    "hunting",
    "lazy",
    "maintaining",
    "opening",
    "options",
    "picking",
    "render",
    "resuming",
    "retrying",
    "session",
    "sharing",
    "stopping",
    "sudo",
    "trying",
    "upstreams",
    "vouching",
    "waiting",
    "web",
    "wiring",
    "wishes",
}
SHARED = (
    options.environment,
    options.hosts,
    options.required_hosts,
    options.why,
    options.dry_run,
    options.yes,
    options.as_json,
)
COMMANDS = sorted(
    (f"{group} {name}".strip(), command)
    for group, commands in {
        "": app.commands,
        **{n: c.commands for n, c in app.commands.items() if isinstance(c, click.Group)},
    }.items()
    for name, command in commands.items()
)
LONGEST_BODY = 15
OF_A_ROLLOUT = {"resume"}  # its environment and its hosts are those of the rollout
OF_A_RUNBOOK = {"runbook", "runbook run", "runbook undo"}
"""Its page names the hosts, and a person answers each question."""
OPTIONAL_VALUE = {("changelog verify", "hosts")}  # the same selector, and all hosts without one
TASKS = Path(__file__).parents[2] / "tasks.py"
CONFIG = '[environments.production]\nhosts = ["web01"]\n'

each_command = pytest.mark.parametrize(
    ("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS]
)


def shared_options() -> list[click.Parameter]:
    """Give the options that `options` offers."""
    found: list[click.Parameter] = []
    for option in SHARED:

        @option
        @click.command()
        def one() -> None: ...

        found += one.params
    return found


def leaves(command: click.Command) -> list[click.Command]:
    """Give the command, or what stands below it: `run` has one command for each task."""
    if not isinstance(command, click.Group):
        return [command]
    context = click.Context(command)
    found = [command.get_command(context, name) for name in command.list_commands(context)]
    return [one for one in found if one]


def test_the_commands_are_those_of_the_sections() -> None:
    listed = [name for names in SECTIONS.values() for name in names]
    assert listed == list(app.commands)
    assert len(set(listed)) == len(listed)


def test_a_command_is_called_what_it_is_found_by() -> None:
    assert all(command.name == name.split()[-1] for name, command in COMMANDS)


def test_every_command_has_a_module_of_its_name_and_every_module_a_command() -> None:
    modules = {module.name for module in pkgutil.iter_modules(opskit.cli.__path__)}
    commands = {module.removesuffix("_") for module in modules - FRAME}
    assert commands == set(app.commands)


@each_command
def test_a_commands_help_is_one_line_that_ends_with_a_full_stop(
    name: str, command: click.Command
) -> None:
    line = command.get_short_help_str(limit=62)
    assert line.endswith(".")
    assert not line.endswith("..."), "too long for one line of `opskit --help`"
    assert line == (command.help or "").partition("\n")[0]


@each_command
def test_every_option_has_help_that_ends_with_a_full_stop(
    name: str, command: click.Command
) -> None:
    for param in command.params:
        if isinstance(param, click.Option):
            assert (param.help or "").endswith("."), param.opts


@each_command
def test_a_commands_signature_matches_its_options(name: str, command: click.Command) -> None:
    unread = {str(p.name): tuple[str, ...] for p in command.params if p.type is click.UNPROCESSED}
    check_param_annotations(command, overrides=unread)


@each_command
def test_an_option_means_the_same_everywhere(name: str, command: click.Command) -> None:
    shared = [(param.opts, getattr(param, "help", "")) for param in shared_options()]
    flags = {flag for opts, _ in shared for flag in opts}
    for param in command.params:
        if flags & set(param.opts) and (name, param.name) not in OPTIONAL_VALUE:
            assert (param.opts, getattr(param, "help", "")) in shared


@each_command
def test_every_command_that_changes_hosts_has_the_options_of_a_change(
    name: str, command: click.Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "opskit.toml").write_text(CONFIG)
    shutil.copy(TASKS, tmp_path)
    monkeypatch.chdir(tmp_path)
    for one in leaves(command):
        flags = {flag for param in one.params for flag in param.opts}
        if "--dry-run" in flags and name not in OF_A_RUNBOOK:
            assert {"-m", "-n", "-y", "--json", "--offline"} <= flags
            assert name in OF_A_ROLLOUT or {"-e", "-H"} <= flags


@each_command
def test_every_command_can_speak_json(
    name: str, command: click.Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "opskit.toml").write_text(CONFIG)
    shutil.copy(TASKS, tmp_path)
    monkeypatch.chdir(tmp_path)
    for one in leaves(command):
        assert any("--json" in param.opts for param in one.params)


@each_command
def test_a_commands_body_is_short(name: str, command: click.Command) -> None:
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(command.callback)))  # type: ignore[arg-type]
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    body = function.body[1:] if ast.get_docstring(function) else function.body
    lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0  # type: ignore[operator]
    assert lines <= LONGEST_BODY


@each_command
def test_every_command_explains_itself(name: str, command: click.Command, opskit: Opskit) -> None:
    long, short = opskit(*name.split(), "--help"), opskit(*name.split(), "-h")
    assert long.stdout.startswith(f"Usage: opskit {name} ")
    assert short.stdout == long.stdout


def test_help_lists_every_command_in_its_section(opskit: Opskit) -> None:
    said = opskit("--help").stdout
    for title, names in SECTIONS.items():
        block = said.partition(f"\n{title}:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in block.splitlines()] == list(names)


def test_the_version_is_that_of_the_package(opskit: Opskit) -> None:
    assert opskit("--version").stdout == "opskit 0.1.0\n"
