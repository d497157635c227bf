"""The options that commands share: the same names, the same words, the same completion everywhere."""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from opskit.cli import complete
from opskit.cli.choice import Choice
from opskit.cli.render import terminal, text
from opskit.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

OFFLINE = "opskit.offline"
LONGEST = 2000  # characters of a reason


def reasoned(_: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Give the reason that an option takes; raises UsageError for none and for one that is too long."""
    said = None if value is None else value.strip()
    if said == "":
        raise UsageError(f"{option.opts[0]} needs a reason")
    if said and len(said) > LONGEST:
        raise UsageError(f"the reason of {option.opts[0]} is longer than {LONGEST} characters")
    return said


environment = click.option(
    "-e",
    "--env",
    "environment",
    metavar="NAME",
    shell_complete=complete.environments,
    help="The environment, as opskit.toml names it.",
)
hosts = click.option(
    "-H",
    "--hosts",
    metavar="SELECTOR",
    shell_complete=complete.hosts,
    help="Only these hosts: names, ranges, @groups, and , ! & of them.",
)
required_hosts = click.option(
    "-H",
    "--hosts",
    metavar="SELECTOR",
    required=True,
    shell_complete=complete.hosts,
    help="The hosts: names, ranges, @groups, and , ! & of them; @* is all.",
)
timeout = click.option(
    "--timeout",
    type=click.FloatRange(min=0.1, max=86400),
    metavar="SECONDS",
    help="End it on a host after so long; if left out, what opskit.toml says.",
)
why = click.option(
    "-m", "--why", metavar="TEXT", help="The reason, kept in the changelog for whoever asks later."
)
wait = click.option(
    "--wait",
    is_flag=False,
    flag_value="15m",
    metavar="[DURATION]",
    help="If another run holds the hosts, wait for it; 15m without a DURATION.",
)
batches = click.option(
    "--batches",
    metavar="SIZES",
    help="How many hosts at a time, as 1,25%; the last repeats. One by one if left out.",
)
within = click.option(
    "--within",
    metavar="DURATION",
    help="How long a host may be away before it counts as failed; 10m if left out.",
)
dry_run = click.option(
    "-n", "--dry-run", is_flag=True, help="Show what would be done, and change nothing."
)
yes = click.option("-y", "--yes", is_flag=True, help="Do not ask before changing anything.")
override_freeze = click.option(
    "--override-freeze",
    metavar="REASON",
    callback=reasoned,
    help="Go ahead though nothing is to be changed now; the changelog keeps the reason.",
)
no_drain = click.option(
    "--no-drain",
    is_flag=True,
    help="Change hosts without taking them out of load balancers: where one of those is gone, say.",
)
as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document, made for programs."
)
offline = click.option(
    "--offline",
    is_flag=True,
    envvar="OPSKIT_OFFLINE",
    expose_value=False,
    callback=lambda context, _, value: context.meta.__setitem__(OFFLINE, value),
    help="Do not try to reach the upstream of the changelog.",
)
service = click.argument("service", shell_complete=complete.services)


def change(*, frozen: bool) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command the options of each change that goes from batch to batch; it gets them as its `choice`.

    A `frozen` command is refused in a freeze, and can be told to go ahead.
    """
    stack = [why, wait, dry_run, yes, *([override_freeze] if frozen else [])]

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        def chosen(
            *,
            why: str | None,
            wait: str | None,
            dry_run: bool,
            yes: bool,
            override_freeze: str | None = None,
            no_drain: bool,
            as_json: bool,
            **own: Any,
        ) -> int:
            said = (why, dry_run, yes, as_json, override_freeze, no_drain, wait)
            return command(choice=Choice(command.__name__, *said), **own)

        shared, own = chosen.__annotations__, command.__annotations__
        made: Callable[..., int] = functools.update_wrapper(chosen, command)
        # what Click gives: its own names, and not the choice that is made of them
        made.__annotations__ = {**own, **shared}
        for name in ("choice", "own"):
            del made.__annotations__[name]
        for option in reversed([*stack, no_drain, offline, as_json]):
            made = option(made)
        return made

    return decorate


def seconds(duration: str | None, option: str = "--wait") -> float:
    """Give the DURATION of an option in seconds, 0 for none; raises UsageError."""
    if duration is None:
        return 0.0
    from opskit.config.checks import duration as checked
    from opskit.errors import ConfigError, UsageError

    try:
        return checked(duration)
    except ConfigError as error:
        hint = "write it last, or as --wait=10m" if option == "--wait" else ""
        raise UsageError(f"{option} {duration}: {error.what}", hint=hint) from None


def sizes(batches: str | None) -> tuple[int | str, ...]:
    """Give the sizes of --batches, as `batches` in opskit.toml has them; raises UsageError."""
    from opskit.config.checks import batch
    from opskit.errors import ConfigError

    words = [word.strip() for word in (batches or "").split(",") if batches is not None]
    try:
        return tuple(
            batch(int(word) if word.isdecimal() and len(word) < 10 else word) for word in words
        )
    except ConfigError as error:
        raise UsageError(f"--batches {batches}: {error.what}") from None


def ask(question: str, *, yes: bool) -> None:
    """Let the operator agree, unless `yes` has said so already; raises RefusedError if not.

    In a run of a runbook, who agreed to a fence that changes something has agreed. Where nobody can answer (no terminal) the answer
    is no, and the hint names `--yes`; in a fence that says `mutates=no` it is no whatever `yes` says.
    """
    agreed = os.environ.get("OPSKIT_AGREED")
    if agreed == "mutates=no" and not terminal.is_answerable():
        hint = "take mutates=no away from the fence: who follows the page agrees to it then"
        raise RefusedError("this changes something, and its fence says mutates=no", hint=hint)
    if yes or (agreed and agreed == os.environ.get("OPSKIT_RUN")):
        return
    if not terminal.is_answerable():
        raise RefusedError("nobody is there to agree", hint="add --yes to go ahead without asking")
    while (answer := _answer(question)) not in ("y", "yes"):
        if answer in ("", "n", "no"):
            raise RefusedError("not agreed; nothing was changed")
        text.mention("please answer y or n")


def _answer(question: str) -> str:
    """Ask once, on standard error; raises RefusedError if the input ends there."""
    sys.stderr.write(f"{terminal.visible(question)} [y/N]: ")
    sys.stderr.flush()
    if not (answer := sys.stdin.readline()):
        text.mention()
        raise RefusedError("no answer came", hint="answer y or n, or say --yes")
    return answer.strip().lower()


def is_offline() -> bool:
    """Tell whether the command that runs was given `--offline`."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(OFFLINE))
