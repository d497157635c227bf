"""The README's runbook, word for word: written, rehearsed, run on two real hosts, lost in the middle, finished by a colleague."""

from __future__ import annotations

import contextlib
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.cli.screen import Screen
from tests.docs.readme import README
from tests.support.cli import Completed, Opskit
from tests.support.waiting import until
from tests.test_readme_steps import step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.hosts import Hosts

TEXT = README.read_text("utf-8").partition("\n## A runbook that a colleague finishes\n")[2]


def calls(letter: str) -> list[list[str]]:
    """Give the commands of a paragraph of the section, each as the words behind `opskit`."""
    part = TEXT.partition(f"\n**{letter}. ")[2].partition("\n**")[0]
    block = re.search(r"^```sh\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
    assert block, f"{letter} has no commands"
    return [line.split()[1:] for line in block[1].splitlines()]


@pytest.fixture
def fleets(hosts: Hosts, tmp_path: Path) -> tuple[Path, Path]:
    """What ana and ben have of one repository: opskit.toml with a shared changelog, and the page, for the test's hosts."""
    ana, ben = tmp_path / "ana", tmp_path / "ben"
    (ana / "runbooks").mkdir(parents=True)
    toml = step(3).replace(".example.com", "")
    shared = f'name = "fleet"\nupstream = "file://{tmp_path}/shared/log"\ntimeout = "60s"\n'
    service = toml.partition("[services.site]")[2]
    text = f"[changelog]\n{shared}\n{hosts.toml()}\n[services.site]{service}"
    (ana / "opskit.toml").write_text(text)
    (ana / "site").mkdir()
    page = re.search(r"^````markdown\n(.*?)^````$", TEXT, re.MULTILINE | re.DOTALL)
    assert page
    (ana / "runbooks" / "site-slow.md").write_text(page[1].replace(".example.com", ""))
    shutil.copytree(ana, ben)
    return ana, ben


@contextlib.contextmanager
def at_terminal(folder: Path, *words: str) -> Iterator[Screen]:
    """Let somebody type a command on a laptop, which is lost with the end of the block."""
    screen = Screen(folder, *words, **laptop(folder))
    try:
        yield screen
    finally:
        screen.process.kill()
        screen.close()
        screen.process.wait()


def answer(screen: Screen, question: str, key: str) -> None:
    """Wait for a question, and for where it is answered, and type."""
    screen.wait_for(question)
    screen.said = screen.said.partition(question)[2]
    screen.wait_for("> ")
    screen.said = screen.said.partition("> ")[2]
    screen.type(f"{key}\n")


FIRST = (
    ("on web[01-02]", ""),
    ("One of the two is busier", "web02: 40, web01: 1"),
    ("Which one is busy?", "web02"),
    ("Is the other one well?", "y"),
)
"""What is asked up to the first command that changes something, and the answers."""


def test_a_colleague_finishes_the_runbook_of_the_readme(
    hosts: Hosts, fleets: tuple[Path, Path]
) -> None:
    ana, ben = fleets
    aside = hosts.folder("web02") / "aside"
    types(ana, ["changelog", "init"])
    lint, show, drill = calls("B")
    assert "1 runbook: all is well" in types(ana, lint).stderr
    assert "undone by step 3" in types(ana, show).stdout
    with at_terminal(ana, *drill) as screen:
        for question, key in FIRST:
            answer(screen, question, key)
        answer(screen, "what do you expect to see?", "the file aside")
        answer(screen, "It is quiet again", "")
        answer(screen, "what do you expect to see?", "no file")
        screen.wait_for("The site is slow: done")
    assert not aside.exists()
    with at_terminal(ana, *calls("C")[0]) as screen:
        screen.wait_for("drill of this runbook by ana is done")
        for question, key in FIRST:
            answer(screen, question, key)
        answer(screen, "undone by bring-it-back", "")
        screen.wait_for("It is quiet again")
        until(lambda: knows_of_step_2(ben), within=60)
    assert aside.exists()
    status, resume = calls("D")
    told = types(ben, status, expect=1).stdout
    found = re.search(r"opskit runbook undo (\w+)", told)
    assert found, told
    run = found[1]
    assert "is not undone" in told
    with at_terminal(ben, *typed(resume, run), "--take-over") as screen:
        screen.wait_for("Bring it back")
        answer(screen, "It is quiet again", "")
        answer(screen, "rm ", "")
        screen.wait_for("The site is slow: done")
    assert not aside.exists()
    types(ben, typed(calls("E")[0], run))
    report = (ben / "postmortem.md").read_text()
    for line in (
        "- By: ana, ben",
        "- Incident: INC-7",
        "web02: 40, web01: 1",
        "went on with the run",
    ):
        assert line in report
    types(ben, ["runbook", "lint", "postmortem.md"])


def knows_of_step_2(folder: Path) -> bool:
    """Whether somebody's laptop knows that step 2 is done: a command's end is shared soon, not at once."""
    found = types(folder, ["log", "--json"]).json["data"]["entries"]
    runs = [each["id"] for each in found if each["type"] == "run" and each["mode"] == "run"]
    if not runs:
        return False
    run = types(folder, ["log", runs[0], "--json"]).json["data"]["run"]
    return {each["id"]: each["state"] for each in run["steps"]}["take-it-aside"] == "done"


def types(folder: Path, words: list[str], *, expect: int = 0) -> Completed:
    """Run a command on somebody's laptop, in a pipe."""
    return Opskit(folder)(*words, env=laptop(folder), expect=expect)


def typed(words: list[str], run: str) -> list[str]:
    return [run if word == "RUN" else word for word in words]


def laptop(folder: Path) -> dict[str, str]:
    """Give what makes a laptop of one's own: who works there, and where its changelog is."""
    return {"OPSKIT_ACTOR": folder.name, "OPSKIT_STATE_DIR": str(folder / "state")}
