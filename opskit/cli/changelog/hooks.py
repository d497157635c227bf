"""`opskit changelog hooks`: where this machine tells of rollouts, and whether they can be told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from opskit.cli import options, wiring
from opskit.cli.render import envelope, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.config.model import Config, Hook

HEADER = ("HOOK", "FORMAT", "WHERE", "KINDS")


@click.command()
@click.option("--test", is_flag=True, help="Send each hook a test note, and show what it answers.")
@options.as_json
def hooks(*, test: bool, as_json: bool) -> int:
    """Show the hooks of opskit.toml.

    A hook is told of rollouts and notes of this machine: a chat, a dashboard, a pager. With --test, a note that
    says it is a test goes to each; the changelog does not get it.
    """
    config = wiring.read_config(whole=False)
    answers = [_tried(hook, config) if test else "" for hook in config.changelog.hooks]
    code = _exit_code(answers)
    if as_json:
        return envelope.show(
            "changelog hooks", {"hooks": _as_data(config, answers)}, exit_code=code
        )
    if not answers:
        text.mention("opskit.toml names no hook; see [changelog.hooks.NAME] in its template")
    else:
        _show(config.changelog.hooks, answers if test else [])
    return code


def _tried(hook: Hook, config: Config) -> str:
    """Send a test and give what came of it: `answered 200`, or what went wrong."""
    from opskit.changelog.hooks import HookError, send, trial
    from opskit.changelog.machine import actor_here

    try:
        event = trial(actor_here())
        status = send(hook, event, changelog=config.changelog.name, environ=os.environ)
    except HookError as error:
        return f"failed: {error}"
    return f"answered {status}"


def _exit_code(answers: Sequence[str]) -> int:
    failed = sum(answer.startswith("failed") for answer in answers)
    if not failed:
        return 0
    return 1 if failed == len(answers) else 3


def _where(hook: Hook) -> str:
    """Give where a hook goes without what may be secret of its address: the host, or the variable's name."""
    if hook.url_env:
        return f"${hook.url_env}"
    return urlsplit(hook.url).hostname or "events.pagerduty.com"


def _show(hooks: Sequence[Hook], answers: Sequence[str]) -> None:
    rows = [[hook.name, hook.format, _where(hook), ", ".join(hook.kinds)] for hook in hooks]
    header = [*HEADER, *(["TEST"] if answers else [])]
    told = [[answer] for answer in answers] or [[] for _ in rows]
    for line in text.columns(
        header, [[*row, *more] for row, more in zip(rows, told, strict=True)]
    ):
        text.say(line)


def _as_data(config: Config, answers: Sequence[str]) -> list[dict[str, object]]:
    pairs = zip(config.changelog.hooks, answers, strict=True)
    return [
        {
            "name": hook.name,
            "format": hook.format,
            "where": _where(hook),
            "kinds": hook.kinds,
            "test": answer,
        }
        for hook, answer in pairs
    ]
