"""Replace: hosts replaced or worked on batch by batch, by a command of this machine or a task, each well again before the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.errors import UsageError
from opskit.fleet import trust
from opskit.rollout.labour import Replacement, Task
from opskit.rollout.ready import demand_task
from opskit.rollout.regain import demand_regainable
from opskit.rollout.upkeep import plan_upkeep

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from opskit.fleet.fanout import Fleet
    from opskit.rollout.status import Judge
    from opskit.rollout.tenants import Tenant
    from opskit.rollout.upkeep import UpkeepPlan, Wish

LONGEST = 4000  # characters of a command that an event keeps
GIVEN = ("host",)
"""What a task that works on a host is given, if it has a parameter of the name."""


def labour_of(command: str, task: str, *, within: float, tasks: Path) -> Replacement | Task:
    """Give what is done to each host, as somebody asks for it or as an event has it: a `command` or a `task`, the other is "".

    Raises UsageError, UnknownNameError and ConfigError for a task that is none or wants more than it is given.
    """
    if bool(command.strip()) == bool(task):
        raise UsageError(
            "what is done to the hosts?",
            hint="say --command COMMAND, which runs on this machine, or --task TASK of tasks.py",
        )
    if task:
        demand_task(task, tasks, given=GIVEN, by="`opskit replace`")
        return Task(task)
    if len(command) > LONGEST:
        raise UsageError(
            f"the command is longer than {LONGEST} characters", hint="put it into a script"
        )
    return Replacement(command, within)


def plan_replace(
    wish: Wish,
    *,
    labour: Replacement | Task,
    tenants: Sequence[Tenant],
    fleet: Fleet,
    judge: Judge,
) -> UpkeepPlan:
    """Say what will be done; asks the hosts, and changes nothing.

    Raises ConfigError, also if this machine could not take over new host keys, and SourceError if what runs on a host could not be brought to a new machine.
    """
    if labour.new_machine:
        trust.demand_possible()
    made = plan_upkeep("replace", labour, wish, tenants_there=tenants, fleet=fleet, judge=judge)
    if labour.new_machine:
        demand_regainable(made.tenants, made.live)
    return made
