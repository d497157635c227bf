"""Each line of opskit in a shipped runbook is one that opskit takes, and steps can be followed by hand, too."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click
import pytest

from opskit.cli.app import app
from opskit.runbook import parse
from opskit.runbook.model import LOCAL, OPSKIT, SH
from tests.support.cli import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.runbook.model import Runbook

SHIPPED = sorted((REPOSITORY / "runbooks").glob("*.md"))
CALL = re.compile(r"(?:^|\(|&& |if )opskit ([a-z][^|&;)>\n]*)", re.MULTILINE)


def books() -> Iterator[Runbook]:
    for file in SHIPPED:
        page = parse.read(file)
        assert page.runbook is not None, page.problems
        yield page.runbook


def calls() -> Iterator[tuple[str, tuple[str, ...]]]:
    for book in books():
        for action in (action for step in book.steps for action in step.actions):
            if action.on == LOCAL and action.language in (SH, OPSKIT):
                yield from ((book.id, tuple(shlex.split(line))) for line in CALL.findall(action.text))  # fmt: skip


@pytest.mark.parametrize(("page", "words"), sorted(set(calls())), ids=str)
def test_opskit_takes_each_command_with_its_options(page: str, words: tuple[str, ...]) -> None:
    name, *rest = words
    command = app.commands[name]
    if isinstance(command, click.Group):
        name, *rest = rest
        command = command.commands[name]
    with command.make_context(name, rest):
        pass


def test_a_change_that_a_page_makes_asks_nothing_of_somebody_who_is_not_there() -> None:
    asking = ("rollback", "restart", "reboot", "replace", "lb", "resume", "deploy")
    for page, words in calls():
        if words[0] in asking and {"-m", "--drain", "--restore"} & {*words}:
            assert {"--yes", "--dry-run"} & {*words}, (page, words)


def test_what_a_page_changes_it_names_as_a_change() -> None:
    changing = ("rollback", "restart", "reboot", "replace", "deploy")
    for book in books():
        for action in (action for step in book.steps for action in step.actions):
            words = action.text.split()
            if words[0] == "opskit" and words[1] in changing and "--dry-run" not in words:
                assert action.mutates, (book.id, words)


def test_each_page_of_ours_names_one_person_to_call_and_when_to_stop() -> None:
    for book in books():
        if book.id.startswith("changelog-"):
            continue
        intro = "\n".join(prose.text for prose in book.intro)
        assert "**When to stop:**" in intro, book.id
        assert any(action.capture == "owner" for step in book.steps for action in step.actions)
