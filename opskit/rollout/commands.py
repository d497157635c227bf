"""The exact commands of a plan, as `--dry-run` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.config.service import CommandStep
from opskit.rollout import deadman, incoming, layout
from opskit.rollout.health import describe, in_current, restart_alone
from opskit.rollout.locks import LIFETIME

if TYPE_CHECKING:
    from opskit.config.service import Service
    from opskit.fleet.command import Command

RECEIPT = "{…}"


def commands_of(
    service: Service, *, rollout: str, release: str = "", owner: str = ""
) -> tuple[tuple[str, str], ...]:
    """Give (step, exact text) in order for one host; `release` is what is made live, "" for a restart,
    and `owner` the name of the locks if that is not the rollout's.

    The receipt is known only when the rollout is recorded, and the release before differs from host to host; they stand as `{…}`.
    """
    guard = layout.guard(service.path, rollout=owner or rollout, seconds=LIFETIME)
    live = _live(service, guard, rollout=rollout, release=release)
    waits = release and service.confirm_within
    confirmed = (("confirm", deadman.confirm(guard, rollout=rollout)),) if waits else ()
    return (*live, *_after(service, guard, rollout=rollout, release=release), *confirmed)


def shown(command: Command) -> str:
    """Give a command as a host gets it; what runs by sudo is handed over on standard input, behind the password if there is one."""
    if not command.sudo:
        return command.script
    return f"{command.before}\n# by sudo as {command.sudo}:\n{command.script}"


def stage_commands(
    service: Service, *, rollout: str, release: str, owner: str = ""
) -> tuple[tuple[str, str], ...]:
    """Give the commands that come before anything is live: build here, stage there.

    What the version is made of is known only when it is built, and stands as `{…}`; to a host that has a release,
    files are copied from it as well.
    """
    guard = layout.guard(service.path, rollout=owner or rollout, seconds=LIFETIME)
    folders, files = service.shared_folders, service.shared_files
    made = incoming.Expected(release, "{…}", rollout, manifest="{…}", folders="{…}", room="{…}")
    text = incoming.stage(guard, made, folders=folders, files=files)
    built = (("build", service.build),) if service.build else ()
    return (*built, ("stage", text))


def _live(
    service: Service, guard: str, *, rollout: str, release: str
) -> tuple[tuple[str, str], ...]:
    if not release:
        if isinstance(service.restart, CommandStep):
            return ()  # it goes along with the restart
        return (("receipt", layout.leave_receipt(guard, receipt=RECEIPT)),)
    if service.confirm_within:
        armed = deadman.arm(
            release=release,
            before=RECEIPT,
            rollout=rollout,
            seconds=service.confirm_within,
            receipt=RECEIPT,
            restart=restart_alone(service, {**service.env, **service.secrets}),
        )
        guard = f"{guard}\n{deadman.disarm()}\n{armed}"
    return (("switch", layout.switch(guard, release=release, rollout=rollout, receipt=RECEIPT)),)


def _after(
    service: Service, guard: str, *, rollout: str, release: str
) -> tuple[tuple[str, str], ...]:
    restart = "none"
    if isinstance(service.restart, CommandStep):
        good = f"{guard}\n{layout.mark('good', release=release or '{…}', rollout=rollout)}"
        command = in_current(
            service.path,
            service.restart,
            guarded=guard if release else layout.leave_receipt(guard, receipt=RECEIPT),
            then="" if service.health or service.load_balancer else good,
        )
        restart = shown(command)
    elif service.restart:
        restart = f"task {service.restart.task} of tasks.py"
    return (("restart", restart), ("check", describe(service.health)))
