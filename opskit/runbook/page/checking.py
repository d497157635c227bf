"""What only the whole page tells: names that nobody gives, links that lead nowhere, what stands before the first step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from opskit.config.lookup import did_you_mean
from opskit.errors import ConfigError
from opskit.runbook import names
from opskit.runbook.model import (
    OPSKIT,
    SH,
    TASK,
    Action,
    Approve,
    Ask,
    Check,
    Confirm,
    Decide,
    Wait,
)
from opskit.runbook.page import comments, keywords, shell
from opskit.runbook.page.blocks import CELL, FENCE, HEADING, HTML, PARAGRAPH, links

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from opskit.runbook.model import Part, Runbook
    from opskit.runbook.page.blocks import Block, Blocks
    from opskit.runbook.page.findings import Findings
    from opskit.runbook.page.outline import Outline

_EXACT = re.compile(r"\{\{ (\w+) \}\}", re.ASCII)


def check(
    runbook: Runbook, blocks: Blocks, outline: Outline, places: Mapping[str, int], found: Findings
) -> None:
    """Note what is wrong with a page as a whole; `places` as in `Page`."""
    for block in outline.intro:
        _check_above(block, blocks, found)
    for block in blocks.all:
        if found.full:
            return
        _check_links(block, blocks, outline, found)
    known = _asked(runbook) | set(_captured(runbook))
    for step in runbook.steps:
        for part in () if found.full else step.parts:
            _check_names(part, known, found)
    _check_secrets(runbook, found)
    _check_lost(runbook, found)
    _check_used(runbook, places, found)


def _asked(runbook: Runbook) -> set[str]:
    """Give the names of what is given or asked for in a run."""
    asks = (part for step in runbook.steps for part in step.parts if isinstance(part, Ask))
    return {parameter.name for parameter in runbook.parameters} | {ask.name for ask in asks}


def _captured(runbook: Runbook) -> Mapping[str, int]:
    """Give the names of what is captured, each with the line of the last fence that does."""
    return {a.capture: a.line for step in runbook.steps for a in step.actions if a.capture}


def _check_secrets(runbook: Runbook, found: Findings) -> None:
    """A secret is in the environment of commands alone: everybody on a machine sees command lines."""
    secrets = {parameter.name for parameter in runbook.parameters if parameter.secret}
    for action in (action for step in runbook.steps for action in step.actions):
        said = (*names.used(action.text), *names.templates(action.on))
        if action.language not in (OPSKIT, TASK):
            said = names.templates(action.on)
        for name in secrets.intersection(said):
            found.add(action.line, f"${name} is a secret: it cannot stand in a command line")


def _check_lost(runbook: Runbook, found: Findings) -> None:
    """Look for what was asked for and then written over."""
    asked = _asked(runbook)
    secret = {parameter.name for parameter in runbook.parameters if parameter.secret}
    for name, line in _captured(runbook).items():
        if name in secret:
            found.add(line, f"{name} is a secret: what is captured is written down, and would be shown", hint="keep it on the host, or let who follows the page type it")  # fmt: skip
        elif name in asked:
            found.warn(line, f"what is captured here takes the place of the {name} that was asked for")  # fmt: skip
    for action in (action for step in runbook.steps for action in step.actions):
        for name in (
            asked.intersection(shell.emptied(action.text)) if action.language == SH else ()
        ):
            found.warn(action.line, f"this script empties ${name}, which was asked for", hint=f"take the line `{name}=` out")  # fmt: skip


def _check_above(block: Block, blocks: Blocks, found: Findings) -> None:
    """Nothing is asked or run before the first step."""
    what = ""
    if block.kind == FENCE and comments.info_words(block.info) is not None:
        what = "a command"
    elif block.kind == HTML and comments.hidden(block.text):
        what = "a comment for opskit"
    elif block.kind == PARAGRAPH:
        try:
            word = keywords.keyword(block.text, blocks.pieces(block.text))
        except ConfigError as error:
            found.error(block.line, error)
            return
        what = f"**{word}:**" if word in keywords.ASKS else ""
    if what:
        found.add(block.line, f"{what} stands before the first step", hint="put it below a heading of level 2")  # fmt: skip


def _check_links(block: Block, blocks: Blocks, outline: Outline, found: Findings) -> None:
    if block.kind not in (PARAGRAPH, HEADING, CELL) or "#" not in block.text:
        return
    for link in links(blocks.pieces(block.text)):
        dead = link.href.startswith("#") and not outline.has(link.href)
        if dead and not found.says(block.line, link.href[:80]):
            found.warn(
                block.line, f"the link {link.href[:80]} leads to no heading",
                hint=keywords.near(link.href, outline),
            )  # fmt: skip


def _check_names(part: Part, known: Collection[str], found: Findings) -> None:
    if isinstance(part, (Ask, Confirm, Decide, Wait, Approve, Check)):
        for name in names.templates(part.text):
            if name not in known:
                found.warn(part.line, f"nothing gives {{{{ {name} }}}} a value", hint=_known(name, known))  # fmt: skip
    elif isinstance(part, Action):
        for name in names.templates(part.on):
            if name not in known:
                found.add(part.line, f"nothing gives {{{{ {name} }}}} a value", hint=_known(name, known))  # fmt: skip
        _check_script(part, known, found)


def _check_script(action: Action, known: Collection[str], found: Findings) -> None:
    exact = set(_EXACT.findall(action.text))
    for name in dict.fromkeys(names.templates(action.text)):
        hint = f"write ${name}: values reach commands as variables"
        if name in known:
            found.add(action.line, f"{{{{ {name} }}}} is not replaced in what is run", hint=hint)
        elif name in exact:
            found.warn(action.line, f"{{{{ {name} }}}} is not replaced in what is run")
    _check_variables(action, known, found)


def _check_variables(action: Action, known: Collection[str], found: Findings) -> None:
    if action.language in (OPSKIT, TASK):
        for name in names.used(action.text):
            if name not in known:
                found.add(action.line, f"nothing gives ${name} a value", hint=_known(name, known))
    for name in shell.unset(action.text) if action.language == SH else ():
        if name not in known:
            found.warn(action.line, f"nothing gives ${name} a value", hint=_known(name, known))


def _known(name: str, known: Collection[str]) -> str:
    guess = did_you_mean(name, known) if len(known) <= keywords.MANY else ""
    return guess or f"**Ask:** `{name}` - …, or a parameter of that name"


def _check_used(runbook: Runbook, places: Mapping[str, int], found: Findings) -> None:
    """A parameter that nothing asks with, and nothing that is run names, is asked for in vain."""
    used: set[str] = set()
    for step in runbook.steps:
        for part in step.parts:
            if isinstance(part, Action):
                used.update(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", f"{part.text} {part.on}"))
            elif isinstance(part, Ask):
                used.add(part.name)
            used.update(names.templates(getattr(part, "text", "")))
    for parameter in runbook.parameters:
        if parameter.name not in used:
            line = places.get(f"params.{parameter.name}", 1)
            found.warn(line, f"params: nothing in the steps uses {parameter.name}")
