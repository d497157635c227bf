"""Each line of opskit in a shipped runbook is one that opskit takes, and steps can be followed by hand, too."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

import click
import pytest

from opskit.cli.app import app
from opskit.runbook import parse
from opskit.runbook.model import LOCAL, OPSKIT, SH, Action, Ask
from tests.rollout.trees import BUSYBOX, busybox_tools
from tests.support.cli import REPOSITORY
from tests.support.missing import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.runbook.model import Runbook

SHIPPED = sorted((REPOSITORY / "runbooks").glob("*.md"))
CALL = re.compile(r"(?:^|\(|&& |if |else )opskit ([a-z][^|&;)>\n]*)", re.MULTILINE)


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


def test_by_hand_every_value_is_set_by_the_first_lines_or_by_what_is_asked() -> None:
    for book in books():
        first = "".join(prose.text for prose in book.intro)
        set_there = set(re.findall(r"^([a-z]+)=|(?<= )([a-z]+)=", first, re.MULTILINE))
        known = {name for pair in set_there for name in pair if name}
        parts = [part for step in book.steps for part in step.parts]
        known |= {p.name for p in parts if isinstance(p, Ask)}
        known |= {p.capture for p in parts if isinstance(p, Action)}
        for action in (p for p in parts if isinstance(p, Action) and p.language in (SH, OPSKIT)):
            used = set(re.findall(r"\$([a-z]{2,})", action.text)) - set(
                re.findall(r"([a-z]+)=", action.text)
            )
            assert used <= known, (book.id, action.text)


def scripts() -> Iterator[tuple[str, str]]:
    """Give each script that looks at a host, with the page that it stands in."""
    for book in books():
        for action in (action for step in book.steps for action in step.actions):
            if action.on != LOCAL and not action.mutates:
                yield f"{book.id}:{action.line}", action.text


@pytest.mark.parametrize("shell", ["dash", "busybox alone"])
@pytest.mark.parametrize(
    ("where", "script"), list(scripts()), ids=lambda it: it.split("\n")[0][:40]
)
def test_what_looks_at_a_host_does_so_with_the_tools_of_any_host(
    tmp_path: Path, shell: str, where: str, script: str
) -> None:
    argv = ["/bin/sh", "-c", script]
    env = {"PATH": os.environ["PATH"], "path": str(tmp_path), "limit": "99", "pid": str(os.getpid()), "unit": "no.service"}  # fmt: skip
    if shell != "dash":
        if BUSYBOX is None:
            missing("busybox")
        argv = [BUSYBOX, "sh", "-c", script]
        env["PATH"] = str(busybox_tools(tmp_path / "tools"))
    ran = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, (where, ran.stdout + ran.stderr)
    assert "not found" not in ran.stderr
    assert "invalid option" not in ran.stderr


@pytest.mark.parametrize(
    ("name", "emptied"),
    [
        ("log/shop.log", True),
        ("log/shop's $(touch owned) log.log", True),
        ("logs/access", True),
        ("shop.log.1", True),
        ("shop.conf", False),
        ("pg_wal/log/1.log", False),
        ("log/orders.db", False),
        ("log/../shop.conf", False),
        ("log/link.log", False),
        ("log", False),
        ("log/gone.log", False),
    ],
)
def test_only_a_log_is_emptied_and_its_end_is_shown_before(
    tmp_path: Path, name: str, *, emptied: bool
) -> None:
    for folder in ("log", "logs", "pg_wal/log"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "log" / "link.log").symlink_to("../shop.conf")
    for each in {"shop.conf", name} - {"log", "log/gone.log", "log/link.log"}:
        (tmp_path / each).write_text("the end\n")
    (script,) = (a.text for b in books() for s in b.steps for a in s.actions if ': >"$file"' in a.text)  # fmt: skip
    env = {"PATH": os.environ["PATH"], "file": str(tmp_path / name)}
    ran = subprocess.run(["/bin/sh", "-c", script], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)  # fmt: skip
    assert (ran.returncode == 0) is emptied, ran.stderr
    assert ("the end" in ran.stdout) is emptied
    assert emptied or "left alone" in ran.stderr
    assert (tmp_path / "shop.conf").read_text() == "the end\n"
    assert not emptied or (tmp_path / name).read_text() == ""
    assert not (tmp_path / "owned").exists()
