"""`opskit exec`: one command on many hosts, equal output shown once."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from opskit.cli import options, session, sudo
from opskit.cli.choice import Choice
from opskit.cli.sudo import user as sudo_of
from opskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from opskit.cli.render.outputs import Watch
    from opskit.rollout.context import Run
    from opskit.rollout.once import OncePlan
    from opskit.rollout.report import Report

ORDER = "options come before the command: opskit exec -H SELECTOR COMMAND"


class OptionsFirst(click.Command):
    """A command whose arguments begin another one: what stands before them is ours, what follows is not."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line; says where the selector belongs if it came too late."""
        given = [*args]
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as error:
            late = [word for word in given if word.startswith(("-H", "--hosts"))]
            if late and error.param and error.param.name == "hosts":
                raise UsageError(
                    f"{late[0]} stands behind the command, as a part of it", hint=ORDER
                ) from None
            raise


@click.command(
    "exec",
    cls=OptionsFirst,
    context_settings={"allow_interspersed_args": False},
)
@click.argument("words", metavar="COMMAND", nargs=-1, required=True, type=click.UNPROCESSED)
@options.environment
@options.required_hosts
@options.why
@options.dry_run
@options.yes
@options.override_freeze
@options.timeout
@sudo.option
@sudo.user_option
@options.offline
@options.as_json
def exec_(
    words: tuple[str, ...],
    *,
    environment: str | None,
    hosts: str,
    why: str | None,
    dry_run: bool,
    yes: bool,
    override_freeze: str | None,
    timeout: float | None,
    sudo: bool,
    sudo_user: str | None,
    as_json: bool,
) -> int:
    """Run a command on hosts; equal output is shown once.

    One word is a line for sh, such as 'df -h / | tail -1'; several words reach the host as they are,
    each one word there too. Options come first: from the first word on, all is COMMAND's. A COMMAND that begins
    with a dash stands behind --. Nothing is asked: what is typed is what is done, with and without --yes.
    """
    from opskit.rollout.once import plan_command

    by = sudo_of(wanted=sudo, name=sudo_user)
    choice = Choice("exec", why, dry_run, yes, as_json, override_freeze, sudo=by)
    with session.on_hosts(environment=environment, hosts=hosts) as opened:
        made = plan_command(
            script=_script(words),
            hosts=opened.hosts,
            environment=opened.environment.name,
            why=session.reason(opened, choice, how=_how_to_say_why(words)),
            timeout=timeout,
            sudo=by,
            rollout=opened.new_rollout(choice),
        )
        return session.at_once(opened, choice, made.plan, _doing(made))


def _how_to_say_why(words: tuple[str, ...]) -> str:
    """Say how a reason is given, also to somebody who gave it behind the command."""
    late = [word for word in words[1:] if word == "-m" or word.startswith("--why")]
    if not late:
        return "add -m/--why TEXT before COMMAND"
    return (
        f"{late[0]} stands behind the command, as a part of it: put -m/--why TEXT before COMMAND"
    )


def _script(words: tuple[str, ...]) -> str:
    """Give one word as a line for sh, several as words of their own; raises UsageError for nothing."""
    if not words[0].strip():
        raise UsageError("the command is empty", hint=ORDER)
    return words[0] if len(words) == 1 else shlex.join(words)


def _doing(made: OncePlan) -> Callable[[Run, Watch | None], Report]:
    """Give what carries out what was planned."""
    from opskit.rollout.once import once

    return lambda run, watch: once(made, run, watch=watch)
