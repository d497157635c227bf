"""sudo before a rollout: which hosts let us in without a password, and are the passwords right that the others want."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from opskit.config.service import CommandCheck, CommandStep, TaskStep
from opskit.errors import ConfigError, RefusedError, SudoError
from opskit.fleet.command import Command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opskit.config.secret import Secret
    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet

    Ask = Callable[[str, Sequence[str]], Secret]
    Pair = tuple[str, str]  # a host, and as whom something runs there by sudo

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
    """Find out whether sudo lets us in on each of `hosts` as each of `users`, and `ask` for the passwords that are wanted.

    `ask` gets the name that logs in and the hosts that want its password, once for each name: one person's password is nothing to
    another's account. A wrong one is asked for once more if that may help (`again`). It is tried on one host first, and elsewhere only
    when it was right there: an account may be locked for a few wrong ones. No host gets it that did not want it, nor for a user for
    whom it did not. Gives the hosts where sudo says no, which are not asked again; those that do not answer are left to whoever needs
    them. Raises SudoError for a wrong password, and whatever `ask` raises, but for RefusedError where `lenient` and some hosts want
    none. Nothing but `:` is run.
    """
    said = _refused(fleet, {user: list(hosts) for user in users})
    refused = {host: error for (host, _), error in said.items() if error.trouble != "wanted"}
    wanting = [pair for pair in said if pair[0] not in refused]
    try:
        for login, pairs in _by_login(fleet, wanting).items():
            _ask(fleet, login, pairs, ask, tries=TRIES if again else 1)
    except RefusedError:
        if not lenient or len({host for host, _ in wanting}) == len(hosts):
            raise
    for (host, _), error in _refused(fleet, _by_user(wanting)).items():
        refused.setdefault(host, error)
    fleet.vault.refused.update(refused)
    return tuple(refused[host] for host in hosts if host in refused)


def _by_login(fleet: Fleet, wanting: Sequence[Pair]) -> dict[str, list[Pair]]:
    found: dict[str, list[Pair]] = {}
    for host, user in wanting:
        found.setdefault(fleet.inventory.hosts[host].user, []).append((host, user))
    return found


def _by_user(pairs: Sequence[Pair]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for host, user in pairs:
        found.setdefault(user, []).append(host)
    return found


def _ask(fleet: Fleet, login: str, pairs: Sequence[Pair], ask: Ask, *, tries: int) -> None:
    """Entrust the fleet with a password that is right on the first of these hosts; raises SudoError if none of `tries` was."""
    first, hosts = pairs[0], list(dict.fromkeys(host for host, _ in pairs))
    for left in reversed(range(tries)):
        password = ask(login, hosts)
        fleet.vault.entrust(password, *first)
        found = _refused(fleet, _by_user([first])).get(first)
        if found is None or found.trouble != "wrong":
            for pair in pairs:
                fleet.vault.entrust(password, *pair)
            return
        fleet.vault.take_back(*first)
        if not left:
            raise found


def demand_none(service: Service | None, hosts: Sequence[str]) -> None:
    """Raise ConfigError if a service that goes back by itself wants a password of sudo, which nobody could tell it then."""
    restart = service.restart if service and service.confirm_within else None
    if isinstance(restart, CommandStep) and restart.sudo:
        raise ConfigError(
            f"confirm_within: {hosts[0]} cannot restart {service.name if service else ''} by itself, as sudo there wants a password",
            hint="say NOPASSWD for it in a file of /etc/sudoers.d there, or leave confirm_within out",
        )


def _refused(fleet: Fleet, asked: Mapping[str, Sequence[str]]) -> dict[Pair, SudoError]:
    """Give what sudo says no to, asked on those hosts for each user; its password is tried if there is one.

    A host that says no to more than a password, or to the one that was tried, is asked for no other user.
    """
    found: dict[Pair, SudoError] = {}
    for user, hosts in asked.items():
        no = {host for (host, _), error in found.items() if error.trouble != "wanted"}
        left = [host for host in hosts if host not in no]
        for outcome in fleet.run(Command(":", sudo=user, timeout=60), left):
            if isinstance(outcome.error, SudoError):
                found[outcome.host, user] = outcome.error
    return {(host, user): found[host, user] for host in dict.fromkeys(itertools.chain(*asked.values())) for user in asked if (host, user) in found}  # fmt: skip
