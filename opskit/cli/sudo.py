"""The password for sudo: asked for once for each login, on the terminal, when some host wants it; the only place that asks for one."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import click

from opskit.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from opskit.cli.session import Session
    from opskit.config.secret import Secret
    from opskit.rollout.plan import Plan
    from opskit.rollout.secrets import Reader

HINT = "run it on a terminal, where it can be asked for; or say sudo_password in the environment, or NOPASSWD in a file of /etc/sudoers.d there"

option = click.option(
    "--sudo",
    is_flag=True,
    help="Run it by sudo; a password is asked for once, where a host wants one.",
)
user_option = click.option(
    "--sudo-user", metavar="USER", help="As whom it runs by sudo, root if left out."
)


def user(*, wanted: bool, name: str | None) -> str:
    """Give as whom a command is to run by sudo, "" for not by sudo; raises UsageError."""
    from opskit.config.steps import sudo
    from opskit.errors import ConfigError, UsageError

    try:
        return sudo(name if name is not None else wanted)
    except ConfigError as error:
        raise UsageError(f"--sudo-user: {error.what}") from None


@contextlib.contextmanager
def ready(session: Session, plan: Plan, users: Sequence[str], reader: Reader) -> Iterator[None]:
    """Let the commands of the plan run by sudo for the block; the password, if one is wanted, is asked for and forgotten.

    It comes from where the environment says, by the `reader`, else from whoever sits at the terminal.

    Raises SudoError with nothing touched if a host does not let us in, unless hosts have nothing to do with each other, or must
    not stop each other (a rollback): what comes of that host tells it then.
    """
    from opskit.rollout.sudo import let_in

    if users and plan.ready:
        lenient = plan.is_rolling and not plan.problems_count
        ask, again = asking(session, reader), session.environment.sudo_password is None
        refused = let_in(session.fleet, plan.ready, users, ask=ask, again=again, lenient=lenient)
        if refused and plan.is_rolling and not lenient:
            raise refused[0]
    try:
        yield
    finally:
        session.fleet.vault.forget()


def asking(session: Session, reader: Reader) -> Callable[[str, Sequence[str]], Secret]:
    """Give what asks for a password: the environment's own source, else whoever sits at the terminal."""
    source, asked = session.environment.sudo_password, list[str]()

    def ask(login: str, hosts: Sequence[str]) -> Secret:
        from opskit.cli.render import terminal, text
        from opskit.config.secret import Secret
        from opskit.fleet.selectors import fold
        from opskit.rollout.sudo import demand_none

        demand_none(session.service, hosts)
        if source:
            _demand_one_login(asked, login, hosts)
            return reader.one("sudo_password", source)
        if login in asked:
            text.mention("sudo did not take that password; one more try")
        asked.append(login)
        where = terminal.visible(f"{login} on {fold(hosts)}", one_line=True)
        return Secret(_typed(f"password for sudo of {where}: ", where))

    return ask


def _demand_one_login(asked: list[str], login: str, hosts: Sequence[str]) -> None:
    """Raise ConfigError if `sudo_password`, which is one login's, was taken for another already; else note whose it is."""
    from opskit.errors import ConfigError
    from opskit.fleet.selectors import fold

    if asked and login not in asked:
        raise ConfigError(
            f"sudo_password is that of {asked[0]}, and sudo on {fold(hosts)} wants that of {login}",
            hint="leave sudo_password out, and be asked for each; or say NOPASSWD in a file of /etc/sudoers.d there",
        )
    asked.append(login)


def _typed(prompt: str, where: str) -> str:
    """Let somebody type on the terminal, without echo; raises RefusedError if there is none, or nothing is typed."""
    import getpass

    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        raise RefusedError(f"sudo wants the password of {where}", hint=HINT) from None
    try:
        typed = getpass.getpass(prompt)
    except EOFError:
        typed = ""
    if not typed:
        raise RefusedError("no password was typed; nothing was changed")
    return typed
