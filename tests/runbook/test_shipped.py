"""The runbooks that come with opskit say nothing that is not so, in the fleet that `opskit init` writes."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from opskit.cli.app import app
from opskit.cli.init import FILES, content, filled
from opskit.config import load
from opskit.fleet import load_inventory
from opskit.fleet.tasks import list_tasks
from opskit.runbook import parse
from opskit.runbook.lint import lint

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "runbooks").glob("*.md"))
COMMANDS = [
    f"{name} {inner}".strip()
    for name, command in app.commands.items()
    for inner in (command.commands if isinstance(command, click.Group) else [""])
]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_a_shipped_runbook_is_clean(tmp_path, file):
    (tmp_path / "opskit.toml").write_text(filled(content("opskit.toml"), tmp_path))
    config = load(tmp_path / "opskit.toml")
    problems = lint(
        parse.read(file), config, inventory=load_inventory(config, None),
        tasks=list_tasks(ROOT / "tasks.py"), commands=COMMANDS,
    )  # fmt: skip
    assert [str(problem) for problem in problems] == []


def test_pages_that_the_readme_shows_are_clean():
    text = (ROOT / "README.md").read_text("utf-8")
    shown = re.findall(
        r"^(`{3,}|~{3,})\w+\n(---\nopskit: 1\n.*?)^\1$", text, re.MULTILINE | re.DOTALL
    )
    for _, page in shown:
        assert [str(problem) for problem in parse.parse(page, ROOT / "README.md").problems] == []


def test_each_shipped_runbook_has_an_id_of_its_own():
    ids = [runbook.id for file in SHIPPED if (runbook := parse.read(file).runbook)]
    assert ids == [file.stem for file in SHIPPED]


def test_what_init_writes_is_one_of_them():
    assert [name for name in FILES if name.endswith(".md")] == ["runbooks/who-broke-it.md"]
