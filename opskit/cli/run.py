"""`opskit run`: the fleet's own Fabric tasks, each a command with options from its signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import click.shell_completion

from opskit.cli import complete, options, session, sudo, wiring
from opskit.cli.choice import Choice
from opskit.errors import ConfigError, OpskitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.fleet.command import Parameter, TaskInfo

SHARED = (
    options.environment,
    options.required_hosts,
    options.why,
    options.dry_run,
    options.yes,
    options.override_freeze,
    sudo.option,
    options.offline,
    options.as_json,
)

NAMES = ("environment", "hosts", "why", "dry_run", "yes", "override_freeze", "sudo", "as_json")


class Tasks(click.Group):
    """The tasks of tasks.py as subcommands, read when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (Click's signature)
        """Give the names of the tasks."""
        return [task.name for task in _tasks()]

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Offer the tasks without running tasks.py, which would import fabric at every TAB."""
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*map(click.shell_completion.CompletionItem, complete.tasks(incomplete)), *options]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the tasks, or say why there are none: help is wanted without a fleet too."""
        with formatter.section("Tasks"):
            try:
                formatter.write_dl([(task.name, task.help) for task in _tasks()])
            except OpskitError as error:
                formatter.write_text(f"none yet: {error}")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Give a task as a command, or None if there is none of that name."""
        known = {task.name: task for task in _tasks()}
        return _command(known[cmd_name]) if cmd_name in known else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the task that was named; raises UnknownNameError that says what was perhaps meant."""
        from opskit.config.lookup import named

        named("task", args[0], {task.name: task for task in _tasks()})
        return super().resolve_command(ctx, args)


@click.group(cls=Tasks, subcommand_metavar="TASK -H SELECTOR [OPTIONS]")
def run() -> None:
    """Run a Fabric task of tasks.py on hosts.

    A task's arguments and options come from its signature, its help from its docstring: opskit run TASK --help.
    Nothing is asked: what is typed is what is done, with and without --yes.
    """


def _tasks() -> tuple[TaskInfo, ...]:
    from opskit.fleet.tasks import list_tasks

    return list_tasks(wiring.read_config().tasks)


def _command(task: TaskInfo) -> click.Command:
    """Make a command of a task; raises ConfigError if a parameter takes the name of another option."""

    def call(**given: Any) -> int:
        shared = {name: given.pop(name) for name in NAMES}
        return _run(task.name, given, **shared)

    command = click.command(task.name, help=_help(task), short_help=task.help)(call)
    for option in reversed(SHARED):
        command = option(command)
    own = [*map(_parameter, task.parameters)]
    _demand_distinct(task, own, command.params)
    command.params = [*own, *command.params]
    return command


def _help(task: TaskInfo) -> str:
    """Give the help of a task, and that of its arguments: click shows only that of options."""
    lines = [
        f"{_dashed(one).upper()}  {one.help}"
        for one in task.parameters
        if one.help and _is_argument(one)
    ]
    return "\n\n".join([task.help, "\n".join(["\b", *lines])]) if lines else task.help


def _dashed(parameter: Parameter) -> str:
    return parameter.name.replace("_", "-")


def _is_argument(parameter: Parameter) -> bool:
    return parameter.required and parameter.kind is not bool


def _demand_distinct(
    task: TaskInfo, own: Sequence[click.Parameter], shared: Sequence[click.Parameter]
) -> None:
    taken = {"help", "--help"}.union(*map(_words, shared))
    for parameter in own:
        if clash := sorted(_words(parameter) & taken):
            raise ConfigError(
                f"task {task.name}: its parameter {parameter.name!r} takes {clash[0]!r} from another option",
                hint="give the parameter another name in tasks.py",
            )
        taken |= _words(parameter)


def _words(parameter: click.Parameter) -> set[str]:
    return {parameter.name or "", *parameter.opts, *parameter.secondary_opts}


def _parameter(parameter: Parameter) -> click.Parameter:
    dashed = _dashed(parameter)
    if _is_argument(parameter):
        return click.Argument([parameter.name], type=parameter.kind, metavar=dashed.upper())
    names = [parameter.name, f"--{dashed}"]
    if parameter.kind is bool:
        names[1] = f"--{dashed}/--no-{dashed}"
    elif parameter.short and parameter.short not in "eHmnyh":
        names.append(f"-{parameter.short}")
    given = {"required": True} if parameter.required else {"default": parameter.default}
    return click.Option(
        names,
        type=parameter.kind,
        **given,
        help=parameter.help or None,
        show_default=parameter.default not in (None, "", False),
    )


def _run(
    name: str,
    arguments: dict[str, Any],
    *,
    environment: str | None,
    hosts: str,
    why: str | None,
    dry_run: bool,
    yes: bool,
    override_freeze: str | None,
    sudo: bool,
    as_json: bool,
) -> int:
    from opskit.rollout.once import once, plan_task

    by = "root" if sudo else ""
    choice = Choice("run", why, dry_run, yes, as_json, override_freeze, sudo=by)
    with session.on_hosts(environment=environment, hosts=hosts, secrets=choice.secrets) as opened:
        made = plan_task(
            task=name,
            arguments=arguments,
            hosts=opened.hosts,
            environment=opened.environment.name,
            why=session.reason(opened, choice),
            sudo=by,
            rollout=opened.new_rollout(choice),
        )
        return session.at_once(
            opened, choice, made.plan, lambda run, watch: once(made, run, watch=watch)
        )
