"""sudo before a rollout: which hosts let us in without a password, and is the one password right that the others want."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.config.service import CommandCheck, CommandStep, TaskStep
from opskit.errors import ConfigError, RefusedError, SudoError
from opskit.fleet.command import Command

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opskit.config.secret import Secret
    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet

    Ask = Callable[[str, Sequence[str]], Secret]

TRIES = 2


def users_of(service: Service | None) -> tuple[str, ...]:
    """Give the users as whom commands of a service run by sudo."""
    if service is None:
        return ()
    steps = (service.restart, service.gate, service.health.check if service.health else None)
    return tuple(dict.fromkeys(user for user in map(_user_of, steps) if user))


def _user_of(step: object) -> str:
    match step:
        case CommandStep(sudo=user) | CommandCheck(sudo=user):
            return user
        case TaskStep(sudo=True):
            return "root"
        case _:
            return ""


def let_in(
    fleet: Fleet,
    hosts: Sequence[str],
    users: Sequence[str],
    *,
    ask: Ask,
    again: bool = True,
    lenient: bool = False,
) -> tuple[SudoError, ...]:
    """Find out whether sudo lets us in on each of `hosts` as each of `users`, and `ask` for the password if one is wanted.

    `ask` gets the name that logs in and the hosts that want its password. A wrong one is asked for once more if that may help
    (`again`). It is tried on one host first, and elsewhere only when it was right there: an account may be locked for a few wrong
    ones. Gives the hosts where sudo says no, which are not asked again; those that do not answer are left to whoever needs them.
    Raises SudoError for a wrong password, and whatever `ask` raises, but for RefusedError where `lenient` and some hosts want none.
    Nothing but `:` is run.
    """
    refused = _refused(fleet, hosts, users)
    wanting = [error.host for error in refused if error.trouble == "wanted"]
    try:
        if wanting:
            _ask(fleet, wanting, users, ask, tries=TRIES if again else 1)
    except RefusedError:
        if not lenient or len(wanting) == len(hosts):
            raise
    refused = [error for error in refused if error.trouble != "wanted"]
    refused += _refused(fleet, wanting, users)
    fleet.vault.refused.update({error.host: error for error in refused})
    return tuple(refused)


def _ask(
    fleet: Fleet, wanting: Sequence[str], users: Sequence[str], ask: Ask, *, tries: int
) -> None:
    """Entrust the fleet with a password that is right on the first of the hosts; raises SudoError if none of `tries` was."""
    first = wanting[0]
    for left in reversed(range(tries)):
        fleet.vault.entrust(ask(fleet.inventory.hosts[first].user, wanting))
        found = [e for e in _refused(fleet, [first], users) if e.trouble == "wrong"]
        if not found:
            return
        fleet.vault.forget()
        if not left:
            raise found[0]


def demand_none(service: Service | None, hosts: Sequence[str]) -> None:
    """Raise ConfigError if a service that goes back by itself wants a password of sudo, which nobody could tell it then."""
    restart = service.restart if service and service.confirm_within else None
    if isinstance(restart, CommandStep) and restart.sudo:
        raise ConfigError(
            f"confirm_within: {hosts[0]} cannot restart {service.name if service else ''} by itself, as sudo there wants a password",
            hint="say NOPASSWD for it in a file of /etc/sudoers.d there, or leave confirm_within out",
        )


def _refused(fleet: Fleet, hosts: Sequence[str], users: Sequence[str]) -> list[SudoError]:
    """Give what sudo says no to, one error for each host; the password is tried if there is one."""
    found: dict[str, SudoError] = {}
    for user in users:
        left = [host for host in hosts if host not in found]
        for outcome in fleet.run(Command(":", sudo=user, timeout=60), left):
            if isinstance(outcome.error, SudoError):
                found[outcome.host] = outcome.error
    return [found[host] for host in hosts if host in found]
