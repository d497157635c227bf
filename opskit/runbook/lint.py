"""What is wrong with a page that the file alone does not tell: names of the fleet, of commands and tasks, links to other files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

from opskit.config.lookup import did_you_mean
from opskit.errors import ConfigError, SelectorError
from opskit.runbook import names
from opskit.runbook.actions import command_of_exec, command_words
from opskit.runbook.model import (
    LOCAL,
    TASK,
    Approve,
    Ask,
    Check,
    Confirm,
    Decide,
    Prose,
    Wait,
)
from opskit.runbook.page import blocks, front, outline
from opskit.runbook.page.calls import calls
from opskit.runbook.page.findings import Findings
from opskit.runbook.syntax import fault

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from opskit.config.model import Config
    from opskit.fleet.command import TaskInfo
    from opskit.fleet.inventory import Inventory
    from opskit.runbook.model import Action, Page, Part, Problem, Runbook
    from opskit.runbook.page.calls import Call

OF_SERVICES = ("deploy", "restart", "rollback")
_OTHER = re.compile(r"[a-z][a-z0-9+.-]*:|//|/|#", re.IGNORECASE)
_LATER = re.compile(r"@failed:")


def lint(
    page: Page,
    config: Config | None = None,
    *,
    inventory: Inventory | None = None,
    tasks: Sequence[TaskInfo] | None = None,
    commands: Collection[str] = (),
) -> tuple[Problem, ...]:
    """Give all that is wrong with a page, what was found when it was read first of all, from top to bottom.

    What could be read of a page that cannot be run is looked through, too. `inventory` is that of the environment in which it would be run, `tasks` are those of tasks.py, `commands` the names of opskit's
    commands (`deploy`, `changelog verify`); what is not given is not looked at. Links are looked up beside the page.
    """
    runbook = page.runbook or page.draft
    if runbook is None:
        return page.problems
    found, known = Findings(runbook.file), _Known(config, inventory, tasks, commands)
    if config is not None:
        _check_services(runbook, page, config, found)
    _check_review(runbook, page, found)
    for part in (*runbook.intro, *(part for step in runbook.steps for part in step.parts)):
        _check_files(part, runbook.file, found)
    for action in (action for step in runbook.steps for action in step.actions):
        _check_action(action, known, found)
    return tuple(sorted((*page.problems, *found.all()), key=lambda problem: problem.line))


@dataclass(frozen=True, slots=True)
class _Known:
    """What a page is compared with, None where that is not known."""

    config: Config | None
    inventory: Inventory | None
    tasks: Sequence[TaskInfo] | None
    commands: Collection[str]


def _check_action(action: Action, known: _Known, found: Findings) -> None:
    if known.inventory is not None:
        _check_hosts(action.line, action.on, known.inventory, found)
    if known.tasks is not None and action.language == TASK:
        _check_task(action, known.tasks, found)
    if wrong := fault(action):
        found.add(action.line + wrong[0], wrong[1])
    for call in calls(action):
        _check_call(call, action, known, found)


def _check_review(runbook: Runbook, page: Page, found: Findings) -> None:
    """Look for a review that is yet to come; a day is let go, as it is tomorrow somewhere."""
    last = runbook.last_reviewed_on
    if last is not None and (last - datetime.now(UTC).date()).days > 1:
        found.warn(page.places.get("last_reviewed_on", 1), f"last_reviewed_on: {last} is yet to come")  # fmt: skip


def _check_services(runbook: Runbook, page: Page, config: Config, found: Findings) -> None:
    for service in runbook.services:
        if service not in config.services:
            hint = did_you_mean(service, config.services)
            found.add(
                page.places.get("services", 1), f"there is no service {service!r}", hint=hint
            )


def _check_hosts(line: int, selector: str, inventory: Inventory, found: Findings) -> None:
    """Look whether a selector names hosts; one that only the run completes is left out."""
    if selector == LOCAL or names.templates(selector) or _LATER.search(selector):
        return
    try:
        inventory.select(selector)
    except SelectorError as error:
        found.error(line, error)


def _check_task(action: Action, tasks: Sequence[TaskInfo], found: Findings) -> None:
    try:
        name, *words = command_words(action.text)
    except ConfigError:
        return
    line, known = action.line + 1, {task.name: task for task in tasks}
    task = known.get(name) or known.get(name.replace("_", "-"))
    if task is None:
        hint = did_you_mean(name, known) or "tasks.py defines no task"
        found.add(line, f"there is no task {name[:80]!r} in tasks.py", hint=hint)
        return
    options = {parameter.name.replace("_", "-") for parameter in task.parameters}
    for word in words[: words.index("--")] if "--" in words else words:
        option = word[2:].partition("=")[0].replace("_", "-") if word.startswith("--") else ""
        if option and option not in options and option.removeprefix("no-") not in options:
            found.add(line, f"task {task.name} has no option {word[:80]!r}", hint=did_you_mean(option, options))  # fmt: skip


def _check_fence(call: Call, action: Action, found: Findings) -> None:
    """Look whether a call fits the fence that it stands in."""
    if action.on != LOCAL:
        found.warn(
            call.line,
            "opskit is not there on hosts",
            hint="take `on` away: it runs on this machine",
        )
    elif call.changes and not action.mutates:
        found.add(
            call.line,
            f"opskit {call.words[0]} changes something, and its fence says mutates=no",
            hint="take mutates=no away: nobody has agreed to it, and a drill would run it",
        )
    pasted = (w for w in command_of_exec(call.words) if names.used(w) and len(w.split()) > 1)
    if word := next(pasted, ""):
        found.warn(
            call.line,
            f"${names.used(word)[0]} is pasted into what a shell runs on hosts",
            hint="make it a fence with on=…: there it is a variable",
        )


def _check_call(call: Call, action: Action, known: _Known, found: Findings) -> None:
    _check_fence(call, action, found)
    if known.commands:
        _check_command(call, known.commands, found)
    config, environment = known.config, call.option("-e", "--env")
    if config is None or not call.words:
        return
    if environment is not None and environment not in config.environments:
        hint = did_you_mean(environment, config.environments)
        found.add(call.line, f"there is no environment {environment!r}", hint=hint)
    service = call.argument if call.words[0] in OF_SERVICES else None
    if service is not None and service not in config.services:
        hint = did_you_mean(service, config.services)
        found.add(call.line, f"there is no service {service!r}", hint=hint)
    hosts = call.option("-H", "--hosts")
    here = known.inventory
    if here is not None and hosts is not None and environment in (None, here.environment):
        _check_hosts(call.line, hosts, here, found)


def _check_command(call: Call, commands: Collection[str], found: Findings) -> None:
    """Look whether a command exists, and the one of a group of commands that is called."""
    given = [word for word in call.words[:2] if not word.startswith("-")]
    if not given:
        return
    tops = {name.partition(" ")[0] for name in commands}
    inner = {name for name in commands if name.startswith(f"{given[0]} ")}
    if given[0] not in tops:
        found.add(call.line, f"opskit has no command {given[0][:80]!r}", hint=did_you_mean(given[0], tops))  # fmt: skip
    elif inner and len(given) > 1 and " ".join(given) not in inner:
        name = " ".join(given)
        found.add(
            call.line, f"opskit has no command {name[:80]!r}", hint=did_you_mean(name, inner)
        )


def _check_files(part: Part, file: Path, found: Findings) -> None:
    for line, href in _hrefs(part):
        if _OTHER.match(href):
            continue
        name, _, anchor = href.partition("#")
        try:
            other = file.parent / unquote(name.partition("?")[0])
            there = other.exists()
            lost = (
                there
                and anchor
                and other.suffix == ".md"
                and unquote(anchor) not in _anchors(other)
            )
        except (OSError, ValueError):
            there, lost = False, False
        if not there:
            found.warn(line, f"the link to {name[:80]} leads to no file")
        elif lost:
            found.warn(line, f"{name[:80]} has no heading #{anchor[:80]}")


def _hrefs(part: Part) -> Iterator[tuple[int, str]]:
    """Give the links of what is read of a page, each with its line."""
    if isinstance(part, Prose):
        page = blocks.read(part.text)
        for block in page.all:
            if block.kind in (blocks.PARAGRAPH, blocks.HEADING, blocks.CELL) and "]" in block.text:
                for link in blocks.links(page.pieces(block.text)):
                    yield part.line + block.start, link.href
    elif isinstance(part, (Ask, Confirm, Decide, Wait, Approve, Check)):
        for link in blocks.links(blocks.read("").pieces(part.text)):
            yield part.line, link.href


def _anchors(file: Path) -> Collection[str]:
    """Give the anchors of another page."""
    with file.open("rb") as stream:
        text = stream.read(1 << 20).decode("utf-8", "replace")
    lines, found = text.replace("\r\n", "\n").split("\n"), Findings(file)
    above = front.read(lines, found)[1]
    body = blocks.read("\n".join([*[""] * above, *lines[above:]]))
    return outline.read(body, len(lines), found).targets
