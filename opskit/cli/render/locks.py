"""Locks on hosts, as people and programs read them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from opskit.cli.render import envelope, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.rollout.breaking import Held


def mention(held: Sequence[Held]) -> None:
    """Say on standard error whose locks there are."""
    for line in map(_line, held):
        text.mention(line, colour="yellow")


def show(
    held: Sequence[Held], errors: Mapping[str, Exception], *, broken: bool, as_json: bool
) -> int:
    """Show the locks that there are, or that were `broken`; gives 0, or 1 if a host could not be asked or told."""
    exit_code = 1 if errors else 0
    if as_json:
        locks = [{"host": each.host, "now": each.now, **asdict(each.lock)} for each in held]
        said = {host: str(error) for host, error in errors.items()}
        data = {"locks": locks, "broken": broken, "errors": said}
        return envelope.show("unlock", data, exit_code=exit_code)
    for host, error in errors.items():
        text.say(f"{host}: {getattr(error, 'what', error)}", colour="red")
    if not held:
        text.say("no host that answers is held by anybody")
    for each in held:
        text.say(f"{each.host}: the lock is broken" if broken else _line(each))
    return exit_code


def _line(held: Held) -> str:
    from opskit.rollout.locks import clock, describe

    until = clock(held.lock.until)
    return f"{held.host} is held by {describe(held.lock, held.now)}; at most until {until}"
